/* magic-folder */
#include "daemon/commands/commands.h"

static const mf_command *const commands[] = {
	&mf_cmd_init,
	&mf_cmd_run,
	&mf_cmd_serve,
	&mf_cmd_add,
	&mf_cmd_leave,
	&mf_cmd_list,
	&mf_cmd_status,
	&mf_cmd_conflicts,
	&mf_cmd_resolve,
	&mf_cmd_set,
	&mf_cmd_pause,
	&mf_cmd_resume,
	&mf_cmd_confirm_deletes,
	&mf_cmd_participants,
	&mf_cmd_trust,
	&mf_cmd_show_config,
	&mf_cmd_doctor,
	&mf_cmd_grid,
	&mf_cmd_mailbox,
	NULL,
};

static const mf_program program = {
	.name = "magic-folder",
	.version_text = "Magic Folder version",
	.about = "Keeps folders in sync between devices, end-to-end encrypted.",
	.commands = commands,
	.failure = 1,
	.api_failure = 1,
};

int
main(int argc, char **argv)
{
	return mf_cli_main(&program, argc, argv);
}
