/* Snapshots that were made and not published: reading the stash and storing them, the blocking part. */
#include "sync/inherit/inherit.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the stash ------------------------------------------------------------------------------------------ */

struct content {
	struct mf_env *env;
	struct mf_file *file;
	uint64_t size;
};

static mf_code
content_read(void *arg, uint64_t off, void *p, size_t n, mf_err *err)
{
	const struct content *c = arg;
	size_t got = 0;
	mf_code rc = c->env->ops->read(c->file, off, p, n, &got, err);

	return rc != MF_OK || got == n ? rc : mf_fail(err, MF_ECHANGED, 0, "the stash changed while it was read");
}

static mf_code
open_in(struct inherit *h, const char *dir, const char *name, struct mf_file **out, mf_err *err)
{
	const struct mf_env_ops *ops = MF_OPS(h->task.f);
	struct mf_root *root = NULL;
	mf_code rc = ops->root_open(h->task.f->env, dir, &root, err);

	if (rc != MF_OK)
		return rc;
	rc = ops->open(root, name, MF_OPEN_READ, 0, out, err);
	ops->root_close(root);
	return rc;
}

/* MF_ENOTFOUND: it is in none of the places where it could be. */
static mf_code
content_open(struct inherit *h, const mf_local_row *from, struct content *c, mf_err *err)
{
	mf_stat st = {0};
	mf_code rc = MF_ENOTFOUND;

	*c = (struct content){.env = h->task.f->env};
	for (size_t i = 0; from->stash != NULL && i < 2 && rc == MF_ENOTFOUND; i++)
		if (h->stash[i] != NULL)
			rc = open_in(h, h->stash[i], from->stash, &c->file, err);
	if (rc == MF_OK)
		rc = MF_OPS(h->task.f)->fstat(c->file, &st, err);
	c->size = st.size;
	return rc;
}

/* ---- was it published? ---------------------------------------------------------------------------------- */

/* The capability that a parent has by now; NULL: none. */
static const char *
parent_cap(const struct inherit *h, const struct mf_local_parent *parent)
{
	if (!parent->local)
		return parent->id;
	for (size_t i = 0; i < h->n; i++)
		if (h->row[i].what == INHERIT_PUBLISHED && strcmp(h->row[i].from.id, parent->id) == 0)
			return h->row[i].cap.text;
	return NULL;
}

static bool
same_parents(const struct inherit *h, const mf_local_row *from, const mf_snap_row *s)
{
	if (from->n_parents != s->n_parents)
		return false;
	for (size_t i = 0; i < from->n_parents; i++) {
		const char *cap = parent_cap(h, &from->parent[i]);
		size_t k = 0;
		while (cap != NULL && k < s->n_parents && strcmp(s->parents[k].text, cap) != 0)
			k++;
		if (cap == NULL || k == s->n_parents)
			return false;
	}
	return true;
}

/* Python notes what it published in three steps, and may have died between any two.  Content that is not in the stash any
 * more was taken away by the last of them. */
static mf_code
find_published(struct inherit *h, struct inherit_row *r, const struct content *c, bool *found, const mf_cancel *cancel,
	mf_err *err)
{
	struct mf_grid *grid = h->task.f->grid;
	mf_source src = {.read = content_read, .arg = (void *)(uintptr_t)c, .size = c->size};
	mf_code rc = MF_OK;

	*found = false;
	for (size_t i = 0; i < h->n_past && !*found && rc == MF_OK; i++) {
		const mf_snap_row *s = &h->past[i];
		if (s->deletion != r->from.deletion || s->mtime_s != r->from.mtime_s || !same_parents(h, &r->from, s))
			continue;
		*found = s->deletion || c->file == NULL;
		if (!*found && mf_filecap_size(&s->content) == c->size)
			rc = grid->ops->same(grid, &s->content, &src, found, cancel, err);
		if (rc == MF_ENOTFOUND) /* its content is gone from the grid: to be stored again */
			rc = MF_OK;
		if (*found)
			r->cap = s->cap;
	}
	return rc;
}

/* ---- making ------------------------------------------------------------------------------------------------- */

/* Is the file what the stash says that it was?  Only asked while its stat is as it was then. */
static mf_code
is_damaged(struct inherit *h, const struct content *c, const uint8_t sha[32], bool *damaged, const mf_cancel *cancel)
{
	const struct mf_env_ops *ops = MF_OPS(h->task.f);
	struct mf_file *file = NULL;
	mf_stat st = {0};
	uint8_t now[32];

	*damaged = false;
	if (ops->open(h->root, h->relpath, MF_OPEN_READ, 0, &file, NULL) != MF_OK)
		return MF_OK;
	if (ops->fstat(file, &st, NULL) == MF_OK && mf_pathstate_matches(&h->disk, &st, true)) {
		*damaged = st.size != c->size ||
			(mf_hash_file(h->task.f->env, file, st.size, now, cancel, NULL) == MF_OK &&
				memcmp(now, sha, sizeof(now)) != 0);
		if (*damaged && (ops->fstat(file, &st, NULL) != MF_OK || !mf_pathstate_matches(&h->disk, &st, true)))
			*damaged = false; /* the user is writing: that says nothing of the stash */
	}
	ops->close(file);
	return mf_canceled(cancel) ? MF_ECANCELED : MF_OK;
}

