/* Walking the tree: one task that touches each file with one stat and reads nothing. */
#include "sync/local/names.h"
#include "sync/local/rules.h"

#include <stdlib.h>

#define STAGE_NS INT64_C(5000000000)
enum { YOUNG_NS = 200000000 };

void
mf_walk_add(struct list *l, const char *s)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 32 : l->cap * 2;
		l->s = mf_realloc_array(l->s, l->cap, sizeof(char *));
	}
	l->s[l->n++] = mf_strdup(mf_strz(s));
}

void
mf_list_free(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->s[i]);
	free(l->s);
	*l = (struct list){0};
}

static bool
has(const struct list *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->s[i], s) == 0)
			return true;
	return false;
}

static int
by_relpath(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->relpath, ((const struct known *)b)->relpath);
}

static void
learn(struct walk *w, const char *path, const mf_stat *st)
{
	if (w->n_learned == w->cap_learned) {
		w->cap_learned = w->cap_learned == 0 ? 64 : w->cap_learned * 2;
		w->learned = mf_realloc_array(w->learned, w->cap_learned, sizeof(*w->learned));
	}
	w->learned[w->n_learned++] = (struct learned){
		.relpath = mf_strdup(mf_strz(path)), .ino = st->ino, .executable = (st->mode & 0100) != 0};
}

/* Rows and names of a directory both come in order: most of the time it is the row behind the last one. */
static struct known *
find_known(struct walk *w, const char *path)
{
	struct known key = {.relpath = (char *)(uintptr_t)path}, *k = NULL;

	if (w->next_known < w->n_known && strcmp(w->known[w->next_known].relpath, path) == 0)
		k = &w->known[w->next_known];
	else if (w->n_known > 0)
		k = bsearch(&key, w->known, w->n_known, sizeof(key), by_relpath);
	if (k != NULL)
		w->next_known = (size_t)(k - w->known) + 1;
	return k;
}

static void
met_file(struct walk *w, const char *path, const mf_stat *st)
{
	if (w->mode == WALK_FULL)
		mf_walk_met_on(w, st->dev);
	struct known *k = find_known(w, path);
	if (k != NULL) {
		k->seen = true;
		if (mf_pathstate_matches(&k->ps, st, true)) {
			if (k->ps.ino == 0 && w->mode == WALK_FULL && w->n_learned < MF_LEARN_MAX)
				learn(w, path, st);
			return;
		}
	}
	mf_walk_fresh(w, st);
	bool stage = k == NULL && mf_name_kind(mf_relpath_base(mf_strz(path))) == MF_NAME_STAGE;
	int64_t since = stage && st->ctime_ns > st->mtime_ns ? st->ctime_ns : st->mtime_ns;
	bool young = since > w->now_ns - (stage ? STAGE_NS : YOUNG_NS) && since <= w->now_ns;
	mf_walk_add(young ? &w->young : &w->differ, path);
}

static void
met_dir(struct walk *w, const char *path)
{
	mf_walk_add(w->mode == WALK_ONE ? &w->inner : &w->todo, path);
}

/* Is what was met taken out by a rule?  Then it is not even looked at. */
static bool
is_ignored(struct walk *w, const char *path, enum mf_kind kind)
{
	if (kind == MF_KIND_FILE)
		return w->here_hidden || mf_ignored_itself(w->rules, path, MF_IGNORE_IS_FILE);
	if (kind != MF_KIND_DIR || (!w->here_hidden && !mf_ignored_itself(w->rules, path, MF_IGNORE_IS_DIR)))
		return false;
	if (w->mode == WALK_FIRST) /* what others publish may have been received there */
		mf_walk_add(&w->hidden, path);
	return true;
}

/* Python went through it, and published what is behind: those files are not gone for whoever received them. */
static void
met_link(struct walk *w, const char *path)
{
	size_t n = strlen(path), found = 0;

	for (size_t i = 0; i < w->n_known; i++) {
		struct known *k = &w->known[i];
		if (!k->ps.present || k->ps.ino != 0 || strncmp(k->relpath, path, n) != 0 || k->relpath[n] != '/')
			continue;
		k->spared = true;
		found++;
	}
	if (found > 0) {
		mf_walk_add(&w->bad, path);
		mf_walk_add(&w->bad, "a symbolic link is not followed: what Python synced behind it stays as it is");
	}
}

static void
met_bad(struct walk *w, const char *path, const mf_err *err)
{
	mf_walk_add(&w->bad, path);
	mf_walk_add(&w->bad, err->text);
}

