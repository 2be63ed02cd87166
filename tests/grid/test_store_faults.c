/* What can go wrong with a store: damaged shares, several processes, full and vanished disks, crash leftovers. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "grid/check.h"
#include "tests/grid/golden.h"
#include "tests/grid/store_fixture.h"

TestSuite(store_faults, .timeout = 120);

#define OK(call) cr_assert((call) == MF_OK, "%s: %s", #call, err.text)

static mf_code
try_put(struct mf_grid *g, const mf_buf *b, mf_filecap *cap, mf_err *err)
{
	mf_source src = mf_source_mem(b->p, b->n);

	return g->ops->put(g, &src, cap, NULL, err);
}

static mf_filecap
put(struct mf_grid *g, const mf_buf *b)
{
	mf_filecap cap;
	mf_err err;

	OK(try_put(g, b, &cap, &err));
	return cap;
}

static mf_check
check(struct mf_grid *g, const char *cap)
{
	mf_check c;
	mf_err err;

	OK(mf_grid_check(g, mf_strz(cap), &c, NULL, &err));
	return c;
}

static mf_dirread
read_cap(const mf_dirwrite *rw)
{
	mf_dirread ro;

	mf_dirwrite_read(rw, &ro);
	return ro;
}

static mf_code
link_one(struct mf_grid *g, const mf_dirwrite *dir, const char *name, mf_dirver *ver, mf_err *err)
{
	mf_link l = {.name = mf_strz(name), .cap = MF_STR("URI:LIT:nbswy3dp")};

	if (ver != NULL)
		*ver = (mf_dirver){0}; /* over whatever is there */
	return g->ops->update(g, dir, &l, 1, ver, NULL, err);
}

