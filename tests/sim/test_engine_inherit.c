/* Versions that the Python program made and did not publish (docs/database.md). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "forge.h"
#include "sync/doc/relpath.h"
#include "sync/state/state.h"

#define V(n) "version " n " of it, long enough not to travel inside its capability ......"
#define STASH CAST_STATE "/stash/"

enum { FORGED_S = 1600000000 };

/* ---- what Python does, in its own files ------------------------------------------------------------- */

struct stage {
	struct cast c;
	struct member *a, *b;
	sqlite3 *db; /* alice's, while her daemon does not run */
};

/* Alice and bob have p with V("0"); then alice's daemon ends, and Python has her files. */
static void
stage_init(struct stage *s, uint64_t seed)
{
	cast_init(&s->c, seed);
	s->c.dark = true;
	s->db = NULL;
	s->a = cast_add(&s->c, "alice");
	s->b = cast_add(&s->c, "bob");
	cast_write(s->a, "p", V("0"));
	cast_write(s->a, "gone", V("0"));
	cast_settle(&s->c);
}

static void
python_begins(struct stage *s)
{
	mf_err err = {0};

	if (s->a->f != NULL)
		cast_close(s->a);
	struct mf_env *env = sim_env_of(s->a->h) != NULL ? sim_env_of(s->a->h) : sim_boot(s->a->h);
	cr_assert(env->ops->db_open(env, CAST_STATE "/state.sqlite", &s->db, &err) == MF_OK, "%s", err.text);
}

static void
python_ends(struct stage *s)
{
	cr_assert(sqlite3_close(s->db) == SQLITE_OK);
	s->db = NULL;
	sim_sync_disk(s->a->h);
}

