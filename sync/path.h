/** @file
 * Paths under work: what is known of each, what it waits for, and when it is looked at (path.c, later.c). */
#ifndef MF_SYNC_PATH_H
#define MF_SYNC_PATH_H

#include "base/env.h"
#include "sync/plan/planner.h"
#include "sync/doc/snapshot.h"
#include "sync/state/state.h"

struct mf_folder;
struct mf_apply;

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
	bool grid_failed;        /* the grid did not take it when it was last asked */
	bool stash_gone;         /* the last look found a deletion that the grid does not take now (stash.h) */
	bool no_copy;            /* there was no space to copy what the last look found into the stash */
	unsigned relink;         /* it goes back into the batch after this look, if f->link_round is one less; 0: not */
	uint64_t due_ms;         /* monotonic; not looked at before */
	uint64_t retry_ms;       /* due_ms as the last failure set it */
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
/** The grid is back, or somebody asks for it now: paths that it failed are tried. @p scan: a scan waits for them. */
void mf_paths_retry(struct mf_folder *f, bool scan);
/** After a burst, when no path is under work: give its memory back to the system. */
void mf_paths_shrink(struct mf_folder *f);
void mf_path_uploading(struct mf_folder *f, struct mf_path *p, bool on);
void mf_path_downloading(struct mf_folder *f, struct mf_path *p, bool on);
void mf_path_unmark_scan(struct mf_folder *f, struct mf_path *p);
/** Whoever waits for a scan or poll does not wait for @p p any longer. */
void mf_path_give_up_waiting(struct mf_folder *f, struct mf_path *p);

#endif
