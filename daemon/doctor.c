/* Checks of the configuration, the endpoint and the clock. */
#include "daemon/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/db.h"
#include "daemon/endpoint.h"
#include "daemon/files.h"

enum { BUILT_AFTER = 1767225600 }; /* 2026-01-01: no clock of a running program is before */

void
mf_finding_add(mf_findings *all, enum mf_finding_level level, const char *check, const char *fmt, ...)
{
	mf_buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	mf_buf_reserve(&text, (size_t)n + 1);
	va_start(ap, fmt);
	(void)vsnprintf((char *)text.p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	all->row = mf_realloc_array(all->row, all->n + 1, sizeof(*all->row));
	all->row[all->n++] = (mf_finding){level, check, (char *)text.p};
}

void
mf_findings_free(mf_findings *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->row[i].text);
	free(all->row);
	*all = (mf_findings){0};
}

/* Others must not read it. Returns false if something was said. */
static bool
check_mode(const char *path, mf_findings *all)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		if (errno == ENOENT)
			return true;
		mf_finding_add(
			all, MF_FINDING_WRONG, "permissions", "%s cannot be looked at: %s", path, strerror(errno));
		return false;
	}
	if (st.st_uid != geteuid()) {
		mf_finding_add(all, MF_FINDING_WRONG, "permissions",
			"%s belongs to another user; run as the user who owns it", path);
		return false;
	}
	if ((st.st_mode & 077) == 0)
		return true;
	mf_finding_add(all, MF_FINDING_WRONG, "permissions", "other users may read %s; type: chmod go= %s", path, path);
	return false;
}

static void
check_database(const char *path, const char *what, mf_findings *all)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	mf_err err = {.code = MF_OK};
	const char *said = "ok";

	if (mf_db_open_reader(path, 2000, &db, &err) == MF_OK) {
		if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &q, NULL) == SQLITE_OK &&
			sqlite3_step(q) == SQLITE_ROW)
			said = (const char *)sqlite3_column_text(q, 0);
		else
			said = sqlite3_errmsg(db);
	}
	if (err.sys == SQLITE_READONLY_ROLLBACK)
		mf_finding_add(all, MF_FINDING_WRONG, "databases",
			"%s (%s): a change was interrupted; start the daemon, which undoes it", what, path);
	else if (err.code != MF_OK)
		mf_finding_add(all, MF_FINDING_WRONG, "databases", "%s: %s; stop the daemon and restore a copy", what,
			err.text);
	else if (strcmp(said, "ok") == 0)
		mf_finding_add(all, MF_FINDING_OK, "databases", "%s is sound", what);
	else
		mf_finding_add(all, MF_FINDING_WRONG, "databases", "%s (%s): %s; stop the daemon and restore a copy",
			what, path, said);
	(void)sqlite3_finalize(q);
	(void)sqlite3_close(db);
}

static mf_code
check_folder_database(void *arg, const char *name, const char *state_dir, const char *grid)
{
	char *path = mf_path_join(state_dir, "state.sqlite");
	mf_buf what = {0};

	(void)grid;
	mf_buf_addf(&what, "state of folder '%s'", name);
	check_database(path, (const char *)what.p, arg);
	mf_buf_free(&what);
	free(path);
	return MF_OK;
}

void
mf_doctor_files(struct mf_config *c, mf_findings *all)
{
	static const char *const names[] = {
		"", "global.sqlite", "api_token", "private", "private/convergence", "private/secret"};
	char *global = mf_path_join(mf_config_dir(c), "global.sqlite");
	char token[MF_TOKEN_LEN + 1];
	mf_grid_conf conf;
	bool fine = true;
	mf_err err;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *path = mf_path_join(mf_config_dir(c), names[i]);
		fine = check_mode(path, all) && fine;
		free(path);
	}
	if (fine)
		mf_finding_add(all, MF_FINDING_OK, "permissions", "only you can read %s", mf_config_dir(c));
	if (mf_config_token(c, token, &err) != MF_OK || mf_config_grid_conf(c, &conf, &err) != MF_OK)
		mf_finding_add(all, MF_FINDING_WRONG, "secrets", "%s", err.text);
	else
		mf_finding_add(all, MF_FINDING_OK, "secrets", "token, convergence and lease secret are there");
	check_database(global, "the configuration", all);
	(void)mf_config_folders(c, check_folder_database, all, NULL);
	free(global);
}

void
mf_doctor_endpoint(struct mf_config *c, mf_findings *all)
{
	mf_endpoint where;
	mf_err err;

	if (mf_endpoint_server(mf_strz(mf_config_api_endpoint(c)), &where, &err) != MF_OK)
		mf_finding_add(all, MF_FINDING_WRONG, "endpoint", "'%s': %s", mf_config_api_endpoint(c), err.text);
	else if (where.kind != MF_ENDPOINT_UNIX && (where.host[0] == '\0' || strcmp(where.host, "0.0.0.0") == 0))
		mf_finding_add(all, MF_FINDING_NOTE, "endpoint",
			"'%s' listens on every network interface, unencrypted;"
			" add :interface=127.0.0.1 unless that is meant",
			mf_config_api_endpoint(c));
	else
		mf_finding_add(all, MF_FINDING_OK, "endpoint", "%s", mf_config_api_endpoint(c));
}

void
mf_doctor_clock(mf_findings *all)
{
	time_t now = time(NULL);

	if (now < BUILT_AFTER)
		mf_finding_add(all, MF_FINDING_WRONG, "clock", "this machine's clock is years behind; set it");
	else
		mf_finding_add(all, MF_FINDING_OK, "clock", "this machine's clock is plausible");
}
