/** @file
 * Removing what nothing reaches any more from a store on this machine.  docs/store.md has the rules and the proof.
 *
 * The caller says which storage indexes are reached; what is done to shares is here.  All functions block; a run
 * belongs to one thread. */
#ifndef MF_GRID_GC_H
#define MF_GRID_GC_H

#include "grid/grid.h"

enum { MF_GC_SI = 16, MF_GC_ID = 16 };

/** A configuration that was noted as a user of the store. */
typedef struct mf_gc_user {
	char *dir;             /* its path, absolute */
	char id[MF_GC_ID + 1]; /* mf_gc_id() of its lease secret */
	uint64_t ino;          /* of the directory */
} mf_gc_user;

/** In no order; freed by mf_gc_users_free().  MF_EUNSUPPORTED: no store on this machine. */
mf_code mf_gc_users(struct mf_grid *g, mf_gc_user **out, size_t *n, mf_err *err);
void mf_gc_users_free(mf_gc_user *list, size_t n);
/** Forget those noted with the path @p dir.  MF_ENOTFOUND: there is none. */
mf_code mf_gc_forget(struct mf_grid *g, const char *dir, mf_err *err);
/** Who a configuration is, from its lease secret. */
void mf_gc_id(const uint8_t lease_secret[32], char id[MF_GC_ID + 1]);
/** The secret that is used for what a person stores by hand: nobody's folder made it, so no run removes it. */
void mf_gc_by_hand(uint8_t lease_secret[32]);

struct mf_gc; /* a run; one at a time for each store */

/** @param secret   n lease secrets of users, copied: shares with other leases are left alone.
 *  @param grace_s  shares used within that many seconds are left alone.
 *  What a run that was killed had taken away is put back.  MF_EBUSY: another run. */
mf_code mf_gc_begin(
	struct mf_grid *g, const uint8_t (*secret)[32], size_t n, uint32_t grace_s, struct mf_gc **out, mf_err *err);
void mf_gc_end(struct mf_gc *gc); /**< NULL allowed */

/** Seconds since the epoch when a share of @p si was used last, 0 if there is none. */
int64_t mf_gc_used(struct mf_gc *gc, const uint8_t si[MF_GC_SI]);
/** The store's clock. */
int64_t mf_gc_now(const struct mf_gc *gc);

/** What becomes of one share. */
typedef struct mf_gc_share {
	enum mf_gc_fate {
		MF_GC_REACHED,
		MF_GC_YOUNG,   /* not reached, used within the grace */
		MF_GC_FOREIGN, /* not reached, with a lease of somebody who is no user, or without any */
		MF_GC_GARBAGE, /* not reached: to be removed */
		MF_GC_BAD,     /* no container */
		MF_GC_UNKNOWN, /* a name that no share has */
		MF_GC_FATES,
	} fate;
	const char *path; /* below shares/, lent */
	uint64_t bytes;
	int64_t used_s;
} mf_gc_share;

/** Are the shares of @p si reached?  Asked again in mf_gc_settle(): more may be reached then. */
typedef bool mf_gc_reached(void *arg, const uint8_t si[MF_GC_SI]);
/** Every share once.  @p take: garbage goes to the trash; else nothing is changed. */
enum mf_gc_how { MF_GC_LOOK, MF_GC_TAKE };
mf_code mf_gc_sweep(struct mf_gc *gc, enum mf_gc_how how, mf_gc_reached *reached,
	void (*each)(void *arg, const mf_gc_share *one), void *arg, const mf_cancel *cancel, mf_err *err);
/** Put back what was taken and is reached after all, remove the rest.  *bytes and *n: what was removed. */
mf_code mf_gc_settle(struct mf_gc *gc, mf_gc_reached *reached, void *arg, uint64_t *bytes, uint64_t *n, mf_err *err);
/** After a failure: what was taken comes back, as it was. */
void mf_gc_undo(struct mf_gc *gc);

#endif
