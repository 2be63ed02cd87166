/* Capability strings against golden/lafs/caps.json and golden/capabilities.json. */
#include <criterion/criterion.h>

#include "base/base32.h"
#include "grid/caps.h"
#include "tests/grid/golden.h"

TestSuite(caps, .timeout = 20);

/* caps.json names Python's classes. */
static const struct {
	const char *class;
	enum mf_cap_kind kind;
} classes[] = {
	{"CHKFileURI", MF_CAP_CHK},
	{"CHKFileVerifierURI", MF_CAP_CHK_VERIFIER},
	{"LiteralFileURI", MF_CAP_LIT},
	{"WriteableSSKFileURI", MF_CAP_SSK},
	{"ReadonlySSKFileURI", MF_CAP_SSK_RO},
	{"SSKVerifierURI", MF_CAP_SSK_VERIFIER},
	{"WriteableMDMFFileURI", MF_CAP_MDMF},
	{"ReadonlyMDMFFileURI", MF_CAP_MDMF_RO},
	{"MDMFVerifierURI", MF_CAP_MDMF_VERIFIER},
	{"DirectoryURI", MF_CAP_DIR2},
	{"ReadonlyDirectoryURI", MF_CAP_DIR2_RO},
	{"DirectoryURIVerifier", MF_CAP_DIR2_VERIFIER},
	{"ImmutableDirectoryURI", MF_CAP_DIR2_CHK},
	{"ImmutableDirectoryURIVerifier", MF_CAP_DIR2_CHK_VERIFIER},
	{"LiteralDirectoryURI", MF_CAP_DIR2_LIT},
	{"MDMFDirectoryURI", MF_CAP_DIR2_MDMF},
	{"ReadonlyMDMFDirectoryURI", MF_CAP_DIR2_MDMF_RO},
	{"MDMFDirectoryURIVerifier", MF_CAP_DIR2_MDMF_VERIFIER},
	{"UnknownURI", MF_CAP_UNKNOWN},
};

static enum mf_cap_kind
kind_named(const char *class)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strcmp(classes[i].class, class) == 0)
			return classes[i].kind;
	cr_assert_fail("class %s", class);
	return MF_CAP_UNKNOWN;
}

static bool
is_lit(enum mf_cap_kind kind)
{
	return kind == MF_CAP_LIT || kind == MF_CAP_DIR2_LIT;
}

static void
check_text(const mf_cap *cap, const char *want)
{
	char text[MF_CAP_MAX];

	mf_cap_print(cap, text);
	cr_assert(strcmp(text, want) == 0, "%s printed as %s", want, text);
}

static void
check_hex(const json_t *v, const char *key, const uint8_t *got, size_t n)
{
	uint8_t want[64];
	const char *hex = json_string_value(json_object_get(v, key));

	if (hex != NULL)
		cr_assert(mf_unhex(want, n, mf_strz(hex)) && memcmp(want, got, n) == 0, "%s", key);
}

static void
check_fields(const json_t *v, const mf_cap *cap)
{
	bool verifier = cap->kind == MF_CAP_CHK_VERIFIER;

	check_hex(v, "key_hex", cap->key, 16);
	check_hex(v, "writekey_hex", cap->key, 16);
	check_hex(v, "uri_extension_hash_hex", cap->hash, 32);
	check_hex(v, "fingerprint_hex", cap->hash, 32);
	if (cap->kind == MF_CAP_CHK || verifier) {
		cr_assert(cap->k == golden_int(v, "k") && cap->n == golden_int(v, "n"));
		cr_assert(cap->size == golden_int(v, "size"));
	}
	cr_assert(mf_cap_is_mutable(cap->kind) == json_is_true(json_object_get(v, "is_mutable")));
	cr_assert(mf_cap_is_writable(cap->kind) == json_is_false(json_object_get(v, "is_readonly")));
}

static void
check_derived(const json_t *v, const mf_cap *cap)
{
	const char *verify = json_string_value(json_object_get(v, "verify"));
	const char *index = json_string_value(json_object_get(v, "storage_index_b32"));
	mf_cap other;
	uint8_t si[16];
	char text[27];

	cr_assert(mf_cap_readonly(cap, &other));
	if (is_lit(cap->kind)) {
		cr_assert(other.kind == cap->kind && mf_str_eq(other.lit, cap->lit));
	} else {
		check_text(cap, golden_str(v, "cap"));
		check_text(&other, golden_str(v, "readonly"));
		check_hex(v, "readkey_hex", other.key, 16);
	}
	cr_assert(mf_cap_verifier(cap, &other) == (verify != NULL));
	if (verify != NULL)
		check_text(&other, verify);
	cr_assert(mf_cap_storage_index(cap, si) == (index != NULL));
	if (index != NULL) {
		mf_b32(text, si, sizeof(si));
		cr_assert(strcmp(text, index) == 0);
	}
}

