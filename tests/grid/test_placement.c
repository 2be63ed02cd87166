/* Permutation, happiness and placement: golden/lafs/placement.json, and what must hold of any plan. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "grid/store/placement.h"
#include "tests/grid/golden.h"

TestSuite(placement, .timeout = 20);

enum { MANY = 32 };

Test(placement, servers_are_asked_in_the_references_order)
{
	json_t *gold = golden_json("lafs/placement.json");
	const json_t *v, *seed_hex;
	const char *id;
	size_t i;

	json_array_foreach(json_object_get(gold, "permutation"), i, v)
	{
		json_t *servers = json_object_get(v, "servers");
		mf_buf si = golden_unhex(golden_str(v, "storage_index_hex"));
		const char *name[MANY];
		mf_seed seed[MANY];
		size_t order[MANY], n = 0;

		json_object_foreach(servers, id, seed_hex)
		{
			mf_buf want = golden_unhex(json_string_value(seed_hex));

			mf_seed_of((mf_str){0}, mf_strz(id), &seed[n]);
			cr_assert(mf_str_eq(mf_bytes(seed[n].p, seed[n].n), mf_buf_str(&want)), "seed of %s", id);
			name[n++] = id;
			mf_buf_free(&want);
		}
		mf_permute(si.p, seed, n, order);
		cr_assert(n == json_array_size(json_object_get(v, "order")) && n > 0);
		for (size_t k = 0; k < n; k++)
			cr_assert(strcmp(name[order[k]],
					  json_string_value(json_array_get(json_object_get(v, "order"), k))) == 0,
				"place %zu", k);
		mf_buf_free(&si);
	}
	json_decref(gold);
}

Test(placement, an_announced_seed_counts_more_than_the_id)
{
	mf_seed seed;

	mf_seed_of(MF_STR("aaaqeayeaudaocajbifqydiob4"), MF_STR("v0-x"), &seed);
	cr_assert(seed.n == 16 && seed.p[1] == 1 && seed.p[15] == 15);
	mf_seed_of(MF_STR("not base32!"), MF_STR("v0-x"), &seed);
	cr_assert(seed.n == MF_HASH_SIZE);
}

/* The number of @p name among those seen; a new one if it is. */
static size_t
index_of(const char *name, const char **names, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	names[*n] = name;
	return (*n)++;
}

Test(placement, happiness_is_the_references)
{
	json_t *gold = golden_json("lafs/placement.json");
	const json_t *v, *holders, *holder;
	const char *share;
	size_t i, j;

	json_array_foreach(json_object_get(gold, "happiness"), i, v)
	{
		mf_share_set held[MANY] = {0};
		const char *names[MANY];
		size_t n = 0;

		json_object_foreach(json_object_get(v, "share_to_servers"), share, holders)
			json_array_foreach(holders, j, holder) mf_share_set_add(
				&held[index_of(json_string_value(holder), names, &n)], (uint32_t)atoi(share));
		cr_assert(mf_happiness(held, n) == golden_int(v, "happiness"), "vector %zu", i);
	}
	json_decref(gold);
}

static int
ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* What the servers hold when the plan is carried out. */
static void
carry_out(const mf_candidate *server, size_t n, uint32_t shares, const int *home, mf_share_set *held)
{
	for (size_t i = 0; i < n; i++)
		held[i] = server[i].held;
	for (uint32_t h = 0; h < shares; h++)
		if (home[h] != MF_NO_SERVER)
			mf_share_set_add(&held[home[h]], h);
}

