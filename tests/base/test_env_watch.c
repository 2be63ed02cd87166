/* Watching directories in the production environment. */
#include <config.h>

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env_real.h"
#include "tests/base/real.h"

/* What came, one letter per event: C reated, m odified, c losed, a ttributes, D eleted, < from, > to, G one, O verflow;
 * then directory/name. */
struct heard {
	struct real *r;
	struct mf_watch *w;
	mf_buf text;
	uint32_t from_cookie, to_cookie;
	int count, enough, flag;
	void (*also)(struct heard *h, const mf_watch_event *ev);
};

static void
on_event(void *arg, const mf_watch_event *ev)
{
	static const char letter[] = "?CmcaD<>GO";
	struct heard *h = arg;

	mf_buf_addf(&h->text, "%c%.*s/%.*s%s ", letter[ev->what], (int)ev->dir.n, ev->dir.p == NULL ? "" : ev->dir.p,
		(int)ev->name.n, ev->name.p == NULL ? "" : ev->name.p, ev->is_dir ? "/" : "");
	if (ev->what == MF_WATCH_MOVED_FROM)
		h->from_cookie = ev->cookie;
	if (ev->what == MF_WATCH_MOVED_TO)
		h->to_cookie = ev->cookie;
	if (h->also != NULL)
		h->also(h, ev);
	if (++h->count >= h->enough)
		h->flag = 1;
}

static void
watch_init(struct heard *h, struct real *r)
{
	*h = (struct heard){.r = r};
	h->w = r->ops->watch_new(r->env, on_event, h);
}

static mf_code
watch_add(struct heard *h, const char *path)
{
	return h->r->ops->watch_add(h->w, h->r->root, path, NULL);
}

static void
watch_deinit(struct heard *h)
{
	h->r->ops->watch_free(h->w);
	mf_buf_free(&h->text);
}

/* What comes until all is quiet for a while. */
static const char *
hear(struct heard *h)
{
	int before;

	do {
		before = h->count;
		h->flag = 0;
		(void)real_run_until(h->r, &h->flag, 20);
	} while (h->count != before);
	return h->text.p == NULL ? "" : (const char *)h->text.p;
}

#define HEARS(h, want) \
	do { \
		cr_assert(strcmp(hear(h), want) == 0, "heard %s, not %s", hear(h), want); \
		(h)->text.n = 0; \
		mf_buf_reserve(&(h)->text, 1); \
		(h)->text.p[0] = 0; \
	} while (0)

Test(env_watch, tells_what_happens_in_a_directory, .timeout = 30)
{
	struct real r;
	struct heard h;

	real_init(&r);
	watch_init(&h, &r);
	cr_assert(mkdir(real_path(&r, "d"), 0700) == 0);
	cr_assert(watch_add(&h, "d") == MF_OK && watch_add(&h, "d") == MF_OK, "twice is fine");
	cr_assert(watch_add(&h, "") == MF_OK);
	real_put(&r, "d/f", "x");
	HEARS(&h, "Cd/f md/f cd/f ");
	cr_assert(chmod(real_path(&r, "d/f"), 0600) == 0);
	HEARS(&h, "ad/f ");
	cr_assert(mkdir(real_path(&r, "d/sub"), 0700) == 0);
	HEARS(&h, "Cd/sub/ ");
	cr_assert(rename(real_path(&r, "d/f"), real_path(&r, "g")) == 0);
	HEARS(&h, "<d/f >/g ");
	cr_assert(h.from_cookie != 0 && h.from_cookie == h.to_cookie);
	cr_assert(unlink(real_path(&r, "g")) == 0);
	HEARS(&h, "D/g ");
	cr_assert(chmod(real_path(&r, "d"), 0750) == 0);
	HEARS(&h, "a/d/ ");
	watch_deinit(&h);
	cr_assert(real_deinit(&r) == 0);
}

