/* The embedded grid end to end: files and directories, stored, listed, changed, damaged. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grid/check.h"
#include "tests/grid/golden.h"
#include "tests/grid/store_fixture.h"

#define OK(call) cr_assert((call) == MF_OK, "%s: %s", #call, err.text)

static mf_filecap
put(struct mf_grid *g, const mf_buf *b)
{
	mf_source src = mf_source_mem(b->p, b->n);
	mf_filecap cap;
	mf_err err;

	OK(g->ops->put(g, &src, &cap, NULL, &err));
	return cap;
}

static mf_code
collect(void *arg, const void *p, size_t n, mf_err *err)
{
	(void)err;
	mf_buf_add(arg, p, n);
	return MF_OK;
}

Test(embedded, files_of_every_size_come_back, .timeout = 60)
{
	static const size_t size[] = {0, 1, 55, 56, 1000, 4096, 16360, 20000, 1 << 20, (1 << 20) + 1, 2500000};
	static const uint32_t kn[][2] = {{1, 1}, {2, 3}};

	for (size_t c = 0; c < 2; c++) {
		struct fixture f;

		fixture_init(&f, kn[c][0], kn[c][1]);
		for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
			mf_buf plain = noise((uint32_t)i, size[i]), back = {0};
			mf_filecap cap = put(f.g, &plain), again = put(f.g, &plain);
			mf_source src = mf_source_mem(plain.p, plain.n);
			bool same;
			mf_err err;

			cr_assert(strcmp(cap.text, again.text) == 0);
			OK(fetch(f.g, &cap, &back, &err));
			cr_assert(mf_str_eq(mf_buf_str(&plain), mf_buf_str(&back)), "size %zu", size[i]);
			OK(f.g->ops->same(f.g, &cap, &src, &same, NULL, &err));
			cr_assert(same, "size %zu", size[i]);
			mf_buf_free(&plain);
			mf_buf_free(&back);
		}
		fixture_deinit(&f);
	}
}

Test(embedded, directories_can_be_made_listed_and_changed, .timeout = 60)
{
	struct fixture f;
	mf_dirwrite rw;
	mf_dirread ro;
	mf_listing l;
	mf_dirver v1 = {0}, v2 = {0};
	bool unchanged;
	mf_err err;

	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &rw, NULL, &err));
	mf_dirwrite_read(&rw, &ro);
	OK(f.g->ops->list(f.g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 0 && l.version.seqnum == 1);
	mf_listing_free(&l);

	mf_link links[] = {
		{.name = MF_STR("b"), .cap = MF_STR("URI:LIT:nbswy3dp")},
		{.name = MF_STR("a"), .cap = mf_strz(rw.text), .metadata = MF_STR("{\"x\": 1.50}")},
	};
	OK(f.g->ops->update(f.g, &rw, links, 2, &v1, NULL, &err));
	OK(f.g->ops->list(f.g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 2 && l.version.seqnum == 2 && memcmp(&v1, &l.version, sizeof(v1)) == 0);
	cr_assert(mf_str_eq(l.child[0].name, MF_STR("a")) && mf_str_eq(l.child[0].ro, mf_strz(ro.text)));
	cr_assert(l.child[0].rw.n == 0 && l.child[0].kind == MF_CAP_DIR2_RO);
	cr_assert(mf_str_starts(l.child[0].metadata, MF_STR("{\"x\": 1.50, \"tahoe\": {\"linkcrtime\": 1")));
	cr_assert(l.child[1].kind == MF_CAP_LIT);
	cr_assert(mf_listing_find(&l, MF_STR("b")) == &l.child[1] && mf_listing_find(&l, MF_STR("c")) == NULL);
	mf_listing_free(&l);
	OK(f.g->ops->list(f.g, &ro, &v1, &unchanged, &l, NULL, &err));
	cr_assert(unchanged && l.n == 0);
	OK(f.g->ops->list_rw(f.g, &rw, &l, NULL, &err));
	cr_assert(l.n == 2 && mf_str_eq(l.child[0].rw, mf_strz(rw.text)) && l.child[1].rw.n == 0);
	mf_listing_free(&l);

	links[0].how = MF_LINK_NEW;
	cr_assert(f.g->ops->update(f.g, &rw, links, 1, NULL, NULL, &err) == MF_EEXIST);
	links[0].how = MF_LINK_REMOVE;
	OK(f.g->ops->update(f.g, &rw, links, 1, &v2, NULL, &err));
	cr_assert(v2.seqnum == 3);
	OK(f.g->ops->list(f.g, &ro, &v1, &unchanged, &l, NULL, &err));
	cr_assert(!unchanged && l.n == 1);
	mf_listing_free(&l);
	OK(f.g->ops->update(f.g, &rw, links, 1, &v2, NULL, &err));
	cr_assert(v2.seqnum == 3, "removing what is not there writes nothing");
	cr_assert(f.g->ops->update(f.g, &rw, links, 1, &v1, NULL, &err) == MF_ECHANGED && v1.seqnum == 2,
		"nothing is written over a version that was not seen");
	mf_dirver forged = v2;
	forged.root[0] ^= 1;
	links[0].how = MF_LINK_REPLACE;
	cr_assert(f.g->ops->update(f.g, &rw, links, 1, &forged, NULL, &err) == MF_ECHANGED);
	OK(f.g->ops->list(f.g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 1 && memcmp(&l.version, &v2, sizeof(v2)) == 0);
	mf_listing_free(&l);
	OK(f.g->ops->update(f.g, &rw, links, 1, &v2, NULL, &err));
	cr_assert(v2.seqnum == 4);
	fixture_deinit(&f);
}

Test(embedded, immutable_directories_come_back, .timeout = 30)
{
	static const mf_link links[] = {
		{.name = MF_STR("content")},
		{.name = MF_STR("metadata"), .cap = MF_STR("URI:LIT:nbswy3dp"), .metadata = MF_STR("{\"magic\": 1}")},
	};
	struct fixture f;
	mf_immdir dir;
	mf_dirread ro;
	mf_listing l;
	mf_err err;

	fixture_init(&f, 1, 1);
	OK(f.g->ops->put_dir(f.g, links, 2, &dir, NULL, &err));
	cr_assert(mf_str_starts(mf_strz(dir.text), MF_STR("URI:DIR2-CHK:")));
	mf_immdir_read(&dir, &ro);
	OK(f.g->ops->list(f.g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 2 && l.child[0].ro.n == 0 && l.child[0].kind == MF_CAP_UNKNOWN);
	cr_assert(mf_str_eq(l.child[1].metadata, MF_STR("{\"magic\": 1}")) && l.child[1].kind == MF_CAP_LIT);
	mf_listing_free(&l);
	OK(f.g->ops->put_dir(f.g, NULL, 0, &dir, NULL, &err));
	cr_assert(strcmp(dir.text, "URI:DIR2-LIT:") == 0);
	fixture_deinit(&f);
}

Test(embedded, urls_that_name_no_store_are_refused, .timeout = 10)
{
	mf_grid_conf conf = {.k = 1, .n = 1};
	struct mf_grid *g;
	mf_err err;

	cr_assert(mf_grid_open("dir:relative", &conf, &g, &err) == MF_EINVAL && g == NULL);
	cr_assert(mf_grid_open("/abs", &conf, &g, &err) == MF_EINVAL && g == NULL);
	cr_assert(mf_grid_open("servers:/x.yaml", &conf, &g, &err) == MF_EUNSUPPORTED && g == NULL);
	cr_assert(mf_grid_open("node:/x", &conf, &g, &err) == MF_EUNSUPPORTED && g == NULL);
	cr_assert(mf_grid_open("dir:/nowhere/at/all", &conf, &g, &err) == MF_ENOTFOUND && g == NULL);
	conf.k = 3;
	cr_assert(mf_grid_open("dir:/tmp", &conf, &g, &err) == MF_EINVAL && g == NULL, "k above n");
}

Test(embedded, ranges_are_cut_at_the_end, .timeout = 30)
{
	struct fixture f;
	mf_buf plain = noise(1, 300000), small = noise(2, 30), back = {0};
	mf_err err;

	fixture_init(&f, 1, 1);
	mf_filecap cap[] = {put(f.g, &plain), put(f.g, &small)};
	const mf_buf *want[] = {&plain, &small};
	for (int i = 0; i < 2; i++) {
		for (uint64_t off = 0; off <= want[i]->n + 5; off += want[i]->n / 3) {
			uint64_t n = want[i]->n / 2, left = off > want[i]->n ? 0 : want[i]->n - off;

			back.n = 0;
			OK(f.g->ops->get(f.g, &cap[i], off, n, collect, &back, NULL, &err));
			cr_assert(back.n == (n < left ? n : left), "%zu at %llu", back.n, (unsigned long long)off);
			cr_assert(back.n == 0 || memcmp(back.p, want[i]->p + off, back.n) == 0);
		}
	}
	mf_buf_free(&plain);
	mf_buf_free(&small);
	mf_buf_free(&back);
	fixture_deinit(&f);
}

Test(embedded, what_is_not_there_is_not_found, .timeout = 30)
{
	static const mf_filecap chk = {
		"URI:CHK:yzxcoagbetwet65ltjpbqyli3m:6b7inuiha2xdtgqzd55i6aeggutnxzr6qfwpv2ep5xlln6pgef7a:1:1:56"};
	static const mf_dirread ro = {
		"URI:DIR2-RO:65ruo2zytr3uxnaxkptdoqkth4:hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq"};
	static const mf_dirwrite rw = {
		"URI:DIR2:fs6ul2fju2fvb2cfx7gt6ngycm:hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq"};
	const mf_str caps[] = {MF_STR("URI:LIT:"), mf_strz(chk.text)};
	struct fixture f;
	mf_buf back = {0};
	char path[256];
	mf_listing l;
	mf_check c;
	mf_err err;

	fixture_init(&f, 1, 1);
	cr_assert(f.g->ops->get(f.g, &chk, 0, 10, collect, &back, NULL, &err) == MF_ENOTFOUND);
	cr_assert(f.g->ops->list(f.g, &ro, NULL, NULL, &l, NULL, &err) == MF_ENOTFOUND);
	cr_assert(f.g->ops->list_rw(f.g, &rw, &l, NULL, &err) == MF_ENOTFOUND);
	cr_assert(f.g->ops->update(f.g, &rw, NULL, 0, NULL, NULL, &err) == MF_ENOTFOUND);
	cr_assert(f.g->ops->nudge_path(f.g, &ro, path, sizeof(path), &err) == MF_ENOTFOUND);
	cr_assert(f.g->ops->renew(f.g, caps, 2, NULL, &err) == MF_ENOTFOUND);
	OK(f.g->ops->renew(f.g, caps, 1, NULL, &err));
	OK(mf_grid_check(f.g, mf_strz(ro.text), &c, NULL, &err));
	cr_assert(c.shares == 0 && !c.recoverable && !c.healthy);
	OK(mf_grid_check(f.g, MF_STR("URI:LIT:"), &c, NULL, &err));
	cr_assert(c.literal && c.healthy);
	cr_assert(mf_grid_check(f.g, MF_STR("lafs:x"), &c, NULL, &err) == MF_EINVAL);
	cr_assert(mf_grid_check(f.g,
			  MF_STR("URI:MDMF-RO:65ruo2zytr3uxnaxkptdoqkth4:"
				 "hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq"),
			  &c, NULL, &err) == MF_EUNSUPPORTED);
	fixture_deinit(&f);
}

Test(embedded, the_nudge_path_changes_with_the_directory, .timeout = 30)
{
	struct fixture f;
	mf_dirwrite rw;
	mf_dirread ro;
	struct stat a, b;
	char path[256], share[256];
	mf_link l = {.name = MF_STR("x"), .cap = MF_STR("URI:LIT:")};
	mf_err err;

	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &rw, NULL, &err));
	mf_dirwrite_read(&rw, &ro);
	OK(f.g->ops->nudge_path(f.g, &ro, path, sizeof(path), &err));
	share_path(&f, ro.text, 0, share);
	cr_assert(strncmp(share, path, strlen(path)) == 0 && stat(path, &a) == 0 && S_ISDIR(a.st_mode));
	(void)usleep(20000);
	OK(f.g->ops->update(f.g, &rw, &l, 1, NULL, NULL, &err));
	cr_assert(stat(path, &b) == 0);
	cr_assert(a.st_mtim.tv_sec != b.st_mtim.tv_sec || a.st_mtim.tv_nsec != b.st_mtim.tv_nsec);
	cr_assert(f.g->ops->nudge_path(f.g, &ro, path, 10, &err) == MF_EINVAL);
	fixture_deinit(&f);
}

Test(embedded, nothing_in_the_store_is_readable_by_others, .timeout = 30)
{
	struct fixture f;
	mf_dirwrite rw;
	mf_buf plain = noise(1, 5000);
	char command[256];
	mf_err err;

	(void)umask(0);
	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &rw, NULL, &err));
	(void)put(f.g, &plain);
	(void)snprintf(command, sizeof(command), "test -z \"$(find %s -perm /077)\"", f.store);
	cr_assert(system(command) == 0);
	mf_buf_free(&plain);
	fixture_deinit(&f);
}

Test(embedded, usage_is_remembered, .timeout = 30)
{
	struct fixture f;
	mf_buf plain = noise(1, 100000);
	mf_grid_status before, after;
	mf_dirwrite rw;
	mf_err err;

	fixture_init(&f, 1, 1);
	(void)put(f.g, &plain);
	(void)put(f.g, &plain);
	OK(f.g->ops->mkdir(f.g, &rw, NULL, &err));
	OK(f.g->ops->status(f.g, &before, &err));
	cr_assert(before.connected == 1 && before.wanted == 1 && before.happy && before.bytes_free > 0);
	cr_assert(before.bytes_used > 102000 && before.bytes_used < 106000, "%llu",
		(unsigned long long)before.bytes_used);
	mf_grid_close(f.g);
	f.g = fixture_open(&f, 1, 1);
	OK(f.g->ops->status(f.g, &after, &err));
	cr_assert(after.bytes_used == before.bytes_used);
	mf_buf_free(&plain);
	fixture_deinit(&f);
}

Test(embedded, capabilities_are_described, .timeout = 5)
{
	mf_cap_info i;
	mf_err err;

	OK(mf_cap_describe(
		MF_STR("URI:DIR2:fs6ul2fju2fvb2cfx7gt6ngycm:hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq"), &i,
		&err));
	cr_assert(strcmp(i.name, "DIR2") == 0 && i.dir && i.is_mutable && i.writable);
	cr_assert(strcmp(i.si, "axxzm642zi4vozwfjdijoafbrm") == 0);
	cr_assert(strcmp(i.readonly,
			  "URI:DIR2-RO:65ruo2zytr3uxnaxkptdoqkth4:"
			  "hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq") == 0);
	cr_assert(strcmp(i.verifier,
			  "URI:DIR2-Verifier:axxzm642zi4vozwfjdijoafbrm:"
			  "hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq") == 0);
	OK(mf_cap_describe(MF_STR("URI:LIT:nbswy3dp"), &i, &err));
	cr_assert(i.size == 5 && i.si[0] == '\0' && strcmp(i.readonly, "URI:LIT:nbswy3dp") == 0 && !i.is_mutable);
	OK(mf_cap_describe(MF_STR("lafs:future"), &i, &err));
	cr_assert(strcmp(i.name, "unknown") == 0 && i.readonly[0] == '\0');
	cr_assert(mf_cap_describe(MF_STR("URI:CHK:x"), &i, &err) == MF_EFORMAT);
}
