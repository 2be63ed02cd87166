/* Immutable files in the embedded store. */
#include <stdlib.h>

#include <sodium.h>

#include "grid/embedded.h"
#include "grid/store/immutable.h"

/* -- storing ------------------------------------------------------------------------------------------- */

static mf_code
read_source(const mf_source *src, void *p, size_t n, mf_err *err)
{
	if (src->mem != NULL) {
		memcpy(p, src->mem, n);
		return MF_OK;
	}
	return n == 0 ? MF_OK : src->read(src->arg, 0, p, n, err);
}

/* Does a share that is there verify up to the capability?  A bad one is noted. */
static mf_code
verify_present(struct mf_embedded *e, const uint8_t si[MF_SI_SIZE], uint32_t num, const mf_filecap *text,
	const mf_cancel *cancel, mf_err *err)
{
	struct mf_imm_share *f;
	mf_cap cap;
	mf_code rc = mf_cap_parse(mf_strz(text->text), &cap, err);

	if (rc == MF_OK)
		rc = mf_imm_open(e->store, si, num, &f, err);
	if (rc == MF_OK) {
		mf_share_in in = mf_imm_share_in(f);

		rc = mf_chk_verify_share(&cap, &in, cancel, err);
		mf_imm_close(f);
	}
	if (rc == MF_EFORMAT && err != NULL)
		mf_store_advise(e->store, si, num, err);
	return rc;
}

/* Is the share that is there the one in @p container, byte for byte? */
static bool
equals_present(struct mf_embedded *e, const uint8_t si[MF_SI_SIZE], const mf_buf *container)
{
	struct mf_imm_share *f;
	uint8_t have[4096];
	bool same;

	if (mf_imm_open(e->store, si, 0, &f, NULL) != MF_OK)
		return false;
	mf_share_in in = mf_imm_share_in(f);
	const uint8_t *want = container->p + MF_IMM_HEADER;
	same = in.size == container->n - MF_IMM_HEADER;
	for (uint64_t off = 0; same && off < in.size; off += sizeof(have)) {
		size_t n = in.size - off < sizeof(have) ? (size_t)(in.size - off) : sizeof(have), got;

		same = in.read(in.arg, off, have, n, &got, NULL) == MF_OK && got == n &&
			memcmp(have, want + off, n) == 0;
	}
	mf_imm_close(f);
	return same;
}

/* A complete share 0 in memory.  One that is there counts if it is good, else it is replaced. */
static mf_code
store_small(struct mf_embedded *e, const mf_chk_id *id, const mf_buf *container, uint64_t share_size,
	const mf_filecap *cap, const mf_cancel *cancel, mf_err *err)
{
	mf_buf share = {.p = container->p, .n = MF_IMM_HEADER + (size_t)share_size};
	mf_code rc = mf_imm_put(e->store, id->si, 0, container, MF_IMM_KEEP, err);
	mf_err why;

	if (rc != MF_EEXIST)
		return rc;
	if (equals_present(e, id->si, &share)) {
		mf_store_touched(e->store, id->si, 0, 0);
		return MF_OK;
	}
	rc = verify_present(e, id->si, 0, cap, cancel, &why);
	if (rc == MF_OK)
		mf_store_touched(e->store, id->si, 0, 0);
	else if (rc == MF_EFORMAT)
		rc = mf_imm_put(e->store, id->si, 0, container, MF_IMM_REPLACE, err);
	else if (err != NULL)
		*err = why;
	return rc;
}