static void sql(struct stage *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void
sql(struct stage *s, const char *fmt, ...)
{
	char *error = NULL;
	va_list ap;

	va_start(ap, fmt);
	char *text = sqlite3_vmprintf(fmt, ap);
	va_end(ap);
	cr_assert(sqlite3_exec(s->db, text, NULL, NULL, &error) == SQLITE_OK, "%s: %s", text, error);
	sqlite3_free(text);
}

/* What the scan of Python notes with each snapshot that it makes. */
static void
note_disk(struct stage *s, const char *relpath)
{
	mf_stat st;

	sql(s, "INSERT OR IGNORE INTO current_snapshots (relpath, last_updated_ns) VALUES ('%s', 5)", relpath);
	if (sim_stat(s->a->h, cast_path(relpath), &st))
		sql(s,
			"UPDATE current_snapshots SET size = %lld, mtime_ns = %lld, ctime_ns = %lld WHERE relpath = "
			"'%s'",
			(long long)st.size, (long long)mf_py_ns(st.mtime_ns), (long long)mf_py_ns(st.ctime_ns),
			relpath);
	else
		sql(s,
			"UPDATE current_snapshots SET size = NULL, mtime_ns = NULL, ctime_ns = NULL WHERE relpath = "
			"'%s'",
			relpath);
}

/* Python's scan finds relpath with this text (NULL: gone).  @p parent: an id of the same kind, or a capability. */
static void
python_edits(struct stage *s, const char *relpath, const char *text, const char *id, const char *parent)
{
	char name[64];

	if (text != NULL)
		cast_write(s->a, relpath, text);
	else
		cast_remove(s->a, relpath);
	(void)snprintf(name, sizeof(name), STASH "snap%s", id);
	if (text != NULL) {
		sim_writez(s->a->h, name, text);
		sql(s, "INSERT INTO local_snapshots VALUES ('%s', '%s', '%s')", id, relpath, name);
	} else {
		sql(s, "INSERT INTO local_snapshots VALUES ('%s', '%s', NULL)", id, relpath);
	}
	sql(s, "INSERT INTO local_snapshot_metadata VALUES ('%s', 'mtime', %d), ('%s', 'ctime', 6)", id, FORGED_S, id);
	if (parent != NULL)
		sql(s, "INSERT INTO local_snapshot_parent VALUES ('%s', 0, %d, '%s')", id,
			strncmp(parent, "URI:", 4) != 0, parent);
	note_disk(s, relpath);
}

/* The capability that alice's entry shows. */
static const char *
base_of(struct stage *s, const char *relpath)
{
	static mf_immdir cap;
	mf_snapshot snap;

	cr_assert(cast_head(s->a, relpath, &cap, &snap), "no entry for %s", relpath);
	mf_snapshot_clear(&snap);
	return cap.text;
}

/* Three versions of p, one on the other; a new file twice; a deletion. */
static void
python_leaves_all(struct stage *s)
{
	python_begins(s);
	python_edits(s, "p", V("1"), "aaaaaaa1", base_of(s, "p"));
	python_edits(s, "p", V("2"), "aaaaaaa2", "aaaaaaa1");
	python_edits(s, "new", V("1"), "bbbbbbb1", NULL);
	python_edits(s, "p", V("3"), "aaaaaaa3", "aaaaaaa2");
	python_edits(s, "new", V("2"), "bbbbbbb2", "bbbbbbb1");
	python_edits(s, "gone", NULL, "ccccccc1", base_of(s, "gone"));
	sim_writez(s->a->h, STASH "snapleftover", "of a crash between two steps");
	python_ends(s);
}

/* ---- what must come of it ---------------------------------------------------------------------------- */

/* The versions of relpath from alice's entry back to the first: their numbers, "-" for a deletion. */
static void
history(struct stage *s, const char *relpath, char *out)
{
	mf_immdir cap;
	mf_snapshot snap;
	mf_err err = {0};

	out[0] = '\0';
	if (!cast_head(s->a, relpath, &cap, &snap))
		return;
	for (size_t n = 0; n < 20; n++) {
		mf_buf text = {0};
		if (!snap.deletion)
			cr_assert(sim_peek_file(s->c.w, mf_strz(snap.content.text), &text) == MF_OK);
		out[n] = snap.deletion ? '-' : (char)text.p[strlen("version ")];
		out[n + 1] = '\0';
		mf_buf_free(&text);
		if (snap.n_parents == 0)
			break;
		cr_assert(snap.n_parents == 1, "%s: version %s has %zu parents", relpath, out, snap.n_parents);
		cap = snap.parents[0];
		mf_snapshot_clear(&snap);
		cr_assert(cast_snapshot(&s->c, &cap, &snap, &err) == MF_OK, "%s", err.text);
	}
	mf_snapshot_clear(&snap);
}

static void
is_history(struct stage *s, const char *relpath, const char *want)
{
	char is[32];

	history(s, relpath, is);
	cr_assert(strcmp(is, want) == 0, "%s: %s, not %s", relpath, is, want);
}

static void
count_file(void *arg, const char *relpath, const mf_stat *st, mf_str content)
{
	(void)relpath, (void)st, (void)content;
	++*(unsigned *)arg;
}

/* Nothing is left of Python's: rows, copies.  And it would not find anything changed. */
static void
nothing_is_left(struct stage *s)
{
	sqlite3_stmt *q = NULL;
	unsigned files = 0;

	python_begins(s);
	cr_assert(sqlite3_prepare_v2(s->db,
			  "SELECT (SELECT count(*) FROM local_snapshots) + (SELECT count(*) FROM local_snapshot_parent)"
			  " + (SELECT count(*) FROM local_snapshot_metadata) + (SELECT count(*) FROM mf_local)"
			  " + (SELECT count(*) FROM mf_pending)"
			  " + (SELECT count(*) FROM current_snapshots WHERE snapshot_cap IS NULL OR size = -1)",
			  -1, &q, NULL) == SQLITE_OK);
	cr_assert(sqlite3_step(q) == SQLITE_ROW);
	cr_assert(sqlite3_column_int(q, 0) == 0, "%d rows left", sqlite3_column_int(q, 0));
	sqlite3_finalize(q);
	python_ends(s);
	sim_walk(s->a->h, CAST_STATE "/stash", count_file, &files);
	cr_assert(files == 0, "%u files left in the stash", files);
	cast_open(s->a);
}

static void
all_is_published(struct stage *s)
{
	is_history(s, "p", "3210");
	is_history(s, "new", "21");
	is_history(s, "gone", "-0");
	cr_assert(cast_has(s->b, "p", V("3")) && cast_has(s->b, "new", V("2")) && !cast_exists(s->b, "gone"));
	cr_assert(cast_conflicts(s->a) == 0 && cast_conflicts(s->b) == 0);
	nothing_is_left(s);
}

Test(engine_inherit, offline_edits_are_published_in_order_and_a_second_start_changes_nothing_28_29, .timeout = 60)
{
	struct stage s;

	stage_init(&s, 1);
	python_leaves_all(&s);
	cast_open(s.a);
	cast_settle(&s.c);
	cr_assert(s.a->errors == 0, "%s", s.a->last_error);
	all_is_published(&s);
	uint64_t writes = cast_writes(&s.c);
	cast_settle(&s.c);
	cr_assert(cast_writes(&s.c) == writes, "something was published again");
	cast_write(s.a, "p", V("4"));
	cast_settle(&s.c);
	is_history(&s, "p", "43210");
	cr_assert(cast_has(s.b, "p", V("4")) && cast_conflicts(s.b) == 0);
	cast_end(&s.c);
}

/* Crashes at one operation after the other, until a run is quicker than the crash. */
static void
crash_at_each(enum sim_crash how, uint64_t step)
{
	unsigned runs = 0;

	for (uint64_t n = 1;; n += step, runs++) {
		struct stage s;
		stage_init(&s, 100 + n);
		python_leaves_all(&s);
		sim_crash_after(s.a->h, how, n);
		bool died = !cast_try_open(s.a);
		if (!died) {
			sim_run_for(s.c.w, 20000);
			died = sim_dead(s.a->h);
		}
		sim_crash_after(s.a->h, how, 0);
		if (died) {
			cast_bury(s.a);
			cast_open(s.a);
		}
		cast_settle(&s.c);
		all_is_published(&s);
		cast_end(&s.c);
		if (!died)
			break;
	}
	cr_assert(runs > 10, "%u crashes", runs);
}

/* A prime, so that in the long form all are met. */
static uint64_t
step(void)
{
	return getenv("MF_SOAK") != NULL ? 1 : 13;
}

Test(engine_inherit, a_kill_at_each_moment_makes_no_duplicate_32, .timeout = 900)
{
	crash_at_each(SIM_CRASH_PROCESS, step());
}

Test(engine_inherit, a_power_cut_at_each_moment_makes_no_duplicate, .timeout = 900)
{
	crash_at_each(SIM_CRASH_POWER, step());
}

/* Python has uploaded and noted version 1; @p linked: its entry shows it; @p stashed: the copy is still there. */
static void
published_and_not_noted(bool linked, bool stashed)
{
	struct stage s;
	mf_immdir v0;
	mf_snapshot snap;

	stage_init(&s, 300 + linked + 2 * stashed);
	cr_assert(cast_head(s.a, "p", &v0, &snap));
	mf_snapshot_clear(&snap);
	mf_immdir v1 = forge(s.a, &(forged){.relpath = "p", .text = V("1"), .parent = &v0});
	if (linked)
		forge_link(s.a, "p", v1.text);
	cr_assert(cast_snapshot(&s.c, &v1, &snap, NULL) == MF_OK);
	python_begins(&s);
	python_edits(&s, "p", V("1"), "aaaaaaa1", v0.text);
	sql(&s,
		"UPDATE current_snapshots SET snapshot_cap = '%s', content_cap = '%s', metadata_cap = '%s'"
		" WHERE relpath = 'p'",
		v1.text, snap.content.text, snap.metadata_cap.text);
	if (!stashed)
		sim_remove(s.a->h, STASH "snapaaaaaaa1");
	mf_snapshot_clear(&snap);
	python_ends(&s);
	cast_open(s.a);
	cast_settle(&s.c);
	cr_assert(s.a->errors == 0, "%s", s.a->last_error);
	cr_assert(strcmp(base_of(&s, "p"), v1.text) == 0, "it was published a second time");
	cr_assert(cast_has(s.b, "p", V("1")));
	is_history(&s, "p", "10");
	nothing_is_left(&s);
	cast_end(&s.c);
}

Test(engine_inherit, what_was_published_and_not_noted_is_not_published_again_30_32, .timeout = 60)
{
	for (unsigned k = 0; k < 4; k++)
		published_and_not_noted(k % 2 != 0, k / 2 != 0);
}

/* Fault B5: the newest version was published with all before it, and only its own row went; the row left behind became
 * the parent of the next edit. */
Test(engine_inherit, rows_that_python_forgot_to_remove_are_no_parents_b5, .timeout = 60)
{
	struct stage s;
	mf_immdir v0;
	mf_snapshot snap;

	stage_init(&s, 5);
	cr_assert(cast_head(s.a, "p", &v0, &snap));
	mf_snapshot_clear(&snap);
	mf_immdir v1 = forge(s.a, &(forged){.relpath = "p", .text = V("1"), .parent = &v0});
	mf_immdir v2 = forge(s.a, &(forged){.relpath = "p", .text = V("2"), .parent = &v1});
	forge_link(s.a, "p", v2.text);
	cr_assert(cast_snapshot(&s.c, &v2, &snap, NULL) == MF_OK);
	python_begins(&s);
	python_edits(&s, "p", V("1"), "aaaaaaa1", v0.text);
	sql(&s,
		"UPDATE current_snapshots SET snapshot_cap = '%s', content_cap = '%s', metadata_cap = '%s'"
		" WHERE relpath = 'p'",
		v2.text, snap.content.text, snap.metadata_cap.text);
	mf_snapshot_clear(&snap);
	python_edits(&s, "p", V("3"), "aaaaaaa3", "aaaaaaa1");
	python_ends(&s);
	cast_open(s.a);
	cast_settle(&s.c);
	cr_assert(s.a->errors == 0, "%s", s.a->last_error);
	is_history(&s, "p", "3210");
	cr_assert(cast_has(s.b, "p", V("3")) && cast_conflicts(s.b) == 0);
	nothing_is_left(&s);
	cast_end(&s.c);
}

/* The same text again, on another version: no repetition of what was published, although all but its parent agrees. */
Test(engine_inherit, a_text_that_was_published_before_is_a_version_of_its_own, .timeout = 60)
{
	struct stage s;

	stage_init(&s, 6);
	python_begins(&s);
	python_edits(&s, "p", V("1"), "aaaaaaa1", base_of(&s, "p"));
	python_edits(&s, "p", V("0"), "aaaaaaa2", "aaaaaaa1");
	python_edits(&s, "p", V("1"), "aaaaaaa3", "aaaaaaa2");
	python_ends(&s);
	cast_open(s.a);
	cast_settle(&s.c);
	is_history(&s, "p", "1010");
	nothing_is_left(&s);
	cast_end(&s.c);
}

/* ---- the stash is not what it should be --------------------------------------------------------------------- */

Test(engine_inherit, a_copy_that_is_missing_is_said_and_the_rest_goes_on, .timeout = 60)
{
	struct stage s;

	stage_init(&s, 7);
	python_leaves_all(&s);
	sim_remove(s.a->h, STASH "snapaaaaaaa2"); /* one in the middle */
	cast_open(s.a);
	cast_settle(&s.c);
	cr_assert(
		s.a->errors == 1 && strstr(s.a->last_error, "snapaaaaaaa2 is missing") != NULL, "%s", s.a->last_error);
	is_history(&s, "p", "310");
	is_history(&s, "new", "21");
	is_history(&s, "gone", "-0");
	cr_assert(cast_has(s.b, "p", V("3")) && cast_has(s.b, "new", V("2")));
	nothing_is_left(&s);
	cast_end(&s.c);
}

/* The newest is on the disk, too. */
static void
newest_copy_is(uint64_t seed, const char *text, const char *say)
{
	struct stage s;

	stage_init(&s, seed);
	python_leaves_all(&s);
	if (text == NULL)
		sim_remove(s.a->h, STASH "snapaaaaaaa3");
	else
		sim_writez(s.a->h, STASH "snapaaaaaaa3", text);
	cast_open(s.a);
	cast_settle(&s.c);
	cr_assert(s.a->errors == 1 && strstr(s.a->last_error, say) != NULL, "%s", s.a->last_error);
	is_history(&s, "p", "3210");
	cr_assert(cast_has(s.a, "p", V("3")) && cast_has(s.b, "p", V("3")));
	nothing_is_left(&s);
	cast_end(&s.c);
}

Test(engine_inherit, a_newest_copy_that_is_bad_gives_way_to_the_file, .timeout = 60)
{
	newest_copy_is(8, NULL, "snapaaaaaaa3 is missing");
	newest_copy_is(9, "", "snapaaaaaaa3 is damaged");
	newest_copy_is(10, V("X"), "snapaaaaaaa3 is damaged");
}

Test(engine_inherit, all_copies_missing_leave_the_file, .timeout = 60)
{
	struct stage s;

	stage_init(&s, 11);
	python_leaves_all(&s);
	sim_remove(s.a->h, CAST_STATE "/stash");
	cast_open(s.a);
	cast_settle(&s.c);
	is_history(&s, "p", "30");
	is_history(&s, "new", "2");
	is_history(&s, "gone", "-0");
	cr_assert(cast_has(s.b, "p", V("3")) && cast_has(s.b, "new", V("2")));
	cast_end(&s.c);
}

Test(engine_inherit, a_copy_that_cannot_be_read_now_is_tried_again, .timeout = 60)
{
	struct stage s;

	stage_init(&s, 12);
	python_leaves_all(&s);
	sim_fail_often(s.a->h, SIM_READ, 1000, EIO);
	cast_open(s.a);
	sim_run_for(s.c.w, 5000);
	cr_assert(s.a->errors > 0);
	sim_calm(s.a->h);
	cast_settle(&s.c);
	all_is_published(&s);
	cast_end(&s.c);
}

/* The configuration lies elsewhere now: its paths are still those of before. */
Test(engine_inherit, the_stash_is_found_where_the_state_is, .timeout = 60)
{
	struct stage s;

	stage_init(&s, 13);
	python_leaves_all(&s);
	python_begins(&s);
	sql(&s,
		"UPDATE config SET stash_path = '/old/home/stash';"
		"UPDATE local_snapshots SET content_path = replace(content_path, '" STASH "', '/old/home/stash/')");
	python_ends(&s);
	cast_open(s.a);
	cast_settle(&s.c);
	cr_assert(s.a->errors == 0, "%s", s.a->last_error);
	all_is_published(&s);
	cast_end(&s.c);
}

/* ---- others ------------------------------------------------------------------------------------------------ */

/* Case 19: the grid was away; somebody else has edited it, too. */
Test(engine_inherit, an_edit_made_elsewhere_meanwhile_is_a_conflict_19, .timeout = 60)
{
	struct stage s;

	stage_init(&s, 14);
	python_leaves_all(&s);
	cast_write(s.b, "p", V("9"));
	cast_scan(s.b);
	sim_run_for(s.c.w, 3000);
	cast_open(s.a);
	cast_settle(&s.c);
	is_history(&s, "p", "3210");
	cr_assert(cast_conflicts(s.a) == 1 && cast_conflicts(s.b) == 1);
	cr_assert(cast_has(s.a, "p", V("3")) && cast_has(s.a, "p.conflict-bob", V("9")));
	cr_assert(cast_has(s.b, "p", V("9")) && cast_has(s.b, "p.conflict-alice", V("3")));
	nothing_is_left(&s);
	cast_end(&s.c);
}

/* Edited once more before we came: that is one more version. */
Test(engine_inherit, an_edit_that_python_did_not_see_follows_them, .timeout = 60)
{
	struct stage s;

	stage_init(&s, 15);
	python_leaves_all(&s);
	sim_run_for(s.c.w, 1000);
	cast_write(s.a, "p", V("4"));
	cast_open(s.a);
	cast_settle(&s.c);
	is_history(&s, "p", "43210");
	cr_assert(cast_has(s.b, "p", V("4")) && s.a->errors == 0);
	nothing_is_left(&s);
	cast_end(&s.c);
}

Test(engine_inherit, without_a_grid_they_wait_and_nothing_is_lost, .timeout = 60)
{
	struct stage s;

	stage_init(&s, 16);
	python_leaves_all(&s);
	sim_trouble_of(s.a->h)->cut_off = true;
	cast_open(s.a);
	sim_run_for(s.c.w, 60000);
	cast_close(s.a);
	cast_open(s.a);
	sim_run_for(s.c.w, 60000);
	is_history(&s, "p", "0");
	sim_calm(s.a->h);
	cast_settle(&s.c);
	all_is_published(&s);
	cast_end(&s.c);
}

/* ---- what else Python leaves ---------------------------------------------------------------------------------- */

/* Alice has p as Python publishes it: a snapshot that says neither hash nor bit, and a row of its own. */
static void
python_published(struct stage *s, const char *relpath, const char *text)
{
	mf_snapshot snap;

	cast_write(s->a, relpath, text);
	mf_immdir cap = forge(s->a, &(forged){.relpath = relpath, .text = text});
	mf_buf entry = {0};
	mf_mangle(mf_strz(relpath), &entry);
	forge_link(s->a, (char *)entry.p, cap.text);
	mf_buf_free(&entry);
	cr_assert(cast_snapshot(&s->c, &cap, &snap, NULL) == MF_OK);
	python_begins(s);
	sql(s,
		"INSERT INTO current_snapshots (relpath, snapshot_cap, content_cap, metadata_cap, last_updated_ns)"
		" VALUES ('%s', '%s', '%s', '%s', 5)",
		relpath, cap.text, snap.content.text, snap.metadata_cap.text);
	note_disk(s, relpath);
	python_ends(s);
	mf_snapshot_clear(&snap);
}

Test(engine_inherit, a_touch_of_what_python_published_stores_nothing_51, .timeout = 60)
{
	struct stage s;

	stage_init(&s, 20);
	python_published(&s, "q", V("1"));
	cast_open(s.a);
	cast_settle(&s.c);
	uint64_t writes = cast_writes(&s.c), reads = sim_count(s.a->h, SIM_GET); /* with comparisons */
	cr_assert(cast_has(s.b, "q", V("1")));
	sim_run_for(s.c.w, 10000);
	sim_touch(s.a->h, cast_path("q"), 1700000000000000000);
	cast_settle(&s.c);
	cr_assert(cast_writes(&s.c) == writes, "a touch was stored");
	cr_assert(sim_count(s.a->h, SIM_GET) == reads + 1, "a touch was downloaded");
	is_history(&s, "q", "1");
	cast_end(&s.c);
}

Test(engine_inherit, the_executable_bit_counts_from_the_first_scan_on, .timeout = 60)
{
	struct stage s;
	mf_stat st;
	mf_immdir cap;
	mf_snapshot snap;

	stage_init(&s, 21);
	python_published(&s, "q", V("1"));
	sim_run_for(s.c.w, 1000);
	sim_chmod(s.a->h, cast_path("q"), 0755); /* Python published it so, and said nothing */
	python_begins(&s);
	note_disk(&s, "q");
	python_ends(&s);
	cast_open(s.a);
	cast_settle(&s.c);
	is_history(&s, "q", "1");
	cr_assert(sim_stat(s.b->h, cast_path("q"), &st) && (st.mode & 0100) == 0);
	sim_run_for(s.c.w, 1000);
	sim_chmod(s.a->h, cast_path("q"), 0644);
	cast_settle(&s.c);
	cr_assert(cast_head(s.a, "q", &cap, &snap) && snap.has_executable && !snap.executable && snap.n_parents == 1);
	mf_snapshot_clear(&snap);
	sim_run_for(s.c.w, 1000);
	sim_chmod(s.a->h, cast_path("q"), 0755);
	cast_settle(&s.c);
	cr_assert(sim_stat(s.b->h, cast_path("q"), &st) && (st.mode & 0100) != 0);
	cast_end(&s.c);
}

/* A conflict that Python has recorded: the row is named after the author, the marker after who showed it. */
Test(engine_inherit, a_conflict_of_pythons_keeps_its_marker, .timeout = 60)
{
	struct stage s;
	mf_immdir cap;
	mf_snapshot snap;

	stage_init(&s, 22);
	python_begins(&s);
	python_ends(&s);
	cast_write(s.b, "p", V("9"));
	cast_scan(s.b);
	sim_run_for(s.c.w, 3000);
	cr_assert(cast_head(s.b, "p", &cap, &snap));
	mf_snapshot_clear(&snap);
	python_begins(&s);
	python_edits(&s, "p", V("1"), "aaaaaaa1", base_of(&s, "p"));
	sql(&s, "INSERT INTO conflicted_files VALUES ('p', 'robert', '%s')", cap.text);
	cast_write(s.a, "p.conflict-bob", V("9"));
	python_ends(&s);
	cast_open(s.a);
	cast_settle(&s.c);
	cr_assert(cast_conflicts(s.a) == 1);
	cr_assert(cast_has(s.a, "p", V("1")) && cast_has(s.a, "p.conflict-bob", V("9")));
	cr_assert(!cast_exists(s.a, "p.conflict-robert") && !cast_exists(s.b, "p.conflict-bob"));
	cast_remove(s.a, "p.conflict-bob"); /* mine */
	sim_run_for(s.c.w, 3000);
	cast_settle(&s.c);
	cr_assert(cast_conflicts(s.a) == 0 && cast_conflicts(s.b) == 0 && cast_has(s.b, "p", V("1")));
	cast_end(&s.c);
}

/* Fault B6: Python put the file aside, and failed to put the new one in its place. */
Test(engine_inherit, a_file_that_python_put_aside_is_put_back_b6, .timeout = 60)
{
	struct stage s;

	stage_init(&s, 23);
	python_begins(&s);
	cast_move(s.a, "p", "abcdefghijklmno_p.snaptmp");
	cast_write(s.a, "ABCDEFGHIJKLMNO-gone.snaptmp", V("8")); /* its place is taken: the user's to keep */
	python_ends(&s);
	cast_open(s.a);
	cast_settle(&s.c);
	is_history(&s, "p", "0");
	is_history(&s, "gone", "0");
	cr_assert(cast_has(s.a, "p", V("0")) && cast_has(s.b, "p", V("0")) && cast_has(s.a, "gone", V("0")));
	cr_assert(cast_has(s.a, "ABCDEFGHIJKLMNO-gone.snaptmp", V("8")));
	cr_assert(!cast_exists(s.b, "ABCDEFGHIJKLMNO-gone.snaptmp"));
	cast_end(&s.c);
}

/* Fault B21: what Python published through a link to a directory is not deleted at everybody else. */
Test(engine_inherit, files_behind_a_link_are_not_taken_for_deleted_b21, .timeout = 60)
{
	struct stage s;

	stage_init(&s, 24);
	cast_mkdirs(s.a, "link");
	python_published(&s, "link/q", V("1"));
	sim_mkdirs(s.a->h, "/home/outside");
	sim_remove(s.a->h, cast_path("link"));
	sim_symlink(s.a->h, cast_path("link"), "/home/outside");
	sim_sync_disk(s.a->h);
	cast_open(s.a);
	cast_settle(&s.c);
	is_history(&s, "link/q", "1");
	cr_assert(cast_has(s.b, "link/q", V("1")));
	cr_assert(s.a->errors > 0 && strstr(s.a->last_error, "symbolic link") != NULL, "%s", s.a->last_error);
	cast_end(&s.c);
}
