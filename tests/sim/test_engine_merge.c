/* Texts merged: on request, and by a folder that does it by itself. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "cast.h"

#define TEXT(one, five) \
	one " is the first line of a text that is long enough for a share of its own\n" \
	    "two\nthree\nfour\n" five " is the fifth\n"
#define BASE TEXT("one", "five")
#define OURS TEXT("ONE", "five")
#define THEIRS TEXT("one", "FIVE")
#define BOTH TEXT("ONE", "FIVE")
#define CLASH TEXT("EINS", "five")

struct play {
	struct cast c;
	struct member *a, *b;
};

/* Two have edited what they had together (NULL: had nothing). */
static void
play_init(struct play *p, uint64_t seed, const char *base, const char *ours, const char *theirs)
{
	cast_init(&p->c, seed);
	p->c.dark = true;
	p->a = cast_add(&p->c, "alice");
	p->b = cast_add(&p->c, "bob");
	if (base != NULL) {
		cast_write(p->a, "p", base);
		cast_publish(p->a);
		cast_receive(p->b);
	}
	cast_write(p->a, "p", ours);
	cast_write(p->b, "p", theirs);
}

static void
meet(struct play *p)
{
	cast_publish(p->a);
	cast_publish(p->b);
	cast_receive(p->a);
	cast_receive(p->b);
}

static void
settled(struct play *p, const char *text)
{
	cast_settle(&p->c);
	for (size_t i = 0; i < p->c.n; i++) {
		struct member *m = &p->c.m[i];
		cr_assert(cast_has(m, "p", text), "%s has another text", m->name);
		cr_assert(cast_conflicts(m) == 0 && !cast_exists(m, "p.conflict-bob") &&
			!cast_exists(m, "p.conflict-alice"));
		cr_assert(cast_same_head(m, p->a, "p"));
	}
}

Test(engine_merge, a_clean_merge_is_a_snapshot_of_both, .timeout = 60)
{
	struct play p;
	mf_immdir cap;
	mf_snapshot s;
	mf_err err;

	play_init(&p, 1, BASE, OURS, THEIRS);
	meet(&p);
	cr_assert(cast_conflicts(p.a) == 1);
	cr_assert(cast_resolve(p.a, "p", MF_TAKE_MERGE, NULL, &err) == MF_OK, "%s", err.text);
	cr_assert(cast_has(p.a, "p", BOTH) && cast_conflicts(p.a) == 0 && !cast_exists(p.a, "p.conflict-bob"));
	settled(&p, BOTH);
	cr_assert(cast_head(p.b, "p", &cap, &s) && s.n_parents == 2 && strcmp(s.author, "alice") == 0);
	mf_snapshot_clear(&s);
	cast_end(&p.c);
}

Test(engine_merge, an_edit_that_is_not_published_is_merged_too, .timeout = 60)
{
	struct play p;
	mf_err err;

	play_init(&p, 2, BASE, OURS, THEIRS);
	meet(&p);
	cast_write(p.a, "p", OURS "and a sixth one\n");
	mf_code rc = cast_resolve(p.a, "p", MF_TAKE_MERGE, NULL, &err);
	cr_assert(rc == MF_EUNSUPPORTED, "both changed the end: %s", err.text);
	cr_assert(cast_has(p.a, "p", OURS "and a sixth one\n") && cast_has(p.a, "p.conflict-bob", THEIRS));
	cast_write(p.a, "p", "zero\n" OURS);
	cr_assert(cast_resolve(p.a, "p", MF_TAKE_MERGE, NULL, &err) == MF_OK, "%s", err.text);
	settled(&p, "zero\n" BOTH);
	cast_end(&p.c);
}