static size_t
count_children(struct mf_grid *g, const mf_dirwrite *dir)
{
	mf_dirread ro = read_cap(dir);
	mf_listing l;
	mf_err err;

	OK(g->ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	size_t n = l.n;
	mf_listing_free(&l);
	return n;
}

/* -- damaged shares ------------------------------------------------------------------------------------------ */

/* Ways to spoil the file at @p path, whose good bytes are @p good. */
static void
spoil(int how, const char *path, const mf_buf *good)
{
	switch (how) {
	case 0: write_path(path, "", 0); break;
	case 1: write_path(path, good->p, 11); break;
	case 2: write_path(path, good->p, good->n / 2); break;
	case 3: write_path(path, good->p, good->n - 1); break;
	case 4: flip(path, 40); break;            /* the content */
	case 5: flip(path, good->n - 100); break; /* the UEB */
	case 6: write_path(path, "rubbish rubbish rubbish rubbish rubbish rubbish", 47); break;
	}
}
enum { SPOILS = 7 };

Test(store_faults, a_damaged_immutable_share_is_refused_noted_and_replaced)
{
	static const size_t size[] = {300, 5000, (1 << 20) + 5};

	for (size_t s = 0; s < sizeof(size) / sizeof(*size); s++) {
		struct fixture f;
		mf_buf plain = noise((uint32_t)s, size[s]), back = {0}, good;
		char path[256], note[256];
		mf_err err;

		fixture_init(&f, 1, 1);
		mf_filecap cap = put(f.g, &plain);
		share_path(&f, cap.text, 0, path);
		good = read_path(path);
		(void)snprintf(note, sizeof(note), "%s/corruption-advisories/%s", f.store, path + strlen(f.store) + 11);
		*strrchr(note, '/') = '-';
		for (int how = 0; how < SPOILS; how++) {
			spoil(how, path, &good);
			cr_assert(fetch(f.g, &cap, &back, &err) == MF_EFORMAT, "size %zu, spoilt %d", size[s], how);
			cr_assert(access(note, F_OK) == 0, "%s", note);
			mf_check c = check(f.g, cap.text);
			cr_assert(c.bad == 1 && c.good == 0 && !c.healthy && !c.recoverable && c.shares == 1);
			(void)put(f.g, &plain);
			OK(fetch(f.g, &cap, &back, &err));
			cr_assert(
				mf_str_eq(mf_buf_str(&back), mf_buf_str(&plain)), "size %zu, spoilt %d", size[s], how);
			cr_assert(check(f.g, cap.text).healthy);
		}
		mf_buf_free(&good);
		mf_buf_free(&plain);
		mf_buf_free(&back);
		fixture_deinit(&f);
	}
}

Test(store_faults, another_share_in_place_of_the_right_one_is_refused)
{
	struct fixture f;
	mf_buf a = noise(1, 5000), b = noise(2, 5000), back = {0};
	char pa[256], pb[256], tmp[300];
	mf_err err;

	fixture_init(&f, 1, 1);
	mf_filecap ca = put(f.g, &a), cb = put(f.g, &b);
	share_path(&f, ca.text, 0, pa);
	share_path(&f, cb.text, 0, pb);
	(void)snprintf(tmp, sizeof(tmp), "%s.x", pa);
	cr_assert(rename(pa, tmp) == 0 && rename(pb, pa) == 0 && rename(tmp, pb) == 0);
	cr_assert(fetch(f.g, &ca, &back, &err) == MF_EFORMAT);
	cr_assert(fetch(f.g, &cb, &back, &err) == MF_EFORMAT);
	mf_buf_free(&a);
	mf_buf_free(&b);
	mf_buf_free(&back);
	fixture_deinit(&f);
}

Test(store_faults, a_good_share_of_the_other_layout_is_left_alone)
{
	struct fixture f;
	mf_grid_conf conf = {.convergence_n = 16, .segment_size = 131072};
	struct mf_grid *g;
	char url[128], path[256];
	mf_buf v2 = golden_file("lafs/chk/c1k-k1n1-v2layout.0"), now;
	json_t *all = golden_json("lafs/chk.json"), *v, *c = NULL;
	size_t i;
	mf_err err;

	json_array_foreach(json_object_get(all, "cases"), i,
		v) if (strcmp(golden_str(v, "name"), "c1k-k1n1-seg131072") == 0) c = v;
	mf_buf seed = golden_unhex(golden_str(c, "seed_hex")), plain = golden_plain(mf_buf_str(&seed), 1024);
	fixture_init(&f, 1, 1);
	memset(conf.convergence, 'a', 16);
	(void)snprintf(url, sizeof(url), "dir:%s", f.store);
	OK(mf_grid_open(url, &conf, &g, &err));
	mf_filecap cap = put(g, &plain);
	cr_assert(strcmp(cap.text, golden_str(c, "cap")) == 0);
	share_path(&f, cap.text, 0, path);
	write_path(path, v2.p, v2.n);
	(void)put(g, &plain);
	now = read_path(path);
	cr_assert(now.n == v2.n + 72 && now.p[11] == v2.p[11] + 1, "our lease is on it");
	now.p[11]--;
	now.n = v2.n;
	cr_assert(mf_str_eq(mf_buf_str(&now), mf_buf_str(&v2)), "it verifies: no reason to replace it");
	mf_buf_free(&now);
	mf_buf_free(&v2);
	mf_buf_free(&seed);
	mf_buf_free(&plain);
	mf_grid_close(g);
	fixture_deinit(&f);
	json_decref(all);
}

Test(store_faults, with_k_of_n_some_shares_may_be_lost_or_bad)
{
	struct fixture f;
	mf_buf plain = noise(3, 70000), back = {0};
	char path[256];
	mf_err err;

	fixture_init(&f, 3, 6);
	mf_filecap cap = put(f.g, &plain);
	cr_assert(check(f.g, cap.text).healthy);
	share_path(&f, cap.text, 0, path);
	cr_assert(unlink(path) == 0);
	share_path(&f, cap.text, 1, path);
	flip(path, 5000);
	share_path(&f, cap.text, 4, path);
	write_path(path, "", 0);
	OK(fetch(f.g, &cap, &back, &err));
	cr_assert(mf_str_eq(mf_buf_str(&back), mf_buf_str(&plain)));
	mf_check c = check(f.g, cap.text);
	cr_assert(c.good == 5 && c.bad == 0 && c.expected == 6 && c.needed == 3, "bad ones were mended, lost ones not");
	for (uint32_t i = 1; i < 6; i++) {
		share_path(&f, cap.text, i, path);
		if (i < 4)
			flip(path, 5000);
		else if (i == 4)
			cr_assert(unlink(path) == 0);
	}
	cr_assert(fetch(f.g, &cap, &back, &err) == MF_EFORMAT);
	c = check(f.g, cap.text);
	cr_assert(c.good == 1 && c.bad == 3 && !c.recoverable, "nothing to mend them from");
	(void)put(f.g, &plain);
	cr_assert(check(f.g, cap.text).healthy, "putting again mends all");
	mf_buf_free(&plain);
	mf_buf_free(&back);
	fixture_deinit(&f);
}

/* Read what is in the store, spoilt in every way: the lowest good shares serve, and bad ones are as they were. */
static void
mends(uint32_t k, uint32_t n, size_t size)
{
	struct fixture f;
	mf_buf plain = noise(k * 100 + n, size), back = {0}, good, now;
	char path[256];
	mf_err err;

	fixture_init(&f, k, n);
	mf_filecap cap = put(f.g, &plain);
	for (int how = 0; how < SPOILS; how++) {
		uint32_t num = (uint32_t)how % n;

		share_path(&f, cap.text, num, path);
		good = read_path(path);
		spoil(how, path, &good);
		OK(fetch(f.g, &cap, &back, &err));
		cr_assert(mf_str_eq(mf_buf_str(&back), mf_buf_str(&plain)));
		now = read_path(path);
		bool same = now.n == good.n && memcmp(now.p, good.p, good.n - 72) == 0; /* the lease is of now */
		/* shares above those that are needed are not looked at, nor is a second share's UEB */
		cr_assert(same || num >= k || (how == 5 && num > 0), "spoilt %d: share %u of %u-of-%u", how, num, k, n);
		write_path(path, good.p, good.n);
		mf_buf_free(&good);
		mf_buf_free(&now);
	}
	mf_buf_free(&plain);
	mf_buf_free(&back);
	fixture_deinit(&f);
}

Test(store_faults, who_reads_a_bad_share_beside_good_ones_mends_it)
{
	mends(1, 3, 3000);
	mends(2, 4, 70000);
	mends(2, 3, (1 << 20) + 12345); /* two segments */
}

Test(store_faults, a_bad_share_that_is_the_only_one_stays_for_who_has_the_bytes)
{
	struct fixture f;
	mf_buf plain = noise(9, 5000), back = {0};
	char path[256];
	mf_err err;

	fixture_init(&f, 1, 1);
	mf_filecap cap = put(f.g, &plain);
	share_path(&f, cap.text, 0, path);
	flip(path, 1000);
	mf_buf bad = read_path(path);
	cr_assert(fetch(f.g, &cap, &back, &err) == MF_EFORMAT);
	mf_buf now = read_path(path);
	cr_assert(mf_str_eq(mf_buf_str(&now), mf_buf_str(&bad)));
	mf_buf_free(&now);
	mf_buf_free(&bad);
	mf_buf_free(&plain);
	mf_buf_free(&back);
	fixture_deinit(&f);
}

/* Many readers at once, of which each may mend, while the damage goes on. */
Test(store_faults, readers_that_mend_are_in_nobodys_way)
{
	struct fixture f;
	mf_buf plain = noise(10, 50000), back = {0};
	char path[256];
	mf_err err;
	pid_t child[4];

	fixture_init(&f, 2, 5);
	mf_filecap cap = put(f.g, &plain);
	for (int i = 0; i < 4; i++) {
		child[i] = fork();
		if (child[i] != 0)
			continue;
		struct mf_grid *g = fixture_open(&f, 2, 5);
		for (int j = 0; j < 40; j++)
			if (fetch(g, &cap, &back, &err) != MF_OK || !mf_str_eq(mf_buf_str(&back), mf_buf_str(&plain)))
				_exit(1);
		_exit(0);
	}
	for (uint32_t j = 0; j < 30; j++) {
		share_path(&f, cap.text, j % 2, path); /* two at most are bad at once */
		mf_buf one = read_path(path);
		one.p[3000 + j] ^= 1;
		write_path(path, one.p, one.n);
		mf_buf_free(&one);
	}
	for (int i = 0; i < 4; i++) {
		int status;
		cr_assert(waitpid(child[i], &status, 0) == child[i] && status == 0, "a reader failed");
	}
	OK(fetch(f.g, &cap, &back, &err));
	cr_assert(check(f.g, cap.text).healthy);
	mf_buf_free(&plain);
	mf_buf_free(&back);
	fixture_deinit(&f);
}

Test(store_faults, a_damaged_directory_is_refused_and_its_shares_mended_by_the_next_write)
{
	struct fixture f;
	mf_dirwrite one, many;
	mf_dirver ver;
	mf_listing l;
	char path[256];
	mf_err err;

	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &one, NULL, &err));
	OK(link_one(f.g, &one, "a", NULL, &err));
	share_path(&f, one.text, 0, path);
	mf_buf good = read_path(path);
	mf_dirread ro = read_cap(&one);
	for (int how = 0; how < SPOILS; how++) {
		if (how == 3 || how == 4 || how == 5)
			continue; /* the end holds no data of a mutable container; bytes 40 to 52 are the TubID */
		spoil(how, path, &good);
		cr_assert(f.g->ops->list(f.g, &ro, NULL, NULL, &l, NULL, &err) == MF_EFORMAT, "spoilt %d", how);
		cr_assert(link_one(f.g, &one, "b", NULL, &err) == MF_EFORMAT, "spoilt %d", how);
	}
	write_path(path, good.p, good.n);
	flip(path, 468 + 20); /* the signed root */
	cr_assert(f.g->ops->list(f.g, &ro, NULL, NULL, &l, NULL, &err) == MF_EFORMAT);
	cr_assert(!check(f.g, ro.text).recoverable);
	mf_buf_free(&good);

	struct mf_grid *g = fixture_open(&f, 2, 4);
	OK(g->ops->mkdir(g, &many, NULL, &err));
	OK(link_one(g, &many, "a", NULL, &err));
	share_path(&f, many.text, 1, path);
	flip(path, 468 + 700);
	share_path(&f, many.text, 3, path);
	cr_assert(unlink(path) == 0);
	mf_check c = check(g, many.text);
	cr_assert(c.good == 2 && c.bad == 1 && c.recoverable && !c.healthy && c.seqnum == 2);
	cr_assert(count_children(g, &many) == 1);
	OK(link_one(g, &many, "b", &ver, &err));
	cr_assert(ver.seqnum == 3);
	c = check(g, many.text);
	cr_assert(c.healthy && c.good == 4 && c.seqnum == 3);
	mf_grid_close(g);
	fixture_deinit(&f);
}

