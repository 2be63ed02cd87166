/** @file
 * People who share one folder in a simulated world: the real engine on simulated disks and a simulated grid.
 *
 * Every member has the folder at CAST_DIR and its state in CAST_STATE on a host of its own.  The first is the admin.
 * Functions that cannot do what they say abort the test with a sentence. */
#ifndef MF_TESTS_SIM_CAST_H
#define MF_TESTS_SIM_CAST_H

#include "sim.h"
#include "sync/folder.h"
#include "sync/doc/snapshot.h"

#define CAST_DIR "/home/folder"
#define CAST_STATE "/home/state"
#define CAST_MOUNT "k" /* below the folder */

enum { CAST_MAX = 6, CAST_LIMIT_MS = 600000, CAST_SEEN = 512 };

/** Something that was queued and has not finished. */
struct cast_item {
	struct cast_item *next;
	char *relpath;
	bool up;
	bool told; /* it failed since, and is tried again */
};

struct member {
	struct cast *cast;
	struct sim_host *h;
	const char *name;
	struct mf_folder *f; /* NULL while it is not running */
	mf_dirread personal;
	bool reader;                                                                 /* joined read-only */
	unsigned conflicts_added, errors, scans, uploads, downloads, asked, settled; /* events, over all processes */
	char last_error[256];
	char wrong_event[256]; /* of events that contradict each other; empty: none */
	struct cast_item *items;
	const char *away;    /* what its user cannot get at now: a directory, "" for all; NULL: nothing (cast_disk.c) */
	bool has_disk;       /* another disk is mounted at CAST_MOUNT, or was */
	int64_t away_ms;     /* when `away` changed last */
	int64_t last_act_ms; /* when its user last did something, for whoever keeps it */
	void *tag;           /* the test's own */
};

struct cast {
	struct sim_world *w;
	struct member m[CAST_MAX];
	size_t n;
	mf_dirread collective;
	unsigned poll_s, scan_s; /* for members to come; 0 = an hour, and scans only on request */
	bool reader;             /* members to come are read-only */
	bool dark; /* members to come neither see watch events nor nudges: explicit scans and polls only */
	struct cast_seen *seen[CAST_SEEN]; /* snapshots verified already, by capability; cast_grid.c */
};

#define LONG1 "version one, long enough not to travel inside its capability ......"
#define LONG2 "version two, long enough not to travel inside its capability ......"
#define LONG3 "version three, long enough not to travel inside its capability ...."

struct cast_pair {
	struct cast c;
	struct member *a, *b;
};

/** Alice and bob: nothing is in their folder, and only scans and polls find what they do. */
void cast_pair_dark(struct cast_pair *p, uint64_t seed);

/** No member yet. */
void cast_init(struct cast *c, uint64_t seed);
/** Joins and runs from now on. */
struct member *cast_add(struct cast *c, const char *name);
/** Joins read-only and runs from now on. */
struct member *cast_add_reader(struct cast *c, const char *name);
/** The admin adds somebody, who need not be a member. */
void cast_invite(struct cast *c, const char *name, const mf_dirread *personal);
/** Joins, but the folder is not opened.  @p collective NULL: the cast's own. */
struct member *cast_join(struct cast *c, const char *name, const mf_dirread *collective);
/** The same in two steps, of which the second may fail, and be tried again. */
struct member *cast_host(struct cast *c, const char *name);
mf_code cast_try_join(struct member *m, const mf_dirread *collective, mf_err *err);
/** All orderly closed; everything is freed. */
void cast_end(struct cast *c);

void cast_open(struct member *m);     /**< boots if necessary, opens and starts */
bool cast_try_open(struct member *m); /**< the same; false when it cannot be opened now */
void cast_close(struct member *m);    /**< orderly; the process ends */
/** After a crash: the dead process unwinds. Does nothing when it lives. */
void cast_bury(struct member *m);
void cast_crash(struct member *m, enum sim_crash how); /**< and bury */

/** One explicit scan or poll, which must answer within CAST_LIMIT_MS. */
void cast_scan(struct member *m);
void cast_poll(struct member *m);
/** The same, and time for what follows: the batch is linked; what came is applied. */
void cast_publish(struct member *m);
void cast_receive(struct member *m);
/** How many errors the folder's status counts. */
uint64_t cast_errors(struct member *m);
/** Ask for a resolution and wait for its answer, or for the process to die (MF_ECANCELED). */
mf_code cast_resolve(struct member *m, const char *relpath, enum mf_take take, const char *use, mf_err *err);
/** Everybody scans and polls until nothing changes any more: three rounds at least, 30 at most. */
void cast_settle(struct cast *c);
/** Nothing queued, nothing running, by each running folder's own word. */
bool cast_idle(struct cast *c);
/** Run until idle for @p ms on end. @return false: not within CAST_LIMIT_MS. */
bool cast_wait_idle(struct cast *c, int64_t ms);

/* ---- what the user does; paths below the folder ---- */

void cast_write(struct member *m, const char *relpath, const char *text);
void cast_mkdirs(struct member *m, const char *relpath);
bool cast_remove(struct member *m, const char *relpath);
bool cast_move(struct member *m, const char *from, const char *to);
bool cast_has(struct member *m, const char *relpath, const char *text);
bool cast_exists(struct member *m, const char *relpath);
/** Absolute path, good until the next but three calls. */
const char *cast_path(const char *relpath);

/* ---- disks and directories that come and go (cast_disk.c); `away` says what is not there ---- */

/** A new disk is mounted at CAST_MOUNT. */
void cast_mount(struct member *m);
/** That disk is unmounted, or (@p all) the folder's whole directory is moved away.  Not if something is away. */
void cast_take_away(struct member *m, bool all);
/** What was taken away is back where it was; does nothing when nothing was. */
void cast_bring_back(struct member *m);
bool cast_is_away(const struct member *m, const char *relpath);

/* ---- what can be seen ---- */

/** The head of @p relpath in the Personal directory of @p m, verified.  @return false: no such entry. Free with
 *  mf_snapshot_clear(). */
bool cast_head(struct member *m, const char *relpath, mf_immdir *cap, mf_snapshot *snap);
bool cast_same_head(struct member *a, struct member *b, const char *relpath);
/** Verified; kept, so that asking again is cheap.  Free with mf_snapshot_clear(). */
mf_code cast_snapshot(struct cast *c, const mf_immdir *cap, mf_snapshot *out, mf_err *err);
/** Is @p old in the past of @p of?  Not itself.  MF_ENOTFOUND and others: a snapshot on the way cannot be read. */
mf_code cast_is_past(struct cast *c, const char *old, const char *of, bool *is, mf_err *err);
void cast_seen_free(struct cast *c);
size_t cast_entries(struct member *m);   /**< in its Personal directory, with @metadata */
size_t cast_conflicts(struct member *m); /**< rows, by the folder's own word */
uint64_t cast_writes(struct cast *c);    /**< to the grid, by all, so far */
bool cast_exists_abs(struct member *m, const char *abspath);
/** All trees and all Personal directories' versions: changes as long as something goes on.  Freed by the caller. */
char *cast_picture(struct cast *c);
/** The same of one. */
void cast_portrait(struct member *m, mf_buf *out);
/** A done that does not care. */
void cast_ignore(void *arg, const mf_err *err);
/** The folder's tree as sim_tree() prints it; NUL-terminated, freed by the caller. */
char *cast_tree(struct member *m);

#endif
