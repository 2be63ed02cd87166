/** @file
 * Which bytes of something have come: sorted, disjoint, not touching intervals.  Pure. */
#ifndef MF_DAEMON_GBS_RANGES_H
#define MF_DAEMON_GBS_RANGES_H

#include "base/buf.h"

enum { MF_RANGES_MAX = 1000 }; /**< intervals at most */

/** Bytes [begin, end). */
typedef struct mf_range {
	uint64_t begin, end;
} mf_range;

/** Starts as {0}, ends with mf_ranges_free(). */
typedef struct mf_ranges {
	mf_range *r;
	size_t n;
} mf_ranges;
void mf_ranges_free(mf_ranges *s);

/** @return false, and nothing is added: there would be too many. */
bool mf_ranges_add(mf_ranges *s, mf_range add);
/** The first part of @p of, from @p from on, that has come (*come true) or has not; empty at the end. */
mf_range mf_ranges_next(const mf_ranges *s, mf_range of, uint64_t from, bool *come);
/** Bytes that have come. */
uint64_t mf_ranges_sum(const mf_ranges *s);

#endif
