/* The invariants (docs/planner.md, "What is checked"). */
#include "tests/sync/model_check.h"

static mw_value
value_of(const struct mw *w, mf_sid s)
{
	return s == MF_SID_NONE ? MW_ABSENT : w->snap[s]->value;
}

static mf_sid
newest(const struct mw_peer *p)
{
	return p->db.n_pending > 0 ? p->db.pending[p->db.n_pending - 1] : p->db.base;
}

static bool
conflicted(const struct mw_peer *p)
{
	return p->db.n_rows > 0;
}

/* Can all of the work be one person's, and be seen to be?  One Python's touch of another's bytes cannot: the hash
 * of what lies in the past is not fetched (1.1). */
static bool
single_actor(const struct mw_run *run)
{
	unsigned pythons = 0;

	for (size_t i = 0; i < run->w->n; i++)
		pythons += run->w->peer[i].kind == MW_PYTHON;
	return pythons < 2 && (run->actors & (run->actors - 1)) == 0;
}

/* ---- nobody's work is lost ------------------------------------------------------------------------------------- */

static bool
visible(const struct mw *w, mw_value v)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct mw_peer *p = &w->peer[i];
		if (p->p == v)
			return true;
		for (size_t k = 0; k < p->n_markers; k++)
			if (p->marker[k].value == v)
				return true;
		for (size_t k = 0; k < p->n_released; k++)
			if (p->released[k] == v)
				return true;
	}
	return false;
}

static void
check_nothing_lost(struct mw_run *run)
{
	for (mw_value v = 1; v <= run->values; v++)
		if (run->replaced[v] == 0 && !visible(run->w, v))
			mw_break(run->w, "v%u, which nobody gave up, is nowhere to be seen", v);
}

/* ---- each by itself -------------------------------------------------------------------------------------------- */

static void
check_rows(struct mw_run *run, const struct mw_peer *p)
{
	struct mw *w = run->w;
	bool clean = newest(p) != MF_SID_NONE && p->p == value_of(w, newest(p));

	for (size_t i = 0; i < p->db.n_rows; i++) {
		const struct mw_row *r = &p->db.row[i];
		if (r->closing || !r->written)
			mw_break(w, "%s: the row of slot %s is not finished", p->name, r->slot);
		if (value_of(w, r->sid) == MW_ABSENT)
			mw_break(w, "%s: slot %s is a conflict with a deletion", p->name, r->slot);
		if (!clean)
			continue;
		enum mf_relation rel = mf_relate(&w->history, newest(p), r->sid);
		if (rel == MF_REL_SAME || rel == MF_REL_OLDER)
			mw_break(w, "%s: slot %s shows what is covered, %s", p->name, r->slot, mw_text(w, r->sid));
	}
	if (conflicted(p) && single_actor(run) && (run->may & MW_MAY_RESTORE) == 0)
		mw_break(w, "%s: a conflict, with one person at work", p->name);
}

static void
check_own(struct mw_run *run, const struct mw_peer *p)
{
	struct mw *w = run->w;

	if (p->kind == MW_PYTHON)
		return;
	if (p->db.intent.id != 0)
		mw_break(w, "%s: an intent is left", p->name);
	check_rows(run, p);
	if (p->kind != MW_WRITER || (conflicted(p) && (run->may & MW_MAY_RESTORE) != 0))
		return;
	if (p->db.n_pending > 0)
		mw_break(w, "%s: something is left to publish", p->name);
	if (p->entry != p->db.base)
		mw_break(w, "%s: own entry %s is not base %s", p->name, mw_text(w, p->entry), mw_text(w, p->db.base));
	if (!conflicted(p) && p->p != value_of(w, p->db.base))
		mw_break(w, "%s: p is not what base says", p->name);
}

/* ---- all together ---------------------------------------------------------------------------------------------- */

static bool
had(const struct mw *w, mf_sid side, mw_value v)
{
	for (mf_sid s = 0; s < w->n_snaps; s++)
		if (w->snap[s]->value == v && mf_is_ancestor(&w->history, s, side))
			return true;
	return false;
}

/* While conflicted the user has edited p, and @p e is a deletion, or one side has bytes that the other had and
 * left: p will give way to @p e, or a merge take it up, as soon as the user has decided. */
