/** @file
 * The planner: what should happen to one path, as a pure function of facts (spec: planner.md).
 * No I/O, no clock, no database, no allocation that outlives the call.
 *
 * Snapshots are nodes of a graph that the caller lends; a node is named by a small number (sid) that is
 * unique per capability within the graph.  Nodes are fetched through a callback, so that a long history
 * is loaded only as far as a relation needs: a parent always has a smaller depth than its child.
 */
#ifndef MF_SYNC_PLAN_PLANNER_H
#define MF_SYNC_PLAN_PLANNER_H

#include "base/buf.h"
#include "base/err.h"

typedef uint32_t mf_sid;
#define MF_SID_NONE ((mf_sid)0xffffffffu)

/** A content as far as it is known.  Two deletions are equal; a deletion equals nothing else. */
typedef struct mf_content {
	bool deletion;         /* also "absent on disk" */
	bool has_sha;          /* sha holds SHA-256 of the plaintext */
	bool sha_unobtainable; /* the hash is not known and cannot be had: different from all it might equal,
	                        * which gives a conflict too many at worst.  Otherwise NEED_CONTENT asks again */
	bool executable;       /* no part of equality */
	uint64_t size;         /* bytes; valid unless deletion */
	mf_str cap;            /* content capability, empty if not known (a file on disk) */
	uint8_t sha[32];
} mf_content;

enum mf_equal { MF_EQUAL_NO, MF_EQUAL_YES, MF_EQUAL_UNKNOWN };
/** planner.md 1.1: same cap; else sizes; else hashes; else unknown, or NO if a hash cannot be had. */
enum mf_equal mf_content_equal(const mf_content *a, const mf_content *b);

typedef struct mf_snap {
	mf_str cap; /* ordered by bytes; for a pending snapshot not encoded yet: any unique text */
	mf_content content;
	const mf_sid *parents;
	size_t n_parents;
	uint32_t depth; /* 0 without parents, else 1 + the greatest of the parents' */
	bool ours_mark; /* mf_snapshot_is_ours(): not made by Python */
} mf_snap;

enum { MF_BEYOND_ALL = 1 << 16 };

/** The history; get() never fails (complete ancestry is in the index before a path is planned) and its
 *  result stays valid until the planner returns. */
typedef struct mf_history {
	const mf_snap *(*get)(void *arg, mf_sid sid);
	void *arg;
	/* Asked instead of walking far, if they are not NULL (both or none).  Pure like get(). */
	bool (*ancestor)(void *arg, mf_sid anc, mf_sid of); /* equality counts */
	/* Those with content @p what, @p y itself perhaps left out, in the history of @p y and in that of none of the
	 * @p x; of several in one line the newest; at most @p most.  On the heap. */
	mf_sid *(*beyond)(
		void *arg, const mf_content *what, const mf_sid *x, size_t n_x, mf_sid y, size_t most, size_t *n);
} mf_history;

enum mf_local_kind {
	MF_LOCAL_ABSENT,
	MF_LOCAL_FILE,
	MF_LOCAL_UNSETTLED,
	MF_LOCAL_UNREADABLE,
	MF_LOCAL_OTHER,
	MF_LOCAL_ROOT_GONE
};

enum mf_head_kind { MF_HEAD_UNREAD, MF_HEAD_NONE /* no entry, or participant gone */, MF_HEAD_CAP };
typedef struct mf_head {
	enum mf_head_kind kind;
	mf_sid sid;         /* for MF_HEAD_CAP */
	mf_str participant; /* name, for slots */
	bool self;          /* our own Personal directory */
} mf_head;

enum mf_row_state { MF_ROW_OPEN, MF_ROW_CLOSING };
enum mf_marker_kind { MF_MARKER_ABSENT, MF_MARKER_FILE };
typedef struct mf_row {
	mf_str slot; /* participant name in file, database and API */
	mf_sid sid;
	enum mf_row_state state;
	bool marker_written;
	bool has_marker_content; /* marker_content = what we last wrote there */
	mf_content marker_content;
	enum mf_marker_kind marker; /* what is on disk now */
	mf_content marker_now;
} mf_row;

enum mf_policy { MF_READ_WRITE, MF_READ_ONLY };

/** What a person has decided about the OPEN rows, all of which that person knew of. */
enum mf_choice_kind {
	MF_CHOICE_NONE,
	MF_CHOICE_MINE,    /* p as it is */
	MF_CHOICE_VERSION, /* that of one row */
	MF_CHOICE_TEXT,    /* bytes that the caller makes from both */
};

/** All facts about one path (planner.md 1).  Everything is borrowed.  Order within the arrays does not
 *  matter; a read-write folder without a head marked self counts as "own directory not read". */
