/* Reading SDMF files: which shares are good, which version to believe, and its content. */
#include <stdlib.h>

#include <sodium.h>

#include "grid/lafs/merkle.h"
#include "grid/lafs/sdmf_key.h"
#include "grid/lafs/zfec.h"

enum {
	CHAIN_ENTRY = 34,
	CHAIN_MAX = 64,
	PIECE = 1 << 18,    /* bytes: what stays in a cache */
	PRIVKEY_MAX = 4096, /* bytes; 1214 to 1219 in practice */
};

static mf_str
part(mf_str share, uint64_t from, uint64_t to)
{
	return mf_bytes(share.p + from, (size_t)(to - from));
}

/* The public key is the capability's, and it signed the prefix.  @p proven: a share of which that is known. */
static mf_code
check_signature(const mf_cap *cap, mf_str share, const mf_sdmf_head *h, const mf_sdmf_share *proven, mf_err *err)
{
	uint8_t hash[MF_HASH_SIZE];
	mf_str spki = part(share, MF_SDMF_HEADER, h->o_signature);

	if (proven != NULL)
		return MF_OK;
	mf_tag_hash(MF_TAG_FINGERPRINT, spki.p, spki.n, hash);
	if (memcmp(hash, cap->hash, MF_HASH_SIZE) != 0)
		return mf_fail(err, MF_EFORMAT, 0, "mutable share was made with another key");
	return mf_sdmf_check(spki, part(share, h->o_signature, h->o_chain), share.p, MF_SDMF_PREFIX, err);
}

/* The block, and that it belongs to the signed root. */
static mf_code
check_block(const mf_sdmf_head *h, uint32_t num, mf_str share, mf_str *block, mf_err *err)
{
	mf_chain_node chain[CHAIN_MAX];
	mf_node leaf, root;
	uint64_t n = (h->o_tree - h->o_chain) / CHAIN_ENTRY;

	*block = part(share, h->o_data, h->o_privkey);
	if (num >= h->n || h->o_data - h->o_tree != MF_HASH_SIZE || (h->o_tree - h->o_chain) % CHAIN_ENTRY != 0 ||
		n > CHAIN_MAX || block->n != h->segsize / h->k)
		return mf_fail(err, MF_EFORMAT, 0, "mutable share has parts of impossible length");
	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *p = (const uint8_t *)share.p + h->o_chain + i * CHAIN_ENTRY;

		chain[i].index = (uint32_t)(p[0] << 8 | p[1]);
		memcpy(chain[i].hash, p + 2, MF_HASH_SIZE);
	}
	if (h->datalen == 0)
		mf_tag_hash(MF_TAG_EMPTY_LEAF, "0", 1, leaf);
	else
		mf_tag_hash(MF_TAG_BLOCK, block->p, block->n, leaf);
	if (memcmp(leaf, share.p + h->o_tree, MF_HASH_SIZE) != 0)
		return mf_fail(err, MF_EFORMAT, 0, "block of a mutable share does not match its hash");
	if (!mf_merkle_climb(h->n, num, leaf, chain, (size_t)n, root) || memcmp(root, h->root, MF_HASH_SIZE) != 0)
		return mf_fail(err, MF_EFORMAT, 0, "mutable share does not lead to its signed root");
	return MF_OK;
}

mf_code
mf_sdmf_verify(const mf_cap *cap, uint32_t num, mf_str share, mf_sdmf_head *head, mf_err *err)
{
	mf_str block;
	mf_code rc = mf_sdmf_head_of(share, head, err);

	if (rc == MF_OK)
		rc = check_signature(cap, share, head, NULL, err);
	if (rc == MF_OK)
		rc = check_block(head, num, share, &block, err);
	return rc;
}

/* -- choosing a version ------------------------------------------------------------------------------ */

/* Big-endian numbers first, so order by bytes is the order of versions: seqnum, root, and the rest. */
static int
version_cmp(const mf_sdmf_share *a, const mf_sdmf_share *b)
{
	return memcmp(a->data.p, b->data.p, MF_SDMF_PREFIX);
}

static void
check_all(const mf_cap *cap, mf_sdmf_share *share, size_t n, uint64_t *highest)
{
	for (size_t i = 0; i < n; i++) {
		mf_sdmf_share *s = &share[i];
		const mf_sdmf_share *proven = NULL;

		s->state = mf_sdmf_head_of(s->data, &s->head, &s->why);
		if (s->state != MF_OK)
			continue;
		for (size_t j = 0; j < i && proven == NULL; j++)
			if (share[j].state == MF_OK && version_cmp(s, &share[j]) == 0)
				proven = &share[j];
		s->state = check_signature(cap, s->data, &s->head, proven, &s->why);
		if (s->state == MF_OK && s->head.seqnum > *highest)
			*highest = s->head.seqnum;
	}
}

