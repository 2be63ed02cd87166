/* Bodies that are taken in pieces, and who is trusted. */
#include "daemon/http1_impl.h"

void
mf_http_on_gone(struct mf_http_req *r, mf_http_gone *gone, void *arg)
{
	r->gone = gone;
	r->gone_arg = arg;
}

void
mf_http_trust(struct mf_http_req *r)
{
	struct mf_http_conn *c = r->conn;

	if (!c->stranger)
		return;
	c->stranger = false;
	c->server->n_strangers--;
}

uint64_t
mf_http_body_length(const struct mf_http_req *r)
{
	return r->length;
}

bool
mf_http_body_take(struct mf_http_req *r, mf_buf *out)
{
	*out = r->body;
	r->body = (mf_buf){0};
	if (r->conn->read_stopped && !r->body_done)
		(void)mf_http_read_start(r->conn);
	return r->body_done;
}

void
mf_http_go_on(struct mf_http_req *r)
{
	mf_buf line = {0}, none = {0};

	r->expects = false;
	mf_buf_addz(&line, "HTTP/1.1 100 Continue\r\n\r\n");
	mf_http_send(r->conn, &line, &none, NULL);
}

void
mf_http_body_wait(struct mf_http_req *r, size_t least, mf_http_event *more, void *arg)
{
	if (r->body_done || r->more != NULL)
		MF_BUG("waiting for a body that is there");
	r->least = least;
	r->more = more;
	r->more_arg = arg;
	r->progress = 0;
	mf_http_conn_timer(r->conn);
	if (r->expects)
		mf_http_go_on(r);
}
