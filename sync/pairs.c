/* A table from a text to one or several others. */
#include "sync/pairs.h"

#include <stdlib.h>

static void
grow(mf_pairs *m)
{
	size_t cap = m->cap == 0 ? 16 : m->cap * 2;
	mf_pair **slot = mf_alloc(cap * sizeof(mf_pair *));

	for (size_t i = 0; i < m->cap; i++) {
		for (mf_pair *p = m->slot[i], *next; p != NULL; p = next) {
			next = p->chain;
			p->chain = slot[p->hash & (cap - 1)];
			slot[p->hash & (cap - 1)] = p;
		}
	}
	free(m->slot);
	m->slot = slot;
	m->cap = cap;
}

static bool
is(const mf_pair *p, uint64_t hash, mf_str name)
{
	return p->hash == hash && mf_str_eq(mf_strz(p->key), name);
}

const mf_pair *
mf_pairs_first(const mf_pairs *m, const uint8_t key[16], mf_str name)
{
	if (m->n == 0)
		return NULL;
	uint64_t hash = mf_hash_keyed(key, name.p, name.n);
	const mf_pair *p = m->slot[hash & (m->cap - 1)];

	while (p != NULL && !is(p, hash, name))
		p = p->chain;
	return p;
}

const mf_pair *
mf_pairs_next(const mf_pair *p)
{
	const mf_pair *next = p->chain;

	while (next != NULL && !is(next, p->hash, mf_strz(p->key)))
		next = next->chain;
	return next;
}

void
mf_pairs_add(mf_pairs *m, const uint8_t key[16], mf_str name, mf_str value)
{
	for (const mf_pair *p = mf_pairs_first(m, key, name); p != NULL; p = mf_pairs_next(p))
		if (mf_str_eq(mf_strz(p->value), value))
			return;
	if (m->n >= m->cap)
		grow(m);
	mf_pair *p = mf_alloc(sizeof(*p));
	p->key = mf_strdup(name);
	p->value = mf_strdup(value);
	p->hash = mf_hash_keyed(key, name.p, name.n);
	p->chain = m->slot[p->hash & (m->cap - 1)];
	m->slot[p->hash & (m->cap - 1)] = p;
	m->n++;
}

static void
pair_free(mf_pair *p)
{
	free(p->key);
	free(p->value);
	free(p);
}

void
mf_pairs_drop(mf_pairs *m, const uint8_t key[16], mf_str name)
{
	if (m->n == 0)
		return;
	uint64_t hash = mf_hash_keyed(key, name.p, name.n);

	for (mf_pair **link = &m->slot[hash & (m->cap - 1)], *p; (p = *link) != NULL;) {
		if (!is(p, hash, name)) {
			link = &p->chain;
			continue;
		}
		*link = p->chain;
		m->n--;
		pair_free(p);
	}
}

void
mf_pairs_free(mf_pairs *m)
{
	for (size_t i = 0; i < m->cap; i++) {
		for (mf_pair *p = m->slot[i], *next; p != NULL; p = next) {
			next = p->chain;
			pair_free(p);
		}
	}
	free(m->slot);
	*m = (mf_pairs){0};
}