/* The highest version below @p below (NULL: any) among signed shares. */
static const mf_sdmf_share *
next_version(const mf_sdmf_share *share, size_t n, const mf_sdmf_share *below)
{
	const mf_sdmf_share *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (share[i].state != MF_OK || (below != NULL && version_cmp(&share[i], below) >= 0))
			continue;
		if (best == NULL || version_cmp(&share[i], best) > 0)
			best = &share[i];
	}
	return best;
}

/* Good blocks of one version, by share number. */
struct blocks {
	mf_str block[MF_SDMF_SHARES_MAX];
	uint32_t have[MF_SDMF_SHARES_MAX]; /* k numbers, ascending */
	uint32_t n;
};

/* At most k, the lowest numbers first: those need no arithmetic. */
static void
collect(const mf_sdmf_share *version, mf_sdmf_share *share, size_t n, struct blocks *b)
{
	uint8_t prefix[MF_SDMF_PREFIX];
	uint32_t k = version->head.k;

	memcpy(prefix, version->data.p, MF_SDMF_PREFIX); /* version may be found bad below */
	b->n = 0;
	for (uint32_t num = 0; num < MF_SDMF_SHARES_MAX && b->n < k; num++) {
		for (size_t i = 0; i < n; i++) {
			mf_sdmf_share *s = &share[i];
			mf_str block;

			if (s->num != num || s->state != MF_OK || memcmp(s->data.p, prefix, MF_SDMF_PREFIX) != 0)
				continue;
			s->state = check_block(&s->head, num, s->data, &block, &s->why);
			if (s->state != MF_OK)
				continue;
			b->have[b->n++] = num;
			b->block[num] = block;
			break;
		}
	}
}

static void
decode(const mf_sdmf_head *h, struct blocks *b, const uint8_t readkey[MF_KEY_SIZE], mf_buf *plain)
{
	uint8_t datakey[MF_KEY_SIZE], coef[MF_SDMF_SHARES_MAX];
	const uint8_t *source[MF_SDMF_SHARES_MAX];
	size_t size = (size_t)(h->segsize / h->k);
	mf_buf mixed = {0};

	mf_tag_pair16(MF_TAG_DATAKEY, mf_bytes(h->salt, MF_SDMF_SALT), mf_bytes(readkey, MF_KEY_SIZE), datakey);
	mf_buf_reserve(plain, (size_t)h->datalen);
	for (uint32_t i = 0; i < h->k; i++)
		source[i] = (const uint8_t *)b->block[b->have[i]].p;
	for (uint32_t i = 0, at = 0; i < h->k; i++) {
		size_t from = i * size;
		size_t n = from >= h->datalen ? 0 : (size_t)h->datalen - from < size ? (size_t)h->datalen - from : size;
		const uint8_t *piece;

		while (at < h->k && b->have[at] < i)
			at++;
		if (n == 0)
			break;
		if (at < h->k && b->have[at] == i) {
			piece = source[at];
		} else {
			mf_buf_reserve(&mixed, size);
			mf_zfec_coef(i, b->have, h->k, coef);
			mf_zfec_mix(mixed.p, source, coef, h->k, size);
			piece = mixed.p;
		}
		mf_ctr(datakey, from, piece, plain->p + from, n);
	}
	plain->n = (size_t)h->datalen;
	mf_buf_free(&mixed);
	sodium_memzero(datakey, sizeof(datakey));
}

/* A file whose one share is its ciphertext: decrypted where it lies, and moved to the front of its buffer.  Directories are
 * the largest things in memory, and fresh pages cost as much as the arithmetic. */
static void
decode_own(const mf_sdmf_head *h, mf_sdmf_share *s, const uint8_t readkey[MF_KEY_SIZE], mf_buf *plain)
{
	uint8_t datakey[MF_KEY_SIZE];
	uint8_t *from = (uint8_t *)(uintptr_t)(s->data.p + h->o_data);
	struct mf_ctr_stream *ctr = mf_ctr_new();

	mf_tag_pair16(MF_TAG_DATAKEY, mf_bytes(h->salt, MF_SDMF_SALT), mf_bytes(readkey, MF_KEY_SIZE), datakey);
	mf_ctr_seek(ctr, datakey, 0);
	for (size_t at = 0; at < h->datalen; at += PIECE) {
		size_t n = h->datalen - at < PIECE ? (size_t)h->datalen - at : PIECE;

		mf_ctr_next(ctr, from + at, from + at, n);
		memmove(s->own->p + at, from + at, n);
	}
	mf_ctr_free(ctr);
	*plain = *s->own;
	plain->n = (size_t)h->datalen;
	*s->own = (mf_buf){0};
	s->data = (mf_str){0};
	sodium_memzero(datakey, sizeof(datakey));
}

