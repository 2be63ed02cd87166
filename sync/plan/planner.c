/* The decision table of docs/planner.md, line by line. */
#include "sync/plan/planner_impl.h"

void
mf_planning_act(struct mf_planning *p, enum mf_act act, mf_sid sid, const char *why)
{
	p->out->act = act;
	p->out->sid = sid;
	p->out->why = why;
}

void
mf_planning_out_sid(struct mf_planning *p, mf_sid s)
{
	mf_plan *o = p->out;

	for (size_t i = 0; i < o->n_sids; i++)
		if (o->sids[i] == s)
			return;
	if (o->n_sids < MF_PLAN_MAX_SIDS)
		o->sids[o->n_sids++] = s;
}

void
mf_planning_out_absorbed(struct mf_planning *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (mf_rel_absorbs(p->cand[i].rel))
			mf_planning_out_sid(p, p->cand[i].sid);
}

/* ---- P4 -------------------------------------------------------------------------------------------------------- */

static bool
moves_us(enum mf_relation rel)
{
	return rel == MF_REL_NEWER || rel == MF_REL_LOSES;
}

static bool
overtaken(struct mf_planning *p, size_t i)
{
	for (size_t k = 0; k < p->n; k++)
		if (k != i && moves_us(p->cand[k].rel) &&
			moves_us(mf_rel_relate(&p->c, p->cand[i].sid, p->cand[k].sid)))
			return true;
	return false;
}

/* The best of those that nobody overtakes.  The order of moves has no circle among real histories; should
 * one be made up, the best of all is taken. */
static const struct mf_cand *
best_mover(struct mf_planning *p)
{
	const struct mf_cand *best = NULL, *any = NULL;

	for (size_t i = 0; i < p->n; i++) {
		const struct mf_cand *k = &p->cand[i];
		if (!moves_us(k->rel))
			continue;
		if (any == NULL || mf_rel_better(&p->c, k->sid, any->sid))
			any = k;
		if ((best == NULL || mf_rel_better(&p->c, k->sid, best->sid)) && !overtaken(p, i))
			best = k;
	}
	return best != NULL ? best : any;
}

void
mf_planning_replace(struct mf_planning *p, enum mf_act act, mf_sid r, const char *why)
{
	if (p->f->local == MF_LOCAL_OTHER && (r == MF_SID_NONE || !mf_rel_get(&p->c, r)->content.deletion))
		mf_planning_act(p, MF_ACT_REPORT, r, "something that is not a file is in the way");
	else
		mf_planning_act(p, act, r, why);
}

static void
snapshot_local(struct mf_planning *p, mf_sid first, const char *why)
{
	if (first != MF_SID_NONE)
		mf_planning_out_sid(p, first);
	for (size_t i = 0; i < p->f->n_known; i++) /* settled while it could not be published */
		mf_planning_out_sid(p, p->f->known[i]);
	mf_planning_out_absorbed(p);
	mf_planning_act(p, MF_ACT_SNAPSHOT_LOCAL, MF_SID_NONE, why);
}

static bool
move(struct mf_planning *p)
{
	const struct mf_cand *r = best_mover(p);

	if (r == NULL)
		return false;
	if (r->rel == MF_REL_NEWER && mf_planning_disk_is(p, r->sid)) {
		mf_planning_act(p, MF_ACT_ADOPT, r->sid, "they are ahead, and the bytes are here already");
	} else if (r->rel == MF_REL_NEWER) {
		mf_planning_replace(p, MF_ACT_TAKE, r->sid, "they are ahead");
	} else if (p->x != MF_SID_X) {
		mf_planning_out_sid(p, p->x);
		mf_planning_out_sid(p, r->sid);
		mf_planning_replace(p, MF_ACT_TAKE_MERGE, r->sid, "their content, and a record of both histories");
	} else if (!p->conflicted) {
		snapshot_local(p, p->e, "our change goes into the history before theirs is taken");
	} else {
		return false;
	}
	return true;
}

/* ---- P5 -------------------------------------------------------------------------------------------------------- */

static bool
unpublished(const struct mf_planning *p)
{
	return p->x == MF_SID_X || (p->f->n_pending > 0 && p->self != p->x);
}

static bool
yield_to_twin(struct mf_planning *p)
{
	mf_sid t = MF_SID_NONE;

	for (size_t i = 0; i < p->n; i++)
		if (p->cand[i].rel == MF_REL_TWIN && (t == MF_SID_NONE || mf_rel_better(&p->c, p->cand[i].sid, t)))
			t = p->cand[i].sid;
	if (t == MF_SID_NONE)
		return false;
	if (!(unpublished(p) && mf_planning_allowed(p, t)) && !mf_rel_better(&p->c, t, p->x))
		return false;
	mf_planning_act(p, MF_ACT_ADOPT, t, "the same change was made twice");
	return true;
}

/* ---- P6 to P8, P12 --------------------------------------------------------------------------------------------- */

