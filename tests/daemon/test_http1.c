/* The HTTP server on a real loop, with clients that misbehave. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "daemon/http1.h"
#include "tests/grid/golden.h"

/* What the handler saw, and how it is to answer. */
static struct seen {
	unsigned requests, gone;
	char method[16], path[256], query[64], field[64];
	mf_buf body;
	bool delay;
	struct mf_http_req *waiting;
} seen;

struct world {
	uv_loop_t loop;
	struct mf_http *http;
	mf_endpoint bound;
};

static void
on_gone(void *arg)
{
	(void)arg;
	seen.gone++;
	seen.waiting = NULL;
}

static void
answer(struct mf_http_req *req)
{
	mf_http_reply_opts o = {.status = 200, .type = "text/plain"};
	mf_buf b = {0};

	mf_buf_addf(&b, "%u:%s", seen.requests, seen.path);
	mf_http_reply(req, &o, &b);
}

static void
handle(void *arg, struct mf_http_req *req)
{
	mf_str path = mf_http_path(req), query = mf_http_query(req), field;
	size_t n;

	(void)arg;
	seen.requests++;
	(void)snprintf(seen.method, sizeof(seen.method), "%s", mf_http_method(req));
	(void)snprintf(seen.path, sizeof(seen.path), "%.*s", (int)path.n, path.p);
	(void)snprintf(seen.query, sizeof(seen.query), "%.*s", (int)query.n, query.p);
	field = mf_http_field(req, "x-test", &n);
	(void)snprintf(seen.field, sizeof(seen.field), "%zu:%.*s", n, (int)field.n, field.p);
	seen.body.n = 0;
	mf_buf_adds(&seen.body, mf_http_body(req));
	if (seen.delay) {
		seen.waiting = req;
		mf_http_on_gone(req, on_gone, NULL);
	} else {
		answer(req);
	}
}

static void
open_world(struct world *w, const char *where, const mf_http_conf *limits)
{
	mf_http_conf conf = limits != NULL ? *limits : (mf_http_conf){0};
	mf_endpoint ep;
	mf_err err;

	memset(&seen, 0, sizeof(seen));
	conf.handler = handle;
	cr_assert(mf_endpoint_server(mf_strz(where), &ep, &err) == MF_OK, "%s", err.text);
	(void)uv_loop_init(&w->loop);
	cr_assert(mf_http_listen(&w->loop, &ep, &conf, &w->http, &w->bound, &err) == MF_OK, "%s", err.text);
}

static void
count_done(void *arg)
{
	++*(unsigned *)arg;
}

static void
close_world(struct world *w)
{
	unsigned done = 0;

	mf_http_close(w->http, count_done, &done);
	(void)uv_run(&w->loop, UV_RUN_DEFAULT);
	cr_assert(done == 1);
	cr_assert(uv_loop_close(&w->loop) == 0, "handles are left");
	mf_buf_free(&seen.body);
}

static int
dial(const struct world *w)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(w->bound.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	cr_assert(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	return fd;
}

/* Let the server work until @p want stands in what came, or the other end closed, or ms have passed. */
static bool
pump(struct world *w, int fd, mf_buf *got, const char *want, unsigned ms)
{
	char chunk[4096];

	for (unsigned i = 0; i <= ms; i++) {
		(void)uv_run(&w->loop, UV_RUN_NOWAIT);
		ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
		if (n > 0)
			mf_buf_add(got, chunk, (size_t)n);
		if (want != NULL && got->n > 0 && strstr((const char *)got->p, want) != NULL)
			return true;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return want == NULL;
		(void)usleep(1000);
	}
	return false;
}

static void
say(struct world *w, int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
		if (sent > 0) {
			text += sent;
			n -= (size_t)sent;
		} else {
			cr_assert(errno == EAGAIN, "the server closed while it was spoken to");
			(void)usleep(1000);
		}
		(void)uv_run(&w->loop, UV_RUN_NOWAIT);
	}
}

static void
say_text(struct world *w, int fd, const char *text)
{
	say(w, fd, text, strlen(text));
}

/* One exchange on a connection of its own: the answer's first line and more. */
static void
talk(struct world *w, const char *text, const char *want)
{
	mf_buf got = {0};
	int fd = dial(w);

	say(w, fd, text, strlen(text));
	cr_assert(pump(w, fd, &got, want, 3000), "for [%.60s] wanted [%s], got [%.200s]", text, want,
		got.p != NULL ? (const char *)got.p : "");
	(void)close(fd);
	mf_buf_free(&got);
}

