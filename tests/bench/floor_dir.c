/* Mutable directories: SDMF with k = n = 1, and the packed entries in them. */
#include "tests/bench/floor.h"

#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	CONTAINER = 468, /* bytes before the share in a mutable container */
	PREFIX = 75,     /* bytes that are signed */
	FIXED = 107,
	SPKI = 294,
	DATA = FIXED + SPKI + 256 + 32, /* public key, signature, one-node tree */
};

static void
put(uint8_t *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
}

static uint64_t
get(const uint8_t *p, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

void
dir_new(struct tools *t, struct mutable_dir *d)
{
	uint8_t h[32], key[32], *p = d->spki;
	PKCS8_PRIV_KEY_INFO *info;
	uint8_t *der = NULL;

	d->rsa = EVP_RSA_gen(2048);
	info = EVP_PKEY2PKCS8(d->rsa);
	d->pkcs8_n = (size_t)i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	PKCS8_PRIV_KEY_INFO_free(info);
	if (d->pkcs8_n > sizeof(d->pkcs8) || i2d_PUBKEY(d->rsa, &p) != SPKI)
		die("key");
	memcpy(d->pkcs8, der, d->pkcs8_n);
	OPENSSL_free(der);
	TAGGED(t, "allmydata_mutable_privkey_to_writekey_v1", d->pkcs8, d->pkcs8_n, h);
	memcpy(d->writekey, h, 16);
	TAGGED(t, "allmydata_mutable_writekey_to_readkey_v1", d->writekey, 16, h);
	memcpy(d->readkey, h, 16);
	TAGGED(t, "allmydata_mutable_readkey_to_storage_index_v1", d->readkey, 16, h);
	base32(d->si, h, 16);
	/* A child without write cap: salt and key depend on the empty string only. */
	TAGGED(t, "allmydata_dirnode_child_rwcap_to_salt_v1", "", 0, h);
	memcpy(d->rwcapdata, h, 16);
	tagged_pair(t, "allmydata_mutable_writekey_and_salt_to_dirnode_child_capkey_v1", h, 16, d->writekey, 16, key);
	crypto_hash_sha256((uint8_t *)d->rwcapdata + 16, key, 16); /* stands in for the MAC, which nobody reads */
}

static void
data_key(struct tools *t, const struct mutable_dir *d, const uint8_t salt[16], uint8_t key[32])
{
	tagged_pair(t, "allmydata_mutable_readkey_to_datakey_v1", salt, 16, d->readkey, 16, key);
}

static EVP_MD_CTX *
pss(struct mutable_dir *d, int (*init)(EVP_MD_CTX *, EVP_PKEY_CTX **, const EVP_MD *, ENGINE *, EVP_PKEY *))
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_PKEY_CTX *k;

	if (init(c, &k, EVP_sha256(), NULL, d->rsa) != 1 ||
		EVP_PKEY_CTX_set_rsa_padding(k, RSA_PKCS1_PSS_PADDING) != 1 ||
		EVP_PKEY_CTX_set_rsa_pss_saltlen(k, 32) != 1)
		die("RSA-PSS");
	return c;
}

uint8_t *
dir_pack(struct tools *t, struct mutable_dir *d, const uint8_t *p, size_t n, size_t *size)
{
	size_t eof = DATA + n + d->pkcs8_n, signature_n = 256;
	uint8_t *all = need(CONTAINER + eof + 4), *s = all + CONTAINER, key[32];
	EVP_MD_CTX *c;

	memcpy(all, "Tahoe mutable container v2\n\xc3\x55\x21\x99\x25", 32);
	put(all + 84, eof, 8);
	put(all + 92, CONTAINER + eof, 8);
	put(s + 1, ++d->seqnum, 8);
	randombytes_buf(s + 41, 16);
	s[57] = s[58] = 1;
	put(s + 59, n, 8);
	put(s + 67, n, 8);
	put(s + 75, FIXED + SPKI, 4);
	put(s + 79, FIXED + SPKI + 256, 4);
	put(s + 83, FIXED + SPKI + 256, 4);
	put(s + 87, DATA, 4);
	put(s + 91, DATA + n, 8);
	put(s + 99, eof, 8);
	memcpy(s + FIXED, d->spki, SPKI);
	data_key(t, d, s + 41, key);
	aes_ctr(t, key, p, n, s + DATA);
	TAGGED(t, "allmydata_encoded_subshare_v1", s + DATA, n, s + 9);
	memcpy(s + DATA - 32, s + 9, 32);
	aes_ctr(t, d->writekey, d->pkcs8, d->pkcs8_n, s + DATA + n);
	c = pss(d, EVP_DigestSignInit);
	if (EVP_DigestSign(c, s + FIXED + SPKI, &signature_n, s, PREFIX) != 1)
		die("sign");
	EVP_MD_CTX_free(c);
	*size = CONTAINER + eof + 4;
	return all;
}

