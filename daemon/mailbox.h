/** @file
 * A mailbox server on a socket: the core (wormhole/rendezvous.h) behind websockets at /v1.  [loop]
 *
 * Who connects has a minute to say who it is, is pinged every minute, and is taken for gone after ten minutes without
 * an answer.  `GET /` says that the server is there. */
#ifndef MF_DAEMON_MAILBOX_H
#define MF_DAEMON_MAILBOX_H

#include "daemon/endpoint.h"
#include "daemon/http1.h"
#include "wormhole/rendezvous.h"

struct mf_mailbox;

enum { MF_MAILBOX_CONNS = 500 };

typedef struct mf_mailbox_conf {
	mf_endpoint where;
	mf_rendezvous_conf core;
	unsigned conns; /**< connections at once; 0 = MF_MAILBOX_CONNS */
} mf_mailbox_conf;

/** @p conf is copied, its strings are lent.  @p bound: where clients find it.  MF_EBUSY: the address is in use. */
mf_code mf_mailbox_start(uv_loop_t *loop, struct mf_env *env, const mf_mailbox_conf *conf, struct mf_mailbox **out,
	mf_endpoint *bound, mf_err *err);
/** Drop all connections; they may come again after the next start, nothing is lost.  @p done comes last. */
void mf_mailbox_stop(struct mf_mailbox *m, void (*done)(void *arg), void *arg);

/** Serve until SIGTERM or SIGINT; what happens goes to the log.  @p state: a directory, made when missing, or NULL: in
 *  memory.  conf->core.path is set from it.  MF_EBUSY: another server uses that directory, or that address. */
mf_code mf_mailbox_run(const mf_mailbox_conf *conf, const char *state, mf_err *err);

#endif
