/* A folder's databases: the index of snapshots and heads, in index.sqlite. */
#include "sync/state/chain.h"

#include <stdlib.h>

/* snapshots.flags, beside those of state/chain.h */
enum { SNAP_OURS = 1, SNAP_HAS_EXECUTABLE = 2, SNAP_EXECUTABLE = 4 };

void
mf_snap_row_clear(mf_snap_row *r)
{
	free(r->relpath);
	free(r->author);
	free(r->parents);
	*r = (mf_snap_row){0};
}

mf_code
mf_state_snap_has(struct mf_state *s, const char *cap, bool *has, mf_err *err)
{
	struct mf_spot at;
	mf_code rc = mf_state_spot(s, cap, &at, err);

	*has = rc == MF_OK;
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}

/* Where the parents are, and where the child will be but for its id. */
static mf_code
find_parents(struct mf_state *s, const mf_snap_row *row, struct mf_spot *parent, struct mf_spot *child, size_t *follows,
	mf_err *err)
{
	for (size_t i = 0; i < row->n_parents; i++) {
		mf_code rc = mf_state_spot(s, row->parents[i].text, &parent[i], err);
		if (rc == MF_ENOTFOUND)
			return mf_fail(err, rc, 0, "%s: a parent of the snapshot is not in the index", row->relpath);
		if (rc != MF_OK)
			return rc;
		if (parent[i].depth >= child->depth)
			child->depth = parent[i].depth + 1;
	}
	*follows = mf_state_chain_follow(parent, row->n_parents);
	if (*follows < row->n_parents)
		child->chain = parent[*follows].chain;
	return MF_OK;
}

static mf_code
insert_snap(struct mf_state *s, const mf_snap_row *row, struct mf_spot *child, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_SNAP_INSERT, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, row->cap.text);
	mf_db_bind_text(q, 2, row->relpath);
	mf_db_bind_text(q, 3, row->author);
	mf_db_bind_blob(q, 4, row->author_key, sizeof(row->author_key));
	mf_db_bind_text(q, 5, !row->deletion ? row->content.text : NULL);
	mf_db_bind_text(q, 6, row->metadata_cap.text);
	mf_bind_int(q, 7, (int64_t)row->size);
	if (row->has_sha)
		mf_db_bind_blob(q, 8, row->sha, sizeof(row->sha));
	mf_bind_int(q, 9,
		(row->ours_mark ? SNAP_OURS : 0) | (row->has_executable ? SNAP_HAS_EXECUTABLE : 0) |
			(row->executable ? SNAP_EXECUTABLE : 0));
	mf_bind_int(q, 10, row->mtime_s);
	mf_bind_int(q, 11, child->depth);
	mf_bind_int(q, 12, child->chain); /* 0: it begins one */
	rc = mf_state_run(q, NULL, err);
	child->id = sqlite3_last_insert_rowid(s->db);
	if (child->chain == 0)
		child->chain = child->id;
	return rc;
}

static mf_code
insert_all(struct mf_state *s, const mf_snap_row *row, struct mf_spot *child, const struct mf_spot *parent,
	size_t follows, mf_err *err)
{
	mf_code rc = insert_snap(s, row, child, err);

	for (size_t i = 0; i < row->n_parents && rc == MF_OK; i++) {
		sqlite3_stmt *q;
		if ((rc = mf_state_query(s, QUERY_PARENT_ADD, &q, err)) != MF_OK)
			break;
		mf_bind_int(q, 1, child->id);
		mf_bind_int(q, 2, (int64_t)i);
		mf_bind_int(q, 3, parent[i].id);
		rc = mf_state_run(q, NULL, err);
	}
	return rc == MF_OK ? mf_state_chain_note(s, child, parent, row->n_parents, follows, err) : rc;
}

