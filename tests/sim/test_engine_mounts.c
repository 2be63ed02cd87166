/* Disks below the folder that are missing, or are others: nothing below is deleted, changed or written. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "says.h"
#include "sync/doc/relpath.h"
#include "well.h"

enum { MANY = 30, DISK = 5 };
#define SPARE "/disks/one"

static void
asks(struct well_pair *p, uint64_t n)
{
	sim_run_for(p->c.w, 60000);
	mf_folder_status st = well_status(p->a);
	cr_assert(st.deletes_asked == n, "%llu are asked: %s", (unsigned long long)st.deletes_asked, st.say);
	cr_assert(st.state == MF_SYNC_PROBLEM && strstr(st.say, "confirm-deletes") != NULL, "%s", st.say);
	cr_assert(st.uploads_queued == 0);
}

static const char *
disk_name(unsigned i)
{
	static char name[4][32];
	static unsigned turn;
	char *s = name[turn++ % 4];

	(void)snprintf(s, sizeof(name[0]), i % 2 == 0 ? "disk/%u" : "disk/sub/%u", i);
	return s;
}

static unsigned
on_disk(struct member *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < DISK; i++)
		n += cast_exists(m, disk_name(i));
	return n;
}

struct finding {
	const char *relpath, *text;
	bool found;
};

static void
each_error(void *arg, const char *relpath, const char *text, int64_t at_ns)
{
	struct finding *x = arg;
	bool same = x->relpath == NULL || relpath == NULL ? x->relpath == relpath : strcmp(x->relpath, relpath) == 0;

	(void)at_ns;
	x->found |= same && strstr(text, x->text) != NULL;
}

static void
must_say(struct member *m, const char *relpath, const char *text)
{
	struct finding x = {.relpath = relpath, .text = text};

	mf_folder_errors(m->f, each_error, &x);
	cr_assert(x.found, "%s: %s is not said, but %s", m->name, text, m->last_error);
}

/* Alice has a disk mounted at "disk" with some files, bob a plain directory. */
static void
disk_init(struct well_pair *p, uint64_t seed, bool dark)
{
	well_init(p, seed, dark, MANY);
	sim_mkdirs(p->a->h, SPARE);
	sim_set_dev(p->a->h, SPARE, 7);
	cast_mkdirs(p->a, "disk");
	sim_mount(p->a->h, cast_path("disk"), SPARE);
	cast_mkdirs(p->a, "disk/sub");
	for (unsigned i = 0; i < DISK; i++)
		cast_write(p->a, disk_name(i), LONG1);
	well_becomes(p);
	cr_assert(on_disk(p->b) == DISK);
}

Test(engine_mounts, an_inner_disk_unmounted_and_back, .timeout = 60)
{
	for (int how = 0; how < 4; how++) {
		struct well_pair p;
		disk_init(&p, 1, (how & 1) != 0);
		uint64_t writes = cast_writes(&p.c);
		sim_unmount(p.a->h, cast_path("disk"), SPARE);
		if ((how & 2) != 0) {
			cast_close(p.a);
			cast_open(p.a);
		}
		asks(&p, DISK);
		must_say(p.a, "disk", "mount it again");
		unsigned said = p.a->errors;
		cr_assert(on_disk(p.b) == DISK && cast_writes(&p.c) == writes);
		/* what others do is not written into what lies beneath */
		cast_write(p.b, disk_name(0), LONG2);
		cr_assert(cast_remove(p.b, disk_name(1)));
		cast_write(p.b, "disk/new", LONG2);
		cast_write(p.b, "else", LONG2);
		unsigned scans = p.a->scans;
		asks(&p, DISK);
		cr_assert(p.a->scans - scans < 20, "looking for the disk all the time: %u scans", p.a->scans - scans);
		cr_assert(cast_has(p.a, "else", LONG2) && on_disk(p.a) == 0 && !cast_exists(p.a, "disk/new"));
		cr_assert(p.a->errors == said, "it is said once: %s", p.a->last_error);
		sim_mount(p.a->h, cast_path("disk"), SPARE);
		well_becomes(&p);
		cr_assert(well_status(p.a).deletes_asked == 0);
		cr_assert(cast_has(p.a, disk_name(0), LONG2) && cast_has(p.a, "disk/new", LONG2));
		cr_assert(on_disk(p.a) == DISK - 1 && cast_has(p.b, disk_name(2), LONG1));
		cr_assert(p.a->conflicts_added + p.b->conflicts_added == 0);
		cast_end(&p.c);
	}
}

Test(engine_mounts, what_lies_beneath_is_not_published, .timeout = 60)
{
	struct well_pair p;

	disk_init(&p, 2, false);
	uint64_t writes = cast_writes(&p.c);
	sim_unmount(p.a->h, cast_path("disk"), SPARE);
	cast_write(p.a, disk_name(0), LONG2); /* by somebody who did not notice */
	cast_write(p.a, "disk/new", LONG2);
	asks(&p, DISK - 1);
	cr_assert(cast_writes(&p.c) == writes && cast_has(p.b, disk_name(0), LONG1) && !cast_exists(p.b, "disk/new"));
	sim_mount(p.a->h, cast_path("disk"), SPARE);
	well_becomes(&p);
	cr_assert(cast_has(p.a, disk_name(0), LONG1) && cast_writes(&p.c) == writes);
	cast_end(&p.c);
}

