/* A folder's databases: chains of snapshots, in index.sqlite. */
#include "sync/state/chain.h"

#include <stdlib.h>

/* ---- writing ------------------------------------------------------------------------------------------------ */

mf_code
mf_state_spot(struct mf_state *s, const char *cap, struct mf_spot *out, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_SNAP_SPOT, &q, err);

	*out = (struct mf_spot){0};
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, cap);
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK && row) {
		out->id = sqlite3_column_int64(q, 0);
		out->chain = sqlite3_column_int64(q, 1);
		out->depth = (uint32_t)sqlite3_column_int64(q, 2);
		out->flags = sqlite3_column_int(q, 3);
		if (out->chain == 0)
			out->chain = out->id;
	}
	mf_db_reset(q);
	return rc == MF_OK && !row ? MF_ENOTFOUND : rc;
}

size_t
mf_state_chain_follow(const struct mf_spot *parent, size_t n)
{
	size_t best = n;

	for (size_t i = 0; i < n; i++)
		if (best == n || parent[i].depth > parent[best].depth)
			best = i;
	return best < n && (parent[best].flags & MF_SNAP_CONTINUED) == 0 ? best : n;
}

static mf_code
run_ids(struct mf_state *s, enum state_query which, const int64_t *v, size_t n, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, which, &q, err);

	if (rc != MF_OK)
		return rc;
	for (size_t i = 0; i < n; i++)
		mf_bind_int(q, (int)i + 1, v[i]);
	return mf_state_run(q, NULL, err);
}

static mf_code
note_parent(struct mf_state *s, const struct mf_spot *p, bool followed, mf_err *err)
{
	int flags = MF_SNAP_PAST | (followed ? MF_SNAP_CONTINUED : 0);
	mf_code rc = MF_OK;

	if ((p->flags & flags) != flags)
		rc = run_ids(s, QUERY_SNAP_FLAG, (int64_t[]){p->id, flags}, 2, err);
	if (rc == MF_OK && (p->flags & MF_SNAP_PAST) == 0)
		rc = run_ids(s, QUERY_PAST_ADD, &p->id, 1, err);
	return rc;
}

mf_code
mf_state_chain_note(struct mf_state *s, const struct mf_spot *child, const struct mf_spot *parent, size_t n,
	size_t follows, mf_err *err)
{
	mf_code rc = MF_OK;

	for (size_t i = 0; i < n && rc == MF_OK; i++) {
		rc = note_parent(s, &parent[i], i == follows, err);
		if (rc == MF_OK && i != follows)
			rc = run_ids(s, QUERY_EXIT_ADD,
				(int64_t[]){child->chain, child->depth, parent[i].chain, parent[i].depth}, 4, err);
	}
	return rc;
}

mf_code
mf_state_chain_sha(struct mf_state *s, int64_t id, mf_err *err)
{
	return run_ids(s, QUERY_PAST_ADD_LATE, &id, 1, err);
}

/* ---- ancestors ----------------------------------------------------------------------------------------------- */

/* How deep each chain was reached; open-addressed, power of two, at most half full; chain 0 = free. */
struct reach {
	struct reached {
		int64_t chain;
		uint32_t depth;
	} * v;
	size_t n, cap;
};

static struct reached *
reach_slot(const struct reach *r, int64_t chain)
{
	size_t i = (size_t)(((uint64_t)chain * 0x9e3779b97f4a7c15u) >> 32) & (r->cap - 1);

	while (r->v[i].chain != 0 && r->v[i].chain != chain)
		i = (i + 1) & (r->cap - 1);
	return &r->v[i];
}

/* The place of @p chain; its own chain is 0 if it is new, and the caller sets it. */
static struct reached *
reach_at(struct reach *r, int64_t chain)
{
	if ((r->n + 1) * 2 > r->cap) {
		struct reach old = *r;
		r->cap = old.cap == 0 ? 16 : old.cap * 2;
		r->v = mf_alloc(r->cap * sizeof(*r->v));
		for (size_t i = 0; i < old.cap; i++)
			if (old.v[i].chain != 0)
				*reach_slot(r, old.v[i].chain) = old.v[i];
		free(old.v);
	}
	return reach_slot(r, chain);
}

struct todo {
	struct reached *v;
	size_t n, cap;
};

static void
todo_push(struct todo *t, int64_t chain, uint32_t depth)
{
	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 16 : t->cap * 2;
		t->v = mf_realloc_array(t->v, t->cap, sizeof(*t->v));
	}
	t->v[t->n++] = (struct reached){chain, depth};
}

/* What leaves @p chain above @p over and not above @p upto, and is at least as deep as @p floor. */
static mf_code
push_exits(
	struct mf_state *s, int64_t chain, int64_t over, uint32_t upto, uint32_t floor, struct todo *todo, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_EXIT_EACH, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_bind_int(q, 1, chain);
	mf_bind_int(q, 2, over);
	mf_bind_int(q, 3, upto);
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		uint32_t depth = (uint32_t)sqlite3_column_int64(q, 1);
		s->exits_read++;
		if (depth >= floor)
			todo_push(todo, sqlite3_column_int64(q, 0), depth);
	}
	mf_db_reset(q);
	return rc;
}