Test(store_faults, a_half_written_version_is_outnumbered_and_overwritten)
{
	struct fixture f;
	mf_dirwrite dir;
	mf_dirver ver;
	char path[256];
	mf_err err;
	mf_buf old[3];

	fixture_init(&f, 2, 3);
	OK(f.g->ops->mkdir(f.g, &dir, NULL, &err));
	OK(link_one(f.g, &dir, "a", NULL, &err));
	for (uint32_t i = 0; i < 3; i++) {
		share_path(&f, dir.text, i, path);
		old[i] = read_path(path);
	}
	OK(link_one(f.g, &dir, "b", &ver, &err));
	cr_assert(ver.seqnum == 3);
	for (uint32_t i = 1; i < 3; i++) { /* as if the writer had died after share 0 */
		share_path(&f, dir.text, i, path);
		write_path(path, old[i].p, old[i].n);
	}
	mf_check c = check(f.g, dir.text);
	cr_assert(c.seqnum == 2 && c.good == 2 && c.stale == 1 && !c.healthy && c.recoverable);
	cr_assert(count_children(f.g, &dir) == 1);
	OK(link_one(f.g, &dir, "c", &ver, &err));
	cr_assert(ver.seqnum == 4, "above the version that nobody can read");
	cr_assert(count_children(f.g, &dir) == 2 && check(f.g, dir.text).healthy);
	for (uint32_t i = 0; i < 3; i++)
		mf_buf_free(&old[i]);
	fixture_deinit(&f);
}

