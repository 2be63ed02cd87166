/* A small blocking HTTP client. */
#include "daemon/client.h"

#include <errno.h>
#include <http_parser.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_ANSWER = 1 << 30 };

typedef struct answer {
	mf_buf *body;
	unsigned status;
	bool complete, too_long;
} answer;

static int
on_body(http_parser *p, const char *at, size_t n)
{
	answer *a = p->data;

	a->too_long = a->body->n + n > MAX_ANSWER;
	if (a->too_long)
		return 1;
	mf_buf_add(a->body, at, n);
	return 0;
}

static int
on_complete(http_parser *p)
{
	answer *a = p->data;

	a->status = p->status_code;
	a->complete = p->status_code >= 200; /* 100 Continue is followed by the real one */
	http_parser_pause(p, a->complete);
	return 0;
}

static int
connect_unix(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static int
connect_tcp(const mf_endpoint *where)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	char port[8];
	int fd = -1;

	(void)snprintf(port, sizeof(port), "%u", (unsigned)where->port);
	if (getaddrinfo(where->host, port, &hints, &list) != 0)
		return -1;
	for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			(void)close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

static bool
send_all(int fd, mf_str s)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s.p += n;
		s.n -= (size_t)n;
	}
	return true;
}

static mf_code
receive(int fd, answer *a, mf_err *err)
{
	const http_parser_settings callbacks = {.on_body = on_body, .on_message_complete = on_complete};
	http_parser parser;
	char chunk[65536];

	http_parser_init(&parser, HTTP_RESPONSE);
	parser.data = a;
	while (!a->complete) {
		ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mf_fail(err, MF_ENET, errno, "the daemon's answer was cut off: %s", strerror(errno));
		(void)http_parser_execute(&parser, &callbacks, chunk, (size_t)n); /* n = 0 tells it of the end */
		if (a->too_long)
			return mf_fail(err, MF_EFORMAT, 0, "the daemon's answer is too long");
		if (!a->complete && HTTP_PARSER_ERRNO(&parser) != HPE_OK)
			return mf_fail(
				err, n == 0 ? MF_ENET : MF_EFORMAT, 0, "the daemon's answer cannot be understood");
		if (n == 0 && !a->complete)
			return mf_fail(err, MF_ENET, 0, "the daemon ended before it answered");
	}
	return MF_OK;
}

mf_code
mf_client_ask(const mf_endpoint *where, const mf_client_request *what, unsigned *status, mf_buf *body, mf_err *err)
{
	answer a = {.body = body};
	mf_buf head = {0};
	mf_code rc;
	bool sent;
	int fd = where->kind == MF_ENDPOINT_UNIX ? connect_unix(where->path) : connect_tcp(where);

	if (fd < 0)
		return mf_fail(err, MF_ENET, errno, "cannot connect: %s", strerror(errno));
	mf_buf_addf(&head,
		"%s %s HTTP/1.1\r\nHost: invalid.\r\nAuthorization: Bearer %s\r\nConnection: close\r\n"
		"Content-Length: %zu\r\n\r\n",
		what->method, what->path, what->token, what->body.n);
	sent = send_all(fd, mf_buf_str(&head)) && send_all(fd, what->body);
	mf_buf_wipe_free(&head);
	/* a refusal may have come before all was sent */
	rc = receive(fd, &a, err);
	if (rc != MF_OK && !sent)
		rc = mf_fail(err, MF_ENET, 0, "the daemon closed the connection");
	*status = a.status;
	(void)close(fd);
	return rc;
}

void
mf_url_add(mf_buf *out, mf_str s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '\0' && strchr(plain, s.p[i]) != NULL)
			mf_buf_addc(out, s.p[i]);
		else
			mf_buf_addf(out, "%%%02X", (unsigned char)s.p[i]);
	}
}
