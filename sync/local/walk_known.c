/* What we know, for a scan: read in slices, so that the loop never stands still for a large folder.
 *
 * Rows may change between two slices, as they may during the walk that follows: what then looks as if it differed is
 * looked at, and found to be as it should. */
#include "sync/local/walk.h"

#include <stdlib.h>

enum { SLICE = 1024 }; /* rows: some milliseconds */

void
mf_walk_know(struct walk *w, const char *relpath, const mf_pathstate *ps)
{
	if (w->n_known == w->cap_known) {
		w->cap_known = w->cap_known == 0 ? 256 : w->cap_known * 2;
		w->known = mf_realloc_array(w->known, w->cap_known, sizeof(*w->known));
	}
	w->known[w->n_known++] = (struct known){.relpath = mf_strdup(mf_strz(relpath)), .ps = *ps};
}

static mf_code
known_each(void *arg, const char *relpath, bool has_base, bool base_deleted, const mf_pathstate *ps)
{
	(void)has_base;
	(void)base_deleted;
	mf_walk_know(arg, relpath, ps);
	return MF_OK;
}

/* The rows of files of which a question was asked, among the known ones. */
static mf_code
held_each(void *arg, const char *relpath, enum mf_word word)
{
	struct walk *w = arg;
	size_t low = 0, high = w->n_known;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(w->known[mid].relpath, relpath) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < w->n_known && strcmp(w->known[low].relpath, relpath) == 0) {
		w->known[low].held = true;
		w->known[low].word = word;
	} else {
		mf_walk_add(&w->back, relpath);
	}
	return MF_OK;
}

static mf_code
finish(struct mf_folder *f, struct walk *w, mf_err *err)
{
	mf_local_only_known(f, w);
	w->ask = mf_asks(f);
	w->may_ask = !f->conf.read_only;
	mf_mounts_copy(&w->mounts, &f->mounts);
	w->examine = f->unsure;
	f->unsure = (struct list){0};
	w->doubtful = f->root_doubtful;
	return mf_state_held_each(f->state, held_each, w, err);
}

void
mf_walk_known_run(void *arg)
{
	struct mf_folder *f = arg;
	struct walk *w = f->loading;
	mf_err err = {0};
	char *next = NULL;

	if (f->closing || w == NULL)
		return;
	mf_code rc =
		mf_state_path_slice(f->state, w->loaded == NULL ? "" : w->loaded, SLICE, known_each, w, &next, &err);
	free(w->loaded);
	w->loaded = next;
	if (rc == MF_OK && next != NULL) {
		MF_OPS(f)->timer_start(f->known_timer, 0);
		return;
	}
	if (rc == MF_OK) /* the rows came in byte order, which is strcmp's */
		rc = finish(f, w, &err);
	f->loading = NULL;
	mf_scan_loaded(f, w, &err);
}

void
mf_walk_known_load(struct mf_folder *f)
{
	f->loading = mf_alloc(sizeof(*f->loading));
	f->loading->task.f = f;
	mf_walk_known_run(f);
}

void
mf_walk_known_drop(struct mf_folder *f)
{
	if (f->loading != NULL)
		mf_walk_free(f->loading);
	f->loading = NULL;
}
