/* The mailbox machine over a restart of the process. */
#include "wormhole/mailbox_impl.h"

#include <stdio.h>

#include <sodium.h>

#include "base/json.h"

enum {
	SAVED_FORMAT = 1,
	SAVED_MAX = 16 << 20, /* bytes */
};

static const char *const plates[] = {
	[MF_PLATE_KNOWN] = "known",
	[MF_PLATE_CLAIMED] = "claimed",
	[MF_PLATE_RELEASING] = "releasing",
	[MF_PLATE_DONE] = "done",
};

/* , "KEY": "hex of it" */
static void
add_hex(mf_buf *out, const char *key, const void *p, size_t n)
{
	mf_buf_addf(out, ", \"%s\": \"", key);
	mf_buf_reserve(out, 2 * n);
	mf_hex((char *)out->p + out->n, p, n);
	out->n += 2 * n;
	mf_buf_addc(out, '"');
}

static void
add_text(mf_buf *out, const char *key, mf_str s)
{
	mf_buf_addf(out, ", \"%s\": ", key);
	mf_json_add_string(out, s);
}

static void
add_bool(mf_buf *out, const char *key, bool on)
{
	mf_buf_addf(out, ", \"%s\": %s", key, on ? "true" : "false");
}

static void
add_letters(mf_buf *out, const struct mf_mailbox *m)
{
	const char *between = "";

	mf_buf_addz(out, ", \"pending\": [");
	for (const mf_letter *l = m->pending.first; l != NULL; l = l->next, between = ", ") {
		mf_buf_addf(out, "%s{\"phase\": ", between);
		mf_json_add_string(out, mf_strz(l->phase));
		add_text(out, "body", mf_buf_str(&l->body));
		mf_buf_addc(out, '}');
	}
	between = "";
	mf_buf_addz(out, "], \"queue\": [");
	for (const mf_letter *l = m->queue.first; l != NULL; l = l->next, between = ", ") {
		mf_buf_addf(out, "%s{\"number\": %llu", between, (unsigned long long)l->number);
		add_hex(out, "message", l->body.p, l->body.n);
		mf_buf_addc(out, '}');
	}
	mf_buf_addc(out, ']');
}

void
mf_mailbox_save(const struct mf_mailbox *m, mf_buf *out)
{
	enum mf_plate plate = m->plate == MF_PLATE_CLAIMING ? MF_PLATE_KNOWN : m->plate;

	if (!m->told_code || m->closing)
		return;
	mf_buf_addf(out, "{\"format\": %d", SAVED_FORMAT);
	add_text(out, "appid", mf_strz(m->appid));
	mf_buf_addz(out, ", \"versions\": ");
	mf_buf_adds(out, mf_buf_str(&m->versions));
	add_text(out, "side", mf_strz(m->side));
	add_text(out, "code", mf_buf_str(&m->code));
	add_text(out, "nameplate", mf_strz(m->nameplate));
	add_text(out, "plate", mf_strz(plates[plate]));
	if (m->box_id != NULL)
		add_text(out, "mailbox", mf_strz(m->box_id));
	add_bool(out, "opened", m->box == MF_BOX_OPEN);
	add_bool(out, "pake_echoed", m->pake_echoed);
	if (m->keyed) {
		add_text(out, "peer", mf_strz(m->peer));
		add_hex(out, "key", m->key, sizeof(m->key));
	} else {
		add_hex(out, "x", m->spake.x, sizeof(m->spake.x));
	}
	add_bool(out, "verified", m->verified);
	add_bool(out, "versions_taken", m->told_versions);
	mf_buf_addf(out, ", \"sent\": %llu, \"taken\": %llu", (unsigned long long)m->tx_next,
		(unsigned long long)m->rx_told);
	add_letters(out, m);
	mf_buf_addc(out, '}');
}

/* ---- and back ------------------------------------------------------------------------------------------- */

static mf_code
get_counter(const json_t *top, const char *path, uint64_t *out, mf_err *err)
{
	int64_t v = 0;
	mf_code rc = mf_json_int(top, path, 0, INT32_MAX, &v, err);

	*out = (uint64_t)v;
	return rc;
}

