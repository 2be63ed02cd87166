/* A folder: birth, death, requests, what it tells. */
#include "sync/engine.h"

#include <stdio.h>
#include <stdlib.h>

enum { ERRORS_KEPT = 1000 };

uint64_t
mf_now_ms(struct mf_folder *f)
{
	return MF_OPS(f)->mono_ms(f->env);
}

void
mf_tell(struct mf_folder *f, enum mf_folder_event_kind kind, const char *relpath, const char *text)
{
	mf_folder_event ev = {.kind = kind, .relpath = relpath, .text = text,
		.at_ns = MF_OPS(f)->now_ns(f->env)};

	if (f->listen != NULL)
		f->listen(f->listen_arg, f, &ev);
}

/* ---- errors ---------------------------------------------------------------------------------------- */

static bool
same_path(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
error_free(struct mf_error *e)
{
	free(e->relpath);
	free(e->text);
	free(e);
}

void
mf_report(struct mf_folder *f, const char *relpath, const char *text)
{
	struct mf_error **link = &f->errors, *e;

	while ((e = *link) != NULL && !same_path(e->relpath, relpath))
		link = &e->next;
	if (e != NULL && strcmp(e->text, text) == 0)
		return; /* said already */
	if (e != NULL) {
		*link = e->next;
		error_free(e);
		f->n_errors--;
	}
	e = mf_alloc(sizeof(*e));
	e->relpath = relpath == NULL ? NULL : mf_strdup(mf_strz(relpath));
	e->text = mf_strdup(mf_strz(text));
	e->at_ns = MF_OPS(f)->now_ns(f->env);
	e->next = f->errors;
	f->errors = e;
	f->n_errors++;
	mf_tell(f, MF_EV_ERROR, relpath, text);
	if (f->n_errors <= ERRORS_KEPT)
		return;
	for (link = &f->errors; (*link)->next != NULL;)
		link = &(*link)->next;
	error_free(*link);
	*link = NULL;
	f->n_errors--;
}

void
mf_report_clear(struct mf_folder *f, const char *relpath)
{
	for (struct mf_error **link = &f->errors, *e; (e = *link) != NULL; link = &e->next) {
		if (!same_path(e->relpath, relpath))
			continue;
		*link = e->next;
		f->n_errors--;
		mf_tell(f, MF_EV_ERROR_CLEARED, relpath, e->text);
		error_free(e);
		return;
	}
}

void
mf_folder_errors(struct mf_folder *f,
	void (*each)(void *arg, const char *relpath, const char *text, int64_t at_ns), void *arg)
{
	for (const struct mf_error *e = f->errors; e != NULL; e = e->next)
		each(arg, e->relpath, e->text, e->at_ns);
}

/* ---- tasks ------------------------------------------------------------------------------------------ */

static void
task_work(void *arg, const mf_cancel *cancel)
{
	struct mf_task *t = arg;

	mf_code rc = t->work(t, cancel);

	if (rc == MF_OK)
		t->err = (mf_err){0};
	else if (t->err.code != rc)
		(void)mf_fail(&t->err, rc, t->err.sys, "%s", t->err.text[0] != '\0' ? t->err.text : mf_code_name(rc));
	if (rc == MF_OK && mf_canceled(cancel))
		(void)mf_fail(&t->err, MF_ECANCELED, 0, "stopped");
}

static void finish_close(struct mf_folder *f);

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
		finish_close(f);
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

bool
mf_task_void(const struct mf_task *t)
{
	return t->f->closing || t->err.code == MF_ECANCELED;
}

/* ---- turns -------------------------------------------------------------------------------------------- */

enum { PATHS_PER_TURN = 128, LOCKED_RETRY_MS = 50, BROKEN_RETRY_MS = 1000, LOCKED_SAY_MS = 2000,
	TURNS_PER_CHECKPOINT = 64 };

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
		p->has_intent = true; /* perhaps */
		if (p->stage == MF_ST_LINKING && list_remove(f->batch, &f->n_batch, p)) {
			p->stage = MF_ST_IDLE;
		} else if (p->stage == MF_ST_INTENDED && list_remove(f->intended, &f->n_intended, p)) {
			p->stage = MF_ST_STAGED;
			mf_path_ready(f, p);
			continue;
		}
		mf_path_look(f, p, BROKEN_RETRY_MS);
	}
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
	else if (now - f->busy_since_ms >= LOCKED_SAY_MS)
		mf_report(f, NULL, "state.sqlite is locked by another program; waiting for it");
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
	mf_report_clear(f, NULL);
	for (struct mf_peer *q = f->peers; q != NULL; q = q->next)
		if (q->name[0] != '\0' || !f->self_read)
			mf_peer_forget(q);
	f->loaded = false;
	mf_folder_resume(f);
	mf_poll_start(f);
}

