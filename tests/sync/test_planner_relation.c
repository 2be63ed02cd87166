/* Relations of random small histories against the rules written down once more, naively: recursion over sets
 * of ancestors in bit masks.  The planner's walks prune by depth, follow only the newest of a line and
 * remember; none of that may change an answer.  And the relation of r to x must mirror that of x to r. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "sync/plan/relation.h"

enum { MOST = 14, CASES = 20000 };

struct world {
	mf_snap snap[MOST];
	mf_sid parents[MOST][3];
	char cap[MOST][2];
	unsigned anc[MOST]; /* itself included */
	unsigned n;
};

static const mf_snap *
get(void *arg, mf_sid s)
{
	struct world *w = arg;

	return &w->snap[s];
}

static uint64_t state;

static unsigned
below(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

static void
make(struct world *w)
{
	unsigned contents = 1 + below(4);

	*w = (struct world){.n = 2 + below(MOST - 1)};
	for (unsigned i = 0; i < w->n; i++) {
		mf_snap *s = &w->snap[i];
		unsigned content = below(contents + 1);
		w->cap[i][0] = (char)('a' + i);
		*s = (mf_snap){.cap = mf_strz(w->cap[i]),
			.parents = w->parents[i],
			.content = {.deletion = content == 0, .size = 1, .has_sha = below(12) != 0}};
		s->content.sha[0] = (uint8_t)content;
		w->anc[i] = 1u << i;
		for (unsigned k = i == 0 ? 0 : below(4); k > 0; k--) {
			mf_sid p = below(i);
			if ((w->anc[i] >> p & 1) != 0)
				continue; /* parents are no ancestors of each other, mostly */
			w->parents[i][s->n_parents++] = p;
			w->anc[i] |= w->anc[p];
			s->depth = w->snap[p].depth + 1 > s->depth ? w->snap[p].depth + 1 : s->depth;
		}
	}
}

/* ---- the rules, naively ---------------------------------------------------------------------------------------- */

static bool
same(const struct world *w, unsigned a, unsigned b)
{
	return mf_content_equal(&w->snap[a].content, &w->snap[b].content) == MF_EQUAL_YES;
}

static bool
deletion(const struct world *w, unsigned s)
{
	return w->snap[s].content.deletion;
}

static bool covered(const struct world *w, unsigned x, unsigned y, bool star);

static bool
parents_covered(const struct world *w, unsigned x, unsigned y, bool star)
{
	for (size_t i = 0; i < w->snap[x].n_parents; i++)
		if (!covered(w, w->parents[x][i], y, star))
			return false;
	return true;
}

static bool
covered(const struct world *w, unsigned x, unsigned y, bool star)
{
	bool one = false, others = true;

	if ((w->anc[y] >> x & 1) != 0)
		return true;
	for (size_t i = 0; i < w->snap[x].n_parents; i++) {
		one |= same(w, w->parents[x][i], x);
		others &= same(w, w->parents[x][i], x) || deletion(w, w->parents[x][i]);
	}
	if (one && others && parents_covered(w, x, y, star))
		return true;
	if (star && deletion(w, x) && parents_covered(w, x, y, star))
		return true;
	for (unsigned z = 0; z < w->n; z++)
		if ((w->anc[y] >> z & 1) != 0 && (w->anc[x] >> z & 1) == 0 && same(w, z, x) &&
			parents_covered(w, x, z, star))
			return true;
	return false;
}

static bool
stale(const struct world *w, unsigned x, unsigned y)
{
	bool go_on = true;

	if ((w->anc[y] >> x & 1) != 0)
		return true;
	for (unsigned z = 0; z < w->n && !deletion(w, x); z++)
		if ((w->anc[y] >> z & 1) != 0 && (w->anc[x] >> z & 1) == 0 && same(w, z, x))
			return true;
	for (size_t i = 0; i < w->snap[x].n_parents; i++)
		go_on &= !deletion(w, x) || deletion(w, w->parents[x][i]);
	for (size_t i = 0; go_on && i < w->snap[x].n_parents; i++)
		if (same(w, w->parents[x][i], x) && stale(w, w->parents[x][i], y))
			return true;
	return false;
}

static enum mf_relation
relate(const struct world *w, unsigned x, unsigned r)
{
	bool cx = covered(w, x, r, false), cr = covered(w, r, x, false);
	bool sx = stale(w, x, r), sr = stale(w, r, x);

	if (x == r)
		return MF_REL_SAME;
	if ((w->anc[x] >> r & 1) != 0)
		return MF_REL_OLDER;
	if ((w->anc[r] >> x & 1) != 0)
		return MF_REL_NEWER;
	if (cx != cr)
		return cx ? MF_REL_NEWER : MF_REL_OLDER;
	if (same(w, x, r))
		return cx && cr ? MF_REL_TWIN : MF_REL_EQUAL;
	bool theirs = sx != sr ? sx : !deletion(w, r) && deletion(w, x);
	if (sx == sr && !deletion(w, r) && !deletion(w, x))
		return MF_REL_CONFLICT;
	if (theirs)
		return (cx && cr) || (deletion(w, x) && covered(w, x, r, true)) ? MF_REL_NEWER : MF_REL_LOSES;
	return (cx && cr) || (deletion(w, r) && covered(w, r, x, true)) ? MF_REL_OLDER : MF_REL_WINS;
}

static enum mf_relation
mirror(enum mf_relation rel)
{
	switch (rel) {
	case MF_REL_OLDER: return MF_REL_NEWER;
	case MF_REL_NEWER: return MF_REL_OLDER;
	case MF_REL_WINS: return MF_REL_LOSES;
	case MF_REL_LOSES: return MF_REL_WINS;
	default: return rel;
	}
}

Test(planner, relation_is_the_rule_and_its_own_mirror, .timeout = 120)
{
	unsigned seen[MF_REL_CONFLICT + 1] = {0};

	state = 20240917;
	for (unsigned c = 0; c < CASES; c++) {
		uint64_t seed = state;
		struct world w;
		make(&w);
		mf_history h = {.get = get, .arg = &w};
		for (mf_sid x = 0; x < w.n; x++) {
			mf_sid r = below(w.n);
			enum mf_relation got = mf_relate(&h, x, r), want = relate(&w, x, r);
			cr_assert(got == want, "seed %llu: %u to %u is %d, expected %d", (unsigned long long)seed, x, r,
				(int)got, (int)want);
			cr_assert(mf_relate(&h, r, x) == mirror(got), "seed %llu: %u and %u do not mirror",
				(unsigned long long)seed, x, r);
			cr_assert(mf_is_ancestor(&h, x, r) == ((w.anc[r] >> x & 1) != 0));
			cr_assert(x == r || mf_better(&h, x, r) != mf_better(&h, r, x));
			seen[got]++;
		}
	}
	for (unsigned i = 0; i <= MF_REL_CONFLICT; i++)
		cr_assert(seen[i] > 100, "relation %u came up %u times", i, seen[i]);
}

/* ---- long histories -------------------------------------------------------------------------------------------- */

enum { LONG = 20000 };

struct chain {
	mf_snap snap[LONG + 2];
	mf_sid parent[LONG + 2];
	char cap[LONG + 2][12];
	unsigned long visits;
};

static const mf_snap *
chain_get(void *arg, mf_sid s)
{
	struct chain *c = arg;

	c->visits++;
	return &c->snap[s];
}

static void
chain_put(struct chain *c, mf_sid s, mf_sid parent, unsigned content)
{
	uint32_t depth = parent == MF_SID_NONE ? 0 : c->snap[parent].depth + 1;

	c->parent[s] = parent;
	(void)snprintf(c->cap[s], sizeof(c->cap[s]), "%u", s);
	c->snap[s] = (mf_snap){.cap = mf_strz(c->cap[s]),
		.parents = &c->parent[s],
		.n_parents = parent != MF_SID_NONE,
		.depth = depth,
		.content = {.size = 4, .has_sha = true}};
	memcpy(c->snap[s].content.sha, &content, sizeof(content));
}

Test(planner, long_histories_are_looked_at_only_where_they_part, .timeout = 60)
{
	struct chain *c = mf_alloc(sizeof(*c));
	mf_history h = {.get = chain_get, .arg = c};

	for (mf_sid s = 0; s < LONG; s++)
		chain_put(c, s, s == 0 ? MF_SID_NONE : s - 1, s);
	chain_put(c, LONG, LONG - 5, LONG);
	cr_assert(mf_relate(&h, LONG, LONG - 1) == MF_REL_CONFLICT);
	cr_assert(mf_relate(&h, LONG - 5, LONG - 1) == MF_REL_NEWER);
	cr_assert(c->visits < 500, "%lu visits", c->visits);
	c->visits = 0;
	/* An old copy, found in the way: here the whole past counts, once. */
	chain_put(c, LONG + 1, MF_SID_NONE, 3);
	cr_assert(mf_relate(&h, LONG + 1, LONG - 1) == MF_REL_NEWER);
	cr_assert(c->visits < 20ul * LONG, "%lu visits", c->visits);
	free(c);
}

Test(planner, the_same_changes_made_twice_are_matched_in_one_pass, .timeout = 60)
{
	struct chain *c = mf_alloc(sizeof(*c));
	mf_history h = {.get = chain_get, .arg = c};

	/* Two lines that go to and fro between the same two contents, from different roots. */
	for (mf_sid s = 0; s < LONG; s++)
		chain_put(c, s, s < 2 ? MF_SID_NONE : s - 2, s < 2 ? 10 + s : s / 2 % 2);
	cr_assert(mf_relate(&h, LONG - 1, LONG - 2) == MF_REL_EQUAL);
	cr_assert(c->visits < 200ul * LONG, "%lu visits", c->visits);
	c->visits = 0;
	c->snap[1].content = c->snap[0].content;
	cr_assert(mf_relate(&h, LONG - 1, LONG - 2) == MF_REL_TWIN);
	cr_assert(c->visits < 200ul * LONG, "%lu visits", c->visits);
	free(c);
}

Test(planner, when_the_work_is_used_up_nothing_is_covered, .timeout = 10)
{
	struct chain *c = mf_alloc(sizeof(*c));
	mf_history h = {.get = chain_get, .arg = c};

	chain_put(c, 0, MF_SID_NONE, 1);
	chain_put(c, 1, 0, 2);
	chain_put(c, 2, 0, 2);
	struct mf_rel fresh = {.h = &h}, spent = {.h = &h, .work = MF_REL_WORK_MAX};
	cr_assert(mf_rel_relate(&fresh, 1, 2) == MF_REL_TWIN);
	cr_assert(mf_rel_relate(&spent, 1, 2) == MF_REL_EQUAL, "a merge too many, nothing worse");
	cr_assert(mf_rel_relate(&spent, 0, 2) == MF_REL_NEWER, "ancestry does not depend on it");
	cr_assert(!mf_rel_stale(&spent, 1, 2));
	mf_rel_deinit(&fresh);
	mf_rel_deinit(&spent);
	free(c);
}
