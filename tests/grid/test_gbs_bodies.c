/* Bodies of the storage protocol, as the reference client and server exchanged them: golden/lafs/gbs.json. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "grid/store/gbs_cbor.h"
#include "tests/grid/golden.h"

TestSuite(gbs_bodies, .timeout = 20);

/* Parse @p body as what @p path makes of it, and pack it again. */
static mf_code
repack_request(const char *path, mf_str body, mf_buf *out, mf_err *err)
{
	mf_gbs_allocate allocate;
	mf_str reason;
	mf_rtw q;
	mf_code rc;

	if (strstr(path, "read-test-write") != NULL) {
		rc = mf_gbs_parse_rtw(body, &q, err);
		mf_gbs_pack_rtw(out, &q);
		mf_gbs_rtw_free(&q);
	} else if (strstr(path, "corrupt") != NULL) {
		rc = mf_gbs_parse_corrupt(body, &reason, err);
		mf_gbs_pack_corrupt(out, reason);
	} else {
		rc = mf_gbs_parse_allocate(body, &allocate, err);
		mf_gbs_pack_allocate(out, &allocate);
	}
	return rc;
}

static mf_code
repack_upload(mf_str body, mf_buf *out, mf_err *err)
{
	mf_gbs_range *range;
	size_t n;
	mf_code rc = mf_gbs_parse_required(body, &range, &n, err);

	mf_gbs_pack_required(out, range, n);
	free(range);
	return rc;
}

static mf_code
repack_rtw_result(size_t reads, mf_str body, mf_buf *out, mf_err *err)
{
	mf_rtw_result r;
	mf_code rc = mf_gbs_parse_rtw_result(body, reads, &r, err);

	mf_gbs_pack_rtw_result(out, &r);
	mf_rtw_result_free(&r);
	return rc;
}

static mf_code
repack_answer(const json_t *e, mf_str body, mf_buf *out, mf_err *err)
{
	const char *path = golden_str(e, "path"), *method = golden_str(e, "method");
	mf_gbs_version version;
	mf_gbs_allocated allocated;
	mf_share_set set;
	mf_code rc;

	if (strcmp(method, "PATCH") == 0)
		return repack_upload(body, out, err);
	if (strstr(path, "read-test-write") != NULL) {
		mf_buf asked = golden_unhex(golden_str(e, "request_cbor_hex"));
		mf_rtw q;

		cr_assert(mf_gbs_parse_rtw(mf_buf_str(&asked), &q, NULL) == MF_OK);
		rc = repack_rtw_result(q.reads, body, out, err);
		mf_gbs_rtw_free(&q);
		mf_buf_free(&asked);
	} else if (strstr(path, "version") != NULL) {
		rc = mf_gbs_parse_version(body, &version, err);
		mf_gbs_pack_version(out, &version);
	} else if (strstr(path, "/shares") != NULL) {
		rc = mf_gbs_parse_shares(body, &set, err);
		mf_gbs_pack_shares(out, &set);
	} else {
		rc = mf_gbs_parse_allocated(body, &allocated, err);
		mf_gbs_pack_allocated(out, &allocated);
	}
	return rc;
}

Test(gbs_bodies, what_was_recorded_packs_to_the_same_bytes)
{
	json_t *gold = golden_json("lafs/gbs.json");
	const json_t *e;
	size_t i, requests = 0, answers = 0;

	json_array_foreach(json_object_get(gold, "exchange"), i, e)
	{
		const char *asked = json_string_value(json_object_get(e, "request_cbor_hex"));
		const char *answer = json_string_value(json_object_get(e, "response_body_hex"));
		mf_err err = {.code = MF_OK};
		mf_buf again = {0};

		if (asked != NULL) {
			mf_buf body = golden_unhex(asked);

			cr_assert(repack_request(golden_str(e, "path"), mf_buf_str(&body), &again, &err) == MF_OK,
				"%s: %s", golden_str(e, "step"), err.text);
			cr_assert(mf_str_eq(mf_buf_str(&again), mf_buf_str(&body)), "%s", golden_str(e, "step"));
			mf_buf_free(&body);
			requests++;
		}
		again.n = 0;
		if (answer != NULL && answer[0] != '\0' && golden_int(e, "status") < 300) {
			mf_buf body = golden_unhex(answer);

			cr_assert(repack_answer(e, mf_buf_str(&body), &again, &err) == MF_OK, "%s: %s",
				golden_str(e, "step"), err.text);
			cr_assert(mf_str_eq(mf_buf_str(&again), mf_buf_str(&body)), "%s", golden_str(e, "step"));
			mf_buf_free(&body);
			answers++;
		}
		mf_buf_free(&again);
	}
	cr_assert(requests == 11 && answers == 16, "%zu requests, %zu answers", requests, answers);
	json_decref(gold);
}

Test(gbs_bodies, version_says_what_the_server_said)
{
	json_t *gold = golden_json("lafs/gbs.json");
	mf_buf body =
		golden_unhex(golden_str(json_array_get(json_object_get(gold, "exchange"), 0), "response_body_hex"));
	mf_gbs_version v;

	cr_assert(mf_gbs_parse_version(mf_buf_str(&body), &v, NULL) == MF_OK);
	cr_assert(v.max_immutable == 80816316416 && v.max_mutable == 69105000000000000 && v.available == 80816316416);
	cr_assert(strcmp(v.application, "tahoe-lafs/unknown") == 0);
	mf_buf_free(&body);
	json_decref(gold);
}

static mf_code
shares_of(const char *hex, mf_share_set *out)
{
	mf_buf body = golden_unhex(hex);
	mf_code rc = mf_gbs_parse_shares(mf_buf_str(&body), out, NULL);

	mf_buf_free(&body);
	return rc;
}

