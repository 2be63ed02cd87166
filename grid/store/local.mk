libmf_a_SOURCES += \
	%reldir%/identity.c \
	%reldir%/image.c %reldir%/image.h \
	%reldir%/immutable.c %reldir%/immutable.h \
	%reldir%/inner.h \
	%reldir%/lease.c %reldir%/lease.h \
	%reldir%/mutable.c %reldir%/mutable.h \
	%reldir%/newfile.c \
	%reldir%/rtw.c \
	%reldir%/store.c %reldir%/store.h \
	%reldir%/sweep.c %reldir%/sweep.h \
	%reldir%/trash.c \
	%reldir%/usage.c \
	%reldir%/users.c %reldir%/users.h
EXTRA_DIST += %reldir%/README.md docs/store.md
