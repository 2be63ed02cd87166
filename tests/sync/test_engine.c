/* The engine as a whole: real files, real databases, the embedded store, devices in one process. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/sync/pair.h"

static struct world w;

struct first {
	size_t i;
	const char *rel;
	char c;
};

static bool
has_first(struct world *x, void *arg)
{
	struct first *e = arg;
	FILE *f = fopen(path_of(x, e->i, e->rel), "r");
	int c = f == NULL ? EOF : fgetc(f);

	if (f != NULL)
		fclose(f);
	return c == e->c;
}

/* Wait until a file begins with @p c. */
static bool
wait_first(struct world *x, size_t i, const char *rel, char c)
{
	struct first e = {i, rel, c};

	return wait_for(x, has_first, &e, 20000);
}

static void
two_started(void)
{
	world_open(&w, 2);
	world_start(&w, 0);
	world_start(&w, 1);
}

Test(engine, a_file_saved_here_appears_there, .timeout = 60)
{
	two_started();
	put_text(&w, 0, "hello.txt", "hello from alice");
	cr_assert(wait_text(&w, 1, "hello.txt", "hello from alice"));
	put_text(&w, 1, "reply.txt", "hello from bob");
	cr_assert(wait_text(&w, 0, "reply.txt", "hello from bob"));
	put_text(&w, 0, "hello.txt", "second version");
	cr_assert(wait_text(&w, 1, "hello.txt", "second version"));
	put_text(&w, 1, "hello.txt", "third version, by bob");
	cr_assert(wait_text(&w, 0, "hello.txt", "third version, by bob"));
	cr_assert(unlink(path_of(&w, 0, "hello.txt")) == 0);
	cr_assert(wait_text(&w, 1, "hello.txt", NULL));
	put_text(&w, 1, "hello.txt", "born again");
	cr_assert(wait_text(&w, 0, "hello.txt", "born again"));
	cr_assert(w.dev[0].errors == 0 && w.dev[1].errors == 0);
	world_close(&w);
}

Test(engine, directories_and_empty_files_travel, .timeout = 60)
{
	two_started();
	cr_assert(mkdir(path_of(&w, 0, "a"), 0755) == 0);
	cr_assert(mkdir(path_of(&w, 0, "a/b"), 0755) == 0);
	put_text(&w, 0, "a/b/empty", "");
	put_text(&w, 0, "a/b/c@d.txt", "named so");
	cr_assert(wait_text(&w, 1, "a/b/empty", ""));
	cr_assert(wait_text(&w, 1, "a/b/c@d.txt", "named so"));
	cr_assert(unlink(path_of(&w, 0, "a/b/empty")) == 0);
	cr_assert(unlink(path_of(&w, 0, "a/b/c@d.txt")) == 0);
	cr_assert(wait_text(&w, 1, "a/b/empty", NULL));
	cr_assert(wait_text(&w, 1, "a/b/c@d.txt", NULL));
	run_for(&w, 300);
	cr_assert(access(path_of(&w, 1, "a"), F_OK) != 0, "a directory that we made goes with its last file");
	cr_assert(access(path_of(&w, 0, "a/b"), F_OK) == 0, "the user's own directory stays");
	world_close(&w);
}

Test(engine, two_different_edits_are_a_conflict_and_nothing_is_lost, .timeout = 60)
{
	world_open(&w, 2);
	world_start(&w, 0);
	put_text(&w, 0, "p", "alice's own");
	cr_assert(scan_now(&w, 0) == MF_OK);
	run_for(&w, 500);
	put_text(&w, 1, "p", "bob's own, other");
	world_start(&w, 1);
	cr_assert(wait_text(&w, 1, "p.conflict-alice", "alice's own"));
	cr_assert(wait_text(&w, 0, "p.conflict-bob", "bob's own, other"));
	cr_assert(wait_text(&w, 0, "p", "alice's own"));
	cr_assert(wait_text(&w, 1, "p", "bob's own, other"));
	run_for(&w, 500);
	cr_assert(access(path_of(&w, 1, "p.conflict-alice.conflict-alice"), F_OK) != 0);
	/* settled on the file system: theirs */
	cr_assert(rename(path_of(&w, 1, "p.conflict-alice"), strcat(strcpy((char[1024]){0}, w.dev[1].dir), "/p")) == 0);
	cr_assert(wait_text(&w, 0, "p.conflict-bob", NULL));
	cr_assert(wait_text(&w, 0, "p", "alice's own"));
	world_close(&w);
}

