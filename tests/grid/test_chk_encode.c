/* The encoder: capabilities and share bytes against golden data, sources and sinks that misbehave, literals. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "base/base32.h"
#include "tests/grid/chk_fixture.h"

TestSuite(chk_encode, .timeout = 120);

static void
check_share(const json_t *v, const char *name, mf_str share)
{
	uint8_t is[32], want[32];

	cr_assert(mf_unhex(want, 32, mf_strz(golden_str(json_object_get(v, "share_sha256"), name))));
	mf_sha256(share.p, share.n, is);
	cr_assert(memcmp(is, want, 32) == 0, "share %s of %s", name, golden_str(v, "name"));
}

static void
check_header(const json_t *v, const mf_chk_layout *l)
{
	const json_t *h = json_object_get(v, "header_fields");

	cr_assert(golden_int(h, "version") == l->version && golden_int(h, "block_size") == l->block_size);
	cr_assert(golden_int(h, "share_data_size") == l->share_data_size && golden_int(h, "o_data") == l->o_data);
	cr_assert(golden_int(h, "o_plaintext_hash_tree") == l->o_plaintext);
	cr_assert(golden_int(h, "o_crypttext_hash_tree") == l->o_crypttext);
	cr_assert(golden_int(h, "o_block_hashes") == l->o_blocks);
	cr_assert(golden_int(h, "o_share_hashes") == l->o_chain && golden_int(h, "o_uri_extension") == l->o_ueb);
}

static void
check_id(const json_t *v, const mf_chk_id *id)
{
	char index[27], key[33];

	mf_b32(index, id->si, sizeof(id->si));
	mf_hex(key, id->key, sizeof(id->key));
	cr_assert(strcmp(index, golden_str(v, "storage_index_b32")) == 0);
	cr_assert(strcmp(key, golden_str(v, "key_hex")) == 0);
}

Test(chk_encode, shares_are_golden_byte_for_byte)
{
	json_t *all = golden_json("lafs/chk.json");
	struct shares *s = mf_alloc(sizeof(*s));
	size_t at;
	json_t *v;

	json_array_foreach(json_object_get(all, "cases"), at, v)
	{
		for (unsigned threads = 1; threads <= 2; threads++) {
			struct golden_case c;
			mf_chk_id id;
			mf_filecap cap;
			golden_case_init(&c, v);
			c.params.threads = threads;
			encode_mem(&c.params, mf_buf_str(&c.plain), s, &id, &cap);
			cr_assert(strcmp(cap.text, golden_str(v, "cap")) == 0, "%s: %s", c.name, cap.text);
			check_id(v, &id);
			check_header(v, &id.layout);
			const char *name;
			json_t *sum;
			json_object_foreach(json_object_get(v, "share_sha256"), name, sum)
				check_share(v, name, mf_buf_str(&s->data[atoi(name)]));
			for (size_t i = 0; i < c.shares; i++)
				cr_assert(mf_str_eq(c.data[i], mf_buf_str(&s->data[c.in[i].num])), "%s", c.name);
			shares_free(s);
			golden_case_deinit(&c);
		}
	}
	free(s);
	json_decref(all);
}

Test(chk_encode, small_objects_in_one_buffer_are_the_same)
{
	json_t *all = golden_json("lafs/chk.json");
	size_t at, seen = 0;
	json_t *v;

	json_array_foreach(json_object_get(all, "cases"), at, v)
	{
		struct golden_case c;
		mf_chk_id id;
		mf_filecap cap;
		mf_buf share = {0};
		golden_case_init(&c, v);
		if (mf_chk_is_small(&c.params, c.plain.n)) {
			mf_buf_addz(&share, "container..."); /* what is there already stays */
			mf_chk_small(&c.params, c.plain.p, c.plain.n, &share, &id, &cap);
			cr_assert(strcmp(cap.text, golden_str(v, "cap")) == 0, "%s: %s", c.name, cap.text);
			check_id(v, &id);
			cr_assert(share.n == 12 + id.layout.share_size && memcmp(share.p, "container...", 12) == 0);
			check_share(v, "0", (mf_str){(const char *)share.p + 12, share.n - 12});
			seen++;
		}
		mf_buf_free(&share);
		golden_case_deinit(&c);
	}
	cr_assert(seen == 3, "%zu small cases", seen);
	json_decref(all);
}

