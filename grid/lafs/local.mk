libmf_a_SOURCES += \
	%reldir%/chk.h \
	%reldir%/hash.c %reldir%/hash.h \
	%reldir%/merkle.c %reldir%/merkle.h \
	%reldir%/share_io.c %reldir%/share_io.h \
	%reldir%/zfec.c %reldir%/zfec.h
