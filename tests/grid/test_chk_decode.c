/* The decoder on good shares: golden files, any k of them, ranges, both layouts; and mf_chk_same(). */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "tests/grid/chk_fixture.h"

TestSuite(chk_decode, .timeout = 120);

static void
check_all(const struct golden_case *c, const mf_share_in *in, size_t n)
{
	struct collected got = {0};
	mf_err err = {0};

	cr_assert(decode_range(&c->cap, in, n, 0, UINT64_MAX, &got, &err) == MF_OK, "%s: %s", c->name, err.text);
	cr_assert(mf_str_eq(mf_buf_str(&got.data), mf_buf_str(&c->plain)), "%s", c->name);
	cr_assert(got.bad_calls == 0, "%s: share %u reported", c->name, got.bad_share);
	mf_buf_free(&got.data);
}

static void
shuffle(mf_share_in *in, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		size_t j = i + (size_t)rand() % (n - i);
		mf_share_in t = in[i];
		in[i] = in[j];
		in[j] = t;
	}
}

Test(chk_decode, golden_shares_any_k_of_them)
{
	json_t *all = golden_json("lafs/chk.json");
	size_t at;
	json_t *v;

	srand(3);
	json_array_foreach(json_object_get(all, "cases"), at, v)
	{
		struct golden_case c;
		golden_case_init(&c, v);
		for (size_t i = 0; i < c.shares; i++) {
			mf_err err = {0};
			cr_assert(
				mf_chk_verify_share(&c.cap, &c.in[i], NULL, &err) == MF_OK, "%s: %s", c.name, err.text);
		}
		if (c.shares < c.cap.k) { /* two files of a 3-of-10 case */
			struct collected got = {0};
			cr_assert(decode_range(&c.cap, c.in, c.shares, 0, 1, &got, NULL) == MF_EFORMAT);
			cr_assert(got.data.n == 0);
			mf_buf_free(&got.data);
			golden_case_deinit(&c);
			continue;
		}
		check_all(&c, c.in, c.shares);
		for (unsigned round = 0; round < (c.cap.k == 1 ? 1 : 20); round++) {
			shuffle(c.in, c.shares);
			check_all(&c, c.in, c.cap.k);
		}
		golden_case_deinit(&c);
	}
	json_decref(all);
}

Test(chk_decode, layout_version_2)
{
	json_t *all = golden_json("lafs/chk.json");
	mf_buf file = golden_file("lafs/chk/c1k-k1n1-v2layout.0");
	mf_str data = golden_share(&file);
	mf_share_in in = mf_share_in_mem(0, &data);
	size_t at, seen = 0;
	json_t *v;

	json_array_foreach(json_object_get(all, "cases"), at, v)
	{
		struct golden_case c;
		if (strcmp(golden_str(v, "name"), "c1k-k1n1-seg131072") != 0)
			continue;
		golden_case_init(&c, v);
		check_all(&c, &in, 1);
		cr_assert(mf_chk_verify_share(&c.cap, &in, NULL, NULL) == MF_OK);
		golden_case_deinit(&c);
		seen++;
	}
	cr_assert(seen == 1);
	mf_buf_free(&file);
	json_decref(all);
}

/* Any k and n that we encode comes back from random shares. */
Test(chk_decode, round_trips)
{
	static const struct {
		uint32_t k, n, segment;
		size_t size;
	} rows[] = {
		{1, 1, 1000, 56},
		{1, 1, 56, 56},
		{1, 3, 4096, 4097},
		{2, 2, 777, 5000},
		{2, 3, 1 << 20, 57},
		{7, 10, 1000, 10000},
		{25, 100, 1024, 3000},
		{71, 255, 131072, 200000},
		{101, 256, 64, 1000},
		{256, 256, 100, 600},
		{128, 256, 1 << 20, 70000},
		{3, 10, 1, 100},
		{1, 1, 1 << 16, (1 << 16) + 1},
		{1, 2, 300000, 900000},
		{4, 6, 300000, 900001},
	};
	struct shares *s = mf_alloc(sizeof(*s));

	srand(11);
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		mf_chk_params params = {
			.k = rows[row].k, .n = rows[row].n, .segment_size = rows[row].segment, .threads = 2};
		struct golden_case c = {.name = "round trip"};
		mf_share_in in[SHARES_MAX];
		mf_str data[SHARES_MAX];
		mf_chk_id id;
		mf_filecap cap;

		c.plain = golden_plain(MF_STR("plaintext "), rows[row].size);
		for (size_t i = 0; i < c.plain.n; i += 3)
			c.plain.p[i] = (uint8_t)rand();
		encode_mem(&params, mf_buf_str(&c.plain), s, &id, &cap);
		cr_assert(mf_cap_parse(mf_strz(cap.text), &c.cap, NULL) == MF_OK);
		for (uint32_t i = 0; i < params.n; i++) {
			data[i] = mf_buf_str(&s->data[i]);
			in[i] = mf_share_in_mem(i, &data[i]);
			if (i < 3 || i + 3 > params.n)
				cr_assert(mf_chk_verify_share(&c.cap, &in[i], NULL, NULL) == MF_OK, "row %zu", row);
		}
		for (unsigned round = 0; round < 3; round++) {
			check_all(&c, in, params.k);
			shuffle(in, params.n);
		}
		shares_free(s);
		mf_buf_free(&c.plain);
	}
	free(s);
}

