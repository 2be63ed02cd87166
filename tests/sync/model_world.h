/** @file
 * A small world to drive the real planner in: one path p, up to six participants with a disk, marker files,
 * a database, its last synced copy and a backup, a directory entry on the grid, and a memory of what they
 * read of the others' entries.  Everything is a number or a short text; nothing touches files or time.
 *
 * What the sync engine does with the planner's actions, the world does in the same steps and the same order
 * (docs/planner.md, "Recovery"), so that a crash can fall between any two of them.
 */
#ifndef MF_TESTS_MODEL_WORLD_H
#define MF_TESTS_MODEL_WORLD_H

#include "base/buf.h"
#include "sync/plan/planner.h"

enum {
	MW_PEERS = 6,
	MW_ROWS = 24,
	MW_PENDING = 64,
	MW_MARKERS = 24,
	MW_RELEASED = 64,
	MW_SLOT = 24,
	MW_PARENTS = MF_PLAN_MAX_SIDS,
	MW_ROUNDS = 200, /* convergence is demanded within this many */
};

/** Bytes of a file, by number; 0: no file. */
typedef unsigned mw_value;
enum { MW_ABSENT = 0 };

enum mw_kind { MW_WRITER, MW_READER, MW_PYTHON };
enum mw_python { MW_PY_OK, MW_PY_CONFLICTED, MW_PY_HUNG };

struct mw_snap {
	mf_snap snap; /* points into what follows */
	char cap[24], content_cap[24];
	mf_sid parents[MW_PARENTS];
	mw_value value;
	unsigned author;
};

struct mw_row {
	char slot[MW_SLOT];
	mf_sid sid;
	bool closing, written, has_content;
	mw_value content; /* what was last written there */
};

struct mw_intent {
	unsigned id; /* the new file's inode; 0: no intent */
	mf_sid target;
	mw_value expected;
	bool merge;
};

struct mw_db {
	mf_sid base;
	mf_sid pending[MW_PENDING];
	size_t n_pending;
	mf_sid known[MF_PLAN_MAX_SIDS];
	size_t n_known;
	struct mw_row row[MW_ROWS];
	size_t n_rows;
	struct mw_intent intent;
};

struct mw_marker {
	char slot[MW_SLOT];
	mw_value value;
};

/* What a person asked for over the API; gone with the process. */
struct mw_choice {
	enum mf_choice_kind kind;
	mf_sid chosen, version[MW_ROWS];
	size_t n;
	mw_value then;
	mf_sid known[MF_PLAN_MAX_SIDS]; /* read-only: once p is being replaced */
	size_t n_known;
};

struct mw_peer {
	char name[2];
	enum mw_kind kind;
	enum mw_python python;
	struct mw_db db, durable, backup;
	bool has_backup, left;
	/* disk */
	mw_value p;
	bool hashed;     /* p's hash is known */
	unsigned beside; /* inode of the new file beside p, 0: none */
	struct mw_marker marker[MW_MARKERS];
	size_t n_markers;
	mw_value released[MW_RELEASED];
	size_t n_released;
	/* grid */
	mf_sid entry, entry_before;
	/* memory only */
	enum mf_head_kind head_kind[MW_PEERS];
	mf_sid head[MW_PEERS];
	bool has_look;
	mw_value look;
	struct mw_choice choice;
	unsigned snaps_made;
};

struct mw {
	struct mw_peer peer[MW_PEERS];
	size_t n;
	struct mw_snap **snap;
	size_t n_snaps, cap_snaps;
	mf_history history;
	/* Name a new snapshot: fill s->cap (all else is filled in).  Never called twice for the same author,
	 * content and parents. */
	void (*encode)(void *arg, struct mw *w, struct mw_snap *s);
	void *arg;
	unsigned intents;
	mf_buf *log;      /* NULL: none */
	char broken[256]; /* the first broken promise, empty: none */
	unsigned long steps;
};

/** @param kinds one letter per participant: w writer, r read-only, p Python; names are A, B, ...
 *  Freed by mw_free(). */
struct mw *mw_new(const char *kinds, void (*encode)(void *arg, struct mw *w, struct mw_snap *s), void *arg);
void mw_free(struct mw *w);
/** Note the first broken promise. */
void mw_break(struct mw *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void mw_say(struct mw *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** What a snapshot is, for logs; in a buffer used in turn. */
const char *mw_text(const struct mw *w, mf_sid s);

/* Users. */
void mw_write(struct mw *w, size_t i, mw_value value); /* MW_ABSENT: delete */
struct mw_marker *mw_marker(struct mw_peer *p, const char *slot);
void mw_rm_marker(struct mw *w, size_t i, const char *slot);
void mw_mv_marker(struct mw *w, size_t i, const char *slot);
void mw_edit_marker(struct mw *w, size_t i, const char *slot, mw_value value);
void mw_touch(struct mw *w, size_t i);
/** Ask the API to settle the conflict: with p (@p slot NULL) or with that row's version. */
void mw_resolve(struct mw *w, size_t i, const char *slot);

/* Faults. */
void mw_crash(struct mw *w, size_t i);
void mw_power_cut(struct mw *w, size_t i);
void mw_backup(struct mw *w, size_t i);
void mw_restore(struct mw *w, size_t i);
void mw_leave(struct mw *w, size_t i);

/* The program.  @return whether anything changed. */
enum mw_read { MW_READ_NOW, MW_READ_STALE };
bool mw_poll(struct mw *w, size_t i, size_t of, enum mw_read how);
bool mw_poll_all(struct mw *w, size_t i);
bool mw_step(struct mw *w, size_t i);
bool mw_run(struct mw *w, size_t i);
/** Until nothing changes: one after the other; all read, then all do one step; all read, then all act to
 *  the end; as the first, last one first.  Breaks w if that takes more than MW_ROUNDS. */
enum mw_schedule { MW_ROUND_ROBIN, MW_LOCKSTEP, MW_POLL_ALL, MW_REVERSE };
void mw_settle(struct mw *w, enum mw_schedule how);

/** model_python.c */
bool mw_python_poll(struct mw *w, size_t i, mf_sid head);
bool mw_python_step(struct mw *w, size_t i);
/** Find or make the snapshot; parents are given in any order, without repetition. */
mf_sid mw_make(struct mw *w, size_t author, mw_value value, const mf_sid *parents, size_t n);
void mw_link(struct mw *w, size_t i, mf_sid s);
void mw_set_marker(struct mw *w, size_t i, const char *slot, mw_value value);

#endif
