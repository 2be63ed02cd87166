/* Which bytes have come. */
#include "daemon/gbs_ranges.h"

#include <stdlib.h>

void
mf_ranges_free(mf_ranges *s)
{
	free(s->r);
	*s = (mf_ranges){0};
}

/* The first interval that ends at @p at or later. */
static size_t
find(const mf_ranges *s, uint64_t at)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->r[mid].end < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
mf_ranges_add(mf_ranges *s, mf_range add)
{
	size_t first = find(s, add.begin), last = first;

	if (add.begin >= add.end)
		return true;
	while (last < s->n && s->r[last].begin <= add.end) { /* those it touches become one with it */
		if (s->r[last].begin < add.begin)
			add.begin = s->r[last].begin;
		if (s->r[last].end > add.end)
			add.end = s->r[last].end;
		last++;
	}
	if (last == first) {
		if (s->n == MF_RANGES_MAX)
			return false;
		s->r = mf_realloc_array(s->r, s->n + 1, sizeof(*s->r));
		memmove(s->r + first + 1, s->r + first, (s->n - first) * sizeof(*s->r));
		s->n++;
	} else {
		memmove(s->r + first + 1, s->r + last, (s->n - last) * sizeof(*s->r));
		s->n -= last - first - 1;
	}
	s->r[first] = add;
	return true;
}

mf_range
mf_ranges_next(const mf_ranges *s, mf_range of, uint64_t from, bool *come)
{
	size_t i = find(s, from + 1);
	mf_range out = {from < of.begin ? of.begin : from, of.end};

	*come = i < s->n && s->r[i].begin <= out.begin;
	if (i < s->n && !*come && s->r[i].begin < out.end)
		out.end = s->r[i].begin;
	if (*come && s->r[i].end < out.end)
		out.end = s->r[i].end;
	return out;
}

uint64_t
mf_ranges_sum(const mf_ranges *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n; i++)
		sum += s->r[i].end - s->r[i].begin;
	return sum;
}
