libmf_a_SOURCES += \
	%reldir%/base32.c %reldir%/base32.h \
	%reldir%/buf.c %reldir%/buf.h \
	%reldir%/env.h \
	%reldir%/err.c %reldir%/err.h \
	%reldir%/unicode.c %reldir%/unicode.h
