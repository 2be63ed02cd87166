/* The running daemon: grids, folders, jobs, start and stop. */
#include "daemon/app_impl.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"

struct mf_app *
mf_app_new(struct mf_env *env, struct mf_config *config)
{
	struct mf_app *app = mf_alloc(sizeof(*app));

	app->env = env;
	app->config = config;
	return app;
}

struct mf_env *
mf_app_env(const struct mf_app *app)
{
	return app->env;
}

struct mf_config *
mf_app_config(const struct mf_app *app)
{
	return app->config;
}

const mf_app_grid *
mf_app_grids(const struct mf_app *app)
{
	return app->grids;
}

const mf_app_folder *
mf_app_folders(const struct mf_app *app)
{
	return app->folders;
}

/* -- jobs ---------------------------------------------------------------------------------------------- */

static void
job_work(void *arg, const mf_cancel *cancel)
{
	struct app_job *j = arg;

	if (j->work != NULL)
		j->work(j->arg, cancel);
}

static void
job_done(void *arg)
{
	struct app_job *j = arg;
	struct mf_app *app = j->app;

	j->job = NULL;   /* dead already */
	j->done(j->arg); /* still in the list meanwhile, so that the app does not end under it */
	if (j->prev != NULL)
		j->prev->next = j->next;
	else
		app->jobs = j->next;
	if (j->next != NULL)
		j->next->prev = j->prev;
	free(j);
	mf_app_maybe_stopped(app);
}

void
mf_app_job(struct mf_app *app, enum mf_pool pool, mf_job_fn *work, mf_job_done *done, void *arg)
{
	struct app_job *j = mf_alloc(sizeof(*j));

	*j = (struct app_job){.next = app->jobs, .app = app, .work = work, .done = done, .arg = arg};
	if (app->jobs != NULL)
		app->jobs->prev = j;
	app->jobs = j;
	j->job = app->env->ops->job_start(app->env, pool, job_work, job_done, j);
	if (app->stopping)
		app->env->ops->job_cancel(j->job);
}

/* -- grids ---------------------------------------------------------------------------------------------- */

mf_app_grid *
mf_app_grid_get(struct mf_app *app, const char *url)
{
	mf_app_grid *g;

	for (g = app->grids; g != NULL; g = g->next)
		if (strcmp(g->url, url) == 0)
			return g;
	g = mf_alloc(sizeof(*g));
	g->url = mf_strdup(mf_strz(url));
	g->watched = !mf_str_starts(mf_strz(url), MF_STR("dir:"));
	(void)mf_fail(&g->why, MF_EBUSY, 0, "the grid is not open yet");
	g->next = app->grids;
	app->grids = g;
	return g;
}

bool
mf_app_passing(mf_code code)
{
	return code == MF_EIO || code == MF_ENET || code == MF_EBUSY || code == MF_EFULL || code == MF_ENOTFOUND ||
		code == MF_ENOMEM;
}

/* Opening in a job: what the worker owns. */
struct grid_opening {
	struct mf_app *app;
	mf_app_grid *g;
	char *url;
	mf_grid_conf conf;
	struct mf_grid *grid;
	mf_err err;
};

static void
open_work(void *arg, const mf_cancel *cancel)
{
	struct grid_opening *o = arg;

	(void)cancel;
	o->err.code = mf_grid_open(o->url, &o->conf, &o->grid, &o->err);
}

static void
open_done(void *arg)
{
	struct grid_opening *o = arg;

	o->g->opening = false;
	o->g->grid = o->grid;
	if (o->grid == NULL) {
		o->g->why = o->err;
		mf_log(MF_LOG_ERROR, "daemon", NULL, "the grid cannot be opened: %s", o->err.text);
	}
	if (o->grid != NULL && !o->app->stopping)
		mf_app_try_folders(o->app);
	sodium_memzero(&o->conf, sizeof(o->conf));
	free(o->url);
	free(o);
}

enum mf_missing
mf_app_grid_missing(const struct mf_app *app, const char *url)
{
	for (const mf_app_folder *f = app->folders; f != NULL; f = f->next)
		if (strcmp(f->grid->url, url) == 0)
			return MF_EXPECT_STORE;
	return MF_MAKE_MISSING;
}

