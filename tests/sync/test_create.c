/* Making and joining a folder: what stands on the grid and on disk, and that failures leave nothing. */
#define _GNU_SOURCE /* memmem() */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base32.h"
#include "tests/sync/fixture.h"

static mf_err err;

#define OK(call) cr_assert((call) == MF_OK, "%s", err.text)

enum { DIRS = 4, LINKS = 4 };

/* A grid of a few directories; call number fail_at fails. */
struct fake {
	struct mf_grid grid;
	struct {
		mf_dirwrite cap;
		mf_dirread read;
		char *name[LINKS], *child[LINKS], *metadata[LINKS];
		size_t n, versions;
	} dir[DIRS];
	size_t n, made;
	int calls, fail_at;
};

static mf_code
step(struct mf_grid *g, mf_err *e)
{
	struct fake *f = (struct fake *)g;

	return ++f->calls == f->fail_at ? mf_fail(e, MF_ENET, 0, "call %d fails", f->calls) : MF_OK;
}

static mf_code
fake_put(struct mf_grid *g, const mf_source *s, mf_filecap *out, const mf_cancel *cancel, mf_err *e)
{
	mf_buf b = {0};
	mf_code rc = step(g, e);

	(void)cancel;
	cr_assert(s->mem != NULL && s->size <= 55);
	mf_buf_addz(&b, "URI:LIT:");
	mf_b32_add(&b, s->mem, s->size);
	cr_assert(mf_filecap_parse(mf_buf_str(&b), out, NULL) == MF_OK);
	mf_buf_free(&b);
	return rc;
}

static mf_code
fake_get(struct mf_grid *g, const mf_filecap *cap, uint64_t off, uint64_t len, mf_sink *sink, void *arg,
	const mf_cancel *cancel, mf_err *e)
{
	uint8_t bytes[64];
	size_t n = 0;
	mf_code rc = step(g, e);

	(void)off, (void)len, (void)cancel;
	cr_assert(mf_unb32(bytes, &n, mf_strz(cap->text + 8)));
	return rc != MF_OK ? rc : sink(arg, bytes, n, e);
}

static mf_code
fake_mkdir(struct mf_grid *g, mf_dirwrite *out, const mf_cancel *cancel, mf_err *e)
{
	struct fake *f = (struct fake *)g;
	mf_code rc = step(g, e);

	(void)cancel;
	if (rc != MF_OK)
		return rc;
	cr_assert(f->n < DIRS);
	*out = f->made++ == 0 ? fixture_personal : fixture_collective;
	f->dir[f->n].cap = *out;
	mf_dirwrite_read(out, &f->dir[f->n++].read);
	return MF_OK;
}

static mf_code
fake_update(struct mf_grid *g, const mf_dirwrite *cap, const mf_link *links, size_t n, mf_dirver *out,
	const mf_cancel *cancel, mf_err *e)
{
	struct fake *f = (struct fake *)g;
	mf_code rc = step(g, e);

	(void)out, (void)cancel;
	for (size_t d = 0; rc == MF_OK && d < f->n; d++) {
		if (strcmp(f->dir[d].cap.text, cap->text) != 0)
			continue;
		f->dir[d].versions++;
		for (size_t i = 0; i < n; i++, f->dir[d].n++) {
			cr_assert(links[i].how == MF_LINK_NEW && f->dir[d].n < LINKS);
			f->dir[d].name[f->dir[d].n] = mf_strdup(links[i].name);
			f->dir[d].child[f->dir[d].n] = mf_strdup(links[i].cap);
			f->dir[d].metadata[f->dir[d].n] = mf_strdup(links[i].metadata);
		}
		return MF_OK;
	}
	return rc != MF_OK ? rc : mf_fail(e, MF_ENOTFOUND, 0, "no such directory");
}

static mf_code
fake_list(struct mf_grid *g, const mf_dirread *cap, const mf_dirver *known, bool *unchanged, mf_listing *out,
	const mf_cancel *cancel, mf_err *e)
{
	struct fake *f = (struct fake *)g;
	mf_code rc = step(g, e);

	(void)known, (void)cancel;
	*unchanged = false;
	for (size_t d = 0; rc == MF_OK && d < f->n; d++) {
		if (strcmp(f->dir[d].read.text, cap->text) != 0)
			continue;
		*out = (mf_listing){.child = mf_alloc(LINKS * sizeof(mf_child)), .n = f->dir[d].n};
		for (size_t i = 0; i < out->n; i++) /* put in sorted order by the tests */
			out->child[i] =
				(mf_child){.name = mf_strz(f->dir[d].name[i]), .ro = mf_strz(f->dir[d].child[i])};
		return MF_OK;
	}
	return rc != MF_OK ? rc : mf_fail(e, MF_ENOTFOUND, 0, "no such directory");
}

