/* A folder's config row, read without the engine. */
#include "daemon/config_impl.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/base32.h"
#include "base/db.h"
#include "daemon/files.h"

/* Columns: author_name, author_private_key, stash_path, collective_dircap, upload_dircap, magic_directory,
 * poll_interval, scan_interval. */
static mf_code
fill(sqlite3_stmt *q, mf_folder_conf *out, mf_err *err)
{
	char *key = mf_db_col_dup(q, 1), *collective = mf_db_col_dup(q, 3), *upload = mf_db_col_dup(q, 4);
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	mf_code rc = MF_OK;

	out->author = mf_db_col_dup(q, 0);
	out->stash_path = mf_db_col_dup(q, 2);
	out->magic_path = mf_db_col_dup(q, 5);
	out->poll_interval_s = (unsigned)sqlite3_column_int(q, 6);
	out->scan_interval_s = (unsigned)sqlite3_column_int(q, 7);
	if (key == NULL || !mf_unb32_upper(out->seed, sizeof(out->seed), mf_strz(key)) || collective == NULL ||
		out->author == NULL || out->stash_path == NULL || out->magic_path == NULL)
		rc = mf_fail(err, MF_EFORMAT, 0, "the config row of '%s' is damaged", out->name);
	if (rc == MF_OK) {
		(void)crypto_sign_seed_keypair(out->verify_key, secret, out->seed);
		sodium_memzero(secret, sizeof(secret));
		out->is_admin = mf_dirwrite_parse(mf_strz(collective), &out->collective_write, NULL) == MF_OK;
		if (out->is_admin)
			mf_dirwrite_read(&out->collective_write, &out->collective);
		else
			rc = mf_dirread_parse(mf_strz(collective), &out->collective, err);
	}
	out->read_only = upload == NULL;
	if (rc == MF_OK && upload != NULL)
		rc = mf_dirwrite_parse(mf_strz(upload), &out->personal, err);
	char *const secrets[] = {key, collective, upload};
	for (size_t i = 0; i < 3; i++) {
		if (secrets[i] != NULL)
			sodium_memzero(secrets[i], strlen(secrets[i]));
		free(secrets[i]);
	}
	return rc;
}

mf_code
mf_config_folder_conf(const char *name, const char *state_dir, mf_folder_conf *out, mf_err *err)
{
	const char *sql = "SELECT author_name, author_private_key, stash_path, collective_dircap, upload_dircap,"
			  " magic_directory, poll_interval, scan_interval FROM config";
	char *path = mf_path_join(state_dir, "state.sqlite");
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	mf_code rc = mf_db_open_reader(path, 0, &db, err);

	if (rc == MF_OK)
		rc = mf_db_prepare(db, &sql, &q, 1, err);
	memset(out, 0, sizeof(*out));
	out->name = mf_strdup(mf_strz(name));
	out->state_dir = mf_strdup(mf_strz(state_dir));
	if (rc == MF_OK)
		rc = mf_db_step(q, err);
	if (rc == MF_ENOTFOUND)
		rc = mf_fail(err, MF_EFORMAT, 0, "%s has no config row", path);
	if (rc == MF_OK)
		rc = fill(q, out, err);
	mf_db_finalize(&q, 1);
	(void)sqlite3_close(db);
	free(path);
	if (rc != MF_OK)
		mf_folder_conf_clear(out);
	return rc;
}
