/** @file
 * One walk over the tree: what the loop (scan.c) and the worker (walk.c) share. */
#ifndef MF_SYNC_WALK_H
#define MF_SYNC_WALK_H

#include "sync/engine.h"

enum walk_mode {
	WALK_FIRST, /* directories only, before anything else: they get their watches, leftovers are swept */
	WALK_FULL,  /* everything, compared with what we know */
	WALK_BELOW, /* every file below one directory */
	WALK_ONE,   /* every file in one directory */
};

struct known {
	char *relpath;
	mf_pathstate ps;
	bool seen;
};

struct list {
	char **s;
	size_t n, cap;
};

struct walk {
	struct mf_task task;
	enum walk_mode mode;
	struct mf_root *root;
	struct known *known; /* sorted by bytes */
	size_t n_known, cap_known;
	struct list keep;   /* temporary names that intents need */
	struct list todo;   /* directories to list: a stack */
	struct list dirs;   /* directories listed */
	struct list differ; /* files to look at */
	struct list young;  /* the same, but written a moment ago */
	struct list bad;    /* unreadable directories, and odd names: path, sentence, path, ... */
	bool root_gone, no_sweep;
	size_t expected, missing;
	size_t all_missing; /* not one of this many known files is there: not believed */
	const char *here;   /* directory being listed */
	int64_t now_ns;
};

/** [worker] */
mf_code mf_walk_work(struct mf_task *t, const mf_cancel *cancel);
void mf_walk_free(struct walk *w);
void mf_walk_add(struct list *l, const char *s); /**< a copy */

#endif
