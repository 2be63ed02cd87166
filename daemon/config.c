/* global.sqlite. */
#include "daemon/config_impl.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/db.h"
#include "daemon/endpoint.h"
#include "daemon/files.h"
#include "daemon/leftovers.h"

/* Python's upgrades, one per version number (datamodel-and-sync.md 6.2). */
static const char *const upgrades[MF_CONFIG_VERSION] = {
	"CREATE TABLE magic_folders (name TEXT PRIMARY KEY, location TEXT);"
	"CREATE TABLE config (api_endpoint TEXT, tahoe_node_directory TEXT, api_client_endpoint TEXT);"
	"PRAGMA user_version = 1",
	"CREATE TABLE features (name TEXT, enabled BOOL);"
	"PRAGMA user_version = 2",
	"ALTER TABLE config ADD COLUMN wormhole_uri TEXT;"
	"UPDATE config SET wormhole_uri = '" MF_DEFAULT_MAILBOX "';"
	"PRAGMA user_version = 3",
};

/* Ours; Python does not look at them. */
static const char own_tables[] =
	"CREATE TABLE IF NOT EXISTS mf_config (key TEXT PRIMARY KEY, value TEXT) STRICT;"
	"CREATE TABLE IF NOT EXISTS mf_folder_grid (name TEXT PRIMARY KEY, grid TEXT NOT NULL) STRICT";
static const char has_own_tables[] =
	"SELECT count(*) = 2 FROM sqlite_schema WHERE type = 'table' AND name IN ('mf_config', 'mf_folder_grid')";

/* Run a statement without rows; up to three text parameters (NULL = SQL NULL). */
static mf_code
run(sqlite3 *db, const char *sql, const char *const text[], int n, mf_err *err)
{
	sqlite3_stmt *q = NULL;
	mf_code rc = mf_db_prepare(db, &sql, &q, 1, err);

	if (rc != MF_OK)
		return rc;
	for (int i = 0; i < n; i++)
		mf_db_bind_text(q, i + 1, text[i]);
	rc = mf_db_run(q, err);
	mf_db_finalize(&q, 1);
	return rc;
}

/* First column of the first row on the heap; NULL for no row, NULL, or a failure. */
static char *
one_text(sqlite3 *db, const char *sql, mf_code *rc, mf_err *err)
{
	sqlite3_stmt *q = NULL;
	char *out = NULL;

	*rc = mf_db_prepare(db, &sql, &q, 1, err);
	if (*rc == MF_OK)
		*rc = mf_db_step(q, err);
	if (*rc == MF_OK)
		out = mf_db_col_dup(q, 0);
	else if (*rc == MF_ENOTFOUND)
		*rc = MF_OK;
	mf_db_finalize(&q, 1);
	return out;
}

struct upgrade {
	sqlite3 *db;
	int64_t from;
};

static mf_code
run_upgrades(void *arg, mf_err *err)
{
	struct upgrade *u = arg;
	mf_code rc = MF_OK;

	for (int64_t v = u->from; v < MF_CONFIG_VERSION && rc == MF_OK; v++)
		rc = mf_db_exec(u->db, upgrades[v], err);
	return rc == MF_OK ? mf_db_exec(u->db, own_tables, err) : rc;
}

/* Missing upgrades in one transaction; a newer file is refused before anything is written. */
static mf_code
upgrade(sqlite3 *db, const char *path, mf_err *err)
{
	struct upgrade u = {.db = db};
	mf_code rc = mf_db_int(db, "PRAGMA user_version", &u.from, err);

	if (rc != MF_OK)
		return rc;
	if (u.from < 0 || u.from > MF_CONFIG_VERSION)
		return mf_fail(err, MF_EUNSUPPORTED, 0, "%s has schema version %lld, this program knows up to %d", path,
			(long long)u.from, MF_CONFIG_VERSION);
	if (u.from == MF_CONFIG_VERSION) { /* who only reads need not wait for who writes */
		int64_t own;
		rc = mf_db_int(db, has_own_tables, &own, err);
		if (rc != MF_OK || own != 0)
			return rc;
	}
	return mf_db_txn(db, run_upgrades, &u, err);
}

