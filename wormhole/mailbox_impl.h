/** @file
 * Inside the mailbox machine: its state, and which file does what.  Only mailbox*.c include this.
 *
 *     mailbox.c       life, connections, deadlines, what comes out
 *     mailbox_say.c   what is said to the server
 *     mailbox_hear.c  what the server says
 *     mailbox_peer.c  what the peer says: pake, proof, phases
 *     mailbox_end.c   closing
 *     mailbox_save.c  over a restart
 */
#ifndef MF_WORMHOLE_MAILBOX_IMPL_H
#define MF_WORMHOLE_MAILBOX_IMPL_H

#include "wormhole/keys.h"
#include "wormhole/mailbox.h"
#include "wormhole/spake2.h"

enum {
	MF_MAILBOX_ANSWER_MS = 30000, /* an answer that takes longer is none: the connection is made again */
	MF_MAILBOX_CLOSE_MS = 20000,
	MF_MAILBOX_SIDE = 10,           /* hex digits of ours */
	MF_MAILBOX_ID_MAX = 200,        /* bytes of a mailbox' id, a side, a phase */
	MF_MAILBOX_EARLY_MAX = 64,      /* messages before the peer's pake */
	MF_MAILBOX_BYTES_MAX = 1 << 20, /* bytes that wait, of each kind */
};
#define MF_NEVER UINT64_MAX

/* Our nameplate.  Each state is entered from the one before; DONE from any. */
enum mf_plate {
	MF_PLATE_NONE,
	MF_PLATE_WANTED,   /* to be allocated; asked for on each connection until answered */
	MF_PLATE_KNOWN,    /* claim it */
	MF_PLATE_CLAIMING, /* claim it again on each connection */
	MF_PLATE_CLAIMED,
	MF_PLATE_RELEASING, /* release it on each connection until answered */
	MF_PLATE_DONE,
};

enum mf_box { MF_BOX_NONE, MF_BOX_KNOWN, MF_BOX_OPEN, MF_BOX_CLOSING, MF_BOX_DONE };

enum mf_conn { MF_CONN_OFF, MF_CONN_MAKING, MF_CONN_UP };

/* One message that waits; a list keeps the order of arrival. */
typedef struct mf_letter {
	struct mf_letter *next;
	char *side;      /* of early ones */
	char *phase;     /* NULL in the queue of those that have only a number */
	uint64_t number; /* of numbered ones */
	mf_buf body;     /* hex in pending and early, else plaintext */
} mf_letter;

typedef struct mf_letters {
	mf_letter *first;
	size_t n, bytes;
} mf_letters;

typedef struct mf_wish {
	struct mf_wish *next;
	enum mf_mailbox_kind kind;
	mf_buf text;
	json_t *json;
	mf_wormhole_closed closed;
} mf_wish;

/* Invariants: (1) keyed => peer is set, spake is wiped.  (2) have_code && !keyed => spake is a run.  (3) verified =>
 * keyed and queue is empty.  (4) received holds numbers above rx_next only, once the call has returned.
 * (5) open_here => conn is UP and box is OPEN or CLOSING.  (6) closing => how and mood are set; nothing of the peer's
 * is taken any more.  (7) finished => the last wish is CLOSED. */
struct mf_mailbox {
	void (*random)(void *arg, void *p, size_t n);
	void *arg;
	char *appid;
	mf_buf versions; /* JSON text */
	uint64_t close_ms;

	uint64_t now;
	uint64_t retry_at, answer_by, close_by, limit_at;
	enum mf_conn conn;
	bool ever_up;
	bool told_welcome, told_code, told_versions;            /* the owner has had that event */
	bool welcomed, open_here, fencing, pake_here, progress; /* of this connection */
	bool listing;
	unsigned failures;
	uint32_t next_id; /* of what we say: for the server's log */
	uint32_t fence;   /* the ping that follows the replay */

	char side[MF_MAILBOX_SIDE + 1];
	enum mf_plate plate;
	enum mf_box box;
	char nameplate[MF_WORMHOLE_NAMEPLATE_MAX + 1];
	char *box_id;
	unsigned words;
	mf_buf code; /* the password */
	bool have_code, pake_echoed;
	mf_spake2 spake;

	char *peer;
	bool keyed, verified, have_versions;
	uint8_t key[MF_WORMHOLE_KEY];
	uint64_t tx_next, rx_next;
	uint64_t rx_told;    /* messages that the owner has had: what a restart may count on */
	mf_letters pending;  /* ours whose echo has not been seen */
	mf_letters queue;    /* ours that wait for the proof */
	mf_letters early;    /* theirs before their pake */
	mf_letters received; /* theirs that wait for one before */

	bool closing, finished;
	enum mf_mood mood;
	mf_wormhole_closed how;

	mf_wish *first, **last, *lent;
};

/* mailbox.c */
mf_wish *mf_mailbox_wish(struct mf_mailbox *m, enum mf_mailbox_kind kind, mf_str text, json_t *json /* taken */);
/** After anything happened: when is an answer due? */
void mf_mailbox_settle(struct mf_mailbox *m);
/** The connection does not answer: drop it, make another. */
void mf_mailbox_give_up(struct mf_mailbox *m, const char *why);
/** The code is settled: begin SPAKE2, have the pake go out, claim.  @param password in NFC; copied */
void mf_mailbox_code_is(struct mf_mailbox *m, mf_str password, mf_str nameplate);
mf_letter *mf_letters_add(mf_letters *l, mf_str side, mf_str phase, uint64_t number, mf_str body);
void mf_letters_remove(mf_letters *l, mf_letter **at);
void mf_letters_free(mf_letters *l);

/* mailbox_say.c */
void mf_mailbox_greet(struct mf_mailbox *m); /**< all that a new connection is told */
void mf_mailbox_claim(struct mf_mailbox *m);
void mf_mailbox_release(struct mf_mailbox *m);
void mf_mailbox_open(struct mf_mailbox *m);
void mf_mailbox_say_allocate(struct mf_mailbox *m);
void mf_mailbox_say_list(struct mf_mailbox *m);
void mf_mailbox_say_close(struct mf_mailbox *m);
/** Keep until echoed, and say now if that can be. */
void mf_mailbox_add(struct mf_mailbox *m, mf_str phase, mf_str body);
/** Seal and add. */
void mf_mailbox_add_sealed(struct mf_mailbox *m, mf_str phase, mf_str plaintext);
void mf_mailbox_add_numbered(struct mf_mailbox *m, uint64_t number, mf_str plaintext);

/* mailbox_peer.c */
void mf_mailbox_from_peer(struct mf_mailbox *m, mf_str side, mf_str phase, mf_str body);

/** The event, now or again after a restart. */
void mf_mailbox_tell_verified(struct mf_mailbox *m);

/* mailbox_end.c */
/** Begin to close, if that has not begun. */
void mf_mailbox_end(struct mf_mailbox *m, enum mf_wormhole_end end, enum mf_mood mood, mf_code code, const char *text);
/** An answer to release or close has come: perhaps that was all. */
void mf_mailbox_maybe_finish(struct mf_mailbox *m);
void mf_mailbox_finish(struct mf_mailbox *m);

/* mailbox_save.c */
mf_code mf_mailbox_restore(struct mf_mailbox *m, mf_str saved, mf_err *err);

#endif
