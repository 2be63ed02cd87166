/* Looking over every share of the store. */
#define _GNU_SOURCE
#include "grid/store/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base32.h"
#include "grid/store/immutable.h"
#include "grid/store/inner.h"
#include "grid/store/lease.h"
#include "grid/store/mutable.h"

enum { LEASES_MAX = 1024 }; /* more than these: somebody else's share */

/* -- one share ---------------------------------------------------------------------------------------- */

/* Is the lease one of the owners'?  Of @p si; secrets as the container keeps them. */
static bool
owned(const struct mf_store *s, const mf_owners *owners, const uint8_t si[MF_SI_SIZE], const uint8_t *record,
	bool is_mutable, uint32_t version)
{
	mf_lease l = {.expiry = 0};
	bool found = false;

	for (size_t i = 0; i < owners->n && !found; i++) {
		mf_bucket_secret(MF_LEASE_RENEW, owners->client[i], si, s->tubid, l.renew);
		mf_lease_hash(l.renew, l.renew_hashed);
		if (is_mutable && version == 1) /* in clear there */
			memcpy(l.renew_hashed, l.renew, sizeof(l.renew));
		found = is_mutable ? mf_lease_mut_ours(&l, record) : mf_lease_imm_ours(&l, version, record);
	}
	mf_lease_wipe(&l);
	return found;
}

/* One more lease: expiry 31 days after its start. */
static void
count_lease(mf_swept *out, bool ours, uint32_t expiry)
{
	int64_t start = (int64_t)expiry - MF_LEASE_S;

	if (!ours)
		out->kind = MF_SWEPT_FOREIGN;
	else if (start > out->used_s)
		out->used_s = start;
}

/* Leases of an immutable container; MF_SWEPT_OURS stays only if there is one and all are the owners'. */
static void
look_immutable(struct mf_store *s, const mf_owners *owners, int fd, const uint8_t *head, mf_swept *out)
{
	uint32_t version = mf_be32(head), leases = mf_be32(head + 8);
	uint64_t tail = (uint64_t)leases * MF_IMM_LEASE;
	uint8_t record[MF_IMM_LEASE];

	if ((version != 1 && version != 2) || tail > out->bytes - MF_IMM_HEADER) {
		out->kind = MF_SWEPT_BAD;
		return;
	}
	out->kind = leases == 0 || leases > LEASES_MAX ? MF_SWEPT_FOREIGN : MF_SWEPT_OURS;
	for (uint32_t i = 0; i < leases && out->kind == MF_SWEPT_OURS; i++) {
		uint64_t off = out->bytes - tail + (uint64_t)i * MF_IMM_LEASE;

		if (mf_read_all(fd, record, sizeof(record), off) != sizeof(record))
			out->kind = MF_SWEPT_BAD;
		else
			count_lease(out, owned(s, owners, out->si, record, false, version),
				mf_be32(record + MF_IMM_LEASE - 4));
	}
}

static void
look_mutable(struct mf_store *s, const mf_owners *owners, mf_mut_file *f, mf_swept *out)
{
	uint8_t record[MF_MUT_LEASE];
	uint32_t slots = MF_MUT_SLOT_COUNT + f->extra, leases = 0;

	out->is_mutable = true;
	out->kind = MF_SWEPT_OURS;
	for (uint32_t i = 0; i < slots && out->kind == MF_SWEPT_OURS; i++) {
		uint64_t off = i < MF_MUT_SLOT_COUNT
			? MF_MUT_SLOTS + (uint64_t)i * MF_MUT_LEASE
			: f->extra_off + 4 + (uint64_t)(i - MF_MUT_SLOT_COUNT) * MF_MUT_LEASE;

		if (mf_read_all(f->fd, record, sizeof(record), off) != sizeof(record)) {
			out->kind = MF_SWEPT_BAD;
		} else if (mf_be32(record) != 0) {
			leases++;
			count_lease(out, owned(s, owners, out->si, record, true, f->version), mf_be32(record + 4));
		}
	}
	if (leases == 0 && out->kind == MF_SWEPT_OURS)
		out->kind = MF_SWEPT_FOREIGN;
}

