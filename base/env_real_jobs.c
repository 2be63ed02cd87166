/* Pools of worker threads, each first in first out; results come back through one uv_async. */
#include <config.h> /* _GNU_SOURCE */

#include "base/env_real.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define TRANSFERS_DEFAULT 8
#define SERVERS 8
#define WORKERS_MAX 256

enum job_where { JOB_WAITING, JOB_RUNNING, JOB_FINISHED };

struct mf_job {
	struct mf_job *prev, *next; /* guarded by jobs.lock, as is `where` */
	enum job_where where;
	enum mf_pool pool;
	struct mf_env_real *env;
	mf_job_fn *work;
	mf_job_done *done;
	void *arg;
	mf_cancel cancel;
};

static void
list_push(struct mf_job_list *l, struct mf_job *j)
{
	j->next = NULL;
	j->prev = l->last;
	if (l->last != NULL)
		l->last->next = j;
	else
		l->first = j;
	l->last = j;
}

static void
list_remove(struct mf_job_list *l, struct mf_job *j)
{
	*(j->prev != NULL ? &j->prev->next : &l->first) = j->next;
	*(j->next != NULL ? &j->next->prev : &l->last) = j->prev;
}

struct worker_arg {
	struct mf_jobs *jobs;
	struct mf_pool_state *pool;
};

static void *
worker(void *p)
{
	struct worker_arg a = *(struct worker_arg *)p;

	free(p);
	(void)pthread_mutex_lock(&a.jobs->lock);
	for (;;) {
		while (a.pool->waiting.first == NULL && !a.jobs->stop)
			(void)pthread_cond_wait(&a.pool->wake, &a.jobs->lock);
		struct mf_job *j = a.pool->waiting.first;
		if (j == NULL)
			break;
		list_remove(&a.pool->waiting, j);
		j->where = JOB_RUNNING;
		(void)pthread_mutex_unlock(&a.jobs->lock);
		j->work(j->arg, &j->cancel);
		(void)pthread_mutex_lock(&a.jobs->lock);
		j->where = JOB_FINISHED;
		list_push(&a.jobs->finished, j);
		/* Under the lock, so that the loop cannot close the handle in between. */
		(void)uv_async_send(&a.jobs->async);
	}
	(void)pthread_mutex_unlock(&a.jobs->lock);
	return NULL;
}

/* Hands out what has finished up to now; later ones wake the loop again. */
static void
on_async(uv_async_t *async)
{
	struct mf_env_real *env = async->data;

	(void)pthread_mutex_lock(&env->jobs.lock);
	struct mf_job *j = env->jobs.finished.first;
	env->jobs.finished = (struct mf_job_list){0};
	(void)pthread_mutex_unlock(&env->jobs.lock);
	while (j != NULL) {
		struct mf_job *next = j->next;
		mf_job_done *done = j->done;
		void *arg = j->arg;

		free(j);
		done(arg);
		j = next;
	}
}

static mf_code
pool_start(struct mf_jobs *jobs, struct mf_pool_state *pool, unsigned workers, const char *name, mf_err *err)
{
	pool->thread = mf_realloc_array(NULL, workers, sizeof(*pool->thread));
	while (pool->workers < workers) {
		struct worker_arg *a = mf_alloc(sizeof(*a));

		*a = (struct worker_arg){jobs, pool};
		int sys = pthread_create(&pool->thread[pool->workers], NULL, worker, a);
		if (sys != 0) {
			free(a);
			return mf_fail_errno(err, sys, "starting a worker thread");
		}
		(void)pthread_setname_np(pool->thread[pool->workers], name);
		pool->workers++;
	}
	return MF_OK;
}

/* Signals are the loop thread's business. */
static mf_code
pool_start_quietly(struct mf_jobs *jobs, struct mf_pool_state *pool, unsigned workers, const char *name, mf_err *err)
{
	sigset_t all, old;
	mf_code code;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	code = pool_start(jobs, pool, workers, name, err);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return code;
}

