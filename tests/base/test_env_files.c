/* Files of the production environment, on the real disk. */
#include <config.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/env_real.h"
#include "tests/base/real.h"

/* Every test runs with openat2 and with the walk that replaces it. */
static void
both_ways(void (*test)(struct real *r))
{
	for (int walk = 0; walk < 2; walk++) {
		struct real r;

		real_init(&r);
		mf_real(r.env)->walk = walk == 1;
		test(&r);
		cr_assert(real_deinit(&r) == 0);
	}
}

static mf_code
stat_code(struct real *r, const char *path, mf_stat *st)
{
	return r->ops->stat(r->root, path, st, NULL);
}

static void
kinds(struct real *r)
{
	mf_stat st;

	real_put(r, "f", "hello");
	cr_assert(chmod(real_path(r, "f"), 0640) == 0);
	cr_assert(mkdir(real_path(r, "d"), 0750) == 0 && mkdir(real_path(r, "d/e"), 0700) == 0);
	real_put(r, "d/e/g", "");
	cr_assert(symlink("f", real_path(r, "l")) == 0);
	cr_assert(mkfifo(real_path(r, "p"), 0600) == 0);

	cr_assert(stat_code(r, "f", &st) == MF_OK && st.kind == MF_KIND_FILE);
	cr_assert(st.size == 5 && st.mode == 0640 && st.nlink == 1 && st.ino != 0);
	struct stat sys;
	cr_assert(stat(real_path(r, "f"), &sys) == 0);
	cr_assert(st.dev == sys.st_dev && st.ino == sys.st_ino);
	cr_assert(st.mtime_ns == (int64_t)sys.st_mtim.tv_sec * 1000000000 + sys.st_mtim.tv_nsec);
	cr_assert(st.ctime_ns == (int64_t)sys.st_ctim.tv_sec * 1000000000 + sys.st_ctim.tv_nsec);
	cr_assert(st.btime_ns == 0 || st.btime_ns <= st.ctime_ns);

	cr_assert(stat_code(r, "", &st) == MF_OK && st.kind == MF_KIND_DIR && st.ino == r->root->ino);
	cr_assert(stat_code(r, "d/e", &st) == MF_OK && st.kind == MF_KIND_DIR && st.mode == 0700);
	cr_assert(stat_code(r, "d/e/g", &st) == MF_OK && st.kind == MF_KIND_FILE && st.size == 0);
	cr_assert(stat_code(r, "l", &st) == MF_OK && st.kind == MF_KIND_SYMLINK);
	cr_assert(stat_code(r, "p", &st) == MF_OK && st.kind == MF_KIND_OTHER);
	cr_assert(stat_code(r, "none", &st) == MF_OK && st.kind == MF_KIND_ABSENT);
	cr_assert(stat_code(r, "none/x/y", &st) == MF_OK && st.kind == MF_KIND_ABSENT);
	cr_assert(stat_code(r, "f/x", &st) == MF_OK && st.kind == MF_KIND_ABSENT);
	cr_assert(stat_code(r, "f/x/y", &st) == MF_OK && st.kind == MF_KIND_ABSENT);
}

struct stats {
	struct real *r;
	const char *dir;
	const char *const *name;
	size_t n;
	bool failing;
};

static void
is_as_stat_says(void *arg, size_t i, const mf_stat *st, const mf_err *err)
{
	struct stats *s = arg;
	char path[64];
	mf_stat want;

	cr_assert(i == s->n++);
	cr_assert((err != NULL) == s->failing);
	if (s->failing) {
		cr_assert(st->kind == MF_KIND_ABSENT && err->code != MF_OK);
		return;
	}
	(void)snprintf(path, sizeof(path), "%s%s%s", s->dir, *s->dir == '\0' ? "" : "/", s->name[i]);
	cr_assert(stat_code(s->r, path, &want) == MF_OK);
	cr_assert(st->kind == want.kind && st->ino == want.ino && st->size == want.size && st->mode == want.mode);
}

