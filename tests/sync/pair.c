/* Two devices in one process. */
#define _XOPEN_SOURCE 700
#include "tests/sync/pair.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MUST(x) \
	do { \
		mf_err err = {0}; \
		if ((x) != MF_OK) \
			MF_BUG("%s: %s", #x, err.text); \
	} while (0)

static void
heard(void *arg, struct mf_folder *f, const mf_folder_event *ev)
{
	struct device *d = arg;

	(void)f;
	if (ev->kind != MF_EV_ERROR)
		return;
	d->errors++;
	(void)snprintf(
		d->last_error, sizeof(d->last_error), "%s: %s", ev->relpath == NULL ? "" : ev->relpath, ev->text);
	fprintf(stderr, "%s: error: %s\n", d->name, d->last_error);
}

static void
make_device(struct world *w, size_t i, mf_dirread *personal)
{
	struct device *d = &w->dev[i];
	static const char *const names[PAIR_MAX] = {"alice", "bob", "carol", "dave"};

	d->w = w;
	(void)snprintf(d->name, sizeof(d->name), "%s", names[i]);
	(void)snprintf(d->dir, sizeof(d->dir), "%s/%s", w->base, d->name);
	(void)snprintf(d->state, sizeof(d->state), "%s/state-%s", w->base, d->name);
	if (mkdir(d->dir, 0755) != 0)
		MF_BUG("mkdir %s", d->dir);
	mf_folder_new what = {.name = "f",
		.author = d->name,
		.magic_path = d->dir,
		.state_dir = d->state,
		.poll_interval_s = 60,
		.scan_interval_s = 60};
	mf_dirread collective;
	if (i > 0) {
		collective = mf_folder_config(w->dev[0].folder)->collective;
		what.collective = &collective;
	}
	MUST(mf_folder_create(w->env, w->grid, &what, personal, NULL, &err));
	MUST(mf_folder_open(w->env, w->grid, "f", d->state, heard, d, &d->folder, &err));
}

void
world_open(struct world *w, size_t n)
{
	mf_grid_conf conf = {.convergence_n = 32, .durability = MF_NOT_DURABLE};
	char url[160];

	*w = (struct world){.n = n};
	(void)snprintf(w->base, sizeof(w->base), "/tmp/mf-pair-XXXXXX");
	if (mkdtemp(w->base) == NULL)
		MF_BUG("mkdtemp");
	uv_loop_init(&w->loop);
	MUST(mf_env_real_new(&w->loop, 0, &w->env, &err));
	(void)snprintf(url, sizeof(url), "dir:%s/store", w->base);
	MUST(mf_grid_open(url, &conf, &w->grid, &err));
	for (size_t i = 0; i < n; i++) {
		mf_dirread personal;
		make_device(w, i, &personal);
		if (i == 0)
			continue;
		mf_link link = {.name = mf_strz(w->dev[i].name), .cap = mf_strz(personal.text), .how = MF_LINK_NEW};
		MUST(w->grid->ops->update(
			w->grid, &mf_folder_config(w->dev[0].folder)->collective_write, &link, 1, NULL, NULL, &err));
	}
}

void
world_start(struct world *w, size_t i)
{
	struct device *d = &w->dev[i];

	if (d->folder == NULL)
		MUST(mf_folder_open(w->env, w->grid, "f", d->state, heard, d, &d->folder, &err));
	mf_folder_start(d->folder);
}

static void
on_closed(void *arg)
{
	struct device *d = arg;

	d->closed = true;
	d->folder = NULL;
}

static bool
is_closed(struct world *w, void *arg)
{
	(void)w;
	return ((struct device *)arg)->closed;
}

void
world_stop(struct world *w, size_t i)
{
	struct device *d = &w->dev[i];

	if (d->folder == NULL)
		return;
	d->closed = false;
	mf_folder_close(d->folder, on_closed, d);
	if (!wait_for(w, is_closed, d, 10000))
		MF_BUG("%s does not close", d->name);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
on_env_closed(void *arg)
{
	((struct world *)arg)->env_closed = true;
}

void
world_close(struct world *w)
{
	for (size_t i = 0; i < w->n; i++)
		world_stop(w, i);
	mf_grid_close(w->grid);
	mf_env_real_close(w->env, on_env_closed, w);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	int rc = uv_loop_close(&w->loop);
	if (rc != 0)
		MF_BUG("handles are left on the loop");
	(void)nftw(w->base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *
path_of(struct world *w, size_t i, const char *rel)
{
	static char path[1024];

	(void)snprintf(path, sizeof(path), "%s/%s", w->dev[i].dir, rel);
	return path;
}

void
put_file(struct world *w, size_t i, const char *rel, const void *p, size_t n)
{
	FILE *f = fopen(path_of(w, i, rel), "w");

	if (f == NULL || fwrite(p, 1, n, f) != n || fclose(f) != 0)
		MF_BUG("write %s", rel);
}

void
put_text(struct world *w, size_t i, const char *rel, const char *text)
{
	put_file(w, i, rel, text, strlen(text));
}

static void
on_tick(uv_timer_t *t)
{
	(void)t;
}

bool
wait_for(struct world *w, bool (*is)(struct world *w, void *arg), void *arg, unsigned ms)
{
	uv_timer_t tick;
	uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;
	bool ok;

	uv_timer_init(&w->loop, &tick);
	uv_timer_start(&tick, on_tick, 5, 5);
	while (!(ok = is(w, arg)) && uv_hrtime() < end)
		uv_run(&w->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&tick, NULL);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	return ok;
}

static bool
never(struct world *w, void *arg)
{
	(void)w;
	(void)arg;
	return false;
}

void
run_for(struct world *w, unsigned ms)
{
	(void)wait_for(w, never, NULL, ms);
}

struct expect {
	size_t i;
	const char *rel, *text;
};

static bool
has_text(struct world *w, void *arg)
{
	struct expect *e = arg;
	FILE *f = fopen(path_of(w, e->i, e->rel), "r");
	char got[4096];

	if (f == NULL)
		return e->text == NULL;
	size_t n = fread(got, 1, sizeof(got), f);
	fclose(f);
	return e->text != NULL && n == strlen(e->text) && memcmp(got, e->text, n) == 0;
}

bool
wait_text(struct world *w, size_t i, const char *rel, const char *text)
{
	struct expect e = {i, rel, text};

	return wait_for(w, has_text, &e, 20000);
}

struct answer {
	bool come;
	mf_code code;
};

static void
on_answer(void *arg, const mf_err *err)
{
	struct answer *a = arg;

	a->come = true;
	a->code = err->code;
}

static bool
answered(struct world *w, void *arg)
{
	(void)w;
	return ((struct answer *)arg)->come;
}

mf_code
scan_now(struct world *w, size_t i)
{
	struct answer a = {0};

	mf_folder_scan(w->dev[i].folder, on_answer, &a, NULL);
	if (!wait_for(w, answered, &a, 20000))
		MF_BUG("no answer to a scan");
	return a.code;
}

mf_code
poll_now(struct world *w, size_t i)
{
	struct answer a = {0};

	mf_folder_poll(w->dev[i].folder, on_answer, &a, NULL);
	if (!wait_for(w, answered, &a, 20000))
		MF_BUG("no answer to a poll");
	return a.code;
}
