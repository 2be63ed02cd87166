/** @file
 * A folder's databases: what the planner's facts are kept in (docs/database.md has the table
 * fact -> column).  [loop] only; one C function per statement; no transaction stays open across a return
 * to the loop.
 *
 * state.sqlite keeps Python's schema and meaning (datamodel-and-sync.md 6.3) plus tables of ours, mf_*.
 * A row of ours about a path counts only while the snapshot capability in it equals Python's.
 * index.sqlite holds what can be fetched again: snapshots seen, heads seen.
 *
 * All functions: MF_EBUSY = locked by another program, nothing was changed, try again with a timer;
 * MF_EIO = the database failed.  Text handed in is copied; text handed out is owned by the row and freed by
 * its _clear function.
 */
#ifndef MF_SYNC_STATE_STATE_H
#define MF_SYNC_STATE_STATE_H

#include "sync/folder.h"
#include "sync/settings.h"

struct mf_state;

/** Write a new state.sqlite (user_version 1, Python's tables) with its config row.  MF_EEXIST if there is one. */
mf_code mf_state_create(struct mf_env *env, const mf_folder_conf *conf, mf_err *err);
/** Open both databases, upgrade our own tables, attach index.sqlite as `idx`.  Snapshots that Python had made and
 *  not yet published are found by mf_state_local_each(); in a read-only folder they are forgotten: their paths get
 *  MF_SIZE_UNKNOWN, so that the disk is looked at.
 *  MF_ENOTFOUND: no state.sqlite there.  MF_EUNSUPPORTED: written by a newer schema; names both numbers. */
mf_code mf_state_open(struct mf_env *env, const char *state_dir, const char *name, struct mf_state **out, mf_err *err);
void mf_state_close(struct mf_state *s);
mf_code mf_state_conf(struct mf_state *s, mf_folder_conf *out, mf_err *err);
/** Paths of the database files, for mf_env's db_sync and db_checkpoint. */
const char *mf_state_path(const struct mf_state *s);
const char *mf_state_index_path(const struct mf_state *s);
/** True if another connection has changed state.sqlite since the last call (PRAGMA data_version). */
bool mf_state_changed_outside(struct mf_state *s);

/** Runs @p fn inside BEGIN IMMEDIATE ... COMMIT; rolls back when it fails.  Nested calls join the outer one, and
 *  when a nested one fails the outer one is rolled back and fails with that code, whatever its own @p fn returns.
 *  Commits state.sqlite and index.sqlite, each atomically, not both as one (docs/database.md). */
mf_code mf_state_txn(struct mf_state *s, mf_code (*fn)(void *arg, mf_err *err), void *arg, mf_err *err);

/* ---- a path: Base and what the disk looked like when it agreed with E ------------------------------- */

/** PathState in Python's rounding plus what Python does not keep. */
typedef struct mf_pathstate {
	bool present;  /* false: no file expected */
	uint64_t size; /* MF_SIZE_UNKNOWN: the disk was never seen to agree; matches nothing, not even absence */
	int64_t mtime_ns, ctime_ns; /* rounded through a double, as Python stores them: mf_py_ns(), once */
	uint64_t ino;               /* 0 = unknown (row written by Python) */
} mf_pathstate;
#define MF_SIZE_UNKNOWN UINT64_MAX
/** The state to store for what lstat said: rounded times; anything but a regular file is "not present". */
mf_pathstate mf_pathstate_of(const mf_stat *st);
/** Python's rounding of a stat time (datamodel-and-sync.md 4.1, golden/pathstate.json). */
int64_t mf_py_ns(int64_t ns);
/** Does @p st look like @p ps?  Compares kind, size, mtime, and, if @p strict, ctime and the inode where it is known. */
bool mf_pathstate_matches(const mf_pathstate *ps, const mf_stat *st, bool strict);