static void
many(struct real *r)
{
	static const char *const name[] = {"f", "missing", "l", "e"};

	cr_assert(mkdir(real_path(r, "d"), 0750) == 0 && mkdir(real_path(r, "d/e"), 0700) == 0);
	real_put(r, "f", "hello");
	real_put(r, "d/f", "hello there");
	cr_assert(symlink("/", real_path(r, "d/l")) == 0);
	for (const char *const *dir = (const char *const[]){"", "d", "gone", "f", NULL}; *dir != NULL; dir++) {
		struct stats s = {.r = r, .dir = *dir, .name = name};
		r->ops->stat_in(r->root, *dir, name, 4, is_as_stat_says, &s);
		cr_assert(s.n == 4, "%s", *dir);
	}
	struct stats out = {.r = r, .dir = "d/l", .name = name, .failing = true}; /* never through a link */
	r->ops->stat_in(r->root, "d/l", name, 4, is_as_stat_says, &out);
	cr_assert(out.n == 4);
}

Test(env_files, many_in_one_directory_as_one_by_one, .timeout = 20)
{
	both_ways(many);
}

Test(env_files, stat_tells_kinds_and_absence, .timeout = 20)
{
	both_ways(kinds);
}

static mf_code
any_entry(void *arg, const mf_dirent *e)
{
	(void)arg;
	(void)e;
	return MF_OK;
}

/* Every operation on @p path fails with @p want. */
static void
all_fail(struct real *r, const char *path, mf_code want)
{
	struct mf_file *f = NULL;
	mf_stat st;
	mf_err err = {0};

	cr_assert(r->ops->open(r->root, path, MF_OPEN_READ, 0, &f, &err) == want, "open %s: %s", path, err.text);
	cr_assert(r->ops->open(r->root, path, MF_OPEN_CREATE_NEW, 0600, &f, NULL) == want, "create %s", path);
	cr_assert(r->ops->stat(r->root, path, &st, NULL) == want && st.kind == MF_KIND_ABSENT, "stat %s", path);
	cr_assert(r->ops->list(r->root, path, any_entry, NULL, NULL) == want, "list %s", path);
	cr_assert(r->ops->mkdir(r->root, path, 0700, NULL) == want, "mkdir %s", path);
	cr_assert(r->ops->unlink(r->root, path, NULL) == want, "unlink %s", path);
	cr_assert(r->ops->rmdir(r->root, path, NULL) == want, "rmdir %s", path);
	cr_assert(r->ops->sync_dir(r->root, path, NULL) == want, "sync_dir %s", path);
	for (int how = MF_RENAME_REPLACE; how <= MF_RENAME_EXCHANGE; how++) {
		cr_assert(r->ops->rename(r->root, path, "ok", (enum mf_rename_how)how, NULL) == want, "from %s", path);
		cr_assert(r->ops->rename(r->root, "ok", path, (enum mf_rename_how)how, NULL) == want, "to %s", path);
	}
}

