/* The two passes of a CHK upload: key, then shares. */
#include "grid/lafs/chk_inner.h"

#include <stdlib.h>

#include <sodium.h>

#include "grid/lafs/chk_work.h"
#include "grid/lafs/zfec.h"

enum {
	KEY_PIECE = 256 << 10, /* bytes of the source read at a time in pass 1 */
	TREES_MAX = 1 << 30,   /* bytes of all hash trees in memory */
	TAIL_PIECE = 64 << 10, /* below this all that follows the blocks is written at once */
};

/* Everything pass 2 holds. */
struct encoder {
	const mf_chk_params *params;
	const mf_source *src;
	const mf_chk_id *id;
	const mf_chk_layout *l;
	const mf_share_out *out;
	const mf_cancel *cancel;
	struct mf_ctr_stream *aes;
	struct mf_hasher *crypttext;
	struct mf_chk_work *work; /* hashes segments and primary blocks, perhaps on a second thread */
	uint64_t nodes;           /* of each tree */
	mf_node *segment_tree;
	mf_node *block_tree; /* n trees one behind the other */
	uint8_t *secondary;  /* one block, NULL when k = 1 or n = k */
	uint8_t *coef;       /* k coefficients for each share from k on; NULL likewise */
};

mf_code
mf_chk_key(const mf_chk_params *params, const mf_source *src, const mf_cancel *cancel, mf_chk_id *out, mf_err *err)
{
	char tag[256];
	uint8_t hash[MF_HASH_SIZE];
	mf_code rc = mf_chk_layout_of(src->size, params->k, params->n, params->segment_size, &out->layout, err);

	if (rc != MF_OK)
		return rc;
	if (src->size <= MF_LIT_MAX || params->convergence_n > MF_CONVERGENCE_MAX)
		return mf_fail(err, MF_EINVAL, 0, "%llu bytes with a secret of %zu bytes are not a CHK file",
			(unsigned long long)src->size, params->convergence_n);
	size_t tag_n = mf_chk_tag(params, out->layout.segment_size, tag);
	struct mf_hasher *h = mf_hasher_new();
	mf_hasher_start_free(h, mf_bytes(tag, tag_n));
	uint8_t *piece = src->mem == NULL ? mf_realloc_array(NULL, KEY_PIECE, 1) : NULL;
	for (uint64_t at = 0; at < src->size && rc == MF_OK;) {
		size_t n = src->size - at < KEY_PIECE ? (size_t)(src->size - at) : KEY_PIECE;
		if (mf_canceled(cancel))
			rc = mf_fail(err, MF_ECANCELED, 0, "encoding canceled");
		else if (src->mem == NULL)
			rc = src->read(src->arg, at, piece, n, err);
		if (rc == MF_OK)
			mf_hasher_add(h, src->mem == NULL ? piece : (const uint8_t *)src->mem + at, n);
		at += n;
	}
	mf_hasher_end(h, hash);
	memcpy(out->key, hash, sizeof(out->key));
	mf_tag_hash16(MF_TAG_CHK_SI, out->key, sizeof(out->key), out->si);
	mf_hasher_free(h);
	free(piece);
	sodium_memzero(hash, sizeof(hash));
	sodium_memzero(tag, sizeof(tag));
	return rc;
}

static mf_node *
block_leaf(struct encoder *e, uint32_t share, uint64_t seg)
{
	return &e->block_tree[share * e->nodes + mf_merkle_width(e->l->segments) - 1 + seg];
}

/* Ciphertext of one segment into @p p, with the padding. */
static mf_code
fill_segment(struct encoder *e, uint64_t seg, uint8_t *p, mf_err *err)
{
	uint64_t off = seg * e->l->segment_size;
	uint32_t n = mf_chk_segment(e->l, seg), padded = mf_chk_block(e->l, seg) * e->l->k;

	if (e->src->mem != NULL) {
		mf_ctr_next(e->aes, (const uint8_t *)e->src->mem + off, p, n);
	} else {
		mf_code rc = e->src->read(e->src->arg, off, p, n, err);
		if (rc != MF_OK)
			return rc;
		mf_ctr_next(e->aes, p, p, n);
	}
	memset(p + n, 0, padded - n);
	return MF_OK;
}

/* Primary blocks are the segment; the rest is computed (with k = 1 they are all the same).  All are written;
 * computed ones are hashed here, the others by the worker. */
