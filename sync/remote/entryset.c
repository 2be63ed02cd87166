/* The entries of a directory that were taken into account. */
#include "sync/remote/entryset.h"

#include <stdlib.h>

struct mf_entry
mf_entry_of(const uint8_t key[16], mf_str name, mf_str cap)
{
	struct mf_entry e = {mf_hash_keyed(key, name.p, name.n), mf_hash_keyed(key, cap.p, cap.n)};

	if (e.name == 0)
		e.name = 1;
	return e;
}

/* Where an entry of this name is or would be. */
static size_t
place(const mf_entryset *s, uint64_t name)
{
	size_t i = (size_t)(((unsigned __int128)name * s->room) >> 64);

	while (s->slot[i].name != 0 && s->slot[i].name != name)
		i = i + 1 == s->room ? 0 : i + 1;
	return i;
}

const struct mf_entry *
mf_entryset_find(const mf_entryset *s, struct mf_entry e)
{
	if (s->n == 0)
		return NULL;
	const struct mf_entry *at = &s->slot[place(s, e.name)];
	return at->name == 0 ? NULL : at;
}

void
mf_entryset_size(mf_entryset *s, size_t n)
{
	mf_entryset_free(s);
	s->room = n + n / 3 + 8;
	s->slot = mf_alloc(s->room * sizeof(*s->slot));
}

static void
grow(mf_entryset *s)
{
	mf_entryset bigger = {0};

	mf_entryset_size(&bigger, s->n + s->n / 2 + 16);
	for (size_t i = 0; i < s->room; i++)
		if (s->slot[i].name != 0)
			bigger.slot[place(&bigger, s->slot[i].name)] = s->slot[i];
	bigger.n = s->n;
	free(s->slot);
	*s = bigger;
}

void
mf_entryset_put(mf_entryset *s, struct mf_entry e)
{
	if ((s->n + 1) * 4 > s->room * 3)
		grow(s);
	struct mf_entry *at = &s->slot[place(s, e.name)];
	s->n += at->name == 0;
	*at = e;
}

void
mf_entryset_free(mf_entryset *s)
{
	free(s->slot);
	*s = (mf_entryset){0};
}
