/** @file
 * Inside of the storage server, shared by gbs*.c only.
 *
 * A request is an op: it is parsed, then goes back and forth between the loop and at most one job at a time, then is
 * answered.  Invariants: 1. an op lives until it was answered or its client left, and no job of it runs.  2. while a job
 * runs, the op's fields belong to it, but req, prev and next.  3. an upload's file and ranges belong to the one op that
 * holds it (`holder`); others wait in line. */
#ifndef MF_DAEMON_GBS_IMPL_H
#define MF_DAEMON_GBS_IMPL_H

#include <pthread.h>

#include "daemon/gbs.h"
#include "daemon/gbs_ranges.h"
#include "daemon/gbs_request.h"
#include "grid/store/gbs_cbor.h"

enum {
	GBS_PIECE = 256 << 10,        /* bytes of a share read, or written, by one job */
	GBS_PIECE_LEAST = 128 << 10,  /* of an upload to have before a job is worth it */
	GBS_BODY_MEMORY = 1 << 20,    /* bytes of a body kept in memory; a larger one goes through a file */
	GBS_UPLOADS_MAX = 1024,       /* unfinished ones */
	GBS_UPLOAD_IDLE_MS = 1800000, /* without data; then it is forgotten, as by Tahoe's server */
	GBS_SYNC_MS = 1000,           /* shares are durable so long after their upload at the latest */
};

struct gbs_op;
typedef void gbs_step(struct gbs_op *op);

/** A share that is being uploaded. */
struct gbs_upload {
	struct gbs_upload *prev, *next;
	uint8_t si[MF_SI_SIZE];
	uint32_t num;
	uint64_t size;      /* bytes it will have */
	uint8_t secret[32]; /* hash of the upload secret */
	mf_lease lease;     /* secret */
	uint64_t touched_ms;
	struct mf_imm_new *file; /* NULL: no data yet */
	mf_ranges got;
	bool linked; /* it is a share now */
	struct gbs_op *holder, *first, *last;
};

struct gbs_op {
	struct gbs_op *prev, *next;
	struct mf_gbs *g;
	struct mf_http_req *req; /* NULL: the client has left */
	mf_gbs_request q;
	struct mf_job *job;
	gbs_step *work, *after; /* of the job */
	mf_code rc;             /* what the job says */
	mf_err err;

	/* gbs_body.c */
	mf_buf body; /* what came and was not put away */
	uint64_t body_n;
	bool body_end;
	int spool; /* -1, or the file that holds what came before */
	void *map; /* NULL, or all of that file */
	uint64_t spooled;
	gbs_step *collected;

	/* one or the other operation's own */
	mf_guest_share share;
	uint64_t at;  /* reading, writing: how far */
	bool reading; /* the head of the answer is out */
	mf_buf piece;
	mf_guest_shares have;
	mf_gbs_allocate ask;
	uint64_t available;
	struct gbs_upload *upload;
	struct gbs_op *waiting; /* the next in line for `upload` */
	gbs_step *turn;         /* what to do when it is our turn */
};

struct mf_gbs {
	struct mf_env *env;
	struct mf_store *store;
	struct mf_http *http;
	struct mf_tls_ctx *tls;
	int lock;
	uint8_t expected[32]; /* hash of the Authorization that clients send */
	char *nurl;           /* secret */
	char *nurl_path;
	mf_endpoint bound;
	uint64_t reserve, upload_idle_ms;
	struct gbs_op *ops;
	struct gbs_upload *uploads;
	size_t n_uploads;
	struct mf_timer *sweep, *sync;
	unsigned jobs;       /* running */
	pthread_mutex_t big; /* held by the one job that changes a large mutable share: a copy of it is in memory */
	char trouble[192];   /* what was last logged */
	uint64_t trouble_ms;
	bool sync_due, closing;
	void (*done)(void *arg);
	void *done_arg;
};

/* gbs_op.c */
void gbs_handle(void *arg, struct mf_http_req *req);
/** Do op->work on a worker, then @p after on the loop; if the client has left meanwhile the op just ends. */
void gbs_work(struct gbs_op *op, gbs_step *work, gbs_step *after);
/** Answer and end the op.  @p body is taken over. */
void gbs_answer(struct gbs_op *op, unsigned status, const char *type, mf_buf *body);
void gbs_answer_empty(struct gbs_op *op, unsigned status);
void gbs_answer_cbor(struct gbs_op *op, unsigned status, mf_buf *body);
/** By op->rc and op->err. */
void gbs_answer_failure(struct gbs_op *op);
/** Free what it has; it is in no list of others and has no job. */
void gbs_op_end(struct gbs_op *op);
/** A job that belongs to no op. */
void gbs_job(struct mf_gbs *g, mf_job_fn *work, void (*after)(struct mf_gbs *g, void *arg), void *arg);
void gbs_maybe_closed(struct mf_gbs *g);

/* gbs_body.c */
/** Get the whole body, then @p then.  Answers 413 if it is too large. */
void gbs_collect(struct gbs_op *op, gbs_step *then);
/** On a worker: all of it, lent until the op ends. */
mf_code gbs_body(struct gbs_op *op, mf_str *out, mf_err *err);
void gbs_body_free(struct gbs_op *op);

/* gbs_slots.c */
void gbs_version(struct gbs_op *op);
void gbs_list(struct gbs_op *op);
void gbs_lease(struct gbs_op *op);
void gbs_corrupt(struct gbs_op *op);
void gbs_rtw(struct gbs_op *op);
void gbs_read(struct gbs_op *op);
void gbs_sync(struct gbs_op *op);

/* gbs_uploads.c */
void gbs_allocate(struct gbs_op *op);
struct gbs_upload *gbs_upload_find(struct mf_gbs *g, const uint8_t si[MF_SI_SIZE], uint32_t num);
/** op->turn when it is ours alone; answers 404 if it is gone by then. */
void gbs_upload_hold(struct gbs_op *op, struct gbs_upload *u, gbs_step *turn);
/** Let the next one have it.  One that is finished goes. */
void gbs_upload_release(struct gbs_op *op);
/** The client left while it waited in line. */
void gbs_upload_leave(struct gbs_op *op);
/** Forget it and its file; nobody holds it.  Those in line get 404. */
void gbs_upload_drop(struct mf_gbs *g, struct gbs_upload *u);
void gbs_uploads_start(struct mf_gbs *g);
void gbs_uploads_sweep(void *g); /**< give up those without data for long; then waits for the next time */
void gbs_uploads_stop(struct mf_gbs *g);
/** Bytes that may be promised to uploads; blocking, [any] thread; 0 also if nobody knows. */
uint64_t gbs_available(struct mf_gbs *g);

/* gbs_write.c */
void gbs_write(struct gbs_op *op);
void gbs_abort(struct gbs_op *op);
/** Something was stored that must become durable soon. */
void gbs_sync_soon(struct mf_gbs *g);
void gbs_sync_now(void *g); /**< in a job */

#endif
