/* The storage server: the recorded exchange, and clients that do what they should not. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/gbs_ranges.h"
#include "grid/store/gbs_cbor.h"
#include "tests/daemon/gbs_world.h"
#include "tests/grid/golden.h"

#define SI "aaaqeayeaudaocajbifqydiob4"
#define MUT_SI "caireeyuculbogazdinryhi6d4"
#define RENEW "X-Tahoe-Authorization: lease-renew-secret UlJSUlJSUlJSUlJSUlJSUlJSUlJSUlJSUlJSUlJSUlI=\r\n"
#define CANCEL "X-Tahoe-Authorization: lease-cancel-secret Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M=\r\n"
#define UPLOAD "X-Tahoe-Authorization: upload-secret VVVVVVVVVVVVVVVVVVVVVVVVVVU=\r\n"
#define OTHER_UPLOAD "X-Tahoe-Authorization: upload-secret VlZWVlZWVlZWVlZWVlZWVlZWVlY=\r\n"
#define ENABLER "X-Tahoe-Authorization: write-enabler V1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1c=\r\n"

/* -- the recorded exchange ------------------------------------------------------------------------------- */

static void
add_recorded_head(mf_buf *out, const json_t *e)
{
	const char *key;
	json_t *values, *one;
	size_t i;

	mf_buf_addf(out, "%s %s HTTP/1.1\r\n", golden_str(e, "method"), golden_str(e, "path"));
	json_object_foreach(json_object_get(e, "sent_headers"), key, values) json_array_foreach(values, i, one)
		mf_buf_addf(out, "%s: %s\r\n", key, json_string_value(one));
}

/* What the recorded client sent: its bytes are those that it read later. */
static mf_buf
recorded_body(const json_t *e)
{
	const json_t *len = json_object_get(e, "request_body_len");
	const char *hex = json_string_value(json_object_get(e, "request_cbor_hex"));
	mf_buf out = {0};

	if (hex != NULL)
		return golden_unhex(hex);
	for (json_int_t i = 0; len != NULL && i < json_integer_value(len); i++)
		mf_buf_addc(&out, strstr(golden_str(e, "step"), "conflict") != NULL ? 'y' : 'x');
	return out;
}

static void
check_body(const json_t *e, const mf_buf *got)
{
	const char *hex = json_string_value(json_object_get(e, "response_body_hex"));
	const char *step = golden_str(e, "step"), *result = golden_str(e, "client_result");
	mf_buf want = {0};

	if (strcmp(step, "version") == 0) { /* numbers and name are ours */
		mf_gbs_version v;
		mf_err err;
		cr_assert(mf_gbs_parse_version(mf_buf_str(got), &v, &err) == MF_OK, "%s", err.text);
		cr_assert(strncmp(v.application, "magic-folder/", 13) == 0 && v.max_mutable > 1 << 20);
		return;
	}
	if (hex != NULL)
		want = golden_unhex(hex);
	else if (strncmp(result, "b'", 2) == 0)
		mf_buf_add(&want, result + 2, strlen(result) - 3);
	cr_assert(mf_str_eq(mf_buf_str(got), mf_buf_str(&want)), "%s: %zu bytes, not %zu", step, got->n, want.n);
	mf_buf_free(&want);
}

Test(gbs, answers_the_recorded_requests_as_tahoe_did, .timeout = 120)
{
	json_t *all = golden_json("lafs/gbs.json"), *e;
	struct gbs_world w;
	size_t i, n = 0;

	gbs_world_open(&w, (mf_gbs_conf){0});
	json_array_foreach(json_object_get(all, "exchange"), i, e)
	{
		mf_buf text = {0}, body = recorded_body(e), head = {0}, got = {0};
		const json_t *headers = json_object_get(e, "response_headers"), *values;
		const char *key;
		unsigned status;

		add_recorded_head(&text, e);
		status = gbs_ask(&w, (const char *)text.p, mf_buf_str(&body), &head, &got);
		cr_assert(status == golden_int(e, "status"), "%zu, %s: %u", i, golden_str(e, "step"), status);
		json_object_foreach((json_t *)(uintptr_t)headers, key, values)
		{
			char line[200];
			(void)snprintf(line, sizeof(line), "\r\n%s: %s\r\n", key,
				json_string_value(json_array_get(values, 0)));
			cr_assert(strstr((const char *)head.p, line) != NULL, "%s: no %s in %s", golden_str(e, "step"),
				line, (const char *)head.p);
		}
		check_body(e, &got);
		mf_buf_free(&text);
		mf_buf_free(&body);
		mf_buf_free(&head);
		mf_buf_free(&got);
		n++;
	}
	cr_assert(n == 34);
	gbs_world_close(&w);
	json_decref(all);
}

