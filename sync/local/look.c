/* Looking at a file: when, with what, and what came of it. */
#include "sync/inherit/stash.h"

#include <stdlib.h>

enum { UNSETTLED_MS = 200, GLANCE_MS = 1000, GROWN_MS = 5000 };

static void
look_free(struct look *l)
{
	for (size_t i = 0; i < l->n_mark; i++)
		free(l->mark[i].path);
	free(l->mark);
	mf_snap_row_free(l->made);
	free(l->parents);
	free(l->relpath);
	free(l);
}

static void
take_marks(struct mf_path *p, struct look *l)
{
	for (size_t i = 0; i < p->n_mark; i++)
		free(p->mark[i].path);
	free(p->mark);
	p->mark = l->mark;
	p->n_mark = l->n_mark;
	l->mark = NULL;
	l->n_mark = 0;
}

/* It changed while it was read.  Whoever waits for a scan does not wait for a file that never rests. */
static void
unsettled(struct mf_folder *f, struct mf_path *p)
{
	uint64_t wait = (uint64_t)UNSETTLED_MS << (p->unsettled < 7 ? p->unsettled : 7);

	if (p->unsettled++ >= 3)
		mf_path_give_up_waiting(f, p);
	mf_path_look(f, p, wait);
}

/* Somebody writes: it is published when it is closed, or has kept its size for a while. */
static void
growing(struct mf_folder *f, struct mf_path *p, uint64_t size)
{
	if (!p->has_size || p->size_seen != size)
		p->size_since_ms = mf_now_ms(f);
	p->has_size = true;
	p->size_seen = size;
	if (p->held++ >= 3)
		mf_path_give_up_waiting(f, p);
	mf_path_look(f, p, GLANCE_MS);
}

/* A copy in the stash becomes a row; why there is none is said with what is wrong with the grid. */
static void
take_stashed(struct mf_folder *f, struct mf_path *p, struct look *l)
{
	mf_err *err = &l->task.err, failed = {0};

	if (l->stashed[0] != '\0' && mf_stash_keep(f, p, l, &failed) != MF_OK &&
		(err->code == MF_OK || failed.code == MF_EBUSY))
		*err = failed;
	p->no_copy = l->stash_err.code == MF_EFULL || l->stash_err.code == MF_EIO;
	if (!p->no_copy || err->code == MF_EBUSY || err->code == MF_ECANCELED)
		return;
	if (err->code != MF_OK)
		mf_stash_explain(p, err);
	else if (!l->waits || p->relink != 0) /* else it is said when those that wait are not taken */
		(void)mf_fail(err, l->stash_err.code, l->stash_err.sys,
			"no copy of this version is kept until the grid takes it: %s", l->stash_err.text);
}

static void
look_failed(struct mf_folder *f, struct mf_path *p, const struct look *l)
{
	p->grid_failed = l->grid_failed;
	if (l->task.err.code == MF_EBUSY || l->task.err.code == MF_ECANCELED)
		mf_path_look(f, p, UNSETTLED_MS);
	else if (l->grid_failed && l->sweeping)
		mf_path_look(f, p, MF_STASH_WAIT_MS);
	else
		mf_path_fail(f, p, &l->task.err);
}

static void
look_done(struct mf_task *t)
{
	struct look *l = (struct look *)t;
	struct mf_folder *f = t->f;
	struct mf_path *p = l->p;
	unsigned relink = p->relink;

	f->n_looking--;
	if (f->closing) {
		look_free(l);
		return;
	}
	p->stage = MF_ST_IDLE;
	take_marks(p, l);
	take_stashed(f, p, l);
	if (l->waits && (l->growing || l->seen.kind == MF_LOCAL_UNSETTLED))
		p->grid_failed = false; /* those that wait do not wait for this */
	if (t->err.code != MF_OK) {
		look_failed(f, p, l);
	} else if (l->growing) {
		growing(f, p, l->seen.st.size);
	} else if (l->seen.kind == MF_LOCAL_UNSETTLED) {
		unsettled(f, p);
	} else if (l->seen.kind == MF_LOCAL_ABSENT && l->e_is_file && !p->absent_before) {
		/* an editor may be between unlink and create: a vanished name is believed when it stays away */
		mf_path_absent(f, p, true);
		mf_path_look(f, p, MF_VANISHED_MS);
	} else if (l->too_big) {
		p->big = true;
		if (l->parents_given) { /* what was asked for is asked again */
			free(p->want_parents);
			p->want_parents = l->parents;
			p->n_want_parents = l->n_parents;
			l->parents = NULL;
		}
		mf_path_look(f, p, 0);
	} else {
		if (l->seen.kind != MF_LOCAL_ABSENT)
			mf_path_absent(f, p, false);
		p->big = l->seen.kind == MF_LOCAL_FILE && l->seen.st.size > MF_LOOK_SMALL;
		p->unsettled = 0;
		p->held = 0;
		if (l->seen.kind == MF_LOCAL_ROOT_GONE &&
			!mf_is_away(f, p->relpath)) { /* for a moment? a scan finds out; then it is looked at again */
			mf_doubt_disk(f);
			mf_out_of_sight(f, p->relpath);
		}
		p->seen = l->seen;
		p->seen.root_generation = l->root_generation;
		p->want_hash = false;
		mf_snap_row_free(p->made);
		p->made = l->made;
		p->made_took_ns = l->took_ns;
		p->made_state = mf_pathstate_of(&l->seen.st);
		p->stash_gone = l->may_stash && l->e_is_file && l->seen.kind == MF_LOCAL_ABSENT &&
			(relink == 0 || !mf_is_burst(f, p)) && (l->stash_now || l->grid_failed || p->grid_failed);
		p->grid_failed = l->grid_failed || (p->grid_failed && l->made == NULL);
		l->made = NULL;
		if (l->e_proved)
			(void)mf_state_snap_set_sha(f->state, l->e.text, l->seen.sha, NULL);
		if (l->same_content && !p->seen.same_as_e && mf_look_same_bit(l)) {
			/* touched, not changed: the new stat is what E looks like now */
			p->seen.same_as_e = true;
			if (l->waits)
				(void)mf_state_stash_touch(f->state, p->relpath, &p->made_state, NULL);
			else
				(void)mf_state_path_touch(f->state, p->relpath, &p->made_state, NULL);
		}
		if (l->seen.kind != MF_LOCAL_ABSENT || !l->e_is_file || relink != 0 || !mf_guard_gates(f, p)) {
			mf_path_absent(f, p, false);
			mf_path_ready(f, p);
		}
	}
	look_free(l);
	if (relink != 0)
		mf_stash_relink(f, p);
}

