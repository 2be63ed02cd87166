/** @file
 * A trace of the planner's model (golden/planner-traces.json) told with the real engine: people A to D in a simulated
 * world of whom only those move who are told to, who read only what they are told to, and whose snapshots have
 * capabilities in the order that the trace says. */
#ifndef MF_TESTS_SIM_TALE_H
#define MF_TESTS_SIM_TALE_H

#include <jansson.h>

#include "cast.h"

enum { TALE_MAX = 4, TALE_ALL = 15 };

/** Bytes of p; 0: absent. */
typedef unsigned tale_value;

struct tale_person {
	struct member *m;
	unsigned may_read; /* bits: whose directories can be read now, besides the own one */
	bool python, left;
	bool reads;          /* and nothing that it does is to be seen */
	mf_buf state, index; /* a copy of the databases */
	/* Python's, who is played by the test */
	tale_value p;
	mf_immdir base; /* "": none */
	enum tale_python { TALE_PY_OK, TALE_PY_CONFLICTED, TALE_PY_HUNG } stuck;
};

struct tale {
	const json_t *trace;
	const char *name;
	char path[24]; /* p, under a name of its own: the same people play several stories, one after the other */
	struct cast c;
	struct tale_person who[TALE_MAX];
	size_t n;
	char wrong[400]; /* the first difference; empty: none */
	unsigned missed; /* events of the model that did not come by themselves */
};

/** People as in the trace join and wait. */
void tale_begin(struct tale *t, const json_t *trace, uint64_t seed);
/** Their next story, about a path that is new to them. */
void tale_story(struct tale *t, const json_t *trace, const char *path);
void tale_end(struct tale *t);
void tale_wrong(struct tale *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** What the trace calls this snapshot; NULL for an empty capability.  "?": it is not in the trace. */
const char *tale_label(const struct tale *t, const char *cap);
/** What @p i's directory shows for p; false: nothing. */
bool tale_entry(struct tale *t, size_t i, mf_immdir *cap);
/** p's name with this slot's marker; NULL: p's own.  Static memory, four at a time. */
const char *tale_file(const struct tale *t, const char *slot);
tale_value tale_on_disk(struct tale *t, size_t i, const char *slot);
void tale_write(struct tale *t, size_t i, const char *slot, tale_value v); /* 0: remove */
const char *tale_text(tale_value v);                                       /* static memory */
tale_value tale_value_of(const json_t *v);

/** Let only @p i live until @p goal (NULL: never) or @p limit_ms are over. @return whether it was reached. */
bool tale_run(struct tale *t, size_t i, bool (*goal)(void *arg), void *arg, int64_t limit_ms);
/** @p i reads the directories of @p whom, and no more happens. */
void tale_read(struct tale *t, size_t i, unsigned whom);
/** @p i does all that follows from what it has read, and from its disk. */
void tale_act(struct tale *t, size_t i);
/** Both, one after the other, with everybody's directory. */
void tale_sync(struct tale *t, size_t i);
/** One after the other, until nothing changes. */
void tale_settle(struct tale *t);
void tale_restart(struct tale *t, size_t i, enum sim_crash how);
void tale_back_up(struct tale *t, size_t i);
void tale_restore(struct tale *t, size_t i);

/** tale_python.c */
void tale_python_publish(struct tale *t, size_t i);
bool tale_python_poll(struct tale *t, size_t i, size_t of);
bool tale_python_act(struct tale *t, size_t i);
tale_value tale_python_base(struct tale *t, size_t i);

#endif
