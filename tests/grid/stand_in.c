/* A Tahoe-LAFS node's web API over an embedded store. */
#include <config.h> /* _GNU_SOURCE */

#include "tests/grid/stand_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/json.h"

enum { BODY_MAX = 64 << 20 };

/* One request, taken apart. */
struct ask {
	struct mf_grid *g;
	mf_buf cap, name; /* decoded */
	mf_str query;     /* as it came */
	mf_str method, head, body;
	mf_buf *out;
};

bool
stand_in_word(mf_str word, enum stand_in_trouble *out)
{
	static const char *const words[] = {
		[STAND_IN_WELL] = "well",
		[STAND_IN_HTML] = "html",
		[STAND_IN_ERROR] = "error",
		[STAND_IN_REDIRECT] = "redirect",
		[STAND_IN_HALF] = "half",
		[STAND_IN_SILENT] = "silent",
		[STAND_IN_TYPES] = "types",
		[STAND_IN_ENDLESS] = "endless",
		[STAND_IN_GONE] = "gone",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (mf_str_eq(word, mf_strz(words[i]))) {
			*out = (enum stand_in_trouble)i;
			return true;
		}
	return false;
}

/* -- taking apart ------------------------------------------------------------------------------------------- */

static void
unescape(mf_buf *out, mf_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];

		if (c == '%' && i + 2 < s.n && mf_unhex(&c, 1, (mf_str){s.p + i + 1, 2}))
			i += 2;
		mf_buf_addc(out, (char)c);
	}
}

/* Up to the first @p c; what follows it stays in *s. */
static mf_str
cut(mf_str *s, char c)
{
	const char *at = s->n > 0 ? memchr(s->p, c, s->n) : NULL;
	mf_str first = {s->p, at != NULL ? (size_t)(at - s->p) : s->n};
	size_t used = first.n + (at != NULL ? 1 : 0);

	s->p += used;
	s->n -= used;
	return first;
}

static bool
asks_for(const struct ask *a, const char *what)
{
	mf_str q = a->query;

	while (q.n > 0)
		if (mf_str_eq(cut(&q, '&'), mf_strz(what)))
			return true;
	return false;
}

/* -- answers -------------------------------------------------------------------------------------------------- */

static void
refuse(struct ask *a, mf_code rc)
{
	switch (rc) {
	case MF_EEXIST:
		serve_text(a->out, 409, "There was already a child by that name, and you asked me to not replace it.");
		break;
	case MF_EINVAL:
	case MF_EFORMAT:
	case MF_EUNSUPPORTED: serve_text(a->out, 400, "MustNotBeUnknownRWError: something about it is wrong."); break;
	case MF_ENOTFOUND: serve_text(a->out, 410, "NoSharesError: no shares could be found."); break;
	default: serve_answer(a->out, 500, "text/html", MF_STR("<!DOCTYPE html>\n<html><body>Traceback</body></html>"));
	}
}

static void
answer_cap(struct ask *a, mf_code rc, const char *cap)
{
	if (rc == MF_OK)
		serve_answer(a->out, 200, "text/html", mf_strz(cap));
	else
		refuse(a, rc);
}

static json_t *
child_json(const mf_child *c)
{
	json_t *v = json_object();
	json_t *metadata = json_loadb(c->metadata.p, c->metadata.n, 0, NULL);

	(void)json_object_set_new(v, "metadata", metadata != NULL ? metadata : json_object());
	if (c->rw.n > 0)
		(void)json_object_set_new(v, "rw_uri", json_stringn(c->rw.p, c->rw.n));
	if (c->ro.n > 0)
		(void)json_object_set_new(v, "ro_uri", json_stringn(c->ro.p, c->ro.n));
	return json_pack("[s o]",
		c->kind == MF_CAP_UNKNOWN        ? "unknown"
			: mf_cap_is_dir(c->kind) ? "dirnode"
						 : "filenode",
		v);
}