static mf_code
write_blocks(struct encoder *e, uint64_t seg, const uint8_t *p, mf_err *err)
{
	const mf_chk_layout *l = e->l;
	uint64_t off = l->o_data + seg * l->block_size;
	uint32_t size = mf_chk_block(l, seg);
	const uint8_t *primary[MF_ZFEC_MAX];
	mf_code rc = MF_OK;

	for (uint32_t i = 0; i < l->k; i++)
		primary[i] = p + (size_t)i * size;
	for (uint32_t share = 0; share < l->n && rc == MF_OK; share++) {
		const uint8_t *block = primary[share % l->k];
		if (share >= l->k && e->secondary != NULL) {
			mf_zfec_mix(e->secondary, primary, e->coef + (size_t)(share - l->k) * l->k, l->k, size);
			mf_tag_hash(MF_TAG_BLOCK, e->secondary, size, *block_leaf(e, share, seg));
			block = e->secondary;
		}
		rc = e->out->write(e->out->arg, share, off, block, size, err);
	}
	return rc;
}

static void
prepare_secondary(struct encoder *e)
{
	uint32_t have[MF_ZFEC_MAX], k = e->l->k, n = e->l->n;

	if (k == 1 || n == k)
		return;
	e->secondary = mf_realloc_array(NULL, e->l->block_size, 1);
	e->coef = mf_realloc_array(NULL, n - k, k);
	for (uint32_t i = 0; i < k; i++)
		have[i] = i;
	for (uint32_t share = k; share < n; share++)
		mf_zfec_coef(share, have, k, e->coef + (size_t)(share - k) * k);
}

static mf_code
write_headers(struct encoder *e, mf_err *err)
{
	uint8_t head[MF_CHK_HEADER_2];
	size_t n = mf_chk_header(e->l, head);
	mf_code rc = MF_OK;

	for (uint32_t share = 0; share < e->l->n && rc == MF_OK; share++)
		rc = e->out->write(e->out->arg, share, 0, head, n, err);
	return rc;
}

static mf_code
encode_segments(struct encoder *e, mf_err *err)
{
	mf_code rc = write_headers(e, err);

	mf_ctr_seek(e->aes, e->id->key, 0);
	mf_hasher_start(e->crypttext, MF_TAG_CRYPTTEXT);
	for (uint64_t seg = 0; seg < e->l->segments && rc == MF_OK; seg++) {
		struct mf_chk_slot *slot = mf_chk_work_slot(e->work);
		if (mf_canceled(e->cancel))
			return mf_fail(err, MF_ECANCELED, 0, "encoding canceled");
		rc = fill_segment(e, seg, slot->p, err);
		if (rc != MF_OK)
			break;
		slot->segment_size = mf_chk_segment(e->l, seg);
		slot->block_size = mf_chk_block(e->l, seg);
		slot->segment_hash = &e->segment_tree[mf_merkle_width(e->l->segments) - 1 + seg];
		slot->block_hash = block_leaf(e, 0, seg);
		mf_chk_work_push(e->work, slot);
		mf_hasher_add(e->crypttext, slot->p, slot->segment_size);
		rc = write_blocks(e, seg, slot->p, err);
		mf_chk_work_done_with(e->work, slot);
	}
	return rc;
}

/* With k = 1 all shares have the same blocks: only the first one's were hashed. */
static void
fill_trees(struct encoder *e, mf_ueb *ueb, mf_node *share_tree)
{
	uint32_t n = e->l->n;
	uint64_t first = mf_merkle_width(n) - 1;

	mf_merkle_fill(e->segment_tree, e->l->segments);
	for (uint32_t share = 0; share < n; share++) {
		mf_node *tree = e->block_tree + share * e->nodes;
		if (share > 0 && e->l->k == 1)
			memcpy(tree, e->block_tree, e->nodes * sizeof(mf_node));
		else
			mf_merkle_fill(tree, e->l->segments);
		memcpy(share_tree[first + share], tree[0], sizeof(mf_node));
	}
	mf_merkle_fill(share_tree, n);
	mf_hasher_end(e->crypttext, ueb->crypttext_hash);
	memcpy(ueb->crypttext_root, e->segment_tree[0], sizeof(mf_node));
	memcpy(ueb->share_root, share_tree[0], sizeof(mf_node));
}

/* Append to what will be written at once, or write what there is when it has grown large. */
static mf_code
tail_add(struct encoder *e, uint32_t share, uint64_t *off, mf_buf *tail, const void *p, size_t n, mf_err *err)
{
	mf_code rc = MF_OK;

	if (tail->n > 0 && (p == NULL || tail->n + n > TAIL_PIECE)) {
		rc = e->out->write(e->out->arg, share, *off, tail->p, tail->n, err);
		*off += tail->n;
		tail->n = 0;
	}
	if (rc == MF_OK && n > TAIL_PIECE) {
		rc = e->out->write(e->out->arg, share, *off, p, n, err);
		*off += n;
	} else if (rc == MF_OK && n > 0) {
		mf_buf_add(tail, p, n);
	}
	return rc;
}