static mf_code
drop(void *arg, uint32_t share, uint64_t off, const void *p, size_t n, mf_err *err)
{
	(void)arg, (void)share, (void)off, (void)p, (void)n, (void)err;
	return MF_OK;
}

/* Tahoe's own 120 vectors, up to 8 MiB and 101 of 256. */
Test(chk_encode, tahoe_vectors)
{
	json_t *all = golden_json("lafs/tahoe-vectors.json");
	size_t at, seen = 0;
	json_t *v;

	json_array_foreach(json_object_get(all, "vectors"), at, v)
	{
		if (strcmp(golden_str(v, "f"), "chk") != 0)
			continue;
		uint8_t text[64], secret[64];
		const json_t *sample = json_array_get(json_object_get(all, "samples"), golden_int(v, "s"));
		const char *c =
			json_string_value(json_array_get(json_object_get(all, "convergence"), golden_int(v, "c")));
		size_t n = golden_unbase64(text, sizeof(text), json_string_value(json_array_get(sample, 0)));
		mf_chk_params params = {.k = (uint32_t)golden_int(v, "k"),
			.n = (uint32_t)golden_int(v, "n"),
			.segment_size = (uint32_t)golden_int(v, "seg"),
			.convergence = secret,
			.threads = 2,
			.convergence_n = golden_unbase64(secret, sizeof(secret), c)};
		mf_buf plain = golden_plain(mf_bytes(text, n), (uint64_t)json_integer_value(json_array_get(sample, 1)));
		mf_source src = mf_source_mem(plain.p, plain.n);
		mf_share_out out = {drop, NULL};
		mf_chk_id id;
		mf_filecap cap;
		mf_err err = {0};

		cr_assert(mf_chk_key(&params, &src, NULL, &id, &err) == MF_OK, "%s", err.text);
		cr_assert(mf_chk_encode(&params, &src, &id, &out, NULL, &cap, &err) == MF_OK, "%s", err.text);
		cr_assert(strcmp(cap.text, golden_str(v, "cap")) == 0, "vector %zu: %s", at, cap.text);
		mf_buf_free(&plain);
		seen++;
	}
	cr_assert(seen == 120, "%zu vectors", seen);
	json_decref(all);
}

/* A source read piece by piece that notes how it is read. */
struct slow {
	mf_str bytes;
	uint64_t next; /* offset expected: only ever up */
	unsigned calls, fail_at;
	mf_cancel *cancel_at_fail;
};

static mf_code
slow_read(void *arg, uint64_t off, void *p, size_t n, mf_err *err)
{
	struct slow *s = arg;

	if (off == 0)
		s->next = 0;
	cr_assert(off == s->next && off + n <= s->bytes.n, "read of %zu at %llu", n, (unsigned long long)off);
	s->next = off + n;
	if (s->calls++ == s->fail_at) {
		if (s->cancel_at_fail == NULL)
			return mf_fail(err, MF_EIO, 5, "the disk is gone");
		atomic_store(&s->cancel_at_fail->on, true);
	}
	memcpy(p, s->bytes.p + off, n);
	return MF_OK;
}

Test(chk_encode, sources_that_fail_or_are_canceled)
{
	static const uint8_t secret[16] = "0123456789abcdef";
	mf_chk_params params = {.k = 3, .n = 5, .segment_size = 65536, .convergence = secret, .convergence_n = 16};
	mf_buf plain = golden_plain(MF_STR("some text. "), 1000001);
	struct shares *s = mf_alloc(sizeof(*s));
	mf_chk_id id, again;
	mf_filecap want, cap;
	mf_err err = {0};

	encode_mem(&params, mf_buf_str(&plain), s, &id, &want);
	for (params.threads = 1; params.threads <= 2; params.threads++) {
		struct slow slow = {.bytes = mf_buf_str(&plain), .fail_at = 1000};
		mf_source src = {.read = slow_read, .arg = &slow, .size = plain.n};
		mf_share_out out = {drop, NULL};
		mf_cancel cancel = {false};

		cr_assert(mf_chk_key(&params, &src, NULL, &again, &err) == MF_OK);
		cr_assert(memcmp(again.key, id.key, 16) == 0 && slow.next == plain.n);
		cr_assert(mf_chk_encode(&params, &src, &again, &out, &cancel, &cap, &err) == MF_OK);
		cr_assert(strcmp(cap.text, want.text) == 0 && slow.next == plain.n);

		slow.fail_at = slow.calls + 7;
		cr_assert(mf_chk_encode(&params, &src, &again, &out, &cancel, &cap, &err) == MF_EIO);
		cr_assert(strcmp(err.text, "the disk is gone") == 0);
		slow.fail_at = slow.calls + 1;
		cr_assert(mf_chk_key(&params, &src, NULL, &again, &err) == MF_EIO);

		slow.fail_at = slow.calls + 7;
		slow.cancel_at_fail = &cancel;
		cr_assert(mf_chk_encode(&params, &src, &id, &out, &cancel, &cap, &err) == MF_ECANCELED);
		cr_assert(slow.next < plain.n, "went on after the cancel");
		cr_assert(mf_chk_key(&params, &src, &cancel, &again, &err) == MF_ECANCELED);

		src.size--;
		cr_assert(mf_chk_encode(&params, &src, &id, &out, NULL, &cap, &err) == MF_ECHANGED);
	}
	shares_free(s);
	free(s);
	mf_buf_free(&plain);
}

