/** @file
 * The server's side of TLS, on bytes alone: what came in, what is to go out.  No I/O, no clock.
 *
 * TLS 1.2 and later, one certificate, no client certificates, no renegotiation.  OpenSSL over memory BIOs behind it.
 * [any] thread, one at a time for each object. */
#ifndef MF_DAEMON_TLS_H
#define MF_DAEMON_TLS_H

#include "base/buf.h"

struct mf_tls_ctx; /* certificate and key */
struct mf_tls;     /* one connection */

/** @p pem: a certificate and its private key, as in a store's node.pem.  MF_EFORMAT: it is not that. */
mf_code mf_tls_ctx_new(mf_str pem, struct mf_tls_ctx **out, mf_err *err);
void mf_tls_ctx_free(struct mf_tls_ctx *ctx); /**< its connections are gone; NULL allowed */

/** @p ctx is lent and outlives the connection. */
struct mf_tls *mf_tls_new(struct mf_tls_ctx *ctx);
void mf_tls_free(struct mf_tls *t); /**< NULL allowed */

/** Bytes came from the peer: append what they say to @p plain and what is to be sent to @p out (also after a failure).
 *  *eof is set when the peer said that no more will come.
 *  @return MF_EFORMAT: this is no TLS, or not what we speak; send @p out, then end. */
mf_code mf_tls_feed(struct mf_tls *t, const void *p, size_t n, mf_buf *plain, mf_buf *out, bool *eof);
/** Append @p p, sealed, to @p out.  After the handshake only.  MF_EFORMAT: the connection is broken. */
mf_code mf_tls_seal(struct mf_tls *t, const void *p, size_t n, mf_buf *out);
/** Append our own end to @p out. */
void mf_tls_end(struct mf_tls *t, mf_buf *out);

#endif
