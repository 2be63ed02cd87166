/* Requests of the storage protocol, taken apart. */
#include "daemon/gbs_request.h"

#include <stdio.h>
#include <strings.h>

#include <sodium.h>

#include "base/base32.h"

enum {
	ALLOCATE_MAX = 8 << 10,
	CORRUPT_MAX = (32 << 10) + 1024,
	RTW_MAX = MF_MUT_DATA_MAX + (1 << 20),
	SECRET_RENEW = 1,
	SECRET_CANCEL = 2,
	SECRET_UPLOAD = 4,
	SECRET_ENABLER = 8,
};

static const struct secret {
	unsigned bit;
	const char *name;
} secrets[] = {
	{SECRET_RENEW, "lease-renew-secret"},
	{SECRET_CANCEL, "lease-cancel-secret"},
	{SECRET_UPLOAD, "upload-secret"},
	{SECRET_ENABLER, "write-enabler"},
};
enum { N_SECRETS = sizeof(secrets) / sizeof(*secrets) };

/* One endpoint.  %s stands for a storage index, %n for a share number. */
static const struct route {
	const char *method, *path;
	enum mf_gbs_op op;
	enum mf_guest_kind kind;
	unsigned wants;    /* exactly these secrets */
	uint64_t body_max; /* UINT64_MAX: raw bytes, as many as the range says */
	enum { PLAIN, SENDS_CBOR = 1, ANSWERS_CBOR = 2 } cbor;
} routes[] = {
#define IMM "/storage/v1/immutable/%s"
#define MUT "/storage/v1/mutable/%s"
#define LEASE (SECRET_RENEW | SECRET_CANCEL)
	{"GET", "/storage/v1/version", MF_GBS_VERSION, MF_GUEST_IMMUTABLE, 0, 0, ANSWERS_CBOR},
	{"PUT", "/storage/v1/lease/%s", MF_GBS_LEASE, MF_GUEST_IMMUTABLE, LEASE, 0, PLAIN},
	{"POST", IMM, MF_GBS_ALLOCATE, MF_GUEST_IMMUTABLE, LEASE | SECRET_UPLOAD, ALLOCATE_MAX,
		SENDS_CBOR | ANSWERS_CBOR},
	{"PATCH", IMM "/%n", MF_GBS_WRITE, MF_GUEST_IMMUTABLE, SECRET_UPLOAD, UINT64_MAX, ANSWERS_CBOR},
	{"PUT", IMM "/%n/abort", MF_GBS_ABORT, MF_GUEST_IMMUTABLE, SECRET_UPLOAD, 0, PLAIN},
	{"GET", IMM "/shares", MF_GBS_LIST, MF_GUEST_IMMUTABLE, 0, 0, ANSWERS_CBOR},
	{"GET", IMM "/%n", MF_GBS_READ, MF_GUEST_IMMUTABLE, 0, 0, PLAIN},
	{"POST", IMM "/%n/corrupt", MF_GBS_CORRUPT, MF_GUEST_IMMUTABLE, 0, CORRUPT_MAX, SENDS_CBOR},
	{"POST", MUT "/read-test-write", MF_GBS_RTW, MF_GUEST_MUTABLE, LEASE | SECRET_ENABLER, RTW_MAX,
		SENDS_CBOR | ANSWERS_CBOR},
	{"GET", MUT "/shares", MF_GBS_LIST, MF_GUEST_MUTABLE, 0, 0, ANSWERS_CBOR},
	{"GET", MUT "/%n", MF_GBS_READ, MF_GUEST_MUTABLE, 0, 0, PLAIN},
	{"POST", MUT "/%n/corrupt", MF_GBS_CORRUPT, MF_GUEST_MUTABLE, 0, CORRUPT_MAX, SENDS_CBOR},
	{"POST", "/magic-folder/v1/sync", MF_GBS_SYNC, MF_GUEST_IMMUTABLE, 0, 0, PLAIN},
#undef IMM
#undef MUT
#undef LEASE
};
enum { N_ROUTES = sizeof(routes) / sizeof(*routes) };

void
mf_gbs_authorization(mf_str value, uint8_t out[32])
{
	(void)crypto_generichash(out, 32, (const uint8_t *)value.p, value.n, NULL, 0);
}

void
mf_gbs_expected(const char *swissnum, uint8_t out[32])
{
	char text[512] = "Tahoe-LAFS ";
	size_t n = strlen(text);

	(void)sodium_bin2base64(text + n, sizeof(text) - n, (const uint8_t *)swissnum, strlen(swissnum),
		sodium_base64_VARIANT_ORIGINAL);
	mf_gbs_authorization(mf_strz(text), out);
	sodium_memzero(text, sizeof(text));
}

