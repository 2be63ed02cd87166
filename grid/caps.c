/* Capability strings: taking apart, printing, diminishing. */
#include "grid/caps.h"

#include <stdio.h>

#include <sodium.h>

#include "base/base32.h"
#include "grid/lafs/hash.h"

enum body { BODY_CHK, BODY_LIT, BODY_SSK, BODY_MDMF };
enum flags { DIR = 1, MUTABLE = 2, WRITABLE = 4, VERIFIER = 8 };

struct kind {
	mf_str prefix; /* with its last colon: that makes prefixes unambiguous */
	enum body body;
	unsigned flags;
	enum mf_cap_kind readonly, verifier; /* MF_CAP_UNKNOWN: there is none */
};

#define P(literal) \
	{ \
		"URI:" literal ":", sizeof("URI:" literal ":") - 1 \
	}
/* Indexed by kind. */
static const struct kind kinds[] = {
	[MF_CAP_CHK] = {P("CHK"), BODY_CHK, 0, MF_CAP_CHK, MF_CAP_CHK_VERIFIER},
	[MF_CAP_CHK_VERIFIER] = {P("CHK-Verifier"), BODY_CHK, VERIFIER, MF_CAP_CHK_VERIFIER, MF_CAP_CHK_VERIFIER},
	[MF_CAP_LIT] = {P("LIT"), BODY_LIT, 0, MF_CAP_LIT, MF_CAP_UNKNOWN},
	[MF_CAP_SSK] = {P("SSK"), BODY_SSK, MUTABLE | WRITABLE, MF_CAP_SSK_RO, MF_CAP_SSK_VERIFIER},
	[MF_CAP_SSK_RO] = {P("SSK-RO"), BODY_SSK, MUTABLE, MF_CAP_SSK_RO, MF_CAP_SSK_VERIFIER},
	[MF_CAP_SSK_VERIFIER] = {P("SSK-Verifier"), BODY_SSK, VERIFIER, MF_CAP_SSK_VERIFIER, MF_CAP_SSK_VERIFIER},
	[MF_CAP_MDMF] = {P("MDMF"), BODY_MDMF, MUTABLE | WRITABLE, MF_CAP_MDMF_RO, MF_CAP_MDMF_VERIFIER},
	[MF_CAP_MDMF_RO] = {P("MDMF-RO"), BODY_MDMF, MUTABLE, MF_CAP_MDMF_RO, MF_CAP_MDMF_VERIFIER},
	[MF_CAP_MDMF_VERIFIER] = {P("MDMF-Verifier"), BODY_MDMF, VERIFIER, MF_CAP_MDMF_VERIFIER, MF_CAP_MDMF_VERIFIER},
	[MF_CAP_DIR2] = {P("DIR2"), BODY_SSK, DIR | MUTABLE | WRITABLE, MF_CAP_DIR2_RO, MF_CAP_DIR2_VERIFIER},
	[MF_CAP_DIR2_RO] = {P("DIR2-RO"), BODY_SSK, DIR | MUTABLE, MF_CAP_DIR2_RO, MF_CAP_DIR2_VERIFIER},
	[MF_CAP_DIR2_VERIFIER] = {P("DIR2-Verifier"), BODY_SSK, DIR | VERIFIER, MF_CAP_DIR2_VERIFIER,
		MF_CAP_DIR2_VERIFIER},
	[MF_CAP_DIR2_CHK] = {P("DIR2-CHK"), BODY_CHK, DIR, MF_CAP_DIR2_CHK, MF_CAP_DIR2_CHK_VERIFIER},
	[MF_CAP_DIR2_CHK_VERIFIER] = {P("DIR2-CHK-Verifier"), BODY_CHK, DIR | VERIFIER, MF_CAP_DIR2_CHK_VERIFIER,
		MF_CAP_DIR2_CHK_VERIFIER},
	[MF_CAP_DIR2_LIT] = {P("DIR2-LIT"), BODY_LIT, DIR, MF_CAP_DIR2_LIT, MF_CAP_UNKNOWN},
	[MF_CAP_DIR2_MDMF] = {P("DIR2-MDMF"), BODY_MDMF, DIR | MUTABLE | WRITABLE, MF_CAP_DIR2_MDMF_RO,
		MF_CAP_DIR2_MDMF_VERIFIER},
	[MF_CAP_DIR2_MDMF_RO] = {P("DIR2-MDMF-RO"), BODY_MDMF, DIR | MUTABLE, MF_CAP_DIR2_MDMF_RO,
		MF_CAP_DIR2_MDMF_VERIFIER},
	[MF_CAP_DIR2_MDMF_VERIFIER] = {P("DIR2-MDMF-Verifier"), BODY_MDMF, DIR | VERIFIER, MF_CAP_DIR2_MDMF_VERIFIER,
		MF_CAP_DIR2_MDMF_VERIFIER},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static mf_str
skip(mf_str s, size_t n)
{
	return (mf_str){s.p + n, s.n - n};
}

static enum mf_cap_kind
kind_of(mf_str text)
{
	for (unsigned i = 1; i < KINDS; i++)
		if (mf_str_starts(text, kinds[i].prefix))
			return (enum mf_cap_kind)i;
	return MF_CAP_UNKNOWN;
}

static mf_str
strip_prefix(mf_str text, enum mf_cap_prefix *prefix)
{
	*prefix = MF_CAP_PLAIN;
	if (mf_str_starts(text, MF_STR("ro."))) {
		*prefix = MF_CAP_RO_PREFIX;
		return skip(text, 3);
	}
	if (mf_str_starts(text, MF_STR("imm."))) {
		*prefix = MF_CAP_IMM_PREFIX;
		return skip(text, 4);
	}
	return text;
}

/* The text up to the next colon, which is eaten; *more tells whether there was one. */
static mf_str
field(mf_str *rest, bool *more)
{
	const char *colon = rest->n == 0 ? NULL : memchr(rest->p, ':', rest->n);
	mf_str f = *rest;

	*more = colon != NULL;
	if (colon == NULL) {
		*rest = (mf_str){NULL, 0};
		return f;
	}
	f.n = (size_t)(colon - rest->p);
	*rest = skip(*rest, f.n + 1);
	return f;
}

/* Digits only; leading zeros pass, as they do in Tahoe. */
static bool
number(mf_str s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return false;
	}
	*out = v;
	return s.n > 0 && v <= max;
}

