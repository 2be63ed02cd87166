/** @file
 * Inside floor 3: what the files that make up a folder's engine share.  Nothing outside sync/ includes this.
 *
 * All state is owned by the loop thread.  Work that blocks is a *task*: a struct that owns its inputs and
 * outputs whole, run by a worker, handed back once.
 *
 * A *turn* is one database transaction in which every path that is ready takes as many steps as it can:
 * gather facts, ask the planner, carry out.  Tasks decided in a turn start after its commit, so nothing
 * is acted on that is not recorded first (planner.md, principle 7).
 */
#ifndef MF_SYNC_ENGINE_H
#define MF_SYNC_ENGINE_H

#include "base/sha256.h"
#include "sync/apply/apply.h"
#include "sync/evidence.h"
#include "sync/facts.h"
#include "sync/folder.h"
#include "sync/local/local.h"
#include "sync/local/mount.h"
#include "sync/pairs.h"
#include "sync/path.h"
#include "sync/plan/planner.h"
#include "sync/doc/relpath.h"
#include "sync/remote/remote.h"
#include "sync/doc/snapshot.h"
#include "sync/state/state.h"
#include "sync/trust/unproven.h"

/* ---- tasks -------------------------------------------------------------------------------------------- */

struct mf_task {
	struct mf_folder *f;
	struct mf_task *prev, *next;
	struct mf_job *job; /* NULL until started */
	enum mf_pool pool;
	bool may_stop; /* asked to stop when the folder is paused: long, and done again without harm */
	/* worker; what it returns decides: t->err is emptied after MF_OK, whatever was left in it on the way */
	mf_code (*work)(struct mf_task *t, const mf_cancel *cancel);
	void (*done)(struct mf_task *t); /* loop; frees t; when f->closing it only frees */
	mf_err err;
};
/** Start @p t after the turn's commit (or at once outside a turn).  If the turn is rolled back, done is
 *  called with t->err = MF_EBUSY and work never ran. */
void mf_task_start(struct mf_folder *f, struct mf_task *t);

/* ---- the folder -------------------------------------------------------------------------------------------- */

struct mf_waiter {
	struct mf_waiter *next;
	uint64_t ticket;
	mf_folder_done *done;
	void *arg;
	enum { MF_WAIT_SCAN, MF_WAIT_POLL, MF_WAIT_GRID } what;
	unsigned round; /* answered when this round has ended */
};

/** What may be wrong with the folder as a whole.  Each has a place of its own among the errors: it is said once, and
 *  whoever finds it mended clears this one and no other. */
enum mf_trouble {
	MF_TR_PATH,     /* none: an error of a path */
	MF_TR_PEER,     /* of a participant's directory, or of an entry in it */
	MF_TR_KEY,      /* a participant's key has changed */
	MF_TR_PEOPLE,   /* the list of participants cannot be read */
	MF_TR_ROOT,     /* the user's directory is not there, or is not the one known */
	MF_TR_DATABASE, /* locked by another program, or failing */
	MF_TR_SCAN,     /* what is known could not be read for a scan */
	MF_TR_LINK,     /* our directory on the grid cannot be updated */
	MF_TR_MOUNT,    /* of a directory: the disk that was there is not */
	MF_TR_WATCH,    /* not every directory has a watch */
};

struct mf_error {
	struct mf_error *next;
	enum mf_trouble trouble;
	char *relpath; /* NULL: the folder */
	char *peer;    /* MF_TR_PEER: whose */
	char *text;
	int64_t at_ns; /* since when, whatever its text was */
	/* round + 1 of the full scan that found it last, or UINT_MAX: the next one may let it go; 0: none may */
	unsigned scan;
};

