/* Conflicts settled: on request, by plain file operations, and by somebody else (conformance cases 12, 13, 15, 16, 20, 23
 * to 27; planner.md 4.4, 6). */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "cast.h"

#define BASE "the version that all began with, too long to travel in its capability"
#define OURS "what alice made of it, which is too long to travel in its capability .."
#define THEIRS "what bob made of it, which is too long to travel in its capability ...."
#define THIRD "what carol made of it, which is too long to travel in its capability .."
#define OTHER "something quite different, which is too long to travel in its capability"

struct play {
	struct cast c;
	struct member *a, *b, *d;
};

static void
publish(struct member *m)
{
	cast_scan(m);
	sim_run_for(m->cast->w, 3000);
}

static void
receive(struct member *m)
{
	cast_poll(m);
	sim_run_for(m->cast->w, 3000);
}

/* Alice and bob (and carol) have edited p, and know of each other's. */
static void
play_init(struct play *p, uint64_t seed, size_t n)
{
	cast_init(&p->c, seed);
	p->c.dark = true;
	p->a = cast_add(&p->c, "alice");
	p->b = cast_add(&p->c, "bob");
	p->d = n > 2 ? cast_add(&p->c, "carol") : NULL;
	cast_write(p->a, "p", BASE);
	publish(p->a);
	receive(p->b);
	if (n > 2)
		receive(p->d);
	cast_write(p->a, "p", OURS);
	cast_write(p->b, "p", THEIRS);
	if (n > 2)
		cast_write(p->d, "p", THIRD);
	publish(p->a);
	publish(p->b);
	if (n > 2)
		publish(p->d);
	for (size_t i = 0; i < n; i++)
		receive(&p->c.m[i]);
	cr_assert(cast_conflicts(p->a) == n - 1 && cast_has(p->a, "p.conflict-bob", THEIRS));
	cr_assert(cast_conflicts(p->b) == n - 1 && cast_has(p->b, "p.conflict-alice", OURS));
}

static void
settled(struct play *p, const char *text)
{
	cast_settle(&p->c);
	for (size_t i = 0; i < p->c.n; i++) {
		struct member *m = &p->c.m[i];
		char *tree = cast_tree(m);
		cr_assert(text == NULL ? !cast_exists(m, "p") : cast_has(m, "p", text), "%s: %s", m->name, tree);
		cr_assert(cast_conflicts(m) == 0, "%s has a conflict left", m->name);
		cr_assert(strstr(tree, "conflict-") == NULL, "%s: %s", m->name, tree);
		cr_assert(cast_same_head(m, p->a, "p"), "%s shows another head", m->name);
		free(tree);
	}
}

static void
resolve(struct member *m, enum mf_take take, const char *use)
{
	mf_err err;

	cr_assert(cast_resolve(m, "p", take, use, &err) == MF_OK, "%s", err.text);
	cr_assert(cast_conflicts(m) == 0, "rows are left");
}

static void
refused(struct member *m, const char *relpath, enum mf_take take, const char *use, mf_code code, const char *text)
{
	mf_err err;

	cr_assert(cast_resolve(m, relpath, take, use, &err) == code, "%s: %s", mf_code_name(err.code), err.text);
	cr_assert(strcmp(err.text, text) == 0, "%s", err.text);
}

Test(engine_settle, case_23_mine_is_one_snapshot_of_both, .timeout = 60)
{
	struct play p;
	mf_immdir own, theirs, now;
	mf_snapshot s;

	play_init(&p, 23, 2);
	cr_assert(cast_head(p.a, "p", &own, &s));
	mf_snapshot_clear(&s);
	cr_assert(cast_head(p.b, "p", &theirs, &s));
	mf_snapshot_clear(&s);
	uint64_t made = sim_count(p.a->h, SIM_PUT_DIR);
	resolve(p.a, MF_TAKE_MINE, NULL);
	cr_assert(!cast_exists(p.a, "p.conflict-bob") && cast_has(p.a, "p", OURS));
	sim_run_for(p.c.w, 3000);
	cr_assert(sim_count(p.a->h, SIM_PUT_DIR) == made + 1, "one snapshot");
	cr_assert(cast_head(p.a, "p", &now, &s) && s.n_parents == 2);
	cr_assert(strcmp(s.parents[0].text, own.text) == 0 && strcmp(s.parents[1].text, theirs.text) == 0);
	mf_snapshot_clear(&s);
	settled(&p, OURS);
	cast_end(&p.c);
}

