/* Walking the tree: one task that touches each file with one stat and reads nothing. */
#include "sync/walk.h"

#include <stdlib.h>

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

static void
list_free(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->s[i]);
	free(l->s);
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
met_file(struct walk *w, const char *path, const mf_stat *st)
{
	struct known key = {.relpath = (char *)(uintptr_t)path}, *k = NULL;

	if (w->n_known > 0)
		k = bsearch(&key, w->known, w->n_known, sizeof(key), by_relpath);
	if (k != NULL) {
		k->seen = true;
		if (mf_pathstate_matches(&k->ps, st, true))
			return;
	}
	mf_walk_fresh(w, st);
	mf_walk_add(st->mtime_ns > w->now_ns - YOUNG_NS && st->mtime_ns <= w->now_ns ? &w->young : &w->differ, path);
}

static mf_code
met(void *arg, const mf_dirent *e)
{
	struct walk *w = arg;
	const struct mf_env_ops *ops = MF_OPS(w->task.f);
	mf_buf path = {0};
	mf_stat st = {.kind = e->kind};
	mf_err err = {0};

	mf_buf_addz(&path, w->here);
	if (path.n > 0)
		mf_buf_addc(&path, '/');
	mf_buf_add(&path, e->name, e->n);
	const char *z = (char *)path.p;
	if (mf_is_tmp_name((mf_str){e->name, e->n})) {
		if (w->mode == WALK_FIRST && !w->no_sweep && !has(&w->keep, e->name) && e->kind == MF_KIND_FILE)
			(void)ops->unlink(w->root, z, NULL);
	} else if (mf_relpath_check(mf_buf_str(&path), &err) != MF_OK) {
		mf_walk_add(&w->bad, z);
		mf_walk_add(&w->bad, err.text);
	} else if (e->kind == MF_KIND_DIR) {
		if (w->mode != WALK_ONE)
			mf_walk_add(&w->todo, z);
	} else if (w->mode != WALK_FIRST || e->kind == MF_KIND_ABSENT) {
		if (ops->stat(w->root, z, &st, &err) != MF_OK) {
			mf_walk_add(&w->bad, z);
			mf_walk_add(&w->bad, err.text);
		} else if (st.kind == MF_KIND_DIR) {
			mf_walk_add(&w->todo, z);
		} else if (st.kind == MF_KIND_FILE && w->mode != WALK_FIRST) {
			met_file(w, z, &st);
		}
	}
	mf_buf_free(&path);
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

mf_code
mf_walk_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct walk *w = (struct walk *)t;
	const struct mf_env_ops *ops = MF_OPS(t->f);

	w->now_ns = ops->now_ns(t->f->env);
	while (w->todo.n > 0 && !mf_canceled(cancel)) {
		char *dir = w->todo.s[--w->todo.n];
		mf_err err = {0};
		w->here = dir;
		mf_code rc = ops->list(w->root, dir, met, w, &err);
		if (rc == MF_OK) {
			mf_walk_add(&w->dirs, dir);
		} else if (rc != MF_ENOTFOUND) { /* a directory that vanished under way is no error */
			mf_walk_add(&w->bad, dir);
			mf_walk_add(&w->bad, err.text);
			spare_below(w, dir);
		}
		free(dir);
	}
	w->here = NULL;
	if (ops->root_check(w->root, NULL) != MF_OK) {
		w->root_gone = true;
		return MF_OK;
	}
	if (w->mode == WALK_FULL && !mf_canceled(cancel))
		mf_walk_missing(w);
	return MF_OK;
}

void
mf_walk_free(struct walk *w)
{
	for (size_t i = 0; i < w->n_known; i++)
		free(w->known[i].relpath);
	free(w->known);
	list_free(&w->keep);
	list_free(&w->todo);
	list_free(&w->dirs);
	list_free(&w->differ);
	list_free(&w->young);
	list_free(&w->left);
	list_free(&w->gone);
	list_free(&w->back);
	free(w->fresh);
	list_free(&w->bad);
	free(w);
}