typedef struct mf_path_row {
	char *relpath;
	bool has_base;
	mf_immdir base; /* current_snapshots.snapshot_cap */
	bool base_deleted;
	mf_filecap content; /* unless base_deleted */
	mf_filecap metadata_cap;
	mf_pathstate state; /* got: the disk when it last agreed with E, so the newest pending's if there is one;
	                               put: the disk when it agreed with base */
	bool pending;       /* got: there are pending snapshots, and state is that of the newest */
	bool ours;          /* got: the guard holds, so sha, executable and state.ino are known; else they are
	                               0 and false, for the row is Python's */
	bool has_sha;       /* mf_path.sha256, only if its guard equals base */
	uint8_t sha[32];
	bool executable;
	int64_t last_updated_ns;
	int64_t upload_duration_ns; /* -1 = NULL */
} mf_path_row;
void mf_path_row_clear(mf_path_row *r);
/** MF_ENOTFOUND: no row, nothing pending. */
mf_code mf_state_path_get(struct mf_state *s, const char *relpath, mf_path_row *out, mf_err *err);
/** Insert or replace current_snapshots and mf_path in one go.  Without a base there is no row in
 *  current_snapshots: Python would take it for a snapshot being uploaded.  The state of a file that waits in
 *  pending belongs into mf_pending, not here (docs/database.md says why). */
mf_code mf_state_path_put(struct mf_state *s, const mf_path_row *row, mf_err *err);
/** Only the disk state (touch, chmod), of the newest pending if there is one: base stays.  MF_ENOTFOUND: no row. */
mf_code mf_state_path_touch(struct mf_state *s, const char *relpath, const mf_pathstate *ps, mf_err *err);
/** The file that Base was on the disk as, of which only Python knew: nothing else of the row changes. */
mf_code mf_state_path_learn(struct mf_state *s, const char *relpath, uint64_t ino, bool executable, mf_err *err);
/** For the scanner: every path with a base or pending, with its disk state as in mf_state_path_get(), in byte order
 *  of relpath, strings lent during the call.  @p each must not change the database. */
mf_code mf_state_path_each(struct mf_state *s,
	mf_code (*each)(void *arg, const char *relpath, bool has_base, bool base_deleted, const mf_pathstate *ps),
	void *arg, mf_err *err);
/** The same for about the next @p most of them, those behind @p after ("" = from the first).  *next: what to go on
 *  behind, the caller's to free; NULL: that was all. */
mf_code mf_state_path_slice(struct mf_state *s, const char *after, unsigned most,
	mf_code (*each)(void *arg, const char *relpath, bool has_base, bool base_deleted, const mf_pathstate *ps),
	void *arg, char **next, mf_err *err);
/** Every path below directory @p dir ("" = all) where a file may be expected, in byte order; strings lent. */
mf_code mf_state_path_below(
	struct mf_state *s, const char *dir, mf_code (*each)(void *arg, const char *relpath), void *arg, mf_err *err);
/** Files that should be on disk: base or newest pending present. */
mf_code mf_state_path_count(struct mf_state *s, uint64_t *files, mf_err *err);
mf_code mf_state_file_status(
	struct mf_state *s, mf_code (*each)(void *arg, const mf_file_status *), void *arg, mf_err *err);

/* ---- pending: our snapshots, encoded and stored, not yet linked -------------------------------------- */

typedef struct mf_pending {
	int64_t id; /* order: oldest first */
	mf_immdir cap;
	mf_pathstate state; /* disk state it was made from */
	int64_t made_ns;
	bool merge; /* automatic merge or resolution */
} mf_pending;
/** Facts about the snapshot itself go to the index (mf_state_snap_put).  @p p->id is chosen here. */
mf_code mf_state_pending_add(struct mf_state *s, const char *relpath, const mf_pending *p, mf_err *err);
mf_code mf_state_pending_get(struct mf_state *s, const char *relpath, mf_pending **out, size_t *n, mf_err *err);
/** They are published, or given up: the rows of Python's that they were made of go with them. */
mf_code mf_state_pending_clear(struct mf_state *s, const char *relpath, mf_err *err);
/** They are not on the grid, after all: what Python left of them is to be taken again. */
mf_code mf_state_pending_forget(struct mf_state *s, const char *relpath, mf_err *err);
/** Every path that has pending snapshots (start-up). */
mf_code mf_state_pending_each(
	struct mf_state *s, mf_code (*each)(void *arg, const char *relpath), void *arg, mf_err *err);

/* ---- what Python made and did not publish: rows of local_snapshots, contents in its stash ------------- */

