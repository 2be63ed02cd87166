/* Files that get their name when they are complete (design.md 2.3; costs in floor.md 3). */
#define _GNU_SOURCE
#include "grid/store/inner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

enum {
	FILE_PATH = MF_SI_PATH + 8,
	OPEN_TRIES = 8, /* somebody's failed write may remove the directory that we found there */
};
static const char incoming[] = "incoming";

static void
share_path(const uint8_t si[MF_SI_SIZE], uint32_t num, char out[FILE_PATH])
{
	char dir[MF_SI_PATH];

	mf_store_si_path(si, dir);
	(void)snprintf(out, FILE_PATH, "%s/%u", dir, num);
}

void
mf_incoming_name(char out[48])
{
	uint8_t r[8];
	char hex[17];

	randombytes_buf(r, sizeof(r));
	mf_hex(hex, r, sizeof(r));
	(void)snprintf(out, 48, "%s/mf-%s", incoming, hex);
}

int
mf_incoming_make(struct mf_store *s)
{
	return mkdirat(s->shares, incoming, 0700) == 0 || errno == EEXIST ? 0 : errno;
}

int
mf_si_dir_make(struct mf_store *s, const char *dir)
{
	char prefix[3] = {dir[0], dir[1], '\0'};

	for (int i = 0; i < 2; i++) {
		if (mkdirat(s->shares, dir, 0700) == 0 || errno == EEXIST)
			return 0;
		if (errno != ENOENT)
			return errno;
		if (mkdirat(s->shares, prefix, 0700) != 0 && errno != EEXIST)
			return errno;
	}
	return ENOENT;
}

/* An errno value or 0; EOPNOTSUPP: this file system cannot. */
static int
open_tmpfile(struct mf_store *s, const char *dir, int *fd)
{
	int sys = 0;

	for (int i = 0; i < OPEN_TRIES; i++) {
		sys = mf_si_dir_make(s, dir);
		if (sys != 0)
			return sys;
		*fd = openat(s->shares, dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (*fd >= 0)
			return 0;
		sys = errno;
		if (sys != ENOENT)
			break;
	}
	if (sys == EISDIR || sys == EINVAL)
		sys = EOPNOTSUPP;
	if (sys == EOPNOTSUPP)
		(void)unlinkat(s->shares, dir, AT_REMOVEDIR); /* the other way makes it by a rename */
	return sys;
}

/* The fallback: a directory below incoming/ that holds the file under its number. */
static mf_code
open_incoming(struct mf_store *s, uint32_t num, newfile *f, mf_err *err)
{
	char path[64];
	int sys = mf_incoming_make(s);

	if (sys != 0)
		return mf_store_fail_write(s, err, sys, "make incoming");
	mf_incoming_name(f->dir);
	if (mkdirat(s->shares, f->dir, 0700) != 0) {
		sys = errno;
		f->dir[0] = '\0';
		return mf_store_fail_write(s, err, sys, "make a directory for a share");
	}
	(void)snprintf(path, sizeof(path), "%s/%u", f->dir, num);
	f->fd = openat(s->shares, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (f->fd < 0) {
		sys = errno;
		(void)unlinkat(s->shares, f->dir, AT_REMOVEDIR);
		f->dir[0] = '\0';
		return mf_store_fail_write(s, err, sys, "make a share");
	}
	return MF_OK;
}

mf_code
mf_newfile_open(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, newfile *f, mf_err *err)
{
	char dir[MF_SI_PATH];
	int sys;

	*f = (newfile){.fd = -1};
	if (!atomic_load(&s->no_tmpfile)) {
		mf_store_si_path(si, dir);
		sys = open_tmpfile(s, dir, &f->fd);
		if (sys == 0)
			return MF_OK;
		if (sys != EOPNOTSUPP) {
			(void)unlinkat(s->shares, dir, AT_REMOVEDIR);
			return mf_store_fail_write(s, err, sys, "make a share");
		}
		atomic_store(&s->no_tmpfile, true);
	}
	return open_incoming(s, num, f, err);
}

/* Name an O_TMPFILE.  An errno value or 0. */
static int
link_tmpfile(struct mf_store *s, int fd, const char *path)
{
	char proc[32];

	if (!atomic_load(&s->no_empty_path)) {
		if (linkat(fd, "", s->shares, path, AT_EMPTY_PATH) == 0)
			return 0;
		/* kernels before 6.10 want a capability for this and call its absence ENOENT */
		if (errno != ENOENT && errno != EPERM && errno != EINVAL)
			return errno;
	}
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, proc, s->shares, path, AT_SYMLINK_FOLLOW) != 0)
		return errno;
	atomic_store(&s->no_empty_path, true);
	return 0;
}

