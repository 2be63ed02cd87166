/* The stash that Python left, when nothing in it is needed any more. */
#include "sync/inherit/inherit.h"

#include <stdlib.h>

struct sweep {
	struct mf_task task;
	char *dir;
	struct list keep, found;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* There may be as many as there are files. */
static bool
has(const struct list *sorted, const char *name)
{
	return sorted->n > 0 && bsearch(&name, sorted->s, sorted->n, sizeof(char *), by_name) != NULL;
}

/* "snap" and 8 of Python's temporary letters: a version that waited.  64 digits: a download that was under way. */
static bool
is_pythons(mf_str name)
{
	static const char temporary[] = "abcdefghijklmnopqrstuvwxyz0123456789_", digits[] = "0123456789abcdef";
	bool snap = name.n == 12 && mf_str_starts(name, MF_STR("snap"));

	for (size_t i = snap ? 4 : 0; i < name.n; i++)
		if (memchr(snap ? temporary : digits, name.p[i], strlen(snap ? temporary : digits)) == NULL)
			return false;
	return snap || name.n == 64;
}

static mf_code
sweep_each(void *arg, const mf_dirent *e)
{
	struct sweep *s = arg;

	if (is_pythons((mf_str){e->name, e->n}) && !has(&s->keep, e->name))
		mf_walk_add(&s->found, e->name);
	return MF_OK;
}

static mf_code
sweep_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct sweep *s = (struct sweep *)t;
	const struct mf_env_ops *ops = MF_OPS(t->f);
	struct mf_root *root = NULL;

	if (ops->root_open(t->f->env, s->dir, &root, NULL) != MF_OK)
		return MF_OK; /* there is none */
	if (s->keep.n > 0)
		qsort(s->keep.s, s->keep.n, sizeof(char *), by_name);
	if (ops->list(root, "", sweep_each, s, NULL) == MF_OK)
		for (size_t i = 0; i < s->found.n && !mf_canceled(cancel); i++)
			(void)ops->unlink(root, s->found.s[i], NULL); /* else by the next start */
	ops->root_close(root);
	return MF_OK;
}

static void
sweep_done(struct mf_task *t)
{
	struct sweep *s = (struct sweep *)t;

	t->f->sweeping = false;
	mf_list_free(&s->keep);
	mf_list_free(&s->found);
	free(s->dir);
	free(s);
}

static mf_code
keep_each(void *arg, const char *name)
{
	mf_walk_add(arg, name);
	return MF_OK;
}

char *
mf_inherit_stash(const struct mf_folder *f)
{
	mf_buf b = {0};

	mf_buf_addf(&b, "%s/stash", f->conf.state_dir);
	return (char *)b.p;
}

/* Only our own directory: where a copied configuration says that its stash is, somebody else's may be. */
mf_code
mf_inherit_sweep(struct mf_folder *f, mf_err *err)
{
	struct sweep *s = mf_alloc(sizeof(*s));
	mf_code rc = mf_state_stash_each(f->state, keep_each, &s->keep, err);

	if (rc != MF_OK) {
		mf_list_free(&s->keep);
		free(s);
		return rc;
	}
	s->dir = mf_inherit_stash(f);
	s->task.work = sweep_work;
	s->task.done = sweep_done;
	s->task.pool = MF_POOL_TRANSFER;
	f->sweeping = true;
	mf_task_start(f, &s->task);
	return MF_OK;
}

void
mf_inherit_rest(struct mf_folder *f)
{
	bool any = mf_state_local_any(f->state);

	if ((any && !f->stash_stale) || mf_state_local_tidy(f->state, NULL) != MF_OK ||
		mf_state_stash_bytes(f->state, &f->stash_bytes, NULL) != MF_OK || mf_inherit_sweep(f, NULL) != MF_OK)
		return; /* else with the next rest */
	f->inherits = any;
	f->stash_stale = false;
}
