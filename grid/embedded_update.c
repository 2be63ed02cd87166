/* Directories in the embedded store: new versions. */
#include <stdlib.h>
#include <time.h>

#include <sodium.h>

#include "grid/embedded.h"
#include "grid/lafs/dir.h"
#include "grid/store/mutable.h"

/* -- the cache -------------------------------------------------------------------------------------------- */

static mf_open_dir *
cache_take(struct mf_embedded *e, const uint8_t si[MF_SI_SIZE])
{
	mf_open_dir *d = NULL;
	size_t at = 0;

	(void)pthread_mutex_lock(&e->lock);
	while (at < MF_DIRS_MAX && e->dir[at] != NULL && memcmp(e->dir[at]->si, si, MF_SI_SIZE) != 0)
		at++;
	if (at < MF_DIRS_MAX && e->dir[at] != NULL) {
		d = e->dir[at];
		memmove(&e->dir[at], &e->dir[at + 1], (MF_DIRS_MAX - at - 1) * sizeof(e->dir[0]));
		e->dir[MF_DIRS_MAX - 1] = NULL;
	}
	(void)pthread_mutex_unlock(&e->lock);
	return d;
}

static int64_t
monotonic_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* To the front; those used longest ago make room.  A large one is read anew each time: that takes a tenth of what writing
 * it does, and its memory is free in between. */
static void
cache_put(struct mf_embedded *e, mf_open_dir *d)
{
	mf_open_dir *out[MF_DIRS_MAX + 1] = {NULL};
	size_t bytes = d->plain.cap, gone = 0, keep = 0;

	if (bytes > MF_DIRS_BYTES) {
		mf_open_dir_free(d);
		return;
	}
	d->used_s = monotonic_s();
	(void)pthread_mutex_lock(&e->lock);
	out[gone++] = e->dir[MF_DIRS_MAX - 1];
	memmove(&e->dir[1], &e->dir[0], (MF_DIRS_MAX - 1) * sizeof(e->dir[0]));
	e->dir[0] = d;
	for (size_t i = 1; i < MF_DIRS_MAX && e->dir[i] != NULL; i++) {
		bytes += e->dir[i]->plain.cap;
		if (bytes > MF_DIRS_BYTES)
			break;
		keep = i;
	}
	for (size_t i = keep + 1; i < MF_DIRS_MAX; i++) {
		out[gone++] = e->dir[i];
		e->dir[i] = NULL;
	}
	(void)pthread_mutex_unlock(&e->lock);
	for (size_t i = 0; i < gone; i++)
		mf_open_dir_free(out[i]);
}

void
mf_embedded_rest(struct mf_grid *g)
{
	struct mf_embedded *e = mf_embedded_of(g);
	mf_open_dir *out[MF_DIRS_MAX];
	size_t gone = 0, keep = 0;
	int64_t now = monotonic_s();

	(void)pthread_mutex_lock(&e->lock);
	for (size_t i = 0; i < MF_DIRS_MAX && e->dir[i] != NULL; i++) {
		mf_open_dir *d = e->dir[i];
		e->dir[i] = NULL;
		if (now - d->used_s >= MF_DIRS_KEEP_S)
			out[gone++] = d;
		else
			e->dir[keep++] = d;
	}
	(void)pthread_mutex_unlock(&e->lock);
	for (size_t i = 0; i < gone; i++)
		mf_open_dir_free(out[i]);
}

/* -- the current version, under the lock ---------------------------------------------------------------------- */

/* Does the store still hold exactly what @p d says? */
static bool
still_current(struct mf_embedded *e, const mf_open_dir *d)
{
	mf_mut_set m;

	if (!d->clean || mf_mut_set_read(e, d->si, MF_SDMF_CHECKSTRING, &m, NULL) != MF_OK)
		return false;
	bool same = m.bad == 0 && m.n == d->head.n;
	for (size_t i = 0; i < m.n && same; i++)
		same = m.share[i].num == i && mf_str_eq(m.share[i].data, mf_bytes(d->checkstring, MF_SDMF_CHECKSTRING));
	mf_mut_set_free(&m);
	return same;
}

