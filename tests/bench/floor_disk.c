/* Shares on disk, and the rows beside them. */
#define _GNU_SOURCE
#include "tests/bench/floor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
write_all(int fd, const void *p, size_t n)
{
	if (write(fd, p, n) != (ssize_t)n)
		die("write: %s", strerror(errno));
}

static void
make_dir(struct store *s, const char *si)
{
	char dir[40];

	snprintf(dir, sizeof(dir), "%.2s/%s", si, si);
	if (mkdirat(s->fd, dir, 0700) == 0 || errno == EEXIST)
		return;
	dir[2] = '\0';
	if (mkdirat(s->fd, dir, 0700) != 0 && errno != EEXIST)
		die("mkdir %s: %s", dir, strerror(errno));
	dir[2] = '/';
	if (mkdirat(s->fd, dir, 0700) != 0 && errno != EEXIST)
		die("mkdir %s: %s", dir, strerror(errno));
}

void
store_put(struct store *s, const char *si, const void *p, size_t n)
{
	char path[48], proc[40];
	int fd;

	make_dir(s, si);
	snprintf(path, sizeof(path), "%.2s/%s", si, si);
	fd = openat(s->fd, path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		die("O_TMPFILE: %s", strerror(errno));
	write_all(fd, p, n);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	snprintf(path, sizeof(path), "%.2s/%s/0", si, si);
	if (linkat(AT_FDCWD, proc, s->fd, path, AT_SYMLINK_FOLLOW) != 0 && errno != EEXIST)
		die("link %s: %s", path, strerror(errno));
	close(fd);
}

void
store_replace(struct store *s, const char *si, const void *p, size_t n)
{
	char path[48], temp[48];
	int fd;

	make_dir(s, si);
	snprintf(path, sizeof(path), "%.2s/%s/0", si, si);
	snprintf(temp, sizeof(temp), "%.2s/%s/new", si, si);
	fd = openat(s->fd, temp, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		die("%s: %s", temp, strerror(errno));
	write_all(fd, p, n);
	if (s->durable && fsync(fd) != 0)
		die("fsync: %s", strerror(errno));
	close(fd);
	if (renameat(s->fd, temp, s->fd, path) != 0)
		die("rename: %s", strerror(errno));
}

size_t
store_get(struct store *s, const char *si, void *out, size_t max)
{
	char path[48];
	int fd;
	size_t n = 0;
	ssize_t got;

	snprintf(path, sizeof(path), "%.2s/%s/0", si, si);
	fd = openat(s->fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while ((got = read(fd, (char *)out + n, max - n)) > 0)
		n += (size_t)got;
	close(fd);
	return n;
}

void
store_sync(struct store *s)
{
	if (s->durable && syncfs(s->fd) != 0)
		die("syncfs: %s", strerror(errno));
}

static const char schema[] =
	"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0;"
	"CREATE TABLE local(path TEXT PRIMARY KEY, cap TEXT, a INTEGER, b INTEGER);"
	"CREATE TABLE parent(path TEXT PRIMARY KEY, cap TEXT, a INTEGER, b INTEGER);"
	"CREATE TABLE intent(path TEXT PRIMARY KEY, cap TEXT, a INTEGER, b INTEGER);"
	"CREATE TABLE snapshot(cap TEXT PRIMARY KEY, path TEXT, a INTEGER, b INTEGER) WITHOUT ROWID;"
	"CREATE TABLE current(path TEXT PRIMARY KEY, cap TEXT, a INTEGER, b INTEGER);"
	"CREATE TABLE ours(path TEXT PRIMARY KEY, cap TEXT, a INTEGER, b INTEGER);";

static const char *const statements[9] = {
	"INSERT INTO local VALUES(?1, ?2, ?3, ?4)",
	"INSERT INTO parent VALUES(?1, ?2, ?3, ?4)",
	"INSERT INTO intent VALUES(?1, ?2, ?3, ?4)",
	"UPDATE local SET cap = ?2, a = ?3, b = ?4 WHERE path = ?1",
	"INSERT INTO snapshot VALUES(?2, ?1, ?3, ?4)",
	"INSERT OR REPLACE INTO ours VALUES(?1, ?2, ?3, ?4)",
	"INSERT OR REPLACE INTO current VALUES(?1, ?2, ?3, ?4)",
	"DELETE FROM local WHERE path = ?1",
	"DELETE FROM intent WHERE path = ?1",
};

void
rows_open(struct rows *r, const char *path)
{
	if (sqlite3_open(path, &r->db) != SQLITE_OK || sqlite3_exec(r->db, schema, NULL, NULL, NULL) != SQLITE_OK)
		die("%s: %s", path, sqlite3_errmsg(r->db));
	for (int i = 0; i < 9; i++)
		if (sqlite3_prepare_v3(r->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &r->st[i], NULL) !=
			SQLITE_OK)
			die("%s", sqlite3_errmsg(r->db));
}

void
rows_close(struct rows *r)
{
	for (int i = 0; i < 9; i++)
		sqlite3_finalize(r->st[i]);
	sqlite3_close(r->db);
}

void
rows_begin(struct rows *r)
{
	if (sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		die("begin: %s", sqlite3_errmsg(r->db));
}

void
rows_commit(struct rows *r)
{
	if (sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		die("commit: %s", sqlite3_errmsg(r->db));
}

void
rows_put(struct rows *r, int statement, const char *path, const char *cap, int64_t a, int64_t b)
{
	sqlite3_stmt *st = r->st[statement];

	sqlite3_bind_text(st, 1, path, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, cap, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, a);
	sqlite3_bind_int64(st, 4, b);
	if (sqlite3_step(st) != SQLITE_DONE)
		die("row: %s", sqlite3_errmsg(r->db));
	sqlite3_reset(st);
}
