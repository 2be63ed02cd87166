/* A set of shares: which of them to believe. */
#include "grid/lafs/chk_reader.h"

#include <stdlib.h>

static int
by_number(const void *a, const void *b)
{
	const struct mf_chk_share *x = a, *y = b;

	return (x->in->num > y->in->num) - (x->in->num < y->in->num);
}

void
mf_reader_condemn(struct mf_chk_reader *d, struct mf_chk_share *s, enum mf_share_state state, const mf_err *why)
{
	if (why->code != MF_EFORMAT)
		d->trouble = why->code;
	if (s->state == state || s->state == MF_SHARE_DEAD)
		return;
	s->state = state;
	if (state == MF_SHARE_DEAD) {
		free(s->all);
		s->all = NULL;
	}
	if (d->r->bad != NULL)
		d->r->bad(d->r->bad_arg, s->in->num, why);
}

mf_code
mf_reader_give_up(const struct mf_chk_reader *d, mf_err *err)
{
	if (d->shares == 0)
		return mf_fail(err, MF_ENOTFOUND, 0, "no share of the file");
	if (d->trouble != MF_OK)
		return mf_fail(err, d->trouble, 0, "too few of the file's %zu shares can be read", d->shares);
	return mf_fail(err, MF_EFORMAT, 0, "too few of the file's %zu shares are good (%u needed)", d->shares,
		(unsigned)d->cap->k);
}

static mf_code
prove_ueb(struct mf_chk_reader *d, mf_err *err)
{
	for (size_t i = 0; i < d->shares; i++) {
		struct mf_chk_share *s = &d->share[i];
		mf_err why = {0};
		mf_code rc = mf_share_open(s, &why);
		if (rc == MF_OK) {
			s->state = MF_SHARE_GOOD;
			rc = mf_share_ueb(s, d->cap, &d->ueb, &why);
		}
		if (rc == MF_OK) /* the creator's word: if it makes no sense, no other share helps */
			return mf_share_layout(d->cap, &d->ueb, &d->layout, err);
		if (rc == MF_ECANCELED)
			return mf_fail(err, rc, 0, "%s", why.text);
		mf_reader_condemn(d, s, MF_SHARE_DEAD, &why);
	}
	return mf_reader_give_up(d, err);
}

mf_code
mf_reader_init(struct mf_chk_reader *d, const mf_chk_read *r, mf_err *err)
{
	*d = (struct mf_chk_reader){.r = r, .cap = r->cap, .shares = r->shares, .tree_from = r->shares};
	if (r->cap->kind != MF_CAP_CHK && r->cap->kind != MF_CAP_DIR2_CHK)
		return mf_fail(err, MF_EINVAL, 0, "not the read capability of a stored immutable object");
	d->share = mf_alloc(r->shares * sizeof(*d->share));
	for (size_t i = 0; i < r->shares; i++)
		d->share[i].in = &r->share[i];
	qsort(d->share, d->shares, sizeof(*d->share), by_number);
	mf_code rc = prove_ueb(d, err);
	if (rc != MF_OK)
		mf_reader_deinit(d);
	return rc;
}

void
mf_reader_deinit(struct mf_chk_reader *d)
{
	for (size_t i = 0; i < d->shares; i++)
		free(d->share[i].all);
	free(d->share);
	free(d->tree);
	free(d->known);
	*d = (struct mf_chk_reader){0};
}

static bool
is_known(const struct mf_chk_reader *d, uint64_t node)
{
	return (d->known[node / 8] >> node % 8 & 1) != 0;
}

static void
set_known(struct mf_chk_reader *d, uint64_t node)
{
	d->known[node / 8] |= (uint8_t)(1u << node % 8);
}

/* Read the tree of share @p i; only its root is believed, because the UEB says it. */
static mf_code
load_tree(struct mf_chk_reader *d, size_t i, mf_err *err)
{
	uint64_t nodes = mf_merkle_nodes(d->layout.segments);
	struct mf_chk_share *s = &d->share[i];
	size_t bytes = (size_t)nodes * sizeof(mf_node); /* segments are bounded: at most 64 MiB */

	if (bytes > s->in->size)
		return mf_fail(err, MF_EFORMAT, 0, "share %u is too short for its trees", (unsigned)s->in->num);
	if (d->tree == NULL) {
		d->tree = mf_realloc_array(NULL, (size_t)nodes, sizeof(mf_node));
		d->known = mf_alloc((size_t)nodes / 8 + 1);
	}
	memset(d->known, 0, (size_t)nodes / 8 + 1);
	if (nodes > 1) {
		mf_code rc = mf_share_get(s, s->at.o_crypttext, d->tree, bytes, err);
		if (rc != MF_OK)
			return rc;
	}
	memcpy(d->tree[0], d->ueb.crypttext_root, sizeof(mf_node));
	set_known(d, 0);
	d->tree_from = i;
	return MF_OK;
}

/* Believe leaf @p node and what stands beside its path, if the path leads to something believed. */
static bool
prove_leaf(struct mf_chk_reader *d, uint64_t node)
{
	mf_node parent;

	for (uint64_t i = node; !is_known(d, i); i = (i - 1) / 2) {
		uint64_t left = i % 2 == 1 ? i : i - 1;
		mf_node_hash(d->tree[left], d->tree[left + 1], parent);
		if (memcmp(parent, d->tree[(i - 1) / 2], sizeof(parent)) != 0)
			return false;
	}
	for (uint64_t i = node; !is_known(d, i); i = (i - 1) / 2) {
		set_known(d, i);
		set_known(d, i % 2 == 1 ? i + 1 : i - 1);
	}
	return true;
}

/* The next share whose tree may be tried; opens it.  d->shares when there is none. */
static mf_code
next_tree(struct mf_chk_reader *d, mf_err *err)
{
	for (size_t i = 0; i < d->shares; i++) {
		struct mf_chk_share *s = &d->share[i];
		mf_err why = {0};
		mf_code rc = MF_OK;
		if (s->state == MF_SHARE_DEAD)
			continue;
		if (s->state == MF_SHARE_UNOPENED)
			rc = mf_share_open(s, &why);
		if (rc == MF_OK) {
			s->state = s->state == MF_SHARE_UNOPENED ? MF_SHARE_GOOD : s->state;
			rc = load_tree(d, i, &why);
		}
		if (rc == MF_OK)
			return MF_OK;
		if (rc == MF_ECANCELED)
			return mf_fail(err, rc, 0, "%s", why.text);
		mf_reader_condemn(d, s, MF_SHARE_DEAD, &why);
	}
	return mf_reader_give_up(d, err);
}

mf_code
mf_reader_segment_hash(struct mf_chk_reader *d, uint64_t seg, mf_node out, mf_err *err)
{
	uint64_t leaf = mf_merkle_width(d->layout.segments) - 1 + seg;

	for (;;) {
		if (d->tree_from == d->shares) {
			mf_code rc = next_tree(d, err);
			if (rc != MF_OK)
				return rc;
		}
		if (prove_leaf(d, leaf))
			break;
		mf_err why = {0};
		struct mf_chk_share *s = &d->share[d->tree_from];
		(void)mf_fail(
			&why, MF_EFORMAT, 0, "share %u: crypttext hash tree does not verify", (unsigned)s->in->num);
		mf_reader_condemn(d, s, MF_SHARE_DEAD, &why);
		d->tree_from = d->shares;
	}
	memcpy(out, d->tree[leaf], sizeof(mf_node));
	return MF_OK;
}
