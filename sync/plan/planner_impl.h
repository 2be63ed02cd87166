/** @file
 * Inside the planner: what is worked out about a path before the table is read line by line. */
#ifndef MF_SYNC_PLAN_PLANNER_IMPL_H
#define MF_SYNC_PLAN_PLANNER_IMPL_H

#include "sync/plan/planner.h"
#include "sync/plan/relation.h"

struct mf_cand {
	mf_sid sid;
	enum mf_relation rel; /* of X to it, adjusted */
	bool conf;            /* in the reduced conflict set */
};

/* Everything here dies with the call. */
struct mf_planning {
	struct mf_rel c;
	const mf_facts *f;
	mf_plan *out;
	mf_sid e;        /* last of pending, else base, else MF_SID_NONE */
	mf_sid x;        /* "ours": MF_SID_NONE, e, or MF_SID_X */
	mf_sid self;     /* what our own directory shows, MF_SID_NONE: nothing */
	bool conflicted; /* there is an OPEN row */
	bool dirty;      /* the disk differs from E */
	mf_content disk; /* absent, and things that are no files, are deletions */
	struct mf_sids x_parents;
	struct mf_cand *cand; /* ordered by cap, each once */
	size_t n;
};

/** Fill in everything but f and out.  Stops early, void, when c.ask gets set. */
void mf_planning_fill(struct mf_planning *p);
void mf_planning_deinit(struct mf_planning *p);
/** May Base move to @p r: does it lie upward? */
bool mf_planning_allowed(const struct mf_planning *p, mf_sid r);
/** Does the disk hold @p s?  Asks if unknown. */
bool mf_planning_disk_is(struct mf_planning *p, mf_sid s);

static inline bool
mf_rel_absorbs(enum mf_relation rel)
{
	return rel == MF_REL_EQUAL || rel == MF_REL_WINS;
}

/** planner_rows.c: the parts of the table about rows and markers.  @return whether the line applies (or asks). */
bool mf_planning_closing(struct mf_planning *p);          /* P2 */
bool mf_planning_record_conflicts(struct mf_planning *p); /* P9 */
bool mf_planning_markers(struct mf_planning *p);          /* P10 */
bool mf_planning_choice(struct mf_planning *p);           /* P9a */
bool mf_planning_resolve(struct mf_planning *p);          /* P11 */

/** Decide on an action. */
void mf_planning_act(struct mf_planning *p, enum mf_act act, mf_sid sid, const char *why);
/** The same for an action that writes p: reports what is in the way if p is no file.  @p r: what it will be; MF_SID_NONE:
 *  other bytes. */
void mf_planning_replace(struct mf_planning *p, enum mf_act act, mf_sid r, const char *why);
/** Append to out->sids unless it is there already. */
void mf_planning_out_sid(struct mf_planning *p, mf_sid s);
/** Append all that is absorbed. */
void mf_planning_out_absorbed(struct mf_planning *p);

#endif
