/** @file
 * Devices below the folder's directory: which one a path was on when it was last believed, and which it is on now.
 * Where they differ, nothing is taken for deleted or changed, and nothing is written (design 2.5.12). */
#ifndef MF_SYNC_LOCAL_MOUNT_H
#define MF_SYNC_LOCAL_MOUNT_H

#include "base/env.h"

/** A directory on a device of its own. */
struct mf_mount {
	char *dir;    /* relpath, never "" */
	uint64_t dev; /* when it was last believed */
};

/** All of them, and the device of the folder's own directory. */
struct mf_mounts {
	struct mf_mount *m; /* in no order */
	size_t n, cap;
	uint64_t root_dev;
};

void mf_mounts_put(struct mf_mounts *all, const char *dir, uint64_t dev);
void mf_mounts_drop(struct mf_mounts *all, const char *dir);
void mf_mounts_copy(struct mf_mounts *to, const struct mf_mounts *from);
void mf_mounts_free(struct mf_mounts *all);
/** The innermost that @p path is in or below; NULL: it is on the root's device. */
const struct mf_mount *mf_mounts_of(const struct mf_mounts *all, const char *path);
uint64_t mf_mounts_dev(const struct mf_mounts *all, const char *path);
/** @p path is @p dir or below it; "" has everything below it. */
bool mf_is_below(const char *path, const char *dir);

/** [any] Device of the nearest directory that exists at or above @p dir.  MF_EIO and others: it cannot be known. */
mf_code mf_dev_now(const struct mf_env_ops *ops, struct mf_root *root, const char *dir, uint64_t *dev, mf_err *err);
/** [any] Is the directory that @p path is in on device @p dev?  MF_ECHANGED: it is not. */
mf_code mf_dev_check(const struct mf_env_ops *ops, struct mf_root *root, const char *path, uint64_t dev, mf_err *err);

#endif
