/* Folders that come and go. */
#include "daemon/app_impl.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "daemon/files.h"
#include "daemon/leftovers.h"

enum { LOCKED_WAIT_MS = 200, LOCKED_TRIES = 150 }; /* half a minute for whoever holds the database */

/* -- adding ------------------------------------------------------------------------------------------------ */

struct app_adding {
	struct app_adding *next;
	struct mf_app *app;
	char *name, *author, *magic_path, *state_dir, *url;
	unsigned poll_interval_s, scan_interval_s;
	bool joining, read_only, marked;
	mf_dirread collective, personal;
	mf_grid_conf conf;
	struct mf_grid *grid; /* open already, or opened by the job */
	bool opened_here;
	struct mf_timer *timer; /* while the configuration is locked */
	unsigned tries;
	mf_err err;
	mf_app_added *done;
	void *arg;
};

bool
mf_app_is_adding(const struct mf_app *app, mf_str name)
{
	for (const struct app_adding *a = app->adding; a != NULL; a = a->next)
		if (mf_str_eq(mf_strz(a->name), name))
			return true;
	return false;
}

static void
adding_end(struct app_adding *a)
{
	struct mf_app *app = a->app;
	struct app_adding **at = &app->adding;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	if (a->marked)
		mf_leftovers_unmark(a->state_dir);
	a->done(a->arg, &a->err, &a->personal);
	if (a->timer != NULL)
		a->app->env->ops->timer_free(a->timer);
	free(a->name);
	free(a->author);
	free(a->magic_path);
	free(a->state_dir);
	free(a->url);
	sodium_memzero(a, sizeof(*a));
	free(a);
	app->busy--;
	mf_app_maybe_stopped(app);
}

static void
add_work(void *arg, const mf_cancel *cancel)
{
	struct app_adding *a = arg;
	const mf_folder_new what = {
		.name = a->name,
		.author = a->author,
		.magic_path = a->magic_path,
		.state_dir = a->state_dir,
		.poll_interval_s = a->poll_interval_s,
		.scan_interval_s = a->scan_interval_s,
		.collective = a->joining ? &a->collective : NULL,
		.read_only = a->read_only,
	};

	a->err.code = MF_OK;
	if (a->grid == NULL) {
		a->err.code = mf_grid_open(a->url, &a->conf, &a->grid, &a->err);
		a->opened_here = a->err.code == MF_OK;
	}
	if (a->err.code == MF_OK)
		a->marked = mf_leftovers_mark(a->state_dir, MF_LEFTOVERS_NEW);
	if (a->err.code == MF_OK)
		a->err.code = mf_folder_create(a->app->env, a->grid, &what, &a->personal, cancel, &a->err);
}

/* Note the new folder; false: locked, the timer will come back. */
static bool
note(struct app_adding *a)
{
	bool standard = strcmp(a->url, mf_config_grid(a->app->config)) == 0;
	mf_code rc = mf_config_folder_add(a->app->config, a->name, a->state_dir, standard ? NULL : a->url, &a->err);

	if (rc == MF_EBUSY && a->tries++ < LOCKED_TRIES && !a->app->stopping) {
		a->app->env->ops->timer_start(a->timer, LOCKED_WAIT_MS);
		return false;
	}
	if (rc != MF_OK) /* without its row nobody would find it again */
		(void)mf_remove_tree(a->state_dir, NULL);
	else
		a->err = (mf_err){.code = MF_OK};
	return true;
}

static void
noted(struct app_adding *a)
{
	if (a->err.code == MF_OK) {
		(void)mf_app_folder_insert(a->app, a->name, a->state_dir, mf_app_grid_get(a->app, a->url));
		mf_app_try_folders(a->app);
		mf_log(MF_LOG_INFO, "daemon", a->name, "folder added");
	}
	adding_end(a);
}

static void
on_note_timer(void *arg)
{
	struct app_adding *a = arg;

	if (note(a))
		noted(a);
}

static void
add_done(void *arg)
{
	struct app_adding *a = arg;

	if (a->opened_here) {
		mf_app_grid *g = mf_app_grid_get(a->app, a->url);
		if (g->grid == NULL && !g->opening)
			g->grid = a->grid;
		else
			mf_grid_close(a->grid); /* somebody else was quicker */
	}
	if (a->err.code != MF_OK) {
		adding_end(a);
		return;
	}
	a->timer = a->app->env->ops->timer_new(a->app->env, on_note_timer, a);
	if (note(a))
		noted(a);
}

void
mf_app_add(struct mf_app *app, const mf_folder_new *what, const char *grid, mf_app_added *done, void *arg)
{
	struct app_adding *a = mf_alloc(sizeof(*a));

	a->app = app;
	a->name = mf_strdup(mf_strz(what->name));
	a->author = mf_strdup(mf_strz(what->author));
	a->magic_path = mf_strdup(mf_strz(what->magic_path));
	a->state_dir = mf_config_state_dir(app->config, what->name);
	a->url = mf_strdup(mf_strz(grid != NULL ? grid : mf_config_grid(app->config)));
	a->poll_interval_s = what->poll_interval_s;
	a->scan_interval_s = what->scan_interval_s;
	a->joining = what->collective != NULL;
	a->read_only = what->read_only;
	if (a->joining)
		a->collective = *what->collective;
	a->conf = app->grid_conf;
	a->conf.missing = mf_app_grid_missing(app, a->url);
	a->grid = mf_app_grid_get(app, a->url)->grid;
	a->done = done;
	a->arg = arg;
	(void)mf_fail(&a->err, MF_ECANCELED, 0, "the daemon is stopping");
	a->next = app->adding;
	app->adding = a;
	app->busy++;
	mf_app_job(app, MF_POOL_TRANSFER, add_work, add_done, a);
}

