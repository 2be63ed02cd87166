EXTRA_DIST += %reldir%/run-criterion.sh
if TESTS_ENABLED
include tests/base/local.mk
endif
