/** @file
 * The new content of a mutable container, for the files of grid/store/ itself. */
#ifndef MF_GRID_STORE_IMAGE_H
#define MF_GRID_STORE_IMAGE_H

#include "grid/store/lease.h"
#include "grid/store/mutable.h"

/** Invariants: data holds the whole container's data area, unless `whole` is used instead; length is at most that. */
typedef struct mf_image {
	uint8_t head[MF_MUT_HEADER];
	mf_buf data;
	mf_str whole; /* the caller's bytes, when they are all there is */
	uint64_t length;
	mf_buf extra; /* count and records behind the data */
} mf_image;

/** Apply the writes of @p w to @p old (NULL: a new share), carry all leases over, add or renew ours.  Reads the old data only
 *  if some of it stays.  @p m is zeroed by the caller, and freed by him if this succeeds. */
mf_code mf_image_make(const struct mf_store *s, const uint8_t enabler[32], const mf_mut_file *old,
	const mf_rtw_share *w, const mf_lease *l, mf_image *m, mf_err *err);
void mf_image_free(mf_image *m);

#endif