struct mf_folder {
	struct mf_env *env;
	struct mf_grid *grid;
	mf_folder_conf conf;
	mf_settings set; /* in force; its intervals are those of conf, too */
	struct mf_state *state;
	struct mf_root *root; /* NULL while the user's directory is gone */
	mf_folder_listener *listen;
	void *listen_arg;
	bool started, closing;
	bool parked;            /* paths that had something to do while nothing was begun are left in the table */
	struct mf_rules *rules; /* rules.h */
	bool known_any;         /* the table of Known may have rows */
	mf_pairs inherited;     /* paths of which Python left versions that are not taken yet (inherit.h) */
	bool inherits;          /* there are rows of such versions, Python's or ours (stash.h) */
	char *stash_dir;        /* absolute; the copies are there */
	uint64_t stash_bytes;   /* of those that are ours */
	bool stash_stale;       /* there is something in it that no row names any more */
	bool sweeping;          /* it is being removed */
	bool stash_syncing, stash_unsynced; /* rows are being made durable; there are others */
	mf_pairs local_only;                /* read-only folders: paths that differ here, and their state as text */
	void (*closed)(void *arg);
	void *closed_arg;
	struct mf_task *tasks;
	size_t n_tasks;
	/* tasks decided in the present turn */
	bool in_turn;
	struct mf_task **deferred;
	size_t n_deferred, cap_deferred;
	/* paths */
	struct mf_path **table;
	size_t n_paths, cap_table;
	struct mf_later *later, **later_tail; /* wait to come under work */
	size_t n_later[3];                    /* by enum mf_later_why */
	uint8_t hash_key[16];
	struct mf_path *q_head, **q_tail;
	struct mf_path *settling;
	size_t n_settling;
	uint64_t settle_at_ms; /* when settle_timer fires; 0 = not armed */
	size_t n_looking;      /* look tasks under way */
	size_t n_downloading;
	struct mf_path **turn_paths; /* stepped in the present turn */
	size_t n_turn_paths, cap_turn_paths;
	struct mf_timer *turn_timer, *settle_timer, *batch_timer, *poll_timer, *scan_timer, *apply_timer, *gate_timer,
		*rest_timer, *known_timer;
	bool turn_armed;
	bool turn_ran;          /* the transaction was opened */
	bool loaded;            /* markers and intents that the databases name are known */
	bool resume_due;        /* the next turn takes up what was interrupted */
	mf_err turn_err;        /* a write failed: the turn must not be committed */
	unsigned turns_unsaved; /* turns in the write-ahead logs, about */
	bool checkpointing;
	bool turn_lost;         /* the last turn could not be committed */
	uint64_t busy_since_ms; /* database locked by somebody else; 0 = no */
	/* publishing */
	struct mf_path **batch;
	size_t n_batch, cap_batch;
	bool linking; /* a directory update is in flight */
	uint64_t batch_since_ms, last_update_end_ms;
	uint64_t update_debt_ms; /* at that time: publish.c */
	unsigned link_tries;
	unsigned link_round;     /* how often the batch was given up, because our directory had been read */
	uint64_t batch_retry_ms; /* after a failure: not before */
	size_t batch_max;        /* links in one update after a refusal; 0 = no limit */
	uint64_t blamed;         /* hash of the path whose link alone was refused last; 0: there was a success since */
	bool version_due;        /* our directory is at a version of ours that is to be noted */
	/* published names that are not NFC: their entry names are not their own */
	mf_pairs odd; /* entry name -> path */
	bool odd_loaded;
	bool self_read;   /* our own directory was read since start (planner.md W6) */
	bool polled_once; /* a poll has ended since start */
	/* applying */
	struct mf_path **staged;
	size_t n_staged, cap_staged;
	struct mf_path **intended;
	size_t n_intended, cap_intended;
	bool syncing, replacing;
	uint64_t staged_since_ms;
	/* remote */
	struct mf_peer *peers;
	struct mf_poll *poll; /* running poll */
	bool poll_again;
	unsigned poll_round, poll_marked;
	unsigned poll_good,
		poll_needed; /* round of the last that ended well; the one after which the grid is believed */
	unsigned bad_polls;  /* in a row */
	struct mf_head_todo *heads_todo, **heads_tail; /* entries to be looked up in the index */
	struct mf_fetch **fetch;                       /* hash table by cap: snapshots on their way into the index */
	size_t n_fetch, cap_fetch, n_fetching;
	struct mf_fetch *fetch_queue, **fetch_queue_tail; /* not started yet */
	struct mf_fetch *fetched;                         /* arrived, to be taken in by the next turn */
	struct mf_watch *nudge;
	uint64_t last_activity_ms;
	mf_dirver collective_version, collective_seen;
	struct mf_unproven_set unproven;
	struct mf_changed *changed;
	char *self_name; /* ours in the Collective; NULL: not listed, as far as we know */
	bool trust_due;  /* something to be judged when the poll ends */
	bool has_last_key;
	uint8_t last_key[32]; /* of the last pinned key looked up */
	bool people_loaded;   /* those that an earlier run knew */
	bool in_collective, collective_read, collective_nudged;
	/* local */
	struct mf_watch *watch;
	struct mf_left {
		uint32_t cookie;
		char *path;
	} left[16]; /* names that went away by a rename, the last ones, round and round */
	unsigned at_left;
	bool root_gone;         /* reported: the user's directory is not there */
	bool watching;          /* every directory has a watch */
	bool watch_short;       /* some directory got none since the last full scan began */
	struct mf_dirset *dirs; /* watched directories */
	bool scan_running, scan_again, scan_walking;
	struct walk *loading; /* of a scan that has begun: what is known is being read */
	size_t n_absent;      /* paths that have absent_before */
	struct mf_path **gated;
	size_t n_gated, cap_gated;
	uint64_t gate_since_ms;
	struct mf_mounts mounts;
	struct mf_mounts away;   /* places not to be believed; dev: as now, or MF_DEV_NONE */
	struct list unsure;      /* paths seen on another device than was believed: a scan judges */
	uint64_t held[MF_WORDS]; /* rows of mf_held */
	bool held_stale;         /* they were changed in this turn */
	bool root_doubtful;      /* another directory than the one known: nothing in it is believed yet */
	unsigned root_generation;
	bool walked; /* directories have their watches, leftovers are swept */
	unsigned scan_round, scan_marked;
	unsigned scan_good, scan_needed; /* as for polls: the one after which the disk is believed */
	size_t n_subscans;
	mf_pairs markers; /* path of a marker -> the path that it belongs to */
	/* people */
	struct mf_choice *choices; /* conflicts being settled on request (resolve.h) */
	struct mf_waiter *waiters;
	uint64_t next_ticket;
	struct mf_error *errors;
	size_t n_errors;
	size_t n_up, n_down;
	int64_t last_scan_ns, last_poll_ns;
};

