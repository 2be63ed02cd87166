/** @file
 * The judge of a run: when nothing goes wrong any more, everybody comes to rest, conflicts are settled, and
 * everything must be as the users' knowledge says (oracle.h), errors gone, the status true, a restart without news. */
#ifndef MF_TESTS_SIM_JUDGE_H
#define MF_TESTS_SIM_JUDGE_H

#include "oracle.h"
#include "python.h"

struct judge {
	struct cast *c;
	struct oracle *o;
	bool deaf;                  /* watch events were dropped without a word */
	bool one_writer;            /* so nobody may have seen a conflict */
	bool rules;                 /* there may be .magicignore files: in the end none says anything any more */
	struct python *python;      /* somebody who behaves as Python does; NULL: nobody */
	size_t rounds;              /* of settling conflicts, so far */
	size_t confirmed, restored; /* questions about deletions, answered so */
	char *wrong;                /* the first that is wrong; empty: nothing */
	size_t size;
};

void judge_wrong(struct judge *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Time passes; nobody may spin meanwhile. */
void judge_pass(struct judge *j, int64_t ms);
bool judge_runs(const struct member *m);
/** Open its folder if it is not running. */
void judge_start(struct member *m);
/** All faults end; everybody runs. */
void judge_calm(struct judge *j);
/** The same, then everything above. */
void judge_end(struct judge *j);

#endif
