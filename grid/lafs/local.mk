libmf_a_SOURCES += \
	%reldir%/chk.h \
	%reldir%/chk_decode.c \
	%reldir%/chk_encode.c \
	%reldir%/chk_inner.h \
	%reldir%/chk_layout.c \
	%reldir%/chk_reader.c %reldir%/chk_reader.h \
	%reldir%/chk_share.c \
	%reldir%/chk_small.c \
	%reldir%/chk_verify.c \
	%reldir%/chk_work.c %reldir%/chk_work.h \
	%reldir%/ctr.c \
	%reldir%/hash.c %reldir%/hash.h \
	%reldir%/merkle.c %reldir%/merkle.h \
	%reldir%/share_io.c %reldir%/share_io.h \
	%reldir%/zfec.c %reldir%/zfec.h \
	%reldir%/dir.c %reldir%/dir.h \
	%reldir%/dir_edit.c \
	%reldir%/dir_inner.h \
	%reldir%/dir_list.c \
	%reldir%/dir_meta.c \
	%reldir%/sdmf.c %reldir%/sdmf.h \
	%reldir%/sdmf_key.c %reldir%/sdmf_key.h \
	%reldir%/sdmf_read.c
EXTRA_DIST += %reldir%/README.md