static bool
conflicts_with_own_entry(const struct mf_planning *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->cand[i].conf && p->cand[i].sid == p->self)
			return true;
	return false;
}

static bool
record_edit(struct mf_planning *p)
{
	if (p->x != MF_SID_X || p->conflicted || conflicts_with_own_entry(p))
		return false;
	snapshot_local(p, p->e, "the disk differs from what was last known");
	return true;
}

static bool
publish(struct mf_planning *p)
{
	if (p->f->n_pending == 0)
		return false;
	if (p->self == p->e) {
		mf_planning_act(p, MF_ACT_RECORD_PUBLISHED, p->e, "our directory shows it");
		return true;
	}
	enum mf_relation own = p->self == MF_SID_NONE ? MF_REL_OLDER : mf_rel_relate(&p->c, p->e, p->self);
	if (own != MF_REL_OLDER && own != MF_REL_TWIN)
		return false;
	mf_planning_act(p, MF_ACT_PUBLISH, p->e, "our directory is behind");
	return true;
}

static bool
merge(struct mf_planning *p)
{
	bool any = false;

	for (size_t i = 0; i < p->n; i++)
		any |= mf_rel_absorbs(p->cand[i].rel);
	if (p->x == MF_SID_X || !any)
		return false;
	snapshot_local(p, p->x, "a merge: our content, and a record of both histories");
	return true;
}

static bool
link_base(struct mf_planning *p)
{
	mf_sid base = p->f->base;

	if (p->f->n_pending > 0 || base == MF_SID_NONE || base == p->self)
		return false;
	enum mf_relation own = p->self == MF_SID_NONE ? MF_REL_OLDER : mf_rel_relate(&p->c, base, p->self);
	if (own != MF_REL_OLDER && !(own == MF_REL_TWIN && mf_rel_better(&p->c, base, p->self)))
		return false;
	mf_planning_act(p, MF_ACT_LINK, base, "our directory does not show what we have");
	return true;
}

/* ---- the whole table ------------------------------------------------------------------------------------------- */

static void
nothing_to_do(struct mf_planning *p)
{
	mf_planning_act(p, MF_ACT_NOTHING, MF_SID_NONE, "nothing to do");
}

/* P0 to P3: what comes before any comparison.  @return true: decided. */
static bool
before_comparing(struct mf_planning *p)
{
	const mf_facts *f = p->f;
	bool own_read = f->policy == MF_READ_ONLY;

	if (f->local == MF_LOCAL_ROOT_GONE || f->local == MF_LOCAL_UNREADABLE) {
		mf_planning_act(p, MF_ACT_NOTHING, MF_SID_NONE,
			f->local == MF_LOCAL_ROOT_GONE ? "the folder itself is gone" : "the file cannot be read");
		return true;
	}
	if (f->local == MF_LOCAL_UNSETTLED)
		return true;
	if (f->intent) {
		mf_planning_act(p, MF_ACT_CONTINUE_APPLY, MF_SID_NONE, "a replacement was under way");
		return true;
	}
	if (mf_planning_closing(p))
		return true;
	for (size_t i = 0; i < f->n_heads; i++) {
		own_read |= f->heads[i].self && f->heads[i].kind != MF_HEAD_UNREAD;
		if (f->heads[i].self && f->heads[i].kind == MF_HEAD_CAP)
			p->self = f->heads[i].sid;
	}
	return !own_read;
}

static void
compare(struct mf_planning *p)
{
	bool writes = p->f->policy == MF_READ_WRITE;

	mf_planning_fill(p);
	if (p->c.ask || move(p) || yield_to_twin(p))
		return;
	if (writes && (record_edit(p) || publish(p) || merge(p)))
		return;
	if (mf_planning_record_conflicts(p) || mf_planning_choice(p) || mf_planning_markers(p) ||
		mf_planning_resolve(p))
		return;
	if (writes)
		(void)link_base(p);
}

void
mf_plan_path(const mf_history *h, const mf_facts *facts, mf_plan *out)
{
	struct mf_planning p = {
		.c = {.h = h}, .f = facts, .out = out, .e = MF_SID_NONE, .x = MF_SID_NONE, .self = MF_SID_NONE};

	*out = (mf_plan){.sid = MF_SID_NONE, .base_after = MF_SID_NONE};
	for (size_t i = 0; i < facts->n_rows; i++)
		p.conflicted |= facts->rows[i].state == MF_ROW_OPEN;
	out->conflicted = p.conflicted;
	nothing_to_do(&p);
	if (!before_comparing(&p))
		compare(&p);
	if (p.c.ask) {
		out->n_sids = out->n_known_after = 0;
		out->base_after = MF_SID_NONE;
		mf_planning_act(&p, MF_ACT_NEED_CONTENT, p.c.ask_sid, "whether two contents are equal decides");
	}
	mf_planning_deinit(&p);
}