static mf_code
load(struct mf_embedded *e, const mf_cap *cap, const uint8_t si[MF_SI_SIZE], mf_open_dir **out, const mf_cancel *cancel,
	mf_err *err)
{
	mf_open_dir *d = cache_take(e, si);
	mf_sdmf_found f;
	bool clean;

	*out = d;
	if (d != NULL && still_current(e, d))
		return MF_OK;
	mf_open_dir_free(d);
	*out = NULL;
	mf_code rc = mf_embedded_read_mutable(e, cap, si, &f, &clean, cancel, err);
	if (rc == MF_OK)
		rc = mf_dir_tidy(&f.plain, err);
	if (rc != MF_OK) {
		mf_sdmf_found_free(&f);
		return rc;
	}
	d = mf_alloc(sizeof(*d));
	memcpy(d->si, si, MF_SI_SIZE);
	d->key = f.key;
	d->head = f.head;
	memcpy(d->checkstring, f.checkstring, sizeof(d->checkstring));
	d->highest = f.highest;
	d->clean = clean;
	d->plain = f.plain;
	*out = d;
	return MF_OK;
}

/* -- publishing --------------------------------------------------------------------------------------------- */

/* Write all shares of a new version.  @p old_check: what each share must be now; NULL: not looked at (the lock is held and it
 * is known to be a mixture). @p fresh: there must be none. */
static mf_code
write_shares(struct mf_embedded *e, const mf_sdmf_key *key, mf_buf *share, uint32_t n, const uint8_t *old_check,
	bool fresh, mf_err *err)
{
	mf_rtw_share *w = mf_alloc(n * sizeof(*w));
	mf_rtw_write *data = mf_alloc(n * sizeof(*data));
	mf_rtw_test test = fresh ? (mf_rtw_test){0, 1, {0}}
				 : (mf_rtw_test){0, MF_SDMF_CHECKSTRING, mf_bytes(old_check, MF_SDMF_CHECKSTRING)};
	uint8_t enabler[MF_HASH_SIZE];
	mf_rtw_result r;

	mf_write_enabler(key->writekey, mf_store_tubid(e->store), enabler);
	for (uint32_t i = 0; i < n; i++) {
		data[i] = (mf_rtw_write){.data = mf_buf_str(&share[i])};
		w[i] = (mf_rtw_share){.num = i,
			.test = &test,
			.tests = fresh || old_check != NULL,
			.write = &data[i],
			.writes = 1,
			.new_length = (int64_t)share[i].n};
	}
	mf_rtw q = {.si = key->si, .enabler = enabler, .share = w, .shares = n, .lock = MF_RTW_HAVE_LOCK};
	mf_code rc = mf_store_rtw(e->store, &q, &r, err);
	if (rc == MF_OK && !r.passed)
		rc = mf_fail(err, MF_EBUSY, 0, "directory was written by somebody else");
	if (rc == MF_OK)
		mf_rtw_result_free(&r);
	free(w);
	free(data);
	sodium_memzero(enabler, sizeof(enabler));
	return rc;
}

/* The next version of @p d, of which it holds the content already; on success it is described by @p d, too. */
static mf_code
publish(struct mf_embedded *e, mf_open_dir *d, bool fresh, mf_err *err)
{
	mf_sdmf_new v = {.seqnum = d->highest + 1, .k = d->head.k, .n = d->head.n, .plain = mf_buf_str(&d->plain)};
	mf_buf *share = mf_alloc(v.n * sizeof(*share));
	mf_code rc =
		d->highest == UINT64_MAX ? mf_fail(err, MF_EUNSUPPORTED, 0, "directory has no next version") : MF_OK;

	randombytes_buf(v.salt, sizeof(v.salt));
	if (rc == MF_OK)
		rc = mf_sdmf_pack(d->key, &v, share, err);
	if (rc == MF_OK)
		rc = write_shares(e, d->key, share, v.n, d->clean ? d->checkstring : NULL, fresh, err);
	if (rc == MF_OK) {
		(void)mf_sdmf_prefix(mf_buf_str(&share[0]), &d->head, NULL);
		memcpy(d->checkstring, share[0].p, sizeof(d->checkstring));
		d->clean = fresh || d->clean; /* after a mixture: the next update looks again */
		d->highest = v.seqnum;
	}
	for (uint32_t i = 0; i < v.n; i++)
		mf_buf_free(&share[i]);
	free(share);
	return rc;
}

/* -- operations ------------------------------------------------------------------------------------------------ */

