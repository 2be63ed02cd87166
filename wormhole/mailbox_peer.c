/* What the peer says: its pake, the proof that it knows the code, its messages in order. */
#include "wormhole/mailbox_impl.h"

#include <stdlib.h>

#include <sodium.h>

#include "base/json.h"

static void
scary(struct mf_mailbox *m)
{
	mf_mailbox_end(m, MF_WORMHOLE_SCARY, MF_MOOD_SCARY, MF_EAUTH,
		"wrong code, or somebody guesses it: the code is used up, make a new one");
}

static void
senseless(struct mf_mailbox *m, const char *what)
{
	mf_mailbox_end(m, MF_WORMHOLE_FAILED, MF_MOOD_ERRORY, MF_EFORMAT, what);
}

/* The 33 bytes within the body of a pake: hex in JSON in hex. */
static bool
pake_of(mf_str body, uint8_t out[MF_SPAKE2_MESSAGE])
{
	mf_buf plain = {0};
	json_t *top = NULL;
	mf_str hex;
	bool good = false;

	if (body.n > 2 * MF_WORMHOLE_MESSAGE_MAX)
		return false;
	mf_buf_reserve(&plain, body.n / 2 + 1);
	if (mf_unhex(plain.p, body.n / 2, body)) {
		plain.n = body.n / 2;
		good = mf_json_load(mf_buf_str(&plain), MF_WORMHOLE_MESSAGE_MAX, MF_JSON_NUL, &top, NULL) == MF_OK &&
			mf_json_str(top, "pake.pake_v1", 2 * MF_SPAKE2_MESSAGE, &hex, NULL) == MF_OK &&
			mf_unhex(out, MF_SPAKE2_MESSAGE, hex);
	}
	json_decref(top);
	mf_buf_free(&plain);
	return good;
}

void
mf_mailbox_tell_verified(struct mf_mailbox *m)
{
	uint8_t verifier[32];

	mf_wormhole_verifier(verifier, m->key);
	(void)mf_mailbox_wish(m, MF_MAILBOX_VERIFIED, (mf_str){(const char *)verifier, sizeof(verifier)}, NULL);
	sodium_memzero(verifier, sizeof(verifier));
}

/* Now what the owner wanted to say may go out. */
static void
proven(struct mf_mailbox *m)
{
	m->verified = true;
	mf_mailbox_tell_verified(m);
	while (m->queue.first != NULL) {
		mf_mailbox_add_numbered(m, m->queue.first->number, mf_buf_str(&m->queue.first->body));
		mf_letters_remove(&m->queue, &m->queue.first);
	}
}

static void
take_versions(struct mf_mailbox *m, mf_str plain)
{
	json_t *top = NULL;
	const json_t *app;

	m->have_versions = true;
	if (mf_json_load(plain, MF_WORMHOLE_MESSAGE_MAX, MF_JSON_NUL, &top, NULL) != MF_OK || !json_is_object(top)) {
		senseless(m, "the other side's version message makes no sense");
	} else {
		app = json_object_get(top, "app_versions");
		(void)mf_mailbox_wish(m, MF_MAILBOX_VERSIONS, (mf_str){0},
			json_is_object(app) ? json_incref((json_t *)app) : json_object());
	}
	json_decref(top);
}

