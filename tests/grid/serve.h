/** @file
 * An HTTP/1.1 server for tests, good or bad as the test says: on 127.0.0.1, a thread for each connection. */
#ifndef MF_TESTS_GRID_SERVE_H
#define MF_TESTS_GRID_SERVE_H

#include "base/buf.h"

struct serve;

/** One request; lent to the handler. */
typedef struct serve_request {
	mf_str method, target; /* "/uri?t=mkdir", as it came */
	mf_str head;           /* its header lines */
	mf_str body;
	unsigned connection; /* 1 for the first one that was made, and so on */
} serve_request;

enum serve_then {
	SERVE_KEEP,    /* the connection stays open for the next request */
	SERVE_CLOSE,   /* closed after these bytes, complete or not */
	SERVE_SILENCE, /* open, but nothing more ever comes */
	SERVE_AGAIN,   /* these bytes again and again, until the other side has gone */
};

/** Append the answer's raw bytes to @p out.  Called from any of the server's threads, also at the same time. */
typedef enum serve_then serve_handler(void *arg, const serve_request *q, mf_buf *out);

struct serve *serve_start(serve_handler *handler, void *arg);
/** Ends all connections; no handler runs any more when it returns. */
void serve_stop(struct serve *s);
const char *serve_url(const struct serve *s); /* "http://127.0.0.1:PORT" */
unsigned serve_connections(struct serve *s);  /* how many were made up to now */

/** A whole answer with Content-Length. */
void serve_answer(mf_buf *out, int status, const char *type, mf_str body);
/** The same without a type, body a C string. */
void serve_text(mf_buf *out, int status, const char *body);

#endif
