/* A folder's databases: prepared statements, binding and columns, errors. */
#include "sync/state/impl.h"

static const char *const query_sql[QUERY_COUNT] = {
#define Q(name, sql) [QUERY_##name] = sql,
	STATE_QUERIES(Q)
#undef Q
};

mf_code
mf_state_query(struct mf_state *s, enum state_query which, sqlite3_stmt **out, mf_err *err)
{
	sqlite3_stmt *q = s->query[which];

	if (q == NULL) {
		mf_code rc = mf_db_prepare(s->db, &query_sql[which], &q, 1, err);
		if (rc != MF_OK)
			return rc;
		s->query[which] = q;
	}
	if (sqlite3_stmt_busy(q))
		MF_BUG("statement %d is in use", (int)which);
	*out = q;
	return MF_OK;
}

mf_code
mf_state_step(sqlite3_stmt *q, bool *row, mf_err *err)
{
	mf_code rc = mf_db_step(q, err);

	*row = rc == MF_OK;
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}

mf_code
mf_state_run(sqlite3_stmt *q, int *changed, mf_err *err)
{
	mf_code rc = mf_db_run(q, err);

	if (changed != NULL)
		*changed = rc == MF_OK ? sqlite3_changes(sqlite3_db_handle(q)) : 0;
	return rc;
}

void
mf_bind_int(sqlite3_stmt *q, int at, int64_t n)
{
	int rc = sqlite3_bind_int64(q, at, n);

	if (rc != SQLITE_OK)
		MF_BUG("bind: %s", sqlite3_errstr(rc));
}

void
mf_bind_times(sqlite3_stmt *q, int at, const mf_pathstate *ps)
{
	bool unknown = ps->size == MF_SIZE_UNKNOWN;

	mf_bind_int(q, at, unknown ? -1 : (int64_t)ps->size);
	mf_bind_int(q, at + 1, unknown ? -1 : ps->mtime_ns);
	mf_bind_int(q, at + 2, unknown ? -1 : ps->ctime_ns);
}

mf_code
mf_column_cap(sqlite3_stmt *q, int at, char out[MF_CAP_MAX], mf_err *err)
{
	mf_str s = mf_db_col_blob(q, at);

	if (s.n == 0 || s.n >= MF_CAP_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "database: a capability of %zu bytes", s.n);
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return MF_OK;
}

bool
mf_column_bytes(sqlite3_stmt *q, int at, void *out, size_t n)
{
	mf_str s = mf_db_col_blob(q, at);

	if (s.n != n)
		return false;
	memcpy(out, s.p, n);
	return true;
}

void
mf_column_times(sqlite3_stmt *q, int at, mf_pathstate *ps)
{
	int64_t size = sqlite3_column_int64(q, at);

	*ps = (mf_pathstate){.present = sqlite3_column_type(q, at) != SQLITE_NULL};
	if (!ps->present)
		return;
	ps->size = size < 0 ? MF_SIZE_UNKNOWN : (uint64_t)size;
	ps->mtime_ns = sqlite3_column_int64(q, at + 1);
	ps->ctime_ns = sqlite3_column_int64(q, at + 2);
}

mf_code
mf_state_run_text(struct mf_state *s, enum state_query which, const char *text, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, which, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, text);
	return mf_state_run(q, NULL, err);
}

mf_code
mf_state_each_text(struct mf_state *s, enum state_query which, mf_code (*each)(void *arg, const char *text), void *arg,
	mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, which, &q, err);

	if (rc != MF_OK)
		return rc;
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row)
		if ((rc = each(arg, (const char *)sqlite3_column_text(q, 0))) != MF_OK)
			break;
	mf_db_reset(q);
	return rc;
}
