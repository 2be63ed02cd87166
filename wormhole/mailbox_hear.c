/* What the server says. */
#include "wormhole/mailbox_impl.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"

/* The server makes no sense: there is nothing to be expected of it. */
static void
nonsense(struct mf_mailbox *m, const mf_err *err)
{
	mf_buf text = {0};

	mf_buf_addf(&text, "the mailbox server makes no sense: %s", err->text);
	mf_mailbox_end(m, MF_WORMHOLE_SERVER, MF_MOOD_ERRORY, MF_ENET, (const char *)text.p);
	mf_buf_free(&text);
}

/* A text from outside for a sentence of ours: no control characters, not long. */
static void
add_foreign(mf_buf *out, mf_str s)
{
	enum { LONGEST = 100 };

	mf_log_clean(out, (mf_str){s.p, s.n < LONGEST ? s.n : LONGEST});
	if (s.n > LONGEST)
		mf_buf_addz(out, "...");
}

/* The server asks that something is done before bind; we have done nothing. */
static void
permission(struct mf_mailbox *m, const json_t *ways)
{
	mf_buf text = {0};
	const char *name;
	json_t *way;
	size_t n = 0;

	if (!json_is_object(ways) || json_object_get(ways, "none") != NULL)
		return;
	mf_buf_addz(&text, "the mailbox server asks for a permission that this program cannot get:");
	json_object_foreach((json_t *)ways, name, way)
	{
		(void)way;
		if (n++ == 3)
			break;
		mf_buf_addc(&text, ' ');
		add_foreign(&text, mf_strz(name));
	}
	mf_mailbox_end(m, MF_WORMHOLE_PERMISSION, MF_MOOD_ERRORY, MF_EUNSUPPORTED, (const char *)text.p);
	mf_buf_free(&text);
}

static void
hear_welcome(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	const json_t *welcome;
	mf_str why;

	if (m->welcomed || mf_json_object(top, "welcome.welcome", &welcome, err) != MF_OK)
		return;
	m->welcomed = m->progress = true;
	m->failures = 0;
	if (!m->told_welcome)
		(void)mf_mailbox_wish(m, MF_MAILBOX_WELCOME, (mf_str){0}, json_incref((json_t *)welcome));
	m->told_welcome = true;
	if (mf_json_at(welcome, "welcome.error") != NULL) {
		mf_buf text = {0};

		mf_buf_addz(&text, "the mailbox server says: ");
		if (mf_json_str(welcome, "welcome.error", MF_LINK_MAX_TEXT, &why, NULL) == MF_OK)
			add_foreign(&text, why);
		mf_mailbox_end(m, MF_WORMHOLE_UNWELCOME, MF_MOOD_UNWELCOME, MF_EAUTH, (const char *)text.p);
		mf_buf_free(&text);
		return;
	}
	permission(m, json_object_get(welcome, "permission-required"));
}

static void
hear_nameplates(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	const json_t *list, *one;
	json_t *ids;
	size_t i;
	mf_str id;

	if (!m->listing || mf_json_array(top, "nameplates.nameplates", 10000, &list, err) != MF_OK)
		return;
	m->listing = false;
	m->progress = true;
	ids = json_array();
	json_array_foreach(list, i, one)
	{
		if (mf_json_str(one, "nameplate.id", MF_WORMHOLE_NAMEPLATE_MAX, &id, NULL) == MF_OK)
			(void)json_array_append_new(ids, json_stringn(id.p, id.n));
	}
	(void)mf_mailbox_wish(m, MF_MAILBOX_NAMEPLATES, (mf_str){0}, ids);
}

static void
hear_allocated(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	uint8_t chance[MF_WORMHOLE_WORDS_MAX];
	mf_buf code = {0};
	mf_str nameplate;

	if (m->plate != MF_PLATE_WANTED ||
		mf_json_str(top, "allocated.nameplate", MF_WORMHOLE_NAMEPLATE_MAX, &nameplate, err) != MF_OK)
		return;
	if (!mf_wormhole_nameplate_ok(nameplate)) {
		(void)mf_fail(err, MF_EFORMAT, 0, "allocated.nameplate: digits expected");
		return;
	}
	m->progress = true;
	m->random(m->arg, chance, m->words);
	mf_wormhole_code_make(&code, nameplate, chance, m->words);
	mf_mailbox_code_is(m, mf_buf_str(&code), nameplate);
	mf_buf_wipe_free(&code);
}

static void
hear_claimed(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	mf_str id;

	if (m->plate != MF_PLATE_CLAIMING || mf_json_str(top, "claimed.mailbox", MF_MAILBOX_ID_MAX, &id, err) != MF_OK)
		return;
	m->progress = true;
	m->plate = MF_PLATE_CLAIMED;
	m->box = MF_BOX_KNOWN;
	free(m->box_id);
	m->box_id = mf_strdup(id);
	/* Were it forgotten in a restart, the nameplate would be claimed again, and could be another pair's by then. */
	(void)mf_mailbox_wish(m, MF_MAILBOX_CHANGED, (mf_str){0}, NULL);
	mf_mailbox_open(m);
}

