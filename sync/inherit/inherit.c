/* Snapshots that were made and not published: which there are, what they are made from, what came of it. */
#include "sync/inherit/inherit.h"
#include "sync/inherit/stash.h"
#include "sync/local/rules.h"

#include <stdio.h>
#include <stdlib.h>

enum { PAST_MAX = 1000 };

/* ---- which there are ---------------------------------------------------------------------------------- */

static mf_code
load_each(void *arg, const char *relpath)
{
	struct mf_folder *f = arg;
	mf_err err = {0};

	if (mf_relpath_check(mf_strz(relpath), &err) != MF_OK || mf_path_ignored(relpath))
		mf_report_name(f, relpath, &err); /* left where it is: no name that can be synced */
	else if (!mf_inherit_waits(f, relpath))
		mf_pairs_add(&f->inherited, f->hash_key, mf_strz(relpath), MF_STR(""));
	return MF_OK;
}

bool
mf_inherit_waits(const struct mf_folder *f, const char *relpath)
{
	return f->inherited.n > 0 && mf_pairs_first(&f->inherited, f->hash_key, mf_strz(relpath)) != NULL;
}

mf_code
mf_inherit_load(struct mf_folder *f, mf_err *err)
{
	mf_code rc = mf_state_local_each(f->state, load_each, f, err);

	f->inherits = mf_state_local_any(f->state);
	if (f->stash_dir == NULL)
		f->stash_dir = mf_inherit_stash(f);
	if (rc == MF_OK)
		rc = mf_state_stash_bytes(f->state, &f->stash_bytes, err);
	if (rc != MF_OK || f->sweeping || f->n_looking > 0)
		return rc;
	return mf_inherit_sweep(f, err);
}

/* ---- what it is made from -------------------------------------------------------------------------------- */

static void
free_all(struct inherit *h)
{
	for (size_t i = 0; i < h->n; i++) {
		mf_local_row *from = mf_realloc_array(NULL, 1, sizeof(*from));
		*from = h->row[i].from;
		mf_locals_free(from, 1);
		free(h->row[i].extra);
		mf_snap_row_free(h->row[i].made);
	}
	for (size_t i = 0; i < h->n_past; i++)
		mf_snap_row_clear(&h->past[i]);
	free(h->past);
	free(h->row);
	free(h->stash[0]);
	free(h->stash[1]);
	free(h->relpath);
	free(h);
}

static mf_code
load_rows(struct mf_folder *f, struct inherit *h, mf_err *err)
{
	mf_local_row *rows = NULL;
	mf_code rc = mf_state_local_get(f->state, h->relpath, &rows, &h->n, err);

	h->row = mf_alloc((h->n + 1) * sizeof(*h->row));
	for (size_t i = 0; i < h->n; i++)
		h->row[i].from = rows[i];
	free(rows);
	return rc != MF_OK ? rc : mf_state_local_state(f->state, h->relpath, &h->disk, err);
}

/* E: what they go on from.  @p on_pending: it is one of ours. */
static mf_code
load_e(struct mf_folder *f, struct inherit *h, bool *on_pending, mf_err *err)
{
	mf_path_row path;
	mf_pending *pending = NULL;
	size_t n = 0;
	mf_code rc = mf_state_path_get(f->state, h->relpath, &path, err);

	*on_pending = false;
	if (rc == MF_ENOTFOUND)
		return MF_OK;
	if (rc == MF_OK)
		rc = mf_state_pending_get(f->state, h->relpath, &pending, &n, err);
	if (rc == MF_OK && (n > 0 || path.has_base)) {
		h->has_e = true;
		h->e = n > 0 ? pending[n - 1].cap : path.base;
		*on_pending = n > 0;
	}
	mf_path_row_clear(&path);
	free(pending);
	return rc;
}

/* What E holds, as far as we know: the first version may hold the same. */
static mf_code
load_e_content(struct mf_folder *f, struct inherit *h, mf_err *err)
{
	mf_snap_row row;
	mf_code rc = h->has_e ? mf_state_snap_get(f->state, h->e.text, &row, err) : MF_ENOTFOUND;

	if (rc != MF_OK)
		return rc == MF_ENOTFOUND ? MF_OK : rc;
	h->e_has_sha = row.has_sha && !row.deletion;
	memcpy(h->e_sha, row.sha, sizeof(h->e_sha));
	h->e_content = row.content;
	mf_snap_row_clear(&row);
	return MF_OK;
}

