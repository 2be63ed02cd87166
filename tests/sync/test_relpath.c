/* Names: mangling by golden/mangle.json, what a path may be, temporary and marker names. */
#include <criterion/criterion.h>

#include "sync/doc/relpath.h"
#include "tests/grid/golden.h"

static void
same(const mf_buf *got, const char *hex, const char *about)
{
	mf_buf want = golden_unhex(hex);

	cr_assert(mf_str_eq(mf_buf_str(got), mf_buf_str(&want)), "%s: got %.*s", about, (int)got->n, got->p);
	mf_buf_free(&want);
}

Test(relpath, paths_become_entry_names_as_in_the_reference, .timeout = 10)
{
	json_t *top = golden_json("mangle.json");
	const json_t *all = json_object_get(top, "forward");
	size_t i;
	const json_t *v;

	cr_assert(json_array_size(all) == 72);
	json_array_foreach(all, i, v)
	{
		mf_buf path = golden_unhex(golden_str(v, "path_utf8_hex")), out = {0}, entry = {0}, back = {0};
		mf_err err;

		mf_mangle(mf_buf_str(&path), &out);
		same(&out, golden_str(v, "mangled_utf8_hex"), golden_str(v, "path"));
		cr_assert(mf_relpath_entry(mf_buf_str(&path), &entry, &err) == MF_OK);
		same(&entry, golden_str(v, "name_as_stored_by_tahoe_utf8_hex"), golden_str(v, "path"));
		cr_assert(mf_unmangle(mf_buf_str(&out), &back, &err) == MF_OK);
		same(&back, golden_str(v, "path_utf8_hex"), golden_str(v, "mangled"));
		mf_buf_free(&path);
		mf_buf_free(&out);
		mf_buf_free(&entry);
		mf_buf_free(&back);
	}
	json_decref(top);
}

Test(relpath, entry_names_become_paths_or_errors_as_in_the_reference, .timeout = 10)
{
	json_t *top = golden_json("mangle.json");
	const json_t *all = json_object_get(top, "inverse");
	size_t i;
	const json_t *v;

	cr_assert(json_array_size(all) == 38);
	json_array_foreach(all, i, v)
	{
		mf_buf name = golden_unhex(golden_str(v, "mangled_utf8_hex")), out = {0}, again = {0};
		mf_err err = {0};
		mf_code rc = mf_unmangle(mf_buf_str(&name), &out, &err);

		if (json_is_true(json_object_get(v, "ok"))) {
			cr_assert(rc == MF_OK, "%s: %s", golden_str(v, "mangled"), err.text);
			same(&out, golden_str(v, "path_utf8_hex"), golden_str(v, "mangled"));
			mf_mangle(mf_buf_str(&out), &again);
			cr_assert(mf_str_eq(mf_buf_str(&again), mf_buf_str(&name)) ==
				json_is_true(json_object_get(v, "remangles_to_same")));
		} else {
			cr_assert(rc == MF_EFORMAT, "%s", golden_str(v, "mangled"));
		}
		mf_buf_free(&name);
		mf_buf_free(&out);
		mf_buf_free(&again);
	}
	json_decref(top);
}

Test(relpath, a_bad_escape_is_quoted_whole, .timeout = 5)
{
	mf_buf out = {0};
	mf_err err = {0};

	cr_assert(mf_unmangle(MF_STR("@metadata"), &out, &err) == MF_EFORMAT);
	cr_assert(strcmp(err.text, "invalid escape sequence '@m' in '@metadata'") == 0, "%s", err.text);
	cr_assert(mf_unmangle(MF_STR("a@\xc3\xa9z"), &out, &err) == MF_EFORMAT);
	cr_assert(strcmp(err.text, "invalid escape sequence '@\xc3\xa9' in 'a@\xc3\xa9z'") == 0, "%s", err.text);
	mf_buf_free(&out);
}

#define STR(s) \
	{ \
		s, sizeof(s) - 1 \
	}

Test(relpath, evil_paths_are_refused_and_odd_ones_are_not, .timeout = 5)
{
	static const mf_str bad[] = {STR(""), STR("/"), STR("/a"), STR("a/"), STR("a//b"), STR("."), STR(".."),
		STR("./a"), STR("../a"), STR("a/../b"), STR("a/./b"), STR("a/.."), STR("a\0b"), STR("\0"),
		STR("a/\xff"), STR("\xc0\xaf"), STR("\xed\xa0\x80")};
	static const mf_str good[] = {STR("a"), STR("a/b"), STR("..."), STR(".a"), STR("a/..b"), STR("..a/b.."),
		STR("a\\b"), STR("a\nb"), STR("@metadata"), STR(" "), STR("e\xcc\x81")};
	mf_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(mf_relpath_check(bad[i], &err) == MF_EFORMAT, "%s", bad[i].p);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert(mf_relpath_check(good[i], &err) == MF_OK, "%s: %s", good[i].p, err.text);
}

Test(relpath, lengths_are_bounded_at_255_and_4095, .timeout = 5)
{
	mf_buf b = {0};
	mf_err err;

	for (int i = 0; i < 255; i++)
		mf_buf_addc(&b, 'x');
	cr_assert(mf_relpath_check(mf_buf_str(&b), &err) == MF_OK);
	mf_buf_addz(&b, "/y");
	cr_assert(mf_relpath_check(mf_buf_str(&b), &err) == MF_OK);
	b.n = 255;
	mf_buf_addc(&b, 'x');
	cr_assert(mf_relpath_check(mf_buf_str(&b), &err) == MF_EFORMAT);
	b.n = 0;
	for (int i = 0; i < 2047; i++)
		mf_buf_addz(&b, "d/");
	mf_buf_addc(&b, 'f');
	cr_assert(b.n == 4095);
	cr_assert(mf_relpath_check(mf_buf_str(&b), &err) == MF_OK);
	mf_buf_addc(&b, 'f');
	cr_assert(mf_relpath_check(mf_buf_str(&b), &err) == MF_EFORMAT);
	mf_buf_free(&b);
}

