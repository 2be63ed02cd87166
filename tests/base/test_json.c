/* JSON: what is refused, members by path, and Python's way of writing (expected texts from Python 3.11). */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"

static json_t *
load(const char *text, unsigned flags)
{
	json_t *v;

	(void)mf_json_load(mf_strz(text), 1 << 20, flags, &v, NULL);
	return v;
}

Test(json, only_strict_documents_load, .timeout = 10)
{
	static const char *const good[] = {"{}", "[]", " {\"a\": [1, 2.5e3, true, null, \"\\ud83d\\ude00\"]} \n"};
	static const char *const bad[] = {"", " ", "1", "\"x\"", "{} x", "[1,]", "{'a': 1}", "[01]", "[NaN]",
		"[Infinity]", "[\"\\ud800\"]", "[\"\xff\"]", "[\"\x01\"]", "[9223372036854775808]", "[1e999]",
		"[\"\\u0000\"]", "{\"a\"}", "[1", "{\"a\":1", "[\"abc", "[tru]", "[1]]"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		json_t *v = load(good[i], MF_JSON_UNIQUE);
		cr_assert(v != NULL, "%s", good[i]);
		json_decref(v);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		mf_err err = {0};
		json_t *v;
		cr_assert(mf_json_load(mf_strz(bad[i]), 1000, 0, &v, &err) == MF_EFORMAT && v == NULL, "%s", bad[i]);
		cr_assert(strncmp(err.text, "JSON: ", 6) == 0 && strstr(err.text, "abc") == NULL, "%s", err.text);
	}
}

Test(json, flags_open_what_python_writes, .timeout = 10)
{
	static const char twice[] = "{\"a\": 1, \"a\": 2}";
	json_t *v;
	int64_t i;

	cr_assert(load(twice, MF_JSON_UNIQUE) == NULL);
	v = load(twice, 0);
	cr_assert(mf_json_int(v, "x.a", 0, 9, &i, NULL) == MF_OK && i == 2, "the last one counts");
	json_decref(v);
	v = load("17", MF_JSON_ANY);
	cr_assert(json_is_integer(v));
	json_decref(v);
	v = load("[\"a\\u0000b\"]", MF_JSON_NUL);
	cr_assert(json_string_length(json_array_get(v, 0)) == 3);
	json_decref(v);
	v = load("[18446744073709551616]", MF_JSON_BIG_REAL);
	cr_assert(json_real_value(json_array_get(v, 0)) == 18446744073709551616.0);
	json_decref(v);
}

Test(json, size_and_depth_are_bounded, .timeout = 10)
{
	mf_buf b = {0};
	json_t *v;

	cr_assert(mf_json_load(MF_STR("[1, 2]"), 6, 0, &v, NULL) == MF_OK);
	json_decref(v);
	cr_assert(mf_json_load(MF_STR("[1, 2]"), 5, 0, &v, NULL) == MF_EFORMAT);
	for (int i = 0; i < MF_JSON_DEPTH_MAX; i++)
		mf_buf_addc(&b, '[');
	mf_buf_addz(&b, "\"[[[[\\\"{{{{\"");
	for (int i = 0; i < MF_JSON_DEPTH_MAX; i++)
		mf_buf_addc(&b, ']');
	cr_assert(mf_json_load(mf_buf_str(&b), b.n, 0, &v, NULL) == MF_OK, "brackets in strings do not count");
	json_decref(v);
	b.n = 0;
	for (int i = 0; i < 1000000; i++)
		mf_buf_addz(&b, "{\"a\":");
	mf_err err;
	cr_assert(mf_json_load(mf_buf_str(&b), b.n, 0, &v, &err) == MF_EFORMAT && strstr(err.text, "deeper") != NULL);
	mf_buf_free(&b);
}

