/* magic-folder grid: straight to the grid, daemon or not. */
#include "daemon/commands/grid.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/commands/commands.h"
#include "daemon/files.h"
#include "grid/gc.h"

static const mf_option options[] = {
	{"grid", 'g', "URL", "another grid than the configuration's, such as dir:/path", NULL},
	{0},
};

static const struct mf_grid_verb *const verbs[] = {
	&mf_grid_put,
	&mf_grid_get,
	&mf_grid_ls,
	&mf_grid_mkdir,
	&mf_grid_ln,
	&mf_grid_info,
	&mf_grid_check_verb,
	&mf_grid_gc,
};

enum { N_VERBS = sizeof(verbs) / sizeof(*verbs) };

static char *
absolute_url(const char *url)
{
	mf_buf out = {0};

	if (strncmp(url, "dir:", 4) != 0)
		return mf_strdup(mf_strz(url));
	char *path = mf_path_absolute(url + 4);
	mf_buf_addf(&out, "dir:%s", path);
	free(path);
	return (char *)out.p;
}

static void
print_help(const struct mf_grid_verb *v)
{
	const mf_command as_command = {
		.name = v->name, .words = v->words, .summary = v->summary, .about = v->about, .options = v->options};
	const mf_program as_program = {.name = "magic-folder grid"};
	mf_buf text = {0};

	mf_cli_help(&as_program, &as_command, &text);
	(void)fwrite(text.p, 1, text.n, stdout);
	mf_buf_free(&text);
}

/* Secrets and the verb's own wishes, then the grid is opened and the verb runs. */
static int
run_verb(struct mf_cli *cli, const struct mf_grid_verb *v, const char *url, const mf_args *args)
{
	struct mf_grid_call call = {.cli = cli, .args = args};
	char *full = absolute_url(url != NULL ? url : mf_config_grid(cli->config));
	mf_err err;
	int status = 0;

	call.url = full;

	if (mf_config_grid_conf(cli->config, &call.conf, &err) != MF_OK)
		status = mf_cli_fail(cli, "%s", err.text);
	else if (strcmp(full, mf_config_grid(cli->config)) != 0)
		call.conf.missing = MF_MAKE_MISSING;
	if (status == 0 && v->prepare != NULL)
		status = v->prepare(&call);
	mf_gc_by_hand(call.conf.lease_secret); /* no folder needs it, and it stays all the same */
	if (status == 0 && mf_grid_open(full, &call.conf, &call.grid, &err) != MF_OK)
		status = mf_cli_fail(cli, "%s", err.text);
	sodium_memzero(&call.conf, sizeof(call.conf));
	if (status == 0)
		status = v->run(&call);
	mf_grid_close(call.grid);
	free(full);
	return status;
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	const struct mf_grid_verb *v = NULL;
	mf_args own;
	mf_err err;

	if (args->words == 0)
		return mf_cli_usage(cli, "say what to do: put, get, ls, mkdir, ln, info, check or gc");
	for (size_t i = 0; i < N_VERBS; i++)
		if (strcmp(verbs[i]->name, args->word[0]) == 0)
			v = verbs[i];
	if (v == NULL)
		return mf_cli_usage(cli, "Unknown grid command: %s", args->word[0]);
	for (int i = 1; i < args->words && args->word[i][0] == '-' && args->word[i][1] != '\0'; i++) {
		if (strcmp(args->word[i], "--help") == 0) {
			print_help(v);
			return 0;
		}
	}
	if (mf_args_parse(v->options, args->words - 1, args->word + 1, &own, &err) != MF_OK)
		return mf_cli_usage(cli, "%s", err.text);
	if (own.words < v->min_words || own.words > v->max_words)
		return mf_cli_usage(cli, "usage: magic-folder grid %s [options] %s", v->name, v->words);
	if (!mf_cli_config(cli))
		return cli->program->failure;
	return run_verb(cli, v, args->value[0], &own);
}

const mf_command mf_cmd_grid = {
	.name = "grid",
	.words = "put|get|ls|mkdir|ln|info|check|gc ...",
	.summary = "Store and fetch by capability, straight to the grid, whether the daemon runs or not",
	.about = "    grid put FILE            store a file and print its capability; - is standard input\n"
		 "    grid get CAP [FILE]      fetch it, verified\n"
		 "    grid ls CAP              list a directory\n"
		 "    grid mkdir               make a directory and print its write capability\n"
		 "    grid ln DIR NAME CAP     put CAP into a directory under NAME\n"
		 "    grid info [CAP]          what a capability says; without one: the grid\n"
		 "    grid check CAP           are its shares there and good?\n"
		 "    grid gc                  what no folder needs any more, and removing it\n\n"
		 "'magic-folder grid put --help' and so on explain each. Wherever a capability is expected, - reads "
		 "one line from\n"
		 "standard input instead: what stands on a command line can be seen by other users of the machine.\n",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_OURS,
};
