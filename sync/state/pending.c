/* A folder's databases: snapshots that wait to be linked, and replacements under way. */
#include "sync/state/impl.h"

#include <stdlib.h>

mf_code
mf_state_pending_add(struct mf_state *s, const char *relpath, const mf_pending *p, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_PENDING_ADD, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	mf_db_bind_text(q, 2, p->cap.text);
	mf_bind_int(q, 3, p->state.present);
	mf_bind_times(q, 4, &p->state);
	mf_bind_int(q, 7, (int64_t)p->state.ino);
	mf_bind_int(q, 8, p->made_ns);
	mf_bind_int(q, 9, p->merge);
	return mf_state_run(q, NULL, err);
}

static mf_code
column_pending(sqlite3_stmt *q, mf_pending *p, mf_err *err)
{
	*p = (mf_pending){
		.id = sqlite3_column_int64(q, 0),
		.made_ns = sqlite3_column_int64(q, 7),
		.merge = sqlite3_column_int(q, 8) != 0,
	};
	if (sqlite3_column_int(q, 2) != 0) {
		mf_column_times(q, 3, &p->state);
		p->state.ino = (uint64_t)sqlite3_column_int64(q, 6);
	}
	return mf_column_cap(q, 1, p->cap.text, err);
}

mf_code
mf_state_pending_get(struct mf_state *s, const char *relpath, mf_pending **out, size_t *n, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_PENDING_GET, &q, err);

	*out = NULL;
	*n = 0;
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		*out = mf_realloc_array(*out, *n + 1, sizeof(**out));
		if ((rc = column_pending(q, &(*out)[*n], err)) != MF_OK)
			break;
		(*n)++;
	}
	mf_db_reset(q);
	if (rc != MF_OK) {
		free(*out);
		*out = NULL;
		*n = 0;
	}
	return rc;
}

mf_code
mf_state_pending_clear(struct mf_state *s, const char *relpath, mf_err *err)
{
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	rc = mf_state_run_text(s, QUERY_PENDING_CLEAR, relpath, err);
	if (rc == MF_OK && s->inherits)
		rc = mf_state_local_done(s, relpath, err);
	return mf_state_end(s, rc, err);
}

mf_code
mf_state_pending_forget(struct mf_state *s, const char *relpath, mf_err *err)
{
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	rc = mf_state_run_text(s, QUERY_PENDING_CLEAR, relpath, err);
	if (rc == MF_OK)
		rc = mf_state_run_text(s, QUERY_LOCAL_UNTAKE, relpath, err);
	return mf_state_end(s, rc, err);
}

mf_code
mf_state_pending_each(struct mf_state *s, mf_code (*each)(void *arg, const char *relpath), void *arg, mf_err *err)
{
	return mf_state_each_text(s, QUERY_PENDING_EACH, each, arg, err);
}

/* mf_intent.flags */
enum { INTENT_MERGE = 1, INTENT_DELETION = 2, INTENT_EXPECT_ABSENT = 4 };

mf_code
mf_state_intent_put(struct mf_state *s, const char *relpath, const mf_intent *i, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_INTENT_PUT, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	mf_db_bind_text(q, 2, i->target.text);
	mf_bind_int(q, 3,
		(i->merge ? INTENT_MERGE : 0) | (i->deletion ? INTENT_DELETION : 0) |
			(i->expect_absent ? INTENT_EXPECT_ABSENT : 0));
	mf_db_bind_text(q, 4, i->tmp_name);
	mf_bind_int(q, 5, (int64_t)i->ino);
	mf_bind_int(q, 6, i->btime_ns);
	mf_bind_times(q, 7, &i->expect);
	mf_bind_int(q, 10, (int64_t)i->expect.ino);
	mf_bind_int(q, 11, i->made_ns);
	return mf_state_run(q, NULL, err);
}

static mf_code
column_intent(sqlite3_stmt *q, mf_intent *i, mf_err *err)
{
	int flags = sqlite3_column_int(q, 1);
	mf_str tmp = mf_db_col_blob(q, 2);

	i->merge = (flags & INTENT_MERGE) != 0;
	i->deletion = (flags & INTENT_DELETION) != 0;
	i->expect_absent = (flags & INTENT_EXPECT_ABSENT) != 0;
	i->ino = (uint64_t)sqlite3_column_int64(q, 3);
	i->btime_ns = sqlite3_column_int64(q, 4);
	if (!i->expect_absent) {
		mf_column_times(q, 5, &i->expect);
		i->expect.ino = (uint64_t)sqlite3_column_int64(q, 8);
	}
	i->made_ns = sqlite3_column_int64(q, 9);
	if (tmp.n >= sizeof(i->tmp_name))
		return mf_fail(err, MF_EFORMAT, 0, "database: a temporary name of %zu bytes", tmp.n);
	memcpy(i->tmp_name, tmp.n == 0 ? "" : tmp.p, tmp.n);
	return mf_column_cap(q, 0, i->target.text, err);
}

mf_code
mf_state_intent_get(struct mf_state *s, const char *relpath, mf_intent *out, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_INTENT_GET, &q, err);

	*out = (mf_intent){0};
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK)
		rc = row ? column_intent(q, out, err) : MF_ENOTFOUND;
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_intent_drop(struct mf_state *s, const char *relpath, mf_err *err)
{
	return mf_state_run_text(s, QUERY_INTENT_DROP, relpath, err);
}

mf_code
mf_state_intent_each(struct mf_state *s, mf_code (*each)(void *arg, const char *relpath), void *arg, mf_err *err)
{
	return mf_state_each_text(s, QUERY_INTENT_EACH, each, arg, err);
}
