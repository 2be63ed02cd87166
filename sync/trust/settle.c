/* Whose signatures count: what is clear only when everybody's directory was looked at (docs/identity.md). */
#include "sync/engine.h"
#include "sync/trust/trust.h"

#include <stdlib.h>

enum { SIGHTINGS_MAX = 256 };

/* ---- whose is it? ------------------------------------------------------------------------------------------------- */

struct sightings {
	struct mf_folder *f;
	mf_sighting *seen;
	size_t n;
	const char **name; /* of those without a key */
	size_t n_name;
	long *whose;
};

static void
see(struct sightings *s, size_t who, const uint8_t key[32], const char *author)
{
	if (s->n == SIGHTINGS_MAX)
		return;
	mf_sighting *one = &s->seen[s->n++];
	one->who = who;
	memcpy(one->key, key, sizeof(one->key));
	one->author = mf_strdup(mf_strz(author));
}

/* Nobody's yet?  What is held back may have become somebody's since, by another's directory; what was accepted is known,
 * unless a power loss took that back. */
static mf_code
see_unless_given(void *arg, const uint8_t key[32], const char *author)
{
	struct sightings *s = arg;
	mf_key_row row;

	if (memcmp(key, s->f->conf.verify_key, 32) == 0)
		return MF_OK;
	mf_code rc = mf_state_key_get(s->f->state, key, &row, NULL);
	if (rc == MF_ENOTFOUND || (rc == MF_OK && row.participant[0] == '\0'))
		see(s, s->n_name - 1, key, author);
	if (rc == MF_OK)
		mf_key_row_clear(&row);
	return MF_OK;
}

/* Participants without a key, and the keys in their directories that are nobody's. */
static void
gather(struct mf_folder *f, struct sightings *s)
{
	size_t n = 0;

	for (const struct mf_peer *p = f->peers; p != NULL; p = p->next)
		n++;
	*s = (struct sightings){.f = f,
		.seen = mf_alloc(SIGHTINGS_MAX * sizeof(*s->seen)),
		.name = mf_alloc((n + 1) * sizeof(*s->name)),
		.whose = mf_alloc((n + 1) * sizeof(*s->whose))};
	for (const struct mf_peer *p = f->peers; p != NULL; p = p->next) {
		if (p->name[0] == '\0' || !p->listed || mf_trust_has_key(f, p->name))
			continue;
		s->name[s->n_name++] = p->name;
		(void)mf_state_head_keys(f->state, p->name, see_unless_given, s, NULL);
		const struct mf_unproven *h;
		TAILQ_FOREACH(h, &f->unproven.all, all)
		if (strcmp(h->participant, p->name) == 0)
			(void)see_unless_given(s, h->key, h->author);
	}
}

static void
sightings_free(struct sightings *s)
{
	for (size_t i = 0; i < s->n; i++)
		free((char *)s->seen[i].author);
	free(s->seen);
	free(s->name);
	free(s->whose);
}

static mf_code
count_shared(void *arg, const mf_key_row *row)
{
	*(size_t *)arg += row->how == MF_KEY_SHARED && row->participant[0] == '\0';
	return MF_OK;
}

/* In the directories of several of whom none has a key: the first use of one of them.  Not more such keys than there are
 * people whose first use it can be. */
static void
learn_shared(struct sightings *s)
{
	size_t shared = 0, free_names = 0;

	(void)mf_state_key_each(s->f->state, count_shared, &shared, NULL);
	for (size_t i = 0; i < s->n_name; i++)
		free_names += s->whose[i] == MF_TRUST_NONE;
	for (size_t i = 0; i < s->n && shared < free_names; i++) {
		const mf_sighting *one = &s->seen[i];
		size_t showing = 0;
		for (size_t k = 0; k < s->n; k++)
			showing +=
				memcmp(s->seen[k].key, one->key, 32) == 0 && s->whose[s->seen[k].who] == MF_TRUST_NONE;
		if (showing < 2 || mf_trust_knows(s->f, one->key) || mf_peer_find(s->f, one->author) != NULL)
			continue;
		(void)mf_trust_learn(s->f, "", one->key, one->author, MF_KEY_SHARED, NULL);
		shared++;
	}
}

static void
assign(struct mf_folder *f)
{
	struct sightings s;

	gather(f, &s);
	mf_trust_assign(s.name, s.n_name, s.seen, s.n, s.whose);
	for (size_t i = 0; i < s.n_name; i++)
		if (s.whose[i] != MF_TRUST_NONE)
			(void)mf_trust_learn(f, s.name[i], s.seen[s.whose[i]].key, s.seen[s.whose[i]].author,
				MF_KEY_FIRST_USE, NULL);
	learn_shared(&s);
	sightings_free(&s);
}