static const struct mf_grid_ops fake_ops = {
	.put = fake_put, .get = fake_get, .mkdir = fake_mkdir, .update = fake_update, .list = fake_list};

static void
fake_end(struct fake *f)
{
	for (size_t d = 0; d < f->n; d++)
		for (size_t i = 0; i < f->dir[d].n; i++) {
			free(f->dir[d].name[i]);
			free(f->dir[d].child[i]);
			free(f->dir[d].metadata[i]);
		}
	*f = (struct fake){.grid = {.ops = &fake_ops}};
}

/* A Collective somebody else made, with @p metadata in it unless NULL, and a participant "bob". */
static mf_dirread
foreign_collective(struct fake *f, const char *metadata)
{
	mf_dirwrite cap;
	mf_link links[2] = {{.name = MF_STR("@metadata"), .how = MF_LINK_NEW},
		{.name = MF_STR("bob"), .cap = MF_STR("URI:DIR2-LIT:"), .how = MF_LINK_NEW}};
	mf_buf b = {0};

	f->made = 1;
	OK(fake_mkdir(&f->grid, &cap, NULL, &err));
	mf_buf_addz(&b, "URI:LIT:");
	mf_b32_add(&b, metadata, metadata == NULL ? 0 : strlen(metadata));
	links[0].cap = mf_buf_str(&b);
	OK(fake_update(
		&f->grid, &cap, metadata == NULL ? links + 1 : links, metadata == NULL ? 1 : 2, NULL, NULL, &err));
	mf_buf_free(&b);
	f->made = 0;
	return f->dir[0].read;
}

struct place {
	struct fixture f;
	struct fake fake;
	char *magic, *state;
	mf_folder_new what;
};

static void
place_start(struct place *p)
{
	*p = (struct place){.fake = {.grid = {.ops = &fake_ops}}};
	fixture_start(&p->f);
	p->magic = fixture_path(&p->f, "magic");
	p->state = fixture_path(&p->f, "folder-x");
	cr_assert(mkdir(p->magic, 0755) == 0);
	p->what = (mf_folder_new){.name = "f",
		.author = "u\xcc\x88",
		.magic_path = p->magic,
		.state_dir = p->state,
		.poll_interval_s = 60,
		.scan_interval_s = 120};
}

static void
place_end(struct place *p)
{
	fake_end(&p->fake);
	free(p->magic);
	free(p->state);
	fixture_end(&p->f);
}

static mf_code
create(struct place *p, mf_dirread *personal)
{
	err = (mf_err){0};
	return mf_folder_create(p->f.env, &p->fake.grid, &p->what, personal, NULL, &err);
}

static unsigned
mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mode & 0777 : 0;
}

/* Refused with @p code before anything was made anywhere. */
static void
refused(struct place *p, mf_code code, const char *sentence)
{
	mf_dirread personal;
	size_t dirs = p->fake.n;

	cr_assert(create(p, &personal) == code, "%s: %s", sentence, err.text);
	cr_assert(strstr(err.text, sentence) != NULL, "%s: %s", sentence, err.text);
	cr_assert(p->fake.n == dirs && access(p->state, F_OK) != 0 && errno == ENOENT, "%s", sentence);
}

Test(create, an_admin_s_folder_has_exactly_what_it_should, .timeout = 10)
{
	struct place p;
	mf_dirread personal;
	mf_folder_conf c;
	struct mf_state *s = NULL;
	mf_buf edge = {0}, stash = {0};

	place_start(&p);
	OK(create(&p, &personal));
	cr_assert(p.fake.n == 2 && p.fake.dir[0].n == 1 && p.fake.dir[1].n == 2);
	for (int d = 0; d < 2; d++) { /* conformance case 1 */
		cr_assert(strcmp(p.fake.dir[d].name[0], "@metadata") == 0);
		cr_assert(strcmp(p.fake.dir[d].child[0], "URI:LIT:pmrhmzlsonuw63rchiqdc7i") == 0);
		cr_assert(p.fake.dir[d].versions == 1);
	}
	cr_assert(strcmp(p.fake.dir[1].name[1], "\xc3\xbc") == 0); /* NFC */
	cr_assert(strcmp(p.fake.dir[1].child[1], personal.text) == 0);
	cr_assert(strcmp(p.fake.dir[0].read.text, personal.text) == 0);

	mf_buf_addf(&stash, "%s/stash", p.state);
	cr_assert(mode_of(p.state) == 0700 && mode_of((const char *)stash.p) == 0700);
	OK(mf_state_open(p.f.env, p.state, "f", &s, &err));
	OK(mf_state_conf(s, &c, &err));
	cr_assert(c.is_admin && !c.read_only && strcmp(c.personal.text, fixture_personal.text) == 0);
	cr_assert(strcmp(c.collective_write.text, fixture_collective.text) == 0);
	cr_assert(strcmp(c.magic_path, p.magic) == 0 && strcmp(c.stash_path, (const char *)stash.p) == 0);
	mf_buf_addz(&edge, "{\"magic_folder\": {\"verify_key\": \"");
	mf_b32_add_upper(&edge, c.verify_key, 32);
	mf_buf_addz(&edge, "\"}}");
	cr_assert(strcmp(p.fake.dir[1].metadata[1], (const char *)edge.p) == 0);
	mf_folder_conf_clear(&c);
	mf_state_close(s);
	mf_buf_free(&edge);
	mf_buf_free(&stash);
	place_end(&p);
}