static mf_code
put_small(struct mf_embedded *e, const mf_source *src, mf_filecap *out, const mf_cancel *cancel, mf_err *err)
{
	const void *p = src->mem;
	mf_scratch s;
	mf_chk_id id;
	mf_code rc = MF_OK;

	mf_scratch_get(e, &s);
	if (p == NULL) {
		mf_buf_reserve(&s.in, (size_t)src->size);
		rc = read_source(src, s.in.p, (size_t)src->size, err);
		p = s.in.p;
	}
	if (rc == MF_OK) {
		mf_imm_begin(&s.out);
		mf_chk_small(&e->params, p, (size_t)src->size, &s.out, &id, out);
		uint64_t share_size = s.out.n - MF_IMM_HEADER;
		mf_imm_end(e->store, id.si, &s.out);
		rc = store_small(e, &id, &s.out, share_size, out, cancel, err);
		sodium_memzero(&id, sizeof(id));
	}
	mf_scratch_put(e, &s);
	return rc;
}

/* One share of an upload in pieces. */
struct slot {
	enum {
		SLOT_WRITE,   /* there is none, or a bad one: into w */
		SLOT_COMPARE, /* there is one, equal so far to what is made */
		SLOT_DIFFERS, /* there is one, and it is not what we would write: perhaps good all the same */
		SLOT_DONE,
	} state;
	enum mf_imm_how how;
	struct mf_imm_new *w;
	struct mf_imm_share *old;
};

struct upload {
	struct mf_embedded *e;
	const mf_chk_id *id;
	struct slot *slot; /* layout.n of them */
};

static mf_code
slot_new(struct upload *u, uint32_t num, enum mf_imm_how how, mf_err *err)
{
	struct slot *s = &u->slot[num];

	s->state = SLOT_WRITE;
	s->how = how;
	return mf_imm_new(u->e->store, u->id->si, num, u->id->layout.share_size, &s->w, err);
}

static mf_code
slot_open(struct upload *u, uint32_t num, mf_err *err)
{
	struct slot *s = &u->slot[num];
	mf_err why;
	mf_code rc = mf_imm_open(u->e->store, u->id->si, num, &s->old, &why);

	switch (rc) {
	case MF_OK:
		s->state = mf_imm_share_in(s->old).size == u->id->layout.share_size ? SLOT_COMPARE : SLOT_DIFFERS;
		return MF_OK;
	case MF_ENOTFOUND:
		return slot_new(u, num, MF_IMM_KEEP, err);
	case MF_EFORMAT:
		mf_store_advise(u->e->store, u->id->si, num, &why);
		return slot_new(u, num, MF_IMM_REPLACE, err);
	default:
		if (err != NULL)
			*err = why;
		return rc;
	}
}

static bool
slot_equals(const struct slot *s, uint64_t off, const uint8_t *p, size_t n)
{
	mf_share_in in = mf_imm_share_in(s->old);
	uint8_t have[16384];

	while (n > 0) {
		size_t want = n < sizeof(have) ? n : sizeof(have), got;

		if (in.read(in.arg, off, have, want, &got, NULL) != MF_OK || got != want || memcmp(have, p, want) != 0)
			return false;
		off += want;
		p += want;
		n -= want;
	}
	return true;
}

static mf_code
upload_write(void *arg, uint32_t num, uint64_t off, const void *p, size_t n, mf_err *err)
{
	struct upload *u = arg;
	struct slot *s = &u->slot[num];

	if (s->state == SLOT_WRITE)
		return mf_imm_new_write(s->w, off, p, n, err);
	if (s->state == SLOT_COMPARE && !slot_equals(s, off, p, n))
		s->state = SLOT_DIFFERS;
	return MF_OK;
}

