/* Between a connection and its socket: TLS, or nothing. */
#include "daemon/http1_impl.h"

#include <stdlib.h>

/* Bytes under way. */
typedef struct sending {
	uv_write_t req;
	struct mf_http_conn *conn;
	mf_buf head, body;
	void (*sent)(struct mf_http_conn *c, int status);
} sending;

static void
sending_free(sending *w)
{
	mf_buf_wipe_free(&w->head);
	mf_buf_wipe_free(&w->body);
	free(w);
}

static void
on_written(uv_write_t *req, int status)
{
	sending *w = req->data;
	struct mf_http_conn *c = w->conn;
	void (*sent)(struct mf_http_conn *, int) = w->sent;

	sending_free(w);
	if (c->closing)
		return;
	if (sent != NULL)
		sent(c, status);
	else if (status != 0)
		mf_http_conn_close(c);
}

/* Head and body become one sealed buffer. */
static mf_code
seal(struct mf_http_conn *c, sending *w)
{
	mf_buf sealed = {0};
	mf_code rc;

	mf_buf_reserve(&sealed, w->head.n + w->body.n + 1024);
	rc = mf_tls_seal(c->tls, w->head.p, w->head.n, &sealed);
	if (rc == MF_OK)
		rc = mf_tls_seal(c->tls, w->body.p, w->body.n, &sealed);
	mf_buf_wipe_free(&w->head);
	mf_buf_wipe_free(&w->body);
	w->head = sealed;
	return rc;
}

static void
send_as_it_is(struct mf_http_conn *c, sending *w)
{
	uv_buf_t parts[2];
	unsigned n = 0;

	w->conn = c;
	w->req.data = w;
	if (w->head.n > 0)
		parts[n++] = uv_buf_init((char *)w->head.p, (unsigned)w->head.n);
	if (w->body.n > 0)
		parts[n++] = uv_buf_init((char *)w->body.p, (unsigned)w->body.n);
	if (n == 0 || uv_write(&w->req, &c->sock.stream, parts, n, on_written) != 0) {
		sending_free(w);
		mf_http_conn_close(c);
	}
}

void
mf_http_send(struct mf_http_conn *c, mf_buf *head, mf_buf *body, void (*sent)(struct mf_http_conn *c, int status))
{
	sending *w = mf_alloc(sizeof(*w));

	w->head = *head;
	w->body = *body;
	*head = *body = (mf_buf){0};
	w->sent = sent;
	if (c->tls != NULL && seal(c, w) != MF_OK) {
		sending_free(w);
		mf_http_conn_close(c);
		return;
	}
	send_as_it_is(c, w);
}

/* What TLS itself has to say. */
static void
send_sealed(struct mf_http_conn *c, mf_buf *sealed)
{
	sending *w;

	if (sealed->n == 0 || c->closing) {
		mf_buf_free(sealed);
		return;
	}
	w = mf_alloc(sizeof(*w));
	w->head = *sealed;
	*sealed = (mf_buf){0};
	send_as_it_is(c, w);
}

static void
feed_tls(struct mf_http_conn *c, const char *p, size_t n)
{
	mf_buf plain = {0}, out = {0};
	bool eof = false;
	mf_code rc = mf_tls_feed(c->tls, p, n, &plain, &out, &eof);

	send_sealed(c, &out);
	if (plain.n > 0 && !c->closing)
		mf_http_received(c, (const char *)plain.p, plain.n);
	if (rc != MF_OK)
		mf_http_conn_close(c); /* a refusal that TLS has for this was given to the socket above */
	else if (eof && !c->closing)
		mf_http_ended(c);
	mf_buf_wipe_free(&plain);
}

static void
on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	struct mf_http_conn *c = handle->data;

	(void)hint;
	*buf = uv_buf_init(c->server->chunk, sizeof(c->server->chunk));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct mf_http_conn *c = stream->data;

	if (c->closing || n == 0)
		return;
	if (n == UV_EOF) {
		mf_http_ended(c);
		if (!c->closing)
			(void)uv_read_stop(stream);
	} else if (n < 0) {
		mf_http_conn_close(c);
	} else if (c->tls != NULL) {
		feed_tls(c, buf->base, (size_t)n);
	} else {
		mf_http_received(c, buf->base, (size_t)n);
	}
}

int
mf_http_read_start(struct mf_http_conn *c)
{
	c->read_stopped = false;
	return uv_read_start(&c->sock.stream, on_alloc, on_read);
}

void
mf_http_read_stop(struct mf_http_conn *c)
{
	c->read_stopped = true;
	(void)uv_read_stop(&c->sock.stream);
}

static void
on_shutdown(uv_shutdown_t *req, int status)
{
	(void)status; /* the timer or the client's end closes */
	free(req);
}

void
mf_http_end(struct mf_http_conn *c)
{
	uv_shutdown_t *end = mf_alloc(sizeof(*end));
	mf_buf out = {0};

	if (c->tls != NULL)
		mf_tls_end(c->tls, &out);
	send_sealed(c, &out);
	if (c->closing || uv_shutdown(end, &c->sock.stream, on_shutdown) != 0) {
		free(end);
		mf_http_conn_close(c);
	}
}