/* What stands under @p path below shares/; out->si and num are set.  MF_ENOTFOUND: gone. */
static mf_code
look(struct mf_store *s, const mf_owners *owners, const char *path, mf_swept *out, mf_err *err)
{
	uint8_t head[32];
	struct stat st;
	int fd = openat(s->shares, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	out->kind = MF_SWEPT_BAD;
	out->is_mutable = false;
	out->bytes = 0;
	out->used_s = 0;
	if (fd < 0 && (errno == ELOOP || errno == EACCES || errno == ENXIO))
		return MF_OK;
	if (fd < 0)
		return mf_store_fail(s, err, errno, "open a share");
	ssize_t n = fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ? 0 : mf_read_all(fd, head, sizeof(head), 0);
	if (n >= MF_IMM_HEADER) {
		out->bytes = (uint64_t)st.st_size;
		out->used_s = st.st_mtim.tv_sec;
		if (n == 32 && (memcmp(head, mf_mut_magic(2), 32) == 0 || memcmp(head, mf_mut_magic(1), 32) == 0)) {
			mf_mut_file f;

			(void)close(fd);
			fd = -1;
			if (mf_mut_open(s, out->si, out->num, O_RDONLY, &f, NULL) == MF_OK) {
				look_mutable(s, owners, &f, out);
				(void)close(f.fd);
			}
		} else {
			look_immutable(s, owners, fd, head, out);
		}
	}
	if (fd >= 0)
		(void)close(fd);
	return MF_OK;
}

int64_t
mf_store_used(struct mf_store *s, const mf_owners *owners, const uint8_t si[MF_SI_SIZE])
{
	uint32_t num[MF_SHARES_MAX];
	char dir[MF_SI_PATH], path[MF_SI_PATH + 8];
	int64_t latest = 0;
	size_t n;

	if (mf_store_shares(s, si, num, &n, NULL) != MF_OK)
		return 0;
	mf_store_si_path(si, dir);
	for (size_t i = 0; i < n; i++) {
		mf_swept one = {.num = num[i]};

		memcpy(one.si, si, MF_SI_SIZE);
		(void)snprintf(path, sizeof(path), "%s/%u", dir, num[i]);
		if (look(s, owners, path, &one, NULL) == MF_OK && one.used_s > latest)
			latest = one.used_s;
	}
	return latest;
}

/* -- all of them -------------------------------------------------------------------------------------- */

struct walk {
	struct mf_store *s;
	const mf_owners *owners;
	mf_sweep_each *each;
	void *arg;
	const mf_cancel *cancel;
};

/* The names in @p path below shares/, sorted; "." and ".." left out.  MF_ENOTFOUND: it is no directory, or gone. */
static mf_code
names_in(struct mf_store *s, const char *path, char ***out, size_t *n, mf_err *err)
{
	struct dirent *e;
	size_t cap = 0;
	int fd = openat(s->shares, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	*out = NULL;
	*n = 0;
	if (d == NULL) {
		int sys = errno;

		if (fd >= 0)
			(void)close(fd);
		if (sys == ENOTDIR || sys == ELOOP)
			sys = ENOENT;
		return mf_store_fail(s, err, sys, "look over its shares");
	}
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (*n == cap) {
			cap = cap == 0 ? 16 : cap * 2;
			*out = mf_realloc_array(*out, cap, sizeof(**out));
		}
		(*out)[(*n)++] = mf_strdup(mf_strz(e->d_name));
	}
	(void)closedir(d);
	return MF_OK;
}

static void
names_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static mf_code
tell_unknown(const struct walk *w, const char *path, mf_err *err)
{
	const mf_swept one = {.kind = MF_SWEPT_UNKNOWN, .path = path};

	return w->each(w->arg, &one, err);
}

/* The name of a storage index in its only spelling, in the directory where it belongs? */
static bool
is_si(const char *prefix, const char *name, uint8_t si[MF_SI_SIZE])
{
	char again[MF_SI_TEXT + 1];

	if (strlen(name) != MF_SI_TEXT || strncmp(name, prefix, 2) != 0 || !mf_unb32_n(si, MF_SI_SIZE, mf_strz(name)))
		return false;
	mf_b32(again, si, MF_SI_SIZE);
	return strcmp(again, name) == 0;
}

static mf_code
walk_si(const struct walk *w, const char *prefix, const char *name, mf_err *err)
{
	mf_swept one;
	char **file, path[MF_SI_PATH + 256 + 2];
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", prefix, name);
	if (!is_si(prefix, name, one.si))
		return tell_unknown(w, path, err);
	mf_code rc = names_in(w->s, path, &file, &n, err);
	if (rc == MF_ENOTFOUND) /* a file of that name, or just gone */
		return faccessat(w->s->shares, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? tell_unknown(w, path, err)
										     : MF_OK;
	for (size_t i = 0; i < n && rc == MF_OK; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s/%s", prefix, name, file[i]);
		if (!mf_share_number(file[i], &one.num)) {
			rc = tell_unknown(w, path, err);
			continue;
		}
		rc = look(w->s, w->owners, path, &one, err);
		one.path = path;
		if (rc == MF_OK)
			rc = w->each(w->arg, &one, err);
		else if (rc == MF_ENOTFOUND)
			rc = MF_OK;
	}
	names_free(file, n);
	return rc;
}

static mf_code
walk_prefix(const struct walk *w, const char *prefix, mf_err *err)
{
	char **si;
	size_t n;

	if (strcmp(prefix, "incoming") == 0)
		return MF_OK;
	mf_code rc = strlen(prefix) == 2 ? names_in(w->s, prefix, &si, &n, err) : MF_ENOTFOUND;
	if (rc == MF_ENOTFOUND)
		return tell_unknown(w, prefix, err);
	for (size_t i = 0; i < n && rc == MF_OK; i++)
		rc = mf_canceled(w->cancel) ? mf_fail(err, MF_ECANCELED, 0, "looking over the store was canceled")
					    : walk_si(w, prefix, si[i], err);
	names_free(si, n);
	return rc;
}

mf_code
mf_store_walk(struct mf_store *s, const mf_owners *owners, mf_sweep_each *each, void *arg, const mf_cancel *cancel,
	mf_err *err)
{
	struct walk w = {.s = s, .owners = owners, .each = each, .arg = arg, .cancel = cancel};
	char **prefix;
	size_t n;
	mf_code rc = names_in(s, ".", &prefix, &n, err);

	for (size_t i = 0; i < n && rc == MF_OK; i++)
		rc = walk_prefix(&w, prefix[i], err);
	names_free(prefix, n);
	return rc;
}

/* -- to the trash --------------------------------------------------------------------------------------- */

mf_code
mf_store_sweep_lock(struct mf_store *s, int *lock, mf_err *err)
{
	*lock = openat(s->root, "locks/sweep", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*lock < 0)
		return mf_store_fail_write(s, err, errno, "open a lock");
	if (flock(*lock, LOCK_EX | LOCK_NB) == 0)
		return MF_OK;
	int sys = errno;
	(void)close(*lock);
	*lock = -1;
	if (sys == EWOULDBLOCK)
		return mf_fail(err, MF_EBUSY, 0, "store %s: somebody else is looking over it right now", s->path);
	return mf_store_fail(s, err, sys, "lock it for a sweep");
}

mf_code
mf_store_trash(struct mf_store *s, const mf_owners *owners, const uint8_t si[MF_SI_SIZE], uint32_t num,
	int64_t before_s, bool *gone, mf_err *err)
{
	char dir[MF_SI_PATH], path[MF_SI_PATH + 8], to[MF_SI_TEXT + 24];
	mf_swept now = {.num = num};
	int lock, sys = 0;
	mf_code rc = mf_store_lock(s, si, &lock, err);

	*gone = false;
	if (rc != MF_OK)
		return rc;
	mf_store_si_path(si, dir);
	(void)snprintf(path, sizeof(path), "%s/%u", dir, num);
	memcpy(now.si, si, MF_SI_SIZE);
	/* who finds a share and means to keep it says so under this lock: mf_imm_renew() */
	rc = look(s, owners, path, &now, err);
	if (rc == MF_OK && now.kind == MF_SWEPT_OURS && now.used_s < before_s) {
		(void)snprintf(to, sizeof(to), "trash/%s", dir + 3);
		if ((mkdirat(s->root, "trash", 0700) != 0 && errno != EEXIST) ||
			(mkdirat(s->root, to, 0700) != 0 && errno != EEXIST))
			sys = errno;
		(void)snprintf(to, sizeof(to), "trash/%s/%u", dir + 3, num);
		if (sys == 0 && renameat(s->shares, path, s->root, to) != 0)
			sys = errno;
		if (sys == 0)
			(void)unlinkat(s->shares, dir, AT_REMOVEDIR); /* stays while it holds a share */
		*gone = sys == 0;
	}
	mf_store_unlock(lock);
	if (sys != 0)
		return mf_store_fail_write(s, err, sys, "take a share away");
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}
