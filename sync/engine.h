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
#include "sync/entryset.h"
#include "sync/evidence.h"
#include "sync/folder.h"
#include "sync/mount.h"
#include "sync/pairs.h"
#include "sync/planner.h"
#include "sync/relpath.h"
#include "sync/snapshot.h"
#include "sync/state.h"

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

/* ---- paths under work ------------------------------------------------------------------------------------ */

enum { MF_LOOK_APART_MS = 1000 }; /* planner.md P11: two looks at least this far apart */

/** What a path is waiting for. One thing at a time. */
enum mf_stage {
	MF_ST_IDLE,     /* nothing runs; ready to be planned */
	MF_ST_LOOKING,  /* a look task runs */
	MF_ST_ENCODING, /* a merge snapshot is being stored */
	MF_ST_HASHING,  /* content of a snapshot is being hashed */
	MF_ST_LINKING,  /* in the batch for our Personal directory */
	MF_ST_FETCHED,  /* M of a take-merge is ready, download follows */
	MF_ST_DOWNLOADING,
	MF_ST_STAGED,   /* new file beside p; waits for the sync of its batch */
	MF_ST_INTENDED, /* intent recorded; waits for its replacement */
	MF_ST_GATED,    /* gone, with many others: waits for what that means (guard.c) */
	MF_ST_MARKER,   /* a marker file is being written, removed or renamed */
	MF_ST_MERGING,  /* two versions of a text are being merged */
};

/** What a look found. */
struct mf_seen {
	bool valid;
	enum mf_local_kind kind;
	mf_stat st;
	unsigned root_generation;
	bool same_as_e; /* stat is exactly what was recorded with E */
	bool has_sha;
	uint8_t sha[32];
};

struct mf_path {
	struct mf_path *chain;           /* hash table */
	struct mf_path *q_next;          /* ready queue */
	struct mf_path *s_prev, *s_next; /* settling list */
	uint64_t hash;
	char *relpath;
	enum mf_stage stage;
	bool queued, settling;
	bool need_look;     /* the disk may differ from what was seen */
	bool rests;         /* nothing to do, but for the commit of the turn */
	bool absent_before; /* it was not there half a second ago, too; set by mf_path_absent() */
	bool judged;        /* that it is gone is no part of a catastrophe, or the user said so */
	bool uploading, downloading, upload_told, download_told;
	bool scan_mark, poll_mark; /* an explicit scan / poll waits for this path */
	bool want_hash;
	bool failed;             /* has an entry in the error list */
	uint64_t due_ms;         /* monotonic; not looked at before */
	uint64_t first_event_ms; /* of the present unrest, 0 = at rest */
	unsigned tries;          /* failures in a row */
	unsigned unsettled;      /* looks in a row that found it changing */
	bool big;                /* looked at by the pool for long work */
	enum mf_writing {
		MF_WR_UNKNOWN, /* no event told */
		MF_WR_MADE,    /* the name is new: if the file is empty, somebody is about to write */
		MF_WR_OPEN,    /* written to, and not closed since */
		MF_WR_CLOSED,
	} writing;
	bool has_size;          /* the last look found it open for writing, with this size */
	uint64_t size_seen;     /* bytes */
	uint64_t size_since_ms; /* monotonic: it has not changed since */
	unsigned held;          /* looks in a row that found it growing */
	char *half;             /* a rename's other name: where the file came from, or went to (moves.c) */
	unsigned missing_tries; /* times that a snapshot of it was not to be had */
	struct mf_seen seen;
	/* a snapshot that a look made ahead of the decision */
	mf_snap_row *made;
	mf_pathstate made_state;
	int64_t made_took_ns;
	mf_immdir *want_parents; /* the next look shall make a snapshot with exactly these */
	size_t n_want_parents;
	/* an apply under way */
	struct mf_apply *apply;
	bool has_intent; /* one may be recorded for it */
	/* marker files as the last look found them */
	struct mf_mark {
		char *path;
		bool present, has_sha;
		uint64_t size;
		uint8_t sha[32];
	} * mark;
	size_t n_mark;
	/* look of planner.md P11 */
	bool has_look, look_absent, look_has_sha;
	uint64_t look_size;
	uint8_t look_sha[32];
	uint64_t look_ms;
	mf_immdir linking; /* what the batch under way links */
	bool linked;       /* it is linked: to be noted */
};

