/* Shrinking: whatever can be left out of a failing life is left out. */
#include "shrink.h"

#include <stdio.h>
#include <stdlib.h>

enum { TRIES_MAX = 400 };

struct shrinking {
	life_conf conf;
	bool skip[SHRINK_STEPS_MAX];
	unsigned tries;
	life_result last; /* of the smallest so far */
};

static bool
still_fails(struct shrinking *s)
{
	life_result r;

	if (s->tries++ >= TRIES_MAX)
		return false;
	life_run(&s->conf, &r);
	if (r.wrong[0] == '\0')
		return false;
	s->last = r;
	return true;
}

/* After the step at which it went wrong nothing matters. */
static void
cut_the_end(struct shrinking *s)
{
	for (unsigned n = s->last.steps; s->conf.steps > 1; n = s->conf.steps / 2) {
		unsigned had = s->conf.steps;
		s->conf.steps = n == 0 ? 1 : n;
		if (s->conf.steps < had && still_fails(s))
			continue;
		s->conf.steps = had;
		if (n < s->last.steps || n == had)
			return;
	}
}

static void
drop_kinds(struct shrinking *s)
{
	for (unsigned bit = 1; bit < LIFE_ALL; bit <<= 1) {
		if ((s->last.with & bit) == 0)
			continue;
		s->conf.without |= bit;
		if (!still_fails(s))
			s->conf.without &= ~bit;
	}
}

/* @return whether any of these steps can be left out, and is now. */
static bool
drop_steps(struct shrinking *s, unsigned from, unsigned n)
{
	bool before[SHRINK_STEPS_MAX], any = false;

	memcpy(before, s->skip, sizeof(before));
	for (unsigned i = from; i < from + n && i < s->conf.steps; i++) {
		any |= !s->skip[i];
		s->skip[i] = true;
	}
	if (any && still_fails(s))
		return true;
	memcpy(s->skip, before, sizeof(before));
	return false;
}

bool
life_of_text(const char *text, life_conf *out, bool skip[], unsigned max)
{
	unsigned long long seed;
	int n = 0;
	unsigned reader, one_writer;

	*out = (life_conf){0};
	if (sscanf(text, "%llu with %u without %u members %u reader %u one_writer %u steps %u only%n", &seed,
		    &out->with, &out->without, &out->members, &reader, &one_writer, &out->steps, &n) != 7 ||
		out->steps > max || out->steps == 0)
		return false;
	out->seed = seed;
	out->reader = reader != 0;
	out->one_writer = one_writer != 0;
	for (unsigned i = 0; i < out->steps; i++)
		skip[i] = true;
	for (char *end; *(text += n) != '\0'; n = (int)(end - text)) {
		unsigned long step = strtoul(text, &end, 10);
		if (end == text)
			break;
		if (step < out->steps)
			skip[step] = false;
	}
	out->skip = skip;
	return true;
}

void
shrink_life(const life_conf *conf, const char *suite)
{
	struct shrinking *s = mf_alloc(sizeof(*s));

	s->conf = *conf;
	s->conf.skip = NULL;
	life_run(&s->conf, &s->last);
	s->conf.steps = s->last.steps == 0 ? 1 : s->last.steps;
	s->conf.skip = s->skip;
	if (s->last.wrong[0] != '\0' && s->conf.steps <= SHRINK_STEPS_MAX && still_fails(s)) {
		cut_the_end(s);
		drop_kinds(s);
		for (unsigned size = s->conf.steps / 2; size > 0; size /= 2)
			for (unsigned at = 0; at < s->conf.steps; at += size)
				(void)drop_steps(s, at, size);
	}
	(void)fprintf(stderr,
		"%s: %s\nMF_LIFE=\"%llu with %u without %u members %u reader %u one_writer %u steps %u only", suite,
		s->last.wrong, (unsigned long long)s->conf.seed, s->conf.with, s->conf.without, s->conf.members,
		s->conf.reader, s->conf.one_writer, s->conf.steps);
	for (unsigned i = 0; i < s->conf.steps; i++)
		if (!s->skip[i])
			(void)fprintf(stderr, " %u", i);
	(void)fprintf(stderr, "\"\n");
	free(s);
}
