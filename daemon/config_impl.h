/** @file
 * Inside of the configuration, shared by config*.c only. */
#ifndef MF_DAEMON_CONFIG_IMPL_H
#define MF_DAEMON_CONFIG_IMPL_H

#include "daemon/config.h"

struct mf_config {
	char *dir;
	sqlite3 *db;
	char *api_endpoint, *node_directory, *grid;
};

/** sqlite's last error as ours: busy and locked are MF_EBUSY, a full disk MF_EFULL, the rest MF_EIO. */
mf_code mf_config_db_fail(sqlite3 *db, mf_err *err, const char *what);
/** Copy of a column's text or blob; NULL for NULL. */
char *mf_config_column(sqlite3_stmt *q, int i);
/** Make DIR/private and the secrets in it unless they are there. */
mf_code mf_config_make_secrets(const char *dir, mf_err *err);
mf_code mf_config_make_token(const char *dir, mf_err *err);

#endif