/* Does the oldest say that it was made from E?  Then nothing of them was published. */
static bool
is_on_e(const struct inherit *h)
{
	const mf_local_row *first = &h->row[0].from;

	for (size_t i = 0; i < first->n_parents; i++)
		if (!first->parent[i].local && h->has_e && strcmp(first->parent[i].id, h->e.text) == 0)
			return true;
	return !h->has_e;
}

static bool
is_listed(const mf_immdir *caps, size_t n, const char *cap)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(caps[i].text, cap) == 0)
			return true;
	return false;
}

/* What we have signed among E and what it descends from. */
static mf_code
load_past(struct mf_folder *f, struct inherit *h, mf_err *err)
{
	mf_immdir *todo = mf_alloc(PAST_MAX * sizeof(*todo));
	size_t n = 1;
	mf_code rc = MF_OK;

	todo[0] = h->e;
	h->past = mf_alloc(PAST_MAX * sizeof(*h->past));
	for (size_t i = 0; i < n && rc == MF_OK; i++) {
		mf_snap_row row;
		rc = mf_state_snap_get(f->state, todo[i].text, &row, err);
		if (rc != MF_OK)
			break;
		for (size_t k = 0; k < row.n_parents && n < PAST_MAX; k++)
			if (!is_listed(todo, n, row.parents[k].text))
				todo[n++] = row.parents[k];
		if (memcmp(row.author_key, f->conf.verify_key, sizeof(row.author_key)) == 0)
			h->past[h->n_past++] = row;
		else
			mf_snap_row_clear(&row);
	}
	free(todo);
	return rc;
}

/* A parent that E does not descend from becomes one of the row's own.  MF_ENOTFOUND: the index does not know it. */
static mf_code
add_extra(struct mf_folder *f, struct inherit *h, struct inherit_row *r, const char *text, mf_err *err)
{
	mf_immdir cap;
	bool known = false;
	mf_code rc = mf_immdir_parse(mf_strz(text), &cap, NULL);

	if (rc != MF_OK)
		return MF_OK; /* no snapshot */
	if (h->has_e)
		rc = mf_state_snap_ancestor(f->state, cap.text, h->e.text, &known, err);
	else if ((rc = mf_state_snap_has(f->state, cap.text, &known, err)) == MF_OK)
		rc = known ? MF_OK : MF_ENOTFOUND, known = false;
	if (rc != MF_OK || known)
		return rc;
	r->extra = mf_realloc_array(r->extra, r->n_extra + 1, sizeof(*r->extra));
	r->extra[r->n_extra++] = cap;
	return MF_OK;
}

/* MF_ENOTFOUND: *missing is to be fetched first. */
static mf_code
load_parents(struct mf_folder *f, struct mf_path *p, struct inherit *h, const char **missing, mf_err *err)
{
	bool has = true;
	mf_code rc = h->has_e ? mf_state_snap_has(f->state, h->e.text, &has, err) : MF_OK;

	*missing = h->e.text;
	if (rc == MF_OK && !has)
		return MF_ENOTFOUND;
	for (size_t i = 0; i < h->n && rc == MF_OK; i++) {
		const mf_local_row *from = &h->row[i].from;
		for (size_t k = 0; k < from->n_parents && rc == MF_OK; k++) {
			if (from->parent[k].local)
				continue;
			rc = add_extra(f, h, &h->row[i], from->parent[k].id, err);
			*missing = from->parent[k].id;
			if (rc == MF_ENOTFOUND && p->missing_tries > 0)
				rc = MF_OK; /* nobody has it: it goes on without */
		}
	}
	return rc;
}

/* ---- what came of it ----------------------------------------------------------------------------------------- */

static mf_code
record_row(struct inherit *h, size_t at, mf_err *err)
{
	struct mf_folder *f = h->task.f;
	struct inherit_row *r = &h->row[at];
	mf_code rc;

	if (r->what != INHERIT_MADE)
		return mf_state_local_drop(f->state, r->from.id, err);
	mf_pending pend = {.cap = r->made->cap,
		.state = {.present = !r->from.deletion, .size = MF_SIZE_UNKNOWN},
		.merge = r->made->n_parents > 1,
		.made_ns = MF_OPS(f)->now_ns(f->env)};
	if (at + 1 == h->n)
		pend.state = h->disk;
	rc = mf_state_snap_put(f->state, r->made, err);
	if (rc == MF_OK)
		rc = mf_state_pending_add(f->state, h->relpath, &pend, err);
	return rc != MF_OK ? rc : mf_state_local_take(f->state, r->from.id, err);
}

