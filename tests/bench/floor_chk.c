/* Hashing, and immutable files of one segment. */
#define _GNU_SOURCE
#include "tests/bench/floor.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("floor: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

void *
need(size_t n)
{
	void *p = calloc(1, n == 0 ? 1 : n);

	if (p == NULL)
		die("out of memory");
	return p;
}

double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void
tools_init(struct tools *t)
{
	t->md = EVP_MD_CTX_new();
	t->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	t->aes = EVP_CIPHER_CTX_new();
	t->out = need(SEGMENT_MAX + 4096);
	if (EVP_EncryptInit_ex(t->aes, EVP_aes_128_ctr(), NULL, NULL, NULL) != 1)
		die("no AES");
}

void
tools_free(struct tools *t)
{
	EVP_MD_CTX_free(t->md);
	EVP_MD_free(t->sha256);
	EVP_CIPHER_CTX_free(t->aes);
	free(t->out);
}

static void
ns_head(struct tools *t, size_t n)
{
	char len[24];

	EVP_DigestUpdate(t->md, len, (size_t)snprintf(len, sizeof(len), "%zu:", n));
}

static void
ns(struct tools *t, const void *p, size_t n)
{
	ns_head(t, n);
	EVP_DigestUpdate(t->md, p, n);
	EVP_DigestUpdate(t->md, ",", 1);
}

static void
finish_twice(struct tools *t, uint8_t out[32])
{
	EVP_DigestFinal_ex(t->md, out, NULL);
	EVP_DigestInit_ex2(t->md, t->sha256, NULL);
	EVP_DigestUpdate(t->md, out, 32);
	EVP_DigestFinal_ex(t->md, out, NULL);
}

void
tagged(struct tools *t, const char *tag, size_t tag_n, const void *a, size_t n, uint8_t out[32])
{
	EVP_DigestInit_ex2(t->md, t->sha256, NULL);
	ns(t, tag, tag_n);
	EVP_DigestUpdate(t->md, a, n);
	finish_twice(t, out);
}

void
tagged_pair(struct tools *t, const char *tag, const void *a, size_t an, const void *b, size_t bn, uint8_t out[32])
{
	EVP_DigestInit_ex2(t->md, t->sha256, NULL);
	ns(t, tag, strlen(tag));
	ns(t, a, an);
	ns(t, b, bn);
	finish_twice(t, out);
}

void
aes_ctr(struct tools *t, const uint8_t key[16], const void *in, size_t n, void *out)
{
	static const uint8_t zero[16];
	int got;

	if (EVP_EncryptInit_ex(t->aes, NULL, NULL, key, zero) != 1 ||
		EVP_EncryptUpdate(t->aes, out, &got, in, (int)n) != 1)
		die("AES");
}

static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

void
base32(char *out, const uint8_t *p, size_t n)
{
	unsigned acc = 0, bits = 0;

	for (size_t i = 0; i < n; i++) {
		acc = acc << 8 | p[i];
		for (bits += 8; bits >= 5; bits -= 5)
			*out++ = digits[acc >> (bits - 5) & 31];
	}
	if (bits != 0)
		*out++ = digits[acc << (5 - bits) & 31];
	*out = '\0';
}

void
unbase32(uint8_t *out, size_t n, const char *text)
{
	unsigned acc = 0, bits = 0;

	for (size_t i = 0; i < n; text++) {
		unsigned c = (unsigned char)*text;

		acc = acc << 5 | (c >= 'a' ? c - 'a' : c - '2' + 26);
		bits += 5;
		if (bits >= 8) {
			out[i++] = (uint8_t)(acc >> (bits - 8));
			bits -= 8;
		}
	}
}

void
secrets_derive(struct secrets *s, const uint8_t lease_secret[32])
{
	struct tools t;
	static const char renew[] = "allmydata_client_renewal_secret_v1",
			  cancel[] = "allmydata_client_cancel_secret_v1";

	tools_init(&t);
	tagged(&t, (const char *)lease_secret, 32, renew, sizeof(renew) - 1, s->renew);
	tagged(&t, (const char *)lease_secret, 32, cancel, sizeof(cancel) - 1, s->cancel);
	tools_free(&t);
}

