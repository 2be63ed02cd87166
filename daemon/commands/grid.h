/** @file
 * The verbs of `magic-folder grid`, one table entry each. */
#ifndef MF_DAEMON_COMMANDS_GRID_H
#define MF_DAEMON_COMMANDS_GRID_H

#include "daemon/cli.h"

/** One call: what the verbs get. */
struct mf_grid_call {
	struct mf_cli *cli;
	const mf_args *args;
	mf_grid_conf conf;    /**< secret; wiped once the grid is open */
	struct mf_grid *grid; /**< open while the verb runs */
	const char *url;      /**< its URL, lent */
};

struct mf_grid_verb {
	const char *name, *words, *summary, *about;
	const mf_option *options;
	int min_words, max_words;
	int (*prepare)(struct mf_grid_call *c); /**< may change c->conf; NULL: nothing to prepare */
	int (*run)(struct mf_grid_call *c);
};

extern const struct mf_grid_verb mf_grid_put, mf_grid_get, mf_grid_ls, mf_grid_mkdir, mf_grid_ln, mf_grid_info,
	mf_grid_check_verb, mf_grid_gc;

#endif