typedef struct mf_facts {
	enum mf_local_kind local;
	mf_content disk;       /* for MF_LOCAL_FILE */
	mf_sid base;           /* MF_SID_NONE: none */
	const mf_sid *pending; /* oldest first */
	size_t n_pending;
	const mf_sid *known; /* read-only folders */
	size_t n_known;
	const mf_head *heads; /* per participant, ourselves included */
	size_t n_heads;
	const mf_row *rows;
	size_t n_rows;
	bool intent; /* one is recorded */
	bool has_look;
	bool look_absent; /* what p was at the look */
	mf_content look;
	enum mf_policy policy;
	enum mf_choice_kind choice;
	mf_sid choice_sid; /* MF_CHOICE_VERSION: the row's */
} mf_facts;

enum mf_act {
	MF_ACT_NOTHING, /* also for a root that is gone and a file that cannot be read: the caller has
	                          * reported those when it looked */
	MF_ACT_REPORT,  /* something is in the way; `why` says what */
	MF_ACT_CONTINUE_APPLY,
	MF_ACT_DROP_ROW, /* rows[row] */
	MF_ACT_REMOVE_MARKER,
	MF_ACT_RELEASE_MARKER,
	MF_ACT_ADOPT,          /* sid */
	MF_ACT_TAKE,           /* sid */
	MF_ACT_TAKE_MERGE,     /* M = (content of sid, parents) */
	MF_ACT_SNAPSHOT_LOCAL, /* content on disk (or of X when not dirty), parents */
	MF_ACT_RECORD_PUBLISHED,
	MF_ACT_PUBLISH,
	MF_ACT_RECORD_CONFLICTS, /* conf_set: the caps that shall be OPEN rows */
	MF_ACT_MARKER_DONE,
	MF_ACT_WRITE_MARKER,
	MF_ACT_LOOK_AGAIN,
	MF_ACT_RESOLVE,      /* M = (p now, parents) ; read-only: see known_after / base_after */
	MF_ACT_RESOLVE_WITH, /* M = (content of sid, or, for MF_SID_NONE, the text made; parents): p gets it by intent, and M
	                      * is pending; read-only: sid itself becomes Base, and known_after Known */
	MF_ACT_LINK,         /* link Base */
	MF_ACT_NEED_CONTENT, /* the hash of sid's content decides; sid MF_SID_NONE: the disk's hash */
};

/** More versions than this are taken up step by step: a merge records the first, the next merge the rest;
 *  conflict rows beyond it wait for a place.  Rows are one less, so that a resolution covers all of them. */
enum { MF_PLAN_MAX_SIDS = 64, MF_PLAN_MAX_ROWS = MF_PLAN_MAX_SIDS - 1 };

typedef struct mf_plan {
	enum mf_act act;
	const char *why;               /* a constant, for logs and reports */
	mf_sid sid;                    /* the target */
	size_t row;                    /* index into facts->rows */
	mf_sid sids[MF_PLAN_MAX_SIDS]; /* parents of the snapshot to make, own first; or the conflict set */
	size_t n_sids;
	/* RECORD_CONFLICTS: for each sids[i] the slot of the row that has it, else the smallest name of a
	 * participant whose head it is (ours only if nobody else's): borrowed from the facts.  Two may be the
	 * same, or taken by a file: the caller numbers them (planner.md 6.1) */
	mf_str slots[MF_PLAN_MAX_SIDS];
	mf_sid base_after; /* RESOLVE and RESOLVE_WITH on a read-only folder; MF_SID_NONE: unchanged */
	mf_sid known_after[MF_PLAN_MAX_SIDS];
	size_t n_known_after;
	bool conflicted; /* there is an OPEN row */
} mf_plan;

/** The first line of planner.md 4.1 that applies.  Call again after every completed action. */
void mf_plan_path(const mf_history *h, const mf_facts *facts, mf_plan *out);

/** The relation of planner.md 2.3 between two snapshots of the history, without the planner's adjustments;
 *  an equality that is not known counts as different. */
enum mf_relation {
	MF_REL_SAME,
	MF_REL_OLDER,
	MF_REL_NEWER,
	MF_REL_TWIN,
	MF_REL_EQUAL,
	MF_REL_WINS,
	MF_REL_LOSES,
	MF_REL_CONFLICT
};
enum mf_relation mf_relate(const mf_history *h, mf_sid x, mf_sid r);
/** planner.md 1: a total order. */
bool mf_better(const mf_history *h, mf_sid a, mf_sid b);
bool mf_is_ancestor(const mf_history *h, mf_sid anc, mf_sid of); /* equality counts */
/** The deepest snapshot that both descend from (one of the two counts), of several equally deep the one with the
 *  smallest capability: the same for everybody who asks.  MF_SID_NONE: there is none. */
mf_sid mf_common_ancestor(const mf_history *h, mf_sid a, mf_sid b);

#endif
