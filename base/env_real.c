/* The environment in production: libuv, libsodium and system calls. */
#include <config.h> /* _GNU_SOURCE */

#include "base/env_real.h"

#include <malloc.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

struct mf_timer {
	uv_timer_t uv;
	struct mf_env_real *env;
	mf_timer_cb *cb;
	void *arg;
};

static int64_t
real_now_ns(struct mf_env *env)
{
	struct timespec t;

	(void)env;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t
real_mono_ms(struct mf_env *env)
{
	struct timespec t;

	(void)env;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void
real_random(struct mf_env *env, void *p, size_t n)
{
	(void)env;
	randombytes_buf(p, n);
}

static uint32_t
real_umask(struct mf_env *env)
{
	return mf_real(env)->mask;
}

static struct mf_timer *
real_timer_new(struct mf_env *env, mf_timer_cb *cb, void *arg)
{
	struct mf_timer *t = mf_alloc(sizeof(*t));

	*t = (struct mf_timer){.env = mf_real(env), .cb = cb, .arg = arg};
	(void)uv_timer_init(t->env->loop, &t->uv);
	t->uv.data = t;
	return t;
}

static void
on_timer(uv_timer_t *uv)
{
	struct mf_timer *t = uv->data;
	struct mf_env_real *env = t->env; /* the callback may free the timer */

	env->timer_depth++;
	t->cb(t->arg);
	env->timer_depth--;
}

static void
on_awake(uv_idle_t *idle)
{
	struct mf_env_real *env = idle->data;

	if (env->awake_rounds-- == 0)
		(void)uv_idle_stop(idle);
}

/* After a timer's callback libuv waits for events as long as if that had taken no time: a timer set by it would come
 * late by its duration.  One round without waiting notes the time anew. */
static void
do_not_wait(struct mf_env_real *env)
{
	env->awake_rounds = 1;
	(void)uv_idle_start(&env->awake, on_awake);
}

static void
real_timer_start(struct mf_timer *t, uint64_t delay_ms)
{
	/* libuv counts from the time it noted when the loop last woke: add what has passed since. */
	uint64_t now = real_mono_ms(&t->env->pub), noted = uv_now(t->env->loop);
	uint64_t lag = now > noted ? now - noted : 0, ms;

	if (__builtin_add_overflow(delay_ms, lag, &ms))
		ms = UINT64_MAX;
	/* libuv runs timers until none is due: one that is due at once, set by a timer, would starve the rest. */
	if (ms == 0 && t->env->timer_depth > 0)
		ms = 1;
	if (lag > 0 && t->env->timer_depth > 0)
		do_not_wait(t->env);
	(void)uv_timer_start(&t->uv, on_timer, ms, 0);
}

static void
real_timer_stop(struct mf_timer *t)
{
	(void)uv_timer_stop(&t->uv);
}

static void
on_timer_closed(uv_handle_t *h)
{
	free(h->data);
}

static void
real_timer_free(struct mf_timer *t)
{
	if (t != NULL)
		uv_close((uv_handle_t *)&t->uv, on_timer_closed);
}

static const struct mf_env_ops real_ops = {
	.now_ns = real_now_ns,
	.mono_ms = real_mono_ms,
	.random = real_random,
	.timer_new = real_timer_new,
	.timer_start = real_timer_start,
	.timer_stop = real_timer_stop,
	.timer_free = real_timer_free,
	.job_start = mf_real_job_start,
	.job_cancel = mf_real_job_cancel,
	.root_open = mf_real_root_open,
	.root_close = mf_real_root_close,
	.root_check = mf_real_root_check,
	.stat = mf_real_stat,
	.stat_in = mf_real_stat_in,
	.list = mf_real_list,
	.open = mf_real_open,
	.close = mf_real_close,
	.fstat = mf_real_fstat,
	.read = mf_real_read,
	.write = mf_real_write,
	.fsync = mf_real_fsync,
	.set_mtime = mf_real_set_mtime,
	.set_mode = mf_real_set_mode,
	.mkdir = mf_real_mkdir,
	.rename = mf_real_rename,
	.unlink = mf_real_unlink,
	.rmdir = mf_real_rmdir,
	.sync_dir = mf_real_sync_dir,
	.sync_all = mf_real_sync_all,
	.space = mf_real_space,
	.umask = real_umask,
	.watch_new = mf_real_watch_new,
	.watch_add = mf_real_watch_add,
	.watch_remove = mf_real_watch_remove,
	.watch_free = mf_real_watch_free,
	.db_open = mf_real_db_open,
	.db_sync = mf_real_db_sync,
	.db_checkpoint = mf_real_db_checkpoint,
};

mf_code
mf_env_real_new(uv_loop_t *loop, unsigned transfers, struct mf_env **out, mf_err *err)
{
	*out = NULL;
	if (sodium_init() < 0)
		return mf_fail(err, MF_EIO, 0, "libsodium cannot start");
	/* Each worker would get an arena of its own, which keeps what its biggest job once needed. */
	(void)mallopt(M_ARENA_MAX, 2);
	/* Big directories and pieces of big files go back to the system at once; without this the C library
	 * learns from the first one freed to keep the rest. */
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
	struct mf_env_real *env = mf_alloc(sizeof(*env));
	env->pub.ops = &real_ops;
	env->loop = loop;
	env->ino.fd = -1;
	/* It can only be read by setting it; no thread of ours is there yet to create a file in between. */
	env->mask = umask(0);
	(void)umask((mode_t)env->mask);
	env->walk = !mf_real_have_openat2();
	mf_code code = mf_real_jobs_init(env, err);
	if (code != MF_OK) {
		free(env);
		return code;
	}
	(void)uv_idle_init(loop, &env->awake);
	env->awake.data = env;
	uv_unref((uv_handle_t *)&env->awake);
	code = mf_real_jobs_start(env, transfers, err);
	if (code != MF_OK) { /* the loop finishes the closing when it runs */
		mf_env_real_close(&env->pub, NULL, NULL);
		return code;
	}
	*out = &env->pub;
	return MF_OK;
}

void
mf_real_handle_closed(struct mf_env_real *env)
{
	if (--env->closing > 0)
		return;
	void (*done)(void *) = env->on_closed;
	void *arg = env->on_closed_arg;
	free(env);
	if (done != NULL)
		done(arg);
}

static void
on_async_closed(uv_handle_t *h)
{
	mf_real_handle_closed(h->data);
}

static void
on_awake_closed(uv_handle_t *h)
{
	mf_real_handle_closed(h->data);
}

void
mf_env_real_close(struct mf_env *pub, void (*done)(void *arg), void *arg)
{
	struct mf_env_real *env = mf_real(pub);

	env->on_closed = done;
	env->on_closed_arg = arg;
	env->closing = 2;
	mf_real_jobs_stop(env);
	mf_real_watch_close(env);
	uv_close((uv_handle_t *)&env->awake, on_awake_closed);
	uv_close((uv_handle_t *)&env->jobs.async, on_async_closed);
}
