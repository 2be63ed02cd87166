/* Bytes of a share that is being uploaded. */
#include "daemon/gbs_impl.h"

#include <stdlib.h>

#include <sodium.h>

static void next_piece(struct gbs_op *op);

/* -- on a worker --------------------------------------------------------------------------------------- */

/* What came before must be the same. */
static mf_code
compare(struct gbs_upload *u, mf_range r, const uint8_t *p, mf_err *err)
{
	mf_buf old = {0};
	mf_code rc;

	mf_buf_reserve(&old, (size_t)(r.end - r.begin));
	rc = mf_imm_new_read(u->file, r.begin, old.p, (size_t)(r.end - r.begin), err);
	if (rc == MF_OK && memcmp(old.p, p, (size_t)(r.end - r.begin)) != 0)
		rc = mf_fail(err, MF_ECHANGED, 0, "other bytes came here before");
	mf_buf_free(&old);
	return rc;
}

/* The piece: first what is there already, so that a conflict writes nothing; then what is new. */
static mf_code
put_piece(struct gbs_upload *u, mf_range all, const uint8_t *p, mf_err *err)
{
	mf_code rc = MF_OK;

	for (int writing = 0; writing < 2 && rc == MF_OK; writing++) {
		for (mf_range r = {.end = all.begin}; r.end < all.end && rc == MF_OK;) {
			bool come;

			r = mf_ranges_next(&u->got, all, r.end, &come);
			if (come && !writing)
				rc = compare(u, r, p + (r.begin - all.begin), err);
			else if (!come && writing)
				rc = mf_imm_new_write(
					u->file, r.begin, p + (r.begin - all.begin), (size_t)(r.end - r.begin), err);
			if (rc == MF_OK && !come && writing && !mf_ranges_add(&u->got, r))
				rc = mf_fail(err, MF_EFULL, 0, "an upload in too many pieces");
		}
	}
	return rc;
}

/* A share of that name may have come from elsewhere meanwhile; then it is the one, unless it is no container. */
static mf_code
finish(struct mf_gbs *g, struct gbs_upload *u, mf_err *err)
{
	mf_guest_share there;
	mf_code rc = mf_imm_new_link(u->file, MF_IMM_KEEP, err);

	if (rc == MF_EEXIST) {
		rc = mf_guest_open(g->store, MF_GUEST_IMMUTABLE, u->si, u->num, &there, err);
		if (rc == MF_OK)
			mf_guest_close(&there);
		else
			rc = mf_imm_new_link(u->file, MF_IMM_REPLACE, err);
	}
	u->linked = rc == MF_OK;
	return rc;
}

static void
write_work(struct gbs_op *op)
{
	struct gbs_upload *u = op->upload;
	mf_range all = {op->at, op->at + op->piece.n};

	if (u->file == NULL) {
		op->rc = mf_imm_new(op->g->store, u->si, u->num, u->size, &u->file, &op->err);
		if (op->rc != MF_OK)
			return;
		mf_imm_new_lease(u->file, &u->lease);
	}
	op->rc = put_piece(u, all, op->piece.p, &op->err);
	op->at = all.end;
	mf_buf_free(&op->piece);
	if (op->rc == MF_OK && u->got.n == 1 && u->got.r[0].begin == 0 && u->got.r[0].end == u->size)
		op->rc = finish(op->g, u, &op->err);
}

/* -- on the loop --------------------------------------------------------------------------------------- */

/* All of the request is written: what is missing of the share? */
static void
answer(struct gbs_op *op, bool complete)
{
	const struct gbs_upload *u = op->upload;
	mf_gbs_range *missing = mf_alloc((MF_RANGES_MAX + 1) * sizeof(*missing));
	mf_buf body = {0};
	size_t n = 0;

	for (mf_range r = {0}; !complete && r.end < u->size;) {
		bool come;

		r = mf_ranges_next(&u->got, (mf_range){0, u->size}, r.end, &come);
		if (!come)
			missing[n++] = (mf_gbs_range){r.begin, r.end};
	}
	mf_gbs_pack_required(&body, missing, n);
	free(missing);
	gbs_upload_release(op);
	gbs_answer_cbor(op, complete ? 201 : 200, &body);
}

static void
written(struct gbs_op *op)
{
	bool complete = op->upload->linked;

	if (op->rc != MF_OK) {
		gbs_upload_release(op);
		gbs_answer_failure(op);
	} else if (op->at == op->q.end) {
		answer(op, complete);
	} else {
		gbs_upload_release(op);
		next_piece(op);
	}
}

static void
write_piece(struct gbs_op *op)
{
	gbs_work(op, write_work, written);
}

static void
more(void *arg)
{
	next_piece(arg);
}

/* The upload may be gone, or another's, since the piece before. */
static struct gbs_upload *
find(struct gbs_op *op, unsigned *status)
{
	struct gbs_upload *u = gbs_upload_find(op->g, op->q.si, op->q.num);

	*status = u == NULL ? 404 : sodium_memcmp(u->secret, op->q.upload, sizeof(u->secret)) != 0 ? 401 : 0;
	if (*status == 0 && op->q.op == MF_GBS_WRITE && op->q.end > u->size)
		*status = 416;
	return u;
}

static void
next_piece(struct gbs_op *op)
{
	unsigned status;
	struct gbs_upload *u = find(op, &status);
	bool end;

	if (status != 0) {
		gbs_answer_empty(op, status);
		return;
	}
	end = mf_http_body_take(op->req, &op->piece);
	if (op->at + op->piece.n > op->q.end || (end && op->at + op->piece.n < op->q.end))
		gbs_answer_empty(op, 400); /* more, or less, than it said */
	else if (op->piece.n > 0)
		gbs_upload_hold(op, u, write_piece);
	else
		mf_http_body_wait(op->req, GBS_PIECE_LEAST, more, op);
}

void
gbs_write(struct gbs_op *op)
{
	op->at = op->q.begin;
	next_piece(op);
}

/* -- abort --------------------------------------------------------------------------------------------- */

static void
look_for_share(struct gbs_op *op)
{
	op->rc = mf_guest_open(op->g->store, MF_GUEST_IMMUTABLE, op->q.si, op->q.num, &op->share, &op->err);
}

static void
looked_for_share(struct gbs_op *op)
{
	gbs_answer_empty(op, op->rc == MF_OK ? 405 : 404); /* a share cannot be taken back */
}

static void
abort_now(struct gbs_op *op)
{
	struct gbs_upload *u = op->upload;

	op->upload = NULL;
	gbs_upload_drop(op->g, u);
	gbs_answer_empty(op, 200);
}

void
gbs_abort(struct gbs_op *op)
{
	unsigned status;
	struct gbs_upload *u = find(op, &status);

	if (status == 404)
		gbs_work(op, look_for_share, looked_for_share);
	else if (status != 0)
		gbs_answer_empty(op, status);
	else
		gbs_upload_hold(op, u, abort_now);
}

/* -- durability ---------------------------------------------------------------------------------------- */

static void
sync_work(void *arg, const mf_cancel *cancel)
{
	struct mf_gbs *g = arg;

	(void)cancel;
	(void)mf_store_sync(g->store, NULL); /* tried again with the next share, and before a directory is written */
}

void
gbs_sync_now(void *arg)
{
	struct mf_gbs *g = arg;

	g->sync_due = false;
	gbs_job(g, sync_work, NULL, g);
}

void
gbs_sync_soon(struct mf_gbs *g)
{
	bool armed = g->sync_due;

	g->sync_due = true;
	if (!armed && !g->closing)
		g->env->ops->timer_start(g->sync, GBS_SYNC_MS);
}