static void
escapes(struct real *r)
{
	char out[64], long_name[300];
	struct stat st;

	/* Outside, with a file that must not be reached; inside, links to it of every shape. */
	(void)snprintf(out, sizeof(out), "%.40s-out", r->dir);
	cr_assert(mkdir(out, 0700) == 0);
	real_put(r, "ok", "inside");
	cr_assert(mkdir(real_path(r, "d"), 0700) == 0);
	cr_assert(symlink(out, real_path(r, "abs")) == 0);
	cr_assert(symlink("..", real_path(r, "up")) == 0);
	cr_assert(symlink("d", real_path(r, "in")) == 0); /* a link that stays inside is no better */
	cr_assert(symlink("../abs", real_path(r, "d/twice")) == 0);
	cr_assert(symlink("/proc/self/root", real_path(r, "magic")) == 0);

	all_fail(r, "..", MF_EAUTH);
	all_fail(r, "d/..", MF_EAUTH);
	all_fail(r, "d/../../etc/passwd", MF_EAUTH);
	all_fail(r, "../x", MF_EAUTH);
	all_fail(r, "/etc/passwd", MF_EAUTH);
	all_fail(r, "abs/x", MF_EAUTH);
	all_fail(r, "up/x", MF_EAUTH);
	all_fail(r, "in/x", MF_EAUTH);
	all_fail(r, "d/twice/x", MF_EAUTH);
	all_fail(r, "magic/tmp", MF_EAUTH);
	all_fail(r, "d//x", MF_EINVAL);
	all_fail(r, "d/", MF_EINVAL);
	all_fail(r, "./ok", MF_EINVAL);
	all_fail(r, "d/.", MF_EINVAL);
	memset(long_name, 'n', sizeof(long_name));
	long_name[256] = '\0';
	all_fail(r, long_name, MF_EINVAL);

	/* The link itself may be looked at, moved and removed, never opened or listed through. */
	struct mf_file *f;
	cr_assert(r->ops->open(r->root, "abs", MF_OPEN_READ, 0, &f, NULL) == MF_EAUTH);
	cr_assert(r->ops->list(r->root, "abs", any_entry, NULL, NULL) == MF_EAUTH);
	cr_assert(r->ops->open(r->root, "abs", MF_OPEN_CREATE_NEW, 0600, &f, NULL) == MF_EEXIST);
	cr_assert(r->ops->rename(r->root, "abs", "moved", MF_RENAME_NEW, NULL) == MF_OK);
	cr_assert(r->ops->unlink(r->root, "moved", NULL) == MF_OK);
	cr_assert(stat(out, &st) == 0 && st.st_nlink == 2, "nothing was made outside");
	cr_assert(rmdir(out) == 0);
}

Test(env_files, nothing_leads_out_of_the_root, .timeout = 20)
{
	both_ways(escapes);
}

static void
specials(struct real *r)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct mf_file *f;

	cr_assert(mkfifo(real_path(r, "fifo"), 0600) == 0);
	cr_assert(mkdir(real_path(r, "dir"), 0700) == 0);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/sock", r->dir);
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert(bind(s, (const struct sockaddr *)&at, sizeof(at)) == 0);
	cr_assert(r->ops->open(r->root, "fifo", MF_OPEN_READ, 0, &f, NULL) == MF_EINVAL);
	cr_assert(r->ops->open(r->root, "dir", MF_OPEN_READ, 0, &f, NULL) == MF_EINVAL);
	cr_assert(r->ops->open(r->root, "sock", MF_OPEN_READ, 0, &f, NULL) == MF_EINVAL);
	cr_assert(r->ops->open(r->root, "none", MF_OPEN_READ, 0, &f, NULL) == MF_ENOTFOUND);
	(void)close(s);
}

Test(env_files, only_regular_files_open, .timeout = 20)
{
	both_ways(specials);
}