/* Decimal without leading zeros, as our own are written; others are no message of the application's. */
static bool
number_of(mf_str phase, uint64_t *out)
{
	uint64_t n = 0;

	if (phase.n == 0 || phase.n > 9 || (phase.p[0] == '0' && phase.n > 1))
		return false;
	for (size_t i = 0; i < phase.n; i++) {
		if (phase.p[i] < '0' || phase.p[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(phase.p[i] - '0');
	}
	*out = n;
	return true;
}

static mf_letter **
received(struct mf_mailbox *m, uint64_t number)
{
	mf_letter **at = &m->received.first;

	while (*at != NULL && (*at)->number != number)
		at = &(*at)->next;
	return at;
}

static void
take_numbered(struct mf_mailbox *m, uint64_t number, mf_str plain)
{
	mf_letter **at;

	if (m->received.n >= MF_WORMHOLE_QUEUE_MAX || m->received.bytes + plain.n > MF_MAILBOX_BYTES_MAX) {
		senseless(m, "the other side sends too much out of order");
		return;
	}
	(void)mf_letters_add(&m->received, (mf_str){0}, (mf_str){0}, number, plain);
	while (*(at = received(m, m->rx_next)) != NULL) {
		(void)mf_mailbox_wish(m, MF_MAILBOX_MESSAGE, mf_buf_str(&(*at)->body), NULL);
		mf_letters_remove(&m->received, at);
		m->rx_next++;
	}
}

/* A sealed message of the peer's. */
static void
take(struct mf_mailbox *m, mf_str phase, mf_str body)
{
	bool version = mf_str_eq(phase, MF_STR("version"));
	uint64_t number = 0;
	bool numbered = number_of(phase, &number);
	mf_buf plain = {0};

	if (version ? m->have_versions : numbered && (number < m->rx_next || *received(m, number) != NULL))
		return; /* again */
	if (body.n > 2 * (MF_WORMHOLE_MESSAGE_MAX + MF_WORMHOLE_NONCE + MF_WORMHOLE_TAG)) {
		senseless(m, "the other side sent a message that is too large");
		return;
	}
	if (mf_wormhole_unseal(&plain, m->key, mf_strz(m->peer), phase, body) == MF_OK) {
		if (!m->verified)
			proven(m);
		if (version)
			take_versions(m, mf_buf_str(&plain));
		else if (numbered)
			take_numbered(m, number, mf_buf_str(&plain));
	} else {
		scary(m);
	}
	mf_buf_wipe_free(&plain);
}

/* Whoever sends the first pake is the peer, right code or wrong; others are not listened to. */
static void
take_pake(struct mf_mailbox *m, mf_str side, mf_str body)
{
	uint8_t theirs[MF_SPAKE2_MESSAGE];
	mf_buf plain = {0};

	m->peer = mf_strdup(side);
	if (!pake_of(body, theirs) ||
		mf_spake2_finish(&m->spake, (mf_str){(const char *)theirs, sizeof(theirs)}, m->key) != MF_OK) {
		mf_spake2_wipe(&m->spake);
		scary(m);
		return;
	}
	m->keyed = true;
	(void)mf_mailbox_wish(m, MF_MAILBOX_CHANGED, (mf_str){0}, NULL);
	mf_buf_addz(&plain, "{\"app_versions\": ");
	mf_buf_adds(&plain, mf_buf_str(&m->versions));
	mf_buf_addc(&plain, '}');
	mf_mailbox_add_sealed(m, MF_STR("version"), mf_buf_str(&plain));
	mf_buf_free(&plain);
	while (m->early.first != NULL) {
		mf_letter *l = m->early.first;

		if (!m->closing && strcmp(l->side, m->peer) == 0)
			take(m, mf_strz(l->phase), mf_buf_str(&l->body));
		mf_letters_remove(&m->early, &m->early.first);
	}
}

void
mf_mailbox_from_peer(struct mf_mailbox *m, mf_str side, mf_str phase, mf_str body)
{
	if (m->closing || !m->have_code)
		return;
	if (m->plate == MF_PLATE_CLAIMED)
		mf_mailbox_release(m); /* both are here: the number is free for others */
	if (m->keyed) {
		if (mf_str_eq(side, mf_strz(m->peer)) && !mf_str_eq(phase, MF_STR("pake")))
			take(m, phase, body);
	} else if (mf_str_eq(phase, MF_STR("pake"))) {
		take_pake(m, side, body);
	} else if (m->early.n >= MF_MAILBOX_EARLY_MAX || m->early.bytes + body.n > 2 * MF_MAILBOX_BYTES_MAX) {
		senseless(m, "the other side sends too much before its first word");
	} else {
		(void)mf_letters_add(&m->early, side, phase, 0, body);
	}
}
