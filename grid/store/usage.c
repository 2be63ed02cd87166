/* What must become durable, how much is stored, and the end of the store object. */
#define _GNU_SOURCE
#include "grid/store/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <sodium.h>

void
mf_store_touched(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, int64_t bytes)
{
	atomic_fetch_add(&s->grown, bytes);
	if (s->durability == MF_NOT_DURABLE)
		return;
	(void)pthread_mutex_lock(&s->lock);
	if (s->touched_n < FSYNC_MAX) {
		memcpy(s->touched[s->touched_n].si, si, MF_SI_SIZE);
		s->touched[s->touched_n].num = num;
	}
	if (s->touched_n <= FSYNC_MAX)
		s->touched_n++;
	(void)pthread_mutex_unlock(&s->lock);
}

/* fsync of one name below shares/.  An errno value or 0. */
static int
sync_path(struct mf_store *s, const char *path, int flags)
{
	int sys = 0;
	int fd = openat(s->shares, path, O_RDONLY | O_CLOEXEC | flags);

	if (fd < 0)
		return errno;
	if (fsync(fd) != 0)
		sys = errno;
	(void)close(fd);
	return sys;
}

/* Each file first, then the directories from below: a name never becomes durable before what it names. */
static int
sync_each(struct mf_store *s, const struct touched *list, size_t n)
{
	int sys = 0;

	for (size_t i = 0; i < n && sys == 0; i++) {
		char dir[MF_SI_PATH], path[MF_SI_PATH + 8], prefix[3];

		mf_store_si_path(list[i].si, dir);
		(void)snprintf(path, sizeof(path), "%s/%u", dir, list[i].num);
		(void)snprintf(prefix, sizeof(prefix), "%.2s", dir);
		sys = sync_path(s, path, 0);
		if (sys == 0)
			sys = sync_path(s, dir, O_DIRECTORY);
		if (sys == 0)
			sys = sync_path(s, prefix, O_DIRECTORY);
	}
	return sys != 0 || n == 0 ? sys : sync_path(s, ".", O_DIRECTORY);
}

/* The number in STORE/usage; 0 if there is none. */
static int64_t
read_usage(int fd)
{
	char text[32] = {0};
	ssize_t n = fd < 0 ? -1 : mf_read_all(fd, text, sizeof(text) - 1, 0);
	long long v = n <= 0 ? 0 : strtoll(text, NULL, 10);

	return v > 0 ? v : 0;
}

/* Add what we stored to STORE/usage.  Other processes do the same: the lock is on the file itself. */
static void
write_usage(struct mf_store *s)
{
	int64_t grown = atomic_exchange(&s->grown, 0);
	char text[32];

	if (grown == 0)
		return;
	int fd = openat(s->root, "usage", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return; /* an estimate: not worth a word */
	if (flock(fd, LOCK_EX) == 0) {
		int64_t used = read_usage(fd) + grown;
		int n = snprintf(text, sizeof(text), "%020lld\n", (long long)(used > 0 ? used : 0));

		(void)mf_write_all(fd, text, (size_t)n, 0);
	}
	(void)close(fd);
}

mf_code
mf_store_sync(struct mf_store *s, mf_err *err)
{
	struct touched list[FSYNC_MAX];
	int sys = 0;

	write_usage(s); /* once a batch, so that every process knows */
	if (s->durability == MF_NOT_DURABLE)
		return MF_OK;
	(void)pthread_mutex_lock(&s->sync_lock);
	(void)pthread_mutex_lock(&s->lock);
	size_t n = s->touched_n;
	memcpy(list, s->touched, sizeof(list));
	s->touched_n = 0;
	(void)pthread_mutex_unlock(&s->lock);

	if (n <= FSYNC_MAX)
		sys = sync_each(s, list, n);
	if (n > FSYNC_MAX || sys == ENOENT) /* somebody removed or replaced one: no reason to stop here */
		sys = syncfs(s->root) == 0 ? 0 : errno;
	if (sys != 0) { /* nothing of it counts as done */
		(void)pthread_mutex_lock(&s->lock);
		s->touched_n = FSYNC_MAX + 1;
		(void)pthread_mutex_unlock(&s->lock);
	}
	(void)pthread_mutex_unlock(&s->sync_lock);
	return sys == 0 ? MF_OK : mf_store_fail_write(s, err, sys, "make shares durable");
}

mf_code
mf_store_usage(struct mf_store *s, mf_grid_status *out, mf_err *err)
{
	struct statvfs v;

	*out = (mf_grid_status){.connected = 1, .wanted = 1, .happy = true};
	if (fstatvfs(s->root, &v) != 0)
		return mf_store_fail(s, err, errno, "ask for free space");
	out->bytes_free = (uint64_t)v.f_bavail * v.f_frsize;
	out->bytes_total = (uint64_t)v.f_blocks * v.f_frsize;
	out->files_free = v.f_favail;
	out->files_total = v.f_files;
	int fd = openat(s->root, "usage", O_RDONLY | O_CLOEXEC);
	int64_t used = read_usage(fd) + atomic_load(&s->grown);
	if (fd >= 0)
		(void)close(fd);
	out->bytes_used = used > 0 ? (uint64_t)used : 0;
	return MF_OK;
}

void
mf_store_close(struct mf_store *s)
{
	if (s == NULL)
		return;
	if (s->in_use >= 0) {
		write_usage(s);
		(void)close(s->in_use);
	}
	if (s->shares >= 0)
		(void)close(s->shares);
	if (s->root >= 0)
		(void)close(s->root);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_mutex_destroy(&s->sync_lock);
	free(s->path);
	sodium_memzero(s, sizeof(*s));
	free(s);
}