static void
hear_released(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	(void)top;
	(void)err;
	if (m->plate != MF_PLATE_RELEASING)
		return;
	m->progress = true;
	m->plate = MF_PLATE_DONE;
	mf_mailbox_maybe_finish(m);
}

static void
hear_closed(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	(void)top;
	(void)err;
	if (m->box != MF_BOX_CLOSING)
		return;
	m->progress = true;
	m->box = MF_BOX_DONE;
	mf_mailbox_maybe_finish(m);
}

/* One of ours comes back: the server has it. */
static void
echo(struct mf_mailbox *m, mf_str phase)
{
	if (mf_str_eq(phase, MF_STR("pake"))) {
		if (!m->pake_echoed)
			(void)mf_mailbox_wish(m, MF_MAILBOX_CHANGED, (mf_str){0}, NULL);
		m->pake_echoed = m->pake_here = true;
	}
	for (mf_letter **at = &m->pending.first; *at != NULL; at = &(*at)->next) {
		if (mf_str_eq(mf_strz((*at)->phase), phase)) {
			mf_letters_remove(&m->pending, at);
			m->progress = true;
			return;
		}
	}
}

static void
hear_message(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	mf_str side, phase, body;

	if (!m->open_here || mf_json_str(top, "message.side", MF_LINK_MAX_TEXT, &side, err) != MF_OK ||
		mf_json_str(top, "message.phase", MF_LINK_MAX_TEXT, &phase, err) != MF_OK ||
		mf_json_str(top, "message.body", MF_LINK_MAX_TEXT, &body, err) != MF_OK)
		return;
	if (mf_str_eq(side, mf_strz(m->side)))
		echo(m, phase);
	else if (side.n <= MF_MAILBOX_ID_MAX && phase.n <= MF_MAILBOX_ID_MAX)
		mf_mailbox_from_peer(m, side, phase, body);
}

static void
hear_pong(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	const json_t *what = json_object_get(top, "pong");

	(void)err;
	if (!m->fencing || !json_is_integer(what) || json_integer_value(what) != m->fence)
		return;
	m->fencing = false;
	m->progress = true;
	if (!m->pake_here)
		mf_mailbox_end(m, MF_WORMHOLE_EXPIRED, MF_MOOD_ERRORY, MF_ENOTFOUND,
			"the code has expired on the mailbox server");
}

static void
hear_error(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	mf_str text, of = {0};
	mf_buf say = {0};

	if (mf_json_str(top, "error.error", MF_LINK_MAX_TEXT, &text, err) != MF_OK)
		return;
	if (json_is_object(json_object_get(top, "orig")))
		(void)mf_json_str(top, "error.orig.type", MF_LINK_MAX_TEXT, &of, NULL);
	m->progress = true;
	if (mf_str_eq(of, MF_STR("list"))) { /* nobody needs it */
		m->listing = false;
		return;
	}
	if (m->closing) {
		/* A refused goodbye is said all the same: a crowded mailbox never answers otherwise. */
		if (mf_str_eq(of, MF_STR("close")) && m->box == MF_BOX_CLOSING)
			m->box = MF_BOX_DONE;
		if (mf_str_eq(of, MF_STR("release")) && m->plate == MF_PLATE_RELEASING)
			m->plate = MF_PLATE_DONE;
		mf_mailbox_maybe_finish(m);
		return;
	}
	if (mf_str_eq(text, MF_STR("crowded"))) {
		mf_mailbox_end(m, MF_WORMHOLE_CROWDED, MF_MOOD_ERRORY, MF_EBUSY,
			"two others use the nameplate of this code: a wrong number, or somebody guesses");
		return;
	}
	mf_buf_addz(&say, "the mailbox server says: ");
	add_foreign(&say, text);
	mf_mailbox_end(m, MF_WORMHOLE_SERVER, MF_MOOD_ERRORY, MF_ENET, (const char *)say.p);
	mf_buf_free(&say);
}

void
mf_mailbox_text(struct mf_mailbox *m, uint64_t now, mf_str text)
{
	static const struct {
		const char *type;
		void (*hear)(struct mf_mailbox *m, const json_t *top, mf_err *err);
	} table[] = {
		{"welcome", hear_welcome},
		{"nameplates", hear_nameplates},
		{"allocated", hear_allocated},
		{"claimed", hear_claimed},
		{"released", hear_released},
		{"closed", hear_closed},
		{"message", hear_message},
		{"pong", hear_pong},
		{"error", hear_error},
	};
	mf_err err = {.code = MF_OK};
	json_t *top = NULL;
	mf_str type;

	m->now = now;
	if (m->finished || m->conn != MF_CONN_UP)
		return;
	if (mf_json_load(text, MF_LINK_MAX_TEXT, MF_JSON_NUL, &top, &err) == MF_OK &&
		mf_json_str(top, "message.type", MF_LINK_MAX_TEXT, &type, &err) == MF_OK) {
		/* what we do not know is no fault: ack, and what is to come */
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			if (mf_str_eq(type, mf_strz(table[i].type)))
				table[i].hear(m, top, &err);
		}
	}
	if (err.code != MF_OK)
		nonsense(m, &err);
	json_decref(top);
	mf_mailbox_settle(m);
}
