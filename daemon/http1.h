/** @file
 * A small HTTP/1.1 server on libuv streams (TCP and unix sockets, TLS where asked for), http-parser behind it.
 *
 * Limits: header block 16 KiB and 100 fields, body 1 MiB if it is kept for the handler, 64 connections, idle 300 s, 60 s
 * to send a request once begun.  One request of a connection is in work at a time; pipelined ones wait.  A
 * request with both Content-Length and Transfer-Encoding, or a coding other than chunked, is refused (400).
 * Everything is [loop].
 */
#ifndef MF_DAEMON_HTTP1_H
#define MF_DAEMON_HTTP1_H

#include <uv.h>

#include "base/buf.h"
#include "daemon/endpoint.h"
#include "daemon/tls.h"

struct mf_http;     /* the server */
struct mf_http_req; /* one request; lent to the handler until it is answered or its client left */

enum { MF_HTTP_MAX_HEADER = 16384, MF_HTTP_MAX_FIELDS = 100, MF_HTTP_MAX_BODY = 1 << 20, MF_HTTP_MAX_CONNS = 64 };

/** Must lead to exactly one answer, now or later, unless the client leaves first. */
typedef void mf_http_handler(void *arg, struct mf_http_req *req);
/** The client left before the answer was out: the request is dead when this returns. */
typedef void mf_http_gone(void *arg);
/** Something that was waited for has come; from the loop, never from inside a call of the handler's. */
typedef void mf_http_event(void *arg);

typedef struct mf_http_conf {
	mf_http_handler *handler;
	void *arg;
	unsigned idle_ms;    /**< 0 = 300 s */
	unsigned request_ms; /**< from the first byte of a request to its last, or for 4 KiB of a body; 0 = 60 s */
	unsigned conns;      /**< 0 = MF_HTTP_MAX_CONNS */
	enum mf_http_when {
		MF_HTTP_AT_END,  /**< the handler is called when the body is there, in mf_http_body() */
		MF_HTTP_AT_HEAD, /**< when the header is; the body is taken in pieces */
	} when;
	struct mf_tls_ctx *tls; /**< speak TLS; lent.  NULL: plain */
	/** Connections on which mf_http_trust() was not called yet, at most: a new one takes the place of the oldest.
	 *  0: no difference is made. */
	unsigned strangers;
	unsigned stranger_ms; /**< how long such a one may take for all it does; 0 = 10 s */
} mf_http_conf;

/** Listen; @p bound gets the client's endpoint (port filled in, loopback where we listen on all interfaces).
 *  MF_EBUSY with Python's sentence when the address is in use. */
mf_code mf_http_listen(uv_loop_t *loop, const mf_endpoint *where, const mf_http_conf *conf, struct mf_http **out,
	mf_endpoint *bound, mf_err *err);
/** Stop listening, drop every connection (calling gone for requests in work), then @p done, then it is freed. */
void mf_http_close(struct mf_http *h, void (*done)(void *arg), void *arg);

/* What was asked.  Borrowed until the answer. */
const char *mf_http_method(const struct mf_http_req *r);
mf_str mf_http_path(const struct mf_http_req *r);     /**< as sent, up to '?' */
mf_str mf_http_query(const struct mf_http_req *r);    /**< after '?', or empty */
mf_str mf_http_body(const struct mf_http_req *r);     /**< MF_HTTP_AT_END only */
uv_loop_t *mf_http_loop(const struct mf_http_req *r); /**< the server's */
/** The first field of that (lower-case) name, blanks stripped; *n = how many there are. */
mf_str mf_http_field(const struct mf_http_req *r, const char *name, size_t *n);
/** Number @p i of them, counted from 0; empty if there is none. */
mf_str mf_http_field_at(const struct mf_http_req *r, const char *name, size_t i);

/** Call @p gone when the client leaves before the answer is out; replaces the one set before.  NULL: nobody is told. */
void mf_http_on_gone(struct mf_http_req *r, mf_http_gone *gone, void *arg);
/** Whoever sent this may stay: it has shown that it knows us (see strangers). */
void mf_http_trust(struct mf_http_req *r);

/* -- a body in pieces (MF_HTTP_AT_HEAD) ------------------------------------------------------------- */

/** Bytes the client announced; UINT64_MAX if it did not say (chunked). */
uint64_t mf_http_body_length(const struct mf_http_req *r);
/** Take what has come and was not taken; @p out is overwritten with bytes that are the caller's, perhaps none.
 *  @return true: that was all. */
bool mf_http_body_take(struct mf_http_req *r, mf_buf *out);
/** Call @p more, once, when @p least bytes wait (at most 256 KiB, then reading stops), or the end. */
void mf_http_body_wait(struct mf_http_req *r, size_t least, mf_http_event *more, void *arg);

/* -- answers ------------------------------------------------------------------------------------------ */

typedef struct mf_http_reply_opts {
	unsigned status;
	const char *type;  /**< content type; NULL: none is sent */
	const char *extra; /**< further header lines, each with CRLF; may be NULL */
} mf_http_reply_opts;
/** Answer and give the request back.  @p body is taken over (freed later) and may be empty; it is not sent
 *  for HEAD.  If not all of the request's body was there the connection ends afterwards. */
void mf_http_reply(struct mf_http_req *r, const mf_http_reply_opts *opts, mf_buf *body);
/** Answer with @p length bytes of which @p first are the beginning (taken over; not empty unless length is 0).  @p want is
 *  called when the next piece can be taken, until all were given; then the request is given back.  Not for HEAD. */
void mf_http_reply_begin(struct mf_http_req *r, const mf_http_reply_opts *opts, uint64_t length, mf_buf *first,
	mf_http_event *want, void *arg);
/** The next piece, taken over; not empty, and not more than is left. */
void mf_http_reply_more(struct mf_http_req *r, mf_buf *piece);
/** Give the request back and end the connection: there is no answer, or no rest of it. */
void mf_http_drop(struct mf_http_req *r);

/* -- another protocol on the same connection ------------------------------------------------------------- */

struct mf_http_conn; /* a connection that was taken over */

/** All from the loop, none from inside a call. */
typedef struct mf_http_taker {
	void (*data)(void *arg, const char *p, size_t n); /**< bytes came; lent */
	void (*sent)(void *arg);                          /**< all that was given is with the system now */
	void (*gone)(void *arg); /**< once, last: the connection is dead; also when the server closes */
} mf_http_taker;

/** Answer 101 with the header lines @p extra (each with CRLF) and take the connection over; the request is given back.
 *  It counts as a connection until it is gone.  @p taker is lent for good. */
struct mf_http_conn *mf_http_take(struct mf_http_req *r, const char *extra, const mf_http_taker *taker, void *arg);
/** Queue bytes, taken over. */
void mf_http_taken_send(struct mf_http_conn *c, mf_buf *bytes);
/** Bytes queued that the system has not taken yet. */
size_t mf_http_taken_unsent(const struct mf_http_conn *c);
/** Read on, or not for now. */
void mf_http_taken_read(struct mf_http_conn *c, bool on);
/** What is queued is sent still, nothing is read any more; gone comes when the client has ended, too, or after 2 s. */
void mf_http_taken_end(struct mf_http_conn *c);
/** Close without a word. */
void mf_http_taken_drop(struct mf_http_conn *c);

#endif
