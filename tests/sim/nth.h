/** @file
 * One failure in a scene of two people: the n-th operation of a kind fails on one device, once.  Afterwards nothing does,
 * and everything must be well (judge.h). */
#ifndef MF_TESTS_SIM_NTH_H
#define MF_TESTS_SIM_NTH_H

#include "judge.h"

struct stage {
	struct cast c;
	struct oracle o;
	struct judge judge;
	struct member *a, *b; /* alice, who is the admin, and bob */
	struct member *victim;
	char wrong[320];
};

/** The failure comes in act(), or in the time after it. */
struct scene {
	const char *name;
	void (*before)(struct stage *s); /* may be NULL; everybody comes to rest after it */
	void (*act)(struct stage *s);
	void (*after)(struct stage *s); /* may be NULL: what the oracle does not know */
	bool third;                     /* the victim is carol, who is new: nothing of hers exists yet */
};

/** Time for what was begun. */
void stage_pass(struct stage *s, int64_t ms);

/** Every failure of this scene on both devices, or a sample of them (MF_SOAK, MF_NTH_STRIDE: each so many); fails the test.
 *  MF_NTH: "victim kind error n", as a failure is told, for that one only. */
void nth_all(const struct scene *scene);

#endif
