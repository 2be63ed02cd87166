/** @file
 * Their version becomes the file, or the file goes: apply.c on the loop, apply/batch.c for many at a time, replace.c in workers. */
#ifndef MF_SYNC_APPLY_APPLY_H
#define MF_SYNC_APPLY_APPLY_H

#include "base/env.h"
#include "sync/doc/snapshot.h"
#include "sync/state/state.h"

struct mf_folder;
struct mf_path;

enum mf_outcome { MF_APPLY_NONE, MF_APPLY_REPLACED, MF_APPLY_CHANGED, MF_APPLY_FAILED };

/** Directories, outermost first. */
struct mf_dirs {
	char **dir;
	size_t n;
};
void mf_dirs_free(struct mf_dirs *d);
/** [worker] Make the directories above @p relpath; those that were not there are added to @p made, also when it
 *  fails. */
mf_code mf_make_dirs(struct mf_folder *f, struct mf_root *root, const char *relpath, struct mf_dirs *made, mf_err *err);

/** [worker] Their names are durable. */
mf_code mf_dirs_sync(struct mf_folder *f, struct mf_root *root, const struct mf_dirs *made, mf_err *err);

/** One replacement under way.  Owned by the loop, lent to one task at a time (p->stage says which). */
struct mf_apply {
	mf_snap_row *target;
	bool merge;          /* target is our own merge snapshot: becomes Pending, not Base */
	char *relpath, *dir; /* dir: parent directory, "" = root */
	char *tmp;           /* relpath of the new file, or of the hidden name of a deletion */
	uint64_t dev;        /* where it is to be; elsewhere nothing is done */
	uint32_t mode;
	bool sync_now;   /* few files: the download syncs its own */
	bool synced;     /* the new file is durable, name and all */
	bool lent;       /* a worker replaces: nothing in here is to be looked at */
	bool recorded;   /* the outcome is in the present turn; kept until its commit, in case that there is none */
	bool recovering; /* the intent is from before a crash or a failure */
	mf_intent intent;
	mf_stat fresh; /* the new file */
	bool has_sha;
	uint8_t sha[32];
	struct mf_dirs made; /* directories made for it */
	char **our_dirs;     /* deletion: parents that we once made, innermost first */
	size_t n_our_dirs, n_gone_dirs;
	enum mf_outcome outcome;
	mf_stat now;      /* what is at p after REPLACED */
	bool now_unknown; /* somebody has replaced it since */
	mf_err err;
};

/** Take @p target (taken over), expecting the disk as in p->seen. */
void mf_apply_start(struct mf_folder *f, struct mf_path *p, mf_snap_row *target, bool merge);
void mf_apply_continue(struct mf_folder *f, struct mf_path *p, const mf_intent *intent);
void mf_apply_drop(struct mf_path *p);
/** Replace the first @p tmp in the sentence by @p path. */
void mf_name_the_file(mf_err *err, const char *tmp, const char *path);
/** apply/sweep.c: the new file of @p a is not wanted; where the user was in it meanwhile, it is kept under another
 *  name.  [in a turn, or on the loop] */
void mf_apply_sweep(struct mf_folder *f, const struct mf_apply *a);
/** So few at a time are synced one by one. */
enum { MF_APPLY_FEW = 4 };
/** apply/batch.c: start what waits for a batch: syncs of new files, replacements. */
void mf_apply_kick(struct mf_folder *f);
/** In a turn: record the intent of a staged file, or the outcome of a replacement. */
void mf_apply_step(struct mf_folder *f, struct mf_path *p);
/** The turn was not committed: what was replaced on disk is to be recorded again. @return false: nothing was. */
bool mf_apply_undo(struct mf_folder *f, struct mf_path *p);

/* [worker] */
mf_code mf_apply_download(struct mf_folder *f, struct mf_root *root, struct mf_apply *a, const mf_cancel *cancel);
void mf_apply_replace(struct mf_folder *f, struct mf_root *root, struct mf_apply *a);
void mf_apply_recover(struct mf_folder *f, struct mf_root *root, struct mf_apply *a);
/** Content of @p row into a new file at @p path with mode @p mode, mtime set, closed; fstat and hash on request. */
mf_code mf_fetch_content(struct mf_folder *f, struct mf_root *root, const mf_snap_row *row, const char *path,
	uint32_t mode, bool sync, mf_stat *st, uint8_t sha[32], const mf_cancel *cancel, mf_err *err);

#endif
