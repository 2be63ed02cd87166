/* Small objects in one buffer, and literals: most of what a folder of small files stores. */
#include "grid/lafs/chk_inner.h"

#include <sodium.h>

#include "base/base32.h"

bool
mf_chk_is_small(const mf_chk_params *params, uint64_t size)
{
	return params->k == 1 && params->n == 1 && size > MF_LIT_MAX && size <= params->segment_size;
}

static void
derive_key(const mf_chk_params *params, const void *p, size_t n, mf_chk_id *id)
{
	char tag[256];
	size_t tag_n = mf_chk_tag(params, id->layout.segment_size, tag);
	uint8_t hash[MF_HASH_SIZE];

	mf_tag_hash_free(mf_bytes(tag, tag_n), p, n, hash);
	memcpy(id->key, hash, sizeof(id->key));
	mf_tag_hash16(MF_TAG_CHK_SI, id->key, sizeof(id->key), id->si);
	sodium_memzero(tag, sizeof(tag));
	sodium_memzero(hash, sizeof(hash));
}

void
mf_chk_small(const mf_chk_params *params, const void *p, size_t n, mf_buf *share, mf_chk_id *id, mf_filecap *cap)
{
	static const mf_node no_plaintext_tree;
	mf_ueb ueb = {0};
	mf_node block, ueb_hash;
	uint8_t text[MF_UEB_MAX];

	if (!mf_chk_is_small(params, n) || mf_chk_layout_of(n, 1, 1, params->segment_size, &id->layout, NULL) != MF_OK)
		MF_BUG("object of %zu bytes is not small", n);
	derive_key(params, p, n, id);
	mf_buf_reserve(share, (size_t)id->layout.share_size);
	share->n += mf_chk_header(&id->layout, share->p + share->n);
	uint8_t *data = share->p + share->n;
	mf_ctr(id->key, 0, p, data, n);
	share->n += n;

	/* One segment, one share: every tree is its only leaf. */
	mf_tag_hash(MF_TAG_CRYPTTEXT, data, n, ueb.crypttext_hash);
	mf_tag_hash(MF_TAG_SEGMENT, data, n, ueb.crypttext_root);
	mf_tag_hash(MF_TAG_BLOCK, data, n, block);
	memcpy(ueb.share_root, block, sizeof(block));
	size_t ueb_n = mf_ueb_build(&id->layout, &ueb, text);
	mf_tag_hash(MF_TAG_UEB, text, ueb_n, ueb_hash);

	mf_buf_add(share, no_plaintext_tree, sizeof(mf_node));
	mf_buf_add(share, ueb.crypttext_root, sizeof(mf_node));
	mf_buf_add(share, block, sizeof(mf_node));
	mf_buf_add_u16(share, 0); /* the chain: the root is the leaf */
	mf_buf_add(share, block, sizeof(mf_node));
	mf_buf_add_u32(share, (uint32_t)ueb_n);
	mf_buf_add(share, text, ueb_n);
	mf_chk_print(id, ueb_hash, cap);
}

void
mf_lit_put(const void *p, size_t n, mf_filecap *cap)
{
	static const char head[] = "URI:LIT:";

	if (n > MF_LIT_MAX)
		MF_BUG("literal of %zu bytes", n);
	memset(cap->text, 0, sizeof(cap->text));
	memcpy(cap->text, head, sizeof(head) - 1);
	mf_b32(cap->text + sizeof(head) - 1, p, n);
}

void
mf_lit_get(const mf_cap *cap, mf_buf *out)
{
	size_t n = 0;

	if (cap->kind != MF_CAP_LIT && cap->kind != MF_CAP_DIR2_LIT)
		MF_BUG("capability kind %d is no literal", (int)cap->kind);
	mf_buf_reserve(out, cap->lit.n * 5 / 8 + 8);
	if (!mf_unb32(out->p + out->n, &n, cap->lit))
		MF_BUG("a parsed literal does not decode");
	out->n += n;
	out->p[out->n] = 0;
}
