/* Jobs and log under many threads, without criterion, which dies under ThreadSanitizer:
 *   ./configure --enable-sanitizers=thread && make tests/base/test_jobs_threads */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/env_real.h"
#include "base/log.h"

enum { JOBS = 2000 };

struct one {
	struct all *all;
	struct mf_job *job;
	unsigned input, output; /* handed over with the job, both ways */
	bool ran, saw_cancel;
	unsigned dones;
};

struct all {
	struct mf_env *env;
	struct one job[JOBS];
	unsigned done, wrong;
};

static void
work(void *arg, const mf_cancel *cancel)
{
	struct one *o = arg;

	o->ran = true;
	for (unsigned i = 0; i < 2000 && !mf_canceled(cancel); i++)
		o->output += o->input;
	o->saw_cancel = mf_canceled(cancel);
	mf_log(MF_LOG_INFO, "job", NULL, "%u", o->output);
}

static void
done(void *arg)
{
	struct one *o = arg;
	struct all *a = o->all;

	o->job = NULL;
	a->done++;
	if (++o->dones != 1)
		a->wrong++;
	if (o->ran && !o->saw_cancel && o->output != 2000 * o->input)
		a->wrong++;
	/* Some others are cancelled from here, wherever they are just now. */
	size_t at = (size_t)(o - a->job);
	if (at % 3 == 0)
		a->env->ops->job_cancel(a->job[(at * 7 + 11) % JOBS].job);
}

static unsigned
run(struct all *a, uv_loop_t *loop)
{
	for (unsigned i = 0; i < JOBS; i++) {
		struct one *o = &a->job[i];

		*o = (struct one){.all = a, .input = i};
		o->job = a->env->ops->job_start(a->env, i % 2 == 0 ? MF_POOL_QUICK : MF_POOL_TRANSFER, work, done, o);
		if (i % 16 == 0)
			a->env->ops->job_cancel(o->job);
		if (i % 64 == 0)
			(void)uv_run(loop, UV_RUN_NOWAIT);
	}
	while (a->done < JOBS)
		(void)uv_run(loop, UV_RUN_ONCE);
	for (unsigned i = 0; i < JOBS; i++)
		a->wrong += a->job[i].dones != 1;
	return a->wrong;
}

int
main(void)
{
	static struct all a;
	uv_loop_t loop;
	mf_err err;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)alarm(60);
	(void)printf("1..2\n");
	mf_log_open(&(mf_log_conf){.least = MF_LOG_INFO, .format = MF_LOG_JSON, .fd = null});
	if (uv_loop_init(&loop) != 0 || mf_env_real_new(&loop, 8, &a.env, &err) != MF_OK)
		return 99;
	unsigned wrong = run(&a, &loop);
	(void)printf("%sok - %d jobs ended once each, %u wrong\n", wrong == 0 ? "" : "not ", JOBS, wrong);
	mf_env_real_close(a.env, NULL, NULL);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	int left = uv_loop_close(&loop);
	(void)printf("%sok - no handle is left\n", left == 0 ? "" : "not ");
	mf_log_close();
	(void)close(null);
	return wrong == 0 && left == 0 ? 0 : 1;
}
