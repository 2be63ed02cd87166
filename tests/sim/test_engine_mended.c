/* Errors stand as long as what causes them: each source is switched on, said once, switched off, and goes by itself; then
 * the folder says again that it is up to date. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "says.h"
#include "sync/doc/relpath.h"

static void
pair_init(struct cast_pair *p, uint64_t seed)
{
	cast_init(&p->c, seed);
	p->c.poll_s = 5;
	p->c.scan_s = 20;
	p->a = cast_add(&p->c, "alice");
	p->b = cast_add(&p->c, "bob");
	cast_write(p->a, "p", LONG1);
	cr_assert(cast_wait_idle(&p->c, 3000));
}

static void
pair_end(struct cast_pair *p)
{
	cr_assert(p->a->wrong_event[0] == '\0' && p->b->wrong_event[0] == '\0', "%s%s", p->a->wrong_event,
		p->b->wrong_event);
	cast_end(&p->c);
}

static mf_folder_status
status(struct member *m)
{
	mf_folder_status st;

	mf_folder_status_get(m->f, &st);
	return st;
}

static bool
is_well(void *arg)
{
	struct member *m = arg;

	return says_up_to_date(m) && says_check(m) == NULL && says_check_items(m) == NULL;
}

/* Both say so, and are equal. */
static bool
all_well(void *arg)
{
	struct cast_pair *p = arg;

	if (!is_well(p->a) || !is_well(p->b))
		return false;
	char *a = cast_tree(p->a), *b = cast_tree(p->b);
	bool same = strcmp(a, b) == 0;
	free(a);
	free(b);
	return same;
}

static bool
has_problem(void *arg)
{
	return status(arg).state == MF_SYNC_PROBLEM;
}

struct finding {
	const char *relpath, *text;
	int64_t at_ns;
	bool found;
};

static void
each_error(void *arg, const char *relpath, const char *text, int64_t at_ns)
{
	struct finding *x = arg;
	bool same = x->relpath == NULL || relpath == NULL ? x->relpath == relpath : strcmp(x->relpath, relpath) == 0;

	if (!same || strstr(text, x->text) == NULL)
		return;
	x->found = true;
	x->at_ns = at_ns;
}

/* An error of @p relpath (NULL: the folder) that speaks of @p text. @return since when */
static int64_t
must_say(struct member *m, const char *relpath, const char *text)
{
	struct finding x = {.relpath = relpath, .text = text};

	mf_folder_errors(m->f, each_error, &x);
	cr_assert(x.found, "%s: no error of %s with \"%s\"; the last was %s", m->name,
		relpath == NULL ? "the folder" : relpath, text, m->last_error);
	return x.at_ns;
}

static void
becomes_bad(struct member *m)
{
	cr_assert(sim_run_until(m->cast->w, has_problem, m, 120000), "%s: %s", m->name, status(m).say);
}

/* Backoff ends at a minute, and a scan or poll follows. */
static void
becomes_well(struct cast_pair *p)
{
	cr_assert(sim_run_until(p->c.w, all_well, p, 180000), "alice: %s (%s), bob: %s (%s)", status(p->a).say,
		p->a->last_error, status(p->b).say, p->b->last_error);
	for (size_t i = 0; i < 2; i++) {
		struct member *m = &p->c.m[i];
		cr_assert(status(m).errors == 0 && status(m).uploads_queued == 0 && status(m).downloads_queued == 0);
	}
}

/* While it lasts, it is said once: the number of events does not grow with the tries. */
static void
lasts(struct member *m, int64_t ms, unsigned at_most)
{
	unsigned before = m->errors;

	sim_run_for(m->cast->w, ms);
	cr_assert(m->errors - before <= at_most, "%s said %u times: %s", m->name, m->errors - before, m->last_error);
	cr_assert(has_problem(m), "%s: %s", m->name, status(m).say);
}

Test(engine_mended, a_file_that_cannot_be_read, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 1);
	becomes_well(&p);
	cast_write(p.a, "secret", LONG1);
	sim_chmod(p.a->h, cast_path("secret"), 0);
	becomes_bad(p.a);
	int64_t since = must_say(p.a, "secret", "");
	lasts(p.a, 300000, 0);
	cr_assert(must_say(p.a, "secret", "") == since, "its age is that of the first failure");
	sim_chmod(p.a->h, cast_path("secret"), 0644);
	becomes_well(&p);
	cr_assert(cast_has(p.b, "secret", LONG1));
	pair_end(&p);
}

