/** @file
 * Share data in and out: the contract between the encodings and whoever keeps shares (the embedded
 * store, storage servers).  Offsets count from the first byte of the share *data*: containers, their headers and
 * leases are the store's business. */
#ifndef MF_GRID_LAFS_SHARE_IO_H
#define MF_GRID_LAFS_SHARE_IO_H

#include "base/buf.h"

/** One share to read; everything it says is untrusted.  Read by one thread at a time. */
typedef struct mf_share_in {
	uint32_t num;  /* share number */
	uint64_t size; /* bytes of share data */
	/** *got < n only at the end of the share.  An error condemns this share for the running operation,
	 *  not the operation; but MF_ECANCELED ends it. */
	mf_code (*read)(void *arg, uint64_t off, void *p, size_t n, size_t *got, mf_err *err);
	void *arg;
} mf_share_in;

/** Takes the shares that an encoder makes.  Writes may come out of order, but never overlap, and together
 *  fill every byte of every share exactly once; @p p is valid during the call.  Called from the thread that
 *  called the encoder.  An error ends the encoding with that code. */
typedef struct mf_share_out {
	mf_code (*write)(void *arg, uint32_t share, uint64_t off, const void *p, size_t n, mf_err *err);
	void *arg;
} mf_share_out;

/** A share in memory, for @p arg of mf_share_mem_read(). */
mf_code mf_share_mem_read(void *arg, uint64_t off, void *p, size_t n, size_t *got, mf_err *err);
/** @p bytes stays the caller's and must outlive the result. */
mf_share_in mf_share_in_mem(uint32_t num, const mf_str *bytes);

#endif
