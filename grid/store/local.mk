libmf_a_SOURCES += \
	%reldir%/address.c %reldir%/address.h \
	%reldir%/cbor_io.c %reldir%/cbor_io.h \
	%reldir%/gbs_cbor.c %reldir%/gbs_cbor.h \
	%reldir%/gbs_rtw.c \
	%reldir%/handshake.c %reldir%/handshake.h \
	%reldir%/guest.c %reldir%/guest.h \
	%reldir%/identity.c \
	%reldir%/image.c %reldir%/image.h \
	%reldir%/immutable.c %reldir%/immutable.h \
	%reldir%/inner.h \
	%reldir%/lease.c %reldir%/lease.h \
	%reldir%/mutable.c %reldir%/mutable.h \
	%reldir%/newfile.c \
	%reldir%/nurl.c %reldir%/nurl.h \
	%reldir%/placement.c %reldir%/placement.h \
	%reldir%/remote.c %reldir%/remote.h \
	%reldir%/rtw.c \
	%reldir%/share_set.h \
	%reldir%/store.c %reldir%/store.h \
	%reldir%/sweep.c %reldir%/sweep.h \
	%reldir%/trash.c \
	%reldir%/usage.c \
	%reldir%/users.c %reldir%/users.h
EXTRA_DIST += %reldir%/README.md docs/store.md