Test(engine_settle, case_24_theirs_and_use, .timeout = 60)
{
	struct play p;

	play_init(&p, 24, 2);
	resolve(p.a, MF_TAKE_THEIRS, NULL);
	cr_assert(cast_has(p.a, "p", THEIRS) && !cast_exists(p.a, "p.conflict-bob"));
	settled(&p, THEIRS);
	cast_end(&p.c);

	play_init(&p, 240, 3);
	refused(p.a, "p", MF_TAKE_THEIRS, NULL, MF_EINVAL, "Cannot use \"theirs\" with 2 conflicts");
	refused(p.a, "p", MF_TAKE_MERGE, NULL, MF_EINVAL, "Cannot use \"merge\" with 2 conflicts");
	refused(p.a, "p", MF_TAKE_USE, "dora", MF_EINVAL, "\"p\" is not conflicted with \"dora\"");
	refused(p.a, "q", MF_TAKE_MINE, NULL, MF_EINVAL, "No conflicts for \"q\"");
	cr_assert(cast_conflicts(p.a) == 2 && cast_has(p.a, "p", OURS) && cast_has(p.a, "p.conflict-carol", THIRD));
	resolve(p.a, MF_TAKE_USE, "carol");
	settled(&p, THIRD);
	cast_end(&p.c);
}

Test(engine_settle, mine_takes_what_was_edited_and_what_was_deleted, .timeout = 60)
{
	struct play p;

	play_init(&p, 25, 2);
	cast_write(p.a, "p", OTHER);
	resolve(p.a, MF_TAKE_MINE, NULL);
	settled(&p, OTHER);
	cast_end(&p.c);

	play_init(&p, 26, 2);
	cr_assert(cast_remove(p.a, "p"));
	resolve(p.a, MF_TAKE_MINE, NULL);
	settled(&p, NULL);
	cast_end(&p.c);

	play_init(&p, 27, 2);
	cr_assert(cast_remove(p.a, "p"));
	resolve(p.a, MF_TAKE_USE, "bob");
	settled(&p, THEIRS);
	cast_end(&p.c);
}

Test(engine_settle, a_marker_that_was_edited_is_released, .timeout = 60)
{
	struct play p;

	play_init(&p, 28, 2);
	cast_write(p.a, "p.conflict-bob", OTHER);
	resolve(p.a, MF_TAKE_THEIRS, NULL);
	cr_assert(cast_has(p.a, "p", THEIRS) && cast_has(p.a, "p.conflict-bob-edited", OTHER));
	cast_settle(&p.c);
	cr_assert(cast_has(p.b, "p.conflict-bob-edited", OTHER), "it is a file like any other");
	cr_assert(cast_has(p.b, "p", THEIRS) && cast_conflicts(p.b) == 0);
	cast_end(&p.c);
}

/* ---- by file operations ---- */

static void
look_twice(struct member *m)
{
	for (int i = 0; i < 3; i++) {
		cast_scan(m);
		sim_run_for(m->cast->w, 1500);
	}
}

Test(engine_settle, case_25_a_removed_marker_is_mine_and_one_moved_over_is_theirs, .timeout = 60)
{
	struct play p;

	play_init(&p, 30, 2);
	cr_assert(cast_remove(p.a, "p.conflict-bob"));
	look_twice(p.a);
	settled(&p, OURS);
	cast_end(&p.c);

	play_init(&p, 31, 2);
	cr_assert(cast_move(p.a, "p.conflict-bob", "p"));
	look_twice(p.a);
	settled(&p, THEIRS);
	cast_end(&p.c);

	play_init(&p, 32, 2);
	cast_write(p.a, "p.conflict-bob", OTHER);
	look_twice(p.a);
	cr_assert(cast_conflicts(p.a) == 1 && cast_has(p.a, "p", OURS) && cast_has(p.a, "p.conflict-bob", OTHER));
	cr_assert(cast_move(p.a, "p.conflict-bob", "p"));
	look_twice(p.a);
	settled(&p, OTHER);
	cast_end(&p.c);

	play_init(&p, 33, 2);
	cr_assert(cast_remove(p.a, "p") && cast_remove(p.a, "p.conflict-bob"));
	look_twice(p.a);
	settled(&p, NULL);
	cast_end(&p.c);
}