static mf_code
open_db(const char *path, int flags, unsigned busy_ms, sqlite3 **out, mf_err *err)
{
	int got = sqlite3_open_v2(path, out, flags, NULL);
	mf_code rc;

	if (got != SQLITE_OK) {
		rc = mf_db_fail(err, *out, got, path);
	} else {
		(void)sqlite3_busy_timeout(*out, (int)busy_ms);
		/* foreign keys stay off (Python's schema needs it); switching to WAL waits for other users */
		rc = mf_db_exec(
			*out, "PRAGMA foreign_keys = OFF; PRAGMA synchronous = NORMAL; PRAGMA journal_mode = WAL", err);
	}
	if (rc != MF_OK) {
		(void)sqlite3_close(*out);
		*out = NULL;
	}
	return rc;
}

static mf_code
fill_new(const char *path, const mf_config_new *what, const char *client, mf_err *err)
{
	const char *const row[] = {what->api_endpoint, what->node_directory, client};
	const char *const mailbox[] = {what->mailbox != NULL ? what->mailbox : MF_DEFAULT_MAILBOX};
	const char *const grid[] = {what->grid};
	sqlite3 *db = NULL;
	mf_code rc = open_db(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, 1000, &db, err);

	if (rc == MF_OK)
		rc = upgrade(db, path, err);
	if (rc == MF_OK)
		rc = run(db,
			"INSERT INTO config (api_endpoint, tahoe_node_directory, api_client_endpoint)"
			" VALUES (?, ?, ?)",
			row, 3, err);
	if (rc == MF_OK)
		rc = run(db, "UPDATE config SET wormhole_uri = ?", mailbox, 1, err);
	if (rc == MF_OK)
		rc = run(db, "INSERT INTO mf_config (key, value) VALUES ('grid', ?)", grid, 1, err);
	(void)sqlite3_close(db);
	return rc;
}

static mf_code
write_readme(const char *where, const char *dir, mf_err *err)
{
	mf_buf text = {0};
	char *path = mf_path_join(where, "README");
	mf_code rc;

	mf_buf_addf(&text,
		"This is the configuration directory of a Magic Folder daemon.\n\n"
		"It holds secret keys and capabilities: keep it private and keep a copy.\n\nTo see what can be done, "
		"type:\n\n"
		"    magic-folder --config %s --help\n",
		dir);
	rc = mf_file_create(path, mf_buf_str(&text), 0600, err);
	free(path);
	mf_buf_free(&text);
	return rc;
}

/* All that a new configuration has; @p dir is its name to be. */
static mf_code
fill_dir(const char *tmp, const char *dir, const mf_config_new *what, const char *client, mf_err *err)
{
	char *path = mf_path_join(tmp, "global.sqlite");
	mf_code rc = write_readme(tmp, dir, err);

	if (rc == MF_OK)
		rc = fill_new(path, what, client, err);
	if (rc == MF_OK)
		rc = mf_config_make_secrets(tmp, err);
	if (rc == MF_OK)
		rc = mf_config_make_token(tmp, err);
	free(path);
	return rc;
}

/* What was left of it by others that were killed while they made it. */
static void
sweep_beside(const char *dir)
{
	char *parent = mf_strdup(mf_strz(dir)), *slash = strrchr(parent, '/');
	mf_buf prefix = {0};

	mf_buf_addf(&prefix, "%s.", slash != NULL ? slash + 1 : dir);
	if (slash != NULL)
		*slash = '\0';
	mf_leftovers_tmp(slash == NULL ? "." : *parent == '\0' ? "/" : parent, (const char *)prefix.p);
	mf_buf_free(&prefix);
	free(parent);
}

