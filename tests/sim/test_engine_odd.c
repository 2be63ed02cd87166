/* What is on a disk and in a directory by accident or malice: conformance cases 35 to 37, 43 to 45. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "forge.h"
#include "sync/doc/relpath.h"

Test(engine_odd, case_35_an_unreadable_file_holds_nothing_up, .timeout = 60)
{
	struct cast_pair p;

	cast_pair_dark(&p, 35);
	cast_write(p.a, "before", LONG1);
	cast_write(p.a, "secret", LONG2);
	cast_write(p.a, "there", LONG1);
	cast_mkdirs(p.a, "closed");
	cast_write(p.a, "closed/in", LONG1);
	cast_publish(p.a);
	cast_receive(p.b);
	sim_chmod(p.a->h, cast_path("secret"), 0);
	sim_chmod(p.a->h, cast_path("closed"), 0);
	cast_write(p.a, "zz", LONG1);
	cast_write(p.a, "secret2", LONG1);
	sim_chmod(p.a->h, cast_path("secret2"), 0);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "zz", LONG1) && cast_has(p.b, "secret", LONG2) && cast_has(p.b, "closed/in", LONG1));
	cr_assert(!cast_exists(p.b, "secret2"));
	cr_assert(p.a->errors > 0, "somebody is told");
	sim_chmod(p.a->h, cast_path("secret2"), 0644);
	sim_chmod(p.a->h, cast_path("closed"), 0755);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "secret2", LONG1));
	cast_end(&p.c);
}

static void
remove_when_opened(void *arg, enum sim_op op, const char *what)
{
	if (op == SIM_OPEN && strstr(what, "vanishing") != NULL)
		(void)cast_remove(arg, "vanishing");
}

Test(engine_odd, case_36_a_file_that_vanishes_during_the_scan, .timeout = 60)
{
	struct cast_pair p;

	cast_pair_dark(&p, 36);
	cast_write(p.a, "vanishing", LONG1);
	cast_write(p.a, "staying", LONG1);
	sim_on_op(p.a->h, remove_when_opened, p.a);
	cast_publish(p.a);
	sim_on_op(p.a->h, NULL, NULL);
	cr_assert(!cast_exists(p.a, "vanishing"));
	sim_run_for(p.c.w, 10000);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "staying", LONG1) && cast_entries(p.a) == 2);
	cast_write(p.a, "vanishing", LONG2);
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "vanishing", LONG2));
	cast_end(&p.c);
}

Test(engine_odd, b21_case_37_links_and_special_files_are_left_alone, .timeout = 60)
{
	struct cast_pair p;

	cast_pair_dark(&p, 37);
	sim_mkdirs(p.a->h, "/home/elsewhere");
	sim_writez(p.a->h, "/home/elsewhere/secret", LONG2);
	cast_write(p.a, "file", LONG1);
	sim_symlink(p.a->h, cast_path("to-file"), "file");
	sim_symlink(p.a->h, cast_path("to-outside"), "/home/elsewhere");
	sim_symlink(p.a->h, cast_path("to-loop"), "to-loop");
	sim_symlink(p.a->h, cast_path("to-root"), "/");
	sim_special(p.a->h, cast_path("fifo"));
	cast_publish(p.a);
	cr_assert(cast_entries(p.a) == 2, "%zu", cast_entries(p.a));
	cr_assert(cast_remove(p.a, "file")); /* a file that becomes a link is deleted */
	sim_symlink(p.a->h, cast_path("file"), "/home/elsewhere/secret");
	cast_publish(p.a);
	cast_receive(p.b);
	cr_assert(!cast_exists(p.b, "file"));
	cast_end(&p.c);
}

/* ---- a participant who means ill ---- */

