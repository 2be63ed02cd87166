/** @file
 * Inside of the mailbox server's memory, shared by rendezvous_state*.c only. */
#ifndef MF_WORMHOLE_RENDEZVOUS_STATE_IMPL_H
#define MF_WORMHOLE_RENDEZVOUS_STATE_IMPL_H

#include "base/db.h"
#include "wormhole/rendezvous_state.h"

/* Statements; their text is in rendezvous_state.c. */
enum mf_rv_sql {
	RV_PLATE,
	RV_PLATE_ADD,
	RV_PLATE_SIDES,
	RV_PLATE_SIDE_ADD,
	RV_PLATE_RELEASE,
	RV_PLATE_DROP,
	RV_PLATES,
	RV_BOX,
	RV_BOX_ADD,
	RV_BOX_SIDES,
	RV_BOX_SIDE_ADD,
	RV_BOX_TOUCH,
	RV_BOX_CLOSE,
	RV_BOX_OPENED,
	RV_BOX_SIZE,
	RV_BOX_GREW,
	RV_BOX_CROWDED,
	RV_BOX_RESULT,
	RV_BOX_DROP,
	RV_BOX_OLD,
	RV_BOX_FUTURE,
	RV_MESSAGE_ADD,
	RV_MESSAGES,
	RV_TALLY_ADD,
	RV_TALLY,
	RV_STATEMENTS,
};

/* All that is held; kept beside the database because counting it takes long. */
typedef struct mf_rv_totals {
	int64_t mailboxes, bytes;
} mf_rv_totals;

struct mf_rv_state {
	struct mf_env *env;
	sqlite3 *db;
	sqlite3_stmt *st[RV_STATEMENTS];
	mf_rv_totals held;
	mf_rv_totals most;
	int64_t most_messages, most_bytes; /* of one mailbox */
	int wal_pages;
};

/** Run @p step in a transaction; a refusal takes back what it did and is MF_OK. */
mf_code mf_rv_run(mf_rv_ask *q, mf_code (*step)(void *q, mf_err *err), mf_err *err);
/** Note a refusal; for steps to return. */
mf_code mf_rv_refuse(mf_rv_ask *q, enum mf_rv_no no);
/** Within a transaction: the mailbox with all that belongs to it is gone, its result counted.  @p pruned: of age. */
mf_code mf_rv_drop(struct mf_rv_state *s, int64_t mailbox, bool pruned, mf_err *err);

/* In rendezvous_mailbox.c; each within a transaction. */

/** MF_ENOTFOUND: there is none of that name; else it is q->mailbox. */
mf_code mf_rv_find_mailbox(mf_rv_ask *q, mf_str name, mf_err *err);
/** q->mailbox, of that name, which is free. */
mf_code mf_rv_make_mailbox(mf_rv_ask *q, mf_str name, mf_err *err);
/** Is q->side among the sides that @p st lists?  If not and the room has its two, it is refused before anything is
 *  written: a third one does not spoil it.  @p second gets the second column of its row. */
mf_code mf_rv_find_side(mf_rv_ask *q, sqlite3_stmt *st, int64_t room, bool *found, bool *second, mf_err *err);
mf_code mf_rv_add_side(mf_rv_ask *q, enum mf_rv_sql sql, int64_t room, mf_err *err);
/** The side is in the mailbox q->mailbox from now on, if it was not. */
mf_code mf_rv_enter(mf_rv_ask *q, mf_err *err);
/** After a refusal: that a third one came is remembered for the count of results only; failing that is nothing. */
void mf_rv_note_crowded(mf_rv_ask *q, mf_str mailbox);

#endif