static void
put_u32(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void
lease(struct tools *t, const struct secrets *s, const uint8_t si[16], uint32_t expiry, uint8_t out[LEASE])
{
	uint8_t h[32];

	put_u32(out, 0);
	tagged_pair(t, "allmydata_file_renewal_secret_v1", s->renew, 32, si, 16, h);
	tagged_pair(t, "allmydata_bucket_renewal_secret_v1", h, 32, s->tubid, 20, h);
	crypto_generichash(out + 4, 32, h, 32, NULL, 0);
	tagged_pair(t, "allmydata_file_cancel_secret_v1", s->cancel, 32, si, 16, h);
	tagged_pair(t, "allmydata_bucket_cancel_secret_v1", h, 32, s->tubid, 20, h);
	crypto_generichash(out + 36, 32, h, 32, NULL, 0);
	put_u32(out + 68, expiry);
}

static void
convergence_key(struct tools *t, const struct secrets *s, const void *p, size_t n, uint8_t key[32])
{
	char tag[160], params[64];
	int pn = snprintf(params, sizeof(params), "1,1,%zu", n), at;

	at = snprintf(tag, sizeof(tag), "allmydata_immutable_content_to_key_with_added_secret_v1+16:");
	memcpy(tag + at, s->convergence, 16);
	at += 16;
	at += snprintf(tag + at, sizeof(tag) - (size_t)at, ",%d:%s,", pn, params);
	tagged(t, tag, (size_t)at, p, n, key);
}

/* The URI extension block of a one-segment file: segment_root is also its own tree. */
static size_t
extension(uint8_t *out, size_t n, const uint8_t crypttext[32], const uint8_t segment[32], const uint8_t block[32])
{
	char params[64], size[24];
	uint8_t *p = out;
	int params_n = snprintf(params, sizeof(params), "%zu-1-1", n), size_n = snprintf(size, sizeof(size), "%zu", n);

#define TEXT(...) (p += snprintf((char *)p, 128, __VA_ARGS__))
#define HASH(name, h) (TEXT(name ":32:"), memcpy(p, (h), 32), p += 32, *p++ = ',')
	TEXT("codec_name:3:crs,codec_params:%d:%s,", params_n, params);
	HASH("crypttext_hash", crypttext);
	HASH("crypttext_root_hash", segment);
	TEXT("needed_shares:1:1,num_segments:1:1,segment_size:%d:%s,", size_n, size);
	HASH("share_root_hash", block);
	TEXT("size:%d:%s,tail_codec_params:%d:%s,total_shares:1:1,", size_n, size, params_n, params);
#undef HASH
#undef TEXT
	return (size_t)(p - out);
}

size_t
chk_encode(struct tools *t, const struct secrets *s, const void *p, size_t n, size_t segment_max, uint32_t expiry,
	char cap[CAP_MAX], char si[27])
{
	uint8_t key[32], index[32], crypttext[32], segment[32], block[32], ueb_hash[32];
	uint8_t *share = t->out + HEADER, *data = share + 0x24, *tail = data + n;
	char key32[27], ueb32[53];
	size_t ueb_n;

	if (n <= 55 || n > segment_max || n > SEGMENT_MAX)
		die("%zu bytes are not one segment", n);
	convergence_key(t, s, p, n, key);
	TAGGED(t, "allmydata_immutable_key_to_storage_index_v1", key, 16, index);
	aes_ctr(t, key, p, n, data);
	TAGGED(t, "allmydata_crypttext_v1", data, n, crypttext);
	TAGGED(t, "allmydata_crypttext_segment_v1", data, n, segment);
	TAGGED(t, "allmydata_encoded_subshare_v1", data, n, block);
	memset(tail, 0, 32); /* the unused plaintext tree */
	memcpy(tail + 32, segment, 32);
	memcpy(tail + 64, block, 32);
	tail[96] = tail[97] = 0;
	memcpy(tail + 98, block, 32);
	ueb_n = extension(tail + 134, n, crypttext, segment, block);
	TAGGED(t, "allmydata_uri_extension_v1", tail + 134, ueb_n, ueb_hash);
	put_u32(tail + 130, ueb_n);
	const size_t fields[] = {1, n, n, 0x24, 0x24 + n, 0x24 + n + 32, 0x24 + n + 64, 0x24 + n + 96, 0x24 + n + 130};
	for (size_t i = 0; i < 9; i++)
		put_u32(share + 4 * i, fields[i]);
	size_t share_n = 0x24 + n + 134 + ueb_n;
	put_u32(t->out, 2);
	put_u32(t->out + 4, share_n);
	put_u32(t->out + 8, 1);
	lease(t, s, index, expiry, share + share_n);
	base32(si, index, 16);
	base32(key32, key, 16);
	base32(ueb32, ueb_hash, 32);
	snprintf(cap, CAP_MAX, "URI:CHK:%s:%s:1:1:%zu", key32, ueb32, n);
	return HEADER + share_n + LEASE;
}

/* "URI:CHK:" or "URI:DIR2-CHK:" -> key, hash of the extension block, size. */
static size_t
cap_fields(const char *cap, uint8_t key[16], uint8_t ueb_hash[32])
{
	const char *p = strstr(cap, "CHK:");

	if (p == NULL || strlen(p) < 4 + 26 + 1 + 52 + 1)
		die("not a CHK capability");
	unbase32(key, 16, p + 4);
	unbase32(ueb_hash, 32, p + 31);
	return strtoull(strrchr(p, ':') + 1, NULL, 10);
}

void
chk_index(struct tools *t, const char *cap, char si[27])
{
	uint8_t key[16], hash[32];

	(void)cap_fields(cap, key, hash);
	TAGGED(t, "allmydata_immutable_key_to_storage_index_v1", key, 16, hash);
	base32(si, hash, 16);
}

size_t
chk_decode(struct tools *t, const char *cap, const uint8_t *container, size_t n, uint8_t *out)
{
	uint8_t key[16], want[32], got[32];
	size_t size = cap_fields(cap, key, want);
	const uint8_t *data = container + HEADER + 0x24, *ueb = data + size + 134;
	static const char root[] = "crypttext_root_hash:32:";
	size_t ueb_n = n - LEASE - (size_t)(ueb - container);
	const uint8_t *at;

	if (n < HEADER + 0x24 + size + 134 + LEASE)
		die("short share of %.20s...", cap);
	TAGGED(t, "allmydata_uri_extension_v1", ueb, ueb_n, got);
	at = memmem(ueb, ueb_n, root, sizeof(root) - 1);
	if (memcmp(got, want, 32) != 0 || at == NULL)
		die("wrong extension block");
	TAGGED(t, "allmydata_crypttext_segment_v1", data, size, got);
	if (memcmp(got, at + sizeof(root) - 1, 32) != 0)
		die("wrong content");
	aes_ctr(t, key, data, size, out);
	return size;
}