Test(engine_odd, b10_case_43_a_malformed_entry_spoils_nothing_else, .timeout = 60)
{
	struct cast_pair p;

	cast_pair_dark(&p, 43);
	struct member *c = cast_add(&p.c, "carol");
	forge_link(p.a, "@x", "URI:DIR2-LIT:");
	forge_link(p.a, "garbage", "URI:DIR2-CHK:garbage");
	forge_link(p.a, "file", "URI:LIT:onug64tu");
	forge_link(p.a, "future", "URI:NEW-KIND:abc");
	mf_link aaron = {.name = MF_STR("aaron"), .cap = MF_STR("URI:DIR2-RO:garbage")};
	cr_assert(sim_poke_dir(p.c.w, &mf_folder_config(p.a->f)->collective_write, &aaron, 1) == MF_OK);
	cast_write(p.a, "good", LONG1);
	cast_write(p.b, "too", LONG2);
	cast_publish(p.a);
	cast_publish(p.b);
	cast_receive(c);
	cr_assert(cast_has(c, "good", LONG1) && cast_has(c, "too", LONG2));
	cr_assert(c->errors > 0, "somebody is told");
	cr_assert(!cast_exists(c, "garbage") && !cast_exists(c, "file") && !cast_exists(c, "future"));
	cast_end(&p.c);
}

Test(engine_odd, b20_case_44_evil_paths_write_nothing, .timeout = 60)
{
	static const char *const evil[] = {
		"../x", "/x", "a/../b", "", ".", "a//b", "./a", "..", "a/", "/home/x", "../folder2/x"};
	struct cast_pair p;

	cast_pair_dark(&p, 44);
	cast_write(p.a, "good", LONG1);
	cast_publish(p.a);
	for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
		mf_immdir cap = forge(p.a, &(forged){.relpath = evil[i], .text = LONG2});
		mf_buf name = {0};
		mf_mangle(mf_strz(evil[i]), &name);
		forge_link(p.a, name.n == 0 ? "@" : (const char *)name.p, cap.text);
		mf_buf_free(&name);
	}
	sim_mkdirs(p.b->h, CAST_DIR "2"); /* a neighbour whose name begins alike */
	cast_receive(p.b);
	cr_assert(cast_has(p.b, "good", LONG1) && p.b->errors > 0);
	mf_buf tree = {0};
	sim_tree(p.b->h, "/", &tree);
	cr_assert(strstr((char *)tree.p, "home/x") == NULL && strstr((char *)tree.p, " x\n") == NULL);
	mf_buf_free(&tree);
	char *folder = cast_tree(p.b);
	cr_assert(strchr(folder, '\n') == strrchr(folder, '\n'), "%s", folder);
	free(folder);
	cast_end(&p.c);
}

Test(engine_odd, case_45_an_entry_under_another_name_is_refused, .timeout = 60)
{
	struct cast_pair p;

	cast_pair_dark(&p, 45);
	mf_immdir cap = forge(p.a, &(forged){.relpath = "right", .text = LONG1});
	forge_link(p.a, "wrong", cap.text);
	cast_receive(p.b);
	cr_assert(!cast_exists(p.b, "wrong") && !cast_exists(p.b, "right") && p.b->errors > 0);
	cast_end(&p.c);
}

Test(engine_odd, a_bad_signature_is_refused, .timeout = 60)
{
	struct cast_pair p;

	cast_pair_dark(&p, 46);
	mf_immdir cap = forge(p.a, &(forged){.relpath = "p", .text = LONG1});
	mf_dirread dir;
	mf_listing l;
	mf_link links[2];
	mf_immdir other_dir;
	mf_immdir_read(&cap, &dir);
	cr_assert(sim_peek_dir(p.c.w, &dir, &l) == MF_OK && l.n == 2);
	struct mf_grid *g = sim_grid_of(p.a->h);
	mf_source src = mf_source_mem(LONG2, strlen(LONG2));
	mf_filecap other;
	cr_assert(g->ops->put(g, &src, &other, NULL, NULL) == MF_OK);
	for (size_t i = 0; i < 2; i++)
		links[i] = (mf_link){.name = l.child[i].name, .cap = l.child[i].ro, .metadata = l.child[i].metadata};
	links[0].cap = mf_strz(other.text); /* "content" is sorted first */
	cr_assert(g->ops->put_dir(g, links, 2, &other_dir, NULL, NULL) == MF_OK);
	mf_listing_free(&l);
	forge_link(p.a, "p", other_dir.text);
	cast_receive(p.b);
	cr_assert(!cast_exists(p.b, "p") && p.b->errors > 0);
	cast_end(&p.c);
}

/* The user moves the directory in the moment when the marker is to be written. */
static void
move_directory(void *arg, enum sim_op op, const char *what)
{
	struct member *m = arg;

	if (op != SIM_OPEN || strstr(what, "f/.magic-folder-") == NULL)
		return;
	sim_on_op(m->h, NULL, NULL);
	cr_assert(cast_move(m, "f", "g"));
}

