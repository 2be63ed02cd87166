/* What the tests of the production environment share. */
#include <config.h>

#include "tests/base/real.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void
real_init(struct real *r)
{
	mf_err err;

	(void)snprintf(r->dir, sizeof(r->dir), "/tmp/mf-test-XXXXXX");
	if (mkdtemp(r->dir) == NULL || uv_loop_init(&r->loop) != 0 ||
		mf_env_real_new(&r->loop, 3, &r->env, &err) != MF_OK)
		MF_BUG("no environment");
	r->ops = r->env->ops;
	if (r->ops->root_open(r->env, r->dir, &r->root, &err) != MF_OK)
		MF_BUG("%s", err.text);
}

static int
remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
	(void)st;
	(void)what;
	(void)at;
	return remove(path);
}

static void
on_closed(void *arg)
{
	*(int *)arg = 1;
}

int
real_deinit(struct real *r)
{
	int closed = 0;

	r->ops->root_close(r->root);
	mf_env_real_close(r->env, on_closed, &closed);
	(void)uv_run(&r->loop, UV_RUN_DEFAULT);
	(void)nftw(r->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	int rc = uv_loop_close(&r->loop);
	return closed ? rc : -1;
}

static void
on_tick(uv_timer_t *t)
{
	(void)t;
}

int
real_run_until(struct real *r, const int *flag, uint64_t ms)
{
	uint64_t end = r->ops->mono_ms(r->env) + ms;
	uv_timer_t t;

	/* One turn of the loop runs timers first and may sleep then: be woken often. */
	(void)uv_timer_init(&r->loop, &t);
	(void)uv_timer_start(&t, on_tick, 2, 2);
	while (!*flag && r->ops->mono_ms(r->env) < end)
		(void)uv_run(&r->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&t, NULL);
	(void)uv_run(&r->loop, UV_RUN_NOWAIT);
	return *flag;
}

const char *
real_path(struct real *r, const char *name)
{
	static char path[4][256];
	static unsigned turn;
	char *p = path[turn++ % 4];

	(void)snprintf(p, sizeof(path[0]), "%s/%s", r->dir, name);
	return p;
}

void
real_put(struct real *r, const char *name, const char *text)
{
	int fd = open(real_path(r, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		MF_BUG("cannot write %s", name);
	(void)close(fd);
}