/* -- requests that are refused ----------------------------------------------------------------------------- */

static void
expect(struct gbs_world *w, unsigned want, const char *head, mf_str body)
{
	unsigned got = gbs_ask(w, head, body, NULL, NULL);

	cr_assert(got == want, "[%s] got %u, not %u", head, got, want);
}

static mf_buf
allocate_body(uint32_t num, uint64_t size)
{
	mf_gbs_allocate a = {.size = size};
	mf_buf out = {0};

	mf_share_set_add(&a.shares, num);
	mf_gbs_pack_allocate(&out, &a);
	return out;
}

/* @return is it in the "allocated" set of the answer? */
static bool
allocate(struct gbs_world *w, const char *secret, uint32_t num, uint64_t size)
{
	mf_buf body = allocate_body(num, size), head = {0}, got = {0};
	mf_gbs_allocated a;
	mf_err err;

	mf_buf_addf(
		&head, "POST /storage/v1/immutable/" SI " HTTP/1.1\r\n" GBS_AUTHORIZATION RENEW CANCEL "%s", secret);
	cr_assert(gbs_ask(w, (const char *)head.p, mf_buf_str(&body), NULL, &got) == 200);
	cr_assert(mf_gbs_parse_allocated(mf_buf_str(&got), &a, &err) == MF_OK, "%s", err.text);
	mf_buf_free(&body);
	mf_buf_free(&head);
	mf_buf_free(&got);
	return mf_share_set_has(&a.allocated, num);
}

static unsigned
put(struct gbs_world *w, const char *secret, uint32_t num, uint64_t begin, uint64_t last, mf_str bytes)
{
	mf_buf head = {0};
	unsigned status;

	mf_buf_addf(&head,
		"PATCH /storage/v1/immutable/" SI "/%u HTTP/1.1\r\n" GBS_AUTHORIZATION
		"%sContent-Range: bytes %llu-%llu/*\r\n",
		num, secret, (unsigned long long)begin, (unsigned long long)last);
	status = gbs_ask(w, (const char *)head.p, bytes, NULL, NULL);
	mf_buf_free(&head);
	return status;
}

