/* GET /v1/status-summary: what `status` and `doctor` show. */
#include "daemon/api.h"

#include <config.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/text.h"

/* One grid's answer; url and grid are lent: grids stay until the app ends, and the app waits for its jobs. */
struct grid_answer {
	const char *url;
	struct mf_grid *grid;
	mf_err err;
	mf_grid_status status;
	bool known; /* nobody need be asked */
};

struct summary {
	mf_api *api;
	struct mf_http_req *req; /* NULL: the client left */
	struct grid_answer *grid;
	size_t n;
};

static void
on_gone(void *arg)
{
	struct summary *s = arg;

	s->req = NULL;
}

static void
ask_grids(void *arg, const mf_cancel *cancel)
{
	struct summary *s = arg;

	for (size_t i = 0; i < s->n && !mf_canceled(cancel); i++)
		if (s->grid[i].grid != NULL && !s->grid[i].known)
			s->grid[i].err.code = s->grid[i].grid->ops->status(
				s->grid[i].grid, &s->grid[i].status, cancel, &s->grid[i].err);
}

static json_t *
grid_json(const struct grid_answer *g)
{
	const mf_space space = {
		g->status.bytes_free, g->status.bytes_total, g->status.files_free, g->status.files_total};
	json_t *v = json_object();
	char warning[200];

	(void)json_object_set_new(v, "url", mf_json_text(mf_strz(g->url)));
	(void)json_object_set_new(v, "error", g->err.code != MF_OK ? mf_json_text(mf_strz(g->err.text)) : json_null());
	(void)json_object_set_new(v, "connected", json_integer(g->status.connected));
	(void)json_object_set_new(v, "wanted", json_integer(g->status.wanted));
	(void)json_object_set_new(v, "happy", json_boolean(g->status.happy));
	(void)json_object_set_new(v, "bytes_used", json_integer((json_int_t)g->status.bytes_used));
	(void)json_object_set_new(v, "bytes_free", json_integer((json_int_t)g->status.bytes_free));
	(void)json_object_set_new(v, "bytes_total", json_integer((json_int_t)g->status.bytes_total));
	(void)json_object_set_new(v, "files_free", json_integer((json_int_t)g->status.files_free));
	(void)json_object_set_new(v, "files_total", json_integer((json_int_t)g->status.files_total));
	(void)json_object_set_new(v, "warning", mf_text_space(&space, warning) ? json_string(warning) : json_null());
	return v;
}

static void
add_problem(void *arg, const char *relpath, const char *text, int64_t at_ns)
{
	json_t *one = json_object();

	(void)json_object_set_new(one, "relpath", relpath != NULL ? mf_json_text(mf_strz(relpath)) : json_null());
	(void)json_object_set_new(one, "text", mf_json_text(mf_strz(text)));
	(void)json_object_set_new(one, "at", json_integer(at_ns / 1000000000));
	(void)json_array_append_new(arg, one);
}

static void
add_changed(void *arg, const mf_new_key *k)
{
	char print[MF_FINGERPRINT_MAX];
	json_t *one = json_object();

	mf_fingerprint(k->key, print);
	(void)json_object_set_new(one, "participant", mf_json_text(mf_strz(k->participant)));
	(void)json_object_set_new(one, "fingerprint", json_string(print));
	(void)json_array_append_new(arg, one);
}

/* Seconds, or null for "not since the start". */
static json_t *
when(int64_t ns)
{
	return ns > 0 ? json_real((double)ns / 1e9) : json_null();
}

