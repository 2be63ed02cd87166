/* Websocket frames: whatever a client sends after the handshake, the server lives, messages are within their bounds, and
 * text is UTF-8.  The last byte says where the stream is cut in two. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/unicode.h"
#include "daemon/websocket.h"
#include "tests/fuzz/fuzz.h"

enum { TURNS = 60, MAX_MESSAGE = 4096 };

static struct mf_websocket *open_ws;

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
on_message(void *arg, enum mf_websocket_kind kind, mf_str bytes)
{
	(void)arg;
	must(bytes.n <= MAX_MESSAGE && (kind == MF_WEBSOCKET_BINARY || mf_utf8_valid(bytes)));
	must(open_ws != NULL);
	if (kind == MF_WEBSOCKET_TEXT)
		mf_websocket_send(open_ws, bytes);
	if (bytes.n == 1)
		mf_websocket_close(open_ws, 4000, "one byte");
	if (bytes.n == 2)
		mf_websocket_drop(open_ws);
}

static void
on_closed(void *arg)
{
	(void)arg;
	must(open_ws != NULL);
	open_ws = NULL;
}

static void
handle(void *arg, struct mf_http_req *req)
{
	static const mf_websocket_events events = {on_message, on_closed};
	const mf_websocket_conf conf = {.events = &events, .max_message = MAX_MESSAGE, .max_queue = 1 << 16};

	(void)arg;
	open_ws = mf_websocket_accept(req, &conf, NULL);
	must(open_ws != NULL);
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

	(void)snprintf(where.path, sizeof(where.path), "/tmp/mf-fuzz-ws-%ld", (long)getpid());
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", where.path);
	must(mf_http_listen(loop, &where, &conf, out, &bound, NULL) == MF_OK);
	must(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char handshake[] =
		"GET /v1 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
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
	must(send(fd, handshake, sizeof(handshake) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(handshake) - 1);
	size_t first = n > 0 ? p[n - 1] % (n + 1) : 0;
	for (int turn = 0; turn < TURNS; turn++) {
		size_t at = turn == 0 ? 0 : first, len = turn == 0 ? first : n - first;
		if (turn < 2 && len > 0)
			(void)send(fd, p + at, len, MSG_NOSIGNAL);
		if (uv_run(&loop, UV_RUN_NOWAIT) == 0)
			break;
		ssize_t got = recv(fd, waste, sizeof(waste), 0);
		if (got == 0)
			break;
	}
	mf_http_close(http, closed, &done);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	must(done && open_ws == NULL && uv_loop_close(&loop) == 0);
	(void)close(fd);
	return 0;
}
