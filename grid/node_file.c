/* Immutable files through a node, and leases. */
#include <stdio.h>
#include <stdlib.h>

#include "grid/lafs/chk.h"
#include "grid/node.h"

enum { STEP = 256 << 10 };

static mf_code
source_all(const mf_source *src, void *p, mf_err *err)
{
	if (src->mem == NULL)
		return src->size == 0 ? MF_OK : src->read(src->arg, 0, p, (size_t)src->size, err);
	memcpy(p, src->mem, (size_t)src->size);
	return MF_OK;
}

mf_code
mf_node_put(struct mf_grid *g, const mf_source *src, mf_filecap *out, const mf_cancel *cancel, mf_err *err)
{
	mf_node_ask q = {.method = "PUT",
		.path = "/uri",
		.body = src,
		.body_max = MF_NODE_CAP_ANSWER,
		.silence_s = MF_NODE_UPLOAD_S};
	uint8_t lit[MF_LIT_MAX];
	mf_web_reply r;
	mf_cap cap;

	if (mf_canceled(cancel))
		return mf_fail(err, MF_ECANCELED, 0, "storing a file was canceled");
	if (src->size <= MF_LIT_MAX) { /* the capability is the file: no node knows better */
		mf_code rc = source_all(src, lit, err);

		if (rc == MF_OK)
			mf_lit_put(lit, (size_t)src->size, out);
		return rc;
	}
	mf_code rc = mf_node_do(mf_node_of(g), &q, &r, cancel, err);
	if (rc == MF_OK)
		rc = mf_node_cap(mf_buf_str(&r.body), MF_CAP_CHK, MF_CAP_CHK, out->text, &cap, err);
	if (rc == MF_OK && cap.size != src->size)
		rc = mf_fail(err, MF_ENET, 0, "the Tahoe-LAFS node stored %llu bytes of %llu",
			(unsigned long long)cap.size, (unsigned long long)src->size);
	mf_web_reply_free(&r);
	return rc;
}

/* -- reading ---------------------------------------------------------------------------------------------- */

/* A part of a file on its way to the caller: bytes [at, end) are still to come. */
struct part {
	uint64_t at, end, size; /* of the whole file */
	mf_sink *sink;
	void *arg;
	const mf_web_reply *reply;
	uint64_t skip; /* bytes before `at` that this answer begins with */
	bool begun;    /* the answer was looked at */
};

/* The first byte is there: is it the part that was asked for? */
static mf_code
begin(struct part *p, mf_err *err)
{
	mf_str range = mf_web_header(p->reply, "Content-Range");
	char want[96];

	p->begun = true;
	p->skip = 0;
	if (p->reply->status == 200) {
		p->skip = p->at; /* all of it, asked for or not */
		return MF_OK;
	}
	(void)snprintf(want, sizeof(want), "bytes %llu-%llu/%llu", (unsigned long long)p->at,
		(unsigned long long)p->end - 1, (unsigned long long)p->size);
	if (p->reply->status != 206 || !mf_str_eq(range, mf_strz(want)))
		return mf_fail(
			err, MF_ENET, 0, "the Tahoe-LAFS node sends another part of the file than was asked for");
	return MF_OK;
}

static mf_code
take(void *arg, const void *bytes, size_t n, mf_err *err)
{
	struct part *p = arg;
	const char *b = bytes;
	mf_code rc = p->begun ? MF_OK : begin(p, err);

	if (rc != MF_OK)
		return rc;
	if (p->skip > 0) {
		size_t skip = p->skip < n ? (size_t)p->skip : n;

		p->skip -= skip;
		b += skip;
		n -= skip;
	}
	if (n > p->size - p->at)
		return mf_fail(err, MF_ENET, 0, "the Tahoe-LAFS node sends more than the file has");
	if (n > p->end - p->at)
		n = (size_t)(p->end - p->at); /* the rest of a file of which only a part was asked for */
	if (n == 0)
		return MF_OK;
	p->at += n;
	return p->sink(p->arg, b, n, err);
}

/* What is left of the part, in one answer. */
static mf_code
get_once(struct mf_node *n, mf_str cap, struct part *p, const mf_cancel *cancel, mf_err *err)
{
	char range[96];
	mf_web_reply r = {0};
	mf_node_ask q = {
		.method = "GET", .path = "/uri", .cap = cap, .sink = take, .sink_arg = p, .silence_s = MF_NODE_SLOW_S};

	p->reply = &r;
	p->begun = false;
	if (p->at > 0 || p->end < p->size) {
		(void)snprintf(range, sizeof(range), "Range: bytes=%llu-%llu", (unsigned long long)p->at,
			(unsigned long long)p->end - 1);
		q.range = range;
	}
	mf_code rc = mf_node_do(n, &q, &r, cancel, err);
	if (rc == MF_OK && p->at < p->end)
		rc = mf_fail(err, MF_ENET, 0, "the Tahoe-LAFS node sends less than the file has");
	mf_web_reply_free(&r);
	return rc;
}