uint8_t *
dir_open(struct tools *t, struct mutable_dir *d, uint8_t *container, size_t size, size_t *n)
{
	uint8_t *s = container + CONTAINER, h[32], key[32];
	EVP_MD_CTX *c;

	if (size < CONTAINER + DATA)
		die("short directory");
	*n = get(s + 67, 8);
	if (*n > size - CONTAINER - DATA)
		die("short directory");
	c = pss(d, EVP_DigestVerifyInit);
	if (EVP_DigestVerify(c, s + FIXED + SPKI, 256, s, PREFIX) != 1)
		die("signature");
	EVP_MD_CTX_free(c);
	TAGGED(t, "allmydata_encoded_subshare_v1", s + DATA, *n, h);
	if (memcmp(h, s + 9, 32) != 0)
		die("directory does not verify");
	data_key(t, d, s + 41, key);
	aes_ctr(t, key, s + DATA, *n, s + DATA);
	d->seqnum = get(s + 1, 8);
	return s + DATA;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

void
entries_merge(struct entry **have, size_t *n, struct entry *more, size_t more_n)
{
	struct entry *all = need((*n + more_n) * sizeof(*all)), *old = *have;
	size_t i = 0, j = 0, k = 0;

	qsort(more, more_n, sizeof(*more), by_name);
	while (i < *n || j < more_n)
		all[k++] = j == more_n || (i < *n && by_name(&old[i], &more[j]) < 0) ? old[i++] : more[j++];
	free(old);
	*have = all;
	*n = k;
}

bool
ns_next(const uint8_t **p, const uint8_t *end, const uint8_t **s, size_t *n)
{
	const uint8_t *at = *p;
	size_t len = 0;

	if (at == end)
		return false;
	while (at < end && *at != ':')
		len = len * 10 + (size_t)(*at++ - '0');
	if (at >= end || len > (size_t)(end - at) - 2)
		die("bad netstring");
	*s = at + 1;
	*n = len;
	*p = at + 1 + len + 1;
	return true;
}

size_t
ns_put(uint8_t *out, const void *p, size_t n)
{
	int head = snprintf((char *)out, 24, "%zu:", n);

	memcpy(out + head, p, n);
	out[(size_t)head + n] = ',';
	return (size_t)head + n + 1;
}

void
entries_publish(struct tools *t, struct store *s, struct mutable_dir *d, const struct entry *e, size_t n)
{
	uint8_t *packed, one[1024], *share;
	size_t at = 0, size, room = 1;
	char metadata[128];
	double now = (double)time(NULL) + 0.25;
	int metadata_n = snprintf(
		metadata, sizeof(metadata), "{\"tahoe\": {\"linkcrtime\": %.6f, \"linkmotime\": %.6f}}", now, now);

	for (size_t i = 0; i < n; i++)
		room += strlen(e[i].name) + 400;
	packed = need(room);
	for (size_t i = 0; i < n; i++) {
		size_t m = ns_put(one, e[i].name, strlen(e[i].name));

		m += ns_put(one + m, e[i].cap, strlen(e[i].cap));
		m += ns_put(one + m, d->rwcapdata, 48);
		m += ns_put(one + m, metadata, (size_t)metadata_n);
		at += ns_put(packed + at, one, m);
	}
	share = dir_pack(t, d, packed, at, &size);
	store_replace(s, d->si, share, size);
	free(share);
	free(packed);
}
