#!/bin/sh
# Run one criterion binary, speak TAP on stdout, and turn sanitizer reports
# (which criterion ignores) into failures.
tap=$1.tap; san=$1.san
rm -f "$tap" "$san".*
# Freed memory is kept apart for 32 MiB, not 256: most of that was spent on touching new pages.
LSAN_OPTIONS="suppressions=$(dirname "$0")/lsan.supp:print_suppressions=0:$LSAN_OPTIONS" \
ASAN_OPTIONS="log_path=$san:quarantine_size_mb=32:$ASAN_OPTIONS" \
UBSAN_OPTIONS="print_stacktrace=1:log_path=$san:$UBSAN_OPTIONS" \
"$1" --tap="$tap" --quiet --short-filename
rc=$?
[ -f "$tap" ] && cat "$tap"
for f in "$san".*; do
	[ -s "$f" ] || continue
	cat "$f" >&2
	echo "Bail out! sanitizer report: $f"
	rc=99
done
exit $rc