Test(gbs, refuses_what_the_protocol_does_not_know, .timeout = 120)
{
#define V1 " /storage/v1/"
#define END " HTTP/1.1\r\n" GBS_AUTHORIZATION
	static const struct {
		unsigned status;
		const char *head;
	} rows[] = {
		{401, "GET" V1 "version HTTP/1.1\r\n"},
		{401, "GET" V1 "version HTTP/1.1\r\nAuthorization: Tahoe-LAFS \r\n"},
		{401, "GET" V1 "version HTTP/1.1\r\nAuthorization: Basic c3dpc3NudW0tZXhhbXBsZS0xMjM0NQ==\r\n"},
		{401, "GET" V1 "version HTTP/1.1\r\n" GBS_AUTHORIZATION GBS_AUTHORIZATION},
		{401, "GET /nothing HTTP/1.1\r\n"},
		{404, "GET /nothing" END},
		{404, "GET" V1 END},
		{404, "GET" V1 "immutable//shares" END},
		{404, "GET" V1 "immutable/AAAQEAYEAUDAOCAJBIFQYDIOB4/shares" END},
		{404, "GET" V1 "immutable/" SI "a/shares" END},
		{404, "GET" V1 "immutable/../../../private/node.pem" END},
		{404, "GET" V1 "immutable/" SI "/256" END},
		{404, "GET" V1 "immutable/" SI "/00" END},
		{404, "GET" V1 "immutable/" SI "/-1" END},
		{404, "GET" V1 "immutable/" SI "/99999999999999999999" END},
		{404, "GET" V1 "immutable/" SI "/0" END},
		{405, "DELETE" V1 "immutable/" SI "/0" END},
		{405, "HEAD" V1 "version" END},
		{400, "GET" V1 "version" END UPLOAD},
		{400, "POST" V1 "immutable/" SI END RENEW CANCEL},
		{400, "POST" V1 "immutable/" SI END RENEW CANCEL UPLOAD UPLOAD},
		{400, "POST" V1 "immutable/" SI END RENEW CANCEL UPLOAD ENABLER},
		{400, "PUT" V1 "lease/" SI END RENEW "X-Tahoe-Authorization: lease-cancel-secret AAAA\r\n"},
		{400, "PUT" V1 "lease/" SI END RENEW "X-Tahoe-Authorization: lease-cancel-secret !\r\n"},
		{400, "PUT" V1 "lease/" SI END RENEW "X-Tahoe-Authorization:\r\n"},
		{404, "PUT" V1 "lease/" SI END RENEW CANCEL},
		{406, "GET" V1 "version" END "Accept: text/html, application/json;q=0.9\r\n"},
		{200, "GET" V1 "version" END "Accept: text/html, */*;q=0.1\r\n"},
		{415, "POST" V1 "immutable/" SI END RENEW CANCEL UPLOAD "Content-Type: application/json\r\n"},
		{413, "POST" V1 "immutable/" SI END RENEW CANCEL UPLOAD "Content-Length: 8193\r\n"},
		{413, "GET" V1 "version" END "Content-Length: 1\r\n"},
		{416, "PATCH" V1 "immutable/" SI "/0" END UPLOAD},
		{416, "PATCH" V1 "immutable/" SI "/0" END UPLOAD "Content-Range: bytes 5-4/*\r\n"},
		{416, "PATCH" V1 "immutable/" SI "/0" END UPLOAD "Content-Range: bytes */5\r\n"},
		{416, "PATCH" V1 "immutable/" SI "/0" END UPLOAD "Content-Range: bytes 0-18446744073709551615/*\r\n"},
		{404, "PATCH" V1 "immutable/" SI "/0" END UPLOAD "Content-Range: bytes 0-0/*\r\n"},
		{416, "GET" V1 "immutable/" SI "/0" END "Range: bytes=5-\r\n"},
		{416, "GET" V1 "immutable/" SI "/0" END "Range: bytes=-5\r\n"},
		{416, "GET" V1 "immutable/" SI "/0" END "Range: bytes=0-1,3-4\r\n"},
		{416, "GET" V1 "immutable/" SI "/0" END "Range: lines=0-1\r\n"},
		{404, "PUT" V1 "immutable/" SI "/0/abort" END UPLOAD},
		{405, "GET /magic-folder/v1/sync" END},
	};
	struct gbs_world w;

	gbs_world_open(&w, (mf_gbs_conf){0});
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect(&w, rows[i].status, rows[i].head, (mf_str){0});
	expect(&w, 400, "POST" V1 "immutable/" SI END RENEW CANCEL UPLOAD, MF_STR("\xa1\x61"));
	expect(&w, 400, "POST" V1 "mutable/" MUT_SI "/read-test-write" END RENEW CANCEL ENABLER, MF_STR("\xff"));
	gbs_world_close(&w);
}

