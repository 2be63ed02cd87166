/* The mailbox machine: life, connections, deadlines, what comes out. */
#include "wormhole/mailbox_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/json.h"

mf_letter *
mf_letters_add(mf_letters *l, mf_str side, mf_str phase, uint64_t number, mf_str body)
{
	mf_letter *n = mf_alloc(sizeof(*n)), **at = &l->first;

	n->side = side.p != NULL ? mf_strdup(side) : NULL;
	n->phase = phase.p != NULL ? mf_strdup(phase) : NULL;
	n->number = number;
	mf_buf_adds(&n->body, body);
	while (*at != NULL)
		at = &(*at)->next;
	*at = n;
	l->n++;
	l->bytes += body.n;
	return n;
}

void
mf_letters_remove(mf_letters *l, mf_letter **at)
{
	mf_letter *gone = *at;

	*at = gone->next;
	l->n--;
	l->bytes -= gone->body.n;
	free(gone->side);
	free(gone->phase);
	mf_buf_wipe_free(&gone->body);
	free(gone);
}

void
mf_letters_free(mf_letters *l)
{
	while (l->first != NULL)
		mf_letters_remove(l, &l->first);
}

mf_wish *
mf_mailbox_wish(struct mf_mailbox *m, enum mf_mailbox_kind kind, mf_str text, json_t *json)
{
	mf_wish *w = mf_alloc(sizeof(*w));

	w->kind = kind;
	w->json = json;
	mf_buf_adds(&w->text, text);
	*m->last = w;
	m->last = &w->next;
	return w;
}

static void
wish_free(mf_wish *w)
{
	if (w == NULL)
		return;
	mf_buf_wipe_free(&w->text);
	json_decref(w->json);
	free(w);
}

bool
mf_mailbox_next(struct mf_mailbox *m, mf_mailbox_out *out)
{
	mf_wish *w = m->first;

	wish_free(m->lent);
	m->lent = w;
	if (w == NULL)
		return false;
	m->first = w->next;
	if (m->first == NULL)
		m->last = &m->first;
	m->told_code |= w->kind == MF_MAILBOX_CODE;
	m->told_versions |= w->kind == MF_MAILBOX_VERSIONS;
	m->rx_told += w->kind == MF_MAILBOX_MESSAGE;
	*out = (mf_mailbox_out){w->kind, mf_buf_str(&w->text), w->json, w->closed};
	return true;
}

static void
connect_now(struct mf_mailbox *m)
{
	m->conn = MF_CONN_MAKING;
	m->retry_at = MF_NEVER;
	m->answer_by = m->now + MF_MAILBOX_ANSWER_MS;
	(void)mf_mailbox_wish(m, MF_MAILBOX_CONNECT, (mf_str){0}, NULL);
}

mf_code
mf_mailbox_new(const mf_mailbox_conf *conf, uint64_t now, struct mf_mailbox **out, mf_err *err)
{
	struct mf_mailbox *m = mf_alloc(sizeof(*m));
	uint8_t side[MF_MAILBOX_SIDE / 2];
	mf_code rc = MF_OK;

	m->random = conf->random;
	m->arg = conf->arg;
	m->close_ms = conf->close_ms != 0 ? conf->close_ms : MF_MAILBOX_CLOSE_MS;
	m->last = &m->first;
	m->now = now;
	m->retry_at = m->answer_by = m->close_by = MF_NEVER;
	m->limit_at = conf->limit_ms != 0 ? now + conf->limit_ms : MF_NEVER;
	if (conf->saved.n > 0) {
		rc = mf_mailbox_restore(m, conf->saved, err);
	} else {
		m->random(m->arg, side, sizeof(side));
		mf_hex(m->side, side, sizeof(side));
		m->appid = mf_strdup(mf_strz(conf->appid));
		if (conf->versions != NULL)
			mf_json_py(&m->versions, conf->versions);
		else
			mf_buf_addz(&m->versions, "{}");
	}
	if (rc != MF_OK) {
		mf_mailbox_free(m);
		return rc;
	}
	connect_now(m);
	*out = m;
	return MF_OK;
}

void
mf_mailbox_free(struct mf_mailbox *m)
{
	if (m == NULL)
		return;
	wish_free(m->lent);
	while (m->first != NULL) {
		mf_wish *w = m->first;

		m->first = w->next;
		wish_free(w);
	}
	mf_letters_free(&m->pending);
	mf_letters_free(&m->queue);
	mf_letters_free(&m->early);
	mf_letters_free(&m->received);
	mf_buf_free(&m->versions);
	mf_buf_wipe_free(&m->code);
	mf_spake2_wipe(&m->spake);
	sodium_memzero(m->key, sizeof(m->key));
	free(m->appid);
	free(m->box_id);
	free(m->peer);
	free(m);
}

