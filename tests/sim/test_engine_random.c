/* Random lives of shared folders (peers.md T2, T3, T4, in small): faults of every kind, then convergence and the
 * users' knowledge as the judge.  MF_SIM_RUNS: how many lives, MF_SIM_SEED: the first seed (and with MF_SIM_RUNS=1
 * and SIM_TRACE=1 the trace of one).  MF_SOAK_SECONDS: with new seeds for so long; what fails is told with its seed and
 * MF_COMMIT, and made small: MF_LIFE, as told then, runs what is left. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <criterion/criterion.h>

#include "shrink.h"

enum { RUNS_CHECK = 16, PATIENCE = 4, RUNS_SOAK = 5000, TWIN_EVERY = 5, SUITES = 5, TELL_EVERY = 100 };

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
	for (int i = 0; i < LIFE_KINDS; i++)
		sum->did[i] += r->did[i];
	sum->truths += r->truths;
}

/* An operation (docs/testing.md): something that a user did, that went wrong, or that the engine asked of the world. */
static void
tell(uint64_t n, const life_result *r)
{
	(void)fprintf(stderr,
		"%llu lives, %llu operations: %zu user actions, %zu misfortunes, %llu calls; "
		"%zu rounds of settling, %zu times up to date",
		(unsigned long long)n, (unsigned long long)(r->ops + r->troubles + r->calls), r->ops, r->troubles,
		(unsigned long long)r->calls, r->conflicts, r->truths);
	for (int i = 0; i < LIFE_KINDS; i++)
		if (r->did[i] > 0)
			(void)fprintf(
				stderr, ", %llu %s", (unsigned long long)r->did[i], life_kind_name((enum life_kind)i));
	(void)fputc('\n', stderr);
}

/* Until when: so many lives, or (MF_SOAK_SECONDS) so long, with seeds that nobody had before. */
struct span {
	uint64_t n;
	time_t end;
	uint64_t seed;
};

static struct span
span(uint64_t first)
{
	uint64_t seconds = number("MF_SOAK_SECONDS", 0);
	struct span s = {.n = runs(), .seed = number("MF_SIM_SEED", first)};

	if (seconds == 0)
		return s;
	s.n = UINT64_MAX;
	s.end = time(NULL) + (time_t)(seconds * 2 / SUITES); /* two run at a time */
	s.seed = number("MF_SIM_SEED", (uint64_t)time(NULL) * 100000 + first / 1000000);
	return s;
}

/* A kind of trouble that never came to pass has not been tested.
 * @return the first of them; LIFE_KINDS: none. */
static enum life_kind
never(const life_result *sum, const life_conf *like)
{
	unsigned may = (like->with == 0 ? LIFE_ALL : like->with) & ~like->without;
	int i = 0;

	for (; i < LIFE_KINDS; i++) {
		enum life_kind kind = (enum life_kind)i;
		bool alone = kind == LIFE_DID_SETTLE || kind == LIFE_DID_ROLL_BACK || kind == LIFE_DID_PYTHON_PUBLISH ||
			kind == LIFE_DID_PYTHON_CONFLICT;
		if ((life_kind_needs(kind) & may) != 0 && !(alone && like->one_writer) && sum->did[i] == 0)
			break;
	}
	return (enum life_kind)i;
}

/* So many lives, and more where some kind of trouble has not come to pass yet; or until the time is up. */
static bool
go_on(const struct span *s, uint64_t i, const life_result *sum, const life_conf *like)
{
	if (s->end != 0)
		return time(NULL) < s->end;
	return i < s->n || (s->n >= RUNS_CHECK && i < PATIENCE * s->n && never(sum, like) != LIFE_KINDS);
}

static void
failed(const life_conf *conf, const char *suite, const char *why)
{
	const char *commit = getenv("MF_COMMIT");

	(void)fprintf(stderr, "%s: seed %llu, commit %s: %s\n", suite, (unsigned long long)conf->seed,
		commit == NULL ? "unknown" : commit, why);
	if (getenv("MF_SOAK") != NULL)
		shrink_life(conf, suite);
}

/* As shrink_life() told it. */
static bool
only_one(void)
{
	static bool skip[SHRINK_STEPS_MAX];
	const char *text = getenv("MF_LIFE");
	life_conf conf;
	life_result r;

	if (text == NULL || *text == '\0')
		return false;
	cr_assert(life_of_text(text, &conf, skip, SHRINK_STEPS_MAX), "MF_LIFE=\"%s\"", text);
	life_run(&conf, &r);
	cr_assert(r.wrong[0] == '\0', "%s", r.wrong);
	return true;
}

static void
lives(const char *suite, uint64_t first, const life_conf *like)
{
	struct span s = span(first);
	life_result sum = {0};
	uint64_t i = 0;

	if (only_one())
		return;
	for (; go_on(&s, i, &sum, like); i++, s.seed++) {
		life_conf conf = *like;
		life_result r, again;
		conf.seed = s.seed;
		life_run(&conf, &r);
		if (r.wrong[0] != '\0')
			failed(&conf, suite, r.wrong);
		cr_assert(r.wrong[0] == '\0', "seed %llu: %s", (unsigned long long)s.seed, r.wrong);
		add(&sum, &r);
		if (s.end != 0 && i % TELL_EVERY == 0)
			(void)fprintf(stderr, "%s: seed %llu is well\n", suite, (unsigned long long)s.seed);
		if (i % TWIN_EVERY != 0 || s.n == 1)
			continue;
		life_run(&conf, &again);
		cr_assert(again.trace == r.trace, "seed %llu: another trace", (unsigned long long)s.seed);
		add(&sum, &again);
	}
	tell(i, &sum);
	enum life_kind missing = never(&sum, like);
	cr_assert(i < RUNS_CHECK || missing == LIFE_KINDS, "%s: never", life_kind_name(missing));
	cr_assert(sum.truths >= i, "they hardly ever say to be up to date: %zu times", sum.truths);
}

Test(engine_random, people_with_all_sorts_of_trouble, .timeout = 36000)
{
	lives("people_with_all_sorts_of_trouble", 1, &(life_conf){0});
}

Test(engine_random, one_writer_never_sees_a_conflict, .timeout = 36000)
{
	lives("one_writer_never_sees_a_conflict", 1000001, &(life_conf){.one_writer = true});
}

Test(engine_random, people_without_trouble, .timeout = 36000)
{
	lives("people_without_trouble", 2000001,
		&(life_conf){.with = LIFE_PREEMPT | LIFE_INSIDE | LIFE_SETTLE | LIFE_DIRS});
}

Test(engine_random, people_who_settle_while_everything_breaks, .timeout = 36000)
{
	lives("people_who_settle_while_everything_breaks", 3000001,
		&(life_conf){.with = LIFE_SETTLE | LIFE_CRASH | LIFE_POWER | LIFE_STALE | LIFE_LOST_ANSWER |
				LIFE_PREEMPT | LIFE_INSIDE | LIFE_PAUSE,
			.steps = 80});
}

Test(engine_random, a_reader_among_them, .timeout = 36000)
{
	lives("a_reader_among_them", 3000001, &(life_conf){.reader = true});
}
