/* A folder's databases: snapshots that the Python program made and did not publish.
 *
 * Python's rows stay as they are until what was made of them is published, so that it may come back at any time.  Its
 * tables have no index by path: mf_local and mf_local_parent are a copy that has, made anew at each start. */
#include "sync/state/impl.h"

#include <stdlib.h>

static mf_code
do_open(void *arg, mf_err *err)
{
	struct mf_state *s = arg;
	int64_t read_only = 0;
	mf_code rc = mf_db_int(s->db, SQL_IS_READ_ONLY, &read_only, err);

	if (rc == MF_OK)
		rc = mf_db_exec(s->db, read_only != 0 ? SQL_LOCAL_FORGET : SQL_LOCAL_COPY, err);
	return rc == MF_OK ? mf_db_exec(s->db, SQL_LOCAL_TIDY, err) : rc;
}

mf_code
mf_state_local_open(struct mf_state *s, mf_err *err)
{
	int64_t some = 0;
	mf_code rc = mf_db_int(s->db, SQL_HAS_LOCAL, &some, err);

	s->inherits = some != 0;
	return rc != MF_OK || some == 0 ? rc : mf_state_txn(s, do_open, s, err);
}

void
mf_locals_free(mf_local_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < rows[i].n_parents; k++)
			free(rows[i].parent[k].id);
		free(rows[i].parent);
		free(rows[i].id);
		free(rows[i].stash);
	}
	free(rows);
}

mf_code
mf_state_local_each(struct mf_state *s, mf_code (*each)(void *arg, const char *relpath), void *arg, mf_err *err)
{
	return s->inherits ? mf_state_each_text(s, QUERY_LOCAL_EACH, each, arg, err) : MF_OK;
}

/* Only the name counts: the configuration may have been moved, and nothing outside the stash is touched. */
static const char *
stash_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;

	return name[0] == '\0' || name[0] == '.' ? NULL : name;
}

static mf_code
parents_get(struct mf_state *s, mf_local_row *r, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_LOCAL_PARENT_GET, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, r->id);
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		r->parent = mf_realloc_array(r->parent, r->n_parents + 1, sizeof(*r->parent));
		r->parent[r->n_parents++] = (struct mf_local_parent){
			.local = sqlite3_column_int(q, 0) != 0, .id = mf_strdup(mf_db_col_str(q, 1))};
	}
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_local_get(struct mf_state *s, const char *relpath, mf_local_row **out, size_t *n, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_LOCAL_GET, &q, err);

	*out = NULL;
	*n = 0;
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		char *path = mf_db_col_dup(q, 1);
		const char *name = path != NULL ? stash_name(path) : NULL;
		*out = mf_realloc_array(*out, *n + 1, sizeof(**out));
		(*out)[(*n)++] = (mf_local_row){.id = mf_strdup(mf_db_col_str(q, 0)),
			.deletion = path == NULL,
			.stash = name != NULL ? mf_strdup(mf_strz(name)) : NULL,
			.mtime_s = sqlite3_column_int64(q, 2),
			.ours = sqlite3_column_type(q, 4) != SQLITE_NULL,
			.executable = sqlite3_column_int(q, 4) != 0};
		(*out)[*n - 1].has_sha = mf_column_bytes(q, 3, (*out)[*n - 1].sha, 32);
		free(path);
	}
	mf_db_reset(q);
	for (size_t i = 0; rc == MF_OK && i < *n; i++)
		rc = parents_get(s, &(*out)[i], err);
	if (rc != MF_OK) {
		mf_locals_free(*out, *n);
		*out = NULL;
		*n = 0;
	}
	return rc;
}

mf_code
mf_state_local_state(struct mf_state *s, const char *relpath, mf_pathstate *out, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_LOCAL_STATE, &q, err);

	*out = (mf_pathstate){.present = true, .size = MF_SIZE_UNKNOWN};
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	rc = mf_state_step(q, &row, err);
	if (row)
		mf_column_times(q, 0, out);
	if (row && out->present)
		out->ino = (uint64_t)sqlite3_column_int64(q, 3);
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_local_take(struct mf_state *s, const char *id, mf_err *err)
{
	return mf_state_run_text(s, QUERY_LOCAL_TAKE, id, err);
}

/* Two statements about the same text, in one transaction. */
static mf_code
run_both(struct mf_state *s, enum state_query a, enum state_query b, const char *text, mf_err *err)
{
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	rc = mf_state_run_text(s, a, text, err);
	if (rc == MF_OK)
		rc = mf_state_run_text(s, b, text, err);
	return mf_state_end(s, rc, err);
}

mf_code
mf_state_local_drop(struct mf_state *s, const char *id, mf_err *err)
{
	return run_both(s, QUERY_LOCAL_DROP, QUERY_LOCAL_DROP_OURS, id, err);
}

mf_code
mf_state_local_done(struct mf_state *s, const char *relpath, mf_err *err)
{
	return run_both(s, QUERY_LOCAL_DONE, QUERY_LOCAL_DONE_OURS, relpath, err);
}

mf_code
mf_state_local_doubt(struct mf_state *s, const char *relpath, mf_err *err)
{
	return run_both(s, QUERY_LOCAL_NO_BASE, QUERY_LOCAL_DOUBT, relpath, err);
}

bool
mf_state_local_any(struct mf_state *s)
{
	sqlite3_stmt *q;
	bool row = false, any = true;

	if (!s->inherits)
		return false;
	if (mf_state_query(s, QUERY_LOCAL_ANY, &q, NULL) != MF_OK)
		return true; /* locked: asked again */
	if (mf_state_step(q, &row, NULL) == MF_OK && row)
		any = sqlite3_column_int(q, 0) != 0;
	mf_db_reset(q);
	s->inherits = any;
	return any;
}

struct names {
	mf_code (*each)(void *arg, const char *name);
	void *arg;
};

static mf_code
name_each(void *arg, const char *path)
{
	const struct names *n = arg;
	const char *name = stash_name(path);

	return name != NULL ? n->each(n->arg, name) : MF_OK;
}

mf_code
mf_state_stash_each(struct mf_state *s, mf_code (*each)(void *arg, const char *name), void *arg, mf_err *err)
{
	struct names n = {each, arg};

	return mf_state_each_text(s, QUERY_STASH_EACH, name_each, &n, err);
}

static mf_code
do_tidy(void *arg, mf_err *err)
{
	const struct mf_state *s = arg;

	return mf_db_exec(s->db, SQL_LOCAL_TIDY, err);
}

mf_code
mf_state_local_tidy(struct mf_state *s, mf_err *err)
{
	return mf_state_txn(s, do_tidy, s, err);
}
