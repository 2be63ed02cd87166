check_PROGRAMS += %reldir%/test_message
%canon_reldir%_test_message_SOURCES = %reldir%/test_message.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_message_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_message_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_message
