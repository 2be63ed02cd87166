/* Exact moments: a crash between any two steps of receiving or publishing an update, a write by the user in the last
 * moment, a full disk, a grid out of reach (conformance cases 19, 30 to 34). */
#include <errno.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "cast.h"

#define EDIT "what the user wrote in the last moment, and must not be lost ......."

struct pair {
	struct cast c;
	struct member *a, *b;
	mf_immdir first, second; /* A's heads */
	uint64_t made;           /* snapshots made so far by who is to crash */
};

static mf_immdir
head(struct member *m)
{
	mf_immdir cap;
	mf_snapshot s;

	cr_assert(cast_head(m, "p", &cap, &s), "%s shows no p", m->name);
	mf_snapshot_clear(&s);
	return cap;
}

/* Both have p in its first version; A has the second on its disk. */
static void
pair_init(struct pair *p, uint64_t seed)
{
	cast_init(&p->c, seed);
	p->c.dark = true;
	p->a = cast_add(&p->c, "alice");
	p->b = cast_add(&p->c, "bob");
	cast_write(p->a, "p", LONG1);
	cast_publish(p->a);
	cast_receive(p->b);
	p->first = head(p->a);
	cast_write(p->a, "p", LONG2);
}

/* A has published the second, too, while B could not look: it polls by itself, too. */
static void
pair_updated(struct pair *p, uint64_t seed)
{
	pair_init(p, seed);
	sim_trouble_of(p->b->h)->cut_off = true;
	cast_publish(p->a);
	sim_trouble_of(p->b->h)->cut_off = false;
	p->second = head(p->a);
	cr_assert(cast_has(p->b, "p", LONG1));
	p->made = sim_count(p->b->h, SIM_PUT_DIR);
	sim_sync_disk(p->b->h);
}

/* ---- where it happens ---- */

struct moment {
	struct member *m;
	enum sim_op after, op; /* op, once after has begun; after SIM_OPS: at once */
	enum sim_crash how;
	bool begun, hit;
};

static void
die_then(void *arg, enum sim_op op, const char *what)
{
	struct moment *x = arg;

	(void)what;
	if (x->hit)
		return;
	if (x->begun && op == x->op) {
		x->hit = true;
		sim_crash(x->m->h, x->how);
	}
	x->begun |= op == x->after || x->after == SIM_OPS;
}

/* Ask without waiting for the answer: who dies gives none. */
static void
work(struct member *m)
{
	mf_folder_scan(m->f, cast_ignore, NULL, NULL);
	mf_folder_poll(m->f, cast_ignore, NULL, NULL);
	sim_run_for(m->cast->w, 5000);
}

static void
dies_at(struct moment *x)
{
	sim_on_op(x->m->h, die_then, x);
	work(x->m);
	sim_on_op(x->m->h, NULL, NULL);
	cr_assert(x->hit && sim_dead(x->m->h), "that moment never came");
	cast_bury(x->m);
}

/* Everybody has the second version, made once, and nothing is left over. */
static void
all_have_the_second(struct pair *p)
{
	cast_settle(&p->c);
	cr_assert(cast_has(p->a, "p", LONG2) && cast_has(p->b, "p", LONG2));
	cr_assert(cast_same_head(p->a, p->b, "p"));
	cr_assert(p->a->conflicts_added + p->b->conflicts_added == 0);
	for (size_t i = 0; i < 2; i++) {
		char *tree = cast_tree(&p->c.m[i]);
		cr_assert(strstr(tree, "magic-folder") == NULL && strstr(tree, "conflict") == NULL, "%s", tree);
		free(tree);
	}
}

static void
received_unmade(struct pair *p)
{
	mf_immdir b;

	all_have_the_second(p);
	b = head(p->b);
	cr_assert(strcmp(b.text, p->second.text) == 0);
	cr_assert(sim_count(p->b->h, SIM_PUT_DIR) == p->made, "the receiver made a snapshot of what it received");
}

/* ---- receiving ---- */

Test(engine_crash, case_30_between_emplacing_and_the_directory, .timeout = 60)
{
	for (int how = SIM_CRASH_PROCESS; how <= SIM_CRASH_POWER; how++) {
		struct pair p;
		pair_updated(&p, 300 + (uint64_t)how);
		dies_at(&(struct moment){.m = p.b, .after = SIM_RENAME, .op = SIM_UPDATE, .how = (enum sim_crash)how});
		cr_assert(cast_has(p.b, "p", LONG2), "it was emplaced");
		cr_assert(!cast_same_head(p.a, p.b, "p"), "and not linked");
		cast_open(p.b);
		cast_publish(p.b); /* the scan comes first */
		received_unmade(&p);
		cast_end(&p.c);
	}
}

