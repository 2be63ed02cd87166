/* Watching as people save: rest, growth, renames, lost events, limits, clocks. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "cast.h"

#define HOUR_NS (INT64_C(3600) * 1000000000)

/* Both watch; scans only by hand or every @p scan_s seconds. */
static void
pair_init(struct cast_pair *p, uint64_t seed, unsigned scan_s)
{
	cast_init(&p->c, seed);
	p->c.scan_s = scan_s;
	p->a = cast_add(&p->c, "alice");
	p->b = cast_add(&p->c, "bob");
	sim_run_for(p->c.w, 5000);
}

/* How many snapshots there are of @p relpath, up to the head of @p m, all in one line; 0: no entry. */
static size_t
generations(struct member *m, const char *relpath)
{
	mf_immdir cap;
	mf_snapshot s;
	mf_err err = {0};
	size_t n = 1;

	if (!cast_head(m, relpath, &cap, &s))
		return 0;
	while (s.n_parents > 0) {
		cr_assert(s.n_parents == 1, "%s: a merge", relpath);
		cap = s.parents[0];
		mf_snapshot_clear(&s);
		cr_assert(cast_snapshot(m->cast, &cap, &s, &err) == MF_OK, "%s", err.text);
		n++;
	}
	mf_snapshot_clear(&s);
	return n;
}

Test(engine_watch, a_file_that_grows_for_minutes_is_published_when_it_is_closed, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 1, 30);
	for (unsigned i = 0; i < 90; i++) {
		sim_write_part(p.a->h, cast_path("grows"), i * 100, LONG1, 60);
		sim_run_for(p.c.w, 300 + i * 40); /* slower and slower */
		cr_assert(cast_entries(p.a) == 1, "published when %u parts were written", i + 1);
	}
	sim_write_close(p.a->h, cast_path("grows"));
	sim_run_for(p.c.w, 5000);
	cr_assert(generations(p.a, "grows") == 1 && generations(p.b, "grows") == 1);
	cast_end(&p.c);
}

Test(engine_watch, a_scan_does_not_wait_for_a_file_that_grows, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 2, 0);
	sim_write_part(p.a->h, cast_path("grows"), 0, LONG1, 60);
	cast_write(p.a, "other", LONG1);
	for (unsigned i = 1; i < 20; i++) {
		sim_run_for(p.c.w, 500);
		sim_write_part(p.a->h, cast_path("grows"), i * 100, LONG1, 60);
	}
	cast_scan(p.a);
	cr_assert(generations(p.b, "other") == 1);
	sim_write_close(p.a->h, cast_path("grows"));
	sim_run_for(p.c.w, 5000);
	cr_assert(generations(p.b, "grows") == 1);
	cast_end(&p.c);
}

Test(engine_watch, one_that_is_never_closed_is_published_when_it_stops_growing, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 3, 0);
	sim_write_part(p.a->h, cast_path("log"), 0, LONG1, 60);
	sim_run_for(p.c.w, 4000);
	cr_assert(generations(p.a, "log") == 0);
	sim_run_for(p.c.w, 10000);
	cr_assert(generations(p.a, "log") == 1 && generations(p.b, "log") == 1);
	cast_end(&p.c);
}

Test(engine_watch, one_that_never_rests_waits_five_seconds, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 4, 0);
	cast_write(p.a, "disk.img", LONG1);
	sim_run_for(p.c.w, 5000);
	for (unsigned i = 0; i < 70; i++) {
		sim_write_part(p.a->h, cast_path("disk.img"), 0, i % 2 == 0 ? "A" : "B", 1);
		sim_run_for(p.c.w, 100);
		if (i == 20)
			cr_assert(generations(p.a, "disk.img") == 1);
	}
	cr_assert(generations(p.a, "disk.img") == 2, "%zu", generations(p.a, "disk.img"));
	cast_end(&p.c);
}

Test(engine_watch, a_name_that_comes_back_within_half_a_second_was_never_gone, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 5, 0);
	cast_write(p.a, "f", LONG1);
	sim_run_for(p.c.w, 5000);
	cr_assert(cast_remove(p.a, "f"));
	sim_run_for(p.c.w, 400);
	cast_write(p.a, "f", LONG2);
	sim_run_for(p.c.w, 5000);
	cr_assert(generations(p.b, "f") == 2 && cast_has(p.b, "f", LONG2));
	cr_assert(cast_remove(p.a, "f"));
	sim_run_for(p.c.w, 5000);
	cr_assert(generations(p.b, "f") == 3 && !cast_exists(p.b, "f"));
	cast_end(&p.c);
}

/* ---- renames ---------------------------------------------------------------------------------------------- */

