/* The handshake (RFC 6455, 4.2). */
#include "daemon/websocket_impl.h"

#include <sodium.h>
#include <stdio.h>
#include <strings.h>

#include "wormhole/ws.h"

enum { KEY_BYTES = 16 };

/* Is @p want among the comma-separated words of the field, whatever their case? */
static bool
has_word(mf_str field, const char *want)
{
	size_t n = strlen(want);

	while (field.n > 0) {
		const char *comma = memchr(field.p, ',', field.n);
		mf_str word = {field.p, comma != NULL ? (size_t)(comma - field.p) : field.n};

		field.p += word.n + (comma != NULL);
		field.n -= word.n + (comma != NULL);
		while (word.n > 0 && (*word.p == ' ' || *word.p == '\t')) {
			word.p++;
			word.n--;
		}
		while (word.n > 0 && (word.p[word.n - 1] == ' ' || word.p[word.n - 1] == '\t'))
			word.n--;
		if (word.n == n && strncasecmp(word.p, want, n) == 0)
			return true;
	}
	return false;
}

static bool
is_key(mf_str key)
{
	unsigned char bytes[KEY_BYTES];
	const char *end;
	size_t n;

	return sodium_base642bin(bytes, sizeof(bytes), key.p, key.n, NULL, &n, &end, sodium_base64_VARIANT_ORIGINAL) ==
		0 &&
		n == KEY_BYTES && end == key.p + key.n;
}

static void
refuse(struct mf_http_req *req, unsigned status, const char *reason, const char *extra)
{
	const mf_http_reply_opts o = {.status = status, .type = "application/json", .extra = extra};
	mf_buf body = {0};

	mf_buf_addf(&body, "{\"reason\": \"%s\"}", reason);
	mf_http_reply(req, &o, &body);
}

/* The key of a proper request; else it has its answer, and the key is empty. */
static mf_str
check(struct mf_http_req *req)
{
	const mf_str none = {"", 0};
	size_t upgrades, connections, versions, keys;
	mf_str upgrade = mf_http_field(req, "upgrade", &upgrades);
	mf_str connection = mf_http_field(req, "connection", &connections);
	mf_str version = mf_http_field(req, "sec-websocket-version", &versions);
	mf_str key = mf_http_field(req, "sec-websocket-key", &keys);

	if (strcmp(mf_http_method(req), "GET") != 0) {
		refuse(req, 405, "only GET begins a websocket", "Allow: GET\r\n");
		return none;
	}
	if (!has_word(upgrade, "websocket") || !has_word(connection, "upgrade")) {
		refuse(req, 426, "this is a websocket", "Upgrade: websocket\r\nConnection: Upgrade\r\n");
		return none;
	}
	if (versions != 1 || !(mf_str_eq(version, MF_STR("13")) || mf_str_eq(version, MF_STR("8")))) {
		refuse(req, 400, "this websocket speaks version 13", "Sec-WebSocket-Version: 13,8\r\n");
		return none;
	}
	if (keys != 1 || !is_key(key)) {
		refuse(req, 400, "Sec-WebSocket-Key is not 16 bytes of base64", NULL);
		return none;
	}
	return key;
}

struct mf_websocket *
mf_websocket_accept(struct mf_http_req *req, const mf_websocket_conf *conf, void *arg)
{
	char value[MF_WS_ACCEPT + 1], extra[160];
	mf_str key = check(req);

	if (key.n == 0)
		return NULL;
	mf_ws_accept(value, key);
	(void)snprintf(extra, sizeof(extra),
		"Upgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n", value);
	return mf_websocket_new(req, extra, conf, mf_http_loop(req), arg);
}
