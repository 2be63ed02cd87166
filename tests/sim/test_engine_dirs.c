/* Directories on the grid: never believed backwards, entries that go, batches, and our own directory written by
 * somebody else. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "forge.h"
#include "sync/engine.h"

/* Both have "p" with LONG1. */
static void
pair_init(struct cast_pair *p, uint64_t seed)
{
	cast_pair_dark(p, seed);
	cast_write(p->a, "p", LONG1);
	cast_publish(p->a);
	cast_receive(p->b);
	cast_receive(p->a);
	cr_assert(cast_has(p->b, "p", LONG1));
}

static void
find_text(void *arg, const char *relpath, const char *text, int64_t at_ns)
{
	const char **want = arg;

	(void)at_ns;
	if (strstr(text, want[0]) != NULL && (relpath == NULL) == (want[1] == NULL) &&
		(relpath == NULL || strcmp(relpath, want[1]) == 0))
		want[0] = "";
}

/* Is there a present error about @p what (NULL: the folder) that says @p text? */
static bool
says(struct member *m, const char *what, const char *text)
{
	const char *want[2] = {text, what};

	mf_folder_errors(m->f, find_text, want);
	return want[0][0] == '\0';
}

static uint64_t
version_of(struct member *m, const mf_dirread *dir)
{
	mf_listing l;

	cr_assert(sim_peek_dir(m->cast->w, dir, &l) == MF_OK);
	uint64_t v = l.version.seqnum;
	mf_listing_free(&l);
	return v;
}

/* ---- never backwards ---- */

Test(engine_dirs, an_older_version_is_kept_out_reported_once_and_mends_itself, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 101);
	cast_write(p.a, "p", LONG2);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "p", LONG2) && cast_errors(p.b) == 0);
	sim_trouble_of(p.b->h)->rolled_back = true;
	unsigned told = p.b->errors;
	cast_receive(p.b);
	cr_assert(says(p.b, "participant alice", "went back from version"));
	cast_receive(p.b);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "p", LONG2) && cast_conflicts(p.b) == 0);
	unsigned once = p.b->errors - told;
	cast_write(p.b, "q", LONG3); /* what is local goes on */
	cast_publish(p.b);
	cast_receive(p.a);
	cr_assert(cast_has(p.a, "q", LONG3));
	cr_assert(once == 2 && p.b->errors - told == 2, "alice's directory and the Collective, once each: %u", once);
	sim_trouble_of(p.b->h)->rolled_back = false;
	cast_receive(p.b);
	cr_assert(cast_errors(p.b) == 0, "it clears itself");
	cast_end(&p.c);
}

Test(engine_dirs, an_older_version_is_known_as_one_after_a_restart_too, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 102);
	cast_write(p.a, "p", LONG2);
	cast_publish(p.a);
	cast_receive(p.b);
	cast_close(p.b);
	sim_trouble_of(p.b->h)->rolled_back = true;
	cast_open(p.b);
	sim_run_for(p.c.w, 20000);
	cr_assert(says(p.b, "participant alice", "went back from version"));
	cr_assert(says(p.b, NULL, "went back from version"));
	cr_assert(cast_has(p.b, "p", LONG2) && cast_conflicts(p.b) == 0);
	sim_trouble_of(p.b->h)->rolled_back = false;
	cast_write(p.a, "p", LONG3);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "p", LONG3) && cast_errors(p.b) == 0);
	cast_end(&p.c);
}

Test(engine_dirs, another_version_of_the_same_number_is_kept_out, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 103);
	mf_immdir cap = forge(p.a, &(forged){.relpath = "evil", .text = LONG2});
	uint64_t v = version_of(p.a, &p.a->personal);
	forge_link(p.a, "evil", cap.text);
	sim_number_dir(p.c.w, &p.a->personal, v);
	cast_receive(p.b);
	cr_assert(says(p.b, "participant alice", "another than the one seen before"));
	cr_assert(!cast_exists(p.b, "evil"));
	cast_close(p.b);
	cast_open(p.b);
	sim_run_for(p.c.w, 20000);
	cr_assert(says(p.b, "participant alice", "another than the one seen before"));
	cr_assert(!cast_exists(p.b, "evil"));
	sim_number_dir(p.c.w, &p.a->personal, v + 1);
	cast_receive(p.b);
	cr_assert(cast_errors(p.b) == 0 && cast_has(p.b, "evil", LONG2));
	cast_end(&p.c);
}

