/** @file
 * One situation and what the planner must say to it, in a form short enough for a table. */
#ifndef MF_TESTS_PLANNER_CASE_H
#define MF_TESTS_PLANNER_CASE_H

#include "sync/plan/planner.h"

/** Letters name snapshots and are their capabilities, so that their order is the alphabet's.  Digits are
 *  contents, '-' is a deletion, or absent; '\0' in a field: none. */
struct planner_case {
	const char *name;
	/* "o=1 x=2:o r=3:ox" : snapshots with content and parents, parents first.  After the parents: '!' made
	 * by Python (no mark, no hash), '?' the hash is not known, '#' and cannot be had. */
	const char *graph;
	char disk;               /* what is at p; '\0' reads as '-' */
	enum mf_local_kind kind; /* instead of absent or file, if not MF_LOCAL_ABSENT */
	bool disk_not_hashed;
	char base;
	const char *pending, *known; /* oldest first */
	char self;                   /* own entry; '?' not read, '\0' none */
	const char *heads;           /* "Br Cs": participants and what they show; "B?" not read, "B-" gone */
	/* "Brw": slot, snapshot, and how it stands: OPEN and n: to be written, absent; u: unrecorded, but there;
	 * o: to be written over '7', which we wrote; x: to be written, the user's '9' there; w: written, there;
	 * d: written and deleted; e: written and edited.  CLOSING and c: there; g: gone; f: edited. */
	const char *rows;
	bool intent;
	char look; /* p at the look; '\0' no look */
	bool read_only;
	char choice; /* '=' p, a letter: that row's version, '+': a text made of both */

	enum mf_act act;
	char sid;          /* '\0': none is said */
	const char *sids;  /* in order; NULL: none */
	char row;          /* slot of the row meant */
	const char *slots; /* one letter per sids */
	char base_after;
	const char *known_after;
};

/** Fails the test unless the planner says what each case expects. */
void planner_check(const struct planner_case *cases, size_t n);

/** The relation of 'x' to 'r' in @p graph. */
enum mf_relation planner_relation(const char *graph);

#define PLANNER_TEST(suite, row, ...) \
	Test(suite, row, .timeout = 10) \
	{ \
		static const struct planner_case cases[] = {__VA_ARGS__}; \
		planner_check(cases, sizeof(cases) / sizeof(cases[0])); \
	}

#endif
