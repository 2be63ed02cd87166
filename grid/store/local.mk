libmf_a_SOURCES += \
	%reldir%/identity.c \
	%reldir%/immutable.c %reldir%/immutable.h \
	%reldir%/inner.h \
	%reldir%/lease.c %reldir%/lease.h \
	%reldir%/mutable.c %reldir%/mutable.h \
	%reldir%/newfile.c \
	%reldir%/rtw.c \
	%reldir%/store.c %reldir%/store.h \
	%reldir%/usage.c
