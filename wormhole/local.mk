libmf_a_SOURCES += \
	%reldir%/code.c %reldir%/code.h \
	%reldir%/keys.c %reldir%/keys.h \
	%reldir%/link.h \
	%reldir%/link_real.c %reldir%/link_real.h %reldir%/link_real_curl.c %reldir%/link_real_impl.h \
	%reldir%/mailbox.c %reldir%/mailbox.h %reldir%/mailbox_end.c %reldir%/mailbox_hear.c %reldir%/mailbox_impl.h \
	%reldir%/mailbox_peer.c %reldir%/mailbox_save.c %reldir%/mailbox_say.c \
	%reldir%/rendezvous.c %reldir%/rendezvous.h %reldir%/rendezvous_do.c %reldir%/rendezvous_hear.c \
	%reldir%/rendezvous_impl.h %reldir%/rendezvous_mailbox.c \
	%reldir%/rendezvous_nameplate.c %reldir%/rendezvous_say.c \
	%reldir%/rendezvous_state.c %reldir%/rendezvous_state.h %reldir%/rendezvous_state_impl.h \
	%reldir%/spake2.c %reldir%/spake2.h \
	%reldir%/words.c %reldir%/words.h \
	%reldir%/wormhole.c %reldir%/wormhole.h \
	%reldir%/ws.c %reldir%/ws.h %reldir%/ws_shake.c
