/* Websockets: messages over a connection that was taken over. */
#include "daemon/websocket_impl.h"

#include <stdlib.h>

enum {
	HOLD_BYTES = 65536, /* waiting for a client; then it is not read from */
	KEEP_BYTES = 65536, /* of room for messages, between them */
	CLOSE_MS = 2000,    /* for the client to answer a close frame */
};

static void
on_timer_closed(uv_handle_t *handle)
{
	struct mf_websocket *ws = handle->data;

	wslay_event_context_free(ws->wslay);
	mf_buf_wipe_free(&ws->message);
	mf_buf_wipe_free(&ws->out);
	free(ws);
}

/* The connection is dead. */
static void
on_gone(void *arg)
{
	struct mf_websocket *ws = arg;

	ws->conn = NULL;
	if (ws->conf.queued != NULL)
		*ws->conf.queued -= ws->counted;
	ws->conf.events->closed(ws->arg);
	uv_close((uv_handle_t *)&ws->timer, on_timer_closed); /* later: wslay may be at work */
}

void
mf_websocket_drop(struct mf_websocket *ws)
{
	if (ws->conn == NULL || ws->state == WS_DROPPED)
		return;
	ws->state = WS_DROPPED;
	mf_http_taken_drop(ws->conn);
}

/* -- out ---------------------------------------------------------------------------------------------- */

static ssize_t
to_out(wslay_event_context_ptr ctx, const uint8_t *p, size_t n, int flags, void *arg)
{
	(void)ctx;
	(void)flags;
	mf_buf_add(&((struct mf_websocket *)arg)->out, p, n);
	return (ssize_t)n;
}

/* What the connection holds is within its bounds.  Who holds little is never the one to go. */
static bool
count(struct mf_websocket *ws)
{
	size_t now, *all = ws->conf.queued;

	ws->waiting = ws->out.n + mf_http_taken_unsent(ws->conn);
	now = ws->waiting + ws->message.cap;
	if (all != NULL)
		*all += now - ws->counted;
	ws->counted = now;
	return ws->waiting <= ws->conf.max_queue &&
		(all == NULL || *all <= ws->conf.max_queued || now <= 2 * HOLD_BYTES);
}

/* Frames that wslay has go out, one write at a time; the end, when both sides have said it. */
static void
flush(struct mf_websocket *ws)
{
	if (ws->conn == NULL || ws->state >= WS_ENDED)
		return;
	if (wslay_event_want_write(ws->wslay) && wslay_event_send(ws->wslay) != 0) {
		mf_websocket_drop(ws);
		return;
	}
	if (ws->out.n > 0 && mf_http_taken_unsent(ws->conn) == 0)
		mf_http_taken_send(ws->conn, &ws->out);
	if (!count(ws)) {
		mf_websocket_drop(ws);
		return;
	}
	mf_http_taken_read(ws->conn, ws->waiting <= HOLD_BYTES);
	if (ws->out.n > 0 || !wslay_event_get_close_sent(ws->wslay))
		return;
	if (wslay_event_get_close_received(ws->wslay) || !wslay_event_want_read(ws->wslay)) {
		ws->state = WS_ENDED;
		mf_http_taken_end(ws->conn);
	}
}

static void
on_sent(void *arg)
{
	flush(arg);
}

void
mf_websocket_send(struct mf_websocket *ws, mf_str text)
{
	const struct wslay_event_msg msg = {WSLAY_TEXT_FRAME, (const uint8_t *)text.p, text.n};

	if (ws->state != WS_OPEN)
		return;
	if (wslay_event_queue_msg(ws->wslay, &msg) != 0)
		mf_websocket_drop(ws);
	flush(ws);
}

static void
on_close_timer(uv_timer_t *timer)
{
	mf_websocket_drop(timer->data);
}

void
mf_websocket_close(struct mf_websocket *ws, uint16_t code, const char *reason)
{
	if (ws->state != WS_OPEN)
		return;
	ws->state = WS_CLOSING;
	if (wslay_event_queue_close(ws->wslay, code, (const uint8_t *)reason, strlen(reason)) != 0) {
		mf_websocket_drop(ws);
		return;
	}
	(void)uv_timer_start(&ws->timer, on_close_timer, CLOSE_MS, 0);
	flush(ws);
}

/* -- in ------------------------------------------------------------------------------------------------ */

