/** @file
 * The environment: every way in which sync/ and invites/ touch the world.
 *
 * Production (base/env_real.c) fills the table with libuv, libsodium and system calls; the simulator
 * (tests/sim/) fills it with a seeded scheduler, a simulated disk and SQLite on a VFS of its own.
 * The code above never calls libc for time, randomness, files, watching, jobs or databases.
 *
 * Threads: the *loop* thread owns all state.  Functions marked [loop] are called from it only.
 * Functions marked [any] are blocking and thread-safe: meant for jobs, tolerable on the loop for a
 * single cheap call.  (design.md 2.1, 2.2)
 */
#ifndef MF_BASE_ENV_H
#define MF_BASE_ENV_H

#include <stdatomic.h>
#include <sqlite3.h>

#include "base/buf.h"
#include "base/err.h"

struct mf_env;
struct mf_timer;
struct mf_job;
struct mf_root;  /* a directory held open; paths below are relative to it */
struct mf_file;  /* an open regular file */
struct mf_watch; /* a set of watched directories with one callback */

/** Set once by whoever wants work to end soon; looked at by the worker between steps.
 *  Lives as long as the job. */
typedef struct mf_cancel {
	atomic_bool on;
} mf_cancel;

static inline bool
mf_canceled(const mf_cancel *c)
{
	return c != NULL && atomic_load_explicit(&c->on, memory_order_relaxed);
}

enum mf_kind { MF_KIND_ABSENT = 0, MF_KIND_FILE, MF_KIND_DIR, MF_KIND_SYMLINK, MF_KIND_OTHER };

/** What lstat says.  Times in nanoseconds since the epoch; btime 0 where the file system has none. */
typedef struct mf_stat {
	enum mf_kind kind;
	uint32_t mode; /* permission bits only, 07777 */
	uint32_t nlink;
	uint64_t size; /* bytes */
	int64_t mtime_ns, ctime_ns, btime_ns;
	uint64_t dev, ino;
} mf_stat;

typedef struct mf_dirent {
	const char *name; /* NUL-terminated raw bytes, without '/'; "." and ".." never come */
	size_t n;
	enum mf_kind kind; /* as readdir says; MF_KIND_ABSENT = unknown, ask lstat */
} mf_dirent;

enum mf_pool {
	MF_POOL_QUICK,    /**< one worker per core: stat, hash, small files */
	MF_POOL_TRANSFER, /**< default 8 workers: mostly waiting for network or big files */
	MF_POOL_SERVE,    /**< 8 workers from its first job on: what other machines ask of us; not in the simulator */
};

typedef void mf_timer_cb(void *arg);
/** The work itself, on a worker: touches only what @p arg owns; looks at @p cancel now and then. */
typedef void mf_job_fn(void *arg, const mf_cancel *cancel);
/** Back on the loop, exactly once, also after a cancel.  The handle is dead when this is called. */
typedef void mf_job_done(void *arg);

enum mf_watch_what {
	MF_WATCH_CREATED = 1, /* name appeared: created, linked, or made as a directory */
	MF_WATCH_MODIFIED,    /* content written (still open, perhaps) */
	MF_WATCH_CLOSED,      /* closed after writing */
	MF_WATCH_ATTRIB,
	MF_WATCH_DELETED,
	MF_WATCH_MOVED_FROM,
	MF_WATCH_MOVED_TO,
	MF_WATCH_GONE,     /* the watched directory itself was deleted, moved or unmounted; its watch is dead */
	MF_WATCH_OVERFLOW, /* events were lost: look at everything; dir and name are empty */
};

typedef struct mf_watch_event {
	enum mf_watch_what what;
	mf_str dir;  /* the path given to watch_add */
	mf_str name; /* entry in it, raw bytes; empty for GONE and OVERFLOW */
	bool is_dir;
	uint32_t cookie; /* pairs MOVED_FROM and MOVED_TO; 0 otherwise */
} mf_watch_event;
/** [loop] */
typedef void mf_watch_cb(void *arg, const mf_watch_event *ev);

enum mf_open_flags {
	MF_OPEN_READ = 0,
	MF_OPEN_CREATE_NEW = 1, /**< read-write, fails with MF_EEXIST; mode given */
};

enum mf_rename_how {
	MF_RENAME_REPLACE,  /**< plain rename(2) */
	MF_RENAME_NEW,      /**< fails with MF_EEXIST if the target exists */
	MF_RENAME_EXCHANGE, /**< both exist before and after; MF_EUNSUPPORTED where the file system cannot */
};

/* Paths: relative to the root, '/'-separated raw bytes, NUL-terminated, "" = the root itself.  No component
 * is followed if it is a symbolic link, none may be ".."; such a path fails with MF_EAUTH. */
struct mf_env_ops {
	/* -- time and chance ------------------------------------------------------------------- [any] */
	int64_t (*now_ns)(struct mf_env *);   /* wall clock, nanoseconds since the epoch; may jump */
	uint64_t (*mono_ms)(struct mf_env *); /* never goes back */
	void (*random)(struct mf_env *, void *p, size_t n);

	/* -- timers, one-shot ------------------------------------------------------------------ [loop] */
	struct mf_timer *(*timer_new)(struct mf_env *, mf_timer_cb *cb, void *arg);
	void (*timer_start)(struct mf_timer *, uint64_t delay_ms); /* again = moved */
	void (*timer_stop)(struct mf_timer *);
	void (*timer_free)(struct mf_timer *); /* NULL allowed; the callback does not come any more */