/* -- leaving ----------------------------------------------------------------------------------------------- */

enum { LEFT_DIRS = 2 };

struct leaving {
	struct mf_app *app;
	mf_app_folder *f;
	char *dirs[LEFT_DIRS]; /* stash, then state */
	char *magic_path;      /* the user's own directory: never touched; NULL if unknown */
	bool marked;           /* killed from now on, the next start removes the state directory (leftovers.h) */
	mf_err whys[LEFT_DIRS];
	mf_err err;
	struct mf_timer *timer;
	unsigned tries;
	mf_app_left *done;
	void *arg;
};

static void
leaving_end(struct leaving *l)
{
	struct mf_app *app = l->app;
	const char *paths[LEFT_DIRS];
	mf_err whys[LEFT_DIRS];
	size_t failed = 0;

	for (size_t i = 0; i < LEFT_DIRS && l->err.code == MF_OK; i++) {
		if (l->whys[i].code == MF_OK)
			continue;
		paths[failed] = l->dirs[i];
		whys[failed++] = l->whys[i];
	}
	if (l->marked)
		mf_leftovers_unmark(l->dirs[1]);
	if (l->err.code == MF_OK) {
		mf_log(MF_LOG_INFO, "daemon", l->f->name, "folder left");
		mf_app_folder_drop(app, l->f);
	} else { /* still configured: take it up again */
		l->f->leaving = false;
		(void)mf_fail(&l->f->why, MF_EBUSY, 0, "the folder is not open");
		mf_app_try_folders(app);
	}
	l->done(l->arg, &l->err, failed, paths, whys);
	if (l->timer != NULL)
		app->env->ops->timer_free(l->timer);
	for (size_t i = 0; i < LEFT_DIRS; i++)
		free(l->dirs[i]);
	free(l->magic_path);
	free(l);
	app->busy--;
	mf_app_maybe_stopped(app);
}

/* Paths come from databases that other programs write: what holds the user's files is not removed. */
static bool
holds(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	return path != NULL && strncmp(dir, path, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static void
remove_work(void *arg, const mf_cancel *cancel)
{
	struct leaving *l = arg;

	(void)cancel; /* the row is gone: what stays now stays for ever */
	for (size_t i = 0; i < LEFT_DIRS; i++) {
		if (holds(l->dirs[i], l->magic_path))
			(void)mf_fail(&l->whys[i], MF_EINVAL, 0, "not removed: the folder's own files are in it");
		else
			l->whys[i].code = mf_remove_tree(l->dirs[i], &l->whys[i]);
	}
}

static void
remove_done(void *arg)
{
	leaving_end(arg);
}

static void
forget(void *arg)
{
	struct leaving *l = arg;

	if (!l->marked && l->magic_path != NULL && !holds(l->dirs[1], l->magic_path))
		l->marked = mf_leftovers_mark(l->dirs[1], MF_LEFTOVERS_GOING);
	mf_code rc = mf_config_folder_remove(l->app->config, l->f->name, &l->err);

	if (rc == MF_EBUSY && l->tries++ < LOCKED_TRIES && !l->app->stopping) {
		l->app->env->ops->timer_start(l->timer, LOCKED_WAIT_MS);
		return;
	}
	if (rc != MF_OK) {
		leaving_end(l);
		return;
	}
	l->err = (mf_err){.code = MF_OK};
	mf_app_job(l->app, MF_POOL_QUICK, remove_work, remove_done, l);
}

static void
on_closed(void *arg)
{
	forget(arg);
}

static void
nothing(void *arg, const mf_cancel *cancel)
{
	(void)arg;
	(void)cancel;
}

void
mf_app_leave(struct mf_app *app, mf_app_folder *f, mf_app_left *done, void *arg)
{
	struct leaving *l = mf_alloc(sizeof(*l));
	struct mf_folder *folder = f->folder;
	mf_folder_conf conf;

	l->app = app;
	l->f = f;
	l->done = done;
	l->arg = arg;
	l->dirs[1] = mf_strdup(mf_strz(f->state_dir));
	/* the stash is inside the state directory unless somebody moved it */
	if (mf_config_folder_conf(f->name, f->state_dir, &conf, NULL) == MF_OK) {
		l->dirs[0] = mf_strdup(mf_strz(conf.stash_path));
		l->magic_path = mf_strdup(mf_strz(conf.magic_path));
		mf_folder_conf_clear(&conf);
	} else {
		l->dirs[0] = mf_path_join(f->state_dir, "stash");
	}
	l->timer = app->env->ops->timer_new(app->env, forget, l);
	f->leaving = true;
	f->folder = NULL;
	app->busy++;
	if (folder != NULL)
		mf_folder_close(folder, on_closed, l);
	else
		mf_app_job(app, MF_POOL_QUICK, nothing, forget, l);
}