static mf_filecap
content(struct member *m, const char *relpath)
{
	mf_immdir cap;
	mf_snapshot s;

	cr_assert(cast_head(m, relpath, &cap, &s), "%s has no entry for %s", m->name, relpath);
	mf_filecap c = s.content;
	mf_snapshot_clear(&s);
	return c;
}

Test(engine_watch, a_renamed_file_keeps_its_content_capability, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 6, 0);
	cast_write(p.a, "old", LONG1);
	sim_run_for(p.c.w, 5000);
	mf_filecap was = content(p.b, "old");
	uint64_t puts = sim_count(p.b->h, SIM_PUT), updates = sim_count(p.b->h, SIM_UPDATE);
	cr_assert(cast_move(p.b, "old", "new")); /* Bob's own would be another: his secret is not hers */
	sim_run_for(p.c.w, 5000);
	mf_filecap is = content(p.b, "new");
	cr_assert(strcmp(was.text, is.text) == 0, "%s", is.text);
	cr_assert(sim_count(p.b->h, SIM_PUT) - puts == 2, "two documents, no content");
	cr_assert(sim_count(p.b->h, SIM_UPDATE) - updates == 1, "one batch");
	cr_assert(cast_has(p.a, "new", LONG1) && !cast_exists(p.a, "old"));
	cast_end(&p.c);
}

Test(engine_watch, a_renamed_and_changed_file_is_not_what_it_was, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 7, 0);
	cast_write(p.a, "old", LONG1);
	sim_run_for(p.c.w, 5000);
	cr_assert(cast_move(p.a, "old", "new"));
	cast_write(p.a, "new", LONG2); /* as long as the other */
	sim_run_for(p.c.w, 5000);
	cr_assert(cast_has(p.b, "new", LONG2) && !cast_exists(p.b, "old"));
	cast_end(&p.c);
}

Test(engine_watch, a_renamed_tree_goes_in_few_batches_and_nobody_is_asked, .timeout = 60)
{
	struct cast_pair p;
	mf_folder_status st;
	char name[32];

	pair_init(&p, 8, 0);
	cast_mkdirs(p.a, "tree/deep");
	for (int i = 0; i < 60; i++) {
		(void)snprintf(name, sizeof(name), "tree/%s%d", i % 2 == 0 ? "deep/" : "", i);
		cast_write(p.a, name, i % 3 == 0 ? LONG1 : LONG2);
	}
	sim_run_for(p.c.w, 10000);
	cr_assert(cast_exists(p.b, "tree/deep/0"));
	uint64_t puts = sim_count(p.a->h, SIM_PUT), updates = sim_count(p.a->h, SIM_UPDATE);
	cr_assert(cast_move(p.a, "tree", "wood"));
	sim_run_for(p.c.w, 10000);
	cr_assert(sim_count(p.a->h, SIM_PUT) - puts == 120, "documents, no content: %llu",
		(unsigned long long)(sim_count(p.a->h, SIM_PUT) - puts));
	cr_assert(sim_count(p.a->h, SIM_UPDATE) - updates <= 12, "few batches: %llu",
		(unsigned long long)(sim_count(p.a->h, SIM_UPDATE) - updates));
	cr_assert(cast_exists(p.b, "wood/deep/0") && !cast_exists(p.b, "tree/deep/0"));
	mf_folder_status_get(p.a->f, &st);
	cr_assert(st.errors == 0);
	cast_end(&p.c);
}

Test(engine_watch, a_tree_renamed_and_removed_at_once_is_gone_and_asked_about, .timeout = 60)
{
	struct cast_pair p;
	char name[32];

	pair_init(&p, 9, 0);
	cast_mkdirs(p.a, "tree");
	for (int i = 0; i < 30; i++) {
		(void)snprintf(name, sizeof(name), "tree/%d", i);
		cast_write(p.a, name, LONG1);
	}
	sim_run_for(p.c.w, 10000);
	cr_assert(cast_move(p.a, "tree", "wood"));
	cr_assert(cast_remove(p.a, "wood"));
	sim_run_for(p.c.w, 60000);
	cr_assert(cast_exists(p.b, "tree/0"), "so many deletions need a word");
	cast_end(&p.c);
}

/* ---- which names wait (docs/architecture.md) ---------------------------------------------------------------- */

struct appears {
	struct member *m;
	size_t entries;
};

static bool
has_appeared(void *arg)
{
	const struct appears *a = arg;

	return cast_entries(a->m) > a->entries;
}

/* Milliseconds from a file's close to its entry in our directory; -1: none within ten seconds. */
static int64_t
waits(struct cast_pair *p, const char *name)
{
	struct appears a = {p->a, cast_entries(p->a)};
	int64_t begin = sim_now_ms(p->c.w);

	cast_write(p->a, name, LONG1);
	return sim_run_until(p->c.w, has_appeared, &a, 10000) ? sim_now_ms(p->c.w) - begin : -1;
}

