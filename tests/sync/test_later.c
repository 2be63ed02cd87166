/* The queue of paths that wait to come under work. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "sync/engine.h"
#include "tests/sync/fixture.h"

enum { ROOM = 4096 };

/* As much of a folder as the queue touches; its timers never fire, for nobody runs the loop. */
struct bare {
	struct fixture fix;
	struct mf_folder f;
};

static void
nothing(void *arg)
{
	(void)arg;
}

static void
bare_init(struct bare *b)
{
	*b = (struct bare){0};
	fixture_start(&b->fix);
	b->f.env = b->fix.env;
	b->f.q_tail = &b->f.q_head;
	b->f.later_tail = &b->f.later;
	b->f.turn_timer = MF_OPS(&b->f)->timer_new(b->f.env, nothing, NULL);
	b->f.settle_timer = MF_OPS(&b->f)->timer_new(b->f.env, nothing, NULL);
}

static void
bare_end(struct bare *b)
{
	mf_later_drop(&b->f);
	mf_pairs_free(&b->f.markers);
	mf_paths_free(&b->f);
	MF_OPS(&b->f)->timer_free(b->f.turn_timer);
	MF_OPS(&b->f)->timer_free(b->f.settle_timer);
	fixture_end(&b->fix);
}

static const char *
name(unsigned i)
{
	static char text[4][16];
	char *t = text[i % 4];

	(void)snprintf(t, sizeof(text[0]), "f%06u", i);
	return t;
}

static void
come(struct bare *b, unsigned from, unsigned to, enum mf_later_why why)
{
	for (unsigned i = from; i < to; i++)
		mf_path_later(&b->f, name(i), why, 0);
}

/* The first @p n in the ready queue are done. */
static void
finish(struct bare *b, unsigned n)
{
	while (n-- > 0) {
		struct mf_path *p = b->f.q_head;

		cr_assert(p != NULL);
		b->f.q_head = p->q_next;
		if (b->f.q_head == NULL)
			b->f.q_tail = &b->f.q_head;
		p->queued = p->need_look = false;
		mf_path_rest(&b->f, p);
	}
}

static size_t
waiting(const struct bare *b)
{
	return b->f.n_later[MF_LATER_SCAN] + b->f.n_later[MF_LATER_WALK] + b->f.n_later[MF_LATER_POLL];
}

Test(later, so_many_are_under_work_at_once_and_the_others_follow_in_their_order, .timeout = 30)
{
	struct bare b;

	bare_init(&b);
	come(&b, 0, ROOM + 1000, MF_LATER_WALK);
	cr_assert(b.f.n_paths == ROOM && waiting(&b) == 1000, "%zu and %zu", b.f.n_paths, waiting(&b));
	mf_later_begin(&b.f);
	cr_assert(b.f.n_paths == ROOM && waiting(&b) == 1000, "no room, so nobody begins");
	finish(&b, 10);
	mf_path_later(&b.f, "late", MF_LATER_WALK, 0);
	cr_assert(mf_path_find(&b.f, "late") == NULL, "whoever waits longer is first, also when there is room");
	mf_later_begin(&b.f);
	cr_assert(b.f.n_paths == ROOM && waiting(&b) == 991);
	cr_assert(mf_path_find(&b.f, name(ROOM + 9)) != NULL && mf_path_find(&b.f, name(ROOM + 10)) == NULL);
	finish(&b, ROOM);
	mf_later_begin(&b.f);
	cr_assert(waiting(&b) == 0 && b.f.n_paths == 991 && mf_path_find(&b.f, "late") != NULL);
	mf_path_later(&b.f, "at once", MF_LATER_WALK, 0);
	cr_assert(mf_path_find(&b.f, "at once") != NULL, "nobody waits, and there is room");
	bare_end(&b);
}

Test(later, one_is_taken_twice_without_harm, .timeout = 30)
{
	struct bare b;

	bare_init(&b);
	come(&b, 0, ROOM, MF_LATER_WALK);
	come(&b, ROOM, ROOM + 1, MF_LATER_WALK);
	come(&b, ROOM, ROOM + 1, MF_LATER_SCAN);
	come(&b, ROOM, ROOM + 1, MF_LATER_POLL);
	finish(&b, ROOM);
	mf_later_begin(&b.f);
	struct mf_path *p = mf_path_find(&b.f, name(ROOM));
	cr_assert(b.f.n_paths == 1 && p != NULL && waiting(&b) == 0);
	cr_assert(p->scan_mark && p->poll_mark && b.f.scan_marked == 1 && b.f.poll_marked == 1);
	finish(&b, 1);
	cr_assert(b.f.scan_marked == 0 && b.f.poll_marked == 0 && b.f.n_paths == 0);
	bare_end(&b);
}

