/* Immutable files in the embedded store: a share that a reader found bad is made again from the good ones. */
#include <stdlib.h>

#include <sodium.h>

#include "grid/embedded.h"
#include "grid/store/immutable.h"

struct mending {
	struct mf_embedded *e;
	mf_chk_read from; /* good shares only */
	mf_chk_id id;
	const uint32_t *num; /* to be made */
	size_t n;
	struct mf_imm_new **w; /* n of them */
};

struct piece {
	uint8_t *p;
	size_t left;
};

static mf_code
take(void *arg, const void *p, size_t n, mf_err *err)
{
	struct piece *to = arg;

	if (n > to->left)
		return mf_fail(err, MF_EFORMAT, 0, "more than the file has");
	memcpy(to->p, p, n);
	to->p += n;
	to->left -= n;
	return MF_OK;
}

static mf_code
read_plain(void *arg, uint64_t off, void *p, size_t n, mf_err *err)
{
	struct mending *m = arg;
	struct piece to = {p, n};
	mf_code rc = mf_chk_decode(&m->from, off, n, take, &to, err);

	return rc == MF_OK && to.left > 0 ? mf_fail(err, MF_EFORMAT, 0, "less than the file has") : rc;
}

static mf_code
write_share(void *arg, uint32_t share, uint64_t off, const void *p, size_t n, mf_err *err)
{
	struct mending *m = arg;

	for (size_t i = 0; i < m->n; i++)
		if (m->num[i] == share)
			return mf_imm_new_write(m->w[i], off, p, n, err);
	return MF_OK;
}

/* Is it bad still?  Somebody may have been faster, or it was swept. */
static bool
is_bad(struct mending *m, uint32_t num)
{
	struct mf_imm_share *f;
	mf_code rc = mf_imm_open(m->e->store, m->id.si, num, &f, NULL);

	if (rc == MF_OK) {
		mf_share_in in = mf_imm_share_in(f);

		rc = mf_chk_verify_share(m->from.cap, &in, m->from.cancel, NULL);
		mf_imm_close(f);
	}
	return rc == MF_EFORMAT;
}

static void
mend(struct mending *m)
{
	const mf_chk_layout *l = &m->id.layout;
	mf_chk_params params = {.k = l->k, .n = l->n, .segment_size = l->segment_size, .threads = 1};
	mf_source src = {.read = read_plain, .arg = m, .size = l->size};
	mf_share_out out = {.write = write_share, .arg = m};
	mf_filecap text;
	mf_cap made;
	mf_code rc = MF_OK;

	for (size_t i = 0; i < m->n && rc == MF_OK; i++)
		rc = m->num[i] >= l->n ? MF_EINVAL
				       : mf_imm_new(m->e->store, m->id.si, m->num[i], l->share_size, &m->w[i], NULL);
	if (rc == MF_OK)
		rc = mf_chk_encode(&params, &src, &m->id, &out, m->from.cancel, &text, NULL);
	if (rc == MF_OK)
		rc = mf_cap_parse(mf_strz(text.text), &made, NULL);
	/* one that encodes in another way than we do made it: theirs cannot be made here */
	if (rc == MF_OK && memcmp(made.hash, m->from.cap->hash, sizeof(made.hash)) == 0)
		for (size_t i = 0; i < m->n; i++)
			if (is_bad(m, m->num[i]))
				(void)mf_imm_new_link(m->w[i], MF_IMM_REPLACE, NULL);
	sodium_memzero(&text, sizeof(text));
	sodium_memzero(&made, sizeof(made));
}

void
mf_embedded_mend(struct mf_embedded *e, const mf_chk_read *r, const uint32_t *num, size_t n)
{
	struct mending m = {.e = e, .from = *r, .num = num, .n = n};
	mf_share_in *good = mf_alloc((r->shares + 1) * sizeof(*good));

	m.from.share = good;
	m.from.shares = 0;
	m.from.bad = NULL;
	for (size_t i = 0; i < r->shares; i++) {
		bool bad = false;

		for (size_t k = 0; k < n; k++)
			bad |= num[k] == r->share[i].num;
		if (!bad)
			good[m.from.shares++] = r->share[i];
	}
	m.w = mf_alloc(n * sizeof(struct mf_imm_new *));
	if (mf_chk_id_of(&m.from, &m.id, NULL) == MF_OK)
		mend(&m);
	for (size_t i = 0; i < n; i++)
		mf_imm_new_free(m.w[i]);
	free(m.w);
	free(good);
	sodium_memzero(&m.id, sizeof(m.id));
}
