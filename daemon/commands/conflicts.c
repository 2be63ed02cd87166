/* magic-folder conflicts */
#include "daemon/commands/ask.h"
#include "daemon/commands/commands.h"

#include <stdio.h>

enum { O_JSON, O_FOLDER };

static const mf_option options[] = {
	[O_JSON] = {"json", '\0', NULL, "print JSON: folder to path to names", NULL},
	[O_FOLDER] = {"folder", 'n', "NAME", "only this one", NULL},
	{0},
};

static size_t
print_folder(const char *folder, json_t *conflicts)
{
	const char *relpath;
	json_t *names;

	json_object_foreach(conflicts, relpath, names)
	{
		printf("%s: %s (", folder, relpath);
		for (size_t i = 0; i < json_array_size(names); i++)
			printf("%s%s", i == 0 ? "" : ", ", json_string_value(json_array_get(names, i)));
		printf(")\n");
	}
	return json_object_size(conflicts);
}

/* Each folder's conflicts; one that cannot be asked is said, and stops nothing. */
static int
collect(struct mf_cli *cli, json_t *folders, json_t *all)
{
	const char *name;
	json_t *folder;
	int status = 0;

	json_object_foreach(folders, name, folder)
	{
		mf_answer one =
			mf_ask_daemon(cli, (mf_ask){.method = "GET", .folder = name, .rest = "/conflicts"}, NULL);
		if (one.exit_status == 0)
			(void)json_object_set(all, name, one.json);
		else
			status = one.exit_status;
		json_decref(one.json);
	}
	return status;
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	json_t *all = json_object(), *folders = NULL, *conflicts;
	const char *name;
	size_t n = 0;
	int status;

	if (args->value[O_FOLDER] != NULL) {
		folders = json_object();
		(void)json_object_set_new(folders, args->value[O_FOLDER], json_null());
		status = 0;
	} else {
		mf_answer answer = mf_ask_daemon(cli, (mf_ask){.method = "GET", .rest = "/v1/magic-folder"}, NULL);
		folders = answer.json;
		status = answer.exit_status;
	}
	if (status == 0)
		status = collect(cli, folders, all);
	if (args->value[O_JSON] != NULL && (status == 0 || json_object_size(all) > 0)) {
		mf_print_json(all, 4);
	} else if (args->value[O_JSON] == NULL) {
		json_object_foreach(all, name, conflicts) n += print_folder(name, conflicts);
		if (n == 0 && status == 0)
			printf("No conflicts\n");
	}
	json_decref(all);
	json_decref(folders);
	return status;
}

const mf_command mf_cmd_conflicts = {
	.name = "conflicts",
	.words = "",
	.summary = "Print the files of which there are several versions",
	.about = "Each line has the folder, the path, and whose the other versions are.  They lie beside the file, "
		 "named\n"
		 "FILE.conflict-NAME.  'magic-folder resolve' settles one; so does removing all of them (the file "
		 "stays as\n"
		 "it is), or moving one over the file.\n",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_OURS,
};
