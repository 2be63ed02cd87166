/* A folder's databases: files that are gone and whose deletion waits for the user's word, or follows it. */
#include "sync/state/impl.h"

mf_code
mf_state_held_add(struct mf_state *s, const char *relpath, mf_err *err)
{
	return mf_state_run_text(s, QUERY_HELD_ADD, relpath, err);
}

mf_code
mf_state_held_drop(struct mf_state *s, const char *relpath, mf_err *err)
{
	return mf_state_run_text(s, QUERY_HELD_DROP, relpath, err);
}

mf_code
mf_state_held_get(struct mf_state *s, const char *relpath, enum mf_word *word, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_HELD_GET, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, relpath);
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK && row)
		*word = (enum mf_word)sqlite3_column_int(q, 0);
	mf_db_reset(q);
	return rc != MF_OK || row ? rc : MF_ENOTFOUND;
}

mf_code
mf_state_held_answer(struct mf_state *s, enum mf_word word, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_HELD_ANSWER, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_bind_int(q, 1, word);
	return mf_state_run(q, NULL, err);
}

mf_code
mf_state_held_count(struct mf_state *s, uint64_t count[MF_WORDS], mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_HELD_COUNT, &q, err);

	memset(count, 0, MF_WORDS * sizeof(*count));
	if (rc != MF_OK)
		return rc;
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row) {
		int word = sqlite3_column_int(q, 0);
		if (word >= 0 && word < MF_WORDS)
			count[word] = (uint64_t)sqlite3_column_int64(q, 1);
	}
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_held_each(
	struct mf_state *s, mf_code (*each)(void *arg, const char *relpath, enum mf_word word), void *arg, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_HELD_EACH, &q, err);

	if (rc != MF_OK)
		return rc;
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row)
		if ((rc = each(arg, (const char *)sqlite3_column_text(q, 0), (enum mf_word)sqlite3_column_int(q, 1))) !=
			MF_OK)
			break;
	mf_db_reset(q);
	return rc;
}
