/* Directories in the embedded store: making and reading. */
#include <stdlib.h>
#include <time.h>

#include <sodium.h>

#include "grid/embedded.h"
#include "grid/lafs/dir.h"
#include "grid/store/mutable.h"

/* -- immutable --------------------------------------------------------------------------------------------- */

mf_code
mf_embedded_put_dir(
	struct mf_grid *g, const mf_link *link, size_t n, mf_immdir *out, const mf_cancel *cancel, mf_err *err)
{
	struct mf_embedded *e = mf_embedded_of(g);
	mf_filecap file;
	mf_scratch s;

	mf_scratch_get(e, &s);
	mf_code rc = mf_dir_pack(link, n, &s.in, err);
	if (rc == MF_OK) {
		mf_source src = mf_source_mem(s.in.p, s.in.n);

		rc = mf_embedded_put(g, &src, &file, cancel, err);
	}
	mf_scratch_put(e, &s);
	if (rc == MF_OK)
		mf_native_immdir(&file, out);
	return rc;
}

/* -- shares of mutable files ---------------------------------------------------------------------------------- */

void
mf_mut_set_free(mf_mut_set *m)
{
	for (size_t i = 0; i < m->n; i++)
		mf_mut_free(&m->file[i]);
	free(m->file);
	free(m->share);
	*m = (mf_mut_set){0};
}

mf_code
mf_mut_set_read(struct mf_embedded *e, const uint8_t si[MF_SI_SIZE], size_t max, mf_mut_set *out, mf_err *err)
{
	uint32_t num[MF_SHARES_MAX];
	size_t n;
	mf_err why;
	mf_code rc = mf_store_shares(e->store, si, num, &n, err);

	*out = (mf_mut_set){0};
	if (rc != MF_OK)
		return rc;
	out->file = mf_alloc((n + 1) * sizeof(*out->file));
	out->share = mf_alloc((n + 1) * sizeof(*out->share));
	for (size_t i = 0; i < n && rc == MF_OK; i++) {
		mf_code one = mf_mut_read(e->store, si, num[i], max, &out->file[out->n], &why);

		if (one == MF_OK) {
			out->share[out->n].num = num[i];
			out->share[out->n].data = mf_mut_data(&out->file[out->n]);
			out->n++;
		} else if (one == MF_EFORMAT) {
			out->bad++;
			mf_store_advise(e->store, si, num[i], &why);
		} else if (one != MF_ENOTFOUND) {
			rc = one;
			if (err != NULL)
				*err = why;
		}
	}
	if (rc == MF_OK && out->n == 0)
		rc = out->bad > 0 ? mf_fail(err, MF_EFORMAT, 0, "no share of the directory is good")
				  : mf_fail(err, MF_ENOTFOUND, 0, "the store has no share of the directory");
	if (rc != MF_OK)
		mf_mut_set_free(out);
	return rc;
}

static void
advise_bad(struct mf_embedded *e, const uint8_t si[MF_SI_SIZE], const mf_mut_set *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->share[i].state == MF_EFORMAT)
			mf_store_advise(e->store, si, m->share[i].num, &m->share[i].why);
}

static mf_code
read_once(struct mf_embedded *e, const mf_cap *cap, const uint8_t si[MF_SI_SIZE], mf_sdmf_found *out, bool *clean,
	mf_err *err)
{
	mf_mut_set m;
	mf_code rc = mf_mut_set_read(e, si, MF_MUT_DATA_MAX, &m, err);

	*out = (mf_sdmf_found){0};
	*clean = false;
	if (rc != MF_OK)
		return rc;
	for (size_t i = 0; i < m.n; i++)
		m.share[i].own = &m.file[i].file;
	rc = mf_sdmf_read(cap, m.share, m.n, out, err);
	*clean = rc == MF_OK && m.bad == 0 && m.n == out->head.n;
	for (size_t i = 0; i < m.n && *clean; i++)
		*clean = m.share[i].state == MF_OK && m.share[i].num == i &&
			(m.share[i].data.p == NULL || /* the one that was read */
				memcmp(m.share[i].data.p, out->checkstring, MF_SDMF_CHECKSTRING) == 0);
	if (rc == MF_OK || rc == MF_EFORMAT)
		advise_bad(e, si, &m);
	mf_mut_set_free(&m);
	return rc;
}

mf_code
mf_embedded_read_mutable(struct mf_embedded *e, const mf_cap *cap, const uint8_t si[MF_SI_SIZE], mf_sdmf_found *out,
	bool *clean, const mf_cancel *cancel, mf_err *err)
{
	static const long wait_ms[] = {20, 50, 200}; /* a writer that is not ours writes in place (design.md 2.3) */

	for (size_t i = 0;; i++) {
		mf_code rc = read_once(e, cap, si, out, clean, err);

		if (rc != MF_EFORMAT || i == sizeof(wait_ms) / sizeof(wait_ms[0]))
			return rc;
		if (mf_canceled(cancel))
			return mf_fail(err, MF_ECANCELED, 0, "reading a directory was canceled");
		(void)nanosleep(&(struct timespec){.tv_nsec = wait_ms[i] * 1000000L}, NULL);
	}
}

