/* Requests: from bytes to struct mf_http_req. */
#include "daemon/http1_impl.h"

#include <stdlib.h>
#include <strings.h>

struct mf_http_req *
mf_http_req_new(struct mf_http_conn *c)
{
	struct mf_http_req *r = mf_alloc(sizeof(*r));

	r->conn = c;
	return r;
}

void
mf_http_req_free(struct mf_http_req *r)
{
	if (r == NULL)
		return;
	mf_buf_wipe_free(&r->head); /* holds the token */
	mf_buf_wipe_free(&r->body); /* may hold capabilities */
	free(r);
}

/* Note what to answer and stop the parser. */
static int
refuse(http_parser *p, unsigned status)
{
	struct mf_http_conn *c = p->data;

	if (c->refuse == 0)
		c->refuse = status;
	return 1;
}

static int
add_head(http_parser *p, const char *at, size_t n)
{
	struct mf_http_conn *c = p->data;

	if (c->req->head.n + n > MF_HTTP_MAX_HEADER)
		return refuse(p, 431);
	mf_buf_add(&c->req->head, at, n);
	return 0;
}

static int
on_begin(http_parser *p)
{
	struct mf_http_conn *c = p->data;

	if (c->req == NULL)
		c->req = mf_http_req_new(c);
	return 0;
}

static int
on_url(http_parser *p, const char *at, size_t n)
{
	struct mf_http_conn *c = p->data;

	c->req->target_n += n;
	return add_head(p, at, n);
}

/* Fields after a chunked body: nobody needs them, and one of them must not pass for a header. */
static int
skip_trailer(http_parser *p, size_t n)
{
	struct mf_http_req *r = ((struct mf_http_conn *)p->data)->req;

	r->trailer_n += n;
	return r->trailer_n > MF_HTTP_MAX_HEADER ? refuse(p, 431) : 0;
}

static int
on_name(http_parser *p, const char *at, size_t n)
{
	struct mf_http_req *r = ((struct mf_http_conn *)p->data)->req;

	if (r->head_done)
		return skip_trailer(p, n);
	if (r->fields == 0 || r->in_value) {
		if (r->fields == MF_HTTP_MAX_FIELDS)
			return refuse(p, 431);
		r->field[r->fields++].name = r->head.n;
		r->in_value = false;
	}
	r->field[r->fields - 1].name_n += n;
	return add_head(p, at, n);
}

static int
on_value(http_parser *p, const char *at, size_t n)
{
	struct mf_http_req *r = ((struct mf_http_conn *)p->data)->req;

	if (r->head_done)
		return skip_trailer(p, n);
	if (!r->in_value) {
		r->field[r->fields - 1].value = r->head.n;
		r->in_value = true;
	}
	r->field[r->fields - 1].value_n += n;
	return add_head(p, at, n);
}

