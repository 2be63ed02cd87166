/* What follows from the facts before the table is read: X, candidates, relations, the conflict set. */
#include "sync/plan/planner_impl.h"

#include <stdlib.h>

bool
mf_planning_disk_is(struct mf_planning *p, mf_sid s)
{
	return mf_rel_equal_or_ask(&p->c, &p->disk, MF_SID_X, &mf_rel_get(&p->c, s)->content, s);
}

/* ---- X --------------------------------------------------------------------------------------------------------- */

static void
make_virtual(struct mf_planning *p)
{
	const mf_facts *f = p->f;
	uint32_t depth = 0;

	if (p->e != MF_SID_NONE)
		mf_sids_add(&p->x_parents, p->e);
	for (size_t i = 0; i < f->n_known; i++)
		if (f->known[i] != p->e)
			mf_sids_add(&p->x_parents, f->known[i]);
	for (size_t i = 0; i < p->x_parents.n; i++) {
		uint32_t d = mf_rel_get(&p->c, p->x_parents.v[i])->depth + 1;
		depth = d > depth ? d : depth;
	}
	p->x = MF_SID_X;
	p->c.x = (mf_snap){.content = p->disk,
		.parents = p->x_parents.v,
		.n_parents = p->x_parents.n,
		.depth = depth,
		.ours_mark = true};
}

static void
find_x(struct mf_planning *p)
{
	const mf_facts *f = p->f;

	p->e = f->n_pending > 0 ? f->pending[f->n_pending - 1] : f->base;
	p->x = MF_SID_NONE;
	p->disk = f->local == MF_LOCAL_FILE ? f->disk : (mf_content){.deletion = true};
	p->dirty = p->e == MF_SID_NONE ? !p->disk.deletion : !mf_planning_disk_is(p, p->e);
	if (p->c.ask)
		return;
	if (f->n_known > 0 || p->dirty)
		make_virtual(p);
	else
		p->x = p->e;
}

/* ---- candidates ------------------------------------------------------------------------------------------------ */

static void
add_candidate(struct mf_planning *p, mf_sid s)
{
	mf_str cap = mf_rel_get(&p->c, s)->cap;
	size_t i = p->n;

	for (size_t k = 0; k < p->n; k++)
		if (p->cand[k].sid == s)
			return;
	for (; i > 0 && mf_str_cmp(mf_rel_get(&p->c, p->cand[i - 1].sid)->cap, cap) > 0; i--)
		p->cand[i] = p->cand[i - 1];
	p->cand[i] = (struct mf_cand){.sid = s};
	p->n++;
}

static void
find_candidates(struct mf_planning *p)
{
	const mf_facts *f = p->f;

	p->cand = mf_realloc_array(NULL, f->n_heads + f->n_rows + 1, sizeof(*p->cand));
	for (size_t i = 0; i < f->n_heads; i++)
		if (f->heads[i].kind == MF_HEAD_CAP && !(f->heads[i].self && f->policy == MF_READ_ONLY))
			add_candidate(p, f->heads[i].sid);
	for (size_t i = 0; i < f->n_rows; i++)
		if (f->rows[i].state == MF_ROW_OPEN)
			add_candidate(p, f->rows[i].sid);
}

bool
mf_planning_allowed(const struct mf_planning *p, mf_sid r)
{
	mf_sid base = p->f->base;

	return base == MF_SID_NONE || mf_rel_ancestor(&p->c, base, r) || mf_rel_better(&p->c, r, base);
}

/* The adjustments to the table, in the order of docs/planner.md. */
static enum mf_relation
adjust(struct mf_planning *p, enum mf_relation rel, mf_sid r)
{
	bool read_only = p->f->policy == MF_READ_ONLY;
	bool missing = p->conflicted && p->x == MF_SID_X && p->disk.deletion;

	if (rel == MF_REL_NEWER && !mf_planning_allowed(p, r))
		rel = read_only ? MF_REL_OLDER : MF_REL_LOSES;
	if (missing && (rel == MF_REL_NEWER || rel == MF_REL_LOSES) && !mf_rel_get(&p->c, r)->content.deletion &&
		!mf_rel_covered(&p->c, MF_SID_X, r, MF_COVER_PLAIN))
		rel = MF_REL_CONFLICT;
	if (!read_only)
		return rel;
	if (rel == MF_REL_LOSES)
		return mf_planning_allowed(p, r) ? MF_REL_NEWER : MF_REL_OLDER;
	return mf_rel_absorbs(rel) ? MF_REL_OLDER : rel;
}

/* ---- the reduced conflict set ---------------------------------------------------------------------------------- */

/* Does candidate @p k make the conflict with @p i superfluous? */
static bool
stands_for(struct mf_planning *p, size_t k, size_t i)
{
	enum mf_relation rel = p->cand[k].rel;

	if (k == i || !(rel == MF_REL_CONFLICT || rel == MF_REL_LOSES || mf_rel_absorbs(rel)))
		return false;
	enum mf_relation between = mf_rel_relate(&p->c, p->cand[i].sid, p->cand[k].sid);
	if (between == MF_REL_TWIN)
		return rel != MF_REL_CONFLICT || mf_rel_better(&p->c, p->cand[k].sid, p->cand[i].sid);
	return between == MF_REL_NEWER;
}

static void
reduce_conflicts(struct mf_planning *p)
{
	for (size_t i = 0; i < p->n; i++) {
		p->cand[i].conf = p->cand[i].rel == MF_REL_CONFLICT;
		for (size_t k = 0; p->cand[i].conf && k < p->n; k++)
			if (stands_for(p, k, i))
				p->cand[i].conf = false;
	}
}

void
mf_planning_fill(struct mf_planning *p)
{
	find_x(p);
	if (p->c.ask)
		return;
	find_candidates(p);
	/* Also what is older in their history may be what is on disk. */
	if (p->n > 0 && p->x == MF_SID_X && !p->disk.deletion && !p->disk.has_sha && !p->disk.sha_unobtainable) {
		p->c.ask = true;
		p->c.ask_sid = MF_SID_NONE;
	}
	for (size_t i = 0; i < p->n && !p->c.ask; i++)
		p->cand[i].rel = adjust(p, mf_rel_relate(&p->c, p->x, p->cand[i].sid), p->cand[i].sid);
	if (!p->c.ask)
		reduce_conflicts(p);
}

void
mf_planning_deinit(struct mf_planning *p)
{
	mf_rel_deinit(&p->c);
	free(p->x_parents.v);
	free(p->cand);
}
