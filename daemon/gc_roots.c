/* What one configuration reaches directly: its folders' directories, and what their databases name. */
#include "daemon/gc_impl.h"

#include <errno.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/base32.h"
#include "base/db.h"
#include "daemon/files.h"

enum { BUSY_MS = 10000 };

mf_code
gc_secret_of(const char *dir, uint8_t out[32], mf_err *err)
{
	char *path = mf_path_join(dir, "private/secret");
	mf_buf text = {0};
	mf_code rc = mf_file_read(path, 256, &text, err);
	mf_str s = mf_buf_str(&text);

	while (s.n > 0 && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == ' '))
		s.n--;
	if (rc == MF_OK && !mf_unb32_n(out, 32, s))
		rc = mf_fail(err, MF_EFORMAT, 0, "%s does not hold 32 bytes in base32", path);
	mf_buf_wipe_free(&text);
	free(path);
	return rc;
}

/* -- databases ------------------------------------------------------------------------------------------------ */

static mf_code
open_db(const char *path, sqlite3 **out, mf_err *err)
{
	struct stat st;

	*out = NULL;
	if (stat(path, &st) != 0)
		return mf_fail_errno(err, errno, "look at %s", path);
	return mf_db_open_reader(path, BUSY_MS, out, err);
}

/* Whatever looks like a capability in any column of @p table. */
static mf_code
caps_in_table(struct gc_run *r, sqlite3 *db, const char *table, mf_err *err)
{
	char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", table);
	const char *const text = sql;
	sqlite3_stmt *q = NULL;
	mf_code rc = sql == NULL ? mf_fail(err, MF_ENOMEM, 0, "no memory") : mf_db_prepare(db, &text, &q, 1, err);

	while (rc == MF_OK && (rc = mf_db_step(q, err)) == MF_OK)
		for (int i = 0; i < sqlite3_column_count(q); i++) {
			int type = sqlite3_column_type(q, i);
			mf_str s = type == SQLITE_TEXT || type == SQLITE_BLOB ? mf_db_col_blob(q, i) : (mf_str){0};

			if (mf_str_starts(s, MF_STR("URI:")))
				gc_reach(r, s, GC_ROOT);
		}
	mf_db_finalize(&q, 1);
	sqlite3_free(sql);
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}

/* All tables, also those that other versions of this program and of Python's have. */
static mf_code
caps_in(struct gc_run *r, sqlite3 *db, mf_err *err)
{
	const char *sql =
		"SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
	sqlite3_stmt *q = NULL;
	mf_code rc = mf_db_prepare(db, &sql, &q, 1, err);

	while (rc == MF_OK && (rc = mf_db_step(q, err)) == MF_OK) {
		char *name = mf_db_col_dup(q, 0);

		rc = name == NULL ? MF_OK : caps_in_table(r, db, name, err);
		free(name);
	}
	mf_db_finalize(&q, 1);
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}

/* Versions that an index knows: they stay, their contents as the policy says.  A schema that we do not know: all stays. */
static mf_code
index_of(struct gc_run *r, const char *state_dir, mf_err *err)
{
	const char *sql = "SELECT cap, metadata, content FROM snapshots";
	char *path = mf_path_join(state_dir, "index.sqlite");
	sqlite3_stmt *q = NULL;
	sqlite3 *db;
	mf_code rc = open_db(path, &db, err);

	free(path);
	if (rc == MF_ENOTFOUND)
		return MF_OK; /* it can be fetched again, so what it would name is reached without it */
	if (rc == MF_OK && mf_db_prepare(db, &sql, &q, 1, NULL) != MF_OK)
		rc = caps_in(r, db, err);
	while (rc == MF_OK && q != NULL && (rc = mf_db_step(q, err)) == MF_OK) {
		gc_reach(r, mf_db_col_blob(q, 1), GC_INDEX);
		gc_content(r, mf_db_col_blob(q, 0), mf_db_col_blob(q, 2));
	}
	mf_db_finalize(&q, 1);
	(void)sqlite3_close(db);
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}

static mf_code
state_of(struct gc_run *r, const char *state_dir, mf_err *err)
{
	char *path = mf_path_join(state_dir, "state.sqlite");
	sqlite3 *db;
	mf_code rc = open_db(path, &db, err);

	free(path);
	if (rc == MF_OK)
		rc = caps_in(r, db, err);
	(void)sqlite3_close(db);
	return rc;
}

/* -- directories ------------------------------------------------------------------------------------------------ */

/* A participant's directory: every entry is a root. */
static void
personal(struct gc_run *r, const char *folder, mf_str name, mf_str text)
{
	mf_listing dir = {0};
	mf_dirread cap;
	mf_err err;
	mf_code rc = mf_dirread_parse(text, &cap, &err);

	gc_reach(r, text, GC_INDEX);
	if (rc == MF_OK)
		rc = r->grid->ops->list(r->grid, &cap, NULL, NULL, &dir, NULL, &err);
	if (rc != MF_OK) {
		mf_buf what = {0};

		mf_buf_addf(&what, "folder '%s', directory of %.*s", folder, (int)(name.n < 80 ? name.n : 80), name.p);
		gc_damage(r, (char *)what.p, &err);
		mf_buf_free(&what);
		return;
	}
	for (size_t i = 0; i < dir.n; i++)
		gc_reach(r, dir.child[i].ro, GC_ROOT);
	mf_listing_free(&dir);
}

