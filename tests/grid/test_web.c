/* Exchanges with servers that answer well, badly, and never. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "grid/web.h"
#include "tests/grid/serve.h"

#define OK(call) cr_assert((call) == MF_OK, "%s: %s", #call, err.text)

/* What the server answers to everything, and what it was asked last. */
struct told {
	pthread_mutex_t lock; /* connections have threads of their own */
	const char *answer;
	enum serve_then then;
	mf_buf method, target, head, body;
};

static enum serve_then
tell(void *arg, const serve_request *q, mf_buf *out)
{
	struct told *t = arg;

	(void)pthread_mutex_lock(&t->lock);
	t->method.n = t->target.n = t->head.n = t->body.n = 0;
	mf_buf_adds(&t->method, q->method);
	mf_buf_adds(&t->target, q->target);
	mf_buf_adds(&t->head, q->head);
	mf_buf_adds(&t->body, q->body);
	(void)pthread_mutex_unlock(&t->lock);
	mf_buf_addz(out, t->answer);
	return t->then;
}

struct stage {
	struct told told;
	struct serve *server;
	struct mf_web *http;
	char url[128];
};

static void
stage_init(struct stage *s, const char *answer, enum serve_then then)
{
	mf_err err;

	*s = (struct stage){.told = {.lock = PTHREAD_MUTEX_INITIALIZER, .answer = answer, .then = then}};
	s->server = serve_start(tell, &s->told);
	OK(mf_web_new(&(mf_web_conf){.who = "the test"}, &s->http, &err));
	(void)snprintf(s->url, sizeof(s->url), "%s/a/../b%%2Fc?t=1", serve_url(s->server));
}

static void
stage_stop_server(struct stage *s)
{
	serve_stop(s->server);
	s->server = NULL;
}

static void
stage_deinit(struct stage *s)
{
	if (s->server != NULL)
		stage_stop_server(s);
	mf_web_free(s->http);
	mf_buf_free(&s->told.method);
	mf_buf_free(&s->told.target);
	mf_buf_free(&s->told.head);
	mf_buf_free(&s->told.body);
}

static mf_code
collect(void *arg, const void *p, size_t n, mf_err *err)
{
	(void)err;
	mf_buf_add(arg, p, n);
	return MF_OK;
}

Test(web, what_is_asked_is_sent_as_it_is, .timeout = 30)
{
	struct stage s;
	mf_web_reply r;
	mf_source body = mf_source_mem("hello", 5), empty = mf_source_mem(NULL, 0);
	const char *const header[] = {"X-One: 1", NULL};
	mf_err err;

	stage_init(&s, "HTTP/1.1 201 Made\r\nContent-Length: 2\r\nX-Two:  b \r\n\r\nok", SERVE_KEEP);
	OK(mf_web_do(s.http,
		&(mf_web_request){.method = "PUT", .url = s.url, .header = header, .body = &body, .body_max = 2}, &r,
		NULL, &err));
	cr_assert(r.status == 201 && r.reached && mf_str_eq(mf_buf_str(&r.body), MF_STR("ok")));
	cr_assert(mf_str_eq(mf_web_header(&r, "x-two"), MF_STR("b")) && mf_web_header(&r, "x-tw").n == 0);
	mf_web_reply_free(&r);
	cr_assert(mf_str_eq(mf_buf_str(&s.told.method), MF_STR("PUT")));
	cr_assert(mf_str_eq(mf_buf_str(&s.told.target), MF_STR("/a/../b%2Fc?t=1")));
	cr_assert(mf_str_eq(mf_buf_str(&s.told.body), MF_STR("hello")));
	cr_assert(strstr((char *)s.told.head.p, "X-One: 1\r\n") != NULL);
	cr_assert(strstr((char *)s.told.head.p, "Expect") == NULL);
	cr_assert(strstr((char *)s.told.head.p, "Accept-Encoding") == NULL);

	OK(mf_web_do(s.http, &(mf_web_request){.method = "POST", .url = s.url, .body = &empty, .body_max = 2}, &r, NULL,
		&err));
	mf_web_reply_free(&r);
	cr_assert(mf_str_eq(mf_buf_str(&s.told.method), MF_STR("POST")) && s.told.body.n == 0);
	cr_assert(strstr((char *)s.told.head.p, "Content-Length: 0\r\n") != NULL);
	OK(mf_web_do(s.http, &(mf_web_request){.method = "GET", .url = s.url, .body_max = 2}, &r, NULL, &err));
	mf_web_reply_free(&r);
	cr_assert(mf_str_eq(mf_buf_str(&s.told.method), MF_STR("GET")));
	cr_assert(strstr((char *)s.told.head.p, "X-One") == NULL && strstr((char *)s.told.head.p, "Content-") == NULL);
	cr_assert(serve_connections(s.server) == 1, "one connection served all three");
	stage_deinit(&s);
}

