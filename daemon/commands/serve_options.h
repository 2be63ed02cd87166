/** @file
 * What `serve` and `run --serve` have in common. */
#ifndef MF_DAEMON_COMMANDS_SERVE_OPTIONS_H
#define MF_DAEMON_COMMANDS_SERVE_OPTIONS_H

#include "daemon/cli.h"
#include "daemon/gbs.h"

/** What was said on the command line; NULL where nothing was. */
typedef struct mf_serve_words {
	const char *listen, *location, *reserve;
} mf_serve_words;

/** @param where  filled in and lent to @p out.  @return 0, or the exit status of wrong usage, printed. */
int mf_serve_options(struct mf_cli *cli, const mf_serve_words *words, mf_endpoint *where, mf_gbs_conf *out);

#endif
