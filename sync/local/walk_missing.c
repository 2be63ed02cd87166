/* What a walk did not meet: out of sight, moved, or gone; and whether so much is gone that the user is asked. */
#include "sync/local/walk.h"

#include <stdlib.h>

struct sighting {
	uint64_t ino, size;
	int64_t mtime_ns;
	bool fresh, used;
};

void
mf_walk_fresh(struct walk *w, const mf_stat *st)
{
	if (w->n_fresh == w->cap_fresh) {
		w->cap_fresh = w->cap_fresh == 0 ? 32 : w->cap_fresh * 2;
		w->fresh = mf_realloc_array(w->fresh, w->cap_fresh, sizeof(*w->fresh));
	}
	w->fresh[w->n_fresh++] = mf_pathstate_of(st);
}

static int
order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int
by_ino(const void *a, const void *b)
{
	return order(((const struct sighting *)a)->ino, ((const struct sighting *)b)->ino);
}

static int
by_looks(const void *a, const void *b)
{
	const struct sighting *x = a, *y = b;
	int c = order(x->size, y->size);

	return c != 0 ? c : order((uint64_t)x->mtime_ns, (uint64_t)y->mtime_ns);
}

/* The first of those that @p compare finds equal to @p key; NULL if none. */
static struct sighting *
first_of(struct sighting *all, size_t n, const struct sighting *key, int (*compare)(const void *, const void *))
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare(&all[mid], key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && compare(&all[low], key) == 0 ? &all[low] : NULL;
}

/* The very file, under another name. */
static bool
is_elsewhere(struct sighting *all, size_t n, const mf_pathstate *ps)
{
	struct sighting key = {.ino = ps->ino, .size = ps->size, .mtime_ns = ps->mtime_ns};

	for (struct sighting *s = ps->ino == 0 ? NULL : first_of(all, n, &key, by_ino);
		s != NULL && s < all + n && s->ino == ps->ino; s++) {
		if (by_looks(s, &key) != 0)
			continue;
		s->used = true;
		return true;
	}
	return false;
}

/* A new file with its size and time: moved to another device, or the row is Python's and knows no number.  Each new
 * file stands for one. */
static bool
is_like_new(struct sighting *all, size_t n, const mf_pathstate *ps)
{
	struct sighting key = {.size = ps->size, .mtime_ns = ps->mtime_ns};

	for (struct sighting *s = first_of(all, n, &key, by_looks); s != NULL && s < all + n && by_looks(s, &key) == 0;
		s++) {
		if (!s->fresh || s->used)
			continue;
		s->used = true;
		return true;
	}
	return false;
}

static bool
is_missing(const struct known *k)
{
	return k->ps.present && !k->seen && !k->spared;
}

static void
find_moved(struct walk *w)
{
	struct sighting *all = mf_alloc((w->n_known + w->n_fresh + 1) * sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; i < w->n_known; i++)
		if (w->known[i].seen && w->known[i].ps.ino != 0)
			all[n++] = (struct sighting){.ino = w->known[i].ps.ino,
				.size = w->known[i].ps.size,
				.mtime_ns = w->known[i].ps.mtime_ns};
	for (size_t i = 0; i < w->n_fresh; i++)
		all[n++] = (struct sighting){.ino = w->fresh[i].ino,
			.size = w->fresh[i].size,
			.mtime_ns = w->fresh[i].mtime_ns,
			.fresh = true};
	qsort(all, n, sizeof(*all), by_ino);
	for (size_t i = 0; i < w->n_known; i++)
		if (is_missing(&w->known[i]))
			w->known[i].moved = is_elsewhere(all, n, &w->known[i].ps);
	qsort(all, n, sizeof(*all), by_looks);
	for (size_t i = 0; i < w->n_known; i++)
		if (is_missing(&w->known[i]) && !w->known[i].moved)
			w->known[i].moved = is_like_new(all, n, &w->known[i].ps);
	free(all);
}

static bool
is_much(size_t gone, size_t of)
{
	return gone >= MF_ASK_MIN && gone > of / 2;
}

/* Missing, and nothing was said of it yet. */
static bool
is_news(const struct known *k)
{
	return is_missing(k) && !k->held && !k->away;
}

static size_t
count_gone(const struct walk *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n_known; i++)
		n += is_news(&w->known[i]) && !w->known[i].moved;
	return n;
}

void
mf_walk_missing(struct walk *w)
{
	size_t asked = 0;

	for (size_t i = 0; i < w->n_known; i++) {
		const struct known *k = &w->known[i];
		w->expected += k->ps.present;
		w->missing += is_missing(k);
		w->met += k->ps.present && k->seen;
		asked += is_missing(k) && (k->away || (k->held && k->word == MF_WORD_ASKED));
		if (k->held && !k->spared && !is_missing(k))
			mf_walk_add(&w->back, k->relpath);
	}
	bool much = w->ask && is_much(count_gone(w), w->expected - asked);
	if (much) {
		find_moved(w);
		much = is_much(count_gone(w), w->expected - asked);
	}
	if (w->doubtful && w->met == 0)
		much = true;
	for (size_t i = 0; i < w->n_known; i++) {
		const struct known *k = &w->known[i];
		if (!is_missing(k) || (k->held && k->word == MF_WORD_ASKED))
			continue;
		if (k->away && !w->may_ask)
			continue;
		mf_walk_add((much || k->away) && !k->held && !k->moved ? &w->gone : &w->left, k->relpath);
	}
}
