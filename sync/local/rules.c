/* The .magicignore files of a folder: reading them when they have rested. */
#include "sync/local/rules.h"

#include <stdlib.h>

enum { QUIET_MS = 200, LATEST_MS = 5000 };

struct mf_rules {
	struct mf_folder *f;
	struct mf_ignore *now; /* NULL: not known */
	unsigned age;          /* goes up with each event: a walk that began before may have read too early */
	struct list todo;      /* directories whose file is to be read */
	uint64_t first_ms;     /* when the first of them changed */
	bool reading;
	struct mf_timer *timer;
};

/* ---- worker --------------------------------------------------------------------------------------------------- */

/* @return MF_ENOTFOUND: there is none. */
static mf_code
read_text(struct mf_folder *f, struct mf_root *root, const char *path, mf_buf *text, mf_err *err)
{
	const struct mf_env_ops *ops = MF_OPS(f);
	struct mf_file *file = NULL;
	mf_stat st = {0};
	size_t got = 0;
	mf_code rc = ops->stat(root, path, &st, err);

	if (rc != MF_OK)
		return rc;
	if (st.kind == MF_KIND_SYMLINK)
		return mf_fail(err, MF_EINVAL, 0, "it is a symbolic link, which is not followed");
	if (st.kind != MF_KIND_FILE)
		return MF_ENOTFOUND;
	rc = ops->open(root, path, MF_OPEN_READ, 0, &file, err);
	if (rc == MF_ENOTFOUND) /* no reason to believe that there are no rules: perhaps it is being replaced */
		return mf_fail(err, MF_EBUSY, 0, "it went in this moment");
	if (rc != MF_OK)
		return rc;
	mf_buf_reserve(text, MF_IGNORE_FILE_MAX + 1);
	rc = ops->read(file, 0, text->p, MF_IGNORE_FILE_MAX + 1, &got, err);
	text->n = got;
	ops->close(file);
	return rc;
}

void
mf_rules_read(struct mf_folder *f, struct mf_root *root, const char *dir, struct mf_ignore *into, struct list *bad)
{
	mf_buf path = {0}, text = {0}, say = {0};
	mf_err err = {0};

	mf_buf_addf(&path, "%s%s%s", dir, dir[0] != '\0' ? "/" : "", MF_IGNORE_NAME);
	mf_code rc = read_text(f, root, (char *)path.p, &text, &err);
	if (rc == MF_OK)
		rc = mf_ignore_set(into, dir, mf_buf_str(&text), &err);
	else if (rc != MF_ENOTFOUND)
		mf_ignore_deny(into, dir);
	if (rc != MF_OK && rc != MF_ENOTFOUND) {
		mf_buf_addf(&say, "its rules cannot be used, so nothing beside or below it is published: %s", err.text);
		mf_walk_add(bad, (char *)path.p);
		mf_walk_add(bad, (char *)say.p);
	}
	mf_buf_free(&path);
	mf_buf_free(&text);
	mf_buf_free(&say);
}

struct reading {
	struct mf_task task;
	struct mf_root *root;
	unsigned root_generation;
	struct list dirs, bad;
	struct mf_ignore *found;
};

static mf_code
reading_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct reading *x = (struct reading *)t;

	for (size_t i = 0; i < x->dirs.n && !mf_canceled(cancel); i++)
		mf_rules_read(t->f, x->root, x->dirs.s[i], x->found, &x->bad);
	return MF_OK;
}

/* ---- loop ----------------------------------------------------------------------------------------------------- */

static void run(void *arg);

struct mf_rules *
mf_rules_new(struct mf_folder *f)
{
	struct mf_rules *r = mf_alloc(sizeof(*r));

	r->f = f;
	r->timer = MF_OPS(f)->timer_new(f->env, run, r);
	return r;
}

void
mf_rules_free(struct mf_rules *r)
{
	if (r == NULL)
		return;
	MF_OPS(r->f)->timer_free(r->timer);
	mf_ignore_free(r->now);
	mf_list_free(&r->todo);
	free(r);
}

bool
mf_rules_file(const char *relpath)
{
	return mf_str_eq(mf_relpath_base(mf_strz(relpath)), MF_STR(MF_IGNORE_NAME));
}

bool
mf_rules_unsettled(const struct mf_folder *f)
{
	return f->rules->reading || f->rules->todo.n > 0;
}

bool
mf_rules_withhold(struct mf_folder *f, const char *relpath)
{
	return f->rules->now == NULL || mf_ignored(f->rules->now, relpath);
}

bool
mf_rules_hide(struct mf_folder *f, const char *relpath)
{
	return f->rules->now != NULL && mf_ignored(f->rules->now, relpath);
}

bool
mf_rules_hide_dir(struct mf_folder *f, const char *dir)
{
	return f->rules->now != NULL && mf_ignored_dir(f->rules->now, dir);
}