/* The path of an entry of the directory being listed; good until the next call. */
static const char *
path_here(struct walk *w, mf_str name)
{
	w->path.n = 0;
	mf_buf_addz(&w->path, w->here);
	if (w->path.n > 0)
		mf_buf_addc(&w->path, '/');
	mf_buf_adds(&w->path, name);
	return (char *)w->path.p;
}

/* Python put the user's file aside and did not come to put another in its place: it is what should be there.  Where there
 * is another, it is the user's to keep or to remove, and never synced. */
static void
put_back(struct walk *w, const char *path, mf_str target)
{
	const struct mf_env_ops *ops = MF_OPS(w->task.f);
	mf_stat st = {0};
	mf_buf to = {0};

	if (w->here[0] != '\0')
		mf_buf_addf(&to, "%s/", w->here);
	mf_buf_adds(&to, target);
	if (mf_relpath_check(mf_buf_str(&to), NULL) == MF_OK && ops->stat(w->root, (char *)to.p, &st, NULL) == MF_OK &&
		st.kind == MF_KIND_ABSENT)
		(void)ops->rename(w->root, path, (char *)to.p, MF_RENAME_NEW, NULL);
	mf_buf_free(&to);
}

/* A leftover: before anything else, ours are removed. */
static void
met_tmp(struct walk *w, mf_str name, const char *path)
{
	mf_str target;

	if (mf_is_set_aside(name, &target))
		put_back(w, path, target);
	else if (!has(&w->keep, name.p))
		(void)MF_OPS(w->task.f)->unlink(w->root, path, NULL);
}

static void
met_kind(struct walk *w, const char *path, const mf_stat *st)
{
	if (st->kind == MF_KIND_DIR)
		met_dir(w, path);
	else if (st->kind == MF_KIND_FILE && w->mode != WALK_FIRST)
		met_file(w, path, st);
	else if (st->kind == MF_KIND_SYMLINK && w->mode == WALK_FULL)
		met_link(w, path);
}

/* @return true if a stat is needed to say more. */
static bool
met_entry(struct walk *w, mf_str name, enum mf_kind kind)
{
	const char *path = path_here(w, name);
	mf_stat st = {.kind = kind};
	mf_err err = {0};

	if (mf_is_tmp_name(name)) {
		if (w->mode == WALK_FIRST && !w->no_sweep && kind == MF_KIND_FILE)
			met_tmp(w, name, path);
	} else if (!is_ignored(w, path, kind)) {
		if (mf_relpath_check(mf_strz(path), &err) != MF_OK)
			met_bad(w, path, &err);
		else if (kind != MF_KIND_DIR && (w->mode != WALK_FIRST || kind == MF_KIND_ABSENT))
			return true;
		else
			met_kind(w, path, &st);
	}
	return false;
}

static void
met_stat(void *arg, size_t i, const mf_stat *st, const mf_err *err)
{
	struct walk *w = arg;
	const char *name = w->asked[i], *path = path_here(w, mf_strz(name));
	bool was_unknown = name[-1] == MF_KIND_ABSENT;

	if (err != NULL)
		met_bad(w, path, err);
	else if (!was_unknown || !is_ignored(w, path, st->kind)) /* else its kind is known only now */
		met_kind(w, path, st);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Everything in the directory being listed. */
static void
met_entries(struct walk *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->entries.n;) {
		mf_str name = mf_strz((char *)w->entries.p + i + 1);
		if (met_entry(w, name, (enum mf_kind)w->entries.p[i])) {
			if (n == w->cap_asked) {
				w->cap_asked = n == 0 ? 64 : 2 * n;
				w->asked = mf_realloc_array(w->asked, w->cap_asked, sizeof(*w->asked));
			}
			w->asked[n++] = name.p;
		}
		i += name.n + 2;
	}
	if (n == 0)
		return;
	qsort(w->asked, n, sizeof(*w->asked), by_name);
	MF_OPS(w->task.f)->stat_in(w->root, w->here, w->asked, n, met_stat, w);
}

/* A directory's entries are looked at when all are there: one of them may be the rules for the others. */
static mf_code
listed(void *arg, const mf_dirent *e)
{
	struct walk *w = arg;

	w->has_rules |= mf_str_eq((mf_str){e->name, e->n}, MF_STR(MF_IGNORE_NAME));
	mf_buf_addc(&w->entries, (char)e->kind);
	mf_buf_add(&w->entries, e->name, e->n);
	mf_buf_addc(&w->entries, '\0');
	return MF_OK;
}

