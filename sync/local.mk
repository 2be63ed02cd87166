libmf_a_SOURCES += \
	%reldir%/create.c \
	%reldir%/folder_conf.c %reldir%/folder.h \
	%reldir%/planner.c %reldir%/planner.h \
	%reldir%/planner_facts.c %reldir%/planner_impl.h %reldir%/planner_rows.c \
	%reldir%/relation.c %reldir%/relation.h %reldir%/relation_walk.c \
	%reldir%/relpath.c %reldir%/relpath.h \
	%reldir%/snapshot.c %reldir%/snapshot.h %reldir%/snapshot_parse.c \
	%reldir%/state.c %reldir%/state.h \
	%reldir%/state_conflict.c \
	%reldir%/state_head.c \
	%reldir%/state_impl.h \
	%reldir%/state_index.c \
	%reldir%/state_path.c \
	%reldir%/state_pending.c \
	%reldir%/state_schema.c \
	%reldir%/state_sql.h \
	%reldir%/state_stmt.c
EXTRA_DIST += docs/database.md
