/* From shares to proven plaintext. */
#include <stdlib.h>

#include <sodium.h>

#include "grid/lafs/chk_reader.h"
#include "grid/lafs/zfec.h"

/* How blocks are taken. */
enum care {
	TRUSTING, /* from shares not suspected; the segment hash will tell */
	CAREFUL,  /* from any share alive, each block checked by its own hash: finds the bad one */
};

struct decoder {
	struct mf_chk_reader d;
	uint8_t *segment;           /* room for one segment, padded */
	uint8_t *extra;             /* room for as many blocks of non-primary shares; NULL when k = 1 */
	const uint8_t *data;        /* the complete segment: in `segment`, or in a share held in memory */
	uint32_t have[MF_ZFEC_MAX]; /* share numbers of the blocks gathered */
	const uint8_t *block[MF_ZFEC_MAX];
	uint32_t got;
};

static bool
have_number(const struct decoder *x, uint32_t num)
{
	for (uint32_t i = 0; i < x->got; i++)
		if (x->have[i] == num)
			return true;
	return false;
}

static mf_code
check_block(struct decoder *x, struct mf_chk_share *s, uint64_t seg, const uint8_t *p, uint32_t n, mf_err *why,
	enum mf_share_state *worse)
{
	mf_node want, is;
	mf_code rc = mf_share_block_hash(s, &x->d.layout, &x->d.ueb, seg, want, why);

	if (rc != MF_OK)
		return rc;
	mf_tag_hash(MF_TAG_BLOCK, p, n, is);
	if (memcmp(want, is, sizeof(is)) != 0) {
		*worse = MF_SHARE_SUSPECT;
		return mf_fail(why, MF_EFORMAT, 0, "share %u: block %llu is damaged", (unsigned)s->in->num,
			(unsigned long long)seg);
	}
	return MF_OK;
}

/* One more block, from share @p s. */
static mf_code
take_block(struct decoder *x, struct mf_chk_share *s, uint64_t seg, enum care care, mf_err *why,
	enum mf_share_state *worse)
{
	const mf_chk_layout *l = &x->d.layout;
	uint32_t n = mf_chk_block(l, seg), num = s->in->num;
	uint8_t *room = x->segment; /* with k = 1 every share has the block itself */
	const uint8_t *p = NULL;
	mf_code rc = MF_OK;

	if (l->k > 1)
		room = num < l->k ? x->segment + (size_t)num * n : x->extra + (size_t)x->got * n;
	if (s->state == MF_SHARE_UNOPENED) {
		rc = mf_share_open(s, why);
		if (rc != MF_OK)
			return rc;
		s->state = MF_SHARE_GOOD;
	}
	uint64_t off;
	if (__builtin_add_overflow(s->at.o_data, seg * l->block_size, &off))
		return mf_fail(why, MF_EFORMAT, 0, "share %u is cut short", (unsigned)num);
	if (l->k == 1) {
		rc = mf_share_look(s, off, room, n, &p, why);
	} else {
		rc = mf_share_get(s, off, room, n, why);
		p = room;
	}
	if (rc == MF_OK && care == CAREFUL)
		rc = check_block(x, s, seg, p, n, why, worse);
	if (rc != MF_OK)
		return rc;
	x->have[x->got] = num;
	x->block[x->got++] = p;
	return MF_OK;
}

/* k blocks of one segment, lowest share numbers first, suspects last. */
static mf_code
gather(struct decoder *x, uint64_t seg, enum care care, mf_err *err)
{
	struct mf_chk_reader *d = &x->d;
	size_t rounds = care == CAREFUL ? 2 : 1;

	x->got = 0;
	for (size_t i = 0; i < rounds * d->shares && x->got < d->layout.k; i++) {
		struct mf_chk_share *s = &d->share[i % d->shares];
		enum mf_share_state worse = MF_SHARE_DEAD;
		bool last_round = i >= d->shares;
		mf_err why = {0};
		if (s->state == MF_SHARE_DEAD || (s->state == MF_SHARE_SUSPECT) != last_round ||
			s->in->num >= d->layout.n || have_number(x, s->in->num))
			continue;
		mf_code rc = take_block(x, s, seg, care, &why, &worse);
		if (rc == MF_ECANCELED)
			return mf_fail(err, rc, 0, "%s", why.text);
		if (rc != MF_OK)
			mf_reader_condemn(d, s, worse, &why);
	}
	if (x->got < d->layout.k)
		return mf_reader_give_up(d, err);
	return MF_OK;
}

