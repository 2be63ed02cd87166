/* The stash: when something goes there, and its row. */
#include "sync/inherit/stash.h"

#include <stdlib.h>

#include "sync/inherit/inherit.h"
#include "sync/local/rules.h"

bool
mf_stash_is_outage(mf_code code)
{
	return code == MF_ENET || code == MF_EIO || code == MF_EFULL || code == MF_ENOTFOUND || code == MF_EAUTH;
}

bool
mf_stash_is_away(const struct mf_folder *f, const struct mf_path *p)
{
	if (f->conf.read_only)
		return false;
	return p->relink != 0 || (f->polled_once && !f->self_read) ||
		(p->grid_failed && mf_inherit_waits(f, p->relpath));
}

/* ---- a look ------------------------------------------------------------------------------------------------- */

/* The newest that waits is what the disk is compared with. */
static bool
expect_newest(struct mf_folder *f, const struct mf_path *p, struct look *l)
{
	mf_stash_newest newest;

	l->want_snapshot = false;
	if (mf_state_stash_newest(f->state, p->relpath, &newest, NULL) != MF_OK)
		return false;
	l->waits = true;
	l->e_state = newest.state;
	l->e_is_file = !newest.deletion;
	l->e_has_sha = newest.has_sha;
	l->e_size = newest.size;
	memcpy(l->e_sha, newest.sha, sizeof(l->e_sha));
	l->e_has_executable = newest.has_executable;
	l->e_executable = newest.executable;
	l->e_content.text[0] = '\0';
	return newest.rows < MF_STASH_ROWS;
}

void
mf_stash_prepare(struct mf_folder *f, struct mf_path *p, const struct mf_gathered *g, struct look *l)
{
	bool away = mf_stash_is_away(f, p);

	p->stash_gone = false;
	l->may_stash = g->facts.policy == MF_READ_WRITE && !g->has_intent && g->n_conflict == 0;
	if (mf_inherit_waits(f, p->relpath) && !expect_newest(f, p, l))
		l->may_stash = false;
	if (!l->may_stash)
		return;
	if (f->sweeping) { /* a copy without a row might go with the rest */
		l->may_stash = false;
		l->sweeping = true;
		return;
	}
	l->stash_now = away;
	l->stash_bit = away || p->grid_failed;
	l->stash_used = f->stash_bytes;
	if (away)
		l->want_snapshot = false;
}

/* ---- rows ---------------------------------------------------------------------------------------------------- */

struct sync {
	struct mf_task task;
	const char *state_path;
};

static mf_code
sync_work(struct mf_task *t, const mf_cancel *cancel)
{
	(void)cancel;
	return MF_OPS(t->f)->db_sync(t->f->env, ((struct sync *)t)->state_path, &t->err);
}

static void sync_rows(struct mf_folder *f);

static void
sync_done(struct mf_task *t)
{
	struct mf_folder *f = t->f;

	f->stash_syncing = false;
	if (f->stash_unsynced && !f->closing)
		sync_rows(f);
	free(t);
}

/* No directory update comes that would make them durable (planner.md W3). */
static void
sync_rows(struct mf_folder *f)
{
	f->stash_unsynced = f->stash_syncing;
	if (f->stash_syncing)
		return;
	struct sync *s = mf_alloc(sizeof(*s));
	s->state_path = mf_state_path(f->state);
	s->task.pool = MF_POOL_TRANSFER;
	s->task.work = sync_work;
	s->task.done = sync_done;
	f->stash_syncing = true;
	mf_task_start(f, &s->task);
}