typedef struct mf_local_row {
	char *id;      /* Python's */
	bool deletion; /* it has no content */
	char *stash;   /* name of the file in the stash directory; NULL: none that could be one */
	int64_t mtime_s;
	struct mf_local_parent {
		bool local; /* another row's id, else a snapshot's capability */
		char *id;
	} * parent;
	size_t n_parents;
	bool ours; /* put into the stash by us: executable counts, and sha where has_sha */
	bool executable, has_sha;
	uint8_t sha[32];
} mf_local_row;
void mf_locals_free(mf_local_row *rows, size_t n);
/** Paths with rows of which nothing was taken yet. */
mf_code mf_state_local_each(
	struct mf_state *s, mf_code (*each)(void *arg, const char *relpath), void *arg, mf_err *err);
/** Those rows of @p relpath, in the order in which they were made. */
mf_code mf_state_local_get(struct mf_state *s, const char *relpath, mf_local_row **out, size_t *n, mf_err *err);
/** The disk as it was when the newest was made; the inode where we noted it. */
mf_code mf_state_local_state(struct mf_state *s, const char *relpath, mf_pathstate *out, mf_err *err);
/** It is in mf_pending now; Python's row stays until that is cleared. */
mf_code mf_state_local_take(struct mf_state *s, const char *id, mf_err *err);
/** It was published already, or cannot be: the row goes. */
mf_code mf_state_local_drop(struct mf_state *s, const char *id, mf_err *err);
/** Nothing says any more what the disk was when Base was on it. */
mf_code mf_state_local_doubt(struct mf_state *s, const char *relpath, mf_err *err);
/** Is there any row left, taken or not? */
bool mf_state_local_any(struct mf_state *s);
/** Names of the files in the stash that a row needs. */
mf_code mf_state_stash_each(struct mf_state *s, mf_code (*each)(void *arg, const char *name), void *arg, mf_err *err);
/** Remove what belongs to no row any more. */
mf_code mf_state_local_tidy(struct mf_state *s, mf_err *err);

/* ---- versions of ours that the grid did not take: rows of the same form (state_stash.c) ---------------- */

typedef struct mf_stash_new {
	const char *relpath;
	uint8_t id[16];     /* random */
	const char *copy;   /* absolute path of its copy; NULL: a deletion */
	const char *parent; /* snapshot that it was made from, if no row is before it; NULL: none */
	mf_pathstate state; /* the disk as it is now */
	bool executable;
	uint8_t sha[32]; /* unless a deletion */
	int64_t mtime_s, made_ns;
} mf_stash_new;
/** In Python's form and in ours, in one transaction.  Its copy must be durable. */
mf_code mf_state_stash_add(struct mf_state *s, const mf_stash_new *v, mf_err *err);

/** The newest row of a path that was not taken yet. */
typedef struct mf_stash_newest {
	bool deletion;
	bool has_sha, has_executable, executable; /* Python does not say */
	uint64_t size;                            /* bytes of its copy, if has_sha */
	uint8_t sha[32];
	mf_pathstate state; /* the disk as it was when it was made */
	unsigned rows;      /* how many there are, with it */
} mf_stash_newest;
/** MF_ENOTFOUND: there is none. */
mf_code mf_state_stash_newest(struct mf_state *s, const char *relpath, mf_stash_newest *out, mf_err *err);
/** The newest is on the disk with another stat now. */
mf_code mf_state_stash_touch(struct mf_state *s, const char *relpath, const mf_pathstate *ps, mf_err *err);
/** They are not to be published: the rows that were not taken go, and the disk is to be looked at. */
mf_code mf_state_stash_forget(struct mf_state *s, const char *relpath, mf_err *err);
/** Bytes of all copies that rows of ours name. */
mf_code mf_state_stash_bytes(struct mf_state *s, uint64_t *bytes, mf_err *err);

/* ---- intents: a replacement under way (planner.md 5.2) ----------------------------------------------- */

