/* The table of entries that are held back. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "sync/trust/unproven.h"

static const uint8_t key[16] = {1, 2, 3};

/* The @p i th entry of bob's or carol's shows @p version. */
static void
hold(struct mf_unproven_set *s, const char *participant, unsigned i, unsigned version)
{
	char name[32];
	mf_snap_row row = {.author = (char *)"stranger", .author_key = {9}};

	(void)snprintf(name, sizeof(name), "entry %u", i);
	(void)snprintf(row.cap.text, sizeof(row.cap.text), "URI:DIR2-CHK:%u", version);
	mf_unproven_hold(s, key, participant, mf_strz(name), &row);
}

static void
is(const struct mf_unproven *h, const char *participant, unsigned i, unsigned version)
{
	char name[32], cap[32];

	(void)snprintf(name, sizeof(name), "entry %u", i);
	(void)snprintf(cap, sizeof(cap), "URI:DIR2-CHK:%u", version);
	cr_assert(h != NULL && strcmp(h->participant, participant) == 0 && strcmp(h->entry, name) == 0, "%s of %s",
		name, participant);
	cr_assert(strcmp(h->cap, cap) == 0 && strcmp(h->author, "stranger") == 0 && h->key[0] == 9, "%s", h->cap);
}

Test(unproven, each_entry_is_held_once_and_the_oldest_comes_first, .timeout = 30)
{
	struct mf_unproven_set s = {0};

	cr_assert(TAILQ_FIRST(&s.all) == NULL);
	hold(&s, "bob", 1, 1);
	hold(&s, "carol", 1, 2);
	hold(&s, "bob", 2, 3);
	hold(&s, "bob", 1, 4);
	cr_assert(s.n == 3 && !s.lost);
	struct mf_unproven *h = TAILQ_FIRST(&s.all);
	is(h, "carol", 1, 2);
	is(TAILQ_NEXT(h, all), "bob", 2, 3);
	is(TAILQ_NEXT(TAILQ_NEXT(h, all), all), "bob", 1, 4);
	mf_unproven_drop(&s, h);
	is(TAILQ_FIRST(&s.all), "bob", 2, 3);
	hold(&s, "carol", 1, 5);
	cr_assert(s.n == 3);
	mf_unproven_free(&s);
	cr_assert(s.n == 0 && TAILQ_FIRST(&s.all) == NULL);
	hold(&s, "bob", 1, 6); /* an emptied table is good for more */
	is(TAILQ_FIRST(&s.all), "bob", 1, 6);
	mf_unproven_free(&s);
}

/* A hostile directory: the first are kept, it is known that there were more, and those that are kept can still change. */
Test(unproven, of_very_many_the_first_are_kept, .timeout = 30)
{
	enum { MANY = 100000 };
	struct mf_unproven_set s = {0};

	for (unsigned i = 0; i < MANY; i++) {
		hold(&s, "bob", i, i);
		cr_assert(s.n == (i < MF_UNPROVEN_MAX ? i + 1 : MF_UNPROVEN_MAX) && s.lost == (i >= MF_UNPROVEN_MAX));
	}
	unsigned i = 0;
	struct mf_unproven *h;
	TAILQ_FOREACH(h, &s.all, all)
	{
		is(h, "bob", i, i);
		i++;
	}
	hold(&s, "bob", 7, MANY);
	cr_assert(s.n == MF_UNPROVEN_MAX);
	is(TAILQ_LAST(&s.all, mf_unproven_age), "bob", 7, MANY);
	mf_unproven_free(&s);
	cr_assert(s.lost, "that is for the owner to forget");
}
