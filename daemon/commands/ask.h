/** @file
 * How client commands talk to the daemon, and how they report what it says (cli.md 1). */
#ifndef MF_DAEMON_COMMANDS_ASK_H
#define MF_DAEMON_COMMANDS_ASK_H

#include <jansson.h>

#include "daemon/cli.h"

/** What to ask.  @p folder goes, encoded, between "/v1/magic-folder/" and @p rest; with folder NULL @p rest is the
 *  whole path. */
typedef struct mf_ask {
	const char *method;
	const char *folder, *rest;
	json_t *body; /**< stolen; NULL: none */
} mf_ask;

/** What came back. */
typedef struct mf_answer {
	unsigned status;
	json_t *json;    /**< the body; freed with json_decref() */
	int exit_status; /**< 0: 200 or 201 came; otherwise everything has been printed */
} mf_answer;

/** Ask the daemon.  Prints what went wrong: daemon not running, unreachable, or an API error with @p hint (may be
 *  NULL) as a line after it for status 409. */
mf_answer mf_ask_daemon(struct mf_cli *cli, mf_ask ask, const char *hint);

/** Print as JSON with @p indent and a newline. */
void mf_print_json(const json_t *value, unsigned indent);

#endif
