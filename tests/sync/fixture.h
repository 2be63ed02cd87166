/** @file
 * Folders' databases for the tests: an environment, a directory of its own, a configuration. */
#ifndef MF_TESTS_SYNC_FIXTURE_H
#define MF_TESTS_SYNC_FIXTURE_H

#include "base/env.h"
#include "sync/state/state.h"

struct fixture {
	struct mf_env *env;
	char *dir; /* temporary; removed at the end */
};

void fixture_start(struct fixture *f);
void fixture_end(struct fixture *f);
/** "DIR/NAME" on the heap. */
char *fixture_path(const struct fixture *f, const char *name);
/** state.sqlite in f->dir, as `add` makes it, by an admin who may write. */
void fixture_create(const struct fixture *f);
struct mf_state *fixture_open(const struct fixture *f);
/** Run @p sql on file @p name in f->dir through a connection of its own, as another program would. */
void fixture_sql(const struct fixture *f, const char *name, const char *sql);
/** First column of the first row, as text on the heap; NULL if there is no row or it is NULL. */
char *fixture_ask(const struct fixture *f, const char *name, const char *sql);
/** Is it @p want? Says on stderr what it is otherwise. */
bool fixture_says(const struct fixture *f, const char *name, const char *sql, const char *want);
/** Copy the databases as they lie on disk, WALs included and shared memory not: what a crash leaves. */
void fixture_copy(const struct fixture *from, const struct fixture *to);

/** The n-th of a family of well-formed capabilities. */
mf_immdir fixture_snap(unsigned n);
mf_filecap fixture_file(unsigned n);
extern const mf_dirwrite fixture_collective, fixture_personal;

#endif