/* A share that counts what is read of it. */
struct counted {
	mf_str bytes;
	uint64_t read;
	mf_code fail;
};

static mf_code
counted_read(void *arg, uint64_t off, void *p, size_t n, size_t *got, mf_err *err)
{
	struct counted *c = arg;

	if (c->fail != MF_OK)
		return mf_fail(err, c->fail, 0, "told to fail");
	c->read += n;
	return mf_share_mem_read(&c->bytes, off, p, n, got, err);
}

Test(chk_decode, ranges)
{
	json_t *all = golden_json("lafs/chk.json");
	size_t at;
	json_t *v;

	srand(5);
	json_array_foreach(json_object_get(all, "cases"), at, v)
	{
		struct golden_case c;
		struct collected got = {0};
		golden_case_init(&c, v);
		for (unsigned round = 0; round < 40 && c.shares >= c.cap.k; round++) {
			uint64_t size = c.plain.n, off = (uint64_t)rand() % (size + 10),
				 len = (uint64_t)rand() % (size + 10);
			if (round % 4 == 0)
				len = round % 8 == 0 ? UINT64_MAX : 1;
			if (round % 5 == 0)
				off = off / 65536 * 65536;
			uint64_t from = off < size ? off : size, n = len < size - from ? len : size - from;
			mf_err err = {0};
			cr_assert(decode_range(&c.cap, c.in, c.shares, off, len, &got, &err) == MF_OK, "%s", err.text);
			cr_assert(mf_str_eq(mf_buf_str(&got.data), mf_bytes(c.plain.p + from, (size_t)n)),
				"%s: %llu bytes at %llu", c.name, (unsigned long long)len, (unsigned long long)off);
		}
		mf_buf_free(&got.data);
		golden_case_deinit(&c);
	}
	json_decref(all);
}

/* 40 segments of 8 KiB; whoever wants bytes of two of them reads about two. */
Test(chk_decode, ranges_touch_only_their_segments)
{
	mf_chk_params params = {.k = 1, .n = 1, .segment_size = 8192};
	struct shares *s = mf_alloc(sizeof(*s));
	mf_buf plain = golden_plain(MF_STR("0123456789"), 40 * 8192);
	struct counted counted = {0};
	struct collected got = {0};
	mf_chk_id id;
	mf_filecap text;
	mf_cap cap;

	encode_mem(&params, mf_buf_str(&plain), s, &id, &text);
	cr_assert(mf_cap_parse(mf_strz(text.text), &cap, NULL) == MF_OK);
	counted.bytes = mf_buf_str(&s->data[0]);
	mf_share_in in = {0, counted.bytes.n, counted_read, &counted};
	cr_assert(decode_range(&cap, &in, 1, 10 * 8192 - 5, 10, &got, NULL) == MF_OK);
	cr_assert(got.data.n == 10 && memcmp(got.data.p, plain.p + 10 * 8192 - 5, 10) == 0);
	cr_assert(counted.read < 2 * 8192 + 6000, "%llu bytes read", (unsigned long long)counted.read);
	counted.read = 0;
	cr_assert(decode_range(&cap, &in, 1, plain.n, 10, &got, NULL) == MF_OK && got.data.n == 0);
	cr_assert(counted.read < 1000, "%llu bytes read", (unsigned long long)counted.read);
	mf_buf_free(&got.data);
	mf_buf_free(&plain);
	shares_free(s);
	free(s);
}

struct flowing {
	const struct counted *from;
	uint64_t got;
};

static mf_code
flow(void *arg, const void *p, size_t n, mf_err *err)
{
	struct flowing *x = arg;

	(void)p, (void)err;
	x->got += n;
	cr_assert(n <= 8192 && x->from->read <= x->got + 3 * 8192, "%llu bytes read for %llu",
		(unsigned long long)x->from->read, (unsigned long long)x->got);
	return MF_OK;
}

Test(chk_decode, b26_what_is_read_goes_out_at_once)
{
	mf_chk_params params = {.k = 1, .n = 1, .segment_size = 8192};
	struct shares *s = mf_alloc(sizeof(*s));
	mf_buf plain = golden_plain(MF_STR("0123456789"), 40 * 8192);
	struct counted counted = {0};
	mf_chk_id id;
	mf_filecap text;
	mf_cap cap;

	encode_mem(&params, mf_buf_str(&plain), s, &id, &text);
	cr_assert(mf_cap_parse(mf_strz(text.text), &cap, NULL) == MF_OK);
	counted.bytes = mf_buf_str(&s->data[0]);
	mf_share_in in = {0, counted.bytes.n, counted_read, &counted};
	struct flowing x = {&counted, 0};
	mf_chk_read r = {.cap = &cap, .share = &in, .shares = 1};
	cr_assert(mf_chk_decode(&r, 0, UINT64_MAX, flow, &x, NULL) == MF_OK);
	cr_assert(x.got == plain.n);
	mf_buf_free(&plain);
	shares_free(s);
	free(s);
}