/* May the snapshot be made ahead of the decision?  Only where nothing but our own history is in play. */
static bool
simple_case(struct mf_folder *f, const struct mf_gathered *g)
{
	if (g->facts.policy == MF_READ_ONLY || !f->self_read || !f->polled_once || g->has_intent || g->n_conflict > 0)
		return false;
	for (size_t i = 0; i < g->facts.n_heads; i++)
		if (g->heads[i].kind != MF_HEAD_CAP ? g->heads[i].kind == MF_HEAD_UNREAD : g->heads[i].sid != g->e)
			return false;
	return true;
}

void
mf_look_start(struct mf_folder *f, struct mf_path *p)
{
	struct mf_gathered *g = NULL;
	mf_err err = {0};

	if (f->root == NULL || f->root_doubtful) {
		p->seen = (struct mf_seen){
			.valid = true, .kind = MF_LOCAL_ROOT_GONE, .root_generation = f->root_generation};
		p->need_look = false;
		mf_path_unmark_scan(f, p);
		return;
	}
	if (f->sweeping && mf_stash_is_away(f, p)) {
		p->seen.valid = false;
		mf_path_look(f, p, MF_STASH_WAIT_MS);
		return;
	}
	if (mf_facts_gather(f, p, &g, &err) != MF_OK) {
		mf_path_fail(f, p, &err);
		return;
	}
	struct look *l = mf_alloc(sizeof(*l));
	l->task.work = mf_look_work;
	l->task.done = look_done;
	l->task.may_stop = true;
	l->p = p;
	l->root = f->root;
	l->root_generation = f->root_generation;
	l->dev = mf_mounts_dev(&f->mounts, p->relpath);
	l->relpath = mf_strdup(mf_strz(p->relpath));
	l->want_hash = p->want_hash;
	l->want_snapshot = simple_case(f, g);
	l->writing = p->writing;
	l->has_size = p->has_size;
	l->size_seen = p->size_seen;
	l->size_rested = mf_now_ms(f) - p->size_since_ms >= GROWN_MS;
	l->has_was = mf_moved_content(f, p, &l->was);
	l->e_state = g->e_state;
	l->no_deletion = mf_is_burst(f, p) || mf_is_held_back(f, p->relpath);
	const mf_snap_row *e = g->e == MF_SID_NONE ? NULL : mf_facts_row(g, g->e);
	if (e != NULL)
		l->e = e->cap;
	if (e != NULL && !e->deletion) {
		l->e_is_file = true;
		l->e_content = e->content;
		l->e_size = e->size;
		l->e_has_sha = e->has_sha;
		l->e_has_executable = g->n_pending > 0 ? e->has_executable : g->path.ours;
		l->e_executable = g->n_pending > 0 ? e->executable : g->path.executable;
		memcpy(l->e_sha, e->sha, sizeof(l->e_sha));
	}
	if (p->want_parents != NULL) {
		l->want_snapshot = l->parents_given = true;
		l->parents = p->want_parents;
		l->n_parents = p->n_want_parents;
		p->want_parents = NULL;
		p->n_want_parents = 0;
	} else if (e != NULL) {
		l->parents = mf_alloc(sizeof(*l->parents));
		l->parents[0] = e->cap;
		l->n_parents = 1;
	}
	mf_stash_prepare(f, p, g, l);
	l->n_mark = g->n_conflict;
	l->mark = mf_alloc((g->n_conflict + 1) * sizeof(*l->mark));
	for (size_t i = 0; i < g->n_conflict; i++)
		l->mark[i].path = mf_marker_of(p->relpath, &g->conflict[i]);
	mf_facts_free(g);
	l->task.pool = p->big ? MF_POOL_TRANSFER : MF_POOL_QUICK;
	p->stage = MF_ST_LOOKING;
	p->need_look = false;
	f->n_looking++;
	mf_task_start(f, &l->task);
}