Test(engine_settle, one_of_several_markers_removed_decides_nothing, .timeout = 60)
{
	struct play p;

	play_init(&p, 34, 3);
	cr_assert(cast_remove(p.a, "p.conflict-bob"));
	look_twice(p.a);
	cr_assert(cast_conflicts(p.a) == 2 && !cast_exists(p.a, "p.conflict-bob"), "and it is not written again");
	cr_assert(cast_move(p.a, "p.conflict-carol", "p"));
	look_twice(p.a);
	settled(&p, THIRD);
	cast_end(&p.c);
}

Test(engine_settle, a_marker_that_comes_back_between_two_looks_was_no_decision, .timeout = 60)
{
	struct play p;
	mf_err err = {0};

	play_init(&p, 35, 2);
	uint64_t writes = cast_writes(&p.c);
	cr_assert(sim_move(p.a->h, cast_path("p.conflict-bob"), "/home/away"));
	mf_folder_scan(p.a->f, cast_ignore, NULL, NULL);
	sim_run_for(p.c.w, 400);
	cr_assert(sim_move(p.a->h, "/home/away", cast_path("p.conflict-bob")));
	look_twice(p.a);
	cr_assert(cast_conflicts(p.a) == 1 && cast_writes(&p.c) == writes);
	cr_assert(cast_resolve(p.a, "p", MF_TAKE_MINE, NULL, &err) == MF_OK, "%s", err.text);
	settled(&p, OURS);
	cast_end(&p.c);
}

/* ---- somebody else ---- */

Test(engine_settle, case_26_a_resolution_by_somebody_else_is_followed, .timeout = 60)
{
	struct play p;

	play_init(&p, 36, 3);
	resolve(p.b, MF_TAKE_USE, "carol");
	sim_run_for(p.c.w, 3000);
	cast_poll(p.a);
	cr_assert(cast_has(p.a, "p", THIRD) && cast_conflicts(p.a) == 0, "one poll suffices");
	cr_assert(!cast_exists(p.a, "p.conflict-bob") && !cast_exists(p.a, "p.conflict-carol"));
	settled(&p, THIRD);
	cast_end(&p.c);
}

Test(engine_settle, case_27_a_resolution_is_kept_apart_from_a_local_edit, .timeout = 60)
{
	struct play p;

	play_init(&p, 37, 3);
	cast_write(p.a, "p", OTHER);
	resolve(p.b, MF_TAKE_MINE, NULL);
	sim_run_for(p.c.w, 3000);
	receive(p.a);
	cr_assert(cast_has(p.a, "p", OTHER), "the edit stays");
	cr_assert(cast_conflicts(p.a) == 1 && cast_has(p.a, "p.conflict-bob", THEIRS), "against the resolution alone");
	cr_assert(!cast_exists(p.a, "p.conflict-carol"));
	resolve(p.a, MF_TAKE_MINE, NULL);
	settled(&p, OTHER);
	cast_end(&p.c);
}

static void
on_two(void *arg, const mf_err *err, const mf_resolution *r)
{
	(void)r;
	cr_assert(err->code == MF_OK || err->code == MF_ECHANGED || err->code == MF_ECANCELED, "%s", err->text);
	(*(int *)arg)++;
}

static bool
both_came(void *arg)
{
	return *(int *)arg == 2;
}

static void
two_at_once(struct play *p, enum mf_take a, enum mf_take b)
{
	int answers = 0;

	mf_folder_resolve(p->a->f, "p", a, NULL, on_two, &answers, NULL);
	mf_folder_resolve(p->b->f, "p", b, NULL, on_two, &answers, NULL);
	cr_assert(sim_run_until(p->c.w, both_came, &answers, CAST_LIMIT_MS));
	cast_settle(&p->c);
}

