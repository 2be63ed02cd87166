/* A folder's databases: Base and the state of the disk, per path. */
#include "sync/state/impl.h"

#include <stdlib.h>

int64_t
mf_py_ns(int64_t ns)
{
	int64_t sec = ns / 1000000000, nsec = ns % 1000000000;

	if (nsec < 0) { /* as in struct timespec: nanoseconds never below 0 */
		nsec += 1000000000;
		sec--;
	}
	/* st_mtime as a Python float, then int(st_mtime * 1e9); volatile keeps each step a double on every machine */
	volatile double f = (double)sec + 1e-9 * (double)nsec;
	volatile double scaled = f * 1e9;
	return (int64_t)scaled;
}

mf_pathstate
mf_pathstate_of(const mf_stat *st)
{
	if (st->kind != MF_KIND_FILE)
		return (mf_pathstate){.present = false};
	return (mf_pathstate){
		.present = true,
		.size = st->size,
		.mtime_ns = mf_py_ns(st->mtime_ns),
		.ctime_ns = mf_py_ns(st->ctime_ns),
		.ino = st->ino,
	};
}

bool
mf_pathstate_matches(const mf_pathstate *ps, const mf_stat *st, bool strict)
{
	mf_pathstate now = mf_pathstate_of(st);

	if (ps->present != now.present || ps->size == MF_SIZE_UNKNOWN)
		return false;
	if (!ps->present)
		return true;
	/* another file moved here within one tick of the clock differs in nothing but its number */
	bool other = strict && (ps->ctime_ns != now.ctime_ns || (ps->ino != 0 && ps->ino != now.ino));
	return ps->size == now.size && ps->mtime_ns == now.mtime_ns && !other;
}

void
mf_path_row_clear(mf_path_row *r)
{
	free(r->relpath);
	*r = (mf_path_row){0};
}

/* Columns from @p at: is there a pending, its present, size, mtime_ns, ctime_ns, ino; then size, mtime_ns,
 * ctime_ns, ino without it. */
static void
column_state(sqlite3_stmt *q, int at, mf_pathstate *ps)
{
	if (sqlite3_column_int(q, at) == 0) {
		mf_column_times(q, at + 6, ps);
		ps->ino = ps->present ? (uint64_t)sqlite3_column_int64(q, at + 9) : 0;
		return;
	}
	*ps = (mf_pathstate){.present = false};
	if (sqlite3_column_int(q, at + 1) != 0) {
		mf_column_times(q, at + 2, ps);
		ps->ino = (uint64_t)sqlite3_column_int64(q, at + 5);
	}
}

/* The columns of current_snapshots: Python may have written them, so everything is checked. */
static mf_code
column_base(sqlite3_stmt *q, mf_path_row *out, mf_err *err)
{
	bool by_us = sqlite3_column_type(q, 4) != SQLITE_NULL;
	mf_code rc = mf_immdir_parse(mf_db_col_blob(q, 0), &out->base, err);

	out->has_base = true;
	out->base_deleted = sqlite3_column_type(q, 1) == SQLITE_NULL;
	out->last_updated_ns = sqlite3_column_int64(q, 3);
	out->upload_duration_ns = by_us ? sqlite3_column_int64(q, 4) : -1;
	if (rc == MF_OK && !out->base_deleted)
		rc = mf_filecap_parse(mf_db_col_blob(q, 1), &out->content, err);
	if (rc == MF_OK)
		rc = mf_filecap_parse(mf_db_col_blob(q, 2), &out->metadata_cap, err);
	return rc;
}

static mf_code
column_path(sqlite3_stmt *q, const char *relpath, mf_path_row *out, mf_err *err)
{
	bool has_base = sqlite3_column_type(q, 0) != SQLITE_NULL;
	bool pending = sqlite3_column_int(q, 8) != 0;
	mf_code rc = MF_OK;

	out->ours = sqlite3_column_type(q, 5) != SQLITE_NULL;
	if (!has_base && !out->ours && !pending)
		return MF_ENOTFOUND;
	out->relpath = mf_strdup(mf_strz(relpath));
	out->pending = pending;
	out->upload_duration_ns = -1;
	if (has_base)
		rc = column_base(q, out, err);
	out->has_sha = out->ours && mf_column_bytes(q, 6, out->sha, sizeof(out->sha));
	out->executable = out->ours && sqlite3_column_int(q, 7) != 0;
	column_state(q, 8, &out->state);
	if (!has_base && !pending) { /* its state stands in our own table */
		mf_column_times(q, 18, &out->state);
		out->state.ino = out->state.present ? (uint64_t)sqlite3_column_int64(q, 21) : 0;
	}
	return rc;
}

