/* JSON: reading. */
#include "base/json.h"

#include <inttypes.h>

/* jansson's parser and json_decref() recurse: the depth is bounded before they see the text. */
static bool
too_deep(mf_str s)
{
	bool in_string = false;
	unsigned depth = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > MF_JSON_DEPTH_MAX)
				return true;
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
	}
	return false;
}

static const char *
why_not(const json_error_t *e)
{
	switch (json_error_code(e)) {
	case json_error_duplicate_key: return "a member twice";
	case json_error_invalid_utf8: return "not UTF-8";
	case json_error_end_of_input_expected: return "more after its end";
	case json_error_premature_end_of_input: return "cut short";
	case json_error_numeric_overflow: return "a number too big";
	case json_error_null_character:
	case json_error_null_byte_in_key: return "a NUL in a string";
	default: return "not JSON";
	}
}

mf_code
mf_json_load(mf_str text, size_t max_bytes, unsigned flags, json_t **out, mf_err *err)
{
	size_t how = ((flags & MF_JSON_UNIQUE) != 0 ? JSON_REJECT_DUPLICATES : 0) |
		((flags & MF_JSON_ANY) != 0 ? JSON_DECODE_ANY : 0) | ((flags & MF_JSON_NUL) != 0 ? JSON_ALLOW_NUL : 0) |
		((flags & MF_JSON_BIG_REAL) != 0 ? JSON_DECODE_INT_AS_REAL : 0);
	json_error_t e;

	*out = NULL;
	if (text.n > max_bytes)
		return mf_fail(err, MF_EFORMAT, 0, "JSON: %zu bytes, more than %zu", text.n, max_bytes);
	if (too_deep(text))
		return mf_fail(err, MF_EFORMAT, 0, "JSON: nested deeper than %d", MF_JSON_DEPTH_MAX);
	*out = json_loadb(text.n == 0 ? "" : text.p, text.n, how, &e);
	if (*out == NULL) /* jansson's own sentence quotes the text */
		return mf_fail(err, MF_EFORMAT, 0, "JSON: %s (line %d, column %d)", why_not(&e), e.line, e.column);
	return MF_OK;
}

const json_t *
mf_json_at(const json_t *top, const char *path)
{
	const char *dot = strchr(path, '.');

	while (top != NULL && dot != NULL) {
		const char *name = dot + 1;

		dot = strchr(name, '.');
		top = json_object_getn(top, name, dot == NULL ? strlen(name) : (size_t)(dot - name));
	}
	return top;
}

static mf_code
expected(mf_err *err, const json_t *got, const char *path, const char *what)
{
	return mf_fail(
		err, MF_EFORMAT, 0, got == NULL ? "%.120s: missing, %s expected" : "%.120s: %s expected", path, what);
}

mf_code
mf_json_int(const json_t *top, const char *path, int64_t min, int64_t max, int64_t *out, mf_err *err)
{
	const json_t *v = mf_json_at(top, path);

	*out = 0;
	if (!json_is_integer(v))
		return expected(err, v, path, "integer");
	int64_t i = json_integer_value(v);
	if (i < min || i > max)
		return mf_fail(err, MF_EFORMAT, 0, "%.100s: %" PRId64 " is not between %" PRId64 " and %" PRId64, path,
			i, min, max);
	*out = i;
	return MF_OK;
}

mf_code
mf_json_real(const json_t *top, const char *path, double *out, mf_err *err)
{
	const json_t *v = mf_json_at(top, path);

	*out = json_number_value(v);
	return json_is_number(v) ? MF_OK : expected(err, v, path, "number");
}

mf_code
mf_json_bool(const json_t *top, const char *path, bool *out, mf_err *err)
{
	const json_t *v = mf_json_at(top, path);

	*out = json_is_true(v);
	return json_is_boolean(v) ? MF_OK : expected(err, v, path, "true or false");
}

mf_code
mf_json_str(const json_t *top, const char *path, size_t max, mf_str *out, mf_err *err)
{
	const json_t *v = mf_json_at(top, path);

	*out = (mf_str){NULL, 0};
	if (!json_is_string(v))
		return expected(err, v, path, "string");
	mf_str s = {json_string_value(v), json_string_length(v)};
	if (s.n > max)
		return mf_fail(err, MF_EFORMAT, 0, "%.120s: string of %zu bytes, more than %zu", path, s.n, max);
	if (memchr(s.p, 0, s.n) != NULL)
		return expected(err, v, path, "string without NUL");
	*out = s;
	return MF_OK;
}

mf_code
mf_json_object(const json_t *top, const char *path, const json_t **out, mf_err *err)
{
	const json_t *v = mf_json_at(top, path);

	*out = json_is_object(v) ? v : NULL;
	return *out != NULL ? MF_OK : expected(err, v, path, "object");
}

mf_code
mf_json_array(const json_t *top, const char *path, size_t max, const json_t **out, mf_err *err)
{
	const json_t *v = mf_json_at(top, path);

	*out = NULL;
	if (!json_is_array(v))
		return expected(err, v, path, "array");
	if (json_array_size(v) > max)
		return mf_fail(
			err, MF_EFORMAT, 0, "%.120s: %zu elements, more than %zu", path, json_array_size(v), max);
	*out = v;
	return MF_OK;
}
