/* Turns: one database transaction in which every path that is ready takes its steps; and tasks, which start after
 * its commit. */
#include "sync/inherit/inherit.h"
#include "sync/settle/resolve.h"

#include <stdlib.h>

/* ---- tasks ------------------------------------------------------------------------------------------ */

static void
task_work(void *arg, const mf_cancel *cancel)
{
	struct mf_task *t = arg;

	t->err = (mf_err){0};
	mf_code rc = t->work(t, cancel);

	if (rc == MF_OK)
		t->err = (mf_err){0};
	else if (t->err.code != rc)
		(void)mf_fail(&t->err, rc, t->err.sys, "%s", t->err.text[0] != '\0' ? t->err.text : mf_code_name(rc));
	if (rc == MF_OK && mf_canceled(cancel))
		(void)mf_fail(&t->err, MF_ECANCELED, 0, "stopped");
}

static void
task_done(void *arg)
{
	struct mf_task *t = arg;
	struct mf_folder *f = t->f;

	t->job = NULL;
	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		f->tasks = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	f->n_tasks--;
	t->done(t);
	if (f->closing && f->n_tasks == 0)
		mf_folder_end(f);
}

static void
launch(struct mf_folder *f, struct mf_task *t)
{
	t->prev = NULL;
	t->next = f->tasks;
	if (f->tasks != NULL)
		f->tasks->prev = t;
	f->tasks = t;
	f->n_tasks++;
	(void)mf_fail(&t->err, MF_ECANCELED, 0, "stopped"); /* one that is asked to stop before it begins is not run */
	t->job = MF_OPS(f)->job_start(f->env, t->pool, task_work, task_done, t);
}

void
mf_task_start(struct mf_folder *f, struct mf_task *t)
{
	t->f = f;
	if (!f->in_turn) {
		launch(f, t);
		return;
	}
	if (f->n_deferred == f->cap_deferred) {
		f->cap_deferred = f->cap_deferred == 0 ? 64 : f->cap_deferred * 2;
		f->deferred = mf_realloc_array(f->deferred, f->cap_deferred, sizeof(*f->deferred));
	}
	f->deferred[f->n_deferred++] = t;
}

/* ---- turns -------------------------------------------------------------------------------------------- */

enum { PATHS_PER_TURN = 128, LOCKED_RETRY_MS = 50, BROKEN_RETRY_MS = 1000, TURNS_PER_CHECKPOINT = 64 };
/* With so many tasks under way the workers have enough to do for so long: one commit for what they bring back. */
enum { BUSY_TASKS = 64, BUSY_TURN_MS = 20 };

static struct mf_path *
pop_ready(struct mf_folder *f)
{
	struct mf_path *p = f->q_head;

	if (p == NULL)
		return NULL;
	f->q_head = p->q_next;
	if (f->q_head == NULL)
		f->q_tail = &f->q_head;
	p->q_next = NULL;
	p->queued = false;
	return p;
}

static mf_code
ready_each(void *arg, const char *relpath)
{
	struct mf_folder *f = arg;

	mf_path_look(f, mf_path_need(f, relpath), 0);
	return MF_OK;
}

static mf_code
inherited_each(void *arg, const char *relpath)
{
	return mf_inherit_waits(arg, relpath) ? ready_each(arg, relpath) : MF_OK;
}

static mf_code
conflict_each(void *arg, const char *relpath, const char *slot)
{
	(void)slot;
	return ready_each(arg, relpath);
}

static mf_code
intent_each(void *arg, const char *relpath)
{
	mf_path_need(arg, relpath)->has_intent = true;
	return MF_OK;
}

/* Before anything is planned: which paths are markers, which have an intent. */
static mf_code
load(struct mf_folder *f, mf_err *err)
{
	mf_code rc = mf_markers_load(f, err);

	if (rc == MF_OK)
		rc = mf_state_intent_each(f->state, intent_each, f, err);
	if (rc == MF_OK)
		rc = mf_trust_load(f, err);
	if (rc == MF_OK)
		rc = mf_state_known_any(f->state, &f->known_any, err);
	if (rc == MF_OK)
		rc = mf_inherit_load(f, err);
	f->loaded = rc == MF_OK;
	return rc;
}

