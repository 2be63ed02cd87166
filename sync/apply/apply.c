/* Applying remote versions: downloads, intents, records.  Many at a time: apply/batch.c; the blocking part: replace.c. */
#include "sync/decide.h"
#include "sync/settle/resolve.h"
#include "sync/local/rules.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- objects -------------------------------------------------------------------------------------------- */

static void
strings_free(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

void
mf_apply_drop(struct mf_path *p)
{
	struct mf_apply *a = p->apply;

	if (a == NULL)
		return;
	mf_snap_row_free(a->target);
	mf_dirs_free(&a->made);
	strings_free(a->our_dirs, a->n_our_dirs);
	free(a->relpath);
	free(a->dir);
	free(a->tmp);
	free(a);
	p->apply = NULL;
}

static struct mf_apply *
apply_new(struct mf_path *p, mf_snap_row *target, const char *tmp_name, uint64_t dev)
{
	struct mf_apply *a = mf_alloc(sizeof(*a));
	mf_buf tmp = {0};

	a->target = target;
	a->dev = dev;
	a->relpath = mf_strdup(mf_strz(p->relpath));
	a->dir = mf_strdup(mf_relpath_dir(mf_strz(p->relpath)));
	mf_buf_addz(&tmp, a->dir);
	if (tmp.n > 0)
		mf_buf_addc(&tmp, '/');
	mf_buf_addz(&tmp, tmp_name);
	a->tmp = (char *)tmp.p;
	mf_apply_drop(p);
	p->apply = a;
	return a;
}

static void
list_add(struct mf_path ***list, size_t *n, size_t *cap, struct mf_path *p)
{
	if (*n == *cap) {
		*cap = *cap == 0 ? 64 : *cap * 2;
		*list = mf_realloc_array(*list, *cap, sizeof(**list));
	}
	(*list)[(*n)++] = p;
}

/* ---- download ------------------------------------------------------------------------------------------- */

struct download {
	struct mf_task task;
	struct mf_path *p;
	struct mf_apply *a;
	struct mf_root *root;
};

static mf_code
download_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct download *d = (struct download *)t;

	mf_code rc = mf_apply_download(t->f, d->root, d->a, cancel);

	t->err = d->a->err;
	return rc;
}

/* People know the file, not the name that we write it under, which is another one each time. */
void
mf_name_the_file(mf_err *err, const char *tmp, const char *path)
{
	const char *at = strstr(err->text, tmp);
	char text[sizeof(err->text)];

	if (at == NULL)
		return;
	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - err->text), err->text, path, at + strlen(tmp));
	memcpy(err->text, text, sizeof(text));
}

static void
download_done(struct mf_task *t)
{
	struct download *d = (struct download *)t;
	struct mf_folder *f = t->f;

	f->n_downloading--;
	if (!f->closing) {
		mf_name_the_file(&t->err, d->a->tmp, d->a->relpath);
		d->p->stage = MF_ST_STAGED;
		if (t->err.code == MF_ECANCELED && d->a->has_sha)
			mf_apply_sweep(f, d->a); /* it was complete when it was stopped */
		if (t->err.code != MF_OK) {
			mf_path_fail(f, d->p, &t->err);
		} else if (d->a->synced) {
			mf_path_ready(f, d->p);
		} else {
			if (f->n_staged == 0)
				f->staged_since_ms = mf_now_ms(f);
			list_add(&f->staged, &f->n_staged, &f->cap_staged, d->p);
		}
		mf_apply_kick(f);
	}
	free(d);
}

/* A new file gets the user's usual permissions; a replaced one keeps its own, but never set-id bits.  The executable bit
 * follows the snapshot where it says something else than the owner's here (design 2.5.8). */
static uint32_t
mode_for(struct mf_folder *f, const struct mf_path *p, const mf_snap_row *target)
{
	bool executable = target->has_executable && target->executable;

	if (p->seen.kind != MF_LOCAL_FILE)
		return (executable ? 0777 : 0666) & ~MF_OPS(f)->umask(f->env);
	uint32_t mode = p->seen.st.mode & 0777;
	if (!target->has_executable || executable == ((mode & 0100) != 0))
		return mode;
	return executable ? mode | 0100 | (mode & 0444) >> 2 : mode & ~0111u;
}

