/* Snapshots: documents, signatures, and what a reader accepts, by vectors of the reference. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/base32.h"
#include "base/json.h"
#include "sync/doc/relpath.h"
#include "sync/doc/snapshot.h"
#include "tests/grid/golden.h"

/* Golden data with integers of any size (modification_time 1e19 is a case), and Python's NaN, which no JSON is. */
static json_t *
load(const char *path)
{
	mf_buf b = golden_file(path);
	json_t *top = NULL;
	mf_err err = {0};

	for (char *nan = strstr((char *)b.p, ": NaN"); nan != NULL; nan = strstr(nan, ": NaN"))
		memcpy(nan, ": 0  ", 5);
	cr_assert(mf_json_load(mf_buf_str(&b), 1 << 24, MF_JSON_BIG_REAL | MF_JSON_NUL, &top, &err) == MF_OK, "%s",
		err.text);
	mf_buf_free(&b);
	return top;
}

static mf_str
text_of(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return (mf_str){json_string_value(v), json_string_length(v)};
}

static mf_buf
unbase64(const char *text)
{
	mf_buf b = {0};
	size_t n = 0;

	mf_buf_reserve(&b, strlen(text));
	cr_assert(
		sodium_base642bin(b.p, b.cap, text, strlen(text), NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) == 0);
	b.n = n;
	return b;
}

static int
by_name(const void *a, const void *b)
{
	return mf_str_cmp(((const mf_child *)a)->name, ((const mf_child *)b)->name);
}

/* A directory as the grid hands it out, from the web API's JSON; lives as long as @p dirnode and @p store. */
static mf_listing
listing(const json_t *dirnode, mf_buf *store)
{
	json_t *children = json_object_get(json_array_get(dirnode, 1), "children"), *child;
	mf_listing l = {.child = mf_alloc(sizeof(mf_child) * 8)};
	size_t at[8] = {0}, end[8] = {0};
	const char *name;
	void *next;

	json_object_foreach_safe(children, next, name, child)
	{
		const json_t *node = json_array_get(child, 1);
		mf_child *c = &l.child[l.n];
		mf_cap cap = {0};

		c->name = mf_strz(name);
		c->ro = text_of(node, "ro_uri");
		c->rw = text_of(node, "rw_uri");
		c->kind = mf_cap_parse(c->ro, &cap, NULL) == MF_OK ? cap.kind : MF_CAP_UNKNOWN;
		at[l.n] = store->n;
		mf_json_py(store, json_object_get(node, "metadata"));
		end[l.n++] = store->n;
		cr_assert(l.n < 8);
	}
	for (size_t i = 0; i < l.n; i++) /* store grows no more */
		l.child[i].metadata = (mf_str){(const char *)store->p + at[i], end[i] - at[i]};
	qsort(l.child, l.n, sizeof(*l.child), by_name);
	return l;
}

static mf_code
read_snapshot(const json_t *dirnode, const mf_buf *document, mf_snapshot *s, mf_err *err)
{
	uint8_t signature[64];
	mf_buf store = {0};
	mf_listing l = listing(dirnode, &store);
	mf_code rc = mf_snapshot_dir(&l, s, signature, err);

	if (rc == MF_OK)
		rc = mf_snapshot_verify(s, mf_buf_str(document), signature, err);
	free(l.child);
	mf_buf_free(&store);
	return rc;
}