static void
list(struct ask *a)
{
	mf_str cap = mf_buf_str(&a->cap);
	mf_listing l = {0};
	mf_dirread ro;
	mf_dirwrite rw;
	bool unchanged;
	mf_code rc = mf_dirwrite_parse(cap, &rw, NULL);

	if (rc == MF_OK)
		rc = a->g->ops->list_rw(a->g, &rw, &l, NULL, NULL);
	else if ((rc = mf_dirread_parse(cap, &ro, NULL)) == MF_OK)
		rc = a->g->ops->list(a->g, &ro, NULL, &unchanged, &l, NULL, NULL);
	if (rc != MF_OK) {
		refuse(a, rc);
		return;
	}
	json_t *children = json_object();
	for (size_t i = 0; i < l.n; i++)
		(void)json_object_setn_new(children, l.child[i].name.p, l.child[i].name.n, child_json(&l.child[i]));
	json_t *top = json_pack("[s {s:o}]", "dirnode", "children", children);
	mf_buf text = {0};
	mf_json_py_indent(&text, top, 1);
	serve_answer(a->out, 200, "text/plain", mf_buf_str(&text));
	mf_buf_free(&text);
	json_decref(top);
	mf_listing_free(&l);
}

/* The links that a body in JSON asks for; they borrow from *top and *texts. */
static mf_link *
links_of(mf_str body, enum mf_link_how how, json_t **top, mf_buf **texts, size_t *n)
{
	mf_err err;

	*n = 0;
	if (mf_json_load(body, BODY_MAX, MF_JSON_NUL, top, &err) != MF_OK || !json_is_object(*top))
		return NULL;
	size_t all = json_object_size(*top);
	mf_link *link = mf_alloc((all + 1) * sizeof(*link));
	*texts = mf_alloc((all + 1) * sizeof(**texts));
	for (void *it = json_object_iter(*top); it != NULL; it = json_object_iter_next(*top, it)) {
		const json_t *what = json_array_get(json_object_iter_value(it), 1);
		const json_t *cap = json_object_get(what, "rw_uri");
		mf_buf *text = &(*texts)[*n];

		if (!json_is_string(cap))
			cap = json_object_get(what, "ro_uri");
		mf_json_py(text, json_object_get(what, "metadata"));
		link[(*n)++] = (mf_link){.name = {json_object_iter_key(it), json_object_iter_key_len(it)},
			.cap = json_is_string(cap) ? (mf_str){json_string_value(cap), json_string_length(cap)}
						   : (mf_str){0},
			.metadata = mf_buf_str(text),
			.how = how};
	}
	return link;
}

static void
set_children(struct ask *a, bool immutable)
{
	json_t *top = NULL;
	mf_buf *texts = NULL;
	size_t n;
	mf_immdir made;
	mf_dirwrite dir;
	mf_link *link =
		links_of(a->body, asks_for(a, "replace=false") ? MF_LINK_NEW : MF_LINK_REPLACE, &top, &texts, &n);
	mf_code rc = link == NULL ? MF_EINVAL : MF_OK;

	if (rc == MF_OK && immutable)
		rc = a->g->ops->put_dir(a->g, link, n, &made, NULL, NULL);
	else if (rc == MF_OK && (rc = mf_dirwrite_parse(mf_buf_str(&a->cap), &dir, NULL)) == MF_OK)
		rc = a->g->ops->update(a->g, &dir, link, n, NULL, NULL, NULL);
	answer_cap(a, rc, immutable ? made.text : "");
	for (size_t i = 0; i < n; i++)
		mf_buf_free(&texts[i]);
	free(texts);
	free(link);
	json_decref(top);
}

static void
change_one(struct ask *a, enum mf_link_how how)
{
	mf_link link = {.name = mf_buf_str(&a->name), .cap = how == MF_LINK_REMOVE ? (mf_str){0} : a->body, .how = how};
	mf_dirwrite dir;
	mf_code rc = mf_dirwrite_parse(mf_buf_str(&a->cap), &dir, NULL);

	if (rc == MF_OK)
		rc = a->g->ops->update(a->g, &dir, &link, 1, NULL, NULL, NULL);
	if (rc == MF_OK)
		serve_answer(a->out, 200, "text/html", a->body);
	else
		refuse(a, rc);
}

