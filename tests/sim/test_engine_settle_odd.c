/* Settling conflicts where it is not easy: read-only folders, changes in that moment, crashes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "play.h"

/* ---- a folder that may only read ---- */

/* Its own Personal directory is taken from it, as for somebody who was only given the Collective. */
static void
may_only_read(struct member *m)
{
	const struct mf_env_ops *ops = sim_env_of(m->h)->ops;
	sqlite3 *db = NULL;
	mf_err err = {0};

	cr_assert(ops->db_open(sim_env_of(m->h), CAST_STATE "/state.sqlite", &db, &err) == MF_OK, "%s", err.text);
	cr_assert(sqlite3_exec(db, "UPDATE config SET upload_dircap = NULL", NULL, NULL, NULL) == SQLITE_OK);
	cr_assert(sqlite3_close(db) == SQLITE_OK);
}

/* Alice and bob publish what differs; the reader takes one and has the other beside it. */
static struct member *
reader_init(struct play *p, uint64_t seed)
{
	cast_init(&p->c, seed);
	p->c.dark = true;
	p->a = cast_add(&p->c, "alice");
	p->b = cast_add(&p->c, "bob");
	struct member *r = cast_join(&p->c, "reader", NULL);
	may_only_read(r);
	cast_write(p->a, "p", OURS);
	cast_write(p->b, "p", THEIRS);
	cast_publish(p->a);
	cast_publish(p->b);
	cast_receive(p->a);
	cast_open(r);
	cast_receive(r);
	cr_assert(mf_folder_config(r->f)->read_only);
	cr_assert(cast_conflicts(r) == 1 && cast_exists(r, "p"));
	return r;
}

Test(engine_settle_odd, a_reader_settles_for_itself, .timeout = 60)
{
	struct play p;
	mf_err err;

	for (unsigned k = 0; k < 3; k++) {
		struct member *r = reader_init(&p, 70 + k);
		bool ours = cast_has(r, "p", OURS); /* which of them is for the capabilities to say */
		const char *had = ours ? OURS : THEIRS, *other = ours ? THEIRS : OURS;
		uint64_t writes = cast_writes(&p.c);
		if (k == 2)
			cast_write(r, "p", OTHER); /* local, and never published */
		play_refused(r, "p", MF_TAKE_MERGE, NULL, MF_EINVAL,
			"Cannot merge in a read-only folder: what comes of it would be a version, and it publishes "
			"none;"
			" take one, or edit the file and take yours");
		cr_assert(cast_resolve(r, "p", k == 1 ? MF_TAKE_THEIRS : MF_TAKE_MINE, NULL, &err) == MF_OK, "%s",
			err.text);
		for (int i = 0; i < 3; i++) {
			cast_publish(r);
			cast_receive(r);
		}
		const char *want = k == 0 ? had : k == 1 ? other : OTHER;
		cr_assert(cast_has(r, "p", want) && cast_conflicts(r) == 0, "%u", k);
		cr_assert(!cast_exists(r, "p.conflict-alice") && !cast_exists(r, "p.conflict-bob"));
		cr_assert(cast_writes(&p.c) == writes, "a reader writes nothing");
		cast_close(r);
		cast_open(r);
		cast_receive(r);
		cast_publish(r);
		cr_assert(cast_has(r, "p", want) && cast_conflicts(r) == 0, "%u: after a restart", k);
		cast_end(&p.c);
	}
}

static bool
reader_dies_at(uint64_t n, enum sim_crash how)
{
	struct play p;
	mf_err err;
	struct member *r = reader_init(&p, 80);
	const char *had = cast_has(r, "p", OURS) ? OURS : THEIRS;
	const char *other = strcmp(had, OURS) == 0 ? THEIRS : OURS;

	sim_sync_disk(r->h);
	sim_crash_after(r->h, how, n);
	(void)cast_resolve(r, "p", MF_TAKE_THEIRS, NULL, &err);
	sim_run_for(p.c.w, 3000);
	bool died = sim_dead(r->h);
	cast_bury(r);
	if (died)
		cast_open(r);
	sim_calm(r->h);
	sim_trouble_of(r->h)->drop_events = 1000;
	cast_receive(r);
	cast_publish(r);
	cast_receive(r);
	cr_assert(cast_has(r, "p", other) || (cast_has(r, "p", had) && cast_conflicts(r) == 1), "op %llu",
		(unsigned long long)n);
	if (cast_conflicts(r) > 0)
		cr_assert(cast_resolve(r, "p", cast_has(r, "p", had) ? MF_TAKE_THEIRS : MF_TAKE_MINE, NULL, &err) ==
				MF_OK,
			"%s", err.text);
	cast_publish(r);
	cr_assert(cast_has(r, "p", other) && cast_conflicts(r) == 0, "op %llu", (unsigned long long)n);
	cast_end(&p.c);
	return died;
}

