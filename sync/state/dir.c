/* A folder's databases: the user's directory, and directories that we made in it. */
#include "sync/state/impl.h"

mf_code
mf_state_dir_made(struct mf_state *s, const char *dir, mf_err *err)
{
	return mf_state_run_text(s, QUERY_DIR_MADE, dir, err);
}

mf_code
mf_state_dir_forget(struct mf_state *s, const char *dir, mf_err *err)
{
	return mf_state_run_text(s, QUERY_DIR_FORGET, dir, err);
}

mf_code
mf_state_dir_ours(struct mf_state *s, const char *dir, bool *ours, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_DIR_OURS, &q, err);

	*ours = false;
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, dir);
	rc = mf_state_step(q, ours, err);
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_root_get(struct mf_state *s, uint64_t *ino, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_ROOT_GET, &q, err);

	*ino = 0;
	if (rc != MF_OK)
		return rc;
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK && row)
		*ino = (uint64_t)sqlite3_column_int64(q, 0);
	mf_db_reset(q);
	return rc != MF_OK || row ? rc : MF_ENOTFOUND;
}

mf_code
mf_state_root_put(struct mf_state *s, uint64_t ino, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	rc = mf_state_query(s, QUERY_ROOT_DROP, &q, err);
	if (rc == MF_OK)
		rc = mf_state_run(q, NULL, err);
	if (rc == MF_OK)
		rc = mf_state_query(s, QUERY_ROOT_PUT, &q, err);
	if (rc == MF_OK) {
		mf_bind_int(q, 1, (int64_t)ino);
		rc = mf_state_run(q, NULL, err);
	}
	return mf_state_end(s, rc, err);
}
