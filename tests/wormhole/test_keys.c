/* Keys and sealed bodies, against magic-wormhole and PyNaCl. */
#include <criterion/criterion.h>
#include <sodium.h>

#include "tests/grid/golden.h"
#include "wormhole/keys.h"
#include "wormhole/spake2.h"

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

/* NAME followed by hex, or by text. */
static void
row(mf_buf *page, const char *name, const void *p, size_t n)
{
	mf_buf_addf(page, "    %-14s ", name);
	mf_buf_reserve(page, 2 * n);
	mf_hex((char *)page->p + page->n, p, n);
	page->n += 2 * n;
	mf_buf_addc(page, '\n');
}

Test(keys, the_worked_example_of_the_page, .timeout = 10)
{
	const mf_str code = MF_STR("4-adroitness-aardvark"), appid = MF_STR("example"), a = MF_STR("0102030405");
	mf_buf want = {0}, page = golden_file("../../docs/wormhole.md");
	uint8_t entropy[64], x[32], w[32], key[32], again[32], out[32], nonce[24];
	uint8_t message[2][MF_SPAKE2_MESSAGE];
	mf_spake2 run[2];

	cr_assert(sodium_init() >= 0);
	mf_buf_addf(&want, "    %-14s %s\n    %-14s %s\n", "code", code.p, "appid", appid.p);
	mf_spake2_password(w, code);
	row(&want, "w", w, 32);
	for (int i = 0; i < 2; i++) {
		memset(entropy, 0x11 * (i + 1), sizeof(entropy));
		mf_spake2_scalar(x, entropy);
		cr_assert(mf_spake2_start(&run[i], code, appid, x) == MF_OK);
		memcpy(message[i], run[i].message, sizeof(message[i]));
		row(&want, i == 0 ? "x of A" : "x of B", x, 32);
		row(&want, i == 0 ? "pake_v1 of A" : "pake_v1 of B", message[i], sizeof(message[i]));
	}
	cr_assert(mf_spake2_finish(&run[0], (mf_str){(char *)message[1], MF_SPAKE2_MESSAGE}, key) == MF_OK);
	cr_assert(mf_spake2_finish(&run[1], (mf_str){(char *)message[0], MF_SPAKE2_MESSAGE}, again) == MF_OK);
	cr_assert_arr_eq(key, again, 32);
	row(&want, "key", key, 32);
	mf_wormhole_verifier(out, key);
	row(&want, "verifier", out, 32);
	mf_buf_addf(&want, "    %-14s %s\n", "side of A", a.p);
	mf_wormhole_phase_key(out, key, a, MF_STR("0"));
	row(&want, "key of A's 0", out, 32);
	memset(nonce, 0x33, sizeof(nonce));
	row(&want, "nonce", nonce, sizeof(nonce));
	mf_buf_addf(&want, "    %-14s %s\n    %-14s ", "plaintext", "hello", "body");
	mf_wormhole_seal(&want, key, a, MF_STR("0"), nonce, MF_STR("hello"));
	mf_buf_addc(&want, '\n');
	cr_assert(
		strstr((const char *)page.p, (const char *)want.p) != NULL, "docs/wormhole.md should say:\n%s", want.p);
	mf_buf_free(&want);
	mf_buf_free(&page);
}
