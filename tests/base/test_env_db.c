/* Databases of the production environment and the helpers over SQLite. */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/db.h"
#include "tests/base/real.h"

static unsigned
mode_of(struct real *r, const char *name)
{
	struct stat st;

	return stat(real_path(r, name), &st) == 0 ? st.st_mode & 07777 : 0;
}

static int64_t
pragma(sqlite3 *db, const char *sql)
{
	int64_t v = -1;

	cr_assert(mf_db_int(db, sql, &v, NULL) == MF_OK, "%s", sql);
	return v;
}

Test(env_db, opens_private_and_as_promised, .timeout = 20)
{
	struct real r;
	sqlite3 *db;
	mf_err err;

	real_init(&r);
	cr_assert(r.ops->db_open(r.env, real_path(&r, "a.sqlite"), &db, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_db_exec(db, "CREATE TABLE t (x) STRICT", NULL) == MF_EIO, "STRICT needs a type");
	cr_assert(mf_db_exec(db, "CREATE TABLE t (x INTEGER)", NULL) == MF_OK);
	cr_assert(mode_of(&r, "a.sqlite") == 0600);
	cr_assert(mode_of(&r, "a.sqlite-wal") == 0600 && mode_of(&r, "a.sqlite-shm") == 0600);
	cr_assert(pragma(db, "PRAGMA synchronous") == 1);
	cr_assert(pragma(db, "PRAGMA wal_autocheckpoint") == 0);
	cr_assert(pragma(db, "PRAGMA busy_timeout") == 0);
	cr_assert(pragma(db, "PRAGMA foreign_keys") == 0);
	cr_assert(mf_db_exec(db, "SELECT \"no such column\" FROM t", NULL) == MF_EIO, "DQS is off");
	cr_assert(sqlite3_close(db) == SQLITE_OK);
	cr_assert(r.ops->db_open(r.env, real_path(&r, "none/a.sqlite"), &db, NULL) == MF_ENOTFOUND && db == NULL);
	real_put(&r, "junk",
		"this is certainly not a database, it is far too chatty for one; but long enough to be "
		"looked at by SQLite, which reads a hundred bytes");
	cr_assert(r.ops->db_open(r.env, real_path(&r, "junk"), &db, &err) == MF_EFORMAT && db == NULL, "%s", err.text);
	cr_assert(real_deinit(&r) == 0);
}

Test(env_db, a_database_made_by_others_becomes_private, .timeout = 20)
{
	struct real r;
	sqlite3 *db, *other;

	real_init(&r);
	cr_assert(sqlite3_open(real_path(&r, "a"), &other) == SQLITE_OK);
	cr_assert(chmod(real_path(&r, "a"), 0644) == 0);
	cr_assert(mf_db_exec(other, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)", NULL) == MF_OK);
	cr_assert(mode_of(&r, "a-wal") == 0644 && mode_of(&r, "a-shm") == 0644);
	cr_assert(r.ops->db_open(r.env, real_path(&r, "a"), &db, NULL) == MF_OK);
	cr_assert(mode_of(&r, "a") == 0600 && mode_of(&r, "a-wal") == 0600 && mode_of(&r, "a-shm") == 0600);
	/* And its locks are still there: a second writer is kept out. */
	cr_assert(mf_db_exec(other, "BEGIN IMMEDIATE", NULL) == MF_OK);
	mf_err err;
	cr_assert(mf_db_exec(db, "BEGIN IMMEDIATE", &err) == MF_EBUSY && err.sys != 0);
	cr_assert(sqlite3_close(other) == SQLITE_OK && sqlite3_close(db) == SQLITE_OK);
	cr_assert(real_deinit(&r) == 0);
}

Test(env_db, sync_and_checkpoint, .timeout = 20)
{
	struct real r;
	sqlite3 *db;
	struct stat before, after;

	real_init(&r);
	cr_assert(r.ops->db_sync(r.env, real_path(&r, "a"), NULL) == MF_OK, "no WAL, nothing to do");
	cr_assert(r.ops->db_checkpoint(r.env, real_path(&r, "a"), NULL) == MF_EIO, "no database");
	cr_assert(r.ops->db_open(r.env, real_path(&r, "a"), &db, NULL) == MF_OK);
	cr_assert(mf_db_exec(db, "CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))", NULL) == MF_OK);
	cr_assert(stat(real_path(&r, "a"), &before) == 0);
	cr_assert(r.ops->db_sync(r.env, real_path(&r, "a"), NULL) == MF_OK);
	cr_assert(r.ops->db_checkpoint(r.env, real_path(&r, "a"), NULL) == MF_OK);
	cr_assert(stat(real_path(&r, "a"), &after) == 0);
	cr_assert(after.st_size >= 100000 && before.st_size < 100000, "moved into the database file");
	cr_assert(pragma(db, "SELECT count(*) FROM t") == 1);
	cr_assert(sqlite3_close(db) == SQLITE_OK);
	cr_assert(real_deinit(&r) == 0);
}

/* A database whose writer is killed in the middle of a change. */
static void
interrupt(const char *path)
{
	sqlite3 *db;
	int status;

	cr_assert(sqlite3_open(path, &db) == SQLITE_OK);
	cr_assert(mf_db_exec(db, "CREATE TABLE t (x)", NULL) == MF_OK);
	for (int i = 0; i < 50; i++)
		cr_assert(mf_db_exec(db, "INSERT INTO t VALUES (zeroblob(3000))", NULL) == MF_OK);
	cr_assert(sqlite3_close(db) == SQLITE_OK);
	pid_t pid = fork();
	if (pid == 0) {
		if (sqlite3_open(path, &db) == SQLITE_OK &&
			mf_db_exec(db, "PRAGMA cache_size = 1; BEGIN; UPDATE t SET x = randomblob(3000)", NULL) ==
				MF_OK)
			(void)raise(SIGKILL);
		_exit(1);
	}
	cr_assert(pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	cr_assert(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
	cr_assert(mf_db_exec(db, "SELECT count(*) FROM t", NULL) == MF_EIO);
	cr_assert(sqlite3_extended_errcode(db) == SQLITE_READONLY_ROLLBACK, "the journal is hot");
	cr_assert(sqlite3_close(db) == SQLITE_OK);
}

Test(env_db, a_reader_undoes_what_was_interrupted, .timeout = 60)
{
	struct real r;
	sqlite3 *db;
	mf_err err = {0};

	real_init(&r);
	cr_assert(mf_db_open_reader(real_path(&r, "a"), 0, &db, &err) == MF_EIO && db == NULL, "none is made");
	interrupt(real_path(&r, "a"));
	cr_assert(mf_db_open_reader(real_path(&r, "a"), 0, &db, &err) == MF_OK, "%s", err.text);
	cr_assert(pragma(db, "SELECT count(*) FROM t WHERE x = zeroblob(3000)") == 50, "as before the change");
	cr_assert(mf_db_exec(db, "DELETE FROM t", NULL) == MF_EIO, "it only reads");
	cr_assert(sqlite3_close(db) == SQLITE_OK);
	cr_assert(access(real_path(&r, "a-journal"), F_OK) != 0);
	cr_assert(real_deinit(&r) == 0);
}

/* Where the database can be read, but not written: run in a process of its own.  77: not even read. */
static int
reads_as_nobody(const char *path)
{
	sqlite3 *db;
	mf_err err = {0};

	if (geteuid() == 0 && setuid(65534) != 0)
		return 77;
	if (access(path, R_OK) != 0)
		return 77;
	return mf_db_open_reader(path, 0, &db, &err) == MF_EIO && err.sys == SQLITE_READONLY_ROLLBACK && db == NULL ? 0
														    : 1;
}

Test(env_db, who_may_not_write_is_told_that_a_change_was_interrupted, .timeout = 60)
{
	struct real r;
	int status;

	real_init(&r);
	interrupt(real_path(&r, "a"));
	cr_assert(chmod(real_path(&r, "a"), 0444) == 0 && chmod(real_path(&r, "a-journal"), 0444) == 0);
	cr_assert(chmod(r.dir, 0555) == 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(reads_as_nobody(real_path(&r, "a")));
	cr_assert(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	cr_assert(chmod(r.dir, 0755) == 0);
	cr_assert(real_deinit(&r) == 0);
	if (WEXITSTATUS(status) == 77)
		cr_skip_test("nobody may look there");
	cr_assert(WEXITSTATUS(status) == 0);
}

enum { PUT, GET, ALL, STATEMENTS };

static const char *const sql[STATEMENTS] = {
	[PUT] = "INSERT INTO t (k, v) VALUES (?1, ?2)",
	[GET] = "SELECT v FROM t WHERE k = ?1",
	[ALL] = "SELECT k, v FROM t ORDER BY k",
};

struct table {
	sqlite3 *db;
	sqlite3_stmt *st[STATEMENTS];
};

static void
table_open(struct table *t)
{
	mf_err err;

	cr_assert(sqlite3_open(":memory:", &t->db) == SQLITE_OK);
	cr_assert(mf_db_exec(t->db, "CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL, v)", NULL) == MF_OK);
	cr_assert(mf_db_prepare(t->db, sql, t->st, STATEMENTS, &err) == MF_OK, "%s", err.text);
}

static void
table_close(struct table *t)
{
	mf_db_finalize(t->st, STATEMENTS);
	cr_assert(t->st[PUT] == NULL && sqlite3_close(t->db) == SQLITE_OK, "all finalised");
}

static mf_code
put(struct table *t, mf_str k, const char *v, mf_err *err)
{
	mf_db_bind_str(t->st[PUT], 1, k);
	mf_db_bind_text(t->st[PUT], 2, v);
	return mf_db_run(t->st[PUT], err);
}

Test(db, binds_steps_and_reads, .timeout = 20)
{
	struct table t;
	mf_err err = {0};

	table_open(&t);
	cr_assert(put(&t, MF_STR("one"), "1", NULL) == MF_OK);
	cr_assert(put(&t, (mf_str){NULL, 0}, NULL, NULL) == MF_OK, "empty text is not NULL");
	cr_assert(put(&t, MF_STR("one"), "2", &err) == MF_EEXIST && strstr(err.text, "UNIQUE") != NULL);
	mf_db_bind_str(t.st[GET], 1, MF_STR("one"));
	cr_assert(mf_db_step(t.st[GET], NULL) == MF_OK);
	cr_assert(mf_str_eq(mf_db_col_str(t.st[GET], 0), MF_STR("1")));
	char *dup = mf_db_col_dup(t.st[GET], 0);
	cr_assert(strcmp(dup, "1") == 0);
	free(dup);
	mf_db_reset(t.st[GET]);
	mf_db_bind_str(t.st[GET], 1, MF_STR("two"));
	cr_assert(mf_db_step(t.st[GET], NULL) == MF_ENOTFOUND);
	cr_assert(mf_db_step(t.st[GET], NULL) == MF_ENOTFOUND, "was reset, key is NULL now");
	cr_assert(mf_db_step(t.st[ALL], NULL) == MF_OK && mf_db_col_str(t.st[ALL], 0).n == 0);
	cr_assert(mf_db_col_dup(t.st[ALL], 1) == NULL && mf_db_col_blob(t.st[ALL], 1).p == NULL);
	cr_assert(mf_db_step(t.st[ALL], NULL) == MF_OK && mf_db_step(t.st[ALL], NULL) == MF_ENOTFOUND);
	mf_db_bind_str(t.st[PUT], 1, MF_STR("blob"));
	mf_db_bind_blob(t.st[PUT], 2, "\0\xff", 2);
	cr_assert(mf_db_run(t.st[PUT], NULL) == MF_OK);
	mf_db_bind_str(t.st[GET], 1, MF_STR("blob"));
	cr_assert(mf_db_step(t.st[GET], NULL) == MF_OK);
	cr_assert(mf_str_eq(mf_db_col_blob(t.st[GET], 0), (mf_str){"\0\xff", 2}));
	table_close(&t);
}

Test(db, one_bad_statement_fails_the_table, .timeout = 20)
{
	static const char *const bad[] = {"SELECT 1", "SELECT nonsense FROM nowhere"};
	struct table t;
	sqlite3_stmt *st[2];
	mf_err err;

	table_open(&t);
	cr_assert(mf_db_prepare(t.db, bad, st, 2, &err) == MF_EIO && st[0] == NULL && st[1] == NULL);
	cr_assert(strstr(err.text, "SELECT nonsense") != NULL && strstr(err.text, "nowhere") != NULL, "%s", err.text);
	table_close(&t);
}

static mf_code
put_two(void *arg, mf_err *err)
{
	struct table *t = arg;
	mf_code code = put(t, MF_STR("a"), "1", err);

	return code == MF_OK ? put(t, MF_STR("b"), "2", err) : code;
}

static mf_code
put_and_fail(void *arg, mf_err *err)
{
	mf_code code = put_two(arg, err);

	return code == MF_OK ? mf_fail(err, MF_ECANCELED, 0, "changed my mind") : code;
}

Test(db, a_transaction_is_all_or_nothing, .timeout = 20)
{
	struct table t;
	mf_err err;

	table_open(&t);
	cr_assert(mf_db_txn(t.db, put_and_fail, &t, &err) == MF_ECANCELED);
	cr_assert(strcmp(err.text, "changed my mind") == 0);
	cr_assert(pragma(t.db, "SELECT count(*) FROM t") == 0 && sqlite3_get_autocommit(t.db) != 0);
	cr_assert(mf_db_txn(t.db, put_two, &t, NULL) == MF_OK);
	cr_assert(pragma(t.db, "SELECT count(*) FROM t") == 2);
	cr_assert(mf_db_txn(t.db, put_two, &t, NULL) == MF_EEXIST && sqlite3_get_autocommit(t.db) != 0);
	table_close(&t);
}

Test(db, codes, .timeout = 20)
{
	static const struct {
		int rc;
		mf_code code;
	} row[] = {
		{SQLITE_OK, MF_OK},
		{SQLITE_ROW, MF_OK},
		{SQLITE_DONE, MF_OK},
		{SQLITE_BUSY, MF_EBUSY},
		{SQLITE_BUSY_SNAPSHOT, MF_EBUSY},
		{SQLITE_LOCKED, MF_EBUSY},
		{SQLITE_FULL, MF_EFULL},
		{SQLITE_IOERR_FSYNC, MF_EIO},
		{SQLITE_CANTOPEN, MF_EIO},
		{SQLITE_CORRUPT, MF_EFORMAT},
		{SQLITE_NOTADB, MF_EFORMAT},
		{SQLITE_NOMEM, MF_ENOMEM},
		{SQLITE_CONSTRAINT_UNIQUE, MF_EEXIST},
		{SQLITE_MISUSE, MF_EIO},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		cr_assert(mf_db_code(row[i].rc) == row[i].code, "%d", row[i].rc);
}
