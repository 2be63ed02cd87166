/* Immutable files in the embedded store: reading. */
#include <stdlib.h>

#include "grid/embedded.h"
#include "grid/store/immutable.h"

/* All shares of one object, open. */
struct open_set {
	struct mf_embedded *e;
	uint8_t si[MF_SI_SIZE];
	struct mf_imm_share *file[MF_SHARES_MAX];
	mf_share_in in[MF_SHARES_MAX];
	size_t n;
	uint32_t bad[MF_SHARES_MAX]; /* numbers */
	size_t n_bad;
};

static void
note_bad(void *arg, uint32_t num, const mf_err *why)
{
	struct open_set *s = arg;
	size_t i = 0;

	mf_store_advise(s->e->store, s->si, num, why);
	if (why->code != MF_EFORMAT)
		return; /* it could not be read, which says nothing about what it holds */
	while (i < s->n_bad && s->bad[i] != num)
		i++;
	if (i == s->n_bad && s->n_bad < MF_SHARES_MAX)
		s->bad[s->n_bad++] = num;
}

static void
set_close(struct open_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		mf_imm_close(s->file[i]);
	free(s);
}

static mf_code
set_add(struct open_set *s, uint32_t num, mf_err *err)
{
	mf_err why;
	mf_code rc = mf_imm_open(s->e->store, s->si, num, &s->file[s->n], &why);

	if (rc == MF_OK) {
		s->in[s->n] = mf_imm_share_in(s->file[s->n]);
		s->n++;
	} else if (rc == MF_EFORMAT) {
		note_bad(s, num, &why);
	} else if (rc != MF_ENOTFOUND) {
		if (err != NULL)
			*err = why;
		return rc;
	}
	return MF_OK;
}

/* @p cap CHK or DIR2-CHK. */
static mf_code
set_open(struct mf_embedded *e, const mf_cap *cap, struct open_set **out, mf_err *err)
{
	struct open_set *s = malloc(sizeof(*s));
	uint32_t num[MF_SHARES_MAX] = {0};
	size_t n = 1;
	mf_code rc = MF_OK;

	if (s == NULL)
		return mf_fail(err, MF_ENOMEM, 0, "no memory to read shares");
	s->e = e;
	s->n = s->n_bad = 0;
	if (!mf_cap_storage_index(cap, s->si))
		MF_BUG("capability without a storage index");
	if (cap->n != 1) /* else there can be no share but number 0 */
		rc = mf_store_shares(e->store, s->si, num, &n, err);
	for (size_t i = 0; i < n && rc == MF_OK; i++)
		rc = set_add(s, num[i], err);
	if (rc == MF_OK && s->n == 0)
		rc = s->n_bad > 0 ? mf_fail(err, MF_EFORMAT, 0, "no share of the file is good")
				  : mf_fail(err, MF_ENOTFOUND, 0, "the store has no share of the file");
	if (rc != MF_OK) {
		set_close(s);
		s = NULL;
	}
	*out = s;
	return rc;
}

static mf_chk_read
reader(struct open_set *s, const mf_cap *cap, const mf_cancel *cancel)
{
	return (mf_chk_read){
		.cap = cap, .share = s->in, .shares = s->n, .bad = note_bad, .bad_arg = s, .cancel = cancel};
}

static mf_code
get_range(struct mf_embedded *e, const mf_cap *cap, uint64_t off, uint64_t len, mf_sink *sink, void *arg,
	const mf_cancel *cancel, mf_err *err)
{
	struct open_set *s;

	if (mf_canceled(cancel))
		return mf_fail(err, MF_ECANCELED, 0, "reading a file was canceled");
	if (cap->kind == MF_CAP_LIT || cap->kind == MF_CAP_DIR2_LIT)
		return mf_native_get_lit(cap, off, len, sink, arg, err);
	if (cap->kind != MF_CAP_CHK && cap->kind != MF_CAP_DIR2_CHK)
		return mf_fail(err, MF_EINVAL, 0, "not the capability of an immutable file");
	mf_code rc = set_open(e, cap, &s, err);
	if (rc != MF_OK)
		return rc;
	mf_chk_read r = reader(s, cap, cancel);
	rc = mf_chk_decode(&r, off, len, sink, arg, err);
	if (rc == MF_OK && s->n_bad > 0)
		mf_embedded_mend(e, &r, s->bad, s->n_bad);
	set_close(s);
	return rc;
}

mf_code
mf_embedded_get(struct mf_grid *g, const mf_filecap *text, uint64_t off, uint64_t len, mf_sink *sink, void *arg,
	const mf_cancel *cancel, mf_err *err)
{
	uint8_t si[MF_SI_SIZE];
	mf_cap cap;
	mf_code rc = mf_native_cap(text->text, &cap, si, err);

	return rc != MF_OK ? rc : get_range(mf_embedded_of(g), &cap, off, len, sink, arg, cancel, err);
}

mf_code
mf_embedded_fetch(struct mf_embedded *e, const mf_cap *cap, mf_buf *out, const mf_cancel *cancel, mf_err *err)
{
	if (cap->size > MF_SDMF_DATA_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "immutable directory of an impossible size");
	mf_buf_reserve(out, (size_t)cap->size);
	return get_range(e, cap, 0, UINT64_MAX, mf_native_append, out, cancel, err);
}

mf_code
mf_embedded_same(struct mf_grid *g, const mf_filecap *text, const mf_source *src, bool *same, const mf_cancel *cancel,
	mf_err *err)
{
	uint8_t si[MF_SI_SIZE];
	struct open_set *s;
	mf_cap cap;
	mf_code rc = mf_native_cap(text->text, &cap, si, err);

	*same = false;
	if (rc != MF_OK || cap.size != src->size)
		return rc;
	if (cap.kind == MF_CAP_LIT)
		return mf_native_same_lit(&cap, src, same, err);
	if (cap.kind != MF_CAP_CHK)
		return mf_fail(err, MF_EINVAL, 0, "not the capability of an immutable file");
	rc = set_open(mf_embedded_of(g), &cap, &s, err);
	if (rc != MF_OK)
		return rc;
	mf_chk_read r = reader(s, &cap, cancel);
	rc = mf_chk_same(&r, src, same, err);
	set_close(s);
	return rc;
}