static void
contents(struct real *r)
{
	struct mf_file *f;
	char got[16];
	size_t n;
	mf_stat st;

	cr_assert(r->ops->mkdir(r->root, "d", 0700, NULL) == MF_OK);
	cr_assert(r->ops->mkdir(r->root, "d", 0700, NULL) == MF_EEXIST);
	cr_assert(r->ops->open(r->root, "d/f", MF_OPEN_CREATE_NEW, 0600, &f, NULL) == MF_OK);
	cr_assert(r->ops->write(f, 3, "defg", 4, NULL) == MF_OK);
	cr_assert(r->ops->write(f, 0, "abc", 3, NULL) == MF_OK);
	cr_assert(r->ops->read(f, 1, got, sizeof(got), &n, NULL) == MF_OK && n == 6);
	cr_assert(memcmp(got, "bcdefg", 6) == 0);
	cr_assert(r->ops->read(f, 7, got, sizeof(got), &n, NULL) == MF_OK && n == 0);
	cr_assert(r->ops->read(f, UINT64_MAX, got, 1, &n, NULL) == MF_EINVAL && n == 0);
	cr_assert(r->ops->write(f, (uint64_t)INT64_MAX, "x", 1, NULL) == MF_EINVAL);
	static const int64_t when[] = {0, 1, -1, 1700000000123456789, -1000000001, -2000000000};
	for (size_t i = 0; i < sizeof(when) / sizeof(when[0]); i++) {
		cr_assert(r->ops->set_mtime(f, when[i], NULL) == MF_OK);
		cr_assert(r->ops->fstat(f, &st, NULL) == MF_OK);
		cr_assert(st.mtime_ns == when[i], "%lld, not %lld", (long long)st.mtime_ns, (long long)when[i]);
	}
	cr_assert(r->ops->set_mtime(f, INT64_MIN, NULL) == MF_OK, "clamped, not refused");
	cr_assert(r->ops->set_mode(f, 0751, NULL) == MF_OK);
	cr_assert(r->ops->fsync(f, NULL) == MF_OK);
	cr_assert(r->ops->fstat(f, &st, NULL) == MF_OK && st.mode == 0751 && st.size == 7);
	r->ops->close(f);
	r->ops->close(NULL);
	cr_assert(r->ops->open(r->root, "d/f", MF_OPEN_CREATE_NEW, 0600, &f, NULL) == MF_EEXIST);
	cr_assert(r->ops->open(r->root, "d/f", MF_OPEN_READ, 0, &f, NULL) == MF_OK);
	cr_assert(r->ops->write(f, 0, "x", 1, NULL) != MF_OK, "opened for reading");
	r->ops->close(f);
	cr_assert(r->ops->sync_dir(r->root, "d", NULL) == MF_OK && r->ops->sync_dir(r->root, "", NULL) == MF_OK);
	cr_assert(r->ops->sync_dir(r->root, "none", NULL) == MF_ENOTFOUND);
	cr_assert(r->ops->sync_all(r->root, NULL) == MF_OK);
	uint64_t space = 0;
	cr_assert(r->ops->space(r->root, &space, NULL) == MF_OK && space > 0 && space < UINT64_MAX);
}

Test(env_files, what_is_written_is_read, .timeout = 20)
{
	both_ways(contents);
}

Test(env_files, a_big_file_survives_the_write_back, .timeout = 30)
{
	enum { CHUNK = 1 << 20, CHUNKS = 20 };
	struct real r;
	struct mf_file *f;
	uint8_t *p = mf_alloc(CHUNK);
	size_t n;

	real_init(&r);
	cr_assert(r.ops->open(r.root, "big", MF_OPEN_CREATE_NEW, 0600, &f, NULL) == MF_OK);
	for (unsigned i = 0; i < CHUNKS; i++) {
		memset(p, (int)i + 1, CHUNK);
		cr_assert(r.ops->write(f, (uint64_t)i * CHUNK, p, CHUNK, NULL) == MF_OK);
	}
	for (unsigned i = 0; i < CHUNKS; i++) {
		cr_assert(r.ops->read(f, (uint64_t)i * CHUNK, p, CHUNK, &n, NULL) == MF_OK && n == CHUNK);
		cr_assert(p[0] == i + 1 && p[CHUNK - 1] == i + 1);
	}
	r.ops->close(f);
	free(p);
	cr_assert(real_deinit(&r) == 0);
}

static void
assert_text(struct real *r, const char *path, const char *want)
{
	struct mf_file *f;
	char got[32] = {0};
	size_t n;

	cr_assert(r->ops->open(r->root, path, MF_OPEN_READ, 0, &f, NULL) == MF_OK, "%s", path);
	cr_assert(r->ops->read(f, 0, got, sizeof(got) - 1, &n, NULL) == MF_OK);
	r->ops->close(f);
	cr_assert(strcmp(got, want) == 0, "%s holds %s, not %s", path, got, want);
}