static json_t *
folder_json(const mf_app_folder *f)
{
	json_t *v = json_object(), *problems = json_array(), *changed = json_array();
	mf_folder_status s = {0};

	if (f->folder != NULL) {
		mf_folder_status_get(f->folder, &s);
		mf_folder_errors(f->folder, add_problem, problems);
		(void)mf_folder_keys(f->folder, &(mf_key_visitor){.changed = add_changed, .arg = changed}, NULL);
	}
	(void)json_object_set_new(v, "error", f->folder != NULL ? json_null() : mf_json_text(mf_strz(f->why.text)));
	(void)json_object_set_new(v, "state", json_string(f->folder != NULL ? mf_sync_state_name(s.state) : "problem"));
	(void)json_object_set_new(v, "say", mf_json_text(mf_strz(f->folder != NULL ? s.say : f->why.text)));
	(void)json_object_set_new(v, "grid", mf_json_text(mf_strz(f->grid->url)));
	(void)json_object_set_new(v, "magic_path",
		f->folder != NULL ? mf_json_text(mf_strz(mf_folder_config(f->folder)->magic_path)) : json_null());
	(void)json_object_set_new(v, "files", json_integer((json_int_t)s.files));
	(void)json_object_set_new(v, "uploads_queued", json_integer((json_int_t)s.uploads_queued));
	(void)json_object_set_new(v, "downloads_queued", json_integer((json_int_t)s.downloads_queued));
	(void)json_object_set_new(v, "conflicts", json_integer((json_int_t)s.conflicts));
	(void)json_object_set_new(v, "errors", json_integer((json_int_t)s.errors));
	(void)json_object_set_new(v, "deletes_asked", json_integer((json_int_t)s.deletes_asked));
	(void)json_object_set_new(v, "scanning", json_boolean(s.scanning));
	(void)json_object_set_new(v, "read_only", json_boolean(s.read_only));
	(void)json_object_set_new(v, "local_only", json_integer((json_int_t)s.local_only));
	(void)json_object_set_new(v, "paused", json_boolean(s.paused));
	(void)json_object_set_new(v, "polling", json_boolean(s.polling));
	(void)json_object_set_new(v, "in_collective", json_boolean(s.in_collective));
	(void)json_object_set_new(v, "watching", json_boolean(s.watching));
	(void)json_object_set_new(v, "database_busy", json_boolean(s.database_busy));
	(void)json_object_set_new(v, "last_scan", when(s.last_scan_ns));
	(void)json_object_set_new(v, "last_poll", when(s.last_poll_ns));
	(void)json_object_set_new(v, "changed_keys", changed);
	(void)json_object_set_new(v, "problems", problems);
	return v;
}

static void
answer(void *arg)
{
	struct summary *s = arg;
	json_t *all, *grids, *folders, *daemon;

	if (s->req != NULL) {
		all = json_object();
		daemon = json_object();
		grids = json_array();
		folders = json_object();
		(void)json_object_set_new(daemon, "pid", json_integer(getpid()));
		(void)json_object_set_new(daemon, "version", json_string(PACKAGE_VERSION));
		(void)json_object_set_new(daemon, "started", when(s->api->started_ns));
		for (size_t i = 0; i < s->n; i++)
			(void)json_array_append_new(grids, grid_json(&s->grid[i]));
		for (const mf_app_folder *f = mf_app_folders(s->api->app); f != NULL; f = f->next)
			if (!f->leaving)
				(void)json_object_set_new(folders, f->name, folder_json(f));
		(void)json_object_set_new(all, "daemon", daemon);
		(void)json_object_set_new(all, "grids", grids);
		(void)json_object_set_new(all, "folders", folders);
		mf_api_json(s->req, 200, all);
	}
	free(s->grid);
	free(s);
}

void
mf_api_status_summary(mf_api *api, struct mf_http_req *req, mf_str name)
{
	struct summary *s = mf_alloc(sizeof(*s));
	const mf_app_grid *g;

	(void)name;
	s->api = api;
	s->req = req;
	for (g = mf_app_grids(api->app); g != NULL; g = g->next)
		s->n++;
	s->grid = mf_alloc((s->n + 1) * sizeof(*s->grid));
	g = mf_app_grids(api->app);
	for (size_t i = 0; i < s->n; i++, g = g->next)
		s->grid[i] = (struct grid_answer){.url = g->url, .grid = g->grid, .err = g->why};
	g = mf_app_grids(api->app);
	for (size_t i = 0; i < s->n; i++, g = g->next) {
		if (s->grid[i].grid == NULL)
			continue;
		s->grid[i].known = g->seen; /* a server that does not answer is not waited for here */
		s->grid[i].status = g->now;
		s->grid[i].err = g->seen ? g->trouble : (mf_err){.code = MF_OK};
	}
	mf_http_on_gone(req, on_gone, s);
	/* quick: it must not wait behind large files */
	mf_app_job(api->app, MF_POOL_QUICK, ask_grids, answer, s);
}
