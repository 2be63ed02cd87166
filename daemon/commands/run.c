/* magic-folder run */
#include "daemon/run.h"
#include "daemon/commands/commands.h"

enum { O_LOG, O_VERBOSE };

static const mf_option options[] = {
	[O_LOG] = {"log-format", '\0', "plain|json", "how log lines look", "plain"},
	[O_VERBOSE] = {"verbose", 'v', NULL, "log more", NULL},
	{0},
};

static int
run(struct mf_cli *cli, const mf_args *args)
{
	enum mf_log_level least = args->value[O_VERBOSE] != NULL ? MF_LOG_DEBUG : MF_LOG_INFO;
	bool json = strcmp(args->value[O_LOG], "json") == 0;
	mf_err err;

	if (!json && strcmp(args->value[O_LOG], "plain") != 0)
		return mf_cli_usage(cli, "--log-format is plain or json");
	if (!mf_cli_config_for_loop(cli))
		return cli->program->failure;
	if (mf_daemon_run(cli->config, least, json ? MF_LOG_JSON : MF_LOG_PLAIN, &err) != MF_OK)
		return mf_cli_fail(cli, "%s", err.text);
	return 0;
}

const mf_command mf_cmd_run = {
	.name = "run",
	.words = "",
	.summary = "Run the daemon in the foreground",
	.about = "Says 'Completed initial Magic Folder setup' when clients can use it. Ends on SIGTERM, SIGINT "
		 "(Ctrl-C), and,\n"
		 "where standard input is a pipe or a socket, when that ends; /dev/null and terminals are not "
		 "watched.\n",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_PYTHON,
};
