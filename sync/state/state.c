/* A folder's databases: opening, transactions, configuration. */
#include "sync/state/impl.h"

#include <stdlib.h>

#include <sodium.h>

#include "base/base32.h"

char *
mf_state_join(const char *dir, const char *name)
{
	mf_buf b = {0};

	mf_buf_addf(&b, "%s/%s", dir, name);
	return (char *)b.p;
}

/* Is there a state.sqlite in @p dir? Asked before opening, which would make one. */
static mf_code
state_exists(struct mf_env *env, const char *dir, bool *exists, mf_err *err)
{
	struct mf_root *root = NULL;
	mf_stat st;
	mf_code rc = env->ops->root_open(env, dir, &root, err);

	if (rc != MF_OK)
		return rc;
	rc = env->ops->stat(root, "state.sqlite", &st, err);
	*exists = rc == MF_OK && st.kind != MF_KIND_ABSENT;
	env->ops->root_close(root);
	return rc;
}

/* Run @p q, which is finalized in any case. */
static mf_code
run_once(sqlite3_stmt *q, mf_err *err)
{
	mf_code rc = mf_db_run(q, err);

	mf_db_finalize(&q, 1);
	return rc;
}

static mf_code
insert_config(sqlite3 *db, const mf_folder_conf *conf, mf_err *err)
{
	static const char *const sql = SQL_CONFIG_INSERT;
	sqlite3_stmt *q = NULL;
	mf_buf key = {0};
	mf_code rc = mf_db_prepare(db, &sql, &q, 1, err);

	if (rc != MF_OK)
		return rc;
	mf_b32_add_upper(&key, conf->seed, sizeof(conf->seed));
	mf_db_bind_text(q, 1, conf->author);
	mf_db_bind_blob(q, 2, key.p, key.n);
	mf_db_bind_text(q, 3, conf->stash_path);
	mf_db_bind_text(q, 4, conf->is_admin ? conf->collective_write.text : conf->collective.text);
	mf_db_bind_text(q, 5, conf->read_only ? NULL : conf->personal.text);
	mf_db_bind_text(q, 6, conf->magic_path);
	mf_bind_int(q, 7, conf->poll_interval_s);
	if (conf->scan_interval_s != 0)
		mf_bind_int(q, 8, conf->scan_interval_s);
	rc = run_once(q, err);
	mf_buf_wipe_free(&key);
	return rc;
}

struct creation {
	sqlite3 *db;
	const mf_folder_conf *conf;
};

static mf_code
fill(void *arg, mf_err *err)
{
	const struct creation *c = arg;
	mf_code rc = mf_state_schema_create(c->db, err);

	return rc != MF_OK ? rc : insert_config(c->db, c->conf, err);
}

mf_code
mf_state_create(struct mf_env *env, const mf_folder_conf *conf, mf_err *err)
{
	struct creation c = {.conf = conf};
	bool exists = false;
	mf_code rc = state_exists(env, conf->state_dir, &exists, err);

	if (rc != MF_OK)
		return rc;
	if (exists)
		return mf_fail(err, MF_EEXIST, 0, "%s holds a state.sqlite already", conf->state_dir);
	char *path = mf_state_join(conf->state_dir, "state.sqlite");
	rc = env->ops->db_open(env, path, &c.db, err);
	free(path);
	if (rc != MF_OK)
		return rc;
	rc = mf_db_txn(c.db, fill, &c, err);
	(void)sqlite3_close(c.db);
	return rc;
}

/* Make or upgrade index.sqlite through a connection of its own, which also gives it its mode and its WAL, then
 * attach it. */
static mf_code
attach_index(struct mf_state *s, mf_err *err)
{
	static const char *const sql = SQL_ATTACH;
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	mf_code rc = s->env->ops->db_open(s->env, s->index_path, &db, err);

	if (rc != MF_OK)
		return rc;
	rc = mf_state_index_check(db, err);
	(void)sqlite3_close(db);
	if (rc != MF_OK || (rc = mf_db_prepare(s->db, &sql, &q, 1, err)) != MF_OK)
		return rc;
	mf_db_bind_text(q, 1, s->index_path);
	rc = run_once(q, err);
	return rc != MF_OK ? rc : mf_db_exec(s->db, SQL_IDX_SETTINGS, err);
}

mf_code
mf_state_open(struct mf_env *env, const char *state_dir, const char *name, struct mf_state **out, mf_err *err)
{
	bool exists = false;
	mf_code rc = state_exists(env, state_dir, &exists, err);

	*out = NULL;
	if (rc != MF_OK)
		return rc;
	if (!exists)
		return mf_fail(err, MF_ENOTFOUND, 0, "%s holds no state.sqlite", state_dir);

	struct mf_state *s = mf_alloc(sizeof(*s));
	s->env = env;
	s->name = mf_strdup(mf_strz(name));
	s->path = mf_state_join(state_dir, "state.sqlite");
	s->index_path = mf_state_join(state_dir, "index.sqlite");
	if ((rc = env->ops->db_open(env, s->path, &s->db, err)) != MF_OK ||
		(rc = mf_state_schema_check(s->db, err)) != MF_OK || (rc = attach_index(s, err)) != MF_OK ||
		(rc = mf_state_local_open(s, err)) != MF_OK) {
		mf_state_close(s);
		return rc;
	}
	(void)mf_state_changed_outside(s);
	*out = s;
	return MF_OK;
}

