/* Bodies: small ones in memory, large ones through a file without a name. */
#include "daemon/gbs_impl.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static void collect(struct gbs_op *op);

static void
spool_work(struct gbs_op *op)
{
	if (op->spool < 0)
		op->rc = mf_guest_scratch(op->g->store, &op->spool, &op->err);
	if (op->rc == MF_OK)
		op->rc = mf_guest_scratch_write(op->g->store, op->spool, op->spooled, mf_buf_str(&op->body), &op->err);
	op->spooled += op->body.n;
	mf_buf_free(&op->body);
}

static void
spooled(struct gbs_op *op)
{
	if (op->rc != MF_OK)
		gbs_answer_failure(op);
	else
		collect(op);
}

static void
more(void *arg)
{
	collect(arg);
}

static void
collect(struct gbs_op *op)
{
	mf_buf piece;

	if (!op->body_end) {
		op->body_end = mf_http_body_take(op->req, &piece);
		op->body_n += piece.n;
		if (op->body.n == 0) {
			mf_buf_free(&op->body);
			op->body = piece;
		} else {
			mf_buf_add(&op->body, piece.p, piece.n);
			mf_buf_free(&piece);
		}
	}
	if (op->body_n > op->q.body_max)
		gbs_answer_empty(op, 413);
	else if (op->body.n > GBS_BODY_MEMORY || (op->body_end && op->spool >= 0 && op->body.n > 0))
		gbs_work(op, spool_work, spooled);
	else if (op->body_end)
		op->collected(op);
	else
		mf_http_body_wait(op->req, GBS_PIECE_LEAST, more, op);
}

void
gbs_collect(struct gbs_op *op, gbs_step *then)
{
	op->collected = then;
	collect(op);
}

mf_code
gbs_body(struct gbs_op *op, mf_str *out, mf_err *err)
{
	if (op->spool < 0) {
		*out = mf_buf_str(&op->body);
		return MF_OK;
	}
	op->map = mmap(NULL, (size_t)op->spooled, PROT_READ, MAP_SHARED, op->spool, 0);
	if (op->map == MAP_FAILED) {
		op->map = NULL;
		return mf_fail_errno(err, errno, "look at a request's body");
	}
	*out = (mf_str){op->map, (size_t)op->spooled};
	return MF_OK;
}

void
gbs_body_free(struct gbs_op *op)
{
	if (op->map != NULL)
		(void)munmap(op->map, (size_t)op->spooled);
	if (op->spool >= 0)
		(void)close(op->spool);
	mf_buf_wipe_free(&op->body);
}
