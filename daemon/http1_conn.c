/* Connections: their beginning, their clock, what comes over them, their end. */
#include "daemon/http1_impl.h"

#include <stdlib.h>

enum {
	LINGER_MS = 2000, /* for the client to read a refusal before the socket goes */
	EXTRA_CONNS = 16, /* above the limit these still get their 503 */
};

static void
server_maybe_done(struct mf_http *h)
{
	if (!h->closing || !h->listener_closed || h->n_conns > 0)
		return;
	if (h->done != NULL)
		h->done(h->done_arg);
	free(h);
}

static void
on_conn_closed(uv_handle_t *handle)
{
	struct mf_http_conn *c = handle->data;
	struct mf_http *h = c->server;

	if (--c->open_handles > 0)
		return;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		h->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	h->n_conns--;
	if (c->taker != NULL)
		c->taker->gone(c->taker_arg);
	mf_http_req_free(c->req);
	mf_buf_wipe_free(&c->later);
	mf_tls_free(c->tls);
	free(c);
	server_maybe_done(h);
}

void
mf_http_conn_close(struct mf_http_conn *c)
{
	struct mf_http_req *r = c->req;

	if (c->closing)
		return;
	c->closing = true;
	if (c->stranger)
		c->server->n_strangers--;
	if (r != NULL && r->gone != NULL &&
		(c->state == CONN_IN_WORK || (c->state == CONN_WRITING && r->to_answer > 0)))
		r->gone(r->gone_arg);
	uv_close((uv_handle_t *)&c->sock.stream, on_conn_closed);
	uv_close((uv_handle_t *)&c->timer, on_conn_closed);
}

/* -- the clock -------------------------------------------------------------------------------------- */

static void
on_timer(uv_timer_t *timer)
{
	struct mf_http_conn *c = timer->data;

	if (c->state == CONN_READING && c->begun)
		mf_http_refuse(c, 408);
	else
		mf_http_conn_close(c);
}

/* Milliseconds for what the connection is at; 0: as long as it takes. */
static uint64_t
time_for(const struct mf_http_conn *c)
{
	const mf_http_conf *conf = &c->server->conf;

	switch (c->state) {
	case CONN_READING: return c->begun ? conf->request_ms : conf->idle_ms;
	case CONN_IN_WORK: /* the client's turn only if we wait for its body */
		return c->req->more != NULL && !c->read_stopped ? conf->request_ms : 0;
	case CONN_WRITING: return c->req->want != NULL ? conf->request_ms : conf->idle_ms;
	case CONN_TAKEN: return 0;
	case CONN_LINGERING: break;
	}
	return LINGER_MS;
}

void
mf_http_conn_timer(struct mf_http_conn *c)
{
	uint64_t ms;

	if (c->closing)
		return;
	ms = time_for(c);
	if (c->stranger && c->state == CONN_READING) {
		if (c->begun)
			return; /* for the whole request no more than was left */
		ms = c->server->conf.stranger_ms;
	}
	if (ms == 0)
		(void)uv_timer_stop(&c->timer);
	else
		(void)uv_timer_start(&c->timer, on_timer, ms, 0);
}

/* -- what comes ------------------------------------------------------------------------------------- */

/* Hand a request to its handler. */
static void
to_work(struct mf_http_conn *c)
{
	c->state = CONN_IN_WORK;
	c->begun = false;
	mf_http_conn_timer(c);
	c->server->conf.handler(c->server->conf.arg, c->req);
}

/* More of a body that is taken in pieces. */
static void
body_came(struct mf_http_conn *c, size_t n)
{
	struct mf_http_req *r = c->req;
	mf_http_event *more = r->more;

	if (r->body.n > HTTP_WAITING_BYTES && !c->read_stopped)
		mf_http_read_stop(c);
	r->progress += n;
	if (r->progress >= HTTP_PROGRESS_BYTES || c->read_stopped || r->body_done) {
		r->progress = 0;
		mf_http_conn_timer(c);
	}
	if (more != NULL && (r->body.n >= r->least || r->body_done || c->read_stopped)) {
		r->more = NULL;
		mf_http_conn_timer(c);
		more(r->more_arg);
	}
}

static void
feed(struct mf_http_conn *c, const char *p, size_t n)
{
	bool at_work = c->state == CONN_IN_WORK;
	size_t used;

	if (!c->begun && !at_work) {
		c->begun = true;
		mf_http_conn_timer(c);
	}
	used = http_parser_execute(&c->parser, &mf_http_callbacks, p, n);
	if (c->refuse != 0 ||
		(HTTP_PARSER_ERRNO(&c->parser) != HPE_OK && HTTP_PARSER_ERRNO(&c->parser) != HPE_PAUSED)) {
		unsigned status = HTTP_PARSER_ERRNO(&c->parser) == HPE_HEADER_OVERFLOW ? 431 : 400;
		if (at_work) /* in the middle of a body: whoever takes it is told that there is no more */
			mf_http_conn_close(c);
		else
			mf_http_refuse(c, c->refuse != 0 ? c->refuse : status);
		return;
	}
	if (c->req != NULL && c->req->body_done) {
		mf_buf rest = {0}; /* p may lie in c->later */
		mf_buf_add(&rest, p + used, n - used);
		mf_buf_wipe_free(&c->later);
		c->later = rest;
	}
	if (at_work)
		body_came(c, n);
	else if (c->req != NULL &&
		(c->req->body_done || (c->server->conf.when == MF_HTTP_AT_HEAD && c->req->head_done)))
		to_work(c);
}

