/* Snapshots: edge metadata, NUL, metadata document.  The document is signed here with the key of the seeds, so that
 * what follows the signature check is reached, too; what is accepted can be written and reads back the same. */
#include <stdlib.h>

#include <sodium.h>

#include "base/json.h"
#include "sync/doc/relpath.h"
#include "sync/doc/snapshot.h"
#include "tests/fuzz/fuzz.h"

/* author_seed_hex of golden/metadata-cases.json */
static const uint8_t seed[32] = {0xa1, 0x88, 0x10, 0x07, 0x21, 0x05, 0x63, 0xe2, 0x42, 0x0e, 0x20, 0x78, 0x7a, 0x02,
	0xe8, 0x5c, 0x0a, 0x45, 0x42, 0x1d, 0x5f, 0x0e, 0x66, 0x46, 0x93, 0x4d, 0x09, 0xa6, 0xf9, 0x2a, 0x29, 0x5b};
static const char metadata_cap[] =
	"URI:CHK:tmlfvt46f42gcfpde6wqokodc4:yplzbml52qpppaaankvaufytoeq7kjs5tpytcuwq7jczcnzazcsa:3:10:181";

static void
must(bool good)
{
	if (!good)
		abort();
}

static mf_code
read_dir(mf_str edge, mf_snapshot *s, uint8_t signature[64])
{
	mf_child children[2] = {
		{.name = MF_STR("content"), .ro = MF_STR("URI:LIT:me"), .kind = MF_CAP_LIT},
		{.name = MF_STR("metadata"), .ro = MF_STR(metadata_cap), .metadata = edge, .kind = MF_CAP_CHK},
	};
	mf_listing dir = {.child = children, .n = 2};

	return mf_snapshot_dir(&dir, s, signature, NULL);
}

/* Sign for the path that the document names, as its writer would have. */
static void
sign(mf_str document, uint8_t signature[64])
{
	uint8_t public[32], secret[64];
	mf_buf text = {0};
	mf_str relpath = {0};
	json_t *top = NULL;

	if (mf_json_load(document, 1 << 20, MF_JSON_BIG_REAL | MF_JSON_NUL, &top, NULL) == MF_OK) {
		const json_t *v = json_object_get(top, "relpath");
		relpath = (mf_str){json_string_value(v), json_string_length(v)};
	}
	(void)crypto_sign_seed_keypair(public, secret, seed);
	mf_snapshot_signed_bytes(MF_STR("URI:LIT:me"), MF_STR(metadata_cap), relpath, &text);
	(void)crypto_sign_detached(signature, NULL, text.p, text.n, secret);
	mf_buf_free(&text);
	json_decref(top);
}

static void
check_round_trip(const mf_snapshot *s, mf_str edge, const uint8_t signature[64])
{
	mf_snapshot again;
	mf_buf text = {0}, twice = {0};
	uint8_t ignored[64];

	must(mf_relpath_check(mf_strz(s->relpath), NULL) == MF_OK && s->author[0] != '\0');
	mf_snapshot_document(s, &text);
	must(read_dir(edge, &again, ignored) == MF_OK);
	must(mf_snapshot_verify(&again, mf_buf_str(&text), signature, NULL) == MF_OK);
	mf_snapshot_document(&again, &twice);
	must(mf_str_eq(mf_buf_str(&text), mf_buf_str(&twice)));
	mf_snapshot_clear(&again);
	mf_buf_free(&text);
	mf_buf_free(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const uint8_t *nul = n == 0 ? NULL : memchr(p, '\0', n);
	size_t edge_n = nul == NULL ? n : (size_t)(nul - p);
	mf_str edge = {(const char *)p, edge_n}, document = {0};
	uint8_t given[64], right[64];
	mf_snapshot s;

	must(sodium_init() >= 0);
	mf_code rc = read_dir(edge, &s, given);
	if (nul != NULL && rc == MF_OK) {
		document = (mf_str){(const char *)nul + 1, n - edge_n - 1};
		(void)mf_snapshot_verify(&s, document, given, NULL);
		mf_snapshot_clear(&s);
		must(read_dir(edge, &s, given) == MF_OK);
		sign(document, right);
		if (mf_snapshot_verify(&s, document, right, NULL) == MF_OK)
			check_round_trip(&s, edge, right);
	}
	mf_snapshot_clear(&s);
	return 0;
}