Test(later, a_scan_and_a_poll_wait_for_theirs_from_the_first_moment, .timeout = 30)
{
	struct bare b;

	bare_init(&b);
	come(&b, 0, 3, MF_LATER_SCAN);
	come(&b, 3, 5, MF_LATER_POLL);
	come(&b, 5, ROOM, MF_LATER_WALK);
	cr_assert(b.f.scan_marked == 3 && b.f.poll_marked == 2);
	come(&b, ROOM, ROOM + 7, MF_LATER_SCAN);
	come(&b, ROOM + 7, ROOM + 9, MF_LATER_POLL);
	cr_assert(b.f.n_later[MF_LATER_SCAN] == 7 && b.f.n_later[MF_LATER_POLL] == 2);
	cr_assert(b.f.scan_marked == 3 && b.f.poll_marked == 2);
	finish(&b, ROOM);
	mf_later_begin(&b.f);
	cr_assert(b.f.scan_marked == 7 && b.f.poll_marked == 2 && waiting(&b) == 0);
	bare_end(&b);
}

Test(later, those_that_settle_keep_nobody_waiting_and_keep_their_time, .timeout = 30)
{
	struct bare b;

	bare_init(&b);
	for (unsigned i = 0; i < ROOM; i++)
		mf_path_look(&b.f, mf_path_need(&b.f, name(i)), 1000000);
	come(&b, ROOM, 2 * ROOM, MF_LATER_WALK);
	cr_assert(b.f.n_paths == 2 * ROOM && waiting(&b) == 0 && b.f.n_settling == ROOM);
	come(&b, 2 * ROOM, 2 * ROOM + 1, MF_LATER_WALK);
	cr_assert(waiting(&b) == 1);
	/* found by a walk while it settles: it goes on settling; one that failed is tried now */
	finish(&b, ROOM);
	mf_later_begin(&b.f);
	struct mf_path *p = mf_path_find(&b.f, name(3)), *failed = mf_path_find(&b.f, name(4));
	uint64_t due_ms = p->due_ms;
	failed->failed = true;
	come(&b, 3, 5, MF_LATER_SCAN);
	cr_assert(p->settling && p->due_ms == due_ms && p->scan_mark);
	cr_assert(!failed->settling && failed->queued);
	/* for a poll it is only planned, when its time has come */
	struct mf_path *other = mf_path_find(&b.f, name(5));
	other->failed = true;
	come(&b, 5, 6, MF_LATER_POLL);
	cr_assert(other->settling && !other->queued && other->poll_mark);
	bare_end(&b);
}

Test(later, a_delay_counts_from_when_it_was_found, .timeout = 30)
{
	struct bare b;

	bare_init(&b);
	come(&b, 0, ROOM, MF_LATER_WALK);
	uint64_t now = mf_now_ms(&b.f);
	mf_path_later(&b.f, "young", MF_LATER_WALK, 1000000);
	mf_path_later(&b.f, "old", MF_LATER_WALK, 0);
	uint64_t after = mf_now_ms(&b.f);
	finish(&b, ROOM);
	mf_later_begin(&b.f);
	struct mf_path *p = mf_path_find(&b.f, "young");
	cr_assert(p != NULL && p->settling && p->due_ms >= now + 1000000 && p->due_ms <= after + 1000000);
	p = mf_path_find(&b.f, "old");
	cr_assert(p != NULL && p->queued && !p->settling);
	bare_end(&b);
}

Test(later, what_a_walk_found_is_for_the_path_that_a_marker_belongs_to, .timeout = 30)
{
	struct bare b;

	bare_init(&b);
	mf_marker_note(&b.f, "p.conflict-bob", "p");
	come(&b, 0, ROOM, MF_LATER_WALK);
	mf_path_later(&b.f, "p.conflict-bob", MF_LATER_WALK, 0);
	finish(&b, ROOM);
	mf_later_begin(&b.f);
	cr_assert(mf_path_find(&b.f, "p") != NULL && mf_path_find(&b.f, "p.conflict-bob") == NULL);
	/* somebody else may publish a file of that very name */
	mf_path_later(&b.f, "p.conflict-bob", MF_LATER_POLL, 0);
	cr_assert(mf_path_find(&b.f, "p.conflict-bob") != NULL);
	bare_end(&b);
}

Test(later, a_full_walk_finds_again_what_walks_have_found_but_not_what_a_poll_has, .timeout = 30)
{
	struct bare b;

	bare_init(&b);
	come(&b, 0, ROOM, MF_LATER_WALK);
	for (unsigned i = 0; i < 30; i++)
		mf_path_later(&b.f, name(ROOM + i), (enum mf_later_why)(i % 3), 0);
	mf_later_drop_found(&b.f);
	cr_assert(waiting(&b) == 10 && b.f.n_later[MF_LATER_POLL] == 10);
	mf_path_later(&b.f, "last", MF_LATER_SCAN, 0); /* the end of the list is where it should be */
	finish(&b, ROOM);
	mf_later_begin(&b.f);
	cr_assert(b.f.n_paths == 11 && waiting(&b) == 0 && mf_path_find(&b.f, "last") != NULL);
	for (unsigned i = 0; i < 30; i++)
		cr_assert((mf_path_find(&b.f, name(ROOM + i)) != NULL) == (i % 3 == MF_LATER_POLL), "%u", i);
	come(&b, 2 * ROOM, 3 * ROOM, MF_LATER_WALK);
	mf_later_drop_found(&b.f);
	mf_later_drop_found(&b.f);
	cr_assert(waiting(&b) == 0 && b.f.later == NULL && b.f.later_tail == &b.f.later);
	mf_later_drop(&b.f);
	bare_end(&b);
}