void
mf_apply_start(struct mf_folder *f, struct mf_path *p, mf_snap_row *target, bool merge)
{
	char name[MF_TMP_NAME_MAX];
	uint8_t random[8];

	MF_OPS(f)->random(f->env, random, sizeof(random));
	mf_tmp_name(name, random);
	struct mf_apply *a = apply_new(p, target, name, mf_mounts_dev(&f->mounts, p->relpath));
	a->merge = merge;
	a->mode = mode_for(f, p, target);
	a->intent = (mf_intent){.target = target->cap,
		.merge = merge,
		.deletion = target->deletion,
		.expect_absent = p->seen.kind != MF_LOCAL_FILE,
		.made_ns = MF_OPS(f)->now_ns(f->env)};
	memcpy(a->intent.tmp_name, name, sizeof(name));
	if (!a->intent.expect_absent)
		a->intent.expect = mf_pathstate_of(&p->seen.st);
	mf_path_downloading(f, p, true);
	if (target->deletion) {
		a->synced = true;
		p->stage = MF_ST_STAGED;
		mf_path_ready(f, p);
		return;
	}
	struct download *d = mf_alloc(sizeof(*d));
	d->task.work = download_work;
	d->task.done = download_done;
	d->task.may_stop = true;
	d->task.pool = target->size <= 1 << 20 ? MF_POOL_QUICK : MF_POOL_TRANSFER;
	d->p = p;
	d->a = a;
	d->root = f->root;
	a->sync_now = f->n_downloading < MF_APPLY_FEW && f->n_staged == 0;
	p->stage = MF_ST_DOWNLOADING;
	f->n_downloading++;
	mf_task_start(f, &d->task);
}

/* ---- in a turn ------------------------------------------------------------------------------------------- */

/* For a deletion: the directories above that we once made and may therefore remove. */
static mf_code
find_our_dirs(struct mf_folder *f, struct mf_apply *a, mf_err *err)
{
	mf_str dir = mf_strz(a->dir);

	while (dir.n > 0) {
		char *z = mf_strdup(dir);
		bool ours = false;
		mf_code rc = mf_state_dir_ours(f->state, z, &ours, err);
		if (rc != MF_OK || !ours) {
			free(z);
			return rc;
		}
		a->our_dirs = mf_realloc_array(a->our_dirs, a->n_our_dirs + 1, sizeof(char *));
		a->our_dirs[a->n_our_dirs++] = z;
		dir = mf_relpath_dir(dir);
	}
	return MF_OK;
}

static mf_code
record_intent(struct mf_folder *f, struct mf_path *p, mf_err *err)
{
	struct mf_apply *a = p->apply;
	mf_code rc = MF_OK;

	a->intent.ino = a->fresh.ino;
	a->intent.btime_ns = a->fresh.btime_ns;
	if (a->merge)
		rc = mf_state_snap_put(f->state, a->target, err);
	for (size_t i = 0; rc == MF_OK && i < a->made.n; i++)
		rc = mf_state_dir_made(f->state, a->made.dir[i], err);
	if (rc == MF_OK && a->intent.deletion)
		rc = find_our_dirs(f, a, err);
	if (rc == MF_OK)
		rc = mf_state_intent_put(f->state, p->relpath, &a->intent, err);
	return rc;
}

static mf_code
record_replaced(struct mf_folder *f, struct mf_path *p, mf_err *err)
{
	struct mf_apply *a = p->apply;
	mf_pathstate now = {0};
	mf_code rc;

	now = mf_pathstate_of(&a->now);
	if (a->now_unknown) /* nothing on disk looks like this: the next look sees an edit on top of the target */
		now = (mf_pathstate){.present = true, .size = MF_SIZE_UNKNOWN};
	if (a->merge) {
		mf_pending pend = {
			.cap = a->target->cap, .state = now, .merge = true, .made_ns = MF_OPS(f)->now_ns(f->env)};
		rc = mf_state_pending_add(f->state, p->relpath, &pend, err);
	} else {
		bool executable =
			a->now_unknown && a->target->has_executable ? a->target->executable : (a->now.mode & 0100) != 0;
		rc = mf_record_base(f, p, a->target, &now, executable, -1, err);
		if (rc == MF_OK)
			rc = mf_state_pending_clear(f->state, p->relpath, err);
	}
	if (rc == MF_OK && f->known_any)
		rc = mf_state_known_set(f->state, p->relpath, NULL, 0, err);
	if (rc == MF_OK)
		rc = mf_choice_recorded(f, p, a->target, a->merge, err);
	if (rc == MF_OK && a->has_sha && !a->target->has_sha)
		rc = mf_state_snap_set_sha(f->state, a->target->cap.text, a->sha, err);
	for (size_t i = 0; rc == MF_OK && i < a->n_gone_dirs; i++)
		rc = mf_state_dir_forget(f->state, a->our_dirs[i], err);
	if (rc == MF_OK)
		rc = mf_state_intent_drop(f->state, p->relpath, err);
	if (rc != MF_OK)
		return rc;
	if (mf_rules_file(p->relpath)) /* a watch may say so, too, or not */
		mf_rules_event(f, a->dir);
	p->seen = (struct mf_seen){.valid = !a->now_unknown,
		.root_generation = f->root_generation,
		.st = a->now,
		.same_as_e = !a->intent.deletion,
		.kind = a->intent.deletion ? MF_LOCAL_ABSENT : MF_LOCAL_FILE};
	return MF_OK;
}

