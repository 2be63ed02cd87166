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

/** Make DIR/private and the secrets in it unless they are there. */
mf_code mf_config_make_secrets(const char *dir, mf_err *err);
mf_code mf_config_make_token(const char *dir, mf_err *err);

#endif
