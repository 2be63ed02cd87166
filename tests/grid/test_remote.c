/* The storage protocol's client: against the recorded answers of the reference server (golden/lafs/gbs.json), and
 * against servers that are up to no good. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <criterion/criterion.h>

#include "base/base32.h"
#include "grid/store/remote.h"
#include "tests/grid/golden.h"
#include "tests/grid/serve.h"

TestSuite(remote, .timeout = 60);

/* -- replay --------------------------------------------------------------------------------------------------- */

/* The @p i th value of header @p name in @p head; empty if there are not so many. */
static mf_str
header(mf_str head, const char *name, size_t i)
{
	size_t n = strlen(name);

	while (head.n > 0) {
		const char *nl = memchr(head.p, '\n', head.n);
		size_t line = nl == NULL ? head.n : (size_t)(nl - head.p) + 1;

		if (line > n + 2 && strncasecmp(head.p, name, n) == 0 && head.p[n] == ':' && i-- == 0) {
			mf_str v = {head.p + n + 2, line - n - 2};

			while (v.n > 0 && (v.p[v.n - 1] == '\n' || v.p[v.n - 1] == '\r'))
				v.n--;
			return v;
		}
		head.p += line;
		head.n -= line;
	}
	return (mf_str){0};
}

/* Does the request have the recorded values of that header, and no others? */
static bool
same_header(const json_t *sent, mf_str head, const char *name)
{
	const json_t *want = json_object_get(sent, name);
	size_t n = json_array_size(want);

	for (size_t i = 0; i < n; i++) {
		mf_str v = mf_strz(json_string_value(json_array_get(want, i)));
		bool found = false;

		for (size_t j = 0; j < n; j++)
			found |= mf_str_eq(header(head, name, j), v);
		if (!found)
			return false;
	}
	return header(head, name, n).n == 0;
}

/* What the recorded answer's body was; of reads only the length was kept. */
static mf_buf
recorded_body(const json_t *e)
{
	const char *hex = json_string_value(json_object_get(e, "response_body_hex"));
	const json_t *range = json_object_get(json_object_get(e, "response_headers"), "Content-Range");
	unsigned from, to;
	mf_buf b = {0};

	if (hex != NULL)
		return golden_unhex(hex);
	if (range == NULL)
		return b;
	cr_assert(sscanf(json_string_value(json_array_get(range, 0)), "bytes %u-%u/*", &from, &to) == 2);
	for (unsigned i = from; i <= to; i++)
		mf_buf_addc(&b, 'x');
	return b;
}

struct replay {
	const json_t *e; /* what is expected next */
	char wrong[64];  /* the first thing that was not as recorded, or "" */
};

static void
expect(struct replay *r, bool good, const char *what)
{
	if (!good && r->wrong[0] == '\0')
		(void)snprintf(r->wrong, sizeof(r->wrong), "%s", what);
}

static enum serve_then
replay(void *arg, const serve_request *q, mf_buf *out)
{
	static const char *const names[] = {
		"Authorization", "X-Tahoe-Authorization", "Accept", "Content-Range", "Range"};
	struct replay *r = arg;
	const json_t *sent = json_object_get(r->e, "sent_headers"), *value, *line;
	const char *asked = json_string_value(json_object_get(r->e, "request_cbor_hex")), *name;
	const json_t *length = json_object_get(r->e, "request_body_len");
	mf_buf body = recorded_body(r->e);
	size_t i;

	expect(r, mf_str_eq(q->method, mf_strz(golden_str(r->e, "method"))), "method");
	expect(r, mf_str_eq(q->target, mf_strz(golden_str(r->e, "path"))), "path");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		expect(r, same_header(sent, q->head, names[i]), names[i]);
	if (asked != NULL) {
		mf_buf want = golden_unhex(asked);

		expect(r, mf_str_eq(q->body, mf_buf_str(&want)), "body");
		expect(r, same_header(sent, q->head, "Content-Type"), "Content-Type");
		mf_buf_free(&want);
	} else {
		expect(r, q->body.n == (length == NULL ? 0 : (size_t)json_integer_value(length)), "body's length");
	}
	mf_buf_addf(out, "HTTP/1.1 %d Recorded\r\n", (int)golden_int(r->e, "status"));
	json_object_foreach((json_t *)(uintptr_t)json_object_get(r->e, "response_headers"), name, value)
		json_array_foreach(value, i, line) mf_buf_addf(out, "%s: %s\r\n", name, json_string_value(line));
	if (golden_int(r->e, "status") != 204)
		mf_buf_addf(out, "Content-Length: %zu\r\n", body.n);
	mf_buf_addz(out, "\r\n");
	mf_buf_adds(out, mf_buf_str(&body));
	mf_buf_free(&body);
	return SERVE_KEEP;
}

