/* What a walk sees of other devices: places where another one is than was believed, and whether it is to be believed. */
#include "sync/local/walk.h"

#include <stdlib.h>

static uint64_t
dev_of(struct walk *w, const char *dir)
{
	uint64_t dev = 0;

	return mf_dev_now(MF_OPS(w->task.f), w->root, dir, &dev, NULL) == MF_OK ? dev : mf_mounts_dev(&w->mounts, dir);
}

static char *
above(const char *dir)
{
	return mf_strdup(mf_relpath_dir(mf_strz(dir)));
}

/* @p dir: taken over. */
static void
place_add(struct walk *w, char *dir, uint64_t now)
{
	for (size_t i = 0; i < w->n_place; i++) {
		if (strcmp(w->place[i].dir, dir) != 0)
			continue;
		free(dir);
		return;
	}
	char *parent = above(dir);
	w->place = mf_realloc_array(w->place, w->n_place + 1, sizeof(*w->place));
	w->place[w->n_place++] = (struct place){.dir = dir, .now = now, .is_mount = dev_of(w, parent) != now};
	free(parent);
}

/* @p dir is there.  On another device than it was?  Then the place is the topmost directory of which that is true, but
 * never above one that was believed to be on a device of its own. */
static void
examine(struct walk *w, const char *dir)
{
	const struct mf_mount *was = mf_mounts_of(&w->mounts, dir);
	uint64_t now = dev_of(w, dir);

	if (now == (was == NULL ? w->mounts.root_dev : was->dev))
		return;
	char *at = mf_strdup(mf_strz(dir));
	while (at[0] != '\0' && (was == NULL || strcmp(at, was->dir) != 0)) {
		char *up = above(at);
		if (dev_of(w, up) != now) {
			free(up);
			break;
		}
		free(at);
		at = up;
	}
	place_add(w, at, now);
}

void
mf_walk_met_on(struct walk *w, uint64_t dev)
{
	if (w->here_examined || dev == mf_mounts_dev(&w->mounts, w->here))
		return;
	w->here_examined = true; /* directories decide: some file systems give files numbers of their own */
	examine(w, w->here);
}

/* The nearest directory above @p path that is there. */
static char *
nearest(struct walk *w, const char *path)
{
	char *at = above(path);
	mf_stat st = {0};

	while (at[0] != '\0' && MF_OPS(w->task.f)->stat(w->root, at, &st, NULL) == MF_OK && st.kind != MF_KIND_DIR) {
		char *up = above(at);
		free(at);
		at = up;
	}
	return at;
}

static void
examine_above(struct walk *w, const char *path)
{
	const struct mf_mount *was = mf_mounts_of(&w->mounts, path);
	char *dir = nearest(w, path);

	if (was == NULL || mf_is_below(dir, was->dir)) /* else the whole place is gone, and known to be */
		examine(w, dir);
	free(dir);
}

static bool
is_in(const struct walk *w, const struct place *p, const char *path)
{
	return mf_is_below(path, p->dir) && mf_mounts_of(&w->mounts, path) == mf_mounts_of(&w->mounts, p->dir);
}

/* Known files that are there say that it is ours: another number of the same disk, or one whose files were moved to
 * where it was mounted. */
static void
judge(struct walk *w, struct place *p)
{
	size_t known = 0, seen = 0;

	for (size_t i = 0; i < w->n_known; i++) {
		const struct known *k = &w->known[i];
		if (!k->ps.present || !is_in(w, p, k->relpath))
			continue;
		known++;
		seen += k->seen;
	}
	p->away = p->is_mount ? known > 0 && (seen == 0 || seen < known - seen) : seen < known;
	for (size_t i = 0; i < w->n_known && p->away; i++)
		w->known[i].away |= is_in(w, p, w->known[i].relpath);
}

static bool
is_away(const struct walk *w, const char *path)
{
	for (size_t i = 0; i < w->n_place; i++)
		if (w->place[i].away && is_in(w, &w->place[i], path))
			return true;
	return false;
}

static void
leave_out(const struct walk *w, struct list *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (is_away(w, l->s[i]))
			free(l->s[i]);
		else
			l->s[n++] = l->s[i];
	}
	l->n = n;
}

void
mf_walk_places(struct walk *w)
{
	char *last = NULL;

	for (size_t i = 0; i < w->mounts.n; i++) {
		const struct mf_mount *m = &w->mounts.m[i];
		uint64_t now = dev_of(w, m->dir);
		if (now != m->dev)
			place_add(w, mf_strdup(mf_strz(m->dir)), now);
	}
	for (size_t i = 0; i < w->examine.n; i++)
		examine_above(w, w->examine.s[i]);
	for (size_t i = 0; i < w->n_known; i++) {
		const struct known *k = &w->known[i];
		if (!k->ps.present || k->seen || k->spared)
			continue;
		char *dir = above(k->relpath);
		if (last == NULL || strcmp(last, dir) != 0)
			examine_above(w, k->relpath);
		free(last);
		last = dir;
	}
	free(last);
	for (size_t i = 0; i < w->n_place; i++)
		judge(w, &w->place[i]);
	if (w->n_place == 0)
		return;
	leave_out(w, &w->differ);
	leave_out(w, &w->young);
}
