/* Websocket frames: whatever a client sends after the handshake, the server lives, messages are within their bounds, and
 * text is UTF-8.  The last byte says where the stream is cut in two. */
#include <sys/socket.h>

#include "base/unicode.h"
#include "daemon/websocket.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/served.h"

enum { TURNS = 60, MAX_MESSAGE = 4096 };

static struct mf_websocket *open_ws;

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

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char handshake[] =
		"GET /v1 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	struct served s;

	if (n > 65536)
		return 0;
	served_start(&s, "websocket", handle);
	must(send(s.fd, handshake, sizeof(handshake) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(handshake) - 1);
	served_talk(&s, p, n, false, TURNS);
	served_stop(&s);
	must(open_ws == NULL);
	return 0;
}
