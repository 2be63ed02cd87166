/* Walks over histories, deepest snapshot first, and the memory of a call. */
#include "sync/plan/relation.h"

#include <stdlib.h>

void
mf_sids_add(struct mf_sids *l, mf_sid s)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 16 : l->cap * 2;
		l->v = mf_realloc_array(l->v, l->cap, sizeof(mf_sid));
	}
	l->v[l->n++] = s;
}

/* ---- a table from a number to a small value ---------------------------------------------------------------- */

/* Open addressing, power of two, at most half full; value 0 = free slot. */
struct table {
	uint64_t *key;
	uint8_t *value;
	size_t n, cap;
};

static size_t
slot_of(const struct table *t, uint64_t key)
{
	size_t i = (size_t)((key * 0x9e3779b97f4a7c15u) >> 32) & (t->cap - 1);

	while (t->value[i] != 0 && t->key[i] != key)
		i = (i + 1) & (t->cap - 1);
	return i;
}

static void
table_grow(struct table *t)
{
	struct table old = *t;

	t->cap = old.cap == 0 ? 32 : old.cap * 2;
	t->key = mf_realloc_array(NULL, t->cap, sizeof(*t->key));
	t->value = mf_alloc(t->cap);
	for (size_t i = 0; i < old.cap; i++) {
		if (old.value[i] == 0)
			continue;
		size_t k = slot_of(t, old.key[i]);
		t->key[k] = old.key[i];
		t->value[k] = old.value[i];
	}
	free(old.key);
	free(old.value);
}

/* The value's place, made (as 0) if missing: the caller must set it to something else. */
static uint8_t *
table_at(struct table *t, uint64_t key)
{
	if ((t->n + 1) * 2 > t->cap)
		table_grow(t);
	size_t i = slot_of(t, key);
	if (t->value[i] == 0) {
		t->key[i] = key;
		t->n++;
	}
	return &t->value[i];
}

static void
table_free(struct table *t)
{
	free(t->key);
	free(t->value);
}

/* ---- memo ---------------------------------------------------------------------------------------------------- */

struct mf_rel_memo {
	struct table t;
};

static uint64_t
pair(mf_sid x, mf_sid y)
{
	return (uint64_t)x << 32 | y;
}

bool
mf_rel_memo_get(const struct mf_rel_memo *m, mf_sid x, mf_sid y, bool *value)
{
	if (m == NULL)
		return false;
	uint8_t v = m->t.value[slot_of(&m->t, pair(x, y))];
	*value = v == 2;
	return v != 0;
}

void
mf_rel_memo_put(struct mf_rel_memo **m, mf_sid x, mf_sid y, bool value)
{
	if (*m == NULL)
		*m = mf_alloc(sizeof(**m));
	*table_at(&(*m)->t, pair(x, y)) = value ? 2 : 1;
}

void
mf_rel_memo_free(struct mf_rel_memo *m)
{
	if (m == NULL)
		return;
	table_free(&m->t);
	free(m);
}

/* ---- ancestors -------------------------------------------------------------------------------------------------- */

/* The same by the index; X is not in it, but its parents are. */
static bool
far_ancestor(const struct mf_rel *c, mf_sid anc, mf_sid of)
{
	if (of != MF_SID_X)
		return c->h->ancestor(c->h->arg, anc, of);
	for (size_t i = 0; i < c->x.n_parents; i++)
		if (c->h->ancestor(c->h->arg, anc, c->x.parents[i]))
			return true;
	return false;
}

bool
mf_rel_ancestor(const struct mf_rel *c, mf_sid anc, mf_sid of)
{
	if (anc == of)
		return true;
	if (anc == MF_SID_X)
		return false; /* not made yet: nobody's parent */
	uint32_t depth = mf_rel_get(c, anc)->depth;
	struct table seen = {0};
	struct mf_sids stack = {0};
	size_t visits = 0;
	bool found = false;

	mf_sids_add(&stack, of);
	while (!found && stack.n > 0) {
		if (visits++ == MF_REL_NEAR && c->h->ancestor != NULL) {
			found = far_ancestor(c, anc, of);
			break;
		}
		const mf_snap *s = mf_rel_get(c, stack.v[--stack.n]);
		if (s->depth <= depth)
			continue; /* whatever is below is less deep still */
		for (size_t i = 0; i < s->n_parents; i++) {
			found |= s->parents[i] == anc;
			uint8_t *mark = table_at(&seen, s->parents[i]);
			if (*mark == 0)
				mf_sids_add(&stack, s->parents[i]);
			*mark = 1;
		}
	}
	free(stack.v);
	table_free(&seen);
	return found;
}

/* ---- the side of y that x does not have -------------------------------------------------------------------- */

/* Colours run from child to parent.  Snapshots leave the heap deepest first, so the colours of one that
 * leaves are complete: all its descendants have left before. */
enum { OF_X = 1, OF_Y = 2, BELOW_FOUND = 4, IN_HEAP = 8, DONE = 16 };

struct node {
	uint32_t depth;
	mf_sid sid;
};

struct paint {
	const struct mf_rel *c;
	struct table colour;
	struct node *heap;
	size_t n, cap;
	size_t open; /* in the heap, of y only, not below one that was found */
};

