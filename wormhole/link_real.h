/** @file
 * Connections of the real world: libcurl makes them (names, TLS, proxies from the environment), wslay frames them, the
 * loop waits.  [loop] */
#ifndef MF_WORMHOLE_LINK_REAL_H
#define MF_WORMHOLE_LINK_REAL_H

#include <uv.h>

#include "wormhole/link.h"

typedef struct mf_links_conf {
	const char *ca_file; /**< certificates believed instead of the system's; NULL = the system's; copied */
	unsigned ping_ms;    /**< between pings; 0 = 30 s */
	unsigned silence_ms; /**< without a byte from the server, ends the link; 0 = 60 s */
} mf_links_conf;

/** @param conf NULL = all as usual */
struct mf_links *mf_links_real_new(uv_loop_t *loop, const mf_links_conf *conf);
/** All links are dropped (by their owners, or now without an event); then @p done, then it is freed. */
void mf_links_real_close(struct mf_links *links, void (*done)(void *arg), void *arg);

#endif
