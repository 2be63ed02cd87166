/* The one suite of all back ends. */
#include "tests/grid/suite.h"

#include <criterion/criterion.h>
#include <stdatomic.h>

#include "grid/node.h"
#include "tests/grid/store_fixture.h"

#define OK(call) cr_assert((call) == MF_OK, "%s: %s", #call, err.text)

static mf_code
collect(void *arg, const void *p, size_t n, mf_err *err)
{
	(void)err;
	mf_buf_add(arg, p, n);
	return MF_OK;
}

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
read_buf(void *arg, uint64_t off, void *p, size_t n, mf_err *err)
{
	(void)err;
	memcpy(p, ((const mf_buf *)arg)->p + off, n);
	return MF_OK;
}

void
suite_files_of_every_size_come_back(struct mf_grid *g)
{
	static const size_t size[] = {0, 1, 55, 56, 1000, 4096, 16360, 20000, 1 << 20, (1 << 20) + 1, 2500000};

	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		mf_buf plain = noise((uint32_t)i, size[i]), back = {0};
		mf_filecap cap = suite_put(g, &plain), again;
		mf_source src = {.read = read_buf, .arg = &plain, .size = plain.n};
		bool same;
		mf_err err;

		OK(g->ops->put(g, &src, &again, NULL, &err));
		cr_assert(strcmp(cap.text, again.text) == 0);
		cr_assert(mf_filecap_size(&cap) == size[i]);
		OK(fetch(g, &cap, &back, &err));
		cr_assert(mf_str_eq(mf_buf_str(&plain), mf_buf_str(&back)), "size %zu", size[i]);
		OK(g->ops->same(g, &cap, &src, &same, NULL, &err));
		cr_assert(same, "size %zu", size[i]);
		if (size[i] > 0) {
			plain.p[size[i] - 1] ^= 1;
			OK(g->ops->same(g, &cap, &src, &same, NULL, &err));
			cr_assert(!same, "size %zu", size[i]);
			src.size--;
			OK(g->ops->same(g, &cap, &src, &same, NULL, &err));
			cr_assert(!same, "size %zu", size[i]);
		}
		mf_buf_free(&plain);
		mf_buf_free(&back);
	}
}

