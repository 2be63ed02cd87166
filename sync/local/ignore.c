/* Rules of .magicignore files, compiled for libgit2.
 *
 * libgit2 knows nested rule files only where it finds them in a work tree.  Here the rules of all files above a path
 * become one list, each rooted at its directory, outermost first, which says the same: the last that fits decides.
 * Such a list is kept for each directory that has a file of its own. */
#include "sync/local/ignore.h"

#include <stdlib.h>

#include <git2.h>
#include <git2/sys/repository.h>

#include "base/git.h"

struct rules {
	char *dir; /* "" = the folder's own */
	mf_buf text;
	bool deny; /* not accepted or not readable: everything below */
	size_t n_rules, n_starred;
	git_repository *compiled; /* what counts in dir and below, up to the next directory with rules; NULL: later */
};

struct mf_ignore {
	struct rules *rules; /* by dir, in byte order */
	size_t n, cap, n_rules, n_starred;
	char *plain, *ignored; /* directories found not ignored, and ignored, a moment ago; NULL: none */
};

struct mf_ignore *
mf_ignore_new(void)
{
	return mf_alloc(sizeof(struct mf_ignore));
}

static void
forget_verdicts(struct mf_ignore *ig)
{
	free(ig->plain);
	free(ig->ignored);
	ig->plain = ig->ignored = NULL;
}

/* Everything that was compiled: rules above count below. */
static void
changed(struct mf_ignore *ig)
{
	for (size_t i = 0; i < ig->n; i++) {
		git_repository_free(ig->rules[i].compiled);
		ig->rules[i].compiled = NULL;
	}
	forget_verdicts(ig);
}

void
mf_ignore_free(struct mf_ignore *ig)
{
	if (ig == NULL)
		return;
	changed(ig);
	for (size_t i = 0; i < ig->n; i++) {
		free(ig->rules[i].dir);
		mf_buf_free(&ig->rules[i].text);
	}
	free(ig->rules);
	free(ig);
}

bool
mf_ignore_empty(const struct mf_ignore *ig)
{
	return ig->n == 0;
}

/* ---- reading a file ---------------------------------------------------------------------------------------- */

static bool
next_line(mf_str *rest, mf_str *line)
{
	if (rest->n == 0)
		return false;
	const char *end = memchr(rest->p, '\n', rest->n);
	size_t n = end != NULL ? (size_t)(end - rest->p) : rest->n;
	*line = (mf_str){rest->p, n > 0 && rest->p[n - 1] == '\r' ? n - 1 : n};
	n += end != NULL;
	rest->p += n;
	rest->n -= n;
	return true;
}

/* Without the blanks at its end that no backslash keeps. */
static mf_str
trimmed(mf_str line)
{
	size_t keep = 0;

	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == ' ')
			continue;
		if (line.p[i] == '\\' && i + 1 < line.n)
			i++;
		keep = i + 1;
	}
	return (mf_str){line.p, keep};
}

static bool
ends_in_escape(mf_str rule)
{
	size_t n = 0;

	while (n < rule.n && rule.p[rule.n - 1 - n] == '\\')
		n++;
	return n % 2 == 1;
}

/* The rule of a line; false: it has none, or one that fits nothing. */
static bool
rule_of(mf_str line, mf_str *out)
{
	if (line.n == 0 || line.p[0] == '#')
		return false;
	*out = trimmed(line);
	return out->n > 0 && !ends_in_escape(*out);
}

static unsigned
count_stars(mf_str rule)
{
	unsigned n = 0;

	for (size_t i = 0; i + 1 < rule.n; i++) {
		if (rule.p[i] != '*' || rule.p[i + 1] != '*')
			continue;
		n++;
		while (i + 1 < rule.n && rule.p[i + 1] == '*')
			i++;
	}
	return n;
}

