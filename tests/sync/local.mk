check_PROGRAMS += %reldir%/test_relpath
%canon_reldir%_test_relpath_SOURCES = %reldir%/test_relpath.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_relpath_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_relpath_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_relpath
