/** @file
 * A stand-in for a Tahoe-LAFS node: its web API, as far as magic folders use it, over an embedded store; with troubles
 * on demand.  Its answers have the shapes of golden/lafs/wapi.json. */
#ifndef MF_TESTS_GRID_STAND_IN_H
#define MF_TESTS_GRID_STAND_IN_H

#include <stdatomic.h>

#include "grid/grid.h"
#include "tests/grid/serve.h"

/** What is wrong with it; may be changed at any time. */
typedef struct stand_in_mood {
	enum stand_in_trouble {
		STAND_IN_WELL,
		STAND_IN_HTML,     /* a page for people, status 200 */
		STAND_IN_ERROR,    /* 500 with a traceback */
		STAND_IN_REDIRECT, /* to itself, for ever */
		STAND_IN_HALF,     /* half of the right answer, then the connection ends; what was asked is done */
		STAND_IN_SILENT,   /* never answers, and does nothing */
		STAND_IN_TYPES,    /* JSON of wrong types */
		STAND_IN_ENDLESS,  /* an answer that does not end */
		STAND_IN_GONE,     /* the connection ends at once */
	} trouble;
	unsigned servers;  /* connected storage servers */
	unsigned delay_ms; /* before each answer */
} stand_in_mood;
/** The word for a trouble, as in a mood file; false if there is none. */
bool stand_in_word(mf_str word, enum stand_in_trouble *out);

struct stand_in {
	struct mf_grid *store; /* the caller's */
	/** Asked before each answer. */
	stand_in_mood (*mood)(void *arg);
	/** Told of each request: "PUT /uri", "POST t=set_children", "GET t=json", "GET file"... May be NULL. */
	void (*told)(void *arg, const char *what);
	void *arg;
	struct serve *server;
};

/** @p store, mood, told and arg are set; starts the server. */
void stand_in_start(struct stand_in *s);
void stand_in_stop(struct stand_in *s);

#endif
