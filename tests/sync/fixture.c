/* Folders' databases for the tests. */
#define _XOPEN_SOURCE 700 /* nftw() */
#include "tests/sync/fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <sodium.h>
#include <uv.h>

#include "base/base32.h"

const mf_dirwrite fixture_collective = {
	"URI:DIR2:aeotvthibzvyhkgvcj2uvwmoc4:nm2xznszzsaypssjj6cuwynplr7r4udlp3chgev6af45f4xvonha"};
const mf_dirwrite fixture_personal = {
	"URI:DIR2:3kadlrw5fl7ffb5cdt5jai24ji:uu3rwrqjcaqyqd7wtybchxfczqf72p2klfvjxbgorzadtg2lje2q"};

static uv_loop_t loop;

void
fixture_start(struct fixture *f)
{
	mf_err err = {0};
	char name[] = "/tmp/mf-state-XXXXXX";

	cr_assert(sodium_init() >= 0);
	cr_assert(uv_loop_init(&loop) == 0);
	cr_assert(mf_env_real_new(&loop, 0, &f->env, &err) == MF_OK, "%s", err.text);
	cr_assert(mkdtemp(name) != NULL);
	f->dir = mf_strdup(mf_strz(name));
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

void
fixture_end(struct fixture *f)
{
	cr_assert(nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
	free(f->dir);
	mf_env_real_close(f->env, NULL, NULL);
	cr_assert(uv_run(&loop, UV_RUN_DEFAULT) == 0);
	cr_assert(uv_loop_close(&loop) == 0);
}

char *
fixture_path(const struct fixture *f, const char *name)
{
	mf_buf b = {0};

	mf_buf_addf(&b, "%s/%s", f->dir, name);
	return (char *)b.p;
}

void
fixture_create(const struct fixture *f)
{
	mf_err err = {0};
	mf_folder_conf c = {.name = (char *)"f",
		.author = (char *)"laptop",
		.seed = {1, 2, 3},
		.is_admin = true,
		.magic_path = (char *)"/home/user/files",
		.collective_write = fixture_collective,
		.personal = fixture_personal,
		.poll_interval_s = 60,
		.scan_interval_s = 120};

	c.state_dir = f->dir;
	c.stash_path = fixture_path(f, "stash");
	cr_assert(mf_state_create(f->env, &c, &err) == MF_OK, "%s", err.text);
	free(c.stash_path);
}

struct mf_state *
fixture_open(const struct fixture *f)
{
	struct mf_state *s = NULL;
	mf_err err = {0};

	cr_assert(mf_state_open(f->env, f->dir, "f", &s, &err) == MF_OK, "%s", err.text);
	return s;
}

static sqlite3 *
open_outside(const struct fixture *f, const char *name)
{
	char *path = fixture_path(f, name);
	sqlite3 *db = NULL;

	cr_assert(sqlite3_open(path, &db) == SQLITE_OK, "%s", path);
	free(path);
	return db;
}

void
fixture_sql(const struct fixture *f, const char *name, const char *sql)
{
	sqlite3 *db = open_outside(f, name);

	cr_assert(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	cr_assert(sqlite3_close(db) == SQLITE_OK);
}

char *
fixture_ask(const struct fixture *f, const char *name, const char *sql)
{
	sqlite3 *db = open_outside(f, name);
	sqlite3_stmt *q = NULL;
	char *text = NULL;

	cr_assert(sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	if (sqlite3_step(q) == SQLITE_ROW && sqlite3_column_type(q, 0) != SQLITE_NULL)
		text = mf_strdup(mf_strz((const char *)sqlite3_column_text(q, 0)));
	(void)sqlite3_finalize(q);
	cr_assert(sqlite3_close(db) == SQLITE_OK);
	return text;
}

bool
fixture_says(const struct fixture *f, const char *name, const char *sql, const char *want)
{
	char *got = fixture_ask(f, name, sql);
	bool same = want == NULL ? got == NULL : got != NULL && strcmp(got, want) == 0;

	if (!same)
		fprintf(stderr, "%s: got %s, want %s\n", sql, got == NULL ? "NULL" : got, want == NULL ? "NULL" : want);
	free(got);
	return same;
}

static void
copy_one(const struct fixture *from, const struct fixture *to, const char *name)
{
	char *a = fixture_path(from, name), *b = fixture_path(to, name);
	uint8_t block[65536];
	size_t n;

	(void)remove(b);
	FILE *in = fopen(a, "rb");
	if (in != NULL) {
		FILE *out = fopen(b, "wb");
		cr_assert(out != NULL);
		while ((n = fread(block, 1, sizeof(block), in)) > 0)
			cr_assert(fwrite(block, 1, n, out) == n);
		cr_assert(fclose(out) == 0);
		(void)fclose(in);
	}
	free(a);
	free(b);
}

void
fixture_copy(const struct fixture *from, const struct fixture *to)
{
	static const char *const names[] = {"state.sqlite", "state.sqlite-wal", "state.sqlite-shm", "index.sqlite",
		"index.sqlite-wal", "index.sqlite-shm"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strstr(names[i], "-shm") == NULL) {
			copy_one(from, to, names[i]);
		} else {
			char *old = fixture_path(to, names[i]);
			(void)remove(old);
			free(old);
		}
	}
}

/* 26 and 52 characters made from n. */
static void
key_and_hash(unsigned n, char key[27], char hash[53])
{
	uint8_t k[16] = {0}, h[32] = {7};

	memcpy(k, &n, sizeof(n));
	memcpy(h + 1, &n, sizeof(n));
	mf_b32(key, k, sizeof(k));
	mf_b32(hash, h, sizeof(h));
}

mf_immdir
fixture_snap(unsigned n)
{
	mf_immdir cap = {""};
	char key[27], hash[53];

	key_and_hash(n, key, hash);
	(void)snprintf(cap.text, sizeof(cap.text), "URI:DIR2-CHK:%s:%s:1:1:%u", key, hash, 400 + n);
	return cap;
}

mf_filecap
fixture_file(unsigned n)
{
	mf_filecap cap = {""};
	char key[27], hash[53];

	key_and_hash(n, key, hash);
	(void)snprintf(cap.text, sizeof(cap.text), "URI:CHK:%s:%s:1:1:%u", key, hash, 1000 + n);
	return cap;
}
