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
	mf_entryset_free(&p->entries);
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
		mf_entryset_put(&x->peer->entries, mf_entry_of(x->f->hash_key, mf_buf_str(&entry), mf_strz(cap)));
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
	char before[MF_CAP_MAX] = "";

	if (p != NULL && strcmp(p->dir.text, dir->text) == 0)
		return p;
	(void)mf_state_dir_get(f->state, name, before, NULL);
	if (p == NULL) {
		p = mf_alloc(sizeof(*p));
		p->name = mf_strdup(mf_strz(name));
		p->next = f->peers;
		f->peers = p;
	}
	if (p->dir.text[0] != '\0' || (before[0] != '\0' && strcmp(before, dir->text) != 0)) {
		/* heads and version are those of another directory: they say nothing about this one */
		(void)mf_state_head_each(f->state, name, drop_each, f, NULL);
		(void)mf_state_head_drop_all(f->state, name, NULL);
		mf_peer_forget(p);
	} else { /* what an earlier run has taken in is no news */
		struct prefill x = {f, p};
		(void)mf_state_head_each(f->state, name, prefill_each, &x, NULL);
	}
	if (dir->text[0] != '\0' && strcmp(before, dir->text) != 0)
		(void)mf_state_dir_put(f->state, name, dir->text, NULL);
	(void)mf_state_dirver_get(f->state, name, &p->seen, NULL);
	p->dir = *dir;
	p->has_edge = p->unread = false;
	mf_trust_listed(f, name, NULL);
	p->literal = mf_str_starts(mf_strz(dir->text), MF_STR("URI:DIR2-LIT:")) ||
		mf_str_starts(mf_strz(dir->text), MF_STR("URI:DIR2-CHK:"));
	p->version = (mf_dirver){0};
	p->read_once = p->nudged = false;
	return p;
}

struct loading {
	struct {
		char *name;
		mf_dirread dir;
	} * one;
	size_t n;
};

static mf_code
load_each(void *arg, const char *name, const char *cap)
{
	struct loading *l = arg;
	mf_dirread dir;

	if (name[0] == '\0' || name[0] == '@' || mf_dirread_parse(mf_strz(cap), &dir, NULL) != MF_OK)
		return MF_OK;
	l->one = mf_realloc_array(l->one, l->n + 1, sizeof(*l->one));
	l->one[l->n].name = mf_strdup(mf_strz(name));
	l->one[l->n++].dir = dir;
	return MF_OK;
}

void
mf_peers_load(struct mf_folder *f)
{
	struct loading l = {0};

	f->people_loaded = mf_state_dir_each(f->state, load_each, &l, NULL) == MF_OK;
	for (size_t i = 0; i < l.n; i++) {
		mf_peer_need(f, l.one[i].name, &l.one[i].dir)->listed = true;
		free(l.one[i].name);
	}
	free(l.one);
}

void
mf_peer_gone(struct mf_folder *f, struct mf_peer *peer)
{
	mf_trust_listed(f, peer->name, NULL);
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

	if (p != NULL)
		mf_entryset_put(&p->entries, mf_entry_of(f->hash_key, entry, cap));
}

void
mf_peer_forget(struct mf_peer *p)
{
	mf_entryset_free(&p->entries);
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

/* Without those that the listing lacks. */
static void
keep_listed(struct mf_folder *f, struct mf_peer *peer, const mf_listing *l)
{
	mf_entryset kept = {0};

	mf_entryset_size(&kept, l->n);
	for (size_t i = 0; i < l->n; i++) {
		const struct mf_entry *had =
			mf_entryset_find(&peer->entries, mf_entry_of(f->hash_key, l->child[i].name, (mf_str){0}));
		if (had != NULL)
			mf_entryset_put(&kept, *had);
	}
	mf_entryset_free(&peer->entries);
	peer->entries = kept;
}

void
mf_peer_listed(struct mf_folder *f, struct mf_peer *peer, const mf_listing *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		const mf_child *c = &l->child[i];
		if (c->name.n > 0 && c->name.p[0] == '@' && mf_str_eq(c->name, MF_STR("@metadata")))
			continue;
		struct mf_entry e = mf_entry_of(f->hash_key, c->name, c->ro);
		const struct mf_entry *had = mf_entryset_find(&peer->entries, e);
		kept += had != NULL;
		if (had == NULL || had->cap != e.cap) /* replaces the old one when taken in, or refused for good */
			mf_fetch_head(f, peer->name, c->name, c->ro);
	}
	/* every name that we had and this version lacks, whatever came new in it */
	if (kept < peer->entries.n || !peer->read_once)
		note_removed(f, peer, l);
	if (kept < peer->entries.n)
		keep_listed(f, peer, l);
	mf_trust_listed(f, peer->name, l);
	peer->version = l->version;
	peer->read_once = true;
	peer->again = peer->unread = false;
}
