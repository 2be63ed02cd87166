/* Endpoint strings. */
#include "daemon/endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_ARGS = 8, ARG_MAX = 256 };

typedef struct arg {
	char key[32]; /* "" = positional */
	char value[ARG_MAX];
} arg;

typedef struct parts {
	char kind[ARG_MAX];
	arg args[MAX_ARGS];
	size_t n;
} parts;

/* One token: up to an unquoted ':'; the first unquoted '=' ends the key.  False when it is too long. */
static bool
token(mf_str *s, arg *out)
{
	char text[ARG_MAX];
	size_t n = 0;
	bool keyed = false;

	out->key[0] = '\0';
	while (s->n > 0 && *s->p != ':') {
		char c = *s->p++;
		s->n--;
		if (c == '=' && !keyed) {
			if (n >= sizeof(out->key))
				return false;
			memcpy(out->key, text, n);
			out->key[n] = '\0';
			keyed = true;
			n = 0;
			continue;
		}
		if (c == '\\' && s->n > 0) {
			c = *s->p++;
			s->n--;
		}
		if (c == '\0' || n + 1 >= sizeof(text))
			return false;
		text[n++] = c;
	}
	memcpy(out->value, text, n);
	out->value[n] = '\0';
	return true;
}

static mf_code
split(mf_str text, parts *out, mf_err *err)
{
	arg kind;

	memset(out, 0, sizeof(*out));
	if (!token(&text, &kind) || kind.key[0] != '\0')
		return mf_fail(err, MF_EINVAL, 0, "the endpoint string does not begin with a kind like tcp or unix");
	memcpy(out->kind, kind.value, sizeof(out->kind));
	while (text.n > 0) {
		text.p++; /* the colon */
		text.n--;
		if (out->n == MAX_ARGS || !token(&text, &out->args[out->n]))
			return mf_fail(err, MF_EINVAL, 0, "the endpoint string is too long");
		out->n++;
	}
	return MF_OK;
}

static bool
parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long v;

	if (*text < '0' || *text > '9')
		return false;
	v = strtoul(text, &end, 10);
	*port = (uint16_t)v;
	return *end == '\0' && v <= 65535;
}

/* The positional argument number @p at, or the one called @p key; NULL if there is none. */
static const char *
find(const parts *p, size_t at, const char *key)
{
	size_t position = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (p->args[i].key[0] != '\0') {
			if (strcmp(p->args[i].key, key) == 0)
				return p->args[i].value;
		} else if (position++ == at) {
			return p->args[i].value;
		}
	}
	return NULL;
}

static mf_code
only_keys(const parts *p, const char *const keys[], size_t positional, mf_err *err)
{
	size_t position = 0;

	for (size_t i = 0; i < p->n; i++) {
		const char *key = p->args[i].key;
		bool known = key[0] == '\0' && position++ < positional;
		for (size_t k = 0; key[0] != '\0' && keys[k] != NULL; k++)
			known = known || strcmp(keys[k], key) == 0;
		if (!known)
			return mf_fail(err, MF_EINVAL, 0, "an endpoint of type '%.20s' has no argument '%.60s'",
				p->kind, key[0] != '\0' ? key : p->args[i].value);
	}
	return MF_OK;
}

static mf_code
set_path(const parts *p, mf_endpoint *out, mf_err *err)
{
	const char *path = find(p, 0, "address");

	if (path == NULL)
		path = find(p, 0, "path");
	if (path == NULL || path[0] == '\0')
		return mf_fail(err, MF_EINVAL, 0, "a unix endpoint needs a path: unix:/some/where");
	if (strlen(path) >= sizeof(out->path))
		return mf_fail(
			err, MF_EINVAL, 0, "a unix socket's path has at most %d characters", MF_ENDPOINT_PATH_MAX - 1);
	memcpy(out->path, path, strlen(path) + 1);
	out->kind = MF_ENDPOINT_UNIX;
	return MF_OK;
}

static mf_code
server_tcp(const parts *p, mf_endpoint *out, mf_err *err)
{
	static const char *const keys[] = {"port", "interface", "backlog", NULL};
	const char *port = find(p, 0, "port"), *host = find(p, SIZE_MAX, "interface");
	unsigned char ip[16];

	if (only_keys(p, keys, 1, err) != MF_OK)
		return MF_EINVAL;
	if (port == NULL || !parse_port(port, &out->port))
		return mf_fail(
			err, MF_EINVAL, 0, "'%.60s' is not a port number (0 to 65535)", port != NULL ? port : "");
	out->kind = strcmp(p->kind, "tcp6") == 0 ? MF_ENDPOINT_TCP6 : MF_ENDPOINT_TCP;
	if (host != NULL && host[0] != '\0') {
		if (strchr(host, ':') != NULL)
			out->kind = MF_ENDPOINT_TCP6;
		if (inet_pton(out->kind == MF_ENDPOINT_TCP6 ? AF_INET6 : AF_INET, host, ip) != 1)
			return mf_fail(err, MF_EINVAL, 0, "'%.60s' is not an IP address to listen on", host);
		memcpy(out->host, host, strlen(host) + 1);
	}
	return MF_OK;
}

