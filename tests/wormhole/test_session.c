/* Recorded sessions of the Python program, replayed: what it heard goes in, what it said must come out, to the byte.
 * A session has two clients; each is replayed by itself, with the chance it had. */
#include <criterion/criterion.h>
#include <sodium.h>

#include "base/json.h"
#include "tests/grid/golden.h"
#include "wormhole/mailbox.h"
#include "wormhole/words.h"

typedef struct player {
	const json_t *frames, *client;
	const char *name, *code;
	size_t nonces;    /* used */
	size_t said;      /* frames of ours that have been compared */
	size_t sent, got; /* messages of the application */
	struct mf_mailbox *box;
	bool closed;
} player;

/* The i-th frame of this client in one direction; NULL behind the last. */
static const json_t *
frame_of(const player *p, const char *dir, size_t i)
{
	const json_t *f;
	size_t k;

	json_array_foreach(p->frames, k, f)
	{
		if (strcmp(golden_str(f, "client"), p->name) == 0 && strcmp(golden_str(f, "dir"), dir) == 0 && i-- == 0)
			return f;
	}
	return NULL;
}

/* The i-th message that this side's (or the other's) application sent: its plaintext. */
static const char *
message_of(const player *p, bool ours, size_t i)
{
	const json_t *f;
	char phase[8];
	size_t k;

	(void)snprintf(phase, sizeof(phase), "%zu", i);
	json_array_foreach(p->frames, k, f)
	{
		const json_t *msg = json_object_get(f, "msg");
		const char *ph = json_string_value(json_object_get(msg, "phase"));

		if (strcmp(golden_str(f, "dir"), "C->S") == 0 && ph != NULL && strcmp(ph, phase) == 0 &&
			(strcmp(golden_str(f, "client"), p->name) == 0) == ours)
			return golden_str(json_object_get(f, "decoded"), "plaintext");
	}
	return NULL;
}

static uint8_t
word_index(const char *const *list, mf_str word)
{
	for (unsigned i = 0; i < 256; i++) {
		if (mf_str_eq(mf_strz(list[i]), word))
			return (uint8_t)i;
	}
	cr_assert_fail("no such word");
	return 0;
}

/* The chance that the recorded client had: told apart by how much is asked for. */
static void
chance(void *arg, void *out, size_t n)
{
	player *p = arg;

	memset(out, 0, n);
	if (n == 5) {
		cr_assert(mf_unhex(out, 5, mf_strz(golden_str(p->client, "side"))));
	} else if (n == 64) {
		cr_assert(mf_unhex(out, 32, mf_strz(golden_str(p->client, "spake2_scalar_le_hex"))));
	} else if (n == 2) {
		const char *first = strchr(p->code, '-') + 1, *second = strchr(first, '-') + 1;

		((uint8_t *)out)[0] = word_index(mf_words_odd, (mf_str){first, (size_t)(second - 1 - first)});
		((uint8_t *)out)[1] = word_index(mf_words_even, mf_strz(second));
	} else {
		cr_assert(n == 24);
		for (size_t i = 0, skip = p->nonces++;; i++) {
			const json_t *f = frame_of(p, "C->S", i);

			cr_assert(f != NULL, "no nonce left");
			const char *nonce =
				json_string_value(json_object_get(json_object_get(f, "decoded"), "nonce_hex"));
			if (nonce != NULL && skip-- == 0) {
				cr_assert(mf_unhex(out, 24, mf_strz(nonce)));
				return;
			}
		}
	}
}

/* What was said, against the record: all members but those of no meaning. */
static void
compare(player *p, mf_str text)
{
	const json_t *f = frame_of(p, "C->S", p->said++);
	json_t *want, *got;

	cr_assert(f != NULL, "%s: said too much: %.*s", p->name, (int)text.n, text.p);
	want = json_deep_copy(json_object_get(f, "msg"));
	cr_assert(mf_json_load(text, MF_LINK_MAX_TEXT, MF_JSON_UNIQUE, &got, NULL) == MF_OK);
	json_object_del(want, "id");
	json_object_del(got, "id");
	if (strcmp(golden_str(want, "type"), "bind") == 0) {
		json_object_del(want, "client_version");
		json_object_del(got, "client_version");
	}
	cr_assert(json_equal(want, got), "%s, frame %zu: %s instead of %s", p->name, p->said - 1, json_dumps(got, 0),
		json_dumps(want, 0));
	json_decref(want);
	json_decref(got);
}

