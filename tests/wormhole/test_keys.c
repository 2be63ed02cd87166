/* Keys and sealed bodies, against magic-wormhole and PyNaCl. */
#include <criterion/criterion.h>
#include <sodium.h>

#include "tests/grid/golden.h"
#include "wormhole/keys.h"

static void
derived(const uint8_t key[32], const json_t *all)
{
	const json_t *one;
	size_t i;

	json_array_foreach(all, i, one)
	{
		mf_buf want = golden_unhex(golden_str(one, "out_hex"));
		uint8_t got[512];

		cr_assert(want.n == golden_int(one, "length") && want.n <= sizeof(got));
		mf_wormhole_derive(got, want.n, key, mf_strz(golden_str(one, "purpose")));
		cr_assert(
			want.n == 0 || memcmp(got, want.p, want.n) == 0, "purpose \"%s\"", golden_str(one, "purpose"));
		mf_buf_free(&want);
	}
}

static void
phase(const uint8_t key[32], const char *side, const json_t *one)
{
	mf_str name = mf_strz(golden_str(one, "phase")), who = mf_strz(side),
	       body = mf_strz(golden_str(one, "body_hex"));
	mf_buf plain = golden_unhex(golden_str(one, "plaintext_hex")),
	       want = golden_unhex(golden_str(one, "phase_key_hex"));
	mf_buf nonce = golden_unhex(golden_str(one, "nonce_hex")), got = {0};
	uint8_t phase_key[32];

	mf_wormhole_phase_key(phase_key, key, who, name);
	cr_assert_arr_eq(phase_key, want.p, 32);
	mf_wormhole_seal(&got, key, who, name, nonce.p, mf_buf_str(&plain));
	cr_assert(mf_str_eq(mf_buf_str(&got), body));
	got.n = 0;
	cr_assert(mf_wormhole_unseal(&got, key, who, name, body) == MF_OK);
	cr_assert(mf_str_eq(mf_buf_str(&got), mf_buf_str(&plain)));
	mf_buf_free(&plain);
	mf_buf_free(&want);
	mf_buf_free(&nonce);
	mf_buf_free(&got);
}

Test(keys, all_recorded, .timeout = 30)
{
	json_t *golden = golden_json("wormhole-keys.json");
	const json_t *all = json_object_get(golden, "vectors"), *one, *p;
	uint8_t verifier[32];
	size_t i, k;

	cr_assert(sodium_init() >= 0);
	cr_assert(json_array_size(all) == 12);
	json_array_foreach(all, i, one)
	{
		mf_buf key = golden_unhex(golden_str(one, "key_hex")),
		       want = golden_unhex(golden_str(one, "verifier_hex"));

		mf_wormhole_verifier(verifier, key.p);
		cr_assert_arr_eq(verifier, want.p, 32);
		derived(key.p, json_object_get(one, "derive"));
		cr_assert(json_array_size(json_object_get(one, "phases")) == 7);
		json_array_foreach(json_object_get(one, "phases"), k, p) phase(key.p, golden_str(one, "side"), p);
		mf_buf_free(&key);
		mf_buf_free(&want);
	}
	json_decref(golden);
}

Test(keys, a_body_that_was_touched_does_not_open, .timeout = 30)
{
	const uint8_t key[32] = {1}, nonce[24] = {2};
	mf_str side = MF_STR("0123456789"), zero = MF_STR("0");
	mf_buf body = {0}, got = {0};

	cr_assert(sodium_init() >= 0);
	mf_wormhole_seal(&body, key, side, zero, nonce, MF_STR("hello"));
	for (size_t i = 0; i < body.n; i++) {
		uint8_t old = body.p[i];

		body.p[i] = old == '0' ? '1' : '0';
		cr_assert(mf_wormhole_unseal(&got, key, side, zero, mf_buf_str(&body)) == MF_EAUTH, "digit %zu", i);
		body.p[i] = old;
		cr_assert(mf_wormhole_unseal(&got, key, side, zero, (mf_str){(char *)body.p, i}) == MF_EAUTH,
			"cut at %zu", i);
	}
	cr_assert(mf_wormhole_unseal(&got, key, MF_STR("0123456788"), zero, mf_buf_str(&body)) == MF_EAUTH);
	cr_assert(mf_wormhole_unseal(&got, key, side, MF_STR("1"), mf_buf_str(&body)) == MF_EAUTH);
	cr_assert(got.n == 0);
	for (size_t i = 0; i < body.n; i++) {
		if (body.p[i] >= 'a')
			body.p[i] -= 'a' - 'A'; /* both cases are read */
	}
	cr_assert(mf_wormhole_unseal(&got, key, side, zero, mf_buf_str(&body)) == MF_OK);
	cr_assert(mf_str_eq(mf_buf_str(&got), MF_STR("hello")));
	body.n = got.n = 0;
	mf_wormhole_seal(&body, key, side, zero, nonce, (mf_str){0});
	cr_assert(body.n == 2 * (24 + 16) && mf_wormhole_unseal(&got, key, side, zero, mf_buf_str(&body)) == MF_OK);
	cr_assert(got.n == 0);
	mf_buf_free(&body);
	mf_buf_free(&got);
}