static void
names(struct real *r)
{
	mf_stat st;

	cr_assert(mkdir(real_path(r, "d"), 0700) == 0);
	real_put(r, "a", "A");
	real_put(r, "d/b", "B");
	real_put(r, "d/c", "C");
	cr_assert(r->ops->rename(r->root, "a", "d/b", MF_RENAME_NEW, NULL) == MF_EEXIST);
	cr_assert(r->ops->rename(r->root, "d/b", "d/c", MF_RENAME_NEW, NULL) == MF_EEXIST);
	cr_assert(r->ops->rename(r->root, "a", "d/b", MF_RENAME_EXCHANGE, NULL) == MF_OK);
	assert_text(r, "a", "B");
	assert_text(r, "d/b", "A");
	cr_assert(r->ops->rename(r->root, "d/b", "d/c", MF_RENAME_EXCHANGE, NULL) == MF_OK);
	assert_text(r, "d/b", "C");
	cr_assert(r->ops->rename(r->root, "a", "none", MF_RENAME_EXCHANGE, NULL) == MF_ENOTFOUND);
	cr_assert(r->ops->rename(r->root, "a", "new", MF_RENAME_NEW, NULL) == MF_OK);
	cr_assert(r->ops->rename(r->root, "d/b", "d/n", MF_RENAME_NEW, NULL) == MF_OK);
	assert_text(r, "new", "B");
	assert_text(r, "d/n", "C");
	cr_assert(r->ops->rename(r->root, "new", "d/c", MF_RENAME_REPLACE, NULL) == MF_OK);
	assert_text(r, "d/c", "B");
	cr_assert(r->ops->rename(r->root, "new", "x", MF_RENAME_REPLACE, NULL) == MF_ENOTFOUND);
	cr_assert(r->ops->rename(r->root, "d/c", "none/x", MF_RENAME_REPLACE, NULL) == MF_ENOTFOUND);
	cr_assert(r->ops->rename(r->root, "d/c", "d/", MF_RENAME_REPLACE, NULL) == MF_EINVAL);
	cr_assert(r->ops->rename(r->root, "", "x", MF_RENAME_REPLACE, NULL) == MF_EINVAL);
	cr_assert(r->ops->rename(r->root, "d/c", "", MF_RENAME_REPLACE, NULL) == MF_EINVAL);
	cr_assert(r->ops->rmdir(r->root, "d", NULL) == MF_EEXIST);
	cr_assert(r->ops->unlink(r->root, "d", NULL) == MF_EINVAL, "a directory is not unlinked");
	cr_assert(r->ops->rmdir(r->root, "d/c", NULL) == MF_ENOTFOUND, "no directory of that name");
	cr_assert(r->ops->unlink(r->root, "d/c", NULL) == MF_OK && r->ops->unlink(r->root, "d/n", NULL) == MF_OK);
	cr_assert(r->ops->unlink(r->root, "d/n", NULL) == MF_ENOTFOUND);
	cr_assert(r->ops->rmdir(r->root, "d", NULL) == MF_OK);
	cr_assert(stat_code(r, "d", &st) == MF_OK && st.kind == MF_KIND_ABSENT);
	cr_assert(r->ops->rmdir(r->root, "", NULL) == MF_EINVAL);
}

Test(env_files, names_move_and_go, .timeout = 20)
{
	both_ways(names);
}

Test(env_files, file_systems_without_rename_flags, .timeout = 20)
{
	struct real r;

	real_init(&r);
	mf_real(r.env)->plain_rename = true;
	real_put(&r, "a", "A");
	real_put(&r, "b", "B");
	cr_assert(r.ops->rename(r.root, "a", "b", MF_RENAME_EXCHANGE, NULL) == MF_EUNSUPPORTED);
	cr_assert(r.ops->rename(r.root, "a", "b", MF_RENAME_NEW, NULL) == MF_EEXIST);
	cr_assert(r.ops->rename(r.root, "a", "c", MF_RENAME_NEW, NULL) == MF_OK);
	mf_stat st;
	cr_assert(stat_code(&r, "a", &st) == MF_OK && st.kind == MF_KIND_ABSENT);
	cr_assert(stat_code(&r, "c", &st) == MF_OK && st.nlink == 1);
	cr_assert(r.ops->mkdir(r.root, "d", 0700, NULL) == MF_OK);
	cr_assert(r.ops->rename(r.root, "d", "e", MF_RENAME_NEW, NULL) == MF_EUNSUPPORTED);
	cr_assert(r.ops->rename(r.root, "c", "b", MF_RENAME_REPLACE, NULL) == MF_OK);
	assert_text(&r, "b", "A");
	cr_assert(real_deinit(&r) == 0);
}

