/** @file
 * What a capability is, and how its object is doing: for `grid info` and `grid check`. */
#ifndef MF_GRID_CHECK_H
#define MF_GRID_CHECK_H

#include "grid/grid.h"

/** The shares of one object, as Tahoe's deep verify would report them. */
typedef struct mf_check {
	bool literal;              /* the data is in the capability: nothing to look at, always healthy */
	uint32_t needed, expected; /* k and n; of a mutable object those of its best version, 0 if there is none */
	uint32_t good;             /* distinct share numbers that verify completely */
	uint32_t bad;              /* share files that do not verify */
	bool healthy;              /* good == expected, and nothing bad */
	bool recoverable;          /* good >= needed */
	uint64_t seqnum;           /* best version of a mutable object */
	uint32_t stale;            /* mutable: good shares of other versions */
	struct {
		uint32_t num;
		mf_code state; /* MF_OK: good; MF_ECHANGED: of another version; else why not */
		char why[96];  /* one sentence if state is an error */
	} share[256];
	size_t shares;
} mf_check;

/** Look at every share of the object that @p cap (any kind but MDMF, verifiers too) names, and verify it completely.
 *  An object without shares is MF_OK, with none good.  MF_EINVAL for unknown capabilities, MF_EUNSUPPORTED for MDMF and back
 *  ends that cannot do it. */
mf_code mf_grid_check(struct mf_grid *g, mf_str cap, mf_check *out, const mf_cancel *cancel, mf_err *err);

/** What can be said of a capability without any storage. */
typedef struct mf_cap_info {
	enum mf_cap_kind kind;
	const char *name; /* "CHK", "DIR2-RO", ... or "unknown" */
	bool dir, is_mutable, writable;
	char si[27];               /* storage index in base32, or "" (LIT, unknown) */
	uint32_t k, n;             /* CHK kinds, else 0 */
	uint64_t size;             /* CHK and LIT kinds: bytes, else 0 */
	char readonly[MF_CAP_MAX]; /* the read-only form, or "" (unknown); of LIT too long to be printed: "" */
	char verifier[MF_CAP_MAX]; /* or "" */
} mf_cap_info;

/** @return MF_EFORMAT as mf_cap_parse(). */
mf_code mf_cap_describe(mf_str cap, mf_cap_info *out, mf_err *err);

#endif