/* -- path ---------------------------------------------------------------------------------------------- */

/* Digits only, no leading zeros, at most @p max. */
static bool
number(mf_str s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 19 || (s.p[0] == '0' && s.n > 1))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*out = v;
	return v <= max;
}

/* The next segment of the path, up to '/'. */
static mf_str
segment(mf_str *path)
{
	const char *slash = path->n > 0 ? memchr(path->p, '/', path->n) : NULL;
	mf_str s = {path->p, slash != NULL ? (size_t)(slash - path->p) : path->n};

	path->p += s.n;
	path->n -= s.n;
	return s;
}

static bool
matches(const char *pattern, mf_str path, mf_gbs_request *out)
{
	mf_str want = mf_strz(pattern);
	uint64_t n;

	while (want.n > 0 && path.n > 0 && *path.p == '/') {
		want.p++;
		want.n--;
		path.p++;
		path.n--;
		mf_str w = segment(&want), got = segment(&path);
		if (mf_str_eq(w, MF_STR("%s"))) {
			if (got.n != MF_SI_TEXT || !mf_unb32_n(out->si, MF_SI_SIZE, got))
				return false;
		} else if (mf_str_eq(w, MF_STR("%n"))) {
			if (!number(got, MF_SHARES_MAX - 1, &n))
				return false;
			out->num = (uint32_t)n;
		} else if (!mf_str_eq(w, got)) {
			return false;
		}
	}
	return want.n == 0 && path.n == 0;
}

/* 0, 404 or 405. */
static unsigned
find_route(const struct mf_http_req *req, mf_gbs_request *out, const struct route **route)
{
	unsigned status = 404;

	for (size_t i = 0; i < N_ROUTES; i++) {
		if (!matches(routes[i].path, mf_http_path(req), out))
			continue;
		status = 405;
		*route = &routes[i];
		if (strcmp(routes[i].method, mf_http_method(req)) == 0)
			return 0;
	}
	return status;
}

/* -- header fields ------------------------------------------------------------------------------------- */

static bool
take_secret(unsigned bit, mf_str text, mf_gbs_request *out)
{
	uint8_t raw[MF_GBS_UPLOAD_SECRET_MAX];
	uint8_t *to = bit == SECRET_RENEW ? out->renew : bit == SECRET_CANCEL ? out->cancel : out->enabler;
	size_t n;
	bool ok = sodium_base642bin(raw, sizeof(raw), text.p, text.n, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) ==
		0;

	if (bit == SECRET_UPLOAD) {
		ok = ok && n > 0;
		if (ok)
			(void)crypto_generichash(out->upload, sizeof(out->upload), raw, n, NULL, 0);
	} else {
		ok = ok && n == 32;
		if (ok)
			memcpy(to, raw, 32);
	}
	sodium_memzero(raw, sizeof(raw));
	return ok;
}

/* Exactly those that are wanted, each once. */
static bool
take_secrets(const struct mf_http_req *req, unsigned wants, mf_gbs_request *out)
{
	unsigned seen = 0;
	size_t n;

	(void)mf_http_field(req, "x-tahoe-authorization", &n);
	for (size_t i = 0; i < n; i++) {
		mf_str v = mf_http_field_at(req, "x-tahoe-authorization", i);
		const char *blank = v.n > 0 ? memchr(v.p, ' ', v.n) : NULL;
		mf_str kind = {v.p, blank != NULL ? (size_t)(blank - v.p) : 0};
		unsigned bit = 0;

		for (size_t k = 0; k < N_SECRETS; k++)
			if (mf_str_eq(kind, mf_strz(secrets[k].name)))
				bit = secrets[k].bit;
		if ((bit & wants) == 0 || (seen & bit) != 0 ||
			!take_secret(bit, (mf_str){blank + 1, v.n - kind.n - 1}, out))
			return false;
		seen |= bit;
	}
	return seen == wants;
}

static void
say_secrets(unsigned wants, char why[128])
{
	int n = snprintf(why, 128, "Expected these secrets and no others:");

	for (size_t k = 0; k < N_SECRETS; k++)
		if ((wants & secrets[k].bit) != 0)
			n += snprintf(why + n, 128 - (size_t)n, " %s", secrets[k].name);
	if (wants == 0)
		(void)snprintf(why + n, 128 - (size_t)n, " none");
}

