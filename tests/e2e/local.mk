E2E = \
	%reldir%/grid_put.py \
	%reldir%/mounts.py \
	%reldir%/conformance.py \
	%reldir%/conformance_people.py \
	%reldir%/conformance_store.py \
	%reldir%/conformance_node.py \
	%reldir%/settle.py \
	%reldir%/bad_input.py \
	%reldir%/identity.py \
	%reldir%/faults.py \
	%reldir%/crowd.py \
	%reldir%/save_patterns.py \
	%reldir%/watching.py \
	%reldir%/adopt.py \
	%reldir%/wormhole.py \
	%reldir%/gc.py \
	%reldir%/mailbox.py \
	%reldir%/serve.py \
	%reldir%/kills.py \
	%reldir%/kill_calls.py \
	%reldir%/many_files.py
EXTRA_DIST += $(E2E) %reldir%/mf.py %reldir%/gbs.py %reldir%/kill_scenes.py %reldir%/pyconfig.py %reldir%/snapshots.py \
	%reldir%/ed25519.py
if TESTS_ENABLED
TESTS += $(E2E)
SOAK_TESTS += $(E2E)
# Kills a program before its Nth change: for kill_calls.py.  Built by `all`, which is all that check-kills needs.
noinst_PROGRAMS += %reldir%/nth_call
%canon_reldir%_nth_call_SOURCES = %reldir%/nth_call.c
# What node: grids are tried on.
noinst_PROGRAMS += %reldir%/stand_in_node
%canon_reldir%_stand_in_node_SOURCES = %reldir%/stand_in_node.c tests/grid/stand_in.c tests/grid/stand_in.h \
	tests/grid/serve.c tests/grid/serve.h
%canon_reldir%_stand_in_node_LDADD = $(MF_LIBS)
endif