void
mf_newfile_probe(struct mf_store *s)
{
	char tmp[48];
	int fd = -1;

	if (atomic_load(&s->no_tmpfile) || mf_incoming_make(s) != 0)
		return;
	fd = openat(s->shares, incoming, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0) /* a full or read-only disk says nothing about the kind of file system */
		return;
	mf_incoming_name(tmp);
	int sys = link_tmpfile(s, fd, tmp);
	if (sys == 0)
		(void)unlinkat(s->shares, tmp, 0);
	else if (sys == ENOENT || sys == EPERM || sys == EOPNOTSUPP) /* no /proc, or no links */
		atomic_store(&s->no_tmpfile, true);
	(void)close(fd);
}

/* The old name goes to the new file at once: link(2) cannot do that, rename(2) can. */
static int
replace_by_tmpfile(struct mf_store *s, int fd, const char *path)
{
	char tmp[48];
	int sys = mf_incoming_make(s);

	if (sys != 0)
		return sys;
	mf_incoming_name(tmp);
	sys = link_tmpfile(s, fd, tmp);
	if (sys != 0)
		return sys;
	if (renameat(s->shares, tmp, s->shares, path) == 0)
		return 0;
	sys = errno;
	(void)unlinkat(s->shares, tmp, 0);
	return sys;
}

/* The whole directory becomes the SI directory, or the file moves into the one that is there. */
static int
link_incoming(struct mf_store *s, newfile *f, const char *dir, const char *path, uint32_t num, enum newfile_how how)
{
	char from[64], prefix[3] = {dir[0], dir[1], '\0'};

	if (mkdirat(s->shares, prefix, 0700) != 0 && errno != EEXIST)
		return errno;
	if (renameat(s->shares, f->dir, s->shares, dir) == 0) {
		f->dir[0] = '\0';
		return 0;
	}
	if (errno != ENOTEMPTY && errno != EEXIST)
		return errno;
	(void)snprintf(from, sizeof(from), "%s/%u", f->dir, num);
	if (how == NEWFILE_REPLACE) {
		if (renameat(s->shares, from, s->shares, path) != 0)
			return errno;
	} else if (renameat2(s->shares, from, s->shares, path, RENAME_NOREPLACE) != 0) {
		/* file systems without O_TMPFILE may be without this flag as well */
		if (errno != EINVAL || linkat(s->shares, from, s->shares, path, 0) != 0)
			return errno;
		(void)unlinkat(s->shares, from, 0);
	}
	(void)unlinkat(s->shares, f->dir, AT_REMOVEDIR);
	f->dir[0] = '\0';
	return 0;
}

/* An errno value or 0. */
static int
link_once(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, newfile *f, enum newfile_how how)
{
	char dir[MF_SI_PATH], path[FILE_PATH];

	mf_store_si_path(si, dir);
	share_path(si, num, path);
	if (f->dir[0] != '\0')
		return link_incoming(s, f, dir, path, num, how);
	if (how == NEWFILE_KEEP)
		return link_tmpfile(s, f->fd, path);
	return replace_by_tmpfile(s, f->fd, path);
}

mf_code
mf_newfile_link(
	struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, newfile *f, enum newfile_how how, mf_err *err)
{
	char dir[MF_SI_PATH];
	int lock = -1, sys;

	/* what is replaced must not be what a sweep is taking away: it would take the new one */
	if (how == NEWFILE_REPLACE) {
		mf_code rc = mf_store_lock(s, si, &lock, err);

		if (rc != MF_OK)
			return rc;
	}
	mf_store_si_path(si, dir);
	sys = link_once(s, si, num, f, how);
	for (int i = 0; i < OPEN_TRIES && sys == ENOENT; i++) {
		/* the last share in there was swept, and its directory with it */
		sys = mf_si_dir_make(s, dir);
		if (sys == 0)
			sys = link_once(s, si, num, f, how);
	}
	mf_store_unlock(lock);
	if (sys == EEXIST)
		return mf_fail(err, MF_EEXIST, sys, "share exists");
	if (sys != 0)
		return mf_store_fail_write(s, err, sys, "name a share");
	(void)close(f->fd);
	f->fd = -1;
	return MF_OK;
}

void
mf_newfile_drop(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, newfile *f)
{
	char path[64], dir[MF_SI_PATH];

	if (f->fd < 0)
		return;
	(void)close(f->fd);
	f->fd = -1;
	if (f->dir[0] != '\0') {
		(void)snprintf(path, sizeof(path), "%s/%u", f->dir, num);
		(void)unlinkat(s->shares, path, 0);
		(void)unlinkat(s->shares, f->dir, AT_REMOVEDIR);
		f->dir[0] = '\0';
		return;
	}
	mf_store_si_path(si, dir);
	(void)unlinkat(s->shares, dir, AT_REMOVEDIR); /* stays if it holds a share */
}

/* A directory of open_incoming(): flat, at most one file. */
static void
sweep_dir(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	(void)unlinkat(parent, name, AT_REMOVEDIR);
}

void
mf_incoming_sweep(struct mf_store *s)
{
	int fd = openat(s->shares, incoming, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, "mf-", 3) != 0)
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) != 0)
			sweep_dir(dirfd(d), e->d_name);
	}
	(void)closedir(d);
}
