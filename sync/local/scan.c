/* What is on disk and differs from what we know: starting walks, using what they found. */
#include "sync/local/names.h"
#include "sync/local/rules.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { YOUNG_MS = 200, STAGE_MS = 5000, GONE_RETRY_MS = 5000 };
#define ANY_SCAN UINT_MAX /* of an error: the next full scan that does not find it lets go of it */

static struct mf_error *
error_at(struct mf_folder *f, const char *path)
{
	char *name = mf_safe_name(path);
	struct mf_error *e = f->errors;

	while (e != NULL && (e->trouble != MF_TR_PATH || e->relpath == NULL || strcmp(e->relpath, name) != 0))
		e = e->next;
	free(name);
	return e;
}

bool
mf_has_report(struct mf_folder *f, const char *path)
{
	return f->n_errors > 0 && error_at(f, path) != NULL;
}

void
mf_report_name(struct mf_folder *f, const char *path, const mf_err *err)
{
	char *name = mf_safe_name(path);

	if (err == NULL)
		mf_report_clear(f, name);
	else
		mf_report(f, name, err->text);
	free(name);
	struct mf_error *e = error_at(f, path);
	if (e != NULL)
		e->scan = ANY_SCAN;
}

/* What the walk could not look at; a full one also lets go of what earlier ones could not. */
static void
report_bad(struct mf_folder *f, const struct walk *w)
{
	for (size_t i = 0; i + 1 < w->bad.n; i += 2) {
		mf_err err = {0};
		(void)mf_fail(&err, MF_EIO, 0, "%s", w->bad.s[i + 1]);
		mf_report_name(f, w->bad.s[i], &err);
		struct mf_error *e = error_at(f, w->bad.s[i]);
		if (e != NULL && w->mode == WALK_FULL)
			e->scan = f->scan_round + 1; /* found by this one */
	}
	for (struct mf_error *e = f->errors, *next; e != NULL && w->mode == WALK_FULL; e = next) {
		next = e->next;
		if (e->scan != 0 && e->scan != f->scan_round + 1)
			mf_report_clear(f, e->relpath);
	}
}

static void
found(struct mf_folder *f, struct walk *w, const struct list *l, uint64_t delay_ms)
{
	if (l == &w->differ || l == &w->young) {
		enum mf_later_why why = w->mode == WALK_FULL ? MF_LATER_SCAN : MF_LATER_WALK;
		for (size_t i = 0; i < l->n && !f->set.paused; i++)
			mf_path_later(f, l->s[i], why, delay_ms);
		return;
	}
	for (size_t i = 0; i < l->n && !f->set.paused; i++) { /* a paused folder is scanned anew when it goes on */
		const char *owner = mf_marker_owner(f, l->s[i]);
		enum mf_name_kind kind = mf_name_of(f, l->s[i]);
		if (kind == MF_NAME_PASSING)
			continue;
		struct mf_path *p = mf_path_need(f, owner != NULL ? owner : l->s[i]);
		if (w->mode == WALK_FULL && !p->scan_mark) {
			p->scan_mark = true;
			f->scan_marked++;
		}
		/* one that is settling keeps its time; one that waits to be tried again is tried now */
		if (!p->settling || p->failed)
			mf_path_look(f, p, kind == MF_NAME_STAGE && delay_ms > 0 ? STAGE_MS : delay_ms);
		if (l == &w->left)
			p->judged = true;
	}
}

void
mf_scan_schedule(struct mf_folder *f)
{
	if (f->set.scan_interval_s > 0)
		MF_OPS(f)->timer_start(f->scan_timer, (uint64_t)f->set.scan_interval_s * 1000);
}

static void
scan_ended(struct mf_folder *f, bool good)
{
	f->scan_running = f->scan_walking = false;
	f->scan_round++;
	if (good) {
		f->scan_good = f->scan_round;
		f->last_scan_ns = MF_OPS(f)->now_ns(f->env);
		mf_tell(f, MF_EV_SCAN_COMPLETED, NULL, NULL);
	}
	mf_scan_schedule(f);
	mf_guard_scanned(f);
	mf_waiters_check(f);
	if (f->scan_again) {
		f->scan_again = false;
		mf_scan_start(f);
	}
	mf_link_kick(f);
}

void
mf_report_root_gone(struct mf_folder *f)
{
	f->root_gone = true;
	mf_doubt_disk(f);
	mf_trouble(f, MF_TR_ROOT,
		"the folder's directory is gone: mount it, or put it back where it was;"
		" until then nothing is taken for deleted");
}

static void
root_is_gone(struct mf_folder *f)
{
	mf_report_root_gone(f);
	if (f->dirs != NULL)
		mf_dirset_remove(f, "");
	MF_OPS(f)->timer_start(f->scan_timer, GONE_RETRY_MS);
}

static void subscan(struct mf_folder *f, const char *dir, enum walk_mode mode);

