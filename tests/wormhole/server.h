/** @file
 * A mailbox server in memory, as the Python one behaves (docs/wormhole.md, "The server"), its poisoning by a third side
 * included.  Without time: what is too old, the test says. */
#ifndef MF_TESTS_WORMHOLE_SERVER_H
#define MF_TESTS_WORMHOLE_SERVER_H

#include <jansson.h>

#include "base/buf.h"

struct server;
struct server_conn;
typedef void server_say(void *arg, mf_str text);

struct server *server_new(void);
void server_free(struct server *s); /**< all connections are gone */
/** Sends the welcome at once. @param welcome its content, copied; NULL = {} */
struct server_conn *server_connect(struct server *s, const json_t *welcome, server_say *say, void *arg);
void server_hear(struct server_conn *c, mf_str text);
void server_gone(struct server_conn *c);
/** Forget everything, as when nobody has been there for eleven minutes. */
void server_prune(struct server *s);
size_t server_mailboxes(const struct server *s);
size_t server_nameplates(const struct server *s);

#endif