static bool
parse_keys(mf_str *rest, mf_cap *out, bool *more)
{
	return mf_unb32_n(out->key, sizeof(out->key), field(rest, more)) && *more &&
		mf_unb32_n(out->hash, sizeof(out->hash), field(rest, more));
}

static bool
parse_chk(mf_str body, mf_cap *out)
{
	uint64_t k, n;
	bool more;

	if (!parse_keys(&body, out, &more) || !more)
		return false;
	if (!number(field(&body, &more), 256, &k) || !more || !number(field(&body, &more), 256, &n) || !more)
		return false;
	if (!number(field(&body, &more), INT64_MAX, &out->size) || more)
		return false;
	out->k = (uint32_t)k;
	out->n = (uint32_t)n;
	return k >= 1 && k <= n;
}

/* Valid base32 of any length, without room for what it says. */
static bool
parse_lit(mf_str body, mf_cap *out)
{
	uint8_t group[5];
	size_t got = 0;

	for (size_t at = 0; at < body.n; at += 8) {
		size_t n = body.n - at < 8 ? body.n - at : 8;
		if (!mf_unb32(group, &got, mf_bytes(body.p + at, n)))
			return false;
		out->size += got;
	}
	out->lit = body;
	return true;
}

static bool
parse_body(enum body body, mf_str text, mf_cap *out)
{
	bool more;

	switch (body) {
	case BODY_CHK: return parse_chk(text, out);
	case BODY_LIT: return parse_lit(text, out);
	case BODY_SSK: return parse_keys(&text, out, &more) && !more;
	case BODY_MDMF: return parse_keys(&text, out, &more); /* further fields are hints, dropped */
	}
	return false;
}