static bool
will_merge(const struct mw *w, const struct mw_peer *p, mf_sid e)
{
	mf_sid base = newest(p);

	return conflicted(p) && p->p != value_of(w, base) &&
		(value_of(w, e) == MW_ABSENT || had(w, e, p->p) ||
			(base != MF_SID_NONE && had(w, base, value_of(w, e))));
}

/* Is version @p e, which somebody shows, accounted for at @p p: known, in a row, or behind one that is? */
static bool
accounted_for(const struct mw *w, const struct mw_peer *p, mf_sid e)
{
	const mf_history *h = &w->history;
	enum mf_relation rel = newest(p) == MF_SID_NONE ? MF_REL_NEWER : mf_relate(h, newest(p), e);

	if (rel == MF_REL_SAME || rel == MF_REL_OLDER || rel == MF_REL_TWIN)
		return true;
	for (size_t i = 0; i < p->db.n_rows; i++) {
		rel = mf_relate(h, e, p->db.row[i].sid);
		if (rel == MF_REL_SAME || rel == MF_REL_NEWER || rel == MF_REL_TWIN)
			return true;
	}
	for (size_t i = 0; i < w->n; i++) {
		if (p->head_kind[i] != MF_HEAD_CAP || p->head[i] == e)
			continue;
		rel = mf_relate(h, e, p->head[i]);
		if (rel == MF_REL_NEWER)
			return true;
	}
	return false;
}

static void
check_agreement(struct mw_run *run)
{
	struct mw *w = run->w;
	bool quarrel = false;

	for (size_t i = 0; i < w->n; i++)
		quarrel |= conflicted(&w->peer[i]) || w->peer[i].python != MW_PY_OK;
	for (size_t i = 0; i < w->n; i++) {
		struct mw_peer *p = &w->peer[i];
		if (p->kind != MW_WRITER)
			continue;
		for (size_t k = 0; k < w->n; k++) {
			mf_sid e = w->peer[k].entry;
			if (k == i || w->peer[k].left || w->peer[k].kind == MW_READER || e == p->entry)
				continue;
			if (!quarrel && !p->left)
				mw_break(w, "no conflict, but %s shows %s and %s shows %s", p->name,
					mw_text(w, p->entry), w->peer[k].name, mw_text(w, e));
			if (e != MF_SID_NONE && !accounted_for(w, p, e) && !will_merge(w, p, e))
				mw_break(w, "%s has no row for %s of %s", p->name, mw_text(w, e), w->peer[k].name);
		}
	}
}

/* What a person replaced with open eyes comes back neither as a conflict nor as the final content. */
static void
check_nothing_returns(struct mw_run *run)
{
	struct mw *w = run->w;
	unsigned weak = MW_MAY_COPY | MW_MAY_MARKERS | MW_MAY_RESTORE | MW_MAY_LEAVE | MW_MAY_POWER_CUT;

	if ((run->may & weak) != 0)
		return;
	unsigned writers = 0; /* what a reader replaces, it replaces for itself */
	for (size_t i = 0; i < w->n; i++) {
		if (w->peer[i].kind == MW_PYTHON)
			return;
		writers |= w->peer[i].kind == MW_WRITER ? 1u << i : 0;
	}
	for (size_t i = 0; i < w->n; i++) {
		const struct mw_peer *p = &w->peer[i];
		for (size_t k = 0; k < p->db.n_rows; k++) {
			mf_sid r = p->db.row[k].sid;
			/* Known residue: each side had the other's bytes and left them. */
			bool mutual = p->db.base != MF_SID_NONE && had(w, r, value_of(w, p->db.base)) &&
				had(w, p->db.base, value_of(w, r));
			if ((run->replaced[value_of(w, r)] & writers) >> i & 1 && !mutual)
				mw_break(w, "%s replaced v%u and has it as a conflict", p->name, value_of(w, r));
		}
		if (p->p != MW_ABSENT && (run->replaced[p->p] & writers) != 0 && !conflicted(p))
			mw_break(w, "v%u, which was replaced, is back at %s", p->p, p->name);
	}
}

void
mw_check_rest(struct mw_run *run)
{
	for (size_t i = 0; i < run->w->n; i++)
		check_own(run, &run->w->peer[i]);
	check_agreement(run);
	check_nothing_lost(run);
	check_nothing_returns(run);
}
