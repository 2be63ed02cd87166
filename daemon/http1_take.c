/* Connections that another protocol has taken over. */
#include "daemon/http1_impl.h"

uv_loop_t *
mf_http_loop(const struct mf_http_req *r)
{
	return r->conn->server->loop;
}

static void
on_drop(uv_timer_t *timer)
{
	mf_http_conn_close(timer->data);
}

void
mf_http_taken_drop(struct mf_http_conn *c)
{
	if (!c->closing)
		(void)uv_timer_start(&c->timer, on_drop, 0, 0); /* gone comes from the loop */
}

static void
on_sent(struct mf_http_conn *c, int status)
{
	c->sending--;
	if (status != 0)
		mf_http_conn_close(c);
	else if (c->sending == 0 && c->state == CONN_TAKEN)
		c->taker->sent(c->taker_arg);
}

void
mf_http_taken_send(struct mf_http_conn *c, mf_buf *bytes)
{
	mf_buf none = {0};

	if (c->closing || bytes->n == 0) {
		mf_buf_wipe_free(bytes);
		mf_http_taken_drop(c);
		return;
	}
	c->sending++;
	mf_http_send(c, bytes, &none, on_sent);
}

size_t
mf_http_taken_unsent(const struct mf_http_conn *c)
{
	return uv_stream_get_write_queue_size(&c->sock.stream);
}

void
mf_http_taken_read(struct mf_http_conn *c, bool on)
{
	if (c->closing || on != c->read_stopped)
		return;
	if (on)
		(void)mf_http_read_start(c);
	else
		mf_http_read_stop(c);
}

void
mf_http_taken_data(struct mf_http_conn *c, const char *p, size_t n)
{
	mf_buf first = c->later;

	c->later = (mf_buf){0};
	if (first.n > 0)
		c->taker->data(c->taker_arg, (const char *)first.p, first.n);
	mf_buf_wipe_free(&first);
	if (n > 0 && c->state == CONN_TAKEN && !c->closing)
		c->taker->data(c->taker_arg, p, n);
}

/* What came behind the request. */
static void
on_first(uv_timer_t *timer)
{
	struct mf_http_conn *c = timer->data;

	mf_http_taken_read(c, true);
	mf_http_taken_data(c, NULL, 0);
}

struct mf_http_conn *
mf_http_take(struct mf_http_req *r, const char *extra, const mf_http_taker *taker, void *arg)
{
	struct mf_http_conn *c = r->conn;
	mf_buf head = {0};

	if (c->state != CONN_IN_WORK || c->closing || !r->body_done)
		MF_BUG("taking over from a request that is not in work");
	mf_http_req_free(r);
	c->req = NULL;
	c->state = CONN_TAKEN;
	c->taker = taker;
	c->taker_arg = arg;
	(void)uv_timer_start(&c->timer, on_first, 0, 0);
	mf_buf_addz(&head, "HTTP/1.1 101 Switching Protocols\r\nServer: magic-folder\r\n");
	mf_buf_addz(&head, extra);
	mf_buf_addz(&head, "\r\n");
	mf_http_taken_send(c, &head);
	return c;
}

void
mf_http_taken_end(struct mf_http_conn *c)
{
	if (c->closing || c->state != CONN_TAKEN)
		return;
	mf_http_taken_read(c, true); /* to see its end */
	mf_http_conn_linger(c);
}
