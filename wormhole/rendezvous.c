/* The mailbox server's life, its clients' coming and going, and the age of mailboxes. */
#include "wormhole/rendezvous_impl.h"

#include <stdlib.h>

#include "base/log.h"

enum {
	SAVE_PAGES = 1000, /* of 4 KiB in the database's log; then it is moved into the database */
	NS_PER_MS = 1000000,
};

int64_t
mf_rv_now_ms(struct mf_rendezvous *r)
{
	return r->env->ops->now_ns(r->env) / NS_PER_MS;
}

/* -- the database's log -------------------------------------------------------------------------------- */

static void
save(void *arg, const mf_cancel *cancel)
{
	struct mf_rendezvous *r = arg;

	(void)cancel;
	r->save_err = (mf_err){.code = MF_OK};
	(void)r->env->ops->db_checkpoint(r->env, r->conf.path, &r->save_err);
}

static void
finish_close(struct mf_rendezvous *r)
{
	void (*done)(void *) = r->done;
	void *arg = r->done_arg;

	mf_rv_state_close(r->state);
	free(r);
	if (done != NULL)
		done(arg);
}

static void
on_saved(void *arg)
{
	struct mf_rendezvous *r = arg;

	r->saving = NULL;
	if (r->save_err.code != MF_OK)
		mf_log(MF_LOG_WARNING, "mailbox", NULL, "%s", r->save_err.text);
	if (r->closing)
		finish_close(r);
}

static void
save_sometimes(struct mf_rendezvous *r)
{
	if (r->saving == NULL && r->conf.path != NULL && mf_rv_state_wal(r->state) >= SAVE_PAGES)
		r->saving = r->env->ops->job_start(r->env, MF_POOL_QUICK, save, on_saved, r);
}

/* -- age ------------------------------------------------------------------------------------------------ */

/* Whoever listens keeps its mailbox. */
static mf_code
touch_all(struct mf_rendezvous *r, mf_err *err)
{
	mf_code rc = MF_OK;

	for (struct mf_rendezvous_client *c = r->clients; c != NULL && rc == MF_OK; c = c->next)
		if (c->mailbox != 0)
			rc = mf_rv_touch(r->state, c->mailbox, mf_rv_now_ms(r), err);
	return rc;
}

static mf_code
prune(struct mf_rendezvous *r, mf_err *err)
{
	int64_t now = mf_rv_now_ms(r);
	unsigned n = 0;
	mf_code rc = touch_all(r, err);

	if (rc == MF_OK)
		rc = mf_rv_prune(r->state, now - (int64_t)r->conf.keep_ms, now, &n, err);
	if (n > 0)
		mf_log(MF_LOG_INFO, "mailbox", NULL, "%u forgotten that nobody came for", n);
	return rc;
}

static void
on_timer(void *arg)
{
	struct mf_rendezvous *r = arg;
	mf_err err;

	if (prune(r, &err) != MF_OK)
		mf_log(MF_LOG_WARNING, "mailbox", NULL, "%s", err.text);
	save_sometimes(r);
	r->env->ops->timer_start(r->timer, r->conf.prune_ms);
}

/* -- beginning and end ---------------------------------------------------------------------------------- */

static void
fill_conf(mf_rendezvous_conf *c)
{
	enum { MINUTE_MS = 60000, MIB = 1 << 20 };

	c->mailboxes = c->mailboxes != 0 ? c->mailboxes : 10000;
	c->bytes = c->bytes != 0 ? c->bytes : 256 * MIB;
	c->mailbox_messages = c->mailbox_messages != 0 ? c->mailbox_messages : 1000;
	c->mailbox_bytes = c->mailbox_bytes != 0 ? c->mailbox_bytes : 8 * MIB;
	c->keep_ms = c->keep_ms != 0 ? c->keep_ms : 11 * MINUTE_MS;
	c->prune_ms = c->prune_ms != 0 ? c->prune_ms : 5 * MINUTE_MS;
}

mf_code
mf_rendezvous_open(struct mf_env *env, const mf_rendezvous_conf *conf, struct mf_rendezvous **out, mf_err *err)
{
	struct mf_rendezvous *r = mf_alloc(sizeof(*r));
	mf_code rc;

	r->env = env;
	r->conf = *conf;
	fill_conf(&r->conf);
	rc = mf_rv_state_open(env, &r->conf, &r->state, err);
	if (rc != MF_OK) {
		free(r);
		return rc;
	}
	rc = prune(r, err);
	if (rc != MF_OK) {
		mf_rv_state_close(r->state);
		free(r);
		return rc;
	}
	r->timer = env->ops->timer_new(env, on_timer, r);
	env->ops->timer_start(r->timer, r->conf.prune_ms);
	*out = r;
	return MF_OK;
}

void
mf_rendezvous_close(struct mf_rendezvous *r, void (*done)(void *arg), void *arg)
{
	if (r->clients != NULL)
		MF_BUG("the mailbox server is closed under its clients");
	r->env->ops->timer_free(r->timer);
	r->closing = true;
	r->done = done;
	r->done_arg = arg;
	if (r->saving == NULL)
		finish_close(r);
}

mf_code
mf_rendezvous_tally(struct mf_rendezvous *r, void (*each)(void *arg, mf_str result, int64_t n), void *arg, mf_err *err)
{
	return mf_rv_tally(r->state, each, arg, err);
}

/* -- clients ---------------------------------------------------------------------------------------------- */

struct mf_rendezvous_client *
mf_rendezvous_join(struct mf_rendezvous *r, const mf_rendezvous_out *out, void *arg)
{
	struct mf_rendezvous_client *c = mf_alloc(sizeof(*c));

	c->server = r;
	c->out = out;
	c->arg = arg;
	c->next = r->clients;
	if (c->next != NULL)
		c->next->prev = c;
	r->clients = c;
	mf_rv_welcome(c);
	return c;
}

bool
mf_rendezvous_bound(const struct mf_rendezvous_client *c)
{
	return c->app != NULL;
}

void
mf_rendezvous_leave(struct mf_rendezvous_client *c)
{
	struct mf_rendezvous *r = c->server;
	mf_err err;

	/* It was there until now: its time begins now, also when it is the server that goes. */
	if (c->mailbox != 0 && mf_rv_touch(r->state, c->mailbox, mf_rv_now_ms(r), &err) != MF_OK)
		mf_log(MF_LOG_WARNING, "mailbox", NULL, "%s", err.text);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		r->clients = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	free(c->app);
	free(c->side);
	free(c->nameplate);
	free(c->mailbox_name);
	free(c);
	save_sometimes(r);
}

void
mf_rv_end(struct mf_rendezvous_client *c, const char *why)
{
	if (c->ended)
		return;
	c->ended = true;
	c->out->end(c->arg, false, why);
}

void
mf_rv_failed(struct mf_rendezvous_client *c, const mf_err *err)
{
	mf_log(MF_LOG_ERROR, "mailbox", NULL, "cannot be stored: %s", err->text);
	if (c->ended)
		return;
	c->ended = true;
	c->out->end(c->arg, true, "the server cannot store anything now");
}

void
mf_rv_detach(struct mf_rendezvous *r, int64_t mailbox)
{
	for (struct mf_rendezvous_client *c = r->clients; c != NULL; c = c->next)
		if (c->mailbox == mailbox)
			c->mailbox = 0;
}
