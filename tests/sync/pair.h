/** @file
 * Two (or more) devices in one process: real environment, embedded store, folders in temporary directories.
 * For tests of the engine as a whole. */
#ifndef MF_TESTS_SYNC_PAIR_H
#define MF_TESTS_SYNC_PAIR_H

#include <uv.h>

#include "sync/folder.h"

enum { PAIR_MAX = 4 };

struct device {
	struct world *w;
	char name[16], dir[256], state[256];
	struct mf_folder *folder;
	unsigned errors; /* events */
	char last_error[256];
	bool closed;
};

struct world {
	uv_loop_t loop;
	struct mf_env *env;
	struct mf_grid *grid;
	char base[128];
	struct device dev[PAIR_MAX];
	size_t n;
	bool env_closed;
};

/** Temporary directory, store, @p n devices that share one folder; nothing started. */
void world_open(struct world *w, size_t n);
void world_start(struct world *w, size_t i);
void world_stop(struct world *w, size_t i);
/** Everything is closed and freed; the temporary directory is removed. */
void world_close(struct world *w);

void put_file(struct world *w, size_t i, const char *rel, const void *p, size_t n);
void put_text(struct world *w, size_t i, const char *rel, const char *text);
/** Runs the loop until @p rel on device @p i has exactly @p text (NULL: is absent). @return false after 20 s. */
bool wait_text(struct world *w, size_t i, const char *rel, const char *text);
bool wait_for(struct world *w, bool (*is)(struct world *w, void *arg), void *arg, unsigned ms);
void run_for(struct world *w, unsigned ms);
char *path_of(struct world *w, size_t i, const char *rel); /* static buffer */
/** Blocking scan and poll of device @p i. */
mf_code scan_now(struct world *w, size_t i);
mf_code poll_now(struct world *w, size_t i);

#endif
