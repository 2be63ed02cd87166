/** @file
 * Inside of the HTTP server, shared by http1*.c only.
 *
 * A connection's life: reading -> (request complete, or its header) in_work -> writing -> reading ...
 * Invariants: 1. at most one request is in work or being answered; bytes that came after it wait in `later`.
 * 2. memory of a connection goes in the last close callback of its two handles.  3. after `doomed` nothing more
 * is parsed; it ends when the answer is out.  4. at most one answer (or piece of one) is being written.
 */
#ifndef MF_DAEMON_HTTP1_IMPL_H
#define MF_DAEMON_HTTP1_IMPL_H

#include <http_parser.h>

#include "daemon/http1.h"

enum {
	HTTP_READ_BYTES = 65536,        /* read at once */
	HTTP_WAITING_BYTES = 256 << 10, /* of a body that nobody took; then we stop reading */
	HTTP_LATER_BYTES = 65536,       /* pipelined bytes kept; then we stop reading */
	HTTP_PROGRESS_BYTES = 4096,     /* of a body in request_ms */
};

typedef struct http_field {
	size_t name, name_n, value, value_n; /* places in req->head; values are complete, blanks and all */
} http_field;

struct mf_http_req {
	struct mf_http_conn *conn;
	mf_buf head; /* target, then names and values one after another */
	mf_buf body; /* what was not taken */
	size_t target_n;
	http_field field[MF_HTTP_MAX_FIELDS];
	size_t fields;
	bool in_value, head_done, body_done;
	bool expects;       /* waits for "100 Continue" */
	size_t trailer_n;   /* bytes of trailing fields, which are not kept */
	uint64_t length;    /* announced bytes of the body, UINT64_MAX: chunked */
	size_t least;       /* bytes of the body that `more` waits for */
	size_t progress;    /* bytes of the body since the clock was last set */
	uint64_t to_answer; /* bytes of an answer in pieces that were not given yet */
	unsigned method;
	bool keep_alive, http10;
	mf_http_gone *gone;
	void *gone_arg;
	mf_http_event *more, *want;
	void *more_arg, *want_arg;
};

struct mf_http_conn {
	union {
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} sock;
	uv_timer_t timer;
	struct mf_http *server;
	struct mf_http_conn *prev, *next; /* the newest comes first */
	struct mf_tls *tls;
	http_parser parser;
	struct mf_http_req *req; /* being read or in work */
	enum { CONN_READING, CONN_IN_WORK, CONN_WRITING, CONN_LINGERING, CONN_TAKEN } state;
	const mf_http_taker *taker; /* of a connection that was taken over, also while it lingers */
	void *taker_arg;
	unsigned sending;  /* writes under way, taken over */
	bool begun;        /* bytes of the request being read have come */
	bool doomed;       /* closes after the answer */
	bool eof;          /* the client sends no more */
	bool read_stopped; /* enough waits */
	bool stranger;     /* nobody has called mf_http_trust() */
	bool closing;
	unsigned refuse; /* status that a parser callback wants, 0 = none */
	unsigned open_handles;
	mf_buf later;
};

struct mf_http {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} sock;
	uv_loop_t *loop;
	mf_http_conf conf;
	bool is_unix;
	struct mf_http_conn *conns;
	size_t n_conns, n_strangers;
	bool closing, listener_closed;
	void (*done)(void *arg);
	void *done_arg;
	char chunk[HTTP_READ_BYTES]; /* where libuv reads into; used up before it reads again */
};

extern const http_parser_settings mf_http_callbacks;

/* http1_parse.c */
struct mf_http_req *mf_http_req_new(struct mf_http_conn *c);
void mf_http_req_free(struct mf_http_req *r);

/* http1_body.c */
/** The client waits for "100 Continue": say it. */
void mf_http_go_on(struct mf_http_req *r);

/* http1_conn.c */
/** Plain bytes came: feed the parser, or keep them for later. */
void mf_http_received(struct mf_http_conn *c, const char *p, size_t n);
/** The client sends no more. */
void mf_http_ended(struct mf_http_conn *c);
void mf_http_conn_close(struct mf_http_conn *c);
/** (Re)arm the connection's clock for its present state. */
void mf_http_conn_timer(struct mf_http_conn *c);
/** The answer is out: take the next request. */
void mf_http_conn_next(struct mf_http_conn *c);
/** Callbacks of the listening socket. */
void mf_http_on_connection(uv_stream_t *listener, int status);
void mf_http_on_listener_closed(uv_handle_t *handle);
/** Send our end, and wait for the client's for a moment. */
void mf_http_conn_linger(struct mf_http_conn *c);

/* http1_take.c */
/** Bytes for who has taken the connection. */
void mf_http_taken_data(struct mf_http_conn *c, const char *p, size_t n);

/* http1_link.c: TLS or nothing between a connection and its socket */
int mf_http_read_start(struct mf_http_conn *c);
void mf_http_read_stop(struct mf_http_conn *c);
/** Send a head and a body (either may be empty); both are taken over.  @p sent, if not NULL, is called once, later, with
 *  0 or libuv's error; also when the connection is closed. */
void mf_http_send(struct mf_http_conn *c, mf_buf *head, mf_buf *body, void (*sent)(struct mf_http_conn *c, int status));
/** Say that we send no more. */
void mf_http_end(struct mf_http_conn *c);

/* http1_reply.c */
/** Answer of our own, without a handler; the connection ends afterwards. */
void mf_http_refuse(struct mf_http_conn *c, unsigned status);

#endif