mf_code
mf_state_snap_put(struct mf_state *s, const mf_snap_row *row, mf_err *err)
{
	struct mf_spot child = {0};
	size_t follows = 0;
	bool has = false;
	mf_code rc = mf_state_snap_has(s, row->cap.text, &has, err);

	if (rc != MF_OK || has)
		return rc;
	struct mf_spot *parent = mf_realloc_array(NULL, row->n_parents, sizeof(*parent));
	if ((rc = find_parents(s, row, parent, &child, &follows, err)) == MF_OK &&
		(rc = mf_state_begin(s, err)) == MF_OK)
		rc = mf_state_end(s, insert_all(s, row, &child, parent, follows, err), err);
	free(parent);
	return rc;
}

static mf_code
column_snap(sqlite3_stmt *q, mf_snap_row *r, mf_err *err)
{
	int flags = sqlite3_column_int(q, 8);
	mf_code rc;

	r->relpath = mf_strdup(mf_db_col_str(q, 1));
	r->author = mf_strdup(mf_db_col_str(q, 2));
	r->deletion = sqlite3_column_type(q, 4) == SQLITE_NULL;
	r->size = (uint64_t)sqlite3_column_int64(q, 6);
	r->has_sha = mf_column_bytes(q, 7, r->sha, sizeof(r->sha));
	r->ours_mark = (flags & SNAP_OURS) != 0;
	r->has_executable = (flags & SNAP_HAS_EXECUTABLE) != 0;
	r->executable = (flags & SNAP_EXECUTABLE) != 0;
	r->mtime_s = sqlite3_column_int64(q, 9);
	r->depth = (uint32_t)sqlite3_column_int64(q, 10);
	if (!mf_column_bytes(q, 3, r->author_key, sizeof(r->author_key)))
		return mf_fail(err, MF_EFORMAT, 0, "index.sqlite: an author's key is not of 32 bytes");
	if (!r->deletion && (rc = mf_column_cap(q, 4, r->content.text, err)) != MF_OK)
		return rc;
	return mf_column_cap(q, 5, r->metadata_cap.text, err);
}

static mf_code
get_parents(struct mf_state *s, int64_t id, mf_snap_row *r, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_PARENT_GET, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_bind_int(q, 1, id);
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		r->parents = mf_realloc_array(r->parents, r->n_parents + 1, sizeof(*r->parents));
		rc = mf_column_cap(q, 0, r->parents[r->n_parents++].text, err);
		if (rc != MF_OK)
			break;
	}
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_snap_get(struct mf_state *s, const char *cap, mf_snap_row *out, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	int64_t id = 0;
	mf_code rc = mf_state_query(s, QUERY_SNAP_GET, &q, err);

	*out = (mf_snap_row){0};
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, cap);
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK && row) {
		id = sqlite3_column_int64(q, 0);
		rc = column_snap(q, out, err);
	}
	mf_db_reset(q);
	if (rc == MF_OK && !row)
		return MF_ENOTFOUND;
	if (rc == MF_OK) {
		memcpy(out->cap.text, cap, strlen(cap) + 1); /* it was found, so it fits */
		if (out->depth > 0)                          /* else it has none */
			rc = get_parents(s, id, out, err);
	}
	if (rc != MF_OK)
		mf_snap_row_clear(out);
	return rc;
}

mf_code
mf_state_snap_set_sha(struct mf_state *s, const char *cap, const uint8_t sha[32], mf_err *err)
{
	sqlite3_stmt *q;
	int changed = 0;
	mf_code rc = mf_state_query(s, QUERY_SNAP_SET_SHA, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, cap);
	mf_db_bind_blob(q, 2, sha, 32);
	struct mf_spot at;
	rc = mf_state_run(q, &changed, err);
	if (rc == MF_OK && changed == 0)
		return mf_fail(err, MF_ENOTFOUND, 0, "the snapshot is not in the index");
	if (rc == MF_OK)
		rc = mf_state_spot(s, cap, &at, err);
	return rc == MF_OK && (at.flags & MF_SNAP_PAST) != 0 ? mf_state_chain_sha(s, at.id, err) : rc;
}
