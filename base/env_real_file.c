/* One open file of the production environment. */
#include <config.h> /* _GNU_SOURCE */

#include "base/env_real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The disk starts writing while a big file is still being made; the sync at its end then finds little left. */
#define WRITEBACK_BYTES (UINT64_C(8) << 20)

struct mf_file {
	int fd;
	uint64_t dirty; /* bytes written since write-back was last started */
};

/* Reading a FIFO, a device or a directory is never meant. */
static int
check_regular(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return errno;
	return S_ISREG(st.st_mode) ? 0 : EINVAL;
}

mf_code
mf_real_open(struct mf_root *root, const char *path, enum mf_open_flags flags, uint32_t mode, struct mf_file **out,
	mf_err *err)
{
	mf_code code = mf_real_path_check(path, err);
	int fd;

	if (code != MF_OK)
		return code;
	if (flags == MF_OPEN_CREATE_NEW) {
		fd = mf_real_open_beneath(root, path, O_RDWR | O_CREAT | O_EXCL, mode);
	} else {
		/* O_NONBLOCK: a FIFO opens at once instead of waiting for its writer. */
		fd = mf_real_open_beneath(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
		if (fd == -ENXIO) /* a socket */
			fd = -EINVAL;
		int sys = fd < 0 ? 0 : check_regular(fd);
		if (sys != 0) {
			(void)close(fd);
			fd = -sys;
		}
	}
	if (fd < 0)
		return mf_real_fail(err, -fd, flags == MF_OPEN_CREATE_NEW ? "create" : "open", path);
	*out = mf_alloc(sizeof(**out));
	(*out)->fd = fd;
	return MF_OK;
}

void
mf_real_close(struct mf_file *f)
{
	if (f == NULL)
		return;
	(void)close(f->fd);
	free(f);
}

mf_code
mf_real_fstat(struct mf_file *f, mf_stat *out, mf_err *err)
{
	int sys = mf_real_fill_stat(f->fd, "", AT_EMPTY_PATH, out);

	return sys == 0 ? MF_OK : mf_fail_errno(err, sys, "stat of an open file");
}

static bool
out_of_range(uint64_t off, size_t n)
{
	uint64_t end;

	return __builtin_add_overflow(off, n, &end) || end > INT64_MAX;
}

mf_code
mf_real_read(struct mf_file *f, uint64_t off, void *p, size_t n, size_t *got, mf_err *err)
{
	*got = 0;
	if (out_of_range(off, n))
		return mf_fail(err, MF_EINVAL, 0, "read beyond any file's end");
	while (*got < n) {
		ssize_t r = pread(f->fd, (char *)p + *got, n - *got, (off_t)(off + *got));

		if (r == 0)
			break;
		if (r > 0)
			*got += (size_t)r;
		else if (errno != EINTR)
			return mf_fail_errno(err, errno, "read");
	}
	return MF_OK;
}

mf_code
mf_real_write(struct mf_file *f, uint64_t off, const void *p, size_t n, mf_err *err)
{
	size_t done = 0;

	if (out_of_range(off, n))
		return mf_fail(err, MF_EINVAL, 0, "write beyond any file's end");
	while (done < n) {
		ssize_t r = pwrite(f->fd, (const char *)p + done, n - done, (off_t)(off + done));

		if (r >= 0)
			done += (size_t)r;
		else if (errno != EINTR)
			return mf_fail_errno(err, errno, "write");
	}
	f->dirty += n;
	if (f->dirty >= WRITEBACK_BYTES) {
		/* Only a hint: some file systems do not know it, and fsync reports what fails. */
		(void)sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
		f->dirty = 0;
	}
	return MF_OK;
}

mf_code
mf_real_fsync(struct mf_file *f, mf_err *err)
{
	while (fsync(f->fd) != 0)
		if (errno != EINTR)
			return mf_fail_errno(err, errno, "fsync");
	return MF_OK;
}

mf_code
mf_real_set_mtime(struct mf_file *f, int64_t mtime_ns, mf_err *err)
{
	int64_t ns = mtime_ns % 1000000000;
	int64_t s = mtime_ns / 1000000000;

	if (ns < 0) { /* before 1970: seconds round down, nanoseconds count up */
		ns += 1000000000;
		s--;
	}
	struct timespec t = {.tv_sec = (time_t)s, .tv_nsec = (long)ns};
	struct timespec both[2] = {t, t};
	/* The kernel clamps to what the file system can store. */
	if (futimens(f->fd, both) != 0)
		return mf_fail_errno(err, errno, "set modification time");
	return MF_OK;
}

mf_code
mf_real_set_mode(struct mf_file *f, uint32_t mode, mf_err *err)
{
	if (fchmod(f->fd, (mode_t)(mode & 07777)) != 0)
		return mf_fail_errno(err, errno, "set mode");
	return MF_OK;
}
