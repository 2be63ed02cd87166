/* Watched directories: one inotify instance for all watch sets. */
#include <config.h> /* _GNU_SOURCE */

#include "base/env_real.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#define MASK \
	(IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | \
		IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR | IN_EXCL_UNLINK)
#define READ_BYTES 32768

struct mf_watch {
	struct mf_env_real *env;
	struct mf_watch *prev, *next; /* all sets of the environment */
	mf_watch_cb *cb;
	void *arg;
	uint64_t overflow; /* serial of the last overflow it was told of */
};

struct mf_watch *
mf_real_watch_new(struct mf_env *pub, mf_watch_cb *cb, void *arg)
{
	struct mf_env_real *env = mf_real(pub);
	struct mf_watch *w = mf_alloc(sizeof(*w));

	*w = (struct mf_watch){.env = env, .next = env->ino.sets, .cb = cb, .arg = arg, .overflow = env->ino.serial};
	if (w->next != NULL)
		w->next->prev = w;
	env->ino.sets = w;
	return w;
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct mf_env_real *env = poll->data;
	_Alignas(struct inotify_event) char buf[READ_BYTES];

	(void)events;
	if (status < 0)
		return;
	ssize_t n = read(env->ino.fd, buf, sizeof(buf));
	if (n > 0)
		mf_real_watch_feed(env, buf, (size_t)n);
}

static mf_code
open_instance(struct mf_env_real *env, mf_err *err)
{
	struct mf_inotify *ino = &env->ino;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		return mf_fail(err, MF_EFULL, errno, "the system's limit of inotify instances is reached");
	if (fd < 0)
		return mf_fail_errno(err, errno, "inotify");
	uv_poll_t *poll = mf_alloc(sizeof(*poll));
	int rc = uv_poll_init(env->loop, poll, fd);
	if (rc != 0) {
		free(poll);
		(void)close(fd);
		return mf_fail(err, MF_EIO, rc, "inotify: %s", uv_strerror(rc));
	}
	poll->data = env;
	(void)uv_poll_start(poll, UV_READABLE, on_readable);
	randombytes_buf(ino->key, sizeof(ino->key));
	ino->fd = fd;
	ino->poll = poll;
	return MF_OK;
}

/* Below a root the directory is opened without following links, and watched through its descriptor's name. */
static int
add_below(int fd, struct mf_root *root, const char *path)
{
	char proc[40];
	int dir = mf_real_open_beneath(root, path, O_PATH | O_DIRECTORY, 0);

	if (dir < 0)
		return dir;
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", dir);
	int wd = inotify_add_watch(fd, proc, MASK);
	wd = wd < 0 ? -errno : wd;
	(void)close(dir);
	return wd;
}

static void
add_entry(struct mf_inotify *ino, struct mf_watch *w, int wd, const char *path, size_t n)
{
	struct mf_watched *e = mf_watched_of_path(ino, w, path, n);

	if (e != NULL && e->wd == wd)
		return;
	if (e != NULL) /* another directory has taken that name */
		mf_watched_forget(ino, e);
	for (e = mf_watched_of_wd(ino, wd); e != NULL; e = e->by_wd) {
		if (e->wd == wd && e->set == w) { /* the directory has another name now */
			mf_watched_unlink(ino, e);
			break;
		}
	}
	mf_watched_add(ino, w, wd, path, n);
	mf_watched_bury(ino);
}

mf_code
mf_real_watch_add(struct mf_watch *w, struct mf_root *root, const char *path, mf_err *err)
{
	struct mf_inotify *ino = &w->env->ino;
	size_t n = strlen(path);
	mf_code code = MF_OK;

	if (n >= PATH_MAX)
		code = mf_fail(err, MF_EINVAL, ENAMETOOLONG, "watch %.80s: path too long", path);
	else if (root != NULL)
		code = mf_real_path_check(path, err);
	else if (*path != '/')
		code = mf_fail(err, MF_EINVAL, 0, "watch %.80s: not an absolute path", path);
	if (code == MF_OK && ino->fd < 0)
		code = open_instance(w->env, err);
	if (code != MF_OK)
		return code;
	int wd = root != NULL ? add_below(ino->fd, root, path) : inotify_add_watch(ino->fd, path, MASK);
	int sys = wd >= 0 ? 0 : root != NULL ? -wd : errno;
	if (sys == ENOSPC)
		return mf_fail(err, MF_EFULL, sys, "watch %.100s: the system's limit of watches is reached", path);
	if (sys != 0)
		return mf_real_fail(err, sys, "watch", path);
	add_entry(ino, w, wd, path, n);
	return MF_OK;
}

static bool
is_below(const struct mf_watched *e, const char *path, size_t n)
{
	if (n == 0 || (n == 1 && path[0] == '/'))
		return true;
	return e->n > n && memcmp(e->path, path, n) == 0 && e->path[n] == '/';
}

/* All of a set, or those below @p path if that is not NULL. */
static void
forget_many(struct mf_inotify *ino, const struct mf_watch *w, const char *path)
{
	size_t n = path == NULL ? 0 : strlen(path);

	for (size_t i = 0; i < ino->slots; i++) {
		for (struct mf_watched *e = ino->by_wd[i], *next; e != NULL; e = next) {
			next = e->by_wd;
			if (e->set == w && (path == NULL || is_below(e, path, n)))
				mf_watched_forget(ino, e);
		}
	}
}