static void
check_vector(const json_t *v)
{
	const json_t *per = json_object_get(v, "shares_per_server"), *held, *one;
	mf_candidate server[MANY] = {0};
	mf_share_set after[MANY];
	int home[MF_SHARE_SET], load[MANY] = {0}, want[MANY] = {0};
	uint32_t shares = (uint32_t)golden_int(v, "n");
	const char *names[MANY], *name;
	size_t n = 0, i, k = 0;

	json_array_foreach(json_object_get(v, "writable"), i, one) server[index_of(json_string_value(one), names, &n)]
		.writable = true;
	json_array_foreach(json_object_get(v, "readonly"), i, one)(void) index_of(json_string_value(one), names, &n);
	json_object_foreach((json_t *)(uintptr_t)json_object_get(v, "existing"), name, held) json_array_foreach(held, i,
		one) mf_share_set_add(&server[index_of(name, names, &n)].held, (uint32_t)json_integer_value(one));
	mf_plan_homes(server, n, shares, home);
	for (uint32_t h = 0; h < shares; h++)
		load[home[h]]++;
	json_object_foreach((json_t *)(uintptr_t)per, name, one) want[k++] = (int)json_integer_value(one);
	qsort(load, n, sizeof(int), ascending);
	qsort(want, n, sizeof(int), ascending);
	cr_assert(memcmp(load, want, sizeof(load)) == 0, "evenness");
	carry_out(server, n, shares, home, after);
	cr_assert(mf_happiness(after, n) == golden_int(v, "happiness_of_result"));
}

Test(placement, plans_are_as_happy_and_as_even_as_the_references)
{
	json_t *gold = golden_json("lafs/placement.json");
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(gold, "placement"), i, v) check_vector(v);
	json_decref(gold);
}

Test(placement, without_a_writable_server_only_what_is_there_has_a_home)
{
	mf_candidate server[2] = {0};
	int home[MF_SHARE_SET];

	mf_share_set_add(&server[1].held, 2);
	mf_plan_homes(server, 2, 3, home);
	cr_assert(home[0] == MF_NO_SERVER && home[1] == MF_NO_SERVER && home[2] == 1);
	mf_plan_homes(NULL, 0, 3, home);
	cr_assert(home[0] == MF_NO_SERVER && home[2] == MF_NO_SERVER);
	cr_assert(mf_happiness(NULL, 0) == 0);
}

/* Maximum matching by trying everything: for small sets only. */
static unsigned
brute_force(const mf_share_set *held, size_t n, uint32_t shares, unsigned used)
{
	unsigned best;

	if (n == 0)
		return 0;
	best = brute_force(held, n - 1, shares, used);
	for (uint32_t h = 0; h < shares; h++)
		if (mf_share_set_has(&held[n - 1], h) && (used >> h & 1) == 0) {
			unsigned with = 1 + brute_force(held, n - 1, shares, used | 1u << h);

			best = with > best ? with : best;
		}
	return best;
}

Test(placement, random_grids)
{
	uint64_t state = 0x9e3779b97f4a7c15u;

	for (int round = 0; round < 3000; round++) {
		mf_candidate server[6] = {0};
		mf_share_set held[6], after[6];
		int home[MF_SHARE_SET];
		uint32_t shares;
		size_t n, writable = 0;

		state = state * 6364136223846793005u + 1442695040888963407u;
		n = 1 + (state >> 33) % 6;
		shares = 1 + (uint32_t)(state >> 40) % 5;
		for (size_t i = 0; i < n; i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			server[i].writable = (state >> 35) % 4 != 0;
			writable += server[i].writable;
			server[i].held.bits[0] = (state >> 40) & (state >> 50) & ((1u << shares) - 1);
			held[i] = server[i].held;
		}
		cr_assert(mf_happiness(held, n) == brute_force(held, n, shares, 0), "round %d", round);
		mf_plan_homes(server, n, shares, home);
		for (uint32_t h = 0; h < shares; h++) {
			bool there = home[h] != MF_NO_SERVER && mf_share_set_has(&server[home[h]].held, h);

			cr_assert(home[h] == MF_NO_SERVER ? writable == 0 : there || server[home[h]].writable,
				"round %d", round);
		}
		carry_out(server, n, shares, home, after);
		cr_assert(mf_happiness(after, n) >= mf_happiness(held, n), "round %d", round);
		if (writable == n) /* nothing stands in the way of the best there is */
			cr_assert(mf_happiness(after, n) == (shares < n ? shares : n), "round %d", round);
	}
}
