/* Applying many at a time: one sync for many new files; one sync of the log and one round of renames for many intents. */
#include "sync/engine.h"

#include <stdlib.h>

enum { BATCH_MS = 250, BATCH_MAX = 512 };

struct batch {
	struct mf_task task;
	struct mf_path **path;
	size_t n;
	struct mf_root *root;
	const char *state_path, *index_path;
};

static struct batch *
batch_take(struct mf_folder *f, struct mf_path **list, size_t *n)
{
	struct batch *b = mf_alloc(sizeof(*b));
	size_t take = *n < BATCH_MAX ? *n : BATCH_MAX;

	b->path = mf_alloc(take * sizeof(struct mf_path *));
	memcpy(b->path, list, take * sizeof(struct mf_path *));
	memmove(list, list + take, (*n - take) * sizeof(struct mf_path *));
	*n -= take;
	b->n = take;
	b->root = f->root;
	b->state_path = mf_state_path(f->state);
	b->index_path = mf_state_index_path(f->state);
	b->task.pool = MF_POOL_TRANSFER;
	return b;
}

static void
batch_free(struct batch *b)
{
	free(b->path);
	free(b);
}

static mf_code
sync_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct batch *b = (struct batch *)t;

	(void)cancel;
	mf_code rc = MF_OPS(t->f)->sync_all(b->root, &t->err);
	for (size_t i = 0; rc != MF_OK && i < b->n; i++)
		(void)MF_OPS(t->f)->unlink(b->root, b->path[i]->apply->tmp, NULL);
	return rc;
}

static void
sync_done(struct mf_task *t)
{
	struct batch *b = (struct batch *)t;
	struct mf_folder *f = t->f;

	f->syncing = false;
	for (size_t i = 0; !f->closing && i < b->n; i++) {
		if (t->err.code != MF_OK) {
			mf_path_fail(f, b->path[i], &t->err);
			continue;
		}
		b->path[i]->apply->synced = true;
		mf_path_ready(f, b->path[i]);
	}
	if (!f->closing)
		mf_apply_kick(f);
	batch_free(b);
}

/* The names are durable before Base says so. */
static mf_code
sync_names(struct mf_folder *f, struct batch *b, mf_err *err)
{
	mf_code rc = MF_OK;

	if (b->n >= MF_APPLY_FEW)
		return MF_OPS(f)->sync_all(b->root, err);
	for (size_t i = 0; rc == MF_OK && i < b->n; i++) {
		const struct mf_apply *a = b->path[i]->apply;
		if (a->outcome != MF_APPLY_REPLACED)
			continue;
		/* where directories went with their last file: the lowest that is still there */
		char *dir = mf_strdup(
			mf_relpath_dir(mf_strz(a->n_gone_dirs == 0 ? a->relpath : a->our_dirs[a->n_gone_dirs - 1])));
		rc = MF_OPS(f)->sync_dir(b->root, dir, err);
		free(dir);
		if (rc == MF_ENOTFOUND) /* the user removed it */
			rc = MF_OK;
	}
	return rc;
}

static mf_code
replace_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct batch *b = (struct batch *)t;

	/* W2: losing an intent whose rename happened is the one thing recovery cannot make good.  The target of a merge is
	 * known to nobody else yet, so it goes first. */
	bool merges = false;
	for (size_t i = 0; i < b->n; i++)
		merges |= b->path[i]->apply->merge;
	mf_code rc = merges ? MF_OPS(t->f)->db_sync(t->f->env, b->index_path, &t->err) : MF_OK;
	if (rc == MF_OK)
		rc = MF_OPS(t->f)->db_sync(t->f->env, b->state_path, &t->err);
	if (rc != MF_OK)
		return rc;
	for (size_t i = 0; i < b->n && !mf_canceled(cancel); i++) {
		struct mf_apply *a = b->path[i]->apply;
		if (a->recovering)
			mf_apply_recover(t->f, b->root, a);
		else
			mf_apply_replace(t->f, b->root, a);
	}
	return sync_names(t->f, b, &t->err);
}

static void
replace_done(struct mf_task *t)
{
	struct batch *b = (struct batch *)t;
	struct mf_folder *f = t->f;

	f->replacing = false;
	for (size_t i = 0; !f->closing && i < b->n; i++) {
		struct mf_apply *a = b->path[i]->apply;
		a->lent = false;
		if (t->err.code != MF_OK || a->outcome == MF_APPLY_NONE) {
			a->outcome = MF_APPLY_FAILED;
			if (a->err.code == MF_OK)
				a->err = t->err;
		}
		mf_path_ready(f, b->path[i]);
	}
	if (!f->closing)
		mf_apply_kick(f);
	batch_free(b);
}

void
mf_apply_kick(struct mf_folder *f)
{
	uint64_t now = mf_now_ms(f);

	if (f->closing || f->in_turn)
		return;
	if (f->n_staged > 0 && !f->syncing && f->root != NULL) {
		if (f->n_downloading == 0 || f->n_staged >= BATCH_MAX || now - f->staged_since_ms >= BATCH_MS) {
			struct batch *b = batch_take(f, f->staged, &f->n_staged);
			b->task.work = sync_work;
			b->task.done = sync_done;
			f->syncing = true;
			f->staged_since_ms = now;
			mf_task_start(f, &b->task);
		} else {
			MF_OPS(f)->timer_start(f->apply_timer, BATCH_MS - (now - f->staged_since_ms));
		}
	}
	if (f->n_intended > 0 && !f->replacing && f->root != NULL) {
		struct batch *b = batch_take(f, f->intended, &f->n_intended);
		b->task.work = replace_work;
		b->task.done = replace_done;
		for (size_t i = 0; i < b->n; i++)
			b->path[i]->apply->lent = true;
		f->replacing = true;
		mf_task_start(f, &b->task);
	}
}
