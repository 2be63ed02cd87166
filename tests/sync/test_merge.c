/* Three-way merges of text: what comes out, what is refused, and where. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "sync/settle/resolve.h"

struct merged {
	mf_buf out;
	struct mf_lines *clash;
	size_t n;
	mf_err err;
	mf_code rc;
};

static void
merge(struct merged *m, const char *base, const char *ours, const char *theirs)
{
	mf_merge_texts t = {mf_strz(base), mf_strz(ours), mf_strz(theirs)};

	*m = (struct merged){0};
	m->rc = mf_merge_text(&t, &m->out, &m->clash, &m->n, &m->err);
}

static void
merged_free(struct merged *m)
{
	mf_buf_free(&m->out);
	free(m->clash);
}

static void
is(const char *base, const char *ours, const char *theirs, const char *want)
{
	struct merged m;

	merge(&m, base, ours, theirs);
	cr_assert(m.rc == MF_OK, "%s", m.err.text);
	cr_assert(mf_str_eq(mf_buf_str(&m.out), mf_strz(want)), "\"%.*s\"", (int)m.out.n, (char *)m.out.p);
	cr_assert(m.n == 0);
	merged_free(&m);
	merge(&m, base, theirs, ours); /* the other side gets the same */
	cr_assert(m.rc == MF_OK && mf_str_eq(mf_buf_str(&m.out), mf_strz(want)));
	merged_free(&m);
}

Test(merge, changes_apart_are_both_taken, .timeout = 10)
{
	is("a\nb\nc\nd\ne\n", "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\n", "A\nb\nc\nd\nE\n");
	is("a\nb\nc\nd\ne\n", "b\nc\nd\ne\n", "a\nb\nc\nd\ne\nf\n", "b\nc\nd\ne\nf\n");
	is("a\nb\nc\n", "a\nX\nc\n", "a\nX\nc\n", "a\nX\nc\n");
	is("a\nb\nc\n", "a\nb\nc\n", "", "");
	is("a\nb\nc\nd\ne", "A\nb\nc\nd\ne", "a\nb\nc\nd\nE", "A\nb\nc\nd\nE");
	is("a\r\nb\r\nc\r\nd\r\n", "A\r\nb\r\nc\r\nd\r\n", "a\r\nb\r\nc\r\nD\r\n", "A\r\nb\r\nc\r\nD\r\n");
	is("\xff\nb\nc\nd\n", "\xff\nb\nc\nD\n", "\xfe\nb\nc\nd\n", "\xfe\nb\nc\nD\n");
}

static void
clash(const char *base, const char *ours, const char *theirs, const char *text, size_t n, const struct mf_lines *want)
{
	struct merged m;

	merge(&m, base, ours, theirs);
	cr_assert(m.rc == MF_EUNSUPPORTED && m.out.n == 0);
	cr_assert(strcmp(m.err.text, text) == 0, "%s", m.err.text);
	cr_assert(m.n == n, "%zu", m.n);
	for (size_t i = 0; i < n; i++)
		cr_assert(m.clash[i].first == want[i].first && m.clash[i].count == want[i].count, "%zu: %u, %u", i,
			m.clash[i].first, m.clash[i].count);
	merged_free(&m);
}

Test(merge, what_is_not_clean_is_named_by_our_lines, .timeout = 10)
{
	clash("a\nb\nc\n", "a\nX\nc\n", "a\nY\nc\n", "the merge is not clean: 1 conflict, in our line 2", 1,
		(struct mf_lines[]){{2, 1}});
	clash("a\nb\nc\nd\ne\nf\ng\nh\n", "a\nX\nY\nc\nd\ne\nf\nG\nh\n", "a\nZ\nc\nd\ne\nf\nQ\nh\n",
		"the merge is not clean: 2 conflicts, in our lines 2-3, 8", 2, (struct mf_lines[]){{2, 2}, {8, 1}});
	/* what they added before it moves nothing in ours */
	clash("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\ne\nF\n", "new\nlines\na\nb\nc\nd\ne\nX\n",
		"the merge is not clean: 1 conflict, in our line 6", 1, (struct mf_lines[]){{6, 1}});
	clash("a\nb\nc", "a\nb\nX", "a\nb\nY", "the merge is not clean: 1 conflict, in our line 3", 1,
		(struct mf_lines[]){{3, 1}});
	/* deleted by us, changed by them */
	clash("a\nb\nc\n", "a\nc\n", "a\nY\nc\n", "the merge is not clean: 1 conflict, in our line 2", 1,
		(struct mf_lines[]){{2, 0}});
	/* marks of an earlier merge are text like any other */
	clash("a\n<<<<<<< x\nb\n=======\nc\n", "a\n<<<<<<< x\nB\n=======\nc\n", "a\n<<<<<<< x\nQ\n=======\nc\n",
		"the merge is not clean: 1 conflict, in our line 3", 1, (struct mf_lines[]){{3, 1}});
}

