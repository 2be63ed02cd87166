/* Conflicts settled: on request, by plain file operations, and by somebody else (conformance cases 12, 13, 15, 16, 20, 23
 * to 27; planner.md 4.4, 6). */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "play.h"

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
	play_resolve(p.a, MF_TAKE_MINE, NULL);
	cr_assert(!cast_exists(p.a, "p.conflict-bob") && cast_has(p.a, "p", OURS));
	sim_run_for(p.c.w, 3000);
	cr_assert(sim_count(p.a->h, SIM_PUT_DIR) == made + 1, "one snapshot");
	cr_assert(cast_head(p.a, "p", &now, &s) && s.n_parents == 2);
	cr_assert(strcmp(s.parents[0].text, own.text) == 0 && strcmp(s.parents[1].text, theirs.text) == 0);
	mf_snapshot_clear(&s);
	play_settled(&p, OURS);
	cast_end(&p.c);
}

Test(engine_settle, case_24_theirs_and_use, .timeout = 60)
{
	struct play p;

	play_init(&p, 24, 2);
	play_resolve(p.a, MF_TAKE_THEIRS, NULL);
	cr_assert(cast_has(p.a, "p", THEIRS) && !cast_exists(p.a, "p.conflict-bob"));
	play_settled(&p, THEIRS);
	cast_end(&p.c);

	play_init(&p, 240, 3);
	play_refused(p.a, "p", MF_TAKE_THEIRS, NULL, MF_EINVAL, "Cannot use \"theirs\" with 2 conflicts");
	play_refused(p.a, "p", MF_TAKE_USE, "dora", MF_EINVAL, "\"p\" is not conflicted with \"dora\"");
	play_refused(p.a, "q", MF_TAKE_MINE, NULL, MF_EINVAL, "No conflicts for \"q\"");
	cr_assert(cast_conflicts(p.a) == 2 && cast_has(p.a, "p", OURS) && cast_has(p.a, "p.conflict-carol", THIRD));
	play_resolve(p.a, MF_TAKE_USE, "carol");
	play_settled(&p, THIRD);
	cast_end(&p.c);
}

Test(engine_settle, mine_takes_what_was_edited_and_what_was_deleted, .timeout = 60)
{
	struct play p;

	play_init(&p, 25, 2);
	cast_write(p.a, "p", OTHER);
	play_resolve(p.a, MF_TAKE_MINE, NULL);
	play_settled(&p, OTHER);
	cast_end(&p.c);

	play_init(&p, 26, 2);
	cr_assert(cast_remove(p.a, "p"));
	play_resolve(p.a, MF_TAKE_MINE, NULL);
	play_settled(&p, NULL);
	cast_end(&p.c);

	play_init(&p, 27, 2);
	cr_assert(cast_remove(p.a, "p"));
	play_resolve(p.a, MF_TAKE_USE, "bob");
	play_settled(&p, THEIRS);
	cast_end(&p.c);
}

Test(engine_settle, a_marker_that_was_edited_is_released, .timeout = 60)
{
	struct play p;

	play_init(&p, 28, 2);
	cast_write(p.a, "p.conflict-bob", OTHER);
	play_resolve(p.a, MF_TAKE_THEIRS, NULL);
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
	play_settled(&p, OURS);
	cast_end(&p.c);

	play_init(&p, 31, 2);
	cr_assert(cast_move(p.a, "p.conflict-bob", "p"));
	look_twice(p.a);
	play_settled(&p, THEIRS);
	cast_end(&p.c);

	play_init(&p, 32, 2);
	cast_write(p.a, "p.conflict-bob", OTHER);
	look_twice(p.a);
	cr_assert(cast_conflicts(p.a) == 1 && cast_has(p.a, "p", OURS) && cast_has(p.a, "p.conflict-bob", OTHER));
	cr_assert(cast_move(p.a, "p.conflict-bob", "p"));
	look_twice(p.a);
	play_settled(&p, OTHER);
	cast_end(&p.c);

	play_init(&p, 33, 2);
	cr_assert(cast_remove(p.a, "p") && cast_remove(p.a, "p.conflict-bob"));
	look_twice(p.a);
	play_settled(&p, NULL);
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
	play_settled(&p, THIRD);
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
	play_settled(&p, OURS);
	cast_end(&p.c);
}

/* ---- somebody else ---- */

Test(engine_settle, case_26_a_resolution_by_somebody_else_is_followed, .timeout = 60)
{
	struct play p;

	play_init(&p, 36, 3);
	play_resolve(p.b, MF_TAKE_USE, "carol");
	sim_run_for(p.c.w, 3000);
	cast_poll(p.a);
	cr_assert(cast_has(p.a, "p", THIRD) && cast_conflicts(p.a) == 0, "one poll suffices");
	cr_assert(!cast_exists(p.a, "p.conflict-bob") && !cast_exists(p.a, "p.conflict-carol"));
	play_settled(&p, THIRD);
	cast_end(&p.c);
}