/* Watches first; a directory that had none may have changed between its listing and its watch: it is listed once
 * more, and what was made in it meanwhile is walked. */
static void
watch_dirs(struct mf_folder *f, struct walk *w)
{
	for (size_t i = 0; i < w->inner.n; i++) {
		if (mf_dirset_has(f, w->inner.s[i]))
			continue;
		(void)mf_dirset_add(f, w->inner.s[i]);
		subscan(f, w->inner.s[i], WALK_BELOW);
	}
	for (size_t i = 0; i < w->dirs.n; i++) {
		if (f->n_errors > 0)
			mf_report_name(f, w->dirs.s[i], NULL);
		if (mf_dirset_add(f, w->dirs.s[i]) && w->mode != WALK_FIRST)
			subscan(f, w->dirs.s[i], WALK_ONE);
	}
}

/* A conflict may have been settled by removing its marker: nothing in the walk would say so. */
static mf_code
conflicted_each(void *arg, const char *relpath, const char *slot)
{
	struct walk *w = arg;

	(void)slot;
	mf_walk_add(&w->differ, relpath);
	return MF_OK;
}

static void
root_is_back(struct mf_folder *f)
{
	if (f->root_gone)
		mf_trouble_over(f, MF_TR_ROOT);
	f->root_gone = false;
}

/* Is it the directory that the folder was made of?  Known by its inode: device numbers change with a restart.
 * Another one may be the folder restored from a backup, or the empty place where something is to be mounted:
 * until a walk has met known files in it, nothing in it is believed. */
static bool
recognise_root(struct mf_folder *f)
{
	mf_stat st = {0};
	uint64_t known = 0;

	if (MF_OPS(f)->stat(f->root, "", &st, NULL) != MF_OK)
		return false;
	f->mounts.root_dev = st.dev;
	f->root_doubtful = mf_state_root_get(f->state, &known, NULL) == MF_OK && known != st.ino;
	return true;
}

static void
note_root(struct mf_folder *f)
{
	mf_stat st = {0};
	uint64_t known = 0;

	if (MF_OPS(f)->stat(f->root, "", &st, NULL) != MF_OK ||
		(mf_state_root_get(f->state, &known, NULL) == MF_OK && known == st.ino))
		return;
	(void)mf_state_root_put(f->state, st.ino, NULL); /* locked: the next scan does it */
}

bool
mf_root_accept(struct mf_folder *f)
{
	if (!f->root_doubtful)
		return true;
	note_root(f);
	if (!recognise_root(f) || f->root_doubtful)
		return false;
	mf_trouble_over(f, MF_TR_ROOT);
	mf_doubt_disk(f);
	mf_folder_resume(f);
	return true;
}

/* A root that was not recognised: known files in it make it ours, or the user's word. */
static void
judge_root(struct mf_folder *f, struct walk *w)
{
	if (w->expected > 0 && w->met == 0) {
		mf_trouble(f, MF_TR_ROOT,
			"none of the folder's files is there, in another directory than before: mount what is to be"
			" mounted, or say what is meant with 'magic-folder confirm-deletes'");
		mf_guard_walked(f, w);
		return;
	}
	f->root_doubtful = false;
	mf_trouble_over(f, MF_TR_ROOT);
	root_is_back(f);
	note_root(f);
	mf_folder_resume(f);
}

/* Files that are as Python noted them: their number and their executable bit, so that a change of it is seen. */
static mf_code
learn(void *arg, mf_err *err)
{
	const struct walk *w = arg;
	mf_code rc = MF_OK;

	for (size_t i = 0; i < w->n_learned && rc == MF_OK; i++)
		rc = mf_state_path_learn(
			w->task.f->state, w->learned[i].relpath, w->learned[i].ino, w->learned[i].executable, err);
	return rc;
}

static void
walk_done(struct mf_task *t)
{
	struct walk *w = (struct walk *)t;
	struct mf_folder *f = t->f;

	if (f->closing) {
		mf_walk_free(w);
		return;
	}
	if (w->root_gone) {
		root_is_gone(f);
	} else if (w->mode == WALK_FULL && f->root_doubtful) {
		judge_root(f, w);
	} else {
		if (w->mode == WALK_FULL)
			note_root(f);
		mf_rules_walked(f, w);
		watch_dirs(f, w);
		if (w->mode == WALK_FULL && !f->watch_short && !f->scan_again) {
			f->watching = true;
			mf_trouble_over(f, MF_TR_WATCH);
		}
		report_bad(f, w);
		if (w->mode == WALK_FULL) {
			mf_guard_places(f, w);
			mf_guard_walked(f, w);
			if (w->n_learned > 0) /* locked: by the next scan */
				(void)mf_state_txn(f->state, learn, w, NULL);
			mf_later_drop_found(f);
			(void)mf_state_conflict_each(f->state, conflicted_each, w, NULL);
		}
		found(f, w, &w->differ, 0);
		found(f, w, &w->left, 0);
		found(f, w, &w->young, YOUNG_MS);
	}
	enum walk_mode mode = w->mode;
	bool good = !w->root_gone && !f->set.paused;
	mf_walk_free(w);
	if (mode == WALK_FULL) {
		scan_ended(f, good);
	} else if (mode == WALK_BELOW || mode == WALK_ONE) {
		f->n_subscans--;
	} else {
		f->scan_walking = false;
		f->walked = true;
		mf_poll_start(f); /* poll before the first publish (planner.md 7); its end starts the scan */
	}
}