static mf_code
get_part(struct mf_node *n, mf_str text, const mf_cap *cap, struct part *p, const mf_cancel *cancel, mf_err *err)
{
	mf_code rc = MF_OK;

	if (cap->kind == MF_CAP_LIT) {
		mf_buf b = {0};

		mf_lit_get(cap, &b);
		rc = p->at < p->end ? p->sink(p->arg, b.p + p->at, (size_t)(p->end - p->at), err) : MF_OK;
		mf_buf_free(&b);
		return rc;
	}
	for (int i = 0; p->at < p->end; i++) { /* broken off, it goes on where it was */
		uint64_t before = p->at;

		rc = get_once(n, text, p, cancel, err);
		if (rc == MF_OK || rc != MF_ENET || p->at == before || i + 1 == MF_NODE_TRIES)
			return rc;
	}
	return rc;
}

mf_code
mf_node_get(struct mf_grid *g, const mf_filecap *text, uint64_t off, uint64_t len, mf_sink *sink, void *arg,
	const mf_cancel *cancel, mf_err *err)
{
	mf_cap cap;
	mf_code rc = mf_cap_parse(mf_strz(text->text), &cap, err);

	if (rc == MF_OK && cap.kind != MF_CAP_CHK && cap.kind != MF_CAP_LIT)
		rc = mf_fail(err, MF_EINVAL, 0, "not the capability of an immutable file");
	if (rc == MF_OK && mf_canceled(cancel))
		rc = mf_fail(err, MF_ECANCELED, 0, "reading a file was canceled");
	if (rc != MF_OK || off >= cap.size || len == 0)
		return rc;
	struct part p = {.at = off,
		.end = len < cap.size - off ? off + len : cap.size,
		.size = cap.size,
		.sink = sink,
		.arg = arg};
	return get_part(mf_node_of(g), mf_strz(text->text), &cap, &p, cancel, err);
}

/* -- comparing ------------------------------------------------------------------------------------------------ */

struct comparing {
	const mf_source *src;
	uint64_t at;
	uint8_t *mine;
	bool differs;
};

/* Ends the download with MF_ECHANGED at the first difference. */
static mf_code
compare(void *arg, const void *p, size_t n, mf_err *err)
{
	struct comparing *c = arg;
	const uint8_t *theirs = p;

	while (n > 0) {
		size_t k = n < STEP ? n : STEP;
		const void *mine = c->mine;

		if (c->src->mem != NULL) {
			mine = (const uint8_t *)c->src->mem + c->at;
		} else {
			mf_code rc = c->src->read(c->src->arg, c->at, c->mine, k, err);

			if (rc != MF_OK)
				return rc;
		}
		c->differs = memcmp(mine, theirs, k) != 0;
		if (c->differs)
			return mf_fail(err, MF_ECHANGED, 0, "the file differs");
		c->at += k;
		theirs += k;
		n -= k;
	}
	return MF_OK;
}

/* A node shows no hashes of what it stores: the content itself is compared, up to the first difference. */
mf_code
mf_node_same(struct mf_grid *g, const mf_filecap *text, const mf_source *src, bool *same, const mf_cancel *cancel,
	mf_err *err)
{
	struct comparing c = {.src = src};
	mf_cap cap;
	mf_code rc = mf_cap_parse(mf_strz(text->text), &cap, err);

	*same = false;
	if (rc != MF_OK || cap.size != src->size)
		return rc;
	c.mine = mf_alloc(STEP);
	rc = mf_node_get(g, text, 0, UINT64_MAX, compare, &c, cancel, err);
	free(c.mine);
	*same = rc == MF_OK;
	return c.differs ? MF_OK : rc;
}

/* -- leases ---------------------------------------------------------------------------------------------------- */

mf_code
mf_node_renew(struct mf_grid *g, const mf_str *caps, size_t n, const mf_cancel *cancel, mf_err *err)
{
	static const mf_source nothing = {.mem = "", .size = 0};
	mf_code rc = MF_OK;

	for (size_t i = 0; i < n && rc == MF_OK; i++) {
		mf_node_ask q = {.method = "POST",
			.path = "/uri",
			.cap = caps[i],
			.query = "t=check&add-lease=true&output=json",
			.body = &nothing,
			.body_max = 1 << 20,
			.silence_s = MF_NODE_SLOW_S};
		mf_web_reply r;
		mf_cap cap;

		if (mf_cap_parse(caps[i], &cap, NULL) != MF_OK || cap.kind == MF_CAP_UNKNOWN ||
			cap.kind == MF_CAP_LIT || cap.kind == MF_CAP_DIR2_LIT)
			continue;
		rc = mf_node_do(mf_node_of(g), &q, &r, cancel, err);
		mf_web_reply_free(&r);
	}
	return rc;
}
