/* The lines of the table about conflict rows and marker files: P2, P9, P10, P11. */
#include "sync/plan/planner_impl.h"

/* The row next in slot order after slot @p after (NULL: the first) that is in @p state. */
static const mf_row *
next_row(const struct mf_planning *p, enum mf_row_state state, const mf_row *after)
{
	const mf_row *best = NULL;

	for (size_t i = 0; i < p->f->n_rows; i++) {
		const mf_row *r = &p->f->rows[i];
		if (r->state == state && (after == NULL || mf_str_cmp(r->slot, after->slot) > 0) &&
			(best == NULL || mf_str_cmp(r->slot, best->slot) < 0))
			best = r;
	}
	return best;
}

static void
act_on_row(struct mf_planning *p, const mf_row *r, enum mf_act act, const char *why)
{
	mf_planning_act(p, act, r->sid, why);
	p->out->row = (size_t)(r - p->f->rows);
}

static bool
holds_what_we_wrote(const mf_row *r)
{
	return r->has_marker_content && mf_content_equal(&r->marker_now, &r->marker_content) == MF_EQUAL_YES;
}

bool
mf_planning_closing(struct mf_planning *p)
{
	const mf_row *r = next_row(p, MF_ROW_CLOSING, NULL);

	if (r == NULL)
		return false;
	if (r->marker == MF_MARKER_ABSENT)
		act_on_row(p, r, MF_ACT_DROP_ROW, "the conflict is over");
	else if (holds_what_we_wrote(r))
		act_on_row(p, r, MF_ACT_REMOVE_MARKER, "the conflict is over");
	else
		act_on_row(p, r, MF_ACT_RELEASE_MARKER, "the marker was edited: it is the user's file now");
	return true;
}

/* ---- P9 -------------------------------------------------------------------------------------------------------- */

static const mf_row *
open_row_of(const struct mf_planning *p, mf_sid s)
{
	for (size_t i = 0; i < p->f->n_rows; i++)
		if (p->f->rows[i].state == MF_ROW_OPEN && p->f->rows[i].sid == s)
			return &p->f->rows[i];
	return NULL;
}

static mf_str
slot_name(const struct mf_planning *p, mf_sid s)
{
	const mf_row *r = open_row_of(p, s);
	const mf_head *best = NULL;

	if (r != NULL)
		return r->slot;
	for (size_t i = 0; i < p->f->n_heads; i++) {
		const mf_head *h = &p->f->heads[i];
		if (h->kind != MF_HEAD_CAP || h->sid != s)
			continue;
		if (best == NULL || (best->self && !h->self) ||
			(best->self == h->self && mf_str_cmp(h->participant, best->participant) < 0))
			best = h;
	}
	return best->participant; /* a candidate is a row's or a head's */
}

static void
out_slot(struct mf_planning *p, mf_sid s)
{
	p->out->slots[p->out->n_sids] = slot_name(p, s);
	p->out->sids[p->out->n_sids++] = s;
}

bool
mf_planning_record_conflicts(struct mf_planning *p)
{
	mf_plan *o = p->out;
	size_t open = 0, kept = 0;

	/* Those that have a row come first: where places are short, rows do not change hands. */
	for (size_t i = 0; i < p->n; i++)
		if (p->cand[i].conf && open_row_of(p, p->cand[i].sid) != NULL && o->n_sids < MF_PLAN_MAX_ROWS)
			out_slot(p, p->cand[i].sid);
	kept = o->n_sids;
	for (size_t i = 0; i < p->n; i++)
		if (p->cand[i].conf && open_row_of(p, p->cand[i].sid) == NULL && o->n_sids < MF_PLAN_MAX_ROWS)
			out_slot(p, p->cand[i].sid);
	for (size_t i = 0; i < p->f->n_rows; i++)
		open += p->f->rows[i].state == MF_ROW_OPEN;
	if (open == kept && kept == o->n_sids) {
		o->n_sids = 0;
		return false;
	}
	mf_planning_act(p, MF_ACT_RECORD_CONFLICTS, MF_SID_NONE, "the set of versions in conflict changed");
	return true;
}

/* ---- P10 ------------------------------------------------------------------------------------------------------- */

bool
mf_planning_markers(struct mf_planning *p)
{
	const mf_row *r = next_row(p, MF_ROW_OPEN, NULL);

	while (r != NULL && r->marker_written)
		r = next_row(p, MF_ROW_OPEN, r);
	if (r == NULL)
		return false;
	if (r->marker == MF_MARKER_ABSENT) {
		act_on_row(p, r, MF_ACT_WRITE_MARKER, "the other version goes beside ours");
		return true;
	}
	/* A marker whose hash the caller could not give is not asked for: it is taken for the user's. */
	mf_content now = r->marker_now;
	now.sha_unobtainable |= !now.has_sha;
	if (mf_rel_equal_or_ask(&p->c, &now, r->sid, &mf_rel_get(&p->c, r->sid)->content, r->sid))
		act_on_row(p, r, MF_ACT_MARKER_DONE, "the marker is there");
	else if (holds_what_we_wrote(r))
		act_on_row(p, r, MF_ACT_WRITE_MARKER, "the other version has changed");
	else
		act_on_row(p, r, MF_ACT_RELEASE_MARKER, "the marker was edited: it is the user's file now");
	return true;
}

