/* The two tables of watched directories: by watch descriptor and by path. */
#include <config.h> /* _GNU_SOURCE */

#include "base/env_real.h"

#include <stdlib.h>
#include <sys/inotify.h>

#define SLOTS_MIN 64

static size_t
slot_of_wd(const struct mf_inotify *ino, int wd)
{
	return (uint32_t)wd * UINT32_C(2654435761) >> 4 & (ino->slots - 1);
}

static size_t
slot_of_path(const struct mf_inotify *ino, const char *path, size_t n)
{
	return mf_hash_keyed(ino->key, path, n) & (ino->slots - 1);
}

static void
link_entry(struct mf_inotify *ino, struct mf_watched *e)
{
	struct mf_watched **a = &ino->by_wd[slot_of_wd(ino, e->wd)];
	struct mf_watched **b = &ino->by_path[slot_of_path(ino, e->path, e->n)];

	e->by_wd = *a;
	*a = e;
	e->by_path = *b;
	*b = e;
}

static void
grow(struct mf_inotify *ino)
{
	struct mf_watched **old = ino->by_wd;
	size_t n = ino->slots;

	free(ino->by_path);
	ino->slots = n == 0 ? SLOTS_MIN : 2 * n;
	ino->by_wd = mf_alloc(ino->slots * sizeof(struct mf_watched *));
	ino->by_path = mf_alloc(ino->slots * sizeof(struct mf_watched *));
	for (size_t i = 0; i < n; i++) {
		for (struct mf_watched *e = old[i], *next; e != NULL; e = next) {
			next = e->by_wd;
			link_entry(ino, e);
		}
	}
	free(old);
}

struct mf_watched *
mf_watched_of_wd(const struct mf_inotify *ino, int wd)
{
	struct mf_watched *e = ino->slots == 0 ? NULL : ino->by_wd[slot_of_wd(ino, wd)];

	while (e != NULL && e->wd != wd)
		e = e->by_wd;
	return e;
}

struct mf_watched *
mf_watched_of_path(const struct mf_inotify *ino, const struct mf_watch *set, const char *path, size_t n)
{
	struct mf_watched *e = ino->slots == 0 ? NULL : ino->by_path[slot_of_path(ino, path, n)];

	while (e != NULL && (e->set != set || e->n != n || memcmp(e->path, path, n) != 0))
		e = e->by_path;
	return e;
}

void
mf_watched_unlink(struct mf_inotify *ino, struct mf_watched *e)
{
	struct mf_watched **p = &ino->by_wd[slot_of_wd(ino, e->wd)];

	while (*p != e)
		p = &(*p)->by_wd;
	*p = e->by_wd;
	p = &ino->by_path[slot_of_path(ino, e->path, e->n)];
	while (*p != e)
		p = &(*p)->by_path;
	*p = e->by_path;
	ino->n--;
	e->by_wd = ino->gone;
	ino->gone = e;
}

void
mf_watched_bury(struct mf_inotify *ino)
{
	if (ino->depth > 0)
		return;
	while (ino->gone != NULL) {
		struct mf_watched *next = ino->gone->by_wd;

		free(ino->gone);
		ino->gone = next;
	}
}

void
mf_watched_forget(struct mf_inotify *ino, struct mf_watched *e)
{
	int wd = e->wd;

	mf_watched_unlink(ino, e);
	if (mf_watched_of_wd(ino, wd) == NULL)
		(void)inotify_rm_watch(ino->fd, wd);
}

void
mf_watched_add(struct mf_inotify *ino, struct mf_watch *set, int wd, const char *path, size_t n)
{
	if (ino->n >= ino->slots)
		grow(ino);
	struct mf_watched *e = mf_alloc(sizeof(*e) + n + 1);
	e->set = set;
	e->seen = ino->serial;
	e->wd = wd;
	e->n = (uint32_t)n;
	memcpy(e->path, path, n + 1);
	link_entry(ino, e);
	ino->n++;
}
