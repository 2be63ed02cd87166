/** @file
 * Which server gets which share: permutation, servers of happiness, and the plan of an upload (lafs.md 8.3, 8.4;
 * Tahoe's servers-of-happiness.rst).
 *
 * Pure: servers are indexes into the caller's array, in permuted order where that matters.  [any] thread. */
#ifndef MF_GRID_STORE_PLACEMENT_H
#define MF_GRID_STORE_PLACEMENT_H

#include "base/buf.h"
#include "grid/lafs/hash.h"
#include "grid/store/share_set.h"

enum {
	MF_SERVERS_MAX = 512,
	MF_SEED_MAX = 64,  /**< bytes of a permutation seed */
	MF_NO_SERVER = -1, /**< a share without a home */
};

/** What a server is permuted by. */
typedef struct mf_seed {
	uint8_t p[MF_SEED_MAX];
	size_t n; /* bytes */
} mf_seed;

/** @param base32  the seed that the server announces; empty or not base32 of at most MF_SEED_MAX bytes: it follows from
 *                 @p id, the server's id ("v0-" and its key, or any text). */
void mf_seed_of(mf_str base32, mf_str id, mf_seed *out);

/** The order in which @p n servers are asked for @p si: order[0] is the index of the first. */
void mf_permute(const uint8_t si[MF_KEY_SIZE], const mf_seed *seed, size_t n, size_t *order);

/** How many servers can each be given a share of their own of those that they hold: the size of a maximum matching.
 *  @param held  the shares that each of @p n servers has. */
unsigned mf_happiness(const mf_share_set *held, size_t n);

/** A server that a share may go to. */
typedef struct mf_candidate {
	mf_share_set held; /* what it has already */
	bool writable;     /* takes new shares of that size */
} mf_candidate;

/** Plan homes for shares 0..shares-1 so that as many servers as possible have one of their own; shares that are on some
 *  server already stay there where that does no harm, the rest is spread evenly.
 *  @param server  @p n of them, in permuted order.
 *  @param home    home[i] is the index of the server for share i; MF_NO_SERVER when none is writable. */
void mf_plan_homes(const mf_candidate *server, size_t n, uint32_t shares, int home[MF_SHARE_SET]);

#endif
