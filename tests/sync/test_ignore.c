/* Rules of .magicignore: the same as git's, bounded, and nobody's configuration but the folder's. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <jansson.h>

#include "sync/local/ignore.h"
#include "tests/grid/golden.h"

static mf_err err;

#define OK(call) cr_assert((call) == MF_OK, "%s", err.text)

static struct mf_ignore *
rules(const char *text)
{
	struct mf_ignore *ig = mf_ignore_new();

	OK(mf_ignore_set(ig, "", mf_strz(text), &err));
	return ig;
}

/* A path with a slash at its end is a directory. */
static bool
says(struct mf_ignore *ig, const char *path)
{
	size_t n = strlen(path);

	if (path[n - 1] != '/')
		return mf_ignored(ig, path);
	char *dir = mf_strdup((mf_str){path, n - 1});
	bool yes = mf_ignored_dir(ig, dir);
	free(dir);
	return yes;
}

static void
check_all(struct mf_ignore *ig, const json_t *paths, bool want, size_t number)
{
	const json_t *p;
	size_t i;

	json_array_foreach(paths, i, p)
		cr_assert(says(ig, json_string_value(p)) == want, "case %zu: %s", number, json_string_value(p));
}

Test(ignore, as_git_does, .timeout = 60)
{
	json_t *top = golden_json("ignore-cases.json");
	const json_t *one;
	size_t i;

	cr_assert(json_array_size(json_object_get(top, "cases")) > 30);
	json_array_foreach(json_object_get(top, "cases"), i, one)
	{
		struct mf_ignore *ig = mf_ignore_new();
		const char *dir;
		json_t *text;
		json_object_foreach(json_object_get(one, "files"), dir, text)
			OK(mf_ignore_set(ig, dir, mf_strz(json_string_value(text)), &err));
		check_all(ig, json_object_get(one, "ignored"), true, i);
		check_all(ig, json_object_get(one, "kept"), false, i);
		mf_ignore_free(ig);
	}
	json_decref(top);
}

