/* A folder's databases: making, checking and upgrading the schemas.
 *
 * A new version of our tables is one more constant SQL_OURS_n (or SQL_INDEX_n), one more entry in the list, and
 * a fixture of the version before it in the tests. */
#include "sync/state/impl.h"

static const char *const ours_upgrades[] = {
	SQL_OURS_1, SQL_OURS_2, SQL_OURS_3, SQL_OURS_4, SQL_OURS_5, SQL_OURS_6, SQL_OURS_7};
static const char *const index_upgrades[] = {SQL_INDEX_1, SQL_INDEX_2, SQL_INDEX_3};

_Static_assert(sizeof(ours_upgrades) / sizeof(ours_upgrades[0]) == STATE_OURS_VERSION, "one upgrade per version");
_Static_assert(sizeof(index_upgrades) / sizeof(index_upgrades[0]) == INDEX_VERSION, "one upgrade per version");

struct upgrade {
	sqlite3 *db;
	const char *const *steps; /* steps[v] leads from version v to v + 1 */
	int64_t have, want;
};

static mf_code
run_steps(void *arg, mf_err *err)
{
	const struct upgrade *u = arg;
	mf_code rc = MF_OK;

	for (int64_t v = u->have; v < u->want && rc == MF_OK; v++)
		rc = mf_db_exec(u->db, u->steps[v], err);
	return rc;
}

/* All of the steps or none. */
static mf_code
upgrade(sqlite3 *db, const char *const *steps, int64_t have, int64_t want, mf_err *err)
{
	struct upgrade u = {db, steps, have, want};

	return have == want ? MF_OK : mf_db_txn(db, run_steps, &u, err);
}

static mf_code
too_new(const char *file, int64_t have, int64_t known, mf_err *err)
{
	return mf_fail(err, MF_EUNSUPPORTED, 0,
		"%s has schema version %lld, this program knows %lld: a newer "
		"magic-folder wrote it",
		file, (long long)have, (long long)known);
}

mf_code
mf_state_schema_create(sqlite3 *db, mf_err *err)
{
	mf_code rc = mf_db_exec(db, SQL_PYTHON_SCHEMA, err);

	for (size_t v = 0; rc == MF_OK && v < STATE_OURS_VERSION; v++)
		rc = mf_db_exec(db, ours_upgrades[v], err);
	return rc;
}

/* Version of our tables in state.sqlite; 0 where only Python has been. */
static mf_code
ours_version(sqlite3 *db, int64_t *out, mf_err *err)
{
	int64_t has = 0;
	mf_code rc = mf_db_int(db, SQL_HAS_OURS, &has, err);

	*out = 0;
	return rc != MF_OK || has == 0 ? rc : mf_db_int(db, SQL_OURS_VERSION, out, err);
}

mf_code
mf_state_schema_check(sqlite3 *db, mf_err *err)
{
	int64_t python = 0, tables = 0, ours = 0;
	mf_code rc;

	if ((rc = mf_db_int(db, SQL_USER_VERSION, &python, err)) != MF_OK ||
		(rc = mf_db_int(db, SQL_HAS_PYTHON, &tables, err)) != MF_OK ||
		(rc = ours_version(db, &ours, err)) != MF_OK)
		return rc;
	if (python > STATE_PYTHON_VERSION)
		return too_new("state.sqlite", python, STATE_PYTHON_VERSION, err);
	if (ours > STATE_OURS_VERSION)
		return too_new("state.sqlite (mf_schema)", ours, STATE_OURS_VERSION, err);
	if (python < STATE_PYTHON_VERSION || tables != 6)
		return mf_fail(err, MF_EFORMAT, 0, "state.sqlite is not a magic-folder's state");
	return upgrade(db, ours_upgrades, ours, STATE_OURS_VERSION, err);
}

mf_code
mf_state_index_check(sqlite3 *db, mf_err *err)
{
	int64_t have = 0;
	mf_code rc = mf_db_int(db, SQL_USER_VERSION, &have, err);

	if (rc != MF_OK)
		return rc;
	if (have > INDEX_VERSION)
		return too_new("index.sqlite", have, INDEX_VERSION, err);
	return upgrade(db, index_upgrades, have, INDEX_VERSION, err);
}
