/* A state.sqlite that Python wrote, and databases of every version of ours that ever was. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/grid/golden.h"
#include "tests/sync/fixture.h"

static mf_err err;

#define OK(call) cr_assert((call) == MF_OK, "%s", err.text)

/* As magic-folder 24.3.0 makes it (datamodel-and-sync.md 6.3). */
static const char python_schema[] =
	"CREATE TABLE config (author_name TEXT PRIMARY KEY, author_private_key TEXT, stash_path TEXT,"
	" collective_dircap TEXT, upload_dircap TEXT, magic_directory TEXT, poll_interval INTEGER NOT NULL,"
	" scan_interval INTEGER CHECK (scan_interval > 0));"
	"CREATE TABLE local_snapshots (identifier TEXT PRIMARY KEY, relpath TEXT, content_path TEXT);"
	"CREATE TABLE local_snapshot_metadata (snapshot_identifier TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT "
	"NULL,"
	" FOREIGN KEY (snapshot_identifier) REFERENCES local_snapshot(identifier));"
	"CREATE TABLE local_snapshot_parent (snapshot_identifier TEXT NOT NULL, \"index\" INTEGER CHECK (\"index\" >= "
	"0)"
	" NOT NULL, local_only BOOL NOT NULL, parent_identifier TEXT NOT NULL,"
	" FOREIGN KEY (snapshot_identifier) REFERENCES local_snapshot(identifier));"
	"CREATE TABLE current_snapshots (relpath TEXT PRIMARY KEY, snapshot_cap TEXT, content_cap TEXT, metadata_cap "
	"TEXT,"
	" mtime_ns INTEGER, ctime_ns INTEGER, size INTEGER, last_updated_ns INTEGER NOT NULL, upload_duration_ns "
	"INTEGER);"
	"CREATE TABLE conflicted_files (relpath TEXT NOT NULL, conflict_author TEXT NOT NULL, snapshot_cap TEXT,"
	" PRIMARY KEY (relpath, conflict_author));"
	"PRAGMA user_version = 1;";

/* Columns of these names hold numbers. */
static bool
is_number(mf_str column)
{
	static const char *const names[] = {"mtime_ns", "ctime_ns", "size", "last_updated_ns", "upload_duration_ns",
		"index", "local_only", "poll_interval", "scan_interval"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mf_str_eq(column, mf_strz(names[i])))
			return true;
	return false;
}

/* The part of @p s up to @p end, which is taken off together with it. */
static mf_str
take(mf_str *s, char end)
{
	const char *at = s->n == 0 ? NULL : memchr(s->p, end, s->n);
	mf_str part = {s->p, at == NULL ? s->n : (size_t)(at - s->p)};
	size_t gone = at == NULL ? s->n : part.n + 1;

	*s = (mf_str){s->p + gone, s->n - gone};
	return part;
}

static bool
ends_with(mf_str s, mf_str tail)
{
	return s.n >= tail.n && memcmp(s.p + s.n - tail.n, tail.p, tail.n) == 0;
}

/* One row of the dump, "a|b|c": empty is NULL; private keys are BLOBs, as Python stores them. */
static void
add_row(mf_buf *sql, mf_str table, mf_str columns, mf_str row)
{
	mf_buf_addf(sql, "INSERT INTO %.*s VALUES (", (int)table.n, table.p);
	for (bool first = true; columns.n > 0; first = false) {
		mf_str column = take(&columns, '|'), value = take(&row, '|');
		mf_buf_addz(sql, first ? "" : ", ");
		if (value.n == 0)
			mf_buf_addz(sql, "NULL");
		else if (is_number(column))
			mf_buf_adds(sql, value);
		else
			mf_buf_addf(sql,
				mf_str_eq(column, MF_STR("author_private_key")) ? "CAST('%.*s' AS BLOB)" : "'%.*s'",
				(int)value.n, value.p);
	}
	mf_buf_addz(sql, ");");
}

