/* Opening and closing the store, its locks, its share names. */
#define _GNU_SOURCE
#include "grid/store/inner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "base/base32.h"

int
mf_write_all(int fd, const void *p, size_t n, uint64_t off)
{
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t got = pwrite(fd, at, n, (off_t)off);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		at += got;
		n -= (size_t)got;
		off += (uint64_t)got;
	}
	return 0;
}

ssize_t
mf_read_all(int fd, void *p, size_t n, uint64_t off)
{
	uint8_t *at = p;
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, at + done, n - done, (off_t)(off + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

mf_code
mf_store_fail(const struct mf_store *s, mf_err *err, int sys, const char *what)
{
	struct stat st;

	/* a removed directory that is held open says ENOENT to everything */
	if (sys == ENOENT && (fstat(s->shares, &st) != 0 || st.st_nlink == 0))
		return mf_fail(err, MF_EIO, sys, "store %s has vanished", s->path);
	return mf_fail_errno(err, sys, "store %s: %s", s->path, what);
}

mf_code
mf_store_fail_write(const struct mf_store *s, mf_err *err, int sys, const char *what)
{
	mf_code rc = mf_store_fail(s, err, sys, what);

	if (rc != MF_ENOTFOUND)
		return rc;
	if (err != NULL)
		err->code = MF_EIO;
	return MF_EIO;
}

void
mf_store_si_path(const uint8_t si[MF_SI_SIZE], char out[MF_SI_PATH])
{
	mf_b32(out + 3, si, MF_SI_SIZE);
	out[0] = out[3];
	out[1] = out[4];
	out[2] = '/';
}

mf_code
mf_store_si_abspath(const struct mf_store *s, const uint8_t si[MF_SI_SIZE], char *out, size_t size, mf_err *err)
{
	char dir[MF_SI_PATH];

	mf_store_si_path(si, dir);
	int n = snprintf(out, size, "%s/shares/%s", s->path, dir);
	if (n < 0 || (size_t)n >= size)
		return mf_fail(err, MF_EINVAL, 0, "path of the store is too long");
	return MF_OK;
}

const uint8_t *
mf_store_tubid(const struct mf_store *s)
{
	return s->tubid;
}

uint32_t
mf_store_now(const struct mf_store *s)
{
	return s->now_s != NULL ? s->now_s(s->now_arg) : (uint32_t)time(NULL);
}

bool
mf_share_number(const char *name, uint32_t *out)
{
	uint32_t v = 0;

	if (name[0] == '\0' || (name[0] == '0' && name[1] != '\0'))
		return false;
	for (const char *p = name; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return false;
		v = v * 10 + (uint32_t)(*p - '0');
		if (v >= MF_SHARES_MAX)
			return false;
	}
	*out = v;
	return true;
}

static int
by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static mf_code
list_shares(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num[MF_SHARES_MAX], size_t *n, mf_err *err)
{
	char dir[MF_SI_PATH];
	struct dirent *e;

	*n = 0;
	mf_store_si_path(si, dir);
	int fd = openat(s->shares, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && mf_store_fail(s, err, ENOENT, "look for shares") == MF_ENOTFOUND)
		return MF_OK;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		int sys = errno;

		if (fd >= 0)
			(void)close(fd);
		return mf_store_fail(s, err, sys, "look for shares");
	}
	while (*n < MF_SHARES_MAX && (e = readdir(d)) != NULL)
		if (mf_share_number(e->d_name, &num[*n]))
			(*n)++;
	(void)closedir(d);
	if (*n > 1)
		qsort(num, *n, sizeof(*num), by_number);
	return MF_OK;
}

mf_code
mf_store_shares(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num[MF_SHARES_MAX], size_t *n, mf_err *err)
{
	mf_code rc = list_shares(s, si, num, n, err);

	if (rc == MF_OK && *n == 0 && mf_store_look_again(s, si))
		rc = list_shares(s, si, num, n, err);
	return rc;
}

mf_code
mf_store_lock(struct mf_store *s, const uint8_t si[MF_SI_SIZE], int *lock, mf_err *err)
{
	char dir[MF_SI_PATH], path[16];

	mf_store_si_path(si, dir);
	(void)snprintf(path, sizeof(path), "locks/%.2s", dir);
	*lock = openat(s->root, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*lock < 0)
		return mf_store_fail_write(s, err, errno, "open a lock");
	while (flock(*lock, LOCK_EX) != 0) {
		int sys = errno;

		if (sys == EINTR)
			continue;
		(void)close(*lock);
		*lock = -1;
		return mf_store_fail(s, err, sys, "wait for a lock");
	}
	return MF_OK;
}

void
mf_store_unlock(int lock)
{
	if (lock >= 0)
		(void)close(lock);
}

void
mf_store_advise(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, const mf_err *why)
{
	char dir[MF_SI_PATH], path[80];

	mf_store_si_path(si, dir);
	(void)snprintf(path, sizeof(path), "corruption-advisories/%s-%u", dir + 3, num);
	if (mkdirat(s->root, "corruption-advisories", 0700) != 0 && errno != EEXIST)
		return;
	int fd = openat(s->root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return; /* noted before, or nowhere to note it: the operation itself reports */
	(void)mf_write_all(fd, why->text, strlen(why->text), 0);
	(void)close(fd);
}

/* -- opening ---------------------------------------------------------------------------------------- */

/* The process whose number stands in ../@p name is alive. */
static bool
pid_file_lives(int root, const char *name)
{
	char path[64], text[32] = {0};

	(void)snprintf(path, sizeof(path), "../%s", name);
	int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = mf_read_all(fd, text, sizeof(text) - 1, 0);
	(void)close(fd);
	long pid = n <= 0 ? 0 : strtol(text, NULL, 10); /* "pid start-time" or "pid" */
	return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* A Tahoe node takes no locks: never use its storage/ while it runs (lafs.md 4.6). */
static mf_code
refuse_running_node(struct mf_store *s, mf_err *err)
{
	if (faccessat(s->root, "../tahoe.cfg", F_OK, 0) != 0)
		return MF_OK;
	if (!pid_file_lives(s->root, "running.process") && !pid_file_lives(s->root, "twistd.pid"))
		return MF_OK;
	return mf_fail(err, MF_EBUSY, 0, "store %s belongs to a Tahoe node that is running", s->path);
}

static mf_code
open_root(struct mf_store *s, enum mf_missing missing, mf_err *err)
{
	static const char *const dirs[] = {"shares", "locks", "private"};

	if (missing == MF_MAKE_MISSING && mkdir(s->path, 0700) != 0 && errno != EEXIST)
		return mf_fail_errno(err, errno, "make store %s", s->path);
	s->root = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root < 0 && (missing == MF_MAKE_MISSING || errno != ENOENT))
		return mf_fail_errno(err, errno, "open store %s", s->path);
	if (missing == MF_EXPECT_STORE && (s->root < 0 || faccessat(s->root, dirs[0], F_OK, 0) != 0))
		return mf_fail(err, MF_ENOTFOUND, errno, "there is no store at %s; is its disk mounted?", s->path);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdirat(s->root, dirs[i], 0700) != 0 && errno != EEXIST)
			return mf_fail_errno(err, errno, "store %s: make %s", s->path, dirs[i]);
	s->shares = openat(s->root, "shares", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->shares < 0)
		return mf_fail_errno(err, errno, "store %s: open shares", s->path);
	return MF_OK;
}

/* Shared by all who use the store.  Who gets it alone first may sweep: nobody is writing. */
static mf_code
hold_in_use(struct mf_store *s, mf_err *err)
{
	s->in_use = openat(s->root, "in-use", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->in_use < 0 && (errno == EROFS || errno == EACCES))
		s->in_use = openat(s->root, "in-use", O_RDONLY | O_CLOEXEC);
	if (s->in_use < 0)
		return mf_fail_errno(err, errno, "store %s: open in-use", s->path);
	if (flock(s->in_use, LOCK_EX | LOCK_NB) == 0)
		mf_incoming_sweep(s);
	while (flock(s->in_use, LOCK_SH) != 0)
		if (errno != EINTR)
			return mf_fail_errno(err, errno, "store %s: lock in-use", s->path);
	return MF_OK;
}

mf_code
mf_store_open(const mf_store_conf *conf, struct mf_store **out, mf_err *err)
{
	struct mf_store *s;
	mf_code rc;

	*out = NULL;
	if (conf->path[0] != '/')
		return mf_fail(err, MF_EINVAL, 0, "path of a store must be absolute: %s", conf->path);
	s = mf_alloc(sizeof(*s));
	s->path = mf_strdup(mf_strz(conf->path));
	s->root = s->shares = s->in_use = -1;
	s->durability = conf->durability;
	s->now_s = conf->now_s;
	s->now_arg = conf->now_arg;
	atomic_init(&s->no_tmpfile, conf->naming == MF_STORE_NO_TMPFILE);
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_mutex_init(&s->sync_lock, NULL);
	mf_client_secret(MF_LEASE_RENEW, conf->lease_secret, s->client_renew);
	mf_client_secret(MF_LEASE_CANCEL, conf->lease_secret, s->client_cancel);

	rc = open_root(s, conf->missing, err);
	if (rc == MF_OK)
		rc = refuse_running_node(s, err);
	if (rc == MF_OK)
		rc = hold_in_use(s, err);
	if (rc == MF_OK)
		rc = mf_identity_load(s, err);
	if (rc == MF_OK)
		mf_newfile_probe(s);
	if (rc != MF_OK) {
		mf_store_close(s);
		return rc;
	}
	*out = s;
	return MF_OK;
}
