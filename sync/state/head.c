/* A folder's databases: heads seen and directory versions, in index.sqlite. */
#include "sync/state/impl.h"

#include <stdlib.h>

void
mf_heads_free(mf_head_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(rows[i].participant);
	free(rows);
}

/* A statement that takes up to three texts. */
static mf_code
run_texts(struct mf_state *s, enum state_query which, const char *a, const char *b, const char *c, int *changed,
	mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, which, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, a);
	if (b != NULL)
		mf_db_bind_text(q, 2, b);
	if (c != NULL)
		mf_db_bind_text(q, 3, c);
	return mf_state_run(q, changed, err);
}

mf_code
mf_state_head_put(struct mf_state *s, const char *participant, const char *relpath, const char *cap, mf_err *err)
{
	int changed = 0;
	mf_code rc = run_texts(s, QUERY_HEAD_PUT, participant, relpath, cap, &changed, err);

	if (rc != MF_OK || changed > 0)
		return rc;
	/* the participant or the snapshot is not there: make the former and try again */
	if ((rc = run_texts(s, QUERY_PARTICIPANT_ADD, participant, NULL, NULL, NULL, err)) != MF_OK ||
		(rc = run_texts(s, QUERY_HEAD_PUT, participant, relpath, cap, &changed, err)) != MF_OK)
		return rc;
	return changed > 0 ? MF_OK
			   : mf_fail(err, MF_ENOTFOUND, 0, "%s: the head's snapshot is not in the index", relpath);
}

mf_code
mf_state_head_drop(struct mf_state *s, const char *participant, const char *relpath, mf_err *err)
{
	return run_texts(s, QUERY_HEAD_DROP, participant, relpath, NULL, NULL, err);
}

mf_code
mf_state_head_drop_all(struct mf_state *s, const char *participant, mf_err *err)
{
	const mf_dirver none = {0};
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	rc = run_texts(s, QUERY_HEAD_DROP_ALL, participant, NULL, NULL, NULL, err);
	if (rc == MF_OK)
		rc = mf_state_dirver_put(s, participant, &none, err);
	if (rc == MF_OK)
		rc = mf_state_dir_put(s, participant, "", err);
	return mf_state_end(s, rc, err);
}

mf_code
mf_state_head_get(struct mf_state *s, const char *relpath, mf_head_row **out, size_t *n, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_HEAD_GET, &q, err);

	*out = NULL;
	*n = 0;
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		*out = mf_realloc_array(*out, *n + 1, sizeof(**out));
		mf_head_row *h = &(*out)[(*n)++];
		*h = (mf_head_row){.participant = mf_strdup(mf_db_col_str(q, 0))};
		if ((rc = mf_column_cap(q, 1, h->cap.text, err)) != MF_OK)
			break;
	}
	mf_db_reset(q);
	if (rc != MF_OK) {
		mf_heads_free(*out, *n);
		*out = NULL;
		*n = 0;
	}
	return rc;
}

mf_code
mf_state_head_at_rest(struct mf_state *s, const char *relpath, const char *cap, bool *at_rest, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_HEAD_AT_REST, &q, err);

	*at_rest = false;
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	mf_db_bind_text(q, 2, cap);
	rc = mf_state_step(q, at_rest, err);
	mf_db_reset(q);
	return rc;
}

/* Rows of two texts; @p bind NULL: a statement without parameters. */
static mf_code
each_two(struct mf_state *s, enum state_query which, const char *bind,
	mf_code (*each)(void *arg, const char *a, const char *b), void *arg, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, which, &q, err);

	if (rc != MF_OK)
		return rc;
	if (bind != NULL)
		mf_db_bind_text(q, 1, bind);
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		rc = each(arg, (const char *)sqlite3_column_text(q, 0), (const char *)sqlite3_column_text(q, 1));
		if (rc != MF_OK)
			break;
	}
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_head_each(struct mf_state *s, const char *participant,
	mf_code (*each)(void *arg, const char *relpath, const char *cap), void *arg, mf_err *err)
{
	return each_two(s, QUERY_HEAD_EACH, participant, each, arg, err);
}

mf_code
mf_state_head_not_ascii(struct mf_state *s, mf_code (*each)(void *arg, const char *relpath), void *arg, mf_err *err)
{
	return mf_state_each_text(s, QUERY_HEAD_NOT_ASCII, each, arg, err);
}

mf_code
mf_state_head_unsettled(struct mf_state *s, mf_code (*each)(void *arg, const char *relpath), void *arg, mf_err *err)
{
	return mf_state_each_text(s, QUERY_HEAD_UNSETTLED, each, arg, err);
}

mf_code
mf_state_head_participants(
	struct mf_state *s, mf_code (*each)(void *arg, const char *participant), void *arg, mf_err *err)
{
	return mf_state_each_text(s, QUERY_HEAD_PARTICIPANTS, each, arg, err);
}

mf_code
mf_state_dirver_get(struct mf_state *s, const char *participant, mf_dirver *out, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_DIRVER_GET, &q, err);

	*out = (mf_dirver){0};
	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, participant);
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK && row) {
		out->seqnum = (uint64_t)sqlite3_column_int64(q, 0);
		if (!mf_column_bytes(q, 1, out->root, sizeof(out->root)))
			rc = mf_fail(err, MF_EFORMAT, 0, "index.sqlite: a root hash is not of 32 bytes");
	}
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_dirver_put(struct mf_state *s, const char *participant, const mf_dirver *v, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	rc = run_texts(s, QUERY_PARTICIPANT_ADD, participant, NULL, NULL, NULL, err);
	if (rc == MF_OK && (rc = mf_state_query(s, QUERY_DIRVER_PUT, &q, err)) == MF_OK) {
		mf_db_bind_text(q, 1, participant);
		mf_bind_int(q, 2, (int64_t)v->seqnum);
		mf_db_bind_blob(q, 3, v->root, sizeof(v->root));
		rc = mf_state_run(q, NULL, err);
	}
	return mf_state_end(s, rc, err);
}

mf_code
mf_state_dir_get(struct mf_state *s, const char *participant, char cap[MF_CAP_MAX], mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_DIR_GET, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, participant);
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK && (!row || mf_db_col_str(q, 0).n == 0))
		rc = mf_fail(err, MF_ENOTFOUND, 0, "%s: no directory is known", participant);
	if (rc == MF_OK)
		rc = mf_column_cap(q, 0, cap, err);
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_dir_put(struct mf_state *s, const char *participant, const char *cap, mf_err *err)
{
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	rc = run_texts(s, QUERY_PARTICIPANT_ADD, participant, NULL, NULL, NULL, err);
	if (rc == MF_OK)
		rc = run_texts(s, QUERY_DIR_PUT, participant, cap, NULL, NULL, err);
	return mf_state_end(s, rc, err);
}

mf_code
mf_state_dir_each(struct mf_state *s, mf_code (*each)(void *arg, const char *participant, const char *cap), void *arg,
	mf_err *err)
{
	return each_two(s, QUERY_DIR_EACH, NULL, each, arg, err);
}