Test(engine, the_executable_bit_travels_alone_and_other_permissions_do_not, .timeout = 60)
{
	struct stat st;

	two_started();
	put_text(&w, 0, "run", "#!/bin/sh\n# a script of more than fifty-five bytes, so that it is stored\n");
	cr_assert(
		wait_text(&w, 1, "run", "#!/bin/sh\n# a script of more than fifty-five bytes, so that it is stored\n"));
	run_for(&w, 500);
	cr_assert(chmod(path_of(&w, 0, "run"), 0755) == 0);
	bool there = false;
	for (int i = 0; i < 600 && !there; i++) {
		run_for(&w, 50);
		there = stat(path_of(&w, 1, "run"), &st) == 0 && (st.st_mode & 0777) == 0755;
	}
	cr_assert(there);
	cr_assert(chmod(path_of(&w, 1, "run"), 0640) == 0);
	for (int i = 0; i < 600 && there; i++) {
		run_for(&w, 50);
		there = stat(path_of(&w, 0, "run"), &st) == 0 && (st.st_mode & 0111) != 0;
	}
	cr_assert(!there);
	cr_assert((st.st_mode & 0777) == 0644, "%o", st.st_mode & 0777);
	world_close(&w);
}

/* Its own entry still shows an older version then, so the snapshot is not made ahead of the decision. */
Test(engine, a_large_file_edited_as_soon_as_it_came_is_published, .timeout = 60)
{
	size_t n = 1300000;
	char *bytes = malloc(n);

	cr_assert(bytes != NULL);
	two_started();
	for (char c = 'a'; c < 'd'; c++) {
		memset(bytes, c, n);
		put_file(&w, 0, "big", bytes, n);
		cr_assert(wait_first(&w, 1, "big", c), "alice's %c", c);
		memset(bytes, c - 32, n);
		put_file(&w, 1, "big", bytes, n);
		cr_assert(wait_first(&w, 0, "big", (char)(c - 32)), "bob's %c", c - 32);
	}
	free(bytes);
	world_close(&w);
}

Test(engine, equal_files_on_both_sides_are_no_conflict, .timeout = 60)
{
	world_open(&w, 2);
	put_text(&w, 0, "same", "the very same bytes, more than fifty-five of them, so that they are stored");
	put_text(&w, 1, "same", "the very same bytes, more than fifty-five of them, so that they are stored");
	world_start(&w, 0);
	cr_assert(scan_now(&w, 0) == MF_OK);
	world_start(&w, 1);
	cr_assert(scan_now(&w, 1) == MF_OK);
	cr_assert(poll_now(&w, 1) == MF_OK);
	cr_assert(poll_now(&w, 0) == MF_OK);
	run_for(&w, 500);
	mf_folder_status st;
	for (size_t i = 0; i < 2; i++) {
		mf_folder_status_get(w.dev[i].folder, &st);
		cr_assert(st.conflicts == 0 && st.files == 1 && st.errors == 0);
	}
	world_close(&w);
}

Test(engine, a_restart_without_changes_does_nothing, .timeout = 60)
{
	two_started();
	for (int i = 0; i < 20; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "f%d", i);
		put_text(&w, 0, name, name);
	}
	cr_assert(wait_text(&w, 1, "f19", "f19"));
	cr_assert(poll_now(&w, 1) == MF_OK);
	run_for(&w, 500);
	mf_dirver before, after;
	mf_listing l = {0};
	bool unchanged = false;
	mf_dirread personal[2];
	for (size_t i = 0; i < 2; i++)
		mf_dirwrite_read(&mf_folder_config(w.dev[i].folder)->personal, &personal[i]);
	cr_assert(w.grid->ops->list(w.grid, &personal[1], NULL, &unchanged, &l, NULL, NULL) == MF_OK);
	before = l.version;
	cr_assert(l.n == 21, "%zu entries", l.n);
	mf_listing_free(&l);
	world_stop(&w, 0);
	world_stop(&w, 1);
	world_start(&w, 0);
	world_start(&w, 1);
	cr_assert(scan_now(&w, 1) == MF_OK);
	cr_assert(poll_now(&w, 1) == MF_OK);
	run_for(&w, 500);
	cr_assert(w.grid->ops->list(w.grid, &personal[1], NULL, &unchanged, &l, NULL, NULL) == MF_OK);
	after = l.version;
	mf_listing_free(&l);
	cr_assert(before.seqnum == after.seqnum);
	world_close(&w);
}
