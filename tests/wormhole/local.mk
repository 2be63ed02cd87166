check_PROGRAMS += %reldir%/test_code
%canon_reldir%_test_code_SOURCES = %reldir%/test_code.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_code_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_code_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_code

check_PROGRAMS += %reldir%/test_spake2
%canon_reldir%_test_spake2_SOURCES = %reldir%/test_spake2.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_spake2_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_spake2_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_spake2

check_PROGRAMS += %reldir%/test_keys
%canon_reldir%_test_keys_SOURCES = %reldir%/test_keys.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_keys_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_keys_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_keys

check_PROGRAMS += %reldir%/test_session
%canon_reldir%_test_session_SOURCES = %reldir%/test_session.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_session_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_session_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_session