/* ---- connections and time ---------------------------------------------------------------------------- */

/* An answer of the server's is due. */
static bool
awaiting(const struct mf_mailbox *m)
{
	if (m->conn != MF_CONN_UP)
		return m->conn == MF_CONN_MAKING;
	return !m->welcomed || m->plate == MF_PLATE_WANTED || m->plate == MF_PLATE_CLAIMING ||
		m->plate == MF_PLATE_RELEASING || m->box == MF_BOX_CLOSING || (m->open_here && m->pending.n > 0) ||
		m->fencing || m->listing;
}

/* After anything happened: the time for an answer runs from when something was asked, and anew with each answer. */
void
mf_mailbox_settle(struct mf_mailbox *m)
{
	if (m->finished || !awaiting(m))
		m->answer_by = MF_NEVER;
	else if (m->answer_by == MF_NEVER || m->progress)
		m->answer_by = m->now + MF_MAILBOX_ANSWER_MS;
	m->progress = false;
}

/* 1.5^n seconds, a minute at most, and up to a second of chance so that not all come at once. */
static uint64_t
backoff_ms(struct mf_mailbox *m)
{
	uint64_t ms = 1000;
	uint16_t chance;

	for (unsigned i = 0; i < m->failures && ms < 60000; i++)
		ms = ms * 3 / 2;
	m->random(m->arg, &chance, sizeof(chance));
	return (ms < 60000 ? ms : 60000) + chance % 1000u;
}

static void
lost(struct mf_mailbox *m, const mf_err *why)
{
	bool was_up = m->conn == MF_CONN_UP;

	m->conn = MF_CONN_OFF;
	m->welcomed = m->open_here = m->fencing = false;
	if (m->finished)
		return;
	if (was_up)
		mf_mailbox_wish(m, MF_MAILBOX_LINK, (mf_str){0}, NULL)->closed.err = *why;
	if (!m->ever_up && !m->closing) {
		mf_mailbox_end(m, MF_WORMHOLE_UNREACHABLE, MF_MOOD_ERRORY, MF_ENET, why->text);
		mf_mailbox_finish(m);
		return;
	}
	m->failures++;
	m->retry_at = m->now + backoff_ms(m);
}

void
mf_mailbox_give_up(struct mf_mailbox *m, const char *why)
{
	mf_err err;

	(void)mf_fail(&err, MF_ENET, 0, "%s", why);
	(void)mf_mailbox_wish(m, MF_MAILBOX_DROP, (mf_str){0}, NULL);
	lost(m, &err);
}

void
mf_mailbox_up(struct mf_mailbox *m, uint64_t now)
{
	m->now = now;
	if (m->finished || m->conn != MF_CONN_MAKING)
		return;
	m->conn = MF_CONN_UP;
	m->ever_up = true;
	m->progress = true;
	(void)mf_mailbox_wish(m, MF_MAILBOX_LINK, (mf_str){0}, NULL);
	mf_mailbox_greet(m);
	mf_mailbox_settle(m);
}

void
mf_mailbox_down(struct mf_mailbox *m, uint64_t now, const mf_err *why)
{
	m->now = now;
	if (m->finished || m->conn == MF_CONN_OFF)
		return;
	lost(m, why);
	mf_mailbox_settle(m);
}

void
mf_mailbox_tick(struct mf_mailbox *m, uint64_t now)
{
	m->now = now;
	if (m->finished)
		return;
	if (now >= m->limit_at) {
		m->limit_at = MF_NEVER;
		mf_mailbox_end(m, MF_WORMHOLE_LIMIT, m->verified ? MF_MOOD_ERRORY : MF_MOOD_LONELY, MF_ECANCELED,
			"the time limit has passed");
	}
	if (now >= m->close_by)
		mf_mailbox_finish(m);
	else if (now >= m->answer_by)
		mf_mailbox_give_up(m, "the mailbox server does not answer");
	else if (m->conn == MF_CONN_OFF && now >= m->retry_at)
		connect_now(m);
	mf_mailbox_settle(m);
}

uint64_t
mf_mailbox_deadline(const struct mf_mailbox *m)
{
	uint64_t at = m->limit_at;

	if (m->finished)
		return MF_NEVER;
	at = m->close_by < at ? m->close_by : at;
	at = m->answer_by < at ? m->answer_by : at;
	return m->retry_at < at ? m->retry_at : at;
}

/* ---- what the owner wants -------------------------------------------------------------------------------- */