static mf_code
server_unix(const parts *p, mf_endpoint *out, mf_err *err)
{
	static const char *const keys[] = {"address", "path", "mode", "backlog", "lockfile", NULL};
	const char *mode = find(p, SIZE_MAX, "mode");
	char *end;

	if (only_keys(p, keys, 1, err) != MF_OK || set_path(p, out, err) != MF_OK)
		return MF_EINVAL;
	out->mode = 0600;
	if (mode != NULL) {
		unsigned long v = strtoul(mode, &end, 8);
		if (*mode < '0' || *mode > '7' || *end != '\0' || v > 0777)
			return mf_fail(err, MF_EINVAL, 0, "'%.20s' is not an octal mode for a socket", mode);
		out->mode = (unsigned)v;
	}
	return MF_OK;
}

mf_code
mf_endpoint_server(mf_str text, mf_endpoint *out, mf_err *err)
{
	parts p;

	memset(out, 0, sizeof(*out));
	if (split(text, &p, err) != MF_OK)
		return MF_EINVAL;
	if (strcmp(p.kind, "tcp") == 0 || strcmp(p.kind, "tcp6") == 0)
		return server_tcp(&p, out, err);
	if (strcmp(p.kind, "unix") == 0)
		return server_unix(&p, out, err);
	return mf_fail(
		err, MF_EINVAL, 0, "cannot listen on an endpoint of type '%.60s'; use tcp:PORT or unix:PATH", p.kind);
}

mf_code
mf_endpoint_client(mf_str text, mf_endpoint *out, mf_err *err)
{
	parts p;
	const char *host, *port;

	memset(out, 0, sizeof(*out));
	if (split(text, &p, err) != MF_OK)
		return MF_EINVAL;
	if (strcmp(p.kind, "unix") == 0)
		return set_path(&p, out, err);
	if (strcmp(p.kind, "tcp") != 0)
		return mf_fail(err, MF_EINVAL, 0, "cannot connect to an endpoint of type '%.60s'", p.kind);
	host = find(&p, 0, "host");
	port = find(&p, 1, "port");
	if (host == NULL || host[0] == '\0' || port == NULL || !parse_port(port, &out->port) || out->port == 0)
		return mf_fail(err, MF_EINVAL, 0, "a client endpoint looks like tcp:HOST:PORT or unix:PATH");
	memcpy(out->host, host, strlen(host) + 1);
	out->kind = strchr(host, ':') != NULL ? MF_ENDPOINT_TCP6 : MF_ENDPOINT_TCP;
	return MF_OK;
}

mf_code
mf_endpoint_derive(mf_str server, char out[MF_ENDPOINT_TEXT_MAX], mf_err *err)
{
	parts p;
	mf_endpoint ep;
	bool positional;

	out[0] = '\0';
	if (split(server, &p, err) != MF_OK)
		return MF_EINVAL;
	positional = p.n > 0 && p.args[0].key[0] == '\0';
	if (!positional || (strcmp(p.kind, "tcp") != 0 && strcmp(p.kind, "unix") != 0))
		return mf_fail(err, MF_EINVAL, 0, "Cannot covert server endpoint of type '%.60s' to client", p.kind);
	if (mf_endpoint_server(server, &ep, err) != MF_OK)
		return MF_EINVAL;
	if (ep.kind == MF_ENDPOINT_UNIX || ep.port != 0) {
		mf_buf b = {0};
		if (ep.kind != MF_ENDPOINT_UNIX && ep.host[0] == '\0')
			memcpy(ep.host, "127.0.0.1", sizeof("127.0.0.1"));
		mf_endpoint_print(&ep, &b);
		(void)snprintf(out, MF_ENDPOINT_TEXT_MAX, "%.*s", (int)b.n, (const char *)b.p);
		mf_buf_free(&b);
	}
	return MF_OK;
}

static void
add_quoted(mf_buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == ':' || *s == '=' || *s == '\\')
			mf_buf_addc(out, '\\');
		mf_buf_addc(out, *s);
	}
}

void
mf_endpoint_print(const mf_endpoint *ep, mf_buf *out)
{
	mf_buf_addz(out, ep->kind == MF_ENDPOINT_UNIX ? "unix:" : "tcp:");
	add_quoted(out, ep->kind == MF_ENDPOINT_UNIX ? ep->path : ep->host);
	if (ep->kind != MF_ENDPOINT_UNIX)
		mf_buf_addf(out, ":%u", (unsigned)ep->port);
}
