/* The cursor and both spellings of base32: what every other parser stands on. */
#include <stdlib.h>

#include "base/base32.h"
#include "base/buf.h"
#include "tests/fuzz/fuzz.h"

/* What was read must print as what was there. */
static void
base32_round_trip(mf_str s)
{
	uint8_t raw[64];
	size_t n = sizeof(raw);
	mf_buf back = {0};

	if (s.n * 5 / 8 > sizeof(raw) || !mf_unb32(raw, &n, s))
		return;
	mf_b32_add(&back, raw, n);
	if (!mf_str_eq(mf_buf_str(&back), s))
		abort();
	mf_buf_free(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	mf_cur c = mf_cur_of(p, n);

	while (!c.bad && c.n != 0) {
		mf_str s = mf_cur_ns(&c, 1 << 20);

		if (c.bad && s.n != 0)
			abort();
		base32_round_trip(s);
	}
	return 0;
}
