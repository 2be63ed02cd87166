/* What a store is called when it is served. */
#define _GNU_SOURCE
#include "grid/store/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <sodium.h>

#include "base/base32.h"
#include "grid/store/inner.h"

enum { SWISSNUM_BYTES = 20 }; /* as Foolscap makes them */
static const char furl_path[] = "private/storage.furl", nurl_path[] = "private/storage.nurl";
static const char node_furl_path[] = "../private/storage.furl";

static mf_str
stripped(const mf_buf *b)
{
	mf_str s = mf_buf_str(b);

	while (s.n > 0 && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r' || s.p[s.n - 1] == ' '))
		s.n--;
	return s;
}

/* The swissnum that is kept, or a new one. */
static mf_code
find_swissnum(struct mf_store *s, char out[MF_SWISSNUM_MAX], mf_err *err)
{
	uint8_t random[SWISSNUM_BYTES];
	mf_buf text = {0};
	mf_furl furl;
	mf_code rc = mf_private_read(s, furl_path, &text, err);

	if (rc == MF_ENOTFOUND && faccessat(s->root, "../tahoe.cfg", F_OK, 0) == 0)
		rc = mf_private_read(s, node_furl_path, &text, err);
	if (rc == MF_OK) {
		rc = mf_furl_parse(stripped(&text), &furl, err);
		if (rc == MF_OK)
			(void)snprintf(out, MF_SWISSNUM_MAX, "%s", furl.swissnum);
		else
			rc = mf_fail(err, MF_EFORMAT, 0, "store %s: private/storage.furl is no address", s->path);
		sodium_memzero(&furl, sizeof(furl));
	} else if (rc == MF_ENOTFOUND) {
		randombytes_buf(random, sizeof(random));
		mf_b32(out, random, sizeof(random));
		sodium_memzero(random, sizeof(random));
		rc = MF_OK;
	}
	mf_buf_wipe_free(&text);
	return rc;
}

static mf_code
find_spki(struct mf_store *s, uint8_t spki[MF_HASH_SIZE], mf_err *err)
{
	mf_cert_ids ids;
	mf_buf pem = {0};
	mf_code rc = mf_store_identity(s, &pem, err);

	if (rc == MF_OK) {
		BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
		X509 *cert = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);

		rc = cert != NULL ? mf_cert_ids_of(cert, &ids, err)
				  : mf_fail(err, MF_EFORMAT, 0, "store %s has no certificate", s->path);
		X509_free(cert);
		BIO_free(bio);
	}
	if (rc == MF_OK)
		memcpy(spki, ids.spki, MF_HASH_SIZE);
	mf_buf_wipe_free(&pem);
	return rc;
}

static mf_code
keep(struct mf_store *s, const char *path, const mf_buf *text, mf_err *err)
{
	mf_buf old = {0};
	mf_code rc = mf_private_read(s, path, &old, err);

	if (rc != MF_OK || !mf_str_eq(mf_buf_str(&old), mf_buf_str(text)))
		rc = mf_private_write(s, path, mf_buf_str(text), err);
	mf_buf_wipe_free(&old);
	return rc;
}

static mf_code
keep_both(struct mf_store *s, const mf_nurl *n, mf_err *err)
{
	char tubid[MF_B32_LEN(MF_TUBID_SIZE) + 1];
	mf_buf furl = {0}, nurl = {0};
	mf_code rc;

	mf_b32(tubid, s->tubid, MF_TUBID_SIZE);
	mf_buf_addf(&furl, "pb://%s@tcp:", tubid);
	mf_place_print(&furl, &n->place);
	mf_buf_addf(&furl, "/%s\n", n->swissnum);
	mf_nurl_print(&nurl, n);
	mf_buf_addc(&nurl, '\n');
	rc = keep(s, furl_path, &furl, err);
	if (rc == MF_OK)
		rc = keep(s, nurl_path, &nurl, err);
	mf_buf_wipe_free(&furl);
	mf_buf_wipe_free(&nurl);
	return rc;
}

mf_code
mf_store_address(struct mf_store *s, const mf_place *place, mf_nurl *out, mf_err *err)
{
	int lock;
	mf_code rc = mf_private_lock(s, &lock, err);

	*out = (mf_nurl){.place = *place};
	if (rc != MF_OK)
		return rc;
	rc = find_swissnum(s, out->swissnum, err);
	if (rc == MF_OK)
		rc = find_spki(s, out->spki, err);
	if (rc == MF_OK)
		rc = keep_both(s, out, err);
	mf_store_unlock(lock);
	return rc;
}

mf_code
mf_store_serve_lock(struct mf_store *s, int *lock, mf_err *err)
{
	*lock = openat(s->root, "locks/serve", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*lock < 0)
		return mf_store_fail_write(s, err, errno, "open a lock");
	if (flock(*lock, LOCK_EX | LOCK_NB) == 0)
		return MF_OK;
	int sys = errno;
	(void)close(*lock);
	*lock = -1;
	if (sys == EWOULDBLOCK)
		return mf_fail(err, MF_EBUSY, 0, "store %s: another process serves it already", s->path);
	return mf_store_fail(s, err, sys, "lock it for serving");
}
