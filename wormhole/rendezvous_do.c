/* What clients ask of nameplates and mailboxes: checked, done, answered. */
#include "wormhole/rendezvous_impl.h"

#include <stdlib.h>

#include "base/json.h"

enum { MAX_PHASE = 128, MAX_MOOD = 64, MAX_ID = 256 };

static mf_rv_ask
ask(const mf_rv_heard *h, mf_str name)
{
	struct mf_rendezvous_client *c = h->c;

	return (mf_rv_ask){.state = c->server->state,
		.app = mf_strz(c->app),
		.side = mf_strz(c->side),
		.name = name,
		.now_ms = mf_rv_now_ms(c->server)};
}

/* After a question of the state: true if it was done. */
static bool
done(const mf_rv_heard *h, const mf_rv_ask *q, mf_code rc, const mf_err *err)
{
	static const char *const words[] = {
		[MF_RV_CROWDED] = "crowded",
		[MF_RV_RECLAIMED] = "reclaimed",
		[MF_RV_FULL] = "the server is full",
		[MF_RV_MAILBOX_FULL] = "the mailbox is full",
		[MF_RV_NONE_FREE] = "no nameplate is free",
	};

	if (rc != MF_OK)
		mf_rv_failed(h->c, err);
	else if (q->no != MF_RV_YES)
		mf_rv_refuse_heard(h, words[q->no]);
	return rc == MF_OK && q->no == MF_RV_YES;
}

static void
keep(char **where, mf_str s)
{
	free(*where);
	*where = mf_strdup(s);
}

void
mf_rv_hear_allocate(const mf_rv_heard *h)
{
	mf_rv_ask q = ask(h, (mf_str){"", 0});
	mf_err err;

	if (h->c->allocated) {
		mf_rv_refuse_heard(h, "you already allocated one, don't be greedy");
		return;
	}
	if (!done(h, &q, mf_rv_allocate(&q, &err), &err))
		return;
	h->c->allocated = true;
	mf_rv_say_string(h->c, "allocated", "nameplate", mf_strz(q.nameplate));
}

void
mf_rv_hear_claim(const mf_rv_heard *h)
{
	mf_str name;
	mf_rv_ask q;
	mf_err err;

	if (json_object_get(h->msg, "nameplate") != NULL && h->c->claimed) {
		mf_rv_refuse_heard(h, "only one claim per connection");
		return;
	}
	if (!mf_rv_take_nameplate(h, "claim requires 'nameplate'", &name, NULL))
		return;
	h->c->claimed = true; /* also if it fails */
	keep(&h->c->nameplate, name);
	q = ask(h, name);
	if (done(h, &q, mf_rv_claim(&q, &err), &err))
		mf_rv_say_string(h->c, "claimed", "mailbox", mf_strz(q.mailbox_name));
}

void
mf_rv_hear_release(const mf_rv_heard *h)
{
	struct mf_rendezvous_client *c = h->c;
	mf_str name;
	bool there;
	mf_rv_ask q;
	mf_err err;

	if (c->released) {
		mf_rv_refuse_heard(h, "only one release per connection");
		return;
	}
	if (!mf_rv_take_nameplate(h, NULL, &name, &there))
		return;
	if (there && c->nameplate != NULL && !mf_str_eq(name, mf_strz(c->nameplate))) {
		mf_rv_refuse_heard(h, "release and claim must use same nameplate");
		return;
	}
	if (!there && c->nameplate == NULL) {
		mf_rv_refuse_heard(h, "release without nameplate must follow claim");
		return;
	}
	c->released = true;
	q = ask(h, there ? name : mf_strz(c->nameplate));
	if (done(h, &q, mf_rv_release(&q, &err), &err))
		mf_rv_say(c, "released");
}

static void
say_message(void *arg, const mf_rv_message *m)
{
	mf_buf begun = {0};

	mf_rv_begin_message(&begun, m);
	mf_rv_say_begun(arg, mf_buf_str(&begun), "message");
	mf_buf_free(&begun);
}

