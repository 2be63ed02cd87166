E2E = \
	%reldir%/grid_put.py \
	%reldir%/mounts.py \
	%reldir%/conformance.py \
	%reldir%/conformance_people.py \
	%reldir%/conformance_store.py \
	%reldir%/settle.py \
	%reldir%/bad_input.py \
	%reldir%/identity.py \
	%reldir%/faults.py \
	%reldir%/crowd.py \
	%reldir%/save_patterns.py \
	%reldir%/watching.py \
	%reldir%/adopt.py \
	%reldir%/gc.py \
	%reldir%/kills.py \
	%reldir%/many_files.py
EXTRA_DIST += $(E2E) %reldir%/mf.py %reldir%/pyconfig.py %reldir%/snapshots.py %reldir%/ed25519.py
if TESTS_ENABLED
TESTS += $(E2E)
SOAK_TESTS += $(E2E)
endif