static mf_code
check_line(mf_str line, unsigned number, struct rules *r, mf_err *err)
{
	mf_str rule;

	if (line.n > MF_IGNORE_LINE_MAX)
		return mf_fail(err, MF_EINVAL, 0, "line %u is longer than %d bytes", number, MF_IGNORE_LINE_MAX);
	if (line.n > 0 && memchr(line.p, '\0', line.n) != NULL)
		return mf_fail(err, MF_EINVAL, 0, "line %u has a NUL in it", number);
	if (!rule_of(line, &rule))
		return MF_OK;
	unsigned stars = count_stars(rule);
	if (stars > MF_IGNORE_STARS_MAX)
		return mf_fail(err, MF_EINVAL, 0, "line %u has more than %d times '**'", number, MF_IGNORE_STARS_MAX);
	r->n_rules++;
	r->n_starred += stars > 1;
	return MF_OK;
}

static mf_str
without_bom(mf_str text)
{
	return text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0 ? (mf_str){text.p + 3, text.n - 3} : text;
}

static mf_code
check(const struct mf_ignore *ig, struct rules *r, mf_str text, mf_err *err)
{
	mf_str rest = without_bom(text), line;
	mf_code rc = MF_OK;

	r->n_rules = r->n_starred = 0;
	if (text.n > MF_IGNORE_FILE_MAX)
		return mf_fail(err, MF_EINVAL, 0, "it is larger than %d bytes", MF_IGNORE_FILE_MAX);
	if (ig->n > MF_IGNORE_FILES_MAX)
		return mf_fail(err, MF_EINVAL, 0, "the folder has more than %d such files", MF_IGNORE_FILES_MAX);
	for (unsigned number = 1; rc == MF_OK && next_line(&rest, &line); number++)
		rc = check_line(line, number, r, err);
	if (rc == MF_OK && ig->n_rules + r->n_rules > MF_IGNORE_RULES_MAX)
		return mf_fail(err, MF_EINVAL, 0, "the folder has more than %d rules", MF_IGNORE_RULES_MAX);
	if (rc == MF_OK && ig->n_starred + r->n_starred > MF_IGNORE_STARRED_MAX)
		return mf_fail(
			err, MF_EINVAL, 0, "the folder has more than %d rules with two '**'", MF_IGNORE_STARRED_MAX);
	return rc;
}

/* ---- the files --------------------------------------------------------------------------------------------- */

