/* Shares that were taken away and not removed yet: STORE/trash/SI/n. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base32.h"
#include "grid/store/inner.h"
#include "grid/store/sweep.h"

enum { TRIES = 8, PATH_BYTES = MF_SI_TEXT + 24 };

static DIR *
open_dir(struct mf_store *s, const char *path)
{
	int fd = openat(s->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d == NULL && fd >= 0)
		(void)close(fd);
	return d;
}

mf_code
mf_store_trash_each(struct mf_store *s, mf_code (*each)(void *arg, const uint8_t si[MF_SI_SIZE], mf_err *err),
	void *arg, mf_err *err)
{
	DIR *d = open_dir(s, "trash");
	uint8_t si[MF_SI_SIZE];
	struct dirent *e;
	mf_code rc = MF_OK;

	if (d == NULL)
		return errno == ENOENT ? MF_OK : mf_store_fail(s, err, errno, "look at the trash");
	while (rc == MF_OK && (e = readdir(d)) != NULL)
		if (strlen(e->d_name) == MF_SI_TEXT && mf_unb32_n(si, sizeof(si), mf_strz(e->d_name)))
			rc = each(arg, si, err);
	(void)closedir(d);
	return rc;
}

/* One file back under its name.  An errno value or 0. */
static int
back_one(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, enum mf_back how)
{
	char dir[MF_SI_PATH], from[PATH_BYTES], to[MF_SI_PATH + 8];
	int sys = 0;

	mf_store_si_path(si, dir);
	(void)snprintf(from, sizeof(from), "trash/%s/%u", dir + 3, num);
	(void)snprintf(to, sizeof(to), "%s/%u", dir, num);
	/* first young, then back: the other way round a sweep could take it once more */
	if (how == MF_BACK_USED)
		(void)utimensat(s->root, from, NULL, AT_SYMLINK_NOFOLLOW);
	for (int i = 0; i < TRIES; i++) {
		sys = mf_si_dir_make(s, dir);
		if (sys == 0 && renameat2(s->root, from, s->shares, to, RENAME_NOREPLACE) != 0)
			sys = errno;
		if (sys == EINVAL && linkat(s->root, from, s->shares, to, 0) == 0)
			sys = unlinkat(s->root, from, 0) == 0 ? 0 : errno; /* a file system without that flag */
		if (sys != ENOENT || faccessat(s->root, from, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			break;
	}
	if (sys == EEXIST)
		sys = unlinkat(s->root, from, 0) == 0 ? 0 : errno; /* it was stored again meanwhile */
	return sys == ENOENT ? 0 : sys;                            /* somebody else was quicker */
}

mf_code
mf_store_put_back(struct mf_store *s, const uint8_t si[MF_SI_SIZE], enum mf_back how, mf_err *err)
{
	char dir[MF_SI_PATH], path[PATH_BYTES];
	struct dirent *e;
	uint32_t num;
	int sys = 0;

	mf_store_si_path(si, dir);
	(void)snprintf(path, sizeof(path), "trash/%s", dir + 3);
	DIR *d = open_dir(s, path);
	if (d == NULL)
		return errno == ENOENT ? MF_OK : mf_store_fail(s, err, errno, "look at the trash");
	while ((e = readdir(d)) != NULL)
		if (mf_share_number(e->d_name, &num) && sys == 0)
			sys = back_one(s, si, num, how);
	(void)closedir(d);
	(void)unlinkat(s->root, path, AT_REMOVEDIR);
	return sys == 0 ? MF_OK : mf_store_fail_write(s, err, sys, "put a share back");
}

bool
mf_store_look_again(struct mf_store *s, const uint8_t si[MF_SI_SIZE])
{
	if (faccessat(s->root, "trash", F_OK, 0) != 0)
		return false; /* nothing was ever taken away here */
	(void)mf_store_put_back(s, si, MF_BACK_USED, NULL);
	return true; /* also without one there: somebody may have put it back just before */
}

mf_code
mf_store_trash_empty(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint64_t *bytes, uint64_t *n, mf_err *err)
{
	char dir[MF_SI_PATH], path[PATH_BYTES];
	struct dirent *e;
	struct stat st;
	int sys = 0;

	mf_store_si_path(si, dir);
	(void)snprintf(path, sizeof(path), "trash/%s", dir + 3);
	DIR *d = open_dir(s, path);
	if (d == NULL)
		return errno == ENOENT ? MF_OK : mf_store_fail(s, err, errno, "look at the trash");
	while (sys == 0 && (e = readdir(d)) != NULL) {
		uint32_t num;

		if (!mf_share_number(e->d_name, &num) || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) != 0) {
			sys = errno == ENOENT ? 0 : errno;
			continue;
		}
		*bytes += (uint64_t)st.st_size;
		(*n)++;
		atomic_fetch_add(&s->grown, -(int64_t)st.st_size);
	}
	(void)closedir(d);
	(void)unlinkat(s->root, path, AT_REMOVEDIR);
	return sys == 0 ? MF_OK : mf_store_fail_write(s, err, sys, "remove a share");
}
