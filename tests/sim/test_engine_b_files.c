/* Faults of the Python implementation that must not be ours (docs/faults.md): files, deletions, conflicts, and what is
 * left from before. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "play.h"

#define DECIDED "what alice decided for, which is too long to travel in its capability .."

static void
quiet(struct play *p)
{
	for (size_t i = 0; i < p->c.n; i++) {
		struct member *m = &p->c.m[i];
		cr_assert(cast_conflicts(m) == 0 && m->conflicts_added == 0, "%s has a conflict", m->name);
		cr_assert(m->errors == 0, "%s: %s", m->name, m->last_error);
	}
}

Test(b_files, b01_a_deletion_against_an_edit_holds_no_poll_up, .timeout = 60)
{
	struct play p;

	play_cast(&p, 101, 2);
	cast_write(p.a, "p", BASE);
	cast_write(p.a, "both", BASE);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(cast_remove(p.a, "p") && cast_remove(p.a, "both") && cast_remove(p.b, "both"));
	cast_write(p.a, "q", OTHER);
	cast_write(p.b, "p", THEIRS); /* not scanned */
	cast_publish(p.a);
	cast_receive(p.b); /* it answers */
	cr_assert(cast_has(p.b, "q", OTHER), "what came with it");
	cr_assert(cast_has(p.b, "p", THEIRS) && !cast_exists(p.b, "both"));
	cast_write(p.a, "r", OTHER);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "r", OTHER), "and what came after it");
	cast_settle(&p.c);
	cr_assert(cast_has(p.a, "p", THEIRS) && cast_same_head(p.a, p.b, "p"), "an edit beats a deletion");
	cr_assert(!cast_exists(p.a, "both") && cast_same_head(p.a, p.b, "both"));
	quiet(&p);
	cast_end(&p.c);
}

/* The deletion is a decision about a conflict, and its receiver has edited again. */
Test(b_files, b01_a_deletion_that_is_in_conflict_holds_no_poll_up, .timeout = 60)
{
	struct play p;

	play_init(&p, 102, 2);
	cr_assert(cast_remove(p.a, "p") && cast_remove(p.a, "p.conflict-bob"));
	cast_write(p.a, "q", OTHER);
	cast_write(p.b, "p", OTHER);
	cast_publish(p.a);
	cast_publish(p.a); /* two looks */
	cr_assert(cast_conflicts(p.a) == 0);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "q", OTHER) && cast_has(p.b, "p", OTHER));
	cast_settle(&p.c);
	cr_assert(cast_has(p.b, "p", OTHER), "nobody has seen it but bob");
	cr_assert(p.a->errors == 0 && p.b->errors == 0);
	cast_end(&p.c);
}

Test(b_files, b03_a_deleted_file_may_come_again, .timeout = 60)
{
	struct play p;

	play_cast(&p, 103, 3);
	cast_write(p.a, "p", BASE);
	cast_settle(&p.c);
	for (size_t i = 0; i < 3; i++) { /* by who deleted it, and by others */
		cr_assert(cast_remove(p.a, "p"));
		cast_settle(&p.c);
		cr_assert(!cast_exists(p.b, "p") && !cast_exists(p.d, "p"));
		struct member *m = &p.c.m[i];
		cast_write(m, "p", i == 1 ? BASE : THEIRS); /* also as it was */
		cast_publish(m);
		for (size_t k = 0; k < 3; k++)
			cast_receive(&p.c.m[k]);
		for (size_t k = 0; k < 3; k++) {
			cr_assert(cast_has(&p.c.m[k], "p", i == 1 ? BASE : THEIRS), "%s", p.c.m[k].name);
			cr_assert(cast_same_head(p.a, &p.c.m[k], "p"));
		}
	}
	quiet(&p);
	cast_end(&p.c);
}

