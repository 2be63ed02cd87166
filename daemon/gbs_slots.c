/* What needs one job, or job after job: version, lists, leases, reading, mutable shares. */
#include "daemon/gbs_impl.h"

#include <stdio.h>

#include <config.h>

/* -- small ones ---------------------------------------------------------------------------------------- */

static void
version_work(struct gbs_op *op)
{
	op->available = gbs_available(op->g);
}

static void
version_found(struct gbs_op *op)
{
	mf_gbs_version v = {.max_immutable = op->available, .max_mutable = MF_MUT_DATA_MAX, .available = op->available};
	mf_buf body = {0};

	(void)snprintf(v.application, sizeof(v.application), "magic-folder/%s", PACKAGE_VERSION);
	mf_gbs_pack_version(&body, &v);
	gbs_answer_cbor(op, 200, &body);
}

void
gbs_version(struct gbs_op *op)
{
	gbs_work(op, version_work, version_found);
}

static void
list_work(struct gbs_op *op)
{
	uint32_t num[MF_SHARES_MAX];
	size_t n = 0;

	op->rc = mf_store_shares(op->g->store, op->q.si, num, &n, &op->err);
	for (size_t i = 0; i < n; i++)
		mf_share_set_add(&op->have.immutable, num[i]); /* of any kind, as Tahoe does */
}

static void
list_found(struct gbs_op *op)
{
	mf_buf body = {0};

	if (op->rc != MF_OK) {
		gbs_answer_failure(op);
		return;
	}
	mf_gbs_pack_shares(&body, &op->have.immutable);
	gbs_answer_cbor(op, 200, &body);
}

void
gbs_list(struct gbs_op *op)
{
	gbs_work(op, list_work, list_found);
}

static void
lease_work(struct gbs_op *op)
{
	mf_lease l;

	mf_lease_given(op->g->store, op->q.renew, op->q.cancel, &l);
	op->rc = mf_guest_renew(op->g->store, op->q.si, &l, &op->have, &op->err);
	mf_lease_wipe(&l);
	if (op->rc == MF_OK && mf_share_set_count(&op->have.immutable) + mf_share_set_count(&op->have.mutables) == 0)
		op->rc = MF_ENOTFOUND;
}

static void
no_content(struct gbs_op *op)
{
	if (op->rc != MF_OK)
		gbs_answer_failure(op);
	else
		gbs_answer_empty(op, op->q.op == MF_GBS_CORRUPT ? 200 : 204);
}

void
gbs_lease(struct gbs_op *op)
{
	gbs_work(op, lease_work, no_content);
}

static void
corrupt_work(struct gbs_op *op)
{
	mf_str reason;

	op->rc = mf_gbs_parse_corrupt(mf_buf_str(&op->body), &reason, &op->err);
	if (op->rc == MF_OK)
		op->rc = mf_guest_advise(op->g->store, op->q.kind, op->q.si, op->q.num, reason, &op->err);
}

static void
corrupt_asked(struct gbs_op *op)
{
	gbs_work(op, corrupt_work, no_content);
}

void
gbs_corrupt(struct gbs_op *op)
{
	gbs_collect(op, corrupt_asked);
}

static void
sync_work(struct gbs_op *op)
{
	op->rc = mf_store_sync(op->g->store, &op->err);
}

void
gbs_sync(struct gbs_op *op)
{
	gbs_work(op, sync_work, no_content);
}

/* -- reading ------------------------------------------------------------------------------------------- */

static void read_found(struct gbs_op *op);

static void
read_work(struct gbs_op *op)
{
	uint64_t n;

	if (op->share.imm == NULL && op->share.mut.fd < 0) {
		op->rc = mf_guest_open(op->g->store, op->q.kind, op->q.si, op->q.num, &op->share, &op->err);
		if (op->rc != MF_OK)
			return;
		op->at = op->q.begin;
		if (!op->q.has_range || op->q.end > op->share.size)
			op->q.end = op->share.size;
	}
	n = op->at < op->q.end ? op->q.end - op->at : 0;
	if (n > GBS_PIECE)
		n = GBS_PIECE;
	mf_buf_reserve(&op->piece, (size_t)n);
	op->rc = mf_guest_read(&op->share, op->at, op->piece.p, (size_t)n, &op->err);
	op->piece.n = (size_t)n;
	op->at += n;
}

static void
want_piece(void *arg)
{
	gbs_work(arg, read_work, read_found);
}