static void
is_refused(uint64_t seed, const char *base, const char *ours, const char *theirs, const char *text)
{
	struct play p;
	mf_err err;

	play_init(&p, seed, base, ours, theirs);
	meet(&p);
	cr_assert(cast_conflicts(p.a) == 1);
	uint64_t writes = cast_writes(&p.c);
	cr_assert(cast_resolve(p.a, "p", MF_TAKE_MERGE, NULL, &err) == MF_EUNSUPPORTED, "%s", err.text);
	cr_assert(strcmp(err.text, text) == 0, "%s", err.text);
	cr_assert(cast_has(p.a, "p", ours) && cast_has(p.a, "p.conflict-bob", theirs) && cast_conflicts(p.a) == 1);
	cr_assert(cast_writes(&p.c) == writes && p.a->errors == 0);
	cr_assert(cast_resolve(p.a, "p", MF_TAKE_MINE, NULL, &err) == MF_OK, "%s", err.text);
	settled(&p, ours);
	cast_end(&p.c);
}

Test(engine_merge, what_cannot_be_merged_is_said_and_stays, .timeout = 60)
{
	is_refused(10, BASE, CLASH, OURS, "the merge is not clean: 1 conflict, in our line 1");
	is_refused(11, NULL, OURS, THEIRS, "the two versions have no common ancestor: not merged");
}

Test(engine_merge, without_a_file_there_is_nothing_to_merge, .timeout = 60)
{
	struct play p;
	mf_err err;

	play_init(&p, 12, BASE, OURS, THEIRS);
	meet(&p);
	cr_assert(cast_remove(p.a, "p"));
	cr_assert(cast_resolve(p.a, "p", MF_TAKE_MERGE, NULL, &err) == MF_EUNSUPPORTED, "%s", err.text);
	cr_assert(!cast_exists(p.a, "p") && cast_has(p.a, "p.conflict-bob", THEIRS));
	cast_end(&p.c);
}

/* ---- several other versions ---- */

#define LINES(one, three, five, seven) \
	one " is the first line of a text that is long enough for a share of its own\n" \
	    "two\n" three "\nfour\n" five "\nsix\n" seven "\n"

/* Three have edited what they had together; alice has both others' versions beside hers. */
static struct member *
three_init(struct play *p, uint64_t seed, const char *ours, const char *bobs, const char *carols)
{
	struct member *d;

	cast_init(&p->c, seed);
	p->c.dark = true;
	p->a = cast_add(&p->c, "alice");
	p->b = cast_add(&p->c, "bob");
	d = cast_add(&p->c, "carol");
	cast_write(p->a, "p", LINES("one", "three", "five", "seven"));
	cast_publish(p->a);
	cast_receive(p->b);
	cast_receive(d);
	cast_write(p->a, "p", ours);
	cast_write(p->b, "p", bobs);
	cast_write(d, "p", carols);
	for (size_t i = 0; i < 3; i++)
		cast_publish(&p->c.m[(i + seed) % 3]);
	cast_receive(p->a);
	cr_assert(cast_conflicts(p->a) == 2, "%zu", cast_conflicts(p->a));
	return d;
}

Test(engine_merge, several_versions_are_merged_one_after_the_other, .timeout = 60)
{
	struct play p;
	mf_immdir cap;
	mf_snapshot s;
	mf_err err;

	for (uint64_t seed = 80; seed < 83; seed++) {
		(void)three_init(&p, seed, LINES("ONE", "three", "five", "seven"),
			LINES("one", "THREE", "five", "seven"), LINES("one", "three", "FIVE", "seven"));
		cr_assert(cast_resolve(p.a, "p", MF_TAKE_MERGE, NULL, &err) == MF_OK, "%s", err.text);
		cr_assert(cast_has(p.a, "p", LINES("ONE", "THREE", "FIVE", "seven")));
		cr_assert(!cast_exists(p.a, "p.conflict-bob") && !cast_exists(p.a, "p.conflict-carol"));
		settled(&p, LINES("ONE", "THREE", "FIVE", "seven"));
		cr_assert(cast_head(p.a, "p", &cap, &s) && s.n_parents == 3, "%zu parents", s.n_parents);
		mf_snapshot_clear(&s);
		cast_end(&p.c);
	}
}

