/** @file
 * Endpoint strings: where the daemon listens and where its clients find it.
 * Source: datamodel-and-sync.md 6.6 (Twisted's syntax as far as magic-folder uses it).
 */
#ifndef MF_DAEMON_ENDPOINT_H
#define MF_DAEMON_ENDPOINT_H

#include "base/buf.h"

enum { MF_ENDPOINT_HOST_MAX = 256, MF_ENDPOINT_PATH_MAX = 104, MF_ENDPOINT_TEXT_MAX = 300 };

typedef struct mf_endpoint {
	enum mf_endpoint_kind { MF_ENDPOINT_TCP, MF_ENDPOINT_TCP6, MF_ENDPOINT_UNIX } kind;
	char host[MF_ENDPOINT_HOST_MAX]; /**< TCP: interface (server; "" = all) or host (client) */
	uint16_t port;                   /**< TCP; 0 = any free one (server only) */
	char path[MF_ENDPOINT_PATH_MAX]; /**< UNIX */
	unsigned mode;                   /**< UNIX server: permissions of the socket, 0600 unless said */
} mf_endpoint;

/** Take a server string apart: `tcp:PORT[:interface=IP][:backlog=N]`, `tcp6:...`,
 *  `unix:PATH[:mode=OCTAL][:backlog=N][:lockfile=0|1]`; arguments may be named.  MF_EINVAL with a sentence. */
mf_code mf_endpoint_server(mf_str text, mf_endpoint *out, mf_err *err);
/** Take a client string apart: `tcp:HOST:PORT[:timeout=N]`, `unix:PATH`. */
mf_code mf_endpoint_client(mf_str text, mf_endpoint *out, mf_err *err);
/** What `init` writes for clients when nothing is given (Python's rule): `tcp:P` -> `tcp:127.0.0.1:P`,
 *  `tcp:P:interface=I` -> `tcp:I:P`, `unix:P` -> `unix:P`, port 0 -> "" (known only after listening).
 *  MF_EINVAL: Python's sentence, its spelling included. */
mf_code mf_endpoint_derive(mf_str server, char out[MF_ENDPOINT_TEXT_MAX], mf_err *err);
/** The client string of a host and port, or of a socket path; special characters quoted. */
void mf_endpoint_print(const mf_endpoint *ep, mf_buf *out);

#endif