static mf_code
is_ancestor(struct mf_state *s, const struct mf_spot *a, const struct mf_spot *of, bool *yes, mf_err *err)
{
	struct reach reach = {0};
	struct todo todo = {0};
	mf_code rc = MF_OK;

	*yes = false;
	todo_push(&todo, of->chain, of->depth);
	while (rc == MF_OK && !*yes && todo.n > 0) {
		struct reached x = todo.v[--todo.n];
		if (x.chain == a->chain) {
			*yes = x.depth >= a->depth;
			continue; /* whatever is below a in its own chain does not lead up to it */
		}
		if (x.depth <= a->depth)
			continue;
		struct reached *r = reach_at(&reach, x.chain);
		int64_t over = a->depth;
		if (r->chain != 0) {
			if (r->depth >= x.depth)
				continue;
			over = r->depth;
		} else {
			reach.n++;
		}
		*r = x;
		rc = push_exits(s, x.chain, over, x.depth, a->depth, &todo, err);
	}
	free(todo.v);
	free(reach.v);
	return rc;
}

mf_code
mf_state_snap_ancestor(struct mf_state *s, const char *anc, const char *of, bool *yes, mf_err *err)
{
	struct mf_spot a, b;
	mf_code rc = mf_state_spot(s, anc, &a, err);

	*yes = false;
	if (rc == MF_OK)
		rc = mf_state_spot(s, of, &b, err);
	return rc != MF_OK ? rc : is_ancestor(s, &a, &b, yes, err);
}

/* ---- the same content in the past ------------------------------------------------------------------------------ */

struct alike {
	struct mf_spot *v;
	size_t n, cap;
};

/* Those with a child that have the content, deepest first.  What has no child is in nobody's past but its own. */
static mf_code
read_alike(struct mf_state *s, const mf_snap_alike *what, struct alike *out, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_PAST_ALIKE, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, what->relpath);
	mf_bind_int(q, 2, what->deletion);
	mf_db_bind_text(q, 3, what->deletion ? NULL : what->content);
	if (!what->deletion && what->has_sha)
		mf_db_bind_blob(q, 4, what->sha, sizeof(what->sha));
	mf_bind_int(q, 5, (int64_t)what->size);
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		if (out->n == out->cap) {
			out->cap = out->cap == 0 ? 16 : out->cap * 2;
			out->v = mf_realloc_array(out->v, out->cap, sizeof(*out->v));
		}
		out->v[out->n++] = (struct mf_spot){.id = sqlite3_column_int64(q, 0),
			.chain = sqlite3_column_int64(q, 1),
			.depth = (uint32_t)sqlite3_column_int64(q, 2)};
	}
	mf_db_reset(q);
	return rc;
}

/* Is @p z in the past of one of @p of? */
static mf_code
below_any(struct mf_state *s, const struct mf_spot *z, const struct mf_spot *of, size_t n, bool *yes, mf_err *err)
{
	mf_code rc = MF_OK;

	*yes = false;
	for (size_t i = 0; i < n && !*yes; i++) /* the cheap answer first: there may be thousands of z */
		*yes = of[i].chain == z->chain && of[i].depth >= z->depth;
	for (size_t i = 0; i < n && !*yes && rc == MF_OK; i++)
		rc = is_ancestor(s, z, &of[i], yes, err);
	return rc;
}

static mf_code
cap_of(struct mf_state *s, int64_t id, mf_immdir *out, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_SNAP_CAP, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_bind_int(q, 1, id);
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK && row)
		rc = mf_column_cap(q, 0, out->text, err);
	else if (rc == MF_OK)
		rc = mf_fail(err, MF_EFORMAT, 0, "index.sqlite: a snapshot's row is missing");
	mf_db_reset(q);
	return rc;
}

static mf_code
spots_of(struct mf_state *s, const char *const *cap, size_t n, struct mf_spot *out, mf_err *err)
{
	mf_code rc = MF_OK;

	for (size_t i = 0; i < n && rc == MF_OK; i++)
		rc = mf_state_spot(s, cap[i], &out[i], err);
	return rc;
}

mf_code
mf_state_snap_beyond(struct mf_state *s, const mf_snap_alike *what, const char *const *x, size_t n_x, const char *y,
	size_t most, mf_immdir **out, size_t *n, mf_err *err)
{
	struct mf_spot *xs = mf_alloc((n_x + 1) * sizeof(*xs)), of_y, *found = NULL;
	struct alike a = {0};
	mf_code rc = spots_of(s, x, n_x, xs, err);

	*out = NULL;
	*n = 0;
	if (rc == MF_OK)
		rc = mf_state_spot(s, y, &of_y, err);
	if (rc == MF_OK)
		rc = read_alike(s, what, &a, err);
	if (rc == MF_OK)
		found = mf_alloc((a.n + 1) * sizeof(*found));
	for (size_t i = 0; i < a.n && rc == MF_OK && *n < most; i++) {
		bool known = false, in_y = false;
		rc = below_any(s, &a.v[i], found, *n, &known, err);
		if (rc == MF_OK && !known)
			rc = below_any(s, &a.v[i], xs, n_x, &known, err);
		if (rc == MF_OK && !known)
			rc = is_ancestor(s, &a.v[i], &of_y, &in_y, err);
		if (rc != MF_OK || !in_y)
			continue;
		*out = mf_realloc_array(*out, *n + 1, sizeof(**out));
		found[*n] = a.v[i];
		rc = cap_of(s, a.v[i].id, &(*out)[(*n)++], err);
	}
	free(xs);
	free(a.v);
	free(found);
	if (rc != MF_OK) {
		free(*out);
		*out = NULL;
		*n = 0;
	}
	return rc;
}

uint64_t
mf_state_exits_read(const struct mf_state *s)
{
	return s->exits_read;
}
