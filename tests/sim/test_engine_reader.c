/* A read-only folder beside two that write: it follows, keeps what is changed in it, and never writes to the grid
 * (design 2.5.7, planner.md 4.5; conformance case 47). */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "cast.h"

#define LONG4 "version four, long enough not to travel inside its capability ....."

struct three {
	struct cast c;
	struct member *a, *b, *r;
};

static void
wait(struct three *t)
{
	sim_run_for(t->c.w, 30000);
}

static void
three_init(struct three *t, uint64_t seed)
{
	cast_init(&t->c, seed);
	t->c.poll_s = t->c.scan_s = 5;
	t->a = cast_add(&t->c, "alice");
	t->b = cast_add(&t->c, "bob");
	t->r = cast_add_reader(&t->c, "reader");
	cast_write(t->a, "p", LONG1);
	wait(t);
	cr_assert(cast_has(t->r, "p", LONG1));
}

static void
three_end(struct three *t)
{
	cr_assert(sim_grid_writes(t->r->h) == 0, "a reader wrote to the grid");
	cast_end(&t->c);
}

struct row {
	const char *path;
	bool found, deleted, local_only;
	uint64_t size;
};

static mf_code
find_row(void *arg, const mf_file_status *s)
{
	struct row *r = arg;

	if (strcmp(s->relpath, r->path) == 0) {
		cr_assert(!r->found, "%s is listed twice", r->path);
		*r = (struct row){r->path, true, s->deleted, s->local_only, s->size};
	}
	return MF_OK;
}

static bool
local_only(struct three *t, const char *path)
{
	struct row r = {.path = path};
	mf_err err;

	cr_assert(mf_folder_file_status(t->r->f, find_row, &r, &err) == MF_OK, "%s", err.text);
	return r.found && r.local_only;
}

static mf_folder_status
status(struct three *t)
{
	mf_folder_status st;

	mf_folder_status_get(t->r->f, &st);
	return st;
}

Test(reader, follows_whatever_others_do, .timeout = 60)
{
	struct three t;

	three_init(&t, 1);
	cr_assert(mf_folder_config(t.r->f)->read_only && status(&t).read_only);
	cast_write(t.a, "p", LONG2);
	cast_mkdirs(t.b, "d/e");
	cast_write(t.b, "d/e/q", LONG1);
	wait(&t);
	cr_assert(cast_has(t.r, "p", LONG2) && cast_has(t.r, "d/e/q", LONG1));
	cr_assert(cast_move(t.a, "d/e/q", "d/r"));
	cr_assert(cast_remove(t.b, "p"));
	wait(&t);
	cr_assert(!cast_exists(t.r, "p") && !cast_exists(t.r, "d/e/q") && cast_has(t.r, "d/r", LONG1));
	mf_folder_status st = status(&t);
	cr_assert(st.local_only == 0 && st.errors == 0 && st.conflicts == 0 && st.state == MF_SYNC_UP_TO_DATE, "%s",
		st.say);
	three_end(&t);
}

Test(reader, b18_a_local_edit_stays_and_is_reported, .timeout = 60)
{
	struct three t;

	three_init(&t, 2);
	cast_write(t.r, "p", LONG2);
	cast_write(t.r, "new", LONG3);
	wait(&t);
	cr_assert(cast_has(t.a, "p", LONG1) && !cast_exists(t.a, "new"));
	cr_assert(local_only(&t, "p") && local_only(&t, "new") && status(&t).local_only == 2);
	cr_assert(status(&t).errors == 0 && status(&t).uploads_queued == 0);
	cast_close(t.r);
	cast_open(t.r);
	wait(&t);
	cr_assert(local_only(&t, "p") && local_only(&t, "new") && status(&t).local_only == 2, "after a restart, too");
	/* taken back by hand, they are none any more */
	cast_write(t.r, "p", LONG1);
	cr_assert(cast_remove(t.r, "new"));
	wait(&t);
	cr_assert(status(&t).local_only == 0 && !local_only(&t, "p"));
	cast_write(t.b, "p", LONG4);
	wait(&t);
	cr_assert(cast_has(t.r, "p", LONG4) && cast_conflicts(t.r) == 0, "it follows again");
	three_end(&t);
}

