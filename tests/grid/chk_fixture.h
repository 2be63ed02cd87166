/** @file
 * CHK files for tests: shares kept in memory, made by our encoder or read from the golden containers. */
#ifndef MF_TESTS_GRID_CHK_FIXTURE_H
#define MF_TESTS_GRID_CHK_FIXTURE_H

#include "grid/lafs/chk.h"
#include "tests/grid/golden.h"

enum { SHARES_MAX = 256 };

/** All shares of one file in memory. */
struct shares {
	mf_buf data[SHARES_MAX];
	uint64_t written[SHARES_MAX]; /* bytes that the encoder handed over */
};
void shares_free(struct shares *s);
mf_share_out shares_out(struct shares *s);
/** Make @p s as large as @p l says, filled with rubbish that the encoder must overwrite. */
void shares_reserve(struct shares *s, const mf_chk_layout *l);

/** Encode @p plain; asserts success and that every byte of every share was written once. */
void encode_mem(const mf_chk_params *params, mf_str plain, struct shares *s, mf_chk_id *id, mf_filecap *cap);

/** One case of golden/lafs/chk.json: its shares that exist as files. */
struct golden_case {
	const char *name;
	mf_cap cap;
	mf_chk_params params;
	mf_buf convergence, plain;
	mf_buf file[16]; /* whole containers */
	mf_str data[16]; /* share data in them */
	mf_share_in in[16];
	size_t shares;
};
void golden_case_init(struct golden_case *c, const json_t *v);
void golden_case_deinit(struct golden_case *c);

/** Collects what a decoder sends; frees nothing. */
struct collected {
	mf_buf data;
	unsigned bad_calls;
	uint32_t bad_share; /* the last one reported */
};
mf_code collect(void *arg, const void *p, size_t n, mf_err *err);
void collect_bad(void *arg, uint32_t share, const mf_err *why);
/** Decode all or a range into @p out (emptied first). */
mf_code decode_range(const mf_cap *cap, const mf_share_in *in, size_t n, uint64_t off, uint64_t len,
	struct collected *out, mf_err *err);

#endif
