/* A new file that nobody wants any more: removed when the drop of its intent is durable. */
#include "sync/engine.h"

#include <stdlib.h>

struct sweep {
	struct mf_task task;
	struct mf_root *root;
	const char *state_path;
	char *tmp, *relpath;
	mf_stat fresh;
};

/* What lies there is the new file as it was written?  If not, the user was in it during the exchange. */
static mf_code
sweep_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct sweep *s = (struct sweep *)t;
	mf_code rc = MF_OPS(t->f)->db_sync(t->f->env, s->state_path, &t->err);

	mf_stat st = {0};

	(void)cancel;
	if (rc == MF_OK)
		rc = MF_OPS(t->f)->stat(s->root, s->tmp, &st, &t->err);
	if (rc != MF_OK || st.kind == MF_KIND_ABSENT)
		return rc;
	if (st.ino == s->fresh.ino && st.size == s->fresh.size && st.mtime_ns == s->fresh.mtime_ns)
		return MF_OPS(t->f)->unlink(s->root, s->tmp, &t->err);
	mf_buf keep = {0};
	mf_buf_addf(&keep, "%s.recovered", s->relpath);
	rc = MF_OPS(t->f)->rename(s->root, s->tmp, (char *)keep.p, MF_RENAME_NEW, &t->err);
	mf_buf_free(&keep);
	return rc;
}

static void
sweep_done(struct mf_task *t)
{
	free(((struct sweep *)t)->tmp);
	free(((struct sweep *)t)->relpath);
	free(t);
}

void
mf_apply_sweep(struct mf_folder *f, const struct mf_apply *a)
{
	struct sweep *s = mf_alloc(sizeof(*s));

	s->root = f->root;
	s->state_path = mf_state_path(f->state);
	s->tmp = mf_strdup(mf_strz(a->tmp));
	s->relpath = mf_strdup(mf_strz(a->relpath));
	s->fresh = a->fresh;
	s->task.pool = MF_POOL_TRANSFER;
	s->task.work = sweep_work;
	s->task.done = sweep_done;
	mf_task_start(f, &s->task);
}
