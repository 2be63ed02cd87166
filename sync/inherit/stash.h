/** @file
 * The stash: what is saved while the grid is away waits there, version by version (design.md 2.7, planner.md W1).
 *
 * While the grid takes what it is given nothing is copied and no row is written.  When it does not, the look that found
 * the version copies it into a file of its own, `snap` and eight letters in the folder's stash, syncs it, and a row as
 * Python would have written it names it (state.h).  From then on the path is one of those of inherit.h: before it is
 * planned again all of its rows are encoded in order.  Until the grid is back each further version that a look finds becomes
 * one row more; a version is what differs in bytes, in the executable bit, or in being there, from the one before.
 *
 * Bounds: MF_STASH_ROWS versions of a path, and for all of them together a tenth of the space that is free.  Beyond them,
 * and when there is no space, nothing is copied: the file itself is published when the grid is back, upon those that wait.
 *
 * Not in the stash: a file in conflict, or being replaced by us, or that is not published at all (docs/database.md). */
#ifndef MF_SYNC_INHERIT_STASH_H
#define MF_SYNC_INHERIT_STASH_H

#include "sync/local/look.h"

enum {
	MF_STASH_ROWS = 100,  /* versions of one path */
	MF_STASH_SHARE = 10,  /* one part in so many of the free space */
	MF_STASH_WAIT_MS = 50 /* while the stash is being swept */
};

/** Is the grid not to be asked about @p p now, so that what a look finds goes into the stash? */
bool mf_stash_is_away(const struct mf_folder *f, const struct mf_path *p);
/** @p l is about to begin: what it compares with, if versions of the path wait, and whether it may copy. */
void mf_stash_prepare(struct mf_folder *f, struct mf_path *p, const struct mf_gathered *g, struct look *l);
/** The look has ended with a copy: its row.  Not in a turn.  A failure leaves a copy that is swept. */
mf_code mf_stash_keep(struct mf_folder *f, struct mf_path *p, const struct look *l, mf_err *err);
/** [in a turn] The last look found that the file is gone, and nothing speaks against it: that is a version, too. */
mf_code mf_stash_deletion(struct mf_folder *f, struct mf_path *p, mf_err *err);
/** Say with @p err that what was saved last has no copy. */
void mf_stash_explain(const struct mf_path *p, mf_err *err);
/** [in a turn] @p p waits for our directory, which cannot be updated: what was saved since goes into the stash. */
void mf_stash_linking(struct mf_folder *f, struct mf_path *p);

/** That look has ended. */
void mf_stash_relink(struct mf_folder *f, struct mf_path *p);

/** [worker] Is what was read to be copied? */
bool mf_stash_wants(const struct look *l);
/** [worker] Copy it: l->stashed, or l->stash_err says why there is none. */
void mf_stash_bytes(struct look *l, const void *p, size_t n);
/** [worker] The same of an open file, whose hash is taken on the way; nothing if it changes meanwhile. */
void mf_stash_file(struct look *l, struct mf_file *file, const mf_cancel *cancel);
/** Is it the grid that failed, for now? */
bool mf_stash_is_outage(mf_code code);

#endif
