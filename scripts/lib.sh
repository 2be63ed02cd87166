# What ./check and ./quickstart share; sourced by POSIX sh with the top of the tree as current directory.

exec </dev/null # a closed standard input would hand descriptor 0 to the next file opened
umask 022
running= # process groups that we started and that may still live

# Start a command in a process group of its own, so that ending it ends all its children: start COMMAND...
# Its process id, which names the group too, is left in $started.
start() {
	setsid "$@" &
	started=$!
	running="$running $started"
}

# Run a command so that a signal to us ends it at once: run COMMAND...
run() {
	start "$@"
	run_status=0
	wait "$started" || run_status=$?
	ended "$started"
	return $run_status
}

# Forget a group that has ended; stragglers in it are killed: ended PID
ended() {
	kill -s KILL -- "-$1" 2>/dev/null
	left=
	for group in $running; do
		[ "$group" = "$1" ] || left="$left $group"
	done
	running=$left
}

# End everything still running, politely first.
end_all() {
	for group in $running; do
		kill -s TERM -- "-$group" 2>/dev/null
	done
	ticks=0
	while [ $ticks -lt 25 ]; do
		alive=
		for group in $running; do
			kill -s 0 -- "-$group" 2>/dev/null && alive=1
		done
		[ -n "$alive" ] || break
		sleep 0.2
		ticks=$((ticks + 1))
	done
	for group in $running; do
		kill -s KILL -- "-$group" 2>/dev/null
	done
	running=
}

# On every way out: end what we started, then at_exit if the script has one.
leave() {
	status=$?
	trap '' HUP INT TERM
	trap - EXIT
	end_all
	if command -v at_exit >/dev/null; then at_exit; fi
	exit $status
}
trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Install what Debian lacks: need_packages KIND...   (kinds as in packages.txt)
need_packages() {
	missing=
	for kind in "$@"; do
		for package in $(sed -n "s/^$kind //p" scripts/packages.txt); do
			case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
			installed) ;;
			*) missing="$missing $package" ;;
			esac
		done
	done
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		echo "sudo apt-get install -y --no-install-recommends$missing" >&2
		exit 2
	fi
	echo "installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	log=$(mktemp)
	if run sh -c 'apt-get -y -q install --no-install-recommends "$@" ||
		{ apt-get -q update && apt-get -y -q install --no-install-recommends "$@"; }' sh $missing >"$log" 2>&1; then
		rm -f "$log"
		return 0
	fi
	tail -n 20 "$log" >&2
	rm -f "$log"
	echo "could not install:$missing" >&2
	exit 1
}

# Bring DIR up to date, configured with the given options, and make GOAL in it:
# build DIR GOAL CONFIGURE_OPTION...   All output goes to DIR/build.log; its end is shown on failure.
build() {
	mkdir -p "$1"
	if ! build_steps "$@" >"$1/build.log" 2>&1; then
		tail -n 30 "$1/build.log" >&2
		echo "the build failed; all of it is in $1/build.log" >&2
		return 1
	fi
}

build_steps() {
	dir=$1
	goal=$2
	shift 2
	tree=$(cat autogen.sh configure.ac Makefile.am \
		$(find base grid wormhole sync invites daemon tests docs -name local.mk 2>/dev/null | sort) | cksum)
	if [ ! -x configure ] || [ "$(cat build-aux/stamp 2>/dev/null)" != "$tree" ]; then
		run ./autogen.sh || return 1
		echo "$tree" >build-aux/stamp
	fi
	here="$tree $(pwd) $*" # a build directory holds absolute paths
	if [ ! -f "$dir/Makefile" ] || [ "$(cat "$dir/stamp" 2>/dev/null)" != "$here" ]; then
		run sh -c 'cd "$1" && shift && exec ../configure -q "$@"' sh "$dir" "$@" || return 1
		echo "$here" >"$dir/stamp"
	fi
	run make -C "$dir" -j"$(nproc)" "$goal"
}
