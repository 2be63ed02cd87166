#!/bin/sh
# Fuzz each target for FUZZ_SECONDS (60); new inputs stay in the build directory, findings end the run.
# From the environment: MF_SRC and FUZZ_TARGETS as in corpus.sh.
status=0
for target in $FUZZ_TARGETS; do
	name=${target##*/fuzz_}
	found=tests/fuzz/found/$name
	mkdir -p "$found"
	"./$target" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$found-" "$found" "$MF_SRC/tests/fuzz/corpus/$name" </dev/null >"$target.out" 2>&1
	if [ $? -eq 0 ]; then
		echo "$name: $(grep -o 'number_of_executed_units: *[0-9]*' "$target.out" | grep -o '[0-9]*$') runs, nothing found"
	else
		tail -n 40 "$target.out"
		echo "$name: FAILED, input in $found-*"
		status=1
	fi
done
exit $status