static void
begin_answer(struct gbs_op *op, mf_buf *first)
{
	mf_http_reply_opts o = {.status = 200, .type = "application/octet-stream"};
	struct mf_http_req *req = op->req;
	uint64_t length = op->q.end - op->q.begin;
	char range[80];

	if (op->q.has_range) {
		(void)snprintf(range, sizeof(range), "Content-Range: bytes %llu-%llu/*\r\n",
			(unsigned long long)op->q.begin, (unsigned long long)op->q.end - 1);
		o.status = 206;
		o.extra = range;
	}
	if (op->at == op->q.end) {
		gbs_op_end(op);
		mf_http_reply(req, &o, first);
	} else {
		op->reading = true;
		mf_http_reply_begin(req, &o, length, first, want_piece, op);
	}
}

static void
read_found(struct gbs_op *op)
{
	struct mf_http_req *req = op->req;
	mf_buf piece = op->piece;

	if (op->rc != MF_OK && !op->reading) {
		mf_buf none = {0};

		if (op->rc == MF_ENOTFOUND)
			gbs_answer(op, 404, "application/octet-stream", &none);
		else
			gbs_answer_failure(op);
		return;
	}
	if (op->rc != MF_OK) { /* too late for a status */
		gbs_op_end(op);
		mf_http_drop(req);
		return;
	}
	op->piece = (mf_buf){0};
	if (!op->reading && op->q.has_range && op->q.begin >= op->q.end) {
		mf_buf_free(&piece);
		gbs_answer(op, 204, "application/octet-stream", &piece);
	} else if (!op->reading) {
		begin_answer(op, &piece);
	} else {
		if (op->at == op->q.end)
			gbs_op_end(op);
		mf_http_reply_more(req, &piece);
	}
}

void
gbs_read(struct gbs_op *op)
{
	gbs_work(op, read_work, read_found);
}

/* -- mutable shares ------------------------------------------------------------------------------------- */

/* Is the body, or a share that it may change, so large that its copy in memory must be the only one? */
static bool
is_big(struct gbs_op *op)
{
	uint32_t num[MF_SHARES_MAX];
	size_t n;
	mf_guest_share f;
	bool big = op->spool >= 0;

	if (mf_store_shares(op->g->store, op->q.si, num, &n, NULL) != MF_OK)
		return big;
	for (size_t i = 0; i < n && !big; i++) {
		if (mf_guest_open(op->g->store, MF_GUEST_MUTABLE, op->q.si, num[i], &f, NULL) == MF_OK)
			big = f.size > GBS_BODY_MEMORY;
		mf_guest_close(&f);
	}
	return big;
}

static void
rtw_work(struct gbs_op *op)
{
	mf_rtw q = {0};
	mf_rtw_result r = {0};
	mf_lease l;
	mf_str body;
	bool big = is_big(op);

	op->rc = gbs_body(op, &body, &op->err);
	if (op->rc == MF_OK)
		op->rc = mf_gbs_parse_rtw(body, &q, &op->err);
	/* a directory that names shares must not outlive them in a power cut */
	if (op->rc == MF_OK)
		op->rc = mf_store_sync(op->g->store, &op->err);
	if (op->rc == MF_OK) {
		mf_lease_given(op->g->store, op->q.renew, op->q.cancel, &l);
		q.si = op->q.si;
		q.enabler = op->q.enabler;
		q.guest = &l;
		if (big)
			(void)pthread_mutex_lock(&op->g->big);
		op->rc = mf_store_rtw(op->g->store, &q, &r, &op->err);
		if (big)
			(void)pthread_mutex_unlock(&op->g->big);
		mf_lease_wipe(&l);
	}
	if (op->rc == MF_OK)
		mf_gbs_pack_rtw_result(&op->piece, &r);
	mf_rtw_result_free(&r);
	mf_gbs_rtw_free(&q);
}

static void
rtw_done(struct gbs_op *op)
{
	mf_buf body = op->piece;

	op->piece = (mf_buf){0};
	if (op->rc == MF_OK) {
		gbs_answer_cbor(op, 200, &body);
	} else {
		mf_buf_free(&body);
		gbs_answer_failure(op);
	}
}

static void
rtw_asked(struct gbs_op *op)
{
	gbs_work(op, rtw_work, rtw_done);
}

void
gbs_rtw(struct gbs_op *op)
{
	gbs_collect(op, rtw_asked);
}
