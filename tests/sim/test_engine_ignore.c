/* The engine and .magicignore: what is taken out is not published, what comes is received, and no moment of doubt
 * publishes anything. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "cast.h"

/* Two who see each other's changes soon. */
static void
pair_init(struct cast_pair *p, uint64_t seed)
{
	cast_init(&p->c, seed);
	p->c.poll_s = p->c.scan_s = 10;
	p->a = cast_add(&p->c, "alice");
	p->b = cast_add(&p->c, "bob");
}

static void
wait(struct cast *c)
{
	sim_run_for(c->w, 30000);
}

static bool
published(struct member *m, const char *relpath)
{
	mf_immdir cap;
	mf_snapshot snap;
	bool there = cast_head(m, relpath, &cap, &snap);

	if (there)
		mf_snapshot_clear(&snap);
	return there;
}

Test(ignore, b36_what_is_taken_out_is_not_published, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 1);
	cast_write(p.a, ".magicignore", "*.o\nbuild/\n");
	cast_write(p.a, "a.o", LONG1);
	cast_write(p.a, "a.c", LONG1);
	cast_mkdirs(p.a, "build/deep");
	cast_write(p.a, "build/deep/x", LONG1);
	cast_mkdirs(p.a, "src");
	cast_write(p.a, "src/b.o", LONG1);
	cast_write(p.a, "src/b.c", LONG1);
	wait(&p.c);
	cr_assert(cast_has(p.b, "a.c", LONG1) && cast_has(p.b, "src/b.c", LONG1));
	cr_assert(cast_has(p.b, ".magicignore", "*.o\nbuild/\n"), "the rules are synced");
	cr_assert(cast_entries(p.a) == 4 && cast_errors(p.a) == 0);
	/* they hold there, too */
	cast_write(p.b, "b.o", LONG1);
	cast_write(p.b, "b.c", LONG1);
	wait(&p.c);
	cr_assert(cast_has(p.a, "b.c", LONG1) && !cast_exists(p.a, "b.o") && !published(p.b, "b.o"));
	/* edits, deletions and renames are no news either */
	uint64_t before = cast_writes(&p.c);
	cast_write(p.a, "a.o", LONG2);
	cr_assert(cast_remove(p.a, "src/b.o"));
	cr_assert(cast_move(p.a, "build", "src/build"));
	wait(&p.c);
	cr_assert(cast_writes(&p.c) == before);
	/* but a name that no rule knows is */
	cr_assert(cast_move(p.a, "a.o", "a.obj"));
	wait(&p.c);
	cr_assert(cast_has(p.b, "a.obj", LONG2) && cast_conflicts(p.a) + cast_conflicts(p.b) == 0);
	cast_end(&p.c);
}

Test(ignore, a_restart_knows_the_rules_before_it_publishes, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 2);
	cast_write(p.a, ".magicignore", "secret\n");
	wait(&p.c);
	cast_crash(p.a, SIM_CRASH_PROCESS);
	cast_write(p.a, "secret", LONG1);
	cast_write(p.a, "open", LONG1);
	cast_open(p.a);
	wait(&p.c);
	cr_assert(cast_has(p.b, "open", LONG1) && !published(p.a, "secret"));
	cast_end(&p.c);
}

Test(ignore, what_arrives_is_received, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 3);
	p.c.dark = true;
	cast_write(p.a, "x.o", LONG1);
	wait(&p.c);
	struct member *c = cast_join(&p.c, "carol", &p.c.collective);
	cast_write(c, ".magicignore", "*.o\n");
	cast_open(c);
	cast_poll(c);
	cr_assert(cast_has(c, "x.o", LONG1), "although carol ignores it");
	cast_write(p.a, "x.o", LONG2);
	wait(&p.c);
	cast_poll(c);
	cr_assert(cast_has(c, "x.o", LONG2), "an edit, too");
	cast_scan(c);
	cr_assert(cast_conflicts(c) == 0 && cast_errors(c) == 0 && !published(c, "x.o"));
	cr_assert(cast_remove(p.a, "x.o"));
	wait(&p.c);
	cast_poll(c);
	cr_assert(!cast_exists(c, "x.o"), "and a deletion");
	cast_end(&p.c);
}

/* bob has published before, and does not know of the rules: he does not poll any more. */
static void
lone_ignorer(struct cast_pair *p, uint64_t seed)
{
	pair_init(p, seed);
	cast_write(p->a, "n", LONG1);
	wait(&p->c);
	cr_assert(cast_has(p->b, "n", LONG1));
	sim_trouble_of(p->b->h)->cut_off = true;
	cast_write(p->a, ".magicignore", "n\n");
	wait(&p->c);
}

