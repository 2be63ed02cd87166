/** @file
 * The simulated filling of struct mf_env: a world of participants ("hosts") under one seeded scheduler.
 *
 * Everything runs on the caller's thread.  The scheduler picks, by the seed, which of the things that could happen
 * next happens: a job begins (its work runs inline, at once), a job's done is delivered, a timer fires, a watch
 * event arrives.  Time is virtual and moves when nothing is ready.  The same seed and the same calls give
 * the same trace.
 *
 * A host has a disk, a wall clock and a convergence secret, which outlive its processes.  sim_boot() begins a process:
 * an mf_env and an mf_grid.  sim_crash() ends it: every later call of that process fails without effect.  Its owner
 * calls sim_unwind(), closes what it has open in the ordinary way (jobs unwind, memory is freed), calls
 * sim_retire(), and may boot again.
 *
 * Paths in this header are absolute within the host's disk.  User operations abort the test when they cannot be
 * done; what the user does is durable at once.
 */
#ifndef MF_TESTS_SIM_SIM_H
#define MF_TESTS_SIM_SIM_H

#include "base/env.h"
#include "grid/grid.h"

struct sim_world;
struct sim_host;

/* ---- the world ---------------------------------------------------------------------------------------- */

struct sim_world *sim_world_new(uint64_t seed);
/** All processes must be retired. */
void sim_world_free(struct sim_world *w);
/** From the test's own stream of chance: [0, below). */
uint64_t sim_random(struct sim_world *w, uint64_t below);
bool sim_chance(struct sim_world *w, unsigned permille);
/** The test's stream goes on from here: what follows does not depend on how much was drawn before. */
void sim_random_from(struct sim_world *w, uint64_t seed);
int64_t sim_now_ms(const struct sim_world *w); /**< virtual time since the world began */
uint64_t sim_steps(const struct sim_world *w); /**< things that happened: a process that spins shows here */

/** Add a line to the trace: it counts in the hash; its text is kept only after sim_trace_keep().  With SIM_TRACE
 *  in the process environment all lines go to stderr, too. */