struct dozen {
	struct stage *s;
	atomic_uint good;
};

static void *
ask_ten_times(void *arg)
{
	struct dozen *d = arg;

	for (int i = 0; i < 10; i++) {
		mf_buf got = {0};
		mf_web_reply r;
		mf_web_request q = {.method = "GET", .url = d->s->url, .sink = collect, .sink_arg = &got};

		if (mf_web_do(d->s->http, &q, &r, NULL, NULL) == MF_OK && mf_str_eq(mf_buf_str(&got), MF_STR("abcdef")))
			atomic_fetch_add(&d->good, 1);
		mf_web_reply_free(&r);
		mf_buf_free(&got);
	}
	return NULL;
}

static enum serve_then
say_abcdef(void *arg, const serve_request *q, mf_buf *out)
{
	(void)arg;
	(void)q;
	mf_buf_addz(out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
	return SERVE_KEEP;
}

Test(web, many_threads_share_it_and_use_connections_again, .timeout = 60)
{
	struct stage s = {.server = serve_start(say_abcdef, NULL)};
	struct dozen d = {.s = &s};
	pthread_t t[6];
	mf_err err;

	OK(mf_web_new(&(mf_web_conf){.who = "the test"}, &s.http, &err));
	(void)snprintf(s.url, sizeof(s.url), "%s/", serve_url(s.server));
	for (int i = 0; i < 6; i++)
		(void)pthread_create(&t[i], NULL, ask_ten_times, &d);
	for (int i = 0; i < 6; i++)
		(void)pthread_join(t[i], NULL);
	cr_assert(d.good == 60, "%u", (unsigned)d.good);
	cr_assert(serve_connections(s.server) <= 6);
	mf_web_rest(s.http);
	(void)ask_ten_times(&d);
	cr_assert(d.good == 70);
	stage_deinit(&s);
}

/* Bytes made up as they are asked for. */
static mf_code
count_up(void *arg, uint64_t off, void *p, size_t n, mf_err *err)
{
	uint64_t *fail_at = arg;

	if (off >= *fail_at)
		return mf_fail(err, MF_ECHANGED, 0, "the file became shorter");
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)((off + i) % 251);
	return MF_OK;
}