static void
secret(const json_t *e, const char *name, void *out, size_t n)
{
	const char *hex = json_string_value(json_object_get(json_object_get(e, "secrets"), name));

	memset(out, 0, n);
	if (hex != NULL)
		cr_assert(mf_unhex(out, n, mf_strz(hex)), "%s", name);
}

/* One recorded request. */
struct call {
	struct mf_remote *r;
	const json_t *e;
	mf_buf asked; /* the recorded body */
	uint8_t si[16];
	mf_remote_share at;
	mf_remote_upload u;
	mf_buf answer; /* our results, packed again; empty where there are none */
	mf_err err;
};

static mf_code
call_allocate(struct call *c)
{
	mf_gbs_allocate a;
	mf_gbs_allocated got;

	cr_assert(mf_gbs_parse_allocate(mf_buf_str(&c->asked), &a, NULL) == MF_OK);
	mf_code rc = mf_remote_allocate(c->r, &c->u, &a, &got, NULL, &c->err);
	mf_gbs_pack_allocated(&c->answer, &got);
	return rc;
}

static mf_code
call_rtw(struct call *c)
{
	uint8_t enabler[32];
	mf_rtw_result got;
	mf_rtw q;

	secret(c->e, "write_enabler_secret", enabler, sizeof(enabler));
	cr_assert(mf_gbs_parse_rtw(mf_buf_str(&c->asked), &q, NULL) == MF_OK);
	q.si = c->si;
	q.enabler = enabler;
	mf_code rc = mf_remote_rtw(c->r, &q, &c->u.lease, &got, NULL, &c->err);
	mf_gbs_pack_rtw_result(&c->answer, &got);
	mf_rtw_result_free(&got);
	mf_gbs_rtw_free(&q);
	return rc;
}

static mf_code
call_write(struct call *c)
{
	const json_t *sent = json_object_get(c->e, "sent_headers");
	unsigned from, to;
	uint8_t data[256] = {0};
	bool complete;

	cr_assert(sscanf(json_string_value(json_array_get(json_object_get(sent, "Content-Range"), 0)), "bytes %u-%u/*",
			  &from, &to) == 2);
	mf_code rc = mf_remote_write(
		c->r, &c->u, c->at.num, from, (mf_str){(char *)data, to - from + 1}, &complete, NULL, &c->err);
	cr_assert(complete == (golden_int(c->e, "status") == 201));
	return rc;
}

static mf_code
call_read(struct call *c)
{
	const json_t *sent = json_object_get(c->e, "sent_headers");
	mf_buf got = {0}, want = recorded_body(c->e);
	unsigned from, to;

	cr_assert(sscanf(json_string_value(json_array_get(json_object_get(sent, "Range"), 0)), "bytes=%u-%u", &from,
			  &to) == 2);
	mf_code rc = mf_remote_read(c->r, &c->at, from, to - from + 1, &got, NULL, &c->err);
	if (rc == MF_OK)
		cr_assert(mf_str_eq(mf_buf_str(&got), mf_buf_str(&want)));
	mf_buf_free(&got);
	mf_buf_free(&want);
	return rc;
}

static mf_code
call_advise(struct call *c)
{
	char why[256];
	mf_str reason;

	cr_assert(mf_gbs_parse_corrupt(mf_buf_str(&c->asked), &reason, NULL) == MF_OK && reason.n < sizeof(why));
	(void)snprintf(why, sizeof(why), "%.*s", (int)reason.n, reason.p);
	return mf_remote_advise(c->r, &c->at, why, NULL, &c->err);
}

static mf_code
call_version(struct call *c)
{
	mf_gbs_version v;
	mf_code rc = mf_remote_version(c->r, &v, NULL, &c->err);

	if (rc == MF_OK)
		mf_gbs_pack_version(&c->answer, &v);
	return rc;
}

