/** @file
 * What a storage server does to the store for somebody else, whose leases and write enablers are his own (lafs.md 7.5).
 *
 * He can do what the protocol allows and nothing else: a share that is there is not replaced unless it is no container
 * at all, and what he may make us read or write is bounded.  Blocking, [any] thread. */
#ifndef MF_GRID_STORE_GUEST_H
#define MF_GRID_STORE_GUEST_H

#include "grid/store/immutable.h"
#include "grid/store/lease.h"
#include "grid/store/mutable.h"
#include "grid/store/share_set.h"

/** The good shares of a storage index. */
typedef struct mf_guest_shares {
	mf_share_set immutable, mutables;
} mf_guest_shares;
/** Find all good shares of @p si and renew or add @p lease on each.  None is no error. */
mf_code mf_guest_renew(
	struct mf_store *s, const uint8_t si[MF_SI_SIZE], const mf_lease *lease, mf_guest_shares *out, mf_err *err);

/** A share as it stood when it was opened, for reading. */
typedef struct mf_guest_share {
	struct mf_imm_share *imm; /* or */
	mf_mut_file mut;          /* fd -1 if it is the other */
	uint64_t size;            /* bytes of share data */
} mf_guest_share;
enum mf_guest_kind { MF_GUEST_IMMUTABLE, MF_GUEST_MUTABLE };
/** @return MF_ENOTFOUND also for a share of the other kind, and for what is no container. */
mf_code mf_guest_open(struct mf_store *s, enum mf_guest_kind kind, const uint8_t si[MF_SI_SIZE], uint32_t num,
	mf_guest_share *out, mf_err *err);
/** Exactly @p n bytes, which must be there. */
mf_code mf_guest_read(mf_guest_share *f, uint64_t off, void *p, size_t n, mf_err *err);
void mf_guest_close(mf_guest_share *f);

/** Somebody says that a share is bad: noted once, in printable characters.  MF_ENOTFOUND: there is no such share. */
mf_code mf_guest_advise(struct mf_store *s, enum mf_guest_kind kind, const uint8_t si[MF_SI_SIZE], uint32_t num,
	mf_str reason, mf_err *err);

/** A file without a name for bytes on their way; closed by the caller. */
mf_code mf_guest_scratch(struct mf_store *s, int *fd, mf_err *err);
mf_code mf_guest_scratch_write(struct mf_store *s, int fd, uint64_t off, mf_str what, mf_err *err);

#endif
