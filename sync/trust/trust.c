/* Whose signatures count: what the engine does about the rules (docs/identity.md). */
#include "sync/trust/trust.h"
#include "sync/engine.h"

#include <stdlib.h>

/* ---- entries that are held back -------------------------------------------------------------------------- */

void
mf_trust_listed(struct mf_folder *f, const char *participant, const mf_listing *l)
{
	for (struct mf_unproven *h = TAILQ_FIRST(&f->unproven.all), *next; h != NULL; h = next) {
		next = TAILQ_NEXT(h, all);
		if (strcmp(h->participant, participant) != 0)
			continue;
		const mf_child *c = l == NULL ? NULL : mf_listing_find(l, mf_strz(h->entry));
		if (c == NULL || !mf_str_eq(c->ro, mf_strz(h->cap)))
			mf_unproven_drop(&f->unproven, h);
	}
}

bool
mf_trust_knows(struct mf_folder *f, const uint8_t key[32])
{
	mf_key_row row;

	if (memcmp(key, f->conf.verify_key, 32) == 0)
		return true;
	if (mf_state_key_get(f->state, key, &row, NULL) != MF_OK)
		return false;
	mf_key_row_clear(&row);
	return true;
}

void
mf_trust_release(struct mf_folder *f)
{
	for (struct mf_unproven *h = TAILQ_FIRST(&f->unproven.all), *next; h != NULL; h = next) {
		next = TAILQ_NEXT(h, all);
		if (!mf_trust_knows(f, h->key))
			continue;
		mf_fetch_head(f, h->participant, mf_strz(h->entry), mf_strz(h->cap));
		mf_unproven_drop(&f->unproven, h);
	}
}

/* ---- one entry ------------------------------------------------------------------------------------------------- */

mf_code
mf_trust_learn(struct mf_folder *f, const char *participant, const uint8_t key[32], const char *author,
	enum mf_key_how how, mf_err *err)
{
	mf_key_row row = {.participant = (char *)participant,
		.current = participant[0] != '\0',
		.author = (char *)author,
		.how = how,
		.since_ns = MF_OPS(f)->now_ns(f->env)};

	memcpy(row.key, key, sizeof(row.key));
	return mf_state_key_put(f->state, &row, err);
}

bool
mf_trust_has_key(struct mf_folder *f, const char *participant)
{
	mf_key_row row;

	if (mf_state_key_of(f->state, participant, &row, NULL) != MF_OK)
		return false;
	mf_key_row_clear(&row);
	return true;
}

/* Is the key known?  Mostly the same key comes again and again. */
static mf_code
look_up_key(struct mf_folder *f, const uint8_t key[32], bool *known, mf_err *err)
{
	mf_key_row row;

	*known = memcmp(key, f->conf.verify_key, 32) == 0 || (f->has_last_key && memcmp(key, f->last_key, 32) == 0);
	if (*known)
		return MF_OK;
	mf_code rc = mf_state_key_get(f->state, key, &row, err);
	if (rc == MF_ENOTFOUND)
		return MF_OK;
	if (rc != MF_OK)
		return rc;
	*known = true;
	if (row.participant[0] != '\0') {
		memcpy(f->last_key, key, 32);
		f->has_last_key = true;
	} else {
		f->trust_due = true; /* it may become clear whose it is */
	}
	mf_key_row_clear(&row);
	return MF_OK;
}

mf_code
mf_trust_admit(
	struct mf_folder *f, const char *participant, mf_str entry, const mf_snap_row *row, bool *admitted, mf_err *err)
{
	mf_trust_facts facts = {.is_self = participant[0] == '\0', .own_name = strcmp(row->author, participant) == 0};
	mf_code rc = look_up_key(f, row->author_key, &facts.known, err);

	*admitted = true;
	if (rc == MF_OK && !facts.known && !facts.is_self) {
		rc = mf_state_met_get(f->state, participant, &facts.met, err);
		facts.has_key = mf_trust_has_key(f, participant);
	}
	if (rc != MF_OK)
		return rc;
	switch (mf_trust_judge(&facts)) {
	case MF_TRUST_TAKE: return MF_OK;
	case MF_TRUST_LEARN:
		f->trust_due = true;
		return mf_trust_learn(
			f, "", row->author_key, row->author, facts.is_self ? MF_KEY_OURS : MF_KEY_FIRST_USE, err);
	case MF_TRUST_PIN:
		f->trust_due = true; /* what others show of it is held perhaps */
		return mf_trust_learn(f, participant, row->author_key, row->author, MF_KEY_FIRST_USE, err);
	case MF_TRUST_HOLD: break;
	}
	*admitted = false;
	f->trust_due = true;
	mf_unproven_hold(&f->unproven, f->hash_key, participant, entry, row);
	return MF_OK;
}

