/* magic-folder confirm-deletes */
#include "daemon/commands/ask.h"
#include "daemon/commands/commands.h"

#include <stdio.h>
#include <unistd.h>

#include "daemon/text.h"

enum { O_RESTORE, O_YES, O_JSON };

static const mf_option options[] = {
	[O_RESTORE] = {"restore", '\0', NULL, "they are not to be deleted: fetch them again", NULL},
	[O_YES] = {"yes", 'y', NULL, "delete them everywhere without asking again", NULL},
	[O_JSON] = {"json", '\0', NULL, "print JSON and do nothing: the API's answer", NULL},
	{0},
};

static void
print_question(const json_t *q)
{
	const json_t *first = json_object_get(q, "first");
	json_int_t asked = json_integer_value(json_object_get(q, "asked"));
	char gone[64], all[64];

	mf_text_count((uint64_t)asked, "file is", "files are", gone);
	mf_text_count((uint64_t)json_integer_value(json_object_get(q, "files")), "file", "files", all);
	printf("%s gone from this device, of %s:\n", gone, all);
	for (size_t i = 0; i < json_array_size(first); i++)
		printf("  %s\n", json_string_value(json_array_get(first, i)));
	if ((size_t)asked > json_array_size(first))
		printf("  ... and %llu more\n", (unsigned long long)asked - json_array_size(first));
}

/* On a terminal the user is asked once more; elsewhere only --yes will do. */
static bool
is_meant(const char *name)
{
	char line[16] = "";

	if (!isatty(STDIN_FILENO)) {
		(void)fprintf(stderr,
			"Nothing was done. 'magic-folder confirm-deletes --yes %s' deletes them everywhere,"
			" 'magic-folder confirm-deletes --restore %s' fetches them again.\n",
			name, name);
		return false;
	}
	printf("Delete them on all devices? [y/N] ");
	(void)fflush(stdout);
	bool yes = fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
	if (!yes)
		printf("Nothing was done. With --restore they are fetched again.\n");
	return yes;
}

static int
answer(struct mf_cli *cli, const char *name, const char *action, json_int_t asked)
{
	mf_answer a = mf_ask_daemon(cli,
		(mf_ask){.method = "POST",
			.folder = name,
			.rest = "/confirm-deletes",
			.body = json_pack("{s:s, s:I}", "action", action, "asked", asked)},
		NULL);

	json_decref(a.json);
	if (a.exit_status == 0)
		printf(strcmp(action, "delete") == 0 ? "They are being deleted everywhere.\n"
						     : "They are being fetched again.\n");
	return a.exit_status;
}

static int
run(struct mf_cli *cli, const mf_args *args)
{
	if (args->words != 1)
		return mf_cli_usage(cli, "say the folder's name, and nothing else");
	if (args->value[O_RESTORE] != NULL && args->value[O_YES] != NULL)
		return mf_cli_usage(cli, "--yes deletes them, --restore does the opposite");
	mf_answer q = mf_ask_daemon(
		cli, (mf_ask){.method = "GET", .folder = args->word[0], .rest = "/confirm-deletes"}, NULL);
	if (q.exit_status != 0)
		return q.exit_status;
	json_int_t asked = json_integer_value(json_object_get(q.json, "asked"));
	int status = 0;
	if (args->value[O_JSON] != NULL) {
		mf_print_json(q.json, 4);
	} else if (asked == 0) {
		printf("No deletions wait for a word.\n");
	} else {
		print_question(q.json);
		if (args->value[O_RESTORE] != NULL)
			status = answer(cli, args->word[0], "restore", asked);
		else if (args->value[O_YES] != NULL || is_meant(args->word[0]))
			status = answer(cli, args->word[0], "delete", asked);
		else
			status = 1;
	}
	json_decref(q.json);
	return status;
}

const mf_command mf_cmd_confirm_deletes = {
	.name = "confirm-deletes",
	.words = "NAME",
	.summary = "Say that many files gone at once are meant to be deleted, or not",
	.about = "When more than half of a folder's files, and at least 20, are gone at once, their deletion is not "
		 "published:\n"
		 "perhaps a disk is missing.  This shows how many there are and the first ten, and asks.  Files that "
		 "come back\n"
		 "end the question by themselves; everything else goes on meanwhile.\n",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_OURS,
};