/* -- listing -------------------------------------------------------------------------------------------------- */

static mf_code
list_immutable(struct mf_embedded *e, const mf_cap *cap, mf_listing *out, const mf_cancel *cancel, mf_err *err)
{
	mf_buf packed = {0};
	mf_code rc = mf_embedded_fetch(e, cap, &packed, cancel, err);

	if (rc == MF_OK)
		rc = mf_dir_list_immutable(&packed, out, err);
	mf_buf_free(&packed);
	return rc;
}

/* Do all shares state version @p known?  Looks at headers only: whoever could forge them could as well serve old ones. */
static bool
still_known(struct mf_embedded *e, const uint8_t si[MF_SI_SIZE], const mf_dirver *known)
{
	mf_mut_set m;
	mf_sdmf_head h;
	bool same = mf_mut_set_read(e, si, MF_SDMF_PREFIX, &m, NULL) == MF_OK;

	if (!same)
		return false;
	same = m.bad == 0;
	for (size_t i = 0; i < m.n && same; i++)
		same = mf_sdmf_prefix(m.share[i].data, &h, NULL) == MF_OK && h.seqnum == known->seqnum &&
			memcmp(h.root, known->root, sizeof(h.root)) == 0;
	mf_mut_set_free(&m);
	return same;
}

static mf_code
list_mutable(struct mf_embedded *e, const mf_cap *cap, const uint8_t si[MF_SI_SIZE], mf_listing *out,
	const mf_cancel *cancel, mf_err *err)
{
	mf_sdmf_found f;
	bool clean;
	mf_code rc = mf_embedded_read_mutable(e, cap, si, &f, &clean, cancel, err);

	if (rc != MF_OK)
		return rc;
	rc = mf_dir_list(&f.plain, mf_cap_is_writable(cap->kind) ? cap->key : NULL, out, err);
	if (rc == MF_OK)
		mf_native_version_of(&f.head, &out->version);
	mf_sdmf_found_free(&f);
	return rc;
}

mf_code
mf_embedded_list(struct mf_grid *g, const mf_dirread *text, const mf_dirver *known, bool *unchanged, mf_listing *out,
	const mf_cancel *cancel, mf_err *err)
{
	struct mf_embedded *e = mf_embedded_of(g);
	uint8_t si[MF_SI_SIZE];
	mf_cap cap;
	mf_code rc = mf_native_cap(text->text, &cap, si, err);

	*out = (mf_listing){0};
	if (unchanged != NULL)
		*unchanged = false;
	if (rc != MF_OK)
		return rc;
	if (mf_canceled(cancel))
		return mf_fail(err, MF_ECANCELED, 0, "reading a directory was canceled");
	if (cap.kind == MF_CAP_DIR2_CHK || cap.kind == MF_CAP_DIR2_LIT)
		return list_immutable(e, &cap, out, cancel, err);
	if (cap.kind != MF_CAP_DIR2_RO)
		return mf_fail(err, MF_EINVAL, 0, "not the read capability of a directory");
	if (known != NULL && unchanged != NULL && still_known(e, si, known)) {
		*unchanged = true;
		return MF_OK;
	}
	rc = list_mutable(e, &cap, si, out, cancel, err);
	if (rc == MF_OK && known != NULL && unchanged != NULL && out->version.seqnum == known->seqnum &&
		memcmp(out->version.root, known->root, sizeof(known->root)) == 0) {
		mf_listing_free(out); /* unreadable newer shares beside it */
		*unchanged = true;
	}
	return rc;
}

mf_code
mf_embedded_list_rw(struct mf_grid *g, const mf_dirwrite *text, mf_listing *out, const mf_cancel *cancel, mf_err *err)
{
	uint8_t si[MF_SI_SIZE];
	mf_cap cap;
	mf_code rc = mf_native_cap(text->text, &cap, si, err);

	*out = (mf_listing){0};
	if (rc == MF_OK && cap.kind != MF_CAP_DIR2)
		rc = mf_fail(err, MF_EINVAL, 0, "not the write capability of a directory");
	if (rc == MF_OK && mf_canceled(cancel))
		rc = mf_fail(err, MF_ECANCELED, 0, "reading a directory was canceled");
	if (rc == MF_OK)
		rc = list_mutable(mf_embedded_of(g), &cap, si, out, cancel, err);
	sodium_memzero(&cap, sizeof(cap));
	return rc;
}