struct mf_path *mf_path_find(struct mf_folder *f, const char *relpath);
/** Is there a file in the path's history that ours goes on from?  (One read of the database.) */
bool mf_path_known(struct mf_folder *f, const char *relpath);
struct mf_path *mf_path_need(struct mf_folder *f, const char *relpath);
/** Plan @p p in the next turn. */
void mf_path_ready(struct mf_folder *f, struct mf_path *p);
/** Look at the disk again, not before @p delay_ms from now, then plan. */
void mf_path_look(struct mf_folder *f, struct mf_path *p, uint64_t delay_ms);
/** Something failed: report it and try again with backoff. */
void mf_path_fail(struct mf_folder *f, struct mf_path *p, const mf_err *err);
/** Nothing more to do for now: tell listeners, forget the path. @p p may be freed. */
void mf_path_rest(struct mf_folder *f, struct mf_path *p);
void mf_paths_free(struct mf_folder *f);
/** later.c: take @p relpath under work, at once or, if very many are, when there is room; then look at it, not before
 *  @p delay_ms from now.  Not for files that are gone: those are counted before any is believed. */
enum mf_later_why {
	MF_LATER_SCAN, /* an explicit scan waits for it */
	MF_LATER_WALK, /* found in some other walk */
	MF_LATER_POLL, /* a poll waits for it */
};
void mf_path_later(struct mf_folder *f, const char *relpath, enum mf_later_why why, uint64_t delay_ms);
/** As many as there is room for. */
void mf_later_begin(struct mf_folder *f);
void mf_later_drop(struct mf_folder *f);
/** What walks have found: a full one finds it again. */
void mf_later_drop_found(struct mf_folder *f);
/** What held everything back is over: paths that rest with something to do are looked at. */
void mf_paths_unpark(struct mf_folder *f);
/** After a burst, when no path is under work: give its memory back to the system. */
void mf_paths_shrink(struct mf_folder *f);
void mf_path_uploading(struct mf_folder *f, struct mf_path *p, bool on);
void mf_path_downloading(struct mf_folder *f, struct mf_path *p, bool on);
void mf_path_unmark_scan(struct mf_folder *f, struct mf_path *p);
/** Whoever waits for a scan or poll does not wait for @p p any longer. */
void mf_path_give_up_waiting(struct mf_folder *f, struct mf_path *p);

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

/** An entry that is not applied: nobody known has signed what it shows. */
struct mf_unproven {
	struct mf_unproven *next;
	char *participant, *entry, *cap, *author;
	uint8_t key[32];
};

/** A key that somebody would have instead of the one known. */
struct mf_changed {
	struct mf_changed *next;
	char *participant, *author;
	char *shown_by; /* whose directory; "": the Collective */
	uint8_t key[32];
	size_t files;
	int64_t since_ns;
	bool still;
};

/** A participant of the Collective as last read; name "" is ourselves. */
struct mf_peer {
	struct mf_peer *next;
	char *name;
	mf_dirread dir;
	bool listed;       /* in the Collective as last read */
	bool literal;      /* an immutable directory: read once, nothing changes there */
	bool read_once;    /* since start */
	bool again;        /* something in it could not be fetched: read it again although it did not change */
	bool nudged;       /* its changes wake us */
	mf_dirver version; /* that its entries were compared with; zero: none since start */
	mf_dirver seen;    /* the newest ever: an older one, or another of that number, is not believed */
	bool unread;       /* something in it could not be read, and may yet be */
	bool has_edge;     /* the Collective names its key */
	uint8_t edge[32];
	mf_entryset entries; /* taken into account */
};

struct walk;

/** Texts of one's own. */
struct list {
	char **s;
	size_t n, cap;
};
void mf_walk_add(struct list *l, const char *s); /**< a copy */
void mf_list_free(struct list *l);

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
	bool inherits;          /* it left some, and not all are published */
	mf_pairs local_only;    /* read-only folders: paths that differ here, and their state as text */
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
	uint64_t idle_polls;
	struct mf_watch *nudge;
	uint64_t last_activity_ms;
	mf_dirver collective_version, collective_seen;
	struct mf_unproven *unproven; /* oldest first */
	size_t n_unproven;
	bool unproven_lost; /* there were more */
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
/** In a turn: note which version our directory is at. */
void mf_link_turn(struct mf_folder *f);
/** Our own directory was read again: what waits in the batch is decided once more. */
void mf_link_replan(struct mf_folder *f);
void mf_odd_note(struct mf_folder *f, const char *relpath, mf_str entry);