Test(engine_odd, a_marker_gets_the_directory_that_went, .timeout = 60)
{
	struct cast c;

	cast_init(&c, 9);
	c.poll_s = c.scan_s = 5;
	struct member *a = cast_add(&c, "alice"), *b = cast_add(&c, "bob");
	sim_trouble_of(a->h)->cut_off = true;
	cast_mkdirs(a, "f");
	cast_write(a, "f/p", "one");
	cast_mkdirs(b, "f");
	cast_write(b, "f/p", "two");
	sim_run_for(c.w, 20000);
	sim_on_op(b->h, move_directory, b);
	sim_trouble_of(a->h)->cut_off = false;
	sim_run_for(c.w, 60000);
	cr_assert(cast_has(b, "g/p", "two"), "the user's");
	cr_assert(cast_has(b, "f/p.conflict-alice", "one"), "theirs");
	cr_assert(cast_conflicts(b) == 1);
	mf_folder_status st;
	mf_folder_status_get(b->f, &st);
	cr_assert(st.errors == 0, "%s", b->last_error);
	/* to remove it is to decide: f/p is gone */
	cr_assert(cast_remove(b, "f/p.conflict-alice"));
	sim_run_for(c.w, 60000);
	cr_assert(cast_conflicts(b) == 0 && cast_conflicts(a) == 0 && !cast_exists(a, "f/p") && !cast_exists(b, "f/p"));
	cr_assert(cast_has(a, "g/p", "two"));
	cast_end(&c);
}

/* ---- a power cut in the moment of a replacement: the index need not be durable ----------------------------------- */

static const char *const index_file[2] = {CAST_STATE "/index.sqlite", CAST_STATE "/index.sqlite-wal"};

static void
die_after_rename(void *arg, enum sim_op op, const char *what)
{
	struct member *m = arg;

	(void)what;
	if (m->tag != NULL)
		sim_crash(m->h, SIM_CRASH_PROCESS);
	else if (op == SIM_RENAME)
		m->tag = m;
}

/* @p text NULL: the user deletes what came; else replaces it. */
static void
replaced_before_it_was_recorded(uint64_t seed, const char *text)
{
	struct cast_pair p;
	mf_buf before[2] = {0};

	cast_pair_dark(&p, seed);
	cast_write(p.a, "p", LONG1);
	cast_publish(p.a);
	cast_receive(p.b);
	for (int i = 0; i < 2; i++)
		(void)sim_read(p.b->h, index_file[i], &before[i]);
	sim_on_op(p.b->h, die_after_rename, p.b);
	cast_write(p.a, "p", LONG2);
	cast_publish(p.a);
	if (!sim_dead(p.b->h))
		mf_folder_poll(p.b->f, cast_ignore, NULL, NULL);
	sim_run_for(p.c.w, 3000);
	sim_on_op(p.b->h, NULL, NULL);
	cr_assert(sim_dead(p.b->h) && cast_has(p.b, "p", LONG2));
	cast_bury(p.b);
	for (int i = 0; i < 2; i++) {
		sim_write(p.b->h, index_file[i], before[i].p, before[i].n);
		mf_buf_free(&before[i]);
	}
	if (text == NULL)
		(void)cast_remove(p.b, "p");
	else
		cast_write(p.b, "p", text);
	sim_trouble_of(p.b->h)->cut_off = true; /* so the index is not complete again before it is asked */
	cast_open(p.b);
	sim_run_for(p.c.w, 3000);
	sim_trouble_of(p.b->h)->cut_off = false;
	cast_settle(&p.c);
	cr_assert(cast_conflicts(p.a) == 0 && cast_conflicts(p.b) == 0);
	cr_assert(text == NULL ? !cast_exists(p.a, "p") && !cast_exists(p.b, "p")
			       : cast_has(p.a, "p", text) && cast_has(p.b, "p", text));
	cast_end(&p.c);
}

/* It was taken for never having been here: a deletion was undone, an edit made a conflict. */
Test(engine_odd, what_came_and_was_replaced_is_known_although_the_index_is_lost, .timeout = 60)
{
	replaced_before_it_was_recorded(80, NULL);
	replaced_before_it_was_recorded(81, "what bob made of it, which is too long to travel in its capability ....");
}