Test(caps, every_kind_and_what_derives_from_it)
{
	json_t *all = golden_json("lafs/caps.json");
	unsigned seen = 0;
	size_t at;
	json_t *v;

	json_array_foreach(json_object_get(all, "caps"), at, v)
	{
		mf_str text = mf_strz(golden_str(v, "cap"));
		enum mf_cap_kind want;
		mf_cap cap;
		mf_err err = {0};

		if (strncmp(golden_str(v, "kind"), "edge", 4) == 0)
			continue;
		cr_assert(mf_cap_parse(text, &cap, &err) == MF_OK, "%.*s: %s", (int)text.n, text.p, err.text);
		if (strstr(golden_str(v, "kind"), "SSK-Verifier") != NULL)
			want = MF_CAP_SSK_VERIFIER;
		else
			want = kind_named(golden_str(v, "class"));
		cr_assert(cap.kind == want, "%.*s", (int)text.n, text.p);
		if (json_object_get(v, "filenode_cap") == NULL)
			check_fields(v, &cap);
		check_derived(v, &cap);
		seen |= 1u << cap.kind;
	}
	cr_assert(seen == (1u << (MF_CAP_DIR2_MDMF_VERIFIER + 1)) - 2, "some kind has no vector: %x", seen);
	json_decref(all);
}

/* What Python's parser lets pass or not; where we differ it is said here. */
Test(caps, edges)
{
	json_t *all = golden_json("lafs/caps.json");
	size_t at;
	json_t *v;

	json_array_foreach(json_object_get(all, "caps"), at, v)
	{
		const char *kind = golden_str(v, "kind"), *class = golden_str(v, "class");
		mf_str text = mf_strz(golden_str(v, "cap"));
		bool newline = strcmp(kind, "edge: trailing newline accepted by $") == 0;
		mf_cap cap;

		if (strncmp(kind, "edge", 4) != 0)
			continue;
		mf_code rc = mf_cap_parse(text, &cap, NULL);
		if (json_is_string(json_object_get(v, "error")) || newline) {
			cr_assert(rc == MF_EFORMAT, "%s", kind);
			continue;
		}
		cr_assert(rc == MF_OK && cap.kind == kind_named(class), "%s", kind);
		if (cap.kind == MF_CAP_UNKNOWN)
			continue;
		cap.prefix = MF_CAP_PLAIN;
		check_text(&cap, golden_str(v, "reserialised"));
	}
	json_decref(all);
}

Test(caps, base32_pairs)
{
	json_t *all = golden_json("lafs/caps.json");
	size_t at;
	json_t *v;

	json_array_foreach(json_object_get(all, "base32"), at, v)
	{
		mf_buf raw = golden_unhex(golden_str(v, "hex")), text = {0};
		uint8_t back[64];
		size_t n;

		mf_b32_add(&text, raw.p, raw.n);
		cr_assert(mf_str_eq(mf_buf_str(&text), mf_strz(golden_str(v, "b32"))));
		cr_assert(mf_unb32(back, &n, mf_buf_str(&text)) && n == raw.n && memcmp(back, raw.p, n) == 0);
		mf_buf_free(&raw);
		mf_buf_free(&text);
	}
	json_decref(all);
}

/* The typed constructors take what their type is and refuse all else. */
static void
check_types(const json_t *v, mf_str text, const mf_cap *cap)
{
	bool mdmf = strstr(golden_str(v, "cap"), "MDMF") != NULL, fits = text.n < MF_CAP_MAX;
	bool file = json_is_true(json_object_get(v, "is_file"));
	/* Python's answer is about CHK ones only; a literal directory is as immutable. */
	bool imm = json_is_true(json_object_get(v, "is_immutable_directory")) || cap->kind == MF_CAP_DIR2_LIT;
	bool ro = json_is_true(json_object_get(v, "is_readonly_directory"));
	bool rw = json_is_true(json_object_get(v, "is_mutable_directory"));
	mf_code refused = mdmf ? MF_EUNSUPPORTED : MF_EFORMAT;
	mf_filecap f;
	mf_immdir i;
	mf_dirread r;
	mf_dirwrite w;

	cr_assert(mf_filecap_parse(text, &f, NULL) == (file && fits ? MF_OK : refused), "%s", golden_str(v, "cap"));
	cr_assert(mf_immdir_parse(text, &i, NULL) == (imm ? MF_OK : refused), "%s", golden_str(v, "cap"));
	cr_assert(mf_dirread_parse(text, &r, NULL) == ((ro || imm) && !mdmf ? MF_OK : refused), "%s",
		golden_str(v, "cap"));
	cr_assert(mf_dirwrite_parse(text, &w, NULL) == (rw && !mdmf ? MF_OK : refused), "%s", golden_str(v, "cap"));
	if (file && fits)
		cr_assert(strcmp(f.text, golden_str(v, "kept_string")) == 0 && mf_filecap_size(&f) == cap->size);
	if (imm) {
		cr_assert(strcmp(i.text, golden_str(v, "kept_string")) == 0 && mf_immdir_size(&i) == cap->size);
		mf_immdir_read(&i, &r);
		cr_assert(strcmp(r.text, i.text) == 0);
	}
	if (rw && !mdmf) {
		mf_dirwrite_read(&w, &r);
		cr_assert(strcmp(r.text, golden_str(v, "to_readonly")) == 0);
	}
}

