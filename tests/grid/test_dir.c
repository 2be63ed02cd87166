/* Directories: packed bytes as Tahoe makes them, edits, listings, and what others may have put there. */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "grid/lafs/dir_inner.h"
#include "tests/grid/golden.h"

TestSuite(dir, .timeout = 60);

static mf_buf
unbase64(const char *text)
{
	mf_buf b = {0};

	mf_buf_reserve(&b, strlen(text));
	b.n = golden_unbase64(b.p, b.cap, text);
	return b;
}

static const uint8_t writekey[MF_KEY_SIZE] = "0123456789abcde";
#define LIT "URI:LIT:nbswy3dp"
#define CHK "URI:CHK:yzxcoagbetwet65ltjpbqyli3m:6b7inuiha2xdtgqzd55i6aeggutnxzr6qfwpv2ep5xlln6pgef7a:1:1:56"
#define DIR2 "URI:DIR2:aeaqcaibaeaqcaibaeaqcaibae:aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba"
#define DIR2_RO "URI:DIR2-RO:nvgh5vj2ekzzkim5fgtb4gey5y:aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba"

/* What the golden steps did (golden/lafs/README.md): each at 1700000000.25 + its number, of the second directory + 4. */
static const mf_link step_link[] = {
	{MF_STR("hello.txt"), MF_STR(LIT), {0}, MF_LINK_REPLACE},
	{MF_STR("A\xcc\x8angstro\xcc\x88m \xe6\x97\xa5\xe6\x9c\xac.bin"), MF_STR(CHK), {0}, MF_LINK_NEW},
	{MF_STR("subdir"), MF_STR(DIR2), MF_STR("{\"user\": \"x\\u00e9\", \"n\": 1}"), MF_LINK_REPLACE},
	{MF_STR("hello.txt"), MF_STR("URI:LIT:mjqxe"), {0}, MF_LINK_REPLACE},
	{MF_STR("subdir"), {0}, {0}, MF_LINK_REMOVE},
};

/* linkmotime of the entry that the step wrote. */
static double
time_of_step(size_t dir, size_t step)
{
	return 1700000000.25 + (double)step + (double)(4 * dir);
}

Test(dir, the_golden_steps_give_the_golden_bytes)
{
	json_t *all = golden_json("lafs/sdmf.json"), *dir;
	size_t d;

	json_array_foreach(json_object_get(all, "dirs"), d, dir)
	{
		json_t *steps = json_object_get(dir, "steps");
		mf_buf key = golden_unhex(golden_str(dir, "writekey_hex"));
		mf_buf have = {0};

		for (size_t i = 1; i < json_array_size(steps); i++) {
			mf_buf want = unbase64(golden_str(json_array_get(steps, i), "plaintext_b64")), next = {0};
			mf_dir_edit edit = {&step_link[i - 1], 1, key.p, time_of_step(d, i)};
			bool changed;
			mf_err err;

			cr_assert(
				mf_dir_apply(mf_buf_str(&have), &edit, &next, &changed, &err) == MF_OK, "%s", err.text);
			cr_assert(changed && mf_str_eq(mf_buf_str(&next), mf_buf_str(&want)), "dir %zu step %zu", d, i);
			cr_assert(mf_dir_tidy(&next, NULL) == MF_OK && mf_str_eq(mf_buf_str(&next), mf_buf_str(&want)));
			mf_buf_free(&have);
			mf_buf_free(&want);
			have = next;
		}
		mf_buf_free(&have);
		mf_buf_free(&key);
	}
	json_decref(all);
}

/* The children of the WAPI's JSON against a listing. */
static void
compare_listing(const mf_listing *l, const json_t *children, bool rw)
{
	const char *name;
	json_t *v;

	cr_assert(l->n == json_object_size(children));
	json_object_foreach((json_t *)children, name, v)
	{
		const mf_child *c = mf_listing_find(l, mf_strz(name));
		const json_t *o = json_array_get(v, 1);
		const char *ro_uri = json_string_value(json_object_get(o, "ro_uri"));
		const char *rw_uri = json_string_value(json_object_get(o, "rw_uri"));

		cr_assert(c != NULL, "no child %s", name);
		cr_assert(mf_str_eq(c->ro, mf_strz(ro_uri == NULL ? "" : ro_uri)), "%s", name);
		cr_assert(mf_str_eq(c->rw, mf_strz(rw_uri == NULL || !rw ? "" : rw_uri)), "%s", name);
		json_t *metadata = json_loadb(c->metadata.p, c->metadata.n, 0, NULL);
		cr_assert(json_equal(metadata, json_object_get(o, "metadata")), "%s", name);
		json_decref(metadata);
	}
}

