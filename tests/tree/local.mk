TESTS += %reldir%/layers.sh %reldir%/headers.sh
EXTRA_DIST += %reldir%/layers.sh %reldir%/headers.sh