void
mf_rv_hear_open(const mf_rv_heard *h)
{
	struct mf_rendezvous_client *c = h->c;
	mf_str name;
	mf_rv_ask q;
	mf_err err;

	if (c->mailbox != 0) {
		mf_rv_refuse_heard(h, "only one open per connection");
		return;
	}
	if (!mf_rv_take(h, "mailbox", MF_RV_MAILBOX_MAX, "open requires 'mailbox'", &name, NULL))
		return;
	keep(&c->mailbox_name, name);
	q = ask(h, name);
	if (!done(h, &q, mf_rv_open(&q, &err), &err))
		return;
	c->mailbox = q.mailbox;
	if (mf_rv_messages(c->server->state, c->mailbox, say_message, c, &err) != MF_OK)
		mf_rv_failed(c, &err);
}

void
mf_rv_hear_add(const mf_rv_heard *h)
{
	struct mf_rendezvous_client *c = h->c;
	const json_t *id = json_object_get(h->msg, "id");
	mf_rv_message m = {.side = mf_strz(c->side)};
	mf_buf begun = {0}, tag = {0};
	mf_rv_ask q;
	mf_err err;

	if (c->mailbox == 0) {
		mf_rv_refuse_heard(h, "must open mailbox before adding");
		return;
	}
	if (!mf_rv_take(h, "phase", MAX_PHASE, "missing 'phase'", &m.phase, NULL) ||
		!mf_rv_take(h, "body", MF_RENDEZVOUS_MAX_TEXT, "missing 'body'", &m.body, NULL))
		return;
	q = ask(h, mf_strz(c->mailbox_name));
	m.received = (double)q.now_ms / 1e3;
	if (id != NULL)
		mf_json_py(&tag, id);
	else
		mf_buf_addz(&tag, "null");
	m.id = mf_buf_str(&tag);
	mf_rv_begin_message(&begun, &m);
	if (tag.n > MAX_ID) {
		mf_rv_refuse_heard(h, "'id' is too long");
	} else if (done(h, &q, mf_rv_add(&q, &m, begun.n, &err), &err)) {
		for (struct mf_rendezvous_client *to = c->server->clients; to != NULL; to = to->next)
			if (to->mailbox == q.mailbox)
				mf_rv_say_begun(to, mf_buf_str(&begun), "message");
	}
	mf_buf_free(&begun);
	mf_buf_free(&tag);
}

/* The mailbox to close: the one that was named, or else opened.  False: the client is told. */
static bool
take_closing(const mf_rv_heard *h, mf_str *name, mf_str *mood)
{
	struct mf_rendezvous_client *c = h->c;
	bool there;

	if (!mf_rv_take(h, "mailbox", MF_RV_MAILBOX_MAX, NULL, name, &there))
		return false;
	*mood = (mf_str){"", 0};
	if (!json_is_null(json_object_get(h->msg, "mood")) && !mf_rv_take(h, "mood", MAX_MOOD, NULL, mood, NULL))
		return false;
	if (there && c->mailbox_name != NULL && !mf_str_eq(*name, mf_strz(c->mailbox_name))) {
		mf_rv_refuse_heard(h, "open and close must use same mailbox");
		return false;
	}
	if (!there && c->mailbox_name == NULL) {
		mf_rv_refuse_heard(h, "close without mailbox must follow open");
		return false;
	}
	if (!there)
		*name = mf_strz(c->mailbox_name);
	return true;
}

void
mf_rv_hear_close(const mf_rv_heard *h)
{
	struct mf_rendezvous_client *c = h->c;
	mf_str name, mood;
	mf_rv_ask q;
	mf_err err;

	if (c->closed) {
		mf_rv_refuse_heard(h, "only one close per connection");
		return;
	}
	if (!take_closing(h, &name, &mood))
		return;
	q = ask(h, name);
	if (!done(h, &q, mf_rv_close(&q, mood, &err), &err))
		return;
	c->closed = true;
	c->mailbox = 0;
	if (q.ended != 0)
		mf_rv_detach(c->server, q.ended);
	mf_rv_say(c, "closed");
}
