libmf_a_SOURCES += \
	%reldir%/message.c %reldir%/message.h
