/* A folder's databases: the index of snapshots and heads, in index.sqlite. */
#include "sync/state_impl.h"

#include <stdlib.h>

/* snapshots.flags */
enum { SNAP_OURS = 1, SNAP_HAS_EXECUTABLE = 2, SNAP_EXECUTABLE = 4 };

void
mf_snap_row_clear(mf_snap_row *r)
{
	free(r->relpath);
	free(r->author);
	free(r->parents);
	*r = (mf_snap_row){0};
}

/* MF_ENOTFOUND without a sentence: the caller knows what it means. */
static mf_code
snap_id(struct mf_state *s, const char *cap, int64_t *id, uint32_t *depth, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_SNAP_ID, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, cap);
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK && row) {
		*id = sqlite3_column_int64(q, 0);
		*depth = (uint32_t)sqlite3_column_int64(q, 1);
	}
	mf_db_reset(q);
	return rc == MF_OK && !row ? MF_ENOTFOUND : rc;
}

mf_code
mf_state_snap_has(struct mf_state *s, const char *cap, bool *has, mf_err *err)
{
	int64_t id;
	uint32_t depth;
	mf_code rc = snap_id(s, cap, &id, &depth, err);

	*has = rc == MF_OK;
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}

/* The parents' ids, and one more than their greatest depth. */
static mf_code
find_parents(struct mf_state *s, const mf_snap_row *row, int64_t *ids, uint32_t *depth, mf_err *err)
{
	*depth = 0;
	for (size_t i = 0; i < row->n_parents; i++) {
		uint32_t d = 0;
		mf_code rc = snap_id(s, row->parents[i].text, &ids[i], &d, err);
		if (rc == MF_ENOTFOUND)
			return mf_fail(err, rc, 0, "%s: a parent of the snapshot is not in the index", row->relpath);
		if (rc != MF_OK)
			return rc;
		if (d >= *depth)
			*depth = d + 1;
	}
	return MF_OK;
}

static mf_code
insert_snap(struct mf_state *s, const mf_snap_row *row, uint32_t depth, int64_t *id, mf_err *err)
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
	mf_bind_int(q, 11, depth);
	rc = mf_state_run(q, NULL, err);
	*id = sqlite3_last_insert_rowid(s->db);
	return rc;
}

static mf_code
insert_all(struct mf_state *s, const mf_snap_row *row, uint32_t depth, const int64_t *parents, mf_err *err)
{
	int64_t id = 0;
	mf_code rc = insert_snap(s, row, depth, &id, err);

	for (size_t i = 0; i < row->n_parents && rc == MF_OK; i++) {
		sqlite3_stmt *q;
		if ((rc = mf_state_query(s, QUERY_PARENT_ADD, &q, err)) != MF_OK)
			break;
		mf_bind_int(q, 1, id);
		mf_bind_int(q, 2, (int64_t)i);
		mf_bind_int(q, 3, parents[i]);
		rc = mf_state_run(q, NULL, err);
	}
	return rc;
}

mf_code
mf_state_snap_put(struct mf_state *s, const mf_snap_row *row, mf_err *err)
{
	uint32_t depth = 0;
	bool has = false;
	mf_code rc = mf_state_snap_has(s, row->cap.text, &has, err);

	if (rc != MF_OK || has)
		return rc;
	int64_t *parents = mf_realloc_array(NULL, row->n_parents, sizeof(*parents));
	if ((rc = find_parents(s, row, parents, &depth, err)) == MF_OK && (rc = mf_state_begin(s, err)) == MF_OK)
		rc = mf_state_end(s, insert_all(s, row, depth, parents, err), err);
	free(parents);
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
	rc = mf_state_run(q, &changed, err);
	return rc != MF_OK || changed > 0 ? rc : mf_fail(err, MF_ENOTFOUND, 0, "the snapshot is not in the index");
}
