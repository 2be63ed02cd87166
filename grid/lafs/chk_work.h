/** @file
 * The hashes of a segment that may be computed beside the encoder: segment hash and primary block hashes.
 *
 * A few slots of one segment each go round: the encoder fills one and pushes it; whoever is free takes the
 * hashes one by one, the helper thread or, while it waits for a slot, the encoder itself.  Without a helper
 * everything is done in mf_chk_work_push().  (floor.md 5: more than two threads gain nothing.) */
#ifndef MF_GRID_LAFS_CHK_WORK_H
#define MF_GRID_LAFS_CHK_WORK_H

#include "grid/lafs/chk.h"
#include "grid/lafs/merkle.h"

struct mf_chk_work;

/* One segment under way. The encoder fills what stands above the line before pushing. */
struct mf_chk_slot {
	uint8_t *p;            /* segment_size (padded) bytes of room */
	uint32_t segment_size; /* bytes, not padded */
	uint32_t block_size;
	mf_node *segment_hash; /* where the results go */
	mf_node *block_hash;   /* of share 0; share i's lies i * nodes further */
	/* ---- */
	unsigned next;  /* next hash nobody has begun: 0 = segment, 1 + i = block i */
	unsigned users; /* hashes begun and not ended, and 1 for the encoder */
	bool pushed;
};

/* @p nodes: distance of two shares' trees. */
struct mf_chk_work *mf_chk_work_new(const mf_chk_layout *l, unsigned threads, uint64_t nodes);
/* A slot that nobody uses; the encoder's until mf_chk_work_done_with(). */
struct mf_chk_slot *mf_chk_work_slot(struct mf_chk_work *w);
void mf_chk_work_push(struct mf_chk_work *w, struct mf_chk_slot *s);
void mf_chk_work_done_with(struct mf_chk_work *w, struct mf_chk_slot *s);
/* All hashes of all pushed slots are done when this returns, and the helper has ended. */
void mf_chk_work_finish(struct mf_chk_work *w);
void mf_chk_work_free(struct mf_chk_work *w);

#endif
