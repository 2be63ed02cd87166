#!/bin/sh
# Every header compiles alone.
# From the environment: MF_SRC, the source tree; MF_COMPILE, the compiler with all its flags.
cd "$MF_SRC" || exit 99
set -- $(find base grid wormhole sync invites daemon tests -name '*.h' | sort)
echo "1..$#"
for header in "$@"; do
	if printf '#include "%s"\ntypedef int not_empty;\n' "$header" | $MF_COMPILE -fsyntax-only -x c - >&2; then
		echo "ok - $header"
	else
		echo "not ok - $header"
	fi
done
