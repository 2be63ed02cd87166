/* Symmetric SPAKE2 against python-spake2: all recorded runs from both ends, all that must be refused. */
#include <criterion/criterion.h>
#include <sodium.h>

#include "tests/grid/golden.h"
#include "wormhole/spake2.h"

/* Hex member @p key of exactly @p n bytes. */
static void
bytes_of(const json_t *object, const char *key, void *out, size_t n)
{
	cr_assert(mf_unhex(out, n, mf_strz(golden_str(object, key))), "%s", key);
}

/* One end of a recorded run, with the scalar it had. */
static void
one_end(const json_t *run, const char *us, const char *them)
{
	const json_t *a = json_object_get(run, us), *b = json_object_get(run, them);
	mf_buf pw = golden_unhex(golden_str(run, "password_utf8_nfc_hex"));
	mf_buf id = golden_unhex(golden_str(run, "idSymmetric_hex"));
	uint8_t entropy[64], little[64], x[32], want_x[32], out[33], in[33], key[32], want[32], w[32], want_w[32];
	mf_spake2 s;

	bytes_of(a, "entropy_hex", entropy, 64);
	bytes_of(a, "scalar_le_hex", want_x, 32);
	bytes_of(a, "outbound_hex", out, 33);
	bytes_of(b, "outbound_hex", in, 33);
	bytes_of(run, "key_hex", want, 32);
	bytes_of(run, "password_scalar_le_hex", want_w, 32);
	for (size_t i = 0; i < 64; i++)
		little[i] = entropy[63 - i]; /* Python reads its entropy big-endian */
	mf_spake2_scalar(x, little);
	cr_assert_arr_eq(x, want_x, 32);
	mf_spake2_password(w, mf_buf_str(&pw));
	cr_assert_arr_eq(w, want_w, 32);
	cr_assert(mf_spake2_start(&s, mf_buf_str(&pw), mf_buf_str(&id), x) == MF_OK);
	cr_assert_arr_eq(s.message, out, 33);
	cr_assert(mf_spake2_finish(&s, (mf_str){(char *)in, 33}, key) == MF_OK);
	cr_assert_arr_eq(key, want, 32);
	cr_assert(sodium_is_zero((uint8_t *)&s, sizeof(s)), "the run's secrets are left");
	mf_buf_free(&pw);
	mf_buf_free(&id);
}

Test(spake2, all_recorded_runs_from_both_ends, .timeout = 30)
{
	json_t *golden = golden_json("spake2.json");
	const json_t *runs = json_object_get(golden, "cases"), *run;
	size_t i;

	cr_assert(sodium_init() >= 0);
	cr_assert(json_array_size(runs) == 30);
	json_array_foreach(runs, i, run)
	{
		one_end(run, "a", "b");
		one_end(run, "b", "a");
	}
	json_decref(golden);
}

static const char *const any_password = "4-purple-sausages", *const any_id = "private.storage/magic-folder/invites";

static void
begin(mf_spake2 *s, const char *password)
{
	uint8_t entropy[64], x[32];

	memset(entropy, 7, sizeof(entropy));
	mf_spake2_scalar(x, entropy);
	cr_assert(mf_spake2_start(s, mf_strz(password), mf_strz(any_id), x) == MF_OK);
}

Test(spake2, all_that_must_be_refused, .timeout = 30)
{
	json_t *golden = golden_json("spake2.json");
	const json_t *all = json_object_get(golden, "must_refuse"), *one;
	uint8_t key[32];
	mf_spake2 s;
	size_t i;

	cr_assert(sodium_init() >= 0);
	cr_assert(json_array_size(all) == 15);
	json_array_foreach(all, i, one)
	{
		mf_buf in = golden_unhex(golden_str(one, "inbound_hex"));

		begin(&s, any_password);
		memset(key, 1, sizeof(key));
		cr_assert(mf_spake2_finish(&s, mf_buf_str(&in), key) == MF_EAUTH, "%s", golden_str(one, "why"));
		cr_assert(sodium_is_zero(key, sizeof(key)) && sodium_is_zero((uint8_t *)&s, sizeof(s)));
		mf_buf_free(&in);
	}
	json_decref(golden);
}

Test(spake2, our_own_message_is_refused, .timeout = 10)
{
	uint8_t key[32], own[33];
	mf_spake2 s;

	cr_assert(sodium_init() >= 0);
	begin(&s, any_password);
	memcpy(own, s.message, sizeof(own));
	cr_assert(mf_spake2_finish(&s, (mf_str){(char *)own, 33}, key) == MF_EAUTH);
}

Test(spake2, a_scalar_of_zero_is_refused, .timeout = 10)
{
	const uint8_t zero[32] = {0};
	mf_spake2 s;

	cr_assert(sodium_init() >= 0);
	cr_assert(mf_spake2_start(&s, MF_STR("x"), MF_STR("y"), zero) == MF_EINVAL);
	cr_assert(sodium_is_zero((uint8_t *)&s, sizeof(s)));
}

Test(spake2, another_password_gives_another_key, .timeout = 10)
{
	uint8_t entropy[64] = {9}, x[32], ka[32], kb[32], ma[33], mb[33];
	mf_spake2 a, b;

	cr_assert(sodium_init() >= 0);
	mf_spake2_scalar(x, entropy);
	for (int same = 0; same < 2; same++) {
		begin(&a, any_password);
		cr_assert(mf_spake2_start(&b, mf_strz(same ? any_password : "4-purple-sausage"), mf_strz(any_id), x) ==
			MF_OK);
		memcpy(ma, a.message, 33);
		memcpy(mb, b.message, 33);
		cr_assert(mf_spake2_finish(&a, (mf_str){(char *)mb, 33}, ka) == MF_OK);
		cr_assert(mf_spake2_finish(&b, (mf_str){(char *)ma, 33}, kb) == MF_OK);
		cr_assert((memcmp(ka, kb, 32) == 0) == (same == 1));
	}
}
