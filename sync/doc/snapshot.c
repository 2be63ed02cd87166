/* Snapshots: building and signing what is stored on the grid. */
#include "sync/doc/snapshot.h"

#include <inttypes.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/base32.h"
#include "base/json.h"

void
mf_snapshot_clear(mf_snapshot *s)
{
	free(s->relpath);
	free(s->author);
	free(s->parents);
	*s = (mf_snapshot){0};
}

/* Standard base64 with padding, as Python writes keys and signatures. */
static void
add_base64(mf_buf *out, const uint8_t *p, size_t n)
{
	size_t room = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);

	mf_buf_reserve(out, room);
	(void)sodium_bin2base64((char *)out->p + out->n, room, p, n, sodium_base64_VARIANT_ORIGINAL);
	out->n += room - 1; /* the NUL is no part of the text */
}

void
mf_snapshot_document(const mf_snapshot *s, mf_buf *out)
{
	mf_buf_addz(out, "{\"snapshot_version\": 1, \"relpath\": ");
	mf_json_add_string(out, mf_strz(s->relpath));
	mf_buf_addz(out, ", \"author\": {\"name\": ");
	mf_json_add_string(out, mf_strz(s->author));
	mf_buf_addz(out, ", \"verify_key\": \"");
	add_base64(out, s->author_key, sizeof(s->author_key));
	mf_buf_addf(out, "\"}, \"modification_time\": %" PRId64 ", \"parents\": [", s->mtime_s);
	for (size_t i = 0; i < s->n_parents; i++) {
		if (i > 0)
			mf_buf_addz(out, ", ");
		mf_json_add_string(out, mf_strz(s->parents[i].text));
	}
	mf_buf_addc(out, ']');
	if (s->has_sha && !s->deletion) {
		mf_buf_addz(out, ", \"content_sha256\": \"");
		mf_b32_add(out, s->sha, sizeof(s->sha));
		mf_buf_addc(out, '"');
	}
	if (s->has_executable)
		mf_buf_addz(out, s->executable ? ", \"executable\": true" : ", \"executable\": false");
	mf_buf_addc(out, '}');
}

void
mf_snapshot_signed_bytes(mf_str content_cap, mf_str metadata_cap, mf_str relpath, mf_buf *out)
{
	mf_buf_addz(out, "magic-folder-snapshot-v1\n");
	mf_buf_adds(out, content_cap);
	mf_buf_addc(out, '\n');
	mf_buf_adds(out, metadata_cap);
	mf_buf_addc(out, '\n');
	mf_buf_adds(out, relpath);
	mf_buf_addc(out, '\n');
}

static void
sign(const mf_snapshot *s, const uint8_t seed[32], uint8_t signature[crypto_sign_BYTES])
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES]; /* libsodium's form: seed, then public key */
	mf_str content = s->deletion ? MF_STR("") : mf_strz(s->content.text);
	mf_buf text = {0};

	memcpy(secret, seed, 32);
	memcpy(secret + 32, s->author_key, 32);
	mf_snapshot_signed_bytes(content, mf_strz(s->metadata_cap.text), mf_strz(s->relpath), &text);
	(void)crypto_sign_detached(signature, NULL, text.p, text.n, secret);
	sodium_memzero(secret, sizeof(secret));
	mf_buf_free(&text);
}

void
mf_snapshot_links(const mf_snapshot *s, const uint8_t seed[32], int64_t ctime_s, mf_link out[2], mf_buf *store)
{
	uint8_t signature[crypto_sign_BYTES];
	size_t content_at = store->n;

	sign(s, seed, signature);
	mf_buf_addf(store, "{\"mtime\": %" PRId64 ", \"ctime\": %" PRId64 "}", s->mtime_s, ctime_s);
	size_t metadata_at = store->n;
	mf_buf_addz(store, "{\"magic_folder\": {\"author_signature\": \"");
	add_base64(store, signature, sizeof(signature));
	mf_buf_addz(store, "\"}}");

	const char *text = (const char *)store->p; /* grows no more: pointers into it hold from here on */
	out[0] = (mf_link){
		.name = MF_STR("content"),
		.cap = s->deletion ? MF_STR("") : mf_strz(s->content.text),
		.metadata = {text + content_at, metadata_at - content_at},
	};
	out[1] = (mf_link){
		.name = MF_STR("metadata"),
		.cap = mf_strz(s->metadata_cap.text),
		.metadata = {text + metadata_at, store->n - metadata_at},
	};
}
