check_PROGRAMS += %reldir%/test_buf
%canon_reldir%_test_buf_SOURCES = %reldir%/test_buf.c
%canon_reldir%_test_buf_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_buf_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_buf