static mf_code
full(void *arg, uint32_t share, uint64_t off, const void *p, size_t n, mf_err *err)
{
	unsigned *left = arg;

	(void)share, (void)off, (void)p, (void)n;
	return (*left)-- == 0 ? mf_fail(err, MF_EFULL, 28, "no space") : MF_OK;
}

Test(chk_encode, a_failing_sink_ends_it_at_any_write)
{
	mf_chk_params params = {.k = 2, .n = 3, .segment_size = 100000};
	mf_buf plain = golden_plain(MF_STR("x"), 700000);
	mf_source src = mf_source_mem(plain.p, plain.n);
	mf_chk_id id;
	mf_filecap cap;
	mf_err err = {0};
	unsigned writes = 0;

	cr_assert(mf_chk_key(&params, &src, NULL, &id, &err) == MF_OK);
	for (params.threads = 1; params.threads <= 2; params.threads++) {
		mf_code rc = MF_EFULL;
		for (writes = 0; rc != MF_OK; writes++) {
			unsigned left = writes;
			mf_share_out out = {full, &left};
			rc = mf_chk_encode(&params, &src, &id, &out, NULL, &cap, &err);
			cr_assert(rc == MF_OK || rc == MF_EFULL);
		}
		cr_assert(writes > 3 * 8);
	}
	mf_buf_free(&plain);
}

Test(chk_encode, parameters_out_of_range)
{
	static const struct {
		uint64_t size;
		uint32_t k, n, segment;
		mf_code want;
	} rows[] = {
		{56, 1, 1, 1 << 20, MF_OK},
		{56, 256, 256, 1, MF_OK},
		{0, 1, 1, 1 << 20, MF_EINVAL},
		{56, 0, 1, 1 << 20, MF_EINVAL},
		{56, 2, 1, 1 << 20, MF_EINVAL},
		{56, 1, 257, 1 << 20, MF_EINVAL},
		{56, 1, 1, 0, MF_EINVAL},
		{56, 1, 1, (16 << 20) + 1, MF_EINVAL},
		{UINT64_MAX, 1, 1, 1 << 20, MF_EINVAL},
		{(uint64_t)1 << 63, 1, 1, 16 << 20, MF_EINVAL},
		{(uint64_t)1 << 40, 1, 1, 1 << 20, MF_OK},
		{((uint64_t)1 << 40) + 1, 1, 1, 1 << 20, MF_EINVAL},
	};
	mf_chk_layout l;
	mf_err err = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert(
			mf_chk_layout_of(rows[i].size, rows[i].k, rows[i].n, rows[i].segment, &l, &err) == rows[i].want,
			"row %zu", i);
	mf_source short_one = mf_source_mem("short", 5);
	mf_chk_params params = {.k = 1, .n = 1, .segment_size = 1 << 20};
	cr_assert(mf_chk_key(&params, &short_one, NULL, &(mf_chk_id){0}, &err) == MF_EINVAL);
}