Test(engine_settle, case_27_a_resolution_is_kept_apart_from_a_local_edit, .timeout = 60)
{
	struct play p;

	play_init(&p, 37, 3);
	cast_write(p.a, "p", OTHER);
	play_resolve(p.b, MF_TAKE_MINE, NULL);
	sim_run_for(p.c.w, 3000);
	cast_receive(p.a);
	cr_assert(cast_has(p.a, "p", OTHER), "the edit stays");
	cr_assert(cast_conflicts(p.a) == 1 && cast_has(p.a, "p.conflict-bob", THEIRS), "against the resolution alone");
	cr_assert(!cast_exists(p.a, "p.conflict-carol"));
	play_resolve(p.a, MF_TAKE_MINE, NULL);
	play_settled(&p, OTHER);
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
	play_settled(&p, OURS);
	cast_end(&p.c);

	for (uint64_t seed = 41; seed < 46; seed++) {
		play_init(&p, seed, 2);
		two_at_once(&p, MF_TAKE_MINE, MF_TAKE_MINE);
		if (cast_conflicts(p.a) == 0) { /* one of them had read the other's resolution in time */
			play_settled(&p, cast_has(p.a, "p", OURS) ? OURS : THEIRS);
		} else {
			cr_assert(cast_has(p.a, "p", OURS) && cast_has(p.a, "p.conflict-bob", THEIRS));
			cr_assert(cast_has(p.b, "p", THEIRS) && cast_has(p.b, "p.conflict-alice", OURS));
			play_resolve(p.b, MF_TAKE_MINE, NULL);
			play_settled(&p, THEIRS);
		}
		cast_end(&p.c);
	}
}

/* Whoever decides, for whichever version, whoever hears of it first. */
Test(engine_settle, three_in_every_order, .timeout = 120)
{
	static const char *const text[] = {OURS, THEIRS, THIRD};
	struct play p;

	for (unsigned k = 0; k < 18; k++) {
		unsigned who = k % 3, what = k / 3 % 3, first = (who + 1 + k / 9) % 3;
		play_init(&p, 400 + k, 3);
		struct member *m = &p.c.m[who];
		if (what == who)
			play_resolve(m, MF_TAKE_MINE, NULL);
		else
			play_resolve(m, MF_TAKE_USE, p.c.m[what].name);
		sim_run_for(p.c.w, 3000);
		cast_receive(&p.c.m[first]);
		cast_receive(&p.c.m[3 - who - first]);
		for (unsigned i = 0; i < 3; i++)
			cr_assert(cast_has(&p.c.m[i], "p", text[what]) && cast_conflicts(&p.c.m[i]) == 0,
				"%u decides for %u, %u hears first: %u", who, what, first, i);
		play_settled(&p, text[what]);
		cast_end(&p.c);
	}
}

Test(engine_settle, three_who_decide_alike_have_no_conflict, .timeout = 120)
{
	struct play p;

	for (unsigned k = 0; k < 6; k++) {
		play_init(&p, 430 + k, 3);
		for (unsigned i = 0; i < 3; i++) { /* nobody has read the others' */
			struct member *m = &p.c.m[(i + k) % 3];
			if (m == p.a)
				play_resolve(m, MF_TAKE_MINE, NULL);
			else
				play_resolve(m, MF_TAKE_USE, "alice");
		}
		play_settled(&p, OURS);
		cast_end(&p.c);
	}
}

/* One decides while each of the others edits: two edits and a decision, and nobody's bytes are lost. */
Test(engine_settle, a_decision_and_two_edits, .timeout = 120)
{
	struct play p;
	mf_err err;

	for (unsigned k = 0; k < 3; k++) {
		play_init(&p, 440 + k, 3);
		struct member *m = &p.c.m[k], *x = &p.c.m[(k + 1) % 3], *y = &p.c.m[(k + 2) % 3];
		cast_write(x, "p", OTHER);
		cast_write(y, "p", OTHER "!");
		play_resolve(m, MF_TAKE_MINE, NULL);
		cast_settle(&p.c);
		cr_assert(cast_has(x, "p", OTHER) && cast_has(y, "p", OTHER "!"), "edits stay where they were made");
		cr_assert(cast_conflicts(x) == 1 && cast_conflicts(y) == 1, "each against the decision");
		cr_assert(cast_resolve(x, "p", MF_TAKE_MINE, NULL, &err) == MF_OK, "%s", err.text);
		cast_settle(&p.c);
		cr_assert(cast_has(m, "p", OTHER) && cast_has(y, "p", OTHER "!") && cast_conflicts(y) == 1);
		cr_assert(cast_resolve(y, "p", MF_TAKE_THEIRS, NULL, &err) == MF_OK, "%s", err.text);
		play_settled(&p, OTHER);
		cast_end(&p.c);
	}
}