Test(reader, a_remote_change_of_an_edited_file_comes_beside_it, .timeout = 60)
{
	for (int take = 0; take < 2; take++) {
		struct three t;
		three_init(&t, 3 + (unsigned)take);
		cast_write(t.r, "p", LONG2);
		wait(&t);
		cast_write(t.a, "p", LONG3);
		wait(&t);
		cr_assert(cast_has(t.r, "p", LONG2) && cast_has(t.r, "p.conflict-alice", LONG3));
		cr_assert(cast_conflicts(t.r) == 1 && cast_conflicts(t.a) + cast_conflicts(t.b) == 0);
		/* a newer one replaces the marker */
		cast_write(t.b, "p", LONG4);
		wait(&t);
		cr_assert(cast_has(t.r, "p", LONG2) && cast_conflicts(t.r) == 1);
		/* named after whose directory showed it first */
		const char *marker = cast_exists(t.r, "p.conflict-bob") ? "p.conflict-bob" : "p.conflict-alice";
		cr_assert(cast_has(t.r, marker, LONG4));
		if (take)
			cr_assert(cast_move(t.r, marker, "p"));
		else
			cr_assert(cast_remove(t.r, marker));
		wait(&t);
		cr_assert(cast_conflicts(t.r) == 0 && cast_has(t.r, "p", take ? LONG4 : LONG2));
		cr_assert(cast_has(t.a, "p", LONG4) && cast_has(t.b, "p", LONG4), "decided for this device alone");
		cr_assert(local_only(&t, "p") == (take == 0));
		cast_write(t.a, "p", LONG1 "again");
		wait(&t);
		if (take)
			cr_assert(cast_has(t.r, "p", LONG1 "again") && cast_conflicts(t.r) == 0);
		else
			cr_assert(cast_has(t.r, "p", LONG2) && cast_conflicts(t.r) == 1, "kept once more");
		three_end(&t);
	}
}

Test(reader, a_file_in_the_way, .timeout = 60)
{
	struct three t;

	three_init(&t, 5);
	cast_write(t.r, "same", LONG1);
	cast_write(t.r, "other", LONG2);
	wait(&t);
	cast_write(t.a, "same", LONG1);
	cast_write(t.a, "other", LONG3);
	wait(&t);
	cr_assert(!local_only(&t, "same"), "it is theirs now");
	cr_assert(cast_has(t.r, "other", LONG2) && cast_has(t.r, "other.conflict-alice", LONG3));
	cast_write(t.a, "same", LONG4);
	wait(&t);
	cr_assert(cast_has(t.r, "same", LONG4));
	three_end(&t);
}

Test(reader, a_local_deletion_is_not_published_and_an_edit_brings_it_back, .timeout = 60)
{
	struct three t;

	three_init(&t, 6);
	cr_assert(cast_remove(t.r, "p"));
	wait(&t);
	cr_assert(cast_has(t.a, "p", LONG1) && !cast_exists(t.r, "p") && local_only(&t, "p"));
	cast_close(t.r);
	cast_open(t.r);
	wait(&t);
	cr_assert(!cast_exists(t.r, "p"), "not fetched again either");
	cast_write(t.a, "p", LONG2);
	wait(&t);
	cr_assert(cast_has(t.r, "p", LONG2) && cast_conflicts(t.r) == 0 && !local_only(&t, "p"));
	three_end(&t);
}

Test(reader, two_writers_in_conflict, .timeout = 60)
{
	struct three t;

	three_init(&t, 7);
	sim_trouble_of(t.a->h)->cut_off = sim_trouble_of(t.b->h)->cut_off = true;
	cast_write(t.a, "p", LONG2);
	cast_write(t.b, "p", LONG3);
	sim_run_for(t.c.w, 5000);
	sim_trouble_of(t.a->h)->cut_off = sim_trouble_of(t.b->h)->cut_off = false;
	sim_run_for(t.c.w, 120000);
	cr_assert(cast_conflicts(t.a) == 1 && cast_conflicts(t.b) == 1 && cast_conflicts(t.r) == 1);
	cr_assert(cast_has(t.r, "p", LONG2) || cast_has(t.r, "p", LONG3), "one of them");
	cr_assert(cast_remove(t.a, "p.conflict-bob"));
	sim_run_for(t.c.w, 120000);
	cr_assert(cast_has(t.r, "p", LONG2) && cast_has(t.b, "p", LONG2) && cast_conflicts(t.r) == 0);
	cr_assert(!cast_exists(t.r, "p.conflict-alice") && !cast_exists(t.r, "p.conflict-bob"));
	three_end(&t);
}

static void
on_added(void *arg, const mf_err *err)
{
	*(mf_err *)arg = *err;
}

Test(reader, several_may_be_listed, .timeout = 60)
{
	struct three t;
	mf_err said = {.code = MF_EBUSY};

	three_init(&t, 8);
	cr_assert(strcmp(t.r->personal.text, "URI:DIR2-LIT:") == 0);
	for (int i = 0; i < 2; i++) {
		said.code = MF_EBUSY;
		mf_folder_add_participant(
			t.a->f, i == 0 ? "reader" : "second", &t.r->personal, NULL, on_added, &said, NULL);
		wait(&t);
		cr_assert(said.code == MF_OK, "%s", said.text);
	}
	cast_write(t.a, "p", LONG2);
	wait(&t);
	cr_assert(cast_has(t.b, "p", LONG2) && cast_has(t.r, "p", LONG2));
	cr_assert(t.a->errors + t.b->errors + t.r->errors == 0);
	three_end(&t);
}
