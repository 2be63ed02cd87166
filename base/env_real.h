/** @file
 * Private to base/env_real*.c and their tests: the production environment's inside.
 *
 * Threads: the loop thread owns everything but the queue of the pools, which `jobs.lock` guards, and the
 * constants (`walk`, `plain_rename`, `mask`), which are set before the first thread starts.
 */
#ifndef MF_BASE_ENV_REAL_H
#define MF_BASE_ENV_REAL_H

#include <pthread.h>
#include <uv.h>

#include "base/env.h"

#define MF_POOLS 3

/* A list of jobs, first in first out.  Linked both ways: a cancelled job leaves from the middle. */
struct mf_job_list {
	struct mf_job *first, *last;
};

struct mf_pool_state {
	struct mf_job_list waiting;
	pthread_cond_t wake;
	unsigned workers;
	pthread_t *thread;
};

struct mf_jobs {
	pthread_mutex_t lock;
	struct mf_pool_state pool[MF_POOLS];
	struct mf_job_list finished; /* their done is due on the loop */
	bool stop;
	uv_async_t async;
};

/* Two sets may watch one directory: same wd, two of these.  Within a set a wd occurs once, and a path once. */
struct mf_watched {
	struct mf_watched *by_wd, *by_path; /* next in the chain; a removed one is in `gone` through by_wd */
	struct mf_watch *set;
	uint64_t seen; /* serial of the last event it was given */
	int wd;
	uint32_t n;
	char path[];
};

/* The one inotify instance: opened by the first watch_add, closed with the environment.
 * Invariant: every mf_watched is in both tables; a watch descriptor lives while at least one has it. */
struct mf_inotify {
	int fd; /* -1 = not open */
	uv_poll_t *poll;
	struct mf_watch *sets;
	struct mf_watched **by_wd, **by_path; /* hash tables of `slots` chains each */
	struct mf_watched *gone;              /* removed while a callback runs: its text may still be lent */
	size_t slots, n;
	unsigned depth;  /* callbacks running */
	uint64_t serial; /* of the event being handed out */
	uint8_t key[16];
};

struct mf_env_real {
	struct mf_env pub; /* first: a struct mf_env * is a struct mf_env_real * */
	uv_loop_t *loop;
	unsigned timer_depth; /* > 0 inside a timer's callback */
	uv_idle_t awake;      /* active: the loop looks for events, but does not wait for them */
	unsigned awake_rounds;
	struct mf_jobs jobs;
	struct mf_inotify ino;
	uint32_t mask;     /* the process's umask */
	bool walk;         /* no openat2: walk component by component (kernel < 5.6, old containers) */
	bool plain_rename; /* tests only: behave as if the file system knew no renameat2 flags */
	unsigned closing;  /* handles whose close callback is still to come */
	void (*on_closed)(void *arg);
	void *on_closed_arg;
};

static inline struct mf_env_real *
mf_real(struct mf_env *env)
{
	return (struct mf_env_real *)env;
}

struct mf_root {
	struct mf_env_real *env;
	int fd;
	uint64_t dev, ino;
	char *abspath;
};

/* env_real_files.c: everything from root_open to umask. */
mf_code mf_real_root_open(struct mf_env *, const char *abspath, struct mf_root **out, mf_err *);
void mf_real_root_close(struct mf_root *);
mf_code mf_real_root_check(struct mf_root *, mf_err *);
mf_code mf_real_stat(struct mf_root *, const char *path, mf_stat *out, mf_err *);
void mf_real_stat_in(struct mf_root *, const char *dir, const char *const *name, size_t n,
	void (*each)(void *, size_t, const mf_stat *, const mf_err *), void *arg);
mf_code mf_real_list(
	struct mf_root *, const char *path, mf_code (*each)(void *, const mf_dirent *), void *arg, mf_err *);
mf_code mf_real_mkdir(struct mf_root *, const char *path, uint32_t mode, mf_err *);
mf_code mf_real_rename(struct mf_root *, const char *from, const char *to, enum mf_rename_how, mf_err *);
mf_code mf_real_unlink(struct mf_root *, const char *path, mf_err *);
mf_code mf_real_rmdir(struct mf_root *, const char *path, mf_err *);
mf_code mf_real_sync_dir(struct mf_root *, const char *path, mf_err *);
mf_code mf_real_sync_all(struct mf_root *, mf_err *);
mf_code mf_real_space(struct mf_root *, uint64_t *free, mf_err *);

