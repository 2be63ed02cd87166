/* Shares that are being uploaded: who may go on with them, and when they are given up. */
#include "daemon/gbs_impl.h"

#include <stdlib.h>

#include <sodium.h>

enum { SWEEP_MS = 10000 };

struct gbs_upload *
gbs_upload_find(struct mf_gbs *g, const uint8_t si[MF_SI_SIZE], uint32_t num)
{
	for (struct gbs_upload *u = g->uploads; u != NULL; u = u->next)
		if (u->num == num && memcmp(u->si, si, MF_SI_SIZE) == 0)
			return u;
	return NULL;
}

/* -- its end ------------------------------------------------------------------------------------------- */

/* What a large file without a name takes to go is no work for the loop. */
static void
free_file(void *arg, const mf_cancel *cancel)
{
	(void)cancel;
	mf_imm_new_free(arg);
}

static uint64_t
missing(const struct gbs_upload *u)
{
	return u->size - mf_ranges_sum(&u->got);
}

void
gbs_upload_drop(struct mf_gbs *g, struct gbs_upload *u)
{
	struct gbs_op *first = u->first;

	if (u->prev != NULL)
		u->prev->next = u->next;
	else
		g->uploads = u->next;
	if (u->next != NULL)
		u->next->prev = u->prev;
	g->n_uploads--;
	if (u->file != NULL)
		gbs_job(g, free_file, NULL, u->file);
	mf_ranges_free(&u->got);
	sodium_memzero(u, sizeof(*u));
	free(u);
	while (first != NULL) {
		struct gbs_op *op = first;

		first = op->waiting;
		op->upload = NULL;
		gbs_answer_empty(op, 404);
	}
}

/* -- one at a time ------------------------------------------------------------------------------------- */

void
gbs_upload_hold(struct gbs_op *op, struct gbs_upload *u, gbs_step *turn)
{
	op->upload = u;
	op->turn = turn;
	op->waiting = NULL;
	if (u->holder == NULL) {
		u->holder = op;
		turn(op);
		return;
	}
	if (u->last != NULL)
		u->last->waiting = op;
	else
		u->first = op;
	u->last = op;
}

void
gbs_upload_release(struct gbs_op *op)
{
	struct gbs_upload *u = op->upload;
	struct mf_gbs *g = op->g;

	op->upload = NULL;
	u->holder = NULL;
	u->touched_ms = g->env->ops->mono_ms(g->env);
	if (u->linked) {
		gbs_sync_soon(g);
		gbs_upload_drop(g, u);
		return;
	}
	if (u->first == NULL)
		return;
	op = u->first;
	u->first = op->waiting;
	if (u->first == NULL)
		u->last = NULL;
	u->holder = op;
	op->turn(op);
}

void
gbs_upload_leave(struct gbs_op *op)
{
	struct gbs_upload *u = op->upload;
	struct gbs_op **at = &u->first, *before = NULL;

	while (*at != op) {
		before = *at;
		at = &(*at)->waiting;
	}
	*at = op->waiting;
	if (u->last == op)
		u->last = before;
	op->upload = NULL;
}

/* -- allocating ---------------------------------------------------------------------------------------- */

uint64_t
gbs_available(struct mf_gbs *g)
{
	mf_grid_status st;

	if (mf_store_usage(g->store, &st, NULL) != MF_OK || st.bytes_free <= g->reserve)
		return 0;
	return st.bytes_free - g->reserve;
}

/* What unfinished uploads will still take. */
static uint64_t
promised(const struct mf_gbs *g)
{
	uint64_t sum = 0;

	for (const struct gbs_upload *u = g->uploads; u != NULL; u = u->next)
		sum += u->holder == NULL ? missing(u) : u->size; /* its ranges are with a job: the most it can be */
	return sum;
}

/* There are too many: the one that has waited longest for data makes room, if that is a while. */
static bool
make_room(struct mf_gbs *g)
{
	struct gbs_upload *oldest = NULL;

	for (struct gbs_upload *u = g->uploads; u != NULL; u = u->next)
		if (u->holder == NULL && (oldest == NULL || u->touched_ms < oldest->touched_ms))
			oldest = u;
	if (oldest == NULL || g->env->ops->mono_ms(g->env) - oldest->touched_ms < g->upload_idle_ms / 30)
		return false;
	gbs_upload_drop(g, oldest);
	return true;
}

