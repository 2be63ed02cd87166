/** @file
 * Where snapshots lie in their histories, so that questions about a long past need no walk over it.
 *
 * Every snapshot is in one *chain*: that of its deepest parent (the first of several) if it is the first child to
 * follow there, else a new one, which is named by the id of its first snapshot.  Depth grows by one along a chain.
 * What leads from a chain into another is an *exit*.  So a history of ten thousand versions in a line is one chain, and
 * a question about ancestors costs as many steps as branches and merges lie between.  Private to this room. */
#ifndef MF_SYNC_STATE_CHAIN_H
#define MF_SYNC_STATE_CHAIN_H

#include "sync/state/impl.h"

struct mf_spot {
	int64_t id, chain;
	uint32_t depth;
	int flags; /* snapshots.flags */
};

/* snapshots.flags, beside those of state/index.c */
enum { MF_SNAP_CONTINUED = 8 /* a child follows in its chain */, MF_SNAP_PAST = 16 /* it has a child */ };

/** MF_ENOTFOUND, without a sentence: it is not in the index. */
mf_code mf_state_spot(struct mf_state *s, const char *cap, struct mf_spot *out, mf_err *err);
/** Which of @p parent a new child follows in its chain; @p n: none. */
size_t mf_state_chain_follow(const struct mf_spot *parent, size_t n);
/** The snapshot at @p child was inserted, following @p follows of @p parent: note its exits and its parents' past. */
mf_code mf_state_chain_note(struct mf_state *s, const struct mf_spot *child, const struct mf_spot *parent, size_t n,
	size_t follows, mf_err *err);
/** The hash of snapshot @p id has become known. */
mf_code mf_state_chain_sha(struct mf_state *s, int64_t id, mf_err *err);

#endif
