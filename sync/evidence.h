/** @file
 * Is a folder up to date?  Said only on evidence, never from the absence of work alone (design 2.5.15).  Pure. */
#ifndef MF_SYNC_EVIDENCE_H
#define MF_SYNC_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mf_sync_state {
	MF_SYNC_UP_TO_DATE, /**< what is here is what was last seen there, and the other way round */
	MF_SYNC_SYNCING,    /**< something is on its way */
	MF_SYNC_WAITING,    /**< for something that comes by itself, or for somebody else */
	MF_SYNC_PROBLEM,    /**< the user should know */
	MF_SYNC_PAUSED,     /**< as the user wanted */
};

/** What is known.  Each "finished" means: began after the last doubt and ended well.  The disk is in doubt after the
 *  start, when watch events were lost or the directory was away; a change that an event told of is under work
 *  instead.  The grid is in doubt after the start and after each failure to read or write a directory there. */
typedef struct mf_evidence {
	bool paused;
	uint64_t asking; /**< deletions that wait for the user's word */
	uint64_t errors;
	bool watching;      /**< every directory has a watch */
	bool database_busy; /**< another program holds the database for more than 2 s */
	bool in_collective;
	bool scan_finished, poll_finished;
	bool poll_failed;        /**< the last one did */
	bool poll_stale;         /**< the last one that ended well is too long ago */
	uint64_t up, down;       /**< snapshots to be linked, versions to be applied */
	uint64_t under_work;     /**< paths looked at, planned, fetched, waiting to be tried again; with up and down */
	const char *first_error; /**< sentence of the newest error, or NULL */
	const char *first_about; /**< what it is about, as people know it, or NULL: the folder */
} mf_evidence;

enum { MF_SAY_MAX = 256 };
/** The state, and in @p say the rest of the sentence "up to date", "syncing: ...", "waiting for ...",
 *  "problem: ...", "paused"; the whole of it, for people. */
enum mf_sync_state mf_evidence_judge(const mf_evidence *e, char say[MF_SAY_MAX]);
/** For programs: "up-to-date", "syncing", "waiting", "problem", "paused". */
const char *mf_sync_state_name(enum mf_sync_state s);

#endif
