/* Websockets in front of the mailbox server's core. */
#include "daemon/mailbox.h"

#include <stdlib.h>

#include "base/log.h"
#include "daemon/websocket.h"

enum {
	BIND_MS = 60000, /* to say who one is */
	PING_MS = 60000, /* as Python's server has it */
	DEAD_MS = 600000,
	IDLE_MS = 60000, /* of a connection that is no websocket yet */
	REQUEST_MS = 10000,
	MAX_QUEUED = 128 << 20, /* bytes held for and of all clients together */
};

struct mf_mailbox {
	struct mf_env *env;
	struct mf_rendezvous *core;
	struct mf_http *http;
	mf_websocket_conf ws;
	size_t queued;
	void (*done)(void *arg);
	void *done_arg;
};

/* One client. */
struct guest {
	struct mf_mailbox *house;
	struct mf_websocket *ws;
	struct mf_rendezvous_client *client;
	struct mf_timer *timer; /* until it says who it is */
};

static void
on_message(void *arg, enum mf_websocket_kind kind, mf_str bytes)
{
	struct guest *g = arg;

	(void)kind; /* the documents say binary, everybody sends text: the core finds out what is JSON */
	mf_rendezvous_text(g->client, bytes);
}

static void
on_closed(void *arg)
{
	struct guest *g = arg;

	g->house->env->ops->timer_free(g->timer);
	mf_rendezvous_leave(g->client);
	free(g);
}

static void
send_text(void *arg, mf_str text)
{
	mf_websocket_send(((struct guest *)arg)->ws, text);
}

static void
end(void *arg, bool ours, const char *why)
{
	enum { POLICY = 1008, INTERNAL = 1011 };

	mf_websocket_close(((struct guest *)arg)->ws, ours ? INTERNAL : POLICY, why);
}

static void
on_bind_timer(void *arg)
{
	struct guest *g = arg;

	if (!mf_rendezvous_bound(g->client))
		mf_websocket_drop(g->ws);
}

static void
welcome(struct mf_mailbox *m, struct mf_http_req *req)
{
	static const mf_rendezvous_out out = {send_text, end};
	struct guest *g = mf_alloc(sizeof(*g));

	g->house = m;
	g->ws = mf_websocket_accept(req, &m->ws, g);
	if (g->ws == NULL) {
		free(g);
		return;
	}
	g->timer = m->env->ops->timer_new(m->env, on_bind_timer, g);
	m->env->ops->timer_start(g->timer, BIND_MS);
	g->client = mf_rendezvous_join(m->core, &out, g);
}

static void
handle(void *arg, struct mf_http_req *req)
{
	mf_http_reply_opts o = {.status = 404, .type = "text/plain"};
	const char *method = mf_http_method(req);
	mf_str path = mf_http_path(req);
	mf_buf body = {0};

	if (mf_str_eq(path, MF_STR("/v1"))) {
		welcome(arg, req);
		return;
	}
	if (mf_str_eq(path, MF_STR("/")) && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)) {
		o.status = 200;
		mf_buf_addz(&body, "Wormhole Relay\n"); /* what Python's server says there */
	}
	mf_http_reply(req, &o, &body);
}

mf_code
mf_mailbox_start(uv_loop_t *loop, struct mf_env *env, const mf_mailbox_conf *conf, struct mf_mailbox **out,
	mf_endpoint *bound, mf_err *err)
{
	static const mf_websocket_events events = {on_message, on_closed};
	struct mf_mailbox *m = mf_alloc(sizeof(*m));
	const mf_http_conf http = {.handler = handle,
		.arg = m,
		.idle_ms = IDLE_MS,
		.request_ms = REQUEST_MS,
		.conns = conf->conns != 0 ? conf->conns : MF_MAILBOX_CONNS};
	mf_code rc;

	m->env = env;
	m->ws = (mf_websocket_conf){.events = &events,
		.max_message = MF_RENDEZVOUS_MAX_TEXT,
		.max_queue = MF_RENDEZVOUS_MAX_QUEUE,
		.queued = &m->queued,
		.max_queued = MAX_QUEUED,
		.ping_ms = PING_MS,
		.dead_ms = DEAD_MS};
	rc = mf_rendezvous_open(env, &conf->core, &m->core, err);
	if (rc != MF_OK) {
		free(m);
		return rc;
	}
	rc = mf_http_listen(loop, &conf->where, &http, &m->http, bound, err);
	if (rc != MF_OK) {
		mf_rendezvous_close(m->core, NULL, NULL);
		free(m);
		return rc;
	}
	*out = m;
	return MF_OK;
}

static void
on_core_closed(void *arg)
{
	struct mf_mailbox *m = arg;
	void (*done)(void *) = m->done;
	void *done_arg = m->done_arg;

	free(m);
	done(done_arg);
}

static void
on_http_closed(void *arg)
{
	struct mf_mailbox *m = arg;

	mf_rendezvous_close(m->core, on_core_closed, m);
}

void
mf_mailbox_stop(struct mf_mailbox *m, void (*done)(void *arg), void *arg)
{
	m->done = done;
	m->done_arg = arg;
	mf_http_close(m->http, on_http_closed, m);
}
