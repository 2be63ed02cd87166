/* Participants, and which entries of their directories are news. */
#include "sync/engine.h"

#include <stdlib.h>

struct mf_peer *
mf_peer_find(struct mf_folder *f, const char *name)
{
	struct mf_peer *p = f->peers;

	while (p != NULL && strcmp(p->name, name) != 0)
		p = p->next;
	return p;
}

void
mf_peer_free(struct mf_peer *p)
{
	free(p->name);
	free(p->entry);
	free(p);
}

void
mf_peers_free(struct mf_folder *f)
{
	while (f->peers != NULL) {
		struct mf_peer *p = f->peers;
		f->peers = p->next;
		mf_peer_free(p);
	}
}

/* ---- the set of entries taken into account: 8 bytes each -------------------------------------------- */

static uint64_t
entry_hash(struct mf_folder *f, mf_str name, mf_str cap)
{
	uint64_t both[2] = {mf_hash_keyed(f->hash_key, name.p, name.n), mf_hash_keyed(f->hash_key, cap.p, cap.n)};
	uint64_t h = mf_hash_keyed(f->hash_key, both, sizeof(both));

	return h == 0 ? 1 : h;
}

static bool
set_has(const struct mf_peer *p, uint64_t h)
{
	if (p->cap_entry == 0)
		return false;
	for (size_t i = h & (p->cap_entry - 1); p->entry[i] != 0; i = (i + 1) & (p->cap_entry - 1))
		if (p->entry[i] == h)
			return true;
	return false;
}

static void
set_put(uint64_t *set, size_t cap, uint64_t h)
{
	size_t i = h & (cap - 1);

	while (set[i] != 0 && set[i] != h)
		i = (i + 1) & (cap - 1);
	set[i] = h;
}

static size_t
set_size_for(size_t n)
{
	size_t cap = 64;

	while (cap < n * 2)
		cap *= 2;
	return cap;
}

static void
set_add(struct mf_peer *p, uint64_t h)
{
	if ((p->n_entry + 1) * 2 > p->cap_entry) {
		size_t cap = set_size_for(p->n_entry * 2 + 32);
		uint64_t *set = mf_alloc(cap * sizeof(*set));
		for (size_t i = 0; i < p->cap_entry; i++)
			if (p->entry[i] != 0)
				set_put(set, cap, p->entry[i]);
		free(p->entry);
		p->entry = set;
		p->cap_entry = cap;
	}
	set_put(p->entry, p->cap_entry, h);
	p->n_entry++;
}

struct prefill {
	struct mf_folder *f;
	struct mf_peer *peer;
};

static mf_code
prefill_each(void *arg, const char *relpath, const char *cap)
{
	struct prefill *x = arg;
	mf_buf entry = {0};

	if (mf_relpath_entry(mf_strz(relpath), &entry, NULL) == MF_OK)
		set_add(x->peer, entry_hash(x->f, mf_buf_str(&entry), mf_strz(cap)));
	mf_buf_free(&entry);
	return MF_OK;
}

static mf_code
drop_each(void *arg, const char *relpath, const char *cap)
{
	struct mf_folder *f = arg;

	(void)cap;
	mf_path_look(f, mf_path_need(f, relpath), 0);
	return MF_OK;
}

struct mf_peer *
mf_peer_need(struct mf_folder *f, const char *name, const mf_dirread *dir)
{
	struct mf_peer *p = mf_peer_find(f, name);

	if (p != NULL && strcmp(p->dir.text, dir->text) == 0)
		return p;
	if (p == NULL) {
		p = mf_alloc(sizeof(*p));
		p->name = mf_strdup(mf_strz(name));
		p->next = f->peers;
		f->peers = p;
		/* what an earlier run has taken in is no news */
		struct prefill x = {f, p};
		(void)mf_state_head_each(f->state, name, prefill_each, &x, NULL);
	}
	if (p->dir.text[0] != '\0') { /* left, and came back with a directory of another kind or key */
		(void)mf_state_head_each(f->state, name, drop_each, f, NULL);
		(void)mf_state_head_drop_all(f->state, name, NULL);
		mf_peer_forget(p);
	}
	p->dir = *dir;
	p->literal = mf_str_starts(mf_strz(dir->text), MF_STR("URI:DIR2-LIT:")) ||
		mf_str_starts(mf_strz(dir->text), MF_STR("URI:DIR2-CHK:"));
	p->version = (mf_dirver){0};
	p->read_once = p->nudged = false;
	return p;
}