/* Under the lock. */
static mf_code
update_locked(struct mf_embedded *e, const mf_cap *cap, const uint8_t si[MF_SI_SIZE], const mf_link *link, size_t n,
	mf_dirver *version, const mf_cancel *cancel, mf_err *err)
{
	mf_open_dir *d;
	mf_buf plain = {0};
	bool changed;
	mf_code rc = load(e, cap, si, &d, cancel, err);

	if (rc != MF_OK)
		return rc;
	if ((rc = mf_native_check_version(&d->head, version, err)) != MF_OK) {
		cache_put(e, d);
		return rc;
	}
	mf_dir_edit edit = {.link = link, .n = n, .writekey = cap->key, .now = mf_native_now()};
	rc = mf_dir_apply(mf_buf_str(&d->plain), &edit, &plain, &changed, err);
	if (rc != MF_OK || !changed) {
		if (rc == MF_OK)
			mf_native_version_of(&d->head, version);
		cache_put(e, d);
		mf_buf_free(&plain);
		return rc;
	}
	if (mf_canceled(cancel)) {
		cache_put(e, d);
		mf_buf_free(&plain);
		return mf_fail(err, MF_ECANCELED, 0, "writing a directory was canceled");
	}
	mf_buf_free(&d->plain); /* a large directory is there twice at most: new, and as a share */
	d->plain = plain;
	rc = publish(e, d, false, err);
	if (rc == MF_OK) {
		mf_native_version_of(&d->head, version);
		cache_put(e, d);
	} else {
		mf_open_dir_free(d); /* some of it may have been written */
	}
	return rc;
}

mf_code
mf_embedded_update(struct mf_grid *g, const mf_dirwrite *text, const mf_link *link, size_t n, mf_dirver *version,
	const mf_cancel *cancel, mf_err *err)
{
	struct mf_embedded *e = mf_embedded_of(g);
	uint8_t si[MF_SI_SIZE];
	mf_cap cap;
	int lock;
	mf_code rc = mf_native_cap(text->text, &cap, si, err);

	if (rc == MF_OK && cap.kind != MF_CAP_DIR2)
		rc = mf_fail(err, MF_EINVAL, 0, "not the write capability of a directory");
	if (rc == MF_OK && mf_canceled(cancel))
		rc = mf_fail(err, MF_ECANCELED, 0, "writing a directory was canceled");
	if (rc == MF_OK)
		rc = mf_store_sync(e->store, err); /* what the links name, before they are visible; outside the lock */
	if (rc == MF_OK)
		rc = mf_store_lock(e->store, si, &lock, err);
	if (rc == MF_OK) {
		rc = update_locked(e, &cap, si, link, n, version, cancel, err);
		mf_store_unlock(lock);
	}
	sodium_memzero(&cap, sizeof(cap));
	return rc;
}

static mf_code
new_key(struct mf_embedded *e, mf_sdmf_key **out, const mf_cancel *cancel, mf_err *err)
{
	mf_code rc;

	*out = NULL;
	(void)pthread_mutex_lock(&e->keygen);
	rc = mf_canceled(cancel) ? mf_fail(err, MF_ECANCELED, 0, "making a directory was canceled")
				 : mf_sdmf_key_new(out, err);
	(void)pthread_mutex_unlock(&e->keygen);
	return rc;
}

mf_code
mf_embedded_mkdir(struct mf_grid *g, mf_dirwrite *out, const mf_cancel *cancel, mf_err *err)
{
	struct mf_embedded *e = mf_embedded_of(g);
	mf_open_dir *d = mf_alloc(sizeof(*d));
	mf_cap cap;
	int lock;
	mf_code rc = new_key(e, &d->key, cancel, err);

	if (rc == MF_OK) {
		memcpy(d->si, d->key->si, MF_SI_SIZE);
		d->head.k = e->params.k;
		d->head.n = e->params.n;
		rc = mf_store_lock(e->store, d->si, &lock, err);
	}
	if (rc == MF_OK) {
		rc = publish(e, d, true, err);
		mf_store_unlock(lock);
	}
	if (rc != MF_OK) {
		mf_open_dir_free(d);
		return rc;
	}
	mf_sdmf_key_cap(d->key, MF_CAP_DIR2, &cap);
	mf_cap_print(&cap, out->text);
	sodium_memzero(&cap, sizeof(cap));
	cache_put(e, d);
	return MF_OK;
}
