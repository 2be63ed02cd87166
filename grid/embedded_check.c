/* Checking shares and renewing leases in the embedded store. */
#include <stdio.h>

#include <sodium.h>

#include "grid/embedded.h"
#include "grid/store/immutable.h"
#include "grid/store/mutable.h"

static void
note(mf_check *c, uint32_t num, mf_code state, const mf_err *why)
{
	c->share[c->shares].num = num;
	c->share[c->shares].state = state;
	c->share[c->shares].why[0] = '\0';
	if (state != MF_OK && why != NULL)
		(void)snprintf(c->share[c->shares].why, sizeof(c->share[0].why), "%.95s", why->text);
	c->shares++;
}

static void
count(mf_check *c)
{
	for (size_t i = 0; i < c->shares; i++) {
		c->good += c->share[i].state == MF_OK;
		c->stale += c->share[i].state == MF_ECHANGED;
		c->bad += c->share[i].state != MF_OK && c->share[i].state != MF_ECHANGED;
	}
	c->recoverable = c->needed > 0 && c->good >= c->needed;
	c->healthy = c->recoverable && c->good == c->expected && c->bad == 0 && c->stale == 0;
}

static mf_code
check_immutable(struct mf_embedded *e, const mf_cap *cap, const uint8_t si[MF_SI_SIZE], mf_check *out,
	const mf_cancel *cancel, mf_err *err)
{
	uint32_t num[MF_SHARES_MAX];
	size_t n;
	mf_code rc = mf_store_shares(e->store, si, num, &n, err);

	out->needed = cap->k;
	out->expected = cap->n;
	for (size_t i = 0; i < n && rc == MF_OK; i++) {
		struct mf_imm_share *f;
		mf_err why = {.code = MF_OK};
		mf_code one = mf_imm_open(e->store, si, num[i], &f, &why);

		if (one == MF_OK) {
			mf_share_in in = mf_imm_share_in(f);

			one = mf_chk_verify_share(cap, &in, cancel, &why);
			mf_imm_close(f);
		}
		if (one == MF_ECANCELED)
			rc = mf_fail(err, MF_ECANCELED, 0, "check was canceled");
		note(out, num[i], one, &why);
	}
	return rc;
}

/* The best version is the highest with k good shares; the rest is stale. */
static void
rank(mf_check *out, const mf_sdmf_head *head, const size_t *at, size_t n)
{
	const mf_sdmf_head *best = NULL;

	for (size_t i = 0; i < n; i++) {
		uint32_t same = 0;

		if (out->share[at[i]].state != MF_OK)
			continue;
		for (size_t j = 0; j < n; j++)
			same += out->share[at[j]].state == MF_OK && head[j].seqnum == head[i].seqnum &&
				memcmp(head[j].root, head[i].root, MF_HASH_SIZE) == 0;
		if (same >= head[i].k &&
			(best == NULL || head[i].seqnum > best->seqnum ||
				(head[i].seqnum == best->seqnum && memcmp(head[i].root, best->root, MF_HASH_SIZE) > 0)))
			best = &head[i];
	}
	for (size_t i = 0; i < n; i++)
		if (out->share[at[i]].state == MF_OK &&
			(best == NULL || head[i].seqnum != best->seqnum ||
				memcmp(head[i].root, best->root, MF_HASH_SIZE) != 0))
			out->share[at[i]].state = MF_ECHANGED;
	if (best != NULL) {
		out->needed = best->k;
		out->expected = best->n;
		out->seqnum = best->seqnum;
	}
}

static mf_code
check_mutable(struct mf_embedded *e, const mf_cap *cap, const uint8_t si[MF_SI_SIZE], mf_check *out,
	const mf_cancel *cancel, mf_err *err)
{
	uint32_t num[MF_SHARES_MAX];
	mf_sdmf_head head[MF_SHARES_MAX];
	size_t at[MF_SHARES_MAX], n;
	mf_code rc = mf_store_shares(e->store, si, num, &n, err);

	for (size_t i = 0; i < n && rc == MF_OK; i++) {
		mf_mut_share m;
		mf_err why = {.code = MF_OK};
		mf_code one = mf_mut_read(e->store, si, num[i], MF_MUT_DATA_MAX, &m, &why);

		if (one == MF_OK) {
			one = mf_sdmf_verify(cap, num[i], mf_mut_data(&m), &head[i], &why);
			mf_mut_free(&m);
		}
		at[i] = out->shares;
		note(out, num[i], one, &why);
		if (mf_canceled(cancel))
			rc = mf_fail(err, MF_ECANCELED, 0, "check was canceled");
	}
	if (rc == MF_OK)
		rank(out, head, at, n);
	return rc;
}

