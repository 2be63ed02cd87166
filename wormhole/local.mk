libmf_a_SOURCES += \
	%reldir%/code.c %reldir%/code.h \
	%reldir%/keys.c %reldir%/keys.h \
	%reldir%/spake2.c %reldir%/spake2.h \
	%reldir%/words.c %reldir%/words.h
