/* Three-way merge of texts, by libgit2; and where in ours it did not go. */
#include "sync/settle/resolve.h"

#include <git2.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/git.h"

enum { MARK = 60 }; /* characters of a conflict mark: no text has a line of so many by chance */

struct lines {
	const char *at, *end;
	unsigned number; /* of the next line, from 1 */
};

static bool
next_line(struct lines *l, mf_str *line)
{
	if (l->at == l->end)
		return false;
	const char *eol = memchr(l->at, '\n', (size_t)(l->end - l->at));
	line->p = l->at;
	line->n = eol != NULL ? (size_t)(eol + 1 - l->at) : (size_t)(l->end - l->at);
	l->at += line->n;
	l->number++;
	return true;
}

static bool
is_mark(mf_str line, char c)
{
	if (line.n < MARK)
		return false;
	for (size_t i = 0; i < MARK; i++)
		if (line.p[i] != c)
			return false;
	return true;
}

/* Do the next @p n bytes of ours say the same?  Ends of files may lack their newline. */
static bool
begins_with(const struct lines *ours, mf_str text)
{
	size_t left = (size_t)(ours->end - ours->at);

	if (text.n == left + 1 && text.p[text.n - 1] == '\n')
		text.n--;
	return text.n <= left && memcmp(ours->at, text.p, text.n) == 0;
}

/* A place that was not clean holds @p text of ours: find it from where we are. */
static void
find_clash(struct lines *ours, mf_str text, unsigned count, struct mf_lines *out)
{
	struct lines at = *ours;
	mf_str line;

	while (!begins_with(&at, text) && next_line(&at, &line))
		;
	*out = (struct mf_lines){.first = at.number, .count = count};
	for (unsigned i = 0; i < count; i++)
		(void)next_line(&at, &line);
	*ours = at;
}

/* @p merged has a mark before, between and after what stands against each other. */
static void
find_clashes(mf_str merged, mf_str ours, struct mf_lines **clash, size_t *n)
{
	struct lines m = {merged.p, merged.p + merged.n, 1}, o = {ours.p, ours.p + ours.n, 1};
	mf_str line, mine = {0};
	unsigned count = 0;
	enum { OUTSIDE, OURS, THEIRS } where = OUTSIDE;

	while (next_line(&m, &line)) {
		if (where == OUTSIDE && is_mark(line, '<')) {
			where = OURS;
			mine = (mf_str){m.at, 0};
			count = 0;
		} else if (where == OURS && is_mark(line, '=')) {
			where = THEIRS;
			*clash = mf_realloc_array(*clash, *n + 1, sizeof(**clash));
			find_clash(&o, mine, count, &(*clash)[(*n)++]);
		} else if (where == OURS) {
			mine.n += line.n;
			count++;
		} else if (where == THEIRS && is_mark(line, '>')) {
			where = OUTSIDE;
		} else if (where == OUTSIDE && begins_with(&o, line)) {
			mf_str same;
			(void)next_line(&o, &same);
		}
	}
}

static mf_code
not_clean(const struct mf_lines *clash, size_t n, mf_err *err)
{
	mf_buf where = {0};

	for (size_t i = 0; i < n && where.n < 80; i++) {
		mf_buf_addf(&where, "%s%u", i == 0 ? "" : ", ", clash[i].first);
		if (clash[i].count > 1)
			mf_buf_addf(&where, "-%u", clash[i].first + clash[i].count - 1);
	}
	mf_code rc = mf_fail(err, MF_EUNSUPPORTED, 0, "the merge is not clean: %zu conflict%s, in our line%s %s%s", n,
		n == 1 ? "" : "s", n == 1 && clash[0].count <= 1 ? "" : "s", n == 0 ? "" : (char *)where.p,
		where.n >= 80 ? " ..." : "");
	mf_buf_free(&where);
	return rc;
}

static mf_code
check_text(const char *whose, mf_str s, mf_err *err)
{
	if (s.n > MF_MERGE_MAX)
		return mf_fail(err, MF_EUNSUPPORTED, 0, "%s has more than 1 MiB: not merged", whose);
	if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL)
		return mf_fail(err, MF_EUNSUPPORTED, 0, "%s is binary: not merged", whose);
	return MF_OK;
}

static git_merge_file_input
input(mf_str s)
{
	return (git_merge_file_input){.version = GIT_MERGE_FILE_INPUT_VERSION,
		.ptr = s.n > 0 ? s.p : "",
		.size = s.n,
		.path = "text",
		.mode = 0100644};
}

mf_code
mf_merge_text(const mf_merge_texts *t, mf_buf *out, struct mf_lines **clash, size_t *n_clash, mf_err *err)
{
	git_merge_file_options opts = {.version = GIT_MERGE_FILE_OPTIONS_VERSION, .marker_size = MARK};
	git_merge_file_result result = {0};
	mf_code rc = check_text("our version", t->ours, err);

	if (rc == MF_OK)
		rc = check_text("their version", t->theirs, err);
	if (rc == MF_OK)
		rc = check_text("the common ancestor", t->base, err);
	if (rc != MF_OK)
		return rc;
	git_merge_file_input base = input(t->base), ours = input(t->ours), theirs = input(t->theirs);
	mf_git_use();
	if (git_merge_file(&result, &base, &ours, &theirs, &opts) != 0) {
		const git_error *why = git_error_last();
		rc = mf_fail(
			err, MF_EIO, 0, "libgit2 cannot merge: %s", why != NULL ? why->message : "no reason given");
	} else if (result.automergeable) {
		mf_buf_add(out, result.ptr, result.len);
	} else {
		find_clashes((mf_str){result.ptr, result.len}, t->ours, clash, n_clash);
		rc = not_clean(*clash, *n_clash, err);
	}
	git_merge_file_result_free(&result);
	return rc;
}
