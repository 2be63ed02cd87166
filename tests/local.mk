EXTRA_DIST += %reldir%/run-criterion.sh %reldir%/part.sh
EXTRA_DIST += %reldir%/golden/capabilities.json
include tests/golden/lafs/local.mk
include tests/tree/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
if TESTS_ENABLED
include tests/base/local.mk
include tests/grid/local.mk
endif
