/* The way down from a root: no link is followed, nothing leads out. */
#include <config.h> /* _GNU_SOURCE */

#include "base/env_real.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

static int
sys_openat2(int dirfd, const char *path, int flags, uint32_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = (flags & O_CREAT) != 0 ? mode & 07777 : 0,
		.resolve = resolve,
	};

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

bool
mf_real_have_openat2(void)
{
	int fd = sys_openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, RESOLVE_NO_MAGICLINKS);

	if (fd < 0)
		return errno != ENOSYS && errno != EPERM;
	(void)close(fd);
	return true;
}

mf_code
mf_real_path_check(const char *path, mf_err *err)
{
	const char *p = path;

	if (*path == '\0')
		return MF_OK;
	if (*path == '/')
		return mf_fail(err, MF_EAUTH, 0, "%.80s: not below the folder", path);
	for (;;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.')
			return mf_fail(err, MF_EAUTH, 0, "%.80s: may not contain \"..\"", path);
		if (n == 0 || (n == 1 && p[0] == '.'))
			return mf_fail(err, MF_EINVAL, 0, "%.80s: not a clean path", path);
		if (n > NAME_MAX)
			return mf_fail(err, MF_EINVAL, ENAMETOOLONG, "%.80s: name too long", path);
		p += n;
		if (*p == '\0')
			break;
		p++;
	}
	if (p - path >= PATH_MAX)
		return mf_fail(err, MF_EINVAL, ENAMETOOLONG, "%.80s: path too long", path);
	return MF_OK;
}

mf_code
mf_real_fail(mf_err *err, int sys, const char *what, const char *path)
{
	const char *shown = *path == '\0' ? "the folder itself" : path;

	switch (sys) {
	case ELOOP:
	case EXDEV: return mf_fail(err, MF_EAUTH, sys, "%s %.100s: a symbolic link is in the way", what, shown);
	case EINVAL:
	case EISDIR:
	case ENAMETOOLONG:
	case EILSEQ: /* a file system with rules of its own about names */
		return mf_fail(err, MF_EINVAL, sys, "%s %.100s: %s", what, shown, strerror(sys));
	default: return mf_fail_errno(err, sys, "%s %.100s", what, shown);
	}
}

/* One component with O_NOFOLLOW; a link is always -ELOOP, also where the kernel would say ENOTDIR. */
static int
open_one(int dirfd, const char *name, int flags, uint32_t mode)
{
	struct stat st;
	int fd = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC, (mode_t)(mode & 07777));

	if (fd >= 0)
		return fd;
	int sys = errno;
	if (sys == ENOTDIR && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		sys = ELOOP;
	return -sys;
}

/* What openat2 does, by hand.  Each step holds a directory that was reached without following a link. */
static int
walk(int rootfd, const char *path, int flags, uint32_t mode)
{
	char name[NAME_MAX + 1];
	int dirfd = rootfd;

	for (;;) {
		size_t n = strcspn(path, "/");
		bool last = path[n] == '\0';

		memcpy(name, path, n); /* mf_real_path_check: n <= NAME_MAX */
		name[n] = '\0';
		int fd = last ? open_one(dirfd, name, flags, mode) : open_one(dirfd, name, O_PATH | O_DIRECTORY, 0);
		if (dirfd != rootfd)
			(void)close(dirfd);
		if (last || fd < 0)
			return fd;
		dirfd = fd;
		path += n + 1;
	}
}

int
mf_real_open_beneath(struct mf_root *root, const char *path, int flags, uint32_t mode)
{
	int fd;

	if (*path == '\0')
		path = ".";
	for (unsigned tries = 0;; tries++) {
		if (root->env->walk) {
			fd = walk(root->fd, path, flags, mode);
		} else {
			fd = sys_openat2(root->fd, path, flags, mode, BENEATH);
			fd = fd < 0 ? -errno : fd;
		}
		/* EAGAIN: a rename somewhere disturbed the walk (openat2(2)); it is rare, repeat. */
		if (fd != -EINTR && (fd != -EAGAIN || tries >= 100))
			return fd;
	}
}

int
mf_real_parent(struct mf_root *root, const char *path, int *dirfd, const char **name)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash == NULL) {
		*dirfd = root->fd;
		*name = path;
		return 0;
	}
	memcpy(dir, path, (size_t)(slash - path)); /* mf_real_path_check: shorter than PATH_MAX */
	dir[slash - path] = '\0';
	int fd = mf_real_open_beneath(root, dir, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	*dirfd = fd;
	*name = slash + 1;
	return 0;
}

void
mf_real_parent_close(struct mf_root *root, int dirfd)
{
	if (dirfd != root->fd)
		(void)close(dirfd);
}

static enum mf_kind
kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return MF_KIND_FILE;
	case S_IFDIR: return MF_KIND_DIR;
	case S_IFLNK: return MF_KIND_SYMLINK;
	default: return MF_KIND_OTHER;
	}
}

static int64_t
ns_of(struct statx_timestamp t)
{
	int64_t ns;

	if (__builtin_mul_overflow(t.tv_sec, INT64_C(1000000000), &ns) ||
		__builtin_add_overflow(ns, (int64_t)t.tv_nsec, &ns))
		return t.tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

int
mf_real_fill_stat(int dirfd, const char *name, int flags, mf_stat *out)
{
	struct statx sx;

	if (statx(dirfd, name, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME, &sx) != 0)
		return errno;
	*out = (mf_stat){
		.kind = kind_of(sx.stx_mode),
		.mode = sx.stx_mode & 07777,
		.nlink = sx.stx_nlink,
		.size = sx.stx_size,
		.mtime_ns = ns_of(sx.stx_mtime),
		.ctime_ns = ns_of(sx.stx_ctime),
		.btime_ns = (sx.stx_mask & STATX_BTIME) != 0 ? ns_of(sx.stx_btime) : 0,
		.dev = makedev(sx.stx_dev_major, sx.stx_dev_minor),
		.ino = sx.stx_ino,
	};
	return 0;
}
