#!/bin/sh
# Feed every fuzz target its seed corpus, with whichever driver it was built; one TAP line per target.
# From the environment: MF_SRC, the source tree; FUZZ_TARGETS, programs relative to the build directory.
set -- $FUZZ_TARGETS
echo "1..$#"
for target in "$@"; do
	name=${target##*/fuzz_}
	if timeout 60 "./$target" -runs=0 "$MF_SRC/tests/fuzz/corpus/$name" </dev/null >"$target.out" 2>&1; then
		echo "ok - corpus of $name"
	else
		tail -n 40 "$target.out" >&2
		echo "not ok - corpus of $name"
	fi
done
