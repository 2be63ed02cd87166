/* Tagged hashes, and the secrets made of them, on libcrypto. */
#include "grid/lafs/hash.h"

#include <pthread.h>

#include <openssl/evp.h>
#include <sodium.h>

/* A tag with its netstring frame, as it is hashed. */
struct framed {
	const char *p;
	size_t n;
};

#define TAG(literal) \
	{ \
		literal, sizeof(literal) - 1 \
	}
static const struct framed tags[] = {
	[MF_TAG_CHK_SI] = TAG("43:allmydata_immutable_key_to_storage_index_v1,"),
	[MF_TAG_BLOCK] = TAG("29:allmydata_encoded_subshare_v1,"),
	[MF_TAG_UEB] = TAG("26:allmydata_uri_extension_v1,"),
	[MF_TAG_CRYPTTEXT] = TAG("22:allmydata_crypttext_v1,"),
	[MF_TAG_SEGMENT] = TAG("30:allmydata_crypttext_segment_v1,"),
	[MF_TAG_PLAINTEXT] = TAG("22:allmydata_plaintext_v1,"),
	[MF_TAG_PLAINTEXT_SEGMENT] = TAG("30:allmydata_plaintext_segment_v1,"),
	[MF_TAG_EMPTY_LEAF] = TAG("22:Merkle tree empty leaf,"),
	[MF_TAG_NODE] = TAG("25:Merkle tree internal node,"),
	[MF_TAG_WRITEKEY] = TAG("40:allmydata_mutable_privkey_to_writekey_v1,"),
	[MF_TAG_READKEY] = TAG("40:allmydata_mutable_writekey_to_readkey_v1,"),
	[MF_TAG_MUT_SI] = TAG("45:allmydata_mutable_readkey_to_storage_index_v1,"),
	[MF_TAG_DATAKEY] = TAG("39:allmydata_mutable_readkey_to_datakey_v1,"),
	[MF_TAG_FINGERPRINT] = TAG("42:allmydata_mutable_pubkey_to_fingerprint_v1,"),
	[MF_TAG_WE_MASTER] = TAG("53:allmydata_mutable_writekey_to_write_enabler_master_v1,"),
	[MF_TAG_WE] = TAG("69:allmydata_mutable_write_enabler_master_and_nodeid_to_write_enabler_v1,"),
	[MF_TAG_CHILD_SALT] = TAG("40:allmydata_dirnode_child_rwcap_to_salt_v1,"),
	[MF_TAG_CHILD_KEY] = TAG("62:allmydata_mutable_writekey_and_salt_to_dirnode_child_capkey_v1,"),
	[MF_TAG_FILE_RENEW] = TAG("32:allmydata_file_renewal_secret_v1,"),
	[MF_TAG_FILE_CANCEL] = TAG("31:allmydata_file_cancel_secret_v1,"),
	[MF_TAG_BUCKET_RENEW] = TAG("34:allmydata_bucket_renewal_secret_v1,"),
	[MF_TAG_BUCKET_CANCEL] = TAG("33:allmydata_bucket_cancel_secret_v1,"),
	[MF_TAG_MUT_MAGIC] = TAG("34:allmydata_mutable_container_header,"),
};

enum {
	TAG_MAX = 256, /* bytes of a free tag */
	SMALL = 256,   /* below: assemble on the stack and call libcrypto once */
};

/* Implicit fetches cost three times the hash of a small input (floor.md 6): fetched once per process. */
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;
static pthread_key_t at_thread_end;

/* What each thread keeps. */
static _Thread_local EVP_MD_CTX *mine;

struct mf_hasher {
	EVP_MD_CTX *md;
};

static void
mine_free(void *md)
{
	EVP_MD_CTX_free(md);
	mine = NULL;
}

static void
fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	if (sha256 == NULL || pthread_key_create(&at_thread_end, mine_free) != 0)
		MF_BUG("libcrypto lacks SHA2-256");
}

static EVP_MD_CTX *
md_new(void)
{
	EVP_MD_CTX *md;

	(void)pthread_once(&fetch_once, fetch);
	md = EVP_MD_CTX_new();
	if (md == NULL)
		MF_BUG("out of memory for a hash");
	return md;
}

static EVP_MD_CTX *
md_mine(void)
{
	if (mine == NULL) {
		mine = md_new();
		if (pthread_setspecific(at_thread_end, mine) != 0)
			MF_BUG("out of memory for a thread's hash");
	}
	return mine;
}