Test(ignore, a_published_file_that_becomes_ignored_stays_as_it_is, .timeout = 60)
{
	struct cast_pair p;

	lone_ignorer(&p, 4);
	sim_trouble_of(p.b->h)->cut_off = false;
	uint64_t before = cast_writes(&p.c);
	wait(&p.c);
	cast_write(p.a, "n", LONG2);
	wait(&p.c);
	cr_assert(cast_has(p.b, "n", LONG1), "an edit is not published");
	cr_assert(cast_remove(p.a, "n"));
	wait(&p.c);
	cast_scan(p.a);
	cr_assert(cast_has(p.b, "n", LONG1), "nor is a deletion");
	cr_assert(cast_writes(&p.c) <= before + 4, "only bob takes the rules");
	cast_close(p.a);
	cast_open(p.a);
	wait(&p.c);
	cr_assert(cast_has(p.b, "n", LONG1) && !cast_exists(p.a, "n"), "nor after a restart");
	cr_assert(cast_errors(p.a) == 0 && cast_conflicts(p.a) == 0);
	/* without the rule it is news */
	cast_write(p.a, ".magicignore", "");
	wait(&p.c);
	cr_assert(!cast_exists(p.b, "n"));
	cast_end(&p.c);
}

Test(ignore, a_remote_change_of_what_was_edited_here_comes_beside_it, .timeout = 60)
{
	struct cast_pair p;

	lone_ignorer(&p, 5);
	cast_write(p.a, "n", LONG2);
	sim_run_for(p.c.w, 2000);
	cast_write(p.b, "n", LONG3);
	sim_run_for(p.c.w, 2000);
	sim_trouble_of(p.b->h)->cut_off = false;
	wait(&p.c);
	cr_assert(cast_has(p.a, "n", LONG2) && cast_has(p.a, "n.conflict-bob", LONG3) && cast_conflicts(p.a) == 1);
	cr_assert(cast_has(p.b, "n", LONG3) && cast_conflicts(p.b) == 0);
	/* settled here alone, as in a read-only folder */
	cr_assert(cast_remove(p.a, "n.conflict-bob"));
	wait(&p.c);
	cr_assert(cast_conflicts(p.a) == 0 && cast_has(p.a, "n", LONG2) && cast_has(p.b, "n", LONG3));
	/* and what was settled stays settled when the rule goes */
	cast_write(p.a, ".magicignore", "");
	wait(&p.c);
	cr_assert(cast_has(p.a, "n", LONG2) && cast_has(p.b, "n", LONG2), "mine was chosen");
	cr_assert(cast_conflicts(p.a) == 0 && cast_conflicts(p.b) == 0 && cast_same_head(p.a, p.b, "n"));
	cast_end(&p.c);
}

Test(ignore, settled_by_taking_theirs, .timeout = 60)
{
	struct cast_pair p;

	lone_ignorer(&p, 6);
	cast_write(p.a, "n", LONG2);
	sim_run_for(p.c.w, 2000);
	cast_write(p.b, "n", LONG3);
	sim_run_for(p.c.w, 2000);
	sim_trouble_of(p.b->h)->cut_off = false;
	wait(&p.c);
	cr_assert(cast_move(p.a, "n.conflict-bob", "n"));
	wait(&p.c);
	cr_assert(cast_conflicts(p.a) == 0 && cast_has(p.a, "n", LONG3));
	cast_write(p.a, ".magicignore", "");
	wait(&p.c);
	cr_assert(cast_has(p.a, "n", LONG3) && cast_has(p.b, "n", LONG3) && cast_same_head(p.a, p.b, "n"));
	cr_assert(cast_conflicts(p.a) == 0 && cast_conflicts(p.b) == 0);
	cast_end(&p.c);
}

Test(ignore, a_change_of_the_rules_is_followed_by_a_scan, .timeout = 60)
{
	struct cast_pair p;

	cast_init(&p.c, 7);
	p.a = cast_add(&p.c, "alice"); /* scans only when asked, and for this */
	p.b = cast_add(&p.c, "bob");
	cast_write(p.a, ".magicignore", "x\ny/\n");
	wait(&p.c);
	cast_write(p.a, "x", LONG1);
	cast_mkdirs(p.a, "y/z");
	cast_write(p.a, "y/z/f", LONG1);
	wait(&p.c);
	cr_assert(!published(p.a, "x") && !published(p.a, "y/z/f"));
	cast_write(p.a, ".magicignore", "y/\n");
	wait(&p.c);
	cr_assert(published(p.a, "x") && !published(p.a, "y/z/f"));
	cr_assert(cast_remove(p.a, ".magicignore"));
	wait(&p.c);
	cr_assert(published(p.a, "y/z/f"));
	/* that directory is watched now */
	cast_write(p.a, "y/z/f", LONG2);
	wait(&p.c);
	cr_assert(cast_has(p.b, "y/z/f", LONG2));
	cast_end(&p.c);
}

