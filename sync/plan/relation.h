/** @file
 * Inside the planner: relations between snapshots (docs/planner.md, "Relations"), with room for the
 * virtual snapshot X.
 *
 * One struct mf_rel serves one call of the planner: it remembers what was worked out about pairs and is
 * freed before the call returns.  Nothing here recurses; walks over histories go by depth, so that only
 * the parts two snapshots do not share are looked at.
 */
#ifndef MF_SYNC_PLAN_RELATION_H
#define MF_SYNC_PLAN_RELATION_H

#include "sync/plan/planner.h"

/** The snapshot not made yet: content on disk, parents E and Known. */
#define MF_SID_X ((mf_sid)0xfffffffeu)

struct mf_rel_memo; /* (x, y) -> yes or no */

struct mf_rel {
	const mf_history *h;
	mf_snap x;                   /* meant by MF_SID_X */
	struct mf_rel_memo *memo[2]; /* covered, covered* */
	uint64_t work;               /* snapshots visited by covered() and stale() so far */
	bool deaf;                   /* nobody would answer: what is unknown counts as different */
	bool ask;                    /* an equality that decides is not known ... */
	mf_sid ask_sid;              /* ... for want of this one's hash; MF_SID_NONE: the disk's */
};

/** How many visits covered() and stale() may spend in one call of the planner.  A history made to be
 *  expensive gets "not covered", "not stale" beyond it: a conflict too many, never a loss. */
enum { MF_REL_WORK_MAX = 1 << 20 };
/** How many snapshots a walk visits before it asks the index instead, where there is one. */
enum { MF_REL_NEAR = 32 };

void mf_rel_deinit(struct mf_rel *c);
const mf_snap *mf_rel_get(const struct mf_rel *c, mf_sid s);
/** Only what is known: an unknown equality counts as different.  For rules that look into history. */
bool mf_rel_same_content(const struct mf_rel *c, mf_sid a, mf_sid b);
/** The same for contents that decide: if unknown, c->ask is set.  @p of_a, @p of_b: whose they are, to name
 *  the hash that is missing (MF_SID_NONE or MF_SID_X: the disk). */
bool mf_rel_equal_or_ask(struct mf_rel *c, const mf_content *a, mf_sid of_a, const mf_content *b, mf_sid of_b);
bool mf_rel_ancestor(const struct mf_rel *c, mf_sid anc, mf_sid of); /* equality counts */
bool mf_rel_better(const struct mf_rel *c, mf_sid a, mf_sid b);

enum mf_cover { MF_COVER_PLAIN, MF_COVER_STAR };
/** "Nothing x did is unknown to y."  May ask for the hash of @p x. */
bool mf_rel_covered(struct mf_rel *c, mf_sid x, mf_sid y, enum mf_cover kind);
/** "x's content is no news to y's side." */
bool mf_rel_stale(struct mf_rel *c, mf_sid x, mf_sid y);
/** The table without adjustments; @p x may be MF_SID_NONE.  May set c->ask: then the answer is void. */
enum mf_relation mf_rel_relate(struct mf_rel *c, mf_sid x, mf_sid r);

/* ---- walks (relation_walk.c) ------------------------------------------------------------------------------ */

struct mf_sids {
	mf_sid *v;
	size_t n, cap;
};
void mf_sids_add(struct mf_sids *l, mf_sid s);

enum mf_rel_want { MF_REL_ALL, MF_REL_ONE };
/** Those with @p x's content among the ancestors of @p y (itself included) that are not ancestors of @p x;
 *  of several in one line only the newest: whatever an older one covers, the newest covers as well. */
void mf_rel_same_beyond(struct mf_rel *c, mf_sid x, mf_sid y, enum mf_rel_want want, struct mf_sids *out);

bool mf_rel_memo_get(const struct mf_rel_memo *m, mf_sid x, mf_sid y, bool *value);
void mf_rel_memo_put(struct mf_rel_memo **m, mf_sid x, mf_sid y, bool value);
void mf_rel_memo_free(struct mf_rel_memo *m);

#endif