/* All that follows the blocks of one share. */
static mf_code
write_tail(struct encoder *e, uint32_t share, const mf_node *share_tree, mf_str ueb, mf_buf *tail, mf_err *err)
{
	const mf_chk_layout *l = e->l;
	static const uint8_t zeros[4096];
	uint64_t off = l->o_plaintext, left = l->o_crypttext - l->o_plaintext;
	size_t tree = (size_t)e->nodes * sizeof(mf_node);
	uint32_t chain[MF_MERKLE_DEPTH_MAX + 1];
	unsigned links = mf_merkle_chain(l->n, share, MF_CHAIN_WITH_LEAF, chain);
	mf_buf end = {0};
	mf_code rc = MF_OK;

	for (; left > 0 && rc == MF_OK; left -= left < sizeof(zeros) ? left : sizeof(zeros))
		rc = tail_add(e, share, &off, tail, zeros, left < sizeof(zeros) ? (size_t)left : sizeof(zeros), err);
	if (rc == MF_OK)
		rc = tail_add(e, share, &off, tail, e->segment_tree, tree, err);
	if (rc == MF_OK)
		rc = tail_add(e, share, &off, tail, e->block_tree + share * e->nodes, tree, err);
	for (unsigned i = 0; i < links; i++) {
		mf_buf_add_u16(&end, (uint16_t)chain[i]);
		mf_buf_add(&end, share_tree[chain[i]], sizeof(mf_node));
	}
	if (l->version == 1)
		mf_buf_add_u32(&end, (uint32_t)ueb.n);
	else
		mf_buf_add_u64(&end, ueb.n);
	mf_buf_adds(&end, ueb);
	if (rc == MF_OK)
		rc = tail_add(e, share, &off, tail, end.p, end.n, err);
	if (rc == MF_OK)
		rc = tail_add(e, share, &off, tail, NULL, 0, err);
	mf_buf_free(&end);
	return rc;
}

static mf_code
finish(struct encoder *e, mf_filecap *cap, mf_err *err)
{
	mf_node share_tree[2 * MF_ZFEC_MAX - 1], ueb_hash;
	mf_ueb ueb = {0};
	uint8_t text[MF_UEB_MAX];
	mf_buf tail = {0};
	mf_code rc = MF_OK;

	fill_trees(e, &ueb, share_tree);
	size_t n = mf_ueb_build(e->l, &ueb, text);
	mf_tag_hash(MF_TAG_UEB, text, n, ueb_hash);
	for (uint32_t share = 0; share < e->l->n && rc == MF_OK; share++) {
		tail.n = 0;
		if (mf_canceled(e->cancel))
			rc = mf_fail(err, MF_ECANCELED, 0, "encoding canceled");
		else
			rc = write_tail(e, share, (const mf_node *)share_tree, mf_bytes(text, n), &tail, err);
	}
	mf_buf_free(&tail);
	if (rc == MF_OK)
		mf_chk_print(e->id, ueb_hash, cap);
	return rc;
}

mf_code
mf_chk_encode(const mf_chk_params *params, const mf_source *src, const mf_chk_id *id, const mf_share_out *out,
	const mf_cancel *cancel, mf_filecap *cap, mf_err *err)
{
	struct encoder e = {.params = params, .src = src, .id = id, .l = &id->layout, .out = out, .cancel = cancel};

	if (src->size != e.l->size)
		return mf_fail(err, MF_ECHANGED, 0, "the source has %llu bytes and had %llu",
			(unsigned long long)src->size, (unsigned long long)e.l->size);
	e.nodes = mf_merkle_nodes(e.l->segments);
	if ((e.l->n + 1) * e.nodes > TREES_MAX / sizeof(mf_node))
		return mf_fail(err, MF_EUNSUPPORTED, 0, "%llu bytes in %u shares need hash trees beyond our bound",
			(unsigned long long)e.l->size, (unsigned)e.l->n);
	e.segment_tree = mf_realloc_array(NULL, e.nodes, sizeof(mf_node));
	e.block_tree = mf_realloc_array(NULL, e.nodes * e.l->n, sizeof(mf_node));
	prepare_secondary(&e);
	e.aes = mf_ctr_new();
	e.crypttext = mf_hasher_new();
	e.work = mf_chk_work_new(e.l, params->threads, e.nodes);

	mf_code rc = encode_segments(&e, err);
	mf_chk_work_finish(e.work); /* also after a failure: nobody may write into the trees any more */
	if (rc == MF_OK)
		rc = finish(&e, cap, err);

	mf_chk_work_free(e.work);
	mf_hasher_free(e.crypttext);
	mf_ctr_free(e.aes);
	free(e.secondary);
	free(e.coef);
	free(e.block_tree);
	free(e.segment_tree);
	return rc;
}
