/** @file
 * Inside a path's step (decide.c): snapshots made for it (made.c), and what is recorded of it (record.c).  On the loop,
 * in a turn; failures to write are the turn's. */
#ifndef MF_SYNC_DECIDE_H
#define MF_SYNC_DECIDE_H

#include "sync/engine.h"

/* made.c */

bool mf_disk_executable(const struct mf_path *p);
/** Does what the last look found hold the content of E? */
bool mf_disk_is_e(const struct mf_path *p, struct mf_gathered *g);
/** A snapshot with the bytes of @p content, NULL = a deletion, and the plan's parents; on the heap. */
mf_snap_row *mf_made_proto(
	struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, const mf_snap_row *content);
/** Are the plan's parents those of @p made, in their order? */
bool mf_made_has_parents(struct mf_gathered *g, const mf_snap_row *made, const mf_plan *plan);
/** Have p->made be a snapshot of the disk with the plan's parents. @return true if it is ready; else @p p waits. */
bool mf_made_need(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan);
/** p->made is the newest pending one from now on, in the databases and in @p g. @p merge: it settles a conflict. */
mf_code mf_made_store(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, bool merge, mf_err *err);

/* record.c */

/** Write Base (and the disk that agrees with it). @p took_ns: to store it; -1 = it was not stored by us. */
mf_code mf_record_base(struct mf_folder *f, struct mf_path *p, const mf_snap_row *row, const mf_pathstate *state,
	bool executable, int64_t took_ns, mf_err *err);

/** The executable bit is no part of what the planner compares (design 2.5.8).  Adopting @p sid whose bit differs: is
 *  it followed?  Where ours is simply older it is; between equals, true wins. */
bool mf_bit_is_theirs(const struct mf_path *p, struct mf_gathered *g, mf_sid sid);
/** Is there nothing to do but for the bit, which the user changed? */
bool mf_bit_is_news(const struct mf_path *p, struct mf_gathered *g, const mf_plan *plan);
/** What lies here is @p sid: it becomes Base, and nothing is pending. */
mf_code mf_record_adopted(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_sid sid, mf_err *err);
/** E is linked: it becomes Base, and nothing is pending. */
mf_code mf_record_published(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_err *err);
/** A conflict in a read-only folder is settled: by Base and the versions known from now on, not by a snapshot. */
mf_code mf_record_read_only(
	struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, mf_err *err);

#endif
