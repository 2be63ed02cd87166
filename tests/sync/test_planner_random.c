/* Random histories, participants, steps and faults, with the real planner: everybody comes to rest, agrees
 * or has a conflict that says why not, and nobody's work is lost.
 *
 * Two programs are made of it: this one, with sanitizers if the build has them, and test_planner_bulk (MF_BULK),
 * always without, for the large number.
 *
 * MF_PLANNER_CASES: how many runs (default: 2,000, in `make soak` 50,000; in bulk 200,000 and 5 million).
 * MF_PLANNER_SEED: the first seed; a failing run prints its own: MF_PLANNER_SEED=that MF_PLANNER_CASES=1. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "tests/sync/model_check.h"

#ifdef MF_BULK
enum { FIRST = 1, CASES_QUICK = 200000, CASES_SOAK = 5000000 };
#else
enum { FIRST = 900000001, CASES_QUICK = 2000, CASES_SOAK = 50000 };
#endif

static uint64_t
number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL || *text == '\0' ? otherwise : strtoull(text, NULL, 10);
}

/* A failing run again, this time aloud. */
static void
tell(uint64_t seed)
{
	struct mw_run run;
	mf_buf log = {0};

	mw_random_run(&run, seed, &log);
	cr_log_error("MF_PLANNER_SEED=%llu MF_PLANNER_CASES=1: %s\n%s", (unsigned long long)seed, run.w->broken,
		(const char *)log.p);
	mw_free(run.w);
	mf_buf_free(&log);
}

Test(planner, everybody_comes_to_rest_and_nothing_is_lost, .timeout = 7200)
{
	const char *soak = getenv("MF_SOAK");
	uint64_t seed = number("MF_PLANNER_SEED", FIRST),
		 cases = number("MF_PLANNER_CASES", soak != NULL && *soak == '1' ? CASES_SOAK : CASES_QUICK);
	unsigned long steps = 0;

	for (uint64_t i = 0; i < cases; i++) {
		struct mw_run run;
		mw_random_run(&run, seed + i, NULL);
		bool ok = run.w->broken[0] == '\0';
		steps += run.w->steps;
		mw_free(run.w);
		if (!ok)
			tell(seed + i);
		cr_assert(ok, "case %llu", (unsigned long long)(seed + i));
	}
	cr_assert(steps >= cases, "nothing was done");
}