void
mf_rules_event(struct mf_folder *f, const char *dir)
{
	struct mf_rules *r = f->rules;
	uint64_t now = mf_now_ms(f), due = now + QUIET_MS;
	bool there = false;

	r->age++;
	if (r->todo.n == 0)
		r->first_ms = now;
	for (size_t i = 0; i < r->todo.n; i++)
		there |= strcmp(r->todo.s[i], dir) == 0;
	if (!there)
		mf_walk_add(&r->todo, dir);
	if (due > r->first_ms + LATEST_MS)
		due = r->first_ms + LATEST_MS;
	MF_OPS(f)->timer_start(r->timer, due > now ? due - now : 0);
}

void
mf_rules_forget(struct mf_folder *f)
{
	struct mf_rules *r = f->rules;

	mf_ignore_free(r->now);
	r->now = NULL;
	r->age++;
	mf_list_free(&r->todo);
}

/* Everything that waited may be decided otherwise now; a scan finds what was out of sight. */
static void
changed(struct mf_folder *f)
{
	f->resume_due = true;
	mf_turn_arm(f, 0);
	mf_scan_start(f);
}

static void
note_change(void *arg, const char *dir)
{
	(void)dir;
	*(bool *)arg = true;
}

/* @return whether it says anything new. */
static bool
take(struct mf_folder *f, const struct reading *x)
{
	struct mf_rules *r = f->rules;
	bool news = false;

	if (r->now == NULL || x->root_generation != f->root_generation)
		return true; /* only a whole walk can tell */
	for (size_t i = 0; i < x->dirs.n; i++) {
		mf_buf path = {0};
		mf_ignore_differ(r->now, x->found, x->dirs.s[i], note_change, &news);
		mf_ignore_copy(r->now, x->dirs.s[i], x->found);
		mf_buf_addf(&path, "%s%s%s", x->dirs.s[i], x->dirs.s[i][0] != '\0' ? "/" : "", MF_IGNORE_NAME);
		if (f->n_errors > 0)
			mf_report_name(f, (char *)path.p, NULL);
		mf_buf_free(&path);
	}
	for (size_t i = 0; i + 1 < x->bad.n; i += 2) {
		mf_err err = {0};
		(void)mf_fail(&err, MF_EINVAL, 0, "%s", x->bad.s[i + 1]);
		mf_report_name(f, x->bad.s[i], &err);
	}
	return news;
}

static void
reading_done(struct mf_task *t)
{
	struct reading *x = (struct reading *)t;
	struct mf_folder *f = t->f;
	bool news = false;

	f->rules->reading = false;
	if (!f->closing && t->err.code == MF_OK)
		news = take(f, x);
	mf_list_free(&x->dirs);
	mf_list_free(&x->bad);
	mf_ignore_free(x->found);
	free(x);
	if (f->closing || mf_rules_unsettled(f))
		return;
	if (f->parked && !f->set.paused)
		mf_paths_unpark(f);
	if (news)
		changed(f);
}

static void
run(void *arg)
{
	struct mf_rules *r = arg;
	struct mf_folder *f = r->f;

	if (f->closing || r->todo.n == 0)
		return;
	if (r->reading || f->root == NULL) { /* with a root that comes back everything is read */
		MF_OPS(f)->timer_start(r->timer, QUIET_MS);
		return;
	}
	struct reading *x = mf_alloc(sizeof(*x));
	x->dirs = r->todo;
	r->todo = (struct list){0};
	x->root = f->root;
	x->root_generation = f->root_generation;
	x->found = mf_ignore_new();
	x->task.pool = MF_POOL_QUICK;
	x->task.work = reading_work;
	x->task.done = reading_done;
	r->reading = true;
	mf_task_start(f, &x->task);
}

/* ---- what walks bring ------------------------------------------------------------------------------------------- */

void
mf_rules_walk(struct mf_folder *f, struct walk *w)
{
	w->rules_age = f->rules->age;
}

struct only {
	struct mf_folder *f;
	const char *dir; /* NULL: any */
};

static void
read_again(void *arg, const char *dir)
{
	const struct only *o = arg;

	if (o->dir == NULL || strcmp(o->dir, dir) == 0)
		mf_rules_event(o->f, dir);
}

/* The first rules are taken as they are; of later ones a walk may have met a half written file, so they are read once
 * more when they have rested. */
void
mf_rules_walked(struct mf_folder *f, struct walk *w)
{
	struct mf_rules *r = f->rules;
	struct only o = {f, w->mode == WALK_ONE ? w->from : NULL};
	bool whole = w->mode == WALK_FIRST || w->mode == WALK_FULL;

	if (w->rules == NULL || w->rules_age != r->age)
		return;
	if (r->now != NULL) {
		mf_ignore_differ(r->now, w->rules, w->from, read_again, &o);
	} else if (whole) {
		r->now = w->rules;
		w->rules = NULL;
		if (w->mode == WALK_FULL) { /* what was withheld meanwhile */
			f->resume_due = true;
			mf_turn_arm(f, 0);
		}
	}
}