Test(engine_settle_odd, a_reader_that_crashes_settles_the_same, .timeout = 300)
{
	uint64_t n = 1;

	while (reader_dies_at(n, SIM_CRASH_PROCESS))
		n++;
	cr_assert(n > 5);
	for (n = 1; reader_dies_at(n, SIM_CRASH_POWER); n++)
		;
}

/* ---- names of markers ---- */

/* Carol has a file where alice's marker of bob's version is. */
static void
a_file_of_that_name(uint64_t seed, bool restart)
{
	struct play p;
	mf_immdir cap;
	mf_snapshot s;

	play_init(&p, seed, 2);
	struct member *d = cast_join(&p.c, "carol", NULL);
	cast_write(d, "p.conflict-bob", THIRD);
	cast_open(d);
	mf_folder_add_participant(p.a->f, "carol", &d->personal, NULL, cast_ignore, NULL, NULL);
	cast_publish(d);
	cr_assert(cast_has(d, "p.conflict-bob-2", THEIRS) || cast_has(d, "p.conflict-alice", OURS));
	if (restart) {
		cast_close(p.a);
		cast_open(p.a);
	}
	for (int i = 0; i < 2; i++) {
		cast_receive(p.a);
		cast_publish(p.a);
	}
	cr_assert(cast_has(p.a, "p.conflict-bob", THEIRS), "the marker was written over");
	cr_assert(!cast_head(p.a, "p.conflict-bob", &cap, &s), "the marker was published");
	cr_assert(cast_conflicts(p.a) == 1);
	play_resolve(p.a, MF_TAKE_MINE, NULL);
	cast_settle(&p.c);
	for (size_t i = 0; i < p.c.n; i++) {
		struct member *m = &p.c.m[i];
		char *tree = cast_tree(m);
		cr_assert(cast_has(m, "p", OURS) && cast_has(m, "p.conflict-bob", THIRD), "%s: %s", m->name, tree);
		free(tree);
		cr_assert(cast_conflicts(m) == 0);
	}
	cast_end(&p.c);
}

Test(engine_settle_odd, case_53_a_file_of_a_marker_s_name_waits_for_it_to_go, .timeout = 60)
{
	a_file_of_that_name(530, false);
	a_file_of_that_name(531, true);
}

/* ---- what changes meanwhile is kept ---- */

static void
on_two(void *arg, const mf_err *err, const mf_resolution *r)
{
	(void)r;
	cr_assert(err->code == MF_OK || err->code == MF_ECHANGED || err->code == MF_ECANCELED, "%s", err->text);
	(*(int *)arg)++;
}

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
	play_resolve(p.a, MF_TAKE_MINE, NULL);
	play_settled(&p, OTHER);
	cast_end(&p.c);
}

Test(engine_settle_odd, an_edit_at_the_last_moment_is_kept, .timeout = 60)
{
	edited_during(50, SIM_GET, "");
	edited_during(51, SIM_RENAME, "");
	edited_during(52, SIM_DB_SYNC, "");
}

Test(engine_settle_odd, a_version_that_arrives_meanwhile_is_not_settled_unseen, .timeout = 60)
{
	struct play p;
	mf_err err;

	play_init(&p, 53, 3);
	play_resolve(p.d, MF_TAKE_USE, "bob"); /* published; alice has not read it */
	sim_run_for(p.c.w, 3000);
	cast_write(p.d, "p", OTHER);
	cast_publish(p.d);
	sim_trouble_of(p.a->h)->slow_ms = 500;
	mf_folder_poll(p.a->f, cast_ignore, NULL, NULL);
	sim_run_for(p.c.w, 100);
	mf_code rc = cast_resolve(p.a, "p", MF_TAKE_USE, "bob", &err);
	sim_calm(p.a->h);
	sim_trouble_of(p.a->h)->drop_events = 1000;
	cast_settle(&p.c);
	if (rc == MF_OK) { /* it was faster; then they are two resolutions */
		cr_assert(cast_conflicts(p.a) == 1 && cast_has(p.a, "p.conflict-carol", OTHER));
		play_resolve(p.a, MF_TAKE_THEIRS, NULL);
	}
	play_settled(&p, OTHER);
	cast_end(&p.c);
}

Test(engine_settle_odd, who_leaves_before_the_answer_hears_nothing, .timeout = 60)
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

