/* A table of names. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "sync/pairs.h"

static const uint8_t key[16] = "sixteen bytes..";

static size_t
count(const mf_pairs *m, const char *name)
{
	size_t n = 0;

	for (const mf_pair *p = mf_pairs_first(m, key, mf_strz(name)); p != NULL; p = mf_pairs_next(p))
		n++;
	return n;
}

Test(pairs, one_name_may_stand_for_several_and_goes_with_all_of_them, .timeout = 10)
{
	mf_pairs m = {0};

	cr_assert(count(&m, "a") == 0, "an empty table is no special case");
	mf_pairs_drop(&m, key, MF_STR("a"));
	mf_pairs_add(&m, key, MF_STR("a"), MF_STR("1"));
	mf_pairs_add(&m, key, MF_STR("a"), MF_STR("2"));
	mf_pairs_add(&m, key, MF_STR("a"), MF_STR("1"));
	mf_pairs_add(&m, key, MF_STR("b"), MF_STR("1"));
	cr_assert(count(&m, "a") == 2, "the same pair twice is one");
	cr_assert(count(&m, "b") == 1);
	cr_assert_str_eq(mf_pairs_first(&m, key, MF_STR("b"))->value, "1");
	mf_pairs_drop(&m, key, MF_STR("a"));
	cr_assert(count(&m, "a") == 0);
	cr_assert(count(&m, "b") == 1);
	cr_assert(m.n == 1);
	mf_pairs_free(&m);
	cr_assert(m.n == 0);
}

Test(pairs, thousands_of_names_are_found_without_a_walk_over_all, .timeout = 20)
{
	enum { MANY = 20000 };
	mf_pairs m = {0};
	char name[32], value[32];
	size_t longest = 0;

	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "name-%u", i);
		(void)snprintf(value, sizeof(value), "value-%u", i);
		mf_pairs_add(&m, key, mf_strz(name), mf_strz(value));
	}
	cr_assert(m.n == MANY);
	for (size_t i = 0; i < m.cap; i++) {
		size_t n = 0;
		for (const mf_pair *p = m.slot[i]; p != NULL; p = p->chain)
			n++;
		longest = n > longest ? n : longest;
	}
	cr_assert(longest <= 16, "%zu names share a place", longest);
	for (unsigned i = 0; i < MANY; i += 2) {
		(void)snprintf(name, sizeof(name), "name-%u", i);
		mf_pairs_drop(&m, key, mf_strz(name));
	}
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "name-%u", i);
		(void)snprintf(value, sizeof(value), "value-%u", i);
		const mf_pair *p = mf_pairs_first(&m, key, mf_strz(name));
		cr_assert((p != NULL) == (i % 2 == 1), "%s", name);
		cr_assert(p == NULL || strcmp(p->value, value) == 0, "%s", name);
	}
	mf_pairs_free(&m);
}