Test(engine_merge, one_that_holds_all_the_others_is_taken, .timeout = 60)
{
	struct play p;
	mf_err err;

	(void)three_init(&p, 84, LINES("ONE", "three", "five", "seven"), LINES("one", "THREE", "five", "seven"),
		LINES("ONE", "THREE", "five", "seven"));
	uint64_t puts = sim_count(p.a->h, SIM_PUT);
	cr_assert(cast_resolve(p.a, "p", MF_TAKE_MERGE, NULL, &err) == MF_OK, "%s", err.text);
	cr_assert(sim_count(p.a->h, SIM_PUT) - puts <= 1, "its document, no content");
	settled(&p, LINES("ONE", "THREE", "five", "seven"));
	cast_end(&p.c);
}

static void
three_refused(uint64_t seed, const char *ours, const char *bobs, const char *carols, const char *text)
{
	struct play p;
	mf_err err;

	(void)three_init(&p, seed, ours, bobs, carols);
	uint64_t writes = cast_writes(&p.c);
	cr_assert(cast_resolve(p.a, "p", MF_TAKE_MERGE, NULL, &err) == MF_EUNSUPPORTED, "%s", err.text);
	cr_assert(strcmp(err.text, text) == 0, "%s", err.text);
	cr_assert(cast_has(p.a, "p", ours) && cast_has(p.a, "p.conflict-bob", bobs) &&
		cast_has(p.a, "p.conflict-carol", carols) && cast_conflicts(p.a) == 2);
	cr_assert(cast_writes(&p.c) == writes && p.a->errors == 0);
	cr_assert(cast_resolve(p.a, "p", MF_TAKE_USE, "carol", &err) == MF_OK, "%s", err.text);
	settled(&p, carols);
	cast_end(&p.c);
}

Test(engine_merge, if_one_of_several_does_not_merge_nothing_is_done, .timeout = 60)
{
	three_refused(85, LINES("ONE", "three", "five", "seven"), LINES("one", "THREE", "five", "seven"),
		LINES("EINS", "three", "five", "seven"),
		"with the version of carol: the merge is not clean: 1 conflict, in our line 1");
	three_refused(86, LINES("ONE", "three", "five", "seven"), LINES("one", "three", "five", "SEVEN"),
		LINES("one", "three", "five", "SIEBEN"),
		"with the version of carol: it clashes with what the others say: the merge is not clean");
}

static void
by_itself(struct play *p)
{
	for (size_t i = 0; i < p->c.n; i++)
		cr_assert(mf_folder_set(p->c.m[i].f, "merge", "text", NULL) == MF_OK);
}

Test(engine_merge, a_folder_that_merges_by_itself_asks_nobody, .timeout = 60)
{
	struct play p;

	for (uint64_t seed = 20; seed < 26; seed++) { /* who is first decides nothing */
		play_init(&p, seed, BASE, OURS, THEIRS);
		by_itself(&p);
		meet(&p);
		settled(&p, BOTH);
		cr_assert(!cast_exists(p.a, "p.conflict-bob-edited") && p.a->errors == 0 && p.b->errors == 0);
		cast_end(&p.c);
	}
}

