/* Snapshots: taking apart and verifying what came from the grid.
 *
 * Everything here is hostile until the signature has been checked, and well-formedness is still to be
 * checked after that: a signature proves only who wrote it. */
#include "sync/doc/snapshot.h"

#include <math.h>

#include <sodium.h>

#include "base/base32.h"
#include "base/json.h"
#include "sync/doc/relpath.h"

enum { AUTHOR_MAX = 255, PARENTS_MAX = 4096 };

/* Integers are read as reals: a modification_time beyond 64 bits is legal (and clamped), and no other number in
 * these documents needs more than 53 bits.  A member twice is refused, so that no two readers can see two different
 * documents in the same signed bytes. */
enum { JSON_FLAGS = MF_JSON_UNIQUE | MF_JSON_BIG_REAL | MF_JSON_NUL };

/* Exactly @p n bytes from standard base64: padding required, nothing skipped, nothing behind it. */
static bool
from_base64(const json_t *text, uint8_t *out, size_t n)
{
	size_t got = 0;

	if (!json_is_string(text))
		return false;
	return sodium_base642bin(out, n, json_string_value(text), json_string_length(text), NULL, &got, NULL,
		       sodium_base64_VARIANT_ORIGINAL) == 0 &&
		got == n;
}

static mf_str
json_str(const json_t *text)
{
	return (mf_str){json_string_value(text), json_string_length(text)};
}

static mf_code
read_signature(mf_str edge, uint8_t signature[64], mf_err *err)
{
	json_t *top = NULL;
	mf_code rc = mf_json_load(edge, MF_SNAPSHOT_DOC_MAX, JSON_FLAGS, &top, err);

	if (rc != MF_OK)
		return rc;
	const json_t *text = mf_json_at(top, "edge.magic_folder.author_signature");
	if (text == NULL)
		rc = mf_fail(err, MF_EFORMAT, 0, "snapshot has no author_signature");
	else if (!from_base64(text, signature, 64))
		rc = mf_fail(err, MF_EFORMAT, 0, "snapshot: author_signature is not base64 of 64 bytes");
	json_decref(top);
	return rc;
}

mf_code
mf_snapshot_dir(const mf_listing *dir, mf_snapshot *out, uint8_t signature[64], mf_err *err)
{
	const mf_child *content = mf_listing_find(dir, MF_STR("content"));
	const mf_child *metadata = mf_listing_find(dir, MF_STR("metadata"));
	mf_code rc;

	*out = (mf_snapshot){0};
	if (content == NULL || metadata == NULL)
		return mf_fail(
			err, MF_EFORMAT, 0, "snapshot has no entry \"%s\"", content == NULL ? "content" : "metadata");
	rc = mf_filecap_parse(metadata->ro, &out->metadata_cap, err);
	if (rc != MF_OK)
		return rc;
	if (mf_filecap_size(&out->metadata_cap) > MF_SNAPSHOT_DOC_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "snapshot: metadata is larger than %d bytes", MF_SNAPSHOT_DOC_MAX);
	out->deletion = content->ro.n == 0 && content->rw.n == 0;
	if (!out->deletion) {
		rc = mf_filecap_parse(content->ro, &out->content, err);
		if (rc != MF_OK)
			return rc;
	}
	return read_signature(metadata->metadata, signature, err);
}

/* Who says to have signed: the two members, nothing else, and the key in its only spelling. */
static mf_code
read_key(mf_snapshot *s, const json_t *author, mf_err *err)
{
	if (!json_is_object(author) || json_object_size(author) != 2 ||
		!json_is_string(json_object_get(author, "name")))
		return mf_fail(err, MF_EFORMAT, 0, "snapshot: author is not a name and a verify_key");
	if (!from_base64(json_object_get(author, "verify_key"), s->author_key, sizeof(s->author_key)))
		return mf_fail(err, MF_EFORMAT, 0, "snapshot: verify_key is not base64 of 32 bytes");
	return MF_OK;
}

static mf_code
read_name(mf_snapshot *s, const json_t *name, mf_err *err)
{
	mf_buf nfc = {0};
	mf_code rc = mf_nfc(json_str(name), &nfc, err);

	if (rc == MF_OK && (nfc.n == 0 || nfc.n > AUTHOR_MAX || memchr(nfc.p, '\0', nfc.n) != NULL))
		rc = mf_fail(err, MF_EFORMAT, 0, "snapshot: author name is not of 1 to %d bytes", AUTHOR_MAX);
	if (rc == MF_OK)
		s->author = mf_strdup(mf_buf_str(&nfc));
	mf_buf_free(&nfc);
	return rc;
}

