/* A folder's databases: versions of ours that the grid did not take.  Each is a row as Python would have written it, with
 * the state of the disk in current_snapshots as Python notes it, so that either program goes on with it; what Python's
 * tables cannot say is in mf_local. */
#include "sync/state/impl.h"

#include <stdio.h>

/* A random UUID as Python writes it (version 4). */
static void
spell_id(const uint8_t id[16], char out[37])
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < 16; i++) {
		uint8_t b = id[i];
		if (i == 6)
			b = (uint8_t)((b & 0x0f) | 0x40);
		if (i == 8)
			b = (uint8_t)((b & 0x3f) | 0x80);
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		out[at++] = digits[b >> 4];
		out[at++] = digits[b & 15];
	}
	out[at] = '\0';
}

struct adding {
	struct mf_state *s;
	const mf_stash_new *v;
	char id[37];
};

static mf_code
add_row(const struct adding *a, mf_err *err)
{
	const mf_stash_new *v = a->v;
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(a->s, QUERY_STASH_ADD, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, a->id);
	mf_db_bind_text(q, 2, v->relpath);
	mf_db_bind_text(q, 3, v->copy);
	rc = mf_state_run(q, NULL, err);
	if (rc == MF_OK)
		rc = mf_state_query(a->s, QUERY_STASH_ADD_TIMES, &q, err);
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, a->id);
	mf_bind_int(q, 2, v->mtime_s);
	mf_bind_int(q, 3, v->made_ns / 1000000000);
	rc = mf_state_run(q, NULL, err);
	if (rc == MF_OK)
		rc = mf_state_query(a->s, QUERY_STASH_ADD_PARENT, &q, err);
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, a->id);
	mf_db_bind_text(q, 2, v->relpath);
	mf_db_bind_text(q, 3, v->parent);
	return mf_state_run(q, NULL, err);
}

static mf_code
add_state(const struct adding *a, mf_err *err)
{
	const mf_stash_new *v = a->v;
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(a->s, QUERY_STASH_ADD_STATE, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, v->relpath);
	if (v->state.present)
		mf_bind_times(q, 2, &v->state); /* else NULL */
	mf_bind_int(q, 5, mf_py_ns(v->made_ns));
	return mf_state_run(q, NULL, err);
}

static mf_code
add_ours(const struct adding *a, mf_err *err)
{
	const mf_stash_new *v = a->v;
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(a->s, QUERY_STASH_ADD_OURS, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, a->id);
	mf_bind_int(q, 2, v->mtime_s);
	mf_bind_int(q, 3, v->copy == NULL ? 0 : (int64_t)v->state.size);
	if (v->copy != NULL)
		mf_db_bind_blob(q, 4, v->sha, sizeof(v->sha));
	mf_bind_int(q, 5, (int64_t)v->state.ino);
	mf_bind_int(q, 6, v->executable);
	rc = mf_state_run(q, NULL, err);
	return rc != MF_OK ? rc : mf_state_run_text(a->s, QUERY_STASH_ADD_PARENT_OURS, a->id, err);
}

static mf_code
do_add(void *arg, mf_err *err)
{
	const struct adding *a = arg;
	mf_code rc = add_row(a, err);

	if (rc == MF_OK)
		rc = add_state(a, err);
	return rc == MF_OK ? add_ours(a, err) : rc;
}

mf_code
mf_state_stash_add(struct mf_state *s, const mf_stash_new *v, mf_err *err)
{
	struct adding a = {.s = s, .v = v};

	spell_id(v->id, a.id);
	s->inherits = true;
	return mf_state_txn(s, do_add, &a, err);
}

mf_code
mf_state_stash_newest(struct mf_state *s, const char *relpath, mf_stash_newest *out, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_STASH_NEWEST, &q, err);

	*out = (mf_stash_newest){0};
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	rc = mf_state_step(q, &row, err);
	if (rc != MF_OK || !row) {
		mf_db_reset(q);
		return rc != MF_OK ? rc : MF_ENOTFOUND;
	}
	out->deletion = sqlite3_column_int(q, 0) != 0;
	out->size = (uint64_t)sqlite3_column_int64(q, 1);
	out->has_sha = mf_column_bytes(q, 2, out->sha, sizeof(out->sha));
	out->has_executable = sqlite3_column_type(q, 3) != SQLITE_NULL;
	out->executable = sqlite3_column_int(q, 3) != 0;
	out->rows = (unsigned)sqlite3_column_int(q, 5);
	mf_db_reset(q);
	return mf_state_local_state(s, relpath, &out->state, err);
}

mf_code
mf_state_stash_touch(struct mf_state *s, const char *relpath, const mf_pathstate *ps, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	rc = mf_state_query(s, QUERY_STASH_TOUCH, &q, err);
	if (rc == MF_OK) {
		mf_db_bind_text(q, 1, relpath);
		mf_bind_times(q, 2, ps);
		rc = mf_state_run(q, NULL, err);
	}
	if (rc == MF_OK)
		rc = mf_state_query(s, QUERY_STASH_TOUCH_OURS, &q, err);
	if (rc == MF_OK) {
		mf_db_bind_text(q, 1, relpath);
		mf_bind_int(q, 2, (int64_t)ps->ino);
		rc = mf_state_run(q, NULL, err);
	}
	return mf_state_end(s, rc, err);
}

mf_code
mf_state_stash_forget(struct mf_state *s, const char *relpath, mf_err *err)
{
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	rc = mf_state_local_doubt(s, relpath, err);
	if (rc == MF_OK)
		rc = mf_state_run_text(s, QUERY_STASH_FORGET, relpath, err);
	if (rc == MF_OK)
		rc = mf_state_run_text(s, QUERY_STASH_FORGET_OURS, relpath, err);
	return mf_state_end(s, rc, err);
}

mf_code
mf_state_stash_bytes(struct mf_state *s, uint64_t *bytes, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_STASH_BYTES, &q, err);

	*bytes = 0;
	if (rc != MF_OK)
		return rc;
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK && row)
		*bytes = (uint64_t)sqlite3_column_int64(q, 0);
	mf_db_reset(q);
	return rc;
}
