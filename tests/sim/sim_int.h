/** @file
 * Inside the simulator: what world, disk, watch, database and grid share. */
#ifndef MF_TESTS_SIM_SIM_INT_H
#define MF_TESTS_SIM_SIM_INT_H

#include <sys/queue.h>

#include "sim.h"

enum {
	SIM_JOBS_QUICK = 2,
	SIM_JOBS_TRANSFER = 8,
	SIM_DEPTH = 3, /* jobs begun in the middle of jobs */
	SIM_NAME_MAX = 64,
};
#define SIM_NUDGE_DIR "/.sim-nudge/"
#define SIM_EPOCH_NS 1700000000000000000ll

typedef struct sim_rng {
	uint64_t s;
} sim_rng;
uint64_t sim_rng_next(sim_rng *r);
uint64_t sim_rng_below(sim_rng *r, uint64_t below);
void sim_rng_fill(sim_rng *r, void *p, size_t n);

/* ---- disk ------------------------------------------------------------------------------------------------ */

struct sim_inode;
struct sim_entry {
	char *name;
	struct sim_inode *ino;
};

/* A write to a database file that was not synced: how to take it back. */
struct sim_undo {
	uint64_t off, size_before;
	mf_buf old; /* bytes from off that were there, as far as the file went */
};

struct sim_inode {
	LIST_ENTRY(sim_inode) all;
	uint64_t number, dev;
	enum mf_kind kind;
	uint32_t mode;
	int64_t mtime_ns, ctime_ns, btime_ns;
	mf_buf data;           /* file's content, or symlink's target */
	struct sim_entry *ent; /* directory */
	size_t n_ent, cap_ent;
	struct sim_inode *home; /* the directory that got an entry for this inode last */
	uint32_t links;         /* entries */
	uint32_t opens;         /* handles and log records that need it; it is not freed before */
	bool dirty;             /* content is newer than `safe` */
	mf_buf safe;            /* content at the last sync */
	int64_t safe_mtime_ns;
	uint32_t safe_mode;
	bool is_db; /* written by SQLite: undo counts, not dirty and safe */
	struct sim_undo *undo;
	size_t n_undo, cap_undo;
	bool held; /* another program has the write lock */
};

struct sim_change {
	struct sim_inode *dir;
	char *name;
	struct sim_inode *was, *now;
};

/* One operation on names that no sync_dir has made durable. */
struct sim_nameop {
	struct sim_change ch[2];
	size_t n;
	struct sim_inode *also; /* a directory that is touched without a change in it (mkdir) */
	bool durable;
};

struct sim_disk {
	LIST_HEAD(, sim_inode) inodes;
	struct sim_inode *root;
	uint64_t next_number;
	struct sim_nameop *log;
	size_t n_log, cap_log;
	size_t unlinked; /* inodes without entries, about */
};

/* Where a path leads. */
struct sim_spot {
	struct sim_inode *dir; /* the last directory on the way */
	const char *name;      /* last component, borrowed from the path; "" for the start itself */
	struct sim_inode *ino; /* NULL: nothing there */
};

/* All return 0 or an errno value. */
void sim_disk_init(struct sim_host *h);
void sim_disk_deinit(struct sim_disk *d);
int sim_lookup(struct sim_inode *from, const char *path, struct sim_spot *out);
int sim_lookup_abs(struct sim_disk *d, const char *path, struct sim_spot *out);
struct sim_inode *sim_inode_new(struct sim_host *h, enum mf_kind kind, uint32_t mode);
int64_t sim_stamp(struct sim_host *h);
/* Set or remove (now = NULL) one entry; neither events nor log. */
void sim_entry_set(struct sim_disk *d, struct sim_inode *dir, const char *name, struct sim_inode *now);
/* Changes that belong together, logged unless the user does it. */
void sim_names_change(struct sim_host *h, const struct sim_change *ch, size_t n, struct sim_inode *also, bool logged);
void sim_sync_names(struct sim_disk *d, struct sim_inode *dir); /* NULL = all */
void sim_sync_content(struct sim_inode *ino);
void sim_sync_all(struct sim_disk *d);
void sim_power_cut(struct sim_host *h);
void sim_inode_stat(const struct sim_inode *ino, mf_stat *out);
bool sim_below(const struct sim_inode *ino, const struct sim_inode *dir); /* dir is ino or above it */

int sim_do_create(struct sim_host *h, const struct sim_spot *at, struct sim_inode *ino, bool logged);
int sim_do_write(struct sim_host *h, struct sim_inode *ino, uint64_t off, const void *p, size_t n);
int sim_do_unlink(struct sim_host *h, const struct sim_spot *at, bool logged);
int sim_do_rename(struct sim_host *h, const struct sim_spot *from, const struct sim_spot *to, enum mf_rename_how how,
	bool logged);