static void
walk_start(struct mf_folder *f, struct walk *w, enum walk_mode mode, const char *from)
{
	w->mode = mode;
	w->root = f->root;
	w->from = mf_strdup(mf_strz(from));
	mf_walk_add(&w->todo, from);
	mf_rules_walk(f, w);
	w->task.pool = MF_POOL_TRANSFER;
	w->task.work = mf_walk_work;
	w->task.done = walk_done;
	mf_task_start(f, &w->task);
}

static bool
open_root(struct mf_folder *f)
{
	mf_err err = {0};

	/* a root that was replaced is not ours: only the one known by device and inode counts, but after it came
	 * back (mounted again) it must be opened anew */
	if (f->root != NULL && MF_OPS(f)->root_check(f->root, NULL) == MF_OK) {
		if (!f->root_doubtful)
			root_is_back(f);
		return true;
	}
	if (f->root != NULL && (f->n_tasks > 0 || f->n_staged > 0 || f->n_intended > 0))
		return false; /* work under way holds it */
	if (f->root != NULL)
		MF_OPS(f)->root_close(f->root);
	f->root = NULL;
	f->root_generation++; /* what was seen was seen in the old one */
	mf_rules_forget(f);
	mf_doubt_disk(f);
	if (f->dirs != NULL)
		mf_dirset_remove(f, "");
	if (MF_OPS(f)->root_open(f->env, f->conf.magic_path, &f->root, &err) != MF_OK)
		return false;
	if (!recognise_root(f)) {
		MF_OPS(f)->root_close(f->root);
		f->root = NULL;
		return false;
	}
	if (!f->root_doubtful) {
		f->resume_due |= f->walked;     /* what came while it was away */
		mf_trouble_over(f, MF_TR_ROOT); /* also that another was in its place */
		root_is_back(f);
	}
	return true;
}

static mf_code
keep_each(void *arg, const char *relpath)
{
	struct walk *w = arg;
	mf_intent i;

	mf_code rc = mf_state_intent_get(w->task.f->state, relpath, &i, NULL);
	if (rc == MF_OK)
		mf_walk_add(&w->keep, i.tmp_name);
	return rc;
}

void
mf_walk_first(struct mf_folder *f)
{
	f->scan_walking = true;
	if (!open_root(f)) {
		f->scan_walking = false;
		f->walked = true;
		root_is_gone(f);
		mf_poll_start(f);
		return;
	}
	struct walk *w = mf_alloc(sizeof(*w));
	w->task.f = f;
	/* when the folder goes on after a pause, work under way may have temporary files */
	w->no_sweep = f->walked || mf_state_intent_each(f->state, keep_each, w, NULL) != MF_OK;
	walk_start(f, w, WALK_FIRST, "");
}

void
mf_scan_start(struct mf_folder *f)
{
	if (f->closing || !f->started || f->set.paused)
		return;
	if (f->scan_running || !f->polled_once) {
		f->scan_again = true;
		return;
	}
	if (!open_root(f)) {
		root_is_gone(f);
		scan_ended(f, false);
		MF_OPS(f)->timer_start(f->scan_timer, GONE_RETRY_MS);
		return;
	}
	f->scan_running = true; /* only now: if the root was opened anew, this is the scan that is needed */
	f->scan_walking = true;
	f->watch_short = false; /* limits may have been raised */
	mf_walk_known_load(f);
}

void
mf_scan_loaded(struct mf_folder *f, struct walk *w, const mf_err *err)
{
	if (f->root == NULL) {
		root_is_gone(f);
	} else if (err->code != MF_OK) {
		mf_trouble(f, MF_TR_SCAN, err->text);
	} else {
		mf_trouble_over(f, MF_TR_SCAN);
		walk_start(f, w, WALK_FULL, "");
		return;
	}
	mf_walk_free(w);
	scan_ended(f, false);
	MF_OPS(f)->timer_start(f->scan_timer, GONE_RETRY_MS);
}

static void
subscan(struct mf_folder *f, const char *dir, enum walk_mode mode)
{
	if (f->root == NULL || f->closing || f->set.paused)
		return;
	struct walk *w = mf_alloc(sizeof(*w));
	f->n_subscans++;
	walk_start(f, w, mode, dir);
}

void
mf_subscan(struct mf_folder *f, const char *dir)
{
	subscan(f, dir, WALK_BELOW);
}
