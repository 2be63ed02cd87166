/* The embedded grid end to end: files and directories, stored, listed, changed, damaged. */
#include <criterion/criterion.h>
#include <stdio.h>
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
	mf_dirver v1, v2;
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
	OK(f.g->ops->update(f.g, &rw, links, 1, &v1, NULL, &err));
	cr_assert(v1.seqnum == 3, "removing what is not there writes nothing");
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