void
mf_real_watch_remove(struct mf_watch *w, const char *path, bool below)
{
	struct mf_inotify *ino = &w->env->ino;
	struct mf_watched *e = mf_watched_of_path(ino, w, path, strlen(path));

	if (e != NULL)
		mf_watched_forget(ino, e);
	if (below)
		forget_many(ino, w, path);
	mf_watched_bury(ino);
}

void
mf_real_watch_free(struct mf_watch *w)
{
	if (w == NULL)
		return;
	struct mf_inotify *ino = &w->env->ino;
	forget_many(ino, w, NULL);
	*(w->prev != NULL ? &w->prev->next : &ino->sets) = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	free(w);
	mf_watched_bury(ino);
}

/* The first entry of @p wd that has not been given the present event. */
static struct mf_watched *
next_unseen(const struct mf_inotify *ino, int wd)
{
	struct mf_watched *e = mf_watched_of_wd(ino, wd);

	while (e != NULL && (e->wd != wd || e->seen == ino->serial))
		e = e->by_wd;
	return e;
}

/* Callbacks may add, remove and free whatever they like: nothing is kept across one but the serial. */
static void
tell(struct mf_inotify *ino, int wd, mf_watch_event ev)
{
	struct mf_watched *e;

	ino->serial++;
	while ((e = next_unseen(ino, wd)) != NULL) {
		e->seen = ino->serial;
		ev.dir = (mf_str){e->path, e->n};
		ino->depth++;
		e->set->cb(e->set->arg, &ev);
		ino->depth--;
	}
	mf_watched_bury(ino);
}

static void
tell_gone(struct mf_inotify *ino, int wd)
{
	struct mf_watched *e;

	/* First, so that adding the directory again, from the callback, makes a watch of its own. */
	if (mf_watched_of_wd(ino, wd) != NULL)
		(void)inotify_rm_watch(ino->fd, wd); /* fails if the kernel was quicker */
	while ((e = mf_watched_of_wd(ino, wd)) != NULL) {
		struct mf_watch *set = e->set;
		mf_watch_event ev = {.what = MF_WATCH_GONE, .dir = {e->path, e->n}, .is_dir = true};

		mf_watched_unlink(ino, e);
		ino->depth++;
		set->cb(set->arg, &ev);
		ino->depth--;
	}
	mf_watched_bury(ino);
}

static void
tell_overflow(struct mf_inotify *ino)
{
	struct mf_watch *w;

	ino->serial++;
	do {
		for (w = ino->sets; w != NULL && w->overflow == ino->serial; w = w->next)
			;
		if (w != NULL) {
			w->overflow = ino->serial;
			ino->depth++;
			w->cb(w->arg, &(mf_watch_event){.what = MF_WATCH_OVERFLOW});
			ino->depth--;
		}
	} while (w != NULL);
	mf_watched_bury(ino);
}

static void
one_event(struct mf_inotify *ino, const struct inotify_event *in, mf_str name)
{
	static const struct {
		uint32_t bit;
		enum mf_watch_what what;
	} kind[] = {
		{IN_CREATE, MF_WATCH_CREATED},
		{IN_MODIFY, MF_WATCH_MODIFIED},
		{IN_CLOSE_WRITE, MF_WATCH_CLOSED},
		{IN_ATTRIB, MF_WATCH_ATTRIB},
		{IN_DELETE, MF_WATCH_DELETED},
		{IN_MOVED_FROM, MF_WATCH_MOVED_FROM},
		{IN_MOVED_TO, MF_WATCH_MOVED_TO},
	};

	if ((in->mask & IN_Q_OVERFLOW) != 0) {
		tell_overflow(ino);
		return;
	}
	if ((in->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0) {
		tell_gone(ino, in->wd);
		return;
	}
	if (name.n == 0) /* the directory's own attributes: its parent's watch tells of them by name */
		return;
	for (size_t i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
		if ((in->mask & kind[i].bit) == 0)
			continue;
		tell(ino, in->wd,
			(mf_watch_event){.what = kind[i].what,
				.name = name,
				.is_dir = (in->mask & IN_ISDIR) != 0,
				.cookie = in->cookie});
	}
}

void
mf_real_watch_feed(struct mf_env_real *env, const void *records, size_t n)
{
	const char *p = records;
	struct inotify_event in;

	while (n >= sizeof(in)) {
		memcpy(&in, p, sizeof(in));
		if (in.len > n - sizeof(in))
			MF_BUG("inotify record cut short");
		const char *name = p + sizeof(in);
		p += sizeof(in) + in.len;
		n -= sizeof(in) + in.len;
		/* The name is padded with NULs; events about the directory itself have none. */
		one_event(&env->ino, &in, (mf_str){name, in.len == 0 ? 0 : strnlen(name, in.len)});
	}
}

static void
on_poll_closed(uv_handle_t *h)
{
	struct mf_env_real *env = h->data;

	(void)close(env->ino.fd);
	free(env->ino.by_wd);
	free(env->ino.by_path);
	free(h);
	mf_real_handle_closed(env);
}

void
mf_real_watch_close(struct mf_env_real *env)
{
	if (env->ino.poll == NULL)
		return;
	env->closing++;
	uv_close((uv_handle_t *)env->ino.poll, on_poll_closed);
}