mf_code
mf_cap_parse(mf_str text, mf_cap *out, mf_err *err)
{
	*out = (mf_cap){0};
	mf_str plain = strip_prefix(text, &out->prefix);
	enum mf_cap_kind kind = kind_of(plain);

	if (kind == MF_CAP_UNKNOWN)
		return MF_OK;
	const struct kind *k = &kinds[kind];
	if (out->prefix == MF_CAP_RO_PREFIX && (k->flags & WRITABLE) != 0)
		return mf_fail(err, MF_EFORMAT, 0, "a write capability stands behind \"ro.\"");
	if (out->prefix == MF_CAP_IMM_PREFIX && (k->flags & MUTABLE) != 0)
		return mf_fail(err, MF_EFORMAT, 0, "a mutable capability stands behind \"imm.\"");
	if (!parse_body(k->body, skip(plain, k->prefix.n), out)) {
		sodium_memzero(out, sizeof(*out));
		return mf_fail(err, MF_EFORMAT, 0, "malformed %.*s capability", (int)k->prefix.n - 1, k->prefix.p);
	}
	out->kind = kind;
	return MF_OK;
}

void
mf_cap_print(const mf_cap *cap, char out[MF_CAP_MAX])
{
	static const char *const prefixes[] = {"", "ro.", "imm."};
	const struct kind *k = &kinds[cap->kind];
	char key[MF_B32_LEN(sizeof(cap->key)) + 1], hash[MF_B32_LEN(sizeof(cap->hash)) + 1];

	if (cap->kind == MF_CAP_UNKNOWN || k->body == BODY_LIT)
		MF_BUG("capability kind %d is not printed", (int)cap->kind);
	memset(out, 0, MF_CAP_MAX);
	mf_b32(key, cap->key, sizeof(cap->key));
	mf_b32(hash, cap->hash, sizeof(cap->hash));
	int n = snprintf(out, MF_CAP_MAX, "%s%s%s:%s", prefixes[cap->prefix], k->prefix.p, key, hash);
	if (k->body == BODY_CHK)
		(void)snprintf(out + n, MF_CAP_MAX - (size_t)n, ":%u:%u:%llu", (unsigned)cap->k, (unsigned)cap->n,
			(unsigned long long)cap->size);
	sodium_memzero(key, sizeof(key));
}

bool
mf_cap_is_dir(enum mf_cap_kind kind)
{
	return (kinds[kind].flags & DIR) != 0;
}

bool
mf_cap_is_mutable(enum mf_cap_kind kind)
{
	return (kinds[kind].flags & MUTABLE) != 0;
}

bool
mf_cap_is_writable(enum mf_cap_kind kind)
{
	return (kinds[kind].flags & WRITABLE) != 0;
}

bool
mf_cap_readonly(const mf_cap *cap, mf_cap *out)
{
	mf_cap made = *cap;

	if (cap->kind == MF_CAP_UNKNOWN)
		return false;
	made.kind = kinds[cap->kind].readonly;
	made.prefix = MF_CAP_PLAIN;
	if (mf_cap_is_writable(cap->kind))
		mf_tag_hash16(MF_TAG_READKEY, cap->key, sizeof(cap->key), made.key);
	*out = made;
	return true;
}

bool
mf_cap_storage_index(const mf_cap *cap, uint8_t si[16])
{
	const struct kind *k = &kinds[cap->kind];
	mf_cap ro;

	if (cap->kind == MF_CAP_UNKNOWN || k->body == BODY_LIT)
		return false;
	if ((k->flags & VERIFIER) != 0) {
		memcpy(si, cap->key, sizeof(cap->key));
		return true;
	}
	(void)mf_cap_readonly(cap, &ro);
	mf_tag_hash16(k->body == BODY_CHK ? MF_TAG_CHK_SI : MF_TAG_MUT_SI, ro.key, sizeof(ro.key), si);
	sodium_memzero(&ro, sizeof(ro));
	return true;
}

bool
mf_cap_verifier(const mf_cap *cap, mf_cap *out)
{
	mf_cap made = *cap;

	if (!mf_cap_storage_index(cap, made.key))
		return false;
	made.kind = kinds[cap->kind].verifier;
	made.prefix = MF_CAP_PLAIN;
	*out = made;
	return true;
}

