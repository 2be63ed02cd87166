EXTRA_DIST += %reldir%/run-criterion.sh %reldir%/part.sh
include tests/tree/local.mk
include tests/fuzz/local.mk
if TESTS_ENABLED
include tests/base/local.mk
endif
