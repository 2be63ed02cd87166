/* The storage protocol's client: one request after the other. */
#include "grid/store/remote.h"

#include <stdio.h>
#include <stdlib.h>

#include <curl/curl.h>
#include <sodium.h>

#include "base/base32.h"
#include "grid/web.h"

enum {
	ANSWER_MAX = 64 << 10, /* bytes of a CBOR body but for the results of a read-test-write */
	HEADERS_MAX = 8,
	PATH_MAX_BYTES = 96, /* "/storage/v1/immutable/SI/255/corrupt" */
};

struct mf_remote {
	struct mf_web *web;
	char *who, *url;
	char *authorization; /* the header; secret */
};

/* -- birth and death ------------------------------------------------------------------------------------------ */

static void
wipe_free(char *s)
{
	if (s != NULL)
		sodium_memzero(s, strlen(s));
	free(s);
}

static void
add_base64(mf_buf *out, const void *p, size_t n)
{
	char text[256];

	(void)sodium_bin2base64(text, sizeof(text), p, n, sodium_base64_VARIANT_ORIGINAL);
	mf_buf_addz(out, text);
	sodium_memzero(text, sizeof(text));
}

mf_code
mf_remote_new(const mf_remote_conf *conf, struct mf_remote **out, mf_err *err)
{
	struct mf_remote *r = mf_alloc(sizeof(*r));
	mf_buf pin = {0}, authorization = {0};

	*out = NULL;
	mf_buf_addz(&authorization, "Authorization: Tahoe-LAFS ");
	add_base64(&authorization, conf->swissnum, strlen(conf->swissnum));
	if (conf->spki != NULL) {
		mf_buf_addz(&pin, "sha256//");
		add_base64(&pin, conf->spki, MF_HASH_SIZE);
	}
	mf_web_conf web = {.who = conf->who, .pin = (const char *)pin.p};
	mf_code rc = mf_web_new(&web, &r->web, err);
	r->who = mf_strdup(mf_strz(conf->who));
	r->url = mf_strdup(mf_strz(conf->url));
	r->authorization = mf_strdup(mf_buf_str(&authorization));
	mf_buf_free(&pin);
	mf_buf_wipe_free(&authorization);
	if (rc != MF_OK) {
		mf_remote_free(r);
		return rc;
	}
	*out = r;
	return MF_OK;
}

void
mf_remote_free(struct mf_remote *r)
{
	if (r == NULL)
		return;
	mf_web_free(r->web);
	free(r->who);
	free(r->url);
	wipe_free(r->authorization);
	free(r);
}

void
mf_remote_rest(struct mf_remote *r)
{
	mf_web_rest(r->web);
}

/* -- asking ------------------------------------------------------------------------------------------------- */

/* A request in the making, and its answer.  Ends with ask_end(). */
struct ask {
	struct mf_remote *r;
	const char *method;
	char path[PATH_MAX_BYTES];
	mf_buf header[HEADERS_MAX]; /* NUL-terminated; may hold secrets */
	size_t headers;
	mf_str body; /* borrowed */
	bool has_body;
	enum { ONCE, SAFE } repeat; /* is it safe to ask again when the answer was lost? */
	bool repeated;
	unsigned total_s;  /* 0: silence alone ends it */
	size_t answer_max; /* bytes */
	mf_web_reply reply;
};

static struct ask
ask_of(struct mf_remote *r, const char *method, unsigned total_s)
{
	return (struct ask){.r = r, .method = method, .repeat = SAFE, .total_s = total_s, .answer_max = ANSWER_MAX};
}

static void
ask_header(struct ask *a, const char *name, const char *value)
{
	if (a->headers == HEADERS_MAX)
		MF_BUG("too many headers");
	mf_buf_addf(&a->header[a->headers++], "%s: %s", name, value);
}

static void
ask_secret(struct ask *a, const char *kind, const uint8_t *p, size_t n)
{
	mf_buf *b = &a->header[a->headers];

	ask_header(a, "X-Tahoe-Authorization", kind);
	mf_buf_addc(b, ' ');
	add_base64(b, p, n);
}

static void
ask_lease(struct ask *a, const mf_remote_lease *lease)
{
	ask_secret(a, "lease-renew-secret", lease->renew, sizeof(lease->renew));
	ask_secret(a, "lease-cancel-secret", lease->cancel, sizeof(lease->cancel));
}

static void
ask_cbor(struct ask *a, const mf_buf *body)
{
	ask_header(a, "Content-Type", "application/cbor");
	a->body = mf_buf_str(body);
	a->has_body = true;
}