/* What the case says was parsed: relpath, author, delete, parents, mtime. */
static void
same_as_parsed(const mf_snapshot *s, const json_t *want, const char *name)
{
	const json_t *mtime = json_object_get(want, "mtime"), *parents = json_object_get(want, "parents");

	cr_assert(mf_str_eq(mf_strz(s->relpath), text_of(want, "relpath")), "%s", name);
	cr_assert(mf_str_eq(mf_strz(s->author), text_of(want, "author")), "%s: %s", name, s->author);
	cr_assert(s->deletion == json_is_true(json_object_get(want, "delete")), "%s", name);
	cr_assert(s->n_parents == json_array_size(parents), "%s", name);
	for (size_t i = 0; i < s->n_parents; i++)
		cr_assert(strcmp(s->parents[i].text, json_string_value(json_array_get(parents, i))) == 0, "%s", name);
	cr_assert(s->has_mtime == json_is_number(mtime), "%s", name);
	if (s->has_mtime && json_number_value(mtime) < 9e15)
		cr_assert(s->mtime_s == (int64_t)json_number_value(mtime), "%s", name);
}

Test(snapshot, each_of_the_77_cases_gets_its_verdict, .timeout = 20)
{
	json_t *top = load("metadata-cases.json"), *all = json_object_get(top, "cases"), *v;
	size_t i;

	cr_assert(sodium_init() >= 0);
	cr_assert(json_array_size(all) == 77);
	json_array_foreach(all, i, v)
	{
		const char *name = golden_str(v, "name"), *want = golden_str(v, "c_profile");
		mf_buf document = unbase64(golden_str(v, "metadata_bytes_base64"));
		mf_snapshot s;
		mf_err err = {0};
		mf_code rc = read_snapshot(json_object_get(v, "dirnode_json"), &document, &s, &err);

		cr_assert(
			rc == MF_OK || rc == MF_EFORMAT || rc == MF_EAUTH || rc == MF_EUNSUPPORTED, "%s: %d", name, rc);
		if (strcmp(want, "accept") == 0) {
			cr_assert(rc == MF_OK, "%s: %s", name, err.text);
			same_as_parsed(&s, json_object_get(v, "parsed"), name);
		} else if (strcmp(want, "reject") == 0) {
			cr_assert(rc != MF_OK && err.text[0] != '\0', "%s", name);
		}
		mf_snapshot_clear(&s);
		mf_buf_free(&document);
	}
	json_decref(top);
}

Test(snapshot, signatures_are_the_reference_s, .timeout = 20)
{
	json_t *top = load("signatures.json"), *all = json_object_get(top, "vectors"), *v;
	size_t i;

	cr_assert(sodium_init() >= 0);
	cr_assert(json_array_size(all) == 14);
	json_array_foreach(all, i, v)
	{
		const char *name = golden_str(v, "name");
		mf_buf seed = golden_unhex(golden_str(v, "seed_hex")),
		       key = golden_unhex(golden_str(v, "verify_key_hex"));
		mf_buf want = golden_unhex(golden_str(v, "signed_bytes_hex")), got = {0}, store = {0}, edge = {0};
		mf_str content = text_of(v, "content_cap"), metadata = text_of(v, "metadata_cap");
		mf_snapshot s = {.relpath = mf_strdup(text_of(v, "relpath")), .deletion = content.n == 0};
		mf_link links[2];

		mf_snapshot_signed_bytes(content, metadata, text_of(v, "relpath"), &got);
		cr_assert(mf_str_eq(mf_buf_str(&got), mf_buf_str(&want)), "%s", name);
		cr_assert(s.deletion || mf_filecap_parse(content, &s.content, NULL) == MF_OK);
		cr_assert(mf_filecap_parse(metadata, &s.metadata_cap, NULL) == MF_OK);
		memcpy(s.author_key, key.p, 32);
		mf_snapshot_links(&s, seed.p, 2, links, &store);
		mf_buf_addf(
			&edge, "{\"magic_folder\": {\"author_signature\": \"%s\"}}", golden_str(v, "author_signature"));
		cr_assert(mf_str_eq(links[1].metadata, mf_buf_str(&edge)), "%s", name);
		mf_snapshot_clear(&s);
		mf_buf_free(&seed);
		mf_buf_free(&key);
		mf_buf_free(&want);
		mf_buf_free(&got);
		mf_buf_free(&store);
		mf_buf_free(&edge);
	}
	json_decref(top);
}

