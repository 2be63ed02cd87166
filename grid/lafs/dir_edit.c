/* Writing directories: immutable ones, and edits of mutable ones. */
#include <stdlib.h>

#include <sodium.h>

#include "grid/lafs/dir_inner.h"

static mf_str
without_prefix(mf_str cap, enum mf_cap_prefix prefix)
{
	size_t n = prefix == MF_CAP_RO_PREFIX ? 3 : prefix == MF_CAP_IMM_PREFIX ? 4 : 0;

	return (mf_str){cap.p + n, cap.n - n};
}

static mf_str
or_empty_object(mf_str metadata)
{
	return metadata.n == 0 ? MF_STR("{}") : metadata;
}

/* -- immutable ------------------------------------------------------------------------------------------ */

/* What stands for @p cap in an immutable directory. */
static mf_code
immutable_ro(mf_str cap, mf_str *ro, mf_err *err)
{
	mf_cap c;

	*ro = (mf_str){0};
	if (cap.n == 0)
		return MF_OK;
	mf_code rc = mf_cap_parse(cap, &c, err);
	if (rc != MF_OK)
		return rc;
	if (c.kind == MF_CAP_UNKNOWN && c.prefix != MF_CAP_IMM_PREFIX)
		return mf_fail(err, MF_EINVAL, 0, "unknown capability in an immutable directory");
	if (mf_cap_is_mutable(c.kind))
		return mf_fail(err, MF_EINVAL, 0, "mutable capability in an immutable directory");
	*ro = without_prefix(cap, c.prefix);
	return MF_OK;
}

mf_code
mf_dir_pack(const mf_link *link, size_t n, mf_buf *out, mf_err *err)
{
	mf_buf arena = {0};
	mf_dir_item *item;
	mf_code rc = mf_dir_sort_links(link, n, &item, &arena, err);

	for (size_t i = 0; i < n && rc == MF_OK; i++) {
		mf_str ro;

		if (i > 0 && mf_str_eq(item[i - 1].name, item[i].name)) {
			rc = mf_fail(err, MF_EINVAL, 0, "immutable directory with one name twice");
			break;
		}
		rc = immutable_ro(item[i].link->cap, &ro, err);
		if (rc == MF_OK)
			mf_dir_add_entry(out, item[i].name, ro, (mf_str){0}, or_empty_object(item[i].link->metadata));
	}
	free(item);
	mf_buf_free(&arena);
	return rc;
}

/* -- mutable --------------------------------------------------------------------------------------------- */

/* One edit at work. */
struct work {
	const mf_dir_edit *edit;
	mf_buf *out;
	mf_buf sealed_empty;     /* the same for every child without a write capability (floor.md 6) */
	mf_buf sealed, metadata; /* scratch */
	bool changed;
};

/* The two forms of @p cap; @p text holds the one that we derive. */
static mf_code
mutable_forms(mf_str cap, bool no_write, char text[MF_CAP_MAX], mf_str *ro, mf_str *rw, mf_err *err)
{
	mf_cap c, readonly;

	*ro = *rw = (mf_str){0};
	if (cap.n == 0)
		return MF_OK;
	mf_code rc = mf_cap_parse(cap, &c, err);
	if (rc != MF_OK)
		return rc;
	if (c.kind == MF_CAP_UNKNOWN && c.prefix == MF_CAP_PLAIN)
		return mf_fail(err, MF_EINVAL, 0, "unknown capability that may be a write capability");
	if (c.kind == MF_CAP_UNKNOWN && c.prefix == MF_CAP_IMM_PREFIX) {
		*ro = cap;
		return MF_OK;
	}
	*ro = without_prefix(cap, c.prefix);
	if (!mf_cap_is_writable(c.kind))
		return MF_OK;
	if (!no_write)
		*rw = *ro;
	if (!mf_cap_readonly(&c, &readonly))
		MF_BUG("writable capability without a read-only form");
	mf_cap_print(&readonly, text);
	sodium_memzero(&c, sizeof(c));
	*ro = mf_strz(text);
	return MF_OK;
}