/* "/storage/v1/KIND/SI" and what comes behind. */
static void
ask_path(struct ask *a, const mf_remote_share *at, const char *behind)
{
	char si[MF_SI_TEXT + 1];

	mf_b32(si, at->si, MF_SI_SIZE);
	(void)snprintf(a->path, sizeof(a->path), "/storage/v1/%s/%s%s",
		at->kind == MF_REMOTE_MUTABLE ? "mutable" : "immutable", si, behind);
}

static void
ask_share_path(struct ask *a, const mf_remote_share *at, const char *behind)
{
	char tail[32];

	(void)snprintf(tail, sizeof(tail), "/%u%s", (unsigned)at->num, behind);
	ask_path(a, at, tail);
}

static void
ask_end(struct ask *a)
{
	for (size_t i = 0; i < a->headers; i++)
		mf_buf_wipe_free(&a->header[i]);
	mf_web_reply_free(&a->reply);
}

/* What a status other than 2xx means. */
static mf_code
refusal(const struct ask *a, mf_err *err)
{
	const char *who = a->r->who;
	int status = a->reply.status;

	switch (status) {
	case 401: return mf_fail(err, MF_EAUTH, status, "%s refuses our secret", who);
	case 404: return mf_fail(err, MF_ENOTFOUND, status, "%s has no such share", who);
	case 409: return mf_fail(err, MF_ECHANGED, status, "%s was sent other bytes for the share before", who);
	case 507: return mf_fail(err, MF_EFULL, status, "%s has no space left", who);
	default: return mf_fail(err, MF_ENET, status, "%s answers with HTTP status %d", who, status);
	}
}

static mf_code
exchange(struct ask *a, const mf_cancel *cancel, mf_err *err)
{
	const char *header[HEADERS_MAX + 1] = {NULL};
	mf_source body = mf_source_mem(a->body.p, a->body.n);
	mf_buf url = {0};

	mf_buf_addf(&url, "%s%s", a->r->url, a->path);
	for (size_t i = 0; i < a->headers; i++)
		header[i] = (const char *)a->header[i].p;
	mf_web_request q = {
		.method = a->method,
		.url = (const char *)url.p,
		.header = header,
		.body = a->has_body ? &body : NULL,
		.body_max = a->answer_max,
		.silence_s = MF_REMOTE_SILENCE_S,
		.total_s = a->total_s,
	};
	mf_code rc = mf_web_do(a->r->web, &q, &a->reply, cancel, err);
	mf_buf_free(&url);
	return rc;
}

/* @return MF_OK for any 2xx. */
static mf_code
ask(struct ask *a, const mf_cancel *cancel, mf_err *err)
{
	mf_err why = {.code = MF_OK};

	ask_header(a, "Accept", "application/cbor"); /* any other: the server does the work and then answers 406 */
	mf_buf_addz(&a->header[a->headers++], a->r->authorization);
	mf_code rc = exchange(a, cancel, &why);
	if (rc == MF_ENET && a->repeat == SAFE && a->reply.reached && a->reply.status == 0 &&
		why.sys != CURLE_OPERATION_TIMEDOUT) {
		mf_web_reply_free(&a->reply);
		a->repeated = true;
		rc = exchange(a, cancel, &why);
	}
	if (rc != MF_OK && err != NULL)
		*err = why;
	if (rc == MF_OK && a->reply.status / 100 != 2)
		rc = refusal(a, err);
	return rc;
}

/* A body that does not parse is the server's nonsense, not a bad share. */
static mf_code
nonsense(const struct ask *a, const mf_err *why, mf_err *err)
{
	return mf_fail(err, MF_ENET, 0, "%s: %s", a->r->who, why->text);
}

/* -- both kinds ------------------------------------------------------------------------------------------------ */

mf_code
mf_remote_version(struct mf_remote *r, mf_gbs_version *out, const mf_cancel *cancel, mf_err *err)
{
	struct ask a = ask_of(r, "GET", MF_REMOTE_PROBE_S);
	mf_err why;

	(void)snprintf(a.path, sizeof(a.path), "/storage/v1/version");
	mf_code rc = ask(&a, cancel, err);
	if (rc == MF_OK) {
		rc = mf_gbs_parse_version(mf_buf_str(&a.reply.body), out, &why);
		if (rc == MF_EUNSUPPORTED)
			rc = mf_fail(err, rc, 0, "%s: %s", r->who, why.text);
		else if (rc != MF_OK)
			rc = nonsense(&a, &why, err);
	}
	ask_end(&a);
	return rc;
}

