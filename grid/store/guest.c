/* The store for somebody else. */
#define _GNU_SOURCE
#include "grid/store/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <sodium.h>

#include "grid/store/inner.h"

/* One share; what is no container, or has gone, is passed over. */
static mf_code
renew_one(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, const mf_lease *l, mf_guest_shares *out,
	mf_err *err)
{
	mf_code rc = mf_imm_renew_for(s, si, num, l, err);

	if (rc == MF_OK || rc == MF_EFULL) /* it is there, with or without one more lease */
		mf_share_set_add(&out->immutable, num);
	if (rc != MF_EFORMAT)
		return rc == MF_ENOTFOUND || rc == MF_EFULL ? MF_OK : rc;
	rc = mf_mut_renew_for(s, si, num, l, err);
	if (rc == MF_OK || rc == MF_EFULL)
		mf_share_set_add(&out->mutables, num);
	return rc == MF_ENOTFOUND || rc == MF_EFULL || rc == MF_EFORMAT ? MF_OK : rc;
}

mf_code
mf_guest_renew(
	struct mf_store *s, const uint8_t si[MF_SI_SIZE], const mf_lease *lease, mf_guest_shares *out, mf_err *err)
{
	uint32_t num[MF_SHARES_MAX];
	size_t n;
	mf_code rc = mf_store_shares(s, si, num, &n, err);

	*out = (mf_guest_shares){0};
	for (size_t i = 0; i < n && rc == MF_OK; i++)
		rc = renew_one(s, si, num[i], lease, out, err);
	return rc;
}

mf_code
mf_guest_open(struct mf_store *s, enum mf_guest_kind kind, const uint8_t si[MF_SI_SIZE], uint32_t num,
	mf_guest_share *out, mf_err *err)
{
	mf_code rc;

	*out = (mf_guest_share){.mut.fd = -1};
	if (kind == MF_GUEST_IMMUTABLE) {
		rc = mf_imm_open(s, si, num, &out->imm, err);
		if (rc == MF_OK)
			out->size = mf_imm_share_in(out->imm).size;
	} else {
		rc = mf_mut_open(s, si, num, O_RDONLY, &out->mut, err);
		out->size = out->mut.length;
		sodium_memzero(out->mut.head, sizeof(out->mut.head)); /* the write enabler is none of his business */
	}
	return rc == MF_EFORMAT ? MF_ENOTFOUND : rc;
}

mf_code
mf_guest_read(mf_guest_share *f, uint64_t off, void *p, size_t n, mf_err *err)
{
	size_t got = 0;
	mf_code rc = MF_OK;

	if (f->imm != NULL) {
		mf_share_in in = mf_imm_share_in(f->imm);

		rc = in.read(in.arg, off, p, n, &got, err);
	} else {
		ssize_t done = mf_read_all(f->mut.fd, p, n, MF_MUT_HEADER + off);

		got = done < 0 ? 0 : (size_t)done;
	}
	if (rc == MF_OK && got != n)
		rc = mf_fail(err, MF_EIO, 0, "share became shorter while it was read");
	return rc;
}

void
mf_guest_close(mf_guest_share *f)
{
	mf_imm_close(f->imm);
	if (f->mut.fd >= 0)
		(void)close(f->mut.fd);
	*f = (mf_guest_share){.mut.fd = -1};
}

mf_code
mf_guest_advise(struct mf_store *s, enum mf_guest_kind kind, const uint8_t si[MF_SI_SIZE], uint32_t num, mf_str reason,
	mf_err *err)
{
	mf_guest_share f;
	mf_err why = {.code = MF_EFORMAT};
	mf_code rc = mf_guest_open(s, kind, si, num, &f, err);

	if (rc != MF_OK)
		return rc;
	mf_guest_close(&f);
	(void)snprintf(why.text, sizeof(why.text), "a client of the server says: %.*s",
		(int)(reason.n < sizeof(why.text) ? reason.n : sizeof(why.text)), reason.p);
	for (char *p = why.text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	mf_store_advise(s, si, num, &why);
	return MF_OK;
}

mf_code
mf_guest_scratch(struct mf_store *s, int *fd, mf_err *err)
{
	char name[48];
	int sys = mf_incoming_make(s);

	*fd = -1;
	if (sys != 0)
		return mf_store_fail_write(s, err, sys, "make incoming");
	if (!atomic_load(&s->no_tmpfile))
		*fd = openat(s->shares, "incoming", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return MF_OK;
	mf_incoming_name(name);
	*fd = openat(s->shares, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*fd < 0)
		return mf_store_fail_write(s, err, errno, "make a file for a request");
	(void)unlinkat(s->shares, name, 0);
	return MF_OK;
}

mf_code
mf_guest_scratch_write(struct mf_store *s, int fd, uint64_t off, mf_str what, mf_err *err)
{
	int sys = mf_write_all(fd, what.p, what.n, off);

	return sys == 0 ? MF_OK : mf_store_fail_write(s, err, sys, "write a request's body");
}
