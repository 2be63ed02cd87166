/* HTTP requests: whatever bytes come over a connection, the server lives, limits hold, and every request that gets
 * through is answered. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/api.h"
#include "tests/fuzz/fuzz.h"

enum { TURNS = 200 };

static void
must(bool good)
{
	if (!good)
		abort();
}

/* Looks at all that a handler of ours looks at, and answers. */
static void
handle(void *arg, struct mf_http_req *req)
{
	const mf_http_reply_opts o = {.status = 200, .type = "text/plain"};
	mf_buf body = {0}, text = {0};
	mf_str path = mf_http_path(req), query = mf_http_query(req), sent = mf_http_body(req);
	size_t n;

	(void)arg;
	must(path.n + query.n <= MF_HTTP_MAX_HEADER && sent.n <= MF_HTTP_MAX_BODY);
	must(mf_http_method(req)[0] != '\0');
	mf_str field = mf_http_field(req, "authorization", &n);
	must(n <= MF_HTTP_MAX_FIELDS && field.n <= MF_HTTP_MAX_HEADER);
	if (mf_api_decode(path, false, &text))
		must(memchr(text.p != NULL ? text.p : (const uint8_t *)"", 0, text.n) == NULL);
	text.n = 0;
	(void)mf_api_query(req, "path", &text);
	json_decref(mf_json_parse(sent, NULL));
	mf_buf_adds(&body, path);
	mf_http_reply(req, &o, &body);
	mf_buf_free(&text);
}

static void
closed(void *arg)
{
	*(bool *)arg = true;
}

/* A server on a unix socket of this process, and a connection to it. */
static int
serve(uv_loop_t *loop, struct mf_http **out)
{
	mf_endpoint where = {.kind = MF_ENDPOINT_UNIX, .mode = 0600}, bound;
	const mf_http_conf conf = {.handler = handle};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)snprintf(where.path, sizeof(where.path), "/tmp/mf-fuzz-http-%ld", (long)getpid());
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", where.path);
	must(mf_http_listen(loop, &where, &conf, out, &bound, NULL) == MF_OK);
	must(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uv_loop_t loop;
	struct mf_http *http;
	bool done = false;
	char waste[4096];
	int fd;

	if (n > 65536)
		return 0;
	(void)signal(SIGPIPE, SIG_IGN);
	must(uv_loop_init(&loop) == 0);
	fd = serve(&loop, &http);
	/* in two pieces, so that every place is once the end of a read */
	size_t first = n > 0 ? p[n - 1] % (n + 1) : 0;
	for (int turn = 0; turn < TURNS; turn++) {
		size_t at = turn == 0 ? 0 : first, len = turn == 0 ? first : n - first;
		if (turn < 2 && len > 0)
			(void)send(fd, p + at, len, MSG_NOSIGNAL);
		if (turn == 2)
			(void)shutdown(fd, SHUT_WR);
		if (uv_run(&loop, UV_RUN_NOWAIT) == 0)
			break;
		ssize_t got = recv(fd, waste, sizeof(waste), 0);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
	}
	mf_http_close(http, closed, &done);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	must(done && uv_loop_close(&loop) == 0);
	(void)close(fd);
	return 0;
}
