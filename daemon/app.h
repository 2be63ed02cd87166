/** @file
 * The running daemon: its grids (one object per grid URL), its folders, and what is done to them.
 * Everything is [loop]; what can block is a job.  Callbacks come once, later, from the loop.
 */
#ifndef MF_DAEMON_APP_H
#define MF_DAEMON_APP_H

#include "daemon/config.h"

struct mf_app;

/** One grid URL in use. */
typedef struct mf_app_grid {
	struct mf_app_grid *next;
	char *url;
	struct mf_grid *grid; /**< NULL: not opened yet, see why */
	mf_err why;
	bool opening;
	/** What is reached over a network is looked at every 5 s: how it was the last time. */
	bool watched, looking, seen; /**< seen: `now` and `trouble` hold */
	mf_grid_status now;
	mf_err trouble; /**< MF_OK: it answers */
} mf_app_grid;

/** One configured folder. */
typedef struct mf_app_folder {
	struct mf_app_folder *next; /**< in code point order of the names */
	char *name, *state_dir;
	mf_app_grid *grid;
	struct mf_folder *folder; /**< NULL: not open, see why */
	mf_err why;
	bool leaving;
} mf_app_folder;

/** @p config and @p env are lent and outlive the app. */
struct mf_app *mf_app_new(struct mf_env *env, struct mf_config *config);
/** Read the list of folders and open the default grid, blocking, once.  MF_EUNSUPPORTED: a kind of grid that
 *  does not exist yet.  Other failures of the grid are not reported: it is tried again every 5 s. */
mf_code mf_app_load(struct mf_app *app, mf_err *err);
/** Open and start the folders; those that cannot be opened yet are tried again every 5 s. */
void mf_app_start(struct mf_app *app);
/** Cancel jobs, close folders, then grids; then @p done and the app is freed. */
void mf_app_stop(struct mf_app *app, void (*done)(void *arg), void *arg);

struct mf_env *mf_app_env(const struct mf_app *app);
struct mf_config *mf_app_config(const struct mf_app *app);
const mf_app_grid *mf_app_grids(const struct mf_app *app);
const mf_app_folder *mf_app_folders(const struct mf_app *app);
/** Folders being left are no longer found. */
mf_app_folder *mf_app_folder_find(struct mf_app *app, mf_str name);

/** Also true for folders being added or left. */
bool mf_app_name_taken(const struct mf_app *app, mf_str name);

/** A job that is cancelled when the app stops; @p done still comes (also then) before the app is gone. */
void mf_app_job(struct mf_app *app, enum mf_pool pool, mf_job_fn *work, mf_job_done *done, void *arg);

/** Make a folder as mf_folder_create() does, note it in the configuration, open and start it.  @p what's text
 *  is copied (state_dir is ours to choose and ignored).  @p grid NULL: the default one.
 *  @param done  err->code: MF_EEXIST the name (or, joining, the author) is taken; MF_EINVAL; as mf_folder_create. */
typedef void mf_app_added(void *arg, const mf_err *err, const mf_dirread *personal);
void mf_app_add(struct mf_app *app, const mf_folder_new *what, const char *grid, mf_app_added *done, void *arg);

/** Stop the folder, forget it, remove its stash and state.  @p failed counts directories that could not be
 *  removed: @p paths and @p whys, lent. */
typedef void mf_app_left(void *arg, const mf_err *err, size_t failed, const char *const *paths, const mf_err *whys);
void mf_app_leave(struct mf_app *app, mf_app_folder *f, mf_app_left *done, void *arg);

#endif
