/* Which configurations use the store: STORE/users/ID-INODE holds the path of a configuration directory. */
#define _GNU_SOURCE
#include "grid/store/users.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "grid/store/inner.h"

enum { PATH_BYTES = 4096, NAME_BYTES = 64 };
static const char users[] = "users";

void
mf_store_user_id(const uint8_t lease_secret[32], char id[MF_USER_ID + 1])
{
	static const char what[] = "magic-folder: who uses a store";
	uint8_t hash[crypto_generichash_BYTES_MIN];

	(void)crypto_generichash(hash, sizeof(hash), (const uint8_t *)what, sizeof(what) - 1, lease_secret, 32);
	mf_hex(id, hash, MF_USER_ID / 2);
	sodium_memzero(hash, sizeof(hash));
}

/* "ID-INODE", in its only spelling. */
static bool
parse_name(const char *name, mf_store_user *out)
{
	uint8_t id[MF_USER_ID / 2];
	char *end;

	if (strlen(name) < MF_USER_ID + 2 || name[MF_USER_ID] != '-' ||
		!mf_unhex(id, sizeof(id), (mf_str){name, MF_USER_ID}))
		return false;
	memcpy(out->id, name, MF_USER_ID);
	out->id[MF_USER_ID] = '\0';
	errno = 0;
	out->ino = strtoull(name + MF_USER_ID + 1, &end, 10);
	return errno == 0 && *end == '\0';
}

static void
print_name(const char *id, uint64_t ino, char out[NAME_BYTES])
{
	(void)snprintf(out, NAME_BYTES, "%s-%" PRIu64, id, ino);
}

/* The content of one file on the heap; NULL with errno set. */
static char *
read_path(int dir, const char *name)
{
	char *path = mf_alloc(PATH_BYTES + 1);
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : mf_read_all(fd, path, PATH_BYTES, 0);
	int sys = errno;

	if (fd >= 0)
		(void)close(fd);
	if (n > 0 && path[0] == '/')
		return path;
	free(path);
	errno = n < 0 ? sys : EINVAL;
	return NULL;
}

void
mf_store_users_free(mf_store_user *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].dir);
	free(list);
}

mf_code
mf_store_users(struct mf_store *s, mf_store_user **out, size_t *n, mf_err *err)
{
	mf_code rc = MF_OK;
	struct dirent *e;
	int fd = openat(s->root, users, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*out = NULL;
	*n = 0;
	if (fd < 0 && errno == ENOENT && mf_store_fail(s, err, ENOENT, "look for its users") == MF_ENOTFOUND)
		return MF_OK;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		int sys = errno;

		if (fd >= 0)
			(void)close(fd);
		return mf_store_fail(s, err, sys, "look for its users");
	}
	while (rc == MF_OK && (e = readdir(d)) != NULL) {
		mf_store_user u;

		if (!parse_name(e->d_name, &u))
			continue; /* being written */
		u.dir = read_path(fd, e->d_name);
		if (u.dir == NULL && errno != ENOENT)
			rc = mf_store_fail_write(s, err, errno, "read who uses it");
		if (u.dir == NULL)
			continue;
		*out = mf_realloc_array(*out, *n + 1, sizeof(**out));
		(*out)[(*n)++] = u;
	}
	(void)closedir(d);
	if (rc != MF_OK) {
		mf_store_users_free(*out, *n);
		*out = NULL;
		*n = 0;
	}
	return rc;
}

/* Under a name of its own first: who reads finds a whole path or none.  An errno value or 0. */
static int
write_user(int dir, const char *name, const char *path)
{
	char tmp[NAME_BYTES + 8];
	int sys;

	(void)snprintf(tmp, sizeof(tmp), "%s.new", name);
	int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	sys = mf_write_all(fd, path, strlen(path), 0);
	if (sys == 0 && fsync(fd) != 0)
		sys = errno;
	(void)close(fd);
	if (sys == 0 && renameat(dir, tmp, dir, name) != 0)
		sys = errno;
	if (sys == 0 && fsync(dir) != 0)
		sys = errno;
	if (sys != 0)
		(void)unlinkat(dir, tmp, 0);
	return sys;
}

/* The directory at that path was put back from a copy: what it was before is no second configuration. */
static void
drop_older(struct mf_store *s, int dir, const char *id, uint64_t ino, const char *path)
{
	mf_store_user *list;
	char name[NAME_BYTES];
	size_t n;

	if (mf_store_users(s, &list, &n, NULL) != MF_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		if (list[i].ino == ino || strcmp(list[i].id, id) != 0 || strcmp(list[i].dir, path) != 0)
			continue;
		print_name(list[i].id, list[i].ino, name);
		(void)unlinkat(dir, name, 0);
	}
	mf_store_users_free(list, n);
}

mf_code
mf_store_register(struct mf_store *s, const char *path, const uint8_t lease_secret[32], mf_err *err)
{
	char id[MF_USER_ID + 1], name[NAME_BYTES];
	struct stat st;
	int sys = 0;

	if (path[0] != '/' || strlen(path) > PATH_BYTES)
		return mf_fail(err, MF_EINVAL, 0, "a configuration that uses a store must have an absolute path");
	if (stat(path, &st) != 0)
		return mf_fail_errno(err, errno, "look at %s", path);
	mf_store_user_id(lease_secret, id);
	print_name(id, st.st_ino, name);
	if (mkdirat(s->root, users, 0700) != 0 && errno != EEXIST)
		return mf_store_fail_write(s, err, errno, "make users");
	int dir = openat(s->root, users, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return mf_store_fail_write(s, err, errno, "open users");
	char *have = read_path(dir, name);
	if (have == NULL || strcmp(have, path) != 0) {
		sys = write_user(dir, name, path);
		if (sys == 0)
			drop_older(s, dir, id, st.st_ino, path);
	}
	free(have);
	(void)close(dir);
	return sys == 0 ? MF_OK : mf_store_fail_write(s, err, sys, "note who uses it");
}

mf_code
mf_store_forget(struct mf_store *s, const char *path, mf_err *err)
{
	mf_store_user *list;
	char name[NAME_BYTES + 8];
	size_t n, found = 0;
	int sys = 0;
	mf_code rc = mf_store_users(s, &list, &n, err);

	for (size_t i = 0; i < n && sys == 0; i++) {
		if (strcmp(list[i].dir, path) != 0)
			continue;
		(void)snprintf(name, sizeof(name), "users/%s-%" PRIu64, list[i].id, list[i].ino);
		if (unlinkat(s->root, name, 0) != 0 && errno != ENOENT)
			sys = errno;
		found++;
	}
	mf_store_users_free(list, n);
	if (sys != 0)
		return mf_store_fail_write(s, err, sys, "forget a user");
	if (rc == MF_OK && found == 0)
		return mf_fail(err, MF_ENOTFOUND, 0, "store %s knows no configuration %s", s->path, path);
	return rc;
}
