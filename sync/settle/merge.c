/* Merging p with other versions, one after the other: the task that gets their texts and those that they began with,
 * and puts what comes out on the grid. */
#include "sync/settle/resolve.h"

#include <stdio.h>
#include <stdlib.h>

#include "grid/lafs/hash.h"

/* Another version, and what it and those before it began with. */
struct side {
	char *name;
	mf_snap_row *base, *theirs;
	mf_buf text; /* theirs */
};

enum { IS_NEW = -1, IS_OURS = -2 };

struct merging {
	struct mf_task task;
	struct mf_path *p;
	struct mf_root *root;
	uint64_t ticket; /* the choice */
	char *relpath;
	mf_stat ours_then;
	struct side *side;
	size_t n;
	int outcome; /* index of the side that it equals, or IS_ */
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
	bool bit = (m->ours_then.mode & 0100) != 0;

	for (size_t i = 0; i < m->n; i++) {
		const mf_snap_row *base = m->side[i].base, *theirs = m->side[i].theirs;
		if (base->has_executable && theirs->has_executable && base->executable == bit)
			bit = theirs->executable;
	}
	return bit;
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
	row->was_executable = (m->ours_then.mode & 0100) != 0;
	for (size_t i = 0; i < m->n; i++)
		row->was_executable |= m->side[i].theirs->executable;
	row->mtime_s = MF_OPS(m->task.f)->now_ns(m->task.f->env) / 1000000000;
	if (rc == MF_OK)
		m->text = row;
	else
		mf_snap_row_free(row);
	return rc;
}

/* With several versions the sentence says which one it is about, and the places are those of our text, not of one
 * that is half merged. */
static void
explain(struct merging *m, const struct side *at, const mf_merge_texts *t, const mf_buf *ours)
{
	mf_err *err = &m->task.err, why = *err;
	mf_merge_texts alone = {t->base, mf_buf_str(ours), t->theirs};
	mf_buf out = {0};

	if (m->n == 1)
		return;
	if (at != m->side && m->n_clash > 0) {
		free(m->clash);
		m->clash = NULL;
		m->n_clash = 0;
		if (mf_merge_text(&alone, &out, &m->clash, &m->n_clash, &why) == MF_OK)
			(void)mf_fail(
				&why, err->code, 0, "it clashes with what the others say: the merge is not clean");
		mf_buf_free(&out);
	}
	(void)mf_fail(err, err->code, 0, "with the version of %.60s: %.110s", at->name, why.text);
}

/* What is merged so far, with one more. */
static mf_code
merge_one(struct merging *m, struct side *at, const mf_buf *ours, mf_buf *so_far, const mf_cancel *cancel)
{
	mf_buf base = {0}, out = {0};
	mf_err *err = &m->task.err;
	mf_code rc = get(m, at->base, &base, cancel, err);

	if (rc == MF_OK)
		rc = get(m, at->theirs, &at->text, cancel, err);
	mf_merge_texts texts = {mf_buf_str(&base), mf_buf_str(so_far), mf_buf_str(&at->text)};
	if (rc == MF_OK) {
		rc = mf_merge_text(&texts, &out, &m->clash, &m->n_clash, err);
		if (rc != MF_OK)
			explain(m, at, &texts, ours);
	}
	mf_buf_free(&base);
	mf_buf_free(so_far);
	*so_far = out;
	return rc;
}

static int
outcome(const struct merging *m, mf_str text, mf_str ours)
{
	if (mf_str_eq(text, ours))
		return IS_OURS;
	for (size_t i = 0; i < m->n; i++)
		if (mf_str_eq(text, mf_buf_str(&m->side[i].text)))
			return (int)i;
	return IS_NEW;
}

