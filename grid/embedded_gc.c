/* Removing what nothing reaches any more from the embedded store. */
#include "grid/gc.h"

#include <stdlib.h>

#include <sodium.h>

#include "grid/embedded.h"
#include "grid/store/sweep.h"
#include "grid/store/users.h"

struct mf_gc {
	struct mf_store *store;
	mf_owners owners;
	uint8_t (*client)[MF_HASH_SIZE]; /* secret */
	int64_t before_s;                /* used later than this: young */
	int lock;
};

static mf_code
store_of(struct mf_grid *g, struct mf_store **out, mf_err *err)
{
	if (!mf_grid_is_embedded(g))
		return mf_fail(err, MF_EUNSUPPORTED, 0, "only a store on this machine (dir:) can be looked over");
	*out = mf_embedded_of(g)->store;
	return MF_OK;
}

/* -- users ---------------------------------------------------------------------------------------------- */

mf_code
mf_gc_users(struct mf_grid *g, mf_gc_user **out, size_t *n, mf_err *err)
{
	struct mf_store *s = NULL;
	mf_store_user *list = NULL;
	mf_code rc = store_of(g, &s, err);

	*out = NULL;
	*n = 0;
	if (rc == MF_OK)
		rc = mf_store_users(s, &list, n, err);
	if (rc != MF_OK)
		return rc;
	*out = mf_alloc((*n + 1) * sizeof(**out));
	for (size_t i = 0; i < *n; i++) {
		(*out)[i].dir = mf_strdup(mf_strz(list[i].dir));
		memcpy((*out)[i].id, list[i].id, sizeof((*out)[i].id));
		(*out)[i].ino = list[i].ino;
	}
	mf_store_users_free(list, *n);
	return MF_OK;
}

void
mf_gc_users_free(mf_gc_user *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].dir);
	free(list);
}

mf_code
mf_gc_forget(struct mf_grid *g, const char *dir, mf_err *err)
{
	struct mf_store *s = NULL;
	mf_code rc = store_of(g, &s, err);

	return rc == MF_OK ? mf_store_forget(s, dir, err) : rc;
}

void
mf_gc_id(const uint8_t lease_secret[32], char id[MF_GC_ID + 1])
{
	mf_store_user_id(lease_secret, id);
}

void
mf_gc_by_hand(uint8_t lease_secret[32])
{
	static const char what[] = "magic-folder: stored by hand";
	uint8_t own[32];

	(void)crypto_generichash(own, sizeof(own), (const uint8_t *)what, sizeof(what) - 1, lease_secret, 32);
	memcpy(lease_secret, own, sizeof(own));
	sodium_memzero(own, sizeof(own));
}

/* -- a run ---------------------------------------------------------------------------------------------- */

static mf_code
back_as_it_was(void *arg, const uint8_t si[MF_SI_SIZE], mf_err *err)
{
	return mf_store_put_back(arg, si, MF_BACK_AS_IT_WAS, err);
}

mf_code
mf_gc_begin(struct mf_grid *g, const uint8_t (*secret)[32], size_t n, uint32_t grace_s, struct mf_gc **out, mf_err *err)
{
	struct mf_store *s = NULL;
	int lock = -1;
	mf_code rc = store_of(g, &s, err);

	*out = NULL;
	if (rc == MF_OK)
		rc = mf_store_sweep_lock(s, &lock, err);
	if (rc != MF_OK)
		return rc;
	rc = mf_store_trash_each(s, back_as_it_was, s, err);
	if (rc != MF_OK) {
		mf_store_unlock(lock);
		return rc;
	}
	struct mf_gc *gc = mf_alloc(sizeof(*gc));
	gc->store = s;
	gc->lock = lock;
	gc->client = mf_alloc((n + 1) * sizeof(*gc->client));
	for (size_t i = 0; i < n; i++)
		mf_client_secret(MF_LEASE_RENEW, secret[i], gc->client[i]);
	gc->owners = (mf_owners){.client = (const uint8_t(*)[MF_HASH_SIZE])gc->client, .n = n};
	gc->before_s = (int64_t)mf_store_now(s) - grace_s;
	*out = gc;
	return MF_OK;
}

