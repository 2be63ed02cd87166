/* Rounds, and the crew that works on them. */
#include "grid/round.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_MS = 50 /* how late a cancel is seen */ };

enum state { IDLE, RUNS, FINISHED };

struct piece { /* of work, in the crew's queue */
	struct piece *next;
	struct mf_round *round;
	size_t i;
	mf_round_fn *fn;
};

/* Invariants: idle threads wait at `work`; the queue is empty while any does. */
struct mf_crew {
	pthread_mutex_t lock; /* for all below, and for the states of all rounds */
	pthread_cond_t work, gone;
	struct piece *first, **last;
	struct mf_round *rounds; /* all that live */
	unsigned threads, idle;
	bool over;
};

/* Lives until its holder has left and nothing runs. */
struct mf_round {
	struct mf_crew *crew;
	struct mf_round *next, **link; /* in the crew's list */
	pthread_cond_t finished;
	size_t n, size, running;
	bool held;
	mf_cancel cancel;
	void (*deinit)(void *item);
	enum state *state; /* n of them */
	unsigned char *item;
};

int64_t
mf_mono_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
cond_init(pthread_cond_t *c)
{
	pthread_condattr_t a;

	(void)pthread_condattr_init(&a);
	(void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	(void)pthread_cond_init(c, &a);
	(void)pthread_condattr_destroy(&a);
}

/* Under the lock. */
static void
wait_until(pthread_cond_t *c, pthread_mutex_t *lock, int64_t ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)pthread_cond_timedwait(c, lock, &t);
}

/* -- the crew ----------------------------------------------------------------------------------------------- */

struct mf_crew *
mf_crew_new(void)
{
	struct mf_crew *c = mf_alloc(sizeof(*c));

	(void)pthread_mutex_init(&c->lock, NULL);
	cond_init(&c->work);
	cond_init(&c->gone);
	c->last = &c->first;
	return c;
}

void
mf_crew_free(struct mf_crew *c)
{
	if (c == NULL)
		return;
	(void)pthread_mutex_lock(&c->lock);
	c->over = true;
	for (struct mf_round *r = c->rounds; r != NULL; r = r->next)
		atomic_store(&r->cancel.on, true);
	(void)pthread_cond_broadcast(&c->work);
	while (c->threads > 0)
		(void)pthread_cond_wait(&c->gone, &c->lock);
	(void)pthread_mutex_unlock(&c->lock);
	(void)pthread_cond_destroy(&c->work);
	(void)pthread_cond_destroy(&c->gone);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

/* Under the lock. */
static void
unlist(struct mf_round *r)
{
	*r->link = r->next;
	if (r->next != NULL)
		r->next->link = r->link;
}

static void
round_free(struct mf_round *r)
{
	for (size_t i = 0; i < r->n; i++)
		r->deinit(r->item + i * r->size);
	(void)pthread_cond_destroy(&r->finished);
	free(r->state);
	free(r->item);
	free(r);
}

/* Under the lock, which is released meanwhile. */
static void
work(struct mf_crew *c, struct piece *p)
{
	struct mf_round *r = p->round;
	bool last;

	(void)pthread_mutex_unlock(&c->lock);
	p->fn(r->item + p->i * r->size, &r->cancel);
	(void)pthread_mutex_lock(&c->lock);
	r->state[p->i] = FINISHED;
	r->running--;
	last = !r->held && r->running == 0;
	(void)pthread_cond_signal(&r->finished);
	free(p);
	if (last) {
		unlist(r);
		(void)pthread_mutex_unlock(&c->lock);
		round_free(r);
		(void)pthread_mutex_lock(&c->lock);
	}
}

static void *
worker(void *arg)
{
	struct mf_crew *c = arg;

	(void)pthread_mutex_lock(&c->lock);
	for (;;) {
		struct piece *p = c->first;

		if (p != NULL) {
			c->first = p->next;
			if (c->first == NULL)
				c->last = &c->first;
			work(c, p);
			continue;
		}
		if (c->over)
			break;
		c->idle++;
		(void)pthread_cond_wait(&c->work, &c->lock);
		c->idle--;
	}
	c->threads--;
	(void)pthread_cond_signal(&c->gone);
	(void)pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* Under the lock: somebody must come for what was queued. */
static void
call_somebody(struct mf_crew *c, size_t waiting)
{
	pthread_attr_t a;
	pthread_t t;

	if (c->idle >= waiting || c->threads == MF_CREW_MAX) {
		(void)pthread_cond_signal(&c->work);
		return;
	}
	(void)pthread_attr_init(&a);
	(void)pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&t, &a, worker, c) == 0)
		c->threads++;
	else if (c->threads == 0)
		MF_BUG("no thread to ask storage servers");
	(void)pthread_attr_destroy(&a);
}

