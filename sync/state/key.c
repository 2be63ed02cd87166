/* A folder's databases: keys that sign snapshots, and whose directories were read through. */
#include "sync/state/impl.h"

#include <stdlib.h>

void
mf_key_row_clear(mf_key_row *r)
{
	free(r->participant);
	free(r->author);
	*r = (mf_key_row){0};
}

static mf_code
row_of(sqlite3_stmt *q, mf_key_row *out, mf_err *err)
{
	*out = (mf_key_row){.current = sqlite3_column_int(q, 2) != 0,
		.how = (enum mf_key_how)sqlite3_column_int(q, 4),
		.since_ns = sqlite3_column_int64(q, 5)};
	if (!mf_column_bytes(q, 0, out->key, sizeof(out->key)))
		return mf_fail(err, MF_EFORMAT, 0, "state.sqlite: a key is not of 32 bytes");
	out->participant = mf_strdup(mf_db_col_str(q, 1));
	out->author = mf_strdup(mf_db_col_str(q, 3));
	return MF_OK;
}

/* The one row of a statement that is bound. */
static mf_code
one_row(sqlite3_stmt *q, mf_key_row *out, mf_err *err)
{
	bool row = false;
	mf_code rc = mf_state_step(q, &row, err);

	*out = (mf_key_row){0};
	if (rc == MF_OK)
		rc = row ? row_of(q, out, err) : mf_fail(err, MF_ENOTFOUND, 0, "the key is not known");
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_key_get(struct mf_state *s, const uint8_t key[32], mf_key_row *out, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_KEY_GET, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_blob(q, 1, key, 32);
	return one_row(q, out, err);
}

mf_code
mf_state_key_of(struct mf_state *s, const char *participant, mf_key_row *out, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_KEY_OF, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, participant);
	return one_row(q, out, err);
}

static mf_code
put(struct mf_state *s, const mf_key_row *row, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_KEY_PUT, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_blob(q, 1, row->key, sizeof(row->key));
	mf_db_bind_text(q, 2, row->participant);
	mf_bind_int(q, 3, row->current);
	mf_db_bind_text(q, 4, row->author);
	mf_bind_int(q, 5, row->how);
	mf_bind_int(q, 6, row->since_ns);
	if ((rc = mf_state_run(q, NULL, err)) != MF_OK || !row->current)
		return rc;
	if ((rc = mf_state_query(s, QUERY_KEY_RETIRE, &q, err)) != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, row->participant);
	mf_db_bind_blob(q, 2, row->key, sizeof(row->key));
	return mf_state_run(q, NULL, err);
}

mf_code
mf_state_key_put(struct mf_state *s, const mf_key_row *row, mf_err *err)
{
	mf_code rc = mf_state_begin(s, err);

	return rc != MF_OK ? rc : mf_state_end(s, put(s, row, err), err);
}

mf_code
mf_state_key_each(struct mf_state *s, mf_code (*each)(void *arg, const mf_key_row *row), void *arg, mf_err *err)
{
	sqlite3_stmt *q;
	bool more = false;
	mf_code rc = mf_state_query(s, QUERY_KEY_EACH, &q, err);

	if (rc != MF_OK)
		return rc;
	while ((rc = mf_state_step(q, &more, err)) == MF_OK && more) {
		mf_key_row row;
		if ((rc = row_of(q, &row, err)) == MF_OK)
			rc = each(arg, &row);
		mf_key_row_clear(&row);
		if (rc != MF_OK)
			break;
	}
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_met_get(struct mf_state *s, const char *participant, bool *met, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, participant == NULL ? QUERY_MET_ANY : QUERY_MET_GET, &q, err);

	*met = false;
	if (rc != MF_OK)
		return rc;
	if (participant != NULL)
		mf_db_bind_text(q, 1, participant);
	rc = mf_state_step(q, met, err);
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_met_put(struct mf_state *s, const char *participant, int64_t now_ns, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_MET_PUT, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, participant);
	mf_bind_int(q, 2, now_ns);
	return mf_state_run(q, NULL, err);
}

mf_code
mf_state_head_keys(struct mf_state *s, const char *participant,
	mf_code (*each)(void *arg, const uint8_t key[32], const char *author), void *arg, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_HEAD_KEYS, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, participant);
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		uint8_t key[32];
		if (!mf_column_bytes(q, 0, key, sizeof(key)))
			rc = mf_fail(err, MF_EFORMAT, 0, "index.sqlite: a key is not of 32 bytes");
		else
			rc = each(arg, key, (const char *)sqlite3_column_text(q, 1));
		if (rc != MF_OK)
			break;
	}
	mf_db_reset(q);
	return rc;
}
