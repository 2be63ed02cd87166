/* Routes, the token, answers. */
#include "daemon/api.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/unicode.h"

enum { MAX_SEGMENTS = 8 };

typedef struct route {
	const char *method;
	const char *path; /* '*' stands for the folder's name */
	mf_api_fn *run;
} route;

static mf_api_fn about, websocket_only;

static const route routes[] = {
	{"GET", "v1/magic-folder", mf_api_list},
	{"POST", "v1/magic-folder", mf_api_add},
	{"DELETE", "v1/magic-folder/*", mf_api_leave},
	{"GET", "v1/magic-folder/*/participants", mf_api_participants},
	{"POST", "v1/magic-folder/*/participants", mf_api_add_participant},
	{"PUT", "v1/magic-folder/*/scan-local", mf_api_scan},
	{"PUT", "v1/magic-folder/*/poll-remote", mf_api_poll},
	{"GET", "v1/magic-folder/*/file-status", mf_api_file_status},
	{"GET", "v1/magic-folder/*/conflicts", mf_api_conflicts},
	{"GET", "v1/magic-folder/*/confirm-deletes", mf_api_deletes},
	{"POST", "v1/magic-folder/*/confirm-deletes", mf_api_deletes_answer},
	{"POST", "v1/magic-folder/*/resolve-conflict", mf_api_resolve},
	{"GET", "v1/magic-folder/*/keys", mf_api_keys},
	{"POST", "v1/magic-folder/*/trust", mf_api_trust},
	{"GET", "v1/magic-folder/*/settings", mf_api_settings},
	{"PUT", "v1/magic-folder/*/settings", mf_api_set},
	{"GET", "v1/status", websocket_only},
	{"GET", "v1/status-summary", mf_api_status_summary},
	{"GET", "experimental/about", about},
};

/* -- answers ------------------------------------------------------------------------------------------- */

void
mf_api_text(struct mf_http_req *req, unsigned status, mf_buf *json)
{
	mf_http_reply_opts o = {.status = status, .type = "application/json"};

	mf_http_reply(req, &o, json);
}

void
mf_api_json(struct mf_http_req *req, unsigned status, json_t *value)
{
	mf_buf text = {0};

	mf_json_py(&text, value);
	json_decref(value);
	mf_api_text(req, status, &text);
}

static void
add_reason(mf_buf *json, mf_str reason)
{
	mf_buf_addz(json, "{\"reason\": ");
	mf_json_add_string(json, reason);
	mf_buf_addc(json, '}');
}

