/* magic-folder serve */
#include <stdlib.h>

#include "daemon/commands/commands.h"
#include "daemon/commands/serve_options.h"
#include "daemon/files.h"
#include "daemon/run.h"

enum { O_LISTEN, O_STORE, O_LOCATION, O_RESERVE, O_LOG, O_VERBOSE };

static const mf_option options[] = {
	[O_LISTEN] = {"listen", 'l', "tcp:PORT[:interface=IP]", "where other machines reach it", "tcp:3457"},
	[O_STORE] = {"store", 's', "DIR", "the store [default: the one that `init` uses]", NULL},
	[O_LOCATION] = {"location", '\0', "HOST[:PORT]", "what clients call this machine [default: its address]", NULL},
	[O_RESERVE] = {"reserve", '\0', "BYTES", "leave so much of the disk free; 10G is 10 GiB", "1G"},
	[O_LOG] = {"log-format", '\0', "plain|json", "how log lines look", "plain"},
	[O_VERBOSE] = {"verbose", 'v', NULL, "log more", NULL},
	{0},
};

int
mf_serve_options(struct mf_cli *cli, const mf_serve_words *words, mf_endpoint *where, mf_gbs_conf *out)
{
	mf_err err;

	if (mf_endpoint_server(mf_strz(words->listen), where, &err) != MF_OK)
		return mf_cli_usage(cli, "%s", err.text);
	if (where->kind == MF_ENDPOINT_UNIX)
		return mf_cli_usage(cli, "other machines need tcp:PORT or tcp6:PORT");
	out->where = where;
	if (words->location != NULL && !mf_gbs_location_ok(words->location))
		return mf_cli_usage(cli, "--location is HOST or HOST:PORT");
	out->location = words->location;
	if (words->reserve != NULL && !mf_gbs_bytes(words->reserve, &out->reserve))
		return mf_cli_usage(cli, "--reserve is a number of bytes, such as 10G");
	return 0;
}

/* On the heap; NULL: the error is printed.  The directories above the default store may be missing on a new account. */
static char *
find_store(struct mf_cli *cli, const char *given)
{
	char *url = given == NULL ? mf_config_default_grid() : NULL, *path = NULL, *slash;
	mf_err err;

	if (given != NULL)
		return mf_path_absolute(strncmp(given, "dir:", 4) == 0 ? given + 4 : given);
	if (url == NULL) {
		(void)mf_cli_usage(cli, "there is no home directory: say --store DIR");
		return NULL;
	}
	path = mf_strdup(mf_strz(url + strlen("dir:")));
	free(url);
	slash = strrchr(path, '/');
	*slash = '\0';
	if (mf_mkdir_all(path, 0700, &err) != MF_OK) {
		(void)mf_cli_fail(cli, "%s", err.text);
		free(path);
		return NULL;
	}
	*slash = '/';
	return path;
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	const mf_serve_words words = {args->value[O_LISTEN], args->value[O_LOCATION], args->value[O_RESERVE]};
	bool json = strcmp(args->value[O_LOG], "json") == 0;
	mf_endpoint where;
	mf_gbs_conf serve = {.where = NULL};
	mf_daemon_conf conf = {.serve = &serve,
		.least = args->value[O_VERBOSE] != NULL ? MF_LOG_DEBUG : MF_LOG_INFO,
		.format = json ? MF_LOG_JSON : MF_LOG_PLAIN};
	mf_err err;
	char *store;
	int status = 0;

	if (args->words > 0)
		return mf_cli_usage(cli, "there is nothing to say after the options");
	if (!json && strcmp(args->value[O_LOG], "plain") != 0)
		return mf_cli_usage(cli, "--log-format is plain or json");
	status = mf_serve_options(cli, &words, &where, &serve);
	if (status != 0)
		return status;
	store = find_store(cli, args->value[O_STORE]);
	if (store == NULL)
		return cli->usage_failed ? 2 : cli->program->failure;
	serve.store = store;
	if (mf_daemon_run(&conf, &err) != MF_OK)
		status = mf_cli_fail(cli, "%s", err.text);
	free(store);
	return status;
}

const mf_command mf_cmd_serve = {
	.name = "serve",
	.words = "",
	.summary = "Be a storage server for other machines",
	.about =
		"Serves a store over Tahoe-LAFS's storage protocol (HTTP over TLS), without folders of its own and "
		"without a\n"
		"configuration. Whoever is given the address in STORE/private/storage.nurl can use it: it is a secret. "
		"Printed\n"
		"on a terminal; says 'Ready' when it can be used.\n",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_OURS,
};
