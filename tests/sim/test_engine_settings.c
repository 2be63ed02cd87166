/* The engine under settings that change while it runs. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "cast.h"

static mf_err err;

static void
set(struct member *m, const char *key, const char *value)
{
	cr_assert(mf_folder_set(m->f, key, value, &err) == MF_OK, "%s", err.text);
}

Test(settings, intervals_count_at_once, .timeout = 60)
{
	struct cast c;

	cast_init(&c, 1);
	c.dark = true; /* neither events nor nudges: intervals only */
	struct member *a = cast_add(&c, "alice"), *b = cast_add(&c, "bob");
	cast_settle(&c);
	sim_run_for(c.w, 600000); /* activity is long ago: the next poll of each is an hour away */
	cast_write(a, "p", LONG1);
	sim_run_for(c.w, 60000);
	cr_assert(cast_entries(a) == 1, "nobody scans without being asked");
	set(a, "scan_interval", "5");
	sim_run_for(c.w, 10000);
	cr_assert(cast_entries(a) == 2, "scanned within the new interval");
	cr_assert(!cast_exists(b, "p"));
	set(b, "poll_interval", "3");
	sim_run_for(c.w, 6000);
	cr_assert(cast_has(b, "p", LONG1), "polled within the new interval");
	set(a, "scan_interval", "never");
	cast_write(a, "p", LONG2);
	sim_run_for(c.w, 60000);
	cr_assert(cast_has(b, "p", LONG1), "no scan any more");
	cast_end(&c);
}

Test(settings, they_survive_a_restart_and_a_power_cut_leaves_whole_ones, .timeout = 60)
{
	struct cast c;
	const mf_assignment both[] = {{MF_STR("merge"), MF_STR("text")}, {MF_STR("poll_interval"), MF_STR("7")}};

	cast_init(&c, 2);
	struct member *a = cast_add(&c, "alice");
	cr_assert(mf_folder_set_all(a->f, both, 2, &err) == MF_OK, "%s", err.text);
	cast_close(a);
	cast_open(a);
	const mf_settings *s = mf_folder_settings(a->f);
	cr_assert(s->merge == MF_MERGE_TEXT && s->poll_interval_s == 7);
	cr_assert(mf_folder_config(a->f)->poll_interval_s == 7);
	const mf_assignment back[] = {{MF_STR("merge"), MF_STR("ask")}, {MF_STR("poll_interval"), MF_STR("9")}};
	cr_assert(mf_folder_set_all(a->f, back, 2, &err) == MF_OK);
	cast_crash(a, SIM_CRASH_POWER);
	cast_open(a);
	s = mf_folder_settings(a->f);
	cr_assert((s->merge == MF_MERGE_ASK) == (s->poll_interval_s == 9), "all or none");
	cast_end(&c);
}

Test(settings, one_that_is_refused_spoils_all, .timeout = 60)
{
	struct cast c;
	const mf_assignment bad[] = {{MF_STR("merge"), MF_STR("text")}, {MF_STR("poll_interval"), MF_STR("soon")}};

	cast_init(&c, 3);
	struct member *a = cast_add(&c, "alice");
	cr_assert(mf_folder_set_all(a->f, bad, 2, &err) == MF_EINVAL);
	cr_assert(mf_folder_settings(a->f)->merge == MF_MERGE_ASK);
	cast_close(a);
	cast_open(a);
	cr_assert(mf_folder_settings(a->f)->merge == MF_MERGE_ASK);
	cast_end(&c);
}

/* ---- pause ---- */

static void
pause_all(struct cast *c, const char *value)
{
	for (size_t i = 0; i < c->n; i++)
		set(&c->m[i], "paused", value);
}

Test(pause, nothing_moves_and_everything_is_found_afterwards, .timeout = 60)
{
	struct cast c;

	cast_init(&c, 4);
	c.poll_s = c.scan_s = 5;
	struct member *a = cast_add(&c, "alice"), *b = cast_add(&c, "bob");
	cast_write(a, "both", LONG1);
	cast_write(a, "gone", LONG1);
	cast_settle(&c);
	set(a, "paused", "yes");
	uint64_t before = cast_writes(&c);
	cast_write(a, "mine", LONG1);
	cast_write(a, "both", LONG2);
	cast_mkdirs(a, "new/deep");
	cast_write(a, "new/deep/file", LONG1);
	cr_assert(cast_remove(a, "gone"));
	cr_assert(cast_move(a, "new", "moved"));
	sim_run_for(c.w, 60000);
	cr_assert(cast_writes(&c) == before, "nothing is published");
	cast_write(b, "theirs", LONG1);
	sim_run_for(c.w, 60000);
	cr_assert(!cast_exists(a, "theirs"), "nothing is received");
	mf_folder_status st;
	mf_folder_status_get(a->f, &st);
	cr_assert(st.paused && !st.scanning && !st.polling && st.errors == 0);
	set(a, "paused", "no");
	cr_assert(cast_wait_idle(&c, 20000));
	cr_assert(cast_has(a, "theirs", LONG1));
	cr_assert(cast_has(b, "mine", LONG1) && cast_has(b, "both", LONG2) && cast_has(b, "moved/deep/file", LONG1));
	cr_assert(!cast_exists(b, "gone") && !cast_exists(b, "new/deep/file"));
	/* and everything is watched again */
	cast_write(a, "moved/deep/file", LONG2);
	sim_run_for(c.w, 4000);
	cr_assert(cast_has(b, "moved/deep/file", LONG2), "a change in a directory made during the pause is seen");
	cast_end(&c);
}

