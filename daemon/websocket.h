/** @file
 * The server's side of websockets (RFC 6455) on connections of the HTTP server; wslay does the framing.
 *
 * Versions 13 and 8, no extensions, no subprotocols.  A client's frames must be masked; what breaks the protocol is closed
 * with the code that says so (1002, 1007, 1009).  Pings are answered.  A client that is slow to read is not read from
 * while 64 KiB wait for it, and is dropped when more than max_queue do.  Everything is [loop].
 */
#ifndef MF_DAEMON_WEBSOCKET_H
#define MF_DAEMON_WEBSOCKET_H

#include "daemon/http1.h"

struct mf_websocket; /* one connection */

enum mf_websocket_kind { MF_WEBSOCKET_TEXT, MF_WEBSOCKET_BINARY };

/** From the loop, never from inside a call. */
typedef struct mf_websocket_events {
	/** A whole message; lent.  Text is valid UTF-8. */
	void (*message)(void *arg, enum mf_websocket_kind kind, mf_str bytes);
	/** Once, last: the connection is dead, whoever ended it. */
	void (*closed)(void *arg);
} mf_websocket_events;

typedef struct mf_websocket_conf {
	const mf_websocket_events *events; /**< lent for good */
	size_t max_message;                /**< bytes of one that comes; longer: closed with 1009 */
	size_t max_queue;                  /**< bytes that may wait for a client */
	size_t *queued;                    /**< bytes held for and of all clients that share this; may be NULL */
	size_t max_queued;                 /**< of them: beyond, who holds more than 128 KiB is dropped */
	unsigned ping_ms;                  /**< how often to ping; 0: never */
	unsigned dead_ms;                  /**< dropped when nothing has come for so long; 0: never */
} mf_websocket_conf;

/** Upgrade: answers 101 and takes the connection over.  NULL: the request was no proper upgrade and has its answer (405,
 *  426, 400).  @p conf is copied. */
struct mf_websocket *mf_websocket_accept(struct mf_http_req *req, const mf_websocket_conf *conf, void *arg);

/** Queue a text message (valid UTF-8); without effect once it is closing. */
void mf_websocket_send(struct mf_websocket *ws, mf_str text);
/** Say goodbye: a close frame with @p code (RFC 6455, 7.4) and @p reason (at most 123 bytes); no message comes any more, and
 *  the connection ends when the client has answered, or after 2 s. */
void mf_websocket_close(struct mf_websocket *ws, uint16_t code, const char *reason);
/** End it without a word. */
void mf_websocket_drop(struct mf_websocket *ws);

#endif
