libmf_a_SOURCES += \
	%reldir%/caps.h \
	%reldir%/grid.h
