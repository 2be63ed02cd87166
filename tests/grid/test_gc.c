/* Taking away what nothing reaches: marks by hand, shares for real. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/base32.h"
#include "grid/gc.h"
#include "store_fixture.h"

#define OK(call) cr_assert(eq(int, (call), MF_OK), "%s", err.text)

enum { GRACE = 7 * 86400 };

/* What the test says is reached. */
struct world {
	uint8_t si[8][MF_GC_SI];
	size_t n;
	uint64_t seen[MF_GC_FATES];
};

static bool
reached(void *arg, const uint8_t si[MF_GC_SI])
{
	struct world *w = arg;

	for (size_t i = 0; i < w->n; i++)
		if (memcmp(w->si[i], si, MF_GC_SI) == 0)
			return true;
	return false;
}

static void
count(void *arg, const mf_gc_share *one)
{
	((struct world *)arg)->seen[one->fate]++;
}

static void
reach(struct world *w, const char *text)
{
	mf_cap cap;

	cr_assert(mf_cap_parse(mf_strz(text), &cap, NULL) == MF_OK && mf_cap_storage_index(&cap, w->si[w->n++]));
}

static mf_filecap
put(struct mf_grid *g, const mf_buf *plain)
{
	mf_source src = mf_source_mem(plain->p, plain->n);
	mf_filecap cap;
	mf_err err;

	OK(g->ops->put(g, &src, &cap, NULL, &err));
	return cap;
}

/* A share as it would be after so many days: the file's time, and the expiry of its one lease at the end. */
static void
age(const struct fixture *f, const char *cap, int days)
{
	char path[256];
	time_t then = time(NULL) - (time_t)days * 86400;
	uint32_t expiry = (uint32_t)then + 31 * 86400;
	uint8_t be[4] = {(uint8_t)(expiry >> 24), (uint8_t)(expiry >> 16), (uint8_t)(expiry >> 8), (uint8_t)expiry};
	struct timespec t[2] = {{.tv_sec = then}, {.tv_sec = then}};

	share_path(f, cap, 0, path);
	FILE *file = fopen(path, "r+b");
	cr_assert(file != NULL && fseek(file, -4, SEEK_END) == 0 && fwrite(be, 4, 1, file) == 1);
	cr_assert(fclose(file) == 0 && utimensat(AT_FDCWD, path, t, 0) == 0);
}

static bool
there(const struct fixture *f, const char *cap)
{
	char path[256];

	share_path(f, cap, 0, path);
	return access(path, F_OK) == 0;
}

static struct mf_gc *
begin(struct mf_grid *g, uint8_t secret)
{
	uint8_t owner[1][32];
	struct mf_gc *gc;
	mf_err err;

	memset(owner, secret, sizeof(owner));
	OK(mf_gc_begin(g, (const uint8_t(*)[32])owner, 1, GRACE, &gc, &err));
	return gc;
}

static void
run(struct mf_grid *g, struct world *w, uint8_t secret, enum mf_gc_how how, uint64_t *removed)
{
	struct mf_gc *gc = begin(g, secret);
	uint64_t bytes;
	mf_err err;

	*removed = 0;
	memset(w->seen, 0, sizeof(w->seen));
	OK(mf_gc_sweep(gc, how, reached, count, w, NULL, &err));
	if (how == MF_GC_TAKE)
		OK(mf_gc_settle(gc, reached, w, &bytes, removed, &err));
	mf_gc_end(gc);
}

struct three {
	struct fixture f;
	mf_buf plain[3];
	mf_filecap cap[3]; /* reached; old; young */
	struct world w;
};

static void
three_init(struct three *t)
{
	memset(t, 0, sizeof(*t));
	fixture_init(&t->f, 1, 1);
	for (uint32_t i = 0; i < 3; i++) {
		t->plain[i] = noise(i, 3000);
		t->cap[i] = put(t->f.g, &t->plain[i]);
	}
	reach(&t->w, t->cap[0].text);
	age(&t->f, t->cap[0].text, 100);
	age(&t->f, t->cap[1].text, 100);
	age(&t->f, t->cap[2].text, 6);
}

static void
three_deinit(struct three *t)
{
	for (size_t i = 0; i < 3; i++)
		mf_buf_free(&t->plain[i]);
	fixture_deinit(&t->f);
}

Test(gc, only_what_is_ours_old_and_not_reached_goes, .timeout = 30)
{
	struct three t;
	uint64_t removed;

	three_init(&t);
	run(t.f.g, &t.w, 0x11, MF_GC_LOOK, &removed);
	cr_assert(t.w.seen[MF_GC_REACHED] == 1 && t.w.seen[MF_GC_GARBAGE] == 1 && t.w.seen[MF_GC_YOUNG] == 1);
	cr_assert(there(&t.f, t.cap[1].text), "looking removes nothing");
	run(t.f.g, &t.w, 0x22, MF_GC_TAKE, &removed);
	cr_assert(t.w.seen[MF_GC_FOREIGN] == 2 && removed == 0, "leases of somebody else");
	run(t.f.g, &t.w, 0x11, MF_GC_TAKE, &removed);
	cr_assert(removed == 1 && there(&t.f, t.cap[0].text) && !there(&t.f, t.cap[1].text) &&
		there(&t.f, t.cap[2].text));
	three_deinit(&t);
}