mf_code
mf_config_create(const char *dir, const mf_config_new *what, mf_err *err)
{
	char client[MF_ENDPOINT_TEXT_MAX];
	struct stat st;
	mode_t old;
	mf_code rc;

	if (lstat(dir, &st) == 0)
		return mf_fail(err, MF_EEXIST, 0, "Directory '%s' already exists", dir);
	if (what->client_endpoint != NULL)
		(void)snprintf(client, sizeof(client), "%s", what->client_endpoint);
	else if ((rc = mf_endpoint_derive(mf_strz(what->api_endpoint), client, err)) != MF_OK)
		return rc;
	mf_buf tmp = {0};
	mf_buf_addf(&tmp, "%s.%ld.tmp", dir, (long)getpid());
	sweep_beside(dir);
	rc = mf_mkdir_all((const char *)tmp.p, 0700, err);
	old = umask(077); /* sqlite makes its files 0644 less the mask */
	if (rc == MF_OK)
		rc = fill_dir((const char *)tmp.p, dir, what, client[0] != '\0' ? client : NULL, err);
	(void)umask(old);
	if (rc == MF_OK && rename((const char *)tmp.p, dir) != 0)
		rc = mf_fail_errno(err, errno, "make %s", dir);
	if (rc != MF_OK)
		(void)mf_remove_tree((const char *)tmp.p, NULL);
	mf_buf_free(&tmp);
	return rc;
}

static mf_code
load(struct mf_config *c, mf_err *err)
{
	mf_code rc;

	c->api_endpoint = one_text(c->db, "SELECT api_endpoint FROM config", &rc, err);
	if (rc == MF_OK)
		c->node_directory = one_text(c->db, "SELECT tahoe_node_directory FROM config", &rc, err);
	if (rc == MF_OK && c->api_endpoint == NULL)
		rc = mf_fail(err, MF_EFORMAT, 0, "%s/global.sqlite has no API endpoint", c->dir);
	if (rc == MF_OK)
		c->grid = one_text(c->db, "SELECT value FROM mf_config WHERE key = 'grid'", &rc, err);
	if (rc == MF_OK && c->grid == NULL) { /* made by the Python program */
		mf_buf url = {0};
		mf_buf_addf(&url, "node:%s", c->node_directory != NULL ? c->node_directory : "");
		c->grid = (char *)url.p;
	}
	return rc;
}

mf_code
mf_config_open(const char *dir, unsigned busy_ms, unsigned later_ms, struct mf_config **out, mf_err *err)
{
	char *path = mf_path_join(dir, "global.sqlite");
	struct mf_config *c = mf_alloc(sizeof(*c));
	struct stat st;
	mf_code rc;

	*out = NULL;
	c->dir = mf_strdup(mf_strz(dir));
	if (stat(path, &st) != 0)
		rc = errno == ENOENT || errno == ENOTDIR
			? mf_fail(err, MF_ENOTFOUND, errno, "'%s' doesn't exist.", path)
			: mf_fail_errno(err, errno, "open %s", path);
	else
		rc = open_db(path, SQLITE_OPEN_READWRITE, busy_ms, &c->db, err);
	if (rc == MF_OK)
		rc = upgrade(c->db, path, err);
	if (rc == MF_OK)
		rc = load(c, err);
	if (rc == MF_OK)
		(void)sqlite3_busy_timeout(c->db, (int)later_ms);
	free(path);
	if (rc != MF_OK) {
		mf_config_close(c);
		return rc;
	}
	*out = c;
	return MF_OK;
}

void
mf_config_close(struct mf_config *c)
{
	if (c == NULL)
		return;
	(void)sqlite3_close(c->db);
	free(c->dir);
	free(c->api_endpoint);
	free(c->node_directory);
	free(c->grid);
	free(c);
}

const char *
mf_config_dir(const struct mf_config *c)
{
	return c->dir;
}

const char *
mf_config_api_endpoint(const struct mf_config *c)
{
	return c->api_endpoint;
}