/** After the first poll: take up what was interrupted, scan. */
void mf_folder_resume(struct mf_folder *f);
uint64_t mf_now_ms(struct mf_folder *f);
void mf_tell(struct mf_folder *f, enum mf_folder_event_kind kind, const char *relpath, const char *text);
/** Report once per (relpath, text). */
void mf_report(struct mf_folder *f, const char *relpath, const char *text);
void mf_report_clear(struct mf_folder *f, const char *relpath);
/** The same for the folder as a whole. */
void mf_trouble(struct mf_folder *f, enum mf_trouble what, const char *text);
void mf_trouble_over(struct mf_folder *f, enum mf_trouble what);
/** That @p participant's key has changed; NULL: not any more. */
void mf_report_key(struct mf_folder *f, const char *participant, const char *text);
/** The same for a directory; NULL: it is over. */
void mf_trouble_at(struct mf_folder *f, enum mf_trouble what, const char *dir, const char *text);
/** An error of @p participant's directory (@p entry NULL) or of an entry in it; MF_OK or NULL in @p err clears it. */
void mf_report_peer(struct mf_folder *f, const char *participant, const char *entry, const mf_err *err);
/** Errors of participants for whom @p stays says no. */
void mf_report_peers_left(
	struct mf_folder *f, bool (*stays)(const void *arg, const char *participant), const void *arg);
