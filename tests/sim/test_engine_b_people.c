/* Faults of the Python implementation that must not be ours (docs/faults.md): other people, the grid, many files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "forge.h"
#include "play.h"
#include "sync/doc/relpath.h"

static void
link_into(struct play *p, const mf_dirwrite *dir, const char *name, const char *cap)
{
	mf_link link = {.name = mf_strz(name), .cap = mf_strz(cap)};

	cr_assert(sim_poke_dir(p->c.w, dir, &link, 1) == MF_OK);
}

static void
fail_one_file(void *arg, enum sim_op op, const char *what)
{
	struct member *m = arg;

	if (op == SIM_STAT && strstr(what, "unlucky") != NULL)
		sim_fail_nth(m->h, SIM_STAT, 1, EIO);
}

Test(b_people, b04_nothing_unexpected_stops_the_rest, .timeout = 60)
{
	static const int64_t times[] = {
		-1, INT64_C(-62135596801), INT64_C(1) << 52, INT64_MIN / 1024, INT64_MAX / 1024};
	struct play p;
	char name[32];

	play_cast(&p, 304, 2);
	sim_on_op(p.b->h, fail_one_file, p.b);
	cast_write(p.a, "unlucky", BASE);
	cast_publish(p.a);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) { /* times that cannot be */
		(void)snprintf(name, sizeof(name), "time%zu", i);
		mf_immdir cap = forge(p.a, &(forged){.relpath = name, .text = BASE, .mtime_s = times[i]});
		forge_link(p.a, name, cap.text);
	}
	mf_immdir in_file = forge(p.a, &(forged){.relpath = "file/in", .text = BASE}); /* its parent is a file here */
	forge_link(p.a, "file@_in", in_file.text);
	cast_write(p.b, "file", THEIRS);
	link_into(&p, &mf_folder_config(p.a->f)->collective_write, "ma/llory", p.a->personal.text);
	link_into(&p, &mf_folder_config(p.a->f)->collective_write, "nobody", "URI:DIR2-RO:garbage");
	cast_write(p.a, "zz", OTHER);
	cast_publish(p.a);
	cast_publish(p.b);
	cast_receive(p.b);
	cast_receive(p.b); /* each answers */
	cr_assert(cast_has(p.b, "zz", OTHER) && cast_has(p.b, "file", THEIRS));
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		(void)snprintf(name, sizeof(name), "time%zu", i);
		cr_assert(cast_has(p.b, name, BASE), "%s", name);
	}
	cr_assert(!cast_exists(p.b, "unlucky") && p.b->errors > 0, "it is said");
	sim_on_op(p.b->h, NULL, NULL);
	sim_run_for(p.c.w, 120000);
	cr_assert(cast_has(p.b, "unlucky", BASE), "it is tried again");
	cr_assert(cast_move(p.b, "file", "elsewhere"));
	cast_publish(p.b);
	sim_run_for(p.c.w, 120000);
	cr_assert(cast_has(p.b, "file/in", BASE), "and so is this");
	cast_end(&p.c);
}

static void
vanish_when_opened(void *arg, enum sim_op op, const char *what)
{
	if (op == SIM_OPEN && strstr(what, "vanishing") != NULL)
		(void)cast_remove(arg, "vanishing");
}

Test(b_people, b08_a_file_that_cannot_be_read_holds_neither_scan_nor_poll_up, .timeout = 60)
{
	struct play p;

	play_cast(&p, 308, 2);
	cast_write(p.a, "secret", BASE);
	cast_settle(&p.c);
	cast_write(p.b, "secret", THEIRS);
	sim_chmod(p.b->h, cast_path("secret"), 0);
	cast_write(p.b, "vanishing", BASE);
	cast_write(p.b, "zz", OTHER);
	sim_on_op(p.b->h, vanish_when_opened, p.b);
	cast_write(p.a, "secret", OURS); /* an update for what cannot be read */
	cast_write(p.a, "zzz", OTHER);
	cast_publish(p.a);
	cast_publish(p.b);
	cast_receive(p.b);
	cast_publish(p.b);
	cast_receive(p.a);
	cr_assert(cast_has(p.a, "zz", OTHER), "scanned after both");
	cr_assert(cast_has(p.b, "zzz", OTHER), "polled after both");
	mf_folder_status st;
	mf_folder_status_get(p.b->f, &st);
	cr_assert(st.errors == 1 && st.uploads_queued == 0, "%s", p.b->last_error);
	sim_chmod(p.b->h, cast_path("secret"), 0644);
	cast_settle(&p.c);
	sim_run_for(p.c.w, 120000);
	cast_settle(&p.c);
	mf_folder_status_get(p.b->f, &st);
	cr_assert(st.errors == 0, "%s", p.b->last_error);
	cr_assert(cast_has(p.b, "secret", THEIRS) && cast_has(p.b, "secret.conflict-alice", OURS), "nothing is lost");
	cast_end(&p.c);
}

/* Somebody who calls himself otherwise than he is called in the folder. */
static mf_code
note_slot(void *arg, const char *relpath, const char *participant)
{
	cr_assert(strcmp(relpath, "p") == 0);
	mf_buf_addf(arg, "%s.", participant);
	return MF_OK;
}