/* The state.sqlite of folder @p which in the recorded configurations, as SQL. */
static void
recorded(const char *which, mf_buf *sql)
{
	mf_buf text = golden_file("sqlite-rows-others.txt");
	mf_str rest = mf_buf_str(&text), table = {0}, columns = {0};
	bool here = false;

	mf_buf_addz(sql, python_schema);
	while (rest.n > 0) {
		mf_str line = take(&rest, '\n');
		if (mf_str_starts(line, MF_STR("-- ==== "))) {
			mf_str name = {line.p + 8, line.n - 8};
			here = mf_str_starts(name, mf_strz(which)) && ends_with(line, MF_STR("/state.sqlite"));
		} else if (here && mf_str_starts(line, MF_STR("-- rows of "))) {
			table = (mf_str){line.p + 11, line.n - 12};
			columns = (mf_str){0};
		} else if (here && mf_str_starts(line, MF_STR("--   "))) {
			mf_str row = {line.p + 5, line.n - 5};
			if (columns.n == 0)
				columns = row;
			else
				add_row(sql, table, columns, row);
		}
	}
	mf_buf_free(&text);
}

static void
make_recorded(const struct fixture *f, const char *which)
{
	mf_buf sql = {0};

	recorded(which, &sql);
	fixture_sql(f, "state.sqlite", (const char *)sql.p);
	mf_buf_free(&sql);
}

static mf_code
count_path(void *arg, const char *relpath, bool has_base, bool base_deleted, const mf_pathstate *ps)
{
	cr_assert(has_base && base_deleted != ps->present, "%s", relpath);
	++*(unsigned *)arg;
	return MF_OK;
}

static mf_code
count_pair(void *arg, const char *relpath, const char *slot)
{
	(void)relpath, (void)slot;
	++*(unsigned *)arg;
	return MF_OK;
}

Test(python, a_recorded_folder_opens_and_keeps_what_it_says, .timeout = 10)
{
	struct fixture f;
	mf_folder_conf c;
	mf_path_row row;
	mf_conflict *rows;
	unsigned paths = 0, conflicts = 0;
	uint64_t files;
	size_t n;

	fixture_start(&f);
	make_recorded(&f, "config-carol/folder-3Vb");
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_conf(s, &c, &err));
	cr_assert(strcmp(c.author, "carol") == 0 && !c.is_admin && c.poll_interval_s == 3600);
	mf_folder_conf_clear(&c);
	OK(mf_state_path_each(s, count_path, &paths, &err));
	OK(mf_state_conflict_each(s, count_pair, &conflicts, &err));
	OK(mf_state_path_count(s, &files, &err));
	cr_assert(paths == 7 && conflicts == 2 && files == 5, "%u %u", paths, conflicts);
	OK(mf_state_path_get(s, "sub/dir/deep@name.bin", &row, &err));
	cr_assert(row.base_deleted && !row.state.present && row.upload_duration_ns == -1 && !row.ours);
	mf_path_row_clear(&row);
	OK(mf_state_path_get(s, "by-carol.txt", &row, &err));
	cr_assert(!row.base_deleted && row.upload_duration_ns == 231381504 && row.state.size == 28);
	cr_assert(row.state.mtime_ns == 1795422578129207040 && row.last_updated_ns == 1795422578368736512);
	cr_assert(strcmp(row.content.text, "URI:LIT:ojswczbnn5xgy6jaobqxe5djmnuxaylooqqho4tjorsxg") == 0);
	mf_path_row_clear(&row);
	OK(mf_state_conflict_get(s, "hello.txt", &rows, &n, &err));
	cr_assert(n == 1 && strcmp(rows[0].slot, "bob") == 0 && !rows[0].closing && !rows[0].marker_written);
	mf_conflicts_free(rows, n);
	mf_state_close(s);
	s = fixture_open(&f); /* our tables are there now */
	paths = 0;
	OK(mf_state_path_each(s, count_path, &paths, &err));
	cr_assert(paths == 7);
	mf_state_close(s);
	char *version = fixture_ask(&f, "state.sqlite", "PRAGMA user_version");
	cr_assert(strcmp(version, "1") == 0);
	free(version);
	fixture_end(&f);
}

