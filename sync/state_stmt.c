/* A folder's databases: prepared statements, binding and columns, errors. */
#include "sync/state_impl.h"

static const char *const query_sql[QUERY_COUNT] = {
#define Q(name, sql) [QUERY_##name] = sql,
	STATE_QUERIES(Q)
#undef Q
};

mf_code
mf_state_fail(sqlite3 *db, const char *what, mf_err *err)
{
	int full = sqlite3_extended_errcode(db);
	mf_code code = MF_EIO;

	if ((full & 0xff) == SQLITE_BUSY || (full & 0xff) == SQLITE_LOCKED)
		code = MF_EBUSY;
	else if ((full & 0xff) == SQLITE_FULL)
		code = MF_EFULL;
	return mf_fail(err, code, full, "database: %s: %s", what, sqlite3_errmsg(db));
}

mf_code
mf_state_query(struct mf_state *s, enum state_query which, sqlite3_stmt **out, mf_err *err)
{
	sqlite3_stmt *q = s->query[which];

	if (q == NULL) {
		if (sqlite3_prepare_v3(s->db, query_sql[which], -1, SQLITE_PREPARE_PERSISTENT, &q, NULL) != SQLITE_OK)
			return mf_state_fail(s->db, "prepare", err);
		s->query[which] = q;
	}
	if (sqlite3_stmt_busy(q))
		MF_BUG("statement %d is in use", (int)which);
	*out = q;
	return MF_OK;
}

mf_code
mf_state_step(struct mf_state *s, sqlite3_stmt *q, bool *row, mf_err *err)
{
	int rc = sqlite3_step(q);

	*row = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? MF_OK : mf_state_fail(s->db, "step", err);
}

void
mf_state_done(sqlite3_stmt *q)
{
	(void)sqlite3_reset(q); /* repeats the error of the step, which was seen */
	(void)sqlite3_clear_bindings(q);
}

mf_code
mf_state_run(struct mf_state *s, sqlite3_stmt *q, int *changed, mf_err *err)
{
	bool row = false;
	mf_code rc = mf_state_step(s, q, &row, err);

	if (row)
		MF_BUG("rows from %s", sqlite3_sql(q));
	if (changed != NULL)
		*changed = rc == MF_OK ? sqlite3_changes(s->db) : 0;
	mf_state_done(q);
	return rc;
}

mf_code
mf_state_exec(sqlite3 *db, const char *sql, mf_err *err)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? MF_OK : mf_state_fail(db, "execute", err);
}

mf_code
mf_state_number(sqlite3 *db, const char *sql, int64_t *out, mf_err *err)
{
	sqlite3_stmt *q = NULL;
	mf_code rc = MF_OK;

	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		*out = sqlite3_column_int64(q, 0);
	else
		rc = mf_state_fail(db, "read a number", err);
	(void)sqlite3_finalize(q);
	return rc;
}

/* Binding can only fail for lack of memory or by a wrong index. */
static void
bound(int rc)
{
	if (rc != SQLITE_OK)
		MF_BUG("bind: %s", sqlite3_errstr(rc));
}

void
mf_bind_int(sqlite3_stmt *q, int at, int64_t n)
{
	bound(sqlite3_bind_int64(q, at, n));
}

void
mf_bind_text(sqlite3_stmt *q, int at, const char *text)
{
	bound(sqlite3_bind_text(q, at, text, -1, SQLITE_STATIC));
}

void
mf_bind_cap(sqlite3_stmt *q, int at, bool present, const char *text)
{
	if (present)
		mf_bind_text(q, at, text);
}

void
mf_bind_bytes(sqlite3_stmt *q, int at, bool present, const void *p, size_t n)
{
	if (present)
		bound(sqlite3_bind_blob64(q, at, p, n, SQLITE_STATIC));
}

void
mf_bind_times(sqlite3_stmt *q, int at, const mf_pathstate *ps)
{
	bool unknown = ps->size == MF_SIZE_UNKNOWN;

	mf_bind_int(q, at, unknown ? -1 : (int64_t)ps->size);
	mf_bind_int(q, at + 1, unknown ? -1 : ps->mtime_ns);
	mf_bind_int(q, at + 2, unknown ? -1 : ps->ctime_ns);
}

mf_str
mf_column_str(sqlite3_stmt *q, int at)
{
	const char *p = (const char *)sqlite3_column_blob(q, at);

	return (mf_str){p, (size_t)sqlite3_column_bytes(q, at)};
}

char *
mf_column_text(sqlite3_stmt *q, int at)
{
	return mf_strdup(mf_column_str(q, at));
}

mf_code
mf_column_cap(sqlite3_stmt *q, int at, char out[MF_CAP_MAX], mf_err *err)
{
	mf_str s = mf_column_str(q, at);

	if (s.n == 0 || s.n >= MF_CAP_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "database: a capability of %zu bytes", s.n);
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return MF_OK;
}

bool
mf_column_bytes(sqlite3_stmt *q, int at, void *out, size_t n)
{
	mf_str s = mf_column_str(q, at);

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
