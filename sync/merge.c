/* Merging p with another version: the task that gets the three texts, and puts the fourth on the grid. */
#include "sync/resolve.h"

#include <stdio.h>
#include <stdlib.h>

#include "grid/lafs/hash.h"

enum outcome { MERGED, IS_OURS, IS_THEIRS };

struct merging {
	struct mf_task task;
	struct mf_path *p;
	struct mf_root *root;
	uint64_t ticket; /* the choice */
	char *relpath;
	mf_stat ours_then;
	mf_snap_row *base, *theirs;
	enum outcome outcome;
	mf_snap_row *text;
	struct mf_lines *clash;
	size_t n_clash;
};

static mf_code
collect(void *arg, const void *p, size_t n, mf_err *err)
{
	mf_buf *out = arg;

	if (out->n + n > MF_MERGE_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "the grid gave more than it should");
	mf_buf_add(out, p, n);
	return MF_OK;
}

static mf_code
get(struct merging *m, const mf_snap_row *row, mf_buf *out, const mf_cancel *cancel, mf_err *err)
{
	struct mf_grid *grid = m->task.f->grid;

	return grid->ops->get(grid, &row->content, 0, row->size, collect, out, cancel, err);
}

static bool
same_stat(const mf_stat *a, const mf_stat *b)
{
	return a->kind == b->kind && a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns &&
		a->ino == b->ino;
}

/* p, exactly as it was when the choice was made. */
static mf_code
read_ours(struct merging *m, mf_buf *out, mf_err *err)
{
	const struct mf_env_ops *ops = MF_OPS(m->task.f);
	size_t n = (size_t)m->ours_then.size, got = 0;
	struct mf_file *file = NULL;
	mf_stat before = {0}, after = {0};
	mf_code rc = ops->open(m->root, m->relpath, MF_OPEN_READ, 0, &file, err);

	if (rc != MF_OK)
		return rc;
	mf_buf_reserve(out, n + 1);
	rc = ops->fstat(file, &before, err);
	if (rc == MF_OK)
		rc = ops->read(file, 0, out->p, n + 1, &got, err);
	if (rc == MF_OK)
		rc = ops->fstat(file, &after, err);
	ops->close(file);
	if (rc == MF_OK && (got != n || !same_stat(&m->ours_then, &before) || !same_stat(&before, &after)))
		rc = mf_fail(err, MF_ECHANGED, 0, "%s was changed meanwhile", m->relpath);
	out->n = rc == MF_OK ? n : 0;
	return rc;
}

/* Who changed the executable bit since the common ancestor decides; if both or neither, ours stands. */
static bool
merged_bit(const struct merging *m)
{
	bool ours = (m->ours_then.mode & 0100) != 0;

	return m->base->has_executable && m->theirs->has_executable && m->base->executable == ours
		? m->theirs->executable
		: ours;
}

static mf_code
put_text(struct merging *m, const mf_buf *text, const mf_cancel *cancel, mf_err *err)
{
	struct mf_grid *grid = m->task.f->grid;
	mf_source src = mf_source_mem(text->p, text->n);
	mf_snap_row *row = mf_alloc(sizeof(*row));
	mf_code rc = grid->ops->put(grid, &src, &row->content, cancel, err);

	row->size = text->n;
	row->has_sha = row->has_executable = true;
	mf_sha256(text->p, text->n, row->sha);
	row->executable = merged_bit(m);
	row->mtime_s = MF_OPS(m->task.f)->now_ns(m->task.f->env) / 1000000000;
	if (rc == MF_OK)
		m->text = row;
	else
		mf_snap_row_free(row);
	return rc;
}

static mf_code
merging_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct merging *m = (struct merging *)t;
	mf_buf base = {0}, ours = {0}, theirs = {0}, out = {0};
	mf_code rc = read_ours(m, &ours, &t->err);

	if (rc == MF_OK)
		rc = get(m, m->base, &base, cancel, &t->err);
	if (rc == MF_OK)
		rc = get(m, m->theirs, &theirs, cancel, &t->err);
	mf_merge_texts texts = {mf_buf_str(&base), mf_buf_str(&ours), mf_buf_str(&theirs)};
	if (rc == MF_OK)
		rc = mf_merge_text(&texts, &out, &m->clash, &m->n_clash, &t->err);
	m->outcome = mf_str_eq(mf_buf_str(&out), texts.ours) ? IS_OURS
		: mf_str_eq(mf_buf_str(&out), texts.theirs)  ? IS_THEIRS
							     : MERGED;
	if (rc == MF_OK && m->outcome == MERGED)
		rc = put_text(m, &out, cancel, &t->err);
	mf_buf_free(&base);
	mf_buf_free(&ours);
	mf_buf_free(&theirs);
	mf_buf_free(&out);
	return rc;
}