Test(web, a_body_is_streamed_and_its_failure_is_the_callers, .timeout = 60)
{
	struct stage s;
	mf_web_reply r;
	uint64_t never = UINT64_MAX, half = 500000;
	mf_source src = {.read = count_up, .arg = &never, .size = 3000000};
	mf_web_request q = {.method = "PUT", .body = &src, .body_max = 10};
	mf_err err;

	stage_init(&s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", SERVE_KEEP);
	q.url = s.url;
	OK(mf_web_do(s.http, &q, &r, NULL, &err));
	mf_web_reply_free(&r);
	cr_assert(s.told.body.n == 3000000 && s.told.body.p[2999999] == 2999999 % 251);
	src.arg = &half;
	cr_assert(mf_web_do(s.http, &q, &r, NULL, &err) == MF_ECHANGED && strstr(err.text, "shorter") != NULL);
	mf_web_reply_free(&r);
	stage_deinit(&s);
}

Test(web, bad_answers_are_errors_of_the_network, .timeout = 120)
{
	static const struct {
		const char *answer;
		enum serve_then then;
	} bad[] = {
		{"", SERVE_CLOSE},
		{"nonsense\r\n\r\n", SERVE_CLOSE},
		{"HTTP/1.1 200 OK\r\nContent-Len", SERVE_CLOSE},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", SERVE_CLOSE},
		{"HTTP/1.1 200 OK\r\nContent-Length: -9\r\n\r\nhalf", SERVE_CLOSE},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", SERVE_CLOSE},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n", SERVE_CLOSE},
		{"HTTP/1.1 200 OK\r\nContent-Length: "
		 "101\r\n\r\n0123456789012345678901234567890123456789012345678901234567890"
		 "1234567890123456789012345678901234567890",
			SERVE_KEEP},
		{"HTTP/1.1 200 OK\r\n\r\nagain and again", SERVE_AGAIN},
		{"X-And: so on\r\n", SERVE_AGAIN},
		{"HTTP/1.1 100 Continue\r\n\r\n", SERVE_AGAIN},
		{"HTTP/1.1 200 OK\r\n", SERVE_SILENCE},
		{"", SERVE_SILENCE},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", SERVE_SILENCE},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct stage s;
		mf_web_reply r;
		mf_err err;

		stage_init(&s, bad[i].answer, bad[i].then);
		mf_code rc = mf_web_do(s.http,
			&(mf_web_request){.method = "GET", .url = s.url, .body_max = 100, .silence_s = 1}, &r, NULL,
			&err);
		cr_assert(rc == MF_ENET, "%zu: %d %s", i, rc, err.text);
		cr_assert(
			strstr(err.text, "the test") != NULL && strstr(err.text, "127.0.0.1") == NULL, "%s", err.text);
		cr_assert(r.body.n <= 100 && r.reached, "%zu", i);
		mf_web_reply_free(&r);
		stage_deinit(&s);
	}
}

Test(web, a_redirect_is_an_answer_and_a_long_refusal_is_cut, .timeout = 30)
{
	struct stage s;
	mf_web_reply r;
	mf_err err;

	stage_init(&s, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", SERVE_KEEP);
	OK(mf_web_do(s.http, &(mf_web_request){.method = "GET", .url = s.url, .body_max = 9}, &r, NULL, &err));
	cr_assert(r.status == 302 && mf_str_eq(mf_web_header(&r, "Location"), MF_STR("/")));
	mf_web_reply_free(&r);
	stage_deinit(&s);

	stage_init(&s, "HTTP/1.1 500 Oh\r\n\r\n<html>Traceback, a long one", SERVE_AGAIN);
	OK(mf_web_do(s.http, &(mf_web_request){.method = "GET", .url = s.url, .body_max = 9}, &r, NULL, &err));
	cr_assert(r.status == 500 && r.body.n == MF_WEB_REFUSAL_MAX);
	mf_web_reply_free(&r);
	stage_deinit(&s);
}

static void *
cancel_soon(void *arg)
{
	(void)usleep(50000);
	atomic_store(&((mf_cancel *)arg)->on, true);
	return NULL;
}

Test(web, a_cancel_ends_it_and_nobody_there_was_not_reached, .timeout = 30)
{
	struct stage s;
	mf_cancel cancel = {0};
	pthread_t t;
	mf_web_reply r;
	mf_err err;

	stage_init(&s, "", SERVE_SILENCE);
	(void)pthread_create(&t, NULL, cancel_soon, &cancel);
	cr_assert(
		mf_web_do(s.http, &(mf_web_request){.method = "GET", .url = s.url}, &r, &cancel, &err) == MF_ECANCELED);
	(void)pthread_join(t, NULL);
	mf_web_reply_free(&r);
	stage_stop_server(&s);
	cr_assert(mf_web_do(s.http, &(mf_web_request){.method = "GET", .url = s.url}, &r, NULL, &err) == MF_ENET);
	cr_assert(!r.reached && r.status == 0);
	mf_web_reply_free(&r);
	cr_assert(mf_web_do(s.http, &(mf_web_request){.method = "GET", .url = "file:///etc/passwd"}, &r, NULL, &err) ==
		MF_ENET);
	mf_web_reply_free(&r);
	stage_deinit(&s);
}
