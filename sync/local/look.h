/** @file
 * One look at a file: what the loop (look.c) and the worker (look_file.c) share. */
#ifndef MF_SYNC_LOCAL_LOOK_H
#define MF_SYNC_LOCAL_LOOK_H

#include "sync/engine.h"

enum { MF_STASH_NAME = 13 };
enum { MF_LOOK_SMALL = 1 << 20 }; /* bytes: what the quick pool reads at once; more is work for the other */

/* Everything one look needs and finds; owned by the worker while it runs. */
struct look {
	struct mf_task task;
	struct mf_path *p; /* loop only */
	struct mf_root *root;
	unsigned root_generation;
	uint64_t dev;   /* that it is to be on */
	bool other_dev; /* found on another */
	char *relpath;
	bool want_hash, want_snapshot, parents_given;
	bool no_deletion; /* none is stored ahead of its decision */
	enum mf_writing writing;
	bool has_size, size_rested; /* it had this size at the last look, and for long enough */
	uint64_t size_seen;
	bool has_was;
	mf_filecap was; /* what the file was under its former name: most likely still is */
	mf_pathstate e_state;
	bool e_has_sha, e_is_file, e_has_executable, e_executable;
	uint64_t e_size;
	uint8_t e_sha[32];
	mf_immdir e;          /* empty: none */
	mf_filecap e_content; /* empty: not known */
	bool e_proved;        /* its content is what was read, by the hashes on the grid */
	mf_immdir *parents;
	size_t n_parents;
	/* of the stash (stash.h) */
	bool waits;          /* e_* say what the newest version in it is, not E */
	bool may_stash;      /* what the grid does not take is copied there */
	bool stash_now;      /* the grid is not asked */
	bool stash_bit;      /* a change of the executable bit alone goes there */
	bool sweeping;       /* nothing could be copied just now */
	uint64_t stash_used; /* bytes in it */
	/* found */
	struct mf_seen seen;
	bool same_content; /* bytes are E's although the stat is not */
	bool too_big;      /* for the quick pool */
	bool growing;      /* open for writing, and its size is not what it was */
	mf_snap_row *made;
	bool grid_failed;            /* the grid did not take it */
	char stashed[MF_STASH_NAME]; /* name of the copy in the stash; empty: none */
	mf_err stash_err;            /* why there is none */
	int64_t took_ns;
	struct mf_mark *mark;
	size_t n_mark;
};

/** Is the owner's executable bit as recorded? */
bool mf_look_same_bit(const struct look *l);
bool mf_look_same_stat(const mf_stat *a, const mf_stat *b);
/** [worker] */
mf_code mf_look_work(struct mf_task *t, const mf_cancel *cancel);

#endif
