/** @file
 * A set of untrusted shares of one file, on the way to being believed: opened one by one, the URI extension
 * block proven by the capability, the crypttext tree proven node by node.  Inner to the CHK code. */
#ifndef MF_GRID_LAFS_CHK_READER_H
#define MF_GRID_LAFS_CHK_READER_H

#include "grid/lafs/chk_inner.h"

enum mf_share_state {
	MF_SHARE_UNOPENED,
	MF_SHARE_GOOD,    /* header parsed, nothing found wrong yet */
	MF_SHARE_SUSPECT, /* had a bad block: used last, and checked block by block */
	MF_SHARE_DEAD,    /* unreadable, or its header, UEB or a tree is wrong: not used again */
};

struct mf_chk_share {
	const mf_share_in *in;
	enum mf_share_state state;
	struct mf_chk_found at;
	uint8_t *all; /* the whole share if it is small, else NULL */
};

/* Invariants: after mf_reader_init() ueb is proven and layout follows from it and the capability; node i of
 * `tree` is believed only if bit i of `known` is set. */
struct mf_chk_reader {
	const mf_chk_read *r;
	const mf_cap *cap;
	struct mf_chk_share *share; /* by number */
	size_t shares;
	mf_ueb ueb;
	mf_chk_layout layout;
	mf_node *tree;    /* crypttext tree as read from share tree_from */
	uint8_t *known;   /* bitmap */
	size_t tree_from; /* shares = none loaded */
	mf_code trouble;  /* why the last share died, if it was not its content: retrying may help */
};

/* Sort the shares and prove a UEB.  On failure everything is released. */
mf_code mf_reader_init(struct mf_chk_reader *d, const mf_chk_read *r, mf_err *err);
void mf_reader_deinit(struct mf_chk_reader *d);

/* Functions about one share return MF_OK, MF_ECANCELED (give up all), or why the share is no good;
 * the caller then calls mf_reader_condemn(). */
mf_code mf_share_open(struct mf_chk_share *s, mf_err *err);
/* Exactly @p n bytes, or an error. */
mf_code mf_share_get(const struct mf_chk_share *s, uint64_t off, void *p, size_t n, mf_err *err);
/* The same; *p is set to the bytes in memory where the share is held whole, else they are read into @p room. */
mf_code mf_share_look(
	const struct mf_chk_share *s, uint64_t off, uint8_t *room, size_t n, const uint8_t **p, mf_err *err);
/* Check this share's UEB against the capability and parse it. */
mf_code mf_share_ueb(const struct mf_chk_share *s, const mf_cap *cap, mf_ueb *out, mf_err *err);
/* The layout that a proven UEB and the capability agree on, or MF_EFORMAT. */
mf_code mf_share_layout(const mf_cap *cap, const mf_ueb *u, mf_chk_layout *out, mf_err *err);
/* Climb from a believed-in root of the block tree through the share hash chain to the UEB's root. */
mf_code mf_share_chain(
	const struct mf_chk_share *s, const mf_chk_layout *l, const mf_ueb *u, const mf_node block_root, mf_err *err);
/* *out = the proven hash that block @p seg must have in this share. */
mf_code mf_share_block_hash(
	const struct mf_chk_share *s, const mf_chk_layout *l, const mf_ueb *u, uint64_t seg, mf_node out, mf_err *err);

/* The share leaves, or (state MF_SHARE_SUSPECT) goes to the end of the line; tells r->bad once for each. */
void mf_reader_condemn(struct mf_chk_reader *d, struct mf_chk_share *s, enum mf_share_state state, const mf_err *why);
/* *out = the proven crypttext hash of segment @p seg, from whichever share has a good tree. */
mf_code mf_reader_segment_hash(struct mf_chk_reader *d, uint64_t seg, mf_node out, mf_err *err);
/* The error when no combination of shares is left. */
mf_code mf_reader_give_up(const struct mf_chk_reader *d, mf_err *err);

#endif
