/* Immutable share containers. */
#define _GNU_SOURCE
#include "grid/store/immutable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grid/store/inner.h"
#include "grid/store/lease.h"

enum {
	HEAD = 16 * 1024,     /* read at once: small shares come whole with the first call */
	WRITE_BACK = 8 << 20, /* bytes after which a large writer starts write-back (design.md 2.1) */
	LEASES_MAX = 1024,    /* of one share; more are left unread */
};

/* -- writing ---------------------------------------------------------------------------------------- */

void
mf_imm_begin(mf_buf *c)
{
	static const uint8_t zero[MF_IMM_HEADER];

	mf_buf_add(c, zero, sizeof(zero));
}

static void
put_header(uint8_t p[MF_IMM_HEADER], uint64_t size)
{
	mf_put32(p, 2);
	mf_put32(p + 4, size > UINT32_MAX ? UINT32_MAX : (uint32_t)size);
	mf_put32(p + 8, 1);
}

static void
put_lease(const struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint8_t out[MF_IMM_LEASE])
{
	mf_lease l;

	mf_lease_of(s, si, &l);
	mf_lease_imm(&l, 2, 0, out);
	mf_lease_wipe(&l);
}

void
mf_imm_end(const struct mf_store *s, const uint8_t si[MF_SI_SIZE], mf_buf *c)
{
	uint8_t lease[MF_IMM_LEASE];

	put_header(c->p, c->n - MF_IMM_HEADER);
	put_lease(s, si, lease);
	mf_buf_add(c, lease, sizeof(lease));
}

static enum newfile_how
how_to_link(enum mf_imm_how how)
{
	return how == MF_IMM_REPLACE ? NEWFILE_REPLACE : NEWFILE_KEEP;
}

mf_code
mf_imm_put(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, const mf_buf *c, enum mf_imm_how how,
	mf_err *err)
{
	newfile f;
	mf_code rc = mf_newfile_open(s, si, num, &f, err);

	if (rc != MF_OK)
		return rc;
	int sys = mf_write_all(f.fd, c->p, c->n, 0);
	rc = sys != 0 ? mf_store_fail(s, err, sys, "write a share")
		      : mf_newfile_link(s, si, num, &f, how_to_link(how), err);
	mf_newfile_drop(s, si, num, &f);
	if (rc == MF_OK)
		mf_store_touched(s, si, num, (int64_t)c->n);
	return rc;
}

struct mf_imm_new {
	struct mf_store *s;
	uint8_t si[MF_SI_SIZE];
	uint32_t num;
	uint64_t size, written, flushed; /* bytes of share data; flushed: write-back was started up to here */
	uint8_t lease[MF_IMM_LEASE];
	newfile f;
};

mf_code
mf_imm_new(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, uint64_t size, struct mf_imm_new **out,
	mf_err *err)
{
	struct mf_imm_new *w = mf_alloc(sizeof(*w));
	mf_code rc;

	w->s = s;
	memcpy(w->si, si, MF_SI_SIZE);
	w->num = num;
	w->size = size;
	put_lease(s, si, w->lease);
	rc = mf_newfile_open(s, si, num, &w->f, err);
	if (rc != MF_OK) {
		free(w);
		w = NULL;
	}
	*out = w;
	return rc;
}

