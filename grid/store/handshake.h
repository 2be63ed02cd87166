/** @file
 * The certificate that a server shows: who it is, before any secret goes to it (lafs.md 7.2, 8.1). */
#ifndef MF_GRID_STORE_HANDSHAKE_H
#define MF_GRID_STORE_HANDSHAKE_H

#include "base/env.h"
#include "grid/store/nurl.h"

enum { MF_HANDSHAKE_MS = 5000 /**< connecting and TLS may take so long */ };

/** Connect, shake hands, hang up; no byte of HTTP is sent.  Nothing of the certificate is checked here: the caller
 *  compares what it expects.  Blocking; a cancel is seen within 50 ms.
 *  @return MF_ENET: nobody there, or nobody who speaks TLS (a server with Foolscap alone). */
mf_code mf_handshake(const mf_place *at, mf_cert_ids *out, const mf_cancel *cancel, mf_err *err);

#endif
