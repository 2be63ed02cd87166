/** @file
 * Inside of the app, shared by app*.c only. */
#ifndef MF_DAEMON_APP_IMPL_H
#define MF_DAEMON_APP_IMPL_H

#include "daemon/app.h"

/* A job of ours, in the app's list until its `done` has run. */
struct app_job {
	struct app_job *prev, *next;
	struct mf_app *app;
	struct mf_job *job;
	mf_job_fn *work;
	mf_job_done *done;
	void *arg;
};

struct mf_app {
	struct mf_env *env;
	struct mf_config *config;
	mf_grid_conf grid_conf; /* secrets; wiped at the end */
	mf_app_grid *grids;
	mf_app_folder *folders;
	struct app_job *jobs;
	struct mf_timer *retry, *health;
	unsigned busy;             /* folders being closed, added or left: the app waits for them */
	struct app_adding *adding; /* names that are taken already */
	bool stopping;
	void (*stopped)(void *arg);
	void *stopped_arg;
};

enum { APP_RETRY_MS = 5000, APP_RETRY_SOON_MS = 500, APP_HEALTH_MS = 5000 };

mf_app_grid *mf_app_grid_get(struct mf_app *app, const char *url);
/** Open @p g in a job if it is closed and nobody does so already. */
void mf_app_grid_open(struct mf_app *app, mf_app_grid *g);
/** app_health.c: look at the grids that are reached over a network, now and then every 5 s; folders are told when theirs
 *  is back.  Before the first answer nothing is known of them. */
void mf_app_health_start(struct mf_app *app);
/** MF_EXPECT_STORE if a folder lies in it: then it was there once. */
enum mf_missing mf_app_grid_missing(const struct mf_app *app, const char *url);
/** Insert by name. */
mf_app_folder *mf_app_folder_insert(struct mf_app *app, const char *name, const char *state_dir, mf_app_grid *g);
/** Take out of the list and free; the folder is closed. */
void mf_app_folder_drop(struct mf_app *app, mf_app_folder *f);
/** Open and start what can be; arms the timer if something is left. */
void mf_app_try_folders(struct mf_app *app);
/** The last piece of stopping: called whenever something that it waits for has ended. */
void mf_app_maybe_stopped(struct mf_app *app);
/** Is a folder of that name being added? */
bool mf_app_is_adding(const struct mf_app *app, mf_str name);
/** Whether something that fails like this is worth another try. */
bool mf_app_passing(mf_code code);

#endif
