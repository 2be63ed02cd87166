/* Immutable files in the embedded store: storing. */
#include <errno.h>
#include <stdlib.h>

#include <sodium.h>

#include "grid/embedded.h"
#include "grid/store/immutable.h"

enum { PUT_TRIES = 4 }; /* a share that is there may be taken away while it is looked at */

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

/* A good share that is there is what we would have written: ours, too, and used just now, so that nobody takes it away
 * before it is linked (docs/store.md).  MF_ENOTFOUND: somebody just did; it is to be written. */
static mf_code
rely_on(struct mf_embedded *e, const uint8_t si[MF_SI_SIZE], uint32_t num, mf_err *err)
{
	mf_err why = {.code = MF_OK};
	mf_code rc = mf_imm_renew(e->store, si, num, &why);

	if (rc != MF_OK && (why.sys == EACCES || why.sys == EPERM))
		rc = MF_OK; /* another user's file: no sweep of ours removes it */
	if (rc == MF_OK)
		mf_store_touched(e->store, si, num, 0);
	else if (err != NULL)
		*err = why;
	return rc;
}

/* There is a share 0 already.  It counts if it is good, else it is replaced.  MF_ENOTFOUND: not any more. */
static mf_code
settle_small(struct mf_embedded *e, const mf_chk_id *id, const mf_buf *container, uint64_t share_size,
	const mf_filecap *cap, const mf_cancel *cancel, mf_err *err)
{
	mf_buf share = {.p = container->p, .n = MF_IMM_HEADER + (size_t)share_size};
	mf_err why;
	mf_code rc = equals_present(e, id->si, &share) ? MF_OK : verify_present(e, id->si, 0, cap, cancel, &why);

	if (rc == MF_OK)
		return rely_on(e, id->si, 0, err);
	if (rc == MF_EFORMAT)
		return mf_imm_put(e->store, id->si, 0, container, MF_IMM_REPLACE, err);
	if (err != NULL)
		*err = why;
	return rc;
}

/* A complete share 0 in memory. */
static mf_code
store_small(struct mf_embedded *e, const mf_chk_id *id, const mf_buf *container, uint64_t share_size,
	const mf_filecap *cap, const mf_cancel *cancel, mf_err *err)
{
	mf_code rc = MF_ENOTFOUND;

	for (int i = 0; i < PUT_TRIES && rc == MF_ENOTFOUND; i++) {
		rc = mf_imm_put(e->store, id->si, 0, container, MF_IMM_KEEP, err);
		if (rc == MF_EEXIST)
			rc = settle_small(e, id, container, share_size, cap, cancel, err);
	}
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
		rc = mf_source_all(src, s.in.p, err);
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
	case MF_ENOTFOUND: return slot_new(u, num, MF_IMM_KEEP, err);
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

/* Name what was written; one that is there by now counts if it is good. */
static mf_code
slot_link(struct upload *u, uint32_t num, const mf_filecap *cap, const mf_cancel *cancel, mf_err *err)
{
	struct slot *s = &u->slot[num];
	mf_code rc = mf_imm_new_link(s->w, s->how, err);

	for (int i = 0; i < PUT_TRIES && rc == MF_EEXIST; i++) { /* somebody else was faster */
		rc = verify_present(u->e, u->id->si, num, cap, cancel, err);
		if (rc == MF_OK)
			rc = rely_on(u->e, u->id->si, num, err);
		if (rc == MF_EFORMAT)
			rc = mf_imm_new_link(s->w, MF_IMM_REPLACE, err);
		else if (rc == MF_ENOTFOUND)
			rc = mf_imm_new_link(s->w, MF_IMM_KEEP, err);
	}
	return rc;
}

/* The capability is known: name what was written, judge what was there.  A bad one is to be written in one more pass. */
static mf_code
slot_settle(struct upload *u, uint32_t num, const mf_filecap *cap, const mf_cancel *cancel, bool *again, mf_err *err)
{
	struct slot *s = &u->slot[num];
	mf_code rc = MF_OK;

	if (s->state == SLOT_WRITE) {
		rc = slot_link(u, num, cap, cancel, err);
		s->state = SLOT_DONE;
	} else if (s->state == SLOT_COMPARE || s->state == SLOT_DIFFERS) {
		mf_err why;

		if (s->state == SLOT_DIFFERS)
			rc = verify_present(u->e, u->id->si, num, cap, cancel, &why);
		if (rc == MF_OK)
			rc = rely_on(u->e, u->id->si, num, &why);
		if (rc == MF_EFORMAT || rc == MF_ENOTFOUND) {
			*again = true;
			return slot_new(u, num, rc == MF_EFORMAT ? MF_IMM_REPLACE : MF_IMM_KEEP, err);
		}
		if (rc != MF_OK && err != NULL)
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
		rc = mf_source_all(src, lit, err);
		if (rc == MF_OK)
			mf_lit_put(lit, (size_t)src->size, out);
		return rc;
	}
	if (mf_chk_is_small(&e->params, src->size))
		return put_small(e, src, out, cancel, err);
	return put_large(e, src, out, cancel, err);
}
