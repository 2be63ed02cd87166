/* Whether a share, or a file at hand, is what a capability names. */
#include <stdlib.h>

#include <sodium.h>

#include "grid/lafs/chk_reader.h"

/* A whole tree at @p off of the share; *out is freed by the caller, also after a failure. */
static mf_code
whole_tree(const struct mf_chk_share *s, const mf_chk_layout *l, uint64_t off, const char *what, mf_node **out,
	mf_err *err)
{
	uint64_t nodes = mf_merkle_nodes(l->segments);
	size_t bytes = (size_t)nodes * sizeof(mf_node);

	*out = NULL;
	if (off > s->in->size || bytes > s->in->size - off)
		return mf_fail(err, MF_EFORMAT, 0, "share %u is too short for its trees", (unsigned)s->in->num);
	*out = mf_realloc_array(NULL, (size_t)nodes, sizeof(mf_node));
	mf_code rc = mf_share_get(s, off, *out, bytes, err);
	if (rc == MF_OK && !mf_merkle_whole((const mf_node *)*out, l->segments))
		rc = mf_fail(err, MF_EFORMAT, 0, "share %u: %s hash tree does not verify", (unsigned)s->in->num, what);
	return rc;
}

static mf_code
verify_crypttext_tree(const struct mf_chk_share *s, const mf_chk_layout *l, const mf_ueb *u, mf_err *err)
{
	mf_node *tree;
	mf_code rc = whole_tree(s, l, s->at.o_crypttext, "crypttext", &tree, err);

	if (rc == MF_OK && memcmp(tree[0], u->crypttext_root, sizeof(mf_node)) != 0)
		rc = mf_fail(err, MF_EFORMAT, 0, "share %u: crypttext hash tree does not verify", (unsigned)s->in->num);
	free(tree);
	return rc;
}

static mf_code
verify_blocks(
	const struct mf_chk_share *s, const mf_chk_layout *l, const mf_node *tree, const mf_cancel *cancel, mf_err *err)
{
	uint8_t *room = mf_realloc_array(NULL, l->segments > 1 ? l->block_size : l->tail_block, 1);
	uint64_t leaf = mf_merkle_width(l->segments) - 1;
	mf_code rc = MF_OK;

	for (uint64_t seg = 0; seg < l->segments && rc == MF_OK; seg++) {
		uint32_t n = mf_chk_block(l, seg);
		uint64_t off = seg * l->block_size;
		const uint8_t *p;
		mf_node hash;
		if (mf_canceled(cancel))
			rc = mf_fail(err, MF_ECANCELED, 0, "verification canceled");
		else if (__builtin_add_overflow(off, s->at.o_data, &off))
			rc = mf_fail(err, MF_EFORMAT, 0, "share %u is cut short", (unsigned)s->in->num);
		else
			rc = mf_share_look(s, off, room, n, &p, err);
		if (rc != MF_OK)
			break;
		mf_tag_hash(MF_TAG_BLOCK, p, n, hash);
		if (memcmp(hash, tree[leaf + seg], sizeof(hash)) != 0)
			rc = mf_fail(err, MF_EFORMAT, 0, "share %u: block %llu is damaged", (unsigned)s->in->num,
				(unsigned long long)seg);
	}
	free(room);
	return rc;
}

static mf_code
verify_opened(const struct mf_chk_share *s, const mf_cap *cap, const mf_cancel *cancel, mf_err *err)
{
	mf_chk_layout l;
	mf_node *tree = NULL;
	mf_ueb ueb;
	mf_code rc = mf_share_ueb(s, cap, &ueb, err);

	if (rc == MF_OK)
		rc = mf_share_layout(cap, &ueb, &l, err);
	if (rc != MF_OK)
		return rc;
	rc = verify_crypttext_tree(s, &l, &ueb, err);
	if (rc == MF_OK)
		rc = whole_tree(s, &l, s->at.o_blocks, "block", &tree, err);
	if (rc == MF_OK)
		rc = mf_share_chain(s, &l, &ueb, tree[0], err);
	if (rc == MF_OK)
		rc = verify_blocks(s, &l, (const mf_node *)tree, cancel, err);
	free(tree);
	return rc;
}

mf_code
mf_chk_verify_share(const mf_cap *cap, const mf_share_in *share, const mf_cancel *cancel, mf_err *err)
{
	struct mf_chk_share s = {.in = share};
	bool verifier = cap->kind == MF_CAP_CHK_VERIFIER || cap->kind == MF_CAP_DIR2_CHK_VERIFIER;

	if (!verifier && cap->kind != MF_CAP_CHK && cap->kind != MF_CAP_DIR2_CHK)
		return mf_fail(err, MF_EINVAL, 0, "not the capability of a stored immutable object");
	mf_code rc = mf_share_open(&s, err);
	if (rc == MF_OK)
		rc = verify_opened(&s, cap, cancel, err);
	free(s.all);
	return rc;
}

static mf_code
compare(struct mf_chk_reader *d, const mf_source *src, bool *same, mf_err *err)
{
	const mf_chk_layout *l = &d->layout;
	size_t size = l->segments > 1 ? l->segment_size : l->tail;
	uint8_t *room = mf_realloc_array(NULL, size, 1);
	mf_code rc = MF_OK;

	*same = true;
	for (uint64_t seg = 0; seg < l->segments && *same && rc == MF_OK; seg++) {
		uint64_t off = seg * l->segment_size;
		uint32_t n = mf_chk_segment(l, seg);
		const uint8_t *plain = src->mem == NULL ? room : (const uint8_t *)src->mem + off;
		mf_node want, is;
		if (mf_canceled(d->r->cancel))
			rc = mf_fail(err, MF_ECANCELED, 0, "comparison canceled");
		if (rc == MF_OK)
			rc = mf_reader_segment_hash(d, seg, want, err);
		if (rc == MF_OK && src->mem == NULL)
			rc = src->read(src->arg, off, room, n, err);
		if (rc != MF_OK)
			break;
		mf_ctr(d->cap->key, off, plain, room, n);
		mf_tag_hash(MF_TAG_SEGMENT, room, n, is);
		*same = memcmp(want, is, sizeof(is)) == 0;
	}
	sodium_memzero(room, size);
	free(room);
	return rc;
}

mf_code
mf_chk_same(const mf_chk_read *r, const mf_source *src, bool *same, mf_err *err)
{
	struct mf_chk_reader d;

	*same = false;
	if (src->size != r->cap->size)
		return MF_OK;
	mf_code rc = mf_reader_init(&d, r, err);
	if (rc != MF_OK)
		return rc;
	rc = compare(&d, src, same, err);
	if (rc != MF_OK)
		*same = false;
	mf_reader_deinit(&d);
	return rc;
}