Test(gbs_bodies, lists_of_shares)
{
	static const char *const bad[] = {
		"",                           /* nothing */
		"d90102",                     /* a tag of nothing */
		"d90102830001",               /* cut off behind two of three */
		"d901028119ffff",             /* no share number */
		"d90102811b8000000000000000", /* 2^63 */
		"d901028120",                 /* -1 */
		"d90102810000",               /* something behind it */
		"d90103820001",               /* another tag */
		"d901029b7fffffffffffffff00", /* endless */
		"d901029f0001",               /* open, and never closed */
		"a0",                         /* a map */
		"d90102815f4100ff",           /* a string in pieces */
	};
	mf_share_set s;

	cr_assert(shares_of("d90102820b03", &s) == MF_OK && mf_share_set_count(&s) == 2);
	cr_assert(mf_share_set_has(&s, 3) && mf_share_set_has(&s, 11) && !mf_share_set_has(&s, 4));
	cr_assert(mf_share_set_next(&s, 0) == 3 && mf_share_set_next(&s, 4) == 11);
	cr_assert(mf_share_set_next(&s, 12) == MF_SHARE_SET && mf_share_set_next(&s, MF_SHARE_SET) == MF_SHARE_SET);
	cr_assert(shares_of("8118ff", &s) == MF_OK && mf_share_set_has(&s, 255), "untagged");
	cr_assert(shares_of("d901029f00ff", &s) == MF_OK && mf_share_set_has(&s, 0), "open");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(shares_of(bad[i], &s) == MF_EFORMAT, "%s", bad[i]);
}

Test(gbs_bodies, unknown_members_are_passed_over_but_not_at_any_depth)
{
	static const struct {
		const char *hex;
		mf_code rc;
	} body[] = {
		/* {"x": ..., "required": []} */
		{"a26178"
		 "f6"
		 "68726571756972656480",
			MF_OK},
		{"a26178"
		 "9f018102c103bf6161f5ffff"
		 "68726571756972656480",
			MF_OK},
		{"a26178"
		 "818181818181"
		 "00"
		 "68726571756972656480",
			MF_OK},
		{"a26178"
		 "81818181818181"
		 "00"
		 "68726571756972656480",
			MF_EFORMAT},
		{"a26178"
		 "ff"
		 "68726571756972656480",
			MF_EFORMAT},
		{"a26178"
		 "bbffffffffffffffff"
		 "68726571756972656480",
			MF_EFORMAT},
		{"a16178f6", MF_EFORMAT}, /* "required" is missing */
	};

	for (size_t i = 0; i < sizeof(body) / sizeof(body[0]); i++) {
		mf_buf b = golden_unhex(body[i].hex);
		mf_gbs_range *range;
		size_t n;

		cr_assert(mf_gbs_parse_required(mf_buf_str(&b), &range, &n, NULL) == body[i].rc, "%s", body[i].hex);
		cr_assert(range == NULL && n == 0);
		mf_buf_free(&b);
	}
}

/* A request with @p tests tests of share @p num, which comes @p times. */
static mf_code
rtw_of(uint32_t num, size_t times, size_t tests, uint64_t off)
{
	mf_rtw_test test[64];
	mf_rtw_share share[2];
	mf_rtw q = {.share = share, .shares = times}, parsed;
	mf_buf body = {0};

	for (size_t i = 0; i < tests; i++)
		test[i] = (mf_rtw_test){off, 1, {0}};
	for (size_t i = 0; i < times; i++)
		share[i] = (mf_rtw_share){.num = num, .test = test, .tests = tests, .new_length = MF_RTW_NO_LENGTH};
	mf_gbs_pack_rtw(&body, &q);
	mf_code rc = mf_gbs_parse_rtw(mf_buf_str(&body), &parsed, NULL);
	mf_gbs_rtw_free(&parsed);
	mf_buf_free(&body);
	return rc;
}

Test(gbs_bodies, read_test_write_is_bounded)
{
	cr_assert(rtw_of(255, 1, MF_GBS_TESTS_MAX, INT64_MAX - 1) == MF_OK);
	cr_assert(rtw_of(0, 1, MF_GBS_TESTS_MAX + 1, 0) == MF_EFORMAT);
	cr_assert(rtw_of(256, 1, 1, 0) == MF_EFORMAT);
	cr_assert(rtw_of(7, 2, 1, 0) == MF_EFORMAT, "one share twice");
	cr_assert(rtw_of(0, 1, 1, INT64_MAX) == MF_EFORMAT, "an end that nothing can hold");
}

Test(gbs_bodies, answer_with_another_number_of_read_vectors_is_refused)
{
	mf_buf one = {0};
	mf_rtw_result r = {.passed = true, .num = {3}, .shares = 1, .reads = 1, .read = &one}, got;
	mf_buf body = {0};

	mf_buf_addz(&one, "seen");
	mf_gbs_pack_rtw_result(&body, &r);
	for (size_t reads = 0; reads < 3; reads++) {
		mf_code rc = mf_gbs_parse_rtw_result(mf_buf_str(&body), reads, &got, NULL);

		cr_assert(rc == (reads == 1 ? MF_OK : MF_EFORMAT), "%zu", reads);
		if (reads == 1)
			cr_assert(got.passed && got.shares == 1 && got.num[0] == 3 &&
				mf_str_eq(mf_buf_str(&got.read[0]), MF_STR("seen")));
		mf_rtw_result_free(&got);
	}
	mf_buf_free(&one);
	mf_buf_free(&body);
}
