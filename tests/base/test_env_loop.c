/* Timers and jobs of the production environment. */
#include <config.h>

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/env_real.h"
#include "tests/base/real.h"

struct tick {
	struct real *r;
	struct mf_timer *t;
	uint64_t again_ms; /* start again with this delay, while count < most */
	int count, most, flag;
};

static void
on_tick(void *arg)
{
	struct tick *k = arg;

	k->count++;
	k->flag = 1;
	if (k->count < k->most)
		k->r->ops->timer_start(k->t, k->again_ms);
}

Test(env_loop, timers_fire_once_and_not_early, .timeout = 20)
{
	struct real r;
	real_init(&r);
	struct tick k = {.r = &r};
	uint64_t start = r.ops->mono_ms(r.env);

	k.t = r.ops->timer_new(r.env, on_tick, &k);
	uv_sleep(20); /* the loop's own idea of the time is old now */
	start = r.ops->mono_ms(r.env);
	r.ops->timer_start(k.t, 30);
	cr_assert(real_run_until(&r, &k.flag, 5000) && k.count == 1);
	cr_assert(r.ops->mono_ms(r.env) - start >= 29, "one for the rounding of two clocks");
	k.flag = 0;
	cr_assert(!real_run_until(&r, &k.flag, 50), "one-shot");
	r.ops->timer_start(k.t, 10);
	r.ops->timer_stop(k.t);
	cr_assert(!real_run_until(&r, &k.flag, 50), "stopped");
	r.ops->timer_start(k.t, 10);
	r.ops->timer_start(k.t, 60000);
	cr_assert(!real_run_until(&r, &k.flag, 50), "moved away");
	r.ops->timer_start(k.t, 0);
	cr_assert(real_run_until(&r, &k.flag, 5000) && k.count == 2);
	r.ops->timer_start(k.t, 1);
	r.ops->timer_free(k.t);
	r.ops->timer_free(NULL);
	k.flag = 0;
	cr_assert(!real_run_until(&r, &k.flag, 30), "freed");
	cr_assert(real_deinit(&r) == 0);
}

static void
free_itself(void *arg)
{
	struct tick *k = arg;

	k->flag = 1;
	k->r->ops->timer_free(k->t);
}

Test(env_loop, a_timer_may_free_itself, .timeout = 20)
{
	struct real r;
	real_init(&r);
	struct tick k = {.r = &r};

	k.t = r.ops->timer_new(r.env, free_itself, &k);
	r.ops->timer_start(k.t, 0);
	cr_assert(real_run_until(&r, &k.flag, 5000));
	cr_assert(real_deinit(&r) == 0);
}

static void
job_nothing(void *arg, const mf_cancel *cancel)
{
	(void)arg;
	(void)cancel;
}

static void
job_flag(void *arg)
{
	*(int *)arg = 1;
}

Test(env_loop, timers_without_delay_leave_room_for_others, .timeout = 20)
{
	struct real r;
	real_init(&r);
	struct tick k = {.r = &r, .again_ms = 0, .most = 1 << 30};
	int done = 0;

	k.t = r.ops->timer_new(r.env, on_tick, &k);
	r.ops->timer_start(k.t, 0);
	(void)r.ops->job_start(r.env, MF_POOL_QUICK, job_nothing, job_flag, &done);
	cr_assert(real_run_until(&r, &done, 5000), "the job's end came through");
	k.most = 0;
	r.ops->timer_free(k.t);
	cr_assert(real_deinit(&r) == 0);
}

Test(env_loop, clocks_and_chance, .timeout = 20)
{
	struct real r;
	uint8_t a[32], b[32];

	real_init(&r);
	cr_assert(llabs(r.ops->now_ns(r.env) / 1000000000 - (long long)time(NULL)) <= 1);
	uint64_t before = r.ops->mono_ms(r.env);
	cr_assert(r.ops->mono_ms(r.env) >= before);
	r.ops->random(r.env, a, sizeof(a));
	r.ops->random(r.env, b, sizeof(b));
	cr_assert(memcmp(a, b, sizeof(a)) != 0);
	cr_assert(real_deinit(&r) == 0);
}

enum { JOBS = 100 };

struct work {
	pthread_t loop;
	atomic_int running, most, ran;
	int done; /* loop only */
	int all_done;
	int expect;
};

struct one {
	struct work *w;
	int n, order;
	bool ran, off_loop, done;
};

static void
do_one(void *arg, const mf_cancel *cancel)
{
	struct one *o = arg;
	int now = atomic_fetch_add(&o->w->running, 1) + 1, most = atomic_load(&o->w->most);

	while (now > most && !atomic_compare_exchange_weak(&o->w->most, &most, now))
		;
	o->ran = true;
	o->order = atomic_fetch_add(&o->w->ran, 1);
	o->off_loop = pthread_equal(pthread_self(), o->w->loop) == 0;
	cr_expect(!mf_canceled(cancel));
	uv_sleep(1);
	(void)atomic_fetch_sub(&o->w->running, 1);
}