/* env_real_file.c: one open file. */
mf_code mf_real_open(
	struct mf_root *, const char *path, enum mf_open_flags, uint32_t mode, struct mf_file **out, mf_err *);
void mf_real_close(struct mf_file *);
mf_code mf_real_fstat(struct mf_file *, mf_stat *out, mf_err *);
mf_code mf_real_read(struct mf_file *, uint64_t off, void *p, size_t n, size_t *got, mf_err *);
mf_code mf_real_write(struct mf_file *, uint64_t off, const void *p, size_t n, mf_err *);
mf_code mf_real_fsync(struct mf_file *, mf_err *);
mf_code mf_real_set_mtime(struct mf_file *, int64_t mtime_ns, mf_err *);
mf_code mf_real_set_mode(struct mf_file *, uint32_t mode, mf_err *);

/* env_real_path.c: the way down from a root. */

/** True if this kernel (and sandbox) lets us use openat2. */
bool mf_real_have_openat2(void);
/** Opens @p path below @p root with openat(2) @p flags, following no link.
 *  @return a descriptor, or -errno; -ELOOP and -EXDEV: a link or a way out was met. */
int mf_real_open_beneath(struct mf_root *root, const char *path, int flags, uint32_t mode);
/** The directory that holds the last component of @p path, and that component.
 *  *dirfd may be the root's own: give it back with mf_real_parent_close(). @return 0 or -errno. */
int mf_real_parent(struct mf_root *root, const char *path, int *dirfd, const char **name);
void mf_real_parent_close(struct mf_root *root, int dirfd);
/** MF_OK if @p path may be used: relative, clean, no "..". */
mf_code mf_real_path_check(const char *path, mf_err *err);
/** mf_fail_errno() that knows what links and bad names mean here: MF_EAUTH and MF_EINVAL. */
mf_code mf_real_fail(mf_err *err, int sys, const char *what, const char *path);
/** statx(2) with @p flags. @return 0 or errno. */
int mf_real_fill_stat(int dirfd, const char *name, int flags, mf_stat *out);

/* env_real_jobs.c */
/** On failure nothing is left to undo; afterwards mf_real_jobs_stop() and closing `async` are due. */
mf_code mf_real_jobs_init(struct mf_env_real *env, mf_err *err);
mf_code mf_real_jobs_start(struct mf_env_real *env, unsigned transfers, mf_err *err);
void mf_real_jobs_stop(struct mf_env_real *env); /* joins the threads */
struct mf_job *mf_real_job_start(struct mf_env *, enum mf_pool, mf_job_fn *, mf_job_done *, void *arg);
void mf_real_job_cancel(struct mf_job *);

/* env_real_watch.c */
struct mf_watch *mf_real_watch_new(struct mf_env *, mf_watch_cb *cb, void *arg);
mf_code mf_real_watch_add(struct mf_watch *, struct mf_root *root, const char *path, mf_err *);
void mf_real_watch_remove(struct mf_watch *, const char *path, bool below);
void mf_real_watch_free(struct mf_watch *);
/** Hand out inotify records; tests feed their own. */
void mf_real_watch_feed(struct mf_env_real *env, const void *records, size_t n);
/** Ends the instance; the poll handle's close is counted in env->closing. */
void mf_real_watch_close(struct mf_env_real *env);

/* env_real_watched.c */
struct mf_watched *mf_watched_of_wd(const struct mf_inotify *ino, int wd); /* the first; others follow in by_wd */
struct mf_watched *mf_watched_of_path(
	const struct mf_inotify *ino, const struct mf_watch *set, const char *path, size_t n);
void mf_watched_add(struct mf_inotify *ino, struct mf_watch *set, int wd, const char *path, size_t n);
/** Out of both tables.  The text lives on while a callback that was given it may be running. */
void mf_watched_unlink(struct mf_inotify *ino, struct mf_watched *e);
/** Unlinks one; the kernel's watch goes with the last user of its wd. */
void mf_watched_forget(struct mf_inotify *ino, struct mf_watched *e);
/** Frees what was unlinked, unless a callback is running. */
void mf_watched_bury(struct mf_inotify *ino);

/* env_real_db.c */
mf_code mf_real_db_open(struct mf_env *, const char *abspath, sqlite3 **out, mf_err *);
mf_code mf_real_db_sync(struct mf_env *, const char *abspath, mf_err *);
mf_code mf_real_db_checkpoint(struct mf_env *, const char *abspath, mf_err *);

/** env_real.c: one of the environment's handles is closed; the last one ends it. */
void mf_real_handle_closed(struct mf_env_real *env);

#endif