/* -- several at once ----------------------------------------------------------------------------------------- */

enum { EACH = 500 };

static void
add_entries(const struct fixture *f, const mf_dirwrite *dir, char who)
{
	struct mf_grid *g = fixture_open(f, 1, 1);

	for (int i = 0; i < EACH; i += 5) {
		char name[5][32];
		mf_link l[5];
		mf_err err;

		for (int k = 0; k < 5; k++) {
			(void)snprintf(name[k], sizeof(name[k]), "%c%04d", who, i + k);
			l[k] = (mf_link){
				.name = mf_strz(name[k]), .cap = MF_STR("URI:LIT:nbswy3dp"), .how = MF_LINK_NEW};
		}
		if (g->ops->update(g, dir, l, 5, NULL, NULL, &err) != MF_OK)
			_exit(1);
	}
	mf_grid_close(g);
}

Test(store_faults, two_processes_add_to_one_directory_and_nothing_is_lost)
{
	struct fixture f;
	mf_dirwrite dir;
	mf_err err;
	pid_t child[2];

	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &dir, NULL, &err));
	for (int i = 0; i < 2; i++) {
		child[i] = fork();
		if (child[i] == 0) {
			add_entries(&f, &dir, (char)('a' + i));
			_exit(0);
		}
	}
	for (int i = 0; i < 2; i++) {
		int status;

		cr_assert(waitpid(child[i], &status, 0) == child[i] && status == 0, "child %d: %d", i, status);
	}
	cr_assert(count_children(f.g, &dir) == 2 * EACH);
	cr_assert(check(f.g, dir.text).seqnum == 1 + 2 * EACH / 5);
	fixture_deinit(&f);
}

Test(store_faults, a_second_writer_makes_what_is_in_memory_stale)
{
	struct fixture f;
	mf_dirwrite dir;
	mf_err err;

	fixture_init(&f, 1, 1);
	struct mf_grid *other = fixture_open(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &dir, NULL, &err));
	for (int i = 0; i < 10; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "n%d", i);
		OK(link_one(i % 3 == 0 ? other : f.g, &dir, name, NULL, &err));
	}
	cr_assert(count_children(f.g, &dir) == 10 && count_children(other, &dir) == 10);
	mf_grid_close(other);
	fixture_deinit(&f);
}

