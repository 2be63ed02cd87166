/* What the log shows of any bytes: UTF-8 on one line, no control character, no capability whole. */
#include <config.h> /* _GNU_SOURCE: memmem */

#include <stdlib.h>

#include "base/log.h"
#include "base/unicode.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	mf_buf out = {0};

	mf_log_clean(&out, (mf_str){(const char *)p, n});
	if (!mf_utf8_valid(mf_buf_str(&out)) || (n > 0 && out.n == 0))
		abort();
	for (size_t i = 0; i < out.n; i++) {
		if (out.p[i] < 0x20 || out.p[i] == 0x7f)
			abort();
		/* Behind each "URI:" is at most a short kind before the dots. */
		if (out.n - i >= 4 && memcmp(out.p + i, "URI:", 4) == 0 &&
			memmem(out.p + i, out.n - i < 24 ? out.n - i : 24, "...", 3) == NULL)
			abort();
	}
	mf_buf_free(&out);
	return 0;
}