/* The layout changes to 64-bit fields exactly where the last offset leaves 32 bits. */
Test(chk_encode, layout_version_2_begins_where_32_bits_end)
{
	mf_chk_layout a, b;
	uint64_t lo = 1, hi = (uint64_t)1 << 33;

	while (lo + 1 < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		cr_assert(mf_chk_layout_of(mid, 1, 1, 1 << 20, &a, NULL) == MF_OK);
		*(a.version == 1 ? &lo : &hi) = mid;
	}
	cr_assert(mf_chk_layout_of(lo, 1, 1, 1 << 20, &a, NULL) == MF_OK && a.version == 1);
	cr_assert(mf_chk_layout_of(hi, 1, 1, 1 << 20, &b, NULL) == MF_OK && b.version == 2);
	cr_assert(a.o_ueb == UINT32_MAX && b.o_data == 0x44 && b.o_ueb == a.o_ueb + 1 + 0x20);
	cr_assert(b.share_size == b.o_ueb + 8 + b.ueb_size && a.share_size == a.o_ueb + 4 + a.ueb_size);
}

Test(chk_encode, literals)
{
	uint8_t data[MF_LIT_MAX];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (size_t n = 0; n <= MF_LIT_MAX; n++) {
		mf_filecap text;
		mf_cap cap;
		mf_buf back = {0};
		mf_lit_put(data, n, &text);
		cr_assert(mf_cap_parse(mf_strz(text.text), &cap, NULL) == MF_OK);
		cr_assert(cap.kind == MF_CAP_LIT && cap.size == n);
		mf_lit_get(&cap, &back);
		cr_assert(back.n == n && memcmp(back.p, data, n) == 0, "%zu bytes", n);
		mf_buf_free(&back);
	}
	mf_filecap five;
	mf_lit_put("hello", 5, &five);
	cr_assert(strcmp(five.text, "URI:LIT:nbswy3dp") == 0);
}

/* The page's example is what the encoder makes: the page cannot drift. */
Test(chk_encode, the_example_in_the_docs)
{
	static const uint8_t secret[] = "aaaaaaaaaaaaaaaa";
	mf_chk_params params = {.k = 1, .n = 1, .segment_size = 1 << 17, .convergence = secret, .convergence_n = 16};
	mf_buf plain = golden_plain(MF_STR("a"), 56), share = {0}, page = golden_file("../../docs/lafs.md");
	mf_buf want = {0};
	mf_chk_id id;
	mf_filecap cap;

	mf_chk_small(&params, plain.p, plain.n, &share, &id, &cap);
	mf_buf_addf(&want, "    %s\n\n", cap.text);
	for (size_t at = 0; at < share.n; at += 16) {
		char hex[33];
		mf_hex(hex, share.p + at, share.n - at < 16 ? share.n - at : 16);
		mf_buf_addf(&want, "    %04zx  %s\n", at, hex);
	}
	mf_buf_addc(&page, '\0');
	cr_assert(strstr((const char *)page.p, (const char *)want.p) != NULL, "docs/lafs.md should say:\n%s", want.p);
	mf_buf_free(&plain);
	mf_buf_free(&share);
	mf_buf_free(&page);
	mf_buf_free(&want);
}

/* The wide layout is for files beyond 4 GiB; forced upon a small one it gives the golden share. */
Test(chk_encode, layout_version_2_is_golden_byte_for_byte)
{
	static const uint8_t secret[] = "aaaaaaaaaaaaaaaa";
	mf_chk_params params = {.k = 1, .n = 1, .segment_size = 1 << 17, .convergence = secret, .convergence_n = 16};
	mf_buf plain = golden_plain(MF_STR("a"), 1024), file = golden_file("lafs/chk/c1k-k1n1-v2layout.0");
	struct shares *s = mf_alloc(sizeof(*s));
	mf_source src = mf_source_mem(plain.p, plain.n);
	mf_share_out out = shares_out(s);
	mf_chk_id id;
	mf_filecap cap;
	mf_err err = {0};

	cr_assert(mf_chk_key(&params, &src, NULL, &id, &err) == MF_OK, "%s", err.text);
	mf_chk_layout *l = &id.layout;
	uint64_t *offset[] = {&l->o_data, &l->o_plaintext, &l->o_crypttext, &l->o_blocks, &l->o_chain, &l->o_ueb};
	for (size_t i = 0; i < 6; i++)
		*offset[i] += 0x44 - 0x24;
	l->version = 2;
	l->share_size += 0x44 - 0x24 + 4;
	shares_reserve(s, l);
	cr_assert(mf_chk_encode(&params, &src, &id, &out, NULL, &cap, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_str_eq(mf_buf_str(&s->data[0]), golden_share(&file)));
	shares_free(s);
	free(s);
	mf_buf_free(&plain);
	mf_buf_free(&file);
}