Test(b_people, b30_a_conflict_has_one_name_everywhere, .timeout = 60)
{
	struct play p;
	mf_buf said = {0};

	play_cast(&p, 330, 2);
	cast_write(p.b, "p", THEIRS);
	cast_publish(p.b);
	mf_immdir cap = forge(p.a, &(forged){.relpath = "p", .text = OURS, .author = "Alice Liddell"});
	forge_link(p.a, "p", cap.text);
	cast_receive(p.b);
	cr_assert(mf_folder_conflicts(p.b->f, note_slot, &said, NULL) == MF_OK);
	cr_assert(mf_str_eq(mf_buf_str(&said), MF_STR("alice.")), "%.*s", (int)said.n, (char *)said.p);
	cr_assert(cast_has(p.b, "p.conflict-alice", OURS), "the same as in the file's name");
	play_resolve(p.b, MF_TAKE_USE, "alice");
	cr_assert(cast_has(p.b, "p", OURS));
	mf_buf_free(&said);
	cast_end(&p.c);
}

static void
note_answer(void *arg, const mf_err *err)
{
	*(mf_err *)arg = *err;
}

Test(b_people, b38_a_name_that_fits_no_file_is_refused_and_spoils_none, .timeout = 60)
{
	static const char *const bad[] = {"a/b", "/", "..", "x\n", ""};
	struct play p;

	play_cast(&p, 338, 2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mf_err answer = {.code = MF_EBUSY};
		mf_folder_add_participant(p.a->f, bad[i], &p.b->personal, NULL, note_answer, &answer, NULL);
		sim_run_for(p.c.w, 5000);
		cr_assert(answer.code == MF_EINVAL, "\"%s\": %s", bad[i], mf_code_name(answer.code));
	}
	/* another program did not mind: what comes from there gets a name that is one */
	struct member *d = cast_join(&p.c, "dora", NULL);
	cast_write(p.b, "p", THEIRS);
	cast_publish(p.b);
	link_into(&p, &mf_folder_config(p.a->f)->collective_write, "do/ra", d->personal.text);
	cast_open(d);
	cast_write(d, "p", OURS);
	cast_scan(d);
	sim_run_for(p.c.w, 5000);
	cast_poll(p.b);
	sim_run_for(p.c.w, 5000);
	char *tree = cast_tree(p.b);
	cr_assert(cast_has(p.b, "p", THEIRS) && cast_conflicts(p.b) == 1, "%s", tree);
	cr_assert(strstr(tree, "p.conflict-do") != NULL && strstr(tree, "conflict-do/") == NULL, "%s", tree);
	free(tree);
	cast_end(&p.c);
}

/* ---- histories ---- */

static void
versions(struct member *m, unsigned from, unsigned to)
{
	char text[100];

	for (unsigned i = from; i < to; i++) {
		(void)snprintf(text, sizeof(text), "%u %s", i, BASE);
		cast_write(m, "p", text);
		cast_publish(m);
	}
}

Test(b_people, b25_a_history_is_fetched_once, .timeout = 60)
{
	struct play p;

	play_cast(&p, 325, 2);
	versions(p.a, 0, 15);
	cast_receive(p.b);
	cr_assert(cast_same_head(p.a, p.b, "p"));
	uint64_t gets = sim_count(p.b->h, SIM_GET), lists = sim_count(p.b->h, SIM_LIST_GRID);
	cast_close(p.b);
	cast_open(p.b);
	cast_poll(p.b);
	sim_run_for(p.c.w, 500);
	/* but which version the list of participants is of */
	cr_assert(sim_count(p.b->h, SIM_GET) <= gets + 1, "a restart fetches nothing, %llu",
		(unsigned long long)(sim_count(p.b->h, SIM_GET) - gets));
	cr_assert(sim_count(p.b->h, SIM_LIST_GRID) - lists < 10);
	gets = sim_count(p.b->h, SIM_GET);
	versions(p.a, 15, 16);
	cast_receive(p.b);
	cr_assert(cast_same_head(p.a, p.b, "p"));
	cr_assert(sim_count(p.b->h, SIM_GET) - gets == 2, "a version costs its document and its content, not %llu",
		(unsigned long long)(sim_count(p.b->h, SIM_GET) - gets));
	cast_end(&p.c);
}

Test(b_people, b41_one_failure_on_the_way_to_the_ancestors_heals, .timeout = 60)
{
	static const enum sim_op ops[] = {SIM_GET, SIM_LIST_GRID};

	for (unsigned i = 0; i < 8; i++) {
		struct play p;
		play_cast(&p, 341 + i, 2);
		cast_close(p.b);
		versions(p.a, 0, 3);
		cast_open(p.b);
		sim_fail_nth(p.b->h, ops[i % 2], i / 2 + 1, MF_ENET);
		cast_poll(p.b); /* it answers */
		sim_calm(p.b->h);
		sim_trouble_of(p.b->h)->drop_events = 1000;
		cast_poll(p.b);
		sim_run_for(p.c.w, 120000);
		cr_assert(cast_same_head(p.a, p.b, "p"), "operation %u", i);
		versions(p.a, 3, 4); /* with no hole in what is known */
		cast_receive(p.b);
		cr_assert(cast_same_head(p.a, p.b, "p"), "operation %u, afterwards", i);
		cr_assert(cast_conflicts(p.b) == 0 && p.b->conflicts_added == 0);
		cast_end(&p.c);
	}
}

