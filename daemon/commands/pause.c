/* magic-folder pause, magic-folder resume: the setting `paused` */
#include "daemon/commands/ask.h"
#include "daemon/commands/commands.h"

static int
set_paused(struct mf_cli *cli, const mf_args *args, bool paused)
{
	mf_answer answer;

	if (args->words != 1)
		return mf_cli_usage(cli, "say the folder's name, and nothing else");
	answer = mf_ask_daemon(cli,
		(mf_ask){.method = "PUT",
			.folder = args->word[0],
			.rest = "/settings",
			.body = json_pack("{s:b}", "paused", (int)paused)},
		NULL);
	json_decref(answer.json);
	return answer.exit_status;
}

static int
pause_run(struct mf_cli *cli, const mf_args *args)
{
	return set_paused(cli, args, true);
}

static int
resume_run(struct mf_cli *cli, const mf_args *args)
{
	return set_paused(cli, args, false);
}

const mf_command mf_cmd_pause = {
	.name = "pause",
	.words = "NAME",
	.summary = "Neither send nor fetch anything of a folder",
	.about = "Also after a restart, until 'magic-folder resume NAME'.  Long transfers under way are stopped and "
		 "begin "
		 "anew then;\n"
		 "a file that has come is still put in its place.\n",
	.run = pause_run,
	.origin = MF_COMMAND_OURS,
};

const mf_command mf_cmd_resume = {
	.name = "resume",
	.words = "NAME",
	.summary = "Go on with a paused folder",
	.about = "What has changed meanwhile, here and elsewhere, is found and synced.\n",
	.run = resume_run,
	.origin = MF_COMMAND_OURS,
};