/* -- rounds ------------------------------------------------------------------------------------------------- */

struct mf_round *
mf_round_new(struct mf_crew *c, size_t n, size_t size, void (*deinit)(void *item))
{
	struct mf_round *r = mf_alloc(sizeof(*r));

	r->crew = c;
	cond_init(&r->finished);
	r->n = n;
	r->size = size;
	r->held = true;
	r->deinit = deinit;
	r->state = mf_alloc((n + 1) * sizeof(*r->state));
	r->item = mf_alloc((n + 1) * size);
	(void)pthread_mutex_lock(&c->lock);
	r->link = &c->rounds;
	r->next = c->rounds;
	if (r->next != NULL)
		r->next->link = &r->next;
	c->rounds = r;
	(void)pthread_mutex_unlock(&c->lock);
	return r;
}

void
mf_round_detach(struct mf_round *r)
{
	struct mf_crew *c = r->crew;

	(void)pthread_mutex_lock(&c->lock);
	r->held = false;
	bool last = r->running == 0;
	if (last)
		unlist(r);
	(void)pthread_mutex_unlock(&c->lock);
	if (last)
		round_free(r);
}

void
mf_round_leave(struct mf_round *r)
{
	if (r == NULL)
		return;
	atomic_store(&r->cancel.on, true);
	mf_round_detach(r);
}

void *
mf_round_item(struct mf_round *r, size_t i)
{
	return r->item + i * r->size;
}

void
mf_round_start(struct mf_round *r, size_t i, mf_round_fn *fn)
{
	struct mf_crew *c = r->crew;
	struct piece *p = mf_alloc(sizeof(*p));
	size_t waiting = 1;

	*p = (struct piece){.round = r, .i = i, .fn = fn};
	(void)pthread_mutex_lock(&c->lock);
	if (r->state[i] == RUNS)
		MF_BUG("item %zu of a round runs already", i);
	r->state[i] = RUNS;
	r->running++;
	for (struct piece *q = c->first; q != NULL; q = q->next)
		waiting++;
	*c->last = p;
	c->last = &p->next;
	call_somebody(c, waiting);
	(void)pthread_mutex_unlock(&c->lock);
}

bool
mf_round_runs(const struct mf_round *r, size_t i)
{
	(void)pthread_mutex_lock(&r->crew->lock);
	bool runs = r->state[i] == RUNS;
	(void)pthread_mutex_unlock(&r->crew->lock);
	return runs;
}

/* Under the lock: one that has finished and was not told yet. */
static int
finished(struct mf_round *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->state[i] == FINISHED) {
			r->state[i] = IDLE;
			return (int)i;
		}
	return -1;
}

int
mf_round_next(struct mf_round *r, int64_t wait_ms, const mf_cancel *cancel)
{
	int64_t end = wait_ms < 0 ? INT64_MAX : mf_mono_ms() + wait_ms;
	int i;

	(void)pthread_mutex_lock(&r->crew->lock);
	while ((i = finished(r)) < 0 && r->running > 0 && !mf_canceled(cancel)) {
		int64_t now = mf_mono_ms();

		if (now >= end)
			break;
		wait_until(&r->finished, &r->crew->lock, end - now < LOOK_MS ? end : now + LOOK_MS);
	}
	(void)pthread_mutex_unlock(&r->crew->lock);
	return i;
}
