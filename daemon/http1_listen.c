/* Where the server listens. */
#include "daemon/http1_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 128,
	IDLE_MS = 300000, /* GridSync keeps connections for 240 s and does not repeat a PUT */
	REQUEST_MS = 60000,
	STRANGER_MS = 10000,
};

static int
bind_tcp(struct mf_http *h, const mf_endpoint *where, mf_endpoint *bound)
{
	bool six = where->kind == MF_ENDPOINT_TCP6;
	const char *host = where->host[0] != '\0' ? where->host : six ? "::" : "0.0.0.0";
	struct sockaddr_storage at;
	int len = sizeof(at), rc;

	rc = six ? uv_ip6_addr(host, where->port, (struct sockaddr_in6 *)&at)
		 : uv_ip4_addr(host, where->port, (struct sockaddr_in *)&at);
	if (rc == 0)
		rc = uv_tcp_bind(&h->sock.tcp, (struct sockaddr *)&at, 0);
	if (rc == 0)
		rc = uv_listen(&h->sock.stream, BACKLOG, mf_http_on_connection);
	if (rc == 0)
		rc = uv_tcp_getsockname(&h->sock.tcp, (struct sockaddr *)&at, &len);
	if (rc != 0)
		return rc;
	bound->port = ntohs(six ? ((struct sockaddr_in6 *)&at)->sin6_port : ((struct sockaddr_in *)&at)->sin_port);
	/* clients on this machine reach "all interfaces" by the loopback */
	if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
		(void)snprintf(bound->host, sizeof(bound->host), "%s", six ? "::1" : "127.0.0.1");
	return 0;
}

/* A socket file that nobody listens on any more is removed; anything else in the way stays. */
static void
sweep_socket(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct stat st;
	int fd;

	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0 && errno == ECONNREFUSED)
		(void)unlink(path);
	(void)close(fd);
}

static int
bind_unix(struct mf_http *h, const mf_endpoint *where)
{
	mode_t old;
	int rc;

	sweep_socket(where->path);
	old = umask(0777 & ~where->mode); /* the socket is born with its mode */
	rc = uv_pipe_bind(&h->sock.pipe, where->path);
	(void)umask(old);
	if (rc == 0)
		rc = uv_listen(&h->sock.stream, BACKLOG, mf_http_on_connection);
	return rc;
}

mf_code
mf_http_listen(uv_loop_t *loop, const mf_endpoint *where, const mf_http_conf *conf, struct mf_http **out,
	mf_endpoint *bound, mf_err *err)
{
	struct mf_http *h = mf_alloc(sizeof(*h));
	char place[300];
	int rc;

	h->loop = loop;
	h->conf = *conf;
	h->conf.idle_ms = conf->idle_ms != 0 ? conf->idle_ms : IDLE_MS;
	h->conf.request_ms = conf->request_ms != 0 ? conf->request_ms : REQUEST_MS;
	h->conf.stranger_ms = conf->stranger_ms != 0 ? conf->stranger_ms : STRANGER_MS;
	h->conf.conns = conf->conns != 0 ? conf->conns : MF_HTTP_MAX_CONNS;
	h->is_unix = where->kind == MF_ENDPOINT_UNIX;
	*bound = *where;
	if (h->is_unix)
		(void)uv_pipe_init(loop, &h->sock.pipe, 0);
	else
		(void)uv_tcp_init(loop, &h->sock.tcp);
	h->sock.handle.data = h;
	rc = h->is_unix ? bind_unix(h, where) : bind_tcp(h, where, bound);
	if (rc == 0) {
		*out = h;
		return MF_OK;
	}
	h->closing = true;
	uv_close(&h->sock.handle, mf_http_on_listener_closed);
	if (h->is_unix)
		(void)snprintf(place, sizeof(place), "%s", where->path);
	else
		(void)snprintf(place, sizeof(place), "%s:%u", where->host[0] != '\0' ? where->host : "any",
			(unsigned)where->port);
	return mf_fail(err, rc == UV_EADDRINUSE ? MF_EBUSY : MF_EIO, rc, "Couldn't listen on %s: [Errno %d] %s.", place,
		-rc, strerror(-rc));
}
