libmf_a_SOURCES += \
	%reldir%/caps.c %reldir%/caps.h \
	%reldir%/grid.h
include grid/lafs/local.mk
