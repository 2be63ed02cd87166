/** @file
 * A conflict settled on request (planner.md 4.4, line P9a): a *choice* stands beside the path's facts until it
 * is carried out, or cannot be.  [loop] but for what is marked.
 *
 * A choice is about the versions that were in conflict when it was made, and, if it replaces p, about p as it was then:
 * whatever has changed meanwhile was not seen by whoever chose, and ends it with nothing done.  It lives in
 * memory only: what is durable is the intent and the pending snapshot, from which a crash goes on.
 */
#ifndef MF_SYNC_SETTLE_RESOLVE_H
#define MF_SYNC_SETTLE_RESOLVE_H

#include "sync/engine.h"

enum mf_choice_state {
	MF_CHOICE_WANTED,
	MF_CHOICE_DECIDED, /* recorded; markers are still to be removed */
	MF_CHOICE_OVER,    /* to be answered after this turn's commit */
	MF_CHOICE_TRIED,   /* a merge of the folder's own accord that was not clean: not again for this version */
};

struct mf_choice {
	struct mf_choice *next;
	uint64_t ticket;
	char *relpath;
	enum mf_take take; /* MINE, USE, MERGE */
	char **name;       /* slots of the versions ... */
	mf_immdir *cap;    /* ... and what they were */
	size_t n;
	mf_immdir chosen; /* USE: one of them */
	mf_stat then;     /* USE, MERGE: p as it was */
	bool automatic;   /* nobody waits */
	bool outdated;    /* when it was made, a marker did not hold its version yet, but an older one */
	bool committed;   /* DECIDED by an earlier turn */
	bool undone; /* decided in a turn whose commit failed: in one of the two databases it may have gone through */
	enum mf_choice_state state;
	mf_snap_row *text; /* MERGE: the merged content, on the grid already */
	mf_immdir *known;  /* read-only: Known afterwards */
	size_t n_known;
	struct mf_lines *clash;
	size_t n_clash;
	mf_err err;
	mf_folder_resolved *done; /* NULL if automatic */
	void *arg;
};

/** What the planner shall know of a choice about @p p; ends one that does not fit any more. */
void mf_choice_facts(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g);
/** [in a turn] The folder merges texts by itself: does it try here?  Then there is a choice now. */
bool mf_choice_automatic(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan);
/** The content that a merge made.  @return NULL: it is being made, or the choice has ended; p->stage says which. */
const mf_snap_row *mf_choice_text(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g);
/** [in a turn] Keep what a read-only folder records when p is replaced. */
void mf_choice_keep_known(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan);
/** [in a turn] p holds @p target now, and that is recorded: rows that it settles close. */
mf_code mf_choice_recorded(struct mf_folder *f, struct mf_path *p, const mf_snap_row *target, bool merge, mf_err *err);
/** [in a turn] The resolution is recorded. */
void mf_choice_decided(struct mf_folder *f, const char *relpath);
/** [in a turn] Nothing more will happen with the path for now. */
void mf_choice_rest(struct mf_folder *f, const struct mf_path *p);
/** It cannot be carried out: @p err says why. */
void mf_choice_fail(struct mf_folder *f, const char *relpath, const mf_err *err);
/** The turn was not committed. */
void mf_choice_undo(struct mf_folder *f, const char *relpath);
/** After a commit: answer what is over. */
void mf_choices_answer(struct mf_folder *f);
/** At close: answer all with @p err, free. */
void mf_choices_end(struct mf_folder *f, const mf_err *err);
void mf_choice_forget(struct mf_folder *f, uint64_t ticket);
struct mf_choice *mf_choice_of(const struct mf_folder *f, const char *relpath);

/* ---- merge.c ---------------------------------------------------------------------------------------------- */

enum { MF_MERGE_MAX = 1 << 20 }; /* bytes, each of the three */

/** Merge p and the other versions, one after the other, each from where its history parts from those before; the
 *  result goes into the choice.
 *  @return false: it cannot be tried; the choice has ended. */
bool mf_merge_start(struct mf_folder *f, struct mf_path *p, struct mf_choice *c, struct mf_gathered *g);

typedef struct mf_merge_texts {
	mf_str base, ours, theirs;
} mf_merge_texts;
/** [any] Three-way merge by lines.  MF_EUNSUPPORTED: one is binary or too big, or it is not clean; then @p clash (freed
 *  by the caller) says where in ours. */
mf_code mf_merge_text(const mf_merge_texts *t, mf_buf *out, struct mf_lines **clash, size_t *n_clash, mf_err *err);

#endif