static mf_code
add(struct mf_folder *f, struct mf_path *p, mf_stash_new *v, mf_err *err)
{
	v->relpath = p->relpath;
	v->made_ns = MF_OPS(f)->now_ns(f->env);
	MF_OPS(f)->random(f->env, v->id, sizeof(v->id));
	mf_code rc = mf_state_stash_add(f->state, v, err);

	f->inherits = true;
	if (rc != MF_OK) {
		f->stash_stale = true;
		return rc;
	}
	if (!mf_inherit_waits(f, p->relpath))
		mf_pairs_add(&f->inherited, f->hash_key, mf_strz(p->relpath), MF_STR(""));
	if (v->copy != NULL)
		f->stash_bytes += v->state.size;
	mf_path_uploading(f, p, true);
	sync_rows(f);
	return MF_OK;
}

mf_code
mf_stash_keep(struct mf_folder *f, struct mf_path *p, const struct look *l, mf_err *err)
{
	mf_buf copy = {0};
	mf_stash_new v = {.parent = l->e.text[0] != '\0' ? l->e.text : NULL,
		.state = mf_pathstate_of(&l->seen.st),
		.executable = (l->seen.st.mode & 0100) != 0,
		.mtime_s = mf_floor_s(l->seen.st.mtime_ns)};

	mf_buf_addf(&copy, "%s/%s", f->stash_dir, l->stashed);
	v.copy = (char *)copy.p;
	memcpy(v.sha, l->seen.sha, sizeof(v.sha));
	mf_code rc = add(f, p, &v, err);
	mf_buf_free(&copy);
	return rc;
}

mf_code
mf_stash_deletion(struct mf_folder *f, struct mf_path *p, mf_err *err)
{
	mf_stash_new v = {.mtime_s = MF_OPS(f)->now_ns(f->env) / 1000000000};
	struct mf_gathered *g = NULL;

	if (!p->stash_gone || p->need_look || !p->seen.valid || p->seen.kind != MF_LOCAL_ABSENT)
		return MF_OK;
	p->stash_gone = false;
	if (mf_is_held_back(f, p->relpath))
		return MF_OK;
	mf_code rc = mf_facts_gather(f, p, &g, err);
	if (rc == MF_OK && g->e != MF_SID_NONE)
		v.parent = g->node[g->e]->cap;
	if (rc == MF_OK)
		rc = add(f, p, &v, err);
	mf_facts_free(g);
	return rc;
}

void
mf_stash_explain(const struct mf_path *p, mf_err *err)
{
	mf_err was = *err;

	if (p->no_copy)
		(void)mf_fail(err, was.code, was.sys, "%.100s; and there is no space to keep a copy of each version",
			was.text);
}

/* ---- while our directory cannot be updated ---------------------------------------------------------------------- */

/* Nothing of the path is planned before it is known what came of the update, but nothing that is saved meanwhile is
 * missed: it is taken out of the batch for one look. */
void
mf_stash_linking(struct mf_folder *f, struct mf_path *p)
{
	uint64_t now = mf_now_ms(f);

	if (p->stage != MF_ST_LINKING || p->linked)
		return;
	mf_err err = {0};
	if (mf_stash_deletion(f, p, &err) != MF_OK)
		f->turn_err = err;
	if (!p->need_look || (f->link_tries == 0 && f->self_read) || f->set.paused || mf_rules_unsettled(f) ||
		f->root == NULL || f->root_doubtful)
		return;
	if (p->due_ms > now) {
		mf_path_look(f, p, p->due_ms - now);
		return;
	}
	if (!mf_link_take_out(f, p))
		return; /* under way: once that has failed */
	p->stage = MF_ST_IDLE;
	p->relink = f->link_round + 1;
	mf_look_start(f, p);
	if (p->stage == MF_ST_IDLE) /* not begun */
		mf_stash_relink(f, p);
}

void
mf_stash_relink(struct mf_folder *f, struct mf_path *p)
{
	bool as_it_was = p->relink == f->link_round + 1;

	p->relink = 0;
	if (!as_it_was) { /* our directory was read meanwhile: all of the batch is decided anew */
		mf_path_look(f, p, 0);
		return;
	}
	mf_link_put_in(f, p);
	mf_link_kick(f);
}