Test(env_watch, a_watched_directory_that_goes_says_so, .timeout = 30)
{
	struct real r;
	struct heard h;

	real_init(&r);
	watch_init(&h, &r);
	cr_assert(mkdir(real_path(&r, "d"), 0700) == 0 && mkdir(real_path(&r, "e"), 0700) == 0);
	cr_assert(watch_add(&h, "d") == MF_OK && watch_add(&h, "e") == MF_OK);
	cr_assert(rmdir(real_path(&r, "d")) == 0);
	HEARS(&h, "Gd// ");
	cr_assert(rename(real_path(&r, "e"), real_path(&r, "f")) == 0);
	HEARS(&h, "Ge// ");
	real_put(&r, "f/x", "y");
	HEARS(&h, "");
	cr_assert(mf_real(r.env)->ino.n == 0, "forgotten");
	cr_assert(watch_add(&h, "f") == MF_OK);
	real_put(&r, "f/x", "z");
	HEARS(&h, "mf/x cf/x "); /* equal neighbours were merged: emptied and written */
	watch_deinit(&h);
	cr_assert(real_deinit(&r) == 0);
}

Test(env_watch, what_cannot_be_watched, .timeout = 30)
{
	struct real r;
	struct heard h;
	mf_err err;

	real_init(&r);
	watch_init(&h, &r);
	cr_assert(mkdir(real_path(&r, "d"), 0700) == 0);
	real_put(&r, "f", "");
	cr_assert(symlink("d", real_path(&r, "l")) == 0);
	cr_assert(watch_add(&h, "none") == MF_ENOTFOUND);
	cr_assert(watch_add(&h, "f") == MF_ENOTFOUND, "a file");
	cr_assert(watch_add(&h, "l") == MF_EAUTH, "a link");
	cr_assert(watch_add(&h, "../x") == MF_EAUTH);
	cr_assert(r.ops->watch_add(h.w, NULL, "relative", &err) == MF_EINVAL);
	/* An absolute path may go through links: it is the user's own. */
	cr_assert(r.ops->watch_add(h.w, NULL, real_path(&r, "l"), &err) == MF_OK, "%s", err.text);
	real_put(&r, "d/x", "");
	mf_buf want = {0};
	mf_buf_addf(&want, "C%s/x c%s/x ", real_path(&r, "l"), real_path(&r, "l"));
	HEARS(&h, (const char *)want.p);
	mf_buf_free(&want);
	watch_deinit(&h);
	cr_assert(real_deinit(&r) == 0);
}

Test(env_watch, two_sets_may_watch_one_directory, .timeout = 30)
{
	struct real r;
	struct heard a, b;

	real_init(&r);
	watch_init(&a, &r);
	watch_init(&b, &r);
	cr_assert(mkdir(real_path(&r, "d"), 0700) == 0);
	cr_assert(watch_add(&a, "d") == MF_OK && watch_add(&b, "d") == MF_OK);
	cr_assert(mkdir(real_path(&r, "d/x"), 0700) == 0);
	HEARS(&a, "Cd/x/ ");
	HEARS(&b, "Cd/x/ ");
	r.ops->watch_remove(a.w, "d", false);
	cr_assert(mkdir(real_path(&r, "d/y"), 0700) == 0);
	HEARS(&b, "Cd/y/ ");
	HEARS(&a, "");
	r.ops->watch_free(b.w);
	cr_assert(mkdir(real_path(&r, "d/z"), 0700) == 0);
	HEARS(&a, "");
	b.w = NULL;
	watch_deinit(&a);
	watch_deinit(&b);
	cr_assert(real_deinit(&r) == 0);
}