static ssize_t
from_in(wslay_event_context_ptr ctx, uint8_t *to, size_t room, int flags, void *arg)
{
	struct mf_websocket *ws = arg;
	size_t n = ws->in.n < room ? ws->in.n : room;

	(void)flags;
	if (n == 0) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(to, ws->in.p, n);
	ws->in.p += n;
	ws->in.n -= n;
	return (ssize_t)n;
}

static void
on_frame(wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_start_arg *frame, void *arg)
{
	(void)ctx;
	((struct mf_websocket *)arg)->in_control = wslay_is_ctrl_frame(frame->opcode);
}

static void
on_piece(wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_chunk_arg *piece, void *arg)
{
	struct mf_websocket *ws = arg;

	if (ws->in_control || ws->state != WS_OPEN)
		return;
	if (piece->data_length > ws->conf.max_message - ws->message.n) { /* of several frames: wslay sees each alone */
		(void)wslay_event_queue_close(ctx, WSLAY_CODE_MESSAGE_TOO_BIG, NULL, 0);
		wslay_event_shutdown_read(ctx);
		ws->state = WS_CLOSING;
		return;
	}
	mf_buf_add(&ws->message, piece->data, piece->data_length);
}

static void
on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *msg, void *arg)
{
	struct mf_websocket *ws = arg;

	(void)ctx;
	if (wslay_is_ctrl_frame(msg->opcode))
		return;
	if (ws->state == WS_OPEN && ws->conn != NULL)
		ws->conf.events->message(ws->arg,
			msg->opcode == WSLAY_TEXT_FRAME ? MF_WEBSOCKET_TEXT : MF_WEBSOCKET_BINARY,
			(mf_str){ws->message.n > 0 ? (const char *)ws->message.p : "", ws->message.n});
	ws->message.n = 0;
	if (ws->message.cap > KEEP_BYTES)
		mf_buf_free(&ws->message);
}

static void
on_data(void *arg, const char *p, size_t n)
{
	struct mf_websocket *ws = arg;

	if (ws->state >= WS_ENDED)
		return;
	ws->heard_ms = uv_now(ws->timer.loop);
	ws->in = (mf_str){p, n};
	if (wslay_event_recv(ws->wslay) != 0)
		wslay_event_shutdown_read(ws->wslay);
	ws->in = (mf_str){NULL, 0};
	flush(ws);
	if (ws->conn == NULL || ws->state >= WS_ENDED || wslay_event_want_read(ws->wslay))
		return;
	if (!wslay_event_get_close_sent(ws->wslay)) { /* it failed without a frame that could say so */
		mf_websocket_drop(ws);
	} else if (ws->state == WS_OPEN) {
		ws->state = WS_CLOSING; /* the rest waits for a slow reader, not for ever */
		(void)uv_timer_start(&ws->timer, on_close_timer, CLOSE_MS, 0);
	}
}

/* -- the clock ------------------------------------------------------------------------------------------ */

static void
on_tick(uv_timer_t *timer)
{
	struct mf_websocket *ws = timer->data;
	const struct wslay_event_msg ping = {WSLAY_PING, NULL, 0};

	if (ws->conf.dead_ms != 0 && uv_now(timer->loop) - ws->heard_ms >= ws->conf.dead_ms) {
		mf_websocket_drop(ws);
		return;
	}
	if (wslay_event_queue_msg(ws->wslay, &ping) != 0)
		mf_websocket_drop(ws);
	flush(ws);
}

struct mf_websocket *
mf_websocket_new(struct mf_http_req *req, const char *extra, const mf_websocket_conf *conf, uv_loop_t *loop, void *arg)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = from_in,
		.send_callback = to_out,
		.on_frame_recv_start_callback = on_frame,
		.on_frame_recv_chunk_callback = on_piece,
		.on_msg_recv_callback = on_message,
	};
	static const mf_http_taker taker = {on_data, on_sent, on_gone};
	struct mf_websocket *ws = mf_alloc(sizeof(*ws));

	ws->conf = *conf;
	ws->arg = arg;
	(void)uv_timer_init(loop, &ws->timer);
	ws->timer.data = ws;
	ws->heard_ms = uv_now(loop);
	if (wslay_event_context_server_init(&ws->wslay, &callbacks, ws) != 0)
		MF_BUG("out of memory");
	wslay_event_config_set_no_buffering(ws->wslay, 1);
	wslay_event_config_set_max_recv_msg_length(ws->wslay, conf->max_message);
	if (conf->ping_ms != 0)
		(void)uv_timer_start(&ws->timer, on_tick, conf->ping_ms, conf->ping_ms);
	ws->conn = mf_http_take(req, extra, &taker, ws);
	(void)count(ws);
	return ws;
}
