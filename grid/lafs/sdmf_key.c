/* RSA keys of SDMF files (lafs.md 5.1). */
#include "grid/lafs/sdmf_key.h"

#include <stdlib.h>

#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>

enum {
	RSA_BITS = 2048, /* Tahoe accepts no other size */
	PSS_SALT = 32,   /* bytes */
	DER_MAX = 4096,  /* bytes of a private key; 1214 to 1219 in practice */
};

/* libcrypto keeps a queue of errors per thread: leave none behind. */
static mf_code
crypto_fail(mf_err *err, mf_code code, const char *what)
{
	ERR_clear_error();
	return mf_fail(err, code, 0, "%s", what);
}

static bool
is_rsa(EVP_PKEY *pkey, int bits)
{
	return EVP_PKEY_is_a(pkey, "RSA") == 1 && EVP_PKEY_get_bits(pkey) == bits;
}

/* Takes @p pkey in any case. */
static mf_code
key_of(EVP_PKEY *pkey, mf_str der, mf_str spki, mf_sdmf_key **out, mf_err *err)
{
	mf_sdmf_key *key = mf_alloc(sizeof(*key));

	*out = NULL;
	key->pkey = pkey;
	if (spki.n == 0) {
		uint8_t *at = key->spki;
		int n = i2d_PUBKEY(pkey, NULL);

		if (n <= 0 || n > MF_SPKI_MAX || i2d_PUBKEY(pkey, &at) != n) {
			mf_sdmf_key_free(key);
			return crypto_fail(err, MF_EFORMAT, "public key of a mutable file cannot be encoded");
		}
		key->spki_n = (size_t)n;
	} else if (spki.n <= MF_SPKI_MAX) {
		memcpy(key->spki, spki.p, spki.n);
		key->spki_n = spki.n;
	} else {
		mf_sdmf_key_free(key);
		return mf_fail(err, MF_EFORMAT, 0, "public key of a mutable file is too long");
	}
	mf_tag_hash16(MF_TAG_WRITEKEY, der.p, der.n, key->writekey);
	mf_tag_hash16(MF_TAG_READKEY, key->writekey, MF_KEY_SIZE, key->readkey);
	mf_tag_hash16(MF_TAG_MUT_SI, key->readkey, MF_KEY_SIZE, key->si);
	mf_tag_hash(MF_TAG_FINGERPRINT, key->spki, key->spki_n, key->fingerprint);
	mf_buf_reserve(&key->enc, der.n);
	mf_ctr(key->writekey, 0, der.p, key->enc.p, der.n);
	key->enc.n = der.n;
	*out = key;
	return MF_OK;
}

/* PKCS#8 DER of a key that was just made; freed with OPENSSL_clear_free. */
static bool
encode_private(EVP_PKEY *pkey, unsigned char **der, size_t *n)
{
	OSSL_ENCODER_CTX *c = OSSL_ENCODER_CTX_new_for_pkey(pkey, EVP_PKEY_KEYPAIR, "DER", "PrivateKeyInfo", NULL);
	bool ok;

	*der = NULL;
	*n = 0;
	ok = c != NULL && OSSL_ENCODER_to_data(c, der, n) == 1;
	OSSL_ENCODER_CTX_free(c);
	return ok;
}

mf_code
mf_sdmf_key_new(mf_sdmf_key **out, mf_err *err)
{
	EVP_PKEY *pkey = EVP_RSA_gen(RSA_BITS);
	unsigned char *der;
	size_t n;

	*out = NULL;
	if (pkey == NULL)
		return crypto_fail(err, MF_ENOMEM, "no RSA key could be made");
	if (!encode_private(pkey, &der, &n)) {
		EVP_PKEY_free(pkey);
		return crypto_fail(err, MF_ENOMEM, "RSA key could not be encoded");
	}
	mf_code rc = key_of(pkey, mf_bytes(der, n), (mf_str){0}, out, err);
	OPENSSL_clear_free(der, n);
	return rc;
}

mf_code
mf_sdmf_key_parse(mf_str der, mf_str spki, mf_sdmf_key **out, mf_err *err)
{
	const unsigned char *at = (const unsigned char *)der.p;

	*out = NULL;
	if (der.n == 0 || der.n > DER_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "private key of a mutable file has an impossible length");
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &at, (long)der.n);
	if (pkey == NULL || !is_rsa(pkey, RSA_BITS)) {
		EVP_PKEY_free(pkey);
		return crypto_fail(err, MF_EFORMAT, "private key of a mutable file is not RSA of 2048 bits");
	}
	return key_of(pkey, der, spki, out, err);
}

void
mf_sdmf_key_free(mf_sdmf_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	mf_buf_free(&key->enc);
	sodium_memzero(key, sizeof(*key));
	free(key);
}

void
mf_sdmf_key_cap(const mf_sdmf_key *key, enum mf_cap_kind kind, mf_cap *out)
{
	*out = (mf_cap){.kind = kind};
	memcpy(out->key, key->writekey, MF_KEY_SIZE);
	memcpy(out->hash, key->fingerprint, MF_HASH_SIZE);
}

void
mf_sdmf_readkey(const mf_cap *cap, uint8_t readkey[MF_KEY_SIZE])
{
	if (mf_cap_is_writable(cap->kind))
		mf_tag_hash16(MF_TAG_READKEY, cap->key, MF_KEY_SIZE, readkey);
	else
		memcpy(readkey, cap->key, MF_KEY_SIZE);
}

static bool
set_pss(EVP_PKEY_CTX *c)
{
	return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(c, PSS_SALT) == 1;
}

mf_code
mf_sdmf_sign(const mf_sdmf_key *key, const void *p, size_t n, uint8_t out[MF_SDMF_SIGNATURE], mf_err *err)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *c; /* belongs to md */
	size_t got = MF_SDMF_SIGNATURE;
	bool ok = md != NULL && EVP_DigestSignInit(md, &c, EVP_sha256(), NULL, key->pkey) == 1 && set_pss(c) &&
		EVP_DigestSign(md, out, &got, p, n) == 1 && got == MF_SDMF_SIGNATURE;

	EVP_MD_CTX_free(md);
	return ok ? MF_OK : crypto_fail(err, MF_ENOMEM, "mutable file could not be signed");
}

mf_code
mf_sdmf_check(mf_str spki, mf_str signature, const void *p, size_t n, mf_err *err)
{
	const unsigned char *at = (const unsigned char *)spki.p;
	EVP_MD_CTX *md = NULL;
	EVP_PKEY_CTX *c;
	bool ok = false;
	EVP_PKEY *pkey = spki.n > MF_SPKI_MAX ? NULL : d2i_PUBKEY(NULL, &at, (long)spki.n);

	if (pkey != NULL && is_rsa(pkey, RSA_BITS)) {
		md = EVP_MD_CTX_new();
		ok = md != NULL && EVP_DigestVerifyInit(md, &c, EVP_sha256(), NULL, pkey) == 1 && set_pss(c) &&
			EVP_DigestVerify(md, (const unsigned char *)signature.p, signature.n, p, n) == 1;
	}
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(pkey);
	return ok ? MF_OK : crypto_fail(err, MF_EFORMAT, "signature of a mutable share is wrong");
}