/* A child of ours opens the store and puts the same objects as we do, at the same time. */
Test(store_faults, equal_objects_can_be_put_by_two_processes_at_once)
{
	struct fixture f;
	mf_buf back = {0};
	mf_err err;
	int status;

	fixture_init(&f, 1, 1);
	pid_t child = fork();
	struct mf_grid *g = child == 0 ? fixture_open(&f, 1, 1) : f.g;
	for (uint32_t i = 0; i < 200; i++) {
		mf_buf plain = noise(i, 100 + i * 37);

		(void)put(g, &plain);
		mf_buf_free(&plain);
	}
	if (child == 0)
		_exit(0);
	cr_assert(waitpid(child, &status, 0) == child && status == 0);
	for (uint32_t i = 0; i < 200; i++) {
		mf_buf plain = noise(i, 100 + i * 37);
		mf_filecap cap = put(g, &plain);

		OK(fetch(g, &cap, &back, &err));
		cr_assert(mf_str_eq(mf_buf_str(&back), mf_buf_str(&plain)));
		mf_buf_free(&plain);
	}
	mf_buf_free(&back);
	fixture_deinit(&f);
}

/* Writes until it is killed: each entry is published after the object that it names, and told after that. */
static void
write_forever(const struct fixture *f, const mf_dirwrite *dir, uint32_t round, int tell)
{
	struct mf_grid *g = fixture_open(f, 1, 1);

	for (uint32_t i = 0;; i++) {
		mf_buf plain = noise(round * 100000 + i, 400);
		mf_filecap cap;
		char name[32];
		mf_err err;

		(void)snprintf(name, sizeof(name), "%u-%u", round, i);
		if (try_put(g, &plain, &cap, &err) != MF_OK)
			_exit(1);
		mf_link l = {.name = mf_strz(name), .cap = mf_strz(cap.text), .how = MF_LINK_NEW};
		if (g->ops->update(g, dir, &l, 1, NULL, NULL, &err) != MF_OK)
			_exit(1);
		mf_buf_free(&plain);
		if (write(tell, "", 1) != 1)
			_exit(1);
	}
}

/* A child that writes is killed at some moment after so many entries, however long those take. */
static size_t
kill_after(const struct fixture *f, const mf_dirwrite *dir, uint32_t round, size_t entries)
{
	int status, tell[2];
	char c;

	cr_assert(pipe(tell) == 0);
	pid_t child = fork();
	if (child == 0) {
		(void)close(tell[0]);
		write_forever(f, dir, round, tell[1]);
	}
	(void)close(tell[1]);
	size_t n = 0;
	while (n < entries && read(tell[0], &c, 1) == 1)
		n++;
	(void)usleep(round * 7919 % 30000);
	cr_assert(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
	cr_assert(WIFSIGNALED(status), "the child gave up by itself");
	while (read(tell[0], &c, 1) == 1)
		n++;
	(void)close(tell[0]);
	return n;
}

Test(store_faults, a_writer_that_is_killed_leaves_a_whole_store)
{
	struct fixture f;
	mf_dirwrite dir;
	mf_listing l;
	mf_buf back = {0};
	mf_err err;
	size_t told = 0;

	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &dir, NULL, &err));
	mf_dirread ro = read_cap(&dir);
	for (uint32_t round = 0; round < 12; round++) {
		told += kill_after(&f, &dir, round, 1 + round % 3);
		OK(f.g->ops->list(f.g, &ro, NULL, NULL, &l, NULL, &err));
		cr_assert(l.n >= told, "entries that were told of: %zu, there are %zu", told, l.n);
		for (size_t i = 0; i < l.n; i++) {
			mf_filecap cap;

			if (mf_str_eq(l.child[i].name, MF_STR("after")))
				continue;
			OK(mf_filecap_parse(l.child[i].ro, &cap, &err));
			OK(fetch(f.g, &cap, &back, &err));
			cr_assert(back.n == 400);
		}
		mf_listing_free(&l);
		OK(link_one(f.g, &dir, "after", NULL, &err));
	}
	cr_assert(told >= 24, "the children wrote: %zu", told);
	mf_buf_free(&back);
	fixture_deinit(&f);
}

