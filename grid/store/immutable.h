/** @file
 * Immutable share containers (lafs.md 4.2): version 2 written, 1 and 2 read.
 * Writing takes no lock: a name appears with the complete file. */
#ifndef MF_GRID_STORE_IMMUTABLE_H
#define MF_GRID_STORE_IMMUTABLE_H

#include "grid/lafs/share_io.h"
#include "grid/store/store.h"

struct mf_lease;

enum { MF_IMM_HEADER = 12 }; /* bytes before the share data */

/** What to do about a share of that name that is there already. */
enum mf_imm_how {
	MF_IMM_KEEP,    /* MF_EEXIST */
	MF_IMM_REPLACE, /* it was found bad: the new one takes its place at once */
};

/* -- a whole share in memory ------------------------------------------------------------------------ */

/** Begin a container in the empty @p c; append the share data; then mf_imm_end() completes header and lease. */
void mf_imm_begin(mf_buf *c);
void mf_imm_end(const struct mf_store *s, const uint8_t si[MF_SI_SIZE], mf_buf *c);
/** Store a completed container under its name. */
mf_code mf_imm_put(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, const mf_buf *c, enum mf_imm_how how,
	mf_err *err);

/* -- a share written in pieces ---------------------------------------------------------------------- */

struct mf_imm_new; /* has no name yet */
/** @p size bytes of share data will come.  @p s outlives it. */
mf_code mf_imm_new(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, uint64_t size,
	struct mf_imm_new **out, mf_err *err);
/** Pieces in any order. */
mf_code mf_imm_new_write(struct mf_imm_new *w, uint64_t off, const void *p, size_t n, mf_err *err);
/** Read back bytes that were written. */
mf_code mf_imm_new_read(struct mf_imm_new *w, uint64_t off, void *p, size_t n, mf_err *err);
/** It will carry somebody else's lease, not ours. */
void mf_imm_new_lease(struct mf_imm_new *w, const struct mf_lease *l);
/** All data is there: header, lease, name.  The caller still frees. */
mf_code mf_imm_new_link(struct mf_imm_new *w, enum mf_imm_how how, mf_err *err);
void mf_imm_new_free(struct mf_imm_new *w); /**< without a name by now: leaves nothing behind; NULL allowed */

/* -- reading ---------------------------------------------------------------------------------------- */

struct mf_imm_share; /* open for reading */
/** @return MF_ENOTFOUND; MF_EFORMAT if the file is no immutable container: empty, cut off, something else. */
mf_code mf_imm_open(
	struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, struct mf_imm_share **out, mf_err *err);
void mf_imm_close(struct mf_imm_share *f); /**< NULL allowed */
/** Its data as the encodings want it; lent until mf_imm_close(). */
mf_share_in mf_imm_share_in(struct mf_imm_share *f);

/** Renew our lease on one share, or add one.  Never moves an expiry back.  The share counts as just used: whoever
 *  finds a share and means to rely on it calls this, and looks again after MF_ENOTFOUND (docs/store.md). */
mf_code mf_imm_renew(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, mf_err *err);
/** The same for somebody's lease. */
mf_code mf_imm_renew_for(
	struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, const struct mf_lease *l, mf_err *err);

#endif
