#!/bin/sh
# Each of the 44 faults of docs/faults.md has a row there, and each test that a row names is in the sources.
# A row without a test says what is not built.  From the environment: MF_SRC, the source tree.

cd "$MF_SRC" || exit 1
all=$(grep -rhoE --include='*.c' --include='*.py' '^(Test\([a-z0-9_]+, *|def )[a-z0-9_]+' tests | sed -E 's/^(Test\([a-z0-9_]+, *|def )//')
echo "1..45"
n=1
while [ $n -le 44 ]; do
	row=$(grep -E "^\| B$n \|" docs/faults.md)
	number=$(printf 'b%02d_' $n)
	tests=$(echo "$row" | awk -F'|' '{ print $5 }' | grep -oE '`[a-z0-9_]+`' | tr -d '`')
	why=""
	[ "$(echo "$row" | grep -c .)" -eq 1 ] || why="no row of its own in docs/faults.md"
	case $row in *"| not built: "*) [ -z "$tests" ] || why="built, or not?" ;;
	*) echo "$tests" | grep -qE "^(case_)?$number" || why="no test whose name begins with $number" ;; esac
	for t in $tests; do
		echo "$all" | grep -qx "$t" || why="no test $t in the sources"
	done
	if [ -z "$why" ]; then echo "ok - B$n"; else echo "# $why" && echo "not ok - B$n"; fi
	n=$((n + 1))
done
left=$(echo "$all" | grep -E '^(case_)?b[0-4][0-9]_' | while read -r t; do grep -q "\`$t\`" docs/faults.md || echo "# $t"; done)
if [ -z "$left" ]; then echo "ok - the table names each of them"; else echo "$left" && echo "not ok - the table names each of them"; fi