Test(ignore, what_people_write, .timeout = 10)
{
	static const struct {
		const char *rules, *ignored, *kept; /* paths, with blanks between */
	} table[] = {
		{"*.o", "a.o d/a.o d/e/.o a.o/x", "a.c a.oo"},
		{"*.log\n!keep.log", "a.log d/b.log", "keep.log d/keep.log"},
		{"build/", "build/ build/x d/build/ d/build/x", "build d/build buildx"},
		{"/build", "build build/ build/x", "d/build"},
		{"doc/*.txt", "doc/a.txt", "doc/d/a.txt x/doc/a.txt doc/a"},
		{"doc/**/*.txt", "doc/a.txt doc/d/e/a.txt", "x/doc/a.txt"},
		{"**/tmp", "tmp a/tmp a/b/tmp a/b/tmp/c", "tmpx"},
		{"a/**", "a/x a/b/c", "a/ ax b/a"},
		{"node_modules\n!node_modules/keep", "node_modules/ node_modules/keep", "x"},
		{"/*\n!/src", "x y/ y/src", "src src/x"},
		{"# remark\n\n\\#file\n\\!file", "#file !file d/#file", "file # remark"},
		{"trailing   ", "trailing", "x"},
		{"dos.txt\r\nother\r\n", "dos.txt other", "dos"},
		{"[ab].c", "a.c b.c", "c.c ab.c"},
		{"?.c", "a.c", ".c ab.c"},
		{".git", ".git .git/ .git/config d/.git/x", ".gitx"},
		{"", "", ".git .git/config a"},
		{"*", "a d/ d/a", ".magicignore"},
		{".magicignore", "", ".magicignore d/.magicignore"},
		{"d/", "d/.magicignore", ".magicignore"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct mf_ignore *ig = rules(table[i].rules);
		for (int want = 1; want >= 0; want--) {
			char *list = mf_strdup(mf_strz(want ? table[i].ignored : table[i].kept)), *rest = NULL;
			for (char *p = strtok_r(list, " ", &rest); p != NULL; p = strtok_r(NULL, " ", &rest))
				cr_assert(says(ig, p) == (want != 0), "[%s] %s", table[i].rules, p);
			free(list);
		}
		mf_ignore_free(ig);
	}
}

Test(ignore, nested_files_count_below_and_come_later, .timeout = 10)
{
	struct mf_ignore *ig = rules("*.log\n");

	OK(mf_ignore_set(ig, "d", MF_STR("!a.log\n/top\nany\n"), &err));
	OK(mf_ignore_set(ig, "d/e*[x", MF_STR("*.log\n?\n"), &err));
	cr_assert(says(ig, "a.log") && !says(ig, "d/a.log") && says(ig, "d/b.log") && says(ig, "d/e*[x/a.log"));
	cr_assert(says(ig, "d/top") && !says(ig, "top") && !says(ig, "d/f/top"));
	cr_assert(says(ig, "d/any") && says(ig, "d/f/any") && !says(ig, "any"));
	cr_assert(says(ig, "d/e*[x/1") && !says(ig, "d/eAAx/1") && !says(ig, "d/1"));
	mf_ignore_unset(ig, "d");
	cr_assert(says(ig, "d/a.log") && !says(ig, "d/top") && says(ig, "d/e*[x/1"));
	mf_ignore_free(ig);
}

Test(ignore, what_is_refused_holds_everything_back, .timeout = 20)
{
	struct mf_ignore *ig = mf_ignore_new();
	mf_buf big = {0};

	cr_assert(mf_ignore_empty(ig) && !says(ig, "x"));
	for (int i = 0; i <= MF_IGNORE_LINE_MAX; i++)
		mf_buf_addc(&big, 'a');
	cr_assert(mf_ignore_set(ig, "d", mf_buf_str(&big), &err) == MF_EINVAL);
	cr_assert(strstr(err.text, "line 1 is longer than 1024 bytes") != NULL, "%s", err.text);
	cr_assert(says(ig, "d/x") && says(ig, "d/e/y") && !says(ig, "x") && !says(ig, "d/.magicignore"));
	OK(mf_ignore_set(ig, "d", MF_STR("y"), &err));
	cr_assert(!says(ig, "d/x") && says(ig, "d/e/y"));
	cr_assert(mf_ignore_set(ig, "d", MF_STR("ok\na/**/b/**/c/**/d"), &err) == MF_EINVAL);
	cr_assert(strstr(err.text, "line 2") != NULL, "%s", err.text);
	cr_assert(mf_ignore_set(ig, "d", ((mf_str){"a\0b", 3}), &err) == MF_EINVAL && says(ig, "d/x"));
	mf_ignore_deny(ig, "d");
	cr_assert(says(ig, "d/x"));
	OK(mf_ignore_set(ig, "d", MF_STR(""), &err));
	cr_assert(!says(ig, "d/x") && !mf_ignore_empty(ig));
	big.n = 0;
	for (int i = 0; i <= MF_IGNORE_RULES_MAX; i++)
		mf_buf_addf(&big, "%d\n", i);
	cr_assert(mf_ignore_set(ig, "e", mf_buf_str(&big), &err) == MF_EINVAL && says(ig, "e/x"));
	big.n = 0;
	for (int i = 0; i <= MF_IGNORE_STARRED_MAX; i++)
		mf_buf_addf(&big, "a/**/%d/**\n", i);
	cr_assert(mf_ignore_set(ig, "e", mf_buf_str(&big), &err) == MF_EINVAL && says(ig, "e/x"));
	big.n = 0;
	for (int i = 0; i <= MF_IGNORE_FILE_MAX; i++)
		mf_buf_addc(&big, i % 100 == 0 ? '\n' : '#');
	cr_assert(mf_ignore_set(ig, "e", mf_buf_str(&big), &err) == MF_EINVAL && says(ig, "e/x"));
	/* the rest stands */
	OK(mf_ignore_set(ig, "e", MF_STR("only"), &err));
	cr_assert(!says(ig, "e/x") && says(ig, "e/only"));
	mf_buf_free(&big);
	mf_ignore_free(ig);
}

Test(ignore, as_many_files_as_there_may_be, .timeout = 20)
{
	struct mf_ignore *ig = mf_ignore_new();
	char dir[32];

	for (int i = 0; i < MF_IGNORE_FILES_MAX; i++) {
		(void)snprintf(dir, sizeof(dir), "d%d", i);
		OK(mf_ignore_set(ig, dir, MF_STR("x"), &err));
	}
	cr_assert(mf_ignore_set(ig, "more", MF_STR("x"), &err) == MF_EINVAL && says(ig, "more/y"));
	cr_assert(says(ig, "d7/x") && !says(ig, "d7/y"));
	mf_ignore_unset(ig, "more");
	OK(mf_ignore_set(ig, "d7", MF_STR("y"), &err));
	cr_assert(!says(ig, "d7/x") && says(ig, "d7/y"));
	mf_ignore_free(ig);
}

/* Contrived rules and a deep path: an answer, soon (the test's limit is far above it). */
Test(ignore, contrived_rules_do_not_take_for_ever, .timeout = 60)
{
	struct mf_ignore *ig = mf_ignore_new();
	mf_buf text = {0}, path = {0};

	for (int i = 0; i < MF_IGNORE_STARRED_MAX; i++)
		mf_buf_addf(&text, "/**/a*/**/%d\n", i);
	for (int i = 0; i < 500; i++)
		mf_buf_addz(&text, "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b\n");
	OK(mf_ignore_set(ig, "", mf_buf_str(&text), &err));
	for (int i = 0; i < 1000; i++)
		mf_buf_addz(&path, "aa/");
	mf_buf_addz(&path, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	cr_assert(!mf_ignored(ig, (const char *)path.p));
	mf_buf_free(&text);
	mf_buf_free(&path);
	mf_ignore_free(ig);
}

static void
put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	cr_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

Test(ignore, the_users_own_git_configuration_has_no_say, .timeout = 10)
{
	char home[] = "/tmp/mf-ignore-XXXXXX", path[100], text[200];

	cr_assert(mkdtemp(home) != NULL);
	(void)snprintf(path, sizeof(path), "%s/git", home);
	cr_assert(mkdir(path, 0700) == 0);
	(void)snprintf(path, sizeof(path), "%s/git/ignore", home);
	put_file(path, "*.secret\n");
	(void)snprintf(text, sizeof(text), "[core]\n\texcludesfile = %s/git/ignore\n\tignorecase = true\n", home);
	(void)snprintf(path, sizeof(path), "%s/.gitconfig", home);
	put_file(path, text);
	cr_assert(setenv("HOME", home, 1) == 0 && setenv("XDG_CONFIG_HOME", home, 1) == 0);
	struct mf_ignore *ig = rules("other\n");
	cr_assert(!says(ig, "a.secret") && says(ig, "other") && !says(ig, "OTHER"));
	mf_ignore_free(ig);
	(void)remove(path);
	(void)snprintf(path, sizeof(path), "%s/git/ignore", home);
	(void)remove(path);
	(void)snprintf(path, sizeof(path), "%s/git", home);
	(void)remove(path);
	(void)remove(home);
}

static void
note(void *arg, const char *dir)
{
	mf_buf_addf(arg, "[%s]", dir);
}

static void
check_differ(const struct mf_ignore *a, const struct mf_ignore *b, const char *below, const char *want)
{
	mf_buf got = {0};

	mf_buf_addz(&got, "");
	mf_ignore_differ(a, b, below, note, &got);
	cr_assert(strcmp((const char *)got.p, want) == 0, "%s: %s", below, (const char *)got.p);
	mf_buf_free(&got);
}

Test(ignore, two_sets_are_compared_and_taken_over_by_directory, .timeout = 10)
{
	struct mf_ignore *a = rules("x"), *b = rules("x");

	check_differ(a, b, "", "");
	OK(mf_ignore_set(a, "d", MF_STR("1"), &err));
	OK(mf_ignore_set(b, "d", MF_STR("2"), &err));
	OK(mf_ignore_set(b, "d/e", MF_STR(""), &err));
	mf_ignore_deny(a, "f");
	check_differ(a, b, "", "[d][d/e][f]");
	check_differ(b, a, "", "[d][d/e][f]");
	check_differ(a, b, "d/e", "[d/e]");
	check_differ(a, b, "g", "");
	mf_ignore_copy(a, "d", b);
	check_differ(a, b, "", "[d/e][f]");
	mf_ignore_copy(a, "f", b);
	mf_ignore_copy(b, "d/e", a);
	check_differ(a, b, "", "");
	cr_assert(says(a, "d/2") && !says(a, "f/x1"));
	mf_ignore_free(a);
	mf_ignore_free(b);
}
