/* Keys for people: who signs with which, and accepting another. */
#include "sync/engine.h"
#include "sync/trust/trust.h"

#include <stdlib.h>

/* ---- listing ------------------------------------------------------------------------------------------------ */

static int
by_name(const void *a, const void *b)
{
	const struct mf_peer *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void
visit_changed(struct mf_folder *f, const char *name, const mf_key_visitor *v)
{
	for (const struct mf_changed *c = f->changed; v->changed != NULL && c != NULL; c = c->next) {
		if (strcmp(c->participant, name) != 0)
			continue;
		mf_new_key k = {.participant = c->participant,
			.author = c->author,
			.shown_by = c->shown_by,
			.files = c->files,
			.since_ns = c->since_ns};
		memcpy(k.key, c->key, sizeof(k.key));
		v->changed(v->arg, &k);
	}
}

static mf_code
visit_peer(struct mf_folder *f, const struct mf_peer *peer, const mf_key_visitor *v, mf_err *err)
{
	mf_person p = {.name = peer->name};
	mf_key_row row;
	mf_code rc = mf_state_key_of(f->state, peer->name, &row, err);

	if (rc != MF_OK && rc != MF_ENOTFOUND)
		return rc;
	if (rc == MF_OK) {
		p.has_key = true;
		p.how = row.how;
		p.since_ns = row.since_ns;
		p.author = row.author[0] != '\0' ? row.author : NULL;
		memcpy(p.key, row.key, sizeof(p.key));
	}
	if (v->person != NULL)
		v->person(v->arg, &p);
	if (rc == MF_OK)
		mf_key_row_clear(&row);
	visit_changed(f, peer->name, v);
	return MF_OK;
}

static void
visit_self(struct mf_folder *f, const mf_key_visitor *v)
{
	mf_person p = {.name = f->self_name != NULL ? f->self_name : f->conf.author,
		.author = f->conf.author,
		.is_self = true,
		.has_key = true};

	memcpy(p.key, f->conf.verify_key, sizeof(p.key));
	if (v->person != NULL)
		v->person(v->arg, &p);
}

struct others {
	struct mf_folder *f;
	const mf_key_visitor *v;
};

static mf_code
visit_other(void *arg, const mf_key_row *row)
{
	struct others *o = arg;
	const struct mf_peer *p = mf_peer_find(o->f, row->participant);

	if (row->current && p != NULL && p->listed)
		return MF_OK;
	o->v->other(o->v->arg, row->key, row->participant, row->author, row->since_ns);
	return MF_OK;
}

mf_code
mf_folder_keys(struct mf_folder *f, const mf_key_visitor *visit, mf_err *err)
{
	const struct mf_peer **peer;
	size_t n = 0;
	mf_code rc = MF_OK;

	for (const struct mf_peer *p = f->peers; p != NULL; p = p->next)
		n++;
	peer = mf_alloc((n + 1) * sizeof(*peer));
	n = 0;
	for (const struct mf_peer *p = f->peers; p != NULL; p = p->next)
		if (p->listed && p->name[0] != '\0')
			peer[n++] = p;
	qsort(peer, n, sizeof(*peer), by_name);
	visit_self(f, visit);
	for (size_t i = 0; rc == MF_OK && i < n; i++)
		rc = visit_peer(f, peer[i], visit, err);
	free(peer);
	struct others o = {f, visit};
	if (rc == MF_OK && visit->other != NULL)
		rc = mf_state_key_each(f->state, visit_other, &o, err);
	return rc;
}

/* ---- accepting -------------------------------------------------------------------------------------------------- */

static mf_code
find_changed(
	struct mf_folder *f, const char *participant, const uint8_t *key, const struct mf_changed **out, mf_err *err)
{
	const struct mf_peer *peer = mf_peer_find(f, participant);
	size_t n = 0;

	*out = NULL;
	if (participant[0] == '\0' || peer == NULL || !peer->listed)
		return mf_fail(err, MF_ENOTFOUND, 0, "there is no participant called '%s'", participant);
	for (const struct mf_changed *c = f->changed; c != NULL; c = c->next) {
		if (strcmp(c->participant, participant) != 0)
			continue;
		n++;
		if (key == NULL || memcmp(c->key, key, sizeof(c->key)) == 0)
			*out = c;
	}
	if (n == 0)
		return mf_fail(err, MF_ENOTFOUND, 0, "there is nothing to accept: '%s' has no other key", participant);
	if (*out == NULL)
		return mf_fail(err, MF_ECHANGED, 0, "'%s' has no such key; look again at what is shown", participant);
	if (key == NULL && n > 1)
		return mf_fail(err, MF_EINVAL, 0, "'%s' has %zu other keys; say which", participant, n);
	return MF_OK;
}

mf_code
mf_folder_trust(struct mf_folder *f, const char *participant, const uint8_t *key, mf_err *err)
{
	const struct mf_changed *c;
	mf_code rc = find_changed(f, participant, key, &c, err);

	if (rc == MF_OK)
		rc = mf_trust_learn(f, participant, c->key, c->author, MF_KEY_USER, err);
	if (rc != MF_OK)
		return rc;
	mf_tell(f, MF_EV_KEY_ACCEPTED, NULL, participant);
	mf_trust_release(f);
	if (f->unproven.lost) /* not all could be remembered: everything is looked at again */
		for (struct mf_peer *p = f->peers; p != NULL; p = p->next)
			if (p->name[0] != '\0')
				mf_peer_forget(p);
	f->unproven.lost = false;
	mf_trust_review(f);
	mf_turn_arm(f, 0);
	mf_poll_start(f);
	return MF_OK;
}
