/** @file
 * What the users of a random run know: every value they wrote, where, and whether anybody who saw it
 * has replaced or deleted it.  Values are unique, so their bytes name them.
 *
 * A value at a path is *live* until a user overwrites, deletes, renames or dismisses it where it lay on that user's own
 * disk.  When all faults are over and all conflicts settled, every live value must be at its path
 * on every disk (peers.md 3.4: I1, I2, I3, I6), and nothing that is not live may be (I5) unless a person had to
 * judge there.
 *
 * Values that the user of a read-only folder wrote are private: they must stay on that disk and be on no other; and what
 * that user does to others' values is no knowledge of anybody else's. */
#ifndef MF_TESTS_SIM_ORACLE_H
#define MF_TESTS_SIM_ORACLE_H

#include "cast.h"

enum { ORACLE_PATH_MAX = 96 };

struct oracle_value {
	char path[ORACLE_PATH_MAX];
	unsigned value;
	unsigned killers; /* bits: the members whose users replaced it knowingly; 0: it is live */
	char by[16];      /* who wrote it */
	bool private;
};

struct oracle {
	struct oracle_value *v;
	size_t n, cap;
	char (*judged)[ORACLE_PATH_MAX]; /* paths at which somebody settled a conflict */
	size_t n_judged;
	char (*touched)[ORACLE_PATH_MAX]; /* paths at which the user of a read-only folder did anything */
	size_t n_touched;
	/* somebody's database was put back to an older state: what was replaced or dismissed since may return, as a
	 * conflict or, where the file of one is left that nobody remembers, as a file */
	bool forgetful;
	unsigned next;
};

void oracle_free(struct oracle *o);
/** The value in a file's content; 0: none of ours. */
unsigned oracle_value_of(mf_str content);

/* What a user does, with the knowledge that follows.  All do nothing where they cannot be done, as where the files
 * are away (cast.h). */

void oracle_write(
	struct oracle *o, struct member *m, const char *path, unsigned how); /**< how: 0 in place, else beside */
/** The same, with @p more after the value: its rules, if it is a .magicignore. */
void oracle_write_text(struct oracle *o, struct member *m, const char *path, unsigned how, const char *more);
void oracle_delete(struct oracle *o, struct member *m, const char *path);
void oracle_rename(struct oracle *o, struct member *m, const char *from, const char *to);
void oracle_rename_dir(struct oracle *o, struct member *m, const char *from, const char *to);
void oracle_delete_dir(struct oracle *o, struct member *m, const char *dir);
/** Settle what @p m shows as a conflict at @p path: dismiss the marker, or take it. */
void oracle_settle_one(struct oracle *o, struct member *m, const char *path, const char *slot, bool take);

/** The same over the API (oracle_settle.c): mine, or the slot's version.  What it settles is only known when the answer
 *  comes; without one it may have been settled. */
void oracle_resolve(struct oracle *o, struct member *m, const char *path, const char *slot, bool take);
/** Edit the marker and move it over the file: that text. */
void oracle_settle_edited(struct oracle *o, struct member *m, const char *path, const char *slot);

/** The conflict number @p skip that @p m knows of, in one of these ways, by chance.  @return false: there is none. */
bool oracle_settle_any(struct oracle *o, struct member *m, size_t skip, bool take);

/* Pieces of the above. */

unsigned oracle_shown(struct member *m, const char *path); /**< the value of a file; 0: none */
void oracle_kill(struct oracle *o, struct member *m, const char *path, unsigned value); /**< replaced knowingly */
void oracle_add(struct oracle *o, struct member *m, const char *path, unsigned value);
/** What @p m's user deleted was wanted again and came back: it is as if @p m had never replaced it. */
void oracle_revive(struct oracle *o, struct member *m, const char *path);
void oracle_judge(struct oracle *o, const char *path); /**< a person has decided there: an older value may return */

/** After everything.  @return NULL, or a sentence about the first thing that is wrong (static memory).
 *  @param temporary  temporary files of the engine are allowed: failures may leave some, a restart sweeps them. */
const char *oracle_check(const struct oracle *o, struct cast *c, bool temporary);
/** The same of one, who need not be a member. */
const char *oracle_check_one(const struct oracle *o, struct member *m, bool temporary);

#endif
