/* Any operation of the engine may fail once: a file, a database, the grid, with each error that fits (peers.md T7).  Then
 * everything goes on: nothing is lost, nothing is left, nothing waits for ever.  Scenes of two people. */
#include "nth.h"

#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

static void
one_file(struct stage *s)
{
	oracle_write(&s->o, s->a, "a", 0);
}

/* ---- new, changed, deleted, renamed ---- */

static void
new_files(struct stage *s)
{
	oracle_write(&s->o, s->a, "a", 0);
	oracle_write(&s->o, s->a, "d/e/a", 1);
}

Test(engine_nth, new_files, .timeout = 36000)
{
	nth_all(&(struct scene){"new files", NULL, new_files, NULL, false});
}

static void
changed(struct stage *s)
{
	oracle_write(&s->o, s->a, "a", 0);
	stage_pass(s, 2000);
	oracle_write(&s->o, s->b, "a", 1);
}

Test(engine_nth, changed_here_and_there, .timeout = 36000)
{
	nth_all(&(struct scene){"changed", one_file, changed, NULL, false});
}

static void
two_files(struct stage *s)
{
	oracle_write(&s->o, s->a, "a", 0);
	oracle_write(&s->o, s->a, "d/a", 0);
}

static void
deleted(struct stage *s)
{
	oracle_delete(&s->o, s->a, "a");
	oracle_delete_dir(&s->o, s->a, "d");
}

static void
both_gone(struct stage *s)
{
	if (cast_exists(s->a, "a") || cast_exists(s->b, "a") || cast_exists(s->b, "d/a"))
		judge_wrong(&s->judge, "what was deleted is there");
}

Test(engine_nth, deleted, .timeout = 36000)
{
	nth_all(&(struct scene){"deleted", two_files, deleted, both_gone, false});
}

static void
renamed(struct stage *s)
{
	oracle_rename(&s->o, s->a, "a", "b");
	oracle_rename_dir(&s->o, s->a, "d", "g");
}

Test(engine_nth, renamed, .timeout = 36000)
{
	nth_all(&(struct scene){"renamed", two_files, renamed, NULL, false});
}

static void
may_run(struct stage *s)
{
	sim_chmod(s->a->h, cast_path("a"), 0755);
}

static void
runs_there(struct stage *s)
{
	mf_stat st;

	if (!sim_stat(s->b->h, cast_path("a"), &st) || (st.mode & 0100) == 0)
		judge_wrong(&s->judge, "bob may not run it");
}

Test(engine_nth, made_executable, .timeout = 36000)
{
	nth_all(&(struct scene){"made executable", one_file, may_run, runs_there, false});
}

/* ---- conflicts ---- */

static void
both_edit(struct stage *s)
{
	oracle_write(&s->o, s->a, "a", 0);
	oracle_write(&s->o, s->b, "a", 1);
}

Test(engine_nth, a_conflict, .timeout = 36000)
{
	nth_all(&(struct scene){"a conflict", one_file, both_edit, NULL, false});
}

static void
conflict(struct stage *s)
{
	one_file(s);
	stage_pass(s, 3000);
	both_edit(s);
	stage_pass(s, 8000);
	cr_assert(cast_conflicts(s->a) == 1 && cast_conflicts(s->b) == 1);
}

static void
asked_for_theirs(struct stage *s)
{
	oracle_resolve(&s->o, s->a, "a", "bob", true);
}

Test(engine_nth, a_conflict_settled_on_request, .timeout = 36000)
{
	nth_all(&(struct scene){"settled on request", conflict, asked_for_theirs, NULL, false});
}

static void
marker_moved(struct stage *s)
{
	oracle_settle_one(&s->o, s->a, "a", "bob", true);
}

Test(engine_nth, a_conflict_settled_by_moving_the_other_file, .timeout = 36000)
{
	nth_all(&(struct scene){"settled by hand", conflict, marker_moved, NULL, false});
}

/* ---- starts, pauses, rules, joining, many at once ---- */

static void
starts_again(struct stage *s)
{
	cast_close(s->victim);
	oracle_write(&s->o, s->a, "a", 1);
	oracle_write(&s->o, s->b, "b", 1);
	judge_start(s->victim);
	stage_pass(s, 3000);
	if (!judge_runs(s->victim))
		judge_start(s->victim);
}

Test(engine_nth, a_start, .timeout = 36000)
{
	nth_all(&(struct scene){"a start", one_file, starts_again, NULL, false});
}

static void
paused(struct stage *s)
{
	(void)mf_folder_set(s->victim->f, "paused", "yes", NULL);
	oracle_write(&s->o, s->a, "a", 0);
	oracle_write(&s->o, s->b, "b", 0);
	stage_pass(s, 2000);
	(void)mf_folder_set(s->victim->f, "paused", "no", NULL);
}

Test(engine_nth, a_pause, .timeout = 36000)
{
	nth_all(&(struct scene){"a pause", one_file, paused, NULL, false});
}

static void
a_rule(struct stage *s)
{
	cast_write(s->a, ".magicignore", "c\n");
	oracle_write(&s->o, s->a, "c", 0);
	stage_pass(s, 8000);
	if (cast_exists(s->b, "c"))
		judge_wrong(&s->judge, "what the rule takes out was published");
	(void)cast_remove(s->a, ".magicignore");
}

Test(engine_nth, a_rule_comes_and_goes, .timeout = 36000)
{
	nth_all(&(struct scene){"a rule", one_file, a_rule, NULL, false});
}

static void
many(struct stage *s)
{
	char name[16];

	for (int i = 0; i < 21; i++) {
		(void)snprintf(name, sizeof(name), "d/%d", i);
		oracle_write(&s->o, s->a, name, 0);
	}
}

static void
all_gone(struct stage *s)
{
	oracle_delete_dir(&s->o, s->a, "d");
	stage_pass(s, 8000);
	(void)mf_folder_deletes_answer(s->a->f, MF_DELETES_CONFIRM, NULL);
}

Test(engine_nth, many_deleted_and_confirmed, .timeout = 36000)
{
	nth_all(&(struct scene){"many deleted", many, all_gone, NULL, false});
}

/* The user tries again until it works. */
static void
joins(struct stage *s)
{
	mf_err err;
	mf_code rc = MF_ENET;

	for (int i = 0; i < 3 && rc != MF_OK; i++)
		rc = cast_try_join(s->victim, NULL, &err);
	if (rc != MF_OK)
		judge_wrong(&s->judge, "carol cannot join: %s", err.text);
	if (rc == MF_OK)
		judge_start(s->victim);
	stage_pass(s, 1000);
	if (rc == MF_OK && !judge_runs(s->victim))
		judge_start(s->victim);
	if (rc == MF_OK)
		mf_folder_add_participant(s->a->f, "carol", &s->victim->personal, NULL, cast_ignore, NULL, NULL);
	oracle_write(&s->o, s->victim, "c", 0);
}

Test(engine_nth, somebody_joins, .timeout = 36000)
{
	nth_all(&(struct scene){"somebody joins", two_files, joins, NULL, true});
}
