/** @file
 * What the mailbox server remembers: nameplates, mailboxes, their sides and messages, in SQLite.
 *
 * Each function is one transaction: done whole, refused (nothing has changed), or failed.  A refusal is `no` of the
 * question and MF_OK; any other code is the database's.  [loop]
 */
#ifndef MF_WORMHOLE_RENDEZVOUS_STATE_H
#define MF_WORMHOLE_RENDEZVOUS_STATE_H

#include "wormhole/rendezvous.h"

enum { MF_RV_NAMEPLATE_MAX = 40, MF_RV_MAILBOX_MAX = 128, MF_RV_SIDES = 2 };

struct mf_rv_state;

enum mf_rv_no {
	MF_RV_YES,
	MF_RV_CROWDED,      /* two other sides have been there */
	MF_RV_RECLAIMED,    /* this side has released it */
	MF_RV_FULL,         /* the server holds all that it may */
	MF_RV_MAILBOX_FULL, /* this mailbox does */
	MF_RV_NONE_FREE,    /* no nameplate */
};

/** One question of a side, and its answer. */
typedef struct mf_rv_ask {
	struct mf_rv_state *state;
	mf_str app, side;
	mf_str name;      /**< of the nameplate or the mailbox */
	int64_t now_ms;   /**< wall clock */
	const void *with; /**< what else a function of this file was given; its own */
	/* the answer */
	enum mf_rv_no no;
	int64_t mailbox;                          /**< its number; 0 = it is gone */
	int64_t ended;                            /**< number of a mailbox that is gone since, or 0 */
	char mailbox_name[MF_RV_MAILBOX_MAX + 1]; /**< claim */
	char nameplate[MF_RV_NAMEPLATE_MAX + 1];  /**< allocate */
} mf_rv_ask;

/** A message of a mailbox, lent. */
typedef struct mf_rv_message {
	mf_str side, phase, body;
	double received; /**< seconds since the epoch */
	mf_str id;       /**< JSON text */
} mf_rv_message;

mf_code mf_rv_state_open(struct mf_env *env, const mf_rendezvous_conf *conf, struct mf_rv_state **out, mf_err *err);
void mf_rv_state_close(struct mf_rv_state *s);
/** Pages in the write-ahead log after the last commit. */
int mf_rv_state_wal(const struct mf_rv_state *s);

/** Choose a free nameplate of the shortest length that has one, and claim it. */
mf_code mf_rv_allocate(mf_rv_ask *q, mf_err *err);
/** Nameplate and mailbox are made when missing. */
mf_code mf_rv_claim(mf_rv_ask *q, mf_err *err);
mf_code mf_rv_release(mf_rv_ask *q, mf_err *err);
/** Made when missing. */
mf_code mf_rv_open(mf_rv_ask *q, mf_err *err);
/** @param size bytes it will have when it is sent */
mf_code mf_rv_add(mf_rv_ask *q, const mf_rv_message *m, size_t size, mf_err *err);
/** @param mood empty: none */
mf_code mf_rv_close(mf_rv_ask *q, mf_str mood, mf_err *err);

/** Messages of a mailbox in order of arrival; @p each must not touch the state. */
mf_code mf_rv_messages(struct mf_rv_state *s, int64_t mailbox, void (*each)(void *arg, const mf_rv_message *m),
	void *arg, mf_err *err);
/** Names of an application's nameplates, ordered as strings. */
mf_code mf_rv_nameplates(
	struct mf_rv_state *s, mf_str app, void (*each)(void *arg, mf_str name), void *arg, mf_err *err);
/** Somebody was connected to it until now. */
mf_code mf_rv_touch(struct mf_rv_state *s, int64_t mailbox, int64_t now_ms, mf_err *err);
/** Forget mailboxes that were last touched before @p before_ms, or after @p now_ms (the clock was wrong then). */
mf_code mf_rv_prune(struct mf_rv_state *s, int64_t before_ms, int64_t now_ms, unsigned *n, mf_err *err);
mf_code mf_rv_tally(struct mf_rv_state *s, void (*each)(void *arg, mf_str result, int64_t n), void *arg, mf_err *err);

#endif