static mf_code
collect(void *arg, const void *p, size_t n, mf_err *err)
{
	(void)err;
	mf_buf_add(arg, p, n);
	return MF_OK;
}

static void
send_file(struct ask *a)
{
	unsigned long long from = 0, to = UINT64_MAX;
	mf_buf bytes = {0};
	mf_filecap cap;
	mf_code rc = mf_filecap_parse(mf_buf_str(&a->cap), &cap, NULL);
	const char *range = memmem(a->head.p, a->head.n, "Range: bytes=", 13);
	uint64_t size = rc == MF_OK ? mf_filecap_size(&cap) : 0;
	bool part = range != NULL && sscanf(range + 13, "%llu-%llu", &from, &to) == 2;

	if (rc == MF_OK)
		rc = a->g->ops->get(a->g, &cap, from, to - from + (part ? 1 : 0), collect, &bytes, NULL, NULL);
	if (rc != MF_OK) {
		refuse(a, rc);
	} else if (part) {
		mf_buf_addf(a->out,
			"HTTP/1.1 206 Partial Content\r\nContent-Type: text/plain\r\nAccept-Ranges: bytes\r\n"
			"Content-Range: bytes %llu-%llu/%llu\r\nContent-Length: %zu\r\n\r\n",
			from, from + bytes.n - 1, (unsigned long long)size, bytes.n);
		mf_buf_add(a->out, bytes.p, bytes.n);
	} else {
		serve_answer(a->out, 200, "text/plain", mf_buf_str(&bytes));
	}
	mf_buf_free(&bytes);
}

static void
welcome(struct ask *a, unsigned servers)
{
	mf_buf text = {0};

	mf_buf_addz(&text, "{\n \"introducers\": {\n  \"statuses\": []\n },\n \"servers\": [");
	for (unsigned i = 0; i < 5; i++)
		mf_buf_addf(&text, "%s\n  {\n   \"nodeid\": \"v0-%u\",\n   \"connection_status\": \"%s\"\n  }",
			i > 0 ? "," : "", i, i < servers ? "Connected to somebody" : "Connection refused");
	mf_buf_addz(&text, "\n ]\n}\n");
	serve_answer(a->out, 200, "application/json; charset=utf-8", mf_buf_str(&text));
	mf_buf_free(&text);
}

/* -- what is asked --------------------------------------------------------------------------------------------- */

static const char *
answer(struct ask *a, const stand_in_mood *mood)
{
	static const mf_source empty = {.mem = ""};
	mf_source src = a->body.n > 0 ? mf_source_mem(a->body.p, a->body.n) : empty;
	bool get = mf_str_eq(a->method, MF_STR("GET")), put = mf_str_eq(a->method, MF_STR("PUT"));
	bool post = mf_str_eq(a->method, MF_STR("POST"));
	mf_filecap file;
	mf_dirwrite dir;
	mf_code rc;

	if (get && a->cap.n == 0)
		return welcome(a, mood->servers), "GET status";
	if (put && a->cap.n == 0) {
		rc = a->g->ops->put(a->g, &src, &file, NULL, NULL);
		return answer_cap(a, rc, file.text), "PUT file";
	}
	if (post && asks_for(a, "t=mkdir-immutable"))
		return set_children(a, true), "POST mkdir-immutable";
	if (post && asks_for(a, "t=mkdir")) {
		rc = a->g->ops->mkdir(a->g, &dir, NULL, NULL);
		return answer_cap(a, rc, dir.text), "POST mkdir";
	}
	if (post && asks_for(a, "t=set_children"))
		return set_children(a, false), "POST set_children";
	if (post && asks_for(a, "t=check")) {
		mf_str cap = mf_buf_str(&a->cap);

		rc = a->g->ops->renew(a->g, &cap, 1, NULL, NULL);
		return answer_cap(a, rc, "{}"), "POST check";
	}
	if (put && asks_for(a, "t=uri"))
		return change_one(a, asks_for(a, "replace=false") ? MF_LINK_NEW : MF_LINK_REPLACE), "PUT link";
	if (mf_str_eq(a->method, MF_STR("DELETE")))
		return change_one(a, MF_LINK_REMOVE), "DELETE link";
	if (get && asks_for(a, "t=json"))
		return list(a), "GET list";
	if (get)
		return send_file(a), "GET file";
	return serve_text(a->out, 501, "not here"), "?";
}