/** As it may be shown, on the heap: what is not printable becomes \\xNN. */
char *mf_safe_name(const char *path);
void mf_reports_free(struct mf_folder *f);
enum { MF_LOCKED_SAY_MS = 2000 }; /* a locked database is said after this long */
void mf_turn_run(void *folder);   /* timer */
void mf_settle_run(void *folder); /* timer */
/** The last task of a closing folder has ended: free everything. */
void mf_folder_end(struct mf_folder *f);
void mf_settle_arm(struct mf_folder *f, uint64_t at_ms);
void mf_turn_arm(struct mf_folder *f, uint64_t delay_ms);
void mf_waiters_check(struct mf_folder *f);
/** Answer those who wait for @p what (-1: anything) up to @p round. */
void mf_waiters_answer(struct mf_folder *f, int what, unsigned round, const mf_err *err);
uint64_t mf_waiter_add(struct mf_folder *f, int what, unsigned round, mf_folder_done *done, void *arg);
/** What was last seen of the disk, or of the grid, counts no longer: a scan, or poll, from its beginning is needed. */
void mf_doubt_disk(struct mf_folder *f);
void mf_doubt_grid(struct mf_folder *f);
/** Is anything on its way to our Personal directory that has not reached the batch? */
bool mf_pipeline_empty(const struct mf_folder *f);

/* ---- steps (one file each) -------------------------------------------------------------------------------- */

/** decide.c: as many steps as possible for @p p; inside a turn. */
void mf_path_step(struct mf_folder *f, struct mf_path *p);

/** look.c: look at the disk; where only our own history is in play (or p->want_parents says so) also make the
 *  snapshot that the planner will ask for, in the same task: one file goes through all three objects
 *  (floor.md 8.4). */
void mf_look_start(struct mf_folder *f, struct mf_path *p);
/** Store a snapshot whose content is on the grid already (merge, deletion). @p proto: relpath, content,
 *  parents ... ; taken over. */
void mf_encode_start(struct mf_folder *f, struct mf_path *p, mf_snap_row *proto, mf_pathstate state);
/** Hash the content of snapshot @p cap and keep it in the index. */
void mf_hash_content_start(struct mf_folder *f, struct mf_path *p, const mf_snap_row *row);
/** [worker] SHA-256 of the first @p size bytes of an open file. */
mf_code mf_hash_file(
	struct mf_env *env, struct mf_file *file, uint64_t size, uint8_t out[32], const mf_cancel *cancel, mf_err *err);
/** Blocking, for workers: store metadata document and snapshot directory of @p row (content is set);
 *  fills metadata_cap and cap. */
mf_code mf_snapshot_store(struct mf_folder *f, mf_snap_row *row, const mf_cancel *cancel, mf_err *err);

/** publish.c */
void mf_link_add(struct mf_folder *f, struct mf_path *p, const mf_immdir *cap);
void mf_link_kick(struct mf_folder *f);
/** Take @p p out of the batch. @return false: it is under way. */
bool mf_link_take_out(struct mf_folder *f, struct mf_path *p);
/** The same back, as it was. */
void mf_link_put_in(struct mf_folder *f, struct mf_path *p);
/** In a turn: note which version our directory is at. */
void mf_link_turn(struct mf_folder *f);
/** Our own directory was read again: what waits in the batch is decided once more. */
void mf_link_replan(struct mf_folder *f);
void mf_odd_note(struct mf_folder *f, const char *relpath, mf_str entry);

/* ---- small things ---------------------------------------------------------------------------------------- */

mf_snap_row *mf_snap_row_dup(const mf_snap_row *r);
void mf_snap_row_free(mf_snap_row *r); /* clear and free */
/** A snapshot's time, which may be any number, in nanoseconds: the nearest there is. */
static inline int64_t
mf_seconds_ns(int64_t s)
{
	int64_t ns;

	if (__builtin_mul_overflow(s, INT64_C(1000000000), &ns))
		return s < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}
/** Whole seconds of a time, towards the past. */
static inline int64_t
mf_floor_s(int64_t ns)
{
	return ns / 1000000000 - (ns % 1000000000 < 0 ? 1 : 0);
}
#define MF_OPS(f) ((f)->env->ops)

#endif