/* The two links as the reference sends them to a Tahoe node. */
static void
as_request(const mf_link links[2], mf_buf *out)
{
	for (int i = 0; i < 2; i++) {
		mf_buf_addf(out, "%s\"%.*s\": [\"filenode\", {\"ro_uri\": ", i == 0 ? "{" : ", ", (int)links[i].name.n,
			links[i].name.p);
		if (links[i].cap.n == 0)
			mf_buf_addz(out, "null");
		else
			mf_json_add_string(out, links[i].cap);
		mf_buf_addf(out, ", \"metadata\": %.*s}]", (int)links[i].metadata.n, links[i].metadata.p);
	}
	mf_buf_addc(out, '}');
}

/* Build it again from what was read: the same document, the same directory. */
static void
rebuild(const mf_snapshot *s, const json_t *v, const mf_buf *document)
{
	mf_buf doc = {0}, store = {0}, request = {0};
	uint8_t seed[32];
	mf_link links[2];
	long long mtime, ctime;

	mf_snapshot_document(s, &doc);
	cr_assert(mf_str_eq(mf_buf_str(&doc), mf_buf_str(document)), "%s: %.*s", s->relpath, (int)doc.n, doc.p);
	if (!json_is_string(json_object_get(v, "signing_key_base32"))) { /* the recording has not every writer's key */
		mf_buf_free(&doc);
		return;
	}
	const char *body = golden_str(v, "mkdir_immutable_request_body");
	const char *times = strstr(body, "{\"mtime\": ");
	cr_assert(times != NULL && sscanf(times, "{\"mtime\": %lld, \"ctime\": %lld}", &mtime, &ctime) == 2);
	cr_assert(mf_unb32_upper(seed, sizeof(seed), text_of(v, "signing_key_base32")));
	mf_snapshot_links(s, seed, ctime, links, &store);
	as_request(links, &request);
	if (mtime == s->mtime_s) /* else a stale one of Python's (B44) */
		cr_assert(mf_str_eq(mf_buf_str(&request), mf_strz(body)), "%.*s", (int)request.n, request.p);
	mf_buf_free(&doc);
	mf_buf_free(&store);
	mf_buf_free(&request);
}

Test(snapshot, real_snapshots_verify_and_are_made_again_byte_for_byte, .timeout = 20)
{
	json_t *top = load("snapshots.json"), *all = json_object_get(top, "snapshots"), *v;
	size_t i;

	cr_assert(sodium_init() >= 0);
	cr_assert(json_array_size(all) == 16);
	json_array_foreach(all, i, v)
	{
		mf_buf document = unbase64(golden_str(v, "metadata_bytes_base64"));
		mf_snapshot s;
		mf_err err = {0};

		cr_assert(read_snapshot(json_object_get(v, "snapshot_dir_t_json"), &document, &s, &err) == MF_OK, "%s",
			err.text);
		cr_assert(strcmp(s.relpath, golden_str(v, "relpath")) == 0);
		cr_assert(strcmp(s.author, golden_str(v, "author_name")) == 0);
		cr_assert(s.deletion == json_is_true(json_object_get(v, "is_delete")));
		cr_assert(!s.has_sha && !s.has_executable && !mf_snapshot_is_ours(&s));
		rebuild(&s, v, &document);
		mf_snapshot_clear(&s);
		mf_buf_free(&document);
	}
	json_decref(top);
}

static const uint8_t test_seed[32] = {5};