Test(engine_mended, a_file_that_cannot_be_read_and_goes, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 2);
	cast_write(p.a, "secret", LONG1);
	sim_chmod(p.a->h, cast_path("secret"), 0);
	becomes_bad(p.a);
	cr_assert(cast_remove(p.a, "secret"));
	becomes_well(&p);
	pair_end(&p);
}

Test(engine_mended, a_directory_that_cannot_be_read, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 3);
	cast_mkdirs(p.a, "closed");
	cast_write(p.a, "closed/in", LONG1);
	becomes_well(&p);
	sim_chmod(p.a->h, cast_path("closed"), 0);
	becomes_bad(p.a);
	sim_run_for(p.c.w, 30000);
	must_say(p.a, "closed", "");
	lasts(p.a, 120000, 1);
	cr_assert(cast_has(p.b, "closed/in", LONG1), "what is out of sight is not deleted");
	sim_chmod(p.a->h, cast_path("closed"), 0755);
	becomes_well(&p);
	cr_assert(cast_has(p.b, "closed/in", LONG1));
	pair_end(&p);
}

Test(engine_mended, a_directory_that_cannot_be_written, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 4);
	cast_mkdirs(p.b, "shut");
	cast_write(p.b, "shut/mine", LONG1);
	becomes_well(&p);
	sim_chmod(p.b->h, cast_path("shut"), 0555);
	cast_write(p.a, "shut/theirs", LONG2);
	becomes_bad(p.b);
	int64_t since = must_say(p.b, "shut/theirs", "");
	cr_assert(strstr(p.b->last_error, ".tmp") == NULL, "%s", p.b->last_error);
	lasts(p.b, 300000, 0);
	cr_assert(must_say(p.b, "shut/theirs", "") == since);
	cr_assert(status(p.b).downloads_queued == 1);
	sim_chmod(p.b->h, cast_path("shut"), 0755);
	becomes_well(&p);
	cr_assert(cast_has(p.b, "shut/theirs", LONG2));
	pair_end(&p);
}

Test(engine_mended, a_name_that_cannot_be_synced_and_goes, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 5);
	cast_write(p.a, "bad\xff", LONG1);
	becomes_bad(p.a);
	must_say(p.a, "bad\\xff", "");
	cr_assert(cast_remove(p.a, "bad\xff"));
	becomes_well(&p);
	pair_end(&p);
}

Test(engine_mended, the_grid_out_of_reach, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 6);
	becomes_well(&p);
	sim_trouble_of(p.a->h)->cut_off = true;
	cast_write(p.a, "q", LONG1);
	becomes_bad(p.a);
	sim_run_for(p.c.w, 30000);
	must_say(p.a, NULL, "participants cannot be read");
	must_say(p.a, "q", "");
	lasts(p.a, 300000, 4);
	sim_trouble_of(p.a->h)->cut_off = false;
	becomes_well(&p);
	cr_assert(cast_has(p.b, "q", LONG1));
	pair_end(&p);
}

Test(engine_mended, our_directory_cannot_be_updated, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 7);
	becomes_well(&p);
	sim_fail_often(p.a->h, SIM_UPDATE, 1000, MF_EFULL);
	cast_write(p.a, "q", LONG1);
	becomes_bad(p.a);
	must_say(p.a, NULL, "our directory cannot be updated");
	lasts(p.a, 300000, 0);
	cr_assert(status(p.a).uploads_queued == 1);
	sim_calm(p.a->h);
	becomes_well(&p);
	cr_assert(cast_has(p.b, "q", LONG1));
	pair_end(&p);
}

Test(engine_mended, the_store_is_full, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 8);
	becomes_well(&p);
	sim_fail_often(p.a->h, SIM_PUT, 1000, MF_EFULL);
	cast_write(p.a, "q", LONG1);
	becomes_bad(p.a);
	must_say(p.a, "q", "");
	lasts(p.a, 300000, 0);
	sim_calm(p.a->h);
	becomes_well(&p);
	cr_assert(cast_has(p.b, "q", LONG1));
	pair_end(&p);
}