/* What is below an unreadable directory is not deleted, only out of sight. */
static void
spare_below(struct walk *w, const char *dir)
{
	size_t n = strlen(dir);

	for (size_t i = 0; i < w->n_known; i++)
		if (n == 0 || (strncmp(w->known[i].relpath, dir, n) == 0 && w->known[i].relpath[n] == '/'))
			w->known[i].spared = true;
}

/* The rules that hold in the directory where the walk begins. */
static void
rules_above(struct walk *w)
{
	w->rules = mf_ignore_new();
	for (const char *slash = w->from; slash != NULL && w->from[0] != '\0'; slash = strchr(slash + 1, '/')) {
		char *dir = mf_strdup((mf_str){w->from, (size_t)(slash - w->from)});
		mf_rules_read(w->task.f, w->root, dir, w->rules, &w->bad);
		free(dir);
	}
}

/* List one directory, which is taken over. */
static void
visit(struct walk *w, char *dir)
{
	mf_err err = {0};

	w->here = dir;
	w->here_examined = false;
	w->has_rules = false;
	w->entries.n = 0;
	mf_code rc = MF_OPS(w->task.f)->list(w->root, dir, listed, w, &err);
	if (w->has_rules && !w->here_hidden)
		mf_rules_read(w->task.f, w->root, dir, w->rules, &w->bad);
	met_entries(w);
	if (rc == MF_OK && !w->here_hidden) {
		mf_walk_add(&w->dirs, dir);
	} else if (rc != MF_OK && rc != MF_ENOTFOUND && !w->here_hidden) {
		/* a directory that vanished under way is no error */
		mf_walk_add(&w->bad, dir);
		mf_walk_add(&w->bad, err.text);
		spare_below(w, dir);
	}
	w->here = NULL;
	free(dir);
}

/* Known files that no rule leaves in sight are not missed; nor what Python published under a name that we never sync. */
static void
spare_ignored(struct walk *w)
{
	for (size_t i = 0; i < w->n_known; i++)
		if (!w->known[i].seen && mf_is_tmp_name(mf_strz(w->known[i].relpath)))
			w->known[i].spared = true;
	for (size_t i = 0; i < w->n_known && !mf_ignore_empty(w->rules); i++)
		if (!w->known[i].seen && mf_ignored(w->rules, w->known[i].relpath))
			w->known[i].spared = true;
}

mf_code
mf_walk_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct walk *w = (struct walk *)t;

	w->now_ns = MF_OPS(t->f)->now_ns(t->f->env);
	rules_above(w);
	if (mf_ignored_dir(w->rules, w->from)) /* the loop does not know of the rule yet */
		mf_list_free(&w->todo);
	while (w->todo.n > 0 && !mf_canceled(cancel))
		visit(w, w->todo.s[--w->todo.n]);
	for (w->here_hidden = true; w->hidden.n > 0 && !mf_canceled(cancel);)
		visit(w, w->hidden.s[--w->hidden.n]);
	if (MF_OPS(t->f)->root_check(w->root, NULL) != MF_OK) {
		w->root_gone = true;
	} else if (w->mode == WALK_FULL && !mf_canceled(cancel)) {
		spare_ignored(w);
		mf_walk_places(w);
		mf_walk_missing(w);
	}
	return MF_OK;
}

void
mf_walk_free(struct walk *w)
{
	for (size_t i = 0; i < w->n_known; i++)
		free(w->known[i].relpath);
	free(w->known);
	free(w->loaded);
	free(w->from);
	mf_buf_free(&w->entries);
	mf_buf_free(&w->path);
	free(w->asked);
	mf_ignore_free(w->rules);
	mf_list_free(&w->hidden);
	mf_list_free(&w->keep);
	mf_list_free(&w->todo);
	mf_list_free(&w->dirs);
	mf_list_free(&w->inner);
	mf_list_free(&w->differ);
	mf_list_free(&w->young);
	mf_list_free(&w->left);
	mf_list_free(&w->gone);
	mf_list_free(&w->back);
	for (size_t i = 0; i < w->n_learned; i++)
		free(w->learned[i].relpath);
	free(w->learned);
	free(w->fresh);
	mf_list_free(&w->examine);
	mf_mounts_free(&w->mounts);
	for (size_t i = 0; i < w->n_place; i++)
		free(w->place[i].dir);
	free(w->place);
	mf_list_free(&w->bad);
	free(w);
}