static mf_code
call_list(struct call *c)
{
	mf_share_set set;
	mf_code rc = mf_remote_list(c->r, &c->at, &set, NULL, &c->err);

	mf_gbs_pack_shares(&c->answer, &set);
	return rc;
}

static mf_code
make_call(struct call *c, const char *method, const char *path)
{
	if (strstr(path, "/version") != NULL)
		return call_version(c);
	if (strstr(path, "/lease/") != NULL)
		return mf_remote_renew(c->r, c->si, &c->u.lease, NULL, &c->err);
	if (strstr(path, "/shares") != NULL)
		return call_list(c);
	if (strstr(path, "/abort") != NULL)
		return mf_remote_abort(c->r, &c->u, c->at.num, NULL, &c->err);
	if (strstr(path, "/corrupt") != NULL)
		return call_advise(c);
	if (strstr(path, "/read-test-write") != NULL)
		return call_rtw(c);
	if (strcmp(method, "PATCH") == 0)
		return call_write(c);
	return strcmp(method, "POST") == 0 ? call_allocate(c) : call_read(c);
}

static void
prepare(struct call *c)
{
	const char *path = golden_str(c->e, "path"),
		   *asked = json_string_value(json_object_get(c->e, "request_cbor_hex"));
	const char *si = strstr(path, "table/");
	unsigned num;

	if (strstr(path, "/lease/") != NULL)
		si = strstr(path, "lease/");
	if (si != NULL)
		cr_assert(mf_unb32_n(c->si, sizeof(c->si), (mf_str){si + 6, 26}), "%s", path);
	c->at.kind = strstr(path, "/mutable/") != NULL ? MF_REMOTE_MUTABLE : MF_REMOTE_IMMUTABLE;
	c->at.si = c->u.si = c->si;
	if (si != NULL && sscanf(si + 6 + 26, "/%u", &num) == 1)
		c->at.num = num;
	if (asked != NULL)
		c->asked = golden_unhex(asked);
	secret(c->e, "lease_renew_secret", c->u.lease.renew, 32);
	secret(c->e, "lease_cancel_secret", c->u.lease.cancel, 32);
	secret(c->e, "upload_secret", c->u.secret, MF_UPLOAD_SECRET);
}

static mf_code
meaning(int status)
{
	switch (status) {
	case 401: return MF_EAUTH;
	case 404: return MF_ENOTFOUND;
	case 409: return MF_ECHANGED;
	default: return status < 300 ? MF_OK : MF_ENET;
	}
}

/* The swissnum as the recorded request sent it. */
static struct mf_remote *
remote_of(const struct serve *s, const json_t *e)
{
	const char *sent = json_string_value(
		json_array_get(json_object_get(json_object_get(e, "sent_headers"), "Authorization"), 0));
	char swissnum[128];
	struct mf_remote *r;
	mf_err err;

	swissnum[golden_unbase64(swissnum, sizeof(swissnum) - 1, sent + strlen("Tahoe-LAFS "))] = '\0';
	mf_remote_conf conf = {.who = "the recorded server", .url = serve_url(s), .swissnum = swissnum};
	cr_assert(mf_remote_new(&conf, &r, &err) == MF_OK, "%s", err.text);
	return r;
}

Test(remote, asks_as_the_reference_client_and_understands_its_server)
{
	json_t *gold = golden_json("lafs/gbs.json");
	struct replay r = {0};
	struct serve *s = serve_start(replay, &r);
	size_t i, n = 0;

	json_array_foreach(json_object_get(gold, "exchange"), i, r.e)
	{
		const char *step = golden_str(r.e, "step"),
			   *recorded = json_string_value(json_object_get(r.e, "response_body_hex"));
		int status = (int)golden_int(r.e, "status");
		struct call c = {.r = remote_of(s, r.e), .e = r.e};

		prepare(&c);
		mf_code rc = make_call(&c, golden_str(r.e, "method"), golden_str(r.e, "path"));
		cr_assert(r.wrong[0] == '\0', "%s: %s is not as recorded", step, r.wrong);
		cr_assert(rc == meaning(status), "%s: %s %s", step, mf_code_name(rc), c.err.text);
		if (rc == MF_OK && c.answer.n > 0) {
			mf_buf want = golden_unhex(recorded);

			cr_assert(mf_str_eq(mf_buf_str(&c.answer), mf_buf_str(&want)), "%s", step);
			mf_buf_free(&want);
		}
		mf_buf_free(&c.asked);
		mf_buf_free(&c.answer);
		mf_remote_free(c.r);
		n++;
	}
	cr_assert(n == 34, "%zu", n);
	serve_stop(s);
	json_decref(gold);
}