Test(pause, it_outlives_the_daemon, .timeout = 60)
{
	struct cast c;

	cast_init(&c, 5);
	c.poll_s = c.scan_s = 5;
	struct member *a = cast_add(&c, "alice"), *b = cast_add(&c, "bob");
	set(a, "paused", "yes");
	cast_crash(a, SIM_CRASH_PROCESS);
	cast_write(a, "mine", LONG1);
	cast_write(b, "theirs", LONG1);
	cast_open(a);
	sim_run_for(c.w, 60000);
	cr_assert(!cast_exists(a, "theirs") && !cast_exists(b, "mine"));
	cast_write(a, "more", LONG1);
	set(a, "paused", "no");
	cr_assert(cast_wait_idle(&c, 20000));
	cr_assert(cast_has(a, "theirs", LONG1) && cast_has(b, "mine", LONG1) && cast_has(b, "more", LONG1));
	cr_assert(cast_conflicts(a) == 0 && a->errors == 0);
	cast_end(&c);
}

/* Whatever is under way when the pause comes, and however short it is: the same end. */
Test(pause, at_any_moment, .timeout = 300)
{
	for (unsigned after = 0; after < 120; after++) {
		struct cast c;
		cast_init(&c, 100 + after);
		c.poll_s = c.scan_s = 5;
		struct member *a = cast_add(&c, "alice"), *b = cast_add(&c, "bob");
		cast_write(a, "a1", LONG1);
		cast_write(b, "b1", LONG1);
		cast_write(b, "b2", LONG2);
		cast_settle(&c);
		sim_trouble_of(a->h)->slow_ms = after % 3 == 0 ? 500 : 0;
		cast_write(b, "b1", LONG2);
		cast_write(b, "new", LONG1);
		cr_assert(cast_remove(b, "b2"));
		cast_write(a, "a1", LONG2);
		cast_write(a, "also", LONG1);
		cast_write(a, "clash", LONG1);
		cast_write(b, "clash", LONG2);
		sim_run_for(c.w, after * 20);
		pause_all(&c, "yes");
		if (after % 2 == 0)
			sim_run_for(c.w, 40000);
		char *still = cast_picture(&c);
		sim_run_for(c.w, after % 2 == 0 ? 40000 : 0);
		char *later = cast_picture(&c);
		cr_assert(strcmp(still, later) == 0, "after %u: it moves while it is paused", after);
		free(still);
		free(later);
		pause_all(&c, "no");
		sim_run_for(c.w, 60000);
		for (size_t i = 0; i < 2; i++) {
			struct member *m = &c.m[i];
			cr_assert(cast_has(m, "b1", LONG2) && cast_has(m, "new", LONG1) && !cast_exists(m, "b2"));
			cr_assert(cast_has(m, "a1", LONG2) && cast_has(m, "also", LONG1));
			cr_assert(m->errors == 0, "after %u: %s", after, m->last_error);
			char *tree = cast_tree(m);
			cr_assert(strstr(tree, ".tmp") == NULL, "after %u: something is left:\n%s", after, tree);
			free(tree);
		}
		cr_assert(cast_conflicts(a) == 1 && cast_conflicts(b) == 1);
		cast_end(&c);
	}
}

struct answer {
	unsigned came;
	mf_code code;
};

static void
on_answer(void *arg, const mf_err *e)
{
	struct answer *x = arg;

	x->came++;
	x->code = e->code;
}

Test(pause, who_waits_is_told, .timeout = 60)
{
	struct cast c;
	struct answer scan = {0}, poll = {0}, later = {0};

	cast_init(&c, 7);
	struct member *a = cast_add(&c, "alice");
	cast_write(a, "p", LONG1);
	mf_folder_scan(a->f, on_answer, &scan, NULL);
	mf_folder_poll(a->f, on_answer, &poll, NULL);
	set(a, "paused", "yes");
	cr_assert(scan.came == 1 && scan.code == MF_ECANCELED && poll.came == 1 && poll.code == MF_ECANCELED);
	mf_folder_scan(a->f, on_answer, &later, NULL);
	sim_run_for(c.w, 30000);
	cr_assert(later.came == 0);
	set(a, "paused", "no");
	sim_run_for(c.w, 30000);
	cr_assert(later.came == 1 && later.code == MF_OK && scan.came == 1 && poll.came == 1);
	cr_assert(cast_entries(a) == 2);
	cast_end(&c);
}