Test(relpath, temporary_names_are_recognised, .timeout = 5)
{
	static const uint8_t random[8] = {0, 1, 2, 0xab, 0xcd, 0xef, 0xff, 0x10};
	static const mf_str no[] = {STR(".magic-folder-000102abcdefff1.tmp"), STR(".magic-folder-000102ABCDEFFF10.tmp"),
		STR(".magic-folder-000102abcdefff10.tmp/x"), STR("x.tmp"), STR("x.snaptmp"),
		STR("abcdefghijklmno/x.snaptmp"), STR(".magic-folder-000102abcdefff\0.tmp"),
		STR("0123456789abcdef.snaptmp"), STR("")};
	static const mf_str yes[] = {STR("0123456789abcdefx.snaptmp"), STR("d/Az-_456789abcdefx.txt.snaptmp"),
		STR("d/.magic-folder-000102abcdefff10.tmp")};
	char name[MF_TMP_NAME_MAX];

	mf_tmp_name(name, random);
	cr_assert(strcmp(name, ".magic-folder-000102abcdefff10.tmp") == 0, "%s", name);
	cr_assert(mf_is_tmp_name(mf_strz(name)));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		cr_assert(!mf_is_tmp_name(no[i]), "%s", no[i].p);
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		cr_assert(mf_is_tmp_name(yes[i]), "%s", yes[i].p);
}

static void
slot_is(mf_str participant, const char *want)
{
	mf_buf b = {0};

	mf_slot_name(participant, &b);
	cr_assert(mf_str_eq(mf_buf_str(&b), mf_strz(want)), "%.*s", (int)b.n, b.p);
	mf_buf_free(&b);
}

Test(relpath, slots_are_safe_in_file_names, .timeout = 5)
{
	slot_is(MF_STR("bob"), "bob");
	slot_is(MF_STR(""), "_");
	slot_is(MF_STR("../evil"), ".._evil");
	slot_is(MF_STR("a\\b\0c\nd\x7f"), "a_b_c_d_");
	slot_is(MF_STR("\xc2\x85z\xc2\xa0"), "_z\xc2\xa0");
	slot_is(MF_STR("Z\xc3\xbcrich \xf0\x9f\x98\x80"), "Z\xc3\xbcrich \xf0\x9f\x98\x80");
}

Test(relpath, markers_stand_beside_their_file, .timeout = 5)
{
	mf_buf b = {0};

	mf_marker_path(MF_STR("a/b/c.txt"), MF_STR("bob"), MF_STR("URI:x"), &b);
	cr_assert(mf_str_eq(mf_buf_str(&b), MF_STR("a/b/c.txt.conflict-bob")));
	b.n = 0;
	mf_marker_path(MF_STR("c"), MF_STR("bob"), MF_STR("URI:x"), &b);
	cr_assert(mf_str_eq(mf_buf_str(&b), MF_STR("c.conflict-bob")));
	mf_buf_free(&b);
}

Test(relpath, long_marker_names_are_cut_between_characters, .timeout = 5)
{
	mf_buf path = {0}, slot = {0}, one = {0}, two = {0};
	mf_err err;

	mf_buf_addz(&path, "dir/");
	for (int i = 0; i < 80; i++)
		mf_buf_addz(&path, "\xe6\x97\xa5"); /* 240 bytes */
	for (int i = 0; i < 63; i++)
		mf_buf_addz(&slot, "\xf0\x9f\x98\x80"); /* 252 bytes */
	mf_marker_path(mf_buf_str(&path), mf_buf_str(&slot), MF_STR("URI:one"), &one);
	mf_marker_path(mf_buf_str(&path), mf_buf_str(&slot), MF_STR("URI:two"), &two);
	cr_assert(mf_relpath_check(mf_buf_str(&one), &err) == MF_OK, "%s", err.text);
	cr_assert(mf_relpath_base(mf_buf_str(&one)).n > 250);
	cr_assert(!mf_str_eq(mf_buf_str(&one), mf_buf_str(&two)));
	cr_assert(mf_str_starts(mf_buf_str(&one), MF_STR("dir/\xe6\x97\xa5")));
	/* 255 bytes just fit */
	one.n = path.n = 0;
	for (int i = 0; i < 241; i++)
		mf_buf_addc(&path, 'x');
	mf_marker_path(mf_buf_str(&path), MF_STR("bob"), MF_STR("URI:one"), &one);
	cr_assert(one.n == 254);
	mf_buf_free(&path);
	mf_buf_free(&slot);
	mf_buf_free(&one);
	mf_buf_free(&two);
}

Test(relpath, a_path_splits_at_its_last_slash, .timeout = 5)
{
	cr_assert(mf_str_eq(mf_relpath_dir(MF_STR("a/b/c")), MF_STR("a/b")));
	cr_assert(mf_str_eq(mf_relpath_base(MF_STR("a/b/c")), MF_STR("c")));
	cr_assert(mf_str_eq(mf_relpath_dir(MF_STR("c")), MF_STR("")));
	cr_assert(mf_str_eq(mf_relpath_base(MF_STR("c")), MF_STR("c")));
}