Test(json, getters_name_the_member_that_is_wrong, .timeout = 10)
{
	json_t *top = load("{\"n\": 5, \"meta\": {\"mtime\": \"x\", \"when\": 1.5, \"yes\": true, \"nil\": null, "
			   "\"list\": [1, 2, 3], \"nul\": \"a\\u0000b\"}}",
		MF_JSON_NUL);
	mf_err err = {0};
	const json_t *v;
	int64_t i;
	double d;
	bool b;
	mf_str s;

	cr_assert(mf_json_int(top, "snapshot.meta.mtime", 0, 9, &i, &err) == MF_EFORMAT);
	cr_assert(strcmp(err.text, "snapshot.meta.mtime: integer expected") == 0, "%s", err.text);
	cr_assert(mf_json_int(top, "snapshot.meta.none", 0, 9, &i, &err) == MF_EFORMAT);
	cr_assert(strcmp(err.text, "snapshot.meta.none: missing, integer expected") == 0, "%s", err.text);
	cr_assert(mf_json_int(top, "snapshot.n.deeper", 0, 9, &i, &err) == MF_EFORMAT);
	cr_assert(mf_json_int(top, "snapshot.n", 0, 4, &i, &err) == MF_EFORMAT && i == 0);
	cr_assert(strcmp(err.text, "snapshot.n: 5 is not between 0 and 4") == 0, "%s", err.text);
	cr_assert(mf_json_int(top, "snapshot.n", 5, 5, &i, NULL) == MF_OK && i == 5);
	cr_assert(mf_json_int(top, "snapshot.meta.when", 0, 9, &i, NULL) == MF_EFORMAT, "a real is no integer");
	cr_assert(mf_json_real(top, "s.meta.when", &d, NULL) == MF_OK && d == 1.5);
	cr_assert(mf_json_real(top, "s.n", &d, NULL) == MF_OK && d == 5.0);
	cr_assert(mf_json_real(top, "s.meta.yes", &d, NULL) == MF_EFORMAT);
	cr_assert(mf_json_bool(top, "s.meta.yes", &b, NULL) == MF_OK && b);
	cr_assert(mf_json_bool(top, "s.n", &b, NULL) == MF_EFORMAT && !b);
	cr_assert(mf_json_str(top, "s.meta.mtime", 1, &s, NULL) == MF_OK && mf_str_eq(s, MF_STR("x")));
	cr_assert(mf_json_str(top, "s.meta.mtime", 0, &s, NULL) == MF_EFORMAT && s.p == NULL);
	cr_assert(mf_json_str(top, "s.meta.nul", 9, &s, NULL) == MF_EFORMAT);
	cr_assert(mf_json_str(top, "s.meta.nil", 9, &s, NULL) == MF_EFORMAT);
	cr_assert(json_is_null(mf_json_at(top, "s.meta.nil")) && mf_json_at(top, "s.no.nil") == NULL);
	cr_assert(mf_json_at(top, "s") == top && mf_json_at(NULL, "s.x") == NULL);
	cr_assert(mf_json_object(top, "s.meta", &v, NULL) == MF_OK && json_object_size(v) == 6);
	cr_assert(mf_json_object(top, "s.meta.list", &v, NULL) == MF_EFORMAT && v == NULL);
	cr_assert(mf_json_array(top, "s.meta.list", 3, &v, NULL) == MF_OK && json_array_size(v) == 3);
	cr_assert(mf_json_array(top, "s.meta.list", 2, &v, NULL) == MF_EFORMAT && v == NULL);
	cr_assert(mf_json_array(top, "s.meta", 2, &v, &err) == MF_EFORMAT);
	cr_assert(strcmp(err.text, "s.meta: array expected") == 0);
	json_decref(top);
}

Test(json, reals_are_written_as_repr, .timeout = 10)
{
	static const struct {
		double x;
		const char *want;
	} row[] = {
		{0.0, "0.0"},
		{-0.0, "-0.0"},
		{1.0, "1.0"},
		{-2.5, "-2.5"},
		{0.1, "0.1"},
		{100.0, "100.0"},
		{1e15, "1000000000000000.0"},
		{9999999999999998.0, "9999999999999998.0"},
		{1e16, "1e+16"},
		{1e22, "1e+22"},
		{1.5e-7, "1.5e-07"},
		{0.0001, "0.0001"},
		{0.00012345, "0.00012345"},
		{1e-5, "1e-05"},
		{123456789012345680.0, "1.2345678901234568e+17"},
		{5e-324, "5e-324"},
		{2.5e-320, "2.5e-320"},
		{1.7976931348623157e308, "1.7976931348623157e+308"},
		{2.2250738585072014e-308, "2.2250738585072014e-308"},
		{1700000000.123457, "1700000000.123457"},
		{0.30000000000000004, "0.30000000000000004"},
		{1.0 / 3, "0.3333333333333333"},
		{9007199254740993.0, "9007199254740992.0"},
		{0x1p-44, "5.684341886080802e-14"},
		{0x1p89, "6.189700196426902e+26"},
		{0x1p-1017, "7.120236347223045e-307"},
		{0x1p-24, "5.960464477539063e-08"},
		{123456.0, "123456.0"},
		{1e100, "1e+100"},
		{-1.25e-100, "-1.25e-100"},
	};
	mf_buf b = {0};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		b.n = 0;
		mf_json_add_real(&b, row[i].x);
		cr_assert(strcmp((const char *)b.p, row[i].want) == 0, "%s, not %s", (const char *)b.p, row[i].want);
	}
	mf_buf_free(&b);
}