void
suite_ranges_are_cut_at_the_end(struct mf_grid *g)
{
	mf_buf plain = noise(1, 300000), small = noise(2, 30), back = {0};
	mf_filecap cap[] = {suite_put(g, &plain), suite_put(g, &small)};
	const mf_buf *want[] = {&plain, &small};
	mf_err err;

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

/* Through a node's web API nobody says which version a directory is, only whether it changed. */
static void
check_number(struct mf_grid *g, const mf_dirver *v, uint64_t number)
{
	cr_assert(v->seqnum == (mf_grid_is_node(g) ? 0 : number), "%llu, not %llu", (unsigned long long)v->seqnum,
		(unsigned long long)number);
}

void
suite_directories_can_be_made_listed_and_changed(struct mf_grid *g)
{
	const struct mf_grid_ops *ops = g->ops;
	mf_dirwrite rw;
	mf_dirread ro;
	mf_listing l;
	mf_dirver v1 = {0}, v2 = {0};
	bool unchanged;
	mf_err err;

	OK(ops->mkdir(g, &rw, NULL, &err));
	mf_dirwrite_read(&rw, &ro);
	OK(ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 0);
	check_number(g, &l.version, 1);
	mf_listing_free(&l);

	mf_link links[] = {
		{.name = MF_STR("b"), .cap = MF_STR("URI:LIT:nbswy3dp")},
		{.name = MF_STR("a"), .cap = mf_strz(rw.text), .metadata = MF_STR("{\"x\": 1.5}")},
	};
	OK(ops->update(g, &rw, links, 2, &v1, NULL, &err));
	OK(ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 2 && memcmp(&v1, &l.version, sizeof(v1)) == 0);
	check_number(g, &v1, 2);
	cr_assert(mf_str_eq(l.child[0].name, MF_STR("a")) && mf_str_eq(l.child[0].ro, mf_strz(ro.text)));
	cr_assert(l.child[0].rw.n == 0 && l.child[0].kind == MF_CAP_DIR2_RO);
	cr_assert(mf_str_starts(l.child[0].metadata, MF_STR("{\"x\": 1.5, \"tahoe\": {\"linkcrtime\": 1")));
	cr_assert(l.child[1].kind == MF_CAP_LIT);
	cr_assert(mf_listing_find(&l, MF_STR("b")) == &l.child[1] && mf_listing_find(&l, MF_STR("c")) == NULL);
	mf_listing_free(&l);
	OK(ops->list(g, &ro, &v1, &unchanged, &l, NULL, &err));
	cr_assert(unchanged && l.n == 0);
	OK(ops->list_rw(g, &rw, &l, NULL, &err));
	cr_assert(l.n == 2 && mf_str_eq(l.child[0].rw, mf_strz(rw.text)) && l.child[1].rw.n == 0);
	mf_listing_free(&l);

	links[0].how = MF_LINK_NEW;
	links[1].how = MF_LINK_NEW;
	links[1].name = MF_STR("new beside it");
	cr_assert(ops->update(g, &rw, links, 2, NULL, NULL, &err) == MF_EEXIST);
	links[0].how = MF_LINK_REMOVE;
	OK(ops->update(g, &rw, links, 1, &v2, NULL, &err));
	check_number(g, &v2, 3);
	OK(ops->list(g, &ro, &v1, &unchanged, &l, NULL, &err));
	cr_assert(!unchanged && l.n == 1, "nothing of what was refused is there");
	mf_listing_free(&l);
	OK(ops->update(g, &rw, links, 1, &v2, NULL, &err));
	check_number(g, &v2, 3); /* removing what is not there writes nothing */
	cr_assert(ops->update(g, &rw, links, 1, &v1, NULL, &err) == MF_ECHANGED,
		"nothing is written over a version that was not seen");
	mf_dirver forged = v2;
	forged.root[0] ^= 1;
	links[0].how = MF_LINK_REPLACE;
	cr_assert(ops->update(g, &rw, links, 1, &forged, NULL, &err) == MF_ECHANGED);
	OK(ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 1 && memcmp(&l.version, &v2, sizeof(v2)) == 0);
	mf_listing_free(&l);
	OK(ops->update(g, &rw, links, 2, &v2, NULL, &err)); /* one to replace, one that must be new */
	OK(ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 3 && memcmp(&l.version, &v2, sizeof(v2)) == 0);
	mf_listing_free(&l);
}

void
suite_names_and_metadata_of_all_kinds_come_back(struct mf_grid *g)
{
	static const char *const name[] = {"@metadata", "a b/c?d#e%f&g=h+i", "\\\"quoted\"", "caf\xc3\xa9",
		"\xf0\x9f\x93\x81 \xe2\x80\xae", "..", "\x01\x7f"};
	enum { N = sizeof(name) / sizeof(name[0]) };
	mf_link link[N];
	mf_dirwrite rw;
	mf_dirread ro;
	mf_listing l;
	mf_err err;

	for (size_t i = 0; i < N; i++)
		link[i] = (mf_link){.name = mf_strz(name[i]),
			.cap = MF_STR("URI:LIT:nbswy3dp"),
			.metadata = MF_STR("{\"deep\": [{\"a\": null}, \"\\u00e9\", 12345678901, true], \"tahoe\": 7}"),
			.how = MF_LINK_NEW};
	OK(g->ops->mkdir(g, &rw, NULL, &err));
	mf_dirwrite_read(&rw, &ro);
	OK(g->ops->update(g, &rw, link, N, NULL, NULL, &err));
	OK(g->ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == N);
	for (size_t i = 0; i < N; i++) {
		const mf_child *c = mf_listing_find(&l, mf_strz(name[i]));

		cr_assert(c != NULL && c->kind == MF_CAP_LIT, "%s", name[i]);
		cr_assert(mf_str_starts(
				  c->metadata, MF_STR("{\"deep\": [{\"a\": null}, \"\\u00e9\", 12345678901, true]")),
			"%.*s", (int)c->metadata.n, c->metadata.p);
		link[i].how = MF_LINK_REMOVE;
	}
	mf_listing_free(&l);
	OK(g->ops->update(g, &rw, link, N, NULL, NULL, &err));
	OK(g->ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 0);
	mf_listing_free(&l);
	link[0] = (mf_link){.name = MF_STR("x"), .cap = MF_STR("URI:CHK:nonsense")};
	cr_assert(g->ops->update(g, &rw, link, 1, NULL, NULL, &err) == MF_EFORMAT);
}

void
suite_immutable_directories_come_back(struct mf_grid *g)
{
	static const mf_link links[] = {
		{.name = MF_STR("content")},
		{.name = MF_STR("metadata"), .cap = MF_STR("URI:LIT:nbswy3dp"), .metadata = MF_STR("{\"magic\": 1}")},
	};
	mf_link bad = {.name = MF_STR("x"),
		.cap = MF_STR("URI:DIR2-RO:65ruo2zytr3uxnaxkptdoqkth4:"
			      "hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq")};
	mf_immdir dir;
	mf_dirread ro;
	mf_listing l;
	mf_err err;

	OK(g->ops->put_dir(g, links, 2, &dir, NULL, &err));
	cr_assert(mf_str_starts(mf_strz(dir.text), MF_STR("URI:DIR2-CHK:")));
	mf_immdir_read(&dir, &ro);
	OK(g->ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 2 && l.child[0].ro.n == 0 && l.child[0].kind == MF_CAP_UNKNOWN && l.version.seqnum == 0);
	cr_assert(mf_str_eq(l.child[1].metadata, MF_STR("{\"magic\": 1}")) && l.child[1].kind == MF_CAP_LIT);
	mf_listing_free(&l);
	OK(g->ops->put_dir(g, NULL, 0, &dir, NULL, &err));
	cr_assert(strcmp(dir.text, "URI:DIR2-LIT:") == 0);
	mf_immdir_read(&dir, &ro);
	OK(g->ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 0);
	mf_listing_free(&l);
	cr_assert(g->ops->put_dir(g, &bad, 1, &dir, NULL, &err) == MF_EINVAL, "a mutable child");
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
	const mf_str lit = MF_STR("URI:LIT:");
	mf_buf back = {0};
	char path[256];
	mf_listing l;
	mf_err err;

	cr_assert(g->ops->get(g, &chk, 0, 10, collect, &back, NULL, &err) == MF_ENOTFOUND);
	cr_assert(g->ops->list(g, &ro, NULL, NULL, &l, NULL, &err) == MF_ENOTFOUND);
	cr_assert(g->ops->list_rw(g, &rw, &l, NULL, &err) == MF_ENOTFOUND);
	cr_assert(g->ops->update(g, &rw, NULL, 0, NULL, NULL, &err) == MF_ENOTFOUND);
	cr_assert(g->ops->nudge_path(g, &ro, path, sizeof(path), &err) == MF_ENOTFOUND);
	OK(g->ops->renew(g, &lit, 1, NULL, &err));
}

void
suite_what_was_canceled_is_not_done(struct mf_grid *g)
{
	const struct mf_grid_ops *ops = g->ops;
	mf_buf plain = noise(3, 100000), back = {0};
	mf_source src = mf_source_mem(plain.p, plain.n);
	mf_filecap cap = suite_put(g, &plain);
	mf_link link = {.name = MF_STR("x"), .cap = mf_strz(cap.text)};
	mf_cancel on = {0};
	mf_dirwrite rw, other;
	mf_dirread ro;
	mf_listing l;
	mf_err err;

	atomic_store(&on.on, true);
	OK(ops->mkdir(g, &rw, NULL, &err));
	mf_dirwrite_read(&rw, &ro);
	cr_assert(ops->put(g, &src, &cap, &on, &err) == MF_ECANCELED);
	cr_assert(ops->get(g, &cap, 0, 10, collect, &back, &on, &err) == MF_ECANCELED);
	cr_assert(ops->mkdir(g, &other, &on, &err) == MF_ECANCELED);
	cr_assert(ops->update(g, &rw, &link, 1, NULL, &on, &err) == MF_ECANCELED);
	cr_assert(ops->list(g, &ro, NULL, NULL, &l, &on, &err) == MF_ECANCELED);
	OK(ops->list(g, &ro, NULL, NULL, &l, NULL, &err));
	cr_assert(l.n == 0 && back.n == 0);
	mf_listing_free(&l);
	mf_buf_free(&plain);
}