/* ---- P11 ------------------------------------------------------------------------------------------------------- */

static void
known_add(struct mf_planning *p, mf_sid base, mf_sid s)
{
	mf_plan *o = p->out;
	size_t kept = 0;

	if (base != MF_SID_NONE && mf_rel_ancestor(&p->c, s, base))
		return;
	for (size_t i = 0; i < o->n_known_after; i++)
		if (mf_rel_ancestor(&p->c, s, o->known_after[i]))
			return;
	for (size_t i = 0; i < o->n_known_after; i++)
		if (!mf_rel_ancestor(&p->c, o->known_after[i], s))
			o->known_after[kept++] = o->known_after[i];
	o->n_known_after = kept;
	if (kept < MF_PLAN_MAX_SIDS)
		o->known_after[o->n_known_after++] = s;
}

/* Nothing can be published: remember what the user has settled.  Rows come before what was known, for
 * the case that places are short.  Where Base moves to a row's version, the old one is one more that was settled. */
static void
known_settled(struct mf_planning *p, mf_sid base)
{
	for (const mf_row *r = NULL; (r = next_row(p, MF_ROW_OPEN, r)) != NULL;)
		known_add(p, base, r->sid);
	if (p->out->base_after != MF_SID_NONE && p->f->base != MF_SID_NONE)
		known_add(p, base, p->f->base);
	for (size_t i = 0; i < p->f->n_known; i++)
		known_add(p, base, p->f->known[i]);
}

/* A row with p's bytes is no conflict and was closed by P9; only where that could not be seen before may one be left,
 * and then it is what the user chose. */
static void
settle_locally(struct mf_planning *p)
{
	mf_sid base = p->f->base;

	for (const mf_row *r = NULL; (r = next_row(p, MF_ROW_OPEN, r)) != NULL;)
		if (mf_planning_disk_is(p, r->sid) &&
			(p->out->base_after == MF_SID_NONE || mf_rel_better(&p->c, r->sid, base)))
			base = p->out->base_after = r->sid;
	known_settled(p, base);
	mf_planning_act(p, MF_ACT_RESOLVE, MF_SID_NONE, "settled here: the folder is read-only");
}

/* The parents of a resolution. */
static void
out_settled(struct mf_planning *p)
{
	if (p->e != MF_SID_NONE)
		mf_planning_out_sid(p, p->e);
	for (size_t i = 0; i < p->f->n_known; i++)
		mf_planning_out_sid(p, p->f->known[i]);
	for (const mf_row *r = NULL; (r = next_row(p, MF_ROW_OPEN, r)) != NULL;)
		mf_planning_out_sid(p, r->sid);
	mf_planning_out_absorbed(p);
}

bool
mf_planning_choice(struct mf_planning *p)
{
	const mf_facts *f = p->f;
	bool mine = f->choice == MF_CHOICE_MINE, reader = f->policy == MF_READ_ONLY;
	mf_sid sid = f->choice == MF_CHOICE_VERSION ? f->choice_sid : MF_SID_NONE;

	if (f->choice == MF_CHOICE_NONE || !p->conflicted)
		return false;
	if (reader && mine) {
		settle_locally(p);
	} else if (reader) {
		p->out->base_after = sid;
		known_settled(p, sid);
		mf_planning_replace(p, MF_ACT_RESOLVE_WITH, sid, "decided here: the folder is read-only");
	} else {
		out_settled(p);
		mf_planning_replace(p, mine ? MF_ACT_RESOLVE : MF_ACT_RESOLVE_WITH, sid, "a person has decided");
	}
	return true;
}

static bool
look_is_p(struct mf_planning *p)
{
	mf_content look = p->f->look;

	if (!p->f->has_look)
		return false;
	look.deletion = p->f->look_absent;
	look.sha_unobtainable |= !look.has_sha; /* the next look will have one */
	return mf_rel_equal_or_ask(&p->c, &look, MF_SID_X, &p->disk, MF_SID_X);
}

bool
mf_planning_resolve(struct mf_planning *p)
{
	if (!p->conflicted)
		return false;
	for (const mf_row *r = NULL; (r = next_row(p, MF_ROW_OPEN, r)) != NULL;)
		if (r->marker != MF_MARKER_ABSENT)
			return false;
	if (!look_is_p(p)) {
		mf_planning_act(p, MF_ACT_LOOK_AGAIN, MF_SID_NONE, "the markers are gone: is that a decision?");
		return true;
	}
	if (p->f->policy == MF_READ_ONLY) {
		settle_locally(p);
		return true;
	}
	out_settled(p);
	mf_planning_act(p, MF_ACT_RESOLVE, MF_SID_NONE, "the markers were removed: what is here is the decision");
	return true;
}