Test(store_faults, a_store_born_in_two_processes_at_once_has_one_identity)
{
	for (int round = 0; round < 3; round++) {
		struct fixture f;
		mf_dirwrite dir;
		mf_err err;
		int status, to_parent[2];

		make_dir(f.dir);
		(void)snprintf(f.store, sizeof(f.store), "%s/store", f.dir);
		cr_assert(pipe(to_parent) == 0);
		pid_t child = fork();
		f.g = fixture_open(&f, 1, 1);
		if (child == 0) {
			if (f.g->ops->mkdir(f.g, &dir, NULL, &err) != MF_OK ||
				write(to_parent[1], &dir, sizeof(dir)) != sizeof(dir))
				_exit(1);
			_exit(0);
		}
		cr_assert(read(to_parent[0], &dir, sizeof(dir)) == sizeof(dir));
		cr_assert(waitpid(child, &status, 0) == child && status == 0);
		OK(link_one(f.g, &dir, "a", NULL, &err)); /* the write enabler is the same */
		(void)close(to_parent[0]);
		(void)close(to_parent[1]);
		fixture_deinit(&f);
	}
}

Test(store_faults, a_store_beside_a_running_tahoe_node_is_refused)
{
	struct fixture f;
	mf_grid_conf conf = {0};
	struct mf_grid *g;
	char path[128], url[128], text[32];
	mf_err err;

	fixture_init(&f, 1, 1);
	(void)snprintf(url, sizeof(url), "dir:%s", f.store);
	(void)snprintf(text, sizeof(text), "%d 123456\n", (int)getpid());
	(void)snprintf(path, sizeof(path), "%s/running.process", f.dir);
	write_path(path, text, strlen(text));
	OK(mf_grid_open(url, &conf, &g, &err)); /* no tahoe.cfg: that is somebody else's pid file */
	mf_grid_close(g);
	(void)snprintf(path, sizeof(path), "%s/tahoe.cfg", f.dir);
	write_path(path, "", 0);
	cr_assert(mf_grid_open(url, &conf, &g, &err) == MF_EBUSY && g == NULL);
	cr_assert(strstr(err.text, f.store) != NULL, "%s", err.text);
	(void)snprintf(path, sizeof(path), "%s/running.process", f.dir);
	write_path(path, "999999999 1\n", 12);
	OK(mf_grid_open(url, &conf, &g, &err)); /* it has died */
	mf_grid_close(g);
	fixture_deinit(&f);
}

Test(store_faults, leftovers_go_when_nobody_else_uses_the_store)
{
	struct fixture f;
	char dir[128], path[160], file[128];

	fixture_init(&f, 1, 1);
	(void)snprintf(dir, sizeof(dir), "%s/shares/incoming", f.store);
	(void)mkdir(dir, 0700);
	(void)snprintf(dir, sizeof(dir), "%s/shares/incoming/mf-0123456789abcdef", f.store);
	cr_assert(mkdir(dir, 0700) == 0);
	(void)snprintf(path, sizeof(path), "%s/0", dir);
	write_path(path, "half a share", 12);
	(void)snprintf(file, sizeof(file), "%s/shares/incoming/mf-fedcba9876543210", f.store);
	write_path(file, "half", 4);
	mf_grid_close(fixture_open(&f, 1, 1));
	cr_assert(access(path, F_OK) == 0 && access(file, F_OK) == 0, "f.g still uses the store");
	mf_grid_close(f.g);
	f.g = fixture_open(&f, 1, 1);
	cr_assert(access(dir, F_OK) != 0 && access(file, F_OK) != 0);
	fixture_deinit(&f);
}

/* -- disks ----------------------------------------------------------------------------------------------------- */

Test(store_faults, a_full_disk_stops_a_put_and_leaves_nothing_half_made)
{
	struct fixture f;
	mf_buf small = noise(1, 1000), large = noise(2, 4 << 20), back = {0};
	struct rlimit old, tight;
	mf_filecap cap;
	mf_dirwrite dir;
	char path[256];
	mf_err err;

	/* EFBIG stands in for ENOSPC where a file system of our own cannot be mounted; the paths are the same */
	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &dir, NULL, &err));
	OK(link_one(f.g, &dir, "a", NULL, &err));
	(void)signal(SIGXFSZ, SIG_IGN); /* write(2) says EFBIG instead */
	cr_assert(getrlimit(RLIMIT_FSIZE, &old) == 0);
	tight = old;
	tight.rlim_cur = 600;
	cr_assert(setrlimit(RLIMIT_FSIZE, &tight) == 0);
	cr_assert(try_put(f.g, &small, &cap, &err) != MF_OK);
	cr_assert(strstr(err.text, f.store) != NULL, "%s", err.text);
	cr_assert(try_put(f.g, &large, &cap, &err) != MF_OK);
	cr_assert(link_one(f.g, &dir, "b", NULL, &err) != MF_OK);
	cr_assert(setrlimit(RLIMIT_FSIZE, &old) == 0);
	cr_assert(count_children(f.g, &dir) == 1 && check(f.g, dir.text).healthy);
	cap = put(f.g, &small);
	OK(fetch(f.g, &cap, &back, &err));
	cap = put(f.g, &large);
	share_path(&f, cap.text, 0, path);
	OK(fetch(f.g, &cap, &back, &err));
	cr_assert(mf_str_eq(mf_buf_str(&back), mf_buf_str(&large)));
	OK(link_one(f.g, &dir, "b", NULL, &err));
	cr_assert(count_children(f.g, &dir) == 2);
	mf_buf_free(&small);
	mf_buf_free(&large);
	mf_buf_free(&back);
	fixture_deinit(&f);
}

