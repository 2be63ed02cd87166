/* One untrusted share: reading its parts and checking them. */
#include "grid/lafs/chk_reader.h"

#include <stdlib.h>

enum {
	WHOLE_MAX = 64 << 10, /* shares up to this many bytes are read at once */
};

mf_code
mf_share_get(const struct mf_chk_share *s, uint64_t off, void *p, size_t n, mf_err *err)
{
	size_t got = 0;

	if (off > s->in->size || n > s->in->size - off)
		return mf_fail(err, MF_EFORMAT, 0, "share %u is cut short", (unsigned)s->in->num);
	if (s->all != NULL) {
		memcpy(p, s->all + off, n);
		return MF_OK;
	}
	mf_code rc = s->in->read(s->in->arg, off, p, n, &got, err);
	if (rc == MF_OK && got != n)
		rc = mf_fail(err, MF_EFORMAT, 0, "share %u is cut short", (unsigned)s->in->num);
	return rc;
}

mf_code
mf_share_look(const struct mf_chk_share *s, uint64_t off, uint8_t *room, size_t n, const uint8_t **p, mf_err *err)
{
	if (s->all != NULL && off <= s->in->size && n <= s->in->size - off) {
		*p = s->all + off;
		return MF_OK;
	}
	*p = room;
	return mf_share_get(s, off, room, n, err);
}

mf_code
mf_share_open(struct mf_chk_share *s, mf_err *err)
{
	uint8_t head[MF_CHK_HEADER_2];
	uint64_t size = s->in->size;
	size_t n = size < sizeof(head) ? (size_t)size : sizeof(head);
	mf_code rc;

	if (size == 0)
		return mf_fail(err, MF_EFORMAT, 0, "share %u is empty", (unsigned)s->in->num);
	if (size <= WHOLE_MAX) {
		uint8_t *all = mf_realloc_array(NULL, (size_t)size, 1);
		rc = mf_share_get(s, 0, all, (size_t)size, err);
		if (rc != MF_OK) {
			free(all);
			return rc;
		}
		s->all = all;
	}
	rc = mf_share_get(s, 0, head, n, err);
	if (rc == MF_OK)
		rc = mf_chk_header_parse(head, n, size, &s->at, err);
	return rc;
}

mf_code
mf_share_ueb(const struct mf_chk_share *s, const mf_cap *cap, mf_ueb *out, mf_err *err)
{
	uint8_t head[8], text[MF_UEB_MAX];
	size_t head_n = s->at.version == 1 ? 4 : 8;
	mf_node hash;
	mf_code rc = mf_share_get(s, s->at.o_ueb, head, head_n, err);

	if (rc != MF_OK)
		return rc;
	mf_cur c = mf_cur_of(head, head_n);
	uint64_t n = head_n == 4 ? mf_cur_u32(&c) : mf_cur_u64(&c);
	if (n >= MF_UEB_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "share %u: URI extension block too long", (unsigned)s->in->num);
	rc = mf_share_get(s, s->at.o_ueb + head_n, text, (size_t)n, err);
	if (rc != MF_OK)
		return rc;
	mf_tag_hash(MF_TAG_UEB, text, (size_t)n, hash);
	if (memcmp(hash, cap->hash, sizeof(hash)) != 0)
		return mf_fail(err, MF_EFORMAT, 0, "share %u: URI extension block does not belong to the capability",
			(unsigned)s->in->num);
	return mf_ueb_parse(mf_bytes(text, (size_t)n), out, err);
}

mf_code
mf_share_layout(const mf_cap *cap, const mf_ueb *u, mf_chk_layout *out, mf_err *err)
{
	uint64_t rounded = (cap->size + cap->k - 1) / cap->k * cap->k;
	mf_err why = {0};

	if (u->segment_size > rounded)
		return mf_fail(err, MF_EFORMAT, 0, "the file's segments are larger than the file");
	if (mf_chk_layout_with(cap->size, cap->k, cap->n, u->segment_size, out, &why) != MF_OK)
		return mf_fail(err, MF_EFORMAT, 0, "%s", why.text);
	return MF_OK;
}

mf_code
mf_share_chain(
	const struct mf_chk_share *s, const mf_chk_layout *l, const mf_ueb *u, const mf_node block_root, mf_err *err)
{
	enum { ENTRIES_MAX = 2 * 256 - 1 }; /* nodes of the largest share hash tree */
	uint64_t entries = (s->at.o_ueb - s->at.o_chain) / MF_CHAIN_ENTRY;
	uint8_t raw[MF_CHAIN_ENTRY];
	mf_code rc = MF_OK;
	mf_node root;

	if (entries > ENTRIES_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "share %u: share hash chain too long", (unsigned)s->in->num);
	mf_chain_node *chain = mf_realloc_array(NULL, (size_t)entries, sizeof(*chain));
	for (uint64_t i = 0; i < entries && rc == MF_OK; i++) {
		rc = mf_share_get(s, s->at.o_chain + i * MF_CHAIN_ENTRY, raw, sizeof(raw), err);
		if (rc != MF_OK)
			break;
		chain[i].index = (uint32_t)raw[0] << 8 | raw[1];
		memcpy(chain[i].hash, raw + 2, sizeof(mf_node));
	}
	if (rc == MF_OK &&
		(s->in->num >= l->n || !mf_merkle_climb(l->n, s->in->num, block_root, chain, (size_t)entries, root) ||
			memcmp(root, u->share_root, sizeof(root)) != 0))
		rc = mf_fail(err, MF_EFORMAT, 0, "share %u: share hash chain does not verify", (unsigned)s->in->num);
	free(chain);
	return rc;
}

/* Node @p index of the block tree. */
static mf_code
block_node(const struct mf_chk_share *s, uint64_t index, mf_node out, mf_err *err)
{
	if (index >= (s->at.o_chain - s->at.o_blocks) / MF_HASH_SIZE)
		return mf_fail(err, MF_EFORMAT, 0, "share %u: block hash tree cut short", (unsigned)s->in->num);
	return mf_share_get(s, s->at.o_blocks + index * MF_HASH_SIZE, out, MF_HASH_SIZE, err);
}

mf_code
mf_share_block_hash(
	const struct mf_chk_share *s, const mf_chk_layout *l, const mf_ueb *u, uint64_t seg, mf_node out, mf_err *err)
{
	mf_chain_node chain[MF_MERKLE_DEPTH_MAX + 1];
	uint32_t index[MF_MERKLE_DEPTH_MAX + 1];
	unsigned n = mf_merkle_chain(l->segments, seg, MF_CHAIN_WITHOUT_LEAF, index);
	mf_code rc = block_node(s, mf_merkle_width(l->segments) - 1 + seg, out, err);
	mf_node root;

	for (unsigned i = 0; i < n && rc == MF_OK; i++) {
		chain[i].index = index[i];
		rc = block_node(s, index[i], chain[i].hash, err);
	}
	if (rc != MF_OK)
		return rc;
	if (!mf_merkle_climb(l->segments, seg, out, chain, n, root))
		return mf_fail(err, MF_EFORMAT, 0, "share %u: block hash tree does not verify", (unsigned)s->in->num);
	return mf_share_chain(s, l, u, root, err);
}
