/** @file
 * Connections of one simulated process to a server in memory: each message takes a moment of the world's time. */
#ifndef MF_TESTS_WORMHOLE_LINKS_H
#define MF_TESTS_WORMHOLE_LINKS_H

#include "base/env.h"
#include "tests/wormhole/server.h"
#include "wormhole/link.h"

/** @param env, @param server lent until links_free() */
struct mf_links *links_new(struct mf_env *env, struct server *server);
/** @return how many links were not dropped: each is a leak */
size_t links_free(struct mf_links *links);
/** All of its connections end. */
void links_cut(struct mf_links *links);

#endif