/* Emplaced, and the database does not know; the grid may be out of reach when the daemon is back. */
static void
unrecorded(uint64_t seed, enum sim_crash how, bool cut_off)
{
	struct pair p;

	pair_updated(&p, seed);
	dies_at(&(struct moment){.m = p.b, .after = SIM_RENAME, .op = SIM_DB_WRITE, .how = how});
	cr_assert(cast_has(p.b, "p", LONG2) || how == SIM_CRASH_POWER);
	sim_trouble_of(p.b->h)->cut_off = cut_off;
	cast_open(p.b);
	cast_scan(p.b);
	sim_run_for(p.c.w, 3000);
	sim_trouble_of(p.b->h)->cut_off = false;
	received_unmade(&p);
	cast_end(&p.c);
}

Test(engine_crash, case_31_between_emplacing_and_the_database, .timeout = 60)
{
	for (int cut_off = 0; cut_off < 2; cut_off++) {
		unrecorded(310 + (uint64_t)cut_off, SIM_CRASH_PROCESS, cut_off);
		unrecorded(312 + (uint64_t)cut_off, SIM_CRASH_POWER, cut_off);
	}
}

/* Operations at which to act: all of them, or a sample. */
static uint64_t
stride(uint64_t sample)
{
	return getenv("MF_SOAK") != NULL ? 1 : sample;
}

static bool
dies_receiving(uint64_t n, enum sim_crash how)
{
	struct pair p;

	pair_updated(&p, 330 + n);
	sim_crash_after(p.b->h, how, n);
	work(p.b);
	bool died = sim_dead(p.b->h);
	sim_crash_after(p.b->h, how, 0);
	cast_bury(p.b);
	cr_assert(cast_has(p.b, "p", LONG1) || cast_has(p.b, "p", LONG2), "op %llu: p is torn or gone",
		(unsigned long long)n);
	if (died)
		cast_open(p.b);
	received_unmade(&p);
	cast_end(&p.c);
	return died;
}

Test(engine_crash, cases_30_31_at_any_operation_while_receiving, .timeout = 600)
{
	uint64_t n = 1;

	for (int how = SIM_CRASH_PROCESS; how <= SIM_CRASH_POWER; how++) {
		for (n = 1 + (uint64_t)how; dies_receiving(n, (enum sim_crash)how); n += stride(7))
			;
		cr_assert(n > 20, "it dies nowhere");
	}
}

/* ---- publishing ---- */

static void
no_file(void *arg, const char *relpath, const mf_stat *st, mf_str content)
{
	(void)arg;
	(void)st;
	(void)content;
	cr_assert_fail("%s is left in the stash", relpath);
}

/* One snapshot upon the first, no second one of the same, no row, no copy. */
static void
published_once(struct pair *p)
{
	mf_immdir cap;
	mf_snapshot s;
	mf_folder_status st;

	all_have_the_second(p);
	cr_assert(cast_head(p->a, "p", &cap, &s));
	cr_assert(s.n_parents == 1 && strcmp(s.parents[0].text, p->first.text) == 0, "another history");
	mf_snapshot_clear(&s);
	mf_folder_status_get(p->a->f, &st);
	cr_assert(st.uploads_queued == 0 && st.errors == 0);
	sim_walk(p->a->h, mf_folder_config(p->a->f)->stash_path, no_file, NULL);
}

Test(engine_crash, case_32_between_the_directory_and_the_row, .timeout = 60)
{
	for (int how = SIM_CRASH_PROCESS; how <= SIM_CRASH_POWER; how++) {
		struct pair p;
		pair_init(&p, 320 + (uint64_t)how);
		sim_sync_disk(p.a->h);
		dies_at(&(struct moment){
			.m = p.a, .after = SIM_UPDATE, .op = SIM_DB_WRITE, .how = (enum sim_crash)how});
		p.second = head(p.a);
		cr_assert(strcmp(p.second.text, p.first.text) != 0, "it was linked");
		cast_open(p.a);
		cast_publish(p.a);
		published_once(&p);
		mf_immdir now = head(p.a);
		cr_assert(strcmp(now.text, p.second.text) == 0, "it was made again");
		cast_end(&p.c);
	}
}