mf_code
mf_state_path_get(struct mf_state *s, const char *relpath, mf_path_row *out, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_PATH_GET, &q, err);

	*out = (mf_path_row){0};
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK && row) /* always: the statement makes one from the path */
		rc = column_path(q, relpath, out, err);
	mf_db_reset(q);
	if (rc != MF_OK)
		mf_path_row_clear(out);
	return rc;
}

static mf_code
put_python(struct mf_state *s, const mf_path_row *row, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, row->has_base ? QUERY_PATH_PUT_PYTHON : QUERY_PATH_DROP_PYTHON, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, row->relpath);
	if (row->has_base) {
		mf_db_bind_text(q, 2, row->base.text);
		mf_db_bind_text(q, 3, !row->base_deleted ? row->content.text : NULL);
		mf_db_bind_text(q, 4, row->metadata_cap.text);
		if (row->state.present)
			mf_bind_times(q, 5, &row->state);
		mf_bind_int(q, 8, row->last_updated_ns);
		if (row->upload_duration_ns >= 0)
			mf_bind_int(q, 9, row->upload_duration_ns);
	}
	return mf_state_run(q, NULL, err);
}

static mf_code
put_ours(struct mf_state *s, const mf_path_row *row, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_PATH_PUT_OURS, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, row->relpath);
	mf_db_bind_text(q, 2, row->has_base ? row->base.text : "");
	if (row->has_sha)
		mf_db_bind_blob(q, 3, row->sha, sizeof(row->sha));
	mf_bind_int(q, 4, (int64_t)row->state.ino);
	mf_bind_int(q, 5, row->executable);
	if (!row->has_base && row->state.present)
		mf_bind_times(q, 6, &row->state);
	return mf_state_run(q, NULL, err);
}

mf_code
mf_state_path_put(struct mf_state *s, const mf_path_row *row, mf_err *err)
{
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	rc = put_python(s, row, err);
	if (rc == MF_OK)
		rc = put_ours(s, row, err);
	return mf_state_end(s, rc, err);
}

mf_code
mf_state_path_learn(struct mf_state *s, const char *relpath, uint64_t ino, bool executable, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_PATH_LEARN, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	mf_bind_int(q, 2, (int64_t)ino);
	mf_bind_int(q, 3, executable);
	return mf_state_run(q, NULL, err);
}

/* Size, mtime_ns, ctime_ns from @p at, NULL when there is no file. */
static void
bind_maybe_times(sqlite3_stmt *q, int at, const mf_pathstate *ps)
{
	if (ps->present)
		mf_bind_times(q, at, ps);
}

static mf_code
touch_pending(struct mf_state *s, const char *relpath, const mf_pathstate *ps, int *changed, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_TOUCH_PENDING, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	mf_bind_int(q, 2, ps->present);
	mf_bind_times(q, 3, ps);
	mf_bind_int(q, 6, (int64_t)ps->ino);
	return mf_state_run(q, changed, err);
}

