/* UTF-8 and its normal form C. */
#include "base/unicode.h"

#include <limits.h>
#include <stdlib.h>
#include <utf8proc.h>

bool
mf_ascii(mf_str s)
{
	size_t i = 0;
	uint64_t word, seen = 0;

	for (; i + sizeof(word) <= s.n; i += sizeof(word)) {
		memcpy(&word, s.p + i, sizeof(word));
		seen |= word;
	}
	for (; i < s.n; i++)
		seen |= (uint8_t)s.p[i];
	return (seen & 0x8080808080808080u) == 0;
}

bool
mf_utf8_valid(mf_str s)
{
	size_t at = 0;

	if (mf_ascii(s))
		return true;
	while (at < s.n) {
		utf8proc_int32_t c;
		size_t left = s.n - at;
		/* four bytes are all that one character needs: keeps the length inside its signed type */
		utf8proc_ssize_t n =
			utf8proc_iterate((const utf8proc_uint8_t *)s.p + at, left < 4 ? (utf8proc_ssize_t)left : 4, &c);

		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

mf_code
mf_nfc(mf_str s, mf_buf *out, mf_err *err)
{
	utf8proc_uint8_t *made = NULL;
	utf8proc_ssize_t n;

	if (mf_ascii(s)) {
		mf_buf_adds(out, s);
		return MF_OK;
	}
	if (s.n > INT_MAX || !mf_utf8_valid(s))
		return mf_fail(err, MF_EFORMAT, 0, "text is not valid UTF-8");
	/* STABLE is what makes COMPOSE leave out the composition exclusions of NFC */
	n = utf8proc_map(
		(const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &made, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
	if (n < 0)
		return mf_fail(err, n == UTF8PROC_ERROR_NOMEM ? MF_ENOMEM : MF_EFORMAT, 0,
			"text has no normal form: %s", utf8proc_errmsg(n));
	mf_buf_add(out, made, (size_t)n);
	free(made);
	return MF_OK;
}
