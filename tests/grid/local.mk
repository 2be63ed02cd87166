# Shared by all grid tests: golden data as JSON and bytes.
MF_GRID_GOLDEN = %reldir%/golden.c %reldir%/golden.h

check_PROGRAMS += %reldir%/test_caps
%canon_reldir%_test_caps_SOURCES = %reldir%/test_caps.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_caps_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_caps_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_caps

check_PROGRAMS += %reldir%/test_hash
%canon_reldir%_test_hash_SOURCES = %reldir%/test_hash.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_hash_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_hash_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_hash

check_PROGRAMS += %reldir%/test_zfec
%canon_reldir%_test_zfec_SOURCES = %reldir%/test_zfec.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_zfec_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_zfec_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_zfec

MF_GRID_CHK = %reldir%/chk_fixture.c %reldir%/chk_fixture.h $(MF_GRID_GOLDEN)

check_PROGRAMS += %reldir%/test_chk_encode
%canon_reldir%_test_chk_encode_SOURCES = %reldir%/test_chk_encode.c $(MF_GRID_CHK)
%canon_reldir%_test_chk_encode_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_chk_encode_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_chk_encode

check_PROGRAMS += %reldir%/test_chk_decode
%canon_reldir%_test_chk_decode_SOURCES = %reldir%/test_chk_decode.c $(MF_GRID_CHK)
%canon_reldir%_test_chk_decode_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_chk_decode_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_chk_decode

check_PROGRAMS += %reldir%/test_chk_hostile
%canon_reldir%_test_chk_hostile_SOURCES = %reldir%/test_chk_hostile.c $(MF_GRID_CHK)
%canon_reldir%_test_chk_hostile_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_chk_hostile_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_chk_hostile

check_PROGRAMS += %reldir%/test_chk_threads
%canon_reldir%_test_chk_threads_SOURCES = %reldir%/test_chk_threads.c
%canon_reldir%_test_chk_threads_LDADD = $(MF_LIBS)
TESTS += %reldir%/test_chk_threads

check_PROGRAMS += %reldir%/test_gbs_bodies
%canon_reldir%_test_gbs_bodies_SOURCES = %reldir%/test_gbs_bodies.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_gbs_bodies_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_gbs_bodies_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_gbs_bodies

check_PROGRAMS += %reldir%/test_nurl
%canon_reldir%_test_nurl_SOURCES = %reldir%/test_nurl.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_nurl_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_nurl_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_nurl

# A store of its own for each test.
MF_GRID_STORE = %reldir%/store_fixture.c %reldir%/store_fixture.h $(MF_GRID_GOLDEN)

# What every back end must do.
MF_GRID_SUITE = %reldir%/suite.c %reldir%/suite.h

check_PROGRAMS += %reldir%/test_embedded
%canon_reldir%_test_embedded_SOURCES = %reldir%/test_embedded.c $(MF_GRID_STORE) $(MF_GRID_SUITE)
%canon_reldir%_test_embedded_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_embedded_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_embedded

check_PROGRAMS += %reldir%/test_sdmf
%canon_reldir%_test_sdmf_SOURCES = %reldir%/test_sdmf.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_sdmf_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_sdmf_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_sdmf

check_PROGRAMS += %reldir%/test_dir
%canon_reldir%_test_dir_SOURCES = %reldir%/test_dir.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_dir_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_dir_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_dir

check_PROGRAMS += %reldir%/test_container
%canon_reldir%_test_container_SOURCES = %reldir%/test_container.c $(MF_GRID_STORE)
%canon_reldir%_test_container_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_container_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_container

check_PROGRAMS += %reldir%/test_store_faults
%canon_reldir%_test_store_faults_SOURCES = %reldir%/test_store_faults.c $(MF_GRID_STORE)
%canon_reldir%_test_store_faults_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_store_faults_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_store_faults

check_PROGRAMS += %reldir%/test_store_threads
%canon_reldir%_test_store_threads_SOURCES = %reldir%/test_store_threads.c
%canon_reldir%_test_store_threads_LDADD = $(MF_LIBS)
TESTS += %reldir%/test_store_threads

check_PROGRAMS += %reldir%/test_gc
%canon_reldir%_test_gc_SOURCES = %reldir%/test_gc.c $(MF_GRID_STORE)
%canon_reldir%_test_gc_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_gc_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_gc

# A server for tests; nothing beyond this machine is asked.
MF_GRID_SERVE = %reldir%/serve.c %reldir%/serve.h

check_PROGRAMS += %reldir%/test_web
%canon_reldir%_test_web_SOURCES = %reldir%/test_web.c $(MF_GRID_SERVE)
%canon_reldir%_test_web_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_web_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_web

check_PROGRAMS += %reldir%/test_remote
%canon_reldir%_test_remote_SOURCES = %reldir%/test_remote.c $(MF_GRID_SERVE) $(MF_GRID_GOLDEN)
%canon_reldir%_test_remote_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_remote_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_remote

check_PROGRAMS += %reldir%/test_placement
%canon_reldir%_test_placement_SOURCES = %reldir%/test_placement.c $(MF_GRID_GOLDEN)
%canon_reldir%_test_placement_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_placement_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_placement

check_PROGRAMS += %reldir%/test_round
%canon_reldir%_test_round_SOURCES = %reldir%/test_round.c
%canon_reldir%_test_round_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_round_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_round

# A Tahoe-LAFS node's web API over an embedded store.
MF_GRID_STAND_IN = %reldir%/stand_in.c %reldir%/stand_in.h $(MF_GRID_SERVE)

check_PROGRAMS += %reldir%/test_node
%canon_reldir%_test_node_SOURCES = %reldir%/test_node.c $(MF_GRID_STAND_IN) $(MF_GRID_SUITE) $(MF_GRID_STORE)
%canon_reldir%_test_node_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_node_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_node
