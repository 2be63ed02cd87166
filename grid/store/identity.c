/* The store's identity (lafs.md 4.6): a key and a certificate like Foolscap's. */
#define _GNU_SOURCE
#include "grid/store/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>

enum { PEM_MAX = 64 * 1024, RSA_BITS = 2048 };
static const char pem_path[] = "private/node.pem";
static const char node_pem_path[] = "../private/node.pem";

static bool
name_it(X509 *cert)
{
	X509_NAME *name = X509_get_subject_name(cert);

	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"newpb_thingy", -1, -1, 0) ==
		1 &&
		X509_set_issuer_name(cert, name) == 1;
}

/* A certificate that says nothing but its key; clients pin the key and look at no date. */
static X509 *
make_cert(EVP_PKEY *key)
{
	X509 *cert = X509_new();

	if (cert != NULL && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
		X509_gmtime_adj(X509_getm_notBefore(cert), 0) != NULL &&
		X509_time_adj_ex(X509_getm_notAfter(cert), 36500, 0, NULL) != NULL && name_it(cert) &&
		X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) != 0)
		return cert;
	X509_free(cert);
	return NULL;
}

/* Certificate, then key, as PEM text appended to @p out. */
static bool
make_pem(mf_buf *out)
{
	EVP_PKEY *key = EVP_RSA_gen(RSA_BITS);
	X509 *cert = key == NULL ? NULL : make_cert(key);
	BIO *bio = BIO_new(BIO_s_secmem());
	char *p = NULL;
	bool ok = cert != NULL && bio != NULL && PEM_write_bio_X509(bio, cert) == 1 &&
		PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;

	if (ok) {
		long n = BIO_get_mem_data(bio, &p);

		mf_buf_add(out, p, (size_t)n);
	}
	BIO_free(bio);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ok;
}

static mf_code
tubid_of(struct mf_store *s, const mf_buf *pem, mf_err *err)
{
	BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->n);
	X509 *cert = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	unsigned n = 0;
	bool ok = cert != NULL && X509_digest(cert, EVP_sha1(), s->tubid, &n) == 1 && n == MF_TUBID_SIZE;

	X509_free(cert);
	BIO_free(bio);
	return ok ? MF_OK : mf_fail(err, MF_EFORMAT, 0, "store %s: %s holds no certificate", s->path, pem_path);
}

mf_code
mf_private_read(const struct mf_store *s, const char *path, mf_buf *out, mf_err *err)
{
	int fd = openat(s->root, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return mf_fail_errno(err, errno, "store %s: open %s", s->path, path);
	mf_buf_reserve(out, PEM_MAX);
	ssize_t n = mf_read_all(fd, out->p, PEM_MAX, 0);
	int sys = n < 0 ? errno : 0;
	(void)close(fd);
	if (sys != 0)
		return mf_store_fail(s, err, sys, "read the identity");
	out->n = (size_t)n;
	out->p[out->n] = '\0';
	return MF_OK;
}

mf_code
mf_private_write(const struct mf_store *s, const char *path, mf_str what, mf_err *err)
{
	char tmp[64];
	int sys;

	(void)snprintf(tmp, sizeof(tmp), "%s.new", path);
	(void)unlinkat(s->root, tmp, 0); /* of one who died here: we hold the lock */
	int fd = openat(s->root, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return mf_store_fail(s, err, errno, "make the identity");
	sys = mf_write_all(fd, what.p, what.n, 0);
	if (sys == 0 && fsync(fd) != 0)
		sys = errno;
	(void)close(fd);
	if (sys == 0 && renameat(s->root, tmp, s->root, path) != 0)
		sys = errno;
	if (sys != 0) {
		(void)unlinkat(s->root, tmp, 0);
		return mf_store_fail(s, err, sys, "make the identity");
	}
	fd = openat(s->root, "private", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);
		(void)close(fd);
	}
	return MF_OK;
}

mf_code
mf_private_lock(const struct mf_store *s, int *lock, mf_err *err)
{
	*lock = openat(s->root, "locks/identity", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*lock < 0)
		return mf_store_fail(s, err, errno, "open a lock");
	while (flock(*lock, LOCK_EX) != 0)
		if (errno != EINTR)
			MF_BUG("flock: %d", errno);
	return MF_OK;
}

/* Two processes may be born at once: the second finds the first one's. */
static mf_code
make_identity(struct mf_store *s, mf_buf *pem, mf_err *err)
{
	int lock;
	mf_code rc = mf_private_lock(s, &lock, err);

	if (rc != MF_OK)
		return rc;
	pem->n = 0;
	rc = mf_private_read(s, pem_path, pem, err);
	if (rc == MF_ENOTFOUND) {
		pem->n = 0;
		rc = make_pem(pem) ? mf_private_write(s, pem_path, mf_buf_str(pem), err)
				   : mf_fail(err, MF_ENOMEM, 0, "store %s: no key for its identity", s->path);
	}
	(void)close(lock);
	return rc;
}

mf_code
mf_store_identity(const struct mf_store *s, mf_buf *pem, mf_err *err)
{
	mf_code rc = mf_private_read(s, pem_path, pem, err);

	/* the storage/ of a Tahoe node keeps that node's identity, or the node could not write its own shares */
	if (rc == MF_ENOTFOUND && faccessat(s->root, "../tahoe.cfg", F_OK, 0) == 0)
		rc = mf_private_read(s, node_pem_path, pem, err);
	return rc;
}

mf_code
mf_identity_load(struct mf_store *s, mf_err *err)
{
	mf_buf pem = {0};
	mf_code rc = mf_store_identity(s, &pem, err);

	if (rc == MF_ENOTFOUND)
		rc = make_identity(s, &pem, err);
	if (rc == MF_OK)
		rc = tubid_of(s, &pem, err);
	mf_buf_wipe_free(&pem);
	return rc;
}