void
mf_apply_step(struct mf_folder *f, struct mf_path *p)
{
	struct mf_apply *a = p->apply;
	mf_err err = {0};
	mf_code rc = MF_OK;

	if (a == NULL || a->lent || a->recorded)
		return;
	if (p->stage == MF_ST_STAGED && a->synced) {
		p->has_intent = true;
		rc = a->recovering ? MF_OK : record_intent(f, p, &err);
		if (rc == MF_OK) {
			p->stage = MF_ST_INTENDED;
			list_add(&f->intended, &f->n_intended, &f->cap_intended, p);
			return;
		}
	} else if (p->stage == MF_ST_INTENDED && a->outcome == MF_APPLY_REPLACED) {
		rc = record_replaced(f, p, &err);
	} else if (p->stage == MF_ST_INTENDED && a->outcome == MF_APPLY_CHANGED) {
		rc = mf_state_intent_drop(f->state, p->relpath, &err);
		p->seen.valid = false;
		(void)mf_fail(&err, MF_ECHANGED, 0, "%s was changed meanwhile", p->relpath);
		mf_choice_fail(f, p->relpath, &err);
		if (rc == MF_OK && !a->intent.deletion)
			mf_apply_sweep(f, a);
	} else if (p->stage == MF_ST_INTENDED && a->outcome == MF_APPLY_FAILED) {
		rc = a->err.code;
		err = a->err;
	} else {
		return;
	}
	if (rc != MF_OK) {
		if (p->stage == MF_ST_STAGED && !a->intent.deletion && !a->recovering)
			mf_apply_sweep(f, a);
		mf_path_fail(f, p, &err);
		return;
	}
	/* the disk alone does not tell for sure that it was replaced, once the user has removed what came */
	if (a->outcome == MF_APPLY_REPLACED)
		a->recorded = true;
	else
		mf_apply_drop(p);
	p->has_intent = false;
	p->stage = MF_ST_IDLE;
}

bool
mf_apply_undo(struct mf_folder *f, struct mf_path *p)
{
	struct mf_apply *a = p->apply;

	if (a == NULL || !a->recorded)
		return false;
	if (p->stage != MF_ST_IDLE) { /* something new is under way already: left to the intent */
		mf_apply_drop(p);
		return false;
	}
	a->recorded = false;
	p->stage = MF_ST_INTENDED;
	mf_path_look(f, p, 0);
	return true;
}

void
mf_apply_continue(struct mf_folder *f, struct mf_path *p, const mf_intent *intent)
{
	mf_snap_row *target = mf_alloc(sizeof(*target));
	mf_err err = {0};
	mf_code rc = mf_state_snap_get(f->state, intent->target.text, target, &err);

	if (rc != MF_OK) {
		free(target);
		if (rc == MF_ENOTFOUND) /* the index was lost, and the user may have replaced since what came */
			mf_fetch_missing(f, p->relpath, intent->target.text);
		else
			mf_path_fail(f, p, &err);
		return;
	}
	struct mf_apply *a = apply_new(p, target, intent->tmp_name, mf_mounts_dev(&f->mounts, p->relpath));
	a->merge = intent->merge;
	a->intent = *intent;
	a->recovering = true;
	a->fresh = (mf_stat){.kind = MF_KIND_FILE,
		.ino = intent->ino,
		.size = target->size,
		.mtime_ns = mf_seconds_ns(target->mtime_s)};
	a->synced = true;
	if (intent->deletion)
		(void)find_our_dirs(f, a, &err);
	mf_path_downloading(f, p, true);
	p->stage = MF_ST_STAGED;
	mf_path_ready(f, p);
}