/* Where the shares of @p cap lie. */
static mf_code
place(mf_str text, mf_cap *cap, uint8_t si[MF_SI_SIZE], mf_err *err)
{
	mf_code rc = mf_cap_parse(text, cap, err);

	if (rc != MF_OK)
		return rc;
	switch (cap->kind) {
	case MF_CAP_UNKNOWN: return mf_fail(err, MF_EINVAL, 0, "capability of unknown kind");
	case MF_CAP_MDMF:
	case MF_CAP_MDMF_RO:
	case MF_CAP_MDMF_VERIFIER:
	case MF_CAP_DIR2_MDMF:
	case MF_CAP_DIR2_MDMF_RO:
	case MF_CAP_DIR2_MDMF_VERIFIER: return mf_fail(err, MF_EUNSUPPORTED, 0, "MDMF mutable files are not supported");
	default: (void)mf_cap_storage_index(cap, si); return MF_OK;
	}
}

static bool
is_chk(enum mf_cap_kind kind)
{
	return kind == MF_CAP_CHK || kind == MF_CAP_CHK_VERIFIER || kind == MF_CAP_DIR2_CHK ||
		kind == MF_CAP_DIR2_CHK_VERIFIER;
}

static bool
is_literal(enum mf_cap_kind kind)
{
	return kind == MF_CAP_LIT || kind == MF_CAP_DIR2_LIT;
}

mf_code
mf_embedded_check(struct mf_grid *g, mf_str text, mf_check *out, const mf_cancel *cancel, mf_err *err)
{
	struct mf_embedded *e = mf_embedded_of(g);
	uint8_t si[MF_SI_SIZE];
	mf_cap cap;
	mf_code rc = place(text, &cap, si, err);

	*out = (mf_check){.literal = false};
	if (rc != MF_OK)
		return rc;
	if (is_literal(cap.kind)) {
		out->literal = out->healthy = out->recoverable = true;
		return MF_OK;
	}
	if (is_chk(cap.kind))
		rc = check_immutable(e, &cap, si, out, cancel, err);
	else
		rc = check_mutable(e, &cap, si, out, cancel, err);
	count(out);
	sodium_memzero(&cap, sizeof(cap));
	return rc;
}

/* Leases on every share that is there. */
static mf_code
renew_one(struct mf_embedded *e, mf_str text, mf_err *err)
{
	uint32_t num[MF_SHARES_MAX];
	uint8_t si[MF_SI_SIZE];
	size_t n;
	mf_cap cap;
	mf_code rc = place(text, &cap, si, err);

	if (rc != MF_OK || is_literal(cap.kind))
		return rc;
	rc = mf_store_shares(e->store, si, num, &n, err);
	if (rc == MF_OK && n == 0)
		rc = mf_fail(err, MF_ENOTFOUND, 0, "the store has no share to renew");
	for (size_t i = 0; i < n && rc == MF_OK; i++)
		rc = is_chk(cap.kind) ? mf_imm_renew(e->store, si, num[i], err)
				      : mf_mut_renew(e->store, si, num[i], err);
	sodium_memzero(&cap, sizeof(cap));
	return rc;
}

mf_code
mf_embedded_renew(struct mf_grid *g, const mf_str *caps, size_t n, const mf_cancel *cancel, mf_err *err)
{
	mf_code first = MF_OK;
	mf_err why;

	for (size_t i = 0; i < n; i++) {
		if (mf_canceled(cancel))
			return mf_fail(err, MF_ECANCELED, 0, "renewing leases was canceled");
		mf_code rc = renew_one(mf_embedded_of(g), caps[i], &why);
		if (rc != MF_OK && first == MF_OK) { /* one that fails does not keep the others from living */
			first = rc;
			if (err != NULL)
				*err = why;
		}
	}
	return first;
}