void
mf_app_grid_open(struct mf_app *app, mf_app_grid *g)
{
	struct grid_opening *o;

	if (g->grid != NULL || g->opening || app->stopping)
		return;
	g->opening = true;
	o = mf_alloc(sizeof(*o));
	o->app = app;
	o->g = g;
	o->url = mf_strdup(mf_strz(g->url));
	o->conf = app->grid_conf;
	o->conf.missing = mf_app_grid_missing(app, g->url);
	(void)mf_fail(&o->err, MF_ECANCELED, 0, "the daemon is stopping");
	mf_app_job(app, MF_POOL_TRANSFER, open_work, open_done, o);
}

/* -- folders -------------------------------------------------------------------------------------------- */

mf_app_folder *
mf_app_folder_find(struct mf_app *app, mf_str name)
{
	for (mf_app_folder *f = app->folders; f != NULL; f = f->next)
		if (!f->leaving && mf_str_eq(mf_strz(f->name), name))
			return f;
	return NULL;
}

bool
mf_app_name_taken(const struct mf_app *app, mf_str name)
{
	for (const mf_app_folder *f = app->folders; f != NULL; f = f->next)
		if (mf_str_eq(mf_strz(f->name), name))
			return true;
	return mf_app_is_adding(app, name);
}

mf_app_folder *
mf_app_folder_insert(struct mf_app *app, const char *name, const char *state_dir, mf_app_grid *g)
{
	mf_app_folder **at = &app->folders, *f = mf_alloc(sizeof(*f));

	f->name = mf_strdup(mf_strz(name));
	f->state_dir = mf_strdup(mf_strz(state_dir));
	f->grid = g;
	(void)mf_fail(&f->why, MF_EBUSY, 0, "the folder is not open yet");
	while (*at != NULL && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	f->next = *at;
	*at = f;
	return f;
}

void
mf_app_folder_drop(struct mf_app *app, mf_app_folder *f)
{
	mf_app_folder **at = &app->folders;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	free(f->name);
	free(f->state_dir);
	free(f);
}

static mf_code
load_folder(void *arg, const char *name, const char *state_dir, const char *grid)
{
	struct mf_app *app = arg;

	(void)mf_app_folder_insert(app, name, state_dir, mf_app_grid_get(app, grid));
	return MF_OK;
}

static void
on_event(void *arg, struct mf_folder *f, const mf_folder_event *ev)
{
	const char *name = mf_folder_config(f)->name;

	(void)arg;
	if (ev->kind == MF_EV_ERROR)
		mf_log(MF_LOG_WARNING, "sync", name, "%s%s%s", ev->relpath != NULL ? ev->relpath : "",
			ev->relpath != NULL ? ": " : "", ev->text != NULL ? ev->text : "failed");
	else if (ev->kind == MF_EV_DELETES_ASKED)
		mf_log(MF_LOG_WARNING, "sync", name, "%s (magic-folder confirm-deletes)", ev->text);
	else if (ev->kind == MF_EV_KEY_ACCEPTED)
		mf_log(MF_LOG_INFO, "sync", name, "another key of '%s' was accepted", ev->text);
	else if (ev->kind == MF_EV_CONFLICT_ADDED)
		mf_log(MF_LOG_WARNING, "sync", name, "%s is in conflict", ev->relpath);
}

static void
try_folder(struct mf_app *app, mf_app_folder *f)
{
	mf_code rc;

	if (f->folder != NULL || f->leaving)
		return;
	if (f->grid->grid == NULL) {
		f->why = f->grid->why;
		if (f->why.code != MF_EUNSUPPORTED)
			mf_app_grid_open(app, f->grid);
		return;
	}
	if (f->why.code != MF_OK && !mf_app_passing(f->why.code))
		return; /* will not get better by itself; said once */
	rc = mf_folder_open(app->env, f->grid->grid, f->name, f->state_dir, on_event, app, &f->folder, &f->why);
	if (rc != MF_OK) {
		f->folder = NULL;
		mf_log(MF_LOG_ERROR, "daemon", f->name, "the folder cannot be opened: %s", f->why.text);
		return;
	}
	f->why = (mf_err){.code = MF_OK};
	mf_folder_start(f->folder);
}

static void
on_retry(void *arg)
{
	mf_app_try_folders(arg);
}

void
mf_app_try_folders(struct mf_app *app)
{
	bool again = false;

	if (app->stopping)
		return;
	for (mf_app_folder *f = app->folders; f != NULL; f = f->next) {
		try_folder(app, f);
		again = again ||
			(f->folder == NULL && !f->leaving && f->why.code != MF_EUNSUPPORTED &&
				(f->grid->grid == NULL || mf_app_passing(f->why.code)));
	}
	if (again)
		app->env->ops->timer_start(app->retry, APP_RETRY_MS);
}

/* -- start and stop -------------------------------------------------------------------------------------- */

mf_code
mf_app_load(struct mf_app *app, mf_err *err)
{
	mf_app_grid *g;
	mf_code rc = mf_config_grid_conf(app->config, &app->grid_conf, err);

	if (rc != MF_OK)
		return rc;
	app->grid_conf.user = mf_config_dir(app->config);
	g = mf_app_grid_get(app, mf_config_grid(app->config));
	rc = mf_grid_open(g->url, &app->grid_conf, &g->grid, &g->why);
	if (rc != MF_OK) {
		g->grid = NULL;
		/* a configuration of the Python program names a node: it opens, and its folders say that they wait */
		if (!mf_app_passing(rc) && rc != MF_EUNSUPPORTED)
			return mf_fail(err, rc, g->why.sys, "%.80s cannot be used: %s", g->url, g->why.text);
		mf_log(MF_LOG_ERROR, "daemon", NULL, "the grid cannot be opened: %s", g->why.text);
	}
	return mf_config_folders(app->config, load_folder, app, err);
}

void
mf_app_start(struct mf_app *app)
{
	app->retry = app->env->ops->timer_new(app->env, on_retry, app);
	mf_app_health_start(app);
	mf_app_try_folders(app);
}

void
mf_app_maybe_stopped(struct mf_app *app)
{
	void (*stopped)(void *arg) = app->stopped;
	void *arg = app->stopped_arg;

	if (!app->stopping || app->jobs != NULL || app->busy > 0)
		return;
	while (app->folders != NULL)
		mf_app_folder_drop(app, app->folders);
	while (app->grids != NULL) {
		mf_app_grid *g = app->grids;
		app->grids = g->next;
		mf_grid_close(g->grid);
		free(g->url);
		free(g);
	}
	app->env->ops->timer_free(app->retry);
	app->env->ops->timer_free(app->health);
	sodium_memzero(&app->grid_conf, sizeof(app->grid_conf));
	free(app);
	stopped(arg);
}

static void
on_folder_closed(void *arg)
{
	struct mf_app *app = arg;

	app->busy--;
	mf_app_maybe_stopped(app);
}

static void
nothing(void *arg)
{
	(void)arg;
}

void
mf_app_stop(struct mf_app *app, void (*done)(void *arg), void *arg)
{
	app->stopping = true;
	app->stopped = done;
	app->stopped_arg = arg;
	if (app->retry != NULL)
		app->env->ops->timer_stop(app->retry);
	if (app->health != NULL)
		app->env->ops->timer_stop(app->health);
	for (mf_app_folder *f = app->folders; f != NULL; f = f->next) {
		struct mf_folder *folder = f->folder;
		if (folder == NULL || f->leaving)
			continue; /* one that is being left is closed already or closing */
		f->folder = NULL;
		app->busy++;
		mf_folder_close(folder, on_folder_closed, app);
	}
	for (struct app_job *j = app->jobs; j != NULL; j = j->next)
		app->env->ops->job_cancel(j->job);
	/* something that ends later from the loop, so that @p done never comes from inside this call */
	mf_app_job(app, MF_POOL_QUICK, NULL, nothing, NULL);
}