/* A snapshot of ours with every extra, and its directory and document. */
static void
ours(mf_snapshot *s, mf_buf *document)
{
	uint8_t secret[64];

	*s = (mf_snapshot){.relpath = mf_strdup(MF_STR("d/\xc3\xa9\n\xf0\x9f\x98\x80\"\\.txt")),
		.author = mf_strdup(MF_STR("Z\xc3\xbcrich")),
		.mtime_s = -5,
		.has_mtime = true,
		.has_sha = true,
		.sha = {1, 2, 3},
		.has_executable = true,
		.executable = true};
	(void)crypto_sign_seed_keypair(s->author_key, secret, test_seed);
	s->parents = mf_alloc(2 * sizeof(mf_immdir));
	s->n_parents = 2;
	cr_assert(mf_immdir_parse(MF_STR("URI:DIR2-CHK:owtiq6vpmbkrqhlogny5vdthiu:"
					 "idtnxw3bzmbbgc3kimtkozg7f2jz6d3twfk3bu3tik2eg6so2tca:1:1:351"),
			  &s->parents[0], NULL) == MF_OK);
	cr_assert(mf_immdir_parse(MF_STR("URI:DIR2-LIT:"), &s->parents[1], NULL) == MF_OK);
	cr_assert(mf_filecap_parse(MF_STR("URI:LIT:"), &s->content, NULL) == MF_OK);
	mf_snapshot_document(s, document);
	cr_assert(mf_filecap_parse(MF_STR("URI:CHK:gcrerabcjfb4fhsolollllduee:"
					  "hd7zb4lnitrxkvrcj4a4jn2hgueapy2dsbqbb5m53q4cvku55yvq:1:1:186"),
			  &s->metadata_cap, NULL) == MF_OK);
}

/* Signs @p s with its document replaced by @p document, and reads that. */
static mf_code
sign_and_read(const mf_snapshot *s, mf_str document, mf_snapshot *back, mf_err *err)
{
	mf_buf store = {0};
	mf_link links[2];
	uint8_t signature[64];

	mf_snapshot_links(s, test_seed, 7, links, &store);
	mf_child children[2] = {
		{.name = links[0].name, .ro = links[0].cap, .metadata = links[0].metadata, .kind = MF_CAP_LIT},
		{.name = links[1].name, .ro = links[1].cap, .metadata = links[1].metadata, .kind = MF_CAP_CHK},
	};
	mf_listing l = {.child = children, .n = 2};
	mf_code rc = mf_snapshot_dir(&l, back, signature, err);
	if (rc == MF_OK)
		rc = mf_snapshot_verify(back, document, signature, err);
	mf_buf_free(&store);
	return rc;
}

Test(snapshot, b40_ours_reads_back_with_its_extras_and_a_deletion_is_one, .timeout = 5)
{
	mf_snapshot s, back;
	mf_buf document = {0};
	mf_err err = {0};

	cr_assert(sodium_init() >= 0);
	ours(&s, &document);
	cr_assert(memchr(document.p, '\n', document.n) == NULL && mf_ascii(mf_buf_str(&document)));
	cr_assert(sign_and_read(&s, mf_buf_str(&document), &back, &err) == MF_OK, "%s", err.text);
	cr_assert(strcmp(back.relpath, s.relpath) == 0 && strcmp(back.author, s.author) == 0);
	cr_assert(back.has_sha && memcmp(back.sha, s.sha, 32) == 0 && back.has_executable && back.executable);
	cr_assert(back.has_mtime && back.mtime_s == -5 && back.n_parents == 2 && !back.deletion);
	cr_assert(memcmp(back.author_key, s.author_key, 32) == 0);
	mf_snapshot_clear(&back);
	s.deletion = true; /* a deletion carries no hash */
	document.n = 0;
	mf_snapshot_document(&s, &document);
	cr_assert(strstr((const char *)document.p, "content_sha256") == NULL);
	cr_assert(sign_and_read(&s, mf_buf_str(&document), &back, &err) == MF_OK, "%s", err.text);
	cr_assert(back.deletion && !back.has_sha && back.has_executable && mf_snapshot_is_ours(&back));
	mf_snapshot_clear(&back);
	mf_snapshot_clear(&s);
	mf_buf_free(&document);
}

