/* UTF-8 and NFC. */
#include <criterion/criterion.h>

#include "base/unicode.h"

Test(unicode, only_strict_utf8_is_valid, .timeout = 5)
{
	static const char *const good[] = {"", "abc", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
		"long enough for a word \xc3\xa9"};
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x80\x80",
		"\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xe2\x82", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "long enough for a word \xc3"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert(mf_utf8_valid(mf_strz(good[i])), "good %zu", i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mf_buf out = {0};
		mf_err err;

		cr_assert(!mf_utf8_valid(mf_strz(bad[i])), "bad %zu", i);
		cr_assert(mf_nfc(mf_strz(bad[i]), &out, &err) == MF_EFORMAT && out.n == 0, "bad %zu", i);
		mf_buf_free(&out);
	}
	cr_assert(mf_utf8_valid((mf_str){"a\0b\xc3\xa9", 5}));
}

/* Expected forms from Python's unicodedata.normalize("NFC", ...). */
Test(unicode, nfc_composes_but_for_the_exclusions, .timeout = 5)
{
	static const struct {
		const char *in, *out;
	} row[] = {
		{"", ""}, {"plain", "plain"}, {"e\xcc\x81", "\xc3\xa9"},  /* e + acute */
		{"\xc3\xa9", "\xc3\xa9"},                                 /* is composed already */
		{"\xe2\x84\xab", "\xc3\x85"},                             /* Angstrom sign becomes the letter */
		{"\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc"},             /* U+0958 is excluded from composition */
		{"q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87"},               /* marks in canonical order */
		{"\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81"}, /* Hangul */
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		mf_buf out = {0};

		mf_buf_addz(&out, "kept:");
		cr_assert(mf_nfc(mf_strz(row[i].in), &out, NULL) == MF_OK);
		cr_assert(mf_str_starts(mf_buf_str(&out), MF_STR("kept:")));
		cr_assert(mf_str_eq((mf_str){(char *)out.p + 5, out.n - 5}, mf_strz(row[i].out)), "row %zu", i);
		mf_buf_free(&out);
	}
}
