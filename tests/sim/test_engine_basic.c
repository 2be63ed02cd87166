/* The engine with two people, one step at a time: conformance cases 1, 2, 5 to 10, 51, 52
 * (datamodel-and-sync.md 8). */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "cast.h"

/* The head of @p relpath: its capability; *snap is the caller's. */
static mf_immdir
head(struct member *m, const char *relpath, mf_snapshot *snap)
{
	mf_immdir cap;

	cr_assert(cast_head(m, relpath, &cap, snap), "%s has no entry for %s", m->name, relpath);
	return cap;
}

Test(engine, case_01_a_new_folder_has_exactly_its_two_directories, .timeout = 60)
{
	struct cast c;
	mf_listing l;
	mf_buf text = {0};

	cast_init(&c, 1);
	struct member *a = cast_add(&c, "laptop");
	cr_assert(sim_peek_dir(c.w, &c.collective, &l) == MF_OK && l.n == 2);
	cr_assert(mf_str_eq(l.child[0].name, MF_STR("@metadata")) && mf_str_eq(l.child[1].name, MF_STR("laptop")));
	cr_assert(mf_str_eq(l.child[1].ro, mf_strz(a->personal.text)));
	cr_assert(sim_peek_file(c.w, l.child[0].ro, &text) == MF_OK);
	cr_assert(mf_str_eq(mf_buf_str(&text), MF_STR("{\"version\": 1}")));
	mf_listing_free(&l);
	cr_assert(sim_peek_dir(c.w, &a->personal, &l) == MF_OK && l.n == 1);
	cr_assert(mf_str_eq(l.child[0].name, MF_STR("@metadata")));
	mf_listing_free(&l);
	mf_buf_free(&text);
	cast_end(&c);
}

Test(engine, case_02_first_publish, .timeout = 60)
{
	struct cast_pair p;
	mf_immdir cap;
	mf_dirread dir;
	mf_snapshot s;
	mf_listing l;

	cast_pair_dark(&p, 2);
	cast_mkdirs(p.a, "dir");
	cast_write(p.a, "dir/a@b.txt", LONG1);
	cast_publish(p.a);
	cr_assert(cast_entries(p.a) == 2);
	cr_assert(sim_peek_dir(p.c.w, &p.a->personal, &l) == MF_OK);
	cr_assert(mf_listing_find(&l, MF_STR("dir@_a@@b.txt")) != NULL);
	mf_listing_free(&l);
	cap = head(p.a, "dir/a@b.txt", &s);
	cr_assert(s.n_parents == 0 && strcmp(s.relpath, "dir/a@b.txt") == 0 && strcmp(s.author, "alice") == 0);
	mf_immdir_read(&cap, &dir);
	cr_assert(sim_peek_dir(p.c.w, &dir, &l) == MF_OK && l.n == 2);
	mf_listing_free(&l);
	mf_snapshot_clear(&s);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "dir/a@b.txt", LONG1) && cast_same_head(p.a, p.b, "dir/a@b.txt"));
	cast_end(&p.c);
}

Test(engine, case_05_an_update_has_its_predecessor_as_parent, .timeout = 60)
{
	struct cast_pair p;
	mf_snapshot s;

	cast_pair_dark(&p, 5);
	cast_write(p.a, "p", LONG1);
	cast_publish(p.a);
	cast_receive(p.b);
	mf_immdir first = head(p.a, "p", &s);
	mf_snapshot_clear(&s);
	cast_write(p.a, "p", LONG2);
	cast_publish(p.a);
	(void)head(p.a, "p", &s);
	cr_assert(s.n_parents == 1 && strcmp(s.parents[0].text, first.text) == 0);
	mf_snapshot_clear(&s);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "p", LONG2) && cast_same_head(p.a, p.b, "p"));
	uint64_t before = cast_writes(&p.c);
	cast_publish(p.b);
	cast_receive(p.a);
	cr_assert(cast_writes(&p.c) == before, "nothing more is to be written");
	cr_assert(cast_conflicts(p.a) == 0 && cast_conflicts(p.b) == 0);
	cast_end(&p.c);
}

Test(engine, cases_06_07_empty_and_small_files_are_literals, .timeout = 60)
{
	struct cast_pair p;
	mf_snapshot s;

	cast_pair_dark(&p, 6);
	cast_write(p.a, "empty", "");
	cast_write(p.a, "small", "short");
	cast_publish(p.a);
	(void)head(p.a, "empty", &s);
	cr_assert(!s.deletion && strcmp(s.content.text, "URI:LIT:") == 0);
	mf_snapshot_clear(&s);
	(void)head(p.a, "small", &s);
	cr_assert(strcmp(s.content.text, "URI:LIT:onug64tu") == 0);
	mf_snapshot_clear(&s);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "empty", "") && cast_has(p.b, "small", "short"));
	cast_end(&p.c);
}

static mf_code
note_deleted(void *arg, const mf_file_status *st)
{
	if (strcmp(st->relpath, "p") == 0)
		*(bool *)arg = st->deleted;
	return MF_OK;
}

