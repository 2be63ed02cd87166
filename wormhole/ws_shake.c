/* The websocket's handshake: one HTTP request, one answer. */
#include <strings.h>

#include <openssl/evp.h>
#include <sodium.h>

#include "config.h"
#include "wormhole/ws.h"

void
mf_ws_make_key(char key[MF_WS_KEY + 1])
{
	uint8_t raw[16];

	randombytes_buf(raw, sizeof(raw));
	(void)sodium_bin2base64(key, MF_WS_KEY + 1, raw, sizeof(raw), sodium_base64_VARIANT_ORIGINAL);
}

void
mf_ws_accept(char out[MF_WS_ACCEPT + 1], mf_str key)
{
	mf_buf text = {0};
	uint8_t sha1[20];

	mf_buf_adds(&text, key);
	mf_buf_addz(&text, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	if (EVP_Digest(text.p, text.n, sha1, NULL, EVP_sha1(), NULL) != 1)
		MF_BUG("SHA-1 failed");
	(void)sodium_bin2base64(out, MF_WS_ACCEPT + 1, sha1, sizeof(sha1), sodium_base64_VARIANT_ORIGINAL);
	mf_buf_free(&text);
}

void
mf_ws_request(mf_buf *out, mf_str host, mf_str path, const char key[MF_WS_KEY + 1])
{
	mf_buf_addz(out, "GET ");
	mf_buf_adds(out, path);
	mf_buf_addz(out, " HTTP/1.1\r\nHost: ");
	mf_buf_adds(out, host);
	mf_buf_addf(out,
		"\r\nUser-Agent: magic-folder/%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
		PACKAGE_VERSION, key);
}

/* The next line without its end; false when there is no whole one. */
static bool
next_line(mf_str *rest, mf_str *line)
{
	const char *nl = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;

	if (nl == NULL)
		return false;
	*line = (mf_str){rest->p, (size_t)(nl - rest->p)};
	rest->n -= line->n + 1;
	rest->p = nl + 1;
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

static mf_str
trim(mf_str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool
same(mf_str s, const char *z)
{
	return s.n == strlen(z) && strncasecmp(s.p, z, s.n) == 0;
}

/* One of a comma-separated list. */
static bool
listed(mf_str list, const char *z)
{
	while (list.n > 0) {
		const char *comma = memchr(list.p, ',', list.n);
		size_t n = comma != NULL ? (size_t)(comma - list.p) : list.n;

		if (same(trim((mf_str){list.p, n}), z))
			return true;
		n += comma != NULL;
		list.p += n;
		list.n -= n;
	}
	return false;
}

mf_code
mf_ws_response(mf_str head, const char key[MF_WS_KEY + 1], size_t *used, mf_err *err)
{
	mf_str rest = head, line, status = {0};
	char want[MF_WS_ACCEPT + 1];
	bool upgrade = false, connection = false, accept = false, extra = false;

	mf_ws_accept(want, mf_strz(key));
	for (size_t n = 0; next_line(&rest, &line); n++) {
		const char *colon = line.n > 0 ? memchr(line.p, ':', line.n) : NULL;
		mf_str name = {line.p, colon != NULL ? (size_t)(colon - line.p) : line.n}, value = {0};

		if (n == 0) {
			status = line;
			if (!mf_str_starts(line, MF_STR("HTTP/1.1 ")) || line.n < 12)
				return mf_fail(err, MF_ENET, 0, "the server does not speak HTTP");
			if (memcmp(line.p + 9, "101", 3) != 0)
				return mf_fail(err, MF_ENET, 0, "the server refuses a websocket (HTTP status %.3s)",
					status.p + 9);
			continue;
		}
		if (line.n == 0) {
			if (!upgrade || !connection || !accept || extra)
				return mf_fail(err, MF_ENET, 0, "the server does not accept a websocket as it should");
			*used = (size_t)(rest.p - head.p);
			return MF_OK;
		}
		if (colon != NULL)
			value = trim((mf_str){colon + 1, line.n - name.n - 1});
		upgrade |= same(name, "upgrade") && same(value, "websocket");
		connection |= same(name, "connection") && listed(value, "upgrade");
		accept |= same(name, "sec-websocket-accept") && mf_str_eq(value, mf_strz(want));
		extra |= same(name, "sec-websocket-extensions") || same(name, "sec-websocket-protocol");
	}
	return head.n > MF_WS_HEAD_MAX ? mf_fail(err, MF_ENET, 0, "the server's answer is too long") : MF_EBUSY;
}