Test(dir, golden_directories_are_listed_as_tahoe_lists_them)
{
	json_t *all = golden_json("lafs/sdmf.json"), *dir, *step;
	size_t d, i;

	json_array_foreach(json_object_get(all, "dirs"), d, dir)
	{
		mf_buf key = golden_unhex(golden_str(dir, "writekey_hex"));

		json_array_foreach(json_object_get(dir, "steps"), i, step)
		{
			const json_t *children =
				json_object_get(json_array_get(json_object_get(step, "wapi_json"), 1), "children");
			mf_buf plain = unbase64(golden_str(step, "plaintext_b64")), again = {0};
			mf_listing l;

			mf_buf_adds(&again, mf_buf_str(&plain));
			cr_assert(mf_dir_list(&plain, NULL, &l, NULL) == MF_OK && plain.p == NULL);
			compare_listing(&l, children, false);
			mf_listing_free(&l);
			cr_assert(mf_dir_list(&again, key.p, &l, NULL) == MF_OK);
			compare_listing(&l, children, true);
			mf_listing_free(&l);
		}
		mf_buf_free(&key);
	}
	json_decref(all);
}

/* mkdir-immutable's body as links; metadata as Python prints it. */
static size_t
links_of(const json_t *body, mf_link *link, size_t max, char **text)
{
	const char *name;
	json_t *v;
	size_t n = 0;

	json_object_foreach((json_t *)body, name, v)
	{
		const json_t *o = json_array_get(v, 1);
		const char *ro = json_string_value(json_object_get(o, "ro_uri"));

		cr_assert(n < max);
		text[n] = json_dumps(json_object_get(o, "metadata"), JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
		for (char *u = strstr(text[n], "\\u"); u != NULL; u = strstr(u + 2, "\\u"))
			for (int i = 2; i < 6; i++) /* jansson prints capitals, Python small letters */
				u[i] = (char)tolower((unsigned char)u[i]);
		link[n] = (mf_link){
			.name = mf_strz(name), .cap = mf_strz(ro == NULL ? "" : ro), .metadata = mf_strz(text[n])};
		n++;
	}
	return n;
}

Test(dir, immutable_directories_are_packed_byte_for_byte)
{
	json_t *all = golden_json("lafs/immdir.json"), *v;
	size_t i;

	json_array_foreach(all, i, v)
	{
		mf_buf want = unbase64(golden_str(v, "packed_b64")), have = {0};
		json_t *body = json_loads(golden_str(v, "body"), 0, NULL);
		const json_t *children =
			json_object_get(json_array_get(json_object_get(v, "wapi_json"), 1), "children");
		char *text[64];
		mf_link link[64];
		mf_listing l;
		size_t n = links_of(body, link, 64, text);

		cr_assert(mf_dir_pack(link, n, &have, NULL) == MF_OK);
		cr_assert(mf_str_eq(mf_buf_str(&have), mf_buf_str(&want)), "%s", golden_str(v, "name"));
		cr_assert(mf_dir_list_immutable(&want, &l, NULL) == MF_OK);
		compare_listing(&l, children, false);
		mf_listing_free(&l);
		for (size_t j = 0; j < n; j++)
			free(text[j]);
		json_decref(body);
		mf_buf_free(&have);
	}
	json_decref(all);
}

static mf_buf
packed(const mf_link *link, size_t n)
{
	mf_dir_edit edit = {link, n, writekey, 5.5};
	mf_buf out = {0};
	bool changed;
	mf_err err;

	cr_assert(mf_dir_apply((mf_str){0}, &edit, &out, &changed, &err) == MF_OK, "%s", err.text);
	return out;
}

static mf_code
apply(const mf_buf *old, mf_link link, mf_buf *out, bool *changed)
{
	mf_dir_edit edit = {&link, 1, writekey, 7};

	out->n = 0;
	return mf_dir_apply(mf_buf_str(old), &edit, out, changed, NULL);
}

Test(dir, a_batch_equals_its_links_one_by_one)
{
	uint32_t random = 7;
	mf_buf one = {0}, batch = {0};

	for (int round = 0; round < 40; round++) {
		char name[24][8];
		mf_link link[24];
		size_t n = 1 + round % 24;
		bool changed;

		for (size_t i = 0; i < n; i++) {
			random = random * 1103515245 + 12345;
			(void)snprintf(name[i], sizeof(name[i]), "n%u", random >> 16 & 31);
			link[i] = (mf_link){.name = mf_strz(name[i]),
				.cap = (random >> 8 & 1) != 0 ? MF_STR(LIT) : MF_STR(DIR2),
				.how = (random >> 9 & 3) == 0 ? MF_LINK_REMOVE : MF_LINK_REPLACE};
		}
		mf_dir_edit edit = {link, n, writekey, 100 + round};
		mf_buf next = {0};
		cr_assert(mf_dir_apply(mf_buf_str(&batch), &edit, &next, &changed, NULL) == MF_OK);
		mf_buf_free(&batch);
		batch = next;
		for (size_t i = 0; i < n; i++) {
			bool last = true; /* of equal names only the last counts: so it is for linkcrtime as well */

			for (size_t j = i + 1; j < n; j++)
				last = last && strcmp(name[i], name[j]) != 0;
			if (!last)
				continue;
			edit = (mf_dir_edit){&link[i], 1, writekey, 100 + round};
			next = (mf_buf){0};
			cr_assert(mf_dir_apply(mf_buf_str(&one), &edit, &next, &changed, NULL) == MF_OK);
			mf_buf_free(&one);
			one = next;
		}
		cr_assert(mf_str_eq(mf_buf_str(&one), mf_buf_str(&batch)), "round %d", round);
		mf_buf before = {0};
		mf_buf_adds(&before, mf_buf_str(&batch));
		cr_assert(mf_dir_tidy(&batch, NULL) == MF_OK && mf_str_eq(mf_buf_str(&before), mf_buf_str(&batch)));
		mf_buf_free(&before);
	}
	mf_buf_free(&one);
	mf_buf_free(&batch);
}

Test(dir, new_needs_a_free_name_and_remove_does_not_mind)
{
	mf_link a = {.name = MF_STR("a"), .cap = MF_STR(LIT)};
	mf_buf old = packed(&a, 1), out = {0};
	bool changed;

	a.how = MF_LINK_NEW;
	cr_assert(apply(&old, a, &out, &changed) == MF_EEXIST);
	a.name = MF_STR("b");
	cr_assert(apply(&old, a, &out, &changed) == MF_OK && changed && out.n > old.n);
	a.how = MF_LINK_REMOVE;
	cr_assert(apply(&old, a, &out, &changed) == MF_OK && !changed);
	a.name = MF_STR("a");
	cr_assert(apply(&old, a, &out, &changed) == MF_OK && changed && out.n == 0);
	mf_buf_free(&old);
	mf_buf_free(&out);
}

Test(dir, capabilities_that_do_not_belong_are_refused)
{
	static const char *const bad_mutable[] = {"lafs:unknown", "URI:CHK:broken", ("ro." DIR2), ("imm." DIR2_RO)};
	static const char *const bad_immutable[] = {DIR2, DIR2_RO, ("ro." DIR2_RO), "lafs:unknown", "ro.lafs:unknown",
		"URI:SSK:fs6ul2fju2fvb2cfx7gt6ngycm:hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq"};
	static const char *const good_mutable[] = {
		"", LIT, CHK, DIR2, DIR2_RO, ("ro." DIR2_RO), ("imm." CHK), "ro.lafs:unknown", "imm.lafs:unknown"};
	mf_buf out = {0}, empty = {0};
	bool changed;

	for (size_t i = 0; i < sizeof(bad_mutable) / sizeof(*bad_mutable); i++) {
		mf_link l = {.name = MF_STR("x"), .cap = mf_strz(bad_mutable[i])};
		mf_code rc = apply(&empty, l, &out, &changed);
		cr_assert(rc == MF_EINVAL || rc == MF_EFORMAT, "%s", bad_mutable[i]);
	}
	for (size_t i = 0; i < sizeof(bad_immutable) / sizeof(*bad_immutable); i++) {
		mf_link l = {.name = MF_STR("x"), .cap = mf_strz(bad_immutable[i])};
		cr_assert(mf_dir_pack(&l, 1, &out, NULL) == MF_EINVAL, "%s", bad_immutable[i]);
	}
	for (size_t i = 0; i < sizeof(good_mutable) / sizeof(*good_mutable); i++) {
		mf_link l = {.name = MF_STR("x"), .cap = mf_strz(good_mutable[i])};
		cr_assert(apply(&empty, l, &out, &changed) == MF_OK, "%s", good_mutable[i]);
	}
	mf_link twice[] = {
		{.name = MF_STR("e\xcc\x81"), .cap = MF_STR(LIT)}, {.name = MF_STR("\xc3\xa9"), .cap = MF_STR(LIT)}};
	cr_assert(mf_dir_pack(twice, 2, &out, NULL) == MF_EINVAL, "equal under NFC");
	mf_link bad_name[] = {{.name = MF_STR("\xff"), .cap = MF_STR(LIT)}, {.cap = MF_STR(LIT)}};
	cr_assert(mf_dir_pack(&bad_name[0], 1, &out, NULL) == MF_EINVAL);
	cr_assert(apply(&empty, bad_name[1], &out, &changed) == MF_EINVAL);
	mf_buf_free(&out);
}

static void
add_entries(mf_buf *b, const char *const entry[][4], size_t n)
{
	for (size_t i = 0; i < n; i++)
		mf_dir_add_entry(
			b, mf_strz(entry[i][0]), mf_strz(entry[i][1]), mf_strz(entry[i][2]), mf_strz(entry[i][3]));
}

Test(dir, what_we_do_not_understand_is_kept_and_listed_as_unknown)
{
	/* future capability; a known prefix with a broken body; JSON that is none; a write capability where none belongs */
	static const char *const foreign[][4] = {{"alien", "lafs:future", "xxxxx", "{\"a\": NaN}"},
		{"broken", "URI:CHK:xyz", "", "not JSON!"}, {"sneaky", DIR2, "", "{}"}};
	mf_link l = {.name = MF_STR("c"), .cap = MF_STR(LIT)};
	mf_buf old = {0}, out = {0}, before = {0}, back = {0};
	mf_listing list;
	bool changed;
	mf_err err;

	add_entries(&old, foreign, 3);
	mf_buf_adds(&before, mf_buf_str(&old));
	cr_assert(mf_dir_tidy(&old, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_str_eq(mf_buf_str(&old), mf_buf_str(&before)));
	cr_assert(apply(&old, l, &out, &changed) == MF_OK);
	l.how = MF_LINK_REMOVE; /* untouched entries stay as they were */
	cr_assert(apply(&out, l, &back, &changed) == MF_OK && mf_str_eq(mf_buf_str(&back), mf_buf_str(&before)));
	cr_assert(out.n > back.n);
	cr_assert(mf_dir_list(&old, writekey, &list, &err) == MF_OK, "%s", err.text);
	cr_assert(list.n == 3);
	for (size_t i = 0; i < 3; i++)
		cr_assert(list.child[i].kind == MF_CAP_UNKNOWN && list.child[i].rw.n == 0);
	cr_assert(mf_str_eq(list.child[0].ro, MF_STR("ro.lafs:future")));
	cr_assert(mf_str_eq(list.child[1].ro, MF_STR("ro.URI:CHK:xyz")));
	cr_assert(mf_str_eq(list.child[1].metadata, MF_STR("not JSON!")));
	cr_assert(mf_str_eq(list.child[2].ro, MF_STR("ro." DIR2)), "never to be opened as what it is");
	mf_listing_free(&list);
	mf_buf_free(&out);
	mf_buf_free(&before);
	mf_buf_free(&back);
}

Test(dir, malformed_bytes_are_refused_as_a_whole)
{
	static const char *const bad[] = {"x", "5:abc", "23:1:a,8:URI:LIT:,0:,2:{},", "23:1:a,8:URI:LIT:,0:,2:{},;",
		"22:1:a,8:URI:LIT:,0:,2:{},", "15:1:a,8:URI:LIT:,", "24:1:a,8:URI:LIT:,0:,2:{},x,",
		"023:1:a,8:URI:LIT:,0:,2:{},,", "99999999:1:a,", "18446744073709551615:1:a,",
		"23:1:\xff,8:URI:LIT:,0:,2:{},,", ",", "0:,"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		mf_buf a = {0}, b = {0}, c = {0};
		mf_listing l;

		mf_buf_addz(&a, bad[i]);
		mf_buf_addz(&b, bad[i]);
		mf_buf_addz(&c, bad[i]);
		cr_assert(mf_dir_tidy(&a, NULL) == MF_EFORMAT, "%zu", i);
		cr_assert(mf_dir_list(&b, NULL, &l, NULL) == MF_EFORMAT, "%zu", i);
		cr_assert(mf_dir_list_immutable(&c, &l, NULL) == MF_EFORMAT, "%zu", i);
		mf_buf_free(&a);
	}
	mf_buf a = {0};
	mf_listing l;
	mf_buf_addz(&a, "24:1:a,8:URI:LIT:,1:x,2:{},,");
	cr_assert(mf_dir_list_immutable(&a, &l, NULL) == MF_EFORMAT, "a write capability in an immutable directory");
}

Test(dir, untidy_directories_are_put_in_order)
{
	static const char messy[] = "23:1:b,8:URI:LIT:,0:,2:{},," /* b before a, é decomposed, then composed */
				    "23:1:a,8:URI:LIT:,0:,2:{},,"
				    "25:3:e\xcc\x81,8:URI:LIT:,0:,2:{},,"
				    "25:1:a,8:URI:LIT:,0:,4:{1 },,"
				    "24:2:\xc3\xa9,8:URI:LIT:,0:,2:[],,";
	static const char tidy[] = "25:1:a,8:URI:LIT:,0:,4:{1 },,"
				   "23:1:b,8:URI:LIT:,0:,2:{},,"
				   "24:2:\xc3\xa9,8:URI:LIT:,0:,2:[],,";
	mf_buf a = {0}, b = {0};
	mf_listing l;

	mf_buf_addz(&a, messy);
	mf_buf_addz(&b, messy);
	cr_assert(mf_dir_tidy(&a, NULL) == MF_OK);
	cr_assert(mf_str_eq(mf_buf_str(&a), mf_strz(tidy)), "%s", (char *)a.p);
	cr_assert(mf_dir_list(&b, NULL, &l, NULL) == MF_OK);
	cr_assert(l.n == 3 && mf_str_eq(l.child[0].metadata, MF_STR("{1 }")) &&
		mf_str_eq(l.child[2].metadata, MF_STR("[]")));
	cr_assert(mf_str_eq(l.child[2].name, MF_STR("\xc3\xa9")));
	mf_listing_free(&l);
	mf_buf_free(&a);
}

Test(dir, mutable_children_of_immutable_directories_are_left_out)
{
	static const char *const entry[][4] = {{"a", DIR2, "", "{}"}, {"b", "ro.lafs:future", "", "{}"},
		{"c", "future-capability", "", "{}"}, {"d", DIR2_RO, "", "{}"}, {"e", LIT, "", "{}"}};
	mf_buf a = {0};
	mf_listing l;
	mf_err err;

	add_entries(&a, entry, 5);
	cr_assert(mf_dir_list_immutable(&a, &l, &err) == MF_OK, "%s", err.text);
	cr_assert(l.n == 3, "%zu", l.n);
	cr_assert(mf_str_eq(l.child[1].ro, MF_STR("imm.future-capability")));
	cr_assert(l.child[2].kind == MF_CAP_LIT);
	mf_listing_free(&l);
}

Test(dir, metadata_follows_tahoes_rule)
{
	static const struct {
		const char *given, *old, *want;
	} row[] = {
		{"", "", "{\"tahoe\": {\"linkcrtime\": 9.5, \"linkmotime\": 9.5}}"},
		{"", "{\"tahoe\": {\"linkcrtime\": 1.25, \"linkmotime\": 2}}",
			"{\"tahoe\": {\"linkcrtime\": 1.25, \"linkmotime\": 9.5}}"},
		{"", "{}", "{\"tahoe\": {\"linkcrtime\": 9.5, \"linkmotime\": 9.5}}"},
		{"", "{\"ctime\": 3, \"k\": [1, {\"}\": \"]\"}]}",
			"{\"ctime\": 3, \"k\": [1, {\"}\": \"]\"}], \"tahoe\": {\"linkcrtime\": 3, \"linkmotime\": "
			"9.5}}"},
		{"", "{\"tahoe\": {\"linkmotime\": 1}, \"z\": 1}",
			"{\"tahoe\": {\"linkmotime\": 9.5, \"linkcrtime\": 9.5}, \"z\": 1}"},
		{"{\"a\": 1}", "{\"b\": 2, \"tahoe\": {\"linkcrtime\": 1, \"x\": NaN}}",
			"{\"a\": 1, \"tahoe\": {\"linkcrtime\": 1, \"x\": NaN, \"linkmotime\": 9.5}}"},
		{"{\"tahoe\": {\"linkcrtime\": 0}, \"a\": 1.0}", "",
			"{\"a\": 1.0, \"tahoe\": {\"linkcrtime\": 9.5, \"linkmotime\": 9.5}}"},
		{"", "rubbish", "{\"tahoe\": {\"linkcrtime\": 9.5, \"linkmotime\": 9.5}}"},
		{"", "{\"tahoe\": 5}", "{\"tahoe\": {\"linkcrtime\": 9.5, \"linkmotime\": 9.5}}"},
	};
	bool no_write;

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		mf_buf out = {0};

		cr_assert(mf_dir_metadata(mf_strz(row[i].given), mf_strz(row[i].old), 9.5, &out, &no_write, NULL) ==
			MF_OK);
		cr_assert(mf_str_eq(mf_buf_str(&out), mf_strz(row[i].want)), "row %zu: %s", i, (char *)out.p);
		cr_assert(!no_write);
		mf_buf_free(&out);
	}
	static const char *const bad[] = {"[]", "{", "{\"a\"}", "{\"a\": }", "{} x", "{\"a\": 1,}", "{\"a\": ]}", "5"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		mf_buf out = {0};

		cr_assert(mf_dir_metadata(mf_strz(bad[i]), (mf_str){0}, 1, &out, &no_write, NULL) == MF_EINVAL, "%s",
			bad[i]);
		mf_buf_free(&out);
	}
}

Test(dir, no_write_stores_the_read_only_form)
{
	mf_link l = {.name = MF_STR("d"), .cap = MF_STR(DIR2), .metadata = MF_STR("{\"no-write\": true}")};
	mf_buf p = packed(&l, 1);
	mf_listing list;

	cr_assert(mf_dir_list(&p, writekey, &list, NULL) == MF_OK);
	cr_assert(list.n == 1 && list.child[0].rw.n == 0 && mf_str_eq(list.child[0].ro, MF_STR(DIR2_RO)));
	mf_listing_free(&list);
}

Test(dir, floats_print_as_pythons)
{
	static const struct {
		double v;
		const char *text;
	} row[] = {{0, "0.0"}, {1, "1.0"}, {1700000001.25, "1700000001.25"}, {0.1, "0.1"},
		{1.0 / 3, "0.3333333333333333"}, {1763951234.123456, "1763951234.123456"}, {-2.5, "-2.5"},
		{1e-7, "1e-07"}, {1e22, "1e+22"}, {123456789012.0, "123456789012.0"}};
	char out[32];

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		mf_py_float(row[i].v, out);
		cr_assert(strcmp(out, row[i].text) == 0, "%s is not %s", out, row[i].text);
	}
}