Test(snapshot, extras_that_are_not_ours_are_as_if_absent, .timeout = 5)
{
	static const char *const tails[] = {"\"content_sha256\": 5, \"executable\": 1}",
		"\"content_sha256\": \"abc\", \"executable\": \"yes\"}",
		"\"content_sha256\": null, \"executable\": null}"};
	mf_snapshot s, back;
	mf_buf document = {0};
	mf_err err = {0};

	cr_assert(sodium_init() >= 0);
	ours(&s, &document);
	const char *cut = strstr((const char *)document.p, "\"content_sha256\"");
	cr_assert(cut != NULL);
	size_t n = (size_t)(cut - (const char *)document.p);
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		document.n = n;
		mf_buf_addz(&document, tails[i]);
		cr_assert(sign_and_read(&s, mf_buf_str(&document), &back, &err) == MF_OK, "%s", err.text);
		cr_assert(!back.has_sha && !back.has_executable && !back.executable);
		mf_snapshot_clear(&back);
	}
	mf_snapshot_clear(&s);
	mf_buf_free(&document);
}

Test(snapshot, times_are_clamped_and_rounded_down, .timeout = 5)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t want;
	} cases[] = {{"-1.5", true, -2}, {"1.5", true, 1}, {"1e300", true, INT64_C(1) << 53},
		{"-1e300", true, -(INT64_C(1) << 53)}, {"9007199254740993", true, INT64_C(1) << 53},
		{"1e400", false, 0}, {"[]", false, 0}, {"\"5\"", false, 0}, {"null", false, 0}};
	mf_err err = {0};

	cr_assert(sodium_init() >= 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mf_snapshot s, back;
		mf_buf document = {0}, other = {0};

		ours(&s, &document);
		const char *at = strstr((const char *)document.p, "-5, \"parents\"");
		cr_assert(at != NULL);
		mf_buf_add(&other, document.p, (size_t)(at - (const char *)document.p));
		mf_buf_addf(&other, "%s%s", cases[i].text, at + 2);
		mf_code rc = sign_and_read(&s, mf_buf_str(&other), &back, &err);
		cr_assert((rc == MF_OK) == cases[i].ok, "%s: %s", cases[i].text, err.text);
		cr_assert(!cases[i].ok || back.mtime_s == cases[i].want, "%s", cases[i].text);
		mf_snapshot_clear(&back);
		mf_snapshot_clear(&s);
		mf_buf_free(&document);
		mf_buf_free(&other);
	}
}

Test(snapshot, an_entry_s_name_must_be_that_of_the_signed_path, .timeout = 5)
{
	mf_buf entry = {0};
	mf_err err;

	/* conformance cases 39 and 45: the engine compares what this yields with the directory's name */
	cr_assert(mf_relpath_entry(MF_STR("d/e\xcc\x81@x"), &entry, &err) == MF_OK);
	cr_assert(mf_str_eq(mf_buf_str(&entry), MF_STR("d@_\xc3\xa9@@x")));
	mf_buf_free(&entry);
}

Test(snapshot, oversized_metadata_is_refused_unread, .timeout = 5)
{
	mf_snapshot s, back;
	mf_buf document = {0};
	mf_err err = {0};

	cr_assert(sodium_init() >= 0);
	ours(&s, &document);
	cr_assert(mf_filecap_parse(MF_STR("URI:CHK:gcrerabcjfb4fhsolollllduee:"
					  "hd7zb4lnitrxkvrcj4a4jn2hgueapy2dsbqbb5m53q4cvku55yvq:1:1:1048577"),
			  &s.metadata_cap, NULL) == MF_OK);
	cr_assert(sign_and_read(&s, mf_buf_str(&document), &back, &err) == MF_EFORMAT &&
		strstr(err.text, "larger") != NULL);
	mf_snapshot_clear(&back);
	mf_snapshot_clear(&s);
	mf_buf_free(&document);
}