void
mf_mailbox_code_is(struct mf_mailbox *m, mf_str password, mf_str nameplate)
{
	uint8_t entropy[MF_SPAKE2_ENTROPY], x[MF_SPAKE2_SCALAR];
	char hex[2 * MF_SPAKE2_MESSAGE + 1];
	mf_buf plain = {0}, body = {0};

	memcpy(m->nameplate, nameplate.p, nameplate.n);
	m->nameplate[nameplate.n] = '\0';
	mf_buf_adds(&m->code, password);
	do { /* a scalar of zero comes once in 2^252 */
		m->random(m->arg, entropy, sizeof(entropy));
		mf_spake2_scalar(x, entropy);
	} while (mf_spake2_start(&m->spake, password, mf_strz(m->appid), x) != MF_OK);
	sodium_memzero(entropy, sizeof(entropy));
	sodium_memzero(x, sizeof(x));
	m->have_code = true;
	mf_hex(hex, m->spake.message, MF_SPAKE2_MESSAGE);
	mf_buf_addf(&plain, "{\"pake_v1\": \"%s\"}", hex);
	mf_buf_reserve(&body, 2 * plain.n);
	mf_hex((char *)body.p, plain.p, plain.n);
	body.n = 2 * plain.n;
	mf_mailbox_add(m, MF_STR("pake"), mf_buf_str(&body));
	mf_buf_free(&plain);
	mf_buf_free(&body);
	m->plate = MF_PLATE_KNOWN;
	(void)mf_mailbox_wish(m, MF_MAILBOX_CODE, mf_buf_str(&m->code), NULL);
	if (m->conn == MF_CONN_UP)
		mf_mailbox_claim(m);
}

void
mf_mailbox_allocate(struct mf_mailbox *m, uint64_t now, unsigned words)
{
	m->now = now;
	if (m->closing || m->plate != MF_PLATE_NONE)
		return;
	if (words < 1 || words > MF_WORMHOLE_WORDS_MAX)
		MF_BUG("a code of %u words", words);
	m->words = words;
	m->plate = MF_PLATE_WANTED;
	if (m->conn == MF_CONN_UP)
		mf_mailbox_say_allocate(m);
	mf_mailbox_settle(m);
}

mf_code
mf_mailbox_set_code(struct mf_mailbox *m, uint64_t now, mf_str typed, mf_err *err)
{
	mf_buf password = {0};
	mf_str nameplate;
	mf_code rc;

	m->now = now;
	if (m->closing)
		return mf_fail(err, MF_ECANCELED, 0, "the wormhole is closed");
	if (m->plate != MF_PLATE_NONE)
		return mf_fail(err, MF_EINVAL, 0, "the wormhole has a code");
	rc = mf_wormhole_code_read(typed, &password, &nameplate, err);
	if (rc == MF_OK)
		mf_mailbox_code_is(m, mf_buf_str(&password), nameplate);
	mf_buf_wipe_free(&password);
	mf_mailbox_settle(m);
	return rc;
}

void
mf_mailbox_list(struct mf_mailbox *m, uint64_t now)
{
	m->now = now;
	if (m->closing || m->listing)
		return;
	m->listing = true;
	if (m->conn == MF_CONN_UP)
		mf_mailbox_say_list(m);
	mf_mailbox_settle(m);
}

mf_code
mf_mailbox_send(struct mf_mailbox *m, uint64_t now, mf_str message, mf_err *err)
{
	m->now = now;
	if (m->closing)
		return mf_fail(err, MF_ECANCELED, 0, "the wormhole is closed");
	if (message.n > MF_WORMHOLE_MESSAGE_MAX)
		return mf_fail(err, MF_EFULL, 0, "a message of %zu bytes is too large", message.n);
	if (m->queue.n + m->pending.n >= MF_WORMHOLE_QUEUE_MAX ||
		m->queue.bytes + m->pending.bytes + 2 * message.n > 2 * MF_MAILBOX_BYTES_MAX)
		return mf_fail(err, MF_EFULL, 0, "too many messages wait to be delivered");
	if (m->verified)
		mf_mailbox_add_numbered(m, m->tx_next, message);
	else
		(void)mf_letters_add(&m->queue, (mf_str){0}, (mf_str){0}, m->tx_next, message);
	m->tx_next++;
	mf_mailbox_settle(m);
	return MF_OK;
}

void
mf_mailbox_close(struct mf_mailbox *m, uint64_t now, enum mf_mood mood)
{
	m->now = now;
	if (mood == MF_MOOD_ERRORY)
		mf_mailbox_end(m, MF_WORMHOLE_FAILED, mood, MF_ECANCELED, "given up here");
	else if (m->verified)
		mf_mailbox_end(m, MF_WORMHOLE_HAPPY, MF_MOOD_HAPPY, MF_OK, "");
	else
		mf_mailbox_end(m, MF_WORMHOLE_LONELY, MF_MOOD_LONELY, MF_ECANCELED, "closed before anybody came");
	mf_mailbox_settle(m);
}
