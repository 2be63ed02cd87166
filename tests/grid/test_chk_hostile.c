/* Shares that lie: flipped bits, cuts, impossible fields, wrong trees; and finding a good share instead. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "grid/lafs/merkle.h"
#include "tests/grid/chk_fixture.h"

TestSuite(chk_hostile, .timeout = 120);

/* One small golden case with its first share's bytes free to be spoiled. */
struct victim {
	json_t *all;
	struct golden_case c;
	mf_buf copy;        /* of share 0 */
	mf_str bytes;       /* what the spoiled share shows of it */
	mf_share_in in[16]; /* in[0] is the spoiled one */
	struct collected got;
};

static void
victim_init(struct victim *x, size_t which)
{
	memset(x, 0, sizeof(*x));
	x->all = golden_json("lafs/chk.json");
	golden_case_init(&x->c, json_array_get(json_object_get(x->all, "cases"), which));
	memcpy(x->in, x->c.in, sizeof(x->in));
	mf_buf_adds(&x->copy, x->c.data[0]);
	x->bytes = mf_buf_str(&x->copy);
	x->in[0] = mf_share_in_mem(x->c.in[0].num, &x->bytes);
}

static void
victim_deinit(struct victim *x)
{
	mf_buf_free(&x->got.data);
	mf_buf_free(&x->copy);
	golden_case_deinit(&x->c);
	json_decref(x->all);
}

/* Look again at share 0 after it was changed; put it right again. */
static void
victim_look(struct victim *x)
{
	x->bytes = mf_buf_str(&x->copy);
	x->in[0].size = x->copy.n;
}

static void
victim_mend(struct victim *x)
{
	x->copy.n = 0;
	mf_buf_adds(&x->copy, x->c.data[0]);
	victim_look(x);
}

/* Content right, or refused without a wrong byte before. */
static mf_code
right_or_refused(struct victim *x, size_t shares)
{
	mf_err err = {0};
	mf_code rc = decode_range(&x->c.cap, x->in, shares, 0, UINT64_MAX, &x->got, &err);

	cr_assert(rc == MF_OK || rc == MF_EFORMAT, "%s: %s", mf_code_name(rc), err.text);
	cr_assert(x->got.data.n <= x->c.plain.n);
	cr_assert(x->got.data.n == 0 || memcmp(x->got.data.p, x->c.plain.p, x->got.data.n) == 0, "wrong bytes");
	cr_assert(rc != MF_OK || x->got.data.n == x->c.plain.n, "bytes missing");
	return rc;
}

static void
right(struct victim *x, size_t shares, const char *what, size_t i)
{
	cr_assert(right_or_refused(x, shares) == MF_OK, "%s %zu: no fail-over", what, i);
}