typedef struct mf_intent {
	mf_immdir target;
	bool merge; /* target is a merge snapshot of ours: becomes Pending, not Base */
	bool deletion;
	char tmp_name[64]; /* ".magic-folder-<16 hex>.tmp" beside p (new file, or hidden name of a deletion) */
	uint64_t ino;      /* of the new file (0 for deletions) */
	int64_t btime_ns;
	bool expect_absent; /* what the decision saw at p */
	mf_pathstate expect;
	int64_t made_ns;
} mf_intent;
mf_code mf_state_intent_put(struct mf_state *s, const char *relpath, const mf_intent *i, mf_err *err);
mf_code mf_state_intent_get(struct mf_state *s, const char *relpath, mf_intent *out, mf_err *err); /* MF_ENOTFOUND */
mf_code mf_state_intent_drop(struct mf_state *s, const char *relpath, mf_err *err);
mf_code mf_state_intent_each(
	struct mf_state *s, mf_code (*each)(void *arg, const char *relpath), void *arg, mf_err *err);

/* ---- the user's directory, known by its inode: an empty one in its place deletes nothing ---------------- */

/** MF_ENOTFOUND: not noted yet. */
mf_code mf_state_root_get(struct mf_state *s, uint64_t *ino, mf_err *err);
mf_code mf_state_root_put(struct mf_state *s, uint64_t ino, mf_err *err);

/* ---- settings (settings.h) ---------------------------------------------------------------------------- */

/** What is in force: defaults, over them mf_setting, over them the config row's intervals.  A value in mf_setting
 *  that is none of the key's counts as the default; a key that is not in the table is left alone. */
mf_code mf_state_settings_get(struct mf_state *s, mf_settings *out, mf_err *err);
/** Write all of @p set, in one transaction. */
mf_code mf_state_settings_put(struct mf_state *s, const mf_settings *set, mf_err *err);

/* ---- files that are gone, and whose deletion waits for the user's word or follows it ------------------ */

enum mf_word { MF_WORD_ASKED, MF_WORD_DELETE, MF_WORD_RESTORE, MF_WORDS };
/** MF_WORD_ASKED, unless there is a row. */
mf_code mf_state_held_add(struct mf_state *s, const char *relpath, mf_err *err);
mf_code mf_state_held_drop(struct mf_state *s, const char *relpath, mf_err *err);
/** MF_ENOTFOUND: nothing waits. */
mf_code mf_state_held_get(struct mf_state *s, const char *relpath, enum mf_word *word, mf_err *err);
/** All that is asked gets this word. */
mf_code mf_state_held_answer(struct mf_state *s, enum mf_word word, mf_err *err);
mf_code mf_state_held_count(struct mf_state *s, uint64_t count[MF_WORDS], mf_err *err);
/** In byte order of relpath.  @p each must not change the database. */
mf_code mf_state_held_each(
	struct mf_state *s, mf_code (*each)(void *arg, const char *relpath, enum mf_word word), void *arg, mf_err *err);

/* ---- directories on devices of their own (mount.h) ----------------------------------------------------- */

mf_code mf_state_mount_put(struct mf_state *s, const char *dir, uint64_t dev, mf_err *err);
mf_code mf_state_mount_drop(struct mf_state *s, const char *dir, mf_err *err);
mf_code mf_state_mount_each(
	struct mf_state *s, mf_code (*each)(void *arg, const char *dir, uint64_t dev), void *arg, mf_err *err);

/* ---- directories that we made for a received file, and may remove when they become empty ------------ */

mf_code mf_state_dir_made(struct mf_state *s, const char *dir, mf_err *err);
mf_code mf_state_dir_ours(struct mf_state *s, const char *dir, bool *ours, mf_err *err);
mf_code mf_state_dir_forget(struct mf_state *s, const char *dir, mf_err *err);

/* ---- conflict rows ------------------------------------------------------------------------------------ */

typedef struct mf_conflict {
	char *slot;   /* conflict_author: the participant's name as in the marker's file name */
	bool pythons; /* got: Python recorded it, and then it is the author's name */
	mf_immdir cap;
	bool closing;
	bool marker_written;
	bool has_marker_sha;
	uint8_t marker_sha[32]; /* what we last wrote there */
	uint64_t marker_size;
	mf_pathstate marker_state; /* its stat when we wrote it; lets a look skip hashing */
} mf_conflict;
void mf_conflicts_free(mf_conflict *rows, size_t n);
mf_code mf_state_conflict_put(struct mf_state *s, const char *relpath, const mf_conflict *c, mf_err *err);
mf_code mf_state_conflict_get(struct mf_state *s, const char *relpath, mf_conflict **out, size_t *n, mf_err *err);
mf_code mf_state_conflict_drop(struct mf_state *s, const char *relpath, const char *slot, mf_err *err);
mf_code mf_state_conflict_each(
	struct mf_state *s, mf_code (*each)(void *arg, const char *relpath, const char *slot), void *arg, mf_err *err);

