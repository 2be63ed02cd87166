/* Small helpers over SQLite. */
#include "base/db.h"

#include <stdio.h>

mf_code
mf_db_code(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return MF_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return MF_EBUSY;
	case SQLITE_FULL: return MF_EFULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return MF_EFORMAT;
	case SQLITE_CONSTRAINT: return MF_EEXIST;
	case SQLITE_NOMEM: return MF_ENOMEM;
	default: return MF_EIO;
	}
}

mf_code
mf_db_fail(mf_err *err, sqlite3 *db, int rc, const char *what)
{
	const char *why = sqlite3_errstr(rc);
	int extended = rc;

	/* The connection's message is better, if it is about this failure and not about an older one. */
	if (db != NULL && (sqlite3_errcode(db) & 0xff) == (rc & 0xff)) {
		why = sqlite3_errmsg(db);
		extended = sqlite3_extended_errcode(db);
	}
	return mf_fail(err, mf_db_code(rc), extended, "%s: %s", what, why);
}

static mf_code
open_as(int flags, const char *path, int busy_ms, sqlite3 **out, mf_err *err)
{
	int rc = sqlite3_open_v2(path, out, flags, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_busy_timeout(*out, busy_ms);
		rc = sqlite3_exec(
			*out, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL); /* looks for a journal */
	}
	if (rc == SQLITE_OK)
		return MF_OK;
	mf_code code = mf_db_fail(err, *out, rc, path);
	(void)sqlite3_close(*out);
	*out = NULL;
	return code;
}

mf_code
mf_db_open_reader(const char *path, int busy_ms, sqlite3 **out, mf_err *err)
{
	mf_err why = {.code = MF_OK};
	mf_code code = open_as(SQLITE_OPEN_READONLY, path, busy_ms, out, &why);

	if (code == MF_OK)
		return MF_OK;
	if (why.sys == SQLITE_READONLY_ROLLBACK) {
		if (open_as(SQLITE_OPEN_READWRITE, path, busy_ms, out, &why) != MF_OK)
			return mf_fail(
				err, MF_EIO, SQLITE_READONLY_ROLLBACK, "undo an interrupted change: %s", why.text);
		(void)sqlite3_close(*out);
		code = open_as(SQLITE_OPEN_READONLY, path, busy_ms, out, &why);
	}
	if (code != MF_OK && err != NULL)
		*err = why;
	return code;
}

mf_code
mf_db_exec(sqlite3 *db, const char *sql, mf_err *err)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? MF_OK : mf_db_fail(err, db, rc, "database");
}

mf_code
mf_db_int(sqlite3 *db, const char *sql, int64_t *out, mf_err *err)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (rc != SQLITE_OK)
		return mf_db_fail(err, db, rc, sql);
	mf_code code = mf_db_step(st, err);
	if (code == MF_OK)
		*out = sqlite3_column_int64(st, 0);
	else if (code == MF_ENOTFOUND)
		(void)mf_fail(err, code, 0, "%s: no row", sql);
	sqlite3_finalize(st);
	return code;
}

mf_code
mf_db_prepare(sqlite3 *db, const char *const *sql, sqlite3_stmt **out, size_t n, mf_err *err)
{
	memset(out, 0, n * sizeof(*out));
	for (size_t i = 0; i < n; i++) {
		int rc = sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &out[i], NULL);

		if (rc != SQLITE_OK) {
			char what[64];

			(void)snprintf(what, sizeof(what), "%.60s", sql[i]);
			mf_code code = mf_db_fail(err, db, rc, what);
			mf_db_finalize(out, n);
			return code;
		}
	}
	return MF_OK;
}

void
mf_db_finalize(sqlite3_stmt **st, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		sqlite3_finalize(st[i]);
		st[i] = NULL;
	}
}

/* Failing to bind (no such parameter, too big) is a mistake in our own SQL text. */
static void
bound(sqlite3_stmt *st, int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_NOMEM && rc != SQLITE_TOOBIG)
		MF_BUG("bind: %s in %.60s", sqlite3_errstr(rc), sqlite3_sql(st));
}

void
mf_db_bind_str(sqlite3_stmt *st, int i, mf_str s)
{
	/* A NULL pointer would bind NULL. */
	bound(st, sqlite3_bind_text64(st, i, s.n == 0 ? "" : s.p, s.n, SQLITE_STATIC, SQLITE_UTF8));
}

void
mf_db_bind_text(sqlite3_stmt *st, int i, const char *z)
{
	bound(st, sqlite3_bind_text(st, i, z, -1, SQLITE_STATIC));
}

void
mf_db_bind_blob(sqlite3_stmt *st, int i, const void *p, size_t n)
{
	bound(st, sqlite3_bind_blob64(st, i, n == 0 ? "" : p, n, SQLITE_STATIC));
}

void
mf_db_reset(sqlite3_stmt *st)
{
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
}

mf_code
mf_db_step(sqlite3_stmt *st, mf_err *err)
{
	int rc = sqlite3_step(st);
	mf_code code = MF_ENOTFOUND;

	if (rc == SQLITE_ROW)
		return MF_OK;
	if (rc != SQLITE_DONE) {
		char what[64];

		(void)snprintf(what, sizeof(what), "%.60s", sqlite3_sql(st));
		code = mf_db_fail(err, sqlite3_db_handle(st), rc, what);
	}
	mf_db_reset(st);
	return code;
}

mf_code
mf_db_run(sqlite3_stmt *st, mf_err *err)
{
	mf_code code;

	while ((code = mf_db_step(st, err)) == MF_OK)
		;
	return code == MF_ENOTFOUND ? MF_OK : code;
}

mf_str
mf_db_col_str(sqlite3_stmt *st, int i)
{
	/* The text first: it may convert, and the length is that of the last conversion. */
	const char *p = (const char *)sqlite3_column_text(st, i);

	return (mf_str){p, p == NULL ? 0 : (size_t)sqlite3_column_bytes(st, i)};
}

mf_str
mf_db_col_blob(sqlite3_stmt *st, int i)
{
	const char *p = sqlite3_column_blob(st, i);

	return (mf_str){p, p == NULL ? 0 : (size_t)sqlite3_column_bytes(st, i)};
}

char *
mf_db_col_dup(sqlite3_stmt *st, int i)
{
	if (sqlite3_column_type(st, i) == SQLITE_NULL)
		return NULL;
	return mf_strdup(mf_db_col_str(st, i));
}

mf_code
mf_db_txn(sqlite3 *db, mf_code (*fn)(void *arg, mf_err *err), void *arg, mf_err *err)
{
	mf_code code = mf_db_exec(db, "BEGIN IMMEDIATE", err);

	if (code != MF_OK)
		return code;
	code = fn(arg, err);
	if (code == MF_OK)
		code = mf_db_exec(db, "COMMIT", err);
	/* SQLite ends the transaction by itself after some failures (disk full, out of memory). */
	if (code != MF_OK && sqlite3_get_autocommit(db) == 0)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return code;
}
