/** @file
 * Websockets (RFC 6455, version 13) without sockets: bytes in, messages out, and back.  wslay is behind it.
 *
 * No extensions, no subprotocols; text messages only.  Pings are answered by themselves.  One owner; not thread-safe.
 */
#ifndef MF_WORMHOLE_WS_H
#define MF_WORMHOLE_WS_H

#include "base/buf.h"

enum mf_ws_role { MF_WS_CLIENT, MF_WS_SERVER };

enum {
	MF_WS_OUT_MAX = 8 << 20, /**< bytes that wait to be sent: whoever does not read is given up */
	MF_WS_KEY = 24,          /**< characters of a Sec-WebSocket-Key */
	MF_WS_ACCEPT = 28,       /**< of a Sec-WebSocket-Accept */
	MF_WS_HEAD_MAX = 16384,  /**< bytes of the answer to an upgrade */
};

struct mf_ws;

/** A whole message, valid UTF-8, lent.  May be the last: mf_ws_hush(). */
typedef void mf_ws_text_cb(void *arg, mf_str text);

/** An open websocket.  @param max bytes of a message from the peer */
struct mf_ws *mf_ws_new(enum mf_ws_role role, size_t max, mf_ws_text_cb *text, void *arg);
void mf_ws_free(struct mf_ws *ws); /**< NULL allowed; not from inside its callback */
/** No callback any more, also not for what has been received. */
void mf_ws_hush(struct mf_ws *ws);

/** Bytes have come.  @return MF_OK; MF_ENET when the websocket is over: closed by the peer, a message too large, no text,
 *  no UTF-8, or the protocol broken.  A close may be among what is to be sent then. */
mf_code mf_ws_in(struct mf_ws *ws, mf_str bytes, mf_err *err);
/** Queue a message.  MF_EFULL when too much waits; MF_ENET when it is over. */
mf_code mf_ws_text(struct mf_ws *ws, mf_str text, mf_err *err);
void mf_ws_ping(struct mf_ws *ws);
/** Queue a close; nothing can be queued afterwards. @param code 1000 to 4999 (RFC 6455, 7.4) */
void mf_ws_close(struct mf_ws *ws, uint16_t code);

/** What is to be sent; take some off with mf_ws_sent(). */
mf_str mf_ws_out(const struct mf_ws *ws);
void mf_ws_sent(struct mf_ws *ws, size_t n);

/* ---- the handshake ---------------------------------------------------------------------------------- */

/** A fresh key, NUL-terminated. */
void mf_ws_make_key(char key[MF_WS_KEY + 1]);
/** What a server answers to it, NUL-terminated. */
void mf_ws_accept(char out[MF_WS_ACCEPT + 1], mf_str key);
/** Append the client's request.  @param host with the port where it is not the scheme's */
void mf_ws_request(mf_buf *out, mf_str host, mf_str path, const char key[MF_WS_KEY + 1]);
/**
 * The answer to it, as far as it has come.
 *
 * @param used bytes of it when it is whole; what follows are frames
 * @return MF_OK when whole and an acceptance; MF_EBUSY when more must come; MF_ENET when it is no acceptance.
 */
mf_code mf_ws_response(mf_str head, const char key[MF_WS_KEY + 1], size_t *used, mf_err *err);

#endif
