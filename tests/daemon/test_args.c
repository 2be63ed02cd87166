/* Options as Python's getopt reads them. */
#include <criterion/criterion.h>

#include "daemon/cli.h"

enum { NAME, SIZE, FLAG, FLEX };

static const mf_option options[] = {
	[NAME] = {"name", 'n', "NAME", "", NULL},
	[SIZE] = {"size", 's', "N", "", "60"},
	[FLAG] = {"flag", 'f', NULL, "", NULL},
	[FLEX] = {"flex", '\0', NULL, "", NULL},
	{0},
};

static mf_code
parse(const char *line, mf_args *out, mf_err *err)
{
	static char copy[256], *words[16];
	int n = 0;

	(void)strncpy(copy, line, sizeof(copy) - 1);
	for (char *save = NULL, *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	words[n] = NULL;
	return mf_args_parse(options, n, words, out, err);
}

Test(args, every_spelling_is_understood, .timeout = 10)
{
	static const char *const same[] = {"--name x --flag w", "--name=x --flag w", "-n x -f w", "-nx -f w", "-fnx w",
		"--na x --fla w", "-f --n=x -- w"};
	mf_args a;
	mf_err err;

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		cr_assert(parse(same[i], &a, &err) == MF_OK, "%s: %s", same[i], err.text);
		cr_assert(a.value[NAME] != NULL && strcmp(a.value[NAME], "x") == 0, "%s", same[i]);
		cr_assert(a.value[FLAG] != NULL && a.value[FLEX] == NULL);
		cr_assert(strcmp(a.value[SIZE], "60") == 0, "the standard value is lost");
		cr_assert(a.words == 1 && strcmp(a.word[0], "w") == 0, "%s", same[i]);
	}
}

Test(args, options_end_at_the_first_word, .timeout = 10)
{
	mf_args a;

	cr_assert(parse("word --flag", &a, NULL) == MF_OK && a.words == 2 && a.value[FLAG] == NULL);
	cr_assert(parse("- --flag", &a, NULL) == MF_OK && a.words == 2, "a single dash is a word");
	cr_assert(parse("--size=", &a, NULL) == MF_OK && a.value[SIZE][0] == '\0');
	cr_assert(parse("-s -1 x", &a, NULL) == MF_OK && strcmp(a.value[SIZE], "-1") == 0);
}

Test(args, errors_are_getopts, .timeout = 10)
{
	static const struct {
		const char *line, *text;
	} rows[] = {
		{"--bogus", "option --bogus not recognized"},
		{"--bogus=1", "option --bogus not recognized"},
		{"-x", "option -x not recognized"},
		{"-fx", "option -x not recognized"},
		{"--name", "option --name requires argument"},
		{"-n", "option -n requires argument"},
		{"--flag=1", "option --flag must not have an argument"},
		{"--fl", "option --fl not a unique prefix"},
	};
	mf_args a;
	mf_err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cr_assert(parse(rows[i].line, &a, &err) == MF_EINVAL, "%s", rows[i].line);
		cr_assert(strcmp(err.text, rows[i].text) == 0, "%s: %s", rows[i].line, err.text);
	}
}

Test(args, positive_numbers, .timeout = 10)
{
	static const char *const bad[] = {"", "0", "-1", "frog", "1x", " 1", "+1", "99999999999", "1.5", "11"};
	unsigned n;

	cr_assert(mf_positive("10", 10, &n) && n == 10);
	cr_assert(!mf_positive(NULL, 10, &n));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_assert(!mf_positive(bad[i], 10, &n), "%s", bad[i]);
}