static bool
is_open(uint8_t colour)
{
	return (colour & (OF_X | OF_Y | BELOW_FOUND | IN_HEAP)) == (OF_Y | IN_HEAP);
}

static void
heap_push(struct paint *p, struct node x)
{
	if (p->n == p->cap) {
		p->cap = p->cap == 0 ? 32 : p->cap * 2;
		p->heap = mf_realloc_array(p->heap, p->cap, sizeof(*p->heap));
	}
	size_t i = p->n++;
	for (; i > 0 && p->heap[(i - 1) / 2].depth < x.depth; i = (i - 1) / 2)
		p->heap[i] = p->heap[(i - 1) / 2];
	p->heap[i] = x;
}

static mf_sid
heap_pop(struct paint *p)
{
	mf_sid top = p->heap[0].sid;
	struct node last = p->heap[--p->n];
	size_t i = 0;

	for (size_t k = 1; k < p->n; k = 2 * i + 1) {
		if (k + 1 < p->n && p->heap[k + 1].depth > p->heap[k].depth)
			k++;
		if (p->heap[k].depth <= last.depth)
			break;
		p->heap[i] = p->heap[k];
		i = k;
	}
	p->heap[i] = last;
	return top;
}

static void
paint_add(struct paint *p, mf_sid s, uint8_t colour)
{
	uint8_t *at = table_at(&p->colour, s);

	if ((*at & DONE) != 0)
		return; /* only if an index lies about depths */
	p->open -= is_open(*at);
	if (*at == 0)
		heap_push(p, (struct node){mf_rel_get(p->c, s)->depth, s});
	*at |= (uint8_t)(colour | IN_HEAP);
	p->open += is_open(*at);
}

/* The same by the index. @p y is in it, or is X. */
static void
far_same(struct mf_rel *c, mf_sid x, mf_sid y, enum mf_rel_want want, struct mf_sids *out)
{
	const mf_snap *sx = mf_rel_get(c, x), *sy = mf_rel_get(c, y);
	const mf_sid *from = y == MF_SID_X ? sy->parents : &y;
	size_t n_from = y == MF_SID_X ? sy->n_parents : 1, n = 0;

	if (y == MF_SID_X && mf_rel_same_content(c, y, x)) {
		mf_sids_add(out, y);
		return;
	}
	for (size_t i = 0; i < n_from; i++) {
		if (mf_rel_same_content(c, from[i], x) && !mf_rel_ancestor(c, from[i], x)) {
			mf_sids_add(out, from[i]); /* whatever else is in its history is in the same line */
			continue;
		}
		mf_sid *found = c->h->beyond(c->h->arg, &sx->content, x == MF_SID_X ? sx->parents : &x,
			x == MF_SID_X ? sx->n_parents : 1, from[i], want == MF_REL_ONE ? 1 : MF_BEYOND_ALL, &n);
		for (size_t k = 0; k < n; k++)
			mf_sids_add(out, found[k]);
		c->work += n;
		free(found);
	}
}

void
mf_rel_same_beyond(struct mf_rel *c, mf_sid x, mf_sid y, enum mf_rel_want want, struct mf_sids *out)
{
	struct paint p = {.c = c};
	size_t had = out->n, visits = 0;

	paint_add(&p, x, OF_X);
	paint_add(&p, y, OF_Y);
	while (p.open > 0 && c->work++ < MF_REL_WORK_MAX) {
		if (visits++ == MF_REL_NEAR && c->h->beyond != NULL) {
			out->n = had;
			far_same(c, x, y, want, out);
			break;
		}
		mf_sid s = heap_pop(&p);
		uint8_t *at = table_at(&p.colour, s), colour = *at;
		p.open -= is_open(colour);
		if (is_open(colour) && mf_rel_same_content(c, s, x)) {
			mf_sids_add(out, s);
			if (want == MF_REL_ONE)
				break;
			colour |= BELOW_FOUND;
		}
		*at = DONE;
		const mf_snap *snap = mf_rel_get(c, s);
		for (size_t i = 0; i < snap->n_parents; i++)
			paint_add(&p, snap->parents[i], colour & (OF_X | OF_Y | BELOW_FOUND));
	}
	free(p.heap);
	table_free(&p.colour);
}

mf_sid
mf_common_ancestor(const mf_history *h, mf_sid a, mf_sid b)
{
	struct mf_rel c = {.h = h};
	struct paint p = {.c = &c};
	mf_sid found = MF_SID_NONE;
	uint32_t depth = 0;

	paint_add(&p, a, OF_X);
	paint_add(&p, b, OF_Y);
	while (p.n > 0 && c.work++ < MF_REL_WORK_MAX && (found == MF_SID_NONE || p.heap[0].depth == depth)) {
		mf_sid s = heap_pop(&p);
		uint8_t *at = table_at(&p.colour, s), colour = *at & (OF_X | OF_Y);
		const mf_snap *snap = mf_rel_get(&c, s);
		*at = DONE;
		if (colour == (OF_X | OF_Y)) {
			if (found == MF_SID_NONE || mf_str_cmp(snap->cap, mf_rel_get(&c, found)->cap) < 0)
				found = s;
			depth = snap->depth;
			continue;
		}
		for (size_t i = 0; i < snap->n_parents; i++)
			paint_add(&p, snap->parents[i], colour);
	}
	free(p.heap);
	table_free(&p.colour);
	return found;
}