/* Where @p dir is or belongs. */
static size_t
place_of(const struct mf_ignore *ig, const char *dir)
{
	size_t low = 0, high = ig->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(ig->rules[mid].dir, dir) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
is_at(const struct mf_ignore *ig, size_t i, const char *dir)
{
	return i < ig->n && strcmp(ig->rules[i].dir, dir) == 0;
}

static void
remove_at(struct mf_ignore *ig, size_t i)
{
	struct rules *r = &ig->rules[i];

	changed(ig);
	ig->n_rules -= r->n_rules;
	ig->n_starred -= r->n_starred;
	free(r->dir);
	mf_buf_free(&r->text);
	memmove(r, r + 1, (ig->n - i - 1) * sizeof(*r));
	ig->n--;
}

/* An empty entry for @p dir; what was there is gone. */
static struct rules *
fresh(struct mf_ignore *ig, const char *dir)
{
	size_t i = place_of(ig, dir);

	if (is_at(ig, i, dir))
		remove_at(ig, i);
	changed(ig);
	if (ig->n == ig->cap) {
		ig->cap = ig->cap == 0 ? 4 : ig->cap * 2;
		ig->rules = mf_realloc_array(ig->rules, ig->cap, sizeof(*ig->rules));
	}
	memmove(&ig->rules[i + 1], &ig->rules[i], (ig->n - i) * sizeof(*ig->rules));
	ig->n++;
	ig->rules[i] = (struct rules){.dir = mf_strdup(mf_strz(dir))};
	return &ig->rules[i];
}

mf_code
mf_ignore_set(struct mf_ignore *ig, const char *dir, mf_str text, mf_err *err)
{
	struct rules *r = fresh(ig, dir);
	mf_code rc = check(ig, r, text, err);

	if (rc != MF_OK) {
		r->n_rules = r->n_starred = 0;
		r->deny = true;
		return rc;
	}
	ig->n_rules += r->n_rules;
	ig->n_starred += r->n_starred;
	mf_buf_adds(&r->text, text);
	return MF_OK;
}

void
mf_ignore_deny(struct mf_ignore *ig, const char *dir)
{
	fresh(ig, dir)->deny = true;
}

void
mf_ignore_unset(struct mf_ignore *ig, const char *dir)
{
	size_t i = place_of(ig, dir);

	if (is_at(ig, i, dir))
		remove_at(ig, i);
}

/* Is @p path in @p dir or below? */
static bool
is_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return n == 0 || (strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

void
mf_ignore_copy(struct mf_ignore *ig, const char *dir, const struct mf_ignore *from)
{
	size_t i = place_of(from, dir);

	if (!is_at(from, i, dir))
		mf_ignore_unset(ig, dir);
	else if (from->rules[i].deny)
		mf_ignore_deny(ig, dir);
	else
		(void)mf_ignore_set(ig, dir, mf_buf_str(&from->rules[i].text), NULL);
}

static bool
same_rules(const struct rules *a, const struct rules *b)
{
	return a->deny == b->deny && mf_str_eq(mf_buf_str(&a->text), mf_buf_str(&b->text));
}

void
mf_ignore_differ(const struct mf_ignore *a, const struct mf_ignore *b, const char *below,
	void (*each)(void *arg, const char *dir), void *arg)
{
	size_t i = 0, k = 0;

	while (i < a->n || k < b->n) {
		int order = i == a->n ? 1 : k == b->n ? -1 : strcmp(a->rules[i].dir, b->rules[k].dir);
		const char *dir = order <= 0 ? a->rules[i].dir : b->rules[k].dir;
		if (is_in(dir, below) && (order != 0 || !same_rules(&a->rules[i], &b->rules[k])))
			each(arg, dir);
		i += order <= 0;
		k += order >= 0;
	}
}

/* ---- compiling --------------------------------------------------------------------------------------------- */

static void
add_escaped(mf_buf *out, const char *dir)
{
	for (; *dir != '\0'; dir++) {
		if (strchr("\\*?[", *dir) != NULL)
			mf_buf_addc(out, '\\');
		mf_buf_addc(out, *dir);
	}
}

/* A rule of @p dir as one of the folder's own directory. */
static void
add_rule(mf_buf *out, const char *dir, mf_str rule)
{
	bool taken_back = rule.p[0] == '!';

	if (taken_back)
		rule = (mf_str){rule.p + 1, rule.n - 1};
	if (rule.n == 0 || mf_str_eq(rule, MF_STR("/")))
		return; /* fits nothing */
	if (taken_back)
		mf_buf_addc(out, '!');
	if (dir[0] != '\0') {
		const char *slash = memchr(rule.p, '/', rule.n);
		mf_buf_addc(out, '/');
		add_escaped(out, dir);
		if (slash == NULL || slash == rule.p + rule.n - 1) /* a name, anywhere below */
			mf_buf_addz(out, "/**/");
		else if (rule.p[0] != '/')
			mf_buf_addc(out, '/');
	}
	mf_buf_adds(out, rule);
	mf_buf_addc(out, '\n');
}

static void
add_file(mf_buf *out, const struct rules *r)
{
	mf_str rest = without_bom(mf_buf_str(&r->text)), line, rule;

	if (r->deny) {
		if (r->dir[0] != '\0') {
			mf_buf_addc(out, '/');
			add_escaped(out, r->dir);
			mf_buf_addc(out, '/');
		}
		mf_buf_addz(out, "**\n");
		return;
	}
	while (next_line(&rest, &line))
		if (rule_of(line, &rule))
			add_rule(out, r->dir, rule);
}

static git_repository *
compile(const struct mf_ignore *ig, size_t own)
{
	git_repository *repo = NULL;
	mf_buf text = {0};

	mf_git_use();
	/* libgit2 drops a "!" that seems to take nothing back, and now and then errs in this: with these two lines
	 * there is always something.  They also undo its own rule for .git. */
	mf_buf_addz(&text, "**\n!**\n");
	for (size_t i = 0; i <= own; i++) /* a directory comes before those in it */
		if (is_in(ig->rules[own].dir, ig->rules[i].dir))
			add_file(&text, &ig->rules[i]);
	if (git_repository_new(&repo) == 0 && git_ignore_add_rule(repo, (const char *)text.p) != 0) {
		git_repository_free(repo);
		repo = NULL;
	}
	mf_buf_free(&text);
	return repo;
}

/* ---- asking ------------------------------------------------------------------------------------------------ */

/* The rules that count for what is directly in the directory of @p relpath; NULL: none. */
static struct rules *
rules_for(struct mf_ignore *ig, const char *relpath)
{
	struct rules *best = NULL;
	mf_str in = {relpath, 0};

	for (const char *c = relpath; *c != '\0'; c++)
		if (*c == '/')
			in.n = (size_t)(c - relpath);
	for (size_t i = 0; i < ig->n; i++) {
		size_t n = strlen(ig->rules[i].dir);
		if (n <= in.n && memcmp(in.p, ig->rules[i].dir, n) == 0 && (n == 0 || n == in.n || in.p[n] == '/') &&
			(best == NULL || n > strlen(best->dir)))
			best = &ig->rules[i];
	}
	if (best != NULL && best->compiled == NULL)
		best->compiled = compile(ig, (size_t)(best - ig->rules));
	return best;
}

static size_t
depth_of(const char *relpath)
{
	size_t n = 1;

	for (; *relpath != '\0'; relpath++)
		n += *relpath == '/';
	return n;
}

static bool
is_rule_file(const char *relpath)
{
	const char *slash = strrchr(relpath, '/');

	return strcmp(slash != NULL ? slash + 1 : relpath, MF_IGNORE_NAME) == 0;
}

bool
mf_ignored_itself(struct mf_ignore *ig, const char *relpath, enum mf_ignore_kind kind)
{
	struct rules *r;
	mf_buf path = {0};
	int yes = 0;

	if (ig->n == 0 || (kind == MF_IGNORE_IS_FILE && is_rule_file(relpath)) || depth_of(relpath) > MF_IGNORE_DEPTH ||
		(r = rules_for(ig, relpath)) == NULL)
		return false;
	mf_buf_addz(&path, relpath);
	if (kind == MF_IGNORE_IS_DIR)
		mf_buf_addc(&path, '/');
	/* out of memory: as if ignored */
	if (r->compiled == NULL || git_ignore_path_is_ignored(&yes, r->compiled, (const char *)path.p) != 0)
		yes = 1;
	mf_buf_free(&path);
	return yes != 0;
}

/* Is directory @p dir ignored, or one above it?  Most questions come in order: the last answers are kept. */
bool
mf_ignored_dir(struct mf_ignore *ig, const char *dir)
{
	size_t n = strlen(dir);

	if (ig->n == 0 || n == 0 || (ig->plain != NULL && is_in(ig->plain, dir)))
		return false;
	if (ig->ignored != NULL && is_in(dir, ig->ignored))
		return true;
	for (size_t i = 1; i <= n; i++) {
		if (i < n && dir[i] != '/')
			continue;
		char *part = mf_strdup((mf_str){dir, i});
		if (mf_ignored_itself(ig, part, MF_IGNORE_IS_DIR)) {
			free(ig->ignored);
			ig->ignored = part;
			return true;
		}
		free(part);
	}
	free(ig->plain);
	ig->plain = mf_strdup((mf_str){dir, n});
	return false;
}

bool
mf_ignored(struct mf_ignore *ig, const char *relpath)
{
	const char *slash = strrchr(relpath, '/');
	bool yes = false;

	if (ig->n == 0)
		return false;
	if (slash != NULL) {
		char *dir = mf_strdup((mf_str){relpath, (size_t)(slash - relpath)});
		yes = mf_ignored_dir(ig, dir);
		free(dir);
	}
	return yes || mf_ignored_itself(ig, relpath, MF_IGNORE_IS_FILE);
}
