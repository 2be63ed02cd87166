/* How the grids are that are reached over a network: asked every few seconds, and said when it changes. */
#include "daemon/app_impl.h"

#include <stdlib.h>

#include "base/log.h"

/* One look; what the worker owns. */
struct look {
	struct mf_app *app;
	mf_app_grid *g; /* stays until the app ends */
	struct mf_grid *grid;
	mf_grid_status status;
	mf_err err;
};

static void
look_work(void *arg, const mf_cancel *cancel)
{
	struct look *l = arg;

	l->err.code = l->grid->ops->status(l->grid, &l->status, cancel, &l->err);
}

static bool
is_news(const mf_app_grid *g, const struct look *l)
{
	return !g->seen || g->now.connected != l->status.connected || g->now.wanted != l->status.wanted ||
		g->now.happy != l->status.happy || (g->trouble.code == MF_OK) != (l->err.code == MF_OK);
}

static void
say(const struct look *l)
{
	if (l->err.code != MF_OK)
		mf_log(MF_LOG_ERROR, "tahoe-connection-changed", NULL, "not happy: %s", l->err.text);
	else
		mf_log(l->status.happy ? MF_LOG_INFO : MF_LOG_ERROR, "tahoe-connection-changed", NULL,
			"%s: %u storage servers are connected, %u are wanted", l->status.happy ? "happy" : "not happy",
			l->status.connected, l->status.wanted);
}

/* Whatever failed for want of it is done now, not when its turn to try again comes. */
static void
tell_folders(const struct mf_app *app, const mf_app_grid *g)
{
	for (const mf_app_folder *f = app->folders; f != NULL; f = f->next)
		if (f->grid == g && f->folder != NULL && !f->leaving)
			mf_folder_grid_back(f->folder);
}

static void
look_done(void *arg)
{
	struct look *l = arg;
	mf_app_grid *g = l->g;
	bool back = l->status.happy && g->seen && !g->now.happy;

	g->looking = false;
	if (l->err.code != MF_ECANCELED) {
		if (is_news(g, l))
			say(l);
		g->now = l->status;
		g->trouble = l->err;
		g->seen = true;
		if (back && !l->app->stopping)
			tell_folders(l->app, g);
	}
	if (!l->app->stopping)
		l->app->env->ops->timer_start(l->app->health, APP_HEALTH_MS);
	free(l);
}

static void
on_health(void *arg)
{
	struct mf_app *app = arg;
	bool again = true;

	for (mf_app_grid *g = app->grids; g != NULL; g = g->next) {
		if (!g->watched || g->grid == NULL || g->looking)
			continue;
		struct look *l = mf_alloc(sizeof(*l));

		*l = (struct look){.app = app, .g = g, .grid = g->grid};
		(void)mf_fail(&l->err, MF_ECANCELED, 0, "the daemon is stopping");
		g->looking = true;
		again = false; /* its end sets the timer */
		mf_app_job(app, MF_POOL_TRANSFER, look_work, look_done, l);
	}
	if (again)
		app->env->ops->timer_start(app->health, APP_HEALTH_MS);
}

void
mf_app_health_start(struct mf_app *app)
{
	app->health = app->env->ops->timer_new(app->env, on_health, app);
	app->env->ops->timer_start(app->health, 0);
}