Test(ignore, rules_in_directories, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 8);
	cast_write(p.a, ".magicignore", "*.log\n");
	cast_mkdirs(p.a, "d/e");
	cast_write(p.a, "d/.magicignore", "!keep.log\n/only\n");
	cast_write(p.a, "d/keep.log", LONG1);
	cast_write(p.a, "d/e/keep.log", LONG1);
	cast_write(p.a, "d/other.log", LONG1);
	cast_write(p.a, "d/only", LONG1);
	cast_write(p.a, "d/e/only", LONG1);
	cast_write(p.a, "keep.log", LONG1);
	wait(&p.c);
	cr_assert(published(p.a, "d/keep.log") && published(p.a, "d/e/keep.log") && published(p.a, "d/e/only"));
	cr_assert(!published(p.a, "d/other.log") && !published(p.a, "d/only") && !published(p.a, "keep.log"));
	/* a directory that is moved brings its own along */
	sim_mkdirs(p.a->h, "/home/elsewhere");
	sim_writez(p.a->h, "/home/elsewhere/.magicignore", "private\n");
	sim_writez(p.a->h, "/home/elsewhere/private", LONG1);
	sim_writez(p.a->h, "/home/elsewhere/public", LONG1);
	cr_assert(sim_move(p.a->h, "/home/elsewhere", cast_path("f")));
	wait(&p.c);
	cr_assert(published(p.a, "f/public") && published(p.a, "f/.magicignore") && !published(p.a, "f/private"));
	cr_assert(cast_move(p.a, "f", "g"));
	wait(&p.c);
	cr_assert(published(p.a, "g/public") && !published(p.a, "g/private") && !cast_exists(p.b, "f/public"));
	cast_end(&p.c);
}

/* An editor empties the file before it writes it anew. */
Test(ignore, half_written_rules_publish_nothing, .timeout = 120)
{
	for (int pause_ms = 10; pause_ms < 2000; pause_ms += 130) {
		struct cast_pair p;
		pair_init(&p, 100 + (unsigned)pause_ms);
		cast_write(p.a, ".magicignore", "secret\n");
		wait(&p.c);
		cast_write(p.a, "secret", LONG1);
		wait(&p.c);
		int64_t end = sim_now_ms(p.c.w) + 4000; /* as long as it is written, at most 5 s */
		for (int i = 0; sim_now_ms(p.c.w) + 2 * pause_ms < end; i++) {
			cast_write(p.a, ".magicignore", i % 2 == 0 ? "" : "#");
			cast_write(p.a, "secret", i % 2 == 0 ? LONG2 : LONG3);
			sim_run_for(p.c.w, pause_ms < 200 ? pause_ms : 100);
			cast_write(p.a, ".magicignore", "secret\n");
			sim_run_for(p.c.w, pause_ms);
		}
		wait(&p.c);
		cr_assert(!published(p.a, "secret"), "pauses of %d ms", pause_ms);
		cast_end(&p.c);
	}
}

Test(ignore, rules_that_cannot_be_used_hold_everything_back, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 9);
	cast_mkdirs(p.a, "d");
	cast_write(p.a, "d/.magicignore", "a/**/b/**/c/**/d\n");
	cast_write(p.a, "d/x", LONG1);
	cast_write(p.a, "y", LONG1);
	wait(&p.c);
	cr_assert(published(p.a, "y") && published(p.a, "d/.magicignore") && !published(p.a, "d/x"));
	cr_assert(cast_errors(p.a) == 1 && strstr(p.a->last_error, "d/.magicignore: its rules cannot be used") != NULL,
		"%s", p.a->last_error);
	cast_scan(p.a);
	cr_assert(cast_errors(p.a) == 1);
	cast_write(p.a, "d/.magicignore", "z\n");
	wait(&p.c);
	cr_assert(cast_errors(p.a) == 0 && published(p.a, "d/x"), "mended");
	sim_chmod(p.a->h, cast_path("d/.magicignore"), 0);
	cast_write(p.a, "d/new", LONG1);
	wait(&p.c);
	cr_assert(!published(p.a, "d/new") && cast_errors(p.a) > 0);
	sim_chmod(p.a->h, cast_path("d/.magicignore"), 0644);
	wait(&p.c);
	cast_scan(p.a);
	wait(&p.c);
	cr_assert(published(p.a, "d/new") && cast_errors(p.a) == 0, "%s", p.a->last_error);
	cast_end(&p.c);
}

Test(ignore, known_files_that_are_ignored_are_not_missed, .timeout = 60)
{
	struct cast_pair p;
	char name[32];

	pair_init(&p, 10);
	cast_mkdirs(p.a, "d");
	for (int i = 0; i < 30; i++) {
		(void)snprintf(name, sizeof(name), "d/%d", i);
		cast_write(p.a, name, LONG1);
	}
	wait(&p.c);
	cast_write(p.a, ".magicignore", "d/\n");
	wait(&p.c);
	cr_assert(cast_remove(p.a, "d"));
	wait(&p.c);
	cast_scan(p.a);
	cr_assert(cast_errors(p.a) == 0, "%s", p.a->last_error);
	cr_assert(cast_has(p.b, "d/7", LONG1), "what happens there is nobody else's business");
	cast_end(&p.c);
}
