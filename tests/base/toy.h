/** @file
 * A small program above struct mf_env that uses a timer, a job, files, a watch and a database: it runs under
 * the real environment and the simulated one, and must do the same under both. */
#ifndef MF_TESTS_BASE_TOY_H
#define MF_TESTS_BASE_TOY_H

#include "base/env.h"

struct toy {
	/* given */
	struct mf_env *env;
	struct mf_root *root;
	const char *db_path; /* absolute */
	/* found */
	int finished; /* nonzero: the job is done and its file was seen to arrive */
	mf_code rc;
	mf_err err;
	int created, closed, arrived; /* in this order */
	unsigned ticks, jobs_done;
	bool canceled_ran;
	uint64_t size, began_ms, took_ms;
	int64_t mtime_ns;
	struct mf_timer *timer;
	struct mf_watch *watch;
	sqlite3 *db;
};

mf_code toy_start(struct toy *t);
void toy_stop(struct toy *t);

#endif