Test(http1, answers_and_takes_requests_apart, .timeout = 20)
{
	struct world w;

	open_world(&w, "tcp:0:interface=127.0.0.1", NULL);
	talk(&w, "PUT /a%2Fb//c?x=1&y HTTP/1.1\r\nHost: h\r\nX-Test:  v w \r\nContent-Length: 3\r\n\r\nabc",
		"\r\n\r\n1:/a%2Fb//c");
	cr_assert(strcmp(seen.method, "PUT") == 0);
	cr_assert(strcmp(seen.query, "x=1&y") == 0);
	cr_assert(strcmp(seen.field, "1:v w") == 0, "%s", seen.field);
	cr_assert(mf_str_eq(mf_buf_str(&seen.body), MF_STR("abc")));
	talk(&w,
		"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Test: sly\r\n\r\n",
		"2:/c");
	cr_assert(mf_str_eq(mf_buf_str(&seen.body), MF_STR("abcde")));
	cr_assert(strcmp(seen.field, "0:") == 0, "a trailer passed for a header");
	talk(&w, "GET /old HTTP/1.0\r\n\r\n", "Connection: close");
	talk(&w, "GET /up HTTP/1.1\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "4:/up");
	talk(&w, "PUT /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", "100 Continue");
	close_world(&w);
}

Test(http1, head_has_no_body_but_its_length, .timeout = 20)
{
	struct world w;
	mf_buf got = {0};
	int fd;

	open_world(&w, "tcp:0:interface=127.0.0.1", NULL);
	fd = dial(&w);
	say_text(&w, fd, "HEAD /h HTTP/1.1\r\nConnection: close\r\n\r\n");
	cr_assert(pump(&w, fd, &got, NULL, 3000));
	cr_assert(strstr((const char *)got.p, "Content-Length: 4\r\n") != NULL);
	cr_assert(strcmp((const char *)got.p + got.n - 4, "\r\n\r\n") == 0, "a body followed");
	(void)close(fd);
	mf_buf_free(&got);
	close_world(&w);
}

Test(http1, pipelined_requests_are_answered_in_order, .timeout = 20)
{
	static const char two[] =
		"GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nxyGET /3 HTTP/1.1\r\n\r\n";
	struct world w;
	mf_buf got = {0};
	int fd;

	open_world(&w, "tcp:0:interface=127.0.0.1", NULL);
	fd = dial(&w);
	say(&w, fd, two, sizeof(two) - 1);
	(void)shutdown(fd, SHUT_WR); /* what was asked before the end is still answered */
	cr_assert(pump(&w, fd, &got, NULL, 3000));
	const char *one = strstr((const char *)got.p, "1:/1"), *second = strstr((const char *)got.p, "2:/2");
	const char *third = strstr((const char *)got.p, "3:/3");
	cr_assert(one != NULL && second > one && third > second, "%s", (const char *)got.p);
	(void)close(fd);
	mf_buf_free(&got);
	close_world(&w);
}

Test(http1, smuggling_and_garbage_get_400_and_the_end, .timeout = 60)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", " 400 "},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", " 400 "},
		{"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", " 400 "},
		{"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", " 400 "},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", " 400 "},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n", " 400 "},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			" 400 "},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", " 400 "},
		{"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", " 400 "},
		{"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", " 400 "},
		{"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", " 400 "},
		{"POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", " 400 "},
		{"POST / HTTP/1.1\r\nContent-Length\t: 3\r\n\r\nabc", " 400 "},
		{"GET /\r\n\r\n", " 400 "},
		{"\x16\x03\x01\x02\x00\x01 tls hello", " 400 "},
		{"GET / HTTP/2.0\r\n\r\n", " 505 "},
		{"CONNECT a:1 HTTP/1.1\r\n\r\n", " 405 "},
		{"POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", " 413 "},
	};
	struct world w;

	open_world(&w, "tcp:0:interface=127.0.0.1", NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		talk(&w, rows[i].text, rows[i].want);
	cr_assert(seen.requests == 0, "something bad reached the handler");
	close_world(&w);
}