/* apply.c (loop) and replace.c (worker): their version becomes the file, or the file goes. */

enum mf_outcome { MF_APPLY_NONE, MF_APPLY_REPLACED, MF_APPLY_CHANGED, MF_APPLY_FAILED };

/** Directories, outermost first. */
struct mf_dirs {
	char **dir;
	size_t n;
};
void mf_dirs_free(struct mf_dirs *d);
/** [worker] Make the directories above @p relpath; those that were not there are added to @p made, also when it
 *  fails. */
mf_code mf_make_dirs(struct mf_folder *f, struct mf_root *root, const char *relpath, struct mf_dirs *made, mf_err *err);

/** [worker] Their names are durable. */
mf_code mf_dirs_sync(struct mf_folder *f, struct mf_root *root, const struct mf_dirs *made, mf_err *err);

/** One replacement under way.  Owned by the loop, lent to one task at a time (p->stage says which). */
struct mf_apply {
	mf_snap_row *target;
	bool merge;          /* target is our own merge snapshot: becomes Pending, not Base */
	char *relpath, *dir; /* dir: parent directory, "" = root */
	char *tmp;           /* relpath of the new file, or of the hidden name of a deletion */
	uint64_t dev;        /* where it is to be; elsewhere nothing is done */
	uint32_t mode;
	bool sync_now;   /* few files: the download syncs its own */
	bool synced;     /* the new file is durable, name and all */
	bool lent;       /* a worker replaces: nothing in here is to be looked at */
	bool recorded;   /* the outcome is in the present turn; kept until its commit, in case that there is none */
	bool recovering; /* the intent is from before a crash or a failure */
	mf_intent intent;
	mf_stat fresh; /* the new file */
	bool has_sha;
	uint8_t sha[32];
	struct mf_dirs made; /* directories made for it */
	char **our_dirs;     /* deletion: parents that we once made, innermost first */
	size_t n_our_dirs, n_gone_dirs;
	enum mf_outcome outcome;
	mf_stat now;      /* what is at p after REPLACED */
	bool now_unknown; /* somebody has replaced it since */
	mf_err err;
};

/** Take @p target (taken over), expecting the disk as in p->seen. */
void mf_apply_start(struct mf_folder *f, struct mf_path *p, mf_snap_row *target, bool merge);
void mf_apply_continue(struct mf_folder *f, struct mf_path *p, const mf_intent *intent);
void mf_apply_drop(struct mf_path *p);
/** Replace the first @p tmp in the sentence by @p path. */
void mf_name_the_file(mf_err *err, const char *tmp, const char *path);
/** Start what waits for a batch: syncs of new files, replacements. */
void mf_apply_kick(struct mf_folder *f);
/** In a turn: record the intent of a staged file, or the outcome of a replacement. */
void mf_apply_step(struct mf_folder *f, struct mf_path *p);
/** The turn was not committed: what was replaced on disk is to be recorded again. @return false: nothing was. */
bool mf_apply_undo(struct mf_folder *f, struct mf_path *p);
/** Write Base (and the disk that agrees with it). */
mf_code mf_base_put(struct mf_folder *f, struct mf_path *p, const mf_snap_row *row, const mf_pathstate *state,
	bool executable, int64_t took_ns, mf_err *err);

/* [worker] */
mf_code mf_apply_download(struct mf_folder *f, struct mf_root *root, struct mf_apply *a, const mf_cancel *cancel);
void mf_apply_replace(struct mf_folder *f, struct mf_root *root, struct mf_apply *a);
void mf_apply_recover(struct mf_folder *f, struct mf_root *root, struct mf_apply *a);
/** Content of @p row into a new file at @p path with mode @p mode, mtime set, closed; fstat and hash on request. */
mf_code mf_fetch_content(struct mf_folder *f, struct mf_root *root, const mf_snap_row *row, const char *path,
	uint32_t mode, bool sync, mf_stat *st, uint8_t sha[32], const mf_cancel *cancel, mf_err *err);

/* rows.c, in a turn */

struct mf_gathered;