/* Its value without the blanks around. */
static mf_str
value_of(const struct mf_http_req *r, const http_field *f)
{
	mf_str v = {"", 0};

	if (f->value_n > 0)
		v = (mf_str){(const char *)r->head.p + f->value, f->value_n};
	while (v.n > 0 && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	while (v.n > 0 && (*v.p == ' ' || *v.p == '\t')) {
		v.p++;
		v.n--;
	}
	return v;
}

/* Field number @p want of that name, counted from 0; NULL if there is none.  *n = how many there are up to it. */
static const http_field *
find_field(const struct mf_http_req *r, const char *name, size_t want, size_t *n)
{
	size_t len = strlen(name);

	*n = 0;
	for (size_t i = 0; i < r->fields; i++) {
		const http_field *f = &r->field[i];
		if (f->name_n == len && strncasecmp((const char *)r->head.p + f->name, name, len) == 0 &&
			(*n)++ == want)
			return f;
	}
	return NULL;
}

mf_str
mf_http_field_at(const struct mf_http_req *r, const char *name, size_t i)
{
	size_t n;
	const http_field *f = find_field(r, name, i, &n);

	return f != NULL ? value_of(r, f) : (mf_str){"", 0};
}

mf_str
mf_http_field(const struct mf_http_req *r, const char *name, size_t *n)
{
	(void)find_field(r, name, MF_HTTP_MAX_FIELDS, n);
	return mf_http_field_at(r, name, 0);
}

/* Two ways to say how long the body is, or a coding we do not know, are how requests are smuggled. */
static bool
framing_ok(const struct mf_http_req *r)
{
	size_t lengths, codings;
	mf_str coding;

	(void)mf_http_field(r, "content-length", &lengths);
	coding = mf_http_field(r, "transfer-encoding", &codings);
	if (codings == 0)
		return lengths <= 1;
	return lengths == 0 && codings == 1 && coding.n == 7 && strncasecmp(coding.p, "chunked", 7) == 0;
}

/* http-parser as Debian builds it lets "Transfer-Encoding : x" pass with the blank in the name, where another
 * program may see the header that we do not. */
static bool
names_ok(const struct mf_http_req *r)
{
	static const char others[] = "!#$%&'*+-.^_`|~"; /* RFC 9110, 5.6.2: token */

	for (size_t i = 0; i < r->fields; i++) {
		const char *name = (const char *)r->head.p + r->field[i].name;
		for (size_t k = 0; k < r->field[i].name_n; k++) {
			char c = name[k], low = (char)(c | 0x20);
			if (!(low >= 'a' && low <= 'z') && !(c >= '0' && c <= '9') &&
				(c == '\0' || strchr(others, c) == NULL))
				return false;
		}
	}
	return true;
}

static int
on_headers_complete(http_parser *p)
{
	struct mf_http_conn *c = p->data;
	struct mf_http_req *r = c->req;
	bool kept = c->server->conf.when == MF_HTTP_AT_END;
	size_t n;
	mf_str expect = mf_http_field(r, "expect", &n);

	r->head_done = true;
	r->method = p->method;
	r->http10 = p->http_minor == 0;
	r->keep_alive = http_should_keep_alive(p) != 0;
	if (p->http_major > 1)
		return refuse(p, 505);
	if (p->http_major < 1 || !names_ok(r) || !framing_ok(r))
		return refuse(p, 400);
	r->length = (p->flags & F_CHUNKED) != 0     ? UINT64_MAX
		: (p->flags & F_CONTENTLENGTH) != 0 ? p->content_length
						    : 0;
	if (kept && r->length != UINT64_MAX && r->length > MF_HTTP_MAX_BODY)
		return refuse(p, 413);
	r->expects = n > 0 && expect.n == 12 && strncasecmp(expect.p, "100-continue", 12) == 0 && !r->http10;
	if (r->expects && kept)
		mf_http_go_on(r);
	p->upgrade = 0; /* nothing to upgrade to: an ordinary request */
	return p->method == HTTP_CONNECT ? refuse(p, 405) : 0;
}

static int
on_body(http_parser *p, const char *at, size_t n)
{
	struct mf_http_conn *c = p->data;

	if (c->server->conf.when == MF_HTTP_AT_END && c->req->body.n + n > MF_HTTP_MAX_BODY)
		return refuse(p, 413);
	mf_buf_add(&c->req->body, at, n);
	return 0;
}

static int
on_complete(http_parser *p)
{
	struct mf_http_conn *c = p->data;

	c->req->body_done = true;
	http_parser_pause(p, 1);
	return 0;
}

const http_parser_settings mf_http_callbacks = {
	.on_message_begin = on_begin,
	.on_url = on_url,
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

const char *
mf_http_method(const struct mf_http_req *r)
{
	return http_method_str((enum http_method)r->method);
}

mf_str
mf_http_path(const struct mf_http_req *r)
{
	const char *base = (const char *)r->head.p;
	const char *mark = r->target_n > 0 ? memchr(base, '?', r->target_n) : NULL;

	return (mf_str){base, mark != NULL ? (size_t)(mark - base) : r->target_n};
}

mf_str
mf_http_query(const struct mf_http_req *r)
{
	size_t used = mf_http_path(r).n;

	if (used == r->target_n)
		return (mf_str){"", 0};
	return (mf_str){(const char *)r->head.p + used + 1, r->target_n - used - 1};
}

mf_str
mf_http_body(const struct mf_http_req *r)
{
	return mf_buf_str(&r->body);
}