Test(engine_dirs, people_known_are_read_while_the_collective_is_not_believed, .timeout = 60)
{
	struct cast_pair p;
	const mf_folder_conf *conf;

	pair_init(&p, 104);
	conf = mf_folder_config(p.a->f);
	uint64_t v = version_of(p.a, &p.c.collective);
	mf_link gone = {.name = MF_STR("alice"), .how = MF_LINK_REMOVE};
	cr_assert(sim_poke_dir(p.c.w, &conf->collective_write, &gone, 1) == MF_OK);
	sim_number_dir(p.c.w, &p.c.collective, v - 1);
	cast_close(p.b);
	cast_open(p.b);
	sim_run_for(p.c.w, 20000);
	cr_assert(says(p.b, NULL, "went back"));
	cast_write(p.a, "p", LONG2);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "p", LONG2), "alice is still read");
	cast_end(&p.c);
}

/* ---- a directory exchanged for another ---- */

/* bob's name in the Collective leads to a new, empty directory from now on. */
static void
exchange_bob(struct cast_pair *p, const mf_dirwrite *collective, mf_dirwrite *dir)
{
	struct mf_grid *g = sim_grid_of(p->b->h);
	mf_dirread ro;

	cr_assert(g->ops->mkdir(g, dir, NULL, NULL) == MF_OK);
	mf_dirwrite_read(dir, &ro);
	mf_link link = {.name = MF_STR("bob"), .cap = mf_strz(ro.text)};
	cr_assert(sim_poke_dir(p->c.w, collective, &link, 1) == MF_OK);
}

static void
exchanged(uint64_t seed, bool while_off)
{
	struct cast_pair p;
	mf_dirwrite collective, dir;
	mf_head_row *rows;
	size_t n;

	pair_init(&p, seed);
	collective = mf_folder_config(p.a->f)->collective_write;
	for (int i = 0; i < 4; i++) {
		cast_write(p.b, "q", i % 2 == 0 ? LONG1 : LONG2);
		cast_publish(p.b);
	}
	cast_receive(p.a);
	cr_assert(cast_has(p.a, "q", LONG2));
	if (while_off)
		cast_close(p.a);
	exchange_bob(&p, &collective, &dir);
	if (while_off)
		cast_open(p.a);
	cast_receive(p.a);
	cast_receive(p.a);
	cr_assert(!says(p.a, "participant bob", "went back") && cast_errors(p.a) == 0);
	cr_assert(cast_has(p.a, "q", LONG2) && cast_has(p.a, "p", LONG1) && cast_conflicts(p.a) == 0);
	cr_assert(mf_state_head_get(p.a->f->state, "q", &rows, &n, NULL) == MF_OK);
	cr_assert(n == 1 && rows[0].participant[0] == '\0', "the old directory's heads are no longer bob's");
	mf_heads_free(rows, n);
	cast_end(&p.c);
}

Test(engine_dirs, a_directory_exchanged_for_another_did_not_go_back, .timeout = 60)
{
	exchanged(105, false);
}

Test(engine_dirs, nor_one_exchanged_while_we_were_off, .timeout = 60)
{
	exchanged(106, true);
}

/* ---- entries that go ---- */

Test(engine_dirs, an_entry_that_goes_while_another_comes_is_noticed, .timeout = 60)
{
	struct cast_pair p;
	mf_head_row *rows;
	size_t n;

	pair_init(&p, 107);
	mf_immdir cap = forge(p.a, &(forged){.relpath = "new", .text = LONG2});
	mf_link links[2] = {{.name = MF_STR("p"), .how = MF_LINK_REMOVE},
		{.name = MF_STR("new"), .cap = mf_strz(cap.text), .how = MF_LINK_NEW}};
	cr_assert(sim_poke_dir(p.c.w, &mf_folder_config(p.a->f)->personal, links, 2) == MF_OK);
	cast_close(p.a); /* she would put it right */
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "new", LONG2) && cast_has(p.b, "p", LONG1), "only a snapshot deletes a file");
	cr_assert(mf_state_head_get(p.b->f->state, "p", &rows, &n, NULL) == MF_OK);
	cr_assert(n == 1 && rows[0].participant[0] == '\0', "alice shows it no more");
	mf_heads_free(rows, n);
	cast_end(&p.c);
}

/* ---- batches ---- */

