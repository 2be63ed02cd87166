/** @file
 * Small helpers over SQLite: result codes as mf_code, a table of prepared statements, one transaction.
 *
 * A connection belongs to one thread at a time; nothing here locks.  Connections come from mf_env's db_open.
 */
#ifndef MF_BASE_DB_H
#define MF_BASE_DB_H

#include <sqlite3.h>

#include "base/buf.h"
#include "base/err.h"

/** The mf_code for a SQLite result, plain or extended: BUSY and LOCKED -> MF_EBUSY, FULL -> MF_EFULL,
 *  CORRUPT and NOTADB -> MF_EFORMAT, CONSTRAINT -> MF_EEXIST, NOMEM -> MF_ENOMEM, anything else that is not
 *  OK, ROW or DONE -> MF_EIO. */
mf_code mf_db_code(int rc);

/** mf_fail() for SQLite result @p rc: "@p what: message of the connection"; err->sys = the extended code.
 *  Call it before anything else uses @p db.  @p db may be NULL. */
mf_code mf_db_fail(mf_err *err, sqlite3 *db, int rc, const char *what);

/** Opens the database at @p path only to read it, whoever uses it meanwhile; waits @p busy_ms for them at most.  A change
 *  that a program left half made when it was killed (SQLite's hot journal) is undone first, as its next writer would:
 *  for that alone it is opened for writing.
 *  @param out closed by the caller with sqlite3_close(); NULL unless MF_OK.
 *  @return as mf_db_code(); MF_EIO with err->sys = SQLITE_READONLY_ROLLBACK: there is such a change, and it cannot be
 *          undone from here, for lack of permission to write, say. */
mf_code mf_db_open_reader(const char *path, int busy_ms, sqlite3 **out, mf_err *err);

/** Runs SQL text without parameters or results (several statements allowed). */
mf_code mf_db_exec(sqlite3 *db, const char *sql, mf_err *err);

/** One number: the first column of the first row of @p sql, such as a PRAGMA. MF_ENOTFOUND: no row. */
mf_code mf_db_int(sqlite3 *db, const char *sql, int64_t *out, mf_err *err);

/** Prepares @p n statements for long use (SQLITE_PREPARE_PERSISTENT).  On failure every one made so far is
 *  finalised and @p out is all NULL; the error names the statement by its beginning. */
mf_code mf_db_prepare(sqlite3 *db, const char *const *sql, sqlite3_stmt **out, size_t n, mf_err *err);
/** NULLs among them are allowed; they are NULL afterwards. */
void mf_db_finalize(sqlite3_stmt **st, size_t n);

/* Binding.  The bytes are only lent: they must stay until mf_db_run() or mf_db_reset(). */

void mf_db_bind_str(sqlite3_stmt *st, int i, mf_str s);       /**< TEXT, also when empty */
void mf_db_bind_text(sqlite3_stmt *st, int i, const char *z); /**< TEXT; NULL binds NULL */
void mf_db_bind_blob(sqlite3_stmt *st, int i, const void *p, size_t n);

/** MF_OK: a row is there.  MF_ENOTFOUND: no more rows; @p err is not touched.  Otherwise it failed. In the
 *  last two cases the statement has been reset and its bindings cleared. */
mf_code mf_db_step(sqlite3_stmt *st, mf_err *err);
/** For statements that return no rows: step to the end, reset, clear. */
mf_code mf_db_run(sqlite3_stmt *st, mf_err *err);
/** Leave a statement before its end. */
void mf_db_reset(sqlite3_stmt *st);

/** Column as text, lent until the next step or reset; empty for NULL. */
mf_str mf_db_col_str(sqlite3_stmt *st, int i);
/** Column as bytes, lent likewise. */
mf_str mf_db_col_blob(sqlite3_stmt *st, int i);
/** A copy, freed by the caller with free(); NULL for NULL. */
char *mf_db_col_dup(sqlite3_stmt *st, int i);

/** BEGIN IMMEDIATE, @p fn, COMMIT; ROLLBACK when @p fn or the commit fails.  Not to be nested.
 *  MF_EBUSY: another connection writes; nothing was done. */
mf_code mf_db_txn(sqlite3 *db, mf_code (*fn)(void *arg, mf_err *err), void *arg, mf_err *err);

#endif
