/** @file
 * Inside of the HTTP server, shared by http1*.c only.
 *
 * A connection's life: reading -> (request complete) in_work -> writing -> reading ...
 * Invariants: 1. at most one request is in work or being answered; the parser is paused meanwhile and bytes
 * that came after it wait in `later`.  2. memory of a connection goes in the last close callback of its
 * two handles.  3. after `doomed` nothing more is parsed; it ends when the answer is out.
 */
#ifndef MF_DAEMON_HTTP1_IMPL_H
#define MF_DAEMON_HTTP1_IMPL_H

#include <http_parser.h>

#include "daemon/http1.h"

typedef struct http_field {
	size_t name, name_n, value, value_n; /* places in req->head; values are complete, blanks and all */
} http_field;

struct mf_http_req {
	struct mf_http_conn *conn;
	mf_buf head; /* target, then names and values one after another */
	mf_buf body;
	size_t target_n;
	http_field field[MF_HTTP_MAX_FIELDS];
	size_t fields;
	bool in_value, head_done;
	size_t trailer_n; /* bytes of trailing fields, which are not kept */
	unsigned method;
	bool keep_alive, http10;
	mf_http_gone *gone;
	void *gone_arg;
};

struct mf_http_conn {
	union {
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} sock;
	uv_timer_t timer;
	struct mf_http *server;
	struct mf_http_conn *prev, *next;
	http_parser parser;
	struct mf_http_req *req; /* being read or in work */
	enum { CONN_READING, CONN_IN_WORK, CONN_WRITING, CONN_LINGERING, CONN_TAKEN } state;
	const mf_http_taker *taker; /* of a connection that was taken over, also while it lingers */
	void *taker_arg;
	size_t unsent;
	bool begun;        /* bytes of the request being read have come */
	bool doomed;       /* closes after the answer */
	bool eof;          /* the client sends no more */
	bool read_stopped; /* `later` is full */
	bool closing;
	unsigned refuse; /* status that a parser callback wants, 0 = none */
	unsigned open_handles;
	mf_buf later;
	char chunk[16384]; /* where libuv reads into */
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
	size_t n_conns;
	bool closing, listener_closed;
	void (*done)(void *arg);
	void *done_arg;
};

extern const http_parser_settings mf_http_callbacks;

struct mf_http_req *mf_http_req_new(struct mf_http_conn *c);
void mf_http_req_free(struct mf_http_req *r);
/** Feed bytes; stops after one request, the rest goes to `later`. */
void mf_http_feed(struct mf_http_conn *c, const char *p, size_t n);
void mf_http_conn_close(struct mf_http_conn *c);
/** (Re)arm the connection's clock for its present state. */
void mf_http_conn_timer(struct mf_http_conn *c);
/** Answer of our own, without a handler; the connection ends afterwards. */
void mf_http_refuse(struct mf_http_conn *c, unsigned status);
/** Callbacks of the listening socket. */
void mf_http_on_connection(uv_stream_t *listener, int status);
void mf_http_on_listener_closed(uv_handle_t *handle);
/** The answer is out: take the next request. */
void mf_http_conn_next(struct mf_http_conn *c);
/** Begin to read again. */
int mf_http_conn_read(struct mf_http_conn *c);
/** Send our end, and wait for the client's for a moment. */
void mf_http_conn_linger(struct mf_http_conn *c);
/** Bytes for who has taken the connection. */
void mf_http_taken_data(struct mf_http_conn *c, const char *p, size_t n);

#endif