/* The capability is known: name what was written, judge what was there.  A bad one is to be written in one more pass. */
static mf_code
slot_settle(struct upload *u, uint32_t num, const mf_filecap *cap, const mf_cancel *cancel, bool *again, mf_err *err)
{
	struct slot *s = &u->slot[num];
	mf_code rc = MF_OK;

	if (s->state == SLOT_WRITE) {
		rc = mf_imm_new_link(s->w, s->how, err);
		if (rc == MF_EEXIST) { /* somebody else was faster */
			rc = verify_present(u->e, u->id->si, num, cap, cancel, err);
			if (rc == MF_EFORMAT)
				rc = mf_imm_new_link(s->w, MF_IMM_REPLACE, err);
		}
		s->state = SLOT_DONE;
	} else if (s->state == SLOT_COMPARE) {
		mf_store_touched(u->e->store, u->id->si, num, 0);
		s->state = SLOT_DONE;
	} else if (s->state == SLOT_DIFFERS) {
		mf_err why;

		rc = verify_present(u->e, u->id->si, num, cap, cancel, &why);
		if (rc == MF_EFORMAT || rc == MF_ENOTFOUND) {
			*again = true;
			return slot_new(u, num, MF_IMM_REPLACE, err);
		}
		if (rc == MF_OK)
			mf_store_touched(u->e->store, u->id->si, num, 0);
		else if (err != NULL)
			*err = why;
		s->state = SLOT_DONE;
	}
	return rc;
}

static mf_code
upload_pass(struct upload *u, const mf_source *src, mf_filecap *out, const mf_cancel *cancel, bool *again, mf_err *err)
{
	mf_share_out shares = {.write = upload_write, .arg = u};
	mf_code rc = mf_chk_encode(&u->e->params, src, u->id, &shares, cancel, out, err);

	*again = false;
	for (uint32_t i = 0; i < u->id->layout.n && rc == MF_OK; i++)
		rc = slot_settle(u, i, out, cancel, again, err);
	return rc;
}

static mf_code
put_large(struct mf_embedded *e, const mf_source *src, mf_filecap *out, const mf_cancel *cancel, mf_err *err)
{
	mf_chk_id id;
	mf_code rc = mf_chk_key(&e->params, src, cancel, &id, err);
	bool again = false;

	if (rc != MF_OK)
		return rc;
	struct upload u = {.e = e, .id = &id, .slot = mf_alloc(id.layout.n * sizeof(*u.slot))};
	for (uint32_t i = 0; i < id.layout.n && rc == MF_OK; i++)
		rc = slot_open(&u, i, err);
	if (rc == MF_OK)
		rc = upload_pass(&u, src, out, cancel, &again, err);
	if (rc == MF_OK && again)
		rc = upload_pass(&u, src, out, cancel, &again, err);
	for (uint32_t i = 0; i < id.layout.n; i++) {
		mf_imm_new_free(u.slot[i].w);
		mf_imm_close(u.slot[i].old);
	}
	free(u.slot);
	sodium_memzero(&id, sizeof(id));
	return rc;
}

mf_code
mf_embedded_put(struct mf_grid *g, const mf_source *src, mf_filecap *out, const mf_cancel *cancel, mf_err *err)
{
	struct mf_embedded *e = mf_embedded_of(g);
	uint8_t lit[MF_LIT_MAX];
	mf_code rc;

	if (mf_canceled(cancel))
		return mf_fail(err, MF_ECANCELED, 0, "storing a file was canceled");
	if (src->size <= MF_LIT_MAX) {
		rc = read_source(src, lit, (size_t)src->size, err);
		if (rc == MF_OK)
			mf_lit_put(lit, (size_t)src->size, out);
		return rc;
	}
	if (mf_chk_is_small(&e->params, src->size))
		return put_small(e, src, out, cancel, err);
	return put_large(e, src, out, cancel, err);
}

/* -- reading --------------------------------------------------------------------------------------------- */

/* All shares of one object, open. */
struct open_set {
	struct mf_embedded *e;
	uint8_t si[MF_SI_SIZE];
	struct mf_imm_share *file[MF_SHARES_MAX];
	mf_share_in in[MF_SHARES_MAX];
	size_t n, bad;
};

