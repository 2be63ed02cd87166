/* A folder's databases: conflict rows, Known. */
#include "sync/state/impl.h"

#include <stdlib.h>

void
mf_conflicts_free(mf_conflict *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(rows[i].slot);
	free(rows);
}

static mf_code
put_python(struct mf_state *s, const char *relpath, const mf_conflict *c, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_CONFLICT_PUT_PYTHON, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	mf_db_bind_text(q, 2, c->slot);
	mf_db_bind_text(q, 3, c->cap.text);
	return mf_state_run(q, NULL, err);
}

static mf_code
put_ours(struct mf_state *s, const char *relpath, const mf_conflict *c, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_CONFLICT_PUT_OURS, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	mf_db_bind_text(q, 2, c->slot);
	mf_db_bind_text(q, 3, c->cap.text);
	mf_bind_int(q, 4, c->closing);
	mf_bind_int(q, 5, c->marker_written);
	if (c->has_marker_sha)
		mf_db_bind_blob(q, 6, c->marker_sha, sizeof(c->marker_sha));
	mf_bind_int(q, 7, (int64_t)c->marker_size);
	mf_bind_int(q, 8, c->marker_state.present);
	mf_bind_times(q, 9, &c->marker_state);
	mf_bind_int(q, 12, (int64_t)c->marker_state.ino);
	return mf_state_run(q, NULL, err);
}

mf_code
mf_state_conflict_put(struct mf_state *s, const char *relpath, const mf_conflict *c, mf_err *err)
{
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	rc = put_python(s, relpath, c, err);
	if (rc == MF_OK)
		rc = put_ours(s, relpath, c, err);
	return mf_state_end(s, rc, err);
}

static mf_code
column_conflict(sqlite3_stmt *q, mf_conflict *c, mf_err *err)
{
	*c = (mf_conflict){
		.slot = mf_strdup(mf_db_col_str(q, 0)),
		.pythons = sqlite3_column_type(q, 2) == SQLITE_NULL,
		.closing = sqlite3_column_int(q, 2) != 0,
		.marker_written = sqlite3_column_int(q, 3) != 0,
		.marker_size = (uint64_t)sqlite3_column_int64(q, 5),
	};
	c->has_marker_sha = mf_column_bytes(q, 4, c->marker_sha, sizeof(c->marker_sha));
	if (sqlite3_column_int(q, 6) != 0) {
		mf_column_times(q, 7, &c->marker_state);
		c->marker_state.ino = (uint64_t)sqlite3_column_int64(q, 10);
	}
	return mf_immdir_parse(mf_db_col_blob(q, 1), &c->cap, err);
}

mf_code
mf_state_conflict_get(struct mf_state *s, const char *relpath, mf_conflict **out, size_t *n, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_CONFLICT_GET, &q, err);

	*out = NULL;
	*n = 0;
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		*out = mf_realloc_array(*out, *n + 1, sizeof(**out));
		rc = column_conflict(q, &(*out)[(*n)++], err);
		if (rc != MF_OK)
			break;
	}
	mf_db_reset(q);
	if (rc != MF_OK) {
		mf_conflicts_free(*out, *n);
		*out = NULL;
		*n = 0;
	}
	return rc;
}

static mf_code
drop(struct mf_state *s, enum state_query which, const char *relpath, const char *slot, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, which, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	mf_db_bind_text(q, 2, slot);
	return mf_state_run(q, NULL, err);
}

mf_code
mf_state_conflict_drop(struct mf_state *s, const char *relpath, const char *slot, mf_err *err)
{
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	rc = drop(s, QUERY_CONFLICT_DROP_PYTHON, relpath, slot, err);
	if (rc == MF_OK)
		rc = drop(s, QUERY_CONFLICT_DROP_OURS, relpath, slot, err);
	return mf_state_end(s, rc, err);
}

mf_code
mf_state_conflict_each(
	struct mf_state *s, mf_code (*each)(void *arg, const char *relpath, const char *slot), void *arg, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_CONFLICT_EACH, &q, err);

	if (rc != MF_OK)
		return rc;
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		rc = each(arg, (const char *)sqlite3_column_text(q, 0), (const char *)sqlite3_column_text(q, 1));
		if (rc != MF_OK)
			break;
	}
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_known_any(struct mf_state *s, bool *any, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_KNOWN_ANY, &q, err);

	*any = false;
	if (rc != MF_OK)
		return rc;
	rc = mf_state_step(q, &row, err);
	*any = rc == MF_OK && row && sqlite3_column_int(q, 0) != 0;
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_known_get(struct mf_state *s, const char *relpath, mf_immdir **out, size_t *n, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_KNOWN_GET, &q, err);

	*out = NULL;
	*n = 0;
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		*out = mf_realloc_array(*out, *n + 1, sizeof(**out));
		rc = mf_column_cap(q, 0, (*out)[(*n)++].text, err);
		if (rc != MF_OK)
			break;
	}
	mf_db_reset(q);
	if (rc != MF_OK) {
		free(*out);
		*out = NULL;
		*n = 0;
	}
	return rc;
}

static mf_code
set_known(struct mf_state *s, const char *relpath, const mf_immdir *caps, size_t n, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_KNOWN_CLEAR, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	rc = mf_state_run(q, NULL, err);
	for (size_t i = 0; i < n && rc == MF_OK; i++) {
		if ((rc = mf_state_query(s, QUERY_KNOWN_ADD, &q, err)) != MF_OK)
			break;
		mf_db_bind_text(q, 1, relpath);
		mf_db_bind_text(q, 2, caps[i].text);
		rc = mf_state_run(q, NULL, err);
	}
	return rc;
}

mf_code
mf_state_known_set(struct mf_state *s, const char *relpath, const mf_immdir *caps, size_t n, mf_err *err)
{
	mf_code rc = mf_state_begin(s, err);

	return rc != MF_OK ? rc : mf_state_end(s, set_known(s, relpath, caps, n, err), err);
}
