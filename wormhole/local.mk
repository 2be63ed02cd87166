libmf_a_SOURCES += \
	%reldir%/code.c %reldir%/code.h \
	%reldir%/keys.c %reldir%/keys.h \
	%reldir%/link.h \
	%reldir%/mailbox.c %reldir%/mailbox.h %reldir%/mailbox_end.c %reldir%/mailbox_hear.c %reldir%/mailbox_impl.h \
	%reldir%/mailbox_peer.c %reldir%/mailbox_save.c %reldir%/mailbox_say.c \
	%reldir%/spake2.c %reldir%/spake2.h \
	%reldir%/words.c %reldir%/words.h \
	%reldir%/wormhole.c %reldir%/wormhole.h