/* The share that may be decrypted where it lies, if there is one. */
static mf_sdmf_share *
own_share(const mf_sdmf_head *h, const struct blocks *b, mf_sdmf_share *share, size_t n)
{
	if (h->k != 1 || h->datalen == 0)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (share[i].own != NULL && share[i].data.p + share[i].head.o_data == b->block[b->have[0]].p)
			return &share[i];
	return NULL;
}

/* The private key, from the first share that holds the right one. */
static mf_code
read_key(const mf_cap *cap, const mf_sdmf_share *share, size_t n, mf_sdmf_key **out, mf_err *err)
{
	uint8_t hash[MF_KEY_SIZE];
	mf_code rc = mf_fail(err, MF_EFORMAT, 0, "no share holds the private key of the mutable file");

	for (size_t i = 0; i < n && rc != MF_OK; i++) {
		mf_buf der = {0};

		if (share[i].state != MF_OK)
			continue;
		mf_str spki = part(share[i].data, MF_SDMF_HEADER, share[i].head.o_signature);
		mf_str enc = part(share[i].data, share[i].head.o_privkey, share[i].head.o_eof);
		if (enc.n == 0 || enc.n > PRIVKEY_MAX)
			continue;
		mf_buf_reserve(&der, enc.n);
		mf_ctr(cap->key, 0, enc.p, der.p, enc.n);
		der.n = enc.n;
		mf_tag_hash16(MF_TAG_WRITEKEY, der.p, der.n, hash);
		if (sodium_memcmp(hash, cap->key, MF_KEY_SIZE) == 0)
			rc = mf_sdmf_key_parse(mf_buf_str(&der), spki, out, err);
		if (rc == MF_OK && memcmp((*out)->fingerprint, cap->hash, MF_HASH_SIZE) != 0) {
			mf_sdmf_key_free(*out); /* that share's copy of the public key is not the proven one */
			*out = NULL;
			rc = mf_fail(err, MF_EFORMAT, 0, "public key of a mutable share is wrong");
		}
		mf_buf_wipe_free(&der);
	}
	return rc;
}

void
mf_sdmf_found_free(mf_sdmf_found *f)
{
	mf_buf_free(&f->plain);
	mf_sdmf_key_free(f->key);
	f->key = NULL;
}

static mf_code
nothing_good(const mf_sdmf_share *share, size_t n, mf_err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (share[i].state == MF_EUNSUPPORTED || (n == 1 && share[i].state != MF_OK)) {
			if (err != NULL)
				*err = share[i].why;
			return share[i].state;
		}
	}
	return mf_fail(err, MF_EFORMAT, 0, "no version of the mutable file has enough good shares (%zu seen)", n);
}

mf_code
mf_sdmf_read(const mf_cap *cap, mf_sdmf_share *share, size_t n, mf_sdmf_found *out, mf_err *err)
{
	const mf_sdmf_share *version = NULL;
	struct blocks blocks;
	uint8_t readkey[MF_KEY_SIZE];

	*out = (mf_sdmf_found){0};
	if (n == 0)
		return mf_fail(err, MF_ENOTFOUND, 0, "mutable file has no share here");
	check_all(cap, share, n, &out->highest);
	while ((version = next_version(share, n, version)) != NULL) {
		collect(version, share, n, &blocks);
		if (blocks.n == version->head.k)
			break;
		out->newer_lost = true;
	}
	if (version == NULL)
		return nothing_good(share, n, err);
	out->head = version->head;
	memcpy(out->checkstring, version->data.p, MF_SDMF_CHECKSTRING);
	mf_code rc = mf_cap_is_writable(cap->kind) ? read_key(cap, share, n, &out->key, err) : MF_OK;
	if (rc != MF_OK)
		return rc;
	mf_sdmf_share *own = own_share(&out->head, &blocks, share, n);
	mf_sdmf_readkey(cap, readkey);
	if (own != NULL)
		decode_own(&out->head, own, readkey, &out->plain);
	else
		decode(&out->head, &blocks, readkey, &out->plain);
	sodium_memzero(readkey, sizeof(readkey));
	return MF_OK;
}