/* The same answer, spoilt. */
static enum serve_then
spoil(mf_buf *out, enum stand_in_trouble trouble, mf_str target)
{
	switch (trouble) {
	case STAND_IN_HTML:
		serve_answer(out, 200, "text/html", MF_STR("<html><body><h1>Welcome to the hotel</h1></body></html>"));
		return SERVE_KEEP;
	case STAND_IN_ERROR:
		serve_answer(out, 500, "text/html",
			MF_STR("<!DOCTYPE html>\n<html><body>Traceback\nallmydata.interfaces.UploadUnhappinessError: "
			       "shares could be placed on only 0 server(s)</body></html>"));
		return SERVE_KEEP;
	case STAND_IN_REDIRECT:
		mf_buf_addf(out, "HTTP/1.1 302 Found\r\nLocation: %.*s\r\nContent-Length: 0\r\n\r\n", (int)target.n,
			target.p);
		return SERVE_KEEP;
	case STAND_IN_TYPES:
		serve_answer(out, 200, "application/json",
			MF_STR("[\"dirnode\", {\"children\": [1, 2], \"servers\": {\"connection_status\": 7}}]"));
		return SERVE_KEEP;
	case STAND_IN_ENDLESS:
		mf_buf_addz(out, "HTTP/1.1 200 OK\r\n\r\n");
		for (int i = 0; i < 20000; i++)
			mf_buf_addz(out, "and so on ");
		return SERVE_AGAIN;
	case STAND_IN_HALF:
		out->n -= out->n / 3; /* of the body as a rule, of the head if that is short */
		return SERVE_CLOSE;
	case STAND_IN_SILENT: return SERVE_SILENCE;
	case STAND_IN_GONE: return SERVE_CLOSE;
	case STAND_IN_WELL: break;
	}
	return SERVE_KEEP;
}

static enum serve_then
handle(void *arg, const serve_request *q, mf_buf *out)
{
	struct stand_in *s = arg;
	stand_in_mood mood = s->mood(s->arg);
	struct ask a = {
		.g = s->store, .query = q->target, .method = q->method, .head = q->head, .body = q->body, .out = out};
	mf_str path = cut(&a.query, '?');
	bool does_it = mood.trouble == STAND_IN_WELL || mood.trouble == STAND_IN_HALF;

	(void)cut(&path, '/');
	(void)cut(&path, '/'); /* "uri", or nothing */
	unescape(&a.cap, cut(&path, '/'));
	unescape(&a.name, path);
	if (mood.delay_ms > 0)
		(void)nanosleep(
			&(struct timespec){.tv_sec = mood.delay_ms / 1000, .tv_nsec = mood.delay_ms % 1000 * 1000000L},
			NULL);
	const char *what = does_it ? answer(&a, &mood) : "refused";
	if (s->told != NULL)
		s->told(s->arg, what);
	mf_buf_free(&a.cap);
	mf_buf_free(&a.name);
	return mood.trouble == STAND_IN_WELL ? SERVE_KEEP : spoil(out, mood.trouble, q->target);
}

void
stand_in_start(struct stand_in *s)
{
	s->server = serve_start(handle, s);
}

void
stand_in_stop(struct stand_in *s)
{
	serve_stop(s->server);
}