Test(python, every_recorded_folder_opens, .timeout = 10)
{
	static const char *const which[] = {
		"config-bob-mid/folder-3Vb", "config-carol/folder-3Vb", "config-carol/folder-47D"};

	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		struct fixture f;
		mf_folder_conf c;
		unsigned paths = 0;

		fixture_start(&f);
		make_recorded(&f, which[i]);
		struct mf_state *s = fixture_open(&f);
		OK(mf_state_conf(s, &c, &err));
		mf_folder_conf_clear(&c);
		OK(mf_state_path_each(s, count_path, &paths, &err));
		mf_state_close(s);
		fixture_end(&f);
	}
}

static mf_code
note_state(void *arg, const char *relpath, bool has_base, bool base_deleted, const mf_pathstate *ps)
{
	(void)base_deleted;
	mf_buf_addf(arg, "%s:%d:%s ", relpath, has_base,
		ps->size == MF_SIZE_UNKNOWN ? "unknown"
			: ps->present       ? "file"
					    : "nothing");
	return MF_OK;
}

/* Two versions and a third of one file, a new one, a deletion; and a row that Python's own faults leave behind. */
static const char left_by_python[] =
	"INSERT INTO local_snapshots VALUES ('u1', 'hello.txt', '/elsewhere/stash/snapaaaaaaaa'),"
	" ('u2', 'new', '/stash/snapbbbbbbbb'), ('u3', 'empty', NULL), ('u4', 'hello.txt', '/stash/snapcccccccc'),"
	" ('u5', 'hello.txt', '/stash/..');"
	"INSERT INTO local_snapshot_metadata VALUES ('u1', 'mtime', 5), ('u1', 'ctime', 6), ('u4', 'mtime', 7);"
	"INSERT INTO local_snapshot_parent VALUES ('u1', 0, 0, 'URI:x'), ('u4', 0, 1, 'u1'), ('u4', 1, 0, 'URI:y'),"
	" ('gone', 0, 1, 'u1');"
	"INSERT INTO current_snapshots (relpath, size, mtime_ns, ctime_ns, last_updated_ns) VALUES ('new', 1, 2, 3, 4);"
	"UPDATE current_snapshots SET size = NULL, mtime_ns = NULL, ctime_ns = NULL WHERE relpath = 'empty'";

static const char rows_left[] =
	"SELECT (SELECT count(*) FROM local_snapshots) || ' ' ||"
	" (SELECT count(*) FROM local_snapshot_metadata) || ' ' ||"
	" (SELECT count(*) FROM local_snapshot_parent) || ' ' || (SELECT count(*) FROM mf_local)";

Test(python, in_a_read_only_folder_its_unpublished_snapshots_become_changes_on_disk, .timeout = 10)
{
	struct fixture f;
	mf_buf b = {0};

	fixture_start(&f);
	make_recorded(&f, "config-bob-mid/folder-3Vb");
	fixture_sql(&f, "state.sqlite", left_by_python);
	fixture_sql(&f, "state.sqlite", "UPDATE config SET upload_dircap = NULL");
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_path_each(s, note_state, &b, &err));
	cr_assert(mf_str_eq(mf_buf_str(&b),
			  MF_STR("after-jam.txt:1:file direct.txt:1:file empty:1:unknown"
				 " from-bob.txt:1:file hello.txt:1:unknown sub/dir/deep@name.bin:1:nothing ")),
		"%.*s", (int)b.n, b.p);
	mf_state_close(s);
	cr_assert(fixture_says(&f, "state.sqlite", rows_left, "0 0 0 0"));
	mf_buf_free(&b);
	fixture_end(&f);
}

static mf_code
note_name(void *arg, const char *name)
{
	mf_buf_addf(arg, "%s ", name);
	return MF_OK;
}