static mf_code
merging_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct merging *m = (struct merging *)t;
	mf_buf ours = {0}, text = {0};
	mf_code rc = read_ours(m, &ours, &t->err);

	mf_buf_add(&text, ours.p, ours.n);
	for (size_t i = 0; i < m->n && rc == MF_OK; i++)
		rc = merge_one(m, &m->side[i], &ours, &text, cancel);
	m->outcome = outcome(m, mf_buf_str(&text), mf_buf_str(&ours));
	if (rc == MF_OK && m->outcome == IS_NEW)
		rc = put_text(m, &text, cancel, &t->err);
	mf_buf_free(&ours);
	mf_buf_free(&text);
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
	} else if (m->outcome == IS_NEW) {
		c->text = m->text;
		m->text = NULL;
	} else if (m->outcome == IS_OURS) {
		c->take = MF_TAKE_MINE;
	} else {
		c->take = MF_TAKE_USE;
		c->chosen = c->cap[m->outcome];
	}
}

static void
merging_free(struct merging *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->side[i].name);
		mf_snap_row_free(m->side[i].base);
		mf_snap_row_free(m->side[i].theirs);
		mf_buf_free(&m->side[i].text);
	}
	free(m->side);
	mf_snap_row_free(m->text);
	free(m->clash);
	free(m->relpath);
	free(m);
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
	merging_free(m);
}

/* The deepest snapshot that the i-th version has in common with ours, or with one that is merged before it. */
static const mf_snap_row *
nearest(struct mf_gathered *g, const struct mf_choice *c, size_t i)
{
	mf_sid theirs = mf_facts_sid(g, c->cap[i].text);
	const mf_snap_row *best = NULL;

	for (size_t k = 0; k <= i && !g->broken; k++) {
		mf_sid with = k == 0 ? g->e : mf_facts_sid(g, c->cap[k - 1].text);
		mf_sid sid = with == MF_SID_NONE ? MF_SID_NONE : mf_common_ancestor(&g->history, with, theirs);
		const mf_snap_row *row = sid == MF_SID_NONE || g->broken ? NULL : mf_facts_row(g, sid);
		if (row != NULL && (best == NULL || row->depth > best->depth))
			best = row;
	}
	return best;
}

/* What they began with; NULL: nothing, or it is too big, or no file. */
static const mf_snap_row *
common_text(struct mf_gathered *g, const struct mf_choice *c, size_t i, mf_err *err)
{
	const mf_snap_row *base = nearest(g, c, i);

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

/* Everything that the task needs to know of each version. */
static bool
prepare(struct merging *m, const struct mf_choice *c, struct mf_gathered *g, mf_err *err)
{
	m->side = mf_alloc(c->n * sizeof(*m->side));
	for (size_t i = 0; i < c->n; i++) {
		struct side *s = &m->side[m->n++];
		const mf_snap_row *theirs = mf_facts_row(g, mf_facts_sid(g, c->cap[i].text)), *base;

		s->name = mf_strdup(mf_strz(c->name[i]));
		if (check(m->p, theirs, err) != MF_OK)
			return false;
		s->theirs = mf_snap_row_dup(theirs);
		if ((base = common_text(g, c, i, err)) == NULL)
			return false;
		s->base = mf_snap_row_dup(base);
	}
	return true;
}

bool
mf_merge_start(struct mf_folder *f, struct mf_path *p, struct mf_choice *c, struct mf_gathered *g)
{
	struct merging *m = mf_alloc(sizeof(*m));
	mf_err err = {0};

	m->p = p;
	if (!prepare(m, c, g, &err)) {
		if (c->automatic && !may_work_later(err.code))
			c->state = MF_CHOICE_TRIED;
		else
			mf_choice_fail(f, p->relpath, &err);
		merging_free(m);
		return false;
	}
	m->task.work = merging_work;
	m->task.done = merging_done;
	m->task.pool = MF_POOL_TRANSFER;
	m->task.may_stop = true;
	m->root = f->root;
	m->ticket = c->ticket;
	m->relpath = mf_strdup(mf_strz(p->relpath));
	m->ours_then = c->then;
	p->stage = MF_ST_MERGING;
	mf_task_start(f, &m->task);
	return true;
}