void
mf_peer_gone(struct mf_folder *f, struct mf_peer *peer)
{
	(void)mf_state_head_each(f->state, peer->name, drop_each, f, NULL);
	(void)mf_state_head_drop_all(f->state, peer->name, NULL);
	for (struct mf_peer **link = &f->peers; *link != NULL; link = &(*link)->next) {
		if (*link != peer)
			continue;
		*link = peer->next;
		break;
	}
	mf_peer_free(peer);
}

void
mf_peer_took(struct mf_folder *f, const char *name, mf_str entry, mf_str cap)
{
	struct mf_peer *p = mf_peer_find(f, name);
	uint64_t h = entry_hash(f, entry, cap);

	if (p != NULL && !set_has(p, h))
		set_add(p, h);
}

void
mf_peer_forget(struct mf_peer *p)
{
	free(p->entry);
	p->entry = NULL;
	p->n_entry = p->cap_entry = 0;
	p->again = true;
}

/* ---- a directory that was read ------------------------------------------------------------------------------ */

struct removed {
	struct mf_folder *f;
	const mf_listing *l;
	char **gone;
	size_t n;
};

static mf_code
removed_each(void *arg, const char *relpath, const char *cap)
{
	struct removed *r = arg;
	mf_buf entry = {0};

	(void)cap;
	if (mf_relpath_entry(mf_strz(relpath), &entry, NULL) == MF_OK &&
		mf_listing_find(r->l, mf_buf_str(&entry)) == NULL) {
		r->gone = mf_realloc_array(r->gone, r->n + 1, sizeof(char *));
		r->gone[r->n++] = mf_strdup(mf_strz(relpath));
	}
	mf_buf_free(&entry);
	return MF_OK;
}

/* Nobody removes entries in normal life; where one is gone, its head is. */
static void
note_removed(struct mf_folder *f, struct mf_peer *peer, const mf_listing *l)
{
	struct removed r = {.f = f, .l = l};

	(void)mf_state_head_each(f->state, peer->name, removed_each, &r, NULL);
	for (size_t i = 0; i < r.n; i++) {
		(void)mf_state_head_drop(f->state, peer->name, r.gone[i], NULL);
		mf_path_look(f, mf_path_need(f, r.gone[i]), 0);
		free(r.gone[i]);
	}
	free(r.gone);
}

void
mf_peer_listed(struct mf_folder *f, struct mf_peer *peer, const mf_listing *l)
{
	size_t cap = set_size_for(l->n), n = 0, n_listed = 0;
	uint64_t *set = mf_alloc(cap * sizeof(*set));

	for (size_t i = 0; i < l->n; i++) {
		const mf_child *c = &l->child[i];
		if (c->name.n > 0 && c->name.p[0] == '@' && mf_str_eq(c->name, MF_STR("@metadata")))
			continue;
		uint64_t h = entry_hash(f, c->name, c->ro);
		n_listed++;
		if (set_has(peer, h)) {
			set_put(set, cap, h);
			n++;
		} else { /* joins the set when it was taken in, or refused for good */
			mf_fetch_head(f, peer->name, c->name, c->ro);
		}
	}
	if (n_listed < peer->n_listed || !peer->read_once)
		note_removed(f, peer, l);
	free(peer->entry);
	peer->entry = set;
	peer->cap_entry = cap;
	peer->n_entry = n;
	peer->n_listed = n_listed;
	peer->version = l->version;
	peer->read_once = true;
	peer->again = false;
}