const char *
mf_config_node_directory(const struct mf_config *c)
{
	return c->node_directory;
}

const char *
mf_config_grid(const struct mf_config *c)
{
	return c->grid;
}

char *
mf_config_mailbox(struct mf_config *c)
{
	mf_code rc;
	return one_text(c->db, "SELECT wormhole_uri FROM config", &rc, NULL);
}

char *
mf_config_client_endpoint_column(struct mf_config *c)
{
	mf_code rc;
	return one_text(c->db, "SELECT api_client_endpoint FROM config", &rc, NULL);
}

mf_code
mf_config_set_client_endpoint(struct mf_config *c, const char *endpoint, mf_err *err)
{
	char *path = mf_path_join(c->dir, "api_client_endpoint");
	const char *const row[] = {endpoint};
	mf_buf text = {0};
	mf_code rc, db;

	mf_buf_addf(&text, "%s\n", endpoint != NULL ? endpoint : "not running");
	rc = mf_file_replace(path, mf_buf_str(&text), 0600, err);
	mf_buf_free(&text);
	free(path);
	db = run(c->db, "UPDATE config SET api_client_endpoint = ?", row, 1, rc == MF_OK ? err : NULL);
	return rc != MF_OK ? rc : db;
}

mf_code
mf_config_folders(struct mf_config *c, mf_config_folder_each *each, void *arg, mf_err *err)
{
	/* TEXT compares by its UTF-8 bytes, which is code point order */
	const char *sql = "SELECT m.name, m.location, g.grid FROM magic_folders m"
			  " LEFT JOIN mf_folder_grid g ON g.name = m.name ORDER BY m.name";
	sqlite3_stmt *q = NULL;
	mf_code rc = mf_db_prepare(c->db, &sql, &q, 1, err);

	while (rc == MF_OK && (rc = mf_db_step(q, err)) == MF_OK) {
		char *name = mf_db_col_dup(q, 0), *location = mf_db_col_dup(q, 1), *grid = mf_db_col_dup(q, 2);
		if (name != NULL && location != NULL)
			rc = each(arg, name, location, grid != NULL ? grid : c->grid);
		free(name);
		free(location);
		free(grid);
	}
	mf_db_finalize(&q, 1);
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}

/* What a transaction about one folder needs. */
struct folder_row {
	sqlite3 *db;
	const char *name, *state_dir, *grid;
};

static mf_code
insert_folder(void *arg, mf_err *err)
{
	const struct folder_row *f = arg;
	const char *const folder[] = {f->name, f->state_dir}, *const own[] = {f->name, f->grid};
	mf_code rc = run(f->db, "INSERT INTO magic_folders (name, location) VALUES (?, ?)", folder, 2, err);

	if (rc == MF_EEXIST)
		return mf_fail(err, MF_EEXIST, 0, "Already have a magic-folder named '%s'", f->name);
	if (rc == MF_OK && f->grid != NULL)
		rc = run(f->db, "INSERT OR REPLACE INTO mf_folder_grid (name, grid) VALUES (?, ?)", own, 2, err);
	return rc;
}

static mf_code
delete_folder(void *arg, mf_err *err)
{
	const struct folder_row *f = arg;
	mf_code rc = run(f->db, "DELETE FROM magic_folders WHERE name = ?", &f->name, 1, err);

	return rc == MF_OK ? run(f->db, "DELETE FROM mf_folder_grid WHERE name = ?", &f->name, 1, err) : rc;
}

mf_code
mf_config_folder_add(struct mf_config *c, const char *name, const char *state_dir, const char *grid, mf_err *err)
{
	struct folder_row f = {c->db, name, state_dir, grid};

	return mf_db_txn(c->db, insert_folder, &f, err);
}

mf_code
mf_config_folder_remove(struct mf_config *c, const char *name, mf_err *err)
{
	struct folder_row f = {.db = c->db, .name = name};

	return mf_db_txn(c->db, delete_folder, &f, err);
}
