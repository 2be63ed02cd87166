/* magic-folder leave */
#include "daemon/commands/ask.h"
#include "daemon/commands/commands.h"

enum { O_NAME, O_REALLY };

static const mf_option options[] = {
	[O_NAME] = {"name", 'n', "NAME", "the folder (required)", NULL},
	[O_REALLY] = {"really-delete-write-capability", '\0', NULL, "also if we are the folder's admin", NULL},
	{0},
};

static int
run(struct mf_cli *cli, const mf_args *args)
{
	json_t *body;
	mf_answer answer;

	if (args->value[O_NAME] == NULL)
		return mf_cli_usage(cli, "Must specify the --name option");
	body = json_pack("{s:b}", "really-delete-write-capability", args->value[O_REALLY] != NULL);
	answer = mf_ask_daemon(cli,
		(mf_ask){.method = "DELETE", .folder = args->value[O_NAME], .rest = "", .body = body},
		"If you really want to delete it, pass --really-delete-write-capability");
	json_decref(answer.json);
	return answer.exit_status;
}

const mf_command mf_cmd_leave = {
	.name = "leave",
	.words = "",
	.summary = "Stop syncing a folder and forget it",
	.about = "The files stay where they are; nothing is changed on the grid. What is forgotten are the folder's "
		 "keys and\n"
		 "capabilities: the admin's right to add participants is gone for ever unless a copy was kept.\n",
	.options = options,
	.run = run,
	.origin = MF_COMMAND_PYTHON,
};
