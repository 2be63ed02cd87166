/* One program, two environments, the same results. */
#include <config.h>

#include <criterion/criterion.h>

#include "tests/base/real.h"
#include "tests/base/toy.h"
#include "tests/sim/sim.h"

static void
check(struct toy *t)
{
	mf_stat st;

	cr_assert(t->finished, "%s", t->err.text);
	cr_assert(t->rc == MF_OK, "%s", t->err.text);
	cr_assert(t->created && t->closed && t->arrived);
	cr_assert(t->size == 100000 && t->mtime_ns == 1600000000000000000);
	cr_assert(t->ticks >= 1 && t->took_ms >= 30);
	cr_assert(t->jobs_done == 2);
	cr_assert(t->env->ops->stat(t->root, "sub/new.tmp", &st, NULL) == MF_OK && st.kind == MF_KIND_ABSENT);
	cr_assert(t->env->ops->stat(t->root, "sub/new", &st, NULL) == MF_OK && st.kind == MF_KIND_FILE);
	cr_assert(st.mode == (0666 & ~t->env->ops->umask(t->env)), "%o", st.mode);
}

Test(env_toy, runs_under_the_real_environment, .timeout = 30)
{
	struct real r;
	struct toy t = {0};

	real_init(&r);
	t.env = r.env;
	t.root = r.root;
	t.db_path = real_path(&r, "toy.sqlite");
	cr_assert(toy_start(&t) == MF_OK, "%s", t.err.text);
	(void)real_run_until(&r, &t.finished, 20000);
	toy_stop(&t);
	check(&t);
	cr_assert(real_deinit(&r) == 0);
}

static bool
is_finished(void *arg)
{
	return ((struct toy *)arg)->finished != 0;
}

static uint64_t
simulated(uint64_t seed)
{
	struct sim_world *w = sim_world_new(seed);
	struct sim_host *h = sim_host_new(w, "toy");
	struct toy t = {.db_path = "/toy.sqlite"};

	sim_mkdirs(h, "/home");
	t.env = sim_boot(h);
	cr_assert(t.env->ops->root_open(t.env, "/home", &t.root, NULL) == MF_OK);
	cr_assert(toy_start(&t) == MF_OK, "%s", t.err.text);
	(void)sim_run_until(w, is_finished, &t, 20000);
	toy_stop(&t);
	check(&t);
	t.env->ops->root_close(t.root);
	cr_assert(sim_retire(h) == 0);
	uint64_t hash = sim_trace_hash(w);
	sim_world_free(w);
	return hash;
}

Test(env_toy, runs_under_the_simulated_environment, .timeout = 30)
{
	for (uint64_t seed = 0; seed < 20; seed++)
		cr_assert(simulated(seed) == simulated(seed), "seed %llu", (unsigned long long)seed);
}