Test(engine_mended, the_disk_is_full, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 9);
	becomes_well(&p);
	sim_fail_often(p.b->h, SIM_WRITE, 1000, ENOSPC);
	cast_write(p.a, "q", LONG1);
	becomes_bad(p.b);
	must_say(p.b, "q", "");
	lasts(p.b, 300000, 0);
	sim_calm(p.b->h);
	becomes_well(&p);
	cr_assert(cast_has(p.b, "q", LONG1));
	pair_end(&p);
}

Test(engine_mended, a_version_that_cannot_be_read, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 10);
	becomes_well(&p);
	sim_fail_often(p.b->h, SIM_GET, 1000, MF_EIO);
	cast_write(p.a, "q", LONG1);
	becomes_bad(p.b);
	must_say(p.b, "q of alice", "");
	lasts(p.b, 300000, 1);
	sim_calm(p.b->h);
	becomes_well(&p);
	cr_assert(cast_has(p.b, "q", LONG1));
	pair_end(&p);
}

Test(engine_mended, the_database_locked_by_another_program, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 11);
	becomes_well(&p);
	sim_db_hold(p.a->h, CAST_STATE "/state.sqlite", true);
	cast_write(p.a, "q", LONG1);
	becomes_bad(p.a);
	must_say(p.a, NULL, "locked by another program");
	lasts(p.a, 120000, 0);
	sim_db_hold(p.a->h, CAST_STATE "/state.sqlite", false);
	becomes_well(&p);
	cr_assert(cast_has(p.b, "q", LONG1));
	pair_end(&p);
}

Test(engine_mended, the_database_on_a_disk_that_fails, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 12);
	becomes_well(&p);
	sim_fail_often(p.a->h, SIM_DB_WRITE, 1000, EIO);
	cast_write(p.a, "q", LONG1);
	becomes_bad(p.a);
	sim_run_for(p.c.w, 120000);
	sim_calm(p.a->h);
	becomes_well(&p);
	cr_assert(cast_has(p.b, "q", LONG1));
	pair_end(&p);
}

Test(engine_mended, a_root_that_goes_and_comes_back_beside_other_trouble, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 13);
	becomes_well(&p);
	cr_assert(sim_move(p.a->h, CAST_DIR, "/home/elsewhere"));
	becomes_bad(p.a);
	must_say(p.a, NULL, "directory is gone");
	sim_trouble_of(p.a->h)->cut_off = true;
	sim_run_for(p.c.w, 60000);
	must_say(p.a, NULL, "directory is gone");
	must_say(p.a, NULL, "participants cannot be read");
	sim_trouble_of(p.a->h)->cut_off = false;
	lasts(p.a, 120000, 0); /* one trouble over does not end the other */
	must_say(p.a, NULL, "directory is gone");
	cr_assert(sim_move(p.a->h, "/home/elsewhere", CAST_DIR));
	becomes_well(&p);
	cr_assert(cast_has(p.a, "p", LONG1) && cast_has(p.b, "p", LONG1));
	pair_end(&p);
}

/* ---- participants ---- */

static void
link_into(struct cast_pair *p, const mf_dirwrite *dir, const char *name, const char *cap)
{
	mf_link link = {.name = mf_strz(name), .cap = cap == NULL ? (mf_str){0} : mf_strz(cap)};

	cr_assert(sim_poke_dir(p->c.w, dir, &link, 1) == MF_OK);
}

Test(engine_mended, a_bad_entry_that_is_replaced, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 14);
	becomes_well(&p);
	link_into(&p, &mf_folder_config(p.a->f)->personal, "q", "URI:DIR2-CHK:garbage");
	becomes_bad(p.b);
	must_say(p.b, "q of alice", "");
	lasts(p.b, 120000, 0);
	cast_write(p.a, "q", LONG1); /* a good version in its place */
	becomes_well(&p);
	cr_assert(cast_has(p.b, "q", LONG1));
	pair_end(&p);
}

Test(engine_mended, a_participant_who_cannot_be_read, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 15);
	becomes_well(&p);
	link_into(&p, &mf_folder_config(p.a->f)->collective_write, "mallory", "URI:DIR2-RO:garbage");
	becomes_bad(p.b);
	must_say(p.b, "participant mallory", "");
	link_into(&p, &mf_folder_config(p.a->f)->collective_write, "mallory", p.b->personal.text);
	becomes_well(&p);
	pair_end(&p);
}