/** Make the OPEN rows what the plan says: caps no longer in it are CLOSING, new ones get a slot and a marker. */
mf_code mf_rows_record(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, mf_err *err);
/** The marker of this row is on disk. */
mf_code mf_rows_written(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, size_t row, mf_err *err);
mf_code mf_rows_drop(struct mf_folder *f, struct mf_path *p, const mf_conflict *c, mf_err *err);
/** All rows are settled: those without a marker go, the others are CLOSING. */
mf_code mf_rows_settled(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_err *err);
/** What was written as a marker, but not recorded, is recorded as ours. */
mf_code mf_rows_own(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_err *err);
/** OPEN rows of these versions are CLOSING. */
mf_code mf_rows_close(struct mf_folder *f, const char *relpath, const mf_immdir *cap, size_t n, mf_err *err);

/** marker.c */
const char *mf_marker_owner(struct mf_folder *f, const char *path);
mf_code mf_markers_load(struct mf_folder *f, mf_err *err);
void mf_marker_note(struct mf_folder *f, const char *path, const char *owner);
void mf_marker_forget(struct mf_folder *f, const char *path);
char *mf_marker_of(const char *relpath, const mf_conflict *c); /* heap */
/** Facts about markers: blocking stats and hashes are done by the look task. */
enum mf_marker_do { MF_MARKER_WRITE, MF_MARKER_REMOVE, MF_MARKER_RELEASE };
void mf_marker_start(
	struct mf_folder *f, struct mf_path *p, enum mf_marker_do what, const mf_conflict *c, const mf_snap_row *snap);

/** facts.c: everything the planner wants to know; lives until mf_facts_clear(). */
struct mf_gathered;
mf_code mf_facts_gather(struct mf_folder *f, struct mf_path *p, struct mf_gathered **out, mf_err *err);
void mf_facts_free(struct mf_gathered *g);
/** The databases were just written, in this turn: @p g says the same without reading them again.
 *  @p added: the newest pending; @p put: Base, with nothing pending any more. */
void mf_facts_pending_added(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_pending *added);
void mf_facts_base_put(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_path_row *put);
/** A snapshot of the history, loaded from the index when the planner first asks for it. */
struct mf_node {
	char cap[MF_CAP_MAX];
	mf_snap snap;
	mf_snap_row row;
	mf_sid *parents;
	bool loaded;
	bool missing; /* not in the index: must not happen; plan nothing */
};
struct mf_gathered {
	mf_history history;
	mf_facts facts;
	struct mf_folder *f;
	struct mf_node **node; /* by sid; nodes stay where they are */
	size_t n, size;
	uint32_t *bucket; /* open-addressed: sid + 1 by hash of the capability */
	size_t n_bucket;
	bool broken; /* a snapshot is missing from the index; err: or could not be read */
	mf_err err;
	bool has_path;
	mf_path_row path;
	mf_pending *pending;
	size_t n_pending;
	mf_conflict *conflict;
	size_t n_conflict;
	mf_head_row *head;
	size_t n_head;
	mf_immdir *known;
	size_t n_known;
	bool has_intent;
	mf_intent intent;
	mf_sid *pending_sid, *known_sid;
	mf_head *heads;
	mf_row *rows;
	mf_sid e;             /* last pending, else base, else MF_SID_NONE */
	mf_pathstate e_state; /* the disk when it agreed with E */
};
mf_sid mf_facts_sid(struct mf_gathered *g, const char *cap);
const mf_snap_row *mf_facts_row(struct mf_gathered *g, mf_sid sid);

/* local_only.c: in a read-only folder @p relpath is not what others publish; @p st: what is there */
void mf_local_only_note(struct mf_folder *f, const char *relpath, const mf_stat *st);
void mf_local_only_drop(struct mf_folder *f, const char *relpath);

