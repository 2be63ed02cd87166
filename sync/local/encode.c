/* Snapshots whose content is on the grid already: merges, resolutions, deletions; and hashes of contents. */
#include "sync/inherit/stash.h"

#include <stdlib.h>

struct encode {
	struct mf_task task;
	struct mf_path *p;
	mf_snap_row *row;
	mf_pathstate state;
};

static mf_code
encode_work(struct mf_task *t, const mf_cancel *cancel)
{
	return mf_snapshot_store(t->f, ((struct encode *)t)->row, cancel, &t->err);
}

static void
encode_done(struct mf_task *t)
{
	struct encode *e = (struct encode *)t;
	struct mf_path *p = e->p;

	if (!t->f->closing) {
		p->stage = MF_ST_IDLE;
		p->grid_failed = mf_stash_is_outage(t->err.code);
		if (t->err.code != MF_OK) {
			mf_path_fail(t->f, p, &t->err);
		} else {
			mf_snap_row_free(p->made);
			p->made = e->row;
			p->made_state = e->state;
			e->row = NULL;
			mf_path_ready(t->f, p);
		}
	}
	mf_snap_row_free(e->row);
	free(e);
}

void
mf_encode_start(struct mf_folder *f, struct mf_path *p, mf_snap_row *proto, mf_pathstate state)
{
	struct encode *e = mf_alloc(sizeof(*e));

	e->task.work = encode_work;
	e->task.done = encode_done;
	e->task.pool = MF_POOL_QUICK;
	e->p = p;
	e->row = proto;
	e->state = state;
	p->stage = MF_ST_ENCODING;
	mf_task_start(f, &e->task);
}

/* ---- the hash of a snapshot that carries none (made by Python) ------------------------------------------ */

struct hashing {
	struct mf_task task;
	struct mf_path *p;
	mf_immdir cap;
	mf_filecap content;
	uint64_t size;
	struct mf_sha256 *sha;
	uint8_t out[32];
};

static mf_code
hash_sink(void *arg, const void *p, size_t n, mf_err *err)
{
	(void)err;
	mf_sha256_add(((struct hashing *)arg)->sha, p, n);
	return MF_OK;
}

static mf_code
hashing_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct hashing *h = (struct hashing *)t;

	h->sha = mf_sha256_new();
	mf_code rc = t->f->grid->ops->get(t->f->grid, &h->content, 0, h->size, hash_sink, h, cancel, &t->err);
	mf_sha256_end(h->sha, h->out);
	return rc;
}

static void
hashing_done(struct mf_task *t)
{
	struct hashing *h = (struct hashing *)t;
	struct mf_path *p = h->p;
	mf_err err = t->err;

	if (!t->f->closing) {
		p->stage = MF_ST_IDLE;
		if (err.code == MF_OK)
			(void)mf_state_snap_set_sha(t->f->state, h->cap.text, h->out, &err);
		if (err.code == MF_OK)
			mf_path_ready(t->f, p);
		else
			mf_path_fail(t->f, p, &err);
	}
	free(h);
}

void
mf_hash_content_start(struct mf_folder *f, struct mf_path *p, const mf_snap_row *row)
{
	struct hashing *h = mf_alloc(sizeof(*h));

	h->task.work = hashing_work;
	h->task.done = hashing_done;
	h->task.pool = MF_POOL_TRANSFER;
	h->task.may_stop = true;
	h->p = p;
	h->cap = row->cap;
	h->content = row->content;
	h->size = row->size;
	p->stage = MF_ST_HASHING;
	mf_task_start(f, &h->task);
}