/* ---- Known (read-only folders) ------------------------------------------------------------------------ */

mf_code mf_state_known_get(struct mf_state *s, const char *relpath, mf_immdir **out, size_t *n, mf_err *err);
/** Is there any? */
mf_code mf_state_known_any(struct mf_state *s, bool *any, mf_err *err);
mf_code mf_state_known_set(struct mf_state *s, const char *relpath, const mf_immdir *caps, size_t n, mf_err *err);

/* ---- keys that sign snapshots (docs/identity.md) ----------------------------------------------------- */

typedef struct mf_key_row {
	uint8_t key[32];
	char *participant; /**< whose it is or was; "": nobody's that we know */
	bool current;      /**< it is the participant's key now */
	char *author;      /**< name in the first snapshot that it was seen on; may be "" */
	enum mf_key_how how;
	int64_t since_ns; /**< wall clock */
} mf_key_row;
void mf_key_row_clear(mf_key_row *r);
mf_code mf_state_key_get(struct mf_state *s, const uint8_t key[32], mf_key_row *out, mf_err *err); /* MF_ENOTFOUND */
/** The current one of @p participant; MF_ENOTFOUND: none. */
mf_code mf_state_key_of(struct mf_state *s, const char *participant, mf_key_row *out, mf_err *err);
/** Insert or replace.  When it is current, the one before is not any more; it stays known. */
mf_code mf_state_key_put(struct mf_state *s, const mf_key_row *row, mf_err *err);
/** All, by participant; lent during the call.  @p each must not change the database. */
mf_code mf_state_key_each(
	struct mf_state *s, mf_code (*each)(void *arg, const mf_key_row *row), void *arg, mf_err *err);
/** Was @p participant's directory read through once?  NULL: anybody's. */
mf_code mf_state_met_get(struct mf_state *s, const char *participant, bool *met, mf_err *err);
mf_code mf_state_met_put(struct mf_state *s, const char *participant, int64_t now_ns, mf_err *err);

/* ---- index: snapshots ever seen (idx.snapshots, idx.parents) ------------------------------------------ */

typedef struct mf_snap_row {
	mf_immdir cap;
	char *relpath; /* as signed */
	char *author;
	uint8_t author_key[32];
	bool deletion;
	mf_filecap content; /* unless deletion */
	mf_filecap metadata_cap;
	uint64_t size;
	bool has_sha, executable, has_executable, ours_mark;
	bool was_executable; /* one that is made: a version that it follows is executable; not stored */
	uint8_t sha[32];
	int64_t mtime_s;
	uint32_t depth;
	mf_immdir *parents;
	size_t n_parents;
} mf_snap_row;
void mf_snap_row_clear(mf_snap_row *r);
/** Inserted only with complete ancestry: every parent must be there already (MF_ENOTFOUND otherwise); sets depth. */
mf_code mf_state_snap_put(struct mf_state *s, const mf_snap_row *row, mf_err *err);
mf_code mf_state_snap_get(struct mf_state *s, const char *cap, mf_snap_row *out, mf_err *err); /* MF_ENOTFOUND */
mf_code mf_state_snap_has(struct mf_state *s, const char *cap, bool *has, mf_err *err);
/** Is @p anc in the history of @p of, or the same?  By chains (docs/database.md), not by walking.  MF_ENOTFOUND,
 *  without a sentence: one of them is not in the index. */
mf_code mf_state_snap_ancestor(struct mf_state *s, const char *anc, const char *of, bool *yes, mf_err *err);
/** A content, of which something is known. */
typedef struct mf_snap_alike {
	const char *relpath;
	bool deletion;
	const char *content; /* NULL: its capability is not known */
	bool has_sha;
	uint8_t sha[32];
	uint64_t size;
} mf_snap_alike;
/** Those with content @p what in the history of @p y that none of @p x has in its history (itself
 *  included); of several in one line only the newest; deepest first, at most @p most.  Found are only those with a
 *  child: of @p y itself the caller knows the content.  *out is freed by the caller. */
