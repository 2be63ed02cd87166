/** @file
 * A mailbox server's core in the simulated environment, and the parties that talk to it.
 *
 * Chance is a row of equal bytes that begins with 0 and grows by one with each draw, so that what is chosen is known:
 * the first mailbox is "aaaaaaaaaaaaa". */
#ifndef MF_TESTS_WORMHOLE_PARTIES_H
#define MF_TESTS_WORMHOLE_PARTIES_H

#include <jansson.h>

#include "tests/sim/sim.h"
#include "wormhole/rendezvous.h"

struct party {
	struct mf_rendezvous_client *c; /* NULL: not connected */
	json_t *heard;                  /* what the server said, oldest first */
	bool ended, ours;               /* the server wants the connection to end */
};

struct hall {
	struct sim_world *world;
	struct sim_host *host;
	struct mf_env *env;
	struct mf_rendezvous *server;
	mf_rendezvous_conf conf;
	struct party party[8];
};

/** @p conf NULL: defaults, in memory. */
void hall_open(struct hall *h, const mf_rendezvous_conf *conf);
/** All leave, the server closes, nothing is left. */
void hall_close(struct hall *h);
/** The server's process dies and another begins; everybody has left. */
void hall_restart(struct hall *h, enum sim_crash how);
/** What the next draw of chance is made of. */
void hall_chance(uint8_t next);
/** The bytes of the next draws of 8, as they come; NULL: as ever. */
void hall_chance_is(const uint8_t *bytes);

void party_join(struct hall *h, struct party *p);
void party_leave(struct party *p);
void party_says(struct party *p, mf_str text);
/** The next message without "server_tx", which was a number; NULL: there is none.  json_decref(). */
json_t *party_hears(struct party *p);

/** A play, line by line: "A+" A (the party of that number) joins and hears a welcome; "A-" leaves; "A> {...}" says;
 *  "A< {...}" hears exactly that, but for server_tx and server_rx; "A." has nothing more to hear; "A!" was told to go; "@ 660"
 *  so many seconds pass.  ` stands for ". */
void hall_play(struct hall *h, const char *const *lines);

/* Lines of plays. */
#define PLAY(h, ...) hall_play(h, (const char *const[]){__VA_ARGS__, NULL})
#define ACK "{`type`: `ack`, `id`: null}"
#define BIND_A "A> {`type`: `bind`, `appid`: `app`, `side`: `a`}"
#define BIND_B "B> {`type`: `bind`, `appid`: `app`, `side`: `b`}"
#define BIND_C "C> {`type`: `bind`, `appid`: `app`, `side`: `c`}"
#define ENTER_A "A+", BIND_A, "A< " ACK
#define ENTER_B "B+", BIND_B, "B< " ACK
#define ENTER_C "C+", BIND_C, "C< " ACK
#define FIRST "aaaaaaaaaaaaa" /* the name of the first mailbox */
#define CROWDED(who, says) who "> " says, who "< " ACK, who "< {`type`: `error`, `error`: `crowded`, `orig`: " says "}"

#endif
