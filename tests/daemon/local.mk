check_PROGRAMS += %reldir%/test_gbs
%canon_reldir%_test_gbs_SOURCES = %reldir%/test_gbs.c %reldir%/gbs_world.c %reldir%/gbs_world.h \
	tests/grid/golden.c tests/grid/golden.h
%canon_reldir%_test_gbs_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_gbs_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_gbs
EXTRA_DIST += %reldir%/node.pem
check_PROGRAMS += %reldir%/test_api %reldir%/test_args %reldir%/test_config %reldir%/test_endpoint %reldir%/test_http1 %reldir%/test_pidfile \
	%reldir%/test_text %reldir%/test_websocket
%canon_reldir%_test_api_SOURCES = %reldir%/test_api.c %reldir%/fake_folder.c %reldir%/fake_folder.h
%canon_reldir%_test_api_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_api_LDADD = $(TEST_LIBS)
%canon_reldir%_test_args_SOURCES = %reldir%/test_args.c
%canon_reldir%_test_args_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_args_LDADD = $(TEST_LIBS)
%canon_reldir%_test_config_SOURCES = %reldir%/test_config.c
%canon_reldir%_test_config_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_config_LDADD = $(TEST_LIBS)
%canon_reldir%_test_endpoint_SOURCES = %reldir%/test_endpoint.c
%canon_reldir%_test_endpoint_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_endpoint_LDADD = $(TEST_LIBS)
%canon_reldir%_test_http1_SOURCES = %reldir%/test_http1.c tests/grid/golden.c tests/grid/golden.h
%canon_reldir%_test_http1_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_http1_LDADD = $(TEST_LIBS)
%canon_reldir%_test_pidfile_SOURCES = %reldir%/test_pidfile.c
%canon_reldir%_test_pidfile_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_pidfile_LDADD = $(TEST_LIBS)
%canon_reldir%_test_text_SOURCES = %reldir%/test_text.c
%canon_reldir%_test_text_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_text_LDADD = $(TEST_LIBS)
%canon_reldir%_test_websocket_SOURCES = %reldir%/test_websocket.c
%canon_reldir%_test_websocket_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_websocket_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_api %reldir%/test_args %reldir%/test_config %reldir%/test_endpoint %reldir%/test_http1 %reldir%/test_pidfile \
	%reldir%/test_text %reldir%/test_websocket
TESTS += %reldir%/api_cases.py
EXTRA_DIST += %reldir%/api_cases.py tests/golden/api-cases.json