/* A store on a tmpfs of @p size; false where we may not mount. */
static bool
mounted(char dir[64], const char *size, unsigned long flags)
{
	make_dir(dir);
	if (mount("tmpfs", dir, "tmpfs", flags, size) == 0)
		return true;
	cr_assert(errno == EPERM || errno == EACCES, "mount: %d", errno);
	remove_dir(dir);
	return false;
}

Test(store_faults, no_space_is_said_so_and_goes_away)
{
	struct fixture f;
	char disk[64], ballast[128], fill[8192] = {0};
	mf_buf plain = noise(4, 40000), back = {0};
	mf_dirwrite dir;
	mf_filecap cap;
	mf_err err;

	if (!mounted(disk, "size=1m", 0))
		return;
	cr_assert(setenv("MF_TEST_TMP", disk, 1) == 0);
	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &dir, NULL, &err));
	OK(link_one(f.g, &dir, "a", NULL, &err));
	(void)snprintf(ballast, sizeof(ballast), "%s/ballast", f.dir);
	int fd = open(ballast, O_WRONLY | O_CREAT, 0600);
	while (write(fd, fill, sizeof(fill)) > 0)
		;
	(void)close(fd);
	cr_assert(try_put(f.g, &plain, &cap, &err) == MF_EFULL, "%s", err.text);
	cr_assert(strstr(err.text, f.store) != NULL && err.sys == ENOSPC, "%s", err.text);
	cr_assert(link_one(f.g, &dir, "b", NULL, &err) == MF_EFULL, "%s", err.text);
	cr_assert(count_children(f.g, &dir) == 1, "the old version is whole");
	cr_assert(unlink(ballast) == 0);
	cap = put(f.g, &plain);
	OK(fetch(f.g, &cap, &back, &err));
	OK(link_one(f.g, &dir, "b", NULL, &err));
	cr_assert(count_children(f.g, &dir) == 2);
	mf_buf_free(&plain);
	mf_buf_free(&back);
	fixture_deinit(&f);
	cr_assert(umount(disk) == 0 && rmdir(disk) == 0);
}

Test(store_faults, a_read_only_store_can_be_read_and_says_why_it_cannot_be_written)
{
	struct fixture f;
	char disk[64];
	mf_buf plain = noise(5, 3000), other = noise(6, 3000), back = {0};
	mf_dirwrite dir;
	mf_filecap cap;
	mf_err err;

	if (!mounted(disk, "size=4m", 0))
		return;
	cr_assert(setenv("MF_TEST_TMP", disk, 1) == 0);
	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &dir, NULL, &err));
	cap = put(f.g, &plain);
	mf_grid_close(f.g);
	cr_assert(mount("tmpfs", disk, "tmpfs", MS_REMOUNT | MS_RDONLY, "") == 0);
	f.g = fixture_open(&f, 1, 1);
	OK(fetch(f.g, &cap, &back, &err));
	cr_assert(count_children(f.g, &dir) == 0);
	cr_assert(try_put(f.g, &other, &cap, &err) == MF_EIO && err.sys == EROFS, "%s", err.text);
	cr_assert(strstr(err.text, f.store) != NULL, "%s", err.text);
	cr_assert(link_one(f.g, &dir, "a", NULL, &err) == MF_EIO && strstr(err.text, f.store) != NULL, "%s", err.text);
	cr_assert(f.g->ops->mkdir(f.g, &dir, NULL, &err) == MF_EIO);
	mf_buf_free(&plain);
	mf_buf_free(&other);
	mf_buf_free(&back);
	mf_grid_close(f.g);
	cr_assert(umount(disk) == 0 && rmdir(disk) == 0);
}