Test(create, joining_makes_only_our_own_directory, .timeout = 10)
{
	static const char *const metadata[] = {"{\"version\": 1}", NULL};

	for (int i = 0; i < 2; i++) {
		struct place p;
		mf_dirread personal, collective;
		mf_folder_conf c;
		struct mf_state *s = NULL;

		place_start(&p);
		collective = foreign_collective(&p.fake, metadata[i]);
		p.what.collective = &collective;
		p.what.scan_interval_s = 0;
		OK(create(&p, &personal));
		cr_assert(p.fake.n == 2 && p.fake.dir[0].versions == 1); /* theirs is as it was */
		OK(mf_state_open(p.f.env, p.state, "f", &s, &err));
		OK(mf_state_conf(s, &c, &err));
		cr_assert(!c.is_admin && strcmp(c.collective.text, collective.text) == 0 && c.scan_interval_s == 0);
		mf_folder_conf_clear(&c);
		mf_state_close(s);
		place_end(&p);
	}
}

Test(create, joining_checks_before_anything_is_made, .timeout = 10)
{
	static const struct {
		const char *metadata;
		mf_code code;
		const char *sentence;
	} bad[] = {{"{\"version\": 2}", MF_EUNSUPPORTED, "version 2"}, {"{}", MF_EFORMAT, "@metadata"},
		{"nonsense", MF_EFORMAT, ""}, {"{\"version\": true}", MF_EFORMAT, "@metadata"}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct place p;

		place_start(&p);
		mf_dirread collective = foreign_collective(&p.fake, bad[i].metadata);
		p.what.collective = &collective;
		refused(&p, bad[i].code, bad[i].sentence);
		place_end(&p);
	}
	struct place p;
	place_start(&p);
	mf_dirread collective = foreign_collective(&p.fake, "{\"version\": 1}");
	p.what.collective = &collective;
	p.what.author = "bob";
	refused(&p, MF_EEXIST, "'bob'");
	collective = (mf_dirread){"URI:DIR2-RO:other"};
	p.what.author = "al";
	refused(&p, MF_ENOTFOUND, "no such directory");
	place_end(&p);
}

Test(create, joining_read_only_makes_nothing_on_the_grid, .timeout = 10)
{
	struct place p;
	mf_dirread collective, personal;
	mf_folder_conf c;
	struct mf_state *s = NULL;

	place_start(&p);
	p.what.read_only = true;
	refused(&p, MF_EINVAL, "Only a folder that is joined can be read-only.");
	collective = foreign_collective(&p.fake, "{\"version\": 1}");
	p.what.collective = &collective;
	OK(create(&p, &personal));
	cr_assert(p.fake.n == 1 && p.fake.dir[0].versions == 1 && strcmp(personal.text, "URI:DIR2-LIT:") == 0);
	OK(mf_state_open(p.f.env, p.state, "f", &s, &err));
	OK(mf_state_conf(s, &c, &err));
	cr_assert(c.read_only && !c.is_admin && strcmp(c.collective.text, collective.text) == 0);
	mf_folder_conf_clear(&c);
	mf_state_close(s);
	place_end(&p);
}

