/* magic-folder mailbox */
#include "daemon/mailbox.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/commands/commands.h"
#include "daemon/files.h"

enum {
	O_LISTEN,
	O_STATE,
	O_MEMORY,
	O_CONNECTIONS,
	O_LIST,
	O_MOTD,
	O_ERROR,
	O_LOG,
	O_VERBOSE,
	MAX_CONNECTIONS = 100000
};

static const mf_option options[] = {
	[O_LISTEN] = {"listen", 'l', "ENDPOINT", "where clients connect", "tcp:4000:interface=127.0.0.1"},
	[O_STATE] = {"state", 's', "DIR", "where open mailboxes are kept (default: below)", NULL},
	[O_MEMORY] = {"memory", '\0', NULL, "keep nothing over a restart", NULL},
	[O_CONNECTIONS] = {"connections", '\0', "N", "at once", "500"},
	[O_LIST] = {"list", '\0', NULL, "tell everybody which codes' numbers are in use", NULL},
	[O_MOTD] = {"motd", '\0', "TEXT", "what every client shows first", NULL},
	[O_ERROR] = {"signal-error", '\0', "TEXT", "what every client gives up with", NULL},
	[O_LOG] = {"log-format", '\0', "plain|json", "how log lines look", "plain"},
	[O_VERBOSE] = {"verbose", 'v', NULL, "log more", NULL},
	{0},
};

/* Where state goes when nothing is said; NULL: there is no such place.  On the heap. */
static char *
standard_state(void)
{
	const char *systemd = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (systemd != NULL && systemd[0] == '/')
		return mf_strdup((mf_str){systemd, strcspn(systemd, ":")});
	if (xdg != NULL && xdg[0] == '/')
		return mf_path_join(xdg, "magic-folder/mailbox");
	if (home != NULL && home[0] == '/')
		return mf_path_join(home, ".local/state/magic-folder/mailbox");
	return NULL;
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	mf_log_conf log = {.fd = STDOUT_FILENO, .format = MF_LOG_PLAIN, .least = MF_LOG_INFO};
	mf_mailbox_conf conf = {.core = {.motd = args->value[O_MOTD],
					.error = args->value[O_ERROR],
					.list = args->value[O_LIST] != NULL}};
	char *state = NULL;
	mf_err err;
	mf_code rc;

	if (args->words > 0)
		return mf_cli_usage(cli, "Wrong number of arguments.");
	if (mf_endpoint_server(mf_strz(args->value[O_LISTEN]), &conf.where, &err) != MF_OK)
		return mf_cli_usage(cli, "--listen: %s", err.text);
	if (!mf_positive(args->value[O_CONNECTIONS], MAX_CONNECTIONS, &conf.conns))
		return mf_cli_usage(cli, "--connections is a number from 1 to %d", MAX_CONNECTIONS);
	if (strcmp(args->value[O_LOG], "json") == 0)
		log.format = MF_LOG_JSON;
	else if (strcmp(args->value[O_LOG], "plain") != 0)
		return mf_cli_usage(cli, "--log-format is plain or json");
	if (args->value[O_VERBOSE] != NULL)
		log.least = MF_LOG_DEBUG;
	if (args->value[O_MEMORY] != NULL && args->value[O_STATE] != NULL)
		return mf_cli_usage(cli, "--memory and --state contradict each other");
	if (args->value[O_STATE] != NULL)
		state = mf_path_absolute(args->value[O_STATE]);
	else if (args->value[O_MEMORY] == NULL && (state = standard_state()) == NULL)
		return mf_cli_usage(cli, "there is no home directory: say --state DIR, or --memory");
	mf_log_open(&log);
	rc = mf_mailbox_run(&conf, state, &err);
	mf_log_close();
	free(state);
	return rc == MF_OK ? 0 : mf_cli_fail(cli, "%s", err.text);
}

const mf_command mf_cmd_mailbox = {
	.name = "mailbox",
	.words = "",
	.summary = "Run a mailbox server for magic-wormhole in the foreground",
	.about = "Invitations, and every magic-wormhole program, meet there: 'init --mailbox ws://HOST:4000/v1' uses "
		 "it.\n"
		 "Says 'Mailbox server ready at URL' when clients can connect. Ends on SIGTERM and SIGINT (Ctrl-C); "
		 "open\n"
		 "mailboxes are kept in DIR, by default $STATE_DIRECTORY, else $XDG_STATE_HOME/magic-folder/mailbox, "
		 "else\n"
		 "~/.local/state/magic-folder/mailbox, and clients come back by themselves.\n"
		 "It speaks no TLS: put a proxy in front of it (see the manual page).\n",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_OURS,
};