Test(python, its_unpublished_snapshots_are_found_in_their_order, .timeout = 10)
{
	struct fixture f;
	mf_local_row *rows;
	mf_pathstate ps;
	mf_buf b = {0};
	size_t n;

	fixture_start(&f);
	make_recorded(&f, "config-bob-mid/folder-3Vb");
	char *before = NULL;
	fixture_sql(&f, "state.sqlite", left_by_python);
	before = fixture_ask(
		&f, "state.sqlite", "SELECT group_concat(quote(size) || quote(snapshot_cap)) FROM current_snapshots");
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_local_each(s, note_name, &b, &err));
	OK(mf_state_stash_each(s, note_name, &b, &err));
	cr_assert(mf_str_eq(mf_buf_str(&b), MF_STR("empty hello.txt new snapaaaaaaaa snapbbbbbbbb snapcccccccc ")),
		"%.*s", (int)b.n, b.p);
	OK(mf_state_local_get(s, "hello.txt", &rows, &n, &err));
	cr_assert(n == 3 && strcmp(rows[0].id, "u1") == 0 && strcmp(rows[1].id, "u4") == 0);
	cr_assert(strcmp(rows[0].stash, "snapaaaaaaaa") == 0 && rows[0].mtime_s == 5 && !rows[0].deletion);
	cr_assert(rows[1].n_parents == 2 && rows[1].parent[0].local && strcmp(rows[1].parent[0].id, "u1") == 0);
	cr_assert(!rows[1].parent[1].local && strcmp(rows[1].parent[1].id, "URI:y") == 0 && rows[1].mtime_s == 7);
	cr_assert(rows[2].stash == NULL && !rows[2].deletion && rows[2].mtime_s == 0);
	mf_locals_free(rows, n);
	OK(mf_state_local_get(s, "empty", &rows, &n, &err));
	cr_assert(n == 1 && rows[0].deletion && rows[0].stash == NULL);
	mf_locals_free(rows, n);
	OK(mf_state_local_state(s, "new", &ps, &err));
	cr_assert(ps.present && ps.size == 1 && ps.mtime_ns == 2 && ps.ctime_ns == 3);
	OK(mf_state_local_state(s, "empty", &ps, &err));
	cr_assert(!ps.present);
	mf_state_close(s);
	char *after = fixture_ask(
		&f, "state.sqlite", "SELECT group_concat(quote(size) || quote(snapshot_cap)) FROM current_snapshots");
	cr_assert(strcmp(before, after) == 0 && fixture_says(&f, "state.sqlite", rows_left, "5 3 3 5"));
	free(before);
	free(after);
	mf_buf_free(&b);
	fixture_end(&f);
}

Test(python, its_rows_go_when_what_was_made_of_them_is_published, .timeout = 10)
{
	struct fixture f;
	mf_local_row *rows;
	size_t n;

	fixture_start(&f);
	make_recorded(&f, "config-bob-mid/folder-3Vb");
	fixture_sql(&f, "state.sqlite", left_by_python);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_local_take(s, "u1", &err));
	OK(mf_state_local_take(s, "u4", &err));
	OK(mf_state_local_drop(s, "u5", &err));
	OK(mf_state_local_get(s, "hello.txt", &rows, &n, &err));
	cr_assert(n == 0);
	mf_state_close(s);
	cr_assert(fixture_says(&f, "state.sqlite", rows_left, "4 3 3 4"));
	s = fixture_open(&f); /* taken they stay */
	OK(mf_state_local_get(s, "hello.txt", &rows, &n, &err));
	cr_assert(n == 0);
	OK(mf_state_pending_clear(s, "new", &err)); /* not taken: not done with */
	OK(mf_state_pending_forget(s, "hello.txt", &err));
	OK(mf_state_local_get(s, "hello.txt", &rows, &n, &err));
	cr_assert(n == 2);
	mf_locals_free(rows, n);
	OK(mf_state_local_take(s, "u1", &err));
	OK(mf_state_local_take(s, "u4", &err));
	OK(mf_state_pending_clear(s, "hello.txt", &err));
	cr_assert(mf_state_local_any(s));
	OK(mf_state_local_drop(s, "u2", &err));
	OK(mf_state_local_drop(s, "u3", &err));
	cr_assert(!mf_state_local_any(s));
	OK(mf_state_local_tidy(s, &err));
	mf_state_close(s);
	cr_assert(fixture_says(&f, "state.sqlite", rows_left, "0 0 0 0"));
	fixture_end(&f);
}