Test(engine_settle, two_who_resolve_at_once_agree_or_have_a_conflict_again, .timeout = 60)
{
	struct play p;

	play_init(&p, 40, 2);
	two_at_once(&p, MF_TAKE_MINE, MF_TAKE_THEIRS);
	settled(&p, OURS);
	cast_end(&p.c);

	for (uint64_t seed = 41; seed < 46; seed++) {
		play_init(&p, seed, 2);
		two_at_once(&p, MF_TAKE_MINE, MF_TAKE_MINE);
		if (cast_conflicts(p.a) == 0) { /* one of them had read the other's resolution in time */
			settled(&p, cast_has(p.a, "p", OURS) ? OURS : THEIRS);
		} else {
			cr_assert(cast_has(p.a, "p", OURS) && cast_has(p.a, "p.conflict-bob", THEIRS));
			cr_assert(cast_has(p.b, "p", THEIRS) && cast_has(p.b, "p.conflict-alice", OURS));
			resolve(p.b, MF_TAKE_MINE, NULL);
			settled(&p, THEIRS);
		}
		cast_end(&p.c);
	}
}

/* ---- what changes meanwhile is kept ---- */

struct intruder {
	struct member *m;
	enum sim_op op;
	const char *what;
	bool done;
};

static void
write_at_once(void *arg, enum sim_op op, const char *what)
{
	struct intruder *x = arg;

	if (x->done || op != x->op || strstr(what, x->what) == NULL)
		return;
	x->done = true;
	cast_write(x->m, "p", OTHER);
}

static void
edited_during(uint64_t seed, enum sim_op op, const char *what)
{
	struct play p;
	mf_err err;

	play_init(&p, seed, 2);
	struct intruder x = {.m = p.a, .op = op, .what = what};
	sim_on_op(p.a->h, write_at_once, &x);
	mf_code rc = cast_resolve(p.a, "p", MF_TAKE_THEIRS, NULL, &err);
	sim_on_op(p.a->h, NULL, NULL);
	cr_assert(x.done, "the user never came (%s)", what);
	cr_assert(rc == MF_ECHANGED, "%s: %s", mf_code_name(rc), err.text);
	cr_assert(cast_has(p.a, "p", OTHER) && cast_conflicts(p.a) == 1);
	cr_assert(cast_has(p.a, "p.conflict-bob", THEIRS));
	resolve(p.a, MF_TAKE_MINE, NULL);
	settled(&p, OTHER);
	cast_end(&p.c);
}

Test(engine_settle, an_edit_at_the_last_moment_is_kept, .timeout = 60)
{
	edited_during(50, SIM_GET, "");
	edited_during(51, SIM_RENAME, "");
	edited_during(52, SIM_DB_SYNC, "");
}

Test(engine_settle, a_version_that_arrives_meanwhile_is_not_settled_unseen, .timeout = 60)
{
	struct play p;
	mf_err err;

	play_init(&p, 53, 3);
	resolve(p.d, MF_TAKE_USE, "bob"); /* published; alice has not read it */
	sim_run_for(p.c.w, 3000);
	cast_write(p.d, "p", OTHER);
	publish(p.d);
	sim_trouble_of(p.a->h)->slow_ms = 500;
	mf_folder_poll(p.a->f, cast_ignore, NULL, NULL);
	sim_run_for(p.c.w, 100);
	mf_code rc = cast_resolve(p.a, "p", MF_TAKE_USE, "bob", &err);
	sim_calm(p.a->h);
	sim_trouble_of(p.a->h)->drop_events = 1000;
	cast_settle(&p.c);
	if (rc == MF_OK) { /* it was faster; then they are two resolutions */
		cr_assert(cast_conflicts(p.a) == 1 && cast_has(p.a, "p.conflict-carol", OTHER));
		resolve(p.a, MF_TAKE_THEIRS, NULL);
	}
	settled(&p, OTHER);
	cast_end(&p.c);
}

