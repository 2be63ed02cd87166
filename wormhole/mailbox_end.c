/* Closing: release, then close, both answers awaited for a bounded time. */
#include "wormhole/mailbox_impl.h"

#include <sodium.h>

void
mf_mailbox_end(struct mf_mailbox *m, enum mf_wormhole_end end, enum mf_mood mood, mf_code code, const char *text)
{
	if (m->closing)
		return;
	m->closing = true;
	m->mood = mood;
	m->how.end = end;
	if (code != MF_OK)
		(void)mf_fail(&m->how.err, code, 0, "%s", text);
	m->close_by = m->now + m->close_ms;
	m->limit_at = MF_NEVER;
	m->listing = m->fencing = false;
	mf_letters_free(&m->early);
	mf_letters_free(&m->received);
	/* An allocation under way stays behind at the server until it is pruned: we do not know its number. */
	if (m->plate == MF_PLATE_CLAIMING || m->plate == MF_PLATE_CLAIMED)
		mf_mailbox_release(m);
	else if (m->plate != MF_PLATE_RELEASING)
		m->plate = MF_PLATE_DONE;
	if (m->box == MF_BOX_OPEN) {
		m->box = MF_BOX_CLOSING;
		if (m->conn == MF_CONN_UP)
			mf_mailbox_say_close(m);
	} else {
		m->box = MF_BOX_DONE;
	}
	mf_mailbox_maybe_finish(m);
}

void
mf_mailbox_maybe_finish(struct mf_mailbox *m)
{
	if (m->closing && m->plate == MF_PLATE_DONE && m->box == MF_BOX_DONE)
		mf_mailbox_finish(m);
}

/* Messages of the owner's that the server may not have. */
static size_t
undelivered(const struct mf_mailbox *m)
{
	size_t n = m->queue.n;

	for (const mf_letter *l = m->pending.first; l != NULL; l = l->next) {
		if (l->phase[0] >= '0' && l->phase[0] <= '9')
			n++;
	}
	return n;
}

void
mf_mailbox_finish(struct mf_mailbox *m)
{
	if (m->finished)
		return;
	m->finished = true;
	m->how.undelivered = undelivered(m);
	if (m->conn != MF_CONN_OFF)
		(void)mf_mailbox_wish(m, MF_MAILBOX_DROP, (mf_str){0}, NULL);
	m->conn = MF_CONN_OFF;
	mf_mailbox_wish(m, MF_MAILBOX_CLOSED, (mf_str){0}, NULL)->closed = m->how;
	mf_spake2_wipe(&m->spake);
	sodium_memzero(m->key, sizeof(m->key));
}