static void
md_start(EVP_MD_CTX *md)
{
	if (!EVP_DigestInit_ex2(md, sha256, NULL))
		MF_BUG("SHA-256 does not start");
}

static void
md_add(EVP_MD_CTX *md, const void *p, size_t n)
{
	if (n > 0 && !EVP_DigestUpdate(md, p, n))
		MF_BUG("SHA-256 failed");
}

static void
md_end(EVP_MD_CTX *md, uint8_t out[MF_HASH_SIZE])
{
	if (!EVP_DigestFinal_ex(md, out, NULL))
		MF_BUG("SHA-256 does not end");
}

/* The second of the two hashes of SHA256d. */
static void
md_end_twice(EVP_MD_CTX *md, uint8_t out[MF_HASH_SIZE])
{
	md_end(md, out);
	md_start(md);
	md_add(md, out, MF_HASH_SIZE);
	md_end(md, out);
}

/* "<decimal n>:" into @p out (at most 21 bytes); returns how many. */
static size_t
ns_head(char *out, size_t n)
{
	char tmp[20];
	size_t digits = 0;

	do {
		tmp[digits++] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	for (size_t i = 0; i < digits; i++)
		out[i] = tmp[digits - 1 - i];
	out[digits] = ':';
	return digits + 1;
}

static void
md_add_ns(EVP_MD_CTX *md, mf_str s)
{
	char head[24];

	md_add(md, head, ns_head(head, s.n));
	md_add(md, s.p, s.n);
	md_add(md, ",", 1);
}

static void
hash_tagged(EVP_MD_CTX *md, mf_str framed, const void *p, size_t n, uint8_t out[MF_HASH_SIZE])
{
	md_start(md);
	if (n <= SMALL && framed.n <= SMALL) {
		uint8_t all[2 * SMALL];
		memcpy(all, framed.p, framed.n);
		if (n > 0)
			memcpy(all + framed.n, p, n);
		md_add(md, all, framed.n + n);
	} else {
		md_add(md, framed.p, framed.n);
		md_add(md, p, n);
	}
	md_end_twice(md, out);
}

static mf_str
frame(enum mf_tag tag)
{
	return (mf_str){tags[tag].p, tags[tag].n};
}

void
mf_sha256(const void *p, size_t n, uint8_t out[MF_HASH_SIZE])
{
	EVP_MD_CTX *md = md_mine();

	md_start(md);
	md_add(md, p, n);
	md_end(md, out);
}

void
mf_tag_hash(enum mf_tag tag, const void *p, size_t n, uint8_t out[MF_HASH_SIZE])
{
	hash_tagged(md_mine(), frame(tag), p, n, out);
}

void
mf_tag_hash16(enum mf_tag tag, const void *p, size_t n, uint8_t out[MF_KEY_SIZE])
{
	uint8_t all[MF_HASH_SIZE];

	mf_tag_hash(tag, p, n, all);
	memcpy(out, all, MF_KEY_SIZE);
	sodium_memzero(all, sizeof(all));
}

void
mf_tag_pair(enum mf_tag tag, mf_str a, mf_str b, uint8_t out[MF_HASH_SIZE])
{
	EVP_MD_CTX *md = md_mine();

	md_start(md);
	md_add(md, tags[tag].p, tags[tag].n);
	md_add_ns(md, a);
	md_add_ns(md, b);
	md_end_twice(md, out);
}

void
mf_tag_pair16(enum mf_tag tag, mf_str a, mf_str b, uint8_t out[MF_KEY_SIZE])
{
	uint8_t all[MF_HASH_SIZE];

	mf_tag_pair(tag, a, b, all);
	memcpy(out, all, MF_KEY_SIZE);
	sodium_memzero(all, sizeof(all));
}

/* A free tag in its frame; @p out has room for TAG_MAX + 24. */
static size_t
frame_free(char *out, mf_str tag)
{
	if (tag.n > TAG_MAX)
		MF_BUG("hash tag of %zu bytes", tag.n);
	size_t n = ns_head(out, tag.n);
	if (tag.n > 0)
		memcpy(out + n, tag.p, tag.n);
	out[n + tag.n] = ',';
	return n + tag.n + 1;
}

void
mf_tag_hash_free(mf_str tag, const void *p, size_t n, uint8_t out[MF_HASH_SIZE])
{
	char framed[TAG_MAX + 24];
	size_t k = frame_free(framed, tag);

	hash_tagged(md_mine(), mf_bytes(framed, k), p, n, out);
	sodium_memzero(framed, k);
}

void
mf_node_hash(const uint8_t left[MF_HASH_SIZE], const uint8_t right[MF_HASH_SIZE], uint8_t out[MF_HASH_SIZE])
{
	uint8_t all[128];
	mf_str tag = frame(MF_TAG_NODE);
	size_t n = tag.n;
	EVP_MD_CTX *md = md_mine();

	memcpy(all, tag.p, n);
	memcpy(all + n, "32:", 3);
	memcpy(all + n + 3, left, MF_HASH_SIZE);
	memcpy(all + n + 35, ",32:", 4);
	memcpy(all + n + 39, right, MF_HASH_SIZE);
	all[n + 71] = ',';
	md_start(md);
	md_add(md, all, n + 72);
	md_end_twice(md, out);
}

void
mf_entry_mac(const uint8_t key[MF_KEY_SIZE], const void *p, size_t n, uint8_t out[MF_HASH_SIZE])
{
	EVP_MD_CTX *md = md_mine();
	uint8_t pad[MF_KEY_SIZE];

	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] = key[i] ^ 0x36;
	md_start(md);
	md_add(md, pad, sizeof(pad));
	md_add(md, p, n);
	md_end(md, out);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] = key[i] ^ 0x5c;
	md_start(md);
	md_add(md, pad, sizeof(pad));
	md_add(md, out, MF_HASH_SIZE);
	md_end(md, out);
	sodium_memzero(pad, sizeof(pad));
}