Test(engine_dirs, a_link_refused_for_good_holds_no_other_up, .timeout = 60)
{
	struct cast_pair p;
	char name[16];

	pair_init(&p, 108);
	sim_trouble_of(p.a->h)->refuse = "f13";
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		cast_write(p.a, name, LONG2);
	}
	uint64_t updates = sim_count(p.a->h, SIM_UPDATE);
	cast_publish(p.a);
	cr_assert(sim_count(p.a->h, SIM_UPDATE) - updates < 30, "halves, not one by one");
	cast_receive(p.b);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		cr_assert(cast_exists(p.b, name) == (i != 13), "%s", name);
	}
	cr_assert(says(p.a, "f13", "refuses") && cast_errors(p.a) == 1, "%s, %llu", p.a->last_error,
		(unsigned long long)cast_errors(p.a));
	sim_trouble_of(p.a->h)->refuse = NULL;
	sim_run_for(p.c.w, 120000);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "f13", LONG2) && cast_errors(p.a) == 0);
	cast_end(&p.c);
}

Test(engine_dirs, a_directory_that_refuses_everything_is_one_error, .timeout = 60)
{
	struct cast_pair p;
	char name[16];

	pair_init(&p, 109);
	sim_fail_often(p.a->h, SIM_UPDATE, 1000, MF_EFORMAT);
	for (int i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		cast_write(p.a, name, LONG2);
	}
	cast_publish(p.a);
	sim_run_for(p.c.w, 30000);
	cr_assert(cast_errors(p.a) <= 2, "%llu", (unsigned long long)cast_errors(p.a));
	sim_calm(p.a->h);
	sim_run_for(p.c.w, 120000);
	cast_receive(p.b);
	for (int i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		cr_assert(cast_has(p.b, name, LONG2), "%s", name);
	}
	cr_assert(cast_errors(p.a) == 0);
	cast_end(&p.c);
}

/* ---- our own directory, written by another device with our configuration ---- */

Test(engine_dirs, nothing_is_published_over_what_was_not_seen, .timeout = 60)
{
	struct cast_pair p;
	mf_immdir head, other;
	mf_snapshot snap;

	pair_init(&p, 110);
	cr_assert(cast_head(p.a, "p", &head, &snap));
	mf_snapshot_clear(&snap);
	cast_close(p.b); /* our own directory is the only place where it is */
	other = forge(p.a, &(forged){.relpath = "p", .text = LONG2, .parent = &head});
	forge_link(p.a, "p", other.text);
	cast_write(p.a, "p", LONG3);
	cast_publish(p.a);
	sim_run_for(p.c.w, 10000);
	/* both edits are of LONG1: neither may vanish */
	char *tree = cast_tree(p.a);
	cr_assert(cast_has(p.a, "p", LONG3) && cast_has(p.a, "p.conflict-alice", LONG2), "%s", tree);
	free(tree);
	cast_open(p.b);
	sim_run_for(p.c.w, 1000);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "p", LONG2), "the other device's edit is in the directory still");
	cr_assert(cast_remove(p.a, "p.conflict-alice"));
	cast_publish(p.a);
	sim_run_for(p.c.w, 10000);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "p", LONG3) && cast_conflicts(p.a) == 0 && cast_errors(p.a) == 0);
	cast_end(&p.c);
}

Test(engine_dirs, entries_of_another_device_of_ours_are_taken_in_before_we_publish, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 111);
	mf_immdir cap = forge(p.a, &(forged){.relpath = "elsewhere", .text = LONG2});
	forge_link(p.a, "elsewhere", cap.text);
	cast_write(p.a, "here", LONG3);
	cast_publish(p.a);
	sim_run_for(p.c.w, 10000);
	cr_assert(cast_has(p.a, "elsewhere", LONG2));
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "elsewhere", LONG2) && cast_has(p.b, "here", LONG3));
	cr_assert(cast_errors(p.a) == 0);
	cast_end(&p.c);
}

Test(engine_dirs, an_answer_lost_on_the_way_is_no_stranger, .timeout = 60)
{
	struct cast_pair p;

	pair_init(&p, 112);
	sim_trouble_of(p.a->h)->lose_answer = 1000;
	cast_write(p.a, "here", LONG3);
	cast_scan(p.a);
	sim_run_for(p.c.w, 500);
	sim_calm(p.a->h);
	sim_run_for(p.c.w, 30000);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "here", LONG3) && cast_errors(p.a) == 0 && cast_conflicts(p.a) == 0);
	cast_end(&p.c);
}