Test(engine_watch, plain_names_go_at_once_and_those_of_a_moment_wait, .timeout = 60)
{
	static const struct {
		const char *name;
		int64_t from_ms, to_ms; /* -1: never */
	} all[] = {
		{"report.txt", 50, 199},
		{"new document", 50, 199},
		{"4913", 200, 400},
		{".profile", 200, 400},
		{"index.lock", 200, 400},
		{"a.new", 200, 400},
		{"lu3x9k.tmp", 5000, 6000},
		{"report.XatjSJ", 5000, 6000},
		{"report.txt~", -1, -1},
		{".report.txt.swp", -1, -1},
		{"film.part", -1, -1},
	};
	struct cast_pair p;

	pair_init(&p, 14, 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int64_t ms = waits(&p, all[i].name);
		cr_assert(ms >= all[i].from_ms && ms <= all[i].to_ms, "%s took %lld ms", all[i].name, (long long)ms);
		sim_run_for(p.c.w, 3000);
	}
	/* a new name of the waiting kind that is gone within that time was never there for anybody */
	size_t entries = cast_entries(p.a);
	cast_write(p.a, "5317", LONG1);
	sim_run_for(p.c.w, 150);
	cr_assert(cast_remove(p.a, "5317"));
	sim_run_for(p.c.w, 5000);
	cr_assert(cast_entries(p.a) == entries);
	cast_end(&p.c);
}

/* ---- directories that are quicker than their watches ------------------------------------------------------- */

/* A tree that grows between a directory's listing and its watch, at each moment that there is. */
Test(engine_watch, a_tree_that_grows_while_its_watches_are_set_is_seen_whole, .timeout = 60)
{
	struct cast_pair p;
	char dir[32], deep[48], file[64];

	pair_init(&p, 13, 0);
	for (unsigned n = 0; n < 60; n++) {
		(void)snprintf(dir, sizeof(dir), "d%u%s", n, n % 2 == 0 ? "" : "/a/b");
		(void)snprintf(deep, sizeof(deep), "d%u/a/%s", n, n % 3 == 0 ? "c" : "b/c/d");
		(void)snprintf(file, sizeof(file), "%s/file", deep);
		cast_mkdirs(p.a, dir);
		for (unsigned i = 0; i < n / 2; i++)
			(void)sim_step(p.c.w);
		cast_mkdirs(p.a, deep);
		cast_write(p.a, file, LONG1);
		sim_run_for(p.c.w, 3000);
		cr_assert(cast_has(p.b, file, LONG1), "%s, made %u steps after %s, was not seen", file, n / 2, dir);
		cast_write(p.a, file, LONG2);
		sim_run_for(p.c.w, 3000);
		cr_assert(cast_has(p.b, file, LONG2), "%s has no watch", file);
	}
	cast_end(&p.c);
}

/* A directory goes while its files are on their way: at each moment that there is. */
Test(engine_watch, a_directory_that_is_renamed_while_its_files_are_published_leaves_none_behind, .timeout = 60)
{
	struct cast_pair p;
	char dir[16], to[16], file[32], moved[32];

	pair_init(&p, 15, 0);
	for (unsigned n = 0; n < 80; n++) {
		(void)snprintf(dir, sizeof(dir), "s%u", n);
		(void)snprintf(to, sizeof(to), "t%u", n);
		(void)snprintf(file, sizeof(file), "%s/file", dir);
		(void)snprintf(moved, sizeof(moved), "%s/file", to);
		cast_mkdirs(p.a, dir);
		cast_write(p.a, file, LONG1);
		for (unsigned i = 0; i < n; i++)
			(void)sim_step(p.c.w);
		cr_assert(cast_move(p.a, dir, to));
		sim_run_for(p.c.w, 5000);
		cr_assert(cast_has(p.b, moved, LONG1), "%s after %u steps", moved, n);
		cr_assert(!cast_exists(p.b, file), "%s, gone after %u steps, stays", file, n);
	}
	cast_end(&p.c);
}

/* ---- events lost ------------------------------------------------------------------------------------------ */

struct said {
	const char *part;
	bool found;
};

static void
look_for(void *arg, const char *relpath, const char *text, int64_t at_ns)
{
	struct said *s = arg;

	(void)at_ns;
	s->found |= relpath == NULL && strstr(text, s->part) != NULL;
}

static bool
says(struct member *m, const char *part)
{
	struct said s = {part, false};

	mf_folder_errors(m->f, look_for, &s);
	return s.found;
}

static bool
is_watching(struct member *m)
{
	mf_folder_status st;

	mf_folder_status_get(m->f, &st);
	return st.watching;
}

