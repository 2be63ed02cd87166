/* Many files gone at once, and roots that are not what they were: nothing is deleted that nobody meant to delete. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "says.h"
#include "sync/doc/relpath.h"
#include "well.h"

enum { MANY = 30 };

static void
remove_some(struct member *m, unsigned files)
{
	for (unsigned i = 0; i < files; i++)
		cr_assert(cast_remove(m, well_name(i)));
}

static void
asks(struct well_pair *p, uint64_t n)
{
	sim_run_for(p->c.w, 60000);
	mf_folder_status st = well_status(p->a);
	cr_assert(st.deletes_asked == n, "%llu are asked: %s", (unsigned long long)st.deletes_asked, st.say);
	cr_assert(st.state == MF_SYNC_PROBLEM && strstr(st.say, "confirm-deletes") != NULL, "%s", st.say);
	cr_assert(st.uploads_queued == 0);
}

static void
answer(struct well_pair *p, enum mf_deletes_answer what)
{
	mf_err err = {0};

	cr_assert(mf_folder_deletes_answer(p->a->f, what, &err) == MF_OK, "%s", err.text);
	well_becomes(p);
	cr_assert(well_status(p->a).deletes_asked == 0);
	cr_assert(mf_folder_deletes_answer(p->a->f, what, &err) == MF_ENOTFOUND);
}

Test(engine_guards, many_gone_at_once_are_asked_for_and_deleted_when_confirmed, .timeout = 60)
{
	for (int dark = 0; dark < 2; dark++) {
		struct well_pair p;
		well_init(&p, 1, dark == 1, MANY);
		well_becomes(&p);
		remove_some(p.a, 25);
		asks(&p, 25);
		cr_assert(well_count(p.b, MANY) == MANY && well_count(p.a, MANY) == 5);
		cr_assert(p.a->asked == 1, "said %u times", p.a->asked);
		answer(&p, MF_DELETES_CONFIRM);
		cr_assert(well_count(p.b, MANY) == 5 && well_count(p.a, MANY) == 5);
		cast_end(&p.c);
	}
}

Test(engine_guards, many_gone_at_once_come_back_when_wanted, .timeout = 60)
{
	for (int dark = 0; dark < 2; dark++) {
		struct well_pair p;
		well_init(&p, 2, dark == 1, MANY);
		well_becomes(&p);
		char *before = cast_tree(p.a);
		uint64_t version = cast_writes(&p.c);
		cr_assert(cast_remove(p.a, "d"));
		asks(&p, MANY);
		answer(&p, MF_DELETES_RESTORE);
		cr_assert(well_count(p.a, MANY) == MANY && well_count(p.b, MANY) == MANY);
		cr_assert(cast_writes(&p.c) == version, "nothing was written to the grid");
		char *after = cast_tree(p.a);
		cr_assert(strcmp(before, after) == 0, "%s\n%s", before, after);
		free(before);
		free(after);
		cast_end(&p.c);
	}
}

Test(engine_guards, other_changes_go_on_and_restarts_forget_nothing, .timeout = 60)
{
	struct well_pair p;

	well_init(&p, 3, false, MANY);
	well_becomes(&p);
	remove_some(p.a, 25);
	asks(&p, 25);
	cast_write(p.a, "new", LONG2);
	cast_write(p.a, well_name(27), LONG2);
	cr_assert(cast_remove(p.a, well_name(29)));
	asks(&p, 25);
	cr_assert(
		cast_has(p.b, "new", LONG2) && cast_has(p.b, well_name(27), LONG2) && !cast_exists(p.b, well_name(29)));
	cast_close(p.a);
	cast_open(p.a);
	asks(&p, 25);
	cast_crash(p.a, SIM_CRASH_PROCESS);
	cast_open(p.a);
	asks(&p, 25);
	cr_assert(p.a->asked == 3, "said %u times", p.a->asked);
	cr_assert(well_count(p.b, 25) == 25);
	answer(&p, MF_DELETES_RESTORE);
	cr_assert(well_count(p.a, MANY) == 29);
	cast_end(&p.c);
}

Test(engine_guards, files_that_come_back_end_the_question, .timeout = 60)
{
	for (int dark = 0; dark < 2; dark++) {
		struct well_pair p;
		well_init(&p, 4, dark == 1, MANY);
		well_becomes(&p);
		uint64_t writes = cast_writes(&p.c);
		cr_assert(sim_move(p.a->h, cast_path("d"), "/home/elsewhere"));
		asks(&p, MANY);
		cr_assert(sim_move(p.a->h, "/home/elsewhere", cast_path("d")));
		well_becomes(&p);
		cr_assert(well_status(p.a).deletes_asked == 0 && p.a->settled == 1);
		cr_assert(well_count(p.a, MANY) == MANY && well_count(p.b, MANY) == MANY);
		cr_assert(cast_writes(&p.c) == writes);
		cast_end(&p.c);
	}
}

Test(engine_guards, some_come_back_and_the_rest_is_still_asked_for, .timeout = 60)
{
	struct well_pair p;

	well_init(&p, 5, false, MANY);
	well_becomes(&p);
	remove_some(p.a, 25);
	asks(&p, 25);
	for (unsigned i = 0; i < 15; i++)
		cast_write(p.a, well_name(i), LONG2);
	asks(&p, 10);
	cr_assert(well_count(p.b, MANY) == MANY && cast_has(p.b, well_name(3), LONG2));
	answer(&p, MF_DELETES_CONFIRM);
	cr_assert(well_count(p.a, MANY) == MANY - 10);
	cast_end(&p.c);
}

Test(engine_guards, what_others_do_to_them_meanwhile_arrives, .timeout = 60)
{
	struct well_pair p;

	well_init(&p, 6, false, MANY);
	well_becomes(&p);
	remove_some(p.a, 25);
	asks(&p, 25);
	cast_write(p.b, well_name(1), LONG2); /* an edit wins over a deletion that is not even published */
	cr_assert(cast_remove(p.b, well_name(2)));
	asks(&p, 23);
	cr_assert(cast_has(p.a, well_name(1), LONG2));
	answer(&p, MF_DELETES_CONFIRM);
	cr_assert(well_count(p.a, MANY) == 6 && cast_has(p.a, well_name(1), LONG2));
	cast_end(&p.c);
}