/* -- servers up to no good ------------------------------------------------------------------------------------ */

/* Answers by script: one entry for each request. */
struct script {
	const char *const *answer; /* raw; "" closes without any */
	atomic_uint asked;
	char target[256]; /* of the last request */
};

static enum serve_then
play(void *arg, const serve_request *q, mf_buf *out)
{
	struct script *s = arg;
	unsigned i = atomic_fetch_add(&s->asked, 1);

	(void)snprintf(s->target, sizeof(s->target), "%.*s", (int)q->target.n, q->target.p);
	if (s->answer[i][0] == '\0')
		return SERVE_CLOSE;
	mf_buf_addz(out, s->answer[i]);
	return SERVE_CLOSE;
}

static const uint8_t si[16] = {1, 2, 3};
static const mf_remote_share share_0 = {.si = si};
static const mf_remote_upload upload = {.si = si};

static struct mf_remote *
remote_plain(const struct serve *s)
{
	mf_remote_conf conf = {.who = "the bad server", .url = serve_url(s), .swissnum = "swiss"};
	struct mf_remote *r;

	cr_assert(mf_remote_new(&conf, &r, NULL) == MF_OK);
	return r;
}

#define SAY(status, head, body) "HTTP/1.1 " status " X\r\n" head "Connection: close\r\n\r\n" body

/* Reading ten bytes from 20 on. */
static mf_code
read_from(const char *answer, mf_buf *out, mf_err *err)
{
	const char *const once[] = {answer};
	struct script script = {.answer = once};
	struct serve *s = serve_start(play, &script);
	struct mf_remote *r = remote_plain(s);

	mf_code rc = mf_remote_read(r, &share_0, 20, 10, out, NULL, err);
	mf_remote_free(r);
	serve_stop(s);
	return rc;
}

Test(remote, a_read_gets_the_range_it_asked_for_or_nothing)
{
	static const char *const bad[] = {
		SAY("200", "Content-Length: 10\r\n", "0123456789"),
		SAY("206", "Content-Length: 10\r\n", "0123456789"),
		SAY("206", "Content-Length: 10\r\nContent-Range: bytes 21-30/*\r\n", "0123456789"),
		SAY("206", "Content-Length: 10\r\nContent-Range: bytes 20-28/*\r\n", "0123456789"),
		SAY("206", "Content-Length: 11\r\nContent-Range: bytes 20-30/*\r\n", "0123456789a"),
		SAY("206", "Content-Length: 0\r\nContent-Range: bytes 20-19/*\r\n", ""),
		SAY("206", "Content-Length: 10\r\nContent-Range: bytes 20-29/*\r\n", "01234"),
		SAY("206", "Content-Length: 1\r\nContent-Range: bytes 20-18446744073709551636/*\r\n", "0"),
		SAY("302", "Location: /elsewhere\r\nContent-Length: 0\r\n", ""),
		SAY("500", "Content-Length: 0\r\n", ""),
	};
	mf_buf got = {0};
	mf_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert(read_from(bad[i], &got, &err) == MF_ENET, "%s", bad[i]);
		cr_assert(got.n == 0, "%s", bad[i]);
		cr_assert(strstr(err.text, "the bad server") != NULL, "%s", err.text);
	}
	cr_assert(read_from(SAY("206", "Content-Length: 3\r\nContent-Range: bytes 20-22/999\r\n", "abc"), &got, &err) ==
		MF_OK);
	cr_assert(mf_str_eq(mf_buf_str(&got), MF_STR("abc")));
	cr_assert(read_from(SAY("204", "", ""), &got, &err) == MF_OK && got.n == 3);
	mf_buf_free(&got);
}

