/* Websockets on a real loop: the handshake, frames as they may and may not be, slow and silent clients. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/websocket.h"

enum { TEXT = 0x81, BINARY = 0x82, CLOSE = 0x88, PING = 0x89, PONG = 0x8a, FIN = 0x80, MAX_MESSAGE = 70000 };

#define HANDSHAKE \
	"GET /v1 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

/* The server: what comes is sent back; one connection is looked at. */
static struct world {
	uv_loop_t loop;
	struct mf_http *http;
	mf_endpoint bound;
	mf_websocket_conf conf;
	size_t queued;
	struct mf_websocket *last; /* NULL: closed */
	unsigned messages, closed;
	size_t bytes;
} w;

static void
on_message(void *arg, enum mf_websocket_kind kind, mf_str bytes)
{
	(void)arg;
	(void)kind;
	w.messages++;
	w.bytes += bytes.n;
	mf_websocket_send(w.last, bytes);
}

static void
on_closed(void *arg)
{
	(void)arg;
	w.closed++;
	w.last = NULL;
}

static void
handle(void *arg, struct mf_http_req *req)
{
	struct mf_websocket *ws = mf_websocket_accept(req, &w.conf, arg);

	if (ws != NULL)
		w.last = ws;
}

static void
open_world(const char *where)
{
	static const mf_websocket_events events = {on_message, on_closed};
	const mf_http_conf conf = {.handler = handle};
	mf_endpoint ep;
	mf_err err;

	memset(&w, 0, sizeof(w));
	w.conf = (mf_websocket_conf){.events = &events,
		.max_message = MAX_MESSAGE,
		.max_queue = 1 << 20,
		.queued = &w.queued,
		.max_queued = 1 << 24};
	cr_assert(mf_endpoint_server(mf_strz(where), &ep, &err) == MF_OK, "%s", err.text);
	(void)uv_loop_init(&w.loop);
	cr_assert(mf_http_listen(&w.loop, &ep, &conf, &w.http, &w.bound, &err) == MF_OK, "%s", err.text);
}

static void
count_done(void *arg)
{
	++*(unsigned *)arg;
}

static void
close_world(void)
{
	unsigned done = 0;

	mf_http_close(w.http, count_done, &done);
	(void)uv_run(&w.loop, UV_RUN_DEFAULT);
	cr_assert(done == 1 && w.last == NULL);
	cr_assert(w.queued == 0, "%zu bytes are counted that nobody waits for", w.queued);
	cr_assert(uv_loop_close(&w.loop) == 0, "handles are left");
}

/* -- a client ---------------------------------------------------------------------------------------------- */

static int
dial(void)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(w.bound.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	cr_assert(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	return fd;
}

/* Let the server work, and note what comes; true when @p n bytes (SIZE_MAX: the end) have come in 30 s. */
static bool
pump(int fd, mf_buf *got, size_t n)
{
	char chunk[16384];

	for (unsigned i = 0; i <= 30000 && got->n < n; i++) {
		(void)uv_run(&w.loop, UV_RUN_NOWAIT);
		size_t left = n - got->n;
		ssize_t came = recv(fd, chunk, left < sizeof(chunk) ? left : sizeof(chunk), 0);
		if (came > 0)
			mf_buf_add(got, chunk, (size_t)came);
		else if (came == 0 || errno == ECONNRESET)
			return n == SIZE_MAX;
		else
			(void)usleep(1000);
	}
	return got->n >= n;
}

static void
say(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
		if (sent > 0) {
			at += sent;
			n -= (size_t)sent;
		} else {
			cr_assert(errno == EAGAIN, "the server closed while it was spoken to");
		}
		(void)uv_run(&w.loop, UV_RUN_NOWAIT);
	}
}