Test(engine_guards, a_moved_tree_is_no_deletion, .timeout = 60)
{
	for (int dark = 0; dark < 2; dark++) {
		struct well_pair p;
		well_init(&p, 7, dark == 1, MANY);
		cast_write(p.a, "other", LONG1);
		well_becomes(&p);
		cr_assert(cast_move(p.a, "d", "e"));
		well_becomes(&p);
		cr_assert(well_status(p.a).deletes_asked == 0 && p.a->asked == 0, "said %u times", p.a->asked);
		cr_assert(well_count(p.b, MANY) == 0 && cast_exists(p.b, "e/00") && cast_exists(p.b, "e/29"));
		/* of a tree that is moved only what is not in the new place is gone */
		cast_mkdirs(p.a, "f");
		for (unsigned i = 0; i < 5; i++) {
			char from[32], to[32];
			(void)snprintf(from, sizeof(from), "e/%02u", i);
			(void)snprintf(to, sizeof(to), "f/%02u", i);
			cr_assert(cast_move(p.a, from, to));
		}
		cr_assert(cast_remove(p.a, "e"));
		asks(&p, MANY - 5);
		cr_assert(cast_exists(p.b, "e/29") && cast_exists(p.b, "f/04"));
		answer(&p, MF_DELETES_RESTORE);
		cr_assert(cast_exists(p.a, "e/29") && !cast_exists(p.a, "e/04") && cast_exists(p.a, "f/04"));
		cast_end(&p.c);
	}
}

Test(engine_guards, few_or_not_much_is_not_asked_for, .timeout = 60)
{
	for (int dark = 0; dark < 2; dark++) {
		struct well_pair p;
		well_init(&p, 8, dark == 1, 60);
		well_becomes(&p);
		remove_some(p.a, 30); /* half */
		well_becomes(&p);
		cr_assert(well_count(p.b, 60) == 30 && p.a->asked == 0);
		for (unsigned i = 30; i < 49; i++)
			cr_assert(cast_remove(p.a, well_name(i)));
		well_becomes(&p);
		cr_assert(well_count(p.b, 60) == 11 && p.a->asked == 0, "19 are few");
		cast_end(&p.c);
	}
}

Test(engine_guards, gone_while_the_daemon_was_off, .timeout = 60)
{
	struct well_pair p;

	well_init(&p, 9, false, MANY);
	well_becomes(&p);
	cast_close(p.a);
	remove_some(p.a, MANY);
	cast_open(p.a);
	asks(&p, MANY);
	cr_assert(well_count(p.b, MANY) == MANY);
	answer(&p, MF_DELETES_RESTORE);
	cr_assert(well_count(p.a, MANY) == MANY);
	cast_end(&p.c);
}