Test(store_faults, a_vanished_store_is_an_error_not_an_empty_one)
{
	struct fixture f;
	mf_buf plain = noise(7, 3000), back = {0};
	mf_dirwrite dir;
	mf_listing l;
	mf_filecap cap;
	mf_err err;

	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &dir, NULL, &err));
	mf_dirread ro = read_cap(&dir);
	cap = put(f.g, &plain);
	remove_dir(f.store);
	cr_assert(fetch(f.g, &cap, &back, &err) == MF_EIO, "%s", err.text);
	cr_assert(strstr(err.text, "vanished") != NULL && strstr(err.text, f.store) != NULL, "%s", err.text);
	cr_assert(f.g->ops->list(f.g, &ro, NULL, NULL, &l, NULL, &err) == MF_EIO, "%s", err.text);
	cr_assert(try_put(f.g, &plain, &cap, &err) == MF_EIO, "%s", err.text);
	cr_assert(link_one(f.g, &dir, "a", NULL, &err) == MF_EIO, "%s", err.text);
	mf_buf_free(&plain);
	mf_buf_free(&back);
	fixture_deinit(&f);
}

Test(store_faults, a_directory_of_another_identity_cannot_be_written)
{
	struct fixture a, b;
	mf_dirwrite dir;
	char from[256], to[256];
	mf_err err;

	fixture_init(&a, 1, 1);
	fixture_init(&b, 1, 1);
	OK(a.g->ops->mkdir(a.g, &dir, NULL, &err));
	share_path(&a, dir.text, 0, from);
	share_path(&b, dir.text, 0, to);
	mf_buf share = read_path(from);
	for (char *p = to + strlen(b.store) + 8; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		(void)mkdir(to, 0700);
	}
	write_path(to, share.p, share.n);
	mf_buf_free(&share);
	cr_assert(count_children(b.g, &dir) == 0, "reading needs no identity");
	cr_assert(link_one(b.g, &dir, "x", NULL, &err) == MF_EAUTH, "%s", err.text);
	cr_assert(count_children(b.g, &dir) == 0);
	fixture_deinit(&a);
	fixture_deinit(&b);
}

Test(store_faults, a_share_removed_before_it_was_synced_stops_nothing)
{
	struct fixture f;
	mf_buf plain = noise(9, 500);
	mf_dirwrite dir;
	char path[256];
	mf_err err;

	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &dir, NULL, &err));
	mf_filecap cap = put(f.g, &plain);
	share_path(&f, cap.text, 0, path);
	cr_assert(unlink(path) == 0);
	OK(link_one(f.g, &dir, "a", NULL, &err));
	mf_buf_free(&plain);
	fixture_deinit(&f);
}

/* A source that breaks in the middle of its second pass. */
static mf_code
break_late(void *arg, uint64_t off, void *p, size_t n, mf_err *err)
{
	unsigned *calls = arg;

	if (off == 0)
		(*calls)++;
	if (*calls > 1 && off > 0)
		return mf_fail(err, MF_ECHANGED, 0, "the file changed");
	memset(p, 7, n);
	return MF_OK;
}

Test(store_faults, a_source_that_breaks_leaves_no_share)
{
	struct fixture f;
	unsigned calls = 0;
	mf_source src = {.read = break_late, .arg = &calls, .size = 3 << 20};
	mf_filecap cap;
	char command[256];
	mf_err err;

	for (uint32_t n = 1; n <= 3; n += 2) {
		fixture_init(&f, 1, n);
		calls = 0;
		cr_assert(f.g->ops->put(f.g, &src, &cap, NULL, &err) == MF_ECHANGED, "%s", err.text);
		(void)snprintf(command, sizeof(command), "test -z \"$(find %s/shares -type f -o -mindepth 2 -type d)\"",
			f.store);
		cr_assert(system(command) == 0, "something was left");
		fixture_deinit(&f);
	}
}

Test(store_faults, what_was_asked_to_end_ends)
{
	struct fixture f;
	mf_cancel cancel;
	mf_buf plain = noise(8, 3000);
	mf_source src = mf_source_mem(plain.p, plain.n);
	mf_dirwrite dir, none;
	mf_filecap cap;
	mf_listing l;
	mf_err err;

	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &dir, NULL, &err));
	mf_dirread ro = read_cap(&dir);
	atomic_init(&cancel.on, true);
	cr_assert(f.g->ops->put(f.g, &src, &cap, &cancel, &err) == MF_ECANCELED);
	cr_assert(f.g->ops->mkdir(f.g, &none, &cancel, &err) == MF_ECANCELED);
	cr_assert(f.g->ops->list(f.g, &ro, NULL, NULL, &l, &cancel, &err) == MF_ECANCELED);
	cr_assert(f.g->ops->update(f.g, &dir, NULL, 0, NULL, &cancel, &err) == MF_ECANCELED);
	mf_buf_free(&plain);
	fixture_deinit(&f);
}
