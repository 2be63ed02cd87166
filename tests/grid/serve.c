/* A small HTTP server, a thread for each connection. */
#include <config.h> /* _GNU_SOURCE */

#include "tests/grid/serve.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, HEAD_MAX = 64 << 10, BODY_MAX = 256 << 20 };

struct serve {
	serve_handler *handler;
	void *arg;
	int fd;
	char url[64];
	atomic_bool over;
	pthread_t acceptor, thread[CONNECTIONS_MAX];
	atomic_uint n;
};

struct line {
	struct serve *s;
	int fd;
	unsigned number;
	mf_buf in, out;
};

/* More bytes from the other side; false: there are none, or the test is over. */
static bool
more(struct line *l)
{
	for (;;) {
		struct pollfd p = {.fd = l->fd, .events = POLLIN};
		char bytes[65536];

		if (atomic_load(&l->s->over))
			return false;
		if (poll(&p, 1, 20) == 0)
			continue;
		ssize_t n = recv(l->fd, bytes, sizeof(bytes), 0);
		if (n <= 0)
			return false;
		mf_buf_add(&l->in, bytes, (size_t)n);
		return true;
	}
}

static size_t
announced(mf_str head)
{
	static const char name[] = "content-length:";

	for (size_t i = 0; i + sizeof(name) < head.n; i++)
		if (strncasecmp(head.p + i, name, sizeof(name) - 1) == 0)
			return (size_t)strtoull(head.p + i + sizeof(name) - 1, NULL, 10);
	return 0;
}

/* A whole request lies at the front of l->in; *used says how long it is. */
static bool
request(struct line *l, serve_request *q, size_t *used)
{
	const char *end;

	while (l->in.n == 0 || (end = memmem(l->in.p, l->in.n, "\r\n\r\n", 4)) == NULL)
		if (l->in.n > HEAD_MAX || !more(l))
			return false;
	size_t head = (size_t)(end - (const char *)l->in.p) + 4;
	size_t body = announced((mf_str){(const char *)l->in.p, head});
	if (body > BODY_MAX)
		return false;
	mf_buf_reserve(&l->in, head + body - (head < l->in.n ? head : l->in.n));
	while (l->in.n < head + body)
		if (!more(l))
			return false;
	const char *p = (const char *)l->in.p, *sp = memchr(p, ' ', head);
	const char *to = sp != NULL ? memchr(sp + 1, ' ', head - (size_t)(sp + 1 - p)) : NULL;
	const char *nl = memchr(p, '\n', head);
	if (to == NULL || nl < to)
		return false;
	*q = (serve_request){.method = {p, (size_t)(sp - p)},
		.target = {sp + 1, (size_t)(to - sp - 1)},
		.head = {nl + 1, head - (size_t)(nl + 1 - p)},
		.body = {p + head, body},
		.connection = l->number};
	*used = head + body;
	return true;
}

static bool
send_all(struct line *l)
{
	size_t done = 0;

	while (done < l->out.n) {
		struct pollfd p = {.fd = l->fd, .events = POLLOUT};

		if (atomic_load(&l->s->over))
			return false;
		if (poll(&p, 1, 20) == 0)
			continue;
		ssize_t n = send(l->fd, l->out.p + done, l->out.n - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static void *
connection(void *arg)
{
	struct line *l = arg;
	serve_request q;
	size_t used;
	enum serve_then then = SERVE_KEEP;

	while (then == SERVE_KEEP && request(l, &q, &used)) {
		l->out.n = 0;
		then = l->s->handler(l->s->arg, &q, &l->out);
		if (!send_all(l))
			break;
		while (then == SERVE_AGAIN && send_all(l))
			;
		while (then == SERVE_SILENCE && more(l))
			;
		l->in.n -= used;
		memmove(l->in.p, l->in.p + used, l->in.n);
	}
	(void)close(l->fd);
	mf_buf_free(&l->in);
	mf_buf_free(&l->out);
	free(l);
	return NULL;
}

static void *
accept_all(void *arg)
{
	struct serve *s = arg;

	while (!atomic_load(&s->over)) {
		struct pollfd p = {.fd = s->fd, .events = POLLIN};

		if (poll(&p, 1, 20) <= 0)
			continue;
		int fd = accept(s->fd, NULL, NULL);
		unsigned n = atomic_load(&s->n);
		if (fd < 0)
			continue;
		if (n == CONNECTIONS_MAX) {
			(void)close(fd);
			continue;
		}
		struct line *l = mf_alloc(sizeof(*l));
		*l = (struct line){.s = s, .fd = fd, .number = n + 1};
		if (pthread_create(&s->thread[n], NULL, connection, l) != 0)
			abort();
		atomic_store(&s->n, n + 1);
	}
	return NULL;
}

struct serve *
serve_start(serve_handler *handler, void *arg)
{
	struct serve *s = mf_alloc(sizeof(*s));
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(a);

	s->handler = handler;
	s->arg = arg;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&a, n) != 0 || listen(s->fd, 64) != 0 ||
		getsockname(s->fd, (struct sockaddr *)&a, &n) != 0 ||
		pthread_create(&s->acceptor, NULL, accept_all, s) != 0) {
		perror("test server");
		abort();
	}
	(void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", ntohs(a.sin_port));
	return s;
}

void
serve_stop(struct serve *s)
{
	atomic_store(&s->over, true);
	(void)pthread_join(s->acceptor, NULL);
	for (unsigned i = 0; i < s->n; i++)
		(void)pthread_join(s->thread[i], NULL);
	(void)close(s->fd);
	free(s);
}

const char *
serve_url(const struct serve *s)
{
	return s->url;
}

unsigned
serve_connections(struct serve *s)
{
	return atomic_load(&s->n);
}

void
serve_answer(mf_buf *out, int status, const char *type, mf_str body)
{
	mf_buf_addf(
		out, "HTTP/1.1 %d Whatever\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", status, type, body.n);
	mf_buf_adds(out, body);
}

void
serve_text(mf_buf *out, int status, const char *body)
{
	serve_answer(out, status, "text/plain", mf_strz(body));
}