/* Trying again may help where a grid or disk failed; what cannot be merged now cannot be later. */
static bool
may_work_later(mf_code code)
{
	return code == MF_ENET || code == MF_EIO || code == MF_EFULL || code == MF_ENOMEM || code == MF_EBUSY ||
		code == MF_ECANCELED || code == MF_ECHANGED;
}

static void
take_result(struct merging *m, struct mf_choice *c)
{
	const mf_err *err = &m->task.err;

	c->clash = m->clash;
	c->n_clash = m->n_clash;
	m->clash = NULL;
	if (err->code != MF_OK && c->automatic && !may_work_later(err->code)) {
		c->state = MF_CHOICE_TRIED;
	} else if (err->code != MF_OK) {
		mf_choice_fail(m->task.f, m->p->relpath, err);
	} else if (m->outcome == MERGED) {
		c->text = m->text;
		m->text = NULL;
	} else {
		c->take = m->outcome == IS_OURS ? MF_TAKE_MINE : MF_TAKE_USE;
	}
}

static void
merging_done(struct mf_task *t)
{
	struct merging *m = (struct merging *)t;
	struct mf_folder *f = t->f;
	struct mf_choice *c = f->closing ? NULL : mf_choice_of(f, m->p->relpath);

	if (!f->closing) {
		m->p->stage = MF_ST_IDLE;
		bool ours = c != NULL && c->ticket == m->ticket, automatic = ours && c->automatic;
		if (ours && t->err.code != MF_ECANCELED)
			take_result(m, c);
		if (automatic && t->err.code != MF_OK && may_work_later(t->err.code))
			mf_path_fail(f, m->p, &t->err);
		else
			mf_path_look(f, m->p, 0);
	}
	mf_snap_row_free(m->base);
	mf_snap_row_free(m->theirs);
	mf_snap_row_free(m->text);
	free(m->clash);
	free(m->relpath);
	free(m);
}

/* What both began with; NULL: nothing, or it is too big, or no file. */
static const mf_snap_row *
common_text(struct mf_gathered *g, mf_sid theirs, mf_err *err)
{
	mf_sid sid = g->e == MF_SID_NONE ? MF_SID_NONE : mf_common_ancestor(&g->history, g->e, theirs);
	const mf_snap_row *base = sid == MF_SID_NONE || g->broken ? NULL : mf_facts_row(g, sid);

	if (g->broken)
		(void)mf_fail(err, MF_EBUSY, 0, "the history is not complete yet");
	else if (base == NULL || base->deletion)
		(void)mf_fail(err, MF_EUNSUPPORTED, 0, "the two versions have no common ancestor: not merged");
	else if (base->size > MF_MERGE_MAX)
		(void)mf_fail(err, MF_EUNSUPPORTED, 0, "the common ancestor has more than 1 MiB: not merged");
	else
		return base;
	return NULL;
}

static mf_code
check(const struct mf_path *p, const mf_snap_row *theirs, mf_err *err)
{
	if (p->seen.kind != MF_LOCAL_FILE)
		return mf_fail(err, MF_EUNSUPPORTED, 0, "%s is not there: nothing to merge with", p->relpath);
	if (p->seen.st.size > MF_MERGE_MAX)
		return mf_fail(err, MF_EUNSUPPORTED, 0, "our version has more than 1 MiB: not merged");
	if (theirs == NULL || theirs->deletion || theirs->size > MF_MERGE_MAX)
		return mf_fail(err, MF_EUNSUPPORTED, 0, "their version has more than 1 MiB: not merged");
	return MF_OK;
}

bool
mf_merge_start(struct mf_folder *f, struct mf_path *p, struct mf_choice *c, struct mf_gathered *g)
{
	mf_sid sid = mf_facts_sid(g, c->chosen.text);
	const mf_snap_row *theirs = mf_facts_row(g, sid), *base = NULL;
	mf_err err = {0};

	if (check(p, theirs, &err) == MF_OK)
		base = common_text(g, sid, &err);
	if (base == NULL) {
		if (c->automatic && !may_work_later(err.code))
			c->state = MF_CHOICE_TRIED;
		else
			mf_choice_fail(f, p->relpath, &err);
		return false;
	}
	struct merging *m = mf_alloc(sizeof(*m));
	m->task.work = merging_work;
	m->task.done = merging_done;
	m->task.pool = MF_POOL_TRANSFER;
	m->task.may_stop = true;
	m->p = p;
	m->root = f->root;
	m->ticket = c->ticket;
	m->relpath = mf_strdup(mf_strz(p->relpath));
	m->ours_then = c->then;
	m->base = mf_snap_row_dup(base);
	m->theirs = mf_snap_row_dup(theirs);
	p->stage = MF_ST_MERGING;
	mf_task_start(f, &m->task);
	return true;
}