static mf_code
get_hex(const json_t *top, const char *path, void *out, size_t n, mf_err *err)
{
	mf_str hex;
	mf_code rc = mf_json_str(top, path, 2 * n, &hex, err);

	if (rc == MF_OK && !mf_unhex(out, n, hex))
		rc = mf_fail(err, MF_EFORMAT, 0, "%s: hex expected", path);
	return rc;
}

static mf_code
get_pending(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	const json_t *list, *one;
	mf_str phase, body;
	size_t i;
	mf_code rc = mf_json_array(top, "saved.pending", MF_WORMHOLE_QUEUE_MAX + 2, &list, err);

	if (rc != MF_OK)
		return rc;
	json_array_foreach(list, i, one)
	{
		if ((rc = mf_json_str(one, "pending.phase", MF_MAILBOX_ID_MAX, &phase, err)) != MF_OK ||
			(rc = mf_json_str(one, "pending.body", MF_LINK_MAX_TEXT, &body, err)) != MF_OK)
			return rc;
		(void)mf_letters_add(&m->pending, (mf_str){0}, phase, 0, body);
	}
	return MF_OK;
}

static mf_code
get_queue(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	const json_t *list, *one;
	uint64_t number;
	mf_str hex;
	size_t i;
	mf_code rc = mf_json_array(top, "saved.queue", MF_WORMHOLE_QUEUE_MAX, &list, err);

	if (rc != MF_OK)
		return rc;
	json_array_foreach(list, i, one)
	{
		mf_buf plain = {0};

		if ((rc = get_counter(one, "queue.number", &number, err)) != MF_OK ||
			(rc = mf_json_str(one, "queue.message", 2 * MF_WORMHOLE_MESSAGE_MAX, &hex, err)) != MF_OK)
			return rc;
		mf_buf_reserve(&plain, hex.n / 2 + 1);
		if (!mf_unhex(plain.p, hex.n / 2, hex))
			rc = mf_fail(err, MF_EFORMAT, 0, "queue.message: hex expected");
		plain.n = hex.n / 2;
		if (rc == MF_OK)
			(void)mf_letters_add(&m->queue, (mf_str){0}, (mf_str){0}, number, mf_buf_str(&plain));
		mf_buf_wipe_free(&plain);
		if (rc != MF_OK)
			return rc;
	}
	return MF_OK;
}

static mf_code
get_secrets(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	uint8_t x[MF_SPAKE2_SCALAR];
	mf_str code, nameplate, peer;
	mf_code rc;

	if ((rc = mf_json_str(top, "saved.code", MF_WORMHOLE_CODE_MAX, &code, err)) != MF_OK ||
		(rc = mf_wormhole_code_read(code, &m->code, &nameplate, err)) != MF_OK)
		return rc;
	(void)snprintf(m->nameplate, sizeof(m->nameplate), "%.*s", (int)nameplate.n, nameplate.p);
	m->have_code = m->told_code = true;
	if (mf_json_at(top, "saved.key") != NULL) {
		if ((rc = get_hex(top, "saved.key", m->key, sizeof(m->key), err)) != MF_OK ||
			(rc = mf_json_str(top, "saved.peer", MF_MAILBOX_ID_MAX, &peer, err)) != MF_OK)
			return rc;
		m->peer = mf_strdup(peer);
		m->keyed = true;
		return MF_OK;
	}
	rc = get_hex(top, "saved.x", x, sizeof(x), err);
	if (rc == MF_OK && mf_spake2_start(&m->spake, mf_buf_str(&m->code), mf_strz(m->appid), x) != MF_OK)
		rc = mf_fail(err, MF_EFORMAT, 0, "saved.x: no scalar");
	sodium_memzero(x, sizeof(x));
	return rc;
}

