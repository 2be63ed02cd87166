/* magic-folder resolve */
#include "daemon/commands/ask.h"
#include "daemon/commands/commands.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { O_MINE, O_THEIRS, O_USE, O_MERGE, O_FOLDER };

static const mf_option options[] = {
	[O_MINE] = {"mine", '\0', NULL, "the file as it is here, or that it is gone", NULL},
	[O_THEIRS] = {"theirs", '\0', NULL, "the other version, if there is one only", NULL},
	[O_USE] = {"use", '\0', "NAME", "this participant's version", NULL},
	[O_MERGE] = {"merge", '\0', NULL, "both, by lines, if that is possible without a decision", NULL},
	[O_FOLDER] = {"folder", 'n', "NAME", "the folder; else the one that PATH lies in", NULL},
	{0},
};

/* ---- which file is meant? -------------------------------------------------------------------------------- */

/* @p path with its directory made absolute, following links; what it names need not be there.  On the heap; NULL: no such
 * directory. */
static char *
absolute(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent = slash == NULL ? mf_strdup(MF_STR(".")) : mf_strdup((mf_str){path, (size_t)(slash - path) + 1});
	char *dir = realpath(parent, NULL);
	mf_buf whole = {0};

	free(parent);
	if (dir == NULL)
		return NULL;
	mf_buf_addf(&whole, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, slash == NULL ? path : slash + 1);
	free(dir);
	return (char *)whole.p;
}

/* The part of @p path below the folder; NULL: it lies elsewhere. */
static const char *
below(const char *path, const json_t *folder)
{
	const char *magic_path = json_string_value(json_object_get(folder, "magic_path"));
	char *dir = magic_path == NULL ? NULL : realpath(magic_path, NULL);
	size_t n = dir == NULL ? 0 : strlen(dir);
	const char *rest = NULL;

	if (n > 0 && path != NULL && strncmp(path, dir, n) == 0 && path[n] == '/')
		rest = path + n + 1;
	free(dir);
	return rest;
}

struct meant {
	const char *folder; /* lent by the list of folders */
	char *relpath;
};

static bool
conflicted(struct mf_cli *cli, const char *folder, const char *relpath)
{
	mf_answer answer = mf_ask_daemon(cli, (mf_ask){.method = "GET", .folder = folder, .rest = "/conflicts"}, NULL);
	bool yes = json_object_get(answer.json, relpath) != NULL;

	json_decref(answer.json);
	return yes;
}

/* PATH as it was typed is taken for a path below the folder if there is such a conflict, else for one in the file
 * system. */
static void
find_in(struct mf_cli *cli, json_t *folders, const char *name, const char *path, struct meant *out)
{
	char *abs = absolute(path);
	const char *rest = NULL;

	if (!conflicted(cli, name, path))
		rest = below(abs, json_object_get(folders, name));
	*out = (struct meant){name, mf_strdup(mf_strz(rest != NULL ? rest : path))};
	free(abs);
}

/* The innermost folder that PATH lies in; else the only one with such a conflict. @return 0, or what to end with. */
static int
find(struct mf_cli *cli, json_t *folders, const char *path, struct meant *out)
{
	char *abs = absolute(path);
	const char *name, *rest;
	json_t *folder;
	size_t n = 0;

	json_object_foreach(folders, name, folder)
	{
		rest = below(abs, folder);
		if (rest == NULL || (out->relpath != NULL && strlen(out->relpath) <= strlen(rest)))
			continue;
		free(out->relpath);
		*out = (struct meant){name, mf_strdup(mf_strz(rest))};
	}
	free(abs);
	if (out->relpath != NULL)
		return 0;
	json_object_foreach(folders, name, folder)
	{
		if (!conflicted(cli, name, path))
			continue;
		out->folder = name;
		n++;
	}
	if (n != 1)
		return mf_cli_fail(cli,
			n == 0 ? "%s is in no folder, and no conflict has that name"
			       : "%s is in several folders: say --folder",
			path);
	out->relpath = mf_strdup(mf_strz(path));
	return 0;
}

/* ---- asking ---------------------------------------------------------------------------------------------- */

static json_t *
request(const mf_args *args, const char *relpath)
{
	json_t *body = json_object();

	(void)json_object_set_new(body, "relpath", json_string(relpath));
	if (args->value[O_USE] != NULL)
		(void)json_object_set_new(body, "use", json_string(args->value[O_USE]));
	else if (args->value[O_MERGE] != NULL)
		(void)json_object_set_new(body, "merge", json_true());
	else
		(void)json_object_set_new(body, "take", json_string(args->value[O_MINE] != NULL ? "mine" : "theirs"));
	return body;
}

static int
settle(struct mf_cli *cli, const mf_args *args, const struct meant *what)
{
	mf_answer answer = mf_ask_daemon(cli,
		(mf_ask){.method = "POST",
			.folder = what->folder,
			.rest = "/resolve-conflict",
			.body = request(args, what->relpath)},
		"Nothing was changed: see 'magic-folder conflicts'.");

	if (answer.exit_status == 0)
		printf("%s: %s is settled\n", what->folder, what->relpath);
	json_decref(answer.json);
	return answer.exit_status;
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	const char *name = args->value[O_FOLDER];
	struct meant what = {0};
	unsigned ways = 0;
	mf_answer list;
	int status;

	for (unsigned i = O_MINE; i <= O_MERGE; i++)
		ways += args->value[i] != NULL;
	if (ways != 1)
		return mf_cli_usage(cli, "say one of --mine, --theirs, --use NAME, --merge");
	if (args->words != 1)
		return mf_cli_usage(cli, "say one path");
	list = mf_ask_daemon(cli, (mf_ask){.method = "GET", .rest = "/v1/magic-folder"}, NULL);
	status = list.exit_status;
	if (status == 0 && name != NULL && json_object_get(list.json, name) == NULL)
		status = mf_cli_fail(cli, "there is no folder \"%s\"", name);
	else if (status == 0 && name != NULL)
		find_in(cli, list.json, name, args->word[0], &what);
	else if (status == 0)
		status = find(cli, list.json, args->word[0], &what);
	if (status == 0)
		status = settle(cli, args, &what);
	free(what.relpath);
	json_decref(list.json);
	return status;
}

const mf_command mf_cmd_resolve = {
	.name = "resolve",
	.words = "PATH",
	.summary = "Settle a conflict",
	.about = "PATH is a path in the file system, or one below the folder as 'magic-folder conflicts' prints it.  "
		 "The\n"
		 "decision is for the versions that are there now: if another comes meanwhile, or the file changes, "
		 "nothing\n"
		 "is done.  Files beside it that you have edited are kept.  Everybody else gets the same, unless "
		 "somebody\n"
		 "has decided otherwise.\n",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_OURS,
};
