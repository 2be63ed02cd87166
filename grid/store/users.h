/** @file
 * Which configurations use a store: whose folders `grid gc` must ask before it removes anything (docs/store.md).
 *
 * STORE/users/ID-INODE holds the path of a configuration directory.  ID comes from the configuration's lease secret,
 * INODE from its directory: one that was moved is found again under its new path, a copy is one more user. */
#ifndef MF_GRID_STORE_USERS_H
#define MF_GRID_STORE_USERS_H

#include "grid/store/store.h"

enum { MF_USER_ID = 16 }; /**< hex digits */

typedef struct mf_store_user {
	char *dir; /* absolute path of the configuration directory, as it was noted */
	char id[MF_USER_ID + 1];
	uint64_t ino;
} mf_store_user;

/** Who a configuration is, from its lease secret; says nothing of the secret. */
void mf_store_user_id(const uint8_t lease_secret[32], char id[MF_USER_ID + 1]);
/** Note that the configuration in @p path (absolute, there) uses the store; durable on return. */
mf_code mf_store_register(struct mf_store *s, const char *path, const uint8_t lease_secret[32], mf_err *err);
/** All that were noted, in no order.  Freed by mf_store_users_free(). */
mf_code mf_store_users(struct mf_store *s, mf_store_user **out, size_t *n, mf_err *err);
void mf_store_users_free(mf_store_user *list, size_t n);
/** Forget those noted with @p path.  MF_ENOTFOUND: there is none. */
mf_code mf_store_forget(struct mf_store *s, const char *path, mf_err *err);

#endif
