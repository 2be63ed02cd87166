/* Settings of a running folder: choosing them, and what that changes at once. */
#include "sync/engine.h"

const mf_settings *
mf_folder_settings(const struct mf_folder *f)
{
	return &f->set;
}

/* Timers that run with the old interval begin anew; one that is to come soon anyway is left to that. */
static void
intervals_changed(struct mf_folder *f)
{
	f->conf.poll_interval_s = f->set.poll_interval_s;
	f->conf.scan_interval_s = f->set.scan_interval_s;
	if (!f->started || f->closing)
		return;
	if (f->polled_once && f->poll == NULL)
		mf_poll_schedule(f);
	if (!f->walked || f->scan_running || f->root_gone)
		return; /* what runs, or waits for the root, sets the timer when it ends */
	if (f->set.scan_interval_s == 0)
		MF_OPS(f)->timer_stop(f->scan_timer);
	mf_scan_schedule(f);
}

/* Conflicts may settle under the new rule. */
static void
merge_changed(struct mf_folder *f)
{
	if (!f->started || f->closing || !f->polled_once)
		return;
	f->resume_due = true;
	mf_turn_arm(f, 0);
}

/* Nothing is begun from now on (each beginning asks f->set.paused).  Long transfers are asked to stop; what is short,
 * or has touched the user's files, ends as it would. */
static void
pause(struct mf_folder *f)
{
	mf_err gone = {0};

	if (!f->started || f->closing)
		return;
	(void)mf_fail(&gone, MF_ECANCELED, 0, "the folder was paused");
	mf_waiters_answer(f, MF_WAIT_SCAN, ~0u, &gone);
	mf_waiters_answer(f, MF_WAIT_POLL, ~0u, &gone);
	for (struct mf_task *t = f->tasks; t != NULL; t = t->next)
		if (t->may_stop)
			MF_OPS(f)->job_cancel(t->job);
	if (f->dirs != NULL)
		mf_dirset_remove(f, "");
}

/* As at the start: watches, a poll, then everything that the databases leave open, and a scan. */
static void
go_on(struct mf_folder *f)
{
	if (!f->started || f->closing)
		return;
	f->polled_once = false;
	mf_doubt_disk(f);
	mf_doubt_grid(f);
	if (f->dirs != NULL)
		mf_dirset_remove(f, ""); /* a walk may have set some meanwhile, whose events nobody heard */
	mf_turn_arm(f, 0);               /* fetches that wait */
	if (f->walked || !f->scan_walking)
		mf_walk_first(f); /* else the one under way leads on */
}

void
mf_folder_grid_back(struct mf_folder *f)
{
	if (!f->started || f->closing || f->set.paused)
		return;
	for (size_t i = 0; i < f->cap_table; i++)
		for (struct mf_path *p = f->table[i]; p != NULL; p = p->chain)
			if (p->failed && p->stage == MF_ST_IDLE && p->settling)
				mf_path_look(f, p, 0);
	mf_poll_start(f);
	f->batch_retry_ms = 0;
	mf_link_kick(f);
}

static void
apply(struct mf_folder *f, const mf_settings *was)
{
	if (was->poll_interval_s != f->set.poll_interval_s || was->scan_interval_s != f->set.scan_interval_s)
		intervals_changed(f);
	if (was->merge != f->set.merge)
		merge_changed(f);
	if (was->paused == 0 && f->set.paused != 0)
		pause(f);
	if (was->paused != 0 && f->set.paused == 0)
		go_on(f);
}

mf_code
mf_folder_set_all(struct mf_folder *f, const mf_assignment *list, size_t n, mf_err *err)
{
	mf_settings was = f->set, now = f->set;
	const mf_setting *which;
	mf_code rc = MF_OK;

	for (size_t i = 0; rc == MF_OK && i < n; i++) {
		rc = mf_setting_find(list[i].key, &which, err);
		if (rc == MF_OK)
			rc = mf_setting_parse(which, list[i].value, &now, err);
	}
	if (rc == MF_OK && n > 0)
		rc = mf_state_settings_put(f->state, &now, err);
	if (rc != MF_OK)
		return rc;
	f->set = now;
	apply(f, &was);
	return MF_OK;
}

mf_code
mf_folder_set(struct mf_folder *f, const char *key, const char *value, mf_err *err)
{
	const mf_assignment one = {mf_strz(key), mf_strz(value)};

	return mf_folder_set_all(f, &one, 1, err);
}