static mf_code
check_signature(const mf_snapshot *s, mf_str relpath, const uint8_t signature[64], mf_err *err)
{
	mf_str content = s->deletion ? MF_STR("") : mf_strz(s->content.text);
	mf_buf text = {0};

	mf_snapshot_signed_bytes(content, mf_strz(s->metadata_cap.text), relpath, &text);
	int bad = crypto_sign_verify_detached(signature, text.p, text.n, s->author_key);
	mf_buf_free(&text);
	return bad == 0 ? MF_OK : mf_fail(err, MF_EAUTH, 0, "snapshot: the signature does not verify");
}

static mf_code
read_mtime(mf_snapshot *s, const json_t *when, mf_err *err)
{
	const double limit = 9007199254740992.0; /* 2^53 */

	if (when == NULL) /* the caller takes "now" */
		return MF_OK;
	if (!json_is_real(when))
		return mf_fail(err, MF_EFORMAT, 0, "snapshot: modification_time is not a number");
	double t = floor(json_real_value(when));
	s->mtime_s = (int64_t)(t > limit ? limit : t < -limit ? -limit : t);
	s->has_mtime = true;
	return MF_OK;
}

static mf_code
read_parents(mf_snapshot *s, const json_t *parents, mf_err *err)
{
	size_t n = json_array_size(parents);

	if (!json_is_array(parents) || n > PARENTS_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "snapshot: parents is not a list of at most %d", PARENTS_MAX);
	if (n > 0)
		s->parents = mf_realloc_array(NULL, n, sizeof(*s->parents));
	for (size_t i = 0; i < n; i++) {
		const json_t *cap = json_array_get(parents, i);
		if (!json_is_string(cap))
			return mf_fail(err, MF_EFORMAT, 0, "snapshot: a parent is not a string");
		mf_code rc = mf_immdir_parse(json_str(cap), &s->parents[i], err);
		if (rc != MF_OK)
			return rc;
		s->n_parents++;
	}
	return MF_OK;
}

/* Our own extra keys.  Written by nobody else, but anybody may write anything there: what does not look like
 * ours is as if it were absent, as every unknown key is. */
static void
read_extras(mf_snapshot *s, const json_t *top)
{
	const json_t *sha = json_object_get(top, "content_sha256");
	const json_t *executable = json_object_get(top, "executable");

	s->has_sha = !s->deletion && json_is_string(sha) && mf_unb32_n(s->sha, sizeof(s->sha), json_str(sha));
	s->has_executable = json_is_boolean(executable);
	s->executable = json_is_true(executable);
}

static mf_code
read_document(mf_snapshot *s, const json_t *top, const uint8_t signature[64], mf_err *err)
{
	const json_t *version = json_object_get(top, "snapshot_version");
	const json_t *relpath = json_object_get(top, "relpath");
	const json_t *author = json_object_get(top, "author");
	mf_code rc;

	if (!json_is_object(top))
		return mf_fail(err, MF_EFORMAT, 0, "snapshot: metadata is not a JSON object");
	if (!json_is_real(version))
		return mf_fail(err, MF_EFORMAT, 0, "snapshot: snapshot_version is missing or not a number");
	if (json_real_value(version) != 1.0)
		return mf_fail(err, MF_EFORMAT, 0, "snapshot: snapshot_version is not 1");
	if (!json_is_string(relpath))
		return mf_fail(err, MF_EFORMAT, 0, "snapshot: relpath is missing or not a string");
	if ((rc = read_key(s, author, err)) != MF_OK ||
		(rc = check_signature(s, json_str(relpath), signature, err)) != MF_OK ||
		(rc = read_name(s, json_object_get(author, "name"), err)) != MF_OK ||
		(rc = mf_relpath_check(json_str(relpath), err)) != MF_OK ||
		(rc = read_mtime(s, json_object_get(top, "modification_time"), err)) != MF_OK ||
		(rc = read_parents(s, json_object_get(top, "parents"), err)) != MF_OK)
		return rc;
	s->relpath = mf_strdup(json_str(relpath));
	read_extras(s, top);
	return MF_OK;
}

mf_code
mf_snapshot_verify(mf_snapshot *s, mf_str document, const uint8_t signature[64], mf_err *err)
{
	json_t *top = NULL;
	mf_code rc = mf_json_load(document, MF_SNAPSHOT_DOC_MAX, JSON_FLAGS, &top, err);

	if (rc == MF_OK)
		rc = read_document(s, top, signature, err);
	json_decref(top);
	return rc;
}
