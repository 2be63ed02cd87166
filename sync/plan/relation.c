/* How two snapshots of a file relate. */
#include "sync/plan/relation.h"

#include <stdlib.h>

/* ---- contents -------------------------------------------------------------------------------------------------- */

enum mf_equal
mf_content_equal(const mf_content *a, const mf_content *b)
{
	if (a->deletion || b->deletion)
		return a->deletion == b->deletion ? MF_EQUAL_YES : MF_EQUAL_NO;
	if (a->cap.n > 0 && mf_str_eq(a->cap, b->cap))
		return MF_EQUAL_YES;
	if (a->size != b->size)
		return MF_EQUAL_NO;
	if (a->has_sha && b->has_sha)
		return memcmp(a->sha, b->sha, sizeof(a->sha)) == 0 ? MF_EQUAL_YES : MF_EQUAL_NO;
	if ((!a->has_sha && a->sha_unobtainable) || (!b->has_sha && b->sha_unobtainable))
		return MF_EQUAL_NO;
	return MF_EQUAL_UNKNOWN;
}

const mf_snap *
mf_rel_get(const struct mf_rel *c, mf_sid s)
{
	return s == MF_SID_X ? &c->x : c->h->get(c->h->arg, s);
}

bool
mf_rel_same_content(const struct mf_rel *c, mf_sid a, mf_sid b)
{
	return mf_content_equal(&mf_rel_get(c, a)->content, &mf_rel_get(c, b)->content) == MF_EQUAL_YES;
}

bool
mf_rel_equal_or_ask(struct mf_rel *c, const mf_content *a, mf_sid of_a, const mf_content *b, mf_sid of_b)
{
	enum mf_equal eq = mf_content_equal(a, b);

	if (eq == MF_EQUAL_UNKNOWN && !c->ask && !c->deaf) {
		mf_sid who = a->has_sha ? of_b : of_a;
		c->ask = true;
		c->ask_sid = who == MF_SID_X ? MF_SID_NONE : who;
	}
	return eq == MF_EQUAL_YES;
}

/* ---- covered --------------------------------------------------------------------------------------------------- */

/* x is covered by y if x is in y's history, or if for one of the alternatives all parents of x are covered by
 * that alternative.  Alternatives are y itself, if x changed nothing, else those on y's side that made the
 * same change.  The questions that this leads to are kept on a stack of our own. */
struct question {
	mf_sid x, y;
	bool begun;
	size_t i_alt, i_parent;
	struct mf_sids alt;
};

struct stack {
	struct question *v;
	size_t n, cap;
};

static void
push(struct stack *s, mf_sid x, mf_sid y)
{
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 8 : s->cap * 2;
		s->v = mf_realloc_array(s->v, s->cap, sizeof(*s->v));
	}
	s->v[s->n++] = (struct question){.x = x, .y = y};
}

static bool
is_deletion(const struct mf_rel *c, mf_sid s)
{
	return mf_rel_get(c, s)->content.deletion;
}

/* A touch, or a merge of ours: one parent has the content, the others are deletions. */
static bool
changed_nothing(const struct mf_rel *c, mf_sid x)
{
	const mf_snap *s = mf_rel_get(c, x);
	bool same = false;

	for (size_t i = 0; i < s->n_parents; i++) {
		if (mf_rel_same_content(c, s->parents[i], x))
			same = true;
		else if (!is_deletion(c, s->parents[i]))
			return false;
	}
	return same;
}

/* @return whether the question is answered already; then *value is the answer. */
static bool
begin(struct mf_rel *c, struct question *q, enum mf_cover kind, bool *value)
{
	q->begun = true;
	if (mf_rel_memo_get(c->memo[kind], q->x, q->y, value))
		return true;
	*value = mf_rel_ancestor(c, q->x, q->y);
	if (*value || c->ask || c->work++ >= MF_REL_WORK_MAX)
		return true;
	if (changed_nothing(c, q->x) || (kind == MF_COVER_STAR && is_deletion(c, q->x)))
		mf_sids_add(&q->alt, q->y);
	else
		mf_rel_same_beyond(c, q->x, q->y, MF_REL_ALL, &q->alt);
	return false;
}

static void
add_once(struct mf_sids *l, mf_sid s)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i] == s)
			return;
	mf_sids_add(l, s);
}

/* Python's touch of somebody else's bytes has another capability than its parent, and no hash.  It is worth
 * a look if it is the snapshot in question, or a touch of that: then it is the same content that is fetched. */
static void
ask_for_touch(struct mf_rel *c, mf_sid x, mf_sid y)
{
	struct mf_sids walk = {0};

	mf_sids_add(&walk, x);
	for (size_t i = 0; i < walk.n && !c->ask && c->work++ < MF_REL_WORK_MAX; i++) {
		const mf_snap *s = mf_rel_get(c, walk.v[i]);
		if (s->content.deletion || mf_rel_ancestor(c, walk.v[i], y))
			continue;
		for (size_t k = 0; k < s->n_parents; k++) {
			const mf_content *before = &mf_rel_get(c, s->parents[k])->content;
			if (mf_content_equal(&s->content, before) == MF_EQUAL_YES)
				add_once(&walk, s->parents[k]);
			else if (!s->content.has_sha)
				(void)mf_rel_equal_or_ask(c, &s->content, walk.v[i], before, s->parents[k]);
		}
	}
	free(walk.v);
}