Test(gbs, an_upload_stays_within_its_allocation, .timeout = 120)
{
	struct gbs_world w;
	struct stat st;

	gbs_world_open(&w, (mf_gbs_conf){0});
	cr_assert(allocate(&w, UPLOAD, 3, 8));
	cr_assert(!allocate(&w, OTHER_UPLOAD, 3, 8), "somebody else uploads it");
	cr_assert(put(&w, UPLOAD, 3, 0, 8, MF_STR("123456789")) == 416);
	cr_assert(put(&w, UPLOAD, 3, 7, 8, MF_STR("89")) == 416);
	cr_assert(put(&w, OTHER_UPLOAD, 3, 0, 7, MF_STR("12345678")) == 401, "a secret that was guessed");
	cr_assert(put(&w, UPLOAD, 3, 0, 3, MF_STR("12345")) == 400, "more than the range says");
	cr_assert(put(&w, UPLOAD, 3, 4, 7, MF_STR("5678")) == 200);
	cr_assert(put(&w, UPLOAD, 3, 3, 5, MF_STR("4x6")) == 409);
	cr_assert(put(&w, UPLOAD, 3, 2, 5, MF_STR("3456")) == 200, "the conflict has written nothing");
	cr_assert(put(&w, UPLOAD, 3, 2, 5, MF_STR("3456")) == 200, "the same again");
	cr_assert(stat(gbs_world_path(&w, "shares/aa/" SI "/3"), &st) != 0, "a share before it is complete");
	cr_assert(put(&w, UPLOAD, 3, 0, 1, MF_STR("12")) == 201);
	cr_assert(stat(gbs_world_path(&w, "shares/aa/" SI "/3"), &st) == 0 && st.st_size == 12 + 8 + 72);
	cr_assert(put(&w, UPLOAD, 3, 0, 1, MF_STR("12")) == 404);
	cr_assert(!allocate(&w, UPLOAD, 3, 8), "it is there");
	gbs_world_close(&w);
}

Test(gbs, chunked_bodies_are_counted, .timeout = 60)
{
	struct gbs_world w;

	gbs_world_open(&w, (mf_gbs_conf){0});
	cr_assert(allocate(&w, UPLOAD, 0, 6));
#define CHUNKED "PATCH /storage/v1/immutable/" SI "/0" END UPLOAD "Transfer-Encoding: chunked\r\nContent-Range: bytes "
	expect(&w, 400, CHUNKED "0-3/*\r\n", MF_STR("6\r\nabcdef\r\n0\r\n\r\n"));
	expect(&w, 400, CHUNKED "0-3/*\r\n", MF_STR("3\r\nabc\r\n0\r\n\r\n"));
	expect(&w, 201, CHUNKED "0-5/*\r\n", MF_STR("2\r\nab\r\n4\r\ncdef\r\n0\r\n\r\n"));
	gbs_world_close(&w);
}

Test(gbs, uploads_that_stop_are_given_up, .timeout = 60)
{
	struct gbs_world w;

	gbs_world_open(&w, (mf_gbs_conf){.upload_idle_ms = 200});
	cr_assert(allocate(&w, UPLOAD, 0, 6));
	cr_assert(put(&w, UPLOAD, 0, 0, 1, MF_STR("ab")) == 200);
	for (int i = 0; i < 100 && !allocate(&w, OTHER_UPLOAD, 0, 6); i++)
		gbs_turn(&w, 100);
	cr_assert(put(&w, UPLOAD, 0, 0, 1, MF_STR("ab")) == 401, "it is another's now");
	cr_assert(put(&w, OTHER_UPLOAD, 0, 0, 5, MF_STR("abcdef")) == 201);
	gbs_world_close(&w);
}

Test(gbs, a_server_that_stops_leaves_no_half_share, .timeout = 60)
{
	struct gbs_world w;

	gbs_world_open(&w, (mf_gbs_conf){0});
	cr_assert(allocate(&w, UPLOAD, 0, 6));
	cr_assert(put(&w, UPLOAD, 0, 0, 1, MF_STR("ab")) == 200);
	gbs_world_stop(&w);
	cr_assert(access(gbs_world_path(&w, "shares/aa/" SI), F_OK) != 0);
	gbs_world_serve(&w, (mf_gbs_conf){0});
	cr_assert(put(&w, UPLOAD, 0, 2, 5, MF_STR("cdef")) == 404, "it has forgotten it");
	cr_assert(allocate(&w, UPLOAD, 0, 6));
	cr_assert(put(&w, UPLOAD, 0, 0, 5, MF_STR("abcdef")) == 201);
	gbs_world_close(&w);
}