Test(gc, one_more_lease_of_somebody_else_keeps_a_share, .timeout = 30)
{
	struct three t;
	mf_grid_conf conf = {.convergence_n = 16};
	struct mf_grid *other;
	char url[128];
	uint64_t removed;
	mf_err err;

	three_init(&t);
	memset(conf.convergence, 'a', 16);
	memset(conf.lease_secret, 0x33, 32);
	(void)snprintf(url, sizeof(url), "dir:%s", t.f.store);
	OK(mf_grid_open(url, &conf, &other, &err));
	cr_assert(strcmp(put(other, &t.plain[1]).text, t.cap[1].text) == 0, "the same bytes, found there");
	age(&t.f, t.cap[1].text, 100);
	run(t.f.g, &t.w, 0x11, MF_GC_TAKE, &removed);
	cr_assert(removed == 0 && t.w.seen[MF_GC_FOREIGN] == 1 && there(&t.f, t.cap[1].text));
	mf_grid_close(other);
	three_deinit(&t);
}

Test(gc, what_is_found_by_an_upload_is_young_again, .timeout = 30)
{
	struct three t;
	uint64_t removed;

	three_init(&t);
	(void)put(t.f.g, &t.plain[1]);
	run(t.f.g, &t.w, 0x11, MF_GC_TAKE, &removed);
	cr_assert(removed == 0 && t.w.seen[MF_GC_YOUNG] == 2);
	three_deinit(&t);
}

Test(gc, large_files_are_found_young_too_and_written_again_when_gone, .timeout = 60)
{
	struct three t;
	mf_buf large = noise(9, 3 << 20), back = {0};
	uint64_t removed;
	mf_err err;

	three_init(&t);
	mf_filecap cap = put(t.f.g, &large);
	age(&t.f, cap.text, 100);
	(void)put(t.f.g, &large);
	run(t.f.g, &t.w, 0x11, MF_GC_TAKE, &removed);
	cr_assert(removed == 1 && there(&t.f, cap.text), "only the old one goes");
	age(&t.f, cap.text, 100);
	run(t.f.g, &t.w, 0x11, MF_GC_TAKE, &removed);
	cr_assert(removed == 1 && !there(&t.f, cap.text));
	(void)put(t.f.g, &large);
	OK(fetch(t.f.g, &cap, &back, &err));
	cr_assert(mf_str_eq(mf_buf_str(&back), mf_buf_str(&large)));
	mf_buf_free(&large);
	mf_buf_free(&back);
	three_deinit(&t);
}

Test(gc, who_reads_what_was_taken_away_puts_it_back, .timeout = 30)
{
	struct three t;
	struct mf_gc *gc;
	mf_buf back = {0};
	uint64_t bytes, removed;
	mf_err err;

	three_init(&t);
	gc = begin(t.f.g, 0x11);
	OK(mf_gc_sweep(gc, MF_GC_TAKE, reached, count, &t.w, NULL, &err));
	cr_assert(there(&t.f, t.cap[1].text) == false, "taken away");
	OK(fetch(t.f.g, &t.cap[1], &back, &err));
	cr_assert(mf_str_eq(mf_buf_str(&back), mf_buf_str(&t.plain[1])) && there(&t.f, t.cap[1].text));
	OK(mf_gc_settle(gc, reached, &t.w, &bytes, &removed, &err));
	cr_assert(removed == 0);
	mf_gc_end(gc);
	run(t.f.g, &t.w, 0x11, MF_GC_TAKE, &removed);
	cr_assert(removed == 0 && t.w.seen[MF_GC_YOUNG] == 2, "it was used just now");
	mf_buf_free(&back);
	three_deinit(&t);
}

Test(gc, what_becomes_reached_meanwhile_comes_back, .timeout = 30)
{
	struct three t;
	struct mf_gc *gc;
	uint64_t bytes, removed;
	mf_err err;

	three_init(&t);
	gc = begin(t.f.g, 0x11);
	OK(mf_gc_sweep(gc, MF_GC_TAKE, reached, count, &t.w, NULL, &err));
	reach(&t.w, t.cap[1].text);
	OK(mf_gc_settle(gc, reached, &t.w, &bytes, &removed, &err));
	mf_gc_end(gc);
	cr_assert(removed == 0 && there(&t.f, t.cap[1].text));
	three_deinit(&t);
}