Test(engine_settle_odd, one_at_a_time, .timeout = 60)
{
	struct play p;
	int answers = 0;

	play_init(&p, 55, 2);
	mf_folder_resolve(p.a->f, "p", MF_TAKE_THEIRS, NULL, on_two, &answers, NULL);
	play_refused(p.a, "p", MF_TAKE_MINE, NULL, MF_EBUSY, "p is being settled already");
	sim_run_for(p.c.w, 3000);
	cr_assert(answers == 1);
	play_settled(&p, THEIRS);
	cast_end(&p.c);
}

Test(engine_settle_odd, a_grid_that_fails_is_an_answer_too, .timeout = 60)
{
	struct play p;
	mf_err err;

	play_init(&p, 56, 2);
	sim_trouble_of(p.a->h)->cut_off = true;
	for (int i = 0; i < 7; i++) { /* what failed seven times waits a minute; a person does not */
		int64_t began = sim_now_ms(p.c.w);
		cr_assert(cast_resolve(p.a, "p", MF_TAKE_THEIRS, NULL, &err) == MF_ENET, "%s", err.text);
		cr_assert(sim_now_ms(p.c.w) - began < 1000);
		cr_assert(cast_has(p.a, "p", OURS) && cast_conflicts(p.a) == 1);
	}
	sim_trouble_of(p.a->h)->cut_off = false;
	play_resolve(p.a, MF_TAKE_THEIRS, NULL);
	play_settled(&p, THEIRS);
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
		play_resolve(p.a, take, NULL);
	}
	play_settled(&p, want);
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

Test(engine_settle_odd, a_crash_at_any_point_is_safe, .timeout = 600)
{
	dies_everywhere(SIM_CRASH_PROCESS, MF_TAKE_MINE);
	dies_everywhere(SIM_CRASH_PROCESS, MF_TAKE_THEIRS);
}

Test(engine_settle_odd, a_power_cut_at_any_point_is_safe, .timeout = 600)
{
	dies_everywhere(SIM_CRASH_POWER, MF_TAKE_MINE);
	dies_everywhere(SIM_CRASH_POWER, MF_TAKE_THEIRS);
}

/* ---- failures ---- */

/* The n-th operation of this kind fails during a resolution.  @return false: there are not so many. */
static bool
fails_at(enum sim_op op, uint64_t n, enum mf_take take)
{
	const char *want = take == MF_TAKE_MINE ? OURS : THEIRS;
	struct play p;
	mf_err err;

	play_init(&p, 90, 2);
	uint64_t before = sim_count(p.a->h, op);
	sim_fail_nth(p.a->h, op, n, op < SIM_DB_OPEN ? EIO : (int)MF_ENET);
	mf_code rc = cast_resolve(p.a, "p", take, NULL, &err);
	sim_run_for(p.c.w, 3000);
	bool failed = sim_count(p.a->h, op) - before >= n;
	sim_calm(p.a->h);
	sim_trouble_of(p.a->h)->drop_events = 1000;
	cast_settle(&p.c);
	cast_settle(&p.c); /* what failed is tried again */
	if (cast_conflicts(p.a) == 0)
		cr_assert(rc == MF_OK, "op %d, %llu: it said no, and did it: %s", (int)op, (unsigned long long)n,
			err.text);
	if (cast_conflicts(p.a) > 0) {
		cr_assert(rc != MF_OK, "op %d, %llu: it said yes", (int)op, (unsigned long long)n);
		cr_assert(cast_has(p.a, "p", OURS) && cast_has(p.a, "p.conflict-bob", THEIRS), "op %d, %llu", (int)op,
			(unsigned long long)n);
		play_resolve(p.a, take, NULL);
	}
	play_settled(&p, want);
	cast_end(&p.c);
	return failed;
}

/* Every fourth of them, or, with MF_SOAK, each. */
Test(engine_settle_odd, any_operation_may_fail_once, .timeout = 1200)
{
	const char *soak = getenv("MF_SOAK");
	uint64_t step = soak != NULL && *soak != '\0' ? 1 : 4;
	unsigned failures = 0;

	for (int op = 0; op < SIM_OPS; op++) {
		for (uint64_t n = 1; op != SIM_DB_OPEN && fails_at((enum sim_op)op, n, MF_TAKE_MINE); n += step)
			failures++;
		for (uint64_t n = 1; op != SIM_DB_OPEN && fails_at((enum sim_op)op, n, MF_TAKE_THEIRS); n += step)
			failures++;
	}
	cr_assert(failures > 20, "%u", failures);
}