/* ---- many files ---- */

Test(b_people, b24_many_files_go_in_few_updates_and_side_by_side, .timeout = 60)
{
	enum { FILES = 100, SLOW_MS = 200 };
	struct play p;
	char name[16], text[100];

	play_cast(&p, 324, 2);
	sim_trouble_of(p.a->h)->slow_ms = SLOW_MS;
	sim_trouble_of(p.b->h)->slow_ms = SLOW_MS;
	for (unsigned i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "f%02u", i);
		(void)snprintf(text, sizeof(text), "%u %s", i, BASE);
		cast_write(p.a, name, text);
	}
	sim_trouble_of(p.b->h)->cut_off = true;
	uint64_t updates = sim_count(p.a->h, SIM_UPDATE);
	int64_t begin = sim_now_ms(p.c.w);
	cast_scan(p.a);
	cr_assert(cast_wait_idle(&p.c, 200));
	cr_assert(cast_entries(p.a) == FILES + 1);
	updates = sim_count(p.a->h, SIM_UPDATE) - updates;
	cr_assert(updates <= FILES / 4, "%llu updates of one directory", (unsigned long long)updates);
	/* three objects and an update each, one after the other, would be 40 s */
	int64_t sent = sim_now_ms(p.c.w) - begin;
	cr_assert(sent < FILES * 4 * (SLOW_MS / 2) * 6 / 10, "%lld ms", (long long)sent);
	sim_trouble_of(p.b->h)->cut_off = false;
	begin = sim_now_ms(p.c.w);
	updates = sim_count(p.b->h, SIM_UPDATE);
	cast_poll(p.b);
	cr_assert(cast_wait_idle(&p.c, 200));
	cr_assert(cast_entries(p.b) == FILES + 1);
	cr_assert(sim_count(p.b->h, SIM_UPDATE) - updates <= FILES / 4);
	int64_t got = sim_now_ms(p.c.w) - begin;
	cr_assert(got < FILES * 4 * (SLOW_MS / 2) * 6 / 10, "%lld ms", (long long)got);
	cast_end(&p.c);
}

/* The nth object takes minutes; so long nothing else does. */
struct hanging {
	struct member *m;
	unsigned nth, puts;
};

static void
hang(void *arg, enum sim_op op, const char *what)
{
	struct hanging *x = arg;

	(void)what;
	x->puts += op == SIM_PUT;
	sim_trouble_of(x->m->h)->slow_ms = op == SIM_PUT && x->puts == x->nth ? 1200000 : 0;
}

Test(b_people, b27_a_request_that_hangs_holds_no_other_file_up, .timeout = 60)
{
	struct play p;

	play_cast(&p, 327, 2);
	struct hanging x = {p.a, 1, 0};
	sim_on_op(p.a->h, hang, &x);
	cast_write(p.a, "first", OURS);
	mf_folder_scan(p.a->f, cast_ignore, NULL, NULL);
	sim_run_for(p.c.w, 5000);
	cr_assert(x.puts > 0 && cast_entries(p.a) == 1, "it hangs");
	cast_write(p.a, "second", THIRD);
	cast_write(p.b, "theirs", THEIRS);
	cast_publish(p.b);
	mf_folder_scan(p.a->f, cast_ignore, NULL, NULL);
	cast_receive(p.a);
	cr_assert(cast_entries(p.a) == 3 && cast_has(p.a, "theirs", THEIRS), "what came meanwhile, and its link");
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "second", THIRD) && !cast_exists(p.b, "first"));
	sim_run_for(p.c.w, 1200000);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "first", OURS));
	cast_end(&p.c);
}

Test(b_people, b44_each_version_has_its_own_time, .timeout = 60)
{
	static const int64_t times[] = {1500000000, 1600000000, 1400000000, 1700000000}; /* also back */
	static const char *const text[] = {BASE, OURS, THEIRS, THIRD};
	struct play p;
	mf_stat st;

	play_cast(&p, 344, 2);
	for (size_t i = 0; i < 4; i++) {
		mf_immdir cap;
		mf_snapshot s;
		cast_write(p.a, "p", text[i]);
		sim_touch(p.a->h, cast_path("p"), times[i] * 1000000000);
		cast_publish(p.a);
		cr_assert(cast_head(p.a, "p", &cap, &s) && s.has_mtime && s.mtime_s == times[i], "version %zu", i);
		mf_snapshot_clear(&s);
		cast_receive(p.b);
		cr_assert(cast_has(p.b, "p", text[i]), "times decide nothing");
		cr_assert(sim_stat(p.b->h, cast_path("p"), &st) && st.mtime_ns == times[i] * 1000000000, "version %zu",
			i);
	}
	cr_assert(p.a->conflicts_added + p.b->conflicts_added == 0);
	cast_end(&p.c);
}
