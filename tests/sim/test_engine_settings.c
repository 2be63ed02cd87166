/* The engine under settings that change while it runs. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "cast.h"

#define LONG1 "version one, long enough not to travel inside its capability ......"
#define LONG2 "version two, long enough not to travel inside its capability ......"

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