struct mf_job *
mf_real_job_start(struct mf_env *pub, enum mf_pool pool, mf_job_fn *work, mf_job_done *done, void *arg)
{
	struct mf_env_real *env = mf_real(pub);
	struct mf_job *j = mf_alloc(sizeof(*j));
	mf_err err;

	if (pool == MF_POOL_SERVE && env->jobs.pool[pool].workers == 0 &&
		pool_start_quietly(&env->jobs, &env->jobs.pool[pool], SERVERS, "mf-serve", &err) != MF_OK &&
		env->jobs.pool[pool].workers == 0)
		pool = MF_POOL_TRANSFER; /* no thread to be had: they do it, too */

	*j = (struct mf_job){.pool = pool, .env = env, .work = work, .done = done, .arg = arg};
	(void)pthread_mutex_lock(&env->jobs.lock);
	list_push(&env->jobs.pool[pool].waiting, j);
	(void)pthread_cond_signal(&env->jobs.pool[pool].wake);
	(void)pthread_mutex_unlock(&env->jobs.lock);
	return j;
}

void
mf_real_job_cancel(struct mf_job *j)
{
	if (j == NULL)
		return;
	struct mf_jobs *jobs = &j->env->jobs;
	atomic_store_explicit(&j->cancel.on, true, memory_order_relaxed);
	/* One that waits need not wait for its turn only to do nothing. */
	(void)pthread_mutex_lock(&jobs->lock);
	if (j->where == JOB_WAITING) {
		list_remove(&jobs->pool[j->pool].waiting, j);
		j->where = JOB_FINISHED;
		list_push(&jobs->finished, j);
		(void)uv_async_send(&jobs->async);
	}
	(void)pthread_mutex_unlock(&jobs->lock);
}

mf_code
mf_real_jobs_init(struct mf_env_real *env, mf_err *err)
{
	struct mf_jobs *jobs = &env->jobs;
	int rc = uv_async_init(env->loop, &jobs->async, on_async);

	if (rc != 0)
		return mf_fail(err, MF_EIO, rc, "uv_async_init: %s", uv_strerror(rc));
	jobs->async.data = env;
	(void)pthread_mutex_init(&jobs->lock, NULL);
	for (int i = 0; i < MF_POOLS; i++)
		(void)pthread_cond_init(&jobs->pool[i].wake, NULL);
	return MF_OK;
}

mf_code
mf_real_jobs_start(struct mf_env_real *env, unsigned transfers, mf_err *err)
{
	struct mf_jobs *jobs = &env->jobs;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned quick = cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (unsigned)cores;

	if (transfers > WORKERS_MAX)
		return mf_fail(err, MF_EINVAL, 0, "at most %d transfer workers", WORKERS_MAX);
	mf_code code = pool_start_quietly(jobs, &jobs->pool[MF_POOL_QUICK], quick, "mf-quick", err);
	if (code == MF_OK)
		code = pool_start_quietly(jobs, &jobs->pool[MF_POOL_TRANSFER],
			transfers == 0 ? TRANSFERS_DEFAULT : transfers, "mf-transfer", err);
	return code;
}

void
mf_real_jobs_stop(struct mf_env_real *env)
{
	struct mf_jobs *jobs = &env->jobs;

	(void)pthread_mutex_lock(&jobs->lock);
	jobs->stop = true;
	for (int i = 0; i < MF_POOLS; i++)
		(void)pthread_cond_broadcast(&jobs->pool[i].wake);
	(void)pthread_mutex_unlock(&jobs->lock);
	for (int i = 0; i < MF_POOLS; i++) {
		for (unsigned k = 0; k < jobs->pool[i].workers; k++)
			(void)pthread_join(jobs->pool[i].thread[k], NULL);
		free(jobs->pool[i].thread);
		(void)pthread_cond_destroy(&jobs->pool[i].wake);
	}
	(void)pthread_mutex_destroy(&jobs->lock);
}