static mf_code
write_link(struct work *w, const mf_dir_item *item, mf_str old_metadata, mf_err *err)
{
	char text[MF_CAP_MAX];
	mf_str ro, rw, sealed = mf_buf_str(&w->sealed_empty);
	bool no_write;

	w->metadata.n = 0;
	mf_code rc = mf_dir_metadata(item->link->metadata, old_metadata, w->edit->now, &w->metadata, &no_write, err);
	if (rc == MF_OK)
		rc = mutable_forms(item->link->cap, no_write, text, &ro, &rw, err);
	if (rc != MF_OK)
		return rc;
	if (rw.n > 0) {
		w->sealed.n = 0;
		mf_dir_seal(w->edit->writekey, rw, &w->sealed);
		sealed = mf_buf_str(&w->sealed);
	}
	mf_dir_add_entry(w->out, item->name, ro, sealed, mf_buf_str(&w->metadata));
	w->changed = true;
	return MF_OK;
}

/* The old entry of the same name is @p old, or NULL. */
static mf_code
apply_one(struct work *w, const mf_dir_item *item, const mf_dir_entry *old, mf_err *err)
{
	switch (item->link->how) {
	case MF_LINK_REMOVE: w->changed = w->changed || old != NULL; return MF_OK;
	case MF_LINK_NEW:
		if (old != NULL)
			return mf_fail(err, MF_EEXIST, 0, "directory has an entry of that name");
		break;
	case MF_LINK_REPLACE: break;
	}
	return write_link(w, item, old == NULL ? (mf_str){0} : old->metadata, err);
}

/* Skip all but the last of equal names. */
static size_t
last_equal(const mf_dir_item *item, size_t n, size_t i)
{
	while (i + 1 < n && mf_str_eq(item[i].name, item[i + 1].name))
		i++;
	return i;
}

/* Both sides are sorted: runs of untouched entries are copied whole. */
static mf_code
merge(struct work *w, mf_str old, const mf_dir_item *item, size_t n, mf_err *err)
{
	mf_cur c = mf_cur_of(old.p, old.n);
	const char *run = old.p, *at = old.p; /* untouched bytes [run, at) wait to be copied */
	mf_dir_entry e;
	bool have = mf_dir_next(&c, &e);
	mf_code rc = MF_OK;

	for (size_t i = 0; i < n && rc == MF_OK; i++) {
		int order = -1;

		i = last_equal(item, n, i);
		while (have && (order = mf_str_cmp(e.name, item[i].name)) < 0) {
			at = e.whole.p + e.whole.n;
			have = mf_dir_next(&c, &e);
		}
		mf_buf_add(w->out, run, (size_t)(at - run));
		run = at;
		if (have && order == 0) {
			rc = apply_one(w, &item[i], &e, err);
			run = at = e.whole.p + e.whole.n;
			have = mf_dir_next(&c, &e);
		} else {
			rc = apply_one(w, &item[i], NULL, err);
		}
	}
	if (rc == MF_OK && c.bad)
		rc = mf_fail(err, MF_EFORMAT, 0, "directory is malformed");
	if (rc == MF_OK)
		mf_buf_add(w->out, run, old.n - (size_t)(run - old.p));
	return rc;
}

mf_code
mf_dir_apply(mf_str old, const mf_dir_edit *edit, mf_buf *out, bool *changed, mf_err *err)
{
	struct work w = {.edit = edit, .out = out};
	mf_buf arena = {0};
	mf_dir_item *item;
	mf_code rc = mf_dir_sort_links(edit->link, edit->n, &item, &arena, err);

	if (rc == MF_OK) {
		size_t more = 0;

		for (size_t i = 0; i < edit->n; i++)
			more += 512 + edit->link[i].name.n + 2 * edit->link[i].cap.n + edit->link[i].metadata.n;
		mf_buf_reserve(out, old.n + more);
		if (old.n == 0)
			old.p = "";
		mf_dir_seal(edit->writekey, (mf_str){0}, &w.sealed_empty);
		rc = merge(&w, old, item, edit->n, err);
	}
	*changed = w.changed;
	free(item);
	mf_buf_free(&arena);
	mf_buf_free(&w.sealed_empty);
	mf_buf_free(&w.sealed);
	mf_buf_free(&w.metadata);
	return rc;
}