static void
collective(struct gc_run *r, const char *folder, const mf_dirread *cap)
{
	mf_listing dir = {0};
	mf_err err;

	gc_reach(r, mf_strz(cap->text), GC_INDEX);
	if (r->grid->ops->list(r->grid, cap, NULL, NULL, &dir, NULL, &err) != MF_OK) {
		mf_buf what = {0};

		mf_buf_addf(&what, "folder '%s', list of participants", folder);
		gc_damage(r, (char *)what.p, &err);
		mf_buf_free(&what);
		return;
	}
	for (size_t i = 0; i < dir.n; i++) {
		mf_str ro = dir.child[i].ro;

		if (dir.child[i].kind == MF_CAP_DIR2_RO || dir.child[i].kind == MF_CAP_DIR2_CHK ||
			dir.child[i].kind == MF_CAP_DIR2_LIT)
			personal(r, folder, dir.child[i].name, ro);
		else
			gc_reach(r, ro, GC_ROOT); /* @metadata; what we do not know */
	}
	mf_listing_free(&dir);
}

/* Is the folder's grid the store that is looked over? */
static bool
same_store(const struct gc_run *r, const char *url)
{
	struct stat a, b;

	if (strncmp(url, "dir:", 4) != 0)
		return false;
	return strcmp(url + 4, r->conf->store) == 0 ||
		(stat(url + 4, &a) == 0 && stat(r->conf->store, &b) == 0 && a.st_dev == b.st_dev &&
			a.st_ino == b.st_ino);
}

/* A folder elsewhere counts, too, if its list of participants is here: the store may have another path today. */
static mf_code
folder(struct gc_run *r, const char *name, const char *state_dir, const char *url, mf_err *err)
{
	mf_folder_conf conf;
	mf_listing dir = {0};
	mf_code rc = mf_config_folder_conf(name, state_dir, &conf, err);

	if (rc != MF_OK)
		return rc;
	bool here = same_store(r, url) ||
		r->grid->ops->list(r->grid, &conf.collective, NULL, NULL, &dir, NULL, NULL) != MF_ENOTFOUND;
	mf_listing_free(&dir);
	if (here) {
		rc = state_of(r, state_dir, err);
		if (rc == MF_OK)
			rc = index_of(r, state_dir, err);
		if (rc == MF_OK && !conf.read_only) {
			mf_dirread own;

			mf_dirwrite_read(&conf.personal, &own);
			personal(r, name, mf_strz(conf.author), mf_strz(own.text));
		}
		if (rc == MF_OK)
			collective(r, name, &conf.collective);
	}
	mf_folder_conf_clear(&conf);
	return rc;
}

/* -- a configuration ---------------------------------------------------------------------------------------------- */

/* The URL of its default grid on the heap; "" where it says none (Python's). */
static char *
default_grid(sqlite3 *db)
{
	const char *sql = "SELECT value FROM mf_config WHERE key = 'grid'";
	sqlite3_stmt *q = NULL;
	char *url = NULL;

	if (mf_db_prepare(db, &sql, &q, 1, NULL) == MF_OK && mf_db_step(q, NULL) == MF_OK)
		url = mf_db_col_dup(q, 0);
	mf_db_finalize(&q, 1);
	return url != NULL ? url : mf_strdup(MF_STR(""));
}

mf_code
gc_roots_of(struct gc_run *r, const char *dir, mf_err *err)
{
	static const char with_grid[] = "SELECT m.name, m.location, g.grid FROM magic_folders m"
					" LEFT JOIN mf_folder_grid g ON g.name = m.name";
	static const char without[] = "SELECT name, location, NULL FROM magic_folders";
	char *path = mf_path_join(dir, "global.sqlite"), *standard = NULL;
	const char *sql = with_grid;
	sqlite3_stmt *q = NULL;
	sqlite3 *db;
	mf_code rc = open_db(path, &db, err);

	free(path);
	if (rc == MF_OK)
		standard = default_grid(db);
	if (rc == MF_OK && mf_db_prepare(db, &sql, &q, 1, NULL) != MF_OK) {
		sql = without;
		rc = mf_db_prepare(db, &sql, &q, 1, err);
	}
	while (rc == MF_OK && (rc = mf_db_step(q, err)) == MF_OK) {
		char *name = mf_db_col_dup(q, 0), *where = mf_db_col_dup(q, 1), *url = mf_db_col_dup(q, 2);

		if (name != NULL && where != NULL)
			rc = folder(r, name, where, url != NULL ? url : standard, err);
		if (rc == MF_ENOTFOUND)
			rc = MF_EIO; /* not the end of the rows */
		free(name);
		free(where);
		free(url);
	}
	mf_db_finalize(&q, 1);
	(void)sqlite3_close(db);
	free(standard);
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}