static unsigned
chance(uint64_t *state, unsigned below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*state >> 33) % below;
}

/* Some lines of @p from are changed, dropped or doubled. */
static void
edit(uint64_t *state, const char *from, mf_buf *out)
{
	for (; *from != '\0'; from++) {
		if (*from == '\n' || chance(state, 4) != 0)
			mf_buf_addc(out, (uint8_t)*from);
		else if (chance(state, 3) == 0)
			mf_buf_addf(out, "%c\n%c", 'a' + (int)chance(state, 4), 'a' + (int)chance(state, 4));
		else if (chance(state, 2) == 0)
			mf_buf_addc(out, (uint8_t)('a' + chance(state, 4)));
	}
}

/* Else two that merge by themselves would be in conflict about the merge. */
Test(merge, both_sides_get_the_same, .timeout = 60)
{
	uint64_t state = 4711;
	size_t clean = 0;

	for (unsigned i = 0; i < 20000; i++) {
		mf_buf a = {0}, b = {0};
		struct merged one, other;
		const char *base = "a\nb\nc\nd\na\nb\nc\nd\n";
		edit(&state, base, &a);
		edit(&state, base, &b);
		mf_buf_addc(&a, '\0');
		mf_buf_addc(&b, '\0');
		merge(&one, base, (char *)a.p, (char *)b.p);
		merge(&other, base, (char *)b.p, (char *)a.p);
		cr_assert(one.rc == other.rc, "%u: \"%s\" and \"%s\"", i, (char *)a.p, (char *)b.p);
		cr_assert(mf_str_eq(mf_buf_str(&one.out), mf_buf_str(&other.out)), "%u: \"%s\" and \"%s\"", i,
			(char *)a.p, (char *)b.p);
		cr_assert(one.rc == MF_OK || (one.n > 0 && one.n == other.n));
		for (size_t k = 0; k < one.n; k++)
			cr_assert(one.clash[k].first >= 1 && one.clash[k].first <= a.n &&
				(k == 0 || one.clash[k].first >= one.clash[k - 1].first));
		clean += one.rc == MF_OK;
		merged_free(&one);
		merged_free(&other);
		mf_buf_free(&a);
		mf_buf_free(&b);
	}
	cr_assert(clean > 500 && clean < 19500, "%zu", clean);
}

Test(merge, binary_and_large_files_are_refused, .timeout = 10)
{
	mf_err err;
	mf_buf out = {0}, large = {0};
	struct mf_lines *where = NULL;
	size_t n = 0;
	mf_merge_texts t = {MF_STR("a\n"), {"b\0c", 3}, MF_STR("d\n")};

	cr_assert(mf_merge_text(&t, &out, &where, &n, &err) == MF_EUNSUPPORTED);
	cr_assert(strcmp(err.text, "our version is binary: not merged") == 0, "%s", err.text);
	for (size_t i = 0; i <= MF_MERGE_MAX; i++)
		mf_buf_addc(&large, i % 80 == 79 ? '\n' : 'x');
	t.ours = MF_STR("b\n");
	t.theirs = mf_buf_str(&large);
	cr_assert(mf_merge_text(&t, &out, &where, &n, &err) == MF_EUNSUPPORTED);
	cr_assert(strcmp(err.text, "their version has more than 1 MiB: not merged") == 0, "%s", err.text);
	t.theirs.n--;
	t.base = t.theirs;
	cr_assert(mf_merge_text(&t, &out, &where, &n, &err) == MF_OK && mf_str_eq(mf_buf_str(&out), MF_STR("b\n")));
	mf_buf_free(&out);
	mf_buf_free(&large);
}
