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

static bool
wait_quiet(struct judge *j, int64_t window_ms)
{
	char *before = cast_picture(j->c);
	bool quiet = false;

	for (int i = 0; i < QUIET_WINDOWS && !quiet; i++) {
		judge_pass(j, window_ms);
		char *now = cast_picture(j->c);
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

/* Whoever is asked whether all that is gone was meant says yes. */
static bool
confirm_all(struct judge *j)
{
	bool asked = false;

	for (size_t i = 0; i < j->c->n; i++) {
		mf_folder_status st;
		mf_err err = {0};
		mf_folder_status_get(j->c->m[i].f, &st);
		asked |= st.deletes_asked != 0;
		if (st.deletes_asked != 0 && mf_folder_deletes_answer(j->c->m[i].f, MF_DELETES_CONFIRM, &err) != MF_OK)
			judge_wrong(j, "%s does not hear the answer: %s", j->c->m[i].name, err.text);
	}
	return !asked || wait_quiet(j, quiet_ms(j));
}

void
judge_end(struct judge *j)
{
	judge_calm(j);
	if (j->wrong[0] != '\0' || !wait_quiet(j, RETRY_MS) || !confirm_all(j))
		return;
	for (size_t i = 0; i < j->c->n && j->one_writer; i++)
		if (j->c->m[i].conflicts_added > 0)
			judge_wrong(j, "%s saw a conflict, but there is only one writer", j->c->m[i].name);
	if (!settle_all(j))
		return;
	const char *text = oracle_check(j->o, j->c, true);
	if (text != NULL)
		judge_wrong(j, "%s", text);
	check_errors(j);
	check_says(j);
	check_restart(j);
	text = oracle_check(j->o, j->c, false);
	if (text != NULL)
		judge_wrong(j, "after restarts: %s", text);
}