static void
one_done(void *arg)
{
	struct one *o = arg;

	cr_expect(!o->done, "exactly once");
	cr_expect(pthread_equal(pthread_self(), o->w->loop) != 0);
	o->done = true;
	if (++o->w->done == o->w->expect)
		o->w->all_done = 1;
}

Test(env_loop, jobs_run_off_the_loop_and_end_on_it, .timeout = 30)
{
	struct real r;
	struct work w = {.loop = pthread_self(), .expect = JOBS};
	struct one o[JOBS] = {{0}};

	real_init(&r);
	for (int i = 0; i < JOBS; i++) {
		o[i] = (struct one){.w = &w, .n = i};
		(void)r.ops->job_start(r.env, MF_POOL_TRANSFER, do_one, one_done, &o[i]);
	}
	cr_assert(w.done == 0, "never from inside");
	cr_assert(real_run_until(&r, &w.all_done, 10000));
	for (int i = 0; i < JOBS; i++) {
		cr_assert(o[i].ran && o[i].off_loop && o[i].done);
		cr_assert(abs(o[i].order - i) <= 6, "first in, first out, but for three workers' haste");
	}
	cr_assert(atomic_load(&w.most) <= 3, "the pool has three workers");
	cr_assert(real_deinit(&r) == 0);
}

struct gate {
	struct mf_env *env;
	atomic_bool open, entered, saw_cancel;
	int done;
	bool ran;
	struct mf_job *job, *next;
};

static void
hold(void *arg, const mf_cancel *cancel)
{
	struct gate *g = arg;

	atomic_store(&g->entered, true);
	while (!atomic_load(&g->open) && !mf_canceled(cancel))
		uv_sleep(1);
	atomic_store(&g->saw_cancel, mf_canceled(cancel));
}

static void
mark_ran(void *arg, const mf_cancel *cancel)
{
	(void)cancel;
	((struct gate *)arg)->ran = true;
}

static void
gate_done(void *arg)
{
	((struct gate *)arg)->done++;
}

Test(env_loop, a_cancelled_job_still_ends_once, .timeout = 30)
{
	struct real r;
	struct gate busy[3] = {{0}}, waiting = {0};

	real_init(&r);
	for (int i = 0; i < 3; i++)
		busy[i].job = r.ops->job_start(r.env, MF_POOL_TRANSFER, hold, gate_done, &busy[i]);
	for (int i = 0; i < 3; i++)
		while (!atomic_load(&busy[i].entered))
			uv_sleep(1);
	/* All workers are held: this one waits.  Its end does not wait for them. */
	waiting.job = r.ops->job_start(r.env, MF_POOL_TRANSFER, mark_ran, gate_done, &waiting);
	r.ops->job_cancel(waiting.job);
	r.ops->job_cancel(waiting.job);
	r.ops->job_cancel(NULL);
	cr_assert(waiting.done == 0, "not from inside");
	cr_assert(real_run_until(&r, &waiting.done, 5000));
	cr_assert(!waiting.ran && waiting.done == 1);
	/* One that runs is only asked. */
	r.ops->job_cancel(busy[1].job);
	cr_assert(real_run_until(&r, &busy[1].done, 5000) && atomic_load(&busy[1].saw_cancel));
	/* The other pool was never in the way. */
	struct gate quick = {0};
	(void)r.ops->job_start(r.env, MF_POOL_QUICK, mark_ran, gate_done, &quick);
	cr_assert(real_run_until(&r, &quick.done, 5000) && quick.ran);
	atomic_store(&busy[0].open, true);
	atomic_store(&busy[2].open, true);
	cr_assert(real_run_until(&r, &busy[0].done, 5000) && real_run_until(&r, &busy[2].done, 5000));
	cr_assert(!atomic_load(&busy[0].saw_cancel) && waiting.done == 1 && busy[1].done == 1);
	cr_assert(real_deinit(&r) == 0);
}

struct chain {
	struct mf_env *env;
	int left, flag;
};

static void
next_in_chain(void *arg)
{
	struct chain *c = arg;

	if (--c->left == 0)
		c->flag = 1;
	else
		(void)c->env->ops->job_start(c->env, MF_POOL_QUICK, job_nothing, next_in_chain, c);
}

Test(env_loop, jobs_start_jobs, .timeout = 30)
{
	struct real r;
	real_init(&r);
	struct chain c = {.env = r.env, .left = 500};

	(void)r.ops->job_start(r.env, MF_POOL_QUICK, job_nothing, next_in_chain, &c);
	cr_assert(real_run_until(&r, &c.flag, 10000));
	cr_assert(real_deinit(&r) == 0);
}

Test(env_loop, too_many_workers_are_refused, .timeout = 20)
{
	uv_loop_t loop;
	struct mf_env *env;
	mf_err err;

	cr_assert(uv_loop_init(&loop) == 0);
	cr_assert(mf_env_real_new(&loop, 100000, &env, &err) == MF_EINVAL && env == NULL);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	cr_assert(uv_loop_close(&loop) == 0);
}