struct mf_hasher *
mf_hasher_new(void)
{
	struct mf_hasher *h = mf_alloc(sizeof(*h));

	h->md = md_new();
	return h;
}

void
mf_hasher_free(struct mf_hasher *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->md);
	free(h);
}

void
mf_hasher_start(struct mf_hasher *h, enum mf_tag tag)
{
	md_start(h->md);
	md_add(h->md, tags[tag].p, tags[tag].n);
}

void
mf_hasher_start_free(struct mf_hasher *h, mf_str tag)
{
	char framed[TAG_MAX + 24];
	size_t k = frame_free(framed, tag);

	md_start(h->md);
	md_add(h->md, framed, k);
	sodium_memzero(framed, k);
}

void
mf_hasher_add(struct mf_hasher *h, const void *p, size_t n)
{
	md_add(h->md, p, n);
}

void
mf_hasher_end(struct mf_hasher *h, uint8_t out[MF_HASH_SIZE])
{
	md_end_twice(h->md, out);
}

void
mf_client_secret(enum mf_lease_secret which, const uint8_t lease_secret[32], uint8_t out[MF_HASH_SIZE])
{
	mf_str value = which == MF_LEASE_RENEW ? MF_STR("allmydata_client_renewal_secret_v1")
					       : MF_STR("allmydata_client_cancel_secret_v1");

	/* Tag and value are swapped here, in Tahoe's code as well (hashutil.py). */
	mf_tag_hash_free(mf_bytes(lease_secret, 32), value.p, value.n, out);
}

void
mf_bucket_secret(enum mf_lease_secret which, const uint8_t client[MF_HASH_SIZE], const uint8_t si[MF_KEY_SIZE],
	const uint8_t tubid[MF_TUBID_SIZE], uint8_t out[MF_HASH_SIZE])
{
	bool renew = which == MF_LEASE_RENEW;
	uint8_t file[MF_HASH_SIZE];

	mf_tag_pair(renew ? MF_TAG_FILE_RENEW : MF_TAG_FILE_CANCEL, mf_bytes(client, MF_HASH_SIZE),
		mf_bytes(si, MF_KEY_SIZE), file);
	mf_tag_pair(renew ? MF_TAG_BUCKET_RENEW : MF_TAG_BUCKET_CANCEL, mf_bytes(file, MF_HASH_SIZE),
		mf_bytes(tubid, MF_TUBID_SIZE), out);
	sodium_memzero(file, sizeof(file));
}

void
mf_write_enabler(const uint8_t writekey[MF_KEY_SIZE], const uint8_t tubid[MF_TUBID_SIZE], uint8_t out[MF_HASH_SIZE])
{
	uint8_t master[MF_HASH_SIZE];

	mf_tag_hash(MF_TAG_WE_MASTER, writekey, MF_KEY_SIZE, master);
	mf_tag_pair(MF_TAG_WE, mf_bytes(master, sizeof(master)), mf_bytes(tubid, MF_TUBID_SIZE), out);
	sodium_memzero(master, sizeof(master));
}