static bool
dies_publishing(uint64_t n, enum sim_crash how)
{
	struct pair p;

	pair_init(&p, 340 + n);
	sim_sync_disk(p.a->h);
	sim_crash_after(p.a->h, how, n);
	work(p.a);
	bool died = sim_dead(p.a->h);
	sim_crash_after(p.a->h, how, 0);
	cast_bury(p.a);
	cr_assert(cast_has(p.a, "p", LONG2), "op %llu: the user's file was touched", (unsigned long long)n);
	if (died)
		cast_open(p.a);
	published_once(&p);
	cast_end(&p.c);
	return died;
}

Test(engine_crash, case_32_at_any_operation_while_publishing, .timeout = 600)
{
	uint64_t n = 1;

	for (int how = SIM_CRASH_PROCESS; how <= SIM_CRASH_POWER; how++) {
		for (n = 1 + (uint64_t)how; dies_publishing(n, (enum sim_crash)how); n += stride(7))
			;
		cr_assert(n > 20, "it dies nowhere");
	}
}

/* ---- nothing can be stored ---- */

Test(engine_crash, case_19_an_edit_that_waits_meets_a_remote_one, .timeout = 60)
{
	struct pair p;

	pair_updated(&p, 190);
	sim_trouble_of(p.b->h)->cut_off = true;
	cast_write(p.b, "p", EDIT);
	cast_publish(p.b);
	sim_trouble_of(p.b->h)->cut_off = false;
	cast_receive(p.b);
	cast_settle(&p.c);
	cr_assert(cast_has(p.b, "p", EDIT) && cast_has(p.b, "p.conflict-alice", LONG2) && cast_conflicts(p.b) == 1);
	cr_assert(cast_has(p.a, "p", LONG2) && cast_has(p.a, "p.conflict-bob", EDIT) && cast_conflicts(p.a) == 1);
	cast_end(&p.c);
}

/* ---- the last moment ---- */

struct writing {
	struct member *m;
	enum sim_op op; /* SIM_OPS: any */
	uint64_t left;
	bool done;
};

static void
write_then(void *arg, enum sim_op op, const char *what)
{
	struct writing *x = arg;

	(void)what;
	if (x->done || (x->op != SIM_OPS && op != x->op) || --x->left > 0)
		return;
	x->done = true;
	cast_write(x->m, "p", EDIT);
}

/* The user writes p at the n-th operation of that kind while an update comes.  @return whether there was one. */
static bool
written_during(uint64_t seed, enum sim_op op, uint64_t n)
{
	struct pair p;

	pair_updated(&p, seed);
	struct writing x = {.m = p.b, .op = op, .left = n};
	sim_on_op(p.b->h, write_then, &x);
	work(p.b);
	sim_on_op(p.b->h, NULL, NULL);
	cast_settle(&p.c);
	if (x.done) {
		bool conflict = cast_conflicts(p.b) > 0;
		cr_assert(cast_has(p.b, "p", EDIT) || cast_has(p.b, "p.conflict-alice", EDIT),
			"op %llu: the user's bytes are lost", (unsigned long long)n);
		cr_assert(conflict ? cast_has(p.b, "p.conflict-alice", LONG2) : cast_has(p.a, "p", EDIT),
			"op %llu: alice's version is neither replaced by an edit of it nor kept beside",
			(unsigned long long)n);
	}
	cast_end(&p.c);
	return x.done;
}

Test(engine_crash, case_33_written_between_the_check_and_the_rename, .timeout = 300)
{
	cr_assert(written_during(3300, SIM_RENAME, 1), "nothing was renamed");
	for (uint64_t n = 1; written_during(3301 + n, SIM_OPS, n); n += stride(5))
		;
}

Test(engine_crash, case_34_a_full_disk_leaves_the_file_as_it_was, .timeout = 60)
{
	static const enum sim_op where[] = {SIM_WRITE, SIM_SYNC, SIM_RENAME, SIM_DB_WRITE};

	for (size_t i = 0; i < sizeof(where) / sizeof(*where); i++) {
		struct pair p;
		pair_updated(&p, 3400 + i);
		unsigned told = p.b->errors;
		sim_fail_often(p.b->h, where[i], 1000, ENOSPC);
		work(p.b);
		work(p.b);
		cr_assert(cast_has(p.b, "p", LONG1) || (where[i] == SIM_DB_WRITE && cast_has(p.b, "p", LONG2)), "%d",
			(int)where[i]);
		cr_assert(p.b->errors > told, "somebody is told");
		mf_immdir b = head(p.b);
		cr_assert(strcmp(b.text, p.first.text) == 0, "something was published");
		sim_calm(p.b->h);
		sim_trouble_of(p.b->h)->drop_events = 1000;
		received_unmade(&p);
		cast_end(&p.c);
	}
}