void
mf_state_close(struct mf_state *s)
{
	if (s == NULL)
		return;
	if (s->depth > 0)
		MF_BUG("closed inside a transaction");
	for (size_t i = 0; i < QUERY_COUNT; i++)
		(void)sqlite3_finalize(s->query[i]);
	(void)sqlite3_close(s->db);
	free(s->name);
	free(s->path);
	free(s->index_path);
	free(s);
}

const char *
mf_state_path(const struct mf_state *s)
{
	return s->path;
}

const char *
mf_state_index_path(const struct mf_state *s)
{
	return s->index_path;
}

bool
mf_state_changed_outside(struct mf_state *s)
{
	sqlite3_stmt *q;
	int64_t was = s->data_version;
	bool row = false;

	if (mf_state_query(s, QUERY_DATA_VERSION, &q, NULL) != MF_OK)
		return false; /* locked: asked again soon */
	if (mf_state_step(q, &row, NULL) == MF_OK && row)
		s->data_version = sqlite3_column_int64(q, 0);
	mf_db_reset(q);
	return was != s->data_version;
}

static mf_code
run_plain(struct mf_state *s, enum state_query which, mf_err *err)
{
	sqlite3_stmt *q;
	mf_code rc = mf_state_query(s, which, &q, err);

	return rc != MF_OK ? rc : mf_state_run(q, NULL, err);
}

mf_code
mf_state_begin(struct mf_state *s, mf_err *err)
{
	if (s->depth == 0) {
		mf_code rc = run_plain(s, QUERY_BEGIN, err);
		if (rc != MF_OK)
			return rc;
		s->doomed = (mf_err){.code = MF_OK};
	}
	s->depth++;
	return MF_OK;
}

mf_code
mf_state_end(struct mf_state *s, mf_code rc, mf_err *err)
{
	if (--s->depth > 0) {
		if (rc != MF_OK && s->doomed.code == MF_OK) {
			s->doomed = err != NULL ? *err : (mf_err){0};
			s->doomed.code = rc;
		}
		return rc;
	}
	if (rc == MF_OK && s->doomed.code != MF_OK) {
		rc = s->doomed.code;
		if (err != NULL)
			*err = s->doomed;
	}
	if (rc == MF_OK)
		rc = run_plain(s, QUERY_COMMIT, err);
	/* SQLite itself rolls back after some failures (disk full, for one) */
	if (rc != MF_OK && !sqlite3_get_autocommit(s->db) && run_plain(s, QUERY_ROLLBACK, NULL) != MF_OK)
		MF_BUG("rollback failed: %s", sqlite3_errmsg(s->db));
	return rc;
}

mf_code
mf_state_txn(struct mf_state *s, mf_code (*fn)(void *arg, mf_err *err), void *arg, mf_err *err)
{
	mf_code rc = mf_state_begin(s, err);

	return rc != MF_OK ? rc : mf_state_end(s, fn(arg, err), err);
}

/* The keys and capabilities of the configuration row. */
static mf_code
read_secrets(sqlite3_stmt *q, mf_folder_conf *c, mf_err *err)
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	mf_code rc;

	if (!mf_unb32_upper(c->seed, sizeof(c->seed), mf_db_col_blob(q, 1)))
		return mf_fail(err, MF_EFORMAT, 0, "state.sqlite: author_private_key is not base32 of 32 bytes");
	(void)crypto_sign_seed_keypair(c->verify_key, secret, c->seed);
	sodium_memzero(secret, sizeof(secret));

	mf_str collective = mf_db_col_blob(q, 3);
	c->is_admin = mf_dirwrite_parse(collective, &c->collective_write, NULL) == MF_OK;
	if (c->is_admin)
		mf_dirwrite_read(&c->collective_write, &c->collective);
	else if ((rc = mf_dirread_parse(collective, &c->collective, err)) != MF_OK)
		return rc;
	c->read_only = sqlite3_column_type(q, 4) == SQLITE_NULL;
	return c->read_only ? MF_OK : mf_dirwrite_parse(mf_db_col_blob(q, 4), &c->personal, err);
}

mf_code
mf_state_conf(struct mf_state *s, mf_folder_conf *out, mf_err *err)
{
	sqlite3_stmt *q;
	bool row = false;
	mf_code rc = mf_state_query(s, QUERY_CONFIG, &q, err);

	*out = (mf_folder_conf){0};
	if (rc != MF_OK)
		return rc;
	rc = mf_state_step(q, &row, err);
	if (rc == MF_OK && !row)
		rc = mf_fail(err, MF_EFORMAT, 0, "state.sqlite: the configuration row is missing");
	if (rc == MF_OK) {
		out->name = mf_strdup(mf_strz(s->name));
		out->author = mf_strdup(mf_db_col_str(q, 0));
		out->stash_path = mf_strdup(mf_db_col_str(q, 2));
		out->magic_path = mf_strdup(mf_db_col_str(q, 5));
		out->poll_interval_s = (unsigned)sqlite3_column_int64(q, 6);
		out->scan_interval_s = (unsigned)sqlite3_column_int64(q, 7);
		out->state_dir = mf_strdup((mf_str){s->path, strlen(s->path) - strlen("/state.sqlite")});
		rc = read_secrets(q, out, err);
	}
	mf_db_reset(q);
	if (rc != MF_OK)
		mf_folder_conf_clear(out);
	return rc;
}