Test(env_watch, removing_takes_what_is_below, .timeout = 30)
{
	static const char *const dirs[] = {"a", "a/b", "a/b/c", "a.b", "ab"};
	struct real r;
	struct heard h;

	real_init(&r);
	watch_init(&h, &r);
	for (size_t i = 0; i < 5; i++) {
		cr_assert(mkdir(real_path(&r, dirs[i]), 0700) == 0);
		cr_assert(watch_add(&h, dirs[i]) == MF_OK);
	}
	r.ops->watch_remove(h.w, "a", true);
	r.ops->watch_remove(h.w, "never added", true);
	cr_assert(mf_real(r.env)->ino.n == 2);
	real_put(&r, "a/b/x", "");
	cr_assert(mkdir(real_path(&r, "ab/x"), 0700) == 0 && mkdir(real_path(&r, "a.b/x"), 0700) == 0);
	HEARS(&h, "Cab/x/ Ca.b/x/ ");
	r.ops->watch_remove(h.w, "", true);
	cr_assert(mf_real(r.env)->ino.n == 0, "the root has all below it");
	watch_deinit(&h);
	cr_assert(real_deinit(&r) == 0);
}

Test(env_watch, a_moved_directory_is_known_by_its_new_name, .timeout = 30)
{
	struct real r;
	struct heard h;

	real_init(&r);
	watch_init(&h, &r);
	cr_assert(mkdir(real_path(&r, "p"), 0700) == 0 && mkdir(real_path(&r, "p/d"), 0700) == 0);
	cr_assert(watch_add(&h, "p/d") == MF_OK);
	/* Its parent moves, so no event tells; adding it again is all that is needed. */
	cr_assert(rename(real_path(&r, "p"), real_path(&r, "q")) == 0);
	cr_assert(watch_add(&h, "q/d") == MF_OK);
	real_put(&r, "q/d/x", "");
	HEARS(&h, "Cq/d/x cq/d/x ");
	/* Another directory takes a watched name. */
	cr_assert(rename(real_path(&r, "q"), real_path(&r, "away")) == 0);
	cr_assert(mkdir(real_path(&r, "q"), 0700) == 0 && mkdir(real_path(&r, "q/d"), 0700) == 0);
	cr_assert(watch_add(&h, "q/d") == MF_OK && mf_real(r.env)->ino.n == 1);
	real_put(&r, "away/d/old", "");
	cr_assert(mkdir(real_path(&r, "q/d/new"), 0700) == 0);
	HEARS(&h, "Cq/d/new/ ");
	watch_deinit(&h);
	cr_assert(real_deinit(&r) == 0);
}

/* A record as the kernel would write it. */
static void
feed(struct real *r, int wd, uint32_t mask, const char *name)
{
	_Alignas(struct inotify_event) char buf[sizeof(struct inotify_event) + 32] = {0};
	struct inotify_event ev = {.wd = wd, .mask = mask, .len = name == NULL ? 0 : 32};

	memcpy(buf, &ev, sizeof(ev));
	if (name != NULL)
		(void)snprintf(buf + sizeof(ev), 32, "%s", name);
	mf_real_watch_feed(mf_real(r->env), buf, sizeof(ev) + ev.len);
}

static void
free_both(struct heard *h, const mf_watch_event *ev)
{
	struct heard *other = (struct heard *)h->r->loop.data;

	(void)ev;
	h->r->ops->watch_free(other->w);
	other->w = NULL;
	h->r->ops->watch_free(h->w);
	h->w = NULL;
}

Test(env_watch, an_overflow_is_told_to_every_set, .timeout = 30)
{
	struct real r;
	struct heard a, b, c;

	real_init(&r);
	watch_init(&a, &r);
	watch_init(&b, &r);
	feed(&r, -1, IN_Q_OVERFLOW, NULL);
	HEARS(&a, "O/ ");
	HEARS(&b, "O/ ");
	feed(&r, -1, IN_Q_OVERFLOW, NULL);
	HEARS(&a, "O/ ");
	HEARS(&b, "O/ ");
	/* The first to hear frees itself and the next one. */
	watch_init(&c, &r);
	c.also = free_both;
	r.loop.data = &b;
	feed(&r, -1, IN_Q_OVERFLOW, NULL);
	cr_assert(c.count == 1 && b.count == 2);
	HEARS(&a, "O/ ");
	feed(&r, 4711, IN_CREATE, "nobody");
	feed(&r, 4711, IN_IGNORED, NULL);
	HEARS(&a, "");
	watch_deinit(&a);
	watch_deinit(&b);
	watch_deinit(&c);
	cr_assert(real_deinit(&r) == 0);
}

