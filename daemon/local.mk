libmf_a_SOURCES += \
	%reldir%/api.c %reldir%/api.h %reldir%/api_deletes.c %reldir%/api_folder.c %reldir%/api_folders.c %reldir%/api_keys.c \
	%reldir%/api_resolve.c %reldir%/api_settings.c %reldir%/api_status.c \
	%reldir%/app.c %reldir%/app.h %reldir%/app_add.c %reldir%/app_health.c %reldir%/app_impl.h \
	%reldir%/args.c %reldir%/cli.c %reldir%/cli.h \
	%reldir%/client.c %reldir%/client.h \
	%reldir%/config.c %reldir%/config.h \
	%reldir%/config_files.c %reldir%/config_folder.c %reldir%/config_impl.h \
	%reldir%/doctor.c %reldir%/doctor.h %reldir%/doctor_disk.c %reldir%/doctor_node.c %reldir%/doctor_watch.c \
	%reldir%/endpoint.c %reldir%/endpoint.h \
	%reldir%/files.c %reldir%/files.h \
	%reldir%/gbs.c %reldir%/gbs.h %reldir%/gbs_body.c %reldir%/gbs_impl.h %reldir%/gbs_op.c \
	%reldir%/gbs_ranges.c %reldir%/gbs_ranges.h %reldir%/gbs_request.c %reldir%/gbs_request.h \
	%reldir%/gbs_slots.c %reldir%/gbs_uploads.c %reldir%/gbs_write.c \
	%reldir%/gc.c %reldir%/gc.h %reldir%/gc_graph.c %reldir%/gc_impl.h %reldir%/gc_roots.c \
	%reldir%/http1.h %reldir%/http1_impl.h \
	%reldir%/http1_body.c %reldir%/http1_conn.c %reldir%/http1_link.c \
	%reldir%/http1_listen.c %reldir%/http1_parse.c %reldir%/http1_reply.c %reldir%/http1_take.c \
	%reldir%/jsontext.c %reldir%/jsontext.h \
	%reldir%/leftovers.c %reldir%/leftovers.h \
	%reldir%/mailbox.c %reldir%/mailbox.h %reldir%/mailbox_run.c \
	%reldir%/pidfile.c %reldir%/pidfile.h \
	%reldir%/run.c %reldir%/run.h \
	%reldir%/text.c %reldir%/text.h \
	%reldir%/tls.c %reldir%/tls.h \
	%reldir%/websocket.c %reldir%/websocket.h %reldir%/websocket_accept.c %reldir%/websocket_impl.h \
	%reldir%/commands/add.c \
	%reldir%/commands/api_commands.c \
	%reldir%/commands/ask.c %reldir%/commands/ask.h \
	%reldir%/commands/commands.h \
	%reldir%/commands/confirm_deletes.c \
	%reldir%/commands/conflicts.c \
	%reldir%/commands/doctor.c \
	%reldir%/commands/grid.c %reldir%/commands/grid.h \
	%reldir%/commands/grid_dirs.c \
	%reldir%/commands/grid_files.c \
	%reldir%/commands/grid_gc.c \
	%reldir%/commands/grid_info.c \
	%reldir%/commands/init.c \
	%reldir%/commands/leave.c \
	%reldir%/commands/list.c \
	%reldir%/commands/mailbox.c \
	%reldir%/commands/participants.c \
	%reldir%/commands/pause.c \
	%reldir%/commands/resolve.c \
	%reldir%/commands/run.c \
	%reldir%/commands/serve.c %reldir%/commands/serve_options.h \
	%reldir%/commands/set.c \
	%reldir%/commands/show_config.c \
	%reldir%/commands/status.c

bin_PROGRAMS += magic-folder
magic_folder_SOURCES = %reldir%/main.c
magic_folder_CFLAGS = $(AM_CFLAGS)
magic_folder_LDADD = $(MF_LIBS)

bin_PROGRAMS += magic-folder-api
magic_folder_api_SOURCES = %reldir%/main_api.c
magic_folder_api_CFLAGS = $(AM_CFLAGS)
magic_folder_api_LDADD = $(MF_LIBS)

dist_man_MANS = docs/magic-folder.1 docs/magic-folder-api.1
EXTRA_DIST += docs/api.md docs/grid.md