/* ---- what was done and could not be recorded ---- */

struct filling {
	struct member *m;
	unsigned renames;
};

static void
full_when_replaced(void *arg, enum sim_op op, const char *what)
{
	struct filling *x = arg;

	(void)what;
	if (op == SIM_RENAME && x->renames++ == 0)
		sim_fail_often(x->m->h, SIM_DB_WRITE, 1000, ENOSPC);
}

/* A file came, its record could not be committed, and meanwhile the user removed it: it must not come again. */
Test(engine_mended, what_came_unrecorded_and_was_removed_stays_removed, .timeout = 60)
{
	for (int edit = 0; edit < 2; edit++) {
		struct cast_pair p;
		pair_init(&p, 16);
		becomes_well(&p);
		struct filling x = {p.b, 0};
		sim_on_op(p.b->h, full_when_replaced, &x);
		cast_write(p.a, "q", LONG1);
		sim_run_for(p.c.w, 10000);
		sim_on_op(p.b->h, NULL, NULL);
		cr_assert(x.renames > 0 && cast_has(p.b, "q", LONG1) && has_problem(p.b));
		cr_assert(!cast_same_head(p.a, p.b, "q"), "not recorded, so not linked");
		if (edit == 0)
			cr_assert(cast_remove(p.b, "q"));
		else
			cast_write(p.b, "q", LONG2);
		sim_run_for(p.c.w, 10000);
		sim_calm(p.b->h);
		becomes_well(&p);
		cr_assert(edit == 0 ? !cast_exists(p.a, "q") && !cast_exists(p.b, "q")
				    : cast_has(p.a, "q", LONG2) && cast_has(p.b, "q", LONG2));
		cr_assert(p.a->conflicts_added == 0 && p.b->conflicts_added == 0);
		pair_end(&p);
	}
}

/* ---- what fails once, at the worst moment --------------------------------------------------------------------- */

struct once {
	struct member *m;
	enum sim_op op;
	const char *what;
	int sys;
	unsigned at, seen; /* the at-th of its kind fails */
};

static void
fail_once(void *arg, enum sim_op op, const char *what)
{
	struct once *o = arg;

	if (op == o->op && strcmp(what, o->what) == 0 && ++o->seen == o->at)
		sim_fail_nth(o->m->h, op, 1, o->sys);
}

/* A new file that arrives when the folder's directory cannot be looked at was forgotten for good. */
Test(engine_mended, a_root_that_cannot_be_looked_at_once_hides_no_news, .timeout = 60)
{
	bool reached = true;

	for (unsigned at = 1; reached; at++) {
		struct cast_pair p;
		pair_init(&p, 70);
		struct once o = {p.b, SIM_STAT, CAST_DIR, EIO, at, 0};
		sim_on_op(p.b->h, fail_once, &o);
		cast_write(p.a, "new", LONG2);
		sim_run_for(p.c.w, 4000);
		sim_on_op(p.b->h, NULL, NULL);
		reached = o.seen >= at;
		cr_assert(reached || at > 1);
		cr_assert(sim_run_until(p.c.w, all_well, &p, 60000), "check %u: %s, %s", at, status(p.a).say,
			status(p.b).say);
		cr_assert(cast_has(p.b, "new", LONG2), "check %u", at);
		pair_end(&p);
	}
}

/* Its error stood until the second scan after it. */
Test(engine_mended, a_directory_that_cannot_be_listed_once_is_read_by_the_next_scan, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 71);
	struct once o = {p.a, SIM_LIST, "g", EMFILE, 1, 0};
	sim_on_op(p.a->h, fail_once, &o);
	cast_write(p.b, "other", LONG1);
	cast_mkdirs(p.a, "g");
	cast_write(p.a, "g/x", LONG2);
	for (int i = 0; i < 100 && status(p.a).errors == 0; i++)
		sim_run_for(p.c.w, 20);
	cr_assert(o.seen == 1 && status(p.a).errors == 1);
	cast_scan(p.a);
	cr_assert(status(p.a).errors == 0 && o.seen > 1);
	cr_assert(sim_run_until(p.c.w, all_well, &p, 30000));
	cr_assert(cast_has(p.b, "g/x", LONG2));
	pair_end(&p);
}
