/* Buffers, cursor, base32. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/base32.h"
#include "base/buf.h"

Test(buf, a_netstring_written_is_read_back, .timeout = 5)
{
	mf_buf b = {0};

	mf_buf_add_ns(&b, "", 0);
	mf_buf_add_ns(&b, "hello", 5);
	cr_assert(mf_str_eq(mf_buf_str(&b), MF_STR("0:,5:hello,")));
	mf_cur c = mf_cur_of(b.p, b.n);
	cr_assert(eq(sz, mf_cur_ns(&c, 10).n, 0));
	cr_assert(mf_str_eq(mf_cur_ns(&c, 10), MF_STR("hello")));
	cr_assert(not(c.bad));
	cr_assert(eq(sz, c.n, 0));
	mf_buf_free(&b);
}

Test(buf, malformed_netstrings_make_the_cursor_bad, .timeout = 5)
{
	static const char *const bad[] = {"", ":", "5:hell,", "5:hello;", "05:hello,", "-1:a,", "x:,",
		"99999999999999:a,", "5 :hello,", "11:0123456789a,"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mf_cur c = mf_cur_of(bad[i], strlen(bad[i]));
		mf_str s = mf_cur_ns(&c, 10);
		cr_assert(c.bad, "%s", bad[i]);
		cr_assert(eq(sz, s.n, 0));
	}
}

Test(base32, both_spellings_round_trip_and_strays_are_refused, .timeout = 5)
{
	uint8_t in[40], out[40];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 37 + 11);
	for (size_t n = 0; n <= sizeof(in); n++) {
		mf_buf b = {0};
		size_t got = 99;
		mf_b32_add(&b, in, n);
		cr_assert(eq(sz, b.n, MF_B32_LEN(n)));
		cr_assert(mf_unb32(out, &got, mf_buf_str(&b)));
		cr_assert(eq(sz, got, n));
		cr_assert(memcmp(in, out, n) == 0);
		b.n = 0;
		mf_b32_add_upper(&b, in, n);
		cr_assert(eq(sz, b.n % 8, 0));
		cr_assert(mf_unb32_upper(out, n, mf_buf_str(&b)));
		mf_buf_free(&b);
	}
	size_t n;
	cr_assert(not(mf_unb32(out, &n, MF_STR("AA"))));
	cr_assert(not(mf_unb32(out, &n, MF_STR("ab"))));
	cr_assert(not(mf_unb32(out, &n, MF_STR("a"))));
	cr_assert(mf_unb32(out, &n, MF_STR("ae")));
}
