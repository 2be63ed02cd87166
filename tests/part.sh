#!/bin/sh
# Print those of the tests given that belong to one part of `./check`.
# usage: part.sh unit|conformance|simulation|kills|fuzz TEST...
part=$1
shift
for test in "$@"; do
	case $test in
	*/kill* | */many_files.py) of=kills ;; # those on the plain build
	tests/e2e/*) of=conformance ;;
	tests/sim/*) of=simulation ;;
	tests/fuzz/*) of=fuzz ;;
	*) of=unit ;;
	esac
	[ "$of" = "$part" ] && printf '%s ' "$test"
done
exit 0
