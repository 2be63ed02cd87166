/* Roots, names and directories of the production environment. */
#include <config.h> /* _GNU_SOURCE */

#include "base/env_real.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

mf_code
mf_real_root_open(struct mf_env *env, const char *abspath, struct mf_root **out, mf_err *err)
{
	mf_stat st;

	if (*abspath != '/')
		return mf_fail(err, MF_EINVAL, 0, "%.100s: not an absolute path", abspath);
	int fd = open(abspath, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return mf_fail_errno(err, errno, "open %.100s", abspath);
	int sys = mf_real_fill_stat(fd, "", AT_EMPTY_PATH, &st);
	if (sys != 0) {
		(void)close(fd);
		return mf_fail_errno(err, sys, "stat %.100s", abspath);
	}
	struct mf_root *root = mf_alloc(sizeof(*root));
	*root = (struct mf_root){
		.env = mf_real(env), .fd = fd, .dev = st.dev, .ino = st.ino, .abspath = mf_strdup(mf_strz(abspath))};
	*out = root;
	return MF_OK;
}

void
mf_real_root_close(struct mf_root *root)
{
	if (root == NULL)
		return;
	(void)close(root->fd);
	free(root->abspath);
	free(root);
}

mf_code
mf_real_root_check(struct mf_root *root, mf_err *err)
{
	mf_stat st;
	int sys = mf_real_fill_stat(AT_FDCWD, root->abspath, 0, &st);

	if (sys != 0)
		return mf_fail_errno(err, sys, "%.100s", root->abspath);
	if (st.dev != root->dev || st.ino != root->ino)
		return mf_fail(err, MF_ECHANGED, 0, "%.100s is another directory now", root->abspath);
	return MF_OK;
}

mf_code
mf_real_stat(struct mf_root *root, const char *path, mf_stat *out, mf_err *err)
{
	mf_code code = mf_real_path_check(path, err);
	const char *name;
	int dirfd;

	*out = (mf_stat){.kind = MF_KIND_ABSENT};
	if (code != MF_OK)
		return code;
	int sys = -mf_real_parent(root, path, &dirfd, &name);
	if (sys == 0) {
		sys = mf_real_fill_stat(dirfd, name, AT_SYMLINK_NOFOLLOW | (*name == '\0' ? AT_EMPTY_PATH : 0), out);
		mf_real_parent_close(root, dirfd);
	}
	if (sys == 0 || sys == ENOENT || sys == ENOTDIR)
		return MF_OK;
	return mf_real_fail(err, sys, "stat", path);
}

void
mf_real_stat_in(struct mf_root *root, const char *dir, const char *const *name, size_t n,
	void (*each)(void *, size_t, const mf_stat *, const mf_err *), void *arg)
{
	mf_err dir_err = {0};
	int fd = root->fd, dir_sys = 0;

	if (mf_real_path_check(dir, &dir_err) == MF_OK && *dir != '\0') {
		fd = mf_real_open_beneath(root, dir, O_PATH | O_DIRECTORY, 0);
		dir_sys = fd < 0 ? -fd : 0;
	}
	for (size_t i = 0; i < n; i++) {
		mf_stat st = {.kind = MF_KIND_ABSENT};
		mf_err err = dir_err;
		int sys = dir_sys;

		if (sys == 0 && err.code == MF_OK)
			sys = mf_real_fill_stat(fd, name[i], AT_SYMLINK_NOFOLLOW, &st);
		if (sys != 0 && sys != ENOENT && sys != ENOTDIR) {
			st.kind = MF_KIND_ABSENT;
			(void)mf_real_fail(&err, sys, "stat", name[i]);
		}
		each(arg, i, &st, err.code == MF_OK ? NULL : &err);
	}
	if (fd >= 0)
		mf_real_parent_close(root, fd);
}

static enum mf_kind
kind_of(unsigned char d_type)
{
	switch (d_type) {
	case DT_REG: return MF_KIND_FILE;
	case DT_DIR: return MF_KIND_DIR;
	case DT_LNK: return MF_KIND_SYMLINK;
	case DT_UNKNOWN: return MF_KIND_ABSENT;
	default: return MF_KIND_OTHER;
	}
}

static mf_code
each_entry(DIR *d, const char *path, mf_code (*each)(void *, const mf_dirent *), void *arg, mf_err *err)
{
	mf_code code = MF_OK;

	while (code == MF_OK) {
		errno = 0;
		struct dirent *e = readdir(d);
		if (e == NULL)
			return errno == 0 ? MF_OK : mf_real_fail(err, errno, "list", path);
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		code = each(arg, &(mf_dirent){e->d_name, strlen(e->d_name), kind_of(e->d_type)});
	}
	return code;
}

mf_code
mf_real_list(struct mf_root *root, const char *path, mf_code (*each)(void *, const mf_dirent *), void *arg, mf_err *err)
{
	mf_code code = mf_real_path_check(path, err);

	if (code != MF_OK)
		return code;
	int fd = mf_real_open_beneath(root, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return mf_real_fail(err, -fd, "list", path);
	DIR *d = fdopendir(fd);
	if (d == NULL) {
		int sys = errno;

		(void)close(fd);
		return mf_real_fail(err, sys, "list", path);
	}
	code = each_entry(d, path, each, arg, err);
	(void)closedir(d);
	return code;
}

/* The parent of a name that is about to be made or removed; the root itself is not for that. */
static mf_code
parent_of(struct mf_root *root, const char *path, int *dirfd, const char **name, const char *what, mf_err *err)
{
	mf_code code = mf_real_path_check(path, err);

	if (code != MF_OK)
		return code;
	int sys = *path == '\0' ? EINVAL : -mf_real_parent(root, path, dirfd, name);
	return sys == 0 ? MF_OK : mf_real_fail(err, sys, what, path);
}

mf_code
mf_real_mkdir(struct mf_root *root, const char *path, uint32_t mode, mf_err *err)
{
	const char *name;
	int dirfd;
	mf_code code = parent_of(root, path, &dirfd, &name, "mkdir", err);

	if (code != MF_OK)
		return code;
	if (mkdirat(dirfd, name, (mode_t)(mode & 07777)) != 0)
		code = mf_real_fail(err, errno, "mkdir", path);
	mf_real_parent_close(root, dirfd);
	return code;
}

static mf_code
remove_name(struct mf_root *root, const char *path, int flags, const char *what, mf_err *err)
{
	const char *name;
	int dirfd;
	mf_code code = parent_of(root, path, &dirfd, &name, what, err);

	if (code != MF_OK)
		return code;
	if (unlinkat(dirfd, name, flags) != 0)
		code = mf_real_fail(err, errno, what, path);
	mf_real_parent_close(root, dirfd);
	return code;
}

mf_code
mf_real_unlink(struct mf_root *root, const char *path, mf_err *err)
{
	return remove_name(root, path, 0, "unlink", err);
}

mf_code
mf_real_rmdir(struct mf_root *root, const char *path, mf_err *err)
{
	return remove_name(root, path, AT_REMOVEDIR, "rmdir", err);
}

struct ends {
	int from_dir, to_dir;
	const char *from, *to;
};

/* File systems without RENAME_NOREPLACE (NFS, some FUSE): a new link fails likewise if the name is taken.
 * Between the two steps the file has both names, which no reader mistakes for a loss. */
static int
link_new(const struct ends *e)
{
	if (linkat(e->from_dir, e->from, e->to_dir, e->to, 0) != 0)
		return errno == EPERM || errno == ENOTSUP ? EINVAL : errno;
	return unlinkat(e->from_dir, e->from, 0) == 0 ? 0 : errno;
}

static int
rename_ends(const struct mf_env_real *env, const struct ends *e, enum mf_rename_how how)
{
	unsigned flags = how == MF_RENAME_NEW ? RENAME_NOREPLACE : how == MF_RENAME_EXCHANGE ? RENAME_EXCHANGE : 0;
	int sys = EINVAL;

	if (flags == 0 || !env->plain_rename)
		sys = renameat2(e->from_dir, e->from, e->to_dir, e->to, flags) == 0 ? 0 : errno;
	if (how == MF_RENAME_NEW && (sys == EINVAL || sys == ENOSYS))
		sys = link_new(e);
	return sys;
}

static mf_code
rename_fail(mf_err *err, int sys, enum mf_rename_how how, const char *from, const char *to)
{
	bool unsupported = sys == EXDEV || (how != MF_RENAME_REPLACE && (sys == EINVAL || sys == ENOSYS));

	if (unsupported)
		return mf_fail(
			err, MF_EUNSUPPORTED, sys, "rename %.60s to %.60s: the file system cannot do this", from, to);
	return mf_real_fail(err, sys, "rename", sys == EEXIST ? to : from);
}

mf_code
mf_real_rename(struct mf_root *root, const char *from, const char *to, enum mf_rename_how how, mf_err *err)
{
	struct ends e;
	mf_code code = parent_of(root, from, &e.from_dir, &e.from, "rename", err);

	if (code != MF_OK)
		return code;
	const char *slash = strrchr(to, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - to) + 1;
	if (n == (size_t)(e.from - from) && memcmp(from, to, n) == 0 && to[n] != '\0') {
		/* The common case, a temporary name beside the final one: open the parent once. */
		code = mf_real_path_check(to, err);
		e.to_dir = e.from_dir;
		e.to = to + n;
	} else {
		code = parent_of(root, to, &e.to_dir, &e.to, "rename to", err);
	}
	if (code == MF_OK) {
		int sys = rename_ends(root->env, &e, how);

		if (sys != 0)
			code = rename_fail(err, sys, how, from, to);
		if (e.to_dir != e.from_dir)
			mf_real_parent_close(root, e.to_dir);
	}
	mf_real_parent_close(root, e.from_dir);
	return code;
}

mf_code
mf_real_sync_dir(struct mf_root *root, const char *path, mf_err *err)
{
	mf_code code = mf_real_path_check(path, err);

	if (code != MF_OK)
		return code;
	int fd = *path == '\0' ? root->fd : mf_real_open_beneath(root, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return mf_real_fail(err, -fd, "sync", path);
	int sys = fsync(fd) == 0 ? 0 : errno;
	if (fd != root->fd)
		(void)close(fd);
	/* Some file systems cannot sync a directory and say EINVAL; theirs is the guarantee then. */
	return sys == 0 || sys == EINVAL ? MF_OK : mf_real_fail(err, sys, "sync", path);
}

mf_code
mf_real_sync_all(struct mf_root *root, mf_err *err)
{
	if (syncfs(root->fd) != 0)
		return mf_fail_errno(err, errno, "sync of the file system of %.100s", root->abspath);
	return MF_OK;
}

mf_code
mf_real_space(struct mf_root *root, uint64_t *free, mf_err *err)
{
	struct statvfs v;

	if (fstatvfs(root->fd, &v) != 0)
		return mf_fail_errno(err, errno, "space at %.100s", root->abspath);
	*free = (uint64_t)v.f_bavail * v.f_frsize;
	return MF_OK;
}