	/* -- jobs ------------------------------------------------------------------------------ [loop] */
	/* Never fails; @p done comes later from the loop, never from inside.  The handle is lent until then. */
	struct mf_job *(*job_start)(struct mf_env *, enum mf_pool, mf_job_fn *work, mf_job_done *done, void *arg);
	void (*job_cancel)(struct mf_job *); /* NULL allowed; only asks; a job not begun yet is not run,
	                                        its done still comes */

	/* -- files ------------------------------------------------------------------------------ [any] */
	/* Opens a directory following links, once; afterwards it is known by device and inode. */
	mf_code (*root_open)(struct mf_env *, const char *abspath, struct mf_root **out, mf_err *);
	void (*root_close)(struct mf_root *);
	/* MF_OK while abspath still is the directory that was opened; MF_ECHANGED or MF_ENOTFOUND otherwise. */
	mf_code (*root_check)(struct mf_root *, mf_err *);
	/* lstat; a missing path is MF_OK with kind ABSENT (also when a parent is no directory). */
	mf_code (*stat)(struct mf_root *, const char *path, mf_stat *out, mf_err *);
	/* The same for @p n names in one directory, which is found once.  Calls @p each for every one, in order; @p err
	 * is NULL unless it cannot be looked at. */
	void (*stat_in)(struct mf_root *, const char *dir, const char *const *name, size_t n,
		void (*each)(void *arg, size_t i, const mf_stat *, const mf_err *err), void *arg);
	/* Calls @p each for every entry; stops early when it returns something but MF_OK, and returns that. */
	mf_code (*list)(
		struct mf_root *, const char *path, mf_code (*each)(void *arg, const mf_dirent *), void *arg, mf_err *);
	mf_code (*open)(
		struct mf_root *, const char *path, enum mf_open_flags, uint32_t mode, struct mf_file **out, mf_err *);
	void (*close)(struct mf_file *); /* NULL allowed */
	mf_code (*fstat)(struct mf_file *, mf_stat *out, mf_err *);
	mf_code (*read)(struct mf_file *, uint64_t off, void *p, size_t n, size_t *got, mf_err *); /* got < n = end */
	mf_code (*write)(struct mf_file *, uint64_t off, const void *p, size_t n, mf_err *);       /* all or error */
	mf_code (*fsync)(struct mf_file *, mf_err *);
	mf_code (*set_mtime)(
		struct mf_file *, int64_t mtime_ns, mf_err *); /* atime too; clamped to the file system's range */
	mf_code (*set_mode)(struct mf_file *, uint32_t mode, mf_err *);
	mf_code (*mkdir)(struct mf_root *, const char *path, uint32_t mode, mf_err *); /* one level */
	mf_code (*rename)(struct mf_root *, const char *from, const char *to, enum mf_rename_how, mf_err *);
	mf_code (*unlink)(struct mf_root *, const char *path, mf_err *);   /* never a directory */
	mf_code (*rmdir)(struct mf_root *, const char *path, mf_err *);    /* MF_EEXIST when not empty */
	mf_code (*sync_dir)(struct mf_root *, const char *path, mf_err *); /* makes names durable */
	mf_code (*sync_all)(struct mf_root *, mf_err *);                   /* syncfs */
	/* Bytes that may still be written to the file system that the root is on. */
	mf_code (*space)(struct mf_root *, uint64_t *free, mf_err *);
	uint32_t (*umask)(struct mf_env *);

	/* -- watching --------------------------------------------------------------------------- [loop] */
	struct mf_watch *(*watch_new)(struct mf_env *, mf_watch_cb *cb, void *arg);
	/* Watch one directory below @p root (not its subdirectories), or, with root NULL, an absolute path.
	 * Adding twice is fine.  MF_EFULL: the system's watch limit is reached. */
	mf_code (*watch_add)(struct mf_watch *, struct mf_root *root, const char *path, mf_err *);
	/* Forget @p path and, with @p below, all watched directories under it. */
	void (*watch_remove)(struct mf_watch *, const char *path, bool below);
	void (*watch_free)(struct mf_watch *); /* NULL allowed; no callback afterwards */

	/* -- databases --------------------------------------------------------------------------- [loop] */
	/* Opens or creates (mode 0600): WAL, synchronous=NORMAL, busy_timeout 0, no auto-checkpoint, DQS off,
	 * foreign keys off. */
	mf_code (*db_open)(struct mf_env *, const char *abspath, sqlite3 **out, mf_err *);
	/* [any] Make all committed transactions of that database durable (fsync of its -wal). */
	mf_code (*db_sync)(struct mf_env *, const char *abspath, mf_err *);
	/* [any] Move the WAL into the database file (a connection of its own, PASSIVE). */
	mf_code (*db_checkpoint)(struct mf_env *, const char *abspath, mf_err *);
};

struct mf_env {
	const struct mf_env_ops *ops;
};

struct uv_loop_s;
/** The real thing on @p loop.  @p transfers: workers of the transfer pool (0 = 8). */
mf_code mf_env_real_new(struct uv_loop_s *loop, unsigned transfers, struct mf_env **out, mf_err *err);
/** [loop] All jobs done, watches, timers and files gone: stops the threads and begins closing the
 *  handles; run the loop until it is empty. @p done is called last. */
void mf_env_real_close(struct mf_env *env, void (*done)(void *arg), void *arg);

#endif