void
mf_http_received(struct mf_http_conn *c, const char *p, size_t n)
{
	if (c->state == CONN_LINGERING || c->doomed)
		return;
	if (c->state == CONN_TAKEN) {
		mf_http_taken_data(c, p, n);
		return;
	}
	if (c->state == CONN_READING || (c->state == CONN_IN_WORK && !c->req->body_done)) {
		feed(c, p, n);
		return;
	}
	mf_buf_add(&c->later, p, n);
	if (c->later.n > HTTP_LATER_BYTES)
		mf_http_read_stop(c);
}

void
mf_http_ended(struct mf_http_conn *c)
{
	c->eof = true;
	/* what was asked before the end is still answered, but nobody waits for a delayed answer */
	if (c->state != CONN_WRITING)
		mf_http_conn_close(c);
}

void
mf_http_conn_linger(struct mf_http_conn *c)
{
	c->state = CONN_LINGERING;
	mf_http_conn_timer(c);
	mf_http_end(c);
}

void
mf_http_conn_next(struct mf_http_conn *c)
{
	mf_buf later = c->later;

	mf_http_req_free(c->req);
	c->req = NULL;
	c->state = CONN_READING;
	c->begun = false;
	http_parser_init(&c->parser, HTTP_REQUEST);
	if (c->read_stopped)
		(void)mf_http_read_start(c);
	mf_http_conn_timer(c);
	c->later = (mf_buf){0};
	if (later.n > 0)
		feed(c, (const char *)later.p, later.n);
	mf_buf_wipe_free(&later);
	if (c->state == CONN_READING && c->eof)
		mf_http_conn_close(c);
}

/* -- beginning and end ------------------------------------------------------------------------------- */

/* The list has the newest first. */
static void
drop_oldest_stranger(struct mf_http *h)
{
	struct mf_http_conn *oldest = NULL;

	for (struct mf_http_conn *c = h->conns; c != NULL; c = c->next)
		if (c->stranger && !c->closing)
			oldest = c;
	if (oldest != NULL)
		mf_http_conn_close(oldest);
}

static struct mf_http_conn *
conn_new(struct mf_http *h)
{
	struct mf_http_conn *c = mf_alloc(sizeof(*c));

	c->server = h;
	c->open_handles = 2;
	if (h->is_unix)
		(void)uv_pipe_init(h->loop, &c->sock.pipe, 0);
	else
		(void)uv_tcp_init(h->loop, &c->sock.tcp);
	(void)uv_timer_init(h->loop, &c->timer);
	c->sock.stream.data = c;
	c->timer.data = c;
	c->parser.data = c;
	http_parser_init(&c->parser, HTTP_REQUEST);
	c->next = h->conns;
	if (h->conns != NULL)
		h->conns->prev = c;
	h->conns = c;
	h->n_conns++;
	return c;
}

void
mf_http_on_connection(uv_stream_t *listener, int status)
{
	struct mf_http *h = listener->data;
	struct mf_http_conn *c;

	if (status != 0)
		return;
	c = conn_new(h);
	if (uv_accept(listener, &c->sock.stream) != 0 || h->n_conns > h->conf.conns + EXTRA_CONNS) {
		mf_http_conn_close(c);
		return;
	}
	if (h->conf.strangers > 0) {
		c->stranger = true;
		if (++h->n_strangers > h->conf.strangers || h->n_conns > h->conf.conns)
			drop_oldest_stranger(h); /* whoever knows us is through in no time; it may be this one */
	}
	if (h->conf.tls != NULL)
		c->tls = mf_tls_new(h->conf.tls);
	if (c->closing || mf_http_read_start(c) != 0) {
		mf_http_conn_close(c);
		return;
	}
	if (!h->is_unix)
		(void)uv_tcp_nodelay(&c->sock.tcp, 1);
	mf_http_conn_timer(c);
	if (h->n_conns > h->conf.conns && h->conf.strangers == 0)
		mf_http_refuse(c, 503);
}

void
mf_http_on_listener_closed(uv_handle_t *handle)
{
	struct mf_http *h = handle->data;

	h->listener_closed = true;
	server_maybe_done(h);
}

void
mf_http_close(struct mf_http *h, void (*done)(void *arg), void *arg)
{
	h->closing = true;
	h->done = done;
	h->done_arg = arg;
	for (struct mf_http_conn *c = h->conns, *next; c != NULL; c = next) {
		next = c->next; /* freed in a later turn of the loop */
		mf_http_conn_close(c);
	}
	uv_close(&h->sock.handle, mf_http_on_listener_closed); /* removes a unix socket's file, too */
}