mf_code
mf_remote_list(struct mf_remote *r, const mf_remote_share *at, mf_share_set *out, const mf_cancel *cancel, mf_err *err)
{
	struct ask a = ask_of(r, "GET", MF_REMOTE_SURVEY_S);
	mf_err why;

	*out = (mf_share_set){0};
	ask_path(&a, at, "/shares");
	mf_code rc = ask(&a, cancel, err);
	if (rc == MF_OK && mf_gbs_parse_shares(mf_buf_str(&a.reply.body), out, &why) != MF_OK)
		rc = nonsense(&a, &why, err);
	ask_end(&a);
	return rc;
}

/* "bytes A-B/total": is it what was asked for, and as long as the body? */
static bool
range_fits(mf_str value, uint64_t off, size_t n)
{
	char text[64];
	unsigned long long from, to;
	int end = 0;

	if (value.n == 0 || value.n >= sizeof(text))
		return false;
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	return sscanf(text, "bytes %20llu-%20llu/%n", &from, &to, &end) == 2 && end > 0 && from == off && to >= from &&
		to - from == n - 1;
}

mf_code
mf_remote_read(struct mf_remote *r, const mf_remote_share *at, uint64_t off, size_t n, mf_buf *out,
	const mf_cancel *cancel, mf_err *err)
{
	struct ask a = ask_of(r, "GET", 0);
	char range[64];
	uint64_t end;

	if (n == 0)
		return MF_OK;
	if (n > MF_REMOTE_READ_MAX || __builtin_add_overflow(off, n - 1, &end))
		return mf_fail(err, MF_EINVAL, 0, "read of an impossible range");
	ask_share_path(&a, at, "");
	(void)snprintf(range, sizeof(range), "bytes=%llu-%llu", (unsigned long long)off, (unsigned long long)end);
	ask_header(&a, "Range", range);
	a.answer_max = n;
	mf_code rc = ask(&a, cancel, err);
	const mf_buf *body = &a.reply.body;
	if (rc == MF_OK && a.reply.status == 206) {
		if (body->n > 0 && range_fits(mf_web_header(&a.reply, "Content-Range"), off, body->n))
			mf_buf_add(out, body->p, body->n);
		else
			rc = mf_fail(err, MF_ENET, 0, "%s answers with another range than was asked for", r->who);
	} else if (rc == MF_OK && a.reply.status != 204) { /* 204: nothing so far behind */
		rc = refusal(&a, err);
	}
	ask_end(&a);
	return rc;
}

mf_code
mf_remote_renew(struct mf_remote *r, const uint8_t si[MF_SI_SIZE], const mf_remote_lease *lease,
	const mf_cancel *cancel, mf_err *err)
{
	struct ask a = ask_of(r, "PUT", MF_REMOTE_SURVEY_S);
	char text[MF_SI_TEXT + 1];

	mf_b32(text, si, MF_SI_SIZE);
	(void)snprintf(a.path, sizeof(a.path), "/storage/v1/lease/%s", text);
	ask_lease(&a, lease);
	a.has_body = true;
	mf_code rc = ask(&a, cancel, err);
	ask_end(&a);
	return rc;
}

mf_code
mf_remote_advise(struct mf_remote *r, const mf_remote_share *at, const char *why, const mf_cancel *cancel, mf_err *err)
{
	struct ask a = ask_of(r, "POST", MF_REMOTE_SURVEY_S);
	mf_buf body = {0};

	mf_gbs_pack_corrupt(&body, mf_strz(why));
	ask_share_path(&a, at, "/corrupt");
	ask_cbor(&a, &body);
	mf_code rc = ask(&a, cancel, err);
	ask_end(&a);
	mf_buf_free(&body);
	return rc;
}

/* -- immutable ------------------------------------------------------------------------------------------------- */

