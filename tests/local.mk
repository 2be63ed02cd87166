EXTRA_DIST += %reldir%/lsan.supp %reldir%/run-criterion.sh %reldir%/part.sh
EXTRA_DIST += %reldir%/golden/capabilities.json %reldir%/golden/grid-sample.json %reldir%/golden/planner-traces.json
EXTRA_DIST += %reldir%/golden/mangle.json %reldir%/golden/signatures.json \
	%reldir%/golden/metadata-cases.json %reldir%/golden/snapshots.json \
	%reldir%/golden/pathstate.json %reldir%/golden/sqlite-rows-others.txt \
	%reldir%/golden/db/state-v1.sql %reldir%/golden/db/state-v3.sql %reldir%/golden/db/state-v6.sql %reldir%/golden/db/index-v1.sql \
	%reldir%/golden/ignore-cases.json
EXTRA_DIST += %reldir%/golden/pgpwords.json %reldir%/golden/spake2.json %reldir%/golden/wormhole-keys.json \
	%reldir%/golden/wormhole-session.json %reldir%/golden/invite-session.json %reldir%/golden/invite-messages.json
include tests/golden/lafs/local.mk
include tests/tree/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
include tests/e2e/local.mk
if TESTS_ENABLED
include tests/sim/local.mk
include tests/base/local.mk
include tests/daemon/local.mk
include tests/grid/local.mk
include tests/wormhole/local.mk
include tests/invites/local.mk
include tests/sync/local.mk
endif
