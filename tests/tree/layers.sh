#!/bin/sh
# The house of docs/architecture.md: a room includes lower floors and itself, never a higher or a
# neighbouring room; sync/ and invites/ reach the world only through struct mf_env.
# From the environment: MF_SRC, the source tree; the build directory is the current one.

floor() {
	case $1 in
	base) echo 1 ;;
	grid | wormhole) echo 2 ;;
	sync) echo 3 ;;
	invites) echo 4 ;;
	daemon) echo 5 ;;
	tests) echo 9 ;;
	*) echo 0 ;; # no room of ours: a path within the room, or the build's config.h
	esac
}

echo "1..5"
bad=$(cd "$MF_SRC" && for room in base grid wormhole sync invites daemon; do
	find "$room" -name '*.[ch]' -exec sed -n 's|^[ \t]*#[ \t]*include[ \t]*"\([^"]*\)".*|{} \1|p' {} \; |
		while read -r file header; do
			to=${header%%/*}
			[ "$to" = "$room" ] && continue
			[ "$header" = config.h ] && continue
			if [ "$(floor "$to")" -eq 0 ] || [ "$(floor "$to")" -ge "$(floor "$room")" ]; then
				echo "# $file includes $header"
			fi
		done
done)
if [ -z "$bad" ]; then echo "ok - includes go down only"; else echo "$bad" && echo "not ok - includes go down only"; fi

bad=$(cd "$MF_SRC" && grep -nE '#[[:space:]]*include[[:space:]]*<(uv|curl/.*|fcntl|unistd|dirent|pthread|sys/(stat|inotify|file|mman|random))\.h>' \
	-r sync invites --include='*.[ch]' | sed 's/^/# /')
if [ -z "$bad" ]; then echo "ok - sync and invites include no system interfaces"; else echo "$bad" && echo "not ok - sync and invites include no system interfaces"; fi

# What the headers do not show, the symbols do.
bad=$(find sync invites -name '*.o' 2>/dev/null | while read -r o; do
	nm -u "$o" | awk -v o="$o" '$2 ~ /^(open|open64|openat|creat|read|write|pread|pwrite|pread64|pwrite64|fopen|fopen64|stat|lstat|fstat|fstatat|rename|renameat|renameat2|unlink|unlinkat|mkdir|mkdirat|rmdir|opendir|time|gettimeofday|clock_gettime|nanosleep|sleep|usleep|rand|random|getrandom|randombytes.*|crypto_(sign|box)_keypair|pthread_create|uv_.*|sqlite3_open.*|inotify_.*)$/ { print "# " o " uses " $2 }'
done)
if [ -z "$bad" ]; then echo "ok - sync and invites use no system calls of their own"; else echo "$bad" && echo "not ok - sync and invites use no system calls of their own"; fi

# Within sync/: documents and the planner know nothing of the rest, the databases nothing of what works with them.
may() {
	case $1 in
	doc) echo 'sync/doc/|base/|grid/(caps|grid)\.h' ;;
	plan) echo 'sync/plan/|base/(buf|err)\.h' ;;
	state) echo 'sync/(state|doc|plan)/|sync/(folder|settings)\.h|base/' ;;
	esac
}
bad=$(cd "$MF_SRC" && for room in doc plan state; do
	grep -n '#include "' sync/$room/*.[ch] | grep -vE "\"($(may $room))" | sed 's/^/# /'
done)
if [ -z "$bad" ]; then echo "ok - documents, planner and databases stand alone"; else echo "$bad" && echo "not ok - documents, planner and databases stand alone"; fi

# Within wormhole/: sockets, libcurl, wslay and the loop only where links are made and framed.
bad=$(cd "$MF_SRC" && grep -nE '#[[:space:]]*include[[:space:]]*<(uv|curl/.*|wslay/.*|fcntl|unistd|time|sys/.*|pthread|netinet/.*)\.h>' \
	wormhole/*.[ch] | grep -vE '^wormhole/(link_real|ws)[a-z_]*\.[ch]:' | sed 's/^/# /')
if [ -z "$bad" ]; then echo "ok - wormhole reaches the network through links only"; else echo "$bad" && echo "not ok - wormhole reaches the network through links only"; fi