/* What a crash interrupted, and what an earlier run noted and did not finish. */
static mf_code
resume(struct mf_folder *f, mf_err *err)
{
	mf_code rc = mf_state_intent_each(f->state, ready_each, f, err);

	if (rc == MF_OK)
		rc = mf_state_pending_each(f->state, ready_each, f, err);
	if (rc == MF_OK)
		rc = mf_state_local_each(f->state, inherited_each, f, err);
	if (rc == MF_OK)
		rc = mf_state_head_unsettled(f->state, ready_each, f, err);
	if (rc == MF_OK)
		rc = mf_state_conflict_each(f->state, conflict_each, f, err);
	f->resume_due = rc != MF_OK;
	return rc;
}

static mf_code
turn_body(void *arg, mf_err *err)
{
	struct mf_folder *f = arg;
	struct mf_path *p;
	mf_code rc = MF_OK;

	f->turn_ran = true;
	f->turn_err = (mf_err){0};
	if (!f->loaded)
		rc = load(f, err);
	if (rc == MF_OK && f->resume_due)
		rc = resume(f, err);
	if (rc != MF_OK)
		return rc;
	mf_poll_take_in(f);
	mf_fetch_turn(f);
	mf_link_turn(f);
	if (mf_poll_is_in(f) && mf_fetch_idle(f))
		mf_trust_settle(f);
	for (unsigned i = 0; i < PATHS_PER_TURN && f->turn_err.code == MF_OK && (p = pop_ready(f)) != NULL; i++) {
		if (f->n_turn_paths == f->cap_turn_paths) {
			f->cap_turn_paths = f->cap_turn_paths == 0 ? 128 : f->cap_turn_paths * 2;
			f->turn_paths = mf_realloc_array(f->turn_paths, f->cap_turn_paths, sizeof(*f->turn_paths));
		}
		f->turn_paths[f->n_turn_paths++] = p;
		mf_path_step(f, p);
	}
	if (f->turn_err.code != MF_OK)
		*err = f->turn_err;
	return f->turn_err.code;
}

static bool
list_remove(struct mf_path **list, size_t *n, const struct mf_path *p)
{
	for (size_t i = 0; i < *n; i++) {
		if (list[i] != p)
			continue;
		list[i] = list[--*n];
		return true;
	}
	return false;
}

/* Nothing that the turn wrote is in the database: what was decided on it is undone. */
static void
undo_turn(struct mf_folder *f)
{
	for (size_t i = 0; i < f->n_turn_paths; i++) {
		struct mf_path *p = f->turn_paths[i];
		p->seen.valid = false;
		mf_choice_undo(f, p->relpath);
		p->has_intent = true; /* perhaps */
		if (p->stage == MF_ST_LINKING && list_remove(f->batch, &f->n_batch, p))
			p->stage = MF_ST_IDLE;
		if (mf_apply_undo(f, p)) {
			continue;
		} else if (p->stage == MF_ST_INTENDED && list_remove(f->intended, &f->n_intended, p)) {
			p->stage = MF_ST_STAGED;
			mf_path_ready(f, p);
			continue;
		}
		mf_path_look(f, p, BROKEN_RETRY_MS);
	}
}

/* The turn is committed: outcomes of replacements need not be remembered. */
static void
let_go(struct mf_folder *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_turn_paths; i++) {
		struct mf_path *p = f->turn_paths[i];
		if (p->apply == NULL || !p->apply->recorded)
			continue;
		mf_apply_drop(p); /* so each is met once, although it may have been stepped more often */
		if (p->stage == MF_ST_IDLE && p->need_look && !p->settling)
			mf_path_ready(f, p);
		if (p->rests)
			f->turn_paths[n++] = p;
	}
	f->n_turn_paths = 0;
	for (size_t i = 0; i < n; i++)
		mf_path_rest(f, f->turn_paths[i]);
}

static void
run_deferred(struct mf_folder *f, const mf_err *failed)
{
	struct mf_task **list = f->deferred;
	size_t n = f->n_deferred;

	f->deferred = NULL;
	f->n_deferred = f->cap_deferred = 0;
	for (size_t i = 0; i < n; i++) {
		if (failed == NULL) {
			launch(f, list[i]);
			continue;
		}
		(void)mf_fail(&list[i]->err, MF_EBUSY, 0, "%s", failed->text);
		list[i]->done(list[i]);
	}
	free(list);
}

static void
note_locked(struct mf_folder *f)
{
	uint64_t now = mf_now_ms(f);

	if (f->busy_since_ms == 0)
		f->busy_since_ms = now;
	else if (now - f->busy_since_ms >= MF_LOCKED_SAY_MS)
		mf_trouble(f, MF_TR_DATABASE, "state.sqlite is locked by another program; waiting for it");
}