Test(b_files, b11_a_conflict_lives_on_and_ends, .timeout = 60)
{
	struct play p;

	play_init(&p, 111, 2);
	cast_write(p.b, "p", THIRD); /* bob goes on, and decides for that */
	cr_assert(cast_remove(p.b, "p.conflict-alice"));
	cast_write(p.a, "p", OTHER); /* and so does alice */
	cast_publish(p.b);
	cast_publish(p.b);
	cast_receive(p.a);
	cr_assert(cast_has(p.a, "p.conflict-bob", THIRD), "a later version is shown");
	cr_assert(cast_has(p.a, "p", OTHER) && cast_conflicts(p.a) == 1);
	cast_crash(p.a, SIM_CRASH_PROCESS);
	cast_open(p.a);
	cast_publish(p.a);
	cast_receive(p.a);
	cr_assert(cast_has(p.a, "p", OTHER) && cast_has(p.a, "p.conflict-bob", THIRD) && cast_conflicts(p.a) == 1);
	cr_assert(cast_remove(p.a, "p.conflict-bob"));
	cast_publish(p.a);
	play_settled(&p, OTHER);
	cast_write(p.b, "p", BASE); /* it is a file like any other again */
	cast_publish(p.b);
	play_settled(&p, BASE);
	cast_end(&p.c);
}

/* Two people have copied the same tree into the folder. */
static void
same_tree(uint64_t seed, bool unscanned)
{
	static const char *const names[] = {"a", "b", "d/c", "d/d", "e/f/g"};
	struct play p;

	play_cast(&p, seed, 2);
	for (size_t i = 0; i < 2; i++) {
		cast_mkdirs(&p.c.m[i], "d");
		cast_mkdirs(&p.c.m[i], "e/f");
		for (size_t k = 0; k < 5; k++)
			cast_write(&p.c.m[i], names[k], k % 2 == 0 ? BASE : "short");
	}
	cast_publish(p.a);
	if (!unscanned)
		cast_publish(p.b);
	cast_receive(p.b);
	cast_settle(&p.c);
	for (size_t k = 0; k < 5; k++)
		cr_assert(cast_same_head(p.a, p.b, names[k]), "%s", names[k]);
	char *tree = cast_tree(p.b);
	cr_assert(strstr(tree, "conflict-") == NULL, "%s", tree);
	free(tree);
	quiet(&p);
	cast_end(&p.c);
}

Test(b_files, b12_equal_files_on_both_sides_are_no_conflict, .timeout = 60)
{
	same_tree(112, false);
	same_tree(113, true);
}

Test(b_files, b14_a_file_here_and_a_directory_there, .timeout = 60)
{
	struct play p;

	play_cast(&p, 114, 2);
	cast_mkdirs(p.a, "d");
	cast_write(p.a, "d/f", OURS);
	cast_write(p.b, "d", THEIRS);
	cast_write(p.a, "q", OTHER);
	cast_publish(p.a);
	cast_publish(p.b);
	cast_receive(p.b);
	cast_receive(p.a);
	cr_assert(cast_has(p.b, "q", OTHER), "nothing else waits for it");
	cr_assert(cast_has(p.b, "d", THEIRS) && cast_has(p.a, "d/f", OURS), "both are kept");
	cr_assert(p.a->errors > 0 && p.b->errors > 0, "both are told");
	cast_write(p.a, "r", OTHER);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "r", OTHER));
	cr_assert(cast_move(p.b, "d", "e"));
	cast_settle(&p.c);
	sim_run_for(p.c.w, 120000); /* backoff */
	cast_settle(&p.c);
	for (size_t i = 0; i < 2; i++) {
		mf_folder_status st;
		mf_folder_status_get(p.c.m[i].f, &st);
		cr_assert(cast_has(&p.c.m[i], "d/f", OURS) && cast_has(&p.c.m[i], "e", THEIRS), "%s", p.c.m[i].name);
		cr_assert(st.errors == 0 && st.downloads_queued == 0, "%s: %s", p.c.m[i].name, p.c.m[i].last_error);
	}
	cast_end(&p.c);
}