/** watch.c, scan.c */
void mf_watch_start(struct mf_folder *f);
/** @p relpath was seen to change: look at it when it has been at rest for @p delay_ms. */
void mf_unrest(struct mf_folder *f, const char *relpath, uint64_t delay_ms);
enum { MF_VANISHED_MS = 500 }; /* a vanished name is believed when it stays away for this long */
void mf_watch_stop(struct mf_folder *f);
void mf_scan_start(struct mf_folder *f);
/** walk_known.c: read what we know, for a scan that has begun; ends with mf_scan_loaded(). */
void mf_walk_known_load(struct mf_folder *f);
void mf_walk_known_run(void *arg); /* the next slice */
void mf_walk_known_drop(struct mf_folder *f);
/** Walk with what was read, or not (@p err). Takes @p w. */
void mf_scan_loaded(struct mf_folder *f, struct walk *w, const mf_err *err);
/** The next periodic scan comes after the interval from now; without one the timer is left alone. */
void mf_scan_schedule(struct mf_folder *f);
void mf_walk_first(struct mf_folder *f);
void mf_subscan(struct mf_folder *f, const char *dir);
/** Report a name that may not be printable, until a scan does not find it any more; NULL: it is well. */
void mf_report_name(struct mf_folder *f, const char *path, const mf_err *err);
bool mf_has_report(struct mf_folder *f, const char *path);
void mf_report_root_gone(struct mf_folder *f);
bool mf_dirset_add(struct mf_folder *f, const char *dir);
bool mf_dirset_has(struct mf_folder *f, const char *dir);
void mf_dirset_remove(struct mf_folder *f, const char *dir);
void mf_dirset_free(struct mf_folder *f);
/** Is it a name we never sync (ours, temporary)? */
bool mf_path_ignored(const char *relpath);

/* guard.c */
struct walk;
/** After a full walk: what it found gone or back. */
void mf_guard_walked(struct mf_folder *f, struct walk *w);
/* guard_mount.c */
#define MF_DEV_NONE UINT64_MAX
mf_code mf_mounts_load(struct mf_folder *f, mf_err *err);
/** Is it in a place that is not to be believed? */
bool mf_is_away(const struct mf_folder *f, const char *path);
/** After a full walk, before anything of it is used. */
void mf_guard_places(struct mf_folder *f, struct walk *w);
/** The user's word: all places are believed as they are. @return false: it cannot be noted now. */
bool mf_mounts_accept(struct mf_folder *f);
/** A look found @p relpath on another device: a scan is to judge, then it is looked at again. */
void mf_out_of_sight(struct mf_folder *f, const char *relpath);

/* guard.c, continued */
/** A full scan has ended, well or not: who waited at the gate is looked at again. */
void mf_guard_scanned(struct mf_folder *f);
/** @p p is gone for sure; so are many others? Then it waits. */
bool mf_guard_gates(struct mf_folder *f, struct mf_path *p);
/** Are so many files gone just now that no deletion is to be stored ahead of its decision? */
bool mf_is_burst(struct mf_folder *f, const struct mf_path *p);
/** Must no deletion of it be published? */
bool mf_is_held_back(struct mf_folder *f, const char *relpath);
void mf_path_absent(struct mf_folder *f, struct mf_path *p, bool absent);
void mf_gate_run(void *folder); /* timer */
/** [in a turn] What the user said, or has not said yet, of a file that is gone, changes the plan. */
mf_code mf_guard_plan(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_plan *plan, mf_err *err);
void mf_held_tell(struct mf_folder *f); /* if a question is open */
/** Is the user to be asked before many deletions? */
bool mf_asks(const struct mf_folder *f);
/** Read f->held anew; tell of what changed. */
mf_code mf_held_count(struct mf_folder *f, mf_err *err);
/** A doubtful root is the folder's from now on. @return false: it cannot be noted now. */
bool mf_root_accept(struct mf_folder *f);

/* moves.c: a rename is one change under two names.  The new name's snapshot refers to the content that the old one
 * has on the grid, and both are published in one batch. */

/** Something left @p path: remember for what comes with the same cookie. */
void mf_moved_from(struct mf_folder *f, uint32_t cookie, const char *path);
/** Where what came with @p cookie had been, or NULL; lent until the next mf_moved_from(). */
const char *mf_moved_to(struct mf_folder *f, uint32_t cookie);
/** The file @p from, known to the folder, is @p to now.  @return false: there was no such file. */
bool mf_moved_file(struct mf_folder *f, const char *from, const char *to);
/** The same for every known file below a directory; they are looked at when the old names are. */
void mf_moved_dir(struct mf_folder *f, const char *from, const char *to);
/** The content that @p p's file had under its former name. @return false if there is none. */
bool mf_moved_content(struct mf_folder *f, const struct mf_path *p, mf_filecap *out);
/** Was the file that is gone from @p p seen under its other name? */
bool mf_is_renamed(struct mf_folder *f, const struct mf_path *p);
/** Is its other name still to be looked at? */
bool mf_half_is_unseen(struct mf_folder *f, const struct mf_path *p);
/** Must @p p, ready to be linked, wait for the other half of its rename? */
bool mf_half_is_coming(struct mf_folder *f, const struct mf_path *p);