static void
on_turn(void *arg)
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
		mf_turn_arm(f, LOCKED_RETRY_MS);
		return;
	}
	if (rc != MF_OK)
		undo_turn(f);
	f->n_turn_paths = 0;
	run_deferred(f, rc == MF_OK ? NULL : &err);
	if (rc != MF_OK) {
		mf_report(f, NULL, err.text);
		f->turn_lost = true;
		f->turn_armed = true; /* undoing may have armed it for at once */
		MF_OPS(f)->timer_start(f->turn_timer, BROKEN_RETRY_MS);
		return;
	}
	if (f->busy_since_ms != 0) {
		f->busy_since_ms = 0;
		mf_report_clear(f, NULL);
	}
	if (f->turn_lost)
		make_good(f);
	checkpoint_sometimes(f);
	mf_paths_shrink(f);
	if (f->q_head != NULL || f->heads_todo != NULL || f->fetched != NULL)
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
	MF_OPS(f)->timer_start(f->turn_timer, delay_ms);
}

/* ---- waiting requests -------------------------------------------------------------------------------------- */

uint64_t
mf_waiter_add(struct mf_folder *f, int what, unsigned round, mf_folder_done *done, void *arg)
{
	struct mf_waiter *w = mf_alloc(sizeof(*w));

	w->ticket = ++f->next_ticket;
	w->done = done;
	w->arg = arg;
	w->what = what;
	w->round = round;
	w->next = f->waiters;
	f->waiters = w;
	return w->ticket;
}

static void
waiters_answer(struct mf_folder *f, int what, unsigned round, const mf_err *err)
{
	struct mf_waiter **link = &f->waiters, *w;

	/* one at a time: an answer may make its receiver forget another */
	while ((w = *link) != NULL) {
		if (what >= 0 && ((int)w->what != what || w->round > round)) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		w->done(w->arg, err);
		free(w);
		link = &f->waiters;
	}
}

void
mf_waiters_check(struct mf_folder *f)
{
	static const mf_err ok = {.code = MF_OK};

	if (!f->scan_running && f->scan_marked == 0)
		waiters_answer(f, MF_WAIT_SCAN, f->scan_round, &ok);
	if (f->poll == NULL && f->poll_marked == 0)
		waiters_answer(f, MF_WAIT_POLL, f->poll_round, &ok);
}

void
mf_folder_forget(struct mf_folder *f, uint64_t ticket)
{
	for (struct mf_waiter **link = &f->waiters, *w; (w = *link) != NULL; link = &w->next) {
		if (w->ticket != ticket)
			continue;
		*link = w->next;
		free(w);
		return;
	}
}

void
mf_folder_scan(struct mf_folder *f, mf_folder_done *done, void *arg, uint64_t *ticket)
{
	/* a scan that runs already may have passed the place of the change: one more follows it */
	uint64_t t = mf_waiter_add(f, MF_WAIT_SCAN, f->scan_round + 1 + (f->scan_running ? 1 : 0), done, arg);

	if (ticket != NULL)
		*ticket = t;
	mf_scan_start(f);
}

void
mf_folder_poll(struct mf_folder *f, mf_folder_done *done, void *arg, uint64_t *ticket)
{
	uint64_t t = mf_waiter_add(f, MF_WAIT_POLL, f->poll_round + 1 + (f->poll != NULL ? 1 : 0), done, arg);

	if (ticket != NULL)
		*ticket = t;
	mf_poll_start(f);
}

/* ---- birth and death ------------------------------------------------------------------------------------------ */

static void on_settle(void *arg);

static void
on_batch(void *arg)
{
	mf_link_kick(arg);
}

static void
on_apply(void *arg)
{
	mf_apply_kick(arg);
}

static void
on_poll(void *arg)
{
	mf_poll_start(arg);
}

static void
on_scan(void *arg)
{
	mf_scan_start(arg);
}

mf_code
mf_folder_open(struct mf_env *env, struct mf_grid *grid, const char *name, const char *state_dir,
	mf_folder_listener *listen, void *arg, struct mf_folder **out, mf_err *err)
{
	struct mf_folder *f = mf_alloc(sizeof(*f));

	f->env = env;
	f->grid = grid;
	f->listen = listen;
	f->listen_arg = arg;
	f->q_tail = &f->q_head;
	f->heads_tail = &f->heads_todo;
	f->fetch_queue_tail = &f->fetch_queue;
	env->ops->random(env, f->hash_key, sizeof(f->hash_key));
	mf_code rc = mf_state_open(env, state_dir, name, &f->state, err);
	if (rc != MF_OK)
		goto free_folder;
	rc = mf_state_conf(f->state, &f->conf, err);
	if (rc != MF_OK)
		goto close_state;
	f->turn_timer = env->ops->timer_new(env, on_turn, f);
	f->settle_timer = env->ops->timer_new(env, on_settle, f);
	f->batch_timer = env->ops->timer_new(env, on_batch, f);
	f->apply_timer = env->ops->timer_new(env, on_apply, f);
	f->poll_timer = env->ops->timer_new(env, on_poll, f);
	f->scan_timer = env->ops->timer_new(env, on_scan, f);
	*out = f;
	return MF_OK;

close_state:
	mf_state_close(f->state);
free_folder:
	free(f);
	return rc;
}