Test(b_files, b22_a_file_that_became_something_else_is_gone, .timeout = 60)
{
	static const char *const names[] = {"dir", "link", "fifo"};
	struct play p;

	play_cast(&p, 122, 2);
	for (size_t i = 0; i < 3; i++)
		cast_write(p.a, names[i], BASE);
	cast_settle(&p.c);
	for (size_t i = 0; i < 3; i++)
		cr_assert(cast_has(p.b, names[i], BASE) && cast_remove(p.a, names[i]));
	cast_mkdirs(p.a, "dir");
	cast_write(p.a, "dir/in", OTHER);
	sim_symlink(p.a->h, cast_path("link"), "dir/in");
	sim_special(p.a->h, cast_path("fifo"));
	cast_settle(&p.c);
	sim_run_for(p.c.w, 120000); /* dir/in may have come before dir had gone */
	cast_settle(&p.c);
	cr_assert(cast_has(p.b, "dir/in", OTHER) && !cast_exists(p.b, "link") && !cast_exists(p.b, "fifo"));
	uint64_t writes = cast_writes(&p.c);
	for (int i = 0; i < 3; i++)
		cast_publish(p.a);
	mf_folder_status st;
	mf_folder_status_get(p.a->f, &st);
	cr_assert(cast_writes(&p.c) == writes && st.errors == 0 && p.a->errors == 0, "%s", p.a->last_error);
	cr_assert(cast_conflicts(p.a) == 0 && cast_conflicts(p.b) == 0);
	cast_end(&p.c);
}

/* ---- what Python left ---- */

static void
sql(struct member *m, const char *text)
{
	struct mf_env *env = sim_env_of(m->h);
	sqlite3 *db;
	char *why = NULL;
	mf_err err = {0};

	cr_assert(env->ops->db_open(env, CAST_STATE "/state.sqlite", &db, &err) == MF_OK, "%s", err.text);
	cr_assert(sqlite3_exec(db, text, NULL, NULL, &why) == SQLITE_OK, "%s", why);
	(void)sqlite3_close(db);
}

static char *
ask(struct member *m, const char *text)
{
	struct mf_env *env = sim_env_of(m->h);
	sqlite3 *db;
	sqlite3_stmt *q;

	cr_assert(env->ops->db_open(env, CAST_STATE "/state.sqlite", &db, NULL) == MF_OK);
	cr_assert(sqlite3_prepare_v2(db, text, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW);
	char *got = mf_strdup(mf_strz((const char *)sqlite3_column_text(q, 0)));
	(void)sqlite3_finalize(q);
	(void)sqlite3_close(db);
	return got;
}

/* It waits for an upload of which the copy in the stash is gone. */
Test(b_files, b15_a_lost_stash_file_stops_nothing, .timeout = 60)
{
	struct play p;

	play_cast(&p, 215, 2);
	cast_write(p.a, "p", BASE);
	cast_publish(p.a);
	cast_receive(p.b);
	sql(p.a,
		"INSERT INTO local_snapshots VALUES ('u1', 'p', '" CAST_STATE "/stash/gone'),"
		" ('u2', 'new', '" CAST_STATE "/stash/gone-too')");
	cast_close(p.a);
	cast_write(p.a, "p", OURS);
	cast_write(p.a, "new", THIRD);
	cast_open(p.a);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "p", OURS) && cast_has(p.b, "new", THIRD), "what is on the disk is published");
	cr_assert(cast_conflicts(p.b) == 0);
	mf_folder_status st;
	mf_folder_status_get(p.a->f, &st);
	cr_assert(st.uploads_queued == 0, "nothing is tried for ever");
	cast_close(p.a);
	cast_open(p.a);
	cast_write(p.a, "new", OTHER);
	cast_publish(p.a);
	cast_receive(p.b);
	mf_folder_status_get(p.a->f, &st);
	cr_assert(cast_has(p.b, "new", OTHER) && st.uploads_queued == 0 && st.errors == 0, "%s", p.a->last_error);
	cast_end(&p.c);
}

