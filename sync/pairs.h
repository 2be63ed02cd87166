/** @file
 * A table from a text to one or several others, for names that come from outside by the thousand: markers and their
 * owners, entry names and the paths behind them.  [loop] */
#ifndef MF_SYNC_PAIRS_H
#define MF_SYNC_PAIRS_H

#include "base/buf.h"

typedef struct mf_pair {
	struct mf_pair *chain; /* hash table */
	uint64_t hash;
	char *key, *value; /* owned */
} mf_pair;

/** All zero is an empty table; @p key of the functions is the folder's, against names made to collide. */
typedef struct mf_pairs {
	mf_pair **slot; /* a power of two of them, at most as many pairs */
	size_t n, cap;
} mf_pairs;

/** Add a copy of both; a pair that is there already stays the only one. */
void mf_pairs_add(mf_pairs *m, const uint8_t key[16], mf_str name, mf_str value);
/** A pair with this name, or NULL; lent until the table changes. */
const mf_pair *mf_pairs_first(const mf_pairs *m, const uint8_t key[16], mf_str name);
/** One more with the name of @p p, or NULL. */
const mf_pair *mf_pairs_next(const mf_pair *p);
/** Forget every pair with this name. */
void mf_pairs_drop(mf_pairs *m, const uint8_t key[16], mf_str name);
void mf_pairs_free(mf_pairs *m); /* empties it */

#endif
