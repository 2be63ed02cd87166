/* Requests at work: their jobs, their answers, their end. */
#include "daemon/gbs_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/log.h"

enum { TROUBLE_MS = 60000 }; /* the same trouble is logged once in so long */

static gbs_step *const handlers[] = {
	[MF_GBS_VERSION] = gbs_version,
	[MF_GBS_LEASE] = gbs_lease,
	[MF_GBS_ALLOCATE] = gbs_allocate,
	[MF_GBS_WRITE] = gbs_write,
	[MF_GBS_ABORT] = gbs_abort,
	[MF_GBS_LIST] = gbs_list,
	[MF_GBS_READ] = gbs_read,
	[MF_GBS_CORRUPT] = gbs_corrupt,
	[MF_GBS_RTW] = gbs_rtw,
	[MF_GBS_SYNC] = gbs_sync,
};

/* -- beginning and end --------------------------------------------------------------------------------- */

void
gbs_op_end(struct gbs_op *op)
{
	struct mf_gbs *g = op->g;

	if (op->prev != NULL)
		op->prev->next = op->next;
	else
		g->ops = op->next;
	if (op->next != NULL)
		op->next->prev = op->prev;
	mf_guest_close(&op->share);
	mf_buf_free(&op->piece);
	gbs_body_free(op);
	sodium_memzero(op, sizeof(*op));
	free(op);
	gbs_maybe_closed(g);
}

static void
on_gone(void *arg)
{
	struct gbs_op *op = arg;

	op->req = NULL;
	if (op->upload != NULL && op->upload->holder != op)
		gbs_upload_leave(op);
	else if (op->upload != NULL && op->job == NULL)
		gbs_upload_release(op);
	if (op->job == NULL)
		gbs_op_end(op);
}

void
gbs_handle(void *arg, struct mf_http_req *req)
{
	struct mf_gbs *g = arg;
	struct gbs_op *op = mf_alloc(sizeof(*op));
	char why[128];
	unsigned status;
	mf_buf text = {0};

	op->g = g;
	op->req = req;
	op->spool = -1;
	op->share.mut.fd = -1;
	op->next = g->ops;
	if (g->ops != NULL)
		g->ops->prev = op;
	g->ops = op;
	mf_http_on_gone(req, on_gone, op);
	status = mf_gbs_request_parse(req, g->expected, &op->q, why);
	if (status != 401)
		mf_http_trust(req);
	if (status == 0) {
		handlers[op->q.op](op);
		return;
	}
	mf_buf_addz(&text, why);
	gbs_answer(op, status, text.n > 0 ? "text/plain" : NULL, &text);
}

/* -- jobs ---------------------------------------------------------------------------------------------- */

static void
op_work(void *arg, const mf_cancel *cancel)
{
	struct gbs_op *op = arg;

	(void)cancel; /* each is short */
	op->work(op);
}

static void
op_worked(void *arg)
{
	struct gbs_op *op = arg;

	op->job = NULL;
	op->g->jobs--;
	if (op->req != NULL) {
		op->after(op);
		return;
	}
	if (op->upload != NULL)
		gbs_upload_release(op);
	gbs_op_end(op);
}

void
gbs_work(struct gbs_op *op, gbs_step *work, gbs_step *after)
{
	op->work = work;
	op->after = after;
	op->rc = MF_OK;
	op->g->jobs++;
	op->job = op->g->env->ops->job_start(op->g->env, MF_POOL_SERVE, op_work, op_worked, op);
}

struct free_job {
	struct mf_gbs *g;
	mf_job_fn *work;
	void (*after)(struct mf_gbs *g, void *arg);
	void *arg;
};

static void
free_work(void *arg, const mf_cancel *cancel)
{
	struct free_job *j = arg;

	j->work(j->arg, cancel);
}

static void
free_worked(void *arg)
{
	struct free_job j = *(struct free_job *)arg;

	free(arg);
	j.g->jobs--;
	if (j.after != NULL)
		j.after(j.g, j.arg);
	gbs_maybe_closed(j.g);
}

void
gbs_job(struct mf_gbs *g, mf_job_fn *work, void (*after)(struct mf_gbs *g, void *arg), void *arg)
{
	struct free_job *j = mf_alloc(sizeof(*j));

	*j = (struct free_job){g, work, after, arg};
	g->jobs++;
	(void)g->env->ops->job_start(g->env, MF_POOL_SERVE, free_work, free_worked, j);
}

/* -- answers ------------------------------------------------------------------------------------------- */

void
gbs_answer(struct gbs_op *op, unsigned status, const char *type, mf_buf *body)
{
	const mf_http_reply_opts o = {.status = status, .type = type};
	struct mf_http_req *req = op->req;

	gbs_op_end(op);
	mf_http_on_gone(req, NULL, NULL);
	mf_http_reply(req, &o, body);
}

void
gbs_answer_empty(struct gbs_op *op, unsigned status)
{
	mf_buf none = {0};

	gbs_answer(op, status, NULL, &none);
}

void
gbs_answer_cbor(struct gbs_op *op, unsigned status, mf_buf *body)
{
	gbs_answer(op, status, "application/cbor", body);
}

/* A disk that is full or broken is the owner's business. */
static void
tell_owner(struct mf_gbs *g, const mf_err *err)
{
	uint64_t now = g->env->ops->mono_ms(g->env);

	if (strcmp(g->trouble, err->text) == 0 && now - g->trouble_ms < TROUBLE_MS)
		return;
	(void)snprintf(g->trouble, sizeof(g->trouble), "%s", err->text);
	g->trouble_ms = now;
	mf_log(MF_LOG_WARNING, "serve", NULL, "%s", err->text);
}

void
gbs_answer_failure(struct gbs_op *op)
{
	unsigned status = 500;
	mf_buf text = {0};

	switch (op->rc) {
	case MF_ENOTFOUND: status = 404; break;
	case MF_EAUTH: status = 401; break;
	case MF_EEXIST: status = 409; break;
	case MF_ECHANGED: status = 409; break;
	case MF_EINVAL: status = 400; break;
	case MF_EFORMAT: status = 400; break;
	case MF_EFULL: status = op->err.sys != 0 ? 507 : 413; break;
	default: break;
	}
	if (status >= 500)
		tell_owner(op->g, &op->err);
	if (status == 400 || status == 413) /* about what was sent; the rest names paths of ours */
		mf_buf_addz(&text, op->err.text);
	gbs_answer(op, status, text.n > 0 ? "text/plain" : NULL, &text);
}