/* ---- changed keys ---------------------------------------------------------------------------------------------------- */

static void
note_changed(
	struct mf_folder *f, const char *participant, const uint8_t key[32], const char *author, const char *shown_by)
{
	struct mf_changed **link = &f->changed, *c;

	while ((c = *link) != NULL && (strcmp(c->participant, participant) != 0 || memcmp(c->key, key, 32) != 0))
		link = &c->next;
	if (c == NULL) {
		c = *link = mf_alloc(sizeof(*c));
		c->participant = mf_strdup(mf_strz(participant));
		c->author = mf_strdup(mf_strz(author));
		c->shown_by = mf_strdup(mf_strz(shown_by));
		memcpy(c->key, key, sizeof(c->key));
		c->since_ns = MF_OPS(f)->now_ns(f->env);
		mf_tell(f, MF_EV_KEY_CHANGED, NULL, participant);
	}
	c->still = true;
	c->files += shown_by[0] != '\0';
}

static void
say_changed(struct mf_folder *f, const struct mf_changed *c)
{
	char print[MF_FINGERPRINT_MAX];
	mf_buf text = {0};

	mf_fingerprint(c->key, print);
	/* no numbers: it is said once, not with each file */
	if (c->files == 0)
		mf_buf_addz(&text, "the list of participants names another key than the one known");
	else if (strcmp(c->shown_by, c->participant) == 0)
		mf_buf_addz(&text, "its directory has files signed by another key than the one known");
	else
		mf_buf_addf(&text, "the directory of %s has files signed in its name by another key than the one known",
			c->shown_by);
	mf_buf_addf(&text, " (fingerprint %s); nothing of it is applied before `magic-folder trust %s`", print,
		c->participant);
	char *safe = mf_safe_name((char *)text.p);
	mf_report_key(f, c->participant, safe);
	free(safe);
	mf_buf_free(&text);
}

/* Whose key is said to have changed: the author's, if that is a participant's name, else the directory's owner's, of the
 * one who showed it first: whoever accepts a snapshot shows it, too. */
static const char *
blamed(struct mf_folder *f, const struct mf_unproven *h)
{
	const struct mf_peer *p = mf_peer_find(f, h->author);

	if (p != NULL && p->listed && p->name[0] != '\0')
		return p->name;
	for (const struct mf_changed *c = f->changed; c != NULL; c = c->next)
		if (c->still && memcmp(c->key, h->key, sizeof(c->key)) == 0)
			return c->participant;
	return h->participant;
}

static const struct mf_changed *
first_of(const struct mf_folder *f, const char *participant)
{
	const struct mf_changed *c = f->changed;

	while (c != NULL && strcmp(c->participant, participant) != 0)
		c = c->next;
	return c;
}

void
mf_trust_review(struct mf_folder *f)
{
	const struct mf_unproven *h;

	for (struct mf_changed *c = f->changed; c != NULL; c = c->next) {
		c->still = false;
		c->files = 0;
	}
	TAILQ_FOREACH(h, &f->unproven.all, all)
	if (!mf_trust_knows(f, h->key))
		note_changed(f, blamed(f, h), h->key, h->author, h->participant);
	for (const struct mf_peer *p = f->peers; p != NULL; p = p->next)
		if (p->listed && p->has_edge && mf_trust_has_key(f, p->name) && !mf_trust_knows(f, p->edge))
			note_changed(f, p->name, p->edge, "", "");
	for (struct mf_changed **link = &f->changed, *c; (c = *link) != NULL;) {
		if (c->still) {
			if (first_of(f, c->participant) == c)
				say_changed(f, c); /* one at a time */
			link = &c->next;
			continue;
		}
		*link = c->next;
		if (first_of(f, c->participant) == NULL)
			mf_report_key(f, c->participant, NULL);
		mf_changed_free(c);
	}
}

/* ---- in turns ------------------------------------------------------------------------------------------------------------ */

/* Whose directory was read through is met: what comes new there is no first use any more. */
static void
meet(struct mf_folder *f)
{
	for (const struct mf_peer *p = f->peers; p != NULL; p = p->next) {
		bool met = true;
		if (p->name[0] == '\0' || !p->listed || !p->read_once || p->unread)
			continue;
		if (mf_state_met_get(f->state, p->name, &met, NULL) == MF_OK && !met)
			(void)mf_state_met_put(f->state, p->name, MF_OPS(f)->now_ns(f->env), NULL);
	}
}

void
mf_trust_settle(struct mf_folder *f)
{
	if (f->trust_due) {
		f->trust_due = false;
		assign(f);
		mf_trust_release(f);
	}
	meet(f);
	mf_trust_review(f);
}