/* Parse, check the kind against a list ended by MF_CAP_UNKNOWN, keep the text as it came. */
static mf_code
parse_typed(mf_str text, const enum mf_cap_kind *wanted, const char *what, char out[MF_CAP_MAX], mf_err *err)
{
	char hint[40];
	mf_cap cap;
	mf_code rc = mf_cap_parse(text, &cap, err);

	if (rc != MF_OK)
		return rc;
	enum mf_cap_kind kind = cap.kind;
	sodium_memzero(&cap, sizeof(cap));
	if (kind != MF_CAP_UNKNOWN && kinds[kind].body == BODY_MDMF)
		return mf_fail(err, MF_EUNSUPPORTED, 0, "MDMF objects are not supported");
	while (*wanted != MF_CAP_UNKNOWN && *wanted != kind)
		wanted++;
	if (*wanted == MF_CAP_UNKNOWN) {
		mf_cap_hint(text, hint);
		return mf_fail(err, MF_EFORMAT, 0, "%s is not %s capability", hint, what);
	}
	if (text.n >= MF_CAP_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "capability of %zu characters is too long", text.n);
	memset(out, 0, MF_CAP_MAX);
	memcpy(out, text.p, text.n);
	return MF_OK;
}

mf_code
mf_filecap_parse(mf_str text, mf_filecap *out, mf_err *err)
{
	static const enum mf_cap_kind wanted[] = {MF_CAP_CHK, MF_CAP_LIT, MF_CAP_UNKNOWN};

	return parse_typed(text, wanted, "an immutable file's", out->text, err);
}

mf_code
mf_immdir_parse(mf_str text, mf_immdir *out, mf_err *err)
{
	static const enum mf_cap_kind wanted[] = {MF_CAP_DIR2_CHK, MF_CAP_DIR2_LIT, MF_CAP_UNKNOWN};

	return parse_typed(text, wanted, "an immutable directory's", out->text, err);
}

mf_code
mf_dirread_parse(mf_str text, mf_dirread *out, mf_err *err)
{
	static const enum mf_cap_kind wanted[] = {MF_CAP_DIR2_RO, MF_CAP_DIR2_CHK, MF_CAP_DIR2_LIT, MF_CAP_UNKNOWN};

	return parse_typed(text, wanted, "a directory's read", out->text, err);
}

mf_code
mf_dirwrite_parse(mf_str text, mf_dirwrite *out, mf_err *err)
{
	static const enum mf_cap_kind wanted[] = {MF_CAP_DIR2, MF_CAP_UNKNOWN};

	return parse_typed(text, wanted, "a directory's write", out->text, err);
}

/* Typed text was parsed when the type was made. */
static void
parse_again(const char *text, mf_cap *out)
{
	if (mf_cap_parse(mf_strz(text), out, NULL) != MF_OK || out->kind == MF_CAP_UNKNOWN)
		MF_BUG("a capability type holds something else");
}

static uint64_t
size_of(const char *text)
{
	mf_cap cap;

	parse_again(text, &cap);
	uint64_t size = cap.size;
	sodium_memzero(&cap, sizeof(cap));
	return size;
}

uint64_t
mf_filecap_size(const mf_filecap *cap)
{
	return size_of(cap->text);
}

uint64_t
mf_immdir_size(const mf_immdir *cap)
{
	return size_of(cap->text);
}

void
mf_dirwrite_read(const mf_dirwrite *cap, mf_dirread *out)
{
	mf_cap rw, ro;

	parse_again(cap->text, &rw);
	(void)mf_cap_readonly(&rw, &ro);
	mf_cap_print(&ro, out->text);
	sodium_memzero(&rw, sizeof(rw));
	sodium_memzero(&ro, sizeof(ro));
}

void
mf_immdir_read(const mf_immdir *cap, mf_dirread *out)
{
	memcpy(out->text, cap->text, sizeof(out->text));
}

void
mf_cap_hint(mf_str text, char out[40])
{
	mf_cap cap;
	bool good = mf_cap_parse(text, &cap, NULL) == MF_OK && cap.kind != MF_CAP_UNKNOWN;
	enum mf_cap_kind kind = kind_of(strip_prefix(text, &cap.prefix));
	mf_str prefix = kinds[kind].prefix;

	sodium_memzero(&cap, sizeof(cap));
	if (kind == MF_CAP_UNKNOWN)
		(void)snprintf(out, 40, "unknown capability");
	else if (!good || kinds[kind].body == BODY_LIT) /* the end may be part of a key, or the content */
		(void)snprintf(out, 40, "%s...", prefix.p);
	else
		(void)snprintf(out, 40, "%s...%.4s", prefix.p, text.p + text.n - 4);
}