Test(python, what_python_has_published_since_is_not_ours_to_publish, .timeout = 10)
{
	struct fixture f;
	mf_pending *pending;
	mf_local_row *rows;
	mf_pending p = {.cap = fixture_snap(1)};
	size_t n;

	fixture_start(&f);
	make_recorded(&f, "config-bob-mid/folder-3Vb");
	fixture_sql(&f, "state.sqlite", left_by_python);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_pending_add(s, "hello.txt", &p, &err));
	OK(mf_state_pending_add(s, "new", &p, &err));
	OK(mf_state_local_take(s, "u1", &err));
	OK(mf_state_local_take(s, "u4", &err));
	OK(mf_state_local_take(s, "u2", &err));
	mf_state_close(s);
	fixture_sql(&f, "state.sqlite",
		"DELETE FROM local_snapshots WHERE identifier = 'u1';"
		"UPDATE local_snapshot_parent SET local_only = 0, parent_identifier = 'URI:z'"
		" WHERE snapshot_identifier = 'u4' AND [index] = 0");
	s = fixture_open(&f);
	OK(mf_state_pending_get(s, "hello.txt", &pending, &n, &err));
	cr_assert(n == 0, "pending on top of what Python did not publish");
	free(pending);
	OK(mf_state_pending_get(s, "new", &pending, &n, &err));
	cr_assert(n == 1);
	free(pending);
	OK(mf_state_local_get(s, "hello.txt", &rows, &n, &err));
	cr_assert(n == 2 && strcmp(rows[0].id, "u4") == 0 && strcmp(rows[0].parent[0].id, "URI:z") == 0);
	mf_locals_free(rows, n);
	mf_state_close(s);
	fixture_end(&f);
}

/* Everything that makes up the schema of a file, in one text. */
static char *
schema_of(const struct fixture *f, const char *name)
{
	return fixture_ask(f, name,
		"SELECT group_concat(sql, char(10)) FROM (SELECT sql FROM sqlite_schema"
		" WHERE sql IS NOT NULL ORDER BY name)");
}

/* A database that an earlier version wrote must open, keep its rows, and end with the schema of a new one. */
static void
check_upgrade(const char *old_state, const char *old_index)
{
	struct fixture f, fresh;
	mf_buf state = golden_file(old_state), index = golden_file(old_index);
	mf_path_row row;
	mf_snap_row snap;

	fixture_start(&f);
	fresh = f;
	fresh.dir = fixture_path(&f, "fresh");
	cr_assert(mkdir(fresh.dir, 0700) == 0);
	fixture_create(&fresh);
	mf_state_close(fixture_open(&fresh));

	fixture_sql(&f, "state.sqlite", (const char *)state.p);
	fixture_sql(&f, "index.sqlite", (const char *)index.p);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_path_get(s, "a/x.txt", &row, &err));
	cr_assert(row.ours && row.has_sha && row.executable && row.state.ino == 77);
	OK(mf_state_snap_get(s, row.base.text, &snap, &err));
	cr_assert(snap.depth == 1 && snap.n_parents == 1 && snap.ours_mark);
	mf_path_row_clear(&row);
	mf_snap_row_clear(&snap);
	mf_state_close(s);
	for (int i = 0; i < 2; i++) {
		char *a = schema_of(&f, i == 0 ? "state.sqlite" : "index.sqlite");
		char *b = schema_of(&fresh, i == 0 ? "state.sqlite" : "index.sqlite");
		cr_assert(strcmp(a, b) == 0, "upgraded:\n%s\nnew:\n%s", a, b);
		free(a);
		free(b);
	}
	free(fresh.dir);
	mf_buf_free(&state);
	mf_buf_free(&index);
	fixture_end(&f);
}

Test(python, fixtures_of_old_versions_are_upgraded, .timeout = 20)
{
	check_upgrade("db/state-v1.sql", "db/index-v1.sql");
	check_upgrade("db/state-v3.sql", "db/index-v1.sql");
	check_upgrade("db/state-v6.sql", "db/index-v1.sql");
}