static mf_code
store(struct inherit *h, struct inherit_row *r, const struct content *c, const uint8_t sha[32], bool executable,
	const mf_cancel *cancel, mf_err *err)
{
	struct mf_folder *f = h->task.f;
	mf_snap_row *row = mf_alloc(sizeof(*row));
	mf_source src = {.read = content_read, .arg = (void *)(uintptr_t)c, .size = c->size};
	mf_code rc = MF_OK;

	row->relpath = mf_strdup(mf_strz(h->relpath));
	row->deletion = r->from.deletion;
	row->mtime_s = r->from.mtime_s;
	row->parents = mf_alloc((r->n_extra + 1) * sizeof(*row->parents));
	if (h->has_e)
		row->parents[row->n_parents++] = h->e;
	for (size_t i = 0; i < r->n_extra; i++)
		row->parents[row->n_parents++] = r->extra[i];
	if (!row->deletion) {
		row->has_sha = true;
		memcpy(row->sha, sha, sizeof(row->sha));
		row->size = c->size;
		row->executable = executable;
		if (h->e_has_sha && memcmp(sha, h->e_sha, sizeof(h->e_sha)) == 0)
			row->content = h->e_content; /* only the executable bit is another */
		else
			rc = f->grid->ops->put(f->grid, &src, &row->content, cancel, err);
	}
	if (rc == MF_OK)
		rc = mf_snapshot_store(f, row, cancel, err);
	if (rc != MF_OK) {
		mf_snap_row_free(row);
		return rc;
	}
	r->made = row;
	r->what = INHERIT_MADE;
	h->has_e = true;
	h->e = row->cap;
	h->e_has_sha = !row->deletion;
	memcpy(h->e_sha, sha, sizeof(h->e_sha));
	h->e_content = row->content;
	return MF_OK;
}

static mf_code
take_row(struct inherit *h, size_t at, struct content *c, const mf_cancel *cancel, mf_err *err)
{
	struct inherit_row *r = &h->row[at];
	bool newest = at + 1 == h->n, found = false, damaged = false;
	mf_stat st = {0};
	uint8_t sha[32] = {0};
	mf_code rc = MF_OK;

	r->what = INHERIT_LOST;
	if (h->n_past > 0)
		rc = find_published(h, r, c, &found, cancel, err);
	if (rc != MF_OK)
		return rc;
	if (found) {
		r->what = INHERIT_PUBLISHED;
		return MF_OK;
	}
	if (!r->from.deletion && c->file == NULL) {
		r->lost = "is missing from the stash";
		return MF_OK;
	}
	if (!r->from.deletion) {
		rc = mf_hash_file(h->task.f->env, c->file, c->size, sha, cancel, err);
		damaged = rc == MF_OK && r->from.has_sha && memcmp(sha, r->from.sha, sizeof(sha)) != 0;
		if (rc == MF_OK && newest && !damaged)
			rc = is_damaged(h, c, sha, &damaged, cancel);
		if (rc == MF_OK && damaged) {
			r->lost = "is damaged";
			return MF_OK;
		}
	}
	bool executable = r->from.executable;
	if (!r->from.ours) { /* Python does not say: as the file is now */
		(void)MF_OPS(h->task.f)->stat(h->root, h->relpath, &st, NULL);
		executable = st.kind == MF_KIND_FILE && (st.mode & 0100) != 0;
	}
	return rc != MF_OK ? rc : store(h, r, c, sha, executable, cancel, err);
}

mf_code
mf_inherit_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct inherit *h = (struct inherit *)t;
	int64_t began = MF_OPS(t->f)->now_ns(t->f->env);
	mf_code rc = MF_OK;

	for (size_t i = 0; rc == MF_OK && i < h->n; i++) {
		struct content c = {0};
		if (!h->row[i].from.deletion)
			rc = content_open(h, &h->row[i].from, &c, &t->err);
		if (rc == MF_ENOTFOUND)
			rc = MF_OK;
		if (rc == MF_OK)
			rc = take_row(h, i, &c, cancel, &t->err);
		MF_OPS(t->f)->close(c.file);
	}
	h->took_ns = MF_OPS(t->f)->now_ns(t->f->env) - began;
	return rc;
}
