/* Guards: where another device is than was believed, nothing is believed until it is back, known files say that it is
 * ours, or the user does. */
#include "sync/local/walk.h"

#include <stdio.h>
#include <stdlib.h>

static mf_code
mount_each(void *arg, const char *dir, uint64_t dev)
{
	mf_mounts_put(arg, dir, dev);
	return MF_OK;
}

mf_code
mf_mounts_load(struct mf_folder *f, mf_err *err)
{
	return mf_state_mount_each(f->state, mount_each, &f->mounts, err);
}

bool
mf_is_away(const struct mf_folder *f, const char *path)
{
	for (size_t i = 0; i < f->away.n; i++)
		if (mf_is_below(path, f->away.m[i].dir))
			return true;
	return false;
}

/* From now on @p dir is believed to be on @p now; no mount of its own: on the device of what is above it. */
static bool
believe(struct mf_folder *f, const char *dir, uint64_t now, bool is_mount)
{
	mf_code rc = is_mount ? mf_state_mount_put(f->state, dir, now, NULL) : mf_state_mount_drop(f->state, dir, NULL);

	if (rc != MF_OK)
		return false; /* locked: the next scan does it */
	if (is_mount)
		mf_mounts_put(&f->mounts, dir, now);
	else
		mf_mounts_drop(&f->mounts, dir);
	return true;
}

static void
say_away(struct mf_folder *f, const struct place *p)
{
	mf_trouble_at(f, MF_TR_MOUNT, p->dir,
		p->is_mount
			? "another disk is mounted here, without the folder's files: mount the right one, or say what"
			  " is meant with 'magic-folder confirm-deletes'; until then nothing here is synced"
			: "the disk that was mounted here is not: mount it again, or say what is meant with"
			  " 'magic-folder confirm-deletes'; until then nothing here is synced");
}

static void
clear_back(struct mf_folder *f)
{
	for (struct mf_error *e = f->errors, *next; e != NULL; e = next) {
		next = e->next;
		if (e->trouble == MF_TR_MOUNT && !mf_is_away(f, e->relpath))
			mf_trouble_at(f, MF_TR_MOUNT, e->relpath, NULL);
	}
}

void
mf_guard_places(struct mf_folder *f, struct walk *w)
{
	bool changed = f->away.n > 0;
	struct mf_mounts was = f->away;

	f->away = (struct mf_mounts){0};
	for (size_t i = 0; i < w->n_place; i++) {
		const struct place *p = &w->place[i];
		if (!p->away) {
			changed |= believe(f, p->dir, p->now, p->is_mount);
			continue;
		}
		mf_mounts_put(&f->away, p->dir, p->is_mount ? p->now : MF_DEV_NONE);
		say_away(f, p);
	}
	clear_back(f);
	/* what came for it while it was away is planned now */
	for (size_t i = 0; i < was.n; i++)
		changed |= !mf_is_away(f, was.m[i].dir);
	mf_mounts_free(&was);
	for (size_t i = 0; i < w->examine.n; i++)
		mf_path_look(f, mf_path_need(f, w->examine.s[i]), 0);
	if (!changed)
		return;
	f->resume_due = true;
	mf_turn_arm(f, 0);
}

bool
mf_mounts_accept(struct mf_folder *f)
{
	bool all = true;

	for (size_t i = 0; i < f->away.n; i++)
		all &= believe(f, f->away.m[i].dir, f->away.m[i].dev, f->away.m[i].dev != MF_DEV_NONE);
	if (!all)
		return false;
	mf_mounts_free(&f->away);
	clear_back(f);
	return true;
}

void
mf_out_of_sight(struct mf_folder *f, const char *relpath)
{
	if (mf_is_away(f, relpath))
		return;
	mf_walk_add(&f->unsure, relpath);
	mf_scan_start(f);
}
