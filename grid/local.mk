libmf_a_SOURCES += \
	%reldir%/caps.c %reldir%/caps.h \
	%reldir%/check.h \
	%reldir%/embedded.c %reldir%/embedded.h \
	%reldir%/embedded_check.c \
	%reldir%/embedded_dir.c \
	%reldir%/embedded_gc.c \
	%reldir%/embedded_get.c \
	%reldir%/embedded_mend.c \
	%reldir%/embedded_put.c \
	%reldir%/embedded_update.c \
	%reldir%/gc.h \
	%reldir%/grid.c %reldir%/grid.h \
	%reldir%/node.c %reldir%/node.h \
	%reldir%/node_dir.c \
	%reldir%/node_file.c \
	%reldir%/node_status.c \
	%reldir%/node_text.c \
	%reldir%/native.c %reldir%/native.h \
	%reldir%/round.c %reldir%/round.h \
	%reldir%/web.c %reldir%/web.h
include grid/lafs/local.mk
include grid/store/local.mk
