/* Opening grids by URL; listings; what capabilities are. */
#include "grid/grid.h"

#include <stdlib.h>

#include <sodium.h>

#include "base/base32.h"
#include "grid/check.h"
#include "grid/embedded.h"
#include "grid/node.h"

mf_code
mf_grid_open(const char *url, const mf_grid_conf *conf, struct mf_grid **out, mf_err *err)
{
	static const mf_str dir = MF_STR("dir:"), node = MF_STR("node:");
	mf_str s = mf_strz(url);

	*out = NULL;
	if (mf_str_starts(s, dir))
		return mf_embedded_open(url + dir.n, conf, out, err);
	if (mf_str_starts(s, node))
		return mf_node_open(url + node.n, out, err);
	if (mf_str_starts(s, MF_STR("servers:")))
		return mf_fail(err, MF_EUNSUPPORTED, 0, "grids of kind \"servers\" are not supported yet");
	return mf_fail(err, MF_EINVAL, 0, "grid URL must begin with \"dir:\"");
}

void
mf_listing_free(mf_listing *l)
{
	free(l->child);
	mf_buf_free(&l->packed);
	mf_buf_wipe_free(&l->extra);
	*l = (mf_listing){0};
}

const mf_child *
mf_listing_find(const mf_listing *l, mf_str name)
{
	size_t from = 0, to = l->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int c = mf_str_cmp(name, l->child[mid].name);

		if (c == 0)
			return &l->child[mid];
		if (c < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return NULL;
}

mf_code
mf_grid_check(struct mf_grid *g, mf_str cap, mf_check *out, const mf_cancel *cancel, mf_err *err)
{
	if (g->ops->check == NULL)
		return mf_fail(err, MF_EUNSUPPORTED, 0, "this kind of grid cannot check shares");
	return g->ops->check(g, cap, out, cancel, err);
}

static const char *
kind_name(enum mf_cap_kind kind)
{
	static const char *const name[] = {
		[MF_CAP_UNKNOWN] = "unknown",
		[MF_CAP_CHK] = "CHK",
		[MF_CAP_CHK_VERIFIER] = "CHK-Verifier",
		[MF_CAP_LIT] = "LIT",
		[MF_CAP_SSK] = "SSK",
		[MF_CAP_SSK_RO] = "SSK-RO",
		[MF_CAP_SSK_VERIFIER] = "SSK-Verifier",
		[MF_CAP_MDMF] = "MDMF",
		[MF_CAP_MDMF_RO] = "MDMF-RO",
		[MF_CAP_MDMF_VERIFIER] = "MDMF-Verifier",
		[MF_CAP_DIR2] = "DIR2",
		[MF_CAP_DIR2_RO] = "DIR2-RO",
		[MF_CAP_DIR2_VERIFIER] = "DIR2-Verifier",
		[MF_CAP_DIR2_CHK] = "DIR2-CHK",
		[MF_CAP_DIR2_CHK_VERIFIER] = "DIR2-CHK-Verifier",
		[MF_CAP_DIR2_LIT] = "DIR2-LIT",
		[MF_CAP_DIR2_MDMF] = "DIR2-MDMF",
		[MF_CAP_DIR2_MDMF_RO] = "DIR2-MDMF-RO",
		[MF_CAP_DIR2_MDMF_VERIFIER] = "DIR2-MDMF-Verifier",
	};

	return name[kind];
}

mf_code
mf_cap_describe(mf_str text, mf_cap_info *out, mf_err *err)
{
	uint8_t si[MF_KEY_SIZE];
	mf_cap cap, other;
	mf_code rc = mf_cap_parse(text, &cap, err);

	*out = (mf_cap_info){.name = kind_name(MF_CAP_UNKNOWN)};
	if (rc != MF_OK)
		return rc;
	out->kind = cap.kind;
	out->name = kind_name(cap.kind);
	out->dir = mf_cap_is_dir(cap.kind);
	out->is_mutable = mf_cap_is_mutable(cap.kind);
	out->writable = mf_cap_is_writable(cap.kind);
	out->k = cap.k;
	out->n = cap.n;
	out->size = cap.size;
	if (mf_cap_storage_index(&cap, si))
		mf_b32(out->si, si, sizeof(si));
	if (cap.kind == MF_CAP_LIT || cap.kind == MF_CAP_DIR2_LIT) {
		if (text.n < MF_CAP_MAX)
			memcpy(out->readonly, text.p, text.n);
	} else if (mf_cap_readonly(&cap, &other)) {
		mf_cap_print(&other, out->readonly);
	}
	if (mf_cap_verifier(&cap, &other))
		mf_cap_print(&other, out->verifier);
	sodium_memzero(&cap, sizeof(cap));
	return MF_OK;
}