static void
note_bad(void *arg, uint32_t num, const mf_err *why)
{
	struct open_set *s = arg;

	mf_store_advise(s->e->store, s->si, num, why);
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
		s->bad++;
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
	s->n = s->bad = 0;
	if (!mf_cap_storage_index(cap, s->si))
		MF_BUG("capability without a storage index");
	if (cap->n != 1) /* else there can be no share but number 0 */
		rc = mf_store_shares(e->store, s->si, num, &n, err);
	for (size_t i = 0; i < n && rc == MF_OK; i++)
		rc = set_add(s, num[i], err);
	if (rc == MF_OK && s->n == 0)
		rc = s->bad > 0 ? mf_fail(err, MF_EFORMAT, 0, "no share of the file is good") :
				  mf_fail(err, MF_ENOTFOUND, 0, "the store has no share of the file");
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
get_lit(const mf_cap *cap, uint64_t off, uint64_t len, mf_sink *sink, void *arg, mf_err *err)
{
	mf_buf b = {0};
	mf_code rc = MF_OK;

	mf_lit_get(cap, &b);
	if (off < b.n && len > 0)
		rc = sink(arg, b.p + off, len < b.n - off ? (size_t)len : b.n - (size_t)off, err);
	mf_buf_free(&b);
	return rc;
}

static mf_code
get_range(struct mf_embedded *e, const mf_cap *cap, uint64_t off, uint64_t len, mf_sink *sink, void *arg,
	const mf_cancel *cancel, mf_err *err)
{
	struct open_set *s;

	if (mf_canceled(cancel))
		return mf_fail(err, MF_ECANCELED, 0, "reading a file was canceled");
	if (cap->kind == MF_CAP_LIT || cap->kind == MF_CAP_DIR2_LIT)
		return get_lit(cap, off, len, sink, arg, err);
	if (cap->kind != MF_CAP_CHK && cap->kind != MF_CAP_DIR2_CHK)
		return mf_fail(err, MF_EINVAL, 0, "not the capability of an immutable file");
	mf_code rc = set_open(e, cap, &s, err);
	if (rc != MF_OK)
		return rc;
	mf_chk_read r = reader(s, cap, cancel);
	rc = mf_chk_decode(&r, off, len, sink, arg, err);
	set_close(s);
	return rc;
}

mf_code
mf_embedded_get(struct mf_grid *g, const mf_filecap *text, uint64_t off, uint64_t len, mf_sink *sink, void *arg,
	const mf_cancel *cancel, mf_err *err)
{
	uint8_t si[MF_SI_SIZE];
	mf_cap cap;
	mf_code rc = mf_embedded_cap(text->text, &cap, si, err);

	return rc != MF_OK ? rc : get_range(mf_embedded_of(g), &cap, off, len, sink, arg, cancel, err);
}

static mf_code
append(void *arg, const void *p, size_t n, mf_err *err)
{
	(void)err;
	mf_buf_add(arg, p, n);
	return MF_OK;
}

mf_code
mf_embedded_fetch(struct mf_embedded *e, const mf_cap *cap, mf_buf *out, const mf_cancel *cancel, mf_err *err)
{
	if (cap->size > MF_SDMF_DATA_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "immutable directory of an impossible size");
	mf_buf_reserve(out, (size_t)cap->size);
	return get_range(e, cap, 0, UINT64_MAX, append, out, cancel, err);
}

mf_code
mf_embedded_same(struct mf_grid *g, const mf_filecap *text, const mf_source *src, bool *same, const mf_cancel *cancel,
	mf_err *err)
{
	uint8_t si[MF_SI_SIZE], have[MF_LIT_MAX];
	struct open_set *s;
	mf_cap cap;
	mf_code rc = mf_embedded_cap(text->text, &cap, si, err);

	*same = false;
	if (rc != MF_OK || cap.size != src->size)
		return rc;
	if (cap.kind == MF_CAP_LIT && cap.size <= MF_LIT_MAX) {
		mf_buf b = {0};

		rc = read_source(src, have, (size_t)src->size, err);
		mf_lit_get(&cap, &b);
		*same = rc == MF_OK && mf_str_eq(mf_buf_str(&b), mf_bytes(have, b.n));
		mf_buf_free(&b);
		return rc;
	}
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