Test(gbs, what_is_reserved_is_not_given_away, .timeout = 60)
{
	struct gbs_world w;
	mf_gbs_version v;
	mf_buf got = {0};

	gbs_world_open(&w, (mf_gbs_conf){.reserve = UINT64_MAX / 2});
	cr_assert(!allocate(&w, UPLOAD, 0, 1));
	cr_assert(gbs_ask(&w, "GET /storage/v1/version" END, (mf_str){0}, NULL, &got) == 200);
	cr_assert(mf_gbs_parse_version(mf_buf_str(&got), &v, NULL) == MF_OK && v.available == 0);
	mf_buf_free(&got);
	gbs_world_close(&w);
}

/* -- mutable shares ---------------------------------------------------------------------------------------- */

static unsigned
rtw(struct gbs_world *w, const char *si, uint64_t off, mf_str data, const mf_rtw_read *read, size_t reads)
{
	const mf_rtw_write write = {.off = off, .data = data};
	const mf_rtw_share share = {.write = &write, .writes = data.n > 0 ? 1 : 0, .new_length = MF_RTW_NO_LENGTH};
	const mf_rtw q = {.share = &share, .shares = 1, .read = read, .reads = reads};
	mf_buf head = {0}, body = {0};
	unsigned status;

	mf_gbs_pack_rtw(&body, &q);
	mf_buf_addf(&head, "POST /storage/v1/mutable/%s/read-test-write" END RENEW CANCEL ENABLER, si);
	status = gbs_ask(w, (const char *)head.p, mf_buf_str(&body), NULL, NULL);
	mf_buf_free(&head);
	mf_buf_free(&body);
	return status;
}

Test(gbs, a_guest_cannot_make_us_read_or_write_without_bounds, .timeout = 120)
{
	static const mf_rtw_read all[30] = {[0 ... 29] = {0, UINT32_MAX}};
	mf_buf large = {0};
	struct gbs_world w;

	gbs_world_open(&w, (mf_gbs_conf){0});
	cr_assert(rtw(&w, MUT_SI, 1 << 20, MF_STR("x"), NULL, 0) == 400, "a byte far behind the end");
	cr_assert(rtw(&w, MUT_SI, INT64_MAX - 1, MF_STR("x"), NULL, 0) == 400);
	mf_buf_reserve(&large, 3 << 20); /* goes through a file, and takes three pieces to write */
	memset(large.p, 'l', 3 << 20);
	large.n = 3 << 20;
	cr_assert(rtw(&w, MUT_SI, 0, mf_buf_str(&large), NULL, 0) == 200);
	cr_assert(rtw(&w, MUT_SI, 0, (mf_str){0}, all, 30) == 413, "90 MB of answer");
	cr_assert(rtw(&w, MUT_SI, 0, (mf_str){0}, all, 2) == 200);
	mf_buf_free(&large);
	gbs_world_close(&w);
}

Test(gbs, kinds_of_shares_do_not_mix, .timeout = 60)
{
	struct gbs_world w;
	mf_buf got = {0}, body = allocate_body(7, 1);

	gbs_world_open(&w, (mf_gbs_conf){0});
	cr_assert(allocate(&w, UPLOAD, 0, 5));
	cr_assert(put(&w, UPLOAD, 0, 0, 4, MF_STR("hello")) == 201);
	cr_assert(rtw(&w, SI, 0, MF_STR("overwritten"), NULL, 0) == 409, "an immutable share is not replaced");
	cr_assert(gbs_ask(&w, "GET /storage/v1/immutable/" SI "/0" END, (mf_str){0}, NULL, &got) == 200);
	cr_assert(mf_str_eq(mf_buf_str(&got), MF_STR("hello")));
	expect(&w, 404, "GET /storage/v1/mutable/" SI "/0" END, (mf_str){0});
	cr_assert(rtw(&w, MUT_SI, 0, MF_STR("mutable"), NULL, 0) == 200);
	expect(&w, 404, "GET /storage/v1/immutable/" MUT_SI "/0" END, (mf_str){0});
	got.n = 0;
	cr_assert(gbs_ask(&w, "POST /storage/v1/immutable/" MUT_SI END RENEW CANCEL UPLOAD, mf_buf_str(&body), NULL,
			  &got) == 200);
	mf_gbs_allocated a;
	cr_assert(mf_gbs_parse_allocated(mf_buf_str(&got), &a, NULL) == MF_OK);
	cr_assert(mf_share_set_count(&a.allocated) == 0, "an immutable share beside a mutable one");
	mf_buf_free(&got);
	mf_buf_free(&body);
	gbs_world_close(&w);
}