mf_code mf_state_snap_beyond(struct mf_state *s, const mf_snap_alike *what, const char *const *x, size_t n_x,
	const char *y, size_t most, mf_immdir **out, size_t *n, mf_err *err);
/** What questions about ancestors have read so far. */
uint64_t mf_state_exits_read(const struct mf_state *s);
mf_code mf_state_snap_set_sha(struct mf_state *s, const char *cap, const uint8_t sha[32], mf_err *err);

/* ---- index: heads seen (idx.heads) ---------------------------------------------------------------------- */

typedef struct mf_head_row {
	char *participant; /* "" = our own Personal directory */
	mf_immdir cap;
} mf_head_row;
void mf_heads_free(mf_head_row *rows, size_t n);
/** @p participant is the Collective's name, "" for ourselves; @p relpath the snapshot's.  MF_ENOTFOUND: the snapshot
 *  is not in the index yet (it is put first). */
mf_code mf_state_head_put(
	struct mf_state *s, const char *participant, const char *relpath, const char *cap, mf_err *err);
mf_code mf_state_head_drop(struct mf_state *s, const char *participant, const char *relpath, mf_err *err);
/** The participant is gone, or has another directory: forgets which it was and its version, too. */
mf_code mf_state_head_drop_all(struct mf_state *s, const char *participant, mf_err *err);
mf_code mf_state_head_get(struct mf_state *s, const char *relpath, mf_head_row **out, size_t *n, mf_err *err);
/** Is @p cap both Base and what our own directory shows, with no pending snapshot, intent or conflict row? */
mf_code mf_state_head_at_rest(struct mf_state *s, const char *relpath, const char *cap, bool *at_rest, mf_err *err);
/** One participant's heads: relpath and cap, in byte order of relpath. */
mf_code mf_state_head_each(struct mf_state *s, const char *participant,
	mf_code (*each)(void *arg, const char *relpath, const char *cap), void *arg, mf_err *err);
/** Paths that our own directory shows and that are not all ASCII. */
mf_code mf_state_head_not_ascii(
	struct mf_state *s, mf_code (*each)(void *arg, const char *relpath), void *arg, mf_err *err);
/** Names with heads in the index, "" left out. */
mf_code mf_state_head_participants(
	struct mf_state *s, mf_code (*each)(void *arg, const char *participant), void *arg, mf_err *err);
/** Who signed what @p participant's heads show: each key with each author's name, once. */
mf_code mf_state_head_keys(struct mf_state *s, const char *participant,
	mf_code (*each)(void *arg, const uint8_t key[32], const char *author), void *arg, mf_err *err);
/** Start-up: every path that a head shows otherwise than Base, or that we have and our own directory does not show. */
mf_code mf_state_head_unsettled(
	struct mf_state *s, mf_code (*each)(void *arg, const char *relpath), void *arg, mf_err *err);
/** Version of the participant's directory ("" = ours) that its heads were read from: never believed backwards.  Zero
 *  if none, so also after index.sqlite was lost. */
mf_code mf_state_dirver_get(struct mf_state *s, const char *participant, mf_dirver *out, mf_err *err);
mf_code mf_state_dirver_put(struct mf_state *s, const char *participant, const mf_dirver *v, mf_err *err);
/** Name under which the Collective's own directory and version are kept: no participant can be called so. */
#define MF_STATE_COLLECTIVE "@collective"
/** Read capability of the directory that heads and version are of; MF_ENOTFOUND: none is known. */
mf_code mf_state_dir_get(struct mf_state *s, const char *participant, char cap[MF_CAP_MAX], mf_err *err);
mf_code mf_state_dir_put(struct mf_state *s, const char *participant, const char *cap, mf_err *err);
/** All that are known, "" and MF_STATE_COLLECTIVE among them. */
mf_code mf_state_dir_each(struct mf_state *s, mf_code (*each)(void *arg, const char *participant, const char *cap),
	void *arg, mf_err *err);

#endif
