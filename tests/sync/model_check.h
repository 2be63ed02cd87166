/** @file
 * Random runs in the model world, and what must hold when everybody has come to rest. */
#ifndef MF_TESTS_MODEL_CHECK_H
#define MF_TESTS_MODEL_CHECK_H

#include "tests/sync/model_world.h"

enum {
	/* What may happen in a run; the strictest promises are checked only where nothing weakens them. */
	MW_MAY_COPY = 1,    /* the same bytes typed in twice, outside the sync */
	MW_MAY_MARKERS = 2, /* markers deleted, moved over p, edited */
	MW_MAY_CRASH = 4,
	MW_MAY_POWER_CUT = 8,
	MW_MAY_RESTORE = 16,
	MW_MAY_STALE = 32,
	MW_MAY_LEAVE = 64,
	MW_MAY_TOUCH = 128,
};

enum { MW_VALUES = 512 };

struct mw_run {
	uint64_t seed, state;
	unsigned may;
	struct mw *w;
	mw_value values;                   /* handed out so far: 1 .. values */
	unsigned char replaced[MW_VALUES]; /* by whom (bits): overwrote or deleted it on a disk that showed it */
	unsigned char actors;              /* bits: whose users did something */
	unsigned made[MW_PEERS];           /* snapshots made before the last settling */
};

/** Run the case of @p seed; what breaks is in run->w->broken.  @param log  NULL, or where to tell the story.
 *  run->w is freed by the caller. */
void mw_random_run(struct mw_run *run, uint64_t seed, mf_buf *log);

/** After settling: break run->w unless all that is promised holds. */
void mw_check_rest(struct mw_run *run);

uint64_t mw_random(struct mw_run *run);

#endif
