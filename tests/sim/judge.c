/* The end of a run: everything that must hold when nothing goes wrong any more. */
#include "judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "says.h"

enum {
	RETRY_MS = 70000, /* what failed often is tried again within it */
	QUIET_WINDOWS = 40,
	SETTLE_ROUNDS = 30,
	SPINS = 20000, /* steps */
};

void
judge_wrong(struct judge *j, const char *fmt, ...)
{
	va_list ap;

	if (j->wrong[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(j->wrong, j->size, fmt, ap);
	va_end(ap);
	sim_trace(j->c->w, "WRONG: %s", j->wrong);
}

void
judge_pass(struct judge *j, int64_t ms)
{
	uint64_t before = sim_steps(j->c->w);

	sim_run_for(j->c->w, ms);
	if (sim_steps(j->c->w) - before > SPINS + (uint64_t)ms)
		judge_wrong(j, "somebody spins: %llu steps in %lld ms",
			(unsigned long long)(sim_steps(j->c->w) - before), (long long)ms);
}

bool
judge_runs(const struct member *m)
{
	return m->f != NULL && !sim_dead(m->h);
}

void
judge_start(struct member *m)
{
	if (m->f == NULL && (sim_env_of(m->h) == NULL || !sim_dead(m->h)))
		(void)cast_try_open(m);
	cast_bury(m);
}

/* Twice what it takes that everybody scans and polls. */
static int64_t
quiet_ms(const struct judge *j)
{
	return 1000 * (2 * (int64_t)j->c->poll_s + 2 * (int64_t)j->c->scan_s + 5);
}

static void
calm(struct judge *j, struct member *m)
{
	mf_err err = {0};

	sim_on_op(m->h, NULL, NULL);
	sim_calm(m->h);
	if (cast_exists_abs(m, CAST_STATE "/state.sqlite"))
		sim_db_hold(m->h, CAST_STATE "/state.sqlite", false);
	cast_bury(m);
	cast_bring_back(m);
	judge_start(m);
	if (!judge_runs(m)) {
		judge_wrong(j, "%s does not start: %s", m->name, m->last_error);
		return;
	}
	if (j->deaf)
		sim_watch_overflow(m->h);
	if (mf_folder_settings(m->f)->paused && mf_folder_set(m->f, "paused", "no", &err) != MF_OK)
		judge_wrong(j, "%s cannot go on: %s", m->name, err.text);
}

void
judge_calm(struct judge *j)
{
	for (size_t i = 0; i < j->c->n; i++)
		calm(j, &j->c->m[i]);
}

/* A scan or poll may be under way just now; a path may not. */
static void
check_idle(struct judge *j, struct member *m)
{
	mf_folder_status st;

	mf_folder_status_get(m->f, &st);
	if (st.uploads_queued != 0 || st.downloads_queued != 0)
		judge_wrong(j, "%s waits for ever: %llu uploads, %llu downloads queued", m->name,
			(unsigned long long)st.uploads_queued, (unsigned long long)st.downloads_queued);
}

/* All disks and directories, Python's, too. */
static char *
picture(struct judge *j)
{
	mf_buf b = {0};
	char *all = cast_picture(j->c);

	mf_buf_addz(&b, all);
	free(all);
	if (j->python != NULL)
		cast_portrait(&j->python->m, &b);
	return (char *)b.p;
}

static bool
wait_quiet(struct judge *j, int64_t window_ms)
{
	char *before = picture(j);
	bool quiet = false;

	for (int i = 0; i < QUIET_WINDOWS && !quiet; i++) {
		judge_pass(j, window_ms);
		if (j->python != NULL) {
			python_scan(j->python);
			python_poll(j->python, 0);
		}
		char *now = picture(j);
		quiet = strcmp(before, now) == 0;
		free(before);
		before = now;
	}
	free(before);
	if (!quiet)
		judge_wrong(j, "it never becomes quiet");
	else
		for (size_t i = 0; i < j->c->n; i++)
			check_idle(j, &j->c->m[i]);
	return quiet;
}

static bool
settle_all(struct judge *j)
{
	for (int round = 0; round < SETTLE_ROUNDS; round++) {
		size_t i = 0;
		while (i < j->c->n && cast_conflicts(&j->c->m[i]) == 0)
			i++;
		if (i == j->c->n)
			return true;
		j->rounds++;
		for (size_t n = cast_conflicts(&j->c->m[i]), k = 0; k < n; k++)
			(void)oracle_settle_any(j->o, &j->c->m[i], k, false);
		if (!wait_quiet(j, quiet_ms(j)))
			return false;
	}
	judge_wrong(j, "conflicts never end");
	return false;
}

static void
check_restart(struct judge *j)
{
	uint64_t before = cast_writes(j->c);

	for (size_t i = 0; i < j->c->n; i++) {
		cast_close(&j->c->m[i]);
		cast_open(&j->c->m[i]);
	}
	judge_pass(j, quiet_ms(j));
	if (cast_writes(j->c) != before)
		judge_wrong(j, "restarts without changes wrote %llu times to the grid",
			(unsigned long long)(cast_writes(j->c) - before));
}

struct erring {
	struct judge *j;
	struct member *m;
};

static void
each_error(void *arg, const char *relpath, const char *text, int64_t at_ns)
{
	struct erring *e = arg;

	(void)at_ns;
	judge_wrong(e->j, "%s still reports an error: %s: %s", e->m->name, relpath == NULL ? "" : relpath, text);
}

static void
check_errors(struct judge *j)
{
	for (size_t i = 0; i < j->c->n; i++) {
		struct erring e = {j, &j->c->m[i]};
		mf_folder_errors(j->c->m[i].f, each_error, &e);
	}
}

/* All is well: everybody says so, and nothing that was queued is forgotten. */
static void
check_says(struct judge *j)
{
	for (size_t i = 0; i < j->c->n; i++) {
		struct member *m = &j->c->m[i];
		mf_folder_status st;
		mf_folder_status_get(m->f, &st);
		if (st.state != MF_SYNC_UP_TO_DATE)
			judge_wrong(j, "all is well, but %s says: %s", m->name, st.say);
		const char *text = says_check_items(m);
		if (text == NULL)
			text = m->wrong_event[0] != '\0' ? m->wrong_event : says_check(m);
		if (text != NULL)
			judge_wrong(j, "%s", text);
	}
}

/* A member whose many deletions are taken back, and their paths. */
struct wanted {
	struct member *m;
	mf_buf paths; /* each ends with NUL */
};

static void
each_wanted(void *arg, const char *relpath)
{
	struct wanted *x = arg;

	mf_buf_add(&x->paths, relpath, strlen(relpath) + 1);
}

static void
came_back(struct judge *j, struct wanted *x)
{
	const char *end = (const char *)x->paths.p + x->paths.n;

	for (const char *path = (const char *)x->paths.p; path != end; path += strlen(path) + 1) {
		if (oracle_shown(x->m, path) == 0)
			judge_wrong(j, "%s wanted %s back, and it did not come", x->m->name, path);
		oracle_revive(j->o, x->m, path);
	}
	mf_buf_free(&x->paths);
}

/* @return whether there was a question. */
static bool
answer_one(struct judge *j, struct wanted *x, bool back)
{
	uint64_t n = 0;
	mf_err err = {0};

	if (mf_folder_deletes(x->m->f, back ? SIZE_MAX : 0, each_wanted, x, &n, &err) != MF_OK)
		judge_wrong(j, "%s does not say what it asks: %s", x->m->name, err.text);
	if (n == 0)
		return false;
	if (mf_folder_deletes_answer(x->m->f, back ? MF_DELETES_RESTORE : MF_DELETES_CONFIRM, &err) != MF_OK)
		judge_wrong(j, "%s does not hear the answer: %s", x->m->name, err.text);
	j->restored += back;
	j->confirmed += !back;
	return true;
}

/* Whoever is asked whether all that is gone was meant says yes, or they all want it back. */
static bool
answer_all(struct judge *j)
{
	struct wanted x[CAST_MAX] = {0};
	bool asked = false, back = sim_chance(j->c->w, 500);

	for (size_t i = 0; i < j->c->n; i++) {
		x[i].m = &j->c->m[i];
		asked |= answer_one(j, &x[i], back);
	}
	bool quiet = !asked || wait_quiet(j, quiet_ms(j));
	for (size_t i = 0; i < j->c->n; i++)
		came_back(j, &x[i]);
	return quiet;
}

/* Conflicts of Python's end when everybody else has settled theirs.  Not those in which it has only touched or deleted
 * what others have replaced: that is no news to us, so nothing of ours descends from it, and Python takes nothing else. */
static bool
settle_with_python(struct judge *j)
{
	for (int round = 0; round < SETTLE_ROUNDS; round++) {
		if (!settle_all(j))
			return false;
		if (j->python == NULL || !python_is_stuck(j->python))
			return true;
		python_mend(j->python, round < 2 ? PYTHON_UNSTICK : PYTHON_FORGET);
		if (!wait_quiet(j, quiet_ms(j)))
			return false;
	}
	judge_wrong(j, "conflicts with Python never end");
	return false;
}

/* From now on nothing is ignored: what was held back is published, and may be in conflict.  Before that Python's conflicts
 * about what others ignore cannot end. */
static bool
end_rules(struct judge *j)
{
	if (!j->rules)
		return settle_with_python(j);
	oracle_write_text(j->o, &j->c->m[0], ".magicignore", 0, "");
	return wait_quiet(j, quiet_ms(j)) && answer_all(j) && settle_with_python(j);
}

static const char *
check_values(struct judge *j, bool temporary)
{
	const char *text = oracle_check(j->o, j->c, temporary);

	return text != NULL || j->python == NULL ? text : oracle_check_one(j->o, &j->python->m, temporary);
}

void
judge_end(struct judge *j)
{
	judge_calm(j);
	if (j->wrong[0] != '\0' || !wait_quiet(j, RETRY_MS) || !answer_all(j))
		return;
	for (size_t i = 0; i < j->c->n && j->one_writer; i++)
		if (j->c->m[i].conflicts_added > 0)
			judge_wrong(j, "%s saw a conflict, but there is only one writer", j->c->m[i].name);
	if (!settle_all(j) || !end_rules(j))
		return;
	const char *text = check_values(j, true);
	if (text != NULL)
		judge_wrong(j, "%s", text);
	check_errors(j);
	check_says(j);
	check_restart(j);
	text = check_values(j, false);
	if (text != NULL)
		judge_wrong(j, "after restarts: %s", text);
}