static void
send_next(player *p)
{
	const char *text = message_of(p, true, p->sent);

	if (text == NULL)
		return;
	p->sent++;
	cr_assert(mf_mailbox_send(p->box, 0, mf_strz(text), NULL) == MF_OK);
}

static void
take_all(player *p)
{
	mf_mailbox_out o;

	while (mf_mailbox_next(p->box, &o)) {
		switch (o.kind) {
		case MF_MAILBOX_SEND: compare(p, o.text); break;
		case MF_MAILBOX_CODE: cr_assert(mf_str_eq(o.text, mf_strz(p->code))); break;
		case MF_MAILBOX_VERIFIED: {
			const char *want = json_string_value(json_object_get(p->client, "verifier_hex"));
			char hex[65];

			mf_hex(hex, o.text.p, 32);
			if (want != NULL)
				cr_assert_str_eq(hex, want);
			break;
		}
		case MF_MAILBOX_MESSAGE:
			cr_assert(mf_str_eq(o.text, mf_strz(message_of(p, false, p->got))));
			p->got++;
			send_next(p);
			if (message_of(p, true, p->sent) == NULL && message_of(p, false, p->got) == NULL)
				mf_mailbox_close(p->box, 0, MF_MOOD_HAPPY);
			break;
		case MF_MAILBOX_CLOSED:
			cr_assert(o.closed.end == MF_WORMHOLE_HAPPY && o.closed.undelivered == 0);
			p->closed = true;
			break;
		default: break;
		}
	}
}

static void
replay(const json_t *session, const char *name, bool allocates, bool speaks_first)
{
	player p = {.frames = json_object_get(session, "frames"),
		.client = json_object_get(json_object_get(session, "clients"), name),
		.name = name,
		.code = golden_str(session, "code")};
	json_t *versions = json_object();
	mf_mailbox_conf conf = {
		.appid = golden_str(session, "appid"), .random = chance, .arg = &p, .versions = versions};
	const json_t *f;
	size_t n = 0;

	if (strstr(conf.appid, "invites") != NULL) {
		json_decref(versions);
		versions = json_pack("{s{s[s]}}", "magic-folder", "supported-messages", "invite-v1");
		conf.versions = versions;
	}
	cr_assert(mf_mailbox_new(&conf, 0, &p.box, NULL) == MF_OK);
	mf_mailbox_up(p.box, 0);
	if (allocates)
		mf_mailbox_allocate(p.box, 0, 2);
	else
		cr_assert(mf_mailbox_set_code(p.box, 0, mf_strz(p.code), NULL) == MF_OK);
	if (speaks_first)
		send_next(&p);
	take_all(&p);
	for (; (f = frame_of(&p, "S->C", n)) != NULL; n++) {
		char *text = json_dumps(json_object_get(f, "msg"), JSON_COMPACT);

		mf_mailbox_text(p.box, 0, mf_strz(text));
		free(text);
		take_all(&p);
	}
	cr_assert(n > 5 && p.closed, "%s: %zu heard, %zu said, open", name, n, p.said);
	cr_assert_null(frame_of(&p, "C->S", p.said), "%s: said too little", name);
	mf_mailbox_free(p.box);
	json_decref(versions);
}

Test(session, a_text_between_two_python_clients, .timeout = 30)
{
	json_t *session = golden_json("wormhole-session.json");

	cr_assert(sodium_init() >= 0);
	replay(session, "A", false, true);
	replay(session, "B", false, false);
	json_decref(session);
}

Test(session, an_invite_between_two_python_daemons, .timeout = 30)
{
	json_t *session = golden_json("invite-session.json");

	cr_assert(sodium_init() >= 0);
	replay(session, "alice", true, true);
	replay(session, "bob", false, false);
	json_decref(session);
}
