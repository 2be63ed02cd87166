/** @file
 * Inside of the mailbox server's core, shared by rendezvous.c and its _hear, _do and _say only. */
#ifndef MF_WORMHOLE_RENDEZVOUS_IMPL_H
#define MF_WORMHOLE_RENDEZVOUS_IMPL_H

#include <jansson.h>

#include "wormhole/rendezvous_state.h"

struct mf_rendezvous {
	struct mf_env *env;
	mf_rendezvous_conf conf;
	struct mf_rv_state *state;
	struct mf_rendezvous_client *clients;
	struct mf_timer *timer; /* the next pruning */
	struct mf_job *saving;  /* moves the database's log into the database; NULL: none under way */
	mf_err save_err;        /* of the last one */
	bool closing;
	void (*done)(void *arg);
	void *done_arg;
};

/* Invariants: 1. app and side are both NULL (not bound) or both not.  2. mailbox != 0 is a row of the state and
 * mailbox_name its name; whoever drops that row sets it to 0.  3. after `ended` nothing is heard or said. */
struct mf_rendezvous_client {
	struct mf_rendezvous *server;
	struct mf_rendezvous_client *prev, *next;
	const mf_rendezvous_out *out;
	void *arg;
	char *app, *side;
	char *nameplate;                           /* of the claim, also one that failed */
	char *mailbox_name;                        /* of the last open, also one that failed */
	int64_t mailbox;                           /* that is listened to, or 0 */
	bool allocated, claimed, released, closed; /* each may be asked once */
	bool ended;
	unsigned errors;
};

/* rendezvous.c */
int64_t mf_rv_now_ms(struct mf_rendezvous *r);
/** The database failed: the client is sent away, and may come again. */
void mf_rv_failed(struct mf_rendezvous_client *c, const mf_err *err);
/** The client breaks limits. */
void mf_rv_end(struct mf_rendezvous_client *c, const char *why);
/** A mailbox is gone: nobody listens to it any more. */
void mf_rv_detach(struct mf_rendezvous *r, int64_t mailbox);

/* rendezvous_say.c: what the server says.  All carry "server_tx". */
void mf_rv_say(struct mf_rendezvous_client *c, const char *type);
/** With one more member: a string, or JSON text. */
void mf_rv_say_string(struct mf_rendezvous_client *c, const char *type, const char *name, mf_str value);
void mf_rv_say_json(struct mf_rendezvous_client *c, const char *type, const char *name, const json_t *value);
void mf_rv_welcome(struct mf_rendezvous_client *c);
/** @param orig the offending message; NULL: it is no JSON */
void mf_rv_error(struct mf_rendezvous_client *c, const char *text, const json_t *orig);
/** Append the beginning of a message of a mailbox, up to where mf_rv_say_begun() goes on. */
void mf_rv_begin_message(mf_buf *out, const mf_rv_message *m);
void mf_rv_say_begun(struct mf_rendezvous_client *c, mf_str begun, const char *type);

/* rendezvous_hear.c: taking messages apart */

/** One message in work. */
typedef struct mf_rv_heard {
	struct mf_rendezvous_client *c;
	const json_t *msg; /* an object */
} mf_rv_heard;

/** Tell the client that this cannot be done. */
void mf_rv_refuse_heard(const mf_rv_heard *h, const char *text);
/** The member's text, if it is one of at most @p max bytes; else the client is told, and false.  @p absent is said when
 *  there is none; NULL: it need not be there, and then *there is false. */
bool mf_rv_take(const mf_rv_heard *h, const char *name, size_t max, const char *absent, mf_str *out, bool *there);
/** The same for "nameplate". */
bool mf_rv_take_nameplate(const mf_rv_heard *h, const char *absent, mf_str *out, bool *there);

/* rendezvous_do.c: one function for each type */
void mf_rv_hear_allocate(const mf_rv_heard *h);
void mf_rv_hear_claim(const mf_rv_heard *h);
void mf_rv_hear_release(const mf_rv_heard *h);
void mf_rv_hear_open(const mf_rv_heard *h);
void mf_rv_hear_add(const mf_rv_heard *h);
void mf_rv_hear_close(const mf_rv_heard *h);

#endif
