/* HTTP requests: whatever bytes come over a connection, the server lives, limits hold, and every request that gets
 * through is answered. */
#include "daemon/api.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/served.h"

enum { TURNS = 200 };

/* Looks at all that a handler of ours looks at, and answers. */
static void
handle(void *arg, struct mf_http_req *req)
{
	const mf_http_reply_opts o = {.status = 200, .type = "text/plain"};
	mf_buf body = {0}, text = {0};
	mf_str path = mf_http_path(req), query = mf_http_query(req), sent = mf_http_body(req);
	size_t n;

	(void)arg;
	must(path.n + query.n <= MF_HTTP_MAX_HEADER && sent.n <= MF_HTTP_MAX_BODY);
	must(mf_http_method(req)[0] != '\0');
	mf_str field = mf_http_field(req, "authorization", &n);
	must(n <= MF_HTTP_MAX_FIELDS && field.n <= MF_HTTP_MAX_HEADER);
	if (mf_api_decode(path, false, &text))
		must(memchr(text.p != NULL ? text.p : (const uint8_t *)"", 0, text.n) == NULL);
	text.n = 0;
	(void)mf_api_query(req, "path", &text);
	json_decref(mf_json_parse(sent, NULL));
	mf_buf_adds(&body, path);
	mf_http_reply(req, &o, &body);
	mf_buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct served s;

	if (n > 65536)
		return 0;
	served_start(&s, "http", handle);
	served_talk(&s, p, n, true, TURNS);
	served_stop(&s);
	return 0;
}
