/* SDMF shares: the header, and building them. */
#include "grid/lafs/sdmf.h"

#include "grid/lafs/merkle.h"
#include "grid/lafs/sdmf_key.h"
#include "grid/lafs/zfec.h"

enum { CHAIN_ENTRY = 34, O_TABLE = 75 };

mf_code
mf_sdmf_prefix(mf_str share, mf_sdmf_head *out, mf_err *err)
{
	mf_cur c = mf_cur_of(share.p, share.n);
	uint8_t version = mf_cur_u8(&c);

	*out = (mf_sdmf_head){0};
	if (!c.bad && version == 1)
		return mf_fail(err, MF_EUNSUPPORTED, 0, "MDMF mutable files are not supported");
	if (share.n < MF_SDMF_PREFIX || version != 0)
		return mf_fail(err, MF_EFORMAT, 0, "mutable share has no SDMF header");
	out->seqnum = mf_cur_u64(&c);
	memcpy(out->root, mf_cur_take(&c, MF_HASH_SIZE).p, MF_HASH_SIZE);
	memcpy(out->salt, mf_cur_take(&c, MF_SDMF_SALT).p, MF_SDMF_SALT);
	out->k = mf_cur_u8(&c);
	out->n = mf_cur_u8(&c);
	out->segsize = mf_cur_u64(&c);
	out->datalen = mf_cur_u64(&c);
	if (out->k < 1 || out->k > out->n)
		return mf_fail(err, MF_EFORMAT, 0, "mutable share states an impossible encoding");
	if (out->datalen > MF_SDMF_DATA_MAX || out->segsize != (out->datalen + out->k - 1) / out->k * out->k)
		return mf_fail(err, MF_EFORMAT, 0, "mutable share states an impossible length");
	return MF_OK;
}

mf_code
mf_sdmf_head_of(mf_str share, mf_sdmf_head *out, mf_err *err)
{
	mf_code rc = mf_sdmf_prefix(share, out, err);

	if (rc != MF_OK)
		return rc;
	if (share.n < MF_SDMF_HEADER)
		return mf_fail(err, MF_EFORMAT, 0, "mutable share is cut off in its header");
	mf_cur c = mf_cur_of(share.p + O_TABLE, MF_SDMF_HEADER - O_TABLE);
	out->o_signature = mf_cur_u32(&c);
	out->o_chain = mf_cur_u32(&c);
	out->o_tree = mf_cur_u32(&c);
	out->o_data = mf_cur_u32(&c);
	out->o_privkey = mf_cur_u64(&c);
	out->o_eof = mf_cur_u64(&c);
	if (out->o_signature < MF_SDMF_HEADER || out->o_chain < out->o_signature || out->o_tree < out->o_chain ||
		out->o_data < out->o_tree || out->o_privkey < out->o_data || out->o_eof < out->o_privkey ||
		out->o_eof > share.n)
		return mf_fail(err, MF_EFORMAT, 0, "mutable share has impossible offsets");
	return MF_OK;
}

/* -- building ------------------------------------------------------------------------------------------ */

/* Everything but the parts that differ from share to share. */
struct plan {
	const mf_sdmf_key *key;
	const mf_sdmf_new *v;
	size_t block; /* bytes of a block */
	size_t chain; /* entries of a chain */
	mf_sdmf_head head;
	uint8_t datakey[MF_KEY_SIZE];
};

static void
plan_offsets(struct plan *p)
{
	mf_sdmf_head *h = &p->head;

	h->o_signature = MF_SDMF_HEADER + p->key->spki_n;
	h->o_chain = h->o_signature + MF_SDMF_SIGNATURE;
	h->o_tree = h->o_chain + CHAIN_ENTRY * p->chain;
	h->o_data = h->o_tree + MF_HASH_SIZE;
	h->o_privkey = h->o_data + p->block;
	h->o_eof = h->o_privkey + p->key->enc.n;
}

/* Room for a whole share, with the block in its place: encrypted for the first k shares, mixed for the rest. */
static void
fill_blocks(const struct plan *p, mf_buf *share)
{
	const uint8_t *primary[MF_SDMF_SHARES_MAX];
	uint32_t have[MF_SDMF_SHARES_MAX];
	uint8_t coef[MF_SDMF_SHARES_MAX];
	uint32_t k = p->v->k;

	for (uint32_t i = 0; i < p->v->n; i++) {
		mf_buf_reserve(&share[i], (size_t)p->head.o_eof);
		share[i].n = (size_t)p->head.o_eof;
	}
	for (uint32_t i = 0; i < k; i++) {
		size_t from = i * p->block, n = 0;
		uint8_t *to = share[i].p + p->head.o_data;

		if (from < p->v->plain.n)
			n = p->v->plain.n - from < p->block ? p->v->plain.n - from : p->block;
		if (n > 0)
			mf_ctr(p->datakey, from, p->v->plain.p + from, to, n);
		memset(to + n, 0, p->block - n);
		primary[i] = to;
		have[i] = i;
	}
	for (uint32_t i = k; i < p->v->n; i++) {
		mf_zfec_coef(i, have, k, coef);
		mf_zfec_mix(share[i].p + p->head.o_data, primary, coef, k, p->block);
	}
}

