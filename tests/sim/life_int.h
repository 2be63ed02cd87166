/** @file
 * Inside a random life: what its files share. */
#ifndef MF_TESTS_SIM_LIFE_INT_H
#define MF_TESTS_SIM_LIFE_INT_H

#include "judge.h"
#include "life.h"
#include "python.h"

enum { LIFE_TROUBLES = 26, LIFE_MANY_FILES = 22 };

/* The .magicignore on a member's disk, as it was looked at last. */
struct life_rules {
	struct mf_ignore *ig; /* NULL: never looked at */
	mf_stat st;           /* zero: none there */
	int64_t since_ms;
};

/* Both databases, as they were once. */
struct life_copy {
	mf_buf state, index;
};

struct life {
	struct cast c;
	struct oracle o;
	const life_conf *conf;
	unsigned with, steps;
	unsigned sure[2]; /* kinds of trouble that are certain to happen */
	struct judge judge;
	struct python python;
	bool has_python;
	struct life_rules rules[CAST_MAX];
	struct life_copy copy[CAST_MAX];
	uint64_t *linked; /* hashes of the snapshots that were linked by anybody */
	size_t n_linked;
	life_result *out;
};

/* life_trouble.c */
/** @p m has a disk of its own at CAST_MOUNT, with a file on it that nobody ever changes. */
void life_mount(struct life *l, struct member *m);
void life_misfortune(struct life *l, struct member *m, unsigned what);

/* life_user.c */
void life_user(struct life *l, struct member *m);
/** Delete a directory of many files at once, or make it. */
void life_many(struct life *l, struct member *m);
/** An operation of the engine has begun: the user acts in the middle of it. */
void life_inside(void *member, enum sim_op op, const char *what);
void life_python(struct life *l);

/* life_rules.c */
void life_rules_user(struct life *l, struct member *m);
/** Look whether they have changed. */
void life_rules_look(struct life *l);
/** Somebody's directory shows @p s under this capability: what is ignored where it was made must not be news. */
void life_rules_link(struct life *l, const char *cap, const mf_snapshot *s);
/** Is it ignored where @p m is? */
bool life_rules_ignored(struct life *l, const struct member *m, const char *path);
void life_rules_free(struct life *l);

#endif