static int
shake(void)
{
	static const char end[] = "\r\n\r\n";
	int fd = dial();
	mf_buf got = {0};

	say(fd, HANDSHAKE, sizeof(HANDSHAKE) - 1);
	for (size_t n = 1; got.n < 4 || memcmp(got.p + got.n - 4, end, 4) != 0; n = got.n + 1)
		cr_assert(pump(fd, &got, n));
	mf_buf_addc(&got, '\0');
	cr_assert(strstr((char *)got.p, "HTTP/1.1 101 ") == (char *)got.p, "%s", (char *)got.p);
	/* the example of RFC 6455, 1.3 */
	cr_assert(strstr((char *)got.p, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != NULL);
	mf_buf_free(&got);
	return fd;
}

static void
add_frame(mf_buf *out, unsigned first, bool masked, const void *p, size_t n)
{
	static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
	unsigned top = masked ? 0x80 : 0;

	mf_buf_addc(out, (char)first);
	if (n < 126) {
		mf_buf_addc(out, (char)(top | n));
	} else if (n < 65536) {
		mf_buf_addc(out, (char)(top | 126));
		mf_buf_add_u16(out, (uint16_t)n);
	} else {
		mf_buf_addc(out, (char)(top | 127));
		mf_buf_add_u64(out, n);
	}
	if (masked)
		mf_buf_add(out, mask, 4);
	for (size_t i = 0; i < n; i++)
		mf_buf_addc(out, (char)(((const uint8_t *)p)[i] ^ (masked ? mask[i % 4] : 0)));
}

static void
say_frame(int fd, unsigned first, const void *p, size_t n)
{
	mf_buf out = {0};

	add_frame(&out, first, true, p, n);
	say(fd, out.p, out.n);
	mf_buf_free(&out);
}

/* The next bytes are exactly this frame of the server's. */
static void
hear_frame(int fd, unsigned first, const void *p, size_t n)
{
	mf_buf want = {0}, got = {0};

	add_frame(&want, first, false, p, n);
	cr_assert(pump(fd, &got, want.n), "%zu bytes of %zu came", got.n, want.n);
	cr_assert(mf_str_eq(mf_buf_str(&want), mf_buf_str(&got)), "another frame came: %02x", got.p[0]);
	mf_buf_free(&want);
	mf_buf_free(&got);
}

/* -- tests ---------------------------------------------------------------------------------------------------- */

static void
refused(const char *request, const char *want)
{
	int fd = dial();
	mf_buf got = {0};

	say(fd, request, strlen(request));
	cr_assert(pump(fd, &got, 12));
	cr_assert(memcmp(got.p + 9, want, 3) == 0, "[%s]: %.*s", request, (int)got.n, (char *)got.p);
	(void)close(fd);
	mf_buf_free(&got);
}

Test(websocket, handshakes_that_are_none_are_told, .timeout = 60)
{
#define UP "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
	open_world("tcp:0:interface=127.0.0.1");
	refused("GET /v1 HTTP/1.1\r\n\r\n", "426");
	refused("GET /v1 HTTP/1.1\r\nUpgrade: websocket\r\n" KEY V13 "\r\n", "426");
	refused("GET /v1 HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" KEY V13 "\r\n", "426");
	refused("POST /v1 HTTP/1.1\r\nContent-Length: 0\r\n" UP KEY V13 "\r\n", "405");
	refused("GET /v1 HTTP/1.1\r\n" UP KEY "\r\n", "400");
	refused("GET /v1 HTTP/1.1\r\n" UP KEY "Sec-WebSocket-Version: 12\r\n\r\n", "400");
	refused("GET /v1 HTTP/1.1\r\n" UP KEY V13 V13 "\r\n", "400");
	refused("GET /v1 HTTP/1.1\r\n" UP V13 "\r\n", "400");
	refused("GET /v1 HTTP/1.1\r\n" UP KEY KEY V13 "\r\n", "400");
	refused("GET /v1 HTTP/1.1\r\n" UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n\r\n", "400");
	refused("GET /v1 HTTP/1.1\r\n" UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n\r\n", "400");
	refused("GET /v1 HTTP/1.1\r\n" UP V13 "Sec-WebSocket-Key: ????????????????????????\r\n\r\n", "400");
	refused("GET /v1 HTTP/1.1\r\nUPGRADE: h2c , WebSocket\r\nConnection: close,\tUpgrade\r\n" KEY
		"Sec-WebSocket-Version: 8\r\n\r\n",
		"101");
	close_world();
	cr_assert(w.closed == 1);
}

Test(websocket, frames_of_every_length_come_back, .timeout = 60)
{
	static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, MAX_MESSAGE};
	static char big[MAX_MESSAGE];
	int fd;

	open_world("tcp:0:interface=127.0.0.1");
	memset(big, 'x', sizeof(big));
	fd = shake();
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		say_frame(fd, TEXT, big, lengths[i]);
		hear_frame(fd, TEXT, big, lengths[i]);
	}
	say_frame(fd, BINARY, "\xff\x00", 2);
	hear_frame(fd, TEXT, "\xff\x00", 2);
	(void)close(fd);
	close_world();
	cr_assert(w.messages == sizeof(lengths) / sizeof(*lengths) + 1);
}

Test(websocket, pieces_and_pings_between_them_are_put_together, .timeout = 60)
{
	mf_buf all = {0};
	int fd;

	open_world("tcp:0:interface=127.0.0.1");
	fd = shake();
	/* a character is cut in two; the ping is answered first */
	add_frame(&all, 0x01, true, "h\xc3", 2);
	add_frame(&all, PING, true, "now", 3);
	add_frame(&all, 0x00, true, "", 0);
	add_frame(&all, PONG, true, "?", 1);
	add_frame(&all, FIN, true, "\xa9!", 2);
	add_frame(&all, TEXT, true, "next", 4);
	for (size_t i = 0; i < all.n; i++)
		say(fd, all.p + i, 1);
	hear_frame(fd, PONG, "now", 3);
	hear_frame(fd, TEXT, "h\xc3\xa9!", 4);
	hear_frame(fd, TEXT, "next", 4);
	(void)close(fd);
	/* all at once, behind the handshake */
	fd = dial();
	all.n = 0;
	mf_buf_addz(&all, HANDSHAKE);
	add_frame(&all, TEXT, true, "one", 3);
	add_frame(&all, TEXT, true, "two", 3);
	say(fd, all.p, all.n);
	for (size_t n = 1; w.messages < 4; n++)
		(void)uv_run(&w.loop, UV_RUN_NOWAIT);
	(void)close(fd);
	mf_buf_free(&all);
	close_world();
}

/* What is sent, and the code of the close frame that ends it; 0: ended without one. */
static void
broken(const char *what, const void *p, size_t n, unsigned code)
{
	mf_buf got = {0};
	int fd = shake();

	say(fd, p, n);
	cr_assert(pump(fd, &got, SIZE_MAX), "%s: the connection goes on", what);
	if (code == 0) {
		cr_assert(got.n == 0 || got.p[0] == CLOSE, "%s: answered", what);
	} else {
		cr_assert(got.n >= 4 && got.p[0] == CLOSE, "%s: %zu bytes came", what, got.n);
		cr_assert((unsigned)(got.p[2] << 8 | got.p[3]) == code, "%s: %u", what, got.p[2] << 8 | got.p[3]);
	}
	(void)close(fd);
	mf_buf_free(&got);
}

Test(websocket, what_breaks_the_protocol_is_the_end, .timeout = 100)
{
	static const struct {
		const char *what;
		unsigned first;
		const char *payload;
		size_t n;
		unsigned code;
	} rows[] = {
		{"a reserved bit", 0xc1, "x", 1, 1002},
		{"a reserved opcode", 0x83, "x", 1, 1002},
		{"a continuation of nothing", FIN, "x", 1, 1002},
		{"a ping in pieces", 0x09, "x", 1, 0},
		{"text that is no UTF-8", TEXT, "\xc3(", 2, 1007},
		{"text cut in a character", TEXT, "\xe2\x82", 2, 1007},
		{"a surrogate", TEXT, "\xed\xa0\x80", 3, 1007},
		{"a close code that may not be sent", CLOSE, "\x03\xed", 2, 1002},
		{"a close code out of range", CLOSE, "\x00\x01", 2, 1002},
		{"a close reason that is no UTF-8", CLOSE, "\x03\xe8\xff", 3, 1007},
	};
	static char big[MAX_MESSAGE + 1];
	mf_buf out = {0};

	open_world("tcp:0:interface=127.0.0.1");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		out.n = 0;
		add_frame(&out, rows[i].first, true, rows[i].payload, rows[i].n);
		broken(rows[i].what, out.p, out.n, rows[i].code);
	}
	out.n = 0;
	add_frame(&out, TEXT, false, "x", 1);
	broken("an unmasked frame", out.p, out.n, 1002);
	out.n = 0;
	add_frame(&out, 0x01, true, "x", 1);
	add_frame(&out, TEXT, true, "x", 1);
	broken("a message in a message", out.p, out.n, 1002);
	out.n = 0;
	add_frame(&out, PING, true, big, 126);
	broken("a long ping", out.p, out.n, 0);
	memset(big, 'x', sizeof(big));
	out.n = 0;
	add_frame(&out, TEXT, true, big, sizeof(big));
	broken("a message too long", out.p, 15, 1009); /* its head and a byte will do */
	out.n = 0;
	add_frame(&out, 0x01, true, big, MAX_MESSAGE - 1);
	add_frame(&out, FIN, true, big, 2);
	broken("a message too long in pieces", out.p, out.n, 1009);
	broken("a length of 2^63", "\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14, 0);
	broken("a length of 2^62", "\x81\xff\x40\0\0\0\0\0\0\0\0\0\0\0x", 15, 1009);
	cr_assert(w.messages == 0, "something broken reached the handler");
	mf_buf_free(&out);
	close_world();
}

Test(websocket, both_sides_can_say_goodbye, .timeout = 60)
{
	mf_buf got = {0};
	int fd;

	open_world("tcp:0:interface=127.0.0.1");
	fd = shake();
	say_frame(fd, CLOSE,
		"\x03\xe8"
		"bye",
		5);
	hear_frame(fd, CLOSE,
		"\x03\xe8"
		"bye",
		5);
	cr_assert(pump(fd, &got, SIZE_MAX) && got.n == 0);
	(void)close(fd);
	fd = shake();
	say_frame(fd, CLOSE, "", 0);
	hear_frame(fd, CLOSE, "", 0);
	(void)close(fd);
	fd = shake();
	mf_websocket_close(w.last, 4000, "go");
	mf_websocket_send(w.last, MF_STR("too late"));
	hear_frame(fd, CLOSE, "\x0f\xa0go", 4);
	say_frame(fd, TEXT, "too late, too", 13);
	say_frame(fd, CLOSE, "\x0f\xa0", 2);
	cr_assert(pump(fd, &got, SIZE_MAX) && got.n == 0);
	cr_assert(w.messages == 0);
	(void)close(fd);
	fd = shake(); /* one that does not answer is not waited for long */
	mf_websocket_close(w.last, 1001, "");
	hear_frame(fd, CLOSE, "\x03\xe9", 2);
	cr_assert(pump(fd, &got, SIZE_MAX) && got.n == 0);
	(void)close(fd);
	close_world();
	cr_assert(w.closed == 4);
}

Test(websocket, who_does_not_read_is_dropped, .timeout = 60)
{
	static char big[60000];
	unsigned sent = 0;
	int fd, other;

	open_world("tcp:0:interface=127.0.0.1");
	memset(big, 'x', sizeof(big));
	other = shake();
	fd = shake();
	for (; w.last != NULL && sent < 10000; sent++) {
		mf_websocket_send(w.last, (mf_str){big, sizeof(big)});
		cr_assert(w.queued <= w.conf.max_queue + sizeof(big) + 16);
		(void)uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	cr_assert(w.closed == 1, "%u messages and still there", sent);
	cr_assert(w.queued == 0);
	say_frame(other, PING, "there?", 6);
	hear_frame(other, PONG, "there?", 6);
	(void)close(fd);
	(void)close(other);
	close_world();
}

Test(websocket, what_waits_for_all_together_is_bounded, .timeout = 60)
{
	static char big[60000];
	int fd[2];

	open_world("tcp:0:interface=127.0.0.1");
	w.conf.max_queue = 1 << 24;
	w.conf.max_queued = 1 << 20;
	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 2; i++) {
		unsigned sent = 0;

		fd[i] = shake();
		for (; w.last != NULL && w.queued < (1U << 19) && sent < 10000; sent++)
			mf_websocket_send(w.last, (mf_str){big, sizeof(big)});
	}
	for (int i = 0; i < 100 && w.closed == 0; i++)
		mf_websocket_send(w.last, (mf_str){big, sizeof(big)});
	for (int i = 0; i < 10; i++)
		(void)uv_run(&w.loop, UV_RUN_NOWAIT);
	cr_assert(w.closed == 1);
	(void)close(fd[0]);
	(void)close(fd[1]);
	close_world();
}

Test(websocket, who_asks_and_does_not_read_is_not_heard, .timeout = 60)
{
	static char big[MAX_MESSAGE];
	mf_buf frame = {0}, got = {0};
	size_t sent = 0;
	int fd, full = 0;

	open_world("tcp:0:interface=127.0.0.1");
	memset(big, 'x', sizeof(big));
	add_frame(&frame, TEXT, true, big, sizeof(big));
	fd = shake();
	/* until nothing has gone for a while */
	while (full < 200) {
		ssize_t n = send(fd, frame.p + sent % frame.n, frame.n - sent % frame.n, MSG_NOSIGNAL);

		cr_assert(n > 0 || errno == EAGAIN, "dropped for asking too much");
		sent += n > 0 ? (size_t)n : 0;
		full = n > 0 ? 0 : full + 1;
		if (n <= 0)
			(void)usleep(500);
		(void)uv_run(&w.loop, UV_RUN_NOWAIT);
	}
	cr_assert(w.closed == 0 && w.queued < w.conf.max_queue, "%zu wait", w.queued);
	unsigned before = w.messages;
	cr_assert(pump(fd, &got, before * ((size_t)MAX_MESSAGE + 10)), "what was asked is not answered");
	(void)close(fd);
	mf_buf_free(&frame);
	mf_buf_free(&got);
	close_world();
}

Test(websocket, the_silent_are_asked_and_then_dropped, .timeout = 60)
{
	mf_buf got = {0};
	int fd;

	open_world("tcp:0:interface=127.0.0.1");
	w.conf.ping_ms = 20;
	w.conf.dead_ms = 400;
	fd = shake();
	for (int i = 0; i < 40; i++) {
		hear_frame(fd, PING, "", 0);
		say_frame(fd, PONG, "", 0);
	}
	cr_assert(w.closed == 0, "dropped although it answers");
	cr_assert(pump(fd, &got, SIZE_MAX));
	cr_assert(w.closed == 1);
	(void)close(fd);
	mf_buf_free(&got);
	close_world();
}

Test(websocket, over_a_unix_socket_and_closed_with_the_server, .timeout = 60)
{
	char dir[] = "/tmp/mf-ws-XXXXXX", where[64];
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	mf_buf got = {0};
	int fd;

	cr_assert(mkdtemp(dir) != NULL);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/sock", dir);
	(void)snprintf(where, sizeof(where), "unix:%s/sock", dir);
	open_world(where);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	cr_assert(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	say(fd, HANDSHAKE, sizeof(HANDSHAKE) - 1);
	cr_assert(pump(fd, &got, 100));
	say_frame(fd, TEXT, "x", 1);
	while (w.messages == 0)
		(void)uv_run(&w.loop, UV_RUN_NOWAIT);
	close_world();
	cr_assert(w.closed == 1);
	(void)close(fd);
	(void)rmdir(dir);
	mf_buf_free(&got);
}
