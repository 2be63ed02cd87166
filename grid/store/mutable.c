/* Mutable share containers: reading, leases. */
#define _GNU_SOURCE
#include "grid/store/mutable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "grid/store/inner.h"
#include "grid/store/lease.h"

const uint8_t *
mf_mut_magic(unsigned version)
{
	static const uint8_t v1[33] = "Tahoe mutable container v1\n\x75\x09\x44\x03\x8e";
	static const uint8_t v2[33] = "Tahoe mutable container v2\n\xc3\x55\x21\x99\x25";

	return version == 1 ? v1 : v2;
}

static mf_code
parse_head(mf_mut_file *f, mf_err *err)
{
	const uint8_t *p = f->head;

	if (memcmp(p, mf_mut_magic(2), 32) == 0)
		f->version = 2;
	else if (memcmp(p, mf_mut_magic(1), 32) == 0)
		f->version = 1;
	else
		return mf_fail(err, MF_EFORMAT, 0, "share file is no mutable container");
	f->length = mf_be64(p + MF_MUT_LENGTH);
	f->extra_off = mf_be64(p + MF_MUT_EXTRA_OFF);
	if (f->length > MF_MUT_DATA_MAX || f->extra_off > (uint64_t)INT64_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "share file states an impossible length");
	if (f->extra_off < MF_MUT_HEADER + f->length || f->file_size < MF_MUT_HEADER + f->length)
		return mf_fail(err, MF_EFORMAT, 0, "share file is cut off");
	return MF_OK;
}

mf_code
mf_mut_open(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, int flags, mf_mut_file *f, mf_err *err)
{
	char dir[MF_SI_PATH], path[MF_SI_PATH + 8];
	struct stat st;
	mf_code rc;

	mf_store_si_path(si, dir);
	(void)snprintf(path, sizeof(path), "%s/%u", dir, num);
	f->fd = openat(s->shares, path, flags | O_CLOEXEC);
	if (f->fd < 0 && errno == ENOENT) {
		f->fd = mf_store_look_again(s, si) ? openat(s->shares, path, flags | O_CLOEXEC) : -1;
		errno = ENOENT;
	}
	if (f->fd < 0)
		return mf_store_fail(s, err, errno, "open a share");
	ssize_t n = mf_read_all(f->fd, f->head, MF_MUT_HEADER, 0);
	if (n < 0 || fstat(f->fd, &st) != 0) {
		rc = mf_store_fail(s, err, errno, "read a share");
	} else if (n < MF_MUT_HEADER) {
		rc = mf_fail(err, MF_EFORMAT, 0, "share file of %zd bytes is no container", n);
	} else {
		f->file_size = (uint64_t)st.st_size;
		rc = parse_head(f, err);
	}
	if (rc == MF_OK) {
		uint8_t count[4];

		/* cut off behind the data: the share is good, its extra leases are lost */
		f->extra = mf_read_all(f->fd, count, 4, f->extra_off) == 4 ? mf_be32(count) : 0;
		if (f->extra > MF_MUT_EXTRA_MAX || f->extra_off + 4 + (uint64_t)f->extra * MF_MUT_LEASE > f->file_size)
			f->extra = 0;
		return MF_OK;
	}
	(void)close(f->fd);
	f->fd = -1;
	return rc;
}

void
mf_mut_free(mf_mut_share *m)
{
	sodium_memzero(m->enabler, sizeof(m->enabler));
	mf_buf_free(&m->file);
}

mf_code
mf_mut_read(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, size_t max, mf_mut_share *out, mf_err *err)
{
	mf_mut_file f;
	mf_code rc = mf_mut_open(s, si, num, O_RDONLY, &f, err);

	*out = (mf_mut_share){.num = num};
	if (rc != MF_OK)
		return rc;
	size_t want = f.length < max ? (size_t)f.length : max;
	out->length = f.length;
	memcpy(out->tubid, f.head + MF_MUT_TUBID, sizeof(out->tubid));
	memcpy(out->enabler, f.head + MF_MUT_ENABLER, sizeof(out->enabler));
	mf_buf_reserve(&out->file, MF_MUT_HEADER + want);
	memcpy(out->file.p, f.head, MF_MUT_HEADER);
	ssize_t n = mf_read_all(f.fd, out->file.p + MF_MUT_HEADER, want, MF_MUT_HEADER);
	if (n < 0)
		rc = mf_store_fail(s, err, errno, "read a share");
	else
		out->file.n = MF_MUT_HEADER + (size_t)n;
	(void)close(f.fd);
	sodium_memzero(&f, sizeof(f));
	if (rc != MF_OK)
		mf_mut_free(out);
	return rc;
}

/* -- leases in place ---------------------------------------------------------------------------------- */

static uint64_t
slot_off(const mf_mut_file *f, uint32_t slot)
{
	if (slot < MF_MUT_SLOT_COUNT)
		return MF_MUT_SLOTS + (uint64_t)slot * MF_MUT_LEASE;
	return f->extra_off + 4 + (uint64_t)(slot - MF_MUT_SLOT_COUNT) * MF_MUT_LEASE;
}

/* Version 2 only; an errno value or 0. */
static int
renew_slots(const struct mf_store *s, const mf_mut_file *f, const mf_lease *l)
{
	uint8_t p[MF_MUT_LEASE], count[4];
	uint32_t slots = MF_MUT_SLOT_COUNT + f->extra, empty = slots;
	int sys;

	for (uint32_t i = 0; i < slots; i++) {
		if (mf_read_all(f->fd, p, sizeof(p), slot_off(f, i)) != sizeof(p))
			return EIO;
		if (mf_lease_mut_ours(l, p)) {
			if (mf_be32(p + 4) >= l->expiry)
				return 0;
			mf_put32(p + 4, l->expiry);
			return mf_write_all(f->fd, p + 4, 4, slot_off(f, i) + 4);
		}
		if (mf_be32(p) == 0 && empty == slots)
			empty = i;
	}
	if (empty == slots && f->extra >= MF_MUT_EXTRA_MAX)
		return ENOSPC;
	mf_lease_mut(l, s->tubid, p);
	sys = mf_write_all(f->fd, p, sizeof(p), slot_off(f, empty));
	if (sys != 0 || empty < slots)
		return sys;
	mf_put32(count, f->extra + 1);
	return mf_write_all(f->fd, count, 4, f->extra_off);
}

mf_code
mf_mut_renew(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, mf_err *err)
{
	mf_lease l;
	mf_code rc;

	mf_lease_of(s, si, &l);
	rc = mf_mut_renew_for(s, si, num, &l, err);
	mf_lease_wipe(&l);
	return rc;
}

mf_code
mf_mut_renew_for(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, const mf_lease *l, mf_err *err)
{
	mf_mut_file f = {.fd = -1};
	int lock, sys;
	mf_code rc = mf_store_lock(s, si, &lock, err);

	if (rc != MF_OK)
		return rc;
	rc = mf_mut_open(s, si, num, O_RDWR, &f, err);
	if (rc == MF_OK && f.version == 2) { /* version 1 becomes 2 with the next write, and gets our lease then */
		sys = renew_slots(s, &f, l);
		if (sys == 0 && futimens(f.fd, NULL) != 0)
			sys = errno;
		if (sys != 0)
			rc = mf_store_fail(s, err, sys, "renew a lease");
	}
	if (f.fd >= 0)
		(void)close(f.fd);
	sodium_memzero(&f, sizeof(f));
	mf_store_unlock(lock);
	return rc;
}