Test(b_files, b32_no_stale_row_of_a_parent_is_left, .timeout = 60)
{
	struct play p;

	play_cast(&p, 232, 2);
	cast_write(p.a, "p", BASE);
	cast_publish(p.a);
	sql(p.a,
		"INSERT INTO local_snapshots VALUES ('u1', 'p', NULL);"
		"INSERT INTO local_snapshot_parent VALUES ('u1', 0, 1, 'u0')");
	cast_close(p.a);
	cast_open(p.a);
	cast_write(p.a, "p", OURS);
	cast_publish(p.a);
	char *left = ask(p.a,
		"SELECT (SELECT count(*) FROM local_snapshots) || ' ' ||"
		" (SELECT count(*) FROM local_snapshot_parent)");
	cr_assert(strcmp(left, "0 0") == 0, "%s", left);
	free(left);
	cast_end(&p.c);
}

/* ---- restarts with work left ---- */

/* One file in conflict, with a snapshot of ours waiting, and others after it in any order. */
Test(b_files, b16_one_file_in_conflict_holds_no_other_up_after_a_restart, .timeout = 60)
{
	static const char *const others[] = {"a", "o", "q", "z"};
	struct play p;

	play_init(&p, 216, 2);
	sim_fail_often(p.a->h, SIM_UPDATE, 1000, MF_ENET);
	for (size_t i = 0; i < 4; i++)
		cast_write(p.a, others[i], THIRD);
	cast_write(p.a, "p", DECIDED);
	cr_assert(cast_remove(p.a, "p.conflict-bob")); /* a decision, and it waits, too */
	cast_publish(p.a);
	cast_publish(p.a);
	cast_write(p.b, "p", OTHER); /* which is another conflict */
	cr_assert(cast_remove(p.b, "p.conflict-alice"));
	cast_publish(p.b);
	cast_publish(p.b);
	cast_crash(p.a, SIM_CRASH_PROCESS);
	sim_calm(p.a->h);
	sim_trouble_of(p.a->h)->drop_events = 1000;
	cast_open(p.a);
	cast_poll(p.a);
	cast_publish(p.a);
	cast_settle(&p.c);
	for (size_t i = 0; i < 4; i++)
		cr_assert(cast_has(p.b, others[i], THIRD), "%s", others[i]);
	cr_assert(cast_has(p.a, "p", DECIDED) && cast_has(p.a, "p.conflict-bob", OTHER));
	cr_assert(p.b->errors == 0);
	cast_end(&p.c);
}

static void
poll_at_once(uint64_t seed, bool edited_here)
{
	struct play p;

	play_cast(&p, seed, 2);
	cast_write(p.a, "p", BASE);
	cast_settle(&p.c);
	sim_fail_often(p.a->h, SIM_UPDATE, 1000, MF_ENET);
	cast_write(p.a, "p", OURS);
	cast_publish(p.a);
	cast_crash(p.a, SIM_CRASH_PROCESS);
	if (edited_here)
		cast_write(p.a, "p", THIRD);
	cast_write(p.b, "p", THEIRS);
	cast_publish(p.b);
	sim_calm(p.a->h);
	sim_trouble_of(p.a->h)->drop_events = 1000;
	cast_open(p.a);
	mf_folder_poll(p.a->f, cast_ignore, NULL, NULL); /* before anything else */
	mf_folder_scan(p.a->f, cast_ignore, NULL, NULL);
	cast_poll(p.a);
	cast_settle(&p.c);
	const char *mine = edited_here ? THIRD : OURS;
	cr_assert(cast_has(p.a, "p", mine) && cast_has(p.a, "p.conflict-bob", THEIRS) && cast_conflicts(p.a) == 1);
	cr_assert(cast_has(p.b, "p", THEIRS) && cast_has(p.b, "p.conflict-alice", mine) && cast_conflicts(p.b) == 1);
	cr_assert(p.a->errors == 0 || cast_conflicts(p.a) == 1);
	cast_end(&p.c);
}

Test(b_files, b17_a_poll_before_waiting_versions_are_taken_up, .timeout = 60)
{
	for (unsigned i = 0; i < 4; i++)
		poll_at_once(217 + i, i % 2 == 1);
}
