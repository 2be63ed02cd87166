/** @file
 * Looking over every share of a store, and taking shares away in two steps (docs/store.md, "Taking away").
 *
 * A share first goes to STORE/trash/SI/n.  Whoever looks for it meanwhile puts it back; what still is there in the end
 * is removed.  So nobody who uses the store has to wait, and a process that dies here has removed nothing that counts. */
#ifndef MF_GRID_STORE_SWEEP_H
#define MF_GRID_STORE_SWEEP_H

#include "grid/store/store.h"

/** Whose leases are those of users of the store: n client secrets as mf_client_secret(MF_LEASE_RENEW) makes them. */
typedef struct mf_owners {
	const uint8_t (*client)[MF_HASH_SIZE]; /* secret, borrowed */
	size_t n;
} mf_owners;

/** One share file as it stands. */
typedef struct mf_swept {
	uint8_t si[MF_SI_SIZE];
	uint32_t num;
	enum mf_swept_kind {
		MF_SWEPT_OURS,    /* a container, and all its leases are the owners' */
		MF_SWEPT_FOREIGN, /* somebody else's lease is on it, or none */
		MF_SWEPT_BAD,     /* no container: empty, cut off, not a plain file */
		MF_SWEPT_UNKNOWN, /* a name that no share has; si and num mean nothing */
	} kind;
	bool is_mutable;
	uint64_t bytes;
	int64_t used_s;   /* seconds since the epoch: the later of its mtime and the latest start of a lease of ours */
	const char *path; /* below shares/, lent during the call */
} mf_swept;

/** Every name in shares/, in no order.  What comes or goes meanwhile may be seen or not.  @p each ends the walk with
 *  something but MF_OK. */
typedef mf_code mf_sweep_each(void *arg, const mf_swept *one, mf_err *err);
mf_code mf_store_walk(struct mf_store *s, const mf_owners *owners, mf_sweep_each *each, void *arg,
	const mf_cancel *cancel, mf_err *err);

/** The latest time at which a share of @p si was used, as mf_swept.used_s; 0 if there is none. */
int64_t mf_store_used(struct mf_store *s, const mf_owners *owners, const uint8_t si[MF_SI_SIZE]);

/** Only one process takes shares away at a time: *lock ends with mf_store_unlock().  MF_EBUSY: another one does. */
mf_code mf_store_sweep_lock(struct mf_store *s, int *lock, mf_err *err);
/** Under the share's lock: if it still is MF_SWEPT_OURS and was not used since @p before_s, to the trash with it.
 *  *gone says whether. */
mf_code mf_store_trash(struct mf_store *s, const mf_owners *owners, const uint8_t si[MF_SI_SIZE], uint32_t num,
	int64_t before_s, bool *gone, mf_err *err);
/** Each storage index in the trash. */
mf_code mf_store_trash_each(struct mf_store *s, mf_code (*each)(void *arg, const uint8_t si[MF_SI_SIZE], mf_err *err),
	void *arg, mf_err *err);
/** Put the shares of @p si back under their names; where there is one again, the one in the trash goes.  They count
 *  as just used with MF_BACK_USED. */
enum mf_back { MF_BACK_AS_IT_WAS, MF_BACK_USED };
mf_code mf_store_put_back(struct mf_store *s, const uint8_t si[MF_SI_SIZE], enum mf_back how, mf_err *err);
/** Remove the shares of @p si that are in the trash; *bytes and *n grow by what was removed. */
mf_code mf_store_trash_empty(
	struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint64_t *bytes, uint64_t *n, mf_err *err);

#endif
