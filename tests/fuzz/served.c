#include "tests/fuzz/served.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
must(bool good)
{
	if (!good)
		abort();
}

void
served_start(struct served *s, const char *name, void (*handler)(void *arg, struct mf_http_req *req))
{
	mf_endpoint where = {.kind = MF_ENDPOINT_UNIX, .mode = 0600}, bound;
	const mf_http_conf conf = {.handler = handler};
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	(void)signal(SIGPIPE, SIG_IGN);
	must(uv_loop_init(&s->loop) == 0);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	(void)snprintf(where.path, sizeof(where.path), "/tmp/mf-fuzz-%s-%ld", name, (long)getpid());
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", where.path);
	must(mf_http_listen(&s->loop, &where, &conf, &s->http, &bound, NULL) == MF_OK);
	must(s->fd >= 0 && connect(s->fd, (struct sockaddr *)&at, sizeof(at)) == 0);
}

void
served_talk(struct served *s, const uint8_t *p, size_t n, bool shut, int turns)
{
	size_t first = n > 0 ? p[n - 1] % (n + 1) : 0;
	char waste[4096];

	for (int turn = 0; turn < turns; turn++) {
		size_t at = turn == 0 ? 0 : first, len = turn == 0 ? first : n - first;
		if (turn < 2 && len > 0)
			(void)send(s->fd, p + at, len, MSG_NOSIGNAL);
		if (turn == 2 && shut)
			(void)shutdown(s->fd, SHUT_WR);
		if (uv_run(&s->loop, UV_RUN_NOWAIT) == 0)
			break;
		ssize_t got = recv(s->fd, waste, sizeof(waste), 0);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
	}
}

static void
closed(void *arg)
{
	*(bool *)arg = true;
}

void
served_stop(struct served *s)
{
	bool done = false;

	mf_http_close(s->http, closed, &done);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	must(done && uv_loop_close(&s->loop) == 0);
	(void)close(s->fd);
}
