/* Databases of the production environment. */
#include <config.h> /* _GNU_SOURCE */

#include "base/env_real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/db.h"

#define DB_PATH_MAX 4096 /* with "-wal" */

static bool
beside(char out[DB_PATH_MAX], const char *abspath, const char *suffix)
{
	int n = snprintf(out, DB_PATH_MAX, "%s%s", abspath, suffix);

	return n > 0 && n < DB_PATH_MAX;
}

/* Takes group's and others' rights away.  By name and never by descriptor: closing any descriptor of a
 * database file drops the locks that SQLite holds on it for the whole process (POSIX). */
static int
make_private(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return errno == ENOENT ? 0 : errno;
	if ((st.st_mode & 077) == 0)
		return 0;
	return chmod(path, st.st_mode & 0700) == 0 ? 0 : errno;
}

/* An empty file is an empty database.  SQLite gives -wal and -shm the mode of the database, but those left by
 * another program have its mode. */
static mf_code
prepare_files(const char *abspath, mf_err *err)
{
	char side[DB_PATH_MAX];
	int fd = open(abspath, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)close(fd); /* new: nobody holds locks on it */
	else if (errno != EEXIST)
		return mf_fail_errno(err, errno, "create database %.100s", abspath);
	int sys = make_private(abspath);
	if (sys == 0 && beside(side, abspath, "-wal"))
		sys = make_private(side);
	if (sys == 0 && beside(side, abspath, "-shm"))
		sys = make_private(side);
	if (sys != 0)
		return mf_fail_errno(err, sys, "mode of database %.100s", abspath);
	return MF_OK;
}

static mf_code
connect_to(const char *abspath, sqlite3 **out, mf_err *err)
{
	/* NOMUTEX: one connection is used by one thread. */
	int rc = sqlite3_open_v2(
		abspath, out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);

	if (rc != SQLITE_OK) {
		mf_code code = mf_db_fail(err, *out, rc, "open database");

		(void)sqlite3_close(*out);
		*out = NULL;
		return code;
	}
	(void)sqlite3_db_config(*out, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	(void)sqlite3_db_config(*out, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	(void)sqlite3_db_config(*out, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL);
	(void)sqlite3_db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return MF_OK;
}

static mf_code
use_wal(sqlite3 *db, mf_err *err)
{
	sqlite3_stmt *st = NULL;
	static const char *const sql = "PRAGMA journal_mode=WAL";
	mf_code code = mf_db_prepare(db, &sql, &st, 1, err);

	if (code == MF_OK)
		code = mf_db_step(st, err);
	if (code == MF_OK && !mf_str_eq(mf_db_col_str(st, 0), MF_STR("wal")))
		code = mf_fail(err, MF_EUNSUPPORTED, 0, "the file system cannot hold a database in WAL mode");
	mf_db_finalize(&st, 1);
	return code;
}

mf_code
mf_real_db_open(struct mf_env *env, const char *abspath, sqlite3 **out, mf_err *err)
{
	(void)env;
	*out = NULL;
	mf_code code = prepare_files(abspath, err);
	if (code == MF_OK)
		code = connect_to(abspath, out, err);
	if (code != MF_OK)
		return code;
	code = use_wal(*out, err);
	if (code == MF_OK) /* a cache of 1 MiB: there are two databases for each folder */
		code = mf_db_exec(*out,
			"PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0; "
			"PRAGMA busy_timeout=0; PRAGMA cache_size=-1024",
			err);
	if (code != MF_OK) {
		(void)sqlite3_close(*out);
		*out = NULL;
	}
	return code;
}

mf_code
mf_real_db_sync(struct mf_env *env, const char *abspath, mf_err *err)
{
	char wal[DB_PATH_MAX];

	(void)env;
	if (!beside(wal, abspath, "-wal"))
		return mf_fail(err, MF_EINVAL, 0, "database path too long");
	/* Closing this descriptor does no harm: the locks of a WAL database are on its -shm. */
	int fd = open(wal, O_RDWR | O_CLOEXEC);
	if (fd < 0) /* none: nothing was committed since the last checkpoint, and that synced */
		return errno == ENOENT ? MF_OK : mf_fail_errno(err, errno, "open %.100s", wal);
	int sys = fdatasync(fd) == 0 ? 0 : errno;
	(void)close(fd);
	return sys == 0 ? MF_OK : mf_fail_errno(err, sys, "sync %.100s", wal);
}

mf_code
mf_real_db_checkpoint(struct mf_env *env, const char *abspath, mf_err *err)
{
	int64_t version;
	sqlite3 *db;
	mf_code code = connect_to(abspath, &db, err);

	(void)env;
	if (code != MF_OK)
		return code;
	/* A connection that has read nothing does not know yet that there is a WAL, and would do nothing. */
	code = mf_db_int(db, "PRAGMA schema_version", &version, err);
	if (code == MF_OK) {
		int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

		if (rc != SQLITE_OK)
			code = mf_db_fail(err, db, rc, "checkpoint");
	}
	(void)sqlite3_close(db);
	return code;
}