Test(env_watch, a_full_kernel_queue_overflows, .timeout = 60)
{
	struct real r;
	struct heard h;
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
	long limit = 0;

	cr_assert(f != NULL && fscanf(f, "%ld", &limit) == 1);
	(void)fclose(f);
	if (limit > 100000)
		cr_skip("the queue is too long to fill");
	real_init(&r);
	watch_init(&h, &r);
	cr_assert(watch_add(&h, "") == MF_OK);
	for (long i = 0; i <= limit / 2; i++) { /* two events each; equal neighbours would be merged */
		real_put(&r, "x", "");
		real_put(&r, "y", "");
	}
	const char *text = hear(&h);
	cr_assert(strstr(text, "O/ ") != NULL);
	cr_assert(strncmp(text, "C/x c/x C/y c/y ", 16) == 0);
	watch_deinit(&h);
	cr_assert(real_deinit(&r) == 0);
}

static void
churn(struct heard *h, const mf_watch_event *ev)
{
	char name[16];

	/* Removes what it is being told of, and adds enough for the tables to grow. */
	h->r->ops->watch_remove(h->w, "d", true);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		cr_assert(watch_add(h, name) == MF_OK);
	}
	cr_assert(watch_add(h, "d") == MF_OK);
	cr_assert(mf_str_eq(ev->dir, MF_STR("d")), "the text still is there");
}

static void
leave(struct heard *h, const mf_watch_event *ev)
{
	(void)ev;
	h->r->ops->watch_free(h->w);
	h->w = NULL;
}

Test(env_watch, callbacks_may_change_everything, .timeout = 30)
{
	struct real r;
	struct heard a, b, c;
	char name[16];

	real_init(&r);
	watch_init(&a, &r);
	watch_init(&b, &r);
	watch_init(&c, &r);
	cr_assert(mkdir(real_path(&r, "d"), 0700) == 0);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		cr_assert(mkdir(real_path(&r, name), 0700) == 0);
	}
	cr_assert(watch_add(&a, "d") == MF_OK && watch_add(&b, "d") == MF_OK && watch_add(&c, "d") == MF_OK);
	a.also = churn;
	b.also = leave;
	cr_assert(mkdir(real_path(&r, "d/x"), 0700) == 0);
	HEARS(&a, "Cd/x/ ");
	HEARS(&b, "Cd/x/ ");
	HEARS(&c, "Cd/x/ ");
	cr_assert(b.w == NULL && mf_real(r.env)->ino.n == 102);
	/* GONE: whoever is told may add again at once. */
	a.also = NULL;
	cr_assert(rename(real_path(&r, "d"), real_path(&r, "e")) == 0);
	HEARS(&a, "Gd// ");
	HEARS(&c, "Gd// ");
	cr_assert(mf_real(r.env)->ino.n == 100);
	watch_deinit(&a);
	watch_deinit(&b);
	watch_deinit(&c);
	cr_assert(mf_real(r.env)->ino.n == 0 && mf_real(r.env)->ino.gone == NULL);
	cr_assert(real_deinit(&r) == 0);
}

Test(env_watch, many_directories, .timeout = 60)
{
	enum { MANY = 3000 };
	struct real r;
	struct heard h;
	char name[16];

	real_init(&r);
	watch_init(&h, &r);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		cr_assert(mkdir(real_path(&r, name), 0700) == 0 && watch_add(&h, name) == MF_OK);
	}
	cr_assert(mf_real(r.env)->ino.n == MANY);
	real_put(&r, "n0/x", "");
	real_put(&r, "n2999/x", "");
	HEARS(&h, "Cn0/x cn0/x Cn2999/x cn2999/x ");
	watch_deinit(&h);
	cr_assert(real_deinit(&r) == 0);
}
