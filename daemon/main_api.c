/* magic-folder-api */
#include "daemon/commands/commands.h"

static const mf_command *const commands[] = {
	&mf_cmd_file_status,
	&mf_cmd_add_participant,
	&mf_cmd_list_participants,
	&mf_cmd_list_conflicts,
	&mf_cmd_scan,
	&mf_cmd_poll,
	NULL,
};

static const mf_program program = {
	.name = "magic-folder-api",
	.version_text = "magic-folder-api version",
	.about = "Single calls to a running Magic Folder daemon, for programs and the curious.",
	.commands = commands,
	.failure = 3,
	.api_failure = 2,
};

int
main(int argc, char **argv)
{
	return mf_cli_main(&program, argc, argv);
}