Test(create, arguments_are_checked_before_anything_is_made, .timeout = 10)
{
	struct place p;
	char *file = NULL, *inside = NULL;

	place_start(&p);
	const mf_folder_new good = p.what;
#define BAD(field, value, code, sentence) \
	do { \
		p.what = good; \
		p.what.field = (value); \
		refused(&p, code, sentence); \
	} while (0)
	BAD(name, "", MF_EINVAL, "empty");
	BAD(name, "a/b", MF_EINVAL, "cannot contain");
	BAD(name, "a\nb", MF_EINVAL, "cannot contain");
	BAD(author, "", MF_EINVAL, "1 to 255");
	BAD(author, "@me", MF_EINVAL, "'@'");
	BAD(author, "a/b", MF_EINVAL, "'/'");
	BAD(author, "a\xff", MF_EINVAL, "UTF-8");
	BAD(poll_interval_s, 0, MF_EINVAL, "Poll interval must be a positive integer (not '0').");
	BAD(magic_path, "relative", MF_EINVAL, "absolute");
	BAD(magic_path, "/nowhere/at/all", MF_EINVAL, "'/nowhere/at/all' does not exist");
	BAD(magic_path, p.f.dir, MF_EINVAL, "holds the configuration");
	file = fixture_path(&p.f, "file");
	int fd = open(file, O_CREAT | O_WRONLY, 0600);
	cr_assert(fd >= 0 && close(fd) == 0);
	BAD(magic_path, file, MF_EINVAL, "not a directory");
	inside = fixture_path(&p.f, "missing/state");
	BAD(state_dir, inside, MF_ENOTFOUND, "");
	cr_assert(p.fake.calls == 0);
	p.what = good;
	cr_assert(mkdir(p.state, 0755) == 0);
	mf_dirread personal;
	cr_assert(
		create(&p, &personal) == MF_EEXIST && strstr(err.text, "already exists") != NULL && p.fake.calls == 0);
	cr_assert(mode_of(p.state) == 0755); /* not ours: left alone */
	free(file);
	free(inside);
	place_end(&p);
}

Test(create, a_failure_at_any_step_leaves_nothing_on_disk, .timeout = 20)
{
	bool done = false;
	int n = 0;

	while (!done) {
		struct place p;
		mf_dirread personal;

		place_start(&p);
		p.fake.fail_at = ++n;
		mf_code rc = create(&p, &personal);
		done = rc == MF_OK;
		cr_assert(done || (rc == MF_ENET && access(p.state, F_OK) != 0 && errno == ENOENT), "call %d: %s", n,
			err.text);
		place_end(&p);
	}
	cr_assert(n == 7, "%d", n); /* twice put, mkdir, update */
}

Test(create, canceling_leaves_nothing_on_disk, .timeout = 10)
{
	struct place p;
	mf_dirread personal;
	mf_cancel cancel;

	place_start(&p);
	atomic_init(&cancel.on, true);
	cr_assert(mf_folder_create(p.f.env, &p.fake.grid, &p.what, &personal, &cancel, &err) == MF_ECANCELED);
	cr_assert(access(p.state, F_OK) != 0 && errno == ENOENT);
	place_end(&p);
}

Test(create, on_a_real_store_others_can_join_but_not_twice, .timeout = 60)
{
	struct place p;
	struct mf_grid *grid = NULL;
	mf_grid_conf conf = {.convergence_n = 16, .durability = MF_NOT_DURABLE};
	mf_dirread ours, theirs, collective;
	mf_folder_conf c;
	mf_listing list = {0};
	struct mf_state *s = NULL;
	bool unchanged;
	mf_buf url = {0};

	place_start(&p);
	mf_buf_addf(&url, "dir:%s/store", p.f.dir);
	OK(mf_grid_open((const char *)url.p, &conf, &grid, &err));
	OK(mf_folder_create(p.f.env, grid, &p.what, &ours, NULL, &err));
	OK(mf_state_open(p.f.env, p.state, "f", &s, &err));
	OK(mf_state_conf(s, &c, &err));
	collective = c.collective;
	mf_state_close(s);

	OK(grid->ops->list(grid, &collective, NULL, &unchanged, &list, NULL, &err));
	cr_assert(list.n == 2);
	const mf_child *us = mf_listing_find(&list, mf_strz(c.author));
	cr_assert(us != NULL && mf_str_eq(us->ro, mf_strz(ours.text)) && us->rw.n == 0);
	cr_assert(memmem(us->metadata.p, us->metadata.n, "\"verify_key\"", 12) != NULL);
	mf_listing_free(&list);
	OK(grid->ops->list(grid, &ours, NULL, &unchanged, &list, NULL, &err));
	cr_assert(list.n == 1 && mf_str_eq(list.child[0].name, MF_STR("@metadata")));
	mf_listing_free(&list);

	char *other = fixture_path(&p.f, "folder-y");
	p.what.state_dir = other;
	p.what.collective = &collective;
	cr_assert(mf_folder_create(p.f.env, grid, &p.what, &theirs, NULL, &err) == MF_EEXIST);
	p.what.author = "bob";
	OK(mf_folder_create(p.f.env, grid, &p.what, &theirs, NULL, &err));
	cr_assert(strcmp(ours.text, theirs.text) != 0);
	mf_folder_conf_clear(&c);
	free(other);
	mf_buf_free(&url);
	mf_grid_close(grid);
	place_end(&p);
}