static void
put(mf_buf *share, uint64_t off, const void *p, size_t n)
{
	memcpy(share->p + off, p, n);
}

/* Everything in front of the tree but the chain. */
static void
header(const struct plan *p, mf_buf *out)
{
	const mf_sdmf_head *h = &p->head;
	static const uint8_t version = 0;

	mf_buf_add(out, &version, 1);
	mf_buf_add_u64(out, p->v->seqnum);
	mf_buf_add(out, h->root, MF_HASH_SIZE);
	mf_buf_add(out, p->v->salt, MF_SDMF_SALT);
	mf_buf_addc(out, (char)p->v->k);
	mf_buf_addc(out, (char)p->v->n);
	mf_buf_add_u64(out, (uint64_t)p->block * p->v->k);
	mf_buf_add_u64(out, p->v->plain.n);
	mf_buf_add_u32(out, (uint32_t)h->o_signature);
	mf_buf_add_u32(out, (uint32_t)h->o_chain);
	mf_buf_add_u32(out, (uint32_t)h->o_tree);
	mf_buf_add_u32(out, (uint32_t)h->o_data);
	mf_buf_add_u64(out, h->o_privkey);
	mf_buf_add_u64(out, h->o_eof);
	mf_buf_add(out, p->key->spki, p->key->spki_n);
}

static void
finish_share(const struct plan *p, const mf_node *tree, const mf_buf *front, uint32_t num, mf_buf *share)
{
	uint32_t index[MF_MERKLE_DEPTH_MAX + 1];
	unsigned n = mf_merkle_chain(p->v->n, num, MF_CHAIN_WITHOUT_LEAF, index);
	uint64_t at = p->head.o_chain;

	put(share, 0, front->p, front->n);
	for (unsigned i = 0; i < n; i++, at += CHAIN_ENTRY) {
		uint8_t be[2] = {(uint8_t)(index[i] >> 8), (uint8_t)index[i]};

		put(share, at, be, 2);
		put(share, at + 2, tree[index[i]], MF_HASH_SIZE);
	}
	put(share, p->head.o_tree, tree[mf_merkle_width(p->v->n) - 1 + num], MF_HASH_SIZE);
	put(share, p->head.o_privkey, p->key->enc.p, p->key->enc.n);
}

mf_code
mf_sdmf_pack(const mf_sdmf_key *key, const mf_sdmf_new *v, mf_buf *share, mf_err *err)
{
	struct plan p = {.key = key, .v = v};
	mf_node tree[2 * 256 - 1];
	uint8_t signature[MF_SDMF_SIGNATURE];
	mf_buf front = {0};

	if (v->k < 1 || v->k > v->n || v->n > MF_SDMF_SHARES_MAX)
		return mf_fail(err, MF_EINVAL, 0, "mutable files need 1 <= k <= n <= %d", MF_SDMF_SHARES_MAX);
	if (v->plain.n > MF_SDMF_DATA_MAX)
		return mf_fail(err, MF_EINVAL, 0, "mutable file would exceed %d MiB", MF_SDMF_DATA_MAX >> 20);
	p.block = (v->plain.n + v->k - 1) / v->k;
	p.chain = mf_merkle_depth(v->n);
	mf_tag_pair16(MF_TAG_DATAKEY, mf_bytes(v->salt, MF_SDMF_SALT), mf_bytes(key->readkey, MF_KEY_SIZE), p.datakey);
	plan_offsets(&p);
	fill_blocks(&p, share);

	uint64_t width = mf_merkle_width(v->n);
	for (uint32_t i = 0; i < v->n; i++) {
		if (v->plain.n == 0)
			mf_tag_hash(MF_TAG_EMPTY_LEAF, "0", 1, tree[width - 1 + i]);
		else
			mf_tag_hash(MF_TAG_BLOCK, share[i].p + p.head.o_data, p.block, tree[width - 1 + i]);
	}
	mf_merkle_fill(tree, v->n);
	memcpy(p.head.root, tree[0], MF_HASH_SIZE);
	header(&p, &front);
	mf_code rc = mf_sdmf_sign(key, front.p, MF_SDMF_PREFIX, signature, err);
	if (rc == MF_OK) {
		mf_buf_add(&front, signature, sizeof(signature));
		for (uint32_t i = 0; i < v->n; i++)
			finish_share(&p, (const mf_node *)tree, &front, i, &share[i]);
	}
	mf_buf_free(&front);
	return rc;
}
