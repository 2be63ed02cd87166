libmf_a_SOURCES += \
	%reldir%/args.c %reldir%/cli.c %reldir%/cli.h \
	%reldir%/config.c %reldir%/config.h \
	%reldir%/config_files.c %reldir%/config_folder.c %reldir%/config_impl.h \
	%reldir%/endpoint.c %reldir%/endpoint.h \
	%reldir%/files.c %reldir%/files.h \
	%reldir%/http1.c %reldir%/http1.h %reldir%/http1_impl.h %reldir%/http1_parse.c \
	%reldir%/pidfile.c %reldir%/pidfile.h \
	%reldir%/commands/commands.h \
	%reldir%/commands/init.c \
	%reldir%/commands/show_config.c

bin_PROGRAMS += magic-folder
magic_folder_SOURCES = %reldir%/main.c
magic_folder_CFLAGS = $(AM_CFLAGS)
magic_folder_LDADD = $(MF_LIBS)
