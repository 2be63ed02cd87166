/* state.sqlite: schema, configuration, transactions, a locked database. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <sys/stat.h>

#include <jansson.h>
#include <sodium.h>

#include "tests/grid/golden.h"
#include "tests/sync/fixture.h"

static mf_err err;

#define OK(call) cr_assert((call) == MF_OK, "%s", err.text)

Test(state, stat_times_are_rounded_as_python_does, .timeout = 10)
{
	json_t *top = golden_json("pathstate.json");
	const json_t *all = json_object_get(top, "vectors"), *v;
	size_t i;

	cr_assert(json_array_size(all) == 21);
	json_array_foreach(all, i, v)
	{
		int64_t ns = json_integer_value(json_object_get(v, "mtime_ns_exact"));
		int64_t want = json_integer_value(json_object_get(v, "stored_mtime_ns"));
		cr_assert(mf_py_ns(ns) == want, "%lld: got %lld, want %lld", (long long)ns, (long long)mf_py_ns(ns),
			(long long)want);
	}
	json_decref(top);
}

Test(state, a_stat_matches_the_state_made_of_it, .timeout = 5)
{
	mf_stat st = {.kind = MF_KIND_FILE,
			.size = 7,
			.mtime_ns = 1795421552783950025,
			.ctime_ns = 1795421552783950026,
			.ino = 42},
		other = st;
	mf_pathstate ps = mf_pathstate_of(&st);

	cr_assert(ps.present && ps.size == 7 && ps.mtime_ns == 1795421552783950080 && ps.ino == 42);
	cr_assert(mf_pathstate_matches(&ps, &st, true));
	other.ctime_ns += 1000;
	cr_assert(mf_pathstate_matches(&ps, &other, false) && !mf_pathstate_matches(&ps, &other, true));
	other = st;
	other.mtime_ns += 1000;
	cr_assert(!mf_pathstate_matches(&ps, &other, false));
	other = st;
	other.size++;
	cr_assert(!mf_pathstate_matches(&ps, &other, false));
	other.kind = MF_KIND_DIR;
	cr_assert(!mf_pathstate_matches(&ps, &other, false));
	ps = mf_pathstate_of(&other);
	cr_assert(!ps.present && mf_pathstate_matches(&ps, &other, true) && !mf_pathstate_matches(&ps, &st, false));
	ps = (mf_pathstate){.present = true, .size = MF_SIZE_UNKNOWN};
	cr_assert(!mf_pathstate_matches(&ps, &st, false) && !mf_pathstate_matches(&ps, &other, false));
}

Test(state, a_new_folder_reads_back_its_configuration, .timeout = 10)
{
	struct fixture f;
	mf_folder_conf c;
	uint8_t seed[32] = {1, 2, 3}, key[32], secret[64];
	struct stat st;

	fixture_start(&f);
	fixture_create(&f);
	cr_assert(fixture_says(&f, "state.sqlite",
		"SELECT typeof(author_private_key) || length(author_private_key) FROM config", "blob56"));
	cr_assert(fixture_says(&f, "state.sqlite", "PRAGMA user_version", "1"));
	cr_assert(fixture_says(&f, "state.sqlite", "PRAGMA journal_mode", "wal"));
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_conf(s, &c, &err));
	(void)crypto_sign_seed_keypair(key, secret, seed);
	cr_assert(memcmp(c.seed, seed, 32) == 0 && memcmp(c.verify_key, key, 32) == 0);
	cr_assert(strcmp(c.name, "f") == 0 && strcmp(c.author, "laptop") == 0 && strcmp(c.state_dir, f.dir) == 0);
	cr_assert(strcmp(c.magic_path, "/home/user/files") == 0 && strncmp(c.stash_path, f.dir, strlen(f.dir)) == 0);
	cr_assert(c.is_admin && !c.read_only && c.poll_interval_s == 60 && c.scan_interval_s == 120);
	cr_assert(strcmp(c.collective_write.text, fixture_collective.text) == 0);
	cr_assert(strncmp(c.collective.text, "URI:DIR2-RO:", 12) == 0);
	cr_assert(strcmp(c.personal.text, fixture_personal.text) == 0);
	mf_folder_conf_clear(&c);
	cr_assert(c.seed[0] == 0 && c.author == NULL);
	cr_assert(stat(mf_state_path(s), &st) == 0 && (st.st_mode & 0777) == 0600);
	cr_assert(stat(mf_state_index_path(s), &st) == 0 && (st.st_mode & 0777) == 0600);
	mf_state_close(s);
	fixture_end(&f);
}

Test(state, odd_configurations_of_python_are_read, .timeout = 10)
{
	struct fixture f;
	mf_folder_conf c;

	fixture_start(&f);
	fixture_create(&f);
	fixture_sql(&f, "state.sqlite",
		"UPDATE config SET author_private_key = CAST(author_private_key AS TEXT),"
		" upload_dircap = NULL, scan_interval = NULL, collective_dircap ="
		" 'URI:DIR2-RO:fevsgwcjybcit7hzawsbawxr4y:nm2xznszzsaypssjj6cuwynplr7r4udlp3chgev6af45f4xvonha'");
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_conf(s, &c, &err));
	cr_assert(c.seed[0] == 1 && !c.is_admin && c.read_only && c.scan_interval_s == 0);
	mf_folder_conf_clear(&c);
	fixture_sql(&f, "state.sqlite", "UPDATE config SET author_private_key = 'abc'");
	cr_assert(mf_state_conf(s, &c, &err) == MF_EFORMAT && strstr(err.text, "author_private_key") != NULL);
	fixture_sql(&f, "state.sqlite", "DELETE FROM config");
	cr_assert(mf_state_conf(s, &c, &err) == MF_EFORMAT);
	mf_state_close(s);
	fixture_end(&f);
}

Test(state, what_is_no_state_of_ours_is_refused_by_name, .timeout = 10)
{
	struct fixture f;
	struct mf_state *s = NULL;
	mf_folder_conf c = {0};

	fixture_start(&f);
	cr_assert(mf_state_open(f.env, f.dir, "f", &s, &err) == MF_ENOTFOUND && s == NULL);
	fixture_create(&f);
	c.state_dir = f.dir;
	cr_assert(mf_state_create(f.env, &c, &err) == MF_EEXIST);
	fixture_sql(&f, "state.sqlite", "PRAGMA user_version = 2");
	cr_assert(mf_state_open(f.env, f.dir, "f", &s, &err) == MF_EUNSUPPORTED);
	cr_assert(strstr(err.text, "version 2") != NULL && strstr(err.text, "knows 1") != NULL, "%s", err.text);
	fixture_sql(&f, "state.sqlite", "PRAGMA user_version = 1; UPDATE mf_schema SET version = 99");
	cr_assert(mf_state_open(f.env, f.dir, "f", &s, &err) == MF_EUNSUPPORTED);
	cr_assert(strstr(err.text, "version 99") != NULL && strstr(err.text, "knows 7") != NULL, "%s", err.text);
	fixture_sql(&f, "state.sqlite", "UPDATE mf_schema SET version = 7");
	fixture_sql(&f, "index.sqlite", "PRAGMA user_version = 9");
	cr_assert(mf_state_open(f.env, f.dir, "f", &s, &err) == MF_EUNSUPPORTED);
	cr_assert(strstr(err.text, "index.sqlite") != NULL && strstr(err.text, "version 9") != NULL, "%s", err.text);
	fixture_sql(&f, "index.sqlite", "PRAGMA user_version = 0");
	fixture_sql(&f, "state.sqlite", "DROP TABLE conflicted_files");
	cr_assert(mf_state_open(f.env, f.dir, "f", &s, &err) == MF_EFORMAT && s == NULL);
	fixture_end(&f);
}

static mf_path_row
sample(const char *relpath, unsigned n)
{
	return (mf_path_row){.relpath = (char *)relpath,
		.has_base = true,
		.base = fixture_snap(n),
		.content = fixture_file(n),
		.metadata_cap = fixture_file(n + 1000),
		.has_sha = true,
		.sha = {(uint8_t)n},
		.executable = n % 2 != 0,
		.last_updated_ns = 1795422572616252672 + n,
		.upload_duration_ns = 231381504,
		.state = {.present = true,
			.size = n,
			.mtime_ns = 1700000600000000000,
			.ctime_ns = 1795422572616252672,
			.ino = 900 + n}};
}

struct steps {
	struct mf_state *s;
	mf_code inner, outer;
};

static mf_code
write_inner(void *arg, mf_err *e)
{
	struct steps *st = arg;
	mf_path_row row = sample("inner", 2);
	mf_code rc = mf_state_path_put(st->s, &row, e);

	return rc != MF_OK ? rc : st->inner == MF_OK ? MF_OK : mf_fail(e, st->inner, 0, "the inner one failed");
}

static mf_code
write_outer(void *arg, mf_err *e)
{
	struct steps *st = arg;
	mf_path_row row = sample("outer", 1);
	mf_code rc = mf_state_path_put(st->s, &row, e);

	if (rc == MF_OK)
		(void)mf_state_txn(st->s, write_inner, st, e);
	return rc != MF_OK ? rc : st->outer;
}

Test(state, a_transaction_is_whole_or_not_at_all, .timeout = 10)
{
	struct fixture f;
	uint64_t files;

	fixture_start(&f);
	fixture_create(&f);
	struct steps st = {fixture_open(&f), MF_OK, MF_ECANCELED};
	cr_assert(mf_state_txn(st.s, write_outer, &st, &err) == MF_ECANCELED);
	OK(mf_state_path_count(st.s, &files, &err));
	cr_assert(files == 0);
	st.inner = MF_EFULL;
	st.outer = MF_OK; /* the outer one looked away */
	cr_assert(mf_state_txn(st.s, write_outer, &st, &err) == MF_EFULL);
	cr_assert(strcmp(err.text, "the inner one failed") == 0, "%s", err.text);
	OK(mf_state_path_count(st.s, &files, &err));
	cr_assert(files == 0);
	st.inner = MF_OK;
	OK(mf_state_txn(st.s, write_outer, &st, &err));
	OK(mf_state_path_count(st.s, &files, &err));
	cr_assert(files == 2);
	mf_state_close(st.s);
	fixture_end(&f);
}