static mf_code
refuse(void *arg, const void *p, size_t n, mf_err *err)
{
	(void)arg, (void)p, (void)n;
	return mf_fail(err, MF_EFULL, 0, "no room");
}

Test(chk_decode, errors_of_others_pass_through)
{
	json_t *all = golden_json("lafs/chk.json");
	struct golden_case c;
	struct collected got = {0};
	struct counted bad[3];
	mf_share_in in[13];
	mf_cancel cancel = {true};
	mf_err err = {0};

	golden_case_init(&c, json_array_get(json_object_get(all, "cases"), 1)); /* 3 of 10, ten files */
	cr_assert(c.shares == 10 && c.cap.k == 3);
	mf_chk_read r = {.cap = &c.cap, .share = c.in, .shares = c.shares};
	cr_assert(mf_chk_decode(&r, 0, 10, refuse, NULL, &err) == MF_EFULL && strcmp(err.text, "no room") == 0);
	r.cancel = &cancel;
	cr_assert(mf_chk_decode(&r, 0, 10, collect, &got, &err) == MF_ECANCELED && got.data.n == 0);
	cr_assert(mf_chk_verify_share(&c.cap, &c.in[0], &cancel, &err) == MF_ECANCELED);
	cr_assert(decode_range(&c.cap, NULL, 0, 0, 10, &got, &err) == MF_ENOTFOUND);
	cr_assert(decode_range(&c.cap, c.in, 2, 0, 10, &got, &err) == MF_EFORMAT && got.data.n == 0);

	/* Unreadable copies of the primaries beside the good ones; then nothing but unreadable ones. */
	memcpy(in + 3, c.in, sizeof(c.in[0]) * 10);
	for (uint32_t i = 0; i < 3; i++) {
		bad[i] = (struct counted){.bytes = c.data[i], .fail = MF_EIO};
		in[i] = (mf_share_in){i, c.data[i].n, counted_read, &bad[i]};
	}
	cr_assert(decode_range(&c.cap, in, 13, 0, UINT64_MAX, &got, &err) == MF_OK);
	cr_assert(mf_str_eq(mf_buf_str(&got.data), mf_buf_str(&c.plain)));
	cr_assert(decode_range(&c.cap, in, 3, 0, 10, &got, &err) == MF_EIO && got.bad_calls == 3);
	bad[0].fail = MF_ECANCELED;
	cr_assert(decode_range(&c.cap, in, 13, 0, 10, &got, &err) == MF_ECANCELED);

	c.cap.kind = MF_CAP_LIT;
	cr_assert(decode_range(&c.cap, c.in, 10, 0, 10, &got, &err) == MF_EINVAL);
	mf_buf_free(&got.data);
	golden_case_deinit(&c);
	json_decref(all);
}

static mf_code
read_plain(void *arg, uint64_t off, void *p, size_t n, mf_err *err)
{
	const mf_buf *b = arg;

	if (off + n > b->n)
		return mf_fail(err, MF_EIO, 0, "shorter than it was");
	memcpy(p, b->p + off, n);
	return MF_OK;
}

Test(chk_decode, same_content_without_reading_content)
{
	json_t *all = golden_json("lafs/chk.json");
	size_t at;
	json_t *v;

	json_array_foreach(json_object_get(all, "cases"), at, v)
	{
		struct golden_case c;
		bool same = false;
		golden_case_init(&c, v);
		mf_chk_read r = {.cap = &c.cap, .share = c.in, .shares = c.shares};
		mf_source mem = mf_source_mem(c.plain.p, c.plain.n);
		mf_source file = {.read = read_plain, .arg = &c.plain, .size = c.plain.n};

		cr_assert(mf_chk_same(&r, &mem, &same, NULL) == MF_OK && same, "%s", c.name);
		cr_assert(mf_chk_same(&r, &file, &same, NULL) == MF_OK && same, "%s", c.name);
		c.plain.p[c.plain.n - 1] ^= 1;
		cr_assert(mf_chk_same(&r, &mem, &same, NULL) == MF_OK && !same, "%s", c.name);
		c.plain.p[c.plain.n - 1] ^= 1;
		mem.size--;
		cr_assert(mf_chk_same(&r, &mem, &same, NULL) == MF_OK && !same, "%s", c.name);
		c.plain.n--;
		cr_assert(mf_chk_same(&r, &file, &same, NULL) == MF_EIO && !same, "%s", c.name);
		c.plain.n++;
		r.shares = 0;
		cr_assert(mf_chk_same(&r, &file, &same, NULL) == MF_ENOTFOUND && !same, "%s", c.name);
		golden_case_deinit(&c);
	}
	json_decref(all);
}
