/* Entries that are held back: a list by age, and a hash table by participant and entry. */
#include "sync/trust/unproven.h"

#include <stdlib.h>

enum { SLOTS = 1024 };

static struct mf_unproven_slot *
slot_of(struct mf_unproven_set *s, const uint8_t hash_key[16], const char *participant, mf_str entry)
{
	uint64_t whose = mf_hash_keyed(hash_key, participant, strlen(participant));

	if (s->slot == NULL) {
		s->slot = mf_alloc(SLOTS * sizeof(*s->slot));
		TAILQ_INIT(&s->all);
	}
	return &s->slot[(whose ^ mf_hash_keyed(hash_key, entry.p, entry.n)) % SLOTS];
}

void
mf_unproven_drop(struct mf_unproven_set *s, struct mf_unproven *h)
{
	TAILQ_REMOVE(&s->all, h, all);
	LIST_REMOVE(h, chain);
	s->n--;
	free(h->participant);
	free(h->entry);
	free(h->cap);
	free(h->author);
	free(h);
}

void
mf_unproven_hold(struct mf_unproven_set *s, const uint8_t hash_key[16], const char *participant, mf_str entry,
	const mf_snap_row *row)
{
	struct mf_unproven_slot *slot = slot_of(s, hash_key, participant, entry);
	struct mf_unproven *h;

	LIST_FOREACH(h, slot, chain)
	if (strcmp(h->participant, participant) == 0 && mf_str_eq(mf_strz(h->entry), entry))
		break;
	if (h != NULL)
		mf_unproven_drop(s, h);
	if (s->n >= MF_UNPROVEN_MAX) {
		s->lost = true;
		return;
	}
	h = mf_alloc(sizeof(*h));
	h->participant = mf_strdup(mf_strz(participant));
	h->entry = mf_strdup(entry);
	h->cap = mf_strdup(mf_strz(row->cap.text));
	h->author = mf_strdup(mf_strz(row->author));
	memcpy(h->key, row->author_key, sizeof(h->key));
	TAILQ_INSERT_TAIL(&s->all, h, all);
	LIST_INSERT_HEAD(slot, h, chain);
	s->n++;
}

void
mf_unproven_free(struct mf_unproven_set *s)
{
	struct mf_unproven *h;

	while ((h = TAILQ_FIRST(&s->all)) != NULL)
		mf_unproven_drop(s, h);
	free(s->slot);
	s->slot = NULL;
}
