/** @file
 * What the planner is told of a path, and what is recorded of its conflicts (facts.c, rows.c, marker.c). */
#ifndef MF_SYNC_FACTS_H
#define MF_SYNC_FACTS_H

#include "sync/plan/planner.h"
#include "sync/state/state.h"

struct mf_folder;
struct mf_path;
struct mf_gathered;

/* rows.c, in a turn */

/** Make the OPEN rows what the plan says: caps no longer in it are CLOSING, new ones get a slot and a marker. */
mf_code mf_rows_record(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, mf_err *err);
/** The marker of this row is on disk. */
mf_code mf_rows_written(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, size_t row, mf_err *err);
mf_code mf_rows_drop(struct mf_folder *f, struct mf_path *p, const mf_conflict *c, mf_err *err);
/** All rows are settled: those without a marker go, the others are CLOSING. */
mf_code mf_rows_settled(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_err *err);
/** What was written as a marker, but not recorded, is recorded as ours. */
mf_code mf_rows_own(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_err *err);
/** OPEN rows of these versions are CLOSING. */
mf_code mf_rows_close(struct mf_folder *f, const char *relpath, const mf_immdir *cap, size_t n, mf_err *err);

/** marker.c */
const char *mf_marker_owner(struct mf_folder *f, const char *path);
mf_code mf_markers_load(struct mf_folder *f, mf_err *err);
void mf_marker_note(struct mf_folder *f, const char *path, const char *owner);
void mf_marker_forget(struct mf_folder *f, const char *path);
char *mf_marker_of(const char *relpath, const mf_conflict *c); /* heap */
/** Facts about markers: blocking stats and hashes are done by the look task. */
enum mf_marker_do { MF_MARKER_WRITE, MF_MARKER_REMOVE, MF_MARKER_RELEASE };
void mf_marker_start(
	struct mf_folder *f, struct mf_path *p, enum mf_marker_do what, const mf_conflict *c, const mf_snap_row *snap);

/** facts.c: everything the planner wants to know; *out is freed by mf_facts_free(). */
mf_code mf_facts_gather(struct mf_folder *f, struct mf_path *p, struct mf_gathered **out, mf_err *err);
void mf_facts_free(struct mf_gathered *g);
/** The databases were just written, in this turn: @p g says the same without reading them again.
 *  @p added: the newest pending; @p put: Base, with nothing pending any more. */
void mf_facts_pending_added(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_pending *added);
void mf_facts_base_put(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_path_row *put);
/** A snapshot of the history, loaded from the index when the planner first asks for it. */
struct mf_node {
	char cap[MF_CAP_MAX];
	mf_snap snap;
	mf_snap_row row;
	mf_sid *parents;
	bool loaded;
	bool missing; /* not in the index: must not happen; plan nothing */
};
struct mf_gathered {
	mf_history history;
	mf_facts facts;
	struct mf_folder *f;
	struct mf_node **node; /* by sid; nodes stay where they are */
	size_t n, size;
	uint32_t *bucket; /* open-addressed: sid + 1 by hash of the capability */
	size_t n_bucket;
	bool broken; /* a snapshot is missing from the index; err: or could not be read */
	mf_err err;
	bool has_path;
	mf_path_row path;
	mf_pending *pending;
	size_t n_pending;
	mf_conflict *conflict;
	size_t n_conflict;
	mf_head_row *head;
	size_t n_head;
	mf_immdir *known;
	size_t n_known;
	bool has_intent;
	mf_intent intent;
	mf_sid *pending_sid, *known_sid;
	mf_head *heads;
	mf_row *rows;
	mf_sid e;             /* last pending, else base, else MF_SID_NONE */
	mf_pathstate e_state; /* the disk when it agreed with E */
};
mf_sid mf_facts_sid(struct mf_gathered *g, const char *cap);
const mf_snap_row *mf_facts_row(struct mf_gathered *g, mf_sid sid);

#endif