static mf_code
record(void *arg, mf_err *err)
{
	struct inherit *h = arg;
	mf_code rc = MF_OK;
	bool made = false;

	for (size_t i = 0; i < h->n && rc == MF_OK; i++) {
		rc = record_row(h, i, err);
		made |= h->row[i].what == INHERIT_MADE;
	}
	/* the disk was noted for one that is not made: let it be looked at */
	if (rc == MF_OK && h->n > 0 && h->row[h->n - 1].what == INHERIT_LOST && !made)
		rc = mf_state_local_doubt(h->task.f->state, h->relpath, err);
	return rc;
}

static void
tell_lost(struct inherit *h)
{
	mf_buf text = {0};
	unsigned n = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (h->row[i].what != INHERIT_LOST)
			continue;
		const char *name = h->row[i].from.stash;
		if (n++ == 0)
			mf_buf_addf(&text, "a version that waited to be published is not: %s %s",
				name != NULL ? name : "its copy", h->row[i].lost);
	}
	if (n > 1)
		mf_buf_addf(&text, "; and %u more", n - 1);
	if (n > 0)
		mf_report(h->task.f, h->relpath, (const char *)text.p);
	mf_buf_free(&text);
}

static void
inherit_done(struct mf_task *t)
{
	struct inherit *h = (struct inherit *)t;
	struct mf_folder *f = t->f;
	struct mf_path *p = h->p;

	if (f->closing) {
		free_all(h);
		return;
	}
	p->stage = MF_ST_IDLE;
	p->seen.valid = false;
	p->grid_failed = t->err.code != MF_OK && t->err.code != MF_EBUSY && t->err.code != MF_ECANCELED;
	if (t->err.code == MF_OK)
		t->err.code = mf_state_txn(f->state, record, h, &t->err);
	if (t->err.code == MF_OK) {
		mf_pairs_drop(&f->inherited, f->hash_key, mf_strz(h->relpath));
		p->made_took_ns = h->took_ns;
		mf_path_uploading(f, p, true);
		mf_path_look(f, p, 0);
		tell_lost(h);
	} else if (t->err.code == MF_EBUSY || t->err.code == MF_ECANCELED) {
		mf_path_look(f, p, 200);
	} else {
		mf_stash_explain(p, &t->err);
		mf_path_fail(f, p, &t->err);
	}
	free_all(h);
}

/* It is not published any more: a rule says so by now. */
static void
forget(struct mf_folder *f, struct mf_path *p)
{
	mf_err err = {0};

	if (mf_state_stash_forget(f->state, p->relpath, &err) != MF_OK) {
		mf_path_fail(f, p, &err);
		return;
	}
	mf_pairs_drop(&f->inherited, f->hash_key, mf_strz(p->relpath));
	f->stash_stale = true;
	mf_path_uploading(f, p, false);
	mf_path_look(f, p, 0);
}

void
mf_inherit_start(struct mf_folder *f, struct mf_path *p)
{
	const char *missing = NULL;
	bool on_pending = false;
	mf_err err = {0};

	p->seen.valid = false;
	if (mf_rules_withhold(f, p->relpath)) {
		forget(f, p);
		return;
	}
	mf_path_uploading(f, p, true);
	struct inherit *h = mf_alloc(sizeof(*h));
	h->relpath = mf_strdup(mf_strz(p->relpath));
	mf_code rc = load_rows(f, h, &err);
	if (rc == MF_OK)
		rc = load_e(f, h, &on_pending, &err);
	if (rc == MF_OK)
		rc = load_e_content(f, h, &err);
	if (rc == MF_OK)
		rc = load_parents(f, p, h, &missing, &err);
	if (rc == MF_OK && h->n > 0 && !on_pending && !is_on_e(h))
		rc = load_past(f, h, &err);
	if (rc != MF_OK) {
		if (rc == MF_ENOTFOUND && missing != NULL)
			mf_fetch_missing(f, p->relpath, missing);
		else
			mf_path_fail(f, p, &err);
		free_all(h);
		return;
	}
	h->p = p;
	h->root = f->root;
	h->stash[0] = mf_inherit_stash(f);
	h->stash[1] = mf_strdup(mf_strz(f->conf.stash_path));
	h->task.work = mf_inherit_work;
	h->task.done = inherit_done;
	h->task.pool = MF_POOL_TRANSFER;
	h->task.may_stop = true;
	p->stage = MF_ST_ENCODING;
	p->need_look = false;
	mf_task_start(f, &h->task);
}
