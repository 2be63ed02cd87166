TESTS += %reldir%/layers.sh %reldir%/headers.sh %reldir%/faults.sh
EXTRA_DIST += %reldir%/layers.sh %reldir%/headers.sh %reldir%/faults.sh
