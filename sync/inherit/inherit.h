/** @file
 * Snapshots that were made and not published, by the Python program or by us while the grid was away (stash.h): rows of
 * local_snapshots, with a copy of each content in the stash.  Before a path that has some is planned, all of them are taken: encoded from the stash in the order in
 * which they were made, each on top of the one before, the first on top of E, and put into mf_pending.  From there
 * they go the way of our own.  (docs/database.md) */
#ifndef MF_SYNC_INHERIT_INHERIT_H
#define MF_SYNC_INHERIT_INHERIT_H

#include "sync/engine.h"

/** [in a turn] Which paths have any; the stash is swept of what no row names. */
mf_code mf_inherit_load(struct mf_folder *f, mf_err *err);
/** Is there something to be taken before @p relpath can be planned? */
bool mf_inherit_waits(const struct mf_folder *f, const char *relpath);
/** [in a turn] Begin to take it; or wait until the index knows what it was made from. */
void mf_inherit_start(struct mf_folder *f, struct mf_path *p);
/** No look is under way: what no row names goes from the stash; everything, once all of it is published. */
void mf_inherit_rest(struct mf_folder *f);

/* What inherit.c, its worker inherit/work.c, and inherit/sweep.c share. */

struct inherit_row {
	mf_local_row from;
	mf_immdir *extra; /* parents that the one before does not descend from */
	size_t n_extra;
	/* found */
	enum {
		INHERIT_MADE,      /* `made` is stored on the grid */
		INHERIT_PUBLISHED, /* it was; Python had no time to note it */
		INHERIT_LOST,      /* there is no content that it could be made of */
	} what;
	mf_snap_row *made;
	mf_immdir cap;    /* INHERIT_PUBLISHED */
	const char *lost; /* INHERIT_LOST: a sentence about its file in the stash */
};

/* Owned by the worker while it runs. */
struct inherit {
	struct mf_task task;
	struct mf_path *p; /* loop only */
	struct mf_root *root;
	char *relpath;
	char *stash[2];    /* directories where its files may be */
	mf_pathstate disk; /* as it was when the newest row was made */
	bool has_e;
	mf_immdir e;
	bool e_has_sha; /* E is a file, and this is what it holds */
	uint8_t e_sha[32];
	mf_filecap e_content;
	mf_snap_row *past; /* what we have signed up to Base; only where a row may be among it */
	size_t n_past;
	struct inherit_row *row; /* oldest first */
	size_t n;
	int64_t took_ns;
};

/** [in a turn or not] Remove what no row names; begun when the turn is committed. */
mf_code mf_inherit_sweep(struct mf_folder *f, mf_err *err);
/** Our stash directory, on the heap. */
char *mf_inherit_stash(const struct mf_folder *f);
/** [worker] */
mf_code mf_inherit_work(struct mf_task *t, const mf_cancel *cancel);

#endif
