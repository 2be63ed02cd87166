/* What every grid must do. */
#include "tests/grid/suite.h"

#include <criterion/criterion.h>

#include "tests/grid/store_fixture.h"

#define OK(call) cr_assert((call) == MF_OK, "%s: %s", #call, err.text)

mf_filecap
suite_put(struct mf_grid *g, const mf_buf *b)
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

void
suite_files_of_every_size_come_back(struct mf_grid *g)
{
	static const size_t size[] = {0, 1, 55, 56, 1000, 4096, 16360, 20000, 1 << 20, (1 << 20) + 1, 2500000};

	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		mf_buf plain = noise((uint32_t)i, size[i]), back = {0};
		mf_filecap cap = suite_put(g, &plain), again = suite_put(g, &plain);
		mf_source src = mf_source_mem(plain.p, plain.n);
		bool same;
		mf_err err;

		cr_assert(strcmp(cap.text, again.text) == 0);
		OK(fetch(g, &cap, &back, &err));
		cr_assert(mf_str_eq(mf_buf_str(&plain), mf_buf_str(&back)), "size %zu", size[i]);
		OK(g->ops->same(g, &cap, &src, &same, NULL, &err));
		cr_assert(same, "size %zu", size[i]);
		mf_buf_free(&plain);
		mf_buf_free(&back);
	}
}

void
suite_directories_can_be_made_listed_and_changed(struct mf_grid *g)
{
	mf_dirwrite rw;
	mf_dirread ro;
	mf_listing l;
	mf_dirver v1 = {0}, v2 = {0};
	bool unchanged;
	mf_err err;

	OK(g->ops->mkdir(g, &rw, NULL, &err));
	mf_dirwrite_read(&rw, &ro);
	OK(g->ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 0 && l.version.seqnum == 1);
	mf_listing_free(&l);

	mf_link links[] = {
		{.name = MF_STR("b"), .cap = MF_STR("URI:LIT:nbswy3dp")},
		{.name = MF_STR("a"), .cap = mf_strz(rw.text), .metadata = MF_STR("{\"x\": 1.50}")},
	};
	OK(g->ops->update(g, &rw, links, 2, &v1, NULL, &err));
	OK(g->ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 2 && l.version.seqnum == 2 && memcmp(&v1, &l.version, sizeof(v1)) == 0);
	cr_assert(mf_str_eq(l.child[0].name, MF_STR("a")) && mf_str_eq(l.child[0].ro, mf_strz(ro.text)));
	cr_assert(l.child[0].rw.n == 0 && l.child[0].kind == MF_CAP_DIR2_RO);
	cr_assert(mf_str_starts(l.child[0].metadata, MF_STR("{\"x\": 1.50, \"tahoe\": {\"linkcrtime\": 1")));
	cr_assert(l.child[1].kind == MF_CAP_LIT);
	cr_assert(mf_listing_find(&l, MF_STR("b")) == &l.child[1] && mf_listing_find(&l, MF_STR("c")) == NULL);
	mf_listing_free(&l);
	OK(g->ops->list(g, &ro, &v1, &unchanged, &l, NULL, &err));
	cr_assert(unchanged && l.n == 0);
	OK(g->ops->list_rw(g, &rw, &l, NULL, &err));
	cr_assert(l.n == 2 && mf_str_eq(l.child[0].rw, mf_strz(rw.text)) && l.child[1].rw.n == 0);
	mf_listing_free(&l);

	links[0].how = MF_LINK_NEW;
	cr_assert(g->ops->update(g, &rw, links, 1, NULL, NULL, &err) == MF_EEXIST);
	links[0].how = MF_LINK_REMOVE;
	OK(g->ops->update(g, &rw, links, 1, &v2, NULL, &err));
	cr_assert(v2.seqnum == 3);
	OK(g->ops->list(g, &ro, &v1, &unchanged, &l, NULL, &err));
	cr_assert(!unchanged && l.n == 1);
	mf_listing_free(&l);
	OK(g->ops->update(g, &rw, links, 1, &v2, NULL, &err));
	cr_assert(v2.seqnum == 3, "removing what is not there writes nothing");
	cr_assert(g->ops->update(g, &rw, links, 1, &v1, NULL, &err) == MF_ECHANGED && v1.seqnum == 2,
		"nothing is written over a version that was not seen");
	mf_dirver forged = v2;
	forged.root[0] ^= 1;
	links[0].how = MF_LINK_REPLACE;
	cr_assert(g->ops->update(g, &rw, links, 1, &forged, NULL, &err) == MF_ECHANGED);
	OK(g->ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 1 && memcmp(&l.version, &v2, sizeof(v2)) == 0);
	mf_listing_free(&l);
	OK(g->ops->update(g, &rw, links, 1, &v2, NULL, &err));
	cr_assert(v2.seqnum == 4);
}

