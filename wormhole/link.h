/** @file
 * Where connections to mailbox servers come from: text messages over a websocket, or whatever a test puts there.
 *
 * The network is not in struct mf_env: as the grid has a table of its own (struct mf_grid), so have connections.
 * Production fills it with libcurl and wslay on the loop (link_real.h), the tests with a server in memory.  Everything
 * is [loop].
 */
#ifndef MF_WORMHOLE_LINK_H
#define MF_WORMHOLE_LINK_H

#include "base/buf.h"

enum { MF_LINK_MAX_TEXT = 1 << 20 }; /**< bytes of one message, either way */

struct mf_link; /* one connection, being made or open */

typedef struct mf_link_events {
	/** Open: messages may be sent. */
	void (*up)(void *arg);
	/** A message: valid UTF-8, at most MF_LINK_MAX_TEXT, lent. */
	void (*text)(void *arg, mf_str text);
	/** Never opened, or lost.  Once, last; the link is dead when this is called. */
	void (*down)(void *arg, const mf_err *why);
} mf_link_events;

struct mf_links;
struct mf_links_ops {
	/** Begin to connect.  Never fails: what is wrong comes by down(), later, from the loop.
	 *  @param url ws:// or wss://; copied.  @param events lent for good. */
	struct mf_link *(*open)(struct mf_links *, const char *url, const mf_link_events *events, void *arg);
	/** Queue a message; only after up().  More than 8 MiB waiting ends the link. */
	void (*send)(struct mf_link *, mf_str text);
	/** Give it up: no event comes any more.  Allowed inside its events.  NULL allowed. */
	void (*drop)(struct mf_link *);
};

struct mf_links {
	const struct mf_links_ops *ops;
};

#endif
