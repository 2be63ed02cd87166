/* The set of a directory's entries, against a plain array. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "sync/remote/entryset.h"

enum { NAMES = 3000 };

static const uint8_t key[16] = {1, 2, 3};

static struct mf_entry
entry(unsigned name, unsigned cap)
{
	char a[32], b[32];

	(void)snprintf(a, sizeof(a), "name %u", name);
	(void)snprintf(b, sizeof(b), "cap %u", cap);
	return mf_entry_of(key, mf_strz(a), mf_strz(b));
}

Test(entryset, holds_each_name_once_with_its_last_capability, .timeout = 30)
{
	static unsigned cap[NAMES];
	mf_entryset s = {0};
	size_t n = 0;
	uint32_t x = 4711;

	cr_assert(mf_entryset_find(&s, entry(1, 1)) == NULL);
	for (unsigned i = 0; i < 20000; i++) {
		x = x * 1664525 + 1013904223;
		unsigned name = (x >> 8) % NAMES;
		n += cap[name] == 0;
		cap[name] = i + 1;
		mf_entryset_put(&s, entry(name, cap[name]));
		cr_assert(s.n == n && s.n * 4 <= s.room * 3, "%zu of %zu", s.n, s.room);
	}
	for (unsigned name = 0; name < NAMES; name++) {
		const struct mf_entry *e = mf_entryset_find(&s, entry(name, 0));
		cr_assert((e != NULL) == (cap[name] != 0));
		cr_assert(e == NULL || e->cap == entry(name, cap[name]).cap);
	}
	mf_entryset_free(&s);
	cr_assert(s.n == 0 && mf_entryset_find(&s, entry(1, 1)) == NULL);
}

Test(entryset, sized_beforehand_it_does_not_grow, .timeout = 30)
{
	mf_entryset s = {0};

	for (size_t n = 0; n < 200; n++) {
		mf_entryset_size(&s, n);
		size_t room = s.room;
		for (unsigned i = 0; i < n; i++)
			mf_entryset_put(&s, entry(i, i));
		cr_assert(s.room == room && s.n == n);
	}
	cr_assert(mf_entryset_find(&s, entry(198, 0)) != NULL && mf_entryset_find(&s, entry(200, 0)) == NULL);
	mf_entryset_free(&s);
}

Test(entryset, another_key_gives_other_hashes, .timeout = 30)
{
	static const uint8_t other[16] = {9};
	struct mf_entry a = mf_entry_of(key, MF_STR("n"), MF_STR("c")),
			b = mf_entry_of(other, MF_STR("n"), MF_STR("c"));

	cr_assert(a.name != b.name && a.cap != b.cap);
	cr_assert(a.name != mf_entry_of(key, MF_STR("m"), MF_STR("c")).name);
	cr_assert(a.name == mf_entry_of(key, MF_STR("n"), MF_STR("d")).name);
}