/* ---- write-ahead logs -------------------------------------------------------------------------------- */

struct checkpoint {
	struct mf_task task;
	const char *state_path, *index_path;
};

static mf_code
checkpoint_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct checkpoint *c = (struct checkpoint *)t;
	mf_code rc = MF_OPS(t->f)->db_checkpoint(t->f->env, c->state_path, &t->err);

	if (rc == MF_OK && !mf_canceled(cancel))
		rc = MF_OPS(t->f)->db_checkpoint(t->f->env, c->index_path, &t->err);
	return rc;
}

static void
checkpoint_done(struct mf_task *t)
{
	t->f->checkpointing = false; /* one that failed is made good by the next */
	free(t);
}

/* A commit never waits for the disk; the logs are moved into the databases by a task (design 2.8). */
static void
checkpoint_sometimes(struct mf_folder *f)
{
	if (++f->turns_unsaved < TURNS_PER_CHECKPOINT || f->checkpointing)
		return;
	struct checkpoint *c = mf_alloc(sizeof(*c));
	c->state_path = mf_state_path(f->state);
	c->index_path = mf_state_index_path(f->state);
	c->task.pool = MF_POOL_TRANSFER;
	c->task.work = checkpoint_work;
	c->task.done = checkpoint_done;
	f->turns_unsaved = 0;
	f->checkpointing = true;
	mf_task_start(f, &c->task);
}

/* Paths that came to rest in a lost turn are found again, and so are the heads and markers it noted. */
static void
make_good(struct mf_folder *f)
{
	f->turn_lost = false;
	mf_trouble_over(f, MF_TR_DATABASE);
	for (struct mf_peer *q = f->peers; q != NULL; q = q->next)
		if (q->name[0] != '\0' || !f->self_read)
			mf_peer_forget(q);
	f->loaded = false;
	mf_folder_resume(f);
	mf_poll_start(f);
}

void
mf_turn_run(void *arg)
{
	struct mf_folder *f = arg;
	mf_err err = {0};

	f->turn_armed = false;
	if (f->closing)
		return;
	f->in_turn = true;
	f->turn_ran = false;
	mf_code rc = mf_state_txn(f->state, turn_body, f, &err);
	f->in_turn = false;
	if (rc == MF_EBUSY && !f->turn_ran) {
		note_locked(f);
		mf_choices_answer(f); /* those refused: nothing else can be over now */
		mf_turn_arm(f, LOCKED_RETRY_MS);
		return;
	}
	if (rc != MF_OK)
		undo_turn(f);
	else
		let_go(f);
	f->n_turn_paths = 0;
	run_deferred(f, rc == MF_OK ? NULL : &err);
	if (rc != MF_OK) {
		mf_trouble(f, MF_TR_DATABASE, err.text);
		f->turn_lost = true;
		f->turn_armed = true; /* undoing may have armed it for at once */
		MF_OPS(f)->timer_start(f->turn_timer, BROKEN_RETRY_MS);
		return;
	}
	if (f->busy_since_ms != 0) {
		f->busy_since_ms = 0;
		mf_trouble_over(f, MF_TR_DATABASE);
	}
	if (f->turn_lost)
		make_good(f);
	if (f->held_stale)
		(void)mf_held_count(f, NULL);
	checkpoint_sometimes(f);
	if (f->inherits && f->n_looking == 0 && f->n_batch == 0 && !f->linking && !f->sweeping)
		mf_inherit_rest(f);
	mf_paths_shrink(f);
	mf_later_begin(f);
	if (f->q_head != NULL || mf_fetch_has_room(f) || f->fetched != NULL)
		mf_turn_arm(f, 0);
	if (f->poll != NULL && mf_fetch_idle(f))
		mf_poll_ended(f);
	mf_apply_kick(f);
	mf_link_kick(f);
	mf_waiters_check(f);
}

void
mf_turn_arm(struct mf_folder *f, uint64_t delay_ms)
{
	if (f->closing || f->turn_armed)
		return;
	f->turn_armed = true;
	if (delay_ms == 0 && f->n_tasks >= BUSY_TASKS)
		delay_ms = BUSY_TURN_MS;
	MF_OPS(f)->timer_start(f->turn_timer, delay_ms);
}
