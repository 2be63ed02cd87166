/* The commands of magic-folder-api: one HTTP call each. */
#include "daemon/commands/ask.h"
#include "daemon/commands/commands.h"
#include "daemon/jsontext.h"

#include <stdlib.h>

enum { O_FOLDER, O_AUTHOR, O_PERSONAL, O_KEY };

#define FOLDER_OPTION \
	{ \
		"folder", 'n', "NAME", "the folder (required)", NULL \
	}

static const mf_option folder_only[] = {
	[O_FOLDER] = FOLDER_OPTION,
	{0},
};

static const mf_option participant_options[] = {
	[O_FOLDER] = FOLDER_OPTION,
	[O_AUTHOR] = {"author-name", 'a', "NAME", "what to call the participant (required)", NULL},
	[O_PERSONAL] = {"personal-dmd", 'p', "CAP",
		"the participant's Personal read capability (required); - reads it"
		" from standard input",
		NULL},
	[O_KEY] = {"verify-key", 'k', "KEY", "the key that the participant signs with", NULL},
	{0},
};

/* Ask about a folder; the answer is printed with @p indent, or not at all if that is 0. */
static int
call(struct mf_cli *cli, mf_ask ask, unsigned indent)
{
	mf_answer answer = mf_ask_daemon(cli, ask, NULL);

	if (answer.exit_status == 0 && indent > 0)
		mf_print_json(answer.json, indent);
	json_decref(answer.json);
	return answer.exit_status;
}

static int
simple(struct mf_cli *cli, const mf_args *args, const char *method, const char *rest, unsigned indent)
{
	if (args->value[O_FOLDER] == NULL)
		return mf_cli_usage(cli, "--folder / -n is required");
	return call(cli, (mf_ask){.method = method, .folder = args->value[O_FOLDER], .rest = rest}, indent);
}

static int
file_status(struct mf_cli *cli, const mf_args *args)
{
	return simple(cli, args, "GET", "/file-status", 2);
}

static int
list_participants(struct mf_cli *cli, const mf_args *args)
{
	return simple(cli, args, "GET", "/participants", 4);
}

static int
list_conflicts(struct mf_cli *cli, const mf_args *args)
{
	return simple(cli, args, "GET", "/conflicts", 4);
}

static int
scan(struct mf_cli *cli, const mf_args *args)
{
	return simple(cli, args, "PUT", "/scan-local", 0);
}

static int
poll(struct mf_cli *cli, const mf_args *args)
{
	return simple(cli, args, "PUT", "/poll-remote", 0);
}

static int
add_participant(struct mf_cli *cli, const mf_args *args)
{
	json_t *body;
	char *cap;
	int status;

	if (args->value[O_FOLDER] == NULL)
		return mf_cli_usage(cli, "--folder / -n is required");
	if (args->value[O_AUTHOR] == NULL)
		return mf_cli_usage(cli, "--author-name / -a is required");
	if (args->value[O_PERSONAL] == NULL)
		return mf_cli_usage(cli, "--personal-dmd / -p is required");
	cap = mf_cli_secret_word(cli, args->value[O_PERSONAL]);
	if (cap == NULL)
		return cli->program->failure;
	body = json_pack("{s:{s:s}, s:s}", "author", "name", args->value[O_AUTHOR], "personal_dmd", cap);
	if (args->value[O_KEY] != NULL)
		(void)json_object_set_new(
			json_object_get(body, "author"), "verify_key", mf_json_text(mf_strz(args->value[O_KEY])));
	status = call(cli,
		(mf_ask){.method = "POST", .folder = args->value[O_FOLDER], .rest = "/participants", .body = body}, 4);
	free(cap);
	return status;
}

const mf_command mf_cmd_file_status = {
	.name = "file-status",
	.words = "",
	.summary = "Print each known file, last changed first",
	.options = folder_only,
	.run = file_status,
};

const mf_command mf_cmd_add_participant = {
	.name = "add-participant",
	.words = "",
	.summary = "Let somebody's Personal directory into a folder that we administer",
	.options = participant_options,
	.run = add_participant,
};

const mf_command mf_cmd_list_participants = {
	.name = "list-participants",
	.words = "",
	.summary = "Print who takes part in a folder",
	.options = folder_only,
	.run = list_participants,
};

const mf_command mf_cmd_list_conflicts = {
	.name = "list-conflicts",
	.words = "",
	.summary = "Print the files of which there are two versions, and whose the other one is",
	.options = folder_only,
	.run = list_conflicts,
};

const mf_command mf_cmd_scan = {
	.name = "scan",
	.words = "",
	.summary = "Look for local changes now; ends when all that was found is noted for upload",
	.options = folder_only,
	.run = scan,
};

const mf_command mf_cmd_poll = {
	.name = "poll",
	.words = "",
	.summary = "Look for others' changes now; ends when all that was found is applied",
	.options = folder_only,
	.run = poll,
};