Test(engine_merge, three_texts_become_one, .timeout = 60)
{
	struct play p;

	for (uint64_t seed = 30; seed < 34; seed++) {
		cast_init(&p.c, seed);
		p.c.dark = true;
		p.a = cast_add(&p.c, "alice");
		p.b = cast_add(&p.c, "bob");
		struct member *d = cast_add(&p.c, "carol");
		by_itself(&p);
		cast_write(p.a, "p", "x\n" BASE);
		cast_publish(p.a);
		cast_receive(p.b);
		cast_receive(d);
		cast_write(p.a, "p", "x\n" OURS);
		cast_write(p.b, "p", "x\n" THEIRS);
		cast_write(d, "p", "x\n\n\n" BASE);
		for (size_t i = 0; i < 3; i++)
			cast_publish(&p.c.m[(i + seed) % 3]);
		cast_settle(&p.c);
		for (size_t i = 0; i < 3; i++)
			if (cast_conflicts(&p.c.m[i]) >
				0) { /* two versions at once are for a person, one after the other not */
				mf_err err;
				cr_assert(cast_resolve(&p.c.m[i], "p", MF_TAKE_MINE, NULL, &err) == MF_OK, "%s",
					err.text);
				cast_settle(&p.c);
			}
		for (size_t i = 0; i < 3; i++)
			cr_assert(cast_conflicts(&p.c.m[i]) == 0 && cast_same_head(p.a, &p.c.m[i], "p"));
		cast_end(&p.c);
	}
}

Test(engine_merge, what_does_not_merge_by_itself_is_tried_once_and_asked, .timeout = 60)
{
	struct play p;
	mf_err err;

	play_init(&p, 40, BASE, CLASH, OURS);
	by_itself(&p);
	meet(&p);
	cr_assert(cast_conflicts(p.a) == 1 && cast_has(p.a, "p", CLASH) && cast_has(p.a, "p.conflict-bob", OURS));
	uint64_t gets = sim_count(p.a->h, SIM_GET);
	for (int i = 0; i < 3; i++)
		cast_publish(p.a);
	cr_assert(sim_count(p.a->h, SIM_GET) == gets, "not at every look");
	cr_assert(cast_resolve(p.a, "p", MF_TAKE_THEIRS, NULL, &err) == MF_OK, "%s", err.text);
	settled(&p, OURS);
	cast_end(&p.c);
}

Test(engine_merge, switching_it_on_merges_what_waits, .timeout = 60)
{
	struct play p;

	play_init(&p, 41, BASE, OURS, THEIRS);
	meet(&p);
	cr_assert(cast_conflicts(p.a) == 1 && cast_conflicts(p.b) == 1);
	cr_assert(mf_folder_set(p.a->f, "merge", "text", NULL) == MF_OK);
	sim_run_for(p.c.w, 5000);
	cr_assert(cast_has(p.a, "p", BOTH) && cast_conflicts(p.a) == 0);
	settled(&p, BOTH);
	cast_end(&p.c);
}

/* ---- crashes ---- */

static bool
dies_at(uint64_t n, enum sim_crash how)
{
	struct play p;
	mf_err err;

	play_init(&p, 60, BASE, OURS, THEIRS);
	meet(&p);
	sim_sync_disk(p.a->h);
	sim_crash_after(p.a->h, how, n);
	(void)cast_resolve(p.a, "p", MF_TAKE_MERGE, NULL, &err);
	sim_run_for(p.c.w, 3000);
	bool died = sim_dead(p.a->h);
	cast_bury(p.a);
	if (died)
		cast_open(p.a);
	sim_calm(p.a->h);
	sim_trouble_of(p.a->h)->drop_events = 1000;
	cast_settle(&p.c);
	if (cast_conflicts(p.a) > 0) {
		cr_assert(cast_has(p.a, "p", OURS) && cast_has(p.a, "p.conflict-bob", THEIRS), "op %llu",
			(unsigned long long)n);
		cr_assert(cast_resolve(p.a, "p", MF_TAKE_MERGE, NULL, &err) == MF_OK, "%s", err.text);
	}
	settled(&p, BOTH);
	cast_end(&p.c);
	return died;
}

Test(engine_merge, a_crash_or_power_cut_at_any_point_is_safe, .timeout = 600)
{
	uint64_t n = 1;

	while (dies_at(n, SIM_CRASH_PROCESS))
		n++;
	cr_assert(n > 10);
	for (n = 1; dies_at(n, SIM_CRASH_POWER); n++)
		;
}
