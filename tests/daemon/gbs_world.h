/** @file
 * A storage server of this process on a store in a temporary directory, and a client that asks it; without TLS, over a
 * unix socket.  Aborts when the world itself cannot be made: also the fuzz target uses it. */
#ifndef MF_TESTS_DAEMON_GBS_WORLD_H
#define MF_TESTS_DAEMON_GBS_WORLD_H

#include <uv.h>

#include "daemon/gbs.h"

#define GBS_SWISSNUM "swissnum-example-12345" /* that of golden/lafs/gbs.json */
#define GBS_AUTHORIZATION "Authorization: Tahoe-LAFS c3dpc3NudW0tZXhhbXBsZS0xMjM0NQ==\r\n"

struct gbs_world {
	uv_loop_t loop;
	struct mf_env *env;
	struct mf_gbs *gbs;
	char dir[64]; /* the store is DIR/store */
};

/** @param conf limits; the rest of it is filled in here. */
void gbs_world_open(struct gbs_world *w, mf_gbs_conf conf);
/** Ends the server as a process that stops does; the store stays for the next gbs_world_serve(). */
void gbs_world_stop(struct gbs_world *w);
void gbs_world_serve(struct gbs_world *w, mf_gbs_conf conf);
void gbs_world_close(struct gbs_world *w);
/** Path of something in the store; lent until the next call. */
const char *gbs_world_path(struct gbs_world *w, const char *name);

/** A connection. */
int gbs_dial(struct gbs_world *w);
/** Send bytes while the server works; false: it has closed. */
bool gbs_say(struct gbs_world *w, int fd, mf_str text);
/** Let the server work until it closes; what it said is appended to @p out. */
void gbs_hear(struct gbs_world *w, int fd, mf_buf *out);
/** Let the server work for a while. */
void gbs_turn(struct gbs_world *w, unsigned ms);

/** One request on a connection of its own: head without its last empty line, body (its length is added unless the head has
 *  one).  The answer's body goes to @p body, its head to @p head (either may be NULL).  @return status, 0 without answer. */
unsigned gbs_ask(struct gbs_world *w, const char *head_text, mf_str body_text, mf_buf *head, mf_buf *body);

#endif