/* ---- processes --------------------------------------------------------------------------------------------- */

enum sim_job_state { SIM_JOB_QUEUED, SIM_JOB_RUNNING, SIM_JOB_DONE };

struct mf_job {
	LIST_ENTRY(mf_job) all;
	struct sim_env *env;
	mf_job_fn *work;
	mf_job_done *done;
	void *arg;
	mf_cancel cancel;
	enum mf_pool pool;
	enum sim_job_state state;
	bool has_worker; /* from its beginning until its done is delivered */
	uint64_t number;
	int64_t ready_ns; /* when done may be delivered; grows while the work runs */
};

struct mf_timer {
	LIST_ENTRY(mf_timer) all;
	struct sim_env *env;
	mf_timer_cb *cb;
	void *arg;
	uint64_t number;
	bool armed;
	int64_t due_ns;
};

struct mf_root {
	struct sim_env *env;
	struct sim_inode *ino;
	char *path;
};

struct mf_file {
	struct sim_env *env;
	struct sim_inode *ino;
	bool writable;
};

struct sim_watched {
	struct sim_inode *ino; /* NULL for a nudge */
	char *path;            /* as given */
};

struct sim_pending_event {
	struct sim_inode *ino; /* the watched directory; NULL for nudges and overflows */
	char *name;
	enum mf_watch_what what;
	bool is_dir;
	uint32_t cookie;
};

struct mf_watch {
	LIST_ENTRY(mf_watch) all;
	struct sim_env *env;
	mf_watch_cb *cb;
	void *arg;
	struct sim_watched *dirs;
	size_t n_dirs, cap_dirs;
	struct sim_pending_event *queue;
	size_t n_queue, cap_queue, at_queue; /* [at_queue, n_queue) waits */
};

struct sim_dbshare; /* locks and shared memory of one database in one process */

struct sim_env {
	struct mf_env base;
	struct mf_grid grid;
	struct sim_host *host;
	uint64_t life; /* which process of the host */
	bool dead;
	bool unwinding; /* dead, and its owner closes it: timers and jobs come to their ends */
	LIST_HEAD(, mf_timer) timers;
	LIST_HEAD(, mf_job) jobs;
	LIST_HEAD(, mf_watch) watches;
	LIST_HEAD(, sim_dbshare) shares;
	struct mf_job *running; /* innermost job under way */
	unsigned busy[2];       /* workers in use, per pool */
	size_t open_roots, open_files, open_dbs;
	uint64_t next_number;
	sim_rng rng;
	sqlite3_vfs vfs;
	char vfs_name[SIM_NAME_MAX];
	LIST_ENTRY(sim_env) all;
};

struct sim_fault {
	uint64_t nth; /* counts down to the failure; 0 = none */
	int nth_sys;
	unsigned permille;
	int often_sys;
};

struct sim_host {
	LIST_ENTRY(sim_host) all;
	struct sim_world *world;
	char name[SIM_NAME_MAX];
	struct sim_disk disk;
	struct sim_env *env;
	uint64_t lives;
	int64_t wall_offset_ns;
	uint8_t convergence[32];
	uint32_t umask;
	sim_trouble trouble;
	struct sim_fault fault[SIM_OPS];
	uint64_t count[SIM_OPS], hits[SIM_HITS];
	uint64_t crash_in; /* operations */
	enum sim_crash crash_how;
	bool power_lost; /* to be applied to the disk when the process is retired */
	uint32_t cookie;
	void (*on_op)(void *arg, enum sim_op op, const char *what);
	void *on_op_arg;
	bool in_hook;
	bool frozen;
};

struct sim_object;

struct sim_world {
	LIST_HEAD(, sim_host) hosts;
	LIST_HEAD(, sim_env) envs; /* living and dead, not retired */
	int64_t now_ns;
	uint64_t steps;
	sim_rng choice, chance; /* the scheduler's and the faults' stream, the test's stream */
	uint64_t hash;
	bool keep, echo;
	mf_buf text;
	unsigned preempt, depth;
	uint32_t grain_ns;
	bool no_nudges;
	sim_link_cb *on_link;
	void *on_link_arg;
	sim_name_cb *on_name;
	void *on_name_arg;
	struct sim_object **objects; /* the grid: a hash table by capability text */
	size_t n_objects, cap_objects;
	uint64_t next_vfs;
};

/* Chance of the simulator itself. */
bool sim_lot(struct sim_world *w, unsigned permille);
uint64_t sim_pick(struct sim_world *w, uint64_t below);

/* The door of every operation of a process: counts, traces, lets others run, crashes and fails as planned.
 * @return 0, or the errno value (mf_code for the grid) to fail with; EIO (MF_ENET) when the process is dead. */