Test(engine, case_08_a_deletion_arrives, .timeout = 60)
{
	struct cast_pair p;
	mf_snapshot s;
	bool deleted = false;

	cast_pair_dark(&p, 8);
	cast_write(p.a, "p", LONG1);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(cast_remove(p.a, "p"));
	cast_publish(p.a);
	(void)head(p.a, "p", &s);
	cr_assert(s.deletion && s.n_parents == 1);
	mf_snapshot_clear(&s);
	cast_receive(p.b);
	cr_assert(!cast_exists(p.b, "p") && cast_same_head(p.a, p.b, "p"));
	cr_assert(mf_folder_file_status(p.b->f, note_deleted, &deleted, NULL) == MF_OK && deleted);
	uint64_t before = cast_writes(&p.c);
	cast_publish(p.b);
	cast_receive(p.a);
	cr_assert(cast_writes(&p.c) == before);
	cast_end(&p.c);
}

Test(engine, case_09_the_deletion_of_what_one_never_had_is_linked, .timeout = 60)
{
	struct cast_pair p;

	cast_pair_dark(&p, 9);
	cast_write(p.a, "p", LONG1);
	cast_publish(p.a);
	cr_assert(cast_remove(p.a, "p"));
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(!cast_exists(p.b, "p") && cast_same_head(p.a, p.b, "p"));
	cr_assert(p.b->errors == 0, "%s", p.b->last_error);
	cast_end(&p.c);
}

Test(engine, case_10_created_again_after_a_deletion, .timeout = 60)
{
	struct cast_pair p;
	mf_snapshot s;

	cast_pair_dark(&p, 10);
	cast_write(p.a, "p", LONG1);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(cast_remove(p.a, "p"));
	cast_publish(p.a);
	cast_receive(p.b);
	mf_immdir gone = head(p.b, "p", &s);
	mf_snapshot_clear(&s);
	cast_write(p.b, "p", LONG2);
	cast_publish(p.b);
	(void)head(p.b, "p", &s);
	cr_assert(s.n_parents == 1 && strcmp(s.parents[0].text, gone.text) == 0);
	mf_snapshot_clear(&s);
	cast_receive(p.a);
	cr_assert(cast_has(p.a, "p", LONG2) && cast_conflicts(p.a) == 0);
	cast_end(&p.c);
}

Test(engine, b13_case_51_touch_and_chmod_are_no_change, .timeout = 60)
{
	struct cast_pair p;
	mf_stat st;

	cast_pair_dark(&p, 51);
	cast_write(p.a, "p", LONG1);
	cast_publish(p.a);
	cast_receive(p.b);
	uint64_t before = cast_writes(&p.c);
	sim_touch(p.a->h, cast_path("p"), 1500000000000000000);
	sim_chmod(p.a->h, cast_path("p"), 0600);
	cast_publish(p.a);
	cr_assert(cast_writes(&p.c) == before);
	sim_chmod(p.b->h, cast_path("p"), 0640); /* not scanned */
	cast_write(p.a, "p", LONG2);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "p", LONG2) && cast_conflicts(p.b) == 0);
	cr_assert(sim_stat(p.b->h, cast_path("p"), &st) && st.mode == 0640, "mode %o", st.mode);
	cast_end(&p.c);
}

Test(engine, the_executable_bit_travels, .timeout = 60)
{
	struct cast_pair p;
	mf_stat st;

	cast_pair_dark(&p, 53);
	cast_write(p.a, "p", LONG1);
	cast_publish(p.a);
	cast_receive(p.b);
	sim_chmod(p.a->h, cast_path("p"), 0755);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(sim_stat(p.b->h, cast_path("p"), &st) && (st.mode & 0100) != 0, "mode %o", st.mode);
	cr_assert(cast_same_head(p.a, p.b, "p"));
	cast_end(&p.c);
}

Test(engine, case_52_times_arrive_in_whole_seconds_and_are_not_published_again, .timeout = 60)
{
	struct cast_pair p;
	mf_stat st;

	cast_pair_dark(&p, 52);
	cast_write(p.a, "p", LONG3);
	sim_touch(p.a->h, cast_path("p"), 1600000000987654321);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(sim_stat(p.b->h, cast_path("p"), &st));
	cr_assert(st.mtime_ns == 1600000000000000000, "%lld", (long long)st.mtime_ns);
	uint64_t before = cast_writes(&p.c);
	cast_publish(p.b);
	cast_publish(p.a);
	cr_assert(cast_writes(&p.c) == before);
	cast_end(&p.c);
}

static bool
b_has_it(void *arg)
{
	return cast_has(arg, "dir/p", LONG1);
}

static bool
b_lost_it(void *arg)
{
	return !cast_exists(arg, "dir/p");
}

Test(engine, with_watches_and_nudges_a_change_arrives_by_itself, .timeout = 60)
{
	struct cast c;

	cast_init(&c, 60);
	struct member *a = cast_add(&c, "alice"), *b = cast_add(&c, "bob");
	cast_mkdirs(a, "dir");
	cast_write(a, "dir/p", LONG1);
	cr_assert(sim_run_until(c.w, b_has_it, b, 3000), "not within three seconds");
	cr_assert(cast_remove(a, "dir/p"));
	cr_assert(sim_run_until(c.w, b_lost_it, b, 3000), "not within three seconds");
	cast_end(&c);
}