Test(json, every_real_reads_back_equal, .timeout = 20)
{
	uint64_t seed = 88172645463325252u, bits;
	mf_buf b = {0};

	for (int i = 0; i < 20000; i++) {
		double x;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		bits = seed;
		memcpy(&x, &bits, sizeof(x));
		if (!isfinite(x))
			continue;
		b.n = 0;
		mf_json_add_real(&b, x);
		cr_assert(strtod((const char *)b.p, NULL) == x, "%s is not %.17g", (const char *)b.p, x);
	}
	mf_buf_free(&b);
}

Test(json, strings_are_escaped_as_in_python, .timeout = 10)
{
	static const struct {
		mf_str s;
		const char *want;
	} row[] = {
		{{"", 0}, "\"\""},
		{{NULL, 0}, "\"\""},
		{{"plain text/", 11}, "\"plain text/\""},
		{{"\0\x1f\x7f", 3}, "\"\\u0000\\u001f\\u007f\""},
		{{"\"\\\n\r\t\b\f", 7}, "\"\\\"\\\\\\n\\r\\t\\b\\f\""},
		{{"\xc3\xa9x", 3}, "\"\\u00e9x\""},
		{{"\xe2\x80\xa8", 3}, "\"\\u2028\""},
		{{"\xf0\x9f\x98\x80", 4}, "\"\\ud83d\\ude00\""},
		{{"\xf4\x8f\xbf\xbf", 4}, "\"\\udbff\\udfff\""},
		{{"a\xff\xc3", 3}, "\"a??\""},
		{{"\xed\xa0\x80", 3}, "\"???\""},
	};
	mf_buf b = {0};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		b.n = 0;
		mf_json_add_string(&b, row[i].s);
		cr_assert(strcmp((const char *)b.p, row[i].want) == 0, "%s, not %s", (const char *)b.p, row[i].want);
	}
	mf_buf_free(&b);
}

Test(json, documents_are_written_as_by_json_dumps, .timeout = 10)
{
	static const char doc[] = "{\"z\":[1,-9223372036854775808,2.0,[],{}],\"a\":{\"\xc3\xa9\":null,\"t\":true,"
				  "\"f\":false,\"l\":[[\"x\"]]}}";
	static const char line[] =
		"{\"z\": [1, -9223372036854775808, 2.0, [], {}], \"a\": {\"\\u00e9\": null, \"t\": true, "
		"\"f\": false, \"l\": [[\"x\"]]}}";
	static const char lines[] =
		"{\n  \"z\": [\n    1,\n    -9223372036854775808,\n    2.0,\n    [],\n    {}\n  ],\n  \"a\": {\n"
		"    \"\\u00e9\": null,\n    \"t\": true,\n    \"f\": false,\n    \"l\": [\n      [\n        \"x\"\n"
		"      ]\n    ]\n  }\n}";
	json_t *v = load(doc, MF_JSON_UNIQUE);
	mf_buf b = {0};

	mf_json_py(&b, v);
	cr_assert(strcmp((const char *)b.p, line) == 0, "%s", (const char *)b.p);
	b.n = 0;
	mf_json_py_indent(&b, v, 2);
	cr_assert(strcmp((const char *)b.p, lines) == 0, "%s", (const char *)b.p);
	json_decref(v);
	b.n = 0;
	v = load("\"x\"", MF_JSON_ANY);
	mf_json_py(&b, v);
	cr_assert(strcmp((const char *)b.p, "\"x\"") == 0);
	json_decref(v);
	mf_buf_free(&b);
}

Test(json, depth_is_no_matter_for_the_writer, .timeout = 10)
{
	enum { DEEP = 1000 };
	json_t *v = json_array();
	mf_buf b = {0};

	for (int i = 1; i < DEEP; i++) {
		json_t *outer = json_array();

		(void)json_array_append_new(outer, v);
		v = outer;
	}
	mf_json_py(&b, v);
	cr_assert(b.n == 2 * DEEP && b.p[DEEP - 1] == '[' && b.p[DEEP] == ']');
	json_decref(v);
	mf_buf_free(&b);
}