void
suite_immutable_directories_come_back(struct mf_grid *g)
{
	static const mf_link links[] = {
		{.name = MF_STR("content")},
		{.name = MF_STR("metadata"), .cap = MF_STR("URI:LIT:nbswy3dp"), .metadata = MF_STR("{\"magic\": 1}")},
	};
	mf_immdir dir;
	mf_dirread ro;
	mf_listing l;
	mf_err err;

	OK(g->ops->put_dir(g, links, 2, &dir, NULL, &err));
	cr_assert(mf_str_starts(mf_strz(dir.text), MF_STR("URI:DIR2-CHK:")));
	mf_immdir_read(&dir, &ro);
	OK(g->ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 2 && l.child[0].ro.n == 0 && l.child[0].kind == MF_CAP_UNKNOWN);
	cr_assert(mf_str_eq(l.child[1].metadata, MF_STR("{\"magic\": 1}")) && l.child[1].kind == MF_CAP_LIT);
	mf_listing_free(&l);
	OK(g->ops->put_dir(g, NULL, 0, &dir, NULL, &err));
	cr_assert(strcmp(dir.text, "URI:DIR2-LIT:") == 0);
}

void
suite_ranges_are_cut_at_the_end(struct mf_grid *g)
{
	mf_buf plain = noise(1, 300000), small = noise(2, 30), back = {0};
	mf_err err;

	mf_filecap cap[] = {suite_put(g, &plain), suite_put(g, &small)};
	const mf_buf *want[] = {&plain, &small};
	for (int i = 0; i < 2; i++) {
		for (uint64_t off = 0; off <= want[i]->n + 5; off += want[i]->n / 3) {
			uint64_t n = want[i]->n / 2, left = off > want[i]->n ? 0 : want[i]->n - off;

			back.n = 0;
			OK(g->ops->get(g, &cap[i], off, n, collect, &back, NULL, &err));
			cr_assert(back.n == (n < left ? n : left), "%zu at %llu", back.n, (unsigned long long)off);
			cr_assert(back.n == 0 || memcmp(back.p, want[i]->p + off, back.n) == 0);
		}
	}
	mf_buf_free(&plain);
	mf_buf_free(&small);
	mf_buf_free(&back);
}

void
suite_what_is_not_there_is_not_found(struct mf_grid *g)
{
	static const mf_filecap chk = {
		"URI:CHK:yzxcoagbetwet65ltjpbqyli3m:6b7inuiha2xdtgqzd55i6aeggutnxzr6qfwpv2ep5xlln6pgef7a:1:1:56"};
	static const mf_dirread ro = {
		"URI:DIR2-RO:65ruo2zytr3uxnaxkptdoqkth4:hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq"};
	static const mf_dirwrite rw = {
		"URI:DIR2:fs6ul2fju2fvb2cfx7gt6ngycm:hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq"};
	const mf_str caps[] = {MF_STR("URI:LIT:"), mf_strz(chk.text)};
	mf_buf back = {0};
	mf_listing l;
	mf_err err;

	cr_assert(g->ops->get(g, &chk, 0, 10, collect, &back, NULL, &err) == MF_ENOTFOUND);
	cr_assert(g->ops->list(g, &ro, NULL, NULL, &l, NULL, &err) == MF_ENOTFOUND);
	cr_assert(g->ops->list_rw(g, &rw, &l, NULL, &err) == MF_ENOTFOUND);
	cr_assert(g->ops->update(g, &rw, NULL, 0, NULL, NULL, &err) == MF_ENOTFOUND);
	cr_assert(g->ops->renew(g, caps, 2, NULL, &err) == MF_ENOTFOUND);
	OK(g->ops->renew(g, caps, 1, NULL, &err));
}
