/* A storage server to be asked. */
#define _GNU_SOURCE
#include "tests/daemon/gbs_world.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { TURNS_MAX = 60000 }; /* of a millisecond or less */

static void
must(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "gbs_world: %s: %s\n", what, strerror(errno));
	abort();
}

const char *
gbs_world_path(struct gbs_world *w, const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/store/%s", w->dir, name);
	return path;
}

/* The store has the swissnum of the recorded exchange, and a key that is no secret. */
static void
give_swissnum(struct gbs_world *w)
{
	FILE *f;

	must(mkdir(gbs_world_path(w, ""), 0700) == 0 && mkdir(gbs_world_path(w, "private"), 0700) == 0, "mkdir");
	f = fopen(gbs_world_path(w, "private/storage.furl"), "w");
	must(f != NULL, "private/storage.furl");
	(void)fprintf(f, "pb://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@tcp:127.0.0.1:1/%s\n", GBS_SWISSNUM);
	(void)fclose(f);
	/* a key of its own would take each test a second */
	must(symlink(MF_SRCDIR "/tests/daemon/node.pem", gbs_world_path(w, "private/node.pem")) == 0, "node.pem");
}

void
gbs_world_serve(struct gbs_world *w, mf_gbs_conf conf)
{
	mf_endpoint where = {.kind = MF_ENDPOINT_UNIX, .mode = 0600};
	char store[80];
	mf_err err;

	(void)snprintf(store, sizeof(store), "%s/store", w->dir);
	(void)snprintf(where.path, sizeof(where.path), "%s/socket", w->dir);
	conf.store = store;
	conf.where = &where;
	conf.location = "127.0.0.1:1";
	conf.plain = true;
	must(mf_env_real_new(&w->loop, 1, &w->env, &err) == MF_OK, "environment");
	must(mf_gbs_open(w->env, &w->loop, &conf, &w->gbs, &err) == MF_OK, err.text);
}

void
gbs_world_open(struct gbs_world *w, mf_gbs_conf conf)
{
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/mf-gbs-XXXXXX");
	must(sodium_init() >= 0 && mkdtemp(w->dir) != NULL && uv_loop_init(&w->loop) == 0, "temporary directory");
	give_swissnum(w);
	gbs_world_serve(w, conf);
}

static void
note(void *arg)
{
	*(bool *)arg = true;
}

void
gbs_world_stop(struct gbs_world *w)
{
	bool done = false, closed = false;

	mf_gbs_close(w->gbs, note, &done);
	for (int i = 0; i < TURNS_MAX && !done; i++)
		gbs_turn(w, 1);
	must(done, "the server does not end");
	mf_env_real_close(w->env, note, &closed);
	(void)uv_run(&w->loop, UV_RUN_DEFAULT);
	must(closed, "the environment does not end");
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

void
gbs_world_close(struct gbs_world *w)
{
	gbs_world_stop(w);
	must(uv_loop_close(&w->loop) == 0, "handles are left");
	(void)nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void
gbs_turn(struct gbs_world *w, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		(void)uv_run(&w->loop, UV_RUN_NOWAIT);
		(void)usleep(1000);
	}
}

int
gbs_dial(struct gbs_world *w)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/socket", w->dir);
	must(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0, "connect");
	must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
	return fd;
}

bool
gbs_say(struct gbs_world *w, int fd, mf_str text)
{
	for (int i = 0; i < TURNS_MAX && text.n > 0; i++) {
		ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);

		if (n > 0) {
			text.p += n;
			text.n -= (size_t)n;
			i = 0;
		} else if (errno != EAGAIN) {
			return false;
		} else {
			(void)usleep(100);
		}
		(void)uv_run(&w->loop, UV_RUN_NOWAIT);
	}
	return text.n == 0;
}

void
gbs_hear(struct gbs_world *w, int fd, mf_buf *out)
{
	char chunk[65536];

	for (int i = 0; i < TURNS_MAX; i++) {
		(void)uv_run(&w->loop, UV_RUN_NOWAIT);
		ssize_t n = recv(fd, chunk, sizeof(chunk), 0);

		if (n > 0) {
			mf_buf_add(out, chunk, (size_t)n);
			i = 0;
		} else if (n == 0 || errno != EAGAIN) {
			return;
		} else {
			(void)usleep(100);
		}
	}
}

unsigned
gbs_ask(struct gbs_world *w, const char *head_text, mf_str body_text, mf_buf *head, mf_buf *body)
{
	mf_buf text = {0}, got = {0};
	int fd = gbs_dial(w);
	const char *end;
	unsigned status = 0;

	mf_buf_addz(&text, head_text);
	if (strstr(head_text, "Content-Length:") == NULL && strstr(head_text, "Transfer-Encoding:") == NULL)
		mf_buf_addf(&text, "Content-Length: %zu\r\n", body_text.n);
	mf_buf_addz(&text, "Connection: close\r\n\r\n");
	mf_buf_adds(&text, body_text);
	(void)gbs_say(w, fd, mf_buf_str(&text));
	gbs_hear(w, fd, &got);
	(void)close(fd);
	end = got.n > 0 ? strstr((const char *)got.p, "\r\n\r\n") : NULL;
	if (end != NULL && sscanf((const char *)got.p, "HTTP/1.1 %u", &status) == 1) {
		size_t n = (size_t)(end + 4 - (const char *)got.p);

		if (head != NULL)
			mf_buf_add(head, got.p, n);
		if (body != NULL)
			mf_buf_add(body, got.p + n, got.n - n);
	}
	mf_buf_free(&text);
	mf_buf_free(&got);
	return status;
}