void
mf_gc_end(struct mf_gc *gc)
{
	if (gc == NULL)
		return;
	sodium_memzero(gc->client, gc->owners.n * sizeof(*gc->client));
	free(gc->client);
	mf_store_unlock(gc->lock);
	free(gc);
}

int64_t
mf_gc_used(struct mf_gc *gc, const uint8_t si[MF_GC_SI])
{
	return mf_store_used(gc->store, &gc->owners, si);
}

int64_t
mf_gc_now(const struct mf_gc *gc)
{
	return mf_store_now(gc->store);
}

struct sweep {
	struct mf_gc *gc;
	enum mf_gc_how how;
	mf_gc_reached *reached;
	void (*each)(void *arg, const mf_gc_share *one);
	void *arg;
};

static enum mf_gc_fate
fate_of(const struct sweep *w, const mf_swept *one)
{
	if (one->kind == MF_SWEPT_UNKNOWN)
		return MF_GC_UNKNOWN;
	if (one->kind == MF_SWEPT_BAD)
		return MF_GC_BAD;
	if (w->reached(w->arg, one->si))
		return MF_GC_REACHED;
	if (one->kind == MF_SWEPT_FOREIGN)
		return MF_GC_FOREIGN;
	return one->used_s < w->gc->before_s ? MF_GC_GARBAGE : MF_GC_YOUNG;
}

static mf_code
sweep_one(void *arg, const mf_swept *one, mf_err *err)
{
	const struct sweep *w = arg;
	mf_gc_share share = {.fate = fate_of(w, one), .path = one->path, .bytes = one->bytes, .used_s = one->used_s};
	bool gone = true;
	mf_code rc = MF_OK;

	if (share.fate == MF_GC_GARBAGE && w->how == MF_GC_TAKE)
		rc = mf_store_trash(w->gc->store, &w->gc->owners, one->si, one->num, w->gc->before_s, &gone, err);
	if (!gone)
		share.fate = MF_GC_YOUNG; /* somebody found it in this moment */
	if (rc == MF_OK && w->each != NULL)
		w->each(w->arg, &share);
	return rc;
}

mf_code
mf_gc_sweep(struct mf_gc *gc, enum mf_gc_how how, mf_gc_reached *reached,
	void (*each)(void *arg, const mf_gc_share *one), void *arg, const mf_cancel *cancel, mf_err *err)
{
	struct sweep w = {.gc = gc, .how = how, .reached = reached, .each = each, .arg = arg};

	return mf_store_walk(gc->store, &gc->owners, sweep_one, &w, cancel, err);
}

struct settle {
	struct mf_gc *gc;
	mf_gc_reached *reached;
	void *arg;
	uint64_t *bytes, *n;
};

static mf_code
settle_one(void *arg, const uint8_t si[MF_SI_SIZE], mf_err *err)
{
	const struct settle *t = arg;

	if (t->reached(t->arg, si))
		return mf_store_put_back(t->gc->store, si, MF_BACK_USED, err);
	return mf_store_trash_empty(t->gc->store, si, t->bytes, t->n, err);
}

mf_code
mf_gc_settle(struct mf_gc *gc, mf_gc_reached *reached, void *arg, uint64_t *bytes, uint64_t *n, mf_err *err)
{
	struct settle t = {.gc = gc, .reached = reached, .arg = arg, .bytes = bytes, .n = n};

	*bytes = *n = 0;
	return mf_store_trash_each(gc->store, settle_one, &t, err);
}

void
mf_gc_undo(struct mf_gc *gc)
{
	(void)mf_store_trash_each(gc->store, back_as_it_was, gc->store, NULL);
}