static void
begin_upload(struct gbs_op *op, uint32_t num)
{
	struct mf_gbs *g = op->g;
	struct gbs_upload *u = mf_alloc(sizeof(*u));

	memcpy(u->si, op->q.si, MF_SI_SIZE);
	u->num = num;
	u->size = op->ask.size;
	memcpy(u->secret, op->q.upload, sizeof(u->secret));
	mf_lease_given(g->store, op->q.renew, op->q.cancel, &u->lease);
	u->touched_ms = g->env->ops->mono_ms(g->env);
	u->next = g->uploads;
	if (g->uploads != NULL)
		g->uploads->prev = u;
	g->uploads = u;
	g->n_uploads++;
}

/* The shares of the SI are known: which of those asked for can be had?  What is in neither set of the answer is being
 * uploaded by somebody, or there is no room for it. */
static void
allocate_found(struct gbs_op *op)
{
	mf_gbs_allocated answer = {.have = op->have.immutable};
	bool other_kind = mf_share_set_count(&op->have.mutables) > 0;
	uint64_t room = op->available, taken = promised(op->g);
	mf_buf body = {0};

	if (op->rc != MF_OK) {
		gbs_answer_failure(op);
		return;
	}
	for (uint32_t n = 0; (n = mf_share_set_next(&op->have.mutables, n)) < MF_SHARE_SET; n++)
		mf_share_set_add(&answer.have, n); /* as Tahoe does, which looks at names only */
	room = room > taken ? room - taken : 0;
	for (uint32_t n = 0; (n = mf_share_set_next(&op->ask.shares, n)) < MF_SHARE_SET && !other_kind; n++) {
		if (mf_share_set_has(&answer.have, n) || gbs_upload_find(op->g, op->q.si, n) != NULL ||
			op->ask.size > room || (op->g->n_uploads >= GBS_UPLOADS_MAX && !make_room(op->g)))
			continue;
		begin_upload(op, n);
		room -= op->ask.size;
		mf_share_set_add(&answer.allocated, n);
	}
	mf_gbs_pack_allocated(&body, &answer);
	gbs_answer_cbor(op, 200, &body);
}

static void
allocate_work(struct gbs_op *op)
{
	mf_lease l;

	op->rc = mf_gbs_parse_allocate(mf_buf_str(&op->body), &op->ask, &op->err);
	if (op->rc != MF_OK)
		return;
	mf_lease_given(op->g->store, op->q.renew, op->q.cancel, &l);
	op->rc = mf_guest_renew(op->g->store, op->q.si, &l, &op->have, &op->err);
	mf_lease_wipe(&l);
	op->available = gbs_available(op->g);
}

static void
allocate_asked(struct gbs_op *op)
{
	gbs_work(op, allocate_work, allocate_found);
}

void
gbs_allocate(struct gbs_op *op)
{
	gbs_collect(op, allocate_asked);
}

/* -- given up ------------------------------------------------------------------------------------------ */

void
gbs_uploads_sweep(void *arg)
{
	struct mf_gbs *g = arg;
	uint64_t now = g->env->ops->mono_ms(g->env);

	for (struct gbs_upload *u = g->uploads, *next; u != NULL; u = next) {
		next = u->next;
		if (u->holder == NULL && now - u->touched_ms >= g->upload_idle_ms)
			gbs_upload_drop(g, u);
	}
	gbs_uploads_start(g);
}

void
gbs_uploads_start(struct mf_gbs *g)
{
	uint64_t ms = g->upload_idle_ms < SWEEP_MS ? g->upload_idle_ms : SWEEP_MS;

	g->env->ops->timer_start(g->sweep, ms);
}

void
gbs_uploads_stop(struct mf_gbs *g)
{
	while (g->uploads != NULL)
		gbs_upload_drop(g, g->uploads);
}