Test(engine_settle, who_leaves_before_the_answer_hears_nothing, .timeout = 60)
{
	struct play p;
	int answers = 0;
	uint64_t ticket;

	play_init(&p, 54, 2);
	mf_folder_resolve(p.a->f, "p", MF_TAKE_THEIRS, NULL, on_two, &answers, &ticket);
	mf_folder_forget(p.a->f, ticket);
	sim_run_for(p.c.w, 5000);
	cr_assert(answers == 0 && cast_has(p.a, "p", OURS) && cast_conflicts(p.a) == 1);
	mf_folder_resolve(p.a->f, "p", MF_TAKE_THEIRS, NULL, on_two, &answers, &ticket);
	cast_close(p.a);
	cr_assert(answers == 1, "whoever waits when the folder closes hears so");
	cast_end(&p.c);
}

Test(engine_settle, one_at_a_time, .timeout = 60)
{
	struct play p;
	int answers = 0;

	play_init(&p, 55, 2);
	mf_folder_resolve(p.a->f, "p", MF_TAKE_THEIRS, NULL, on_two, &answers, NULL);
	refused(p.a, "p", MF_TAKE_MINE, NULL, MF_EBUSY, "p is being settled already");
	sim_run_for(p.c.w, 3000);
	cr_assert(answers == 1);
	settled(&p, THEIRS);
	cast_end(&p.c);
}

Test(engine_settle, a_grid_that_fails_is_an_answer_too, .timeout = 60)
{
	struct play p;
	mf_err err;

	play_init(&p, 56, 2);
	sim_trouble_of(p.a->h)->cut_off = true;
	cr_assert(cast_resolve(p.a, "p", MF_TAKE_THEIRS, NULL, &err) == MF_ENET, "%s", err.text);
	cr_assert(cast_has(p.a, "p", OURS) && cast_conflicts(p.a) == 1);
	sim_trouble_of(p.a->h)->cut_off = false;
	resolve(p.a, MF_TAKE_THEIRS, NULL);
	settled(&p, THEIRS);
	cast_end(&p.c);
}

/* ---- crashes ---- */

/* The process dies at the n-th operation of a resolution.  @return false: it got through before. */
static bool
dies_at(uint64_t n, enum sim_crash how, enum mf_take take)
{
	struct play p;
	mf_err err;
	const char *want = take == MF_TAKE_MINE ? OURS : THEIRS;

	play_init(&p, 60, 2);
	sim_sync_disk(p.a->h);
	sim_crash_after(p.a->h, how, n);
	(void)cast_resolve(p.a, "p", take, NULL, &err);
	sim_run_for(p.c.w, 3000);
	bool died = sim_dead(p.a->h);
	cast_bury(p.a);
	if (died)
		cast_open(p.a);
	sim_calm(p.a->h);
	sim_trouble_of(p.a->h)->drop_events = 1000;
	cast_settle(&p.c);
	if (cast_conflicts(p.a) > 0) { /* nothing was recorded: both are as before */
		cr_assert(cast_has(p.a, "p", OURS), "op %llu: p is lost", (unsigned long long)n);
		cr_assert(
			cast_has(p.a, "p.conflict-bob", THEIRS), "op %llu: the marker is lost", (unsigned long long)n);
		resolve(p.a, take, NULL);
	}
	settled(&p, want);
	cast_end(&p.c);
	return died;
}

static void
dies_everywhere(enum sim_crash how, enum mf_take take)
{
	uint64_t n = 1;

	while (dies_at(n, how, take))
		n++;
	cr_assert(n > 5, "it dies nowhere");
}

Test(engine_settle, a_crash_at_any_point_is_safe, .timeout = 600)
{
	dies_everywhere(SIM_CRASH_PROCESS, MF_TAKE_MINE);
	dies_everywhere(SIM_CRASH_PROCESS, MF_TAKE_THEIRS);
}

Test(engine_settle, a_power_cut_at_any_point_is_safe, .timeout = 600)
{
	dies_everywhere(SIM_CRASH_POWER, MF_TAKE_MINE);
	dies_everywhere(SIM_CRASH_POWER, MF_TAKE_THEIRS);
}
