/* Watching: events wait in the order in which they arose, the scheduler delivers them. */
#include "sim_int.h"

#include <errno.h>
#include <stdlib.h>

struct mf_watch *
sim_watch_new(struct mf_env *env, mf_watch_cb *cb, void *arg)
{
	struct mf_watch *w = mf_alloc(sizeof(*w));

	w->env = (struct sim_env *)env;
	w->cb = cb;
	w->arg = arg;
	LIST_INSERT_HEAD(&w->env->watches, w, all);
	return w;
}

static void
queue_drop(struct mf_watch *w)
{
	for (; w->at_queue < w->n_queue; w->at_queue++) {
		struct sim_pending_event *p = &w->queue[w->at_queue];
		if (p->ino != NULL)
			p->ino->opens--;
		free(p->name);
	}
	w->at_queue = w->n_queue = 0;
}

static void
forget(struct mf_watch *w, size_t i)
{
	if (w->dirs[i].ino != NULL)
		w->dirs[i].ino->opens--;
	free(w->dirs[i].path);
	w->dirs[i] = w->dirs[--w->n_dirs];
}

void
sim_watch_free(struct mf_watch *w)
{
	if (w == NULL)
		return;
	queue_drop(w);
	while (w->n_dirs > 0)
		forget(w, 0);
	LIST_REMOVE(w, all);
	free(w->queue);
	free(w->dirs);
	free(w);
}

static bool
is_nudge(const char *path)
{
	return strncmp(path, SIM_NUDGE_DIR, sizeof(SIM_NUDGE_DIR) - 1) == 0;
}

/* As in inotify: one watch per directory, whose path is the one given last. */
static int
add(struct mf_watch *w, struct sim_inode *ino, const char *path)
{
	unsigned limit = w->env->host->trouble.watch_limit;

	for (size_t i = w->n_dirs; i-- > 0;)
		if (w->dirs[i].ino != ino && strcmp(w->dirs[i].path, path) == 0)
			forget(w, i); /* another directory has taken that name */
	for (size_t i = 0; i < w->n_dirs; i++) {
		bool same = ino == NULL ? strcmp(w->dirs[i].path, path) == 0 : w->dirs[i].ino == ino;
		if (!same)
			continue;
		char *copy = mf_strdup(mf_strz(path));
		free(w->dirs[i].path);
		w->dirs[i].path = copy;
		return 0;
	}
	if (limit != 0 && w->n_dirs >= limit)
		return ENOSPC;
	if (w->n_dirs == w->cap_dirs) {
		w->cap_dirs = w->cap_dirs * 2 + 8;
		w->dirs = mf_realloc_array(w->dirs, w->cap_dirs, sizeof(*w->dirs));
	}
	w->dirs[w->n_dirs++] = (struct sim_watched){ino, mf_strdup(mf_strz(path))};
	if (ino != NULL)
		ino->opens++;
	return 0;
}

mf_code
sim_watch_add(struct mf_watch *w, struct mf_root *root, const char *path, mf_err *err)
{
	struct sim_spot at = {0};
	int sys = sim_gate(w->env, SIM_WATCH, path);
	bool nudge = root == NULL && is_nudge(path);

	if (sys == 0 && !nudge)
		sys = root != NULL ? sim_lookup(root->ino, path, &at) : sim_lookup_abs(&w->env->host->disk, path, &at);
	if (sys == 0 && !nudge && at.ino == NULL)
		sys = ENOENT;
	if (sys == 0 && !nudge && at.ino->kind != MF_KIND_DIR)
		sys = at.ino->kind == MF_KIND_SYMLINK ? ELOOP : ENOTDIR;
	if (sys == 0 && !nudge && (at.ino->mode & 0400) == 0)
		sys = EACCES;
	if (sys == 0)
		sys = add(w, at.ino, path);
	return sys == 0 ? MF_OK : sim_fail(err, sys, "watch", path);
}

void
sim_watch_remove(struct mf_watch *w, const char *path, bool below)
{
	size_t n = strlen(path);

	for (size_t i = w->n_dirs; i-- > 0;) {
		const char *p = w->dirs[i].path;
		bool under = strncmp(p, path, n) == 0 && (n == 0 || p[n] == '/');
		if (strcmp(p, path) == 0 || (below && under && !is_nudge(p)))
			forget(w, i);
	}
}

static bool
same_as_last(const struct mf_watch *w, const struct sim_inode *ino, const mf_watch_event *ev)
{
	if (w->at_queue == w->n_queue)
		return false;
	const struct sim_pending_event *last = &w->queue[w->n_queue - 1];
	return last->ino == ino && last->what == ev->what && last->cookie == ev->cookie &&
		mf_str_eq(mf_strz(last->name), ev->name);
}