Test(engine_watch, a_full_event_queue_is_said_and_made_good, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 10, 0);
	cast_mkdirs(p.a, "sub");
	sim_run_for(p.c.w, 3000);
	sim_trouble_of(p.a->h)->drop_events = 1000;
	cast_write(p.a, "sub/f", LONG1);
	cast_mkdirs(p.a, "new");
	cast_write(p.a, "new/f", LONG1);
	sim_run_for(p.c.w, 5000);
	cr_assert(!cast_exists(p.b, "sub/f"));
	sim_trouble_of(p.a->h)->drop_events = 0;
	unsigned errors = p.a->errors;
	sim_watch_overflow(p.a->h);
	sim_run_for(p.c.w, 5000);
	cr_assert(p.a->errors == errors + 1 && strstr(p.a->last_error, "max_queued_events") != NULL);
	cr_assert(cast_has(p.b, "sub/f", LONG1) && cast_has(p.b, "new/f", LONG1));
	cr_assert(is_watching(p.a) && !says(p.a, "max_queued_events"), "it is over");
	cast_write(p.a, "new/f", LONG2); /* watched again */
	sim_run_for(p.c.w, 5000);
	cr_assert(cast_has(p.b, "new/f", LONG2));
	cast_end(&p.c);
}

Test(engine_watch, too_few_watches_are_said_and_scans_do_instead, .timeout = 60)
{
	struct cast_pair p;
	char name[24];

	pair_init(&p, 11, 30);
	sim_trouble_of(p.a->h)->watch_limit = 6; /* some are for nudges */
	for (int i = 0; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "dir%d", i);
		cast_mkdirs(p.a, name);
	}
	sim_run_for(p.c.w, 3000);
	cr_assert(!is_watching(p.a) && says(p.a, "fs.inotify.max_user_watches"));
	for (int i = 0; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "dir%d/f", i);
		cast_write(p.a, name, LONG1);
	}
	sim_run_for(p.c.w, 40000);
	for (int i = 0; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "dir%d/f", i);
		cr_assert(cast_has(p.b, name, LONG1), "%s", name);
	}
	cr_assert(!is_watching(p.a) && says(p.a, "fs.inotify.max_user_watches"));
	sim_trouble_of(p.a->h)->watch_limit = 0; /* the user has raised it */
	sim_run_for(p.c.w, 40000);
	cr_assert(is_watching(p.a) && !says(p.a, "max_user_watches"));
	cast_end(&p.c);
}

/* ---- clocks ----------------------------------------------------------------------------------------------- */

Test(engine_watch, clocks_may_jump, .timeout = 120)
{
	static const int64_t jumps[] = {HOUR_NS, -HOUR_NS, 10 * 8766 * HOUR_NS, -20 * 8766 * HOUR_NS,
		10 * 8766 * HOUR_NS, -1500000000, 1500000000};
	struct cast_pair p;
	char text[100];

	pair_init(&p, 12, 30);
	for (unsigned i = 0; i < 28; i++) {
		struct member *m = i % 2 == 0 ? p.a : p.b, *other = i % 2 == 0 ? p.b : p.a;
		sim_clock_jump(i % 4 < 2 ? m->h : other->h, jumps[i % 7]);
		(void)snprintf(
			text, sizeof(text), "edit %u of a file that is long enough for a share of its own, truly", i);
		cast_write(m, "f", text);
		sim_run_for(p.c.w, i % 3 == 0 ? 30 : 400);
		sim_clock_jump(m->h, jumps[(i + 3) % 7]);
		sim_run_for(p.c.w, 6000);
		cr_assert(cast_has(other, "f", text), "edit %u did not arrive", i);
		cr_assert(cast_has(m, "f", text));
	}
	sim_run_for(p.c.w, 100000);
	cr_assert(generations(p.a, "f") == 28 && cast_same_head(p.a, p.b, "f"), "%zu", generations(p.a, "f"));
	cr_assert(p.a->conflicts_added == 0 && p.b->conflicts_added == 0);
	uint64_t before = cast_writes(&p.c);
	sim_clock_jump(p.a->h, -HOUR_NS);
	cast_scan(p.a);
	sim_run_for(p.c.w, 100000);
	cr_assert(cast_writes(&p.c) == before, "a clock is no change");
	cast_end(&p.c);
}

/* Found by kills at every call: the watch on the other's directory was made after that had been read, and what was
 * published in between was seen at the next poll only. */
Test(engine_watch, what_is_published_while_another_starts_is_seen_at_once, .timeout = 120)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct cast_pair p;

		pair_init(&p, seed, 0);
		cast_close(p.a);
		cast_close(p.b);
		cast_write(p.a, "x", LONG1);
		cast_open(p.b);
		sim_trouble_of(p.b->h)->slow_ms = 3000;
		cast_open(p.a);
		sim_run_for(p.c.w, 20000);
		cr_assert(cast_has(p.b, "x", LONG1), "seed %u: the next poll is in an hour", (unsigned)seed);
		cast_end(&p.c);
	}
}
