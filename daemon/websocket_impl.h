/** @file
 * Inside of websockets, shared by websocket*.c only. */
#ifndef MF_DAEMON_WEBSOCKET_IMPL_H
#define MF_DAEMON_WEBSOCKET_IMPL_H

#include <wslay/wslay.h>

#include "daemon/websocket.h"

/* Invariants: 1. what wslay has to send is taken from it at once: between calls it has no queue of its own.
 * 2. at most one write is under way; what comes meanwhile waits in out.  3. conn is NULL once it is gone; memory goes in the
 * close callback of the timer. */
struct mf_websocket {
	struct mf_http_conn *conn;
	wslay_event_context_ptr wslay;
	mf_websocket_conf conf;
	void *arg;
	uv_timer_t timer; /* the next ping, or the end of patience with a close */
	enum { WS_OPEN, WS_CLOSING, WS_ENDED, WS_DROPPED } state;
	bool in_control; /* the frame being read is a control frame */
	mf_str in;       /* bytes for wslay, lent */
	mf_buf message;  /* data frames of the message being read */
	mf_buf out;
	size_t waiting; /* bytes for the client */
	size_t counted; /* these, and what is held of a message that comes, as in conf.queued */
	uint64_t heard_ms;
};

/** A request that was found good becomes a websocket; @p extra are the header lines of its answer. */
struct mf_websocket *mf_websocket_new(
	struct mf_http_req *req, const char *extra, const mf_websocket_conf *conf, uv_loop_t *loop, void *arg);

#endif
