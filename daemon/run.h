/** @file
 * The daemon's life: the order of things of cli.md section 4. */
#ifndef MF_DAEMON_RUN_H
#define MF_DAEMON_RUN_H

#include "base/log.h"
#include "daemon/config.h"
#include "daemon/gbs.h"

typedef struct mf_daemon_conf {
	struct mf_config *config; /**< whose folders to keep and whose API to offer; NULL: none */
	const mf_gbs_conf *serve; /**< a store to serve to other machines; NULL: none */
	enum mf_log_level least;
	enum mf_log_format format;
} mf_daemon_conf;

/** Run until SIGTERM, SIGINT, or the end of standard input if that is a pipe or a socket.  MF_OK: an orderly
 *  end.  Otherwise *err says why it did not start.  Logs to standard output.  Blocks. */
mf_code mf_daemon_run(const mf_daemon_conf *conf, mf_err *err);

#endif