Test(caps, as_magic_folder_sees_them)
{
	json_t *all = golden_json("capabilities.json");
	size_t at;
	json_t *v;

	json_array_foreach(json_object_get(all, "capabilities"), at, v)
	{
		const char *z = golden_str(v, "cap");
		mf_cap cap;
		mf_code rc = mf_cap_parse(mf_strz(z), &cap, NULL);
		bool newline = z[0] != '\0' && z[strlen(z) - 1] == '\n';

		if (!json_is_true(json_object_get(v, "accepted")) || newline) {
			cr_assert(rc == MF_EFORMAT || (rc == MF_OK && cap.kind == MF_CAP_UNKNOWN), "%s", z);
			continue;
		}
		cr_assert(rc == MF_OK && cap.kind != MF_CAP_UNKNOWN, "%s", z);
		cr_assert(mf_cap_is_dir(cap.kind) == json_is_true(json_object_get(v, "is_directory")), "%s", z);
		if (json_is_integer(json_object_get(v, "size")))
			cr_assert(cap.size == golden_int(v, "size"), "%s", z);
		check_types(v, mf_strz(z), &cap);
	}
	json_decref(all);
}

#define K26 "aaaqeayeaudaocajbifqydiob4"
#define H52 "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq"

Test(caps, numbers_have_bounds)
{
	static const struct {
		const char *tail;
		mf_code want;
	} rows[] = {
		{":1:1:1", MF_OK},
		{":256:256:9223372036854775807", MF_OK},
		{":0:1:1", MF_EFORMAT},
		{":2:1:1", MF_EFORMAT},
		{":1:257:1", MF_EFORMAT},
		{":1:1:9223372036854775808", MF_EFORMAT},
		{":1:1:18446744073709551617", MF_EFORMAT},
		{":1:1:99999999999999999999999999", MF_EFORMAT},
		{":1:4294967297:1", MF_EFORMAT},
		{":1:1:", MF_EFORMAT},
		{":1:1:-1", MF_EFORMAT},
		{":1:1:+1", MF_EFORMAT},
		{":1:1:1:", MF_EFORMAT},
		{":1:1", MF_EFORMAT},
		{"", MF_EFORMAT},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		mf_buf text = {0};
		mf_cap cap;
		mf_buf_addf(&text, "URI:CHK:" K26 ":" H52 "%s", rows[i].tail);
		cr_assert(mf_cap_parse(mf_buf_str(&text), &cap, NULL) == rows[i].want, "%s", rows[i].tail);
		mf_buf_free(&text);
	}
	cr_assert(mf_cap_parse((mf_str){"URI:SSK:" K26 ":" H52 "\0", 88}, &(mf_cap){0}, NULL) == MF_EFORMAT);
	cr_assert(mf_cap_parse((mf_str){NULL, 0}, &(mf_cap){0}, NULL) == MF_OK);
}

Test(caps, errors_and_hints_hold_no_secret)
{
	static const char *const rows[][2] = {
		{"URI:DIR2:" K26 ":" H52, "URI:DIR2:...dypq"},
		{"ro.URI:DIR2-RO:" K26 ":" H52, "URI:DIR2-RO:...dypq"},
		{"URI:DIR2:" K26 ":" H52 "x", "URI:DIR2:..."},
		{"URI:DIR2:" K26, "URI:DIR2:..."},
		{"URI:LIT:nbswy3dp", "URI:LIT:..."},
		{"URI:CHK:" K26 ":" H52 ":1:1:1234", "URI:CHK:...1234"},
		{"my password", "unknown capability"},
		{"", "unknown capability"},
	};
	char hint[40];
	mf_err err = {0};
	mf_filecap f;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		mf_cap_hint(mf_strz(rows[i][0]), hint);
		cr_assert(strcmp(hint, rows[i][1]) == 0, "%s gives %s", rows[i][0], hint);
	}
	cr_assert(mf_filecap_parse(mf_strz("URI:DIR2:" K26 ":" H52), &f, &err) == MF_EFORMAT);
	cr_assert(strstr(err.text, K26) == NULL && strstr(err.text, "URI:DIR2:...dypq") != NULL, "%s", err.text);
	cr_assert(mf_filecap_parse(mf_strz("URI:CHK:" K26 "x:" H52), &f, &err) == MF_EFORMAT);
	cr_assert(strstr(err.text, "aaaq") == NULL, "%s", err.text);
}
