/* magic-folder init */
#include "daemon/commands/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "daemon/files.h"

enum { O_LISTEN, O_GRID, O_NODE, O_CLIENT, O_MAILBOX };

static const mf_option options[] = {
	[O_LISTEN] = {"listen-endpoint", 'l', "STR", "where the daemon listens: tcp:PORT[:interface=IP] or unix:PATH",
		"tcp:0:interface=127.0.0.1"},
	[O_GRID] = {"grid", 'g', "URL", "where shares live: dir:/path [default: dir:~/.local/share/magic-folder/store]",
		NULL},
	[O_NODE] = {"node-directory", 'n', "DIR", "a Tahoe-LAFS node's directory; without --grid the same as node:DIR",
		NULL},
	[O_CLIENT] = {"client-endpoint", 'c', "STR", "how clients connect, if it does not follow from -l", NULL},
	[O_MAILBOX] = {"mailbox", 'm', "URL", "mailbox server for invites", MF_DEFAULT_MAILBOX},
	{0},
};

/* The default store lies below directories that a new account may not have.  Those of a store that was named
 * are not made: it may lie on a disk that is not mounted yet. */
static mf_code
make_parents(const char *url, mf_err *err)
{
	char *parent = mf_strdup(mf_strz(url + strlen("dir:")));
	mf_code rc;

	*strrchr(parent, '/') = '\0';
	rc = mf_mkdir_all(parent, 0700, err);
	free(parent);
	return rc;
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	mf_config_new what = {
		.api_endpoint = args->value[O_LISTEN],
		.client_endpoint = args->value[O_CLIENT],
		.mailbox = args->value[O_MAILBOX],
	};
	char *node = args->value[O_NODE] != NULL ? mf_path_absolute(args->value[O_NODE]) : NULL;
	char *standard = mf_config_default_grid();
	mf_buf grid = {0};
	struct stat st;
	mf_err err;
	mf_code rc = MF_OK;
	int status = 0;

	if (lstat(cli->config_dir, &st) == 0) {
		status = mf_cli_usage(cli, "Directory '%s' already exists", cli->config_dir);
		goto out;
	}
	const char *given = args->value[O_GRID], *colon = given != NULL ? strchr(given, ':') : NULL;
	if (colon != NULL && (strncmp(given, "dir:", 4) == 0 || strncmp(given, "node:", 5) == 0)) {
		char *place = mf_path_absolute(colon + 1);
		mf_buf_addf(&grid, "%.*s:%s", (int)(colon - given), given, place);
		free(place);
	} else if (args->value[O_GRID] != NULL) {
		mf_buf_addz(&grid, args->value[O_GRID]);
	} else if (node != NULL) {
		mf_buf_addf(&grid, "node:%s", node);
	} else if (standard != NULL) {
		mf_buf_addz(&grid, standard);
	} else {
		status = mf_cli_usage(cli, "there is no home directory: say --grid dir:/path");
		goto out;
	}
	what.node_directory = node;
	what.grid = (const char *)grid.p;
	if (args->value[O_GRID] == NULL && node == NULL)
		rc = make_parents(what.grid, &err);
	if (rc == MF_OK)
		rc = mf_config_create(cli->config_dir, &what, &err);
	if (rc != MF_OK)
		status = mf_cli_fail(cli, "%s", err.text);
	else
		printf("Created Magic Folder daemon configuration in:\n     %s\n", cli->config_dir);
out:
	mf_buf_free(&grid);
	free(standard);
	free(node);
	return status;
}

const mf_command mf_cmd_init = {
	.name = "init",
	.words = "",
	.summary = "Create a configuration",
	.about = "Makes the configuration directory (which must not exist yet) with its keys; nothing is contacted and "
		 "the\n"
		 "store is made when the daemon first runs. Then start the daemon with 'magic-folder run'.\n\n"
		 "Two devices that name the same store, here or on a shared disk, can share folders:\n\n"
		 "    magic-folder --config /tmp/a init --grid dir:/srv/store\n"
		 "    magic-folder --config /tmp/b init --grid dir:/srv/store\n",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_PYTHON,
};