Test(engine_mounts, a_disk_with_another_number_after_a_restart, .timeout = 60)
{
	struct well_pair p;

	disk_init(&p, 3, false);
	uint64_t writes = cast_writes(&p.c);
	cast_close(p.a);
	sim_set_dev(p.a->h, cast_path("disk"), 99);
	sim_set_dev(p.a->h, cast_path("disk/sub"), 99);
	cast_write(p.b, disk_name(0), LONG2);
	cast_open(p.a);
	well_becomes(&p);
	cr_assert(cast_has(p.a, disk_name(0), LONG2) && on_disk(p.a) == DISK);
	cr_assert(cast_writes(&p.c) > writes && p.a->asked == 0);
	sim_unmount(p.a->h, cast_path("disk"), SPARE); /* the new number is remembered */
	asks(&p, DISK);
	cast_end(&p.c);
}

Test(engine_mounts, an_empty_disk_over_files, .timeout = 60)
{
	struct well_pair p;

	well_init(&p, 4, false, MANY);
	well_becomes(&p);
	sim_mkdirs(p.a->h, SPARE);
	sim_set_dev(p.a->h, SPARE, 7);
	sim_mount(p.a->h, cast_path("d"), SPARE);
	asks(&p, MANY);
	must_say(p.a, "d", "another disk is mounted");
	cr_assert(well_count(p.b, MANY) == MANY);
	cast_write(p.b, well_name(0), LONG2);
	asks(&p, MANY);
	cr_assert(well_count(p.a, MANY) == 0);
	sim_unmount(p.a->h, cast_path("d"), SPARE);
	well_becomes(&p);
	cr_assert(well_count(p.a, MANY) == MANY && cast_has(p.a, well_name(0), LONG2));
	cast_end(&p.c);
}

Test(engine_mounts, a_new_disk_is_taken_in, .timeout = 60)
{
	struct well_pair p;

	well_init(&p, 5, false, 3);
	well_becomes(&p);
	sim_mkdirs(p.a->h, SPARE);
	sim_set_dev(p.a->h, SPARE, 7);
	cast_mkdirs(p.a, "disk");
	sim_run_for(p.c.w, 1000);
	sim_mount(p.a->h, cast_path("disk"), SPARE);
	cast_mkdirs(p.b, "disk");
	cast_write(p.b, "disk/theirs", LONG1); /* the first that is known of it comes from elsewhere */
	well_becomes(&p);
	cr_assert(cast_has(p.a, "disk/theirs", LONG1));
	cast_write(p.a, "disk/ours", LONG2);
	well_becomes(&p);
	cr_assert(cast_has(p.b, "disk/ours", LONG2));
	cast_end(&p.c);
}

Test(engine_mounts, a_disk_that_is_gone_for_good, .timeout = 60)
{
	for (int how = 0; how < 3; how++) {
		struct well_pair p;
		mf_err err = {0};
		disk_init(&p, 6, false);
		sim_unmount(p.a->h, cast_path("disk"), SPARE);
		if (how == 2) { /* its files were moved to where it was mounted */
			cast_mkdirs(p.a, "disk/sub");
			for (unsigned i = 0; i < DISK; i++)
				cast_write(p.a, disk_name(i), LONG2);
			well_becomes(&p);
			cr_assert(on_disk(p.b) == DISK && cast_has(p.b, disk_name(4), LONG2) &&
				well_status(p.a).deletes_asked == 0);
			cast_write(p.a, disk_name(0), LONG1);
			well_becomes(&p);
			cr_assert(cast_has(p.b, disk_name(0), LONG1));
			cast_end(&p.c);
			continue;
		}
		asks(&p, DISK);
		enum mf_deletes_answer what = how == 0 ? MF_DELETES_CONFIRM : MF_DELETES_RESTORE;
		cr_assert(mf_folder_deletes_answer(p.a->f, what, &err) == MF_OK, "%s", err.text);
		well_becomes(&p);
		cr_assert(on_disk(p.a) == (how == 0 ? 0 : DISK) && on_disk(p.b) == on_disk(p.a));
		cast_end(&p.c);
	}
}

/* What others did while the whole directory was away arrives when it is back. */
Test(engine_mounts, the_root_away_and_back, .timeout = 60)
{
	struct well_pair p;

	well_init(&p, 7, false, 3);
	well_becomes(&p);
	cr_assert(sim_move(p.a->h, CAST_DIR, "/home/old"));
	sim_run_for(p.c.w, 30000);
	must_say(p.a, NULL, "directory is gone");
	cast_write(p.b, well_name(0), LONG2);
	sim_run_for(p.c.w, 30000);
	cr_assert(sim_move(p.a->h, "/home/old", CAST_DIR));
	well_becomes(&p);
	cr_assert(cast_has(p.a, well_name(0), LONG2));
	cast_end(&p.c);
}
