/* The scheduler: picks what happens next, moves time; timers, jobs and the small rest of the environment. */
#include "sim_int.h"

#include <stdlib.h>

enum { STEPS_MAX = 5000000 };

enum what { W_NOTHING, W_BEGIN, W_DONE, W_TIMER, W_EVENT };
struct candidate {
	enum what what;
	void *it;
};

/* ---- what could happen now ---- */

static bool
has_worker(const struct sim_env *e, enum mf_pool pool)
{
	return e->dead || e->busy[pool] < (pool == MF_POOL_QUICK ? SIM_JOBS_QUICK : SIM_JOBS_TRANSFER);
}

/* Nothing of it happens now. */
static bool
is_still(const struct sim_env *e)
{
	return e->host->frozen || (e->dead && !e->unwinding);
}

static void
note(struct candidate *out, uint64_t *n, uint64_t at, enum what what, void *it)
{
	if ((*n)++ == at)
		*out = (struct candidate){what, it};
}

/* Counts what is ready; number @p at of it goes to *out. */
static uint64_t
ready(struct sim_world *w, uint64_t at, struct candidate *out)
{
	struct sim_env *e;
	struct mf_job *j;
	struct mf_timer *t;
	struct mf_watch *watch;
	uint64_t n = 0;

	LIST_FOREACH(e, &w->envs, all)
	{
		if (is_still(e))
			continue;
		LIST_FOREACH(j, &e->jobs, all)
		{
			if (j->state == SIM_JOB_QUEUED && has_worker(e, j->pool))
				note(out, &n, at, W_BEGIN, j);
			else if (j->state == SIM_JOB_DONE && j->ready_ns <= w->now_ns)
				note(out, &n, at, W_DONE, j);
		}
		LIST_FOREACH(t, &e->timers, all)
		if (t->armed && t->due_ns <= w->now_ns)
			note(out, &n, at, W_TIMER, t);
		LIST_FOREACH(watch, &e->watches, all)
		if (!e->dead && watch->at_queue < watch->n_queue)
			note(out, &n, at, W_EVENT, watch);
	}
	return n;
}

/* When something will be ready; INT64_MAX: never. */
static int64_t
next_ns(struct sim_world *w)
{
	int64_t next = INT64_MAX;
	struct sim_env *e;
	struct mf_job *j;
	struct mf_timer *t;

	LIST_FOREACH(e, &w->envs, all)
	{
		if (is_still(e))
			continue;
		LIST_FOREACH(j, &e->jobs, all)
		if (j->state == SIM_JOB_DONE && j->ready_ns < next)
			next = j->ready_ns;
		LIST_FOREACH(t, &e->timers, all)
		if (t->armed && t->due_ns < next)
			next = t->due_ns;
	}
	return next;
}

/* ---- doing it ---- */

static void
begin(struct sim_world *w, struct mf_job *j)
{
	struct sim_env *e = j->env;
	struct mf_job *outer = e->running;

	j->ready_ns = w->now_ns;
	if (e->dead || mf_canceled(&j->cancel)) {
		j->state = SIM_JOB_DONE;
		return;
	}
	sim_trace(w, "%s.%llu job %llu begins", e->host->name, (unsigned long long)e->life,
		(unsigned long long)j->number);
	j->state = SIM_JOB_RUNNING;
	j->has_worker = true;
	j->ready_ns += (int64_t)sim_pick(w, 1000000);
	e->busy[j->pool]++;
	e->running = j;
	j->work(j->arg, &j->cancel);
	e->running = outer;
	j->state = SIM_JOB_DONE;
}

/* What happens on a loop is no part of the job in whose middle it happens. */
static void
on_loop(struct sim_world *w, const struct candidate *c)
{
	struct mf_job *j = c->it;
	struct mf_timer *t = c->it;
	struct mf_watch *watch = c->it;
	struct sim_env *e = c->what == W_DONE ? j->env : c->what == W_TIMER ? t->env : watch->env;
	struct mf_job *outer = e->running;

	e->running = NULL;
	if (c->what == W_DONE) {
		mf_job_done *done = j->done;
		void *arg = j->arg;
		sim_trace(w, "%s.%llu job %llu done", e->host->name, (unsigned long long)e->life,
			(unsigned long long)j->number);
		if (j->has_worker)
			e->busy[j->pool]--;
		LIST_REMOVE(j, all);
		free(j);
		done(arg);
	} else if (c->what == W_TIMER) {
		sim_trace(w, "%s.%llu timer %llu", e->host->name, (unsigned long long)e->life,
			(unsigned long long)t->number);
		t->armed = false;
		t->cb(t->arg);
	} else {
		sim_watch_deliver(watch);
	}
	e->running = outer;
}

static bool
one_ready(struct sim_world *w)
{
	struct candidate c = {W_NOTHING, NULL};
	uint64_t n = ready(w, UINT64_MAX, &c);

	if (n == 0)
		return false;
	(void)ready(w, sim_pick(w, n), &c);
	w->steps++;
	w->now_ns += 1000 + (int64_t)sim_pick(w, 20000);
	if (c.what == W_BEGIN)
		begin(w, c.it);
	else
		on_loop(w, &c);
	return true;
}

