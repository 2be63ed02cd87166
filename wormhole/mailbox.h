/** @file
 * The client's half of the mailbox protocol as a machine without input and output of its own.
 *
 * The owner tells it what happened (connected, lost, a text, time) and then takes what it wants done with
 * mf_mailbox_next() until there is no more, and has it called again at mf_mailbox_deadline().  No clock, no socket,
 * no callback but chance: recorded sessions and a simulated network drive it as well as real ones.
 * Not thread-safe; one owner.  (docs/wormhole.md, "The client")
 *
 * What it sees to: nameplate (allocate, claim, release) and mailbox (open, add, close) over any number of
 * connections; SPAKE2 and the proof of the code; one peer, the side of the first foreign pake; each phase once, in
 * order; what was not echoed goes out again on the next connection; an answer that does not come within 30 s is a lost
 * connection; a mailbox that the server has forgotten is noticed; an end within bounded time once closing.
 */
#ifndef MF_WORMHOLE_MAILBOX_H
#define MF_WORMHOLE_MAILBOX_H

#include "wormhole/wormhole.h"

struct mf_mailbox;

typedef struct mf_mailbox_conf {
	const char *appid;
	const json_t *versions;      /* an object, or NULL */
	mf_str saved;                /* of mf_mailbox_save(), or nothing */
	uint64_t limit_ms, close_ms; /* as in mf_wormhole_conf */
	void (*random)(void *arg, void *p, size_t n);
	void *arg;
} mf_mailbox_conf;

enum mf_mailbox_kind {
	MF_MAILBOX_CONNECT, /**< make a connection; answer with mf_mailbox_up() or mf_mailbox_down() */
	MF_MAILBOX_SEND,    /**< text: send it over the connection */
	MF_MAILBOX_DROP,    /**< give the connection up; do not report its end */
	/* the rest are the events of wormhole.h */
	MF_MAILBOX_WELCOME,    /**< json */
	MF_MAILBOX_NAMEPLATES, /**< json */
	MF_MAILBOX_CODE,       /**< text */
	MF_MAILBOX_VERIFIED,   /**< text: the verifier's 32 bytes */
	MF_MAILBOX_VERSIONS,   /**< json */
	MF_MAILBOX_MESSAGE,    /**< text */
	MF_MAILBOX_CHANGED,    /**< before anything that relies on it is said */
	MF_MAILBOX_LINK,       /**< closed->err.code: MF_OK made, else lost */
	MF_MAILBOX_CLOSED,     /**< closed: the machine has ended and does nothing more */
};

/** Lent until the next call of any function but mf_mailbox_save(). */
typedef struct mf_mailbox_out {
	enum mf_mailbox_kind kind;
	mf_str text;
	const json_t *json;
	mf_wormhole_closed closed;
} mf_mailbox_out;

/** @param now milliseconds of a clock that never goes back; the same one in every call.
 *  @return MF_OK; MF_EFORMAT when conf->saved is no state of ours. */
mf_code mf_mailbox_new(const mf_mailbox_conf *conf, uint64_t now, struct mf_mailbox **out, mf_err *err);
void mf_mailbox_free(struct mf_mailbox *m); /**< NULL allowed; secrets are wiped */

/* What happened. */
void mf_mailbox_up(struct mf_mailbox *m, uint64_t now);
/** Not made, or lost. @param why for the person */
void mf_mailbox_down(struct mf_mailbox *m, uint64_t now, const mf_err *why);
/** The server said: any bytes. */
void mf_mailbox_text(struct mf_mailbox *m, uint64_t now, mf_str text);
void mf_mailbox_tick(struct mf_mailbox *m, uint64_t now);

/* What the owner wants: as in wormhole.h. */
void mf_mailbox_allocate(struct mf_mailbox *m, uint64_t now, unsigned words);
mf_code mf_mailbox_set_code(struct mf_mailbox *m, uint64_t now, mf_str typed, mf_err *err);
void mf_mailbox_list(struct mf_mailbox *m, uint64_t now);
mf_code mf_mailbox_send(struct mf_mailbox *m, uint64_t now, mf_str message, mf_err *err);
void mf_mailbox_close(struct mf_mailbox *m, uint64_t now, enum mf_mood mood);

/* What it wants. */
bool mf_mailbox_next(struct mf_mailbox *m, mf_mailbox_out *out);
/** When to call mf_mailbox_tick() at the latest; UINT64_MAX = never. */
uint64_t mf_mailbox_deadline(const struct mf_mailbox *m);

/** As mf_wormhole_save(). */
void mf_mailbox_save(const struct mf_mailbox *m, mf_buf *out);

#endif
