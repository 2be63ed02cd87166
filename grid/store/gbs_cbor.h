/** @file
 * The bodies of Tahoe's storage protocol over HTTP ("GBS"), in both directions (lafs.md 7.5; Tahoe's
 * http-storage-node-protocol.rst).
 *
 * The client packs requests and parses answers, the server the other way round.  Parsing is strict about kinds, bounds
 * every count before it allocates, passes over map entries that it does not know, and refuses bytes behind the end.
 * What is parsed borrows from the body unless it says otherwise.  Packing appends.  Pure; [any] thread.
 *
 * Every parser fails with MF_EFORMAT and a sentence that says which body it was. */
#ifndef MF_GRID_STORE_GBS_CBOR_H
#define MF_GRID_STORE_GBS_CBOR_H

#include "base/buf.h"
#include "grid/store/mutable.h"
#include "grid/store/share_set.h"

enum {
	MF_GBS_TESTS_MAX = 30,     /**< tests of one share in one read-test-write, and read vectors of it */
	MF_GBS_WRITES_MAX = 1024,  /**< writes to one share in one read-test-write; Tahoe's own makes 10 at most */
	MF_GBS_RANGES_MAX = 4096,  /**< gaps that an upload may have */
	MF_GBS_REASON_MAX = 32765, /**< characters that say why a share is corrupt */
	MF_GBS_APPLICATION_MAX = 64,
};

/** GET /storage/v1/version.  Bytes. */
typedef struct mf_gbs_version {
	uint64_t max_immutable, max_mutable, available;
	char application[MF_GBS_APPLICATION_MAX]; /* who answers, NUL-terminated, cut to fit; printable ASCII only */
} mf_gbs_version;
void mf_gbs_pack_version(mf_buf *out, const mf_gbs_version *v);
mf_code mf_gbs_parse_version(mf_str body, mf_gbs_version *out, mf_err *err);

/** GET /storage/v1/{immutable,mutable}/SI/shares: CBOR's tag for sets is optional. */
void mf_gbs_pack_shares(mf_buf *out, const mf_share_set *s);
mf_code mf_gbs_parse_shares(mf_str body, mf_share_set *out, mf_err *err);

/** POST /storage/v1/immutable/SI. */
typedef struct mf_gbs_allocate {
	mf_share_set shares;
	uint64_t size; /* bytes of each */
} mf_gbs_allocate;
void mf_gbs_pack_allocate(mf_buf *out, const mf_gbs_allocate *a);
mf_code mf_gbs_parse_allocate(mf_str body, mf_gbs_allocate *out, mf_err *err);

/** The answer: shares being uploaded at this time are in neither set, whoever asks. */
typedef struct mf_gbs_allocated {
	mf_share_set have; /* all that the server has of the SI, asked for or not */
	mf_share_set allocated;
} mf_gbs_allocated;
void mf_gbs_pack_allocated(mf_buf *out, const mf_gbs_allocated *a);
mf_code mf_gbs_parse_allocated(mf_str body, mf_gbs_allocated *out, mf_err *err);

/** PATCH /storage/v1/immutable/SI/n is answered by what is still missing: bytes [begin, end). */
typedef struct mf_gbs_range {
	uint64_t begin, end;
} mf_gbs_range;
void mf_gbs_pack_required(mf_buf *out, const mf_gbs_range *range, size_t n);
/** *range is the caller's, freed with free(); NULL for none, and after a failure. */
mf_code mf_gbs_parse_required(mf_str body, mf_gbs_range **range, size_t *n, mf_err *err);

/** POST /storage/v1/{immutable,mutable}/SI/n/corrupt. */
void mf_gbs_pack_corrupt(mf_buf *out, mf_str reason); /**< cut at MF_GBS_REASON_MAX bytes */
mf_code mf_gbs_parse_corrupt(mf_str body, mf_str *reason, mf_err *err);

/* POST /storage/v1/mutable/SI/read-test-write.  Storage index and write enabler travel elsewhere: si and enabler of
 * mf_rtw are neither packed nor parsed. */
void mf_gbs_pack_rtw(mf_buf *out, const mf_rtw *q);
/** Offsets, lengths and their sums fit in int64_t; no share comes twice.  Contents are freed by mf_gbs_rtw_free(),
 *  also after a failure. */
mf_code mf_gbs_parse_rtw(mf_str body, mf_rtw *out, mf_err *err);
void mf_gbs_rtw_free(mf_rtw *q); /**< only what was parsed; frees contents, not *q */

void mf_gbs_pack_rtw_result(mf_buf *out, const mf_rtw_result *r);
/** @param reads how many read vectors were asked for: each share has as many, or the answer is refused.
 *  Contents are freed by mf_rtw_result_free(), also after a failure. */
mf_code mf_gbs_parse_rtw_result(mf_str body, size_t reads, mf_rtw_result *out, mf_err *err);

#endif
