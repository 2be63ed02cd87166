/** @file
 * A participant that behaves on the grid as the Python program does: snapshots and directories without anything of
 * ours, entry names mangled, one write of its directory for each file, deletions as snapshots without content, touches
 * published like edits; nobody's extra keys are read.  What descends from its own it takes over and links; anything
 * else, and whatever it would have to overwrite that is not as it left it, is a conflict that only a person who edits
 * the database ends (python_mend()); a deletion in conflict stops its polling until it is started again.
 * Source: datamodel-and-sync.md 1 to 5.  Of its faults (7 there) these are played: B1, B11 to B14.
 *
 * Its operations are each done at once and never fail: the trouble is at the others. */
#ifndef MF_TESTS_SIM_PYTHON_H
#define MF_TESTS_SIM_PYTHON_H

#include "cast.h"

struct python_row;

struct python {
	struct member m; /* its host, name and directory; no folder runs */
	mf_dirwrite dir;
	uint8_t seed[32], key[32];
	struct python_row *row; /* its table current_snapshots */
	size_t n_row;
	bool hung; /* polls no more */
	size_t published, applied, conflicts;
};

/** Joins and is added by the admin. */
void python_join(struct python *py, struct cast *c, const char *name);
void python_scan(struct python *py);
/** Read everybody's directory, from the @p first participant on. */
void python_poll(struct python *py, size_t first);
/** How thoroughly a user mends it. */
enum python_mend {
	PYTHON_UNSTICK, /* conflicts go out of the database */
	PYTHON_FORGET,  /* so does all that is known of those paths, and the files are moved away: theirs come anew */
};
/** Its user does that, removes the conflict files and starts it again. */
void python_mend(struct python *py, enum python_mend how);
/** Is there anything for which it waits for that? */
bool python_is_stuck(const struct python *py);
void python_end(struct python *py);

#endif