Test(engine_guards, who_does_not_want_to_be_asked_is_not, .timeout = 60)
{
	for (int dark = 0; dark < 2; dark++) {
		struct well_pair p;
		mf_err err = {0};
		well_init(&p, 10, dark == 1, MANY);
		well_becomes(&p);
		cr_assert(mf_folder_set(p.a->f, "confirm_deletes", "never", &err) == MF_OK, "%s", err.text);
		remove_some(p.a, MANY);
		well_becomes(&p);
		cr_assert(well_count(p.b, MANY) == 0 && p.a->asked == 0);
		cast_end(&p.c);
	}
}

static void
replace_root(struct member *m)
{
	cr_assert(sim_move(m->h, CAST_DIR, "/home/old"));
	sim_mkdirs(m->h, CAST_DIR);
}

Test(engine_guards, an_empty_directory_in_place_of_the_root, .timeout = 60)
{
	struct well_pair p;

	well_init(&p, 11, false, 5);
	well_becomes(&p);
	replace_root(p.a);
	asks(&p, 5);
	cr_assert(well_count(p.b, 5) == 5);
	cast_close(p.a);
	cast_open(p.a);
	asks(&p, 5);
	cr_assert(sim_remove(p.a->h, CAST_DIR) && sim_move(p.a->h, "/home/old", CAST_DIR));
	well_becomes(&p);
	cr_assert(well_count(p.a, 5) == 5 && well_count(p.b, 5) == 5 && well_status(p.a).deletes_asked == 0);
	replace_root(p.a);
	asks(&p, 5);
	answer(&p, MF_DELETES_RESTORE);
	cr_assert(well_count(p.a, 5) == 5);
	cast_end(&p.c);
}

Test(engine_guards, an_empty_directory_that_is_meant_so, .timeout = 60)
{
	struct well_pair p;

	well_init(&p, 12, false, 5);
	well_becomes(&p);
	replace_root(p.a);
	asks(&p, 5);
	answer(&p, MF_DELETES_CONFIRM);
	cr_assert(well_count(p.a, 5) == 0 && well_count(p.b, 5) == 0);
	cast_write(p.a, "new", LONG1);
	well_becomes(&p);
	cr_assert(cast_has(p.b, "new", LONG1));
	cast_end(&p.c);
}

/* Dies at the @p n-th operation after the answer, or after the removal: what was said holds. */
static bool
with_crash(uint64_t n, enum sim_crash how, enum mf_deletes_answer what, bool before)
{
	struct well_pair p;

	well_init(&p, 13, false, MANY);
	well_becomes(&p);
	if (before)
		sim_crash_after(p.a->h, how, n);
	remove_some(p.a, 25);
	sim_run_for(p.c.w, 60000);
	bool died = before && sim_dead(p.a->h);
	if (died) {
		cast_bury(p.a);
		cast_open(p.a);
	}
	sim_crash_after(p.a->h, how, 0);
	asks(&p, 25);
	cr_assert(well_count(p.b, MANY) == MANY);
	if (!before)
		sim_crash_after(p.a->h, how, n);
	mf_err err = {0};
	mf_code rc = mf_folder_deletes_answer(p.a->f, what, &err);
	sim_run_for(p.c.w, 60000);
	if (!before && sim_dead(p.a->h)) {
		died = true;
		cast_bury(p.a);
		cast_open(p.a);
		sim_run_for(p.c.w, 60000);
	}
	sim_crash_after(p.a->h, how, 0);
	if (well_status(p.a).deletes_asked > 0) /* the word was lost with the process, or the power */
		cr_assert((died && well_status(p.a).deletes_asked == 25) || rc != MF_OK);
	if (well_status(p.a).deletes_asked > 0)
		cr_assert(mf_folder_deletes_answer(p.a->f, what, &err) == MF_OK, "%s", err.text);
	well_becomes(&p);
	cr_assert(well_count(p.a, MANY) == (what == MF_DELETES_RESTORE ? MANY : 5));
	cast_end(&p.c);
	return died;
}

Test(engine_guards, a_crash_changes_nothing_of_it, .timeout = 600)
{
	for (int i = 0; i < 8; i++) {
		unsigned deaths = 0;
		for (uint64_t n = 1; n < 600; n = n * 5 / 3 + 1)
			deaths += with_crash(n, (i & 1) != 0 ? SIM_CRASH_POWER : SIM_CRASH_PROCESS,
				(i & 2) != 0 ? MF_DELETES_RESTORE : MF_DELETES_CONFIRM, (i & 4) != 0);
		cr_assert(deaths >= 5, "%u deaths", deaths);
	}
}