/* -- connections ------------------------------------------------------------------------------------------ */

Test(gbs, strangers_make_room_for_those_who_know_us, .timeout = 60)
{
	struct gbs_world w;
	mf_buf got = {0};
	int friend, stranger[20];

	gbs_world_open(&w, (mf_gbs_conf){.strangers = 4, .conns = 8});
	friend = gbs_dial(&w);
	cr_assert(gbs_say(&w, friend, MF_STR("GET /storage/v1/version" END "\r\n")));
	gbs_turn(&w, 50);
	for (size_t i = 0; i < 20; i++) {
		stranger[i] = gbs_dial(&w);
		gbs_turn(&w, 2);
	}
	expect(&w, 200, "GET /storage/v1/version" END, (mf_str){0});
	cr_assert(gbs_say(&w, friend, MF_STR("GET /storage/v1/version" END "Connection: close\r\n\r\n")),
		"an old friend was dropped");
	gbs_hear(&w, friend, &got);
	cr_assert(got.n > 0 && strstr((const char *)got.p, " 200 ") != NULL);
	for (size_t i = 0; i < 20; i++)
		(void)close(stranger[i]);
	(void)close(friend);
	mf_buf_free(&got);
	gbs_world_close(&w);
}

Test(gbs, slow_clients_are_dropped, .timeout = 60)
{
	struct gbs_world w;
	mf_buf got = {0};
	int stranger, slow;

	gbs_world_open(&w, (mf_gbs_conf){.stranger_ms = 100, .request_ms = 100});
	stranger = gbs_dial(&w);
	cr_assert(gbs_say(&w, stranger, MF_STR("GET /storage/v1/ver")));
	gbs_hear(&w, stranger, &got);
	cr_assert(got.n == 0 || strstr((const char *)got.p, " 408 ") != NULL);
	cr_assert(allocate(&w, UPLOAD, 0, 6));
	slow = gbs_dial(&w);
	cr_assert(gbs_say(&w, slow,
		MF_STR("PATCH /storage/v1/immutable/" SI "/0" END UPLOAD
		       "Content-Range: bytes 0-5/*\r\nContent-Length: 6\r\n\r\nab")));
	got.n = 0;
	gbs_hear(&w, slow, &got); /* returns when the server closes */
	cr_assert(got.n == 0);
	cr_assert(put(&w, UPLOAD, 0, 0, 5, MF_STR("abcdef")) == 201, "its upload is none the worse");
	(void)close(stranger);
	(void)close(slow);
	mf_buf_free(&got);
	gbs_world_close(&w);
}

/* -- ranges ------------------------------------------------------------------------------------------------ */

Test(gbs, ranges_are_what_an_array_of_flags_says, .timeout = 60)
{
	enum { N = 64 };
	unsigned seed = 4711;

	for (int round = 0; round < 200; round++) {
		mf_ranges s = {0};
		bool flag[N] = {false};
		uint64_t sum = 0;

		for (int k = 0; k < 12; k++) {
			uint64_t a = (unsigned)rand_r(&seed) % N, b = a + (unsigned)rand_r(&seed) % (N - a + 1);

			cr_assert(mf_ranges_add(&s, (mf_range){a, b}));
			for (uint64_t i = a; i < b; i++)
				flag[i] = true;
		}
		for (mf_range r = {0}; r.end < N;) {
			bool come;

			r = mf_ranges_next(&s, (mf_range){0, N}, r.end, &come);
			cr_assert(r.begin < r.end);
			for (uint64_t i = r.begin; i < r.end; i++)
				cr_assert(flag[i] == come, "seed 4711, round %d, byte %d", round, (int)i);
			sum += come ? r.end - r.begin : 0;
		}
		cr_assert(sum == mf_ranges_sum(&s));
		mf_ranges_free(&s);
	}
}