/* "bytes=A-B" or "bytes A-B/x", both ends given and inclusive. */
static bool
take_range(mf_str v, char mark, mf_gbs_request *out)
{
	const char *dash;
	uint64_t last;

	if (v.n < 7 || strncasecmp(v.p, "bytes", 5) != 0 || v.p[5] != mark)
		return false;
	v.p += 6;
	v.n -= 6;
	if (mark == ' ') {
		const char *slash = memchr(v.p, '/', v.n);
		if (slash == NULL || slash + 1 == v.p + v.n)
			return false;
		v.n = (size_t)(slash - v.p);
	}
	dash = v.n > 0 ? memchr(v.p, '-', v.n) : NULL;
	if (dash == NULL || !number((mf_str){v.p, (size_t)(dash - v.p)}, INT64_MAX - 1, &out->begin) ||
		!number((mf_str){dash + 1, v.n - (size_t)(dash + 1 - v.p)}, INT64_MAX - 1, &last) || last < out->begin)
		return false;
	out->end = last + 1;
	out->has_range = true;
	return true;
}

static bool
range_ok(const struct mf_http_req *req, mf_gbs_request *out)
{
	size_t n;
	mf_str v = mf_http_field(req, out->op == MF_GBS_WRITE ? "content-range" : "range", &n);

	if (out->op == MF_GBS_WRITE)
		return n == 1 && take_range(v, ' ', out);
	return out->op != MF_GBS_READ || n == 0 || (n == 1 && take_range(v, '=', out));
}

/* Is it one of the comma-separated media types?  Parameters are passed over; a weight of 0 is not looked for. */
static bool
lists_cbor(mf_str v, bool wildcards)
{
	static const char *const good[] = {"application/cbor", "application/*", "*/*"};

	while (v.n > 0) {
		const char *comma = memchr(v.p, ',', v.n);
		mf_str one = {v.p, comma != NULL ? (size_t)(comma - v.p) : v.n};
		const char *semi = one.n > 0 ? memchr(one.p, ';', one.n) : NULL;

		v.p += one.n + (comma != NULL ? 1 : 0);
		v.n -= one.n + (comma != NULL ? 1 : 0);
		if (semi != NULL)
			one.n = (size_t)(semi - one.p);
		while (one.n > 0 && one.p[one.n - 1] == ' ')
			one.n--;
		while (one.n > 0 && *one.p == ' ') {
			one.p++;
			one.n--;
		}
		for (size_t i = 0; i < (wildcards ? 3 : 1); i++)
			if (one.n == strlen(good[i]) && strncasecmp(one.p, good[i], one.n) == 0)
				return true;
	}
	return false;
}

/* Before anything is done, unlike Tahoe, which finds out that nobody wants the answer when all is written. */
static unsigned
check_types(const struct mf_http_req *req, const struct route *r)
{
	size_t n;
	mf_str v = mf_http_field(req, "accept", &n);

	if ((r->cbor & ANSWERS_CBOR) != 0 && n > 0 && !lists_cbor(v, true))
		return 406;
	v = mf_http_field(req, "content-type", &n);
	if ((r->cbor & SENDS_CBOR) != 0 && n > 0 && !lists_cbor(v, false))
		return 415;
	return 0;
}

unsigned
mf_gbs_request_parse(const struct mf_http_req *req, const uint8_t expected[32], mf_gbs_request *out, char why[128])
{
	const struct route *r = NULL;
	uint8_t given[32];
	unsigned status;
	size_t n;

	memset(out, 0, sizeof(*out));
	why[0] = '\0';
	mf_gbs_authorization(mf_http_field(req, "authorization", &n), given);
	if (n != 1 || sodium_memcmp(given, expected, sizeof(given)) != 0) {
		(void)snprintf(why, 128, "Wrong Authorization header");
		return 401;
	}
	status = find_route(req, out, &r);
	if (status != 0)
		return status;
	out->op = r->op;
	out->kind = r->kind;
	if (!take_secrets(req, r->wants, out)) {
		say_secrets(r->wants, why);
		return 400;
	}
	status = check_types(req, r);
	if (status == 0 && !range_ok(req, out))
		status = 416;
	out->body_max = r->body_max == UINT64_MAX ? out->end - out->begin : r->body_max;
	if (status == 0 && mf_http_body_length(req) != UINT64_MAX && mf_http_body_length(req) > out->body_max)
		status = out->op == MF_GBS_WRITE ? 400 : 413;
	return status;
}
