/** @file
 * Immutable files: CHK encoding, decoding and verification, and LIT (lafs.md 3).
 *
 * Blocking; [any] thread; no function here touches files or the network but through the callbacks given.
 * Memory: at most four buffers of a segment (1 MiB by default) plus 64 bytes for each segment and tree,
 * whatever the size of the file. */
#ifndef MF_GRID_LAFS_CHK_H
#define MF_GRID_LAFS_CHK_H

#include "base/buf.h"
#include "base/env.h"
#include "grid/caps.h"
#include "grid/grid.h"
#include "grid/lafs/hash.h"
#include "grid/lafs/share_io.h"

enum {
	MF_LIT_MAX = 55,                  /**< bytes; up to here data travels inside the capability */
	MF_CHK_SEGMENT_DEFAULT = 1 << 20, /**< bytes */
	MF_CHK_SEGMENT_MAX = 16 << 20,    /**< bytes; larger segments are refused, read or written */
	MF_CHK_SEGMENTS_MAX = 1 << 20,    /**< per file: bounds the hash trees in memory */
	MF_UEB_MAX = 2000,                /**< bytes (lafs.md 3.5); real ones have about 420 */
	MF_CONVERGENCE_MAX = 64,          /**< bytes of a convergence secret */
};

/** How to encode; part of the capability's identity but for @p threads. */
typedef struct mf_chk_params {
	uint32_t k, n;              /* 1 <= k <= n <= 256: any k of n shares suffice */
	uint32_t segment_size;      /* bytes at most, before rounding up to k's multiple; <= MF_CHK_SEGMENT_MAX */
	const uint8_t *convergence; /* secret, borrowed */
	size_t convergence_n;       /* <= MF_CONVERGENCE_MAX */
	unsigned threads;           /* 1: only the caller's; 2: a helper thread for files of several segments */
} mf_chk_params;

/** Where everything lies in each share; depends on nothing but size, k, n and segment size (lafs.md 3.2, 3.4). */
typedef struct mf_chk_layout {
	uint64_t size; /* plaintext bytes, > 0 */
	uint32_t k, n;
	uint32_t segment_size; /* bytes, a multiple of k */
	uint32_t block_size;   /* segment_size / k */
	uint64_t segments;
	uint32_t tail, padded_tail, tail_block; /* bytes: last segment, the same rounded up to k, that / k */
	uint64_t share_data_size;               /* bytes of all blocks of one share */
	uint32_t version;                       /* 1, or 2 where 32 bits do not suffice */
	uint64_t o_data, o_plaintext, o_crypttext, o_blocks, o_chain, o_ueb; /* offsets in the share */
	uint32_t ueb_size;                                                   /* bytes */
	uint64_t share_size; /* bytes of the whole share: what a server must reserve */
} mf_chk_layout;

/** What is known of an object before it is encoded. */
typedef struct mf_chk_id {
	uint8_t key[MF_KEY_SIZE]; /* secret */
	uint8_t si[MF_KEY_SIZE];  /* storage index */
	mf_chk_layout layout;
} mf_chk_id;

/** @return MF_EINVAL for parameters out of range, or a file of more than MF_CHK_SEGMENTS_MAX segments. */
mf_code mf_chk_layout_of(uint64_t size, uint32_t k, uint32_t n, uint32_t max_segment, mf_chk_layout *out, mf_err *err);

/** Pass 1: read @p src front to back once for its convergent key.  @p src has more than MF_LIT_MAX bytes
 *  (MF_EINVAL otherwise: that is a LIT). */
mf_code mf_chk_key(
	const mf_chk_params *params, const mf_source *src, const mf_cancel *cancel, mf_chk_id *out, mf_err *err);

/** Pass 2: read @p src once more, write all n shares, print the capability.
 *  The caller makes sure that the source is what pass 1 saw (same stat before and after): a source that changed
 *  yields a readable file whose key is not its convergent key, and its shares must not be kept.
 *  After a failure the shares are incomplete. */
mf_code mf_chk_encode(const mf_chk_params *params, const mf_source *src, const mf_chk_id *id, const mf_share_out *out,
	const mf_cancel *cancel, mf_filecap *cap, mf_err *err);

/** True if mf_chk_small() takes an object of @p size bytes: k = n = 1, one segment, more than MF_LIT_MAX. */
bool mf_chk_is_small(const mf_chk_params *params, uint64_t size);

/** Both passes at once for a small object in memory: appends the one complete share (number 0) to @p share,
 *  which may already hold a container header.  No allocation but the growth of @p share.
 *  The parameters hold (MF_BUG otherwise). */
void mf_chk_small(const mf_chk_params *params, const void *p, size_t n, mf_buf *share, mf_chk_id *id, mf_filecap *cap);

/** A share was found bad while reading; @p why names what does not verify.  The operation goes on. */
typedef void mf_chk_bad(void *arg, uint32_t share, const mf_err *why);

/** What to read. */
typedef struct mf_chk_read {
	const mf_cap *cap;        /* kind CHK or DIR2-CHK */
	const mf_share_in *share; /* any order; a number may come several times */
	size_t shares;
	mf_chk_bad *bad; /* may be NULL */
	void *bad_arg;
	const mf_cancel *cancel; /* may be NULL */
} mf_chk_read;

/** Send plaintext bytes [off, off+len), cut at the end of the file, to @p sink.  Every byte is proven by the capability
 *  before the sink sees it: one hash per byte; block hashes are looked at when a segment fails, to find
 *  the bad share and go on with another.
 *  @return MF_OK; MF_ENOTFOUND without any share; MF_EFORMAT when some segment has fewer than k good blocks;
 *  MF_ECANCELED; or what the sink said. */
mf_code mf_chk_decode(const mf_chk_read *r, uint64_t off, uint64_t len, mf_sink *sink, void *arg, mf_err *err);

/** What the file was encoded with, from its capability and a proven share: mf_chk_encode() then makes its shares again.
 *  Errors as mf_chk_decode(). */
mf_code mf_chk_id_of(const mf_chk_read *r, mf_chk_id *out, mf_err *err);

/** Does this share verify completely, every block and tree, up to the capability?  @p cap: CHK, DIR2-CHK or a verifier
 *  of these.  MF_OK or MF_EFORMAT with the part that fails; MF_ECANCELED. */
mf_code mf_chk_verify_share(const mf_cap *cap, const mf_share_in *share, const mf_cancel *cancel, mf_err *err);

/** *same = @p src holds the file's bytes: encrypts it with the key in the capability and compares with the
 *  crypttext tree of any good share.  Reads hashes, no content; stops at the first difference.
 *  Errors as mf_chk_decode(), or the source's. */
mf_code mf_chk_same(const mf_chk_read *r, const mf_source *src, bool *same, mf_err *err);

/** @p n <= MF_LIT_MAX. */
void mf_lit_put(const void *p, size_t n, mf_filecap *cap);
/** Append the bytes inside a LIT or DIR2-LIT capability (parsed, so they decode).  @p cap->lit is still valid. */
void mf_lit_get(const mf_cap *cap, mf_buf *out);

#endif
