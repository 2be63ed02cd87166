/* One immutable share, data without container.  The capability is made to fit the share's own UEB, as its liar of a
 * maker would, so that everything behind that first hash is reached. */
#include <stdlib.h>

#include "grid/lafs/chk.h"
#include "tests/fuzz/fuzz.h"

enum { SIZE_MAX_HERE = 1 << 20 }; /* bytes of file: larger ones only make the target slow */

static void
must(bool good)
{
	if (!good)
		abort();
}

/* Number behind @p key in the UEB, or @p otherwise. */
static uint64_t
field(mf_str ueb, mf_str key, uint64_t otherwise)
{
	for (size_t at = 0; at + key.n < ueb.n; at++) {
		if (memcmp(ueb.p + at, key.p, key.n) != 0)
			continue;
		mf_cur c = mf_cur_of(ueb.p + at + key.n, ueb.n - at - key.n);
		mf_str digits = mf_cur_ns(&c, 20);
		uint64_t v = 0;
		for (size_t i = 0; i < digits.n && i < 19; i++)
			v = v * 10 + (uint64_t)(digits.p[i] - '0') % 10;
		return v;
	}
	return otherwise;
}

static void
fit(mf_str share, mf_cap *cap)
{
	mf_cur head = mf_cur_of(share.p, share.n), c;
	bool wide = mf_cur_u32(&head) == 2;
	uint64_t at = 0;

	*cap = (mf_cap){.kind = MF_CAP_CHK, .k = 1, .n = 1, .size = 1};
	for (unsigned i = 0; i < 8; i++)
		at = wide ? mf_cur_u64(&head) : mf_cur_u32(&head);
	if (head.bad || at >= share.n)
		return;
	c = mf_cur_of(share.p + at, share.n - (size_t)at);
	uint64_t n = wide ? mf_cur_u64(&c) : mf_cur_u32(&c);
	mf_str ueb = mf_cur_take(&c, n < c.n ? (size_t)n : c.n);
	mf_tag_hash(MF_TAG_UEB, ueb.p, ueb.n, cap->hash);
	cap->size = field(ueb, MF_STR(",size:"), 1) % SIZE_MAX_HERE;
	cap->k = (uint32_t)field(ueb, MF_STR(",needed_shares:"), 1) % 257;
	cap->n = (uint32_t)field(ueb, MF_STR(",total_shares:"), 1) % 257;
	cap->k = cap->k < 1 ? 1 : cap->k;
	cap->n = cap->n < cap->k ? cap->k : cap->n;
}

static mf_code
count(void *arg, const void *p, size_t n, mf_err *err)
{
	uint64_t *total = arg;
	uint8_t hash[MF_HASH_SIZE];

	(void)err;
	mf_sha256(p, n, hash); /* so that every byte is looked at */
	*total += n;
	return MF_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t zeros[SIZE_MAX_HERE];
	mf_str share = {(const char *)p, n};
	mf_share_in in[256];
	mf_cap cap;
	uint64_t total = 0;
	bool same;

	fit(share, &cap);
	for (uint32_t i = 0; i < cap.n; i++)
		in[i] = mf_share_in_mem(i, &share); /* the same bytes under every number */
	mf_chk_read r = {.cap = &cap, .share = in, .shares = cap.n};
	mf_code rc = mf_chk_decode(&r, 0, UINT64_MAX, count, &total, NULL);
	must(total <= cap.size && (rc != MF_OK || total == cap.size));
	total = 0;
	rc = mf_chk_decode(&r, cap.size / 2, 7, count, &total, NULL);
	must(total <= 7);
	for (uint32_t i = 0; i < 3 && i < cap.n; i++)
		(void)mf_chk_verify_share(&cap, &in[i], NULL, NULL);
	mf_source src = mf_source_mem(zeros, (size_t)cap.size);
	(void)mf_chk_same(&r, &src, &same, NULL);
	return 0;
}
