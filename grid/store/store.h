/** @file
 * The embedded share store: a directory laid out byte for byte like a Tahoe storage node's storage/ (lafs.md 4),
 * used by several processes and threads at once.
 *
 *     STORE/shares/xx/SI/n     shares; xx = first two characters of SI
 *     STORE/shares/incoming/   what has no name yet; swept when nobody else uses the store
 *     STORE/locks/xx           flock(LOCK_EX) for each change of a mutable share whose SI begins with xx
 *     STORE/in-use             flock(LOCK_SH) held by every process that uses the store
 *     STORE/private/node.pem   the identity: RSA key and self-signed certificate; TubID = SHA1(certificate)
 *     STORE/private/storage.*  what the store is called when it is served (address.h)
 *     STORE/corruption-advisories/SI-n  a share that was found bad, and why; written once
 *     STORE/users/ID-INODE     configurations that use the store (users.h)
 *     STORE/trash/SI/n         taken away, not removed yet (sweep.h); who looks for it puts it back
 *     STORE/usage              bytes in all shares, decimal: an estimate, brought up to date at close
 *
 * All functions block; [any] thread unless noted.  Errors name the store, never a capability. */
#ifndef MF_GRID_STORE_STORE_H
#define MF_GRID_STORE_STORE_H

#include "base/buf.h"
#include "grid/grid.h"
#include "grid/lafs/hash.h"

struct mf_store;

enum {
	MF_SI_SIZE = MF_KEY_SIZE,        /**< bytes of a storage index */
	MF_SI_TEXT = 26,                 /**< characters of it in base32 */
	MF_SI_PATH = 3 + MF_SI_TEXT + 1, /**< "xx/SI" with its NUL */
	MF_SHARES_MAX = 256,             /**< share numbers are 0..255 */
	MF_LEASE_S = 31 * 86400,         /**< seconds a lease lasts (lafs.md 4.2) */
};

typedef struct mf_store_conf {
	const char *path;            /* absolute */
	enum mf_missing missing;     /* made by default (its parent is not) */
	const uint8_t *lease_secret; /* 32 bytes, copied as what is derived from them */
	enum mf_durability durability;
	uint32_t (*now_s)(void *arg); /* seconds since the epoch, for leases; NULL: the system's clock */
	void *now_arg;
	enum mf_store_naming {
		MF_STORE_BEST,       /* O_TMPFILE and linkat where the file system has them */
		MF_STORE_NO_TMPFILE, /* tests: as on a file system without */
	} naming;
} mf_store_conf;

/** @return MF_EBUSY when a Tahoe node runs beside the store; MF_EIO and the like when it cannot be made; MF_ENOTFOUND
 *  when it was expected and is not there. */
mf_code mf_store_open(const mf_store_conf *conf, struct mf_store **out, mf_err *err);
void mf_store_close(struct mf_store *s); /**< NULL allowed; no call is under way */

/** The identity that write enablers and lease secrets are bound to; 20 bytes, lent. */
const uint8_t *mf_store_tubid(const struct mf_store *s);
/** Its certificate and private key, PEM, appended: a secret. */
mf_code mf_store_identity(const struct mf_store *s, mf_buf *pem, mf_err *err);
/** Seconds since the epoch, by the clock of the configuration. */
uint32_t mf_store_now(const struct mf_store *s);

/** "xx/SI": where the shares of @p si lie below STORE/shares. */
void mf_store_si_path(const uint8_t si[MF_SI_SIZE], char out[MF_SI_PATH]);
/** Absolute path of that directory, which need not exist; MF_EINVAL if @p size does not suffice. */
mf_code mf_store_si_abspath(
	const struct mf_store *s, const uint8_t si[MF_SI_SIZE], char *out, size_t size, mf_err *err);

/** The share numbers present, ascending; *n = 0 if there is none.  Names that are no share number do not count. */
mf_code mf_store_shares(
	struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num[MF_SHARES_MAX], size_t *n, mf_err *err);

/** Wait for the exclusive lock on the group of mutable shares that @p si belongs to.  Held for milliseconds, by one
 *  thread of one process; a thread holds one at most.  *lock ends with mf_store_unlock(). */
mf_code mf_store_lock(struct mf_store *s, const uint8_t si[MF_SI_SIZE], int *lock, mf_err *err);
void mf_store_unlock(int lock); /**< -1 allowed */

/** A share was found bad: leave a note in corruption-advisories/, once for each share. */
void mf_store_advise(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, const mf_err *why);

/** This share shall be durable when mf_store_sync() next returns. */
void mf_store_touched(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, int64_t bytes);
/** Make everything durable that was touched before: below 8 shares fsync of each and its directories, else one syncfs. */
mf_code mf_store_sync(struct mf_store *s, mf_err *err);

/** Space, without a walk. */
mf_code mf_store_usage(struct mf_store *s, mf_grid_status *out, mf_err *err);

/** mf_fail_errno() for a failed call below the store: says which store, and whether it has vanished. */
mf_code mf_store_fail(const struct mf_store *s, mf_err *err, int sys, const char *what);

#endif