/* poll.c, peers.c, fetch.c */
void mf_poll_start(struct mf_folder *f);
/** What an earlier run knew of people and of the Collective, so that no old copy is believed on the first day. */
void mf_poll_load(struct mf_folder *f);
/** The next poll comes when the interval and the last activity say so. */
void mf_poll_schedule(struct mf_folder *f);
/** [in a turn] */
void mf_poll_take_in(struct mf_folder *f);
/** The listings are taken in and everything new in them was fetched or failed. */
void mf_poll_ended(struct mf_folder *f);
/** Its listings were taken in. */
bool mf_poll_is_in(const struct mf_folder *f);
/** At close, no task is running any more: free a poll whose finds had not all arrived. */
void mf_poll_drop(struct mf_folder *f);
struct mf_peer *mf_peer_find(struct mf_folder *f, const char *name);
struct mf_peer *mf_peer_need(struct mf_folder *f, const char *name, const mf_dirread *dir);
void mf_peer_free(struct mf_peer *p);
void mf_peers_free(struct mf_folder *f);
/** An entry was taken into account: it is no news any more. */
void mf_peer_took(struct mf_folder *f, const char *name, mf_str entry, mf_str cap);
/** Everything in its directory is news again. */
void mf_peer_forget(struct mf_peer *p);
/** Compare a directory just read with what was taken into account; new entries go to mf_fetch_head(). */
void mf_peer_listed(struct mf_folder *f, struct mf_peer *peer, const mf_listing *l);
/** Those that an earlier run knew, so that they are read even while the Collective cannot be. */
void mf_peers_load(struct mf_folder *f);
/** It is no participant any more: its heads go. */
void mf_peer_gone(struct mf_folder *f, struct mf_peer *peer);
/** @p participant's directory shows @p cap under @p entry: make the snapshot known, then note the head. */
void mf_fetch_head(struct mf_folder *f, const char *participant, mf_str entry, mf_str cap);
/* trust.c, trust_settle.c, trust_people.c; in a turn but for the last two */

/** May a head count?  If not it is held back until its key is known. */
mf_code mf_trust_admit(struct mf_folder *f, const char *participant, mf_str entry, const mf_snap_row *row,
	bool *admitted, mf_err *err);
/** The directory was listed (NULL: is gone): what is held of it and no longer there is forgotten. */
void mf_trust_listed(struct mf_folder *f, const char *participant, const mf_listing *l);
/** Metadata of the participant's entry in the Collective. */
void mf_trust_edge(struct mf_folder *f, struct mf_peer *peer, mf_str metadata);
/** Everybody was looked at: give keys to people, let go what is known now, report the rest. */
void mf_trust_settle(struct mf_folder *f);
/** At the start: keys of what was accepted before keys were kept. */
mf_code mf_trust_load(struct mf_folder *f, mf_err *err);
/** Which keys have changed, as far as is known now; reported, or cleared.  Not only in turns. */
void mf_trust_review(struct mf_folder *f);
bool mf_trust_knows(struct mf_folder *f, const uint8_t key[32]);
bool mf_trust_has_key(struct mf_folder *f, const char *participant);
mf_code mf_trust_learn(struct mf_folder *f, const char *participant, const uint8_t key[32], const char *author,
	enum mf_key_how how, mf_err *err);
void mf_trust_release(struct mf_folder *f);
void mf_changed_free(struct mf_changed *c);
void mf_trust_free(struct mf_folder *f);
/** In a turn: note heads whose snapshots are complete. */
void mf_fetch_turn(struct mf_folder *f);
/** [in a turn] A snapshot that the databases name is not in the index (lost, or a power cut took its last
 *  transactions): get it from the grid, then plan @p relpath again.  If there is none on the grid either, it
 *  was never published: what was pending of the path is forgotten, and made again from the disk. */
void mf_fetch_missing(struct mf_folder *f, const char *relpath, const char *cap);
bool mf_fetch_idle(const struct mf_folder *f);
/** Is there an entry to be looked up, and not too much under way to begin with it? */
bool mf_fetch_has_room(const struct mf_folder *f);
void mf_fetch_free(struct mf_folder *f);

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
#define MF_OPS(f) ((f)->env->ops)

#endif
