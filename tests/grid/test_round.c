/* Rounds: several things at once, and not waiting for the slow ones. */
#include <stdatomic.h>
#include <time.h>

#include <criterion/criterion.h>

#include "grid/round.h"

TestSuite(round, .timeout = 60);

static atomic_int freed;

struct thing {
	int how; /* 0: at once; 1: until canceled */
	int done;
};

static void
thing_free(void *item)
{
	(void)item;
	atomic_fetch_add(&freed, 1);
}

static void
thing_run(void *item, const mf_cancel *cancel)
{
	struct thing *t = item;

	while (t->how == 1 && !mf_canceled(cancel))
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	t->done++;
}

Test(round, every_item_finishes_once)
{
	enum { N = 200 }; /* more than there are threads */
	struct mf_crew *c = mf_crew_new();
	struct mf_round *r = mf_round_new(c, N, sizeof(struct thing), thing_free);
	bool seen[N] = {false};
	int i;

	for (int again = 1; again <= 2; again++) {
		memset(seen, 0, sizeof(seen));
		for (size_t k = 0; k < N; k++)
			mf_round_start(r, k, thing_run);
		while ((i = mf_round_next(r, -1, NULL)) >= 0) {
			cr_assert(!seen[i]);
			seen[i] = true;
			cr_assert(((struct thing *)mf_round_item(r, (size_t)i))->done == again);
		}
		for (size_t k = 0; k < N; k++)
			cr_assert(seen[k] && !mf_round_runs(r, k));
	}
	mf_round_leave(r);
	cr_assert(atomic_load(&freed) == N);
	mf_crew_free(c);
}

Test(round, the_slow_ones_are_left_behind)
{
	struct mf_crew *c = mf_crew_new();
	struct mf_round *r = mf_round_new(c, 3, sizeof(struct thing), thing_free);

	((struct thing *)mf_round_item(r, 1))->how = 1;
	for (size_t k = 0; k < 3; k++)
		mf_round_start(r, k, thing_run);
	cr_assert(mf_round_next(r, -1, NULL) != 1 && mf_round_next(r, -1, NULL) != 1);
	cr_assert(mf_round_next(r, 10, NULL) == -1 && mf_round_runs(r, 1));
	mf_round_leave(r);
	mf_crew_free(c); /* waits for it */
	cr_assert(atomic_load(&freed) == 3);
}

Test(round, a_cancel_ends_the_waiting)
{
	struct mf_crew *c = mf_crew_new();
	struct mf_round *r = mf_round_new(c, 1, sizeof(struct thing), thing_free);
	mf_cancel cancel = {.on = true};

	((struct thing *)mf_round_item(r, 0))->how = 1;
	mf_round_start(r, 0, thing_run);
	cr_assert(mf_round_next(r, -1, &cancel) == -1);
	mf_round_leave(r);
	mf_crew_free(c);
	cr_assert(atomic_load(&freed) == 1);
}
