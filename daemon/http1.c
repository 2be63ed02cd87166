/* Connections and answers. */
#include "daemon/http1_impl.h"

#include <stdlib.h>
#include <time.h>

enum {
	LINGER_MS = 2000,  /* for the client to read a refusal before the socket goes */
	MAX_LATER = 65536, /* pipelined bytes kept; then we stop reading */
	EXTRA_CONNS = 16,  /* above the limit these still get their 503 */
};

/* An answer under way. */
typedef struct reply {
	uv_write_t req;
	struct mf_http_conn *conn;
	mf_buf head, body;
} reply;

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
	mf_http_req_free(c->req);
	mf_buf_wipe_free(&c->later);
	free(c);
	if (h->closing && h->listener_closed && h->n_conns == 0) {
		if (h->done != NULL)
			h->done(h->done_arg);
		free(h);
	}
}

void
mf_http_conn_close(struct mf_http_conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	if (c->state == CONN_IN_WORK && c->req != NULL && c->req->gone != NULL)
		c->req->gone(c->req->gone_arg);
	if (c->taker != NULL)
		c->taker->gone(c->taker_arg);
	uv_close((uv_handle_t *)&c->sock.stream, on_conn_closed);
	uv_close((uv_handle_t *)&c->timer, on_conn_closed);
}

static void
on_timer(uv_timer_t *timer)
{
	struct mf_http_conn *c = timer->data;

	if (c->state == CONN_READING && c->begun)
		mf_http_refuse(c, 408);
	else
		mf_http_conn_close(c);
}

void
mf_http_conn_timer(struct mf_http_conn *c)
{
	const mf_http_conf *conf = &c->server->conf;
	uint64_t ms = conf->idle_ms;

	if (c->closing)
		return;
	if (c->state == CONN_IN_WORK || c->state == CONN_TAKEN) {
		(void)uv_timer_stop(&c->timer); /* an answer may take as long as it takes */
		return;
	}
	if (c->state == CONN_READING && c->begun)
		ms = conf->request_ms;
	else if (c->state == CONN_LINGERING)
		ms = LINGER_MS;
	(void)uv_timer_start(&c->timer, on_timer, ms, 0);
}

static void
on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct mf_http_conn *c = handle->data;

	(void)hint;
	*buf = uv_buf_init(c->chunk, sizeof(c->chunk));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct mf_http_conn *c = stream->data;

	if (c->closing || n == 0)
		return;
	if (n < 0) {
		c->eof = true;
		/* what was asked before the end is still answered, but nobody waits for a delayed answer */
		if (c->state != CONN_WRITING || n != UV_EOF)
			mf_http_conn_close(c);
		else
			(void)uv_read_stop(stream);
		return;
	}
	if (c->state == CONN_LINGERING)
		return;
	if (c->state == CONN_TAKEN) {
		mf_http_taken_data(c, buf->base, (size_t)n);
		return;
	}
	if (c->state == CONN_READING) {
		mf_http_feed(c, buf->base, (size_t)n);
		return;
	}
	if (c->doomed)
		return;
	mf_buf_add(&c->later, buf->base, (size_t)n);
	if (c->later.n > MAX_LATER) {
		(void)uv_read_stop(stream);
		c->read_stopped = true;
	}
}

int
mf_http_conn_read(struct mf_http_conn *c)
{
	return uv_read_start(&c->sock.stream, on_alloc, on_read);
}

void
mf_http_feed(struct mf_http_conn *c, const char *p, size_t n)
{
	size_t used;

	if (!c->begun) {
		c->begun = true;
		mf_http_conn_timer(c);
	}
	used = http_parser_execute(&c->parser, &mf_http_callbacks, p, n);
	if (c->refuse != 0) {
		mf_http_refuse(c, c->refuse);
	} else if (c->state == CONN_IN_WORK) {
		mf_buf rest = {0}; /* p may lie in c->later */
		mf_buf_add(&rest, p + used, n - used);
		mf_buf_wipe_free(&c->later);
		c->later = rest;
		c->begun = false;
		mf_http_conn_timer(c);
		c->server->conf.handler(c->server->conf.arg, c->req);
	} else if (HTTP_PARSER_ERRNO(&c->parser) != HPE_OK) {
		mf_http_refuse(c, HTTP_PARSER_ERRNO(&c->parser) == HPE_HEADER_OVERFLOW ? 431 : 400);
	}
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
	if (c->read_stopped) {
		c->read_stopped = false;
		(void)mf_http_conn_read(c);
	}
	mf_http_conn_timer(c);
	c->later = (mf_buf){0};
	if (later.n > 0)
		mf_http_feed(c, (const char *)later.p, later.n);
	mf_buf_wipe_free(&later);
	if (c->state == CONN_READING && c->eof)
		mf_http_conn_close(c);
}