mf_code
mf_remote_allocate(struct mf_remote *r, const mf_remote_upload *u, const mf_gbs_allocate *want, mf_gbs_allocated *out,
	const mf_cancel *cancel, mf_err *err)
{
	struct ask a = ask_of(r, "POST", MF_REMOTE_SURVEY_S);
	mf_buf body = {0};
	mf_err why;

	*out = (mf_gbs_allocated){0};
	mf_gbs_pack_allocate(&body, want);
	ask_path(&a, &(mf_remote_share){.si = u->si}, "");
	ask_cbor(&a, &body);
	ask_lease(&a, &u->lease);
	ask_secret(&a, "upload-secret", u->secret, sizeof(u->secret));
	mf_code rc = ask(&a, cancel, err);
	if (rc == MF_OK && mf_gbs_parse_allocated(mf_buf_str(&a.reply.body), out, &why) != MF_OK)
		rc = nonsense(&a, &why, err);
	for (size_t i = 0; i < MF_SHARE_SET / 64; i++) {
		out->allocated.bits[i] &= want->shares.bits[i];
		if (rc == MF_OK && a.repeated)
			out->allocated.bits[i] |= want->shares.bits[i] & ~out->have.bits[i];
	}
	ask_end(&a);
	mf_buf_free(&body);
	return rc;
}

mf_code
mf_remote_write(struct mf_remote *r, const mf_remote_upload *u, uint32_t num, uint64_t off, mf_str data, bool *complete,
	const mf_cancel *cancel, mf_err *err)
{
	mf_remote_share at = {.si = u->si, .num = num};
	struct ask a = ask_of(r, "PATCH", 0);
	mf_share_set there;
	char range[64];

	*complete = false;
	if (data.n == 0)
		return mf_fail(err, MF_EINVAL, 0, "nothing to write");
	ask_share_path(&a, &at, "");
	(void)snprintf(range, sizeof(range), "bytes %llu-%llu/*", (unsigned long long)off,
		(unsigned long long)(off + data.n - 1));
	ask_header(&a, "Content-Range", range);
	ask_secret(&a, "upload-secret", u->secret, sizeof(u->secret));
	a.body = data;
	a.has_body = true;
	mf_code rc = ask(&a, cancel, err);
	if (rc == MF_OK)
		*complete = a.reply.status == 201;
	/* the first time it was the last piece: the upload has ended, and the share is there */
	if (rc == MF_ENOTFOUND && a.repeated && mf_remote_list(r, &at, &there, cancel, NULL) == MF_OK &&
		mf_share_set_has(&there, num)) {
		*complete = true;
		rc = MF_OK;
	}
	ask_end(&a);
	return rc;
}

mf_code
mf_remote_abort(struct mf_remote *r, const mf_remote_upload *u, uint32_t num, const mf_cancel *cancel, mf_err *err)
{
	struct ask a = ask_of(r, "PUT", MF_REMOTE_SURVEY_S);

	ask_share_path(&a, &(mf_remote_share){.si = u->si, .num = num}, "/abort");
	ask_secret(&a, "upload-secret", u->secret, sizeof(u->secret));
	a.has_body = true;
	mf_code rc = ask(&a, cancel, err);
	ask_end(&a);
	return rc;
}

/* -- mutable --------------------------------------------------------------------------------------------------- */

/* Bytes that the answer to @p q may have. */
static size_t
rtw_answer_max(const mf_rtw *q)
{
	uint64_t n = ANSWER_MAX;

	for (size_t i = 0; i < q->reads; i++)
		if (q->read[i].n > MF_REMOTE_READ_MAX / MF_SHARES_MAX ||
			(n += MF_SHARES_MAX * (q->read[i].n + 16)) > MF_REMOTE_READ_MAX)
			return MF_REMOTE_READ_MAX;
	return (size_t)n;
}

mf_code
mf_remote_rtw(struct mf_remote *r, const mf_rtw *q, const mf_remote_lease *lease, mf_rtw_result *out,
	const mf_cancel *cancel, mf_err *err)
{
	struct ask a = ask_of(r, "POST", 0);
	mf_buf body = {0};
	mf_err why;

	*out = (mf_rtw_result){0};
	mf_gbs_pack_rtw(&body, q);
	ask_path(&a, &(mf_remote_share){.kind = MF_REMOTE_MUTABLE, .si = q->si}, "/read-test-write");
	ask_cbor(&a, &body);
	ask_lease(&a, lease);
	ask_secret(&a, "write-enabler", q->enabler, MF_HASH_SIZE);
	a.repeat = ONCE;
	a.answer_max = rtw_answer_max(q);
	mf_code rc = ask(&a, cancel, err);
	if (rc == MF_OK && mf_gbs_parse_rtw_result(mf_buf_str(&a.reply.body), q->reads, out, &why) != MF_OK) {
		mf_rtw_result_free(out);
		*out = (mf_rtw_result){0};
		rc = nonsense(&a, &why, err);
	}
	ask_end(&a);
	mf_buf_free(&body);
	return rc;
}