/* For a nudge, which has no inode, @p name is its path. */
static void
push(struct mf_watch *w, struct sim_inode *ino, mf_watch_event ev)
{
	struct sim_host *h = w->env->host;

	if (w->env->dead || same_as_last(w, ino, &ev))
		return;
	if (ev.what == MF_WATCH_OVERFLOW) {
		h->hits[SIM_HIT_OVERFLOW]++;
	} else if (sim_lot(h->world, h->trouble.drop_events)) {
		h->hits[SIM_HIT_DROPPED]++;
		return;
	}
	if (w->n_queue == w->cap_queue) {
		w->cap_queue = w->cap_queue * 2 + 16;
		w->queue = mf_realloc_array(w->queue, w->cap_queue, sizeof(*w->queue));
	}
	w->queue[w->n_queue++] = (struct sim_pending_event){
		.ino = ino, .name = mf_strdup(ev.name), .what = ev.what, .is_dir = ev.is_dir, .cookie = ev.cookie};
	if (ino != NULL)
		ino->opens++;
}

/* The watch of a directory in this set. */
static struct sim_watched *
watched(const struct mf_watch *w, const struct sim_inode *dir)
{
	for (size_t i = 0; i < w->n_dirs; i++)
		if (w->dirs[i].ino == dir)
			return &w->dirs[i];
	return NULL;
}

void
sim_emit(struct sim_host *h, struct sim_inode *dir, enum mf_watch_what what, const char *name, bool is_dir,
	uint32_t cookie)
{
	struct mf_watch *w;

	if (h->env == NULL)
		return;
	LIST_FOREACH(w, &h->env->watches, all)
	if (watched(w, dir) != NULL)
		push(w, dir, (mf_watch_event){.what = what, .name = mf_strz(name), .is_dir = is_dir, .cookie = cookie});
}

void
sim_emit_inode(struct sim_host *h, struct sim_inode *ino, enum mf_watch_what what)
{
	if (ino->links == 0 || ino->home == NULL)
		return;
	for (size_t i = 0; i < ino->home->n_ent; i++)
		if (ino->home->ent[i].ino == ino)
			sim_emit(h, ino->home, what, ino->home->ent[i].name, ino->kind == MF_KIND_DIR, 0);
}

/* The directory itself knows that it was moved or deleted, those below it do not. */
void
sim_emit_gone(struct sim_host *h, struct sim_inode *dir)
{
	sim_emit(h, dir, MF_WATCH_GONE, "", true, 0);
}

void
sim_emit_nudge(struct sim_world *world, const char *path)
{
	struct sim_env *e;
	struct mf_watch *w;

	LIST_FOREACH(e, &world->envs, all)
	LIST_FOREACH(w, &e->watches, all)
	for (size_t i = 0; i < w->n_dirs; i++)
		if (w->dirs[i].ino == NULL && strcmp(w->dirs[i].path, path) == 0)
			push(w, NULL, (mf_watch_event){.what = MF_WATCH_MOVED_TO, .name = mf_strz(path)});
}

/* As with inotify, where an event names only a number: its path is what the directory was added as, last. */
void
sim_watch_deliver(struct mf_watch *w)
{
	struct sim_pending_event p = w->queue[w->at_queue++];
	struct sim_watched *at = p.ino == NULL ? NULL : watched(w, p.ino);
	char *dir = at == NULL ? mf_strdup(mf_strz(p.ino == NULL ? p.name : "")) : mf_strdup(mf_strz(at->path));
	bool known = p.ino == NULL || at != NULL;

	if (w->at_queue == w->n_queue)
		w->at_queue = w->n_queue = 0;
	if (at != NULL && p.what == MF_WATCH_GONE)
		forget(w, (size_t)(at - w->dirs));
	if (p.ino != NULL)
		p.ino->opens--;
	sim_trace(w->env->host->world, "%s.%llu event %d %s/%s%s", w->env->host->name, (unsigned long long)w->env->life,
		(int)p.what, dir, p.name, known ? "" : " (too late)");
	mf_watch_event ev = {.what = p.what,
		.dir = mf_strz(dir),
		.is_dir = p.is_dir,
		.cookie = p.cookie,
		.name = p.ino == NULL && p.what != MF_WATCH_OVERFLOW ? MF_STR("0") : mf_strz(p.name)};
	if (known)
		w->cb(w->arg, &ev); /* may free w */
	free(p.name);
	free(dir);
}

void
sim_watch_overflow(struct sim_host *h)
{
	struct mf_watch *w;

	if (h->env == NULL)
		return;
	LIST_FOREACH(w, &h->env->watches, all)
	{
		queue_drop(w);
		push(w, NULL, (mf_watch_event){.what = MF_WATCH_OVERFLOW});
	}
}