bool
sim_step(struct sim_world *w)
{
	if (one_ready(w))
		return true;
	int64_t next = next_ns(w);
	if (w->depth > 0 || next == INT64_MAX)
		return false;
	if (next > w->now_ns)
		w->now_ns = next;
	return one_ready(w);
}

bool
sim_run_until(struct sim_world *w, bool (*pred)(void *arg), void *arg, int64_t limit_ms)
{
	int64_t end = w->now_ns + limit_ms * 1000000;

	for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
		if (pred(arg))
			return true;
		if (w->now_ns >= end)
			return false;
		if (one_ready(w))
			continue;
		int64_t next = next_ns(w);
		w->now_ns = next < end ? (next > w->now_ns ? next : w->now_ns) : end;
	}
	return false;
}

static bool
never(void *arg)
{
	(void)arg;
	return false;
}

void
sim_run_for(struct sim_world *w, int64_t ms)
{
	(void)sim_run_until(w, never, NULL, ms);
}

/* ---- the table's small functions ---- */

static struct sim_env *
env_of(struct mf_env *env)
{
	return (struct sim_env *)env; /* base is the first member */
}

static int64_t
op_now_ns(struct mf_env *env)
{
	const struct sim_host *h = env_of(env)->host;

	return SIM_EPOCH_NS + h->world->now_ns + h->wall_offset_ns;
}

static uint64_t
op_mono_ms(struct mf_env *env)
{
	return (uint64_t)(env_of(env)->host->world->now_ns / 1000000);
}

static void
op_random(struct mf_env *env, void *p, size_t n)
{
	sim_rng_fill(&env_of(env)->rng, p, n);
}

static struct mf_timer *
op_timer_new(struct mf_env *env, mf_timer_cb *cb, void *arg)
{
	struct mf_timer *t = mf_alloc(sizeof(*t));

	*t = (struct mf_timer){.env = env_of(env), .cb = cb, .arg = arg, .number = ++env_of(env)->next_number};
	LIST_INSERT_HEAD(&t->env->timers, t, all);
	return t;
}

static void
op_timer_start(struct mf_timer *t, uint64_t delay_ms)
{
	t->armed = true;
	t->due_ns = t->env->host->world->now_ns + (int64_t)delay_ms * 1000000;
}

static void
op_timer_stop(struct mf_timer *t)
{
	t->armed = false;
}

static void
op_timer_free(struct mf_timer *t)
{
	if (t == NULL)
		return;
	LIST_REMOVE(t, all);
	free(t);
}

static struct mf_job *
op_job_start(struct mf_env *env, enum mf_pool pool, mf_job_fn *work, mf_job_done *done, void *arg)
{
	struct sim_env *e = env_of(env);
	struct mf_job *j = mf_alloc(sizeof(*j));

	j->env = e;
	j->work = work;
	j->done = done;
	j->arg = arg;
	j->pool = pool;
	j->number = ++e->next_number;
	LIST_INSERT_HEAD(&e->jobs, j, all);
	sim_trace(e->host->world, "%s.%llu job %llu queued", e->host->name, (unsigned long long)e->life,
		(unsigned long long)j->number);
	return j;
}

static void
op_job_cancel(struct mf_job *j)
{
	if (j != NULL)
		atomic_store(&j->cancel.on, true);
}

static uint32_t
op_umask(struct mf_env *env)
{
	return env_of(env)->host->umask;
}

const struct mf_env_ops sim_env_ops = {
	.now_ns = op_now_ns,
	.mono_ms = op_mono_ms,
	.random = op_random,
	.timer_new = op_timer_new,
	.timer_start = op_timer_start,
	.timer_stop = op_timer_stop,
	.timer_free = op_timer_free,
	.job_start = op_job_start,
	.job_cancel = op_job_cancel,
	.root_open = sim_op_root_open,
	.root_close = sim_op_root_close,
	.root_check = sim_op_root_check,
	.stat = sim_op_stat,
	.stat_in = sim_op_stat_in,
	.list = sim_op_list,
	.open = sim_op_open,
	.close = sim_op_close,
	.fstat = sim_op_fstat,
	.read = sim_op_read,
	.write = sim_op_write,
	.fsync = sim_op_fsync,
	.set_mtime = sim_op_set_mtime,
	.set_mode = sim_op_set_mode,
	.mkdir = sim_op_mkdir,
	.rename = sim_op_rename,
	.unlink = sim_op_unlink,
	.rmdir = sim_op_rmdir,
	.sync_dir = sim_op_sync_dir,
	.sync_all = sim_op_sync_all,
	.space = sim_op_space,
	.umask = op_umask,
	.watch_new = sim_watch_new,
	.watch_add = sim_watch_add,
	.watch_remove = sim_watch_remove,
	.watch_free = sim_watch_free,
	.db_open = sim_op_db_open,
	.db_sync = sim_op_db_sync,
	.db_checkpoint = sim_op_db_checkpoint,
};
