/** @file
 * Entries of participants' directories that are held back, because nobody known has signed what they show.  A hostile
 * directory may have them by the hundred thousand: so many are kept, and each is found at once.  Pure; [loop] only. */
#ifndef MF_SYNC_TRUST_UNPROVEN_H
#define MF_SYNC_TRUST_UNPROVEN_H

#include <sys/queue.h>

#include "sync/state/state.h"

enum { MF_UNPROVEN_MAX = 4096 };

/** One such entry; owned by its table. */
struct mf_unproven {
	TAILQ_ENTRY(mf_unproven) all;
	LIST_ENTRY(mf_unproven) chain;
	char *participant, *entry, *cap, *author;
	uint8_t key[32]; /* that signed it */
};

/** Zero-initialised: empty. */
struct mf_unproven_set {
	TAILQ_HEAD(mf_unproven_age, mf_unproven) all; /* oldest first */
	LIST_HEAD(mf_unproven_slot, mf_unproven) * slot;
	size_t n;
	bool lost; /* there were more than are kept */
};

/** Hold an entry back, in place of what the same entry showed before.
 *  @param hash_key  the folder's, against names made to collide.
 *  @param row       what the entry shows: copied as far as it is needed. */
void mf_unproven_hold(struct mf_unproven_set *s, const uint8_t hash_key[16], const char *participant, mf_str entry,
	const mf_snap_row *row);
/** It is not held back any more: @p h is freed. */
void mf_unproven_drop(struct mf_unproven_set *s, struct mf_unproven *h);
void mf_unproven_free(struct mf_unproven_set *s); /* empties it; `lost` stays */

#endif
