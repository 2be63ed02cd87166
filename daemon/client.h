/** @file
 * A small blocking HTTP client for the command line: one request, one connection, TCP or unix socket. */
#ifndef MF_DAEMON_CLIENT_H
#define MF_DAEMON_CLIENT_H

#include "daemon/endpoint.h"

typedef struct mf_client_request {
	const char *method;
	const char *path; /**< with query, encoded already */
	const char *token;
	mf_str body;
} mf_client_request;

/** Ask and wait as long as it takes.  @p body gets the answer's body (at most 1 GiB).
 *  MF_ENET: could not connect, or the other side ended too early; MF_EFORMAT: no HTTP. */
mf_code mf_client_ask(
	const mf_endpoint *where, const mf_client_request *what, unsigned *status, mf_buf *body, mf_err *err);

/** Append @p s with everything but letters, digits and "-._~" percent-encoded. */
void mf_url_add(mf_buf *out, mf_str s);

#endif