void sim_trace(struct sim_world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace_keep(struct sim_world *w);
mf_str sim_trace_text(const struct sim_world *w);
uint64_t sim_trace_hash(const struct sim_world *w);

/** While a job runs, other ready things (of its own loop, too) happen between its operations with this chance. */
void sim_preempt(struct sim_world *w, unsigned permille);
/** Stored times are multiples of this; 1 at first (Linux: one tick, about 4,000,000). */
void sim_time_grain(struct sim_world *w, uint32_t ns);

/** Let one thing happen.  @return false when there is nothing that ever could. */
bool sim_step(struct sim_world *w);
void sim_run_for(struct sim_world *w, int64_t ms);
/** @return whether @p pred became true within @p limit_ms of virtual time (and 5 million steps). */
bool sim_run_until(struct sim_world *w, bool (*pred)(void *arg), void *arg, int64_t limit_ms);

/* ---- hosts and their processes ---------------------------------------------------------------------- */

struct sim_host *sim_host_new(struct sim_world *w, const char *name);
const char *sim_host_name(const struct sim_host *h);
struct mf_env *sim_boot(struct sim_host *h);
struct mf_env *sim_env_of(struct sim_host *h);   /**< NULL between sim_retire() and sim_boot() */
struct mf_grid *sim_grid_of(struct sim_host *h); /**< of the running process */

enum sim_crash { SIM_CRASH_PROCESS, SIM_CRASH_POWER };
/** The process dies now.  With SIM_CRASH_POWER what was not synced may be lost, by the seed. */
void sim_crash(struct sim_host *h, enum sim_crash how);
/** The same at the n-th operation from now (1 = the next; 0 = never mind). */
void sim_crash_after(struct sim_host *h, enum sim_crash how, uint64_t n);
bool sim_dead(const struct sim_host *h);
/** Nothing of the host's process happens as long as this is on. */
void sim_freeze(struct sim_host *h, bool on);
/** The owner of a dead process closes it now: until this nothing of it runs any more, from now on its timers fire and its
 *  jobs come back, all without effect. */
void sim_unwind(struct sim_host *h);
/** The process has ended, orderly or not, and its owner has closed everything.
 *  @return how many handles it left open (timers, jobs, roots, files, watches, databases); each is a leak.  The
 *  environment is freed only when there are none. */
size_t sim_retire(struct sim_host *h);
void sim_umask(struct sim_host *h, uint32_t mask);   /**< of its processes; 022 at first */
void sim_clock_jump(struct sim_host *h, int64_t ns); /**< the wall clock; timers do not care */

/* ---- what goes wrong ------------------------------------------------------------------------------------ */

enum sim_op {
	SIM_STAT,
	SIM_LIST,
	SIM_OPEN,
	SIM_READ,
	SIM_WRITE,
	SIM_SYNC,
	SIM_SETATTR,
	SIM_MKDIR,
	SIM_RENAME,
	SIM_UNLINK,
	SIM_WATCH,
	SIM_DB_OPEN,
	SIM_DB_READ,
	SIM_DB_WRITE,
	SIM_DB_SYNC,
	SIM_DB_LOCK,
	SIM_PUT,
	SIM_GET,
	SIM_PUT_DIR,
	SIM_MKDIR_GRID,
	SIM_LIST_GRID,
	SIM_UPDATE,
	SIM_OPS,
};
/** Instead of an mf_code: the grid does it and then fails; it fails after a minute. */
enum { SIM_LOST_ANSWER = 1000, SIM_TIMEOUT };
/** The n-th operation of this kind from now (1 = the next) fails once: with errno value @p sys for SIM_STAT to
 *  SIM_WATCH; for databases an SQLite input/output error, SIM_DB_WRITE with ENOSPC a full disk, SIM_DB_LOCK busy;
 *  mf_code @p sys for the grid. */
void sim_fail_nth(struct sim_host *h, enum sim_op op, uint64_t n, int sys);
/** That failure has not happened yet. */
bool sim_fail_is_due(const struct sim_host *h, enum sim_op op);
/** Every operation of this kind fails with this chance, until changed. */
void sim_fail_often(struct sim_host *h, enum sim_op op, unsigned permille, int sys);
uint64_t sim_count(const struct sim_host *h, enum sim_op op); /**< operations begun, over all processes */
uint64_t sim_grid_writes(const struct sim_host *h);           /**< of them, those that write to the grid */
/** Called before every operation of the host's process, so that a test's user can act in the middle of a job. */
void sim_on_op(struct sim_host *h, void (*fn)(void *arg, enum sim_op op, const char *what), void *arg);

typedef struct sim_trouble {
	bool cut_off;         /* no grid operation succeeds or has an effect: MF_ENET */
	unsigned fail;        /* permille: grid operations fail without effect */
	unsigned lose_answer; /* permille: writes are done, but fail */
	unsigned stale;       /* permille: mutable directories are read in their previous version */
	unsigned slow_ms;     /* added to each grid operation, at random up to this */
	unsigned drop_events; /* permille: watch events lost without a word */
	unsigned watch_limit; /* directories that can be watched; 0 = no limit */
	uint64_t disk_free;   /* bytes that can still be written; 0 = no limit */
	bool no_exchange;     /* the file system cannot MF_RENAME_EXCHANGE */
	bool rolled_back;     /* every mutable directory is read in its previous version, as long as this holds */
	const char *refuse;   /* links of this name are refused for good; borrowed */
} sim_trouble;
/** Read and change as you like; all zero at first. */
sim_trouble *sim_trouble_of(struct sim_host *h);
/** All faults of the host end: trouble, sim_fail_*, sim_crash_after. */
void sim_calm(struct sim_host *h);
/** Faults that came to pass: something failed, was lost, or was not as it should be because of them. */
enum sim_hit {
	SIM_HIT_CRASH,
	SIM_HIT_POWER,
	SIM_HIT_PREEMPT, /* something else happened in the middle of a job */
	SIM_HIT_PLANNED, /* sim_fail_nth() or sim_fail_often() */
	SIM_HIT_CUT_OFF,
	SIM_HIT_FAILED,
	SIM_HIT_LOST_ANSWER,
	SIM_HIT_STALE,
	SIM_HIT_SLOW,
	SIM_HIT_DROPPED,
	SIM_HIT_OVERFLOW,
	SIM_HIT_FULL,
	SIM_HIT_NO_EXCHANGE,
	SIM_HIT_LOCKED,
	SIM_HITS,
};
uint64_t sim_hits(const struct sim_host *h, enum sim_hit what); /**< how often, over all processes */
/** Lose all watch events not delivered yet and say so with MF_WATCH_OVERFLOW. */
void sim_watch_overflow(struct sim_host *h);
/** Another program holds the write lock of this database until told otherwise. */
void sim_db_hold(struct sim_host *h, const char *path, bool on);

/* ---- what the user does to the disk ---------------------------------------------------------------------- */

void sim_mkdirs(struct sim_host *h, const char *path); /**< with parents */
/** Writes a whole file (in place if it exists) and closes it. */
void sim_write(struct sim_host *h, const char *path, const void *p, size_t n);
void sim_writez(struct sim_host *h, const char *path, const char *text);
/** Writes part of a file and leaves it open: no MF_WATCH_CLOSED yet.  sim_write_close() says that. */
void sim_write_part(struct sim_host *h, const char *path, uint64_t off, const void *p, size_t n);
void sim_write_close(struct sim_host *h, const char *path);
/** @return false when there is no such file (removals of what is not there do nothing). */
bool sim_remove(struct sim_host *h, const char *path);               /**< with everything below */
bool sim_move(struct sim_host *h, const char *from, const char *to); /**< replaces a file at @p to */
void sim_chmod(struct sim_host *h, const char *path, uint32_t mode);
void sim_touch(struct sim_host *h, const char *path, int64_t mtime_ns);
void sim_symlink(struct sim_host *h, const char *path, const char *target);
void sim_special(struct sim_host *h, const char *path);               /**< a FIFO */
void sim_set_dev(struct sim_host *h, const char *path, uint64_t dev); /**< as if mounted there */

/** What lies at @p disk (a directory made with sim_set_dev(), or where sim_mount() put it) is at @p path, and what was there
 *  is at @p disk: as a mount, no event tells. */
void sim_mount(struct sim_host *h, const char *path, const char *disk);
/** The same back; watches in what is not at @p path any more end with MF_WATCH_GONE. */
void sim_unmount(struct sim_host *h, const char *path, const char *disk);

/** Everything on the disk is durable now. */
void sim_sync_disk(struct sim_host *h);

bool sim_stat(struct sim_host *h, const char *path, mf_stat *out); /**< false: nothing there */
/** Appends the content; false: no such regular file. */
bool sim_read(struct sim_host *h, const char *path, mf_buf *out);
bool sim_has(struct sim_host *h, const char *path, const char *text); /**< the file's content is exactly this */
/** Every regular file below @p path, in byte order of its path relative to @p path. */
void sim_walk(struct sim_host *h, const char *path,
	void (*each)(void *arg, const char *relpath, const mf_stat *st, mf_str content), void *arg);
/** One line per file and directory below: kind, x bit, mtime in seconds, size, content hash, name. Directories
 *  carry only their names. */
void sim_tree(struct sim_host *h, const char *path, mf_buf *out);

/* ---- the grid -------------------------------------------------------------------------------------------- */

/** Objects under literal capabilities, as recorded elsewhere. MF_EFORMAT: no such capability. */
mf_code sim_install_file(struct sim_world *w, mf_str cap, const void *p, size_t n);
mf_code sim_install_immdir(struct sim_world *w, mf_str cap, const mf_link *links, size_t n);
mf_code sim_install_dir(struct sim_world *w, const mf_dirwrite *cap, const mf_link *links, size_t n);
/** Everything in a file like golden/grid-sample.json.  The path is a real one. */
mf_code sim_install_sample(struct sim_world *w, const char *json_path, mf_err *err);
/** Looks at a directory, past all faults.  Free the listing. */
mf_code sim_peek_dir(struct sim_world *w, const mf_dirread *cap, mf_listing *out);
mf_code sim_peek_file(struct sim_world *w, mf_str cap, mf_buf *out);
/** Changes a directory from outside, past all faults. */
mf_code sim_poke_dir(struct sim_world *w, const mf_dirwrite *cap, const mf_link *links, size_t n);
/** The version that the directory is in now bears this number: with sim_poke_dir() before it, what a store
 *  says that was put back to an older state and went on from there. */
void sim_number_dir(struct sim_world *w, const mf_dirread *cap, uint64_t seqnum);
/** Called for every entry of a mutable directory that gets another capability, after the fact.  @p was: NULL if there
 *  was none. */
typedef void sim_link_cb(void *arg, const char *name, const char *was, const char *now);
void sim_on_link(struct sim_world *w, sim_link_cb *fn, void *arg);
/** Called for every immutable directory before it has a capability.  What @p fn puts into the first byte of the key
 *  decides how capabilities are ordered. */
typedef void sim_name_cb(void *arg, const mf_link *links, size_t n, uint8_t key[16]);
void sim_on_name(struct sim_world *w, sim_name_cb *fn, void *arg);
/** No nudge paths from now on: only polling finds what others did. */
void sim_no_nudges(struct sim_world *w);

#endif