void
mf_folder_start(struct mf_folder *f)
{
	if (f->started)
		return;
	f->started = true;
	mf_watch_start(f);
	mf_walk_first(f); /* then a poll, then mf_folder_resume() and a scan */
}

void
mf_folder_resume(struct mf_folder *f)
{
	f->resume_due = true;
	mf_turn_arm(f, 0);
	f->scan_again = false; /* this one serves whoever asked before */
	mf_scan_start(f);
}

static void
finish_close(struct mf_folder *f)
{
	void (*closed)(void *) = f->closed;
	void *arg = f->closed_arg;

	MF_OPS(f)->timer_free(f->turn_timer);
	MF_OPS(f)->timer_free(f->settle_timer);
	MF_OPS(f)->timer_free(f->batch_timer);
	MF_OPS(f)->timer_free(f->apply_timer);
	MF_OPS(f)->timer_free(f->poll_timer);
	MF_OPS(f)->timer_free(f->scan_timer);
	mf_fetch_free(f);
	mf_poll_drop(f);
	mf_peers_free(f);
	mf_paths_free(f);
	mf_dirset_free(f);
	mf_markers_free(f);
	mf_odd_free(f);
	while (f->errors != NULL) {
		struct mf_error *e = f->errors;
		f->errors = e->next;
		error_free(e);
	}
	free(f->batch);
	free(f->staged);
	free(f->intended);
	free(f->deferred);
	free(f->turn_paths);
	if (f->root != NULL)
		MF_OPS(f)->root_close(f->root);
	mf_state_close(f->state);
	mf_folder_conf_clear(&f->conf);
	free(f);
	closed(arg);
}

static void
on_close_idle(void *arg)
{
	finish_close(arg);
}

void
mf_folder_close(struct mf_folder *f, void (*done)(void *arg), void *arg)
{
	mf_err gone = {0};

	f->closing = true;
	f->closed = done;
	f->closed_arg = arg;
	mf_watch_stop(f);
	MF_OPS(f)->timer_stop(f->settle_timer);
	MF_OPS(f)->timer_stop(f->batch_timer);
	MF_OPS(f)->timer_stop(f->apply_timer);
	MF_OPS(f)->timer_stop(f->poll_timer);
	MF_OPS(f)->timer_stop(f->scan_timer);
	for (struct mf_task *t = f->tasks; t != NULL; t = t->next)
		MF_OPS(f)->job_cancel(t->job);
	(void)mf_fail(&gone, MF_ECANCELED, 0, "the folder is being closed");
	waiters_answer(f, -1, ~0u, &gone);
	if (f->n_tasks > 0)
		return; /* the last task closes */
	/* later, from the loop */
	MF_OPS(f)->timer_free(f->turn_timer);
	f->turn_timer = MF_OPS(f)->timer_new(f->env, on_close_idle, f);
	MF_OPS(f)->timer_start(f->turn_timer, 0);
}

const mf_folder_conf *
mf_folder_config(const struct mf_folder *f)
{
	return &f->conf;
}

mf_code
mf_folder_file_status(struct mf_folder *f,
	mf_code (*each)(void *arg, const mf_file_status *), void *arg, mf_err *err)
{
	return mf_state_file_status(f->state, each, arg, err);
}

mf_code
mf_folder_conflicts(struct mf_folder *f,
	mf_code (*each)(void *arg, const char *relpath, const char *participant), void *arg, mf_err *err)
{
	return mf_state_conflict_each(f->state, each, arg, err);
}

static mf_code
count_one(void *arg, const char *relpath, const char *slot)
{
	uint64_t *n = arg;

	(void)relpath;
	(void)slot;
	(*n)++;
	return MF_OK;
}

void
mf_folder_status_get(struct mf_folder *f, mf_folder_status *out)
{
	*out = (mf_folder_status){.uploads_queued = f->n_up, .downloads_queued = f->n_down, .errors = f->n_errors,
		.scanning = f->scan_running, .polling = f->poll != NULL, .in_collective = f->in_collective,
		.watching = f->watching, .last_scan_ns = f->last_scan_ns, .last_poll_ns = f->last_poll_ns};
	out->database_busy = f->busy_since_ms != 0 && mf_now_ms(f) - f->busy_since_ms >= LOCKED_SAY_MS;
	(void)mf_state_path_count(f->state, &out->files, NULL);
	(void)mf_state_conflict_each(f->state, count_one, &out->conflicts, NULL);
}

/* ---- settling -------------------------------------------------------------------------------------------------- */

static void
on_settle(void *arg)
{
	struct mf_folder *f = arg;
	uint64_t now = mf_now_ms(f), next = UINT64_MAX;

	f->settle_at_ms = 0;
	if (f->closing)
		return;
	for (struct mf_path *p = f->settling, *after; p != NULL; p = after) {
		after = p->s_next;
		if (p->due_ms <= now)
			mf_path_ready(f, p);
		else if (p->due_ms < next)
			next = p->due_ms;
	}
	if (next != UINT64_MAX)
		mf_settle_arm(f, next - now < 5 ? now + 5 : next);
}
