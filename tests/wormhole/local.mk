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

# A server in memory and a bad network.
MF_WORMHOLE_NET = %reldir%/net.c %reldir%/net.h %reldir%/server.c %reldir%/server.h

check_PROGRAMS += %reldir%/test_mailbox
%canon_reldir%_test_mailbox_SOURCES = %reldir%/test_mailbox.c
%canon_reldir%_test_mailbox_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_mailbox_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_mailbox

check_PROGRAMS += %reldir%/test_mailbox_random
%canon_reldir%_test_mailbox_random_SOURCES = %reldir%/test_mailbox_random.c $(MF_WORMHOLE_NET)
%canon_reldir%_test_mailbox_random_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_mailbox_random_LDADD = $(TEST_LIBS)
TESTS += %reldir%/test_mailbox_random
SOAK_TESTS += %reldir%/test_mailbox_random

check_PROGRAMS += %reldir%/test_rendezvous %reldir%/test_rendezvous_life
%canon_reldir%_test_rendezvous_SOURCES = %reldir%/test_rendezvous.c %reldir%/parties.c %reldir%/parties.h $(MF_GRID_GOLDEN)
%canon_reldir%_test_rendezvous_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_rendezvous_LDADD = $(SIM_LIBS)
%canon_reldir%_test_rendezvous_life_SOURCES = %reldir%/test_rendezvous_life.c %reldir%/parties.c %reldir%/parties.h $(MF_GRID_GOLDEN)
%canon_reldir%_test_rendezvous_life_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_rendezvous_life_LDADD = $(SIM_LIBS)
TESTS += %reldir%/test_rendezvous %reldir%/test_rendezvous_life

# The door in the simulator.
check_PROGRAMS += %reldir%/test_wormhole
%canon_reldir%_test_wormhole_SOURCES = %reldir%/test_wormhole.c %reldir%/links.c %reldir%/links.h %reldir%/server.c %reldir%/server.h
%canon_reldir%_test_wormhole_CFLAGS = $(TEST_CFLAGS)
%canon_reldir%_test_wormhole_LDADD = $(SIM_LIBS)
TESTS += %reldir%/test_wormhole

# Our wormhole as a program, for tests/e2e/wormhole.py.  Built by `all`, which is all that check-conformance needs.
noinst_PROGRAMS += %reldir%/talk
%canon_reldir%_talk_SOURCES = %reldir%/talk.c
%canon_reldir%_talk_LDADD = $(MF_LIBS)
