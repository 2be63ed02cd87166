libmf_a_SOURCES += \
	%reldir%/folder.h %reldir%/folder_conf.c \
	%reldir%/planner.h \
	%reldir%/relpath.c %reldir%/relpath.h \
	%reldir%/snapshot.h \
	%reldir%/state.h
EXTRA_DIST += docs/database.md
