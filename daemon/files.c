/* Small files of the configuration. */
#include <config.h>

#include "daemon/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

char *
mf_path_join(const char *a, const char *b)
{
	mf_buf p = {0};

	mf_buf_addf(&p, "%s%s%s", a, a[0] != '\0' && a[strlen(a) - 1] == '/' ? "" : "/", b);
	return (char *)p.p; /* a buffer's text always ends in NUL */
}

mf_code
mf_file_read(const char *path, size_t max, mf_buf *out, mf_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t start = out->n;
	mf_code rc = MF_OK;

	if (fd < 0)
		return mf_fail_errno(err, errno, "open %s", path);
	for (;;) {
		mf_buf_reserve(out, 4096);
		ssize_t got = read(fd, out->p + out->n, 4096);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			rc = mf_fail_errno(err, errno, "read %s", path);
		if (got <= 0)
			break;
		out->n += (size_t)got;
		if (out->n - start > max) {
			rc = mf_fail(err, MF_EFORMAT, 0, "%s is longer than %zu bytes", path, max);
			break;
		}
	}
	out->p[out->n] = '\0';
	(void)close(fd);
	return rc;
}

static mf_code
write_temporary(const char *path, mf_str content, mode_t mode, char **tmp, mf_err *err)
{
	mf_buf name = {0};
	size_t done = 0;
	int fd;

	mf_buf_addf(&name, "%s.%ld.tmp", path, (long)getpid());
	*tmp = (char *)name.p;
	(void)unlink(*tmp); /* left by a process of the same number that was killed */
	fd = open(*tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return mf_fail_errno(err, errno, "create %s", *tmp);
	while (done < content.n) {
		ssize_t n = write(fd, content.p + done, content.n - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (done < content.n || fsync(fd) != 0) {
		int saved = errno;
		(void)close(fd);
		(void)unlink(*tmp);
		return mf_fail_errno(err, saved, "write %s", *tmp);
	}
	(void)close(fd);
	return MF_OK;
}

mf_code
mf_file_replace(const char *path, mf_str content, mode_t mode, mf_err *err)
{
	char *tmp = NULL;
	mf_code rc = write_temporary(path, content, mode, &tmp, err);

	if (rc == MF_OK && rename(tmp, path) != 0) {
		rc = mf_fail_errno(err, errno, "replace %s", path);
		(void)unlink(tmp);
	}
	free(tmp);
	return rc;
}

mf_code
mf_file_create(const char *path, mf_str content, mode_t mode, mf_err *err)
{
	char *tmp = NULL;
	mf_code rc = write_temporary(path, content, mode, &tmp, err);

	if (rc == MF_OK) {
		if (link(tmp, path) != 0)
			rc = mf_fail_errno(err, errno, "create %s", path);
		(void)unlink(tmp);
	}
	free(tmp);
	return rc;
}

mf_code
mf_mkdir_all(const char *path, mode_t mode, mf_err *err)
{
	char *copy = mf_strdup(mf_strz(path));
	mf_code rc = MF_OK;

	for (char *p = copy + 1; rc == MF_OK && *copy != '\0'; p++) {
		char saved = *p;
		if (saved != '/' && saved != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, saved == '\0' ? mode : 0777) != 0 && errno != EEXIST)
			rc = mf_fail_errno(err, errno, "make directory %s", copy);
		*p = saved;
		if (saved == '\0')
			break;
	}
	free(copy);
	return rc;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	(void)remove(path); /* what stays is found by the last rmdir */
	return 0;
}

mf_code
mf_remove_tree(const char *path, mf_err *err)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? MF_OK : mf_fail_errno(err, errno, "look at %s", path);
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
		return mf_fail_errno(err, errno, "remove %s", path);
	if (lstat(path, &st) == 0 && (rmdir(path) != 0))
		return mf_fail_errno(err, errno, "remove %s", path);
	return MF_OK;
}

char *
mf_path_absolute(const char *path)
{
	mf_buf out = {0};

	if (path[0] != '/') {
		char cwd[PATH_MAX];
		if (getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, "/") != 0)
			mf_buf_addz(&out, cwd);
	}
	while (*path != '\0') {
		size_t n = strcspn(path, "/");
		if (n == 2 && memcmp(path, "..", 2) == 0) {
			while (out.n > 0 && out.p[--out.n] != '/')
				;
		} else if (n > 0 && !(n == 1 && path[0] == '.')) {
			mf_buf_addc(&out, '/');
			mf_buf_add(&out, path, n);
		}
		path += n + (path[n] == '/' ? 1 : 0);
	}
	if (out.n == 0)
		mf_buf_addc(&out, '/');
	mf_buf_addc(&out, '\0');
	return (char *)out.p;
}
