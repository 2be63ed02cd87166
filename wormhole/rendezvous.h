/** @file
 * The mailbox server's core: messages in, messages out; what must outlive the process is in SQLite.
 *
 * A connection says who it is (bind: application and side), gets a nameplate, a small number that two people tell each
 * other, and through it a mailbox, where what one side adds is kept for the other.  The server sees who meets whom and
 * when, never what is said: bodies are sealed by the clients.  Everything is [loop].  (docs/mailbox.md; the protocol
 * is that of magic-wormhole's mailbox server)
 */
#ifndef MF_WORMHOLE_RENDEZVOUS_H
#define MF_WORMHOLE_RENDEZVOUS_H

#include "base/env.h"

struct mf_rendezvous;        /* the server */
struct mf_rendezvous_client; /* one connection to it */

enum {
	MF_RENDEZVOUS_MAX_TEXT = 1 << 20, /**< bytes of one message from a client */
	/** Bytes that may wait for a client at once, when it is sent a whole mailbox: see mailbox_bytes. */
	MF_RENDEZVOUS_MAX_QUEUE = 12 << 20,
};

typedef struct mf_rendezvous_conf {
	const char *path;  /**< the database, absolute; NULL: in memory */
	const char *motd;  /**< for everybody who connects, or NULL */
	const char *error; /**< clients give up with this, or NULL */
	bool list;         /**< tell which nameplates are in use: helps completion, and those who disturb */

	/* Limits; 0 = what is said here. */
	unsigned mailboxes;        /**< at once: 10,000 */
	uint64_t bytes;            /**< in all of them: 256 MiB */
	unsigned mailbox_messages; /**< in one: 1,000 */
	uint64_t mailbox_bytes;    /**< in one, as sent: 8 MiB */
	uint64_t keep_ms;          /**< a mailbox to which nobody is connected: 11 minutes */
	uint64_t prune_ms;         /**< how often is looked for such: 5 minutes */
} mf_rendezvous_conf;

/** Open the database (made when missing), forget what is too old.  @p conf is copied, its strings are lent. */
mf_code mf_rendezvous_open(struct mf_env *env, const mf_rendezvous_conf *conf, struct mf_rendezvous **out, mf_err *err);
/** All clients have left.  @p done comes later, from the loop, or, when nothing is under way, at once; then it is
 *  freed. */
void mf_rendezvous_close(struct mf_rendezvous *r, void (*done)(void *arg), void *arg);

/** How mailboxes ended since the database was made, by result: "happy", "lonely", "scary", "errory", "pruney",
 *  "crowded", "quiet".  @p each is called in alphabetical order. */
mf_code mf_rendezvous_tally(
	struct mf_rendezvous *r, void (*each)(void *arg, mf_str result, int64_t n), void *arg, mf_err *err);

/** The way to a client; neither function may call back into the server. */
typedef struct mf_rendezvous_out {
	/** Queue a message; lent. */
	void (*send)(void *arg, mf_str text);
	/** Close the connection soon: it breaks limits (@p ours false), or the server cannot store (true; it may come
	 *  again).  mf_rendezvous_leave() is still to be called. */
	void (*end)(void *arg, bool ours, const char *why);
} mf_rendezvous_out;

/** Somebody has connected; the welcome is sent from within this.  @p out and @p arg are lent until it leaves. */
struct mf_rendezvous_client *mf_rendezvous_join(struct mf_rendezvous *r, const mf_rendezvous_out *out, void *arg);
/** A message came, any bytes. */
void mf_rendezvous_text(struct mf_rendezvous_client *c, mf_str text);
/** It has said who it is.  One that does not within a minute may be sent away. */
bool mf_rendezvous_bound(const struct mf_rendezvous_client *c);
/** The connection is gone; so is @p c. */
void mf_rendezvous_leave(struct mf_rendezvous_client *c);

#endif
