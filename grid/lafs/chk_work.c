/* Segment and block hashes beside the encoder. */
#include "grid/lafs/chk_work.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	SLOTS = 3,            /* with the encoder's scratch block: four buffers at most */
	HELP_MIN = 512 << 10, /* bytes of a file below which a thread costs more than it saves */
};

/* Invariants, under the lock:
 * 1. a slot is free when users is 0 and it is not pushed, or all its hashes have begun;
 * 2. hashes of pushed slots are begun in the order of pushing (head first). */
struct mf_chk_work {
	const mf_chk_layout *l;
	uint64_t nodes;
	struct mf_chk_slot slot[SLOTS];
	unsigned slots;
	struct mf_chk_slot *queue[SLOTS]; /* pushed, with hashes not begun */
	unsigned queued;
	bool threaded, stop;
	pthread_t helper;
	pthread_mutex_t lock;
	pthread_cond_t change;
};

static void
hash_one(const struct mf_chk_work *w, const struct mf_chk_slot *s, unsigned which)
{
	if (which == 0) {
		mf_tag_hash(MF_TAG_SEGMENT, s->p, s->segment_size, *s->segment_hash);
		return;
	}
	uint32_t share = which - 1;
	mf_tag_hash(MF_TAG_BLOCK, s->p + (size_t)share * s->block_size, s->block_size, s->block_hash[share * w->nodes]);
}

/* Called and returns with the lock held; false when there is nothing to begin. */
static bool
take_one(struct mf_chk_work *w)
{
	if (w->queued == 0)
		return false;
	struct mf_chk_slot *s = w->queue[0];
	unsigned which = s->next++;
	s->users++;
	if (s->next > w->l->k) { /* the last one: nothing more to begin here */
		s->pushed = false;
		w->queued--;
		memmove(w->queue, w->queue + 1, w->queued * sizeof(w->queue[0]));
	}
	(void)pthread_mutex_unlock(&w->lock);
	hash_one(w, s, which);
	(void)pthread_mutex_lock(&w->lock);
	s->users--;
	(void)pthread_cond_broadcast(&w->change);
	return true;
}

static void *
helper_main(void *arg)
{
	struct mf_chk_work *w = arg;

	(void)pthread_mutex_lock(&w->lock);
	for (;;) {
		if (take_one(w))
			continue;
		if (w->stop)
			break;
		(void)pthread_cond_wait(&w->change, &w->lock);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct mf_chk_work *
mf_chk_work_new(const mf_chk_layout *l, unsigned threads, uint64_t nodes)
{
	struct mf_chk_work *w = mf_alloc(sizeof(*w));

	w->l = l;
	w->nodes = nodes;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->change, NULL);
	if (threads > 1 && l->segments > 1 && l->size >= HELP_MIN)
		w->threaded = pthread_create(&w->helper, NULL, helper_main, w) == 0;
	w->slots = w->threaded ? SLOTS : 1;
	for (unsigned i = 0; i < w->slots; i++)
		w->slot[i].p = mf_realloc_array(NULL, l->segment_size, 1);
	return w;
}

struct mf_chk_slot *
mf_chk_work_slot(struct mf_chk_work *w)
{
	struct mf_chk_slot *s = NULL;

	(void)pthread_mutex_lock(&w->lock);
	while (s == NULL) {
		for (unsigned i = 0; i < w->slots && s == NULL; i++)
			if (w->slot[i].users == 0 && !w->slot[i].pushed)
				s = &w->slot[i];
		if (s == NULL && !take_one(w))
			(void)pthread_cond_wait(&w->change, &w->lock);
	}
	s->users = 1;
	(void)pthread_mutex_unlock(&w->lock);
	return s;
}

void
mf_chk_work_push(struct mf_chk_work *w, struct mf_chk_slot *s)
{
	if (!w->threaded) {
		for (unsigned which = 0; which <= w->l->k; which++)
			hash_one(w, s, which);
		return;
	}
	(void)pthread_mutex_lock(&w->lock);
	s->next = 0;
	s->pushed = true;
	w->queue[w->queued++] = s;
	(void)pthread_cond_broadcast(&w->change);
	(void)pthread_mutex_unlock(&w->lock);
}

void
mf_chk_work_done_with(struct mf_chk_work *w, struct mf_chk_slot *s)
{
	(void)pthread_mutex_lock(&w->lock);
	s->users--;
	(void)pthread_mutex_unlock(&w->lock);
}

void
mf_chk_work_finish(struct mf_chk_work *w)
{
	if (!w->threaded)
		return;
	(void)pthread_mutex_lock(&w->lock);
	w->stop = true;
	(void)pthread_cond_broadcast(&w->change);
	while (take_one(w))
		;
	(void)pthread_mutex_unlock(&w->lock);
	(void)pthread_join(w->helper, NULL);
	w->threaded = false;
}

void
mf_chk_work_free(struct mf_chk_work *w)
{
	mf_chk_work_finish(w);
	for (unsigned i = 0; i < w->slots; i++)
		free(w->slot[i].p);
	(void)pthread_cond_destroy(&w->change);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}