bool
mf_rel_covered(struct mf_rel *c, mf_sid x, mf_sid y, enum mf_cover kind)
{
	struct stack s = {0};
	bool value = false;

	ask_for_touch(c, x, y);
	push(&s, x, y);
	while (s.n > 0) {
		struct question *q = &s.v[s.n - 1];
		bool answered = false;
		if (!q->begun) {
			answered = begin(c, q, kind, &value);
		} else if (value) {
			q->i_parent++;
		} else {
			q->i_alt++;
			q->i_parent = 0;
		}
		const mf_snap *snap = mf_rel_get(c, q->x);
		if (!answered && q->i_alt < q->alt.n && q->i_parent < snap->n_parents) {
			push(&s, snap->parents[q->i_parent], q->alt.v[q->i_alt]);
			continue;
		}
		if (!answered)
			value = q->i_alt < q->alt.n;
		mf_rel_memo_put(&c->memo[kind], q->x, q->y, value);
		free(q->alt.v);
		s.n--;
	}
	free(s.v);
	return value;
}

/* ---- stale ----------------------------------------------------------------------------------------------------- */

static bool
all_parents_deletions(const struct mf_rel *c, const mf_snap *x)
{
	for (size_t i = 0; i < x->n_parents; i++)
		if (!is_deletion(c, x->parents[i]))
			return false;
	return true;
}

static bool
known_beyond(struct mf_rel *c, mf_sid x, mf_sid y)
{
	struct mf_sids found = {0};

	if (mf_rel_ancestor(c, x, y))
		return true;
	if (is_deletion(c, x))
		return false;
	mf_rel_same_beyond(c, x, y, MF_REL_ONE, &found);
	free(found.v);
	return found.n > 0;
}

bool
mf_rel_stale(struct mf_rel *c, mf_sid x, mf_sid y)
{
	/* Those passed stay in the list, so that none is visited twice; it is as long as content was left
	 * alone in one stretch. */
	struct mf_sids walk = {0};
	bool yes = false;

	mf_sids_add(&walk, x);
	for (size_t i = 0; !yes && i < walk.n && c->work < MF_REL_WORK_MAX; i++) {
		mf_sid s = walk.v[i];
		const mf_snap *snap = mf_rel_get(c, s);
		yes = known_beyond(c, s, y);
		c->work += walk.n;
		if (snap->content.deletion && !all_parents_deletions(c, snap))
			continue;
		for (size_t k = 0; k < snap->n_parents; k++)
			if (mf_rel_same_content(c, snap->parents[k], s))
				add_once(&walk, snap->parents[k]);
	}
	free(walk.v);
	return yes;
}

/* ---- order and relation ------------------------------------------------------------------------------------------ */

bool
mf_rel_better(const struct mf_rel *c, mf_sid a, mf_sid b)
{
	const mf_snap *x = mf_rel_get(c, a), *y = mf_rel_get(c, b);

	if (x->depth != y->depth)
		return x->depth > y->depth;
	if (x->ours_mark != y->ours_mark)
		return !x->ours_mark;
	return mf_str_cmp(x->cap, y->cap) < 0;
}

/* Lines 8 to 12 of the table: neither history is covered by the other, or both are, and the bytes differ. */
static enum mf_relation
relate_different(struct mf_rel *c, mf_sid x, mf_sid r, bool covered_both_ways)
{
	bool x_stale = mf_rel_stale(c, x, r), r_stale = mf_rel_stale(c, r, x);
	bool x_del = is_deletion(c, x), r_del = is_deletion(c, r);
	bool theirs = false;

	if (x_stale != r_stale)
		theirs = x_stale;
	else if (r_del)
		theirs = false;
	else if (x_del)
		theirs = true;
	else
		return MF_REL_CONFLICT;
	if (theirs)
		return covered_both_ways || (x_del && mf_rel_covered(c, x, r, MF_COVER_STAR)) ? MF_REL_NEWER
											      : MF_REL_LOSES;
	return covered_both_ways || (r_del && mf_rel_covered(c, r, x, MF_COVER_STAR)) ? MF_REL_OLDER : MF_REL_WINS;
}

enum mf_relation
mf_rel_relate(struct mf_rel *c, mf_sid x, mf_sid r)
{
	if (x == r)
		return MF_REL_SAME;
	if (x == MF_SID_NONE)
		return MF_REL_NEWER;
	if (mf_rel_ancestor(c, r, x))
		return MF_REL_OLDER;
	if (mf_rel_ancestor(c, x, r))
		return MF_REL_NEWER;
	/* Asked before anything else: without it coverage would take the same change for two. */
	bool equal = mf_rel_equal_or_ask(c, &mf_rel_get(c, x)->content, x, &mf_rel_get(c, r)->content, r);
	bool by_r = mf_rel_covered(c, x, r, MF_COVER_PLAIN), by_x = mf_rel_covered(c, r, x, MF_COVER_PLAIN);
	if (by_r != by_x)
		return by_r ? MF_REL_NEWER : MF_REL_OLDER;
	if (equal)
		return by_r ? MF_REL_TWIN : MF_REL_EQUAL;
	return relate_different(c, x, r, by_r);
}

void
mf_rel_deinit(struct mf_rel *c)
{
	mf_rel_memo_free(c->memo[MF_COVER_PLAIN]);
	mf_rel_memo_free(c->memo[MF_COVER_STAR]);
	c->memo[MF_COVER_PLAIN] = c->memo[MF_COVER_STAR] = NULL;
}

enum mf_relation
mf_relate(const mf_history *h, mf_sid x, mf_sid r)
{
	struct mf_rel c = {.h = h, .deaf = true};
	enum mf_relation rel = mf_rel_relate(&c, x, r);

	mf_rel_deinit(&c);
	return rel;
}

bool
mf_better(const mf_history *h, mf_sid a, mf_sid b)
{
	struct mf_rel c = {.h = h};

	return mf_rel_better(&c, a, b);
}

bool
mf_is_ancestor(const mf_history *h, mf_sid anc, mf_sid of)
{
	struct mf_rel c = {.h = h};

	return mf_rel_ancestor(&c, anc, of);
}
