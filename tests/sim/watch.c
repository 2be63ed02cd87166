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
event_free(struct sim_pending_event *p)
{
	free(p->dir);
	free(p->name);
}

static void
queue_drop(struct mf_watch *w)
{
	while (w->at_queue < w->n_queue)
		event_free(&w->queue[w->at_queue++]);
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
same_as_last(const struct mf_watch *w, const mf_watch_event *ev)
{
	if (w->at_queue == w->n_queue)
		return false;
	const mf_watch_event *last = &w->queue[w->n_queue - 1].ev;
	return last->what == ev->what && last->cookie == ev->cookie && mf_str_eq(last->name, ev->name) &&
		mf_str_eq(last->dir, ev->dir);
}

static void
push(struct mf_watch *w, mf_watch_event ev)
{
	if (w->env->dead || same_as_last(w, &ev) ||
		(ev.what != MF_WATCH_OVERFLOW && sim_lot(w->env->host->world, w->env->host->trouble.drop_events)))
		return;
	if (w->n_queue == w->cap_queue) {
		w->cap_queue = w->cap_queue * 2 + 16;
		w->queue = mf_realloc_array(w->queue, w->cap_queue, sizeof(*w->queue));
	}
	struct sim_pending_event *p = &w->queue[w->n_queue++];
	*p = (struct sim_pending_event){ev, mf_strdup(ev.dir), mf_strdup(ev.name)};
	p->ev.dir.p = p->dir;
	p->ev.name.p = p->name;
}

void
sim_emit(struct sim_host *h, struct sim_inode *dir, enum mf_watch_what what, const char *name, bool is_dir,
	uint32_t cookie)
{
	struct mf_watch *w;

	if (h->env == NULL)
		return;
	LIST_FOREACH(w, &h->env->watches, all)
		for (size_t i = 0; i < w->n_dirs; i++)
			if (w->dirs[i].ino == dir)
				push(w, (mf_watch_event){.what = what, .dir = mf_strz(w->dirs[i].path),
					.name = mf_strz(name), .is_dir = is_dir, .cookie = cookie});
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

/* As in inotify: the directory itself knows that it was moved or deleted, those below it do not. */
void
sim_emit_gone(struct sim_host *h, struct sim_inode *dir)
{
	struct mf_watch *w;

	if (h->env == NULL)
		return;
	LIST_FOREACH(w, &h->env->watches, all)
		for (size_t i = w->n_dirs; i-- > 0;) {
			if (w->dirs[i].ino != dir)
				continue;
			push(w, (mf_watch_event){.what = MF_WATCH_GONE, .dir = mf_strz(w->dirs[i].path), .is_dir = true});
			forget(w, i);
		}
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
					push(w, (mf_watch_event){.what = MF_WATCH_MOVED_TO,
						.dir = mf_strz(w->dirs[i].path), .name = MF_STR("0")});
}

void
sim_watch_deliver(struct mf_watch *w)
{
	struct sim_pending_event p = w->queue[w->at_queue++];

	if (w->at_queue == w->n_queue)
		w->at_queue = w->n_queue = 0;
	sim_trace(w->env->host->world, "%s.%llu event %d %s/%s", w->env->host->name,
		(unsigned long long)w->env->life, (int)p.ev.what, p.dir, p.name);
	w->cb(w->arg, &p.ev); /* may free w */
	event_free(&p);
}

void
sim_watch_overflow(struct sim_host *h)
{
	struct mf_watch *w;

	if (h->env == NULL)
		return;
	LIST_FOREACH(w, &h->env->watches, all) {
		queue_drop(w);
		push(w, (mf_watch_event){.what = MF_WATCH_OVERFLOW});
	}
}
