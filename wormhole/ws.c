/* Websocket frames, by wslay. */
#include "wormhole/ws.h"

#include <stdlib.h>

#include <sodium.h>
#include <wslay/wslay.h>

struct mf_ws {
	wslay_event_context_ptr ctx;
	mf_ws_text_cb *text;
	void *arg;
	mf_str in; /* received, not read yet */
	mf_buf out;
	size_t out_at; /* sent of it */
	bool binary, full;
};

static ssize_t
take_in(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags, void *user)
{
	struct mf_ws *ws = user;
	size_t n = ws->in.n < len ? ws->in.n : len;

	(void)flags;
	if (n == 0) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(buf, ws->in.p, n);
	ws->in.p += n;
	ws->in.n -= n;
	return (ssize_t)n;
}

static ssize_t
put_out(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags, void *user)
{
	struct mf_ws *ws = user;

	(void)flags;
	if (ws->out.n - ws->out_at + len > MF_WS_OUT_MAX) {
		ws->full = true;
		wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
		return -1;
	}
	mf_buf_add(&ws->out, data, len);
	return (ssize_t)len;
}

static int
mask(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, void *user)
{
	(void)ctx;
	(void)user;
	randombytes_buf(buf, len);
	return 0;
}

static void
received(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *m, void *user)
{
	struct mf_ws *ws = user;

	if (m->opcode == WSLAY_BINARY_FRAME) {
		ws->binary = true;
		(void)wslay_event_queue_close(ctx, WSLAY_CODE_UNSUPPORTED_DATA, NULL, 0);
		wslay_event_shutdown_read(ctx);
	} else if (m->opcode == WSLAY_TEXT_FRAME && ws->text != NULL) {
		ws->text(ws->arg, (mf_str){(const char *)m->msg, m->msg_length});
	}
}

struct mf_ws *
mf_ws_new(enum mf_ws_role role, size_t max, mf_ws_text_cb *text, void *arg)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = take_in,
		.send_callback = put_out,
		.genmask_callback = mask,
		.on_msg_recv_callback = received,
	};
	struct mf_ws *ws = mf_alloc(sizeof(*ws));
	int rc = role == MF_WS_CLIENT ? wslay_event_context_client_init(&ws->ctx, &callbacks, ws)
				      : wslay_event_context_server_init(&ws->ctx, &callbacks, ws);

	if (rc != 0)
		MF_BUG("out of memory");
	ws->text = text;
	ws->arg = arg;
	wslay_event_config_set_max_recv_msg_length(ws->ctx, max);
	return ws;
}

void
mf_ws_free(struct mf_ws *ws)
{
	if (ws == NULL)
		return;
	wslay_event_context_free(ws->ctx);
	mf_buf_free(&ws->out);
	free(ws);
}

void
mf_ws_hush(struct mf_ws *ws)
{
	ws->text = NULL;
}

/* Move what wslay has queued to the bytes that wait. */
static mf_code
flush(struct mf_ws *ws, mf_err *err)
{
	if (wslay_event_send(ws->ctx) == 0)
		return MF_OK;
	return mf_fail(err, ws->full ? MF_EFULL : MF_ENET, 0,
		ws->full ? "the other end does not read what is sent" : "the websocket is broken");
}

mf_code
mf_ws_in(struct mf_ws *ws, mf_str bytes, mf_err *err)
{
	mf_code rc;
	int got;

	ws->in = bytes;
	got = wslay_event_recv(ws->ctx);
	ws->in = (mf_str){0};
	rc = flush(ws, err);
	if (rc != MF_OK)
		return MF_ENET;
	if (ws->binary)
		return mf_fail(err, MF_ENET, 0, "a binary message came, where text was expected");
	if (wslay_event_get_close_received(ws->ctx))
		return mf_fail(err, MF_ENET, 0, "the other end closed the websocket (code %u)",
			(unsigned)wslay_event_get_status_code_received(ws->ctx));
	if (got != 0 || !wslay_event_get_read_enabled(ws->ctx))
		return mf_fail(err, MF_ENET, 0, "what came is no websocket message, or too large");
	return MF_OK;
}

mf_code
mf_ws_text(struct mf_ws *ws, mf_str text, mf_err *err)
{
	const struct wslay_event_msg m = {WSLAY_TEXT_FRAME, (const uint8_t *)text.p, text.n};

	if (ws->out.n - ws->out_at + text.n > MF_WS_OUT_MAX)
		return mf_fail(err, MF_EFULL, 0, "the other end does not read what is sent");
	if (wslay_event_queue_msg(ws->ctx, &m) != 0)
		return mf_fail(err, MF_ENET, 0, "the websocket is closed");
	return flush(ws, err);
}

void
mf_ws_ping(struct mf_ws *ws)
{
	const struct wslay_event_msg m = {WSLAY_PING, NULL, 0};

	if (wslay_event_queue_msg(ws->ctx, &m) == 0)
		(void)flush(ws, NULL);
}

void
mf_ws_close(struct mf_ws *ws, uint16_t code)
{
	if (wslay_event_queue_close(ws->ctx, code, NULL, 0) == 0)
		(void)flush(ws, NULL);
}

mf_str
mf_ws_out(const struct mf_ws *ws)
{
	return (mf_str){(const char *)ws->out.p + ws->out_at, ws->out.n - ws->out_at};
}

void
mf_ws_sent(struct mf_ws *ws, size_t n)
{
	ws->out_at += n;
	if (ws->out_at == ws->out.n)
		ws->out_at = ws->out.n = 0;
}