/* ---- what the Collective says ------------------------------------------------------------------------------------ */

void
mf_trust_edge(struct mf_folder *f, struct mf_peer *peer, mf_str metadata)
{
	mf_key_row now, row;

	peer->has_edge = mf_edge_key(metadata, peer->edge);
	if (!peer->has_edge || memcmp(peer->edge, f->conf.verify_key, 32) == 0)
		return;
	bool pinned = mf_state_key_of(f->state, peer->name, &now, NULL) == MF_OK;
	bool same = pinned && memcmp(now.key, peer->edge, 32) == 0;
	bool by_chance = !pinned || now.how == MF_KEY_FIRST_USE;
	if (pinned)
		mf_key_row_clear(&now);
	if (same || !by_chance)
		return;
	bool known = mf_state_key_get(f->state, peer->edge, &row, NULL) == MF_OK;
	bool others = known && row.participant[0] != '\0' && strcmp(row.participant, peer->name) != 0;
	if (known)
		mf_key_row_clear(&row);
	if (others || (pinned && !known))
		return; /* one person's key under two names; or a change, which the user is asked about */
	(void)mf_trust_learn(f, peer->name, peer->edge, peer->name, MF_KEY_COLLECTIVE, NULL);
	f->trust_due = true;
}

/* ---- the first time ---- */

struct loading {
	struct mf_folder *f;
	const char *participant;
	mf_snap_row *row; /* keys and authors only */
	char **name;
	size_t n_row, n_name;
};

static mf_code
load_key(void *arg, const uint8_t key[32], const char *author)
{
	struct loading *l = arg;

	l->row = mf_realloc_array(l->row, l->n_row + 1, sizeof(*l->row));
	mf_snap_row *r = &l->row[l->n_row++];
	*r = (mf_snap_row){.author = mf_strdup(mf_strz(author))};
	memcpy(r->author_key, key, sizeof(r->author_key));
	return MF_OK;
}

static mf_code
load_name(void *arg, const char *name)
{
	struct loading *l = arg;

	l->name = mf_realloc_array(l->name, l->n_name + 1, sizeof(*l->name));
	l->name[l->n_name++] = mf_strdup(mf_strz(name));
	return MF_OK;
}

static mf_code
load_one(struct loading *l, const char *name, mf_err *err)
{
	mf_code rc = mf_state_head_keys(l->f->state, name, load_key, l, err);
	bool admitted;

	for (size_t i = 0; i < l->n_row; i++) {
		if (rc == MF_OK) /* not met yet: none is held */
			rc = mf_trust_admit(l->f, name, (mf_str){0}, &l->row[i], &admitted, err);
		mf_snap_row_clear(&l->row[i]);
	}
	free(l->row);
	l->row = NULL;
	l->n_row = 0;
	if (rc == MF_OK && name[0] != '\0')
		rc = mf_state_met_put(l->f->state, name, MF_OPS(l->f)->now_ns(l->f->env), err);
	return rc;
}

mf_code
mf_trust_load(struct mf_folder *f, mf_err *err)
{
	struct loading l = {.f = f};
	bool met = true;
	mf_code rc = mf_state_met_get(f->state, NULL, &met, err);

	f->has_last_key = false;
	if (rc != MF_OK || met)
		return rc;
	rc = mf_state_head_participants(f->state, load_name, &l, err);
	for (size_t i = 0; i < l.n_name; i++) {
		if (rc == MF_OK)
			rc = load_one(&l, l.name[i], err);
		free(l.name[i]);
	}
	free(l.name);
	return rc == MF_OK ? load_one(&l, "", err) : rc;
}

void
mf_changed_free(struct mf_changed *c)
{
	free(c->participant);
	free(c->author);
	free(c->shown_by);
	free(c);
}

void
mf_trust_free(struct mf_folder *f)
{
	free(f->self_name);
	mf_unproven_free(&f->unproven);
	while (f->changed != NULL) {
		struct mf_changed *c = f->changed;
		f->changed = c->next;
		mf_changed_free(c);
	}
}
