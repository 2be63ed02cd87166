/** @file
 * Every command's table entry; one file per command. */
#ifndef MF_DAEMON_COMMANDS_H
#define MF_DAEMON_COMMANDS_H

#include "daemon/cli.h"

/* magic-folder */
extern const mf_command mf_cmd_init, mf_cmd_run, mf_cmd_add, mf_cmd_leave, mf_cmd_list, mf_cmd_status, mf_cmd_set,
	mf_cmd_pause, mf_cmd_resume, mf_cmd_confirm_deletes, mf_cmd_show_config, mf_cmd_doctor, mf_cmd_grid,
	mf_cmd_conflicts, mf_cmd_resolve, mf_cmd_participants, mf_cmd_trust, mf_cmd_mailbox, mf_cmd_serve;
/* magic-folder-api */
extern const mf_command mf_cmd_file_status, mf_cmd_add_participant, mf_cmd_list_participants, mf_cmd_list_conflicts,
	mf_cmd_scan, mf_cmd_poll;

#endif
