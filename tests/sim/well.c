/* Alice and Bob with many files in one folder, and whether all is well with them. */
#include "well.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "says.h"

const char *
well_name(unsigned i)
{
	static char name[4][32];
	static unsigned turn;
	char *s = name[turn++ % 4];

	(void)snprintf(s, sizeof(name[0]), "d/%02u", i);
	return s;
}

void
well_init(struct well_pair *p, uint64_t seed, bool dark, unsigned files)
{
	*p = (struct well_pair){0};
	cast_init(&p->c, seed);
	p->c.poll_s = 5;
	p->c.scan_s = 20;
	p->c.dark = dark;
	p->a = cast_add(&p->c, "alice");
	p->b = cast_add(&p->c, "bob");
	cast_mkdirs(p->a, "d");
	for (unsigned i = 0; i < files; i++) {
		char text[100];
		(void)snprintf(text, sizeof(text), "%u %s", i, LONG1);
		cast_write(p->a, well_name(i), text);
	}
}

mf_folder_status
well_status(struct member *m)
{
	mf_folder_status st;

	mf_folder_status_get(m->f, &st);
	return st;
}

/* Empty directories are not synced. */
static char *
files_of(struct member *m)
{
	char *tree = cast_tree(m), *to = tree;

	for (char *line = tree, *end; *line != '\0'; line = end) {
		end = strchr(line, '\n') + 1;
		if (line[0] == 'd')
			continue;
		memmove(to, line, (size_t)(end - line));
		to += end - line;
	}
	*to = '\0';
	return tree;
}

static bool
all_well(void *arg)
{
	struct well_pair *p = arg;

	if (sim_now_ms(p->c.w) < p->next_ms)
		return false;
	p->next_ms = sim_now_ms(p->c.w) + 100;
	if (!says_up_to_date(p->a) || !says_up_to_date(p->b) || says_check(p->a) != NULL || says_check(p->b) != NULL)
		return false;
	char *a = files_of(p->a), *b = files_of(p->b);
	bool same = strcmp(a, b) == 0;
	free(a);
	free(b);
	return same;
}

void
well_becomes(struct well_pair *p)
{
	cr_assert(sim_run_until(p->c.w, all_well, p, 300000), "alice: %s (%s), bob: %s (%s)", well_status(p->a).say,
		p->a->last_error, well_status(p->b).say, p->b->last_error);
	sim_run_for(p->c.w, 60000);
	p->next_ms = 0;
	cr_assert(all_well(p), "alice: %s, bob: %s", well_status(p->a).say, well_status(p->b).say);
	cr_assert(p->a->wrong_event[0] == '\0' && p->b->wrong_event[0] == '\0');
}

unsigned
well_count(struct member *m, unsigned files)
{
	unsigned n = 0;

	for (unsigned i = 0; i < files; i++)
		n += cast_exists(m, well_name(i));
	return n;
}