void
mf_api_error(struct mf_http_req *req, unsigned status, const char *fmt, ...)
{
	mf_buf json = {0}, reason = {0};
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	mf_buf_reserve(&reason, (size_t)n + 1);
	va_start(ap, fmt);
	(void)vsnprintf((char *)reason.p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	add_reason(&json, (mf_str){(const char *)reason.p, (size_t)n});
	mf_buf_free(&reason);
	mf_api_text(req, status, &json);
}

void
mf_api_fail(struct mf_http_req *req, const mf_err *err)
{
	switch (err->code) {
	case MF_ECANCELED: mf_api_error(req, 410, "cancelled"); break;
	case MF_EINVAL: mf_api_error(req, 400, "%s", err->text); break;
	default: mf_api_error(req, 500, "%s", err->text);
	}
}

/* -- pieces of requests -------------------------------------------------------------------------------- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
mf_api_decode(mf_str s, bool form, mf_buf *out)
{
	size_t start = out->n;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '%') {
			int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
			int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		} else if (form && c == '+') {
			c = ' ';
		}
		if (c == '\0')
			return false;
		mf_buf_addc(out, c);
	}
	return mf_utf8_valid((mf_str){(const char *)out->p + start, out->n - start});
}

bool
mf_api_query(const struct mf_http_req *req, const char *key, mf_buf *out)
{
	mf_str rest = mf_http_query(req);

	while (rest.n > 0) {
		const char *end = memchr(rest.p, '&', rest.n);
		mf_str pair = {rest.p, end != NULL ? (size_t)(end - rest.p) : rest.n};
		const char *eq = pair.n > 0 ? memchr(pair.p, '=', pair.n) : NULL;
		mf_str name = {pair.p, eq != NULL ? (size_t)(eq - pair.p) : pair.n};

		rest.p += pair.n + (end != NULL ? 1 : 0);
		rest.n -= pair.n + (end != NULL ? 1 : 0);
		if (!mf_str_eq(name, mf_strz(key)))
			continue;
		return eq == NULL || mf_api_decode((mf_str){eq + 1, pair.n - name.n - 1}, true, out);
	}
	return false;
}

mf_app_folder *
mf_api_folder(mf_api *api, struct mf_http_req *req, mf_str name)
{
	mf_app_folder *f = mf_app_folder_find(api->app, name);

	if (f == NULL)
		mf_api_error(req, 404, "No such magic-folder '%.*s'", (int)name.n, name.p);
	return f;
}

struct mf_folder *
mf_api_open_folder(mf_api *api, struct mf_http_req *req, mf_str name)
{
	mf_app_folder *f = mf_api_folder(api, req, name);

	if (f != NULL && f->folder == NULL) {
		mf_api_error(req, 500, "The folder is not running: %s", f->why.text);
		return NULL;
	}
	return f != NULL ? f->folder : NULL;
}

json_t *
mf_api_object(struct mf_http_req *req)
{
	mf_err err;
	json_t *v = mf_json_parse(mf_http_body(req), &err);

	if (v == NULL) {
		mf_api_error(req, 400, "Could not load JSON: %s", err.text);
		return NULL;
	}
	if (!json_is_object(v)) {
		json_decref(v);
		mf_api_error(req, 400, "The body must be a JSON object");
		return NULL;
	}
	return v;
}

/* -- routes -------------------------------------------------------------------------------------------- */

static void
about(mf_api *api, struct mf_http_req *req, mf_str name)
{
	mf_http_reply_opts o = {.status = 200, .type = "text/html"};
	mf_buf text = {0};

	(void)api;
	(void)name;
	mf_buf_addz(&text, "All API methods in this tree may change with any version");
	mf_http_reply(req, &o, &text);
}

static void
websocket_only(mf_api *api, struct mf_http_req *req, mf_str name)
{
	mf_http_reply_opts o = {.status = 426, .type = "application/json", .extra = "Upgrade: websocket\r\n"};
	mf_buf json = {0};

	(void)api;
	(void)name;
	add_reason(&json,
		MF_STR("The status stream is a WebSocket, which this version does not offer yet;"
		       " see /v1/status-summary."));
	mf_http_reply(req, &o, &json);
}

/* Every path below these two is protected, known or not. */
static bool
is_protected(mf_str first)
{
	return mf_str_eq(first, MF_STR("v1")) || mf_str_eq(first, MF_STR("experimental"));
}

static bool
authorized(const mf_api *api, const struct mf_http_req *req)
{
	char want[sizeof("Bearer ") + MF_TOKEN_LEN];
	size_t n;
	mf_str given = mf_http_field(req, "authorization", &n);
	bool ok;

	(void)snprintf(want, sizeof(want), "Bearer %s", api->token);
	/* the length is no secret */
	ok = n == 1 && given.n == strlen(want) && sodium_memcmp(given.p, want, given.n) == 0;
	sodium_memzero(want, sizeof(want));
	return ok;
}

typedef struct segments {
	mf_buf text; /* decoded segments, one after another */
	size_t at[MAX_SEGMENTS + 1];
	size_t n;
	bool bad; /* too many, broken escapes, or a slash at the end */
} segments;

static mf_str
segment(const segments *s, size_t i)
{
	return (mf_str){(const char *)s->text.p + s->at[i], s->at[i + 1] - s->at[i]};
}

/* Split on '/' first, then decode; any number of slashes counts as one, but not at the end. */
static void
split(mf_str path, segments *out)
{
	memset(out, 0, sizeof(*out));
	while (path.n > 0) {
		const char *slash = memchr(path.p, '/', path.n);
		size_t n = slash != NULL ? (size_t)(slash - path.p) : path.n;
		if (n > 0 && out->n == MAX_SEGMENTS) {
			out->bad = true;
			return;
		}
		if (n > 0) {
			out->bad = !mf_api_decode((mf_str){path.p, n}, false, &out->text) || out->bad;
			out->at[++out->n] = out->text.n;
		}
		path.p += n;
		path.n -= n;
		if (path.n == 1)
			out->bad = true;
		if (path.n > 0) {
			path.p++;
			path.n--;
		}
	}
}

/* Does the pattern fit?  *name is what '*' stood for. */
static bool
fits(const char *pattern, const segments *s, mf_str *name)
{
	size_t i = 0;

	if (s->bad)
		return false;
	for (;; i++) {
		size_t n = strcspn(pattern, "/");
		if (i >= s->n)
			return false;
		if (n == 1 && pattern[0] == '*')
			*name = segment(s, i);
		else if (!mf_str_eq(segment(s, i), (mf_str){pattern, n}))
			return false;
		if (pattern[n] == '\0')
			return i + 1 == s->n;
		pattern += n + 1;
	}
}

static void
no_method(struct mf_http_req *req, const segments *s)
{
	mf_buf allow = {0}, json = {0};
	mf_http_reply_opts o = {.status = 405, .type = "application/json"};
	mf_str name;

	mf_buf_addz(&allow, "Allow: ");
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		if (fits(routes[i].path, s, &name))
			mf_buf_addf(&allow, "%s%s%s", allow.n > 7 ? ", " : "", routes[i].method,
				strcmp(routes[i].method, "GET") == 0 ? ", HEAD" : "");
	mf_buf_addz(&allow, "\r\n");
	add_reason(&json, MF_STR("The method is not allowed for the requested URL."));
	o.extra = (const char *)allow.p;
	mf_http_reply(req, &o, &json);
	mf_buf_free(&allow);
}

static void
dispatch(mf_api *api, struct mf_http_req *req, const segments *s)
{
	const char *method = mf_http_method(req);
	mf_str name = {"", 0};
	bool found = false;

	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		if (!fits(routes[i].path, s, &name))
			continue;
		found = true;
		if (strcmp(routes[i].method, method) == 0) {
			routes[i].run(api, req, name);
			return;
		}
	}
	if (found)
		no_method(req, s);
	else
		mf_api_error(req, 404,
			"The requested URL was not found on the server. If you entered the URL manually"
			" please check your spelling and try again.");
}

void
mf_api_handle(void *arg, struct mf_http_req *req)
{
	mf_api *api = arg;
	mf_buf none = {0};
	segments s;

	split(mf_http_path(req), &s);
	if (s.n == 0 || !is_protected(segment(&s, 0))) {
		mf_http_reply_opts o = {.status = 404, .type = "text/html"};
		mf_buf_addz(&none, "<html><body><h1>No such resource</h1></body></html>\n");
		mf_http_reply(req, &o, &none);
	} else if (!authorized(api, req)) {
		mf_http_reply(req, &(mf_http_reply_opts){.status = 401}, &none);
	} else {
		dispatch(api, req, &s);
	}
	mf_buf_free(&s.text);
}
