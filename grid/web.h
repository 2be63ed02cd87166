/** @file
 * One HTTP exchange after the other with one server: what the back ends of node: and servers: grids speak with.
 *
 * Blocking, for jobs on workers; every call may come from any thread.  Each exchange has a curl multi handle of its own
 * (design.md 2.1), taken from those that wait with their connection open, so that connections are used again.
 *
 * The other side is not trusted: no redirect is followed, no proxy asked, nothing decompressed, no protocol but http and
 * https spoken; heads are at most 64 KiB, bodies at most as long as the caller says; silence ends the exchange.
 *
 * Not for capabilities in the open: an URL may hold one, so no URL is ever part of an error.
 */
#ifndef MF_GRID_WEB_H
#define MF_GRID_WEB_H

#include "grid/grid.h"

struct mf_web;

enum {
	MF_WEB_HEAD_MAX = 64 << 10,    /* bytes of a reply's head */
	MF_WEB_CONNECT_MS = 10000,     /* until connected, TLS included */
	MF_WEB_CANCEL_MS = 50,         /* how late a cancel is seen at most */
	MF_WEB_IDLE_MAX = 8,           /* connections that are kept while nobody uses them */
	MF_WEB_REFUSAL_MAX = 64 << 10, /* bytes kept of a body that says why not */
};

typedef struct mf_web_conf {
	const char *who; /* names the server in errors: "the Tahoe-LAFS node"; copied */
	/** "sha256//" and base64 of the SHA-256 of the server's public key (SubjectPublicKeyInfo): with it, that key proves
	 *  the server, and neither issuer nor name of its certificate count.  NULL: certificates as the system trusts
	 *  them.  Copied. */
	const char *pin;
} mf_web_conf;

/** Nothing is connected yet. */
mf_code mf_web_new(const mf_web_conf *conf, struct mf_web **out, mf_err *err);
/** No exchange is under way.  NULL is allowed. */
void mf_web_free(struct mf_web *h);
/** Close the connections that nobody uses.  [any] thread, does not block. */
void mf_web_rest(struct mf_web *h);

/** What to ask.  All of it is lent for the call. */
typedef struct mf_web_request {
	const char *method;        /* "GET", "PUT", "POST", "PATCH", "DELETE" */
	const char *url;           /* absolute, percent-encoded by the caller, sent as it is */
	const char *const *header; /* "Name: value", NULL at the end; may be NULL */
	const mf_source *body;     /* NULL: none. Its length is announced; may be read again from the front */
	size_t body_max;           /* bytes of an answer that is collected; a longer one is MF_ENET */
	/** Takes the body of a 2xx answer as it comes, instead of its being collected; reply->status and the head are
	 *  complete before its first call.  Not bounded here. */
	mf_sink *sink;
	void *sink_arg;
	unsigned silence_s; /* so long below one byte a second in either direction ends it (MF_ENET); 0 = 60 */
	unsigned total_s;   /* the whole exchange takes no longer; 0 = as long as it likes */
} mf_web_request;

/** What came back: freed by mf_web_reply_free(), also after an error. */
typedef struct mf_web_reply {
	int status;   /* 100 to 999; 0: no answer */
	mf_buf head;  /* the final answer's header lines, as sent */
	mf_buf body;  /* of an answer that is not 2xx: at most its first MF_WEB_REFUSAL_MAX bytes */
	bool reached; /* the server may have got the request, even if no answer came */
} mf_web_reply;
void mf_web_reply_free(mf_web_reply *r);

/** Ask, and wait for the whole answer, of whatever status.
 *  @return MF_OK: an answer came, and its body is complete as far as HTTP can tell; MF_ENET (sys = CURLcode): none, or
 *  half of one, or a longer one; MF_ECANCELED; or what the sink or the body's source failed with. */
mf_code mf_web_do(struct mf_web *h, const mf_web_request *q, mf_web_reply *out, const mf_cancel *cancel, mf_err *err);

/** Value of a header, without the spaces around it; the first one of that name (any case); empty if there is none. */
mf_str mf_web_header(const mf_web_reply *r, const char *name);

/** Append percent-encoded: all but A-Z a-z 0-9 - . _ ~, so that a slash stays within its segment. */
void mf_web_escape(mf_buf *out, mf_str s);

#endif