int sim_gate(struct sim_env *e, enum sim_op op, const char *what);
/** Is somebody else said to hold the lock of a database just now?  No door: nothing else happens at a lock. */
bool sim_lock_fails(struct sim_env *e);
void sim_die(struct sim_host *h, enum sim_crash how);
mf_code sim_fail(mf_err *err, int sys, const char *doing, const char *path);

extern const struct mf_env_ops sim_env_ops;
extern const struct mf_grid_ops sim_grid_ops;

/* watch.c */
struct mf_watch *sim_watch_new(struct mf_env *env, mf_watch_cb *cb, void *arg);
mf_code sim_watch_add(struct mf_watch *w, struct mf_root *root, const char *path, mf_err *err);
void sim_watch_remove(struct mf_watch *w, const char *path, bool below);
void sim_watch_free(struct mf_watch *w);
void sim_emit(struct sim_host *h, struct sim_inode *dir, enum mf_watch_what what, const char *name, bool is_dir,
	uint32_t cookie);
void sim_emit_inode(struct sim_host *h, struct sim_inode *ino, enum mf_watch_what what); /* at its present name */
void sim_emit_gone(struct sim_host *h, struct sim_inode *dir);
void sim_emit_nudge(struct sim_world *w, const char *path);
void sim_watch_deliver(struct mf_watch *w);

/* file.c: the operations of mf_env_ops on roots and files. */
mf_code sim_op_root_open(struct mf_env *env, const char *abspath, struct mf_root **out, mf_err *err);
void sim_op_root_close(struct mf_root *r);
mf_code sim_op_root_check(struct mf_root *r, mf_err *err);
mf_code sim_op_stat(struct mf_root *r, const char *path, mf_stat *out, mf_err *err);
void sim_op_stat_in(struct mf_root *r, const char *dir, const char *const *name, size_t n,
	void (*each)(void *arg, size_t i, const mf_stat *, const mf_err *err), void *arg);
mf_code sim_op_list(
	struct mf_root *r, const char *path, mf_code (*each)(void *arg, const mf_dirent *), void *arg, mf_err *err);
mf_code sim_op_open(struct mf_root *r, const char *path, enum mf_open_flags flags, uint32_t mode, struct mf_file **out,
	mf_err *err);
void sim_op_close(struct mf_file *f);
mf_code sim_op_fstat(struct mf_file *f, mf_stat *out, mf_err *err);
mf_code sim_op_read(struct mf_file *f, uint64_t off, void *p, size_t n, size_t *got, mf_err *err);
mf_code sim_op_write(struct mf_file *f, uint64_t off, const void *p, size_t n, mf_err *err);
mf_code sim_op_fsync(struct mf_file *f, mf_err *err);
mf_code sim_op_set_mtime(struct mf_file *f, int64_t mtime_ns, mf_err *err);
mf_code sim_op_set_mode(struct mf_file *f, uint32_t mode, mf_err *err);
mf_code sim_op_mkdir(struct mf_root *r, const char *path, uint32_t mode, mf_err *err);
mf_code sim_op_rename(struct mf_root *r, const char *from, const char *to, enum mf_rename_how how, mf_err *err);
mf_code sim_op_unlink(struct mf_root *r, const char *path, mf_err *err);
mf_code sim_op_rmdir(struct mf_root *r, const char *path, mf_err *err);
mf_code sim_op_sync_dir(struct mf_root *r, const char *path, mf_err *err);
mf_code sim_op_sync_all(struct mf_root *r, mf_err *err);
mf_code sim_op_space(struct mf_root *r, uint64_t *free, mf_err *err);

/* vfs.c, db.c */
extern const sqlite3_io_methods sim_db_methods;
void sim_vfs_register(struct sim_env *e);
void sim_vfs_unregister(struct sim_env *e);
mf_code sim_op_db_open(struct mf_env *env, const char *abspath, sqlite3 **out, mf_err *err);
mf_code sim_op_db_sync(struct mf_env *env, const char *abspath, mf_err *err);
mf_code sim_op_db_checkpoint(struct mf_env *env, const char *abspath, mf_err *err);
struct sim_db_file;
int sim_share_join(struct sim_env *e, struct sim_inode *ino, struct sim_dbshare **out);
void sim_share_leave(struct sim_dbshare *s);
int sim_share_lock(struct sim_dbshare *s, int *mine, int want);
void sim_share_unlock(struct sim_dbshare *s, int *mine, int want);
bool sim_share_reserved(const struct sim_dbshare *s);
int sim_share_map(struct sim_dbshare *s, int region, int size, int extend, void volatile **out);
int sim_share_shm(struct sim_dbshare *s, unsigned *shared, unsigned *exclusive, unsigned bits, int flags);

/* store.c: objects of the grid. */
void sim_store_deinit(struct sim_world *w);

#endif
