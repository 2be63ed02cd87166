/* A folder's databases: directories that are on devices of their own. */
#include "sync/state/impl.h"

mf_code
mf_state_mount_put(struct mf_state *s, const char *dir, uint64_t dev, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_MOUNT_PUT, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, dir);
	mf_bind_int(q, 2, (int64_t)dev);
	return mf_state_run(q, NULL, err);
}

mf_code
mf_state_mount_drop(struct mf_state *s, const char *dir, mf_err *err)
{
	return mf_state_run_text(s, QUERY_MOUNT_DROP, dir, err);
}

mf_code
mf_state_mount_each(
	struct mf_state *s, mf_code (*each)(void *arg, const char *dir, uint64_t dev), void *arg, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_MOUNT_EACH, &q, err);

	if (rc != MF_OK)
		return rc;
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row)
		if ((rc = each(arg, (const char *)sqlite3_column_text(q, 0), (uint64_t)sqlite3_column_int64(q, 1))) !=
			MF_OK)
			break;
	mf_db_reset(q);
	return rc;
}
