/** @file
 * What the parts of this room share; private to it. */
#ifndef MF_SYNC_STATE_IMPL_H
#define MF_SYNC_STATE_IMPL_H

#include "base/db.h"
#include "sync/state/state.h"
#include "sync/state/sql.h"

enum state_query {
#define Q(name, sql) QUERY_##name,
	STATE_QUERIES(Q)
#undef Q
		QUERY_COUNT
};

/** Invariants: depth > 0 exactly while a transaction is open; doomed.code is MF_OK unless depth > 0. */
struct mf_state {
	struct mf_env *env;
	sqlite3 *db;
	char *name, *path, *index_path;
	unsigned depth;
	mf_err doomed; /* why the open transaction must not commit */
	bool inherits; /* there were snapshots that Python made and did not publish */
	int64_t data_version;
	uint64_t exits_read;              /* what questions about ancestors have cost, for tests */
	sqlite3_stmt *query[QUERY_COUNT]; /* prepared when first needed */
};

/** "DIR/NAME" on the heap. */
char *mf_state_join(const char *dir, const char *name);

/** The prepared statement, ready for binding.  Between this and its reset it must not be asked for again. */
mf_code mf_state_query(struct mf_state *s, enum state_query which, sqlite3_stmt **out, mf_err *err);
/** Step: *row = there is one (more).  Without a row, and after a failure, the statement has been reset. */
mf_code mf_state_step(sqlite3_stmt *q, bool *row, mf_err *err);
/** Run a statement without rows and reset it. *changed (may be NULL) = number of rows changed. */
mf_code mf_state_run(sqlite3_stmt *q, int *changed, mf_err *err);
/** A statement without rows whose only parameter is a text (a path). */
mf_code mf_state_run_text(struct mf_state *s, enum state_query which, const char *text, mf_err *err);
/** A statement without parameters: @p each gets the first column of every row, lent during the call. */
mf_code mf_state_each_text(struct mf_state *s, enum state_query which, mf_code (*each)(void *arg, const char *text),
	void *arg, mf_err *err);

/** Open a transaction or join the open one; each begin that succeeded needs its end. */
mf_code mf_state_begin(struct mf_state *s, mf_err *err);
/** Commit when @p rc is MF_OK, else roll back and return @p rc. */
mf_code mf_state_end(struct mf_state *s, mf_code rc, mf_err *err);

/** Create or check the schemas; see state/schema.c. */
mf_code mf_state_schema_create(sqlite3 *db, mf_err *err);
mf_code mf_state_schema_check(sqlite3 *db, mf_err *err);
mf_code mf_state_index_check(sqlite3 *db, mf_err *err);

/** What Python left is copied into our tables, or forgotten; see state/local.c. */
mf_code mf_state_local_open(struct mf_state *s, mf_err *err);
/** Nothing of @p relpath is pending any more: what was taken of Python's is done with, too. */
mf_code mf_state_local_done(struct mf_state *s, const char *relpath, mf_err *err);

/* Beside the helpers of base/db.h: */
void mf_bind_int(sqlite3_stmt *q, int at, int64_t n);
/** Three columns from @p at: size, mtime_ns, ctime_ns. */
void mf_bind_times(sqlite3_stmt *q, int at, const mf_pathstate *ps);
/** Copy a capability that we wrote ourselves; MF_EFORMAT if it cannot be one. */
mf_code mf_column_cap(sqlite3_stmt *q, int at, char out[MF_CAP_MAX], mf_err *err);
/** Exactly @p n bytes; false: NULL or another length. */
bool mf_column_bytes(sqlite3_stmt *q, int at, void *out, size_t n);
/** Three columns from @p at: size, mtime_ns, ctime_ns; not present if the first is NULL.  Sets ino to 0. */
void mf_column_times(sqlite3_stmt *q, int at, mf_pathstate *ps);

#endif
