/* What the mailbox machine says to the server: one JSON object in each text. */
#include "config.h"
#include "wormhole/mailbox_impl.h"

#include <stdio.h>

#include "base/json.h"
#include "wormhole/wormhole.h"

/* {"type": "...", "id": "...", KEY: VALUE, KEY: VALUE}; a key of NULL is left out. */
static void
say(struct mf_mailbox *m, const char *type, const char *key1, mf_str value1, const char *key2, mf_str value2)
{
	mf_buf text = {0};

	mf_buf_addf(&text, "{\"type\": \"%s\", \"id\": \"%04x\"", type, (unsigned)(m->next_id++ & 0xffff));
	if (key1 != NULL) {
		mf_buf_addf(&text, ", \"%s\": ", key1);
		mf_json_add_string(&text, value1);
	}
	if (key2 != NULL) {
		mf_buf_addf(&text, ", \"%s\": ", key2);
		mf_json_add_string(&text, value2);
	}
	mf_buf_addc(&text, '}');
	(void)mf_mailbox_wish(m, MF_MAILBOX_SEND, mf_buf_str(&text), NULL);
	mf_buf_free(&text);
}

static void
bind_side(struct mf_mailbox *m)
{
	mf_buf text = {0};

	mf_buf_addf(&text, "{\"type\": \"bind\", \"id\": \"%04x\", \"appid\": ", (unsigned)(m->next_id++ & 0xffff));
	mf_json_add_string(&text, mf_strz(m->appid));
	mf_buf_addf(&text, ", \"side\": \"%s\", \"client_version\": [\"magic-folder-c\", \"%s\"]}", m->side,
		PACKAGE_VERSION);
	(void)mf_mailbox_wish(m, MF_MAILBOX_SEND, mf_buf_str(&text), NULL);
	mf_buf_free(&text);
}

void
mf_mailbox_say_allocate(struct mf_mailbox *m)
{
	say(m, "allocate", NULL, (mf_str){0}, NULL, (mf_str){0});
}

void
mf_mailbox_say_list(struct mf_mailbox *m)
{
	say(m, "list", NULL, (mf_str){0}, NULL, (mf_str){0});
}

void
mf_mailbox_claim(struct mf_mailbox *m)
{
	m->plate = MF_PLATE_CLAIMING;
	say(m, "claim", "nameplate", mf_strz(m->nameplate), NULL, (mf_str){0});
}

void
mf_mailbox_release(struct mf_mailbox *m)
{
	m->plate = MF_PLATE_RELEASING;
	if (m->conn == MF_CONN_UP)
		say(m, "release", "nameplate", mf_strz(m->nameplate), NULL, (mf_str){0});
}

static void
say_add(struct mf_mailbox *m, const mf_letter *l)
{
	say(m, "add", "phase", mf_strz(l->phase), "body", mf_buf_str(&l->body));
}

void
mf_mailbox_open(struct mf_mailbox *m)
{
	char text[64];

	if (m->box == MF_BOX_KNOWN)
		m->box = MF_BOX_OPEN;
	m->open_here = true;
	m->pake_here = false;
	say(m, "open", "mailbox", mf_strz(m->box_id), NULL, (mf_str){0});
	for (const mf_letter *l = m->pending.first; l != NULL; l = l->next)
		say_add(m, l);
	if (!m->pake_echoed || m->closing)
		return;
	/* The server works in order: when this comes back, it has replayed all that it still has.  Our pake was in
	 * the mailbox; if it is not there now, this is another mailbox. */
	m->fencing = true;
	m->fence = m->next_id++;
	(void)snprintf(text, sizeof(text), "{\"type\": \"ping\", \"ping\": %u}", (unsigned)m->fence);
	(void)mf_mailbox_wish(m, MF_MAILBOX_SEND, mf_strz(text), NULL);
}

void
mf_mailbox_say_close(struct mf_mailbox *m)
{
	static const char *const moods[] = {
		[MF_MOOD_LONELY] = "lonely",
		[MF_MOOD_HAPPY] = "happy",
		[MF_MOOD_SCARY] = "scary",
		[MF_MOOD_ERRORY] = "errory",
		[MF_MOOD_UNWELCOME] = "unwelcome",
	};

	say(m, "close", "mailbox", mf_strz(m->box_id), "mood", mf_strz(moods[m->mood]));
}

void
mf_mailbox_greet(struct mf_mailbox *m)
{
	bind_side(m);
	if (m->plate == MF_PLATE_KNOWN || m->plate == MF_PLATE_CLAIMING)
		mf_mailbox_claim(m);
	else if (m->plate == MF_PLATE_RELEASING)
		mf_mailbox_release(m);
	/* A goodbye that was on its way comes before the close that ends the mailbox. */
	if (m->box == MF_BOX_KNOWN || m->box == MF_BOX_OPEN || (m->box == MF_BOX_CLOSING && m->pending.n > 0))
		mf_mailbox_open(m);
	if (m->box == MF_BOX_CLOSING)
		mf_mailbox_say_close(m);
	if (m->listing)
		mf_mailbox_say_list(m);
	if (m->plate == MF_PLATE_WANTED)
		mf_mailbox_say_allocate(m);
}

void
mf_mailbox_add(struct mf_mailbox *m, mf_str phase, mf_str body)
{
	const mf_letter *l = mf_letters_add(&m->pending, (mf_str){0}, phase, 0, body);

	if (m->open_here)
		say_add(m, l);
}

void
mf_mailbox_add_sealed(struct mf_mailbox *m, mf_str phase, mf_str plaintext)
{
	uint8_t nonce[MF_WORMHOLE_NONCE];
	mf_buf body = {0};

	m->random(m->arg, nonce, sizeof(nonce));
	mf_wormhole_seal(&body, m->key, mf_strz(m->side), phase, nonce, plaintext);
	mf_mailbox_add(m, phase, mf_buf_str(&body));
	mf_buf_free(&body);
}

void
mf_mailbox_add_numbered(struct mf_mailbox *m, uint64_t number, mf_str plaintext)
{
	char phase[24];

	(void)snprintf(phase, sizeof(phase), "%llu", (unsigned long long)number);
	mf_mailbox_add_sealed(m, mf_strz(phase), plaintext);
}