static mf_code
get_public(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	int64_t format;
	const json_t *versions;
	mf_str appid, side, plate, id;
	mf_code rc;

	if ((rc = mf_json_int(top, "saved.format", SAVED_FORMAT, SAVED_FORMAT, &format, err)) != MF_OK ||
		(rc = mf_json_str(top, "saved.appid", MF_MAILBOX_ID_MAX, &appid, err)) != MF_OK ||
		(rc = mf_json_object(top, "saved.versions", &versions, err)) != MF_OK ||
		(rc = mf_json_str(top, "saved.side", MF_MAILBOX_SIDE, &side, err)) != MF_OK ||
		(rc = mf_json_str(top, "saved.plate", 20, &plate, err)) != MF_OK)
		return rc;
	m->appid = mf_strdup(appid);
	mf_json_py(&m->versions, versions);
	(void)snprintf(m->side, sizeof(m->side), "%.*s", (int)side.n, side.p);
	for (size_t i = 0; i < sizeof(plates) / sizeof(plates[0]); i++) {
		if (plates[i] != NULL && mf_str_eq(plate, mf_strz(plates[i])))
			m->plate = (enum mf_plate)i;
	}
	if (m->plate == MF_PLATE_NONE)
		return mf_fail(err, MF_EFORMAT, 0, "saved.plate: unknown");
	if (mf_json_at(top, "saved.mailbox") == NULL)
		return m->plate == MF_PLATE_KNOWN ? MF_OK : mf_fail(err, MF_EFORMAT, 0, "saved.mailbox: missing");
	rc = mf_json_str(top, "saved.mailbox", MF_MAILBOX_ID_MAX, &id, err);
	if (rc == MF_OK)
		m->box_id = mf_strdup(id);
	return rc;
}

static mf_code
get_state(struct mf_mailbox *m, const json_t *top, mf_err *err)
{
	bool opened;
	mf_code rc;

	if ((rc = mf_json_bool(top, "saved.opened", &opened, err)) != MF_OK ||
		(rc = mf_json_bool(top, "saved.pake_echoed", &m->pake_echoed, err)) != MF_OK ||
		(rc = mf_json_bool(top, "saved.verified", &m->verified, err)) != MF_OK ||
		(rc = mf_json_bool(top, "saved.versions_taken", &m->told_versions, err)) != MF_OK ||
		(rc = get_counter(top, "saved.sent", &m->tx_next, err)) != MF_OK ||
		(rc = get_counter(top, "saved.taken", &m->rx_told, err)) != MF_OK)
		return rc;
	if (m->verified && !m->keyed)
		return mf_fail(err, MF_EFORMAT, 0, "saved.verified: without a key");
	m->have_versions = m->told_versions;
	m->rx_next = m->rx_told;
	if (m->box_id != NULL)
		m->box = opened ? MF_BOX_OPEN : MF_BOX_KNOWN;
	return MF_OK;
}

/* Texts of a parsed document are wiped before it is freed: all of them, for any may be a secret. */
static void
wipe_texts(json_t *v, int depth)
{
	const char *key;
	json_t *one;
	size_t i;

	if (json_is_string(v)) {
		sodium_memzero((char *)(uintptr_t)json_string_value(v), json_string_length(v));
	} else if (depth > 0) {
		json_object_foreach(v, key, one) wipe_texts(one, depth - 1);
		json_array_foreach(v, i, one) wipe_texts(one, depth - 1);
	}
}

mf_code
mf_mailbox_restore(struct mf_mailbox *m, mf_str saved, mf_err *err)
{
	enum { DEEPEST_SECRET = 3 }; /* {"queue": [{"message": ...}]} */
	json_t *top = NULL;
	mf_code rc;

	if ((rc = mf_json_load(saved, SAVED_MAX, MF_JSON_NUL, &top, err)) == MF_OK &&
		(rc = get_public(m, top, err)) == MF_OK && (rc = get_secrets(m, top, err)) == MF_OK &&
		(rc = get_state(m, top, err)) == MF_OK && (rc = get_pending(m, top, err)) == MF_OK)
		rc = get_queue(m, top, err);
	if (top != NULL)
		wipe_texts(top, DEEPEST_SECRET);
	json_decref(top);
	if (rc == MF_OK) {
		m->ever_up = true; /* the server was there once: go on trying */
		if (m->verified)
			mf_mailbox_tell_verified(m);
	}
	return rc;
}