Test(http1, oversize_heads_and_chunked_bodies_are_refused, .timeout = 60)
{
	struct world w;
	mf_buf text = {0};

	open_world(&w, "tcp:0:interface=127.0.0.1", NULL);
	mf_buf_addz(&text, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 101; i++)
		mf_buf_addf(&text, "A%d: b\r\n", i);
	mf_buf_addz(&text, "\r\n");
	talk(&w, (const char *)text.p, " 431 ");
	text.n = 0;
	mf_buf_addz(&text, "GET / HTTP/1.1\r\nA: ");
	for (int i = 0; i < 16500; i++)
		mf_buf_addc(&text, 'x');
	talk(&w, (const char *)text.p, " 431 ");
	text.n = 0;
	mf_buf_addz(&text, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n180000\r\n");
	for (int i = 0; i < 0x100001; i++)
		mf_buf_addc(&text, 'x');
	talk(&w, (const char *)text.p, " 413 ");
	cr_assert(seen.requests == 0);
	mf_buf_free(&text);
	close_world(&w);
}

Test(http1, a_client_that_leaves_is_noticed, .timeout = 20)
{
	struct world w;
	mf_buf got = {0};
	int fd;

	open_world(&w, "tcp:0:interface=127.0.0.1", NULL);
	seen.delay = true;
	fd = dial(&w);
	say_text(&w, fd, "PUT /slow HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
	(void)pump(&w, fd, &got, "x", 50);
	cr_assert(seen.waiting != NULL && seen.gone == 0);
	(void)close(fd);
	for (int i = 0; i < 1000 && seen.gone == 0; i++) {
		(void)uv_run(&w.loop, UV_RUN_NOWAIT);
		(void)usleep(1000);
	}
	cr_assert(seen.gone == 1);
	mf_buf_free(&got);
	close_world(&w);
}

Test(http1, a_late_answer_arrives, .timeout = 20)
{
	struct world w;
	mf_buf got = {0};
	int fd;

	open_world(&w, "tcp:0:interface=127.0.0.1", NULL);
	seen.delay = true;
	fd = dial(&w);
	say_text(&w, fd, "PUT /slow HTTP/1.1\r\nContent-Length: 0\r\n\r\nGET /next HTTP/1.1\r\n\r\n");
	(void)pump(&w, fd, &got, "x", 50);
	cr_assert(seen.requests == 1, "the second request must wait for the first");
	seen.delay = false;
	answer(seen.waiting);
	cr_assert(pump(&w, fd, &got, "2:/next", 3000));
	cr_assert(strstr((const char *)got.p, "1:/slow") != NULL);
	cr_assert(seen.gone == 0);
	(void)close(fd);
	mf_buf_free(&got);
	close_world(&w);
}

Test(http1, closing_the_server_tells_waiting_handlers, .timeout = 20)
{
	struct world w;
	mf_buf got = {0};
	int fd;

	open_world(&w, "tcp:0:interface=127.0.0.1", NULL);
	seen.delay = true;
	fd = dial(&w);
	say_text(&w, fd, "GET /slow HTTP/1.1\r\n\r\n");
	(void)pump(&w, fd, &got, "x", 50);
	close_world(&w);
	cr_assert(seen.gone == 1);
	(void)close(fd);
	mf_buf_free(&got);
}

Test(http1, slow_and_idle_clients_are_dropped, .timeout = 20)
{
	const mf_http_conf limits = {.idle_ms = 100, .request_ms = 100};
	struct world w;
	mf_buf got = {0};
	int fd, idle;

	open_world(&w, "tcp:0:interface=127.0.0.1", &limits);
	idle = dial(&w);
	fd = dial(&w);
	say_text(&w, fd, "GET / HTTP/1.1\r\nA: ");
	cr_assert(pump(&w, fd, &got, " 408 ", 3000));
	got.n = 0;
	cr_assert(pump(&w, idle, &got, NULL, 3000) && got.n == 0, "an idle connection stays");
	(void)close(fd);
	(void)close(idle);
	mf_buf_free(&got);
	close_world(&w);
}

Test(http1, too_many_connections_get_503, .timeout = 20)
{
	const mf_http_conf limits = {.conns = 3};
	struct world w;
	mf_buf got = {0};
	int fd[4];

	open_world(&w, "tcp:0:interface=127.0.0.1", &limits);
	for (int i = 0; i < 3; i++) {
		fd[i] = dial(&w);
		(void)pump(&w, fd[i], &got, "x", 10);
	}
	fd[3] = dial(&w);
	cr_assert(pump(&w, fd[3], &got, " 503 ", 3000));
	got.n = 0;
	say_text(&w, fd[0], "GET /still HTTP/1.1\r\n\r\n");
	cr_assert(pump(&w, fd[0], &got, "/still", 3000), "an old connection suffered");
	for (int i = 0; i < 4; i++)
		(void)close(fd[i]);
	mf_buf_free(&got);
	close_world(&w);
}

Test(http1, unix_sockets_work_and_stale_ones_are_swept, .timeout = 20)
{
	char dir[] = "/tmp/mf-http-XXXXXX", where[64];
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct world w;
	mf_buf got = {0};
	int fd, stale;

	cr_assert(mkdtemp(dir) != NULL);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/sock", dir);
	(void)snprintf(where, sizeof(where), "unix:%s/sock", dir);
	stale = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert(bind(stale, (struct sockaddr *)&at, sizeof(at)) == 0);
	(void)close(stale);
	open_world(&w, where, NULL);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	cr_assert(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	say_text(&w, fd, "GET /u HTTP/1.1\r\n\r\n");
	cr_assert(pump(&w, fd, &got, "1:/u", 3000));
	(void)close(fd);
	mf_buf_free(&got);
	close_world(&w);
	cr_assert(access(at.sun_path, F_OK) != 0, "the socket's file is left");
	(void)rmdir(dir);
}

/* -- over TLS ----------------------------------------------------------------------------------------- */

static struct mf_tls_ctx *
test_tls(void)
{
	mf_buf pem = golden_file("../daemon/node.pem");
	struct mf_tls_ctx *ctx;
	mf_err err;

	cr_assert(mf_tls_ctx_new(MF_STR("no certificate"), &ctx, &err) == MF_EFORMAT && ctx == NULL);
	cr_assert(mf_tls_ctx_new(mf_buf_str(&pem), &ctx, &err) == MF_OK, "%s", err.text);
	mf_buf_free(&pem);
	return ctx;
}

/* Until OpenSSL neither wants to read nor to write; the server works meanwhile.  What was read goes to @p got. */
static bool
tls_talk(struct world *w, SSL *ssl, const char *text, mf_buf *got, const char *want)
{
	char chunk[4096];

	for (int i = 0; i < 10000; i++) {
		(void)uv_run(&w->loop, UV_RUN_NOWAIT);
		if (text != NULL && SSL_write(ssl, text, (int)strlen(text)) > 0)
			text = NULL; /* SSL_write() makes the handshake first */
		int n = text == NULL ? SSL_read(ssl, chunk, sizeof(chunk)) : 0;
		if (n > 0)
			mf_buf_add(got, chunk, (size_t)n);
		if (want != NULL && got->n > 0 && strstr((const char *)got->p, want) != NULL)
			return true;
		if (text == NULL && n <= 0 && SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN)
			return want == NULL;
		(void)usleep(1000);
	}
	return false;
}

Test(http1, speaks_tls_where_it_is_asked_to, .timeout = 60)
{
	struct mf_tls_ctx *tls = test_tls();
	const mf_http_conf limits = {.tls = tls};
	struct world w;
	mf_buf got = {0};
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	open_world(&w, "tcp:0:interface=127.0.0.1", &limits);
	for (int old = 0; old < 2; old++) {
		int fd = dial(&w);
		SSL *ssl = SSL_new(ctx);

		if (old)
			(void)SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
		(void)SSL_set_fd(ssl, fd);
		SSL_set_connect_state(ssl);
		got.n = 0;
		cr_assert(tls_talk(&w, ssl, "POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", &got, ":/a"));
		cr_assert(mf_str_eq(mf_buf_str(&seen.body), MF_STR("hi")));
		got.n = 0;
		cr_assert(tls_talk(&w, ssl, "GET /b HTTP/1.1\r\nConnection: close\r\n\r\n", &got, NULL),
			"it does not say that it closes");
		cr_assert(strstr((const char *)got.p, ":/b") != NULL);
		SSL_free(ssl);
		(void)close(fd);
	}
	mf_buf_free(&got);
	close_world(&w);
	SSL_CTX_free(ctx);
	mf_tls_ctx_free(tls);
}

Test(http1, what_is_no_tls_or_too_old_a_one_is_closed, .timeout = 60)
{
	struct mf_tls_ctx *tls = test_tls();
	const mf_http_conf limits = {.tls = tls, .strangers = 4, .stranger_ms = 200};
	struct world w;
	mf_buf got = {0};
	int fd, idle;

	open_world(&w, "tcp:0:interface=127.0.0.1", &limits);
	fd = dial(&w);
	say_text(&w, fd, "GET / HTTP/1.1\r\n\r\n");
	cr_assert(pump(&w, fd, &got, NULL, 3000));
	(void)close(fd);
	fd = dial(&w);
	say(&w, fd, "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10);
	cr_assert(pump(&w, fd, &got, NULL, 3000));
	idle = dial(&w);
	say(&w, idle, "\x16", 1);
	cr_assert(pump(&w, idle, &got, NULL, 3000), "a handshake may take for ever");
	cr_assert(seen.requests == 0);
	(void)close(fd);
	(void)close(idle);
	mf_buf_free(&got);
	close_world(&w);
	mf_tls_ctx_free(tls);
}

Test(http1, an_address_in_use_is_named, .timeout = 20)
{
	struct world w;
	struct mf_http *second;
	mf_http_conf conf = {.handler = handle};
	mf_endpoint again;
	mf_err err;

	open_world(&w, "tcp:0:interface=127.0.0.1", NULL);
	cr_assert(mf_http_listen(&w.loop, &w.bound, &conf, &second, &again, &err) == MF_EBUSY);
	cr_assert(strncmp(err.text, "Couldn't listen on 127.0.0.1:", 29) == 0, "%s", err.text);
	cr_assert(strstr(err.text, "[Errno 98] Address already in use.") != NULL, "%s", err.text);
	close_world(&w);
}