/* Compute the primary blocks that are missing. */
static void
interpolate(struct decoder *x, uint64_t seg)
{
	uint32_t k = x->d.layout.k, n = mf_chk_block(&x->d.layout, seg);
	uint8_t coef[MF_ZFEC_MAX];

	x->data = x->segment;
	if (k == 1) {
		x->data = x->block[0];
		return;
	}
	for (uint32_t want = 0; want < k; want++) {
		if (have_number(x, want))
			continue;
		mf_zfec_coef(want, x->have, k, coef);
		mf_zfec_mix(x->segment + (size_t)want * n, x->block, coef, k, n);
	}
}

/* Proven ciphertext of one segment, at x->data. */
static mf_code
fetch_segment(struct decoder *x, uint64_t seg, mf_err *err)
{
	mf_node want, is;
	mf_err why = {0};
	mf_code rc = mf_reader_segment_hash(&x->d, seg, want, err);

	if (rc != MF_OK)
		return rc;
	for (enum care care = TRUSTING; care <= CAREFUL; care++) {
		rc = gather(x, seg, care, &why);
		if (rc == MF_ECANCELED)
			break;
		if (rc != MF_OK)
			continue;
		interpolate(x, seg);
		mf_tag_hash(MF_TAG_SEGMENT, x->data, mf_chk_segment(&x->d.layout, seg), is);
		if (memcmp(want, is, sizeof(is)) == 0)
			return MF_OK;
		/* If careful: all blocks are what the creator hashed, and yet they do not make the segment. */
		rc = mf_fail(&why, MF_EFORMAT, 0, "segment %llu does not verify", (unsigned long long)seg);
	}
	return mf_fail(err, rc, why.sys, "%s", why.text);
}

/* Decrypt and hand over what is wanted of one segment. */
static mf_code
deliver(struct decoder *x, uint64_t seg, uint64_t off, uint64_t end, mf_sink *sink, void *arg, mf_err *err)
{
	uint64_t start = seg * x->d.layout.segment_size;
	uint64_t stop = start + mf_chk_segment(&x->d.layout, seg);
	uint64_t from = off > start ? off : start, to = end < stop ? end : stop;

	mf_ctr(x->d.cap->key, from, x->data + (from - start), x->segment + (from - start), (size_t)(to - from));
	return sink(arg, x->segment + (from - start), (size_t)(to - from), err);
}

static mf_code
decode(struct decoder *x, uint64_t off, uint64_t end, mf_sink *sink, void *arg, mf_err *err)
{
	uint32_t size = x->d.layout.segment_size;
	mf_code rc = MF_OK;

	for (uint64_t seg = off / size; seg <= (end - 1) / size && rc == MF_OK; seg++) {
		if (mf_canceled(x->d.r->cancel))
			return mf_fail(err, MF_ECANCELED, 0, "decoding canceled");
		rc = fetch_segment(x, seg, err);
		if (rc == MF_OK)
			rc = deliver(x, seg, off, end, sink, arg, err);
	}
	return rc;
}

mf_code
mf_chk_decode(const mf_chk_read *r, uint64_t off, uint64_t len, mf_sink *sink, void *arg, mf_err *err)
{
	struct decoder *x = mf_alloc(sizeof(*x));
	uint64_t end;
	mf_code rc = mf_reader_init(&x->d, r, err);

	if (rc == MF_OK) {
		const mf_chk_layout *l = &x->d.layout;
		if (__builtin_add_overflow(off, len, &end) || end > l->size)
			end = l->size;
		if (off < end) {
			x->segment = mf_realloc_array(NULL, l->segments > 1 ? l->segment_size : l->padded_tail, 1);
			x->extra = l->k == 1 ? NULL : mf_realloc_array(NULL, l->segment_size, 1);
			rc = decode(x, off, end, sink, arg, err);
			sodium_memzero(x->segment, l->segments > 1 ? l->segment_size : l->padded_tail);
		}
		mf_reader_deinit(&x->d);
	}
	free(x->segment);
	free(x->extra);
	free(x);
	return rc;
}

mf_code
mf_chk_id_of(const mf_chk_read *r, mf_chk_id *out, mf_err *err)
{
	struct mf_chk_reader d;
	mf_code rc = mf_reader_init(&d, r, err);

	if (rc != MF_OK)
		return rc;
	memcpy(out->key, r->cap->key, sizeof(out->key));
	if (!mf_cap_storage_index(r->cap, out->si))
		MF_BUG("capability without a storage index");
	out->layout = d.layout;
	mf_reader_deinit(&d);
	return MF_OK;
}
