/** @file
 * One look at the grid: what the loop (poll.c) and the worker (poll_read.c) share. */
#ifndef MF_SYNC_REMOTE_POLL_H
#define MF_SYNC_REMOTE_POLL_H

#include "sync/engine.h"

/* One directory to read, and what was found. */
struct target {
	char *name;
	mf_dirread dir;
	mf_dirver known, seen;
	bool use_known, unchanged, is_self;
	mf_listing listing;
	mf_err err;
};

struct mf_poll {
	struct mf_task task;
	mf_dirread collective, self;
	bool want_self;
	mf_dirver known_collective, seen_collective, seen_self;
	bool use_known, collective_unchanged;
	mf_listing people; /* the Collective, if it changed */
	struct target *target;
	size_t n, cap;
	bool arrived;
	bool taken_in; /* the results are with the folder */
	bool good;
};

/** One more directory to read; lent until the next call.  @p name is copied. */
struct target *mf_poll_target(struct mf_poll *p, mf_str name, const mf_dirread *dir);
/** [worker] Read the Collective, then the directory of each participant, newcomers' too, and ours if it is wanted.
 *  @return what became of the Collective; what became of each directory is in its target. */
mf_code mf_poll_work(struct mf_task *t, const mf_cancel *cancel);

#endif
