/* Packed directories: listing, tidying, editing.  What was edited must be tidy and list the same entries but one. */
#include <stdlib.h>

#include "grid/lafs/dir.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t key[MF_KEY_SIZE] = "fuzzed directory";

static mf_buf
copy(mf_str s)
{
	mf_buf b = {0};

	mf_buf_adds(&b, s);
	return b;
}

/* false if the bytes are refused. */
static bool
list(mf_str packed, mf_listing *l)
{
	mf_buf b = copy(packed);

	if (mf_dir_list(&b, key, l, NULL) != MF_OK)
		return false;
	for (size_t i = 0; i < l->n; i++)
		if ((i > 0 && mf_str_cmp(l->child[i - 1].name, l->child[i].name) >= 0) ||
			mf_listing_find(l, l->child[i].name) != &l->child[i])
			abort();
	return true;
}

static void
edit(mf_str tidy, size_t children)
{
	static const mf_link link[] = {
		{.name = MF_STR("m"), .cap = MF_STR("URI:LIT:")}, {.name = MF_STR("m"), .how = MF_LINK_REMOVE}};
	mf_listing l;
	bool changed;

	for (size_t i = 0; i < 2; i++) {
		mf_dir_edit e = {&link[i], 1, key, 1.5};
		mf_buf out = {0}, again;

		if (mf_dir_apply(tidy, &e, &out, &changed, NULL) != MF_OK)
			abort();
		if (changed) {
			again = copy(mf_buf_str(&out));
			if (mf_dir_tidy(&again, NULL) != MF_OK || !mf_str_eq(mf_buf_str(&again), mf_buf_str(&out)))
				abort();
			mf_buf_free(&again);
			if (!list(mf_buf_str(&out), &l) || l.n + 1 < children || l.n > children + 1 ||
				(mf_listing_find(&l, link[i].name) != NULL) != (i == 0))
				abort();
			mf_listing_free(&l);
		}
		mf_buf_free(&out);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	mf_buf tidy = copy((mf_str){(const char *)p, n}), b = copy((mf_str){(const char *)p, n}), meta = {0};
	mf_listing l = {0}, imm;
	bool flag, ok = mf_dir_tidy(&tidy, NULL) == MF_OK;

	if (ok != list((mf_str){(const char *)p, n}, &l))
		abort();
	if (ok) {
		edit(mf_buf_str(&tidy), l.n);
		for (size_t i = 0; i < l.n; i++) {
			meta.n = 0;
			if (mf_dir_metadata((mf_str){0}, l.child[i].metadata, 2, &meta, &flag, NULL) != MF_OK)
				abort();
		}
		mf_listing_free(&l);
	}
	if (mf_dir_list_immutable(&b, &imm, NULL) == MF_OK)
		mf_listing_free(&imm);
	mf_buf_free(&meta);
	mf_buf_free(&tidy);
	return 0;
}