/* Cases 0: 56 bytes 1 of 1; 1: 56 bytes 3 of 10; 2: 1 KiB 1 of 1. */
Test(chk_hostile, every_single_bit_flipped)
{
	for (size_t which = 0; which < 3; which++) {
		struct victim x;
		unsigned refused = 0, passed = 0, verified = 0;
		victim_init(&x, which);
		for (size_t bit = 0; bit < 8 * x.copy.n; bit++) {
			x.copy.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (right_or_refused(&x, x.c.cap.k) == MF_OK)
				passed++;
			else
				refused++;
			if (x.c.shares > x.c.cap.k)
				right(&x, x.c.shares, "bit", bit);
			if (mf_chk_verify_share(&x.c.cap, &x.in[0], NULL, NULL) == MF_OK)
				verified++;
			x.copy.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		/* What may change unseen by a reader: block size, data size, the place of the unused tree and that
		 * tree; on the good path of one segment also the trees and, beyond the first share, the UEB. */
		cr_assert(verified > 0 && verified <= 8 * (32 + 12) && passed >= verified, "%zu: %u", which, verified);
		cr_assert(refused > 8 * x.c.plain.n / x.c.cap.k, "%zu: %u refused", which, refused);
		victim_deinit(&x);
	}
}

Test(chk_hostile, cut_at_every_length)
{
	for (size_t which = 0; which < 3; which++) {
		struct victim x;
		victim_init(&x, which);
		for (size_t n = 0; n < x.c.data[0].n; n++) {
			x.copy.n = n;
			victim_look(&x);
			cr_assert(mf_chk_verify_share(&x.c.cap, &x.in[0], NULL, NULL) == MF_EFORMAT, "%zu bytes", n);
			if (x.c.cap.k == 1)
				cr_assert(right_or_refused(&x, 1) == MF_EFORMAT, "%zu bytes", n);
			else
				right(&x, x.c.shares, "cut at", n);
			x.in[0].size = x.c.data[0].n; /* it says more than it has */
			cr_assert(right_or_refused(&x, x.c.cap.k) == MF_EFORMAT, "%zu bytes", n);
		}
		victim_deinit(&x);
	}
}

static void
put_be(uint8_t *p, size_t n, uint64_t v)
{
	for (size_t i = n; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

/* Every header field, and the UEB's length, with numbers that overflow, point outside or backwards. */
Test(chk_hostile, impossible_numbers)
{
	static const uint64_t values[] = {0, 1, 2, 35, 36, 67, 68, 91, 92, 93, 532, 600, 1999, 2000, 2001, 0x7fffffff,
		0xffffffff, 0xfffffffe, (uint64_t)1 << 32, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX - 35,
		UINT64_MAX - 531};
	mf_buf v2 = golden_file("lafs/chk/c1k-k1n1-v2layout.0");

	for (size_t which = 0; which < 4; which++) {
		struct victim x;
		victim_init(&x, which == 3 ? 2 : which);
		size_t width = which == 3 ? 8 : 4;
		if (which == 3)
			x.c.data[0] = golden_share(&v2);
		victim_mend(&x);
		mf_cur c = mf_cur_of(x.copy.p + x.copy.n, 0);
		c = mf_cur_of(x.copy.p + 4 + 7 * width, width);
		size_t o_ueb = (size_t)(width == 4 ? mf_cur_u32(&c) : mf_cur_u64(&c));
		for (size_t field = 0; field <= 9; field++) {
			size_t at = field == 0 ? 0 : field == 9 ? o_ueb : 4 + (field - 1) * width;
			for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
				put_be(x.copy.p + at, field == 0 ? 4 : width, values[i]);
				(void)right_or_refused(&x, x.c.cap.k);
				if (x.c.shares > x.c.cap.k)
					right(&x, x.c.shares, "field", field);
				mf_code rc = mf_chk_verify_share(&x.c.cap, &x.in[0], NULL, NULL);
				cr_assert(rc == MF_OK || rc == MF_EFORMAT);
				victim_mend(&x);
			}
		}
		victim_deinit(&x);
	}
	mf_buf_free(&v2);
}

/* A file of five segments, 3 of 10: which part is spoiled, and what is done about it. */
Test(chk_hostile, another_share_takes_over)
{
	struct victim x;
	mf_chk_layout l;

	victim_init(&x, 9);
	cr_assert(x.c.cap.k == 3 && x.c.shares == 10 && x.c.plain.n == 307201);
	cr_assert(mf_chk_layout_of(x.c.plain.n, 3, 10, 65536, &l, NULL) == MF_OK);
	const uint64_t spots[] = {0, l.o_data, l.o_data + 2 * l.block_size + 7, l.o_plaintext - 1, l.o_crypttext + 40,
		l.o_crypttext + 7 * 32, l.o_ueb + 20};
	for (size_t i = 0; i < sizeof(spots) / sizeof(spots[0]); i++) {
		x.copy.p[spots[i]] ^= 0x10;
		right(&x, x.c.shares, "spot", i);
		cr_assert(x.got.bad_calls == 1 && x.got.bad_share == 0, "spot %zu: %u reports", i, x.got.bad_calls);
		cr_assert(mf_chk_verify_share(&x.c.cap, &x.in[0], NULL, NULL) == MF_EFORMAT, "spot %zu", i);
		victim_mend(&x);
	}
	/* A damaged block and no spare share: the segments before it still come, then the refusal. */
	x.copy.p[l.o_data + 2 * l.block_size] ^= 1;
	cr_assert(right_or_refused(&x, 3) == MF_EFORMAT);
	cr_assert(x.got.data.n == 2 * l.segment_size && x.got.bad_calls == 1 && x.got.bad_share == 0);
	/* The segments without the damage can still be had from these three, also behind it. */
	mf_err err = {0};
	cr_assert(decode_range(&x.c.cap, x.in, 3, 3 * l.segment_size, 100, &x.got, &err) == MF_OK, "%s", err.text);
	cr_assert(memcmp(x.got.data.p, x.c.plain.p + 3 * l.segment_size, 100) == 0);
	victim_mend(&x);

	/* Block trees and chains are not looked at while segments verify. */
	x.copy.p[l.o_blocks + 32] ^= 1;
	x.copy.p[l.o_chain + 3] ^= 1;
	right(&x, 3, "trees", 0);
	cr_assert(x.got.bad_calls == 0);
	victim_deinit(&x);
}

/* Different shares with different damage: each segment finds its three, whole shares are not given up for one block. */
Test(chk_hostile, damage_spread_over_shares)
{
	struct victim x;
	mf_chk_layout l;
	mf_buf spoiled[5] = {{0}};
	mf_str bytes[5];

	victim_init(&x, 9);
	cr_assert(mf_chk_layout_of(x.c.plain.n, 3, 10, 65536, &l, NULL) == MF_OK && l.segments == 5);
	for (uint32_t i = 0; i < 5; i++) { /* share i: block i damaged */
		mf_buf_adds(&spoiled[i], x.c.data[i]);
		spoiled[i].p[l.o_data + (uint64_t)i * l.block_size + 100] ^= 0x80;
		bytes[i] = mf_buf_str(&spoiled[i]);
		x.in[i] = mf_share_in_mem(x.c.in[i].num, &bytes[i]);
	}
	right(&x, 5, "spread", 0);
	cr_assert(x.got.bad_calls >= 3, "%u reports", x.got.bad_calls);
	/* Four left, three of them damaged in one segment: too few there. */
	spoiled[1].p[l.o_data + 4 * (uint64_t)l.block_size] ^= 1;
	spoiled[2].p[l.o_data + 4 * (uint64_t)l.block_size] ^= 1;
	cr_assert(right_or_refused(&x, 5) == MF_EFORMAT);
	cr_assert(x.got.data.n == 4 * (size_t)l.segment_size, "%zu bytes", x.got.data.n);
	for (size_t i = 0; i < 5; i++)
		mf_buf_free(&spoiled[i]);
	victim_deinit(&x);
}

Test(chk_hostile, swapped_and_foreign_shares)
{
	struct victim x, other;
	bool same;

	victim_init(&x, 1);
	victim_init(&other, 3); /* 1 KiB, 3 of 10 */
	mf_share_in mine = x.in[0];
	x.in[0] = other.in[0]; /* of another file */
	right(&x, 10, "foreign", 0);
	cr_assert(x.got.bad_calls == 1 && x.got.bad_share == 0);
	cr_assert(mf_chk_verify_share(&x.c.cap, &x.in[0], NULL, NULL) == MF_EFORMAT);
	x.in[0] = x.in[1]; /* share 1 under the name of share 0 */
	x.in[0].num = 0;
	right(&x, 10, "renamed", 0);
	cr_assert(x.got.bad_calls == 1 && x.got.bad_share == 0);
	cr_assert(mf_chk_verify_share(&x.c.cap, &x.in[0], NULL, NULL) == MF_EFORMAT);
	x.in[0].num = 10; /* there is no share 10 */
	cr_assert(mf_chk_verify_share(&x.c.cap, &x.in[0], NULL, NULL) == MF_EFORMAT);
	x.in[0].num = UINT32_MAX;
	right(&x, 10, "number", 0);
	x.in[0] = x.in[1]; /* the same share three times is not three shares */
	x.in[2] = x.in[1];
	cr_assert(right_or_refused(&x, 3) == MF_EFORMAT);
	mf_chk_read r = {.cap = &x.c.cap, .share = &other.in[0], .shares = 1};
	mf_source src = mf_source_mem(x.c.plain.p, x.c.plain.n);
	cr_assert(mf_chk_same(&r, &src, &same, NULL) == MF_EFORMAT && !same);
	x.in[0] = mine;
	victim_deinit(&other);
	victim_deinit(&x);
}

/* A file whose maker lies: everything up to the capability is consistent, and yet it makes no sense. */
static mf_code
decode_crafted(uint64_t size, uint32_t k, const char *segment_size, const char *without)
{
	static const uint8_t zeros[32];
	mf_buf share = {0}, ueb = {0};
	struct collected got = {0};
	mf_cap cap = {.kind = MF_CAP_CHK, .k = k, .n = k, .size = size};
	mf_err err = {0};

	if (strcmp(without, "crypttext_root_hash") != 0) {
		mf_buf_addz(&ueb, "crypttext_root_hash:");
		mf_buf_add_ns(&ueb, zeros, 32);
	}
	mf_buf_addz(&ueb, "segment_size:");
	mf_buf_add_ns(&ueb, segment_size, strlen(segment_size));
	if (strcmp(without, "share_root_hash") != 0) {
		mf_buf_addz(&ueb, "share_root_hash:");
		mf_buf_add_ns(&ueb, zeros, strcmp(without, "a byte") == 0 ? 31 : 32);
	}
	mf_buf_adds(&ueb, mf_strz(strcmp(without, "order") == 0 ? "junk" : ""));
	mf_tag_hash(MF_TAG_UEB, ueb.p, ueb.n, cap.hash);
	mf_buf_add_u32(&share, 1);
	for (unsigned i = 0; i < 2; i++)
		mf_buf_add_u32(&share, 1);
	for (unsigned i = 0; i < 6; i++)
		mf_buf_add_u32(&share, 36);
	mf_buf_add_u32(&share, (uint32_t)ueb.n);
	mf_buf_adds(&share, mf_buf_str(&ueb));
	mf_str bytes = mf_buf_str(&share);
	mf_share_in in[2] = {mf_share_in_mem(0, &bytes), mf_share_in_mem(1, &bytes)};
	mf_code rc = decode_range(&cap, in, 2, 0, UINT64_MAX, &got, &err);
	cr_assert(got.data.n == 0 && mf_chk_verify_share(&cap, in, NULL, NULL) == MF_EFORMAT);
	mf_buf_free(&got.data);
	mf_buf_free(&share);
	mf_buf_free(&ueb);
	return rc;
}

Test(chk_hostile, makers_that_lie)
{
	static const struct {
		uint64_t size;
		uint32_t k;
		const char *segment_size, *without;
	} rows[] = {
		{1000, 1, "1000", ""}, /* possible, but hashes do not match */
		{1000, 1, "0", ""},
		{1000, 1, "", ""},
		{1000, 1, "-1", ""},
		{1000, 1, "1001", ""}, /* larger than the file */
		{1000, 2, "501", ""},  /* no multiple of k */
		{1000, 1, "99999999999999999999", ""},
		{INT64_MAX, 1, "1", ""}, /* 2^63 segments: trees without end */
		{INT64_MAX, 1, "16777216", ""},
		{(uint64_t)1 << 39, 1, "524288",
			""}, /* as many segments as we allow: the share is too short for the tree */
		{(uint64_t)1 << 40, 1, "1073741824", ""}, /* a segment of 1 GiB */
		{1000, 1, "1000", "crypttext_root_hash"},
		{1000, 1, "1000", "share_root_hash"},
		{1000, 1, "1000", "a byte"},
		{1000, 1, "1000", "order"},
		{0, 1, "1", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert(decode_crafted(rows[i].size, rows[i].k, rows[i].segment_size, rows[i].without) == MF_EFORMAT,
			"row %zu", i);
}

/* Blocks verify one by one, but do not make the segments that the crypttext tree names. */
Test(chk_hostile, a_maker_whose_trees_disagree)
{
	mf_chk_params params = {.k = 1, .n = 1, .segment_size = 4096};
	mf_buf plain = golden_plain(MF_STR("0123456789"), 1000), share = {0};
	struct collected got = {0};
	mf_chk_id id;
	mf_filecap text;
	mf_cap cap;
	mf_err err = {0};

	mf_chk_small(&params, plain.p, plain.n, &share, &id, &text);
	cr_assert(mf_cap_parse(mf_strz(text.text), &cap, NULL) == MF_OK);
	const mf_chk_layout *l = &id.layout;
	uint8_t *block = share.p + l->o_data, *root = NULL, hash[32];
	block[5] ^= 1;
	mf_tag_hash(MF_TAG_BLOCK, block, 1000, hash);
	for (size_t at = (size_t)l->o_ueb; root == NULL; at++)
		if (memcmp(share.p + at, "share_root_hash:32:", 19) == 0)
			root = share.p + at + 19;
	memcpy(share.p + l->o_blocks, hash, 32);
	memcpy(share.p + l->o_chain + 2, hash, 32);
	memcpy(root, hash, 32);
	mf_tag_hash(MF_TAG_UEB, share.p + l->o_ueb + 4, l->ueb_size, cap.hash);
	mf_str bytes = mf_buf_str(&share);
	mf_share_in in = mf_share_in_mem(0, &bytes);
	cr_assert(decode_range(&cap, &in, 1, 0, 1000, &got, &err) == MF_EFORMAT && got.data.n == 0);
	cr_assert(strcmp(err.text, "segment 0 does not verify") == 0 && got.bad_calls == 0, "%s", err.text);
	mf_buf_free(&got.data);
	mf_buf_free(&plain);
	mf_buf_free(&share);
}
