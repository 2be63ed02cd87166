/* A folder's databases: directories that we made. */
#include "sync/state_impl.h"

static mf_code
run_dir(struct mf_state *s, enum state_query which, const char *dir, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, which, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, dir);
	return mf_state_run(q, NULL, err);
}

mf_code
mf_state_dir_made(struct mf_state *s, const char *dir, mf_err *err)
{
	return run_dir(s, QUERY_DIR_MADE, dir, err);
}

mf_code
mf_state_dir_forget(struct mf_state *s, const char *dir, mf_err *err)
{
	return run_dir(s, QUERY_DIR_FORGET, dir, err);
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
