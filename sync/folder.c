/* A folder: birth, death, requests. */
#include "sync/settle/resolve.h"
#include "sync/local/rules.h"

#include <stdlib.h>

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

void
mf_waiters_answer(struct mf_folder *f, int what, unsigned round, const mf_err *err)
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

	mf_choices_answer(f);
	if (!f->scan_running && f->scan_marked == 0 && f->n_later[MF_LATER_SCAN] == 0)
		mf_waiters_answer(f, MF_WAIT_SCAN, f->scan_round, &ok);
	if (f->poll == NULL && f->poll_marked == 0 && f->n_later[MF_LATER_POLL] == 0)
		mf_waiters_answer(f, MF_WAIT_POLL, f->poll_round, &ok);
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
	mf_choice_forget(f, ticket);
}

void
mf_folder_scan(struct mf_folder *f, mf_folder_done *done, void *arg, uint64_t *ticket)
{
	/* a scan that runs already may have passed the place of the change: one more follows it */
	uint64_t t = mf_waiter_add(f, MF_WAIT_SCAN, f->scan_round + 1 + (f->scan_running ? 1 : 0), done, arg);

	if (ticket != NULL)
		*ticket = t;
	mf_scan_start(f);
	if (!f->set.paused)
		mf_paths_retry(f, true);
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

/* No update for a while. */
static void
on_rest(void *arg)
{
	struct mf_folder *f = arg;

	if (!f->linking && f->grid->ops->rest != NULL)
		f->grid->ops->rest(f->grid); /* while one is under way it is asked again afterwards */
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
	f->later_tail = &f->later;
	f->heads_tail = &f->heads_todo;
	f->fetch_queue_tail = &f->fetch_queue;
	env->ops->random(env, f->hash_key, sizeof(f->hash_key));
	mf_code rc = mf_state_open(env, state_dir, name, &f->state, err);
	if (rc != MF_OK)
		goto free_folder;
	rc = mf_state_conf(f->state, &f->conf, err);
	if (rc != MF_OK)
		goto close_state;
	rc = mf_state_settings_get(f->state, &f->set, err);
	if (rc != MF_OK)
		goto clear_conf;
	rc = mf_state_held_count(f->state, f->held, err);
	if (rc == MF_OK)
		rc = mf_mounts_load(f, err);
	if (rc != MF_OK)
		goto clear_conf;
	f->turn_timer = env->ops->timer_new(env, mf_turn_run, f);
	f->settle_timer = env->ops->timer_new(env, mf_settle_run, f);
	f->batch_timer = env->ops->timer_new(env, on_batch, f);
	f->apply_timer = env->ops->timer_new(env, on_apply, f);
	f->poll_timer = env->ops->timer_new(env, on_poll, f);
	f->scan_timer = env->ops->timer_new(env, on_scan, f);
	f->gate_timer = env->ops->timer_new(env, mf_gate_run, f);
	f->rest_timer = env->ops->timer_new(env, on_rest, f);
	f->known_timer = env->ops->timer_new(env, mf_walk_known_run, f);
	f->rules = mf_rules_new(f);
	*out = f;
	return MF_OK;

clear_conf:
	mf_mounts_free(&f->mounts);
	mf_folder_conf_clear(&f->conf);
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
	mf_poll_load(f);
	mf_held_tell(f);
	mf_watch_start(f);
	if (f->set.paused)
		return;
	mf_walk_first(f); /* then a poll, then mf_folder_resume() and a scan */
}

void
mf_folder_resume(struct mf_folder *f)
{
	f->resume_due = true;
	mf_turn_arm(f, 0);
	if (f->parked && !f->set.paused)
		mf_paths_unpark(f);
	f->scan_again = false; /* this one serves whoever asked before */
	mf_scan_start(f);
}

void
mf_folder_end(struct mf_folder *f)
{
	void (*closed)(void *) = f->closed;
	void *arg = f->closed_arg;

	MF_OPS(f)->timer_free(f->turn_timer);
	MF_OPS(f)->timer_free(f->settle_timer);
	MF_OPS(f)->timer_free(f->batch_timer);
	MF_OPS(f)->timer_free(f->apply_timer);
	MF_OPS(f)->timer_free(f->poll_timer);
	MF_OPS(f)->timer_free(f->scan_timer);
	MF_OPS(f)->timer_free(f->gate_timer);
	MF_OPS(f)->timer_free(f->rest_timer);
	MF_OPS(f)->timer_free(f->known_timer);
	mf_rules_free(f->rules);
	mf_pairs_free(&f->inherited);
	free(f->stash_dir);
	mf_pairs_free(&f->local_only);
	mf_fetch_free(f);
	mf_poll_drop(f);
	mf_walk_known_drop(f);
	mf_peers_free(f);
	mf_trust_free(f);
	mf_later_drop(f);
	mf_paths_free(f);
	mf_dirset_free(f);
	mf_pairs_free(&f->markers);
	mf_pairs_free(&f->odd);
	for (size_t i = 0; i < sizeof(f->left) / sizeof(f->left[0]); i++)
		free(f->left[i].path);
	mf_reports_free(f);
	mf_mounts_free(&f->mounts);
	mf_mounts_free(&f->away);
	mf_list_free(&f->unsure);
	free(f->gated);
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
	mf_folder_end(arg);
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
	MF_OPS(f)->timer_stop(f->gate_timer);
	MF_OPS(f)->timer_stop(f->rest_timer);
	MF_OPS(f)->timer_stop(f->known_timer);
	for (struct mf_task *t = f->tasks; t != NULL; t = t->next)
		MF_OPS(f)->job_cancel(t->job);
	(void)mf_fail(&gone, MF_ECANCELED, 0, "the folder is being closed");
	mf_waiters_answer(f, -1, ~0u, &gone);
	mf_choices_end(f, &gone);
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
mf_folder_conflicts(struct mf_folder *f, mf_code (*each)(void *arg, const char *relpath, const char *participant),
	void *arg, mf_err *err)
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

enum { STALE_S = 60 };

static bool
is_stale(struct mf_folder *f)
{
	int64_t age_s = (MF_OPS(f)->now_ns(f->env) - f->last_poll_ns) / 1000000000;

	return age_s > 2 * (int64_t)f->set.poll_interval_s + STALE_S;
}

static void
judge(struct mf_folder *f, mf_folder_status *out)
{
	mf_evidence e = {.paused = f->set.paused != 0,
		.asking = f->held[MF_WORD_ASKED],
		.errors = f->n_errors,
		.watching = f->watching,
		.database_busy = out->database_busy || f->turn_lost,
		.in_collective = f->in_collective,
		.scan_finished = f->scan_good > 0 && f->scan_good >= f->scan_needed,
		.poll_finished = f->poll_good > 0 && f->poll_good >= f->poll_needed,
		.poll_failed = f->polled_once && f->bad_polls > 0,
		.poll_stale = is_stale(f),
		.up = f->n_up,
		.down = f->n_down,
		.under_work = f->n_paths + (f->later != NULL) + f->n_fetch + f->n_subscans + (f->heads_todo != NULL) +
			f->resume_due + f->held[MF_WORD_DELETE] + f->held[MF_WORD_RESTORE],
		.first_error = f->errors == NULL ? NULL : f->errors->text,
		.first_about = f->errors == NULL ? NULL : f->errors->relpath};

	out->state = mf_evidence_judge(&e, out->say);
}

void
mf_folder_status_get(struct mf_folder *f, mf_folder_status *out)
{
	*out = (mf_folder_status){.uploads_queued = f->n_up,
		.downloads_queued = f->n_down,
		.errors = f->n_errors,
		.deletes_asked = f->held[MF_WORD_ASKED],
		.scanning = f->scan_running,
		.polling = f->poll != NULL,
		.paused = f->set.paused != 0,
		.read_only = f->conf.read_only,
		.local_only = f->local_only.n,
		.in_collective = f->in_collective,
		.watching = f->watching,
		.last_scan_ns = f->last_scan_ns,
		.last_poll_ns = f->last_poll_ns};
	out->database_busy = f->busy_since_ms != 0 && mf_now_ms(f) - f->busy_since_ms >= MF_LOCKED_SAY_MS;
	(void)mf_state_path_count(f->state, &out->files, NULL);
	(void)mf_state_conflict_each(f->state, count_one, &out->conflicts, NULL);
	judge(f, out);
}
