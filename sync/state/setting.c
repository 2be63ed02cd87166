/* A folder's databases: what the user chose. */
#include "sync/state/impl.h"

/* Kept in Python's config row, not in mf_setting. */
static bool
is_pythons(const mf_setting *which)
{
	return which->kind == MF_SETTING_SECONDS;
}

static mf_code
get_ours(struct mf_state *s, mf_settings *out, mf_err *err)
{
	const mf_setting *which;
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_SETTING_EACH, &q, err);

	if (rc != MF_OK)
		return rc;
	while ((rc = mf_state_step(q, &row, err)) == MF_OK && row)
		if (mf_setting_find(mf_db_col_str(q, 0), &which, NULL) == MF_OK && !is_pythons(which))
			(void)mf_setting_parse(which, mf_db_col_str(q, 1), out, NULL);
	mf_db_reset(q);
	return rc;
}

mf_code
mf_state_settings_get(struct mf_state *s, mf_settings *out, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc;

	*out = mf_settings_standard();
	if ((rc = get_ours(s, out, err)) != MF_OK || (rc = mf_state_query(s, QUERY_CONFIG, &q, err)) != MF_OK)
		return rc;
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK && row) {
		/* others write there: what is no interval counts as none, and polling never stops */
		int64_t poll = sqlite3_column_int64(q, 6), scan = sqlite3_column_int64(q, 7);
		if (poll > 0 && poll <= INT32_MAX)
			out->poll_interval_s = (unsigned)poll;
		out->scan_interval_s = scan > 0 && scan <= INT32_MAX ? (unsigned)scan : 0;
	}
	mf_db_reset(q);
	return rc;
}

static mf_code
put_one(struct mf_state *s, const mf_setting *which, const mf_settings *set, mf_err *err)
{
	sqlite3_stmt *q;
	mf_buf text = {0};
	mf_code rc = mf_state_query(s, QUERY_SETTING_PUT, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_setting_text(which, set, &text);
	mf_db_bind_text(q, 1, which->key);
	mf_db_bind_str(q, 2, mf_buf_str(&text));
	rc = mf_state_run(q, NULL, err);
	mf_buf_free(&text);
	return rc;
}

static mf_code
put_intervals(struct mf_state *s, const mf_settings *set, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, QUERY_INTERVALS_PUT, &q, err);

	if (rc != MF_OK)
		return rc;
	mf_bind_int(q, 1, set->poll_interval_s);
	if (set->scan_interval_s > 0)
		mf_bind_int(q, 2, set->scan_interval_s);
	return mf_state_run(q, NULL, err);
}

mf_code
mf_state_settings_put(struct mf_state *s, const mf_settings *set, mf_err *err)
{
	mf_code rc = mf_state_begin(s, err);

	if (rc != MF_OK)
		return rc;
	for (size_t i = 0; rc == MF_OK && i < MF_SETTING_COUNT; i++)
		if (!is_pythons(&mf_setting_table[i]))
			rc = put_one(s, &mf_setting_table[i], set, err);
	if (rc == MF_OK)
		rc = put_intervals(s, set, err);
	return mf_state_end(s, rc, err);
}