mf_code
mf_imm_new_write(struct mf_imm_new *w, uint64_t off, const void *p, size_t n, mf_err *err)
{
	int sys = mf_write_all(w->f.fd, p, n, MF_IMM_HEADER + off);

	if (sys != 0)
		return mf_store_fail(w->s, err, sys, "write a share");
	w->written += n;
	if (w->written - w->flushed >= WRITE_BACK) {
		/* only a hint: the sync to come must not have everything left to do */
		(void)sync_file_range(w->f.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
		w->flushed = w->written;
	}
	return MF_OK;
}

mf_code
mf_imm_new_read(struct mf_imm_new *w, uint64_t off, void *p, size_t n, mf_err *err)
{
	ssize_t got = mf_read_all(w->f.fd, p, n, MF_IMM_HEADER + off);

	return got == (ssize_t)n ? MF_OK : mf_store_fail_write(w->s, err, got < 0 ? errno : EIO, "read a share back");
}

void
mf_imm_new_lease(struct mf_imm_new *w, const mf_lease *l)
{
	mf_lease_imm(l, 2, 0, w->lease);
}

mf_code
mf_imm_new_link(struct mf_imm_new *w, enum mf_imm_how how, mf_err *err)
{
	uint8_t header[MF_IMM_HEADER];

	if (w->written != w->size)
		MF_BUG("share of %llu bytes got %llu", (unsigned long long)w->size, (unsigned long long)w->written);
	put_header(header, w->size);
	int sys = mf_write_all(w->f.fd, header, sizeof(header), 0);
	if (sys == 0)
		sys = mf_write_all(w->f.fd, w->lease, sizeof(w->lease), MF_IMM_HEADER + w->size);
	if (sys != 0)
		return mf_store_fail(w->s, err, sys, "write a share");
	mf_code rc = mf_newfile_link(w->s, w->si, w->num, &w->f, how_to_link(how), err);
	if (rc == MF_OK)
		mf_store_touched(w->s, w->si, w->num, (int64_t)(MF_IMM_HEADER + w->size + MF_IMM_LEASE));
	return rc;
}

void
mf_imm_new_free(struct mf_imm_new *w)
{
	if (w == NULL)
		return;
	mf_newfile_drop(w->s, w->si, w->num, &w->f);
	free(w);
}

/* -- reading ---------------------------------------------------------------------------------------- */

struct mf_imm_share {
	struct mf_store *s;
	int fd;
	uint32_t num;
	uint64_t size; /* bytes of share data */
	size_t head_n; /* bytes of the file in head */
	uint8_t head[HEAD];
};

static int
open_share(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, int flags)
{
	char dir[MF_SI_PATH], path[MF_SI_PATH + 8];

	mf_store_si_path(si, dir);
	(void)snprintf(path, sizeof(path), "%s/%u", dir, num);
	int fd = openat(s->shares, path, flags | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		fd = mf_store_look_again(s, si) ? openat(s->shares, path, flags | O_CLOEXEC) : -1;
		errno = fd < 0 ? ENOENT : 0;
	}
	return fd;
}

/* Version and number of leases; share data size from the file's size (the field for it is not trusted). */
static mf_code
parse_header(const uint8_t *p, size_t n, uint64_t file_size, uint32_t *version, uint32_t *leases, uint64_t *size,
	mf_err *err)
{
	if (n < MF_IMM_HEADER)
		return mf_fail(err, MF_EFORMAT, 0, "share file of %zu bytes is no container", n);
	*version = mf_be32(p);
	*leases = mf_be32(p + 8);
	if (*version != 1 && *version != 2)
		return mf_fail(err, MF_EFORMAT, 0, "share file is no immutable container");
	uint64_t tail = (uint64_t)*leases * MF_IMM_LEASE;
	if (tail > file_size - MF_IMM_HEADER)
		return mf_fail(err, MF_EFORMAT, 0, "share file is cut off");
	*size = file_size - MF_IMM_HEADER - tail;
	return MF_OK;
}

mf_code
mf_imm_open(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, struct mf_imm_share **out, mf_err *err)
{
	uint32_t version, leases;
	struct stat st;
	mf_code rc = MF_OK;
	int fd = open_share(s, si, num, O_RDONLY);

	*out = NULL;
	if (fd < 0)
		return mf_store_fail(s, err, errno, "open a share");
	struct mf_imm_share *f = malloc(sizeof(*f)); /* not zeroed: head is large */
	if (f == NULL) {
		(void)close(fd);
		return mf_fail(err, MF_ENOMEM, 0, "no memory to read a share");
	}
	f->s = s;
	f->fd = fd;
	f->num = num;
	ssize_t n = mf_read_all(fd, f->head, HEAD, 0);
	f->head_n = n < 0 ? 0 : (size_t)n;
	uint64_t file_size = f->head_n;
	if (n < 0)
		rc = mf_store_fail(s, err, errno, "read a share");
	else if (n == HEAD && fstat(fd, &st) != 0)
		rc = mf_store_fail(s, err, errno, "read a share");
	else if (n == HEAD)
		file_size = (uint64_t)st.st_size;
	if (rc == MF_OK)
		rc = parse_header(f->head, f->head_n, file_size, &version, &leases, &f->size, err);
	if (rc != MF_OK) {
		mf_imm_close(f);
		return rc;
	}
	*out = f;
	return MF_OK;
}

void
mf_imm_close(struct mf_imm_share *f)
{
	if (f == NULL)
		return;
	(void)close(f->fd);
	free(f);
}

static mf_code
read_share(void *arg, uint64_t off, void *p, size_t n, size_t *got, mf_err *err)
{
	struct mf_imm_share *f = arg;

	*got = 0;
	if (off >= f->size)
		return MF_OK;
	if (n > f->size - off)
		n = (size_t)(f->size - off);
	if (off + n <= f->head_n - MF_IMM_HEADER) {
		memcpy(p, f->head + MF_IMM_HEADER + off, n);
		*got = n;
		return MF_OK;
	}
	ssize_t done = mf_read_all(f->fd, p, n, MF_IMM_HEADER + off);
	if (done < 0)
		return mf_store_fail(f->s, err, errno, "read a share");
	*got = (size_t)done;
	return MF_OK;
}

mf_share_in
mf_imm_share_in(struct mf_imm_share *f)
{
	return (mf_share_in){.num = f->num, .size = f->size, .read = read_share, .arg = f};
}

/* -- leases ----------------------------------------------------------------------------------------- */

/* Add a record, then count it: whoever stops in between has added nothing that counts. */
static int
append_lease(int fd, uint64_t end, uint32_t version, uint32_t leases, const mf_lease *l)
{
	uint8_t record[MF_IMM_LEASE], count[4];
	int sys;

	mf_lease_imm(l, version, 1, record);
	sys = mf_write_all(fd, record, sizeof(record), end);
	mf_put32(count, leases + 1);
	return sys != 0 ? sys : mf_write_all(fd, count, sizeof(count), 8);
}

static int
renew_at(int fd, uint64_t off, const uint8_t *record, const mf_lease *l)
{
	uint8_t expiry[4];

	if (mf_be32(record + MF_IMM_LEASE - 4) >= l->expiry)
		return 0;
	mf_put32(expiry, l->expiry);
	return mf_write_all(fd, expiry, sizeof(expiry), off + MF_IMM_LEASE - 4);
}

static mf_code
renew_fd(struct mf_store *s, int fd, const mf_lease *l, mf_err *err)
{
	uint8_t head[MF_IMM_HEADER], record[MF_IMM_LEASE];
	uint32_t version, leases;
	uint64_t size;
	struct stat st;

	ssize_t n = mf_read_all(fd, head, sizeof(head), 0);
	if (n < 0 || fstat(fd, &st) != 0)
		return mf_store_fail(s, err, errno, "read a share");
	mf_code rc = parse_header(head, (size_t)n, (uint64_t)st.st_size, &version, &leases, &size, err);
	if (rc != MF_OK)
		return rc;
	int sys = -1;
	for (uint32_t i = 0; i < leases && i < LEASES_MAX && sys < 0; i++) {
		uint64_t off = MF_IMM_HEADER + size + (uint64_t)i * MF_IMM_LEASE;

		if (mf_read_all(fd, record, sizeof(record), off) != sizeof(record))
			return mf_fail(err, MF_EFORMAT, 0, "share file is cut off");
		if (mf_lease_imm_ours(l, version, record))
			sys = renew_at(fd, off, record, l);
	}
	if (sys < 0 && leases >= LEASES_MAX)
		return mf_fail(err, MF_EFULL, 0, "share has too many leases");
	if (sys < 0)
		sys = append_lease(fd, (uint64_t)st.st_size, version, leases, l);
	return sys == 0 ? MF_OK : mf_store_fail(s, err, sys, "renew a lease");
}

mf_code
mf_imm_renew(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, mf_err *err)
{
	mf_lease l;
	mf_code rc;

	mf_lease_of(s, si, &l);
	rc = mf_imm_renew_for(s, si, num, &l, err);
	mf_lease_wipe(&l);
	return rc;
}

mf_code
mf_imm_renew_for(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, const mf_lease *l, mf_err *err)
{
	int lock;
	mf_code rc = mf_store_lock(s, si, &lock, err);

	if (rc != MF_OK)
		return rc;
	int fd = open_share(s, si, num, O_RDWR);
	if (fd < 0) {
		rc = mf_store_fail(s, err, errno, "open a share");
	} else {
		rc = renew_fd(s, fd, l, err);
		if (rc == MF_OK && futimens(fd, NULL) != 0) /* a lease renewed this second has the same expiry */
			rc = mf_store_fail(s, err, errno, "renew a lease");
		(void)close(fd);
	}
	mf_store_unlock(lock);
	return rc;
}