Test(gc, what_a_killed_run_left_is_put_back_and_stored_again_beside_it, .timeout = 30)
{
	struct three t;
	struct mf_gc *gc;
	uint64_t removed;
	mf_buf back = {0};
	mf_err err;

	three_init(&t);
	gc = begin(t.f.g, 0x11);
	OK(mf_gc_sweep(gc, MF_GC_TAKE, reached, count, &t.w, NULL, &err));
	mf_gc_end(gc); /* as far as it came */
	gc = begin(t.f.g, 0x11);
	cr_assert(there(&t.f, t.cap[1].text), "put back");
	OK(mf_gc_sweep(gc, MF_GC_TAKE, reached, count, &t.w, NULL, &err));
	mf_gc_end(gc);
	(void)put(t.f.g, &t.plain[1]); /* one in the trash, one stored */
	run(t.f.g, &t.w, 0x11, MF_GC_TAKE, &removed);
	cr_assert(removed == 0, "the stored one is young, the other is not needed");
	OK(fetch(t.f.g, &t.cap[1], &back, &err));
	mf_buf_free(&back);
	three_deinit(&t);
}

Test(gc, one_run_at_a_time, .timeout = 30)
{
	uint8_t owner[1][32] = {{0}};
	struct three t;
	struct mf_gc *gc, *second;
	mf_err err;

	three_init(&t);
	gc = begin(t.f.g, 0x11);
	cr_assert(eq(int, mf_gc_begin(t.f.g, (const uint8_t(*)[32])owner, 1, GRACE, &second, &err), MF_EBUSY));
	mf_gc_end(gc);
	mf_gc_end(begin(t.f.g, 0x11));
	three_deinit(&t);
}

Test(gc, directories_go_like_files, .timeout = 60)
{
	struct three t;
	mf_dirwrite dir;
	char path[256];
	struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	uint8_t be[4] = {0x3b, 0x9a, 0xca, 0};
	uint64_t removed;
	mf_err err;

	three_init(&t);
	OK(t.f.g->ops->mkdir(t.f.g, &dir, NULL, &err));
	run(t.f.g, &t.w, 0x11, MF_GC_LOOK, &removed);
	cr_assert(t.w.seen[MF_GC_YOUNG] == 2);
	share_path(&t.f, dir.text, 0, path);
	FILE *file = fopen(path, "r+b");
	cr_assert(file != NULL && fseek(file, 104, SEEK_SET) == 0 && fwrite(be, 4, 1, file) == 1 && fclose(file) == 0);
	cr_assert(utimensat(AT_FDCWD, path, old, 0) == 0);
	run(t.f.g, &t.w, 0x22, MF_GC_LOOK, &removed);
	cr_assert(t.w.seen[MF_GC_GARBAGE] == 0);
	run(t.f.g, &t.w, 0x11, MF_GC_TAKE, &removed);
	cr_assert(removed == 2 && access(path, F_OK) != 0);
	three_deinit(&t);
}

Test(gc, users_are_noted_once_found_and_forgotten, .timeout = 30)
{
	struct fixture f;
	mf_grid_conf conf = {.convergence_n = 16};
	struct mf_grid *g;
	char url[128], dir[160], moved[170], id[MF_GC_ID + 1];
	mf_gc_user *list;
	size_t n;
	mf_err err;

	fixture_init(&f, 1, 1);
	OK(mf_gc_users(f.g, &list, &n, &err));
	cr_assert(n == 0, "a guest is no user");
	mf_gc_users_free(list, n);
	(void)snprintf(url, sizeof(url), "dir:%s", f.store);
	(void)snprintf(dir, sizeof(dir), "%s/config", f.dir);
	(void)snprintf(moved, sizeof(moved), "%s/moved", f.dir);
	cr_assert(mkdir(dir, 0700) == 0);
	memset(conf.lease_secret, 0x44, 32);
	for (int i = 0; i < 3; i++) {
		if (i == 2)
			cr_assert(rename(dir, moved) == 0);
		conf.user = i == 2 ? moved : dir;
		OK(mf_grid_open(url, &conf, &g, &err));
		mf_grid_close(g);
	}
	mf_gc_id(conf.lease_secret, id);
	OK(mf_gc_users(f.g, &list, &n, &err));
	cr_assert(n == 1 && strcmp(list[0].dir, moved) == 0 && strcmp(list[0].id, id) == 0, "it was moved");
	mf_gc_users_free(list, n);
	cr_assert(eq(int, mf_gc_forget(f.g, dir, &err), MF_ENOTFOUND));
	OK(mf_gc_forget(f.g, moved, &err));
	OK(mf_gc_users(f.g, &list, &n, &err));
	cr_assert(n == 0);
	mf_gc_users_free(list, n);
	fixture_deinit(&f);
}