struct seen {
	unsigned calls, files, dirs, links;
	unsigned stop_after;
};

static mf_code
note(void *arg, const mf_dirent *e)
{
	struct seen *s = arg;

	cr_assert(e->n == strlen(e->name) && e->name[0] != '.');
	s->files += e->kind == MF_KIND_FILE;
	s->dirs += e->kind == MF_KIND_DIR;
	s->links += e->kind == MF_KIND_SYMLINK;
	return ++s->calls == s->stop_after ? MF_ECANCELED : MF_OK;
}

static void
listing(struct real *r)
{
	struct seen s = {0};

	cr_assert(mkdir(real_path(r, "d"), 0700) == 0 && mkdir(real_path(r, "d/sub"), 0700) == 0);
	real_put(r, "d/one", "");
	real_put(r, "d/two\xff", "");
	cr_assert(symlink("one", real_path(r, "d/link")) == 0);
	cr_assert(r->ops->list(r->root, "d", note, &s, NULL) == MF_OK);
	cr_assert(s.calls == 4 && s.files == 2 && s.dirs == 1 && s.links == 1);
	s = (struct seen){.stop_after = 2};
	cr_assert(r->ops->list(r->root, "d", note, &s, NULL) == MF_ECANCELED && s.calls == 2);
	s = (struct seen){0};
	cr_assert(r->ops->list(r->root, "", note, &s, NULL) == MF_OK && s.calls == 1 && s.dirs == 1);
	cr_assert(r->ops->list(r->root, "none", note, &s, NULL) == MF_ENOTFOUND);
	cr_assert(r->ops->list(r->root, "d/one", note, &s, NULL) == MF_ENOTFOUND, "not a directory");
}

Test(env_files, lists_entries_and_stops_when_told, .timeout = 20)
{
	both_ways(listing);
}

Test(env_files, a_root_is_known_by_its_inode, .timeout = 20)
{
	struct real r;
	struct mf_root *root;
	char link_path[256], away[256];

	real_init(&r);
	cr_assert(r.ops->root_open(r.env, "relative", &root, NULL) == MF_EINVAL);
	cr_assert(r.ops->root_open(r.env, real_path(&r, "none"), &root, NULL) == MF_ENOTFOUND);
	real_put(&r, "file", "");
	cr_assert(r.ops->root_open(r.env, real_path(&r, "file"), &root, NULL) == MF_ENOTFOUND);
	cr_assert(mkdir(real_path(&r, "r"), 0700) == 0);
	(void)snprintf(link_path, sizeof(link_path), "%s/link", r.dir);
	(void)snprintf(away, sizeof(away), "%s/away", r.dir);
	cr_assert(symlink("r", link_path) == 0);
	cr_assert(r.ops->root_open(r.env, link_path, &root, NULL) == MF_OK, "the root's own path may be a link");
	cr_assert(r.ops->root_check(root, NULL) == MF_OK);
	cr_assert(rename(real_path(&r, "r"), away) == 0);
	cr_assert(r.ops->root_check(root, NULL) == MF_ENOTFOUND);
	real_put(&r, "away/f", "still there");
	mf_stat st;
	cr_assert(r.ops->stat(root, "f", &st, NULL) == MF_OK && st.kind == MF_KIND_FILE);
	cr_assert(mkdir(real_path(&r, "r"), 0700) == 0);
	cr_assert(r.ops->root_check(root, NULL) == MF_ECHANGED);
	r.ops->root_close(root);
	cr_assert(r.ops->umask(r.env) == 022 || r.ops->umask(r.env) == 077 || r.ops->umask(r.env) == 02);
	cr_assert(real_deinit(&r) == 0);
}