static mf_code
touch_base(struct mf_state *s, const char *relpath, const mf_pathstate *ps, int *changed, mf_err *err)
{
	sqlite3_stmt *q;
	int ours = 0;
	mf_code rc = mf_state_query(s, QUERY_TOUCH_PYTHON, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	bind_maybe_times(q, 2, ps);
	if ((rc = mf_state_run(q, changed, err)) != MF_OK ||
		(rc = mf_state_query(s, QUERY_TOUCH_OURS, &q, err)) != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	bind_maybe_times(q, 2, ps);
	mf_bind_int(q, 5, (int64_t)ps->ino);
	rc = mf_state_run(q, &ours, err);
	*changed += ours;
	return rc;
}

mf_code
mf_state_path_touch(struct mf_state *s, const char *relpath, const mf_pathstate *ps, mf_err *err)
{
	int changed = 0;
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	rc = touch_pending(s, relpath, ps, &changed, err);
	if (rc == MF_OK && changed == 0)
		rc = touch_base(s, relpath, ps, &changed, err);
	rc = mf_state_end(s, rc, err);
	return rc != MF_OK || changed > 0 ? rc : mf_fail(err, MF_ENOTFOUND, 0, "no row for %s", relpath);
}

/* Those behind @p after, up to @p last if that is not NULL. */
static mf_code
each_between(struct mf_state *s, const char *after, const char *last,
	mf_code (*each)(void *arg, const char *relpath, bool has_base, bool base_deleted, const mf_pathstate *ps),
	void *arg, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_PATH_EACH, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, after);
	if (last != NULL)
		mf_db_bind_text(q, 2, last);
	else
		mf_db_bind_blob(q, 2, NULL, 0); /* behind every text */
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		mf_pathstate ps;

		column_state(q, 3, &ps);
		rc = each(arg, (const char *)sqlite3_column_text(q, 0), sqlite3_column_int(q, 1) != 0,
			sqlite3_column_int(q, 2) != 0, &ps);
		if (rc != MF_OK)
			break;
	}
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_path_each(struct mf_state *s,
	mf_code (*each)(void *arg, const char *relpath, bool has_base, bool base_deleted, const mf_pathstate *ps),
	void *arg, mf_err *err)
{
	return each_between(s, "", NULL, each, arg, err);
}

mf_code
mf_state_path_slice(struct mf_state *s, const char *after, unsigned most,
	mf_code (*each)(void *arg, const char *relpath, bool has_base, bool base_deleted, const mf_pathstate *ps),
	void *arg, char **next, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_PATH_NTH, &q, err);

	*next = NULL;
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, after);
	mf_bind_int(q, 2, most - 1);
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK && row)
		*next = mf_strdup(mf_strz((const char *)sqlite3_column_text(q, 0)));
	mf_db_reset(q);
	if (rc == MF_OK)
		rc = each_between(s, after, *next, each, arg, err);
	if (rc != MF_OK) {
		free(*next);
		*next = NULL;
	}
	return rc;
}

mf_code
mf_state_path_below(
	struct mf_state *s, const char *dir, mf_code (*each)(void *arg, const char *relpath), void *arg, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_buf first = {0}, after = {0}; /* all that begins with "dir/" lies between "dir/" and "dir0" */
	mf_code rc = mf_state_query(s, QUERY_PATH_BELOW, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_buf_addf(&first, "%s%s", dir, *dir == '\0' ? "" : "/");
	mf_buf_addf(&after, "%s%s", dir, *dir == '\0' ? "\xff" : "0");
	mf_db_bind_text(q, 1, (const char *)first.p);
	mf_db_bind_text(q, 2, (const char *)after.p);
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row)
		if ((rc = each(arg, (const char *)sqlite3_column_text(q, 0))) != MF_OK)
			break;
	mf_db_reset(q);
	mf_buf_free(&first);
	mf_buf_free(&after);
	return rc;
}

mf_code
mf_state_path_count(struct mf_state *s, uint64_t *files, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_PATH_COUNT, &q, err);

	*files = 0;
	if (rc != MF_OK)
		return rc;
	rc = mf_state_step(q, &row, err);
	if (row)
		*files = (uint64_t)sqlite3_column_int64(q, 0);
	mf_db_reset(q);
	return rc;
}

/* Rounded down, also before 1970. */
static int64_t
whole_seconds(int64_t ns)
{
	return ns / 1000000000 - (ns % 1000000000 < 0);
}

mf_code
mf_state_file_status(struct mf_state *s, mf_code (*each)(void *arg, const mf_file_status *), void *arg, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_FILE_STATUS, &q, err);

	if (rc != MF_OK)
		return rc;
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		bool by_us = sqlite3_column_type(q, 5) != SQLITE_NULL;
		int64_t size = sqlite3_column_int64(q, 3);
		mf_file_status f = {
			.relpath = (const char *)sqlite3_column_text(q, 0),
			.deleted = sqlite3_column_int(q, 1) != 0,
			.mtime_s = whole_seconds(sqlite3_column_int64(q, 2)),
			.size = size < 0 ? 0 : (uint64_t)size,
			.last_updated_s = whole_seconds(sqlite3_column_int64(q, 4)),
			.upload_duration_ns = by_us ? sqlite3_column_int64(q, 5) : -1,
		};
		if ((rc = each(arg, &f)) != MF_OK)
			break;
	}
	mf_db_reset(q);
	return rc;
}
