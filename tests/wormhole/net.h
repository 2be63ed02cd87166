/** @file
 * Mailbox machines and a server, with a network between them that a seed spoils.  Time is virtual. */
#ifndef MF_TESTS_WORMHOLE_NET_H
#define MF_TESTS_WORMHOLE_NET_H

#include "tests/wormhole/server.h"
#include "wormhole/mailbox.h"

/** What goes wrong, in thousandths of all messages, until calm_at. */
typedef struct net_faults {
	unsigned drop, swap, garble; /* messages: lost, overtaken, changed, while the connection lives on */
	unsigned twice[2];           /* doubled: to the server, to the client */
	unsigned cut;                /* the connection ends at this message; what is on the way may be lost */
	unsigned refuse;             /* a new connection is not made */
	bool refuse_first;           /* the first one of a machine, too */
	unsigned slow_ms;            /* a message takes up to this long */
	uint64_t calm_at;
} net_faults;

struct net;
struct net_peer;

/** Something came out of a peer's machine that is an event of wormhole.h. */
typedef void net_event(void *arg, struct net_peer *p, const mf_mailbox_out *o);

struct net *net_new(uint64_t seed);
void net_free(struct net *n);
net_faults *net_faults_of(struct net *n);
struct server *net_server(struct net *n);
uint64_t net_now(const struct net *n);
uint64_t net_random(struct net *n, uint64_t below);
bool net_chance(struct net *n, unsigned permille);

/** A machine on the network.  @param conf its chance is filled in.  @param saved goes on with that one */
struct net_peer *net_peer_new(struct net *n, const mf_mailbox_conf *conf, net_event *event, void *arg);
/** It ends without a word. */
void net_peer_free(struct net_peer *p);
struct mf_mailbox *net_mailbox(struct net_peer *p);
/** The owner has asked the machine for something: do what it wants now. */
void net_pump(struct net_peer *p);
/** The process stops in the middle of what it does; only net_peer_free() is left. */
void net_halt(struct net_peer *p);
bool net_halted(const struct net_peer *p);
/** The peer's connection ends, if it has one. */
void net_cut(struct net_peer *p);
bool net_is_up(const struct net_peer *p);
/** Until then new connections are not made. */
void net_refuse_until(struct net *n, uint64_t when);

/** Go on until @p done or @p until.  @return whether done */
bool net_run(struct net *n, bool (*done)(void *arg), void *arg, uint64_t until);

#endif
