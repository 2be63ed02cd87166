/* Devices below the folder's directory: what is remembered, and what is there now. */
#include "sync/local/mount.h"

#include <stdlib.h>

#include "sync/doc/relpath.h"

bool
mf_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return n == 0 || (strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

void
mf_mounts_put(struct mf_mounts *all, const char *dir, uint64_t dev)
{
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->m[i].dir, dir) != 0)
			continue;
		all->m[i].dev = dev;
		return;
	}
	if (all->n == all->cap) {
		all->cap = all->cap == 0 ? 4 : all->cap * 2;
		all->m = mf_realloc_array(all->m, all->cap, sizeof(*all->m));
	}
	all->m[all->n++] = (struct mf_mount){mf_strdup(mf_strz(dir)), dev};
}

void
mf_mounts_drop(struct mf_mounts *all, const char *dir)
{
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->m[i].dir, dir) != 0)
			continue;
		free(all->m[i].dir);
		all->m[i] = all->m[--all->n];
		return;
	}
}

void
mf_mounts_copy(struct mf_mounts *to, const struct mf_mounts *from)
{
	*to = (struct mf_mounts){.root_dev = from->root_dev};
	for (size_t i = 0; i < from->n; i++)
		mf_mounts_put(to, from->m[i].dir, from->m[i].dev);
}

void
mf_mounts_free(struct mf_mounts *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->m[i].dir);
	free(all->m);
	*all = (struct mf_mounts){0};
}

const struct mf_mount *
mf_mounts_of(const struct mf_mounts *all, const char *path)
{
	const struct mf_mount *best = NULL;

	for (size_t i = 0; i < all->n; i++)
		if (mf_is_below(path, all->m[i].dir) && (best == NULL || strlen(all->m[i].dir) > strlen(best->dir)))
			best = &all->m[i];
	return best;
}

uint64_t
mf_mounts_dev(const struct mf_mounts *all, const char *path)
{
	const struct mf_mount *m = all->n == 0 ? NULL : mf_mounts_of(all, path);

	return m == NULL ? all->root_dev : m->dev;
}

mf_code
mf_dev_now(const struct mf_env_ops *ops, struct mf_root *root, const char *dir, uint64_t *dev, mf_err *err)
{
	char *at = mf_strdup(mf_strz(dir));
	mf_stat st = {0};
	mf_code rc;

	for (;;) {
		rc = ops->stat(root, at, &st, err);
		if (rc != MF_OK || st.kind == MF_KIND_DIR || at[0] == '\0')
			break;
		char *above = mf_strdup(mf_relpath_dir(mf_strz(at)));
		free(at);
		at = above;
	}
	*dev = st.dev;
	free(at);
	return rc;
}

mf_code
mf_dev_check(const struct mf_env_ops *ops, struct mf_root *root, const char *path, uint64_t dev, mf_err *err)
{
	char *dir = mf_strdup(mf_relpath_dir(mf_strz(path)));
	uint64_t now = 0;
	mf_code rc = mf_dev_now(ops, root, dir, &now, err);

	free(dir);
	if (rc == MF_OK && now != dev)
		rc = mf_fail(err, MF_ECHANGED, 0, "%s: another disk is there, or one is not mounted", path);
	return rc;
}
