/** @file
 * What the folders of all configurations on a store reach, and removing the rest: `magic-folder grid gc`.
 * Blocking; for the command line.  docs/store.md has the rules and the reasons. */
#ifndef MF_DAEMON_GC_H
#define MF_DAEMON_GC_H

#include "daemon/config.h"
#include "grid/gc.h"

enum { MF_GC_GRACE_S = 7 * 86400 };

typedef struct mf_gc_conf {
	struct mf_config *own;  /**< the configuration that asks: counts as a user even if the store does not know it */
	const char *store;      /**< absolute path of the store */
	int64_t keep_history_s; /**< contents of versions replaced longer ago than this may go; -1: none may */
	enum mf_gc_how how;
	bool despite_damage; /**< remove although something could not be read, and so what it leads to is unknown */
	/** Long work goes on; @p done counts what @p phase says. */
	void (*progress)(void *arg, const char *phase, uint64_t done);
	/** Each share that is not reached, bad, or no share. */
	void (*share)(void *arg, const mf_gc_share *one);
	/** One that could not be read, and why; each once. */
	void (*damage)(void *arg, const char *text);
	void *arg;
} mf_gc_conf;

typedef struct mf_gc_result {
	uint64_t shares[MF_GC_FATES], bytes[MF_GC_FATES];
	uint64_t removed, removed_bytes;
	uint64_t damaged;
	size_t configurations;
} mf_gc_result;

/** MF_EUNSUPPORTED: the store is not on this machine; MF_EBUSY: another run, or a database that stays locked;
 *  MF_EAUTH: a configuration that was noted cannot be read, the sentence says which and what to do; MF_EFORMAT:
 *  something is damaged, and nothing was removed for that (how was MF_GC_TAKE; *out is filled). */
mf_code mf_gc_run(struct mf_grid *g, const mf_gc_conf *conf, mf_gc_result *out, mf_err *err);

#endif