Test(remote, nonsense_is_the_servers_fault)
{
	static const char *const body[] = {"", "\x80", "\xa0", "\xd9\x01\x02\x9f", "<html>"};
	mf_share_set set;
	mf_gbs_version v;
	mf_err err;

	for (size_t i = 0; i < sizeof(body) / sizeof(body[0]); i++) {
		char text[256];
		const char *const twice[] = {text, text};
		struct script script = {.answer = twice};
		struct serve *s = serve_start(play, &script);
		struct mf_remote *r = remote_plain(s);

		(void)snprintf(
			text, sizeof(text), SAY("200", "Content-Length: %zu\r\n", "%s"), strlen(body[i]), body[i]);
		cr_assert(mf_remote_version(r, &v, NULL, &err) == (i == 2 ? MF_EUNSUPPORTED : MF_ENET), "%zu", i);
		if (i != 1) /* an empty list is one */
			cr_assert(mf_remote_list(r, &share_0, &set, NULL, &err) == MF_ENET, "%zu", i);
		mf_remote_free(r);
		serve_stop(s);
	}
}

/* What the protocol's client makes of a connection that breaks after each of its requests. */
static unsigned
asked_when_lost(mf_code (*call)(struct mf_remote *, mf_err *), const char *const *answer, mf_code want)
{
	struct script script = {.answer = answer};
	struct serve *s = serve_start(play, &script);
	struct mf_remote *r = remote_plain(s);
	mf_err err = {.code = MF_OK};

	mf_code rc = call(r, &err);
	cr_assert(rc == want, "%s %s", mf_code_name(rc), err.text);
	mf_remote_free(r);
	serve_stop(s);
	return script.asked;
}

static mf_code
do_list(struct mf_remote *r, mf_err *err)
{
	mf_share_set set;

	return mf_remote_list(r, &share_0, &set, NULL, err);
}

static mf_code
do_allocate(struct mf_remote *r, mf_err *err)
{
	mf_gbs_allocate a = {.size = 10};
	mf_gbs_allocated got;

	mf_share_set_add(&a.shares, 1);
	mf_share_set_add(&a.shares, 2);
	mf_share_set_add(&a.shares, 3);
	mf_code rc = mf_remote_allocate(r, &upload, &a, &got, NULL, err);
	if (rc == MF_OK) /* 1 is there already, 2 was allocated, 3 is in neither set, 4 was not asked for */
		cr_assert(mf_share_set_count(&got.have) == 1 && mf_share_set_has(&got.have, 1) &&
			mf_share_set_count(&got.allocated) == 2 && mf_share_set_has(&got.allocated, 2) &&
			mf_share_set_has(&got.allocated, 3));
	return rc;
}

static mf_code
do_write(struct mf_remote *r, mf_err *err)
{
	bool complete;
	mf_code rc = mf_remote_write(r, &upload, 1, 0, MF_STR("all of it"), &complete, NULL, err);

	cr_assert(complete == (rc == MF_OK));
	return rc;
}

static mf_code
do_rtw(struct mf_remote *r, mf_err *err)
{
	static const uint8_t enabler[32] = {0};
	static const mf_remote_lease lease = {.renew = {0}};
	mf_rtw q = {.si = si, .enabler = enabler};
	mf_rtw_result got;

	return mf_remote_rtw(r, &q, &lease, &got, NULL, err);
}

#define ALLOCATED \
	SAY("200", "Content-Length: 35\r\n", \
		"\xa2\x6c" \
		"already-have\xd9\x01\x02\x81\x01\x69" \
		"allocated\xd9\x01\x02\x82\x02\x04")

Test(remote, a_lost_answer_is_asked_for_once_more_where_that_is_safe)
{
	static const char *const never[] = {"", "", ""};
	static const char *const list[] = {"", SAY("200", "Content-Length: 1\r\n", "\x80")};
	static const char *const allocate[] = {"", ALLOCATED};
	static const char *const write[] = {
		"", SAY("404", "Content-Length: 0\r\n", ""), SAY("200", "Content-Length: 2\r\n", "\x81\x01")};
	static const char *const gone[] = {
		"", SAY("404", "Content-Length: 0\r\n", ""), SAY("200", "Content-Length: 1\r\n", "\x80")};

	cr_assert(asked_when_lost(do_list, never, MF_ENET) == 2);
	cr_assert(asked_when_lost(do_list, list, MF_OK) == 2);
	cr_assert(asked_when_lost(do_allocate, allocate, MF_OK) == 2);
	cr_assert(asked_when_lost(do_write, write, MF_OK) == 3);
	cr_assert(asked_when_lost(do_write, gone, MF_ENOTFOUND) == 3);
	cr_assert(asked_when_lost(do_rtw, never, MF_ENET) == 1);
}
