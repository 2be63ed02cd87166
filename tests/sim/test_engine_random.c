/* Random lives of shared folders (peers.md T2, T3, T4, in small): faults of every kind, then convergence and the
 * users' knowledge as the judge.  MF_SIM_RUNS: how many lives, MF_SIM_SEED: the first seed (and with MF_SIM_RUNS=1
 * and SIM_TRACE=1 the trace of one). */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <criterion/criterion.h>

#include "life.h"

enum { RUNS_CHECK = 30, RUNS_SOAK = 5000, TWIN_EVERY = 5 };

static uint64_t
number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL || *text == '\0' ? otherwise : strtoull(text, NULL, 10);
}

static uint64_t
runs(void)
{
	const char *soak = getenv("MF_SOAK");

	return number("MF_SIM_RUNS", soak != NULL && *soak != '\0' ? RUNS_SOAK : RUNS_CHECK);
}

static void
add(life_result *sum, const life_result *r)
{
	sum->calls += r->calls;
	sum->ops += r->ops;
	sum->troubles += r->troubles;
	sum->conflicts += r->conflicts;
	sum->crashes += r->crashes;
	sum->truths += r->truths;
}

/* An operation (docs/testing.md): something that a user did, that went wrong, or that the engine asked of the world. */
static void
tell(uint64_t n, const life_result *r)
{
	(void)fprintf(stderr,
		"%llu lives, %llu operations: %zu user actions, %zu misfortunes (%zu crashes), %llu calls; "
		"%zu rounds of settling, %zu times up to date\n",
		(unsigned long long)n, (unsigned long long)(r->ops + r->troubles + r->calls), r->ops, r->troubles,
		r->crashes, (unsigned long long)r->calls, r->conflicts, r->truths);
}

static void
lives(uint64_t first, const life_conf *like)
{
	uint64_t n = runs();
	life_result sum = {0};

	for (uint64_t seed = number("MF_SIM_SEED", first), i = 0; i < n; i++, seed++) {
		life_conf conf = *like;
		life_result r, again;
		conf.seed = seed;
		life_run(&conf, &r);
		cr_assert(r.wrong[0] == '\0', "seed %llu: %s", (unsigned long long)seed, r.wrong);
		add(&sum, &r);
		if (i % TWIN_EVERY != 0 || n == 1)
			continue;
		life_run(&conf, &again);
		cr_assert(again.trace == r.trace, "seed %llu: another trace", (unsigned long long)seed);
		add(&sum, &again);
	}
	tell(n, &sum);
	cr_assert(sum.truths >= n, "they hardly ever say to be up to date: %zu times", sum.truths);
}

Test(engine_random, people_with_all_sorts_of_trouble, .timeout = 36000)
{
	lives(1, &(life_conf){0});
}

Test(engine_random, one_writer_never_sees_a_conflict, .timeout = 36000)
{
	lives(1000001, &(life_conf){.one_writer = true});
}

Test(engine_random, people_without_trouble, .timeout = 36000)
{
	lives(2000001, &(life_conf){.with = LIFE_PREEMPT | LIFE_INSIDE | LIFE_SETTLE | LIFE_DIRS});
}

Test(engine_random, people_who_settle_while_everything_breaks, .timeout = 36000)
{
	lives(3000001,
		&(life_conf){.with = LIFE_SETTLE | LIFE_CRASH | LIFE_POWER | LIFE_STALE | LIFE_LOST_ANSWER |
				LIFE_PREEMPT | LIFE_INSIDE | LIFE_PAUSE,
			.steps = 80});
}

Test(engine_random, a_reader_among_them, .timeout = 36000)
{
	lives(3000001, &(life_conf){.reader = true});
}
