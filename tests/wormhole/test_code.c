/* Codes and word lists, against the lists that magic-wormhole has. */
#include <criterion/criterion.h>

#include "tests/grid/golden.h"
#include "wormhole/code.h"
#include "wormhole/words.h"

static void
same_list(const json_t *golden, const char *key, const char *const *ours)
{
	const json_t *list = json_object_get(golden, key);

	cr_assert(json_array_size(list) == 256);
	for (size_t i = 0; i < 256; i++)
		cr_assert_str_eq(ours[i], json_string_value(json_array_get(list, i)), "%s[%zu]", key, i);
}

Test(code, words_are_those_of_the_list, .timeout = 10)
{
	json_t *golden = golden_json("pgpwords.json");

	same_list(golden, "even_lower", mf_words_even);
	same_list(golden, "odd_lower", mf_words_odd);
	json_decref(golden);
}

Test(code, is_made_of_long_and_short_words_by_turns, .timeout = 10)
{
	mf_buf code = {0};

	mf_wormhole_code_make(&code, MF_STR("4"), (const uint8_t[]){0, 0}, 2);
	cr_assert_str_eq((char *)code.p, "4-adroitness-aardvark");
	code.n = 0;
	mf_wormhole_code_make(&code, MF_STR("123"), (const uint8_t[]){255, 255, 1}, 3);
	cr_assert_str_eq((char *)code.p, "123-yucatan-zulu-adviser");
	mf_buf_free(&code);
}

/* Reads @p typed; NULL when refused. */
static const char *
password_of(const char *typed, const char *plate)
{
	static mf_buf password;
	mf_str nameplate = {0};
	mf_err err = {0};

	password.n = 0;
	if (mf_wormhole_code_read(mf_strz(typed), &password, &nameplate, &err) != MF_OK) {
		cr_assert(err.code == MF_EINVAL && err.text[0] != '\0', "%s", typed);
		cr_assert(password.n == 0);
		cr_assert(strlen(typed) < 3 || strstr(err.text, typed) == NULL, "the error repeats the code");
		return NULL;
	}
	cr_assert(mf_str_eq(nameplate, mf_strz(plate)), "%s", typed);
	return (const char *)password.p;
}

Test(code, is_taken_as_typed, .timeout = 10)
{
	/* no case folding, no trimming: all of it is the password */
	static const char *const good[][3] = {
		{"4-adroitness-aardvark", "4", "4-adroitness-aardvark"}, {"7-Foo", "7", "7-Foo"}, {"7", "7", "7"},
		{"7-", "7", "7-"}, {"0123-x", "0123", "0123-x"},
		{"7-u\xcc\x88n\xc3\xaf", "7", "7-\xc3\xbcn\xc3\xaf"}, /* NFC */
	};
	static const char *const bad[] = {"", "-", "-x", "foo", "foo-bar", "7 foo bar", " 7-foo", "7-foo ", "7a-b",
		"7\n-foo", "\xd9\xa7-foo" /* an Arabic seven */, "7-\xff",
		"12345678901234567890123456789012345678901-x"};
	char longest[MF_WORMHOLE_CODE_MAX + 2];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert_str_eq(password_of(good[i][0], good[i][1]), good[i][2]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_null(password_of(bad[i], ""), "taken: %s", bad[i]);
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "7-", 2);
	longest[sizeof(longest) - 1] = '\0';
	cr_assert_null(password_of(longest, "7"));
	longest[sizeof(longest) - 2] = '\0';
	cr_assert_str_eq(password_of(longest, "7"), longest);
}

static void
note(void *arg, mf_str candidate)
{
	mf_buf *all = arg;

	mf_buf_adds(all, candidate);
	mf_buf_addc(all, ' ');
}

/* All candidates for @p typed, with a blank after each. */
static const char *
completed(const char *typed)
{
	static const char *const listed[] = {"4", "41", "7", "x", ""};
	static mf_buf all;

	all.n = 0;
	mf_buf_addz(&all, "");
	mf_buf_reserve(&all, 1);
	all.p[0] = 0;
	mf_wormhole_code_complete(mf_strz(typed), listed, 5, MF_WORMHOLE_WORDS, note, &all);
	return (const char *)all.p;
}

Test(code, completes, .timeout = 10)
{
	cr_assert_str_eq(completed(""), "4- 41- 7- ");
	cr_assert_str_eq(completed("4"), "4- 41- ");
	cr_assert_str_eq(completed("5"), "");
	cr_assert_str_eq(completed("4-adr"), "4-adroitness- ");
	cr_assert_str_eq(completed("4-Adr"), "", "the input is not folded");
	cr_assert_str_eq(completed("4-adroitness-aa"), "4-adroitness-aardvark ");
	cr_assert_str_eq(completed("4-adroitness-zu"), "4-adroitness-zulu ");
	cr_assert_str_eq(completed("4-adroitness-adroit"), "", "the second word is of the other list");
	cr_assert_str_eq(completed("4-adroitness-aardvark-"), "", "it has all its words");
	cr_assert_str_eq(completed("x-adr"), "");
	cr_assert(strlen(completed("4-")) > 256 * 5);
}
