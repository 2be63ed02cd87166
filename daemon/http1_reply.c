/* Answers: whole, or in pieces. */
#include "daemon/http1_impl.h"

#include <time.h>

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
on_end_sent(struct mf_http_conn *c, int status)
{
	if (status != 0 || (c->doomed && c->eof)) {
		mf_http_conn_close(c);
	} else if (c->doomed) {
		mf_http_conn_linger(c);
	} else {
		mf_http_conn_next(c);
	}
}

static void
add_head(const struct mf_http_conn *c, const mf_http_reply_opts *o, uint64_t length, mf_buf *head)
{
	char date[64];
	time_t now = time(NULL);
	struct tm tm;

	(void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	mf_buf_addf(head, "HTTP/1.1 %u %s\r\nServer: magic-folder\r\nDate: %s\r\n", o->status, status_text(o->status),
		date);
	if (o->status != HTTP_STATUS_NO_CONTENT) /* RFC 9110, 8.6: it has none, and says none */
		mf_buf_addf(head, "Content-Length: %llu\r\n", (unsigned long long)length);
	if (o->type != NULL)
		mf_buf_addf(head, "Content-Type: %s\r\n", o->type);
	if (o->extra != NULL)
		mf_buf_addz(head, o->extra);
	if (c->doomed)
		mf_buf_addz(head, "Connection: close\r\n");
	else if (c->req->http10)
		mf_buf_addz(head, "Connection: keep-alive\r\n");
	mf_buf_addz(head, "\r\n");
}

static void
send_reply(struct mf_http_conn *c, const mf_http_reply_opts *o, mf_buf *body, bool with_body)
{
	mf_buf head = {0};

	add_head(c, o, body->n, &head);
	if (!with_body)
		mf_buf_wipe_free(body);
	c->state = CONN_WRITING;
	mf_http_conn_timer(c);
	mf_http_send(c, &head, body, on_end_sent);
}

static struct mf_http_conn *
begin(struct mf_http_req *r)
{
	struct mf_http_conn *c = r->conn;

	if (c->state != CONN_IN_WORK || c->closing)
		MF_BUG("answer to a request that is not in work");
	c->doomed = c->doomed || !r->keep_alive || !r->body_done || c->server->closing;
	r->more = NULL;
	return c;
}

void
mf_http_reply(struct mf_http_req *r, const mf_http_reply_opts *opts, mf_buf *body)
{
	struct mf_http_conn *c = begin(r);

	r->gone = NULL;
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

/* -- in pieces --------------------------------------------------------------------------------------- */

static void
on_piece_sent(struct mf_http_conn *c, int status)
{
	struct mf_http_req *r = c->req;
	mf_http_event *want = r->want;

	if (status != 0) {
		mf_http_conn_close(c);
		return;
	}
	(void)uv_timer_stop(&c->timer); /* now it is our turn */
	want(r->want_arg);
}

static void
send_piece(struct mf_http_conn *c, mf_buf *head, mf_buf *piece)
{
	struct mf_http_req *r = c->req;

	if (piece->n > r->to_answer || (piece->n == 0 && r->to_answer > 0))
		MF_BUG("piece of %zu bytes where %llu are left", piece->n, (unsigned long long)r->to_answer);
	r->to_answer -= piece->n;
	if (r->to_answer == 0)
		r->gone = NULL;
	mf_http_conn_timer(c);
	mf_http_send(c, head, piece, r->to_answer == 0 ? on_end_sent : on_piece_sent);
}

void
mf_http_reply_begin(struct mf_http_req *r, const mf_http_reply_opts *opts, uint64_t length, mf_buf *first,
	mf_http_event *want, void *arg)
{
	struct mf_http_conn *c = begin(r);
	mf_buf head = {0};

	r->to_answer = length;
	r->want = want;
	r->want_arg = arg;
	add_head(c, opts, length, &head);
	c->state = CONN_WRITING;
	send_piece(c, &head, first);
}

void
mf_http_reply_more(struct mf_http_req *r, mf_buf *piece)
{
	mf_buf none = {0};

	send_piece(r->conn, &none, piece);
}

void
mf_http_drop(struct mf_http_req *r)
{
	r->gone = NULL;
	mf_http_conn_close(r->conn);
}
