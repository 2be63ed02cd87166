/* magic-folder run */
#include "daemon/run.h"
#include "daemon/commands/commands.h"
#include "daemon/commands/serve_options.h"

enum { O_LOG, O_VERBOSE, O_SERVE, O_LOCATION, O_RESERVE };

static const mf_option options[] = {
	[O_LOG] = {"log-format", '\0', "plain|json", "how log lines look", "plain"},
	[O_VERBOSE] = {"verbose", 'v', NULL, "log more", NULL},
	[O_SERVE] = {"serve", '\0', "tcp:PORT[:interface=IP]", "serve the default grid's store to other machines, too",
		NULL},
	[O_LOCATION] = {"location", '\0', "HOST[:PORT]", "with --serve: what clients call this machine", NULL},
	[O_RESERVE] = {"reserve", '\0', "BYTES", "with --serve: leave so much of the disk free", "1G"},
	{0},
};

/* The store of the default grid, which must be a directory here. */
static int
serve_options(struct mf_cli *cli, const mf_args *args, mf_endpoint *where, mf_gbs_conf *out)
{
	const mf_serve_words words = {args->value[O_SERVE], args->value[O_LOCATION], args->value[O_RESERVE]};
	const char *grid = mf_config_grid(cli->config);

	if (strncmp(grid, "dir:", 4) != 0)
		return mf_cli_fail(
			cli, "only a store on this machine (dir:PATH) can be served, and the default grid is %s", grid);
	out->store = grid + 4;
	return mf_serve_options(cli, &words, where, out);
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	enum mf_log_level least = args->value[O_VERBOSE] != NULL ? MF_LOG_DEBUG : MF_LOG_INFO;
	bool json = strcmp(args->value[O_LOG], "json") == 0;
	mf_gbs_conf serve = {.where = NULL};
	mf_endpoint where;
	mf_err err;

	if (!json && strcmp(args->value[O_LOG], "plain") != 0)
		return mf_cli_usage(cli, "--log-format is plain or json");
	if (!mf_cli_config_for_loop(cli))
		return cli->program->failure;
	if (args->value[O_SERVE] != NULL && serve_options(cli, args, &where, &serve) != 0)
		return cli->program->failure;
	const mf_daemon_conf conf = {.config = cli->config,
		.serve = args->value[O_SERVE] != NULL ? &serve : NULL,
		.least = least,
		.format = json ? MF_LOG_JSON : MF_LOG_PLAIN};
	if (mf_daemon_run(&conf, &err) != MF_OK)
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
