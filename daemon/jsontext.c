/* What the HTTP API needs of JSON beyond base/json.h. */
#include "daemon/jsontext.h"

#include <stdlib.h>
#include <utf8proc.h>

/* One character from the front of *s; '?' for a byte that begins none. */
static utf8proc_int32_t
next(mf_str *s)
{
	utf8proc_int32_t c;
	utf8proc_ssize_t n =
		utf8proc_iterate((const utf8proc_uint8_t *)s->p, s->n < 4 ? (utf8proc_ssize_t)s->n : 4, &c);

	if (n <= 0) {
		c = '?';
		n = 1;
	}
	s->p += n;
	s->n -= (size_t)n;
	return c;
}

json_t *
mf_json_text(mf_str s)
{
	json_t *out = json_stringn(s.n > 0 ? s.p : "", s.n);
	mf_buf clean = {0};

	if (out != NULL)
		return out;
	while (s.n > 0) {
		utf8proc_uint8_t bytes[4];
		utf8proc_ssize_t n = utf8proc_encode_char(next(&s), bytes);
		mf_buf_add(&clean, bytes, (size_t)n);
	}
	out = json_stringn((const char *)clean.p, clean.n);
	mf_buf_free(&clean);
	return out;
}

/* Value of "\uXXXX" at @p p, or -1. */
static long
unit(mf_str s, size_t at)
{
	char hex[5] = "";

	if (at + 6 > s.n || s.p[at] != '\\' || s.p[at + 1] != 'u')
		return -1;
	memcpy(hex, s.p + at + 2, 4);
	return strspn(hex, "0123456789abcdefABCDEF") == 4 ? strtol(hex, NULL, 16) : -1;
}

/* Copy with every escape of a lone surrogate replaced. */
static void
mend(mf_str s, mf_buf *out)
{
	for (size_t i = 0; i < s.n;) {
		long u = unit(s, i), low = unit(s, i + 6);
		size_t n = 1;
		if (u >= 0xd800 && u < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
			n = 12;
		} else if (u >= 0xd800 && u < 0xe000) {
			mf_buf_addz(out, "\\uffff");
			i += 6;
			continue;
		} else if (s.p[i] == '\\' && i + 1 < s.n) {
			n = 2; /* also "\\\\", so that what follows is not taken for an escape */
		}
		mf_buf_add(out, s.p + i, n);
		i += n;
	}
}

json_t *
mf_json_parse(mf_str text, mf_err *err)
{
	mf_buf mended = {0};
	json_t *out = NULL;

	mend(text, &mended);
	(void)mf_json_load(mf_buf_str(&mended), mended.n, MF_JSON_ANY | MF_JSON_NUL, &out, err);
	mf_buf_wipe_free(&mended);
	return out;
}

mf_str
mf_json_member(const json_t *object, const char *key, size_t max)
{
	const json_t *v = json_object_get(object, key);
	mf_str s;

	if (!json_is_string(v))
		return (mf_str){NULL, 0};
	s = (mf_str){json_string_value(v), json_string_length(v)};
	if (s.n > max || memchr(s.p, 0, s.n) != NULL)
		return (mf_str){NULL, 0};
	return s;
}