Test(state, a_locked_database_is_busy_and_unchanged, .timeout = 10)
{
	struct fixture f;
	mf_path_row row = sample("x", 1);
	mf_immdir cap = fixture_snap(1);
	struct steps st = {NULL, MF_OK, MF_OK};
	sqlite3 *other = NULL;
	uint64_t files;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = st.s = fixture_open(&f);
	cr_assert(sqlite3_open(mf_state_path(s), &other) == SQLITE_OK);
	cr_assert(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
	cr_assert(mf_state_path_put(s, &row, &err) == MF_EBUSY, "%s", err.text);
	cr_assert(mf_state_txn(s, write_outer, &st, &err) == MF_EBUSY);
	cr_assert(mf_state_known_set(s, "x", &cap, 1, &err) == MF_EBUSY);
	cr_assert(mf_state_intent_drop(s, "x", &err) == MF_EBUSY);
	OK(mf_state_path_count(s, &files, &err)); /* reading goes on */
	cr_assert(files == 0);
	cr_assert(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
	cr_assert(sqlite3_close(other) == SQLITE_OK);
	OK(mf_state_path_put(s, &row, &err));
	OK(mf_state_path_count(s, &files, &err));
	cr_assert(files == 1);
	mf_state_close(s);
	fixture_end(&f);
}

/* docs/database.md names every table and column of ours. */
static void
documented(const struct fixture *f, const char *file, const char *tables, mf_str page)
{
	mf_buf sql = {0};

	mf_buf_addf(&sql,
		"SELECT group_concat(t.name || ' ' || c.name, char(10)) FROM sqlite_schema t,"
		" pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name LIKE '%s'",
		tables);
	char *names = fixture_ask(f, file, (const char *)sql.p), *rest = NULL;
	cr_assert(names != NULL && page.n > 0);
	for (char *w = strtok_r(names, " \n", &rest); w != NULL; w = strtok_r(NULL, " \n", &rest))
		cr_assert(strstr(page.p, w) != NULL, "docs/database.md does not name %s of %s", w, file);
	free(names);
	mf_buf_free(&sql);
}

Test(state, the_page_names_every_table_and_column_of_ours, .timeout = 10)
{
	struct fixture f;
	mf_buf page = golden_file("../../docs/database.md");

	fixture_start(&f);
	fixture_create(&f);
	mf_state_close(fixture_open(&f));
	documented(&f, "state.sqlite", "mf\\_%' ESCAPE '\\", mf_buf_str(&page));
	documented(&f, "index.sqlite", "%", mf_buf_str(&page));
	mf_buf_free(&page);
	fixture_end(&f);
}