static void
on_shutdown(uv_shutdown_t *req, int status)
{
	(void)status; /* the timer or the client's end closes */
	free(req);
}

void
mf_http_conn_linger(struct mf_http_conn *c)
{
	uv_shutdown_t *end = mf_alloc(sizeof(*end));

	c->state = CONN_LINGERING;
	mf_http_conn_timer(c);
	if (uv_shutdown(end, &c->sock.stream, on_shutdown) != 0) {
		free(end);
		(void)uv_timer_start(&c->timer, on_timer, 0, 0);
	}
}

static void
on_written(uv_write_t *req, int status)
{
	reply *w = req->data;
	struct mf_http_conn *c = w->conn;

	mf_buf_free(&w->head);
	mf_buf_wipe_free(&w->body);
	free(w);
	if (c->closing)
		return;
	if (status != 0 || (c->doomed && c->eof)) {
		mf_http_conn_close(c);
	} else if (c->doomed) {
		mf_http_conn_linger(c);
	} else {
		mf_http_conn_next(c);
	}
}

static const char *
status_text(unsigned status)
{
	switch (status) {
#define XX(num, name, string) \
	case num: return #string;
		HTTP_STATUS_MAP(XX)
#undef XX
	default: return "Unknown";
	}
}

static void
send_reply(struct mf_http_conn *c, const mf_http_reply_opts *o, mf_buf *body, bool with_body)
{
	reply *w = mf_alloc(sizeof(*w));
	uv_buf_t parts[2];
	char date[64];
	time_t now = time(NULL);
	struct tm tm;

	(void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	mf_buf_addf(&w->head, "HTTP/1.1 %u %s\r\nServer: magic-folder\r\nDate: %s\r\nContent-Length: %zu\r\n",
		o->status, status_text(o->status), date, body->n);
	if (o->type != NULL)
		mf_buf_addf(&w->head, "Content-Type: %s\r\n", o->type);
	if (o->extra != NULL)
		mf_buf_addz(&w->head, o->extra);
	if (c->doomed)
		mf_buf_addz(&w->head, "Connection: close\r\n");
	else if (c->req->http10)
		mf_buf_addz(&w->head, "Connection: keep-alive\r\n");
	mf_buf_addz(&w->head, "\r\n");
	w->body = *body;
	*body = (mf_buf){0};
	w->conn = c;
	w->req.data = w;
	c->state = CONN_WRITING;
	mf_http_conn_timer(c);
	parts[0] = uv_buf_init((char *)w->head.p, (unsigned)w->head.n);
	parts[1] = uv_buf_init((char *)w->body.p, (unsigned)w->body.n);
	if (uv_write(&w->req, &c->sock.stream, parts, with_body && w->body.n > 0 ? 2 : 1, on_written) != 0) {
		mf_buf_free(&w->head);
		mf_buf_wipe_free(&w->body);
		free(w);
		mf_http_conn_close(c);
	}
}

void
mf_http_reply(struct mf_http_req *r, const mf_http_reply_opts *opts, mf_buf *body)
{
	struct mf_http_conn *c = r->conn;

	if (c->state != CONN_IN_WORK || c->closing)
		MF_BUG("answer to a request that is not in work");
	r->gone = NULL;
	c->doomed = c->doomed || !r->keep_alive || c->server->closing;
	send_reply(c, opts, body, r->method != HTTP_HEAD);
}

void
mf_http_refuse(struct mf_http_conn *c, unsigned status)
{
	mf_http_reply_opts o = {.status = status};
	mf_buf none = {0};

	c->doomed = true;
	if (c->req == NULL)
		c->req = mf_http_req_new(c);
	send_reply(c, &o, &none, false);
}

void
mf_http_on_gone(struct mf_http_req *r, mf_http_gone *gone, void *arg)
{
	r->gone = gone;
	r->gone_arg = arg;
}

void
mf_http_on_connection(uv_stream_t *listener, int status)
{
	struct mf_http *h = listener->data;
	struct mf_http_conn *c;

	if (status != 0)
		return;
	c = mf_alloc(sizeof(*c));
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
	if (uv_accept(listener, &c->sock.stream) != 0 || h->n_conns > h->conf.conns + EXTRA_CONNS ||
		mf_http_conn_read(c) != 0) {
		mf_http_conn_close(c);
		return;
	}
	if (!h->is_unix)
		(void)uv_tcp_nodelay(&c->sock.tcp, 1);
	mf_http_conn_timer(c);
	if (h->n_conns > h->conf.conns)
		mf_http_refuse(c, 503);
}

void
mf_http_on_listener_closed(uv_handle_t *handle)
{
	struct mf_http *h = handle->data;

	h->listener_closed = true;
	if (h->closing && h->n_conns == 0) {
		if (h->done != NULL)
			h->done(h->done_arg);
		free(h);
	}
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
