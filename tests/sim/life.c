/* One random life of a shared folder. */
#include "life.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "says.h"

enum { TROUBLES = 19 }; /* bits of enum life_with */
enum {
	QUIET_MS = 70000,
	QUIET_WINDOWS = 40,
	SETTLE_ROUNDS = 30,
	ANCESTORS_MAX = 4096,
	SPINS = 20000 /* steps */,
	NOTICE_MS = 1000
};

struct life {
	struct cast c;
	struct oracle o;
	const life_conf *conf;
	unsigned with, steps;
	life_result *out;
};

static void __attribute__((format(printf, 2, 3))) wrong(struct life *l, const char *fmt, ...)
{
	va_list ap;

	if (l->out->wrong[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(l->out->wrong, sizeof(l->out->wrong), fmt, ap);
	va_end(ap);
	sim_trace(l->c.w, "WRONG: %s", l->out->wrong);
}

/* Time passes; nobody may spin meanwhile. */
static void
pass(struct life *l, int64_t ms)
{
	uint64_t before = sim_steps(l->c.w);

	sim_run_for(l->c.w, ms);
	if (sim_steps(l->c.w) - before > SPINS + (uint64_t)ms)
		wrong(l, "somebody spins: %llu steps in %lld ms", (unsigned long long)(sim_steps(l->c.w) - before),
			(long long)ms);
}

/* ---- an entry never moves to its own past (I9) ---- */

static bool
is_past(struct life *l, const char *was, const char *now)
{
	mf_immdir *seen = mf_realloc_array(NULL, ANCESTORS_MAX, sizeof(*seen));
	size_t n = 0;
	bool found = false;

	if (mf_immdir_parse(mf_strz(was), &seen[n++], NULL) != MF_OK)
		n = 0;
	for (size_t i = 0; i < n && !found; i++) {
		mf_snapshot s;
		mf_err err = {0};
		found = i > 0 && strcmp(seen[i].text, now) == 0;
		if (cast_snapshot(&l->c, &seen[i], &s, &err) != MF_OK) {
			wrong(l, "a published snapshot cannot be read: %s", err.text);
			break;
		}
		for (size_t k = 0; k < s.n_parents && n < ANCESTORS_MAX; k++) {
			size_t j = 0;
			while (j < n && strcmp(seen[j].text, s.parents[k].text) != 0)
				j++;
			if (j == n)
				seen[n++] = s.parents[k];
		}
		mf_snapshot_clear(&s);
	}
	free(seen);
	return found;
}

static void
on_link(void *arg, const char *name, const char *was, const char *now)
{
	struct life *l = arg;
	mf_immdir cap;
	mf_snapshot s;
	mf_err err = {0};

	if (name[0] == '@' || strncmp(now, "URI:DIR2-CHK:", 13) != 0)
		return;
	if (mf_immdir_parse(mf_strz(now), &cap, &err) != MF_OK || cast_snapshot(&l->c, &cap, &s, &err) != MF_OK) {
		wrong(l, "%s was linked to what cannot be read: %s", name, err.text);
		return;
	}
	sim_trace(l->c.w, "%s is now %s by %s, %zu parents", name, now, s.author, s.n_parents);
	for (size_t i = 0; i < s.n_parents; i++)
		sim_trace(l->c.w, "    parent %s", s.parents[i].text);
	mf_snapshot_clear(&s);
	if (was != NULL && is_past(l, was, now))
		wrong(l, "%s moved to its own past", name);
}

/* ---- processes ---- */

static bool
runs(const struct member *m)
{
	return m->f != NULL && !sim_dead(m->h);
}

static void
start(struct member *m)
{
	if (m->f == NULL && (sim_env_of(m->h) == NULL || !sim_dead(m->h)))
		(void)cast_try_open(m);
	cast_bury(m);
}

static void
misfortune(struct life *l, struct member *m)
{
	struct sim_world *w = l->c.w;
	sim_trouble *t = sim_trouble_of(m->h);
	unsigned what = 1u << sim_random(w, TROUBLES);

	if ((what & l->with) == 0)
		return;
	switch (what) {
	case LIFE_CRASH:
	case LIFE_POWER:
		sim_crash_after(m->h, what == LIFE_CRASH ? SIM_CRASH_PROCESS : SIM_CRASH_POWER,
			1 + sim_random(w, sim_chance(w, 500) ? 60 : 600));
		l->out->crashes++;
		break;
	case LIFE_STALE: t->stale = sim_chance(w, 500) ? 0 : 300; break;
	case LIFE_CUT_OFF: t->cut_off = !t->cut_off; break;
	case LIFE_GRID_FAILS: t->fail = sim_chance(w, 500) ? 0 : 100; break;
	case LIFE_LOST_ANSWER: t->lose_answer = sim_chance(w, 500) ? 0 : 300; break;
	case LIFE_FULL: t->disk_free = sim_chance(w, 500) ? 0 : 1 + sim_random(w, 20000); break;
	case LIFE_DEAF:
		t->drop_events = sim_chance(w, 500) ? 0 : 500;
		if (sim_chance(w, 500))
			sim_watch_overflow(m->h);
		break;
	case LIFE_CLOCK: sim_clock_jump(m->h, ((int64_t)sim_random(w, 7200) - 3600) * 1000000000); break;
	case LIFE_NO_EXCHANGE: t->no_exchange = !t->no_exchange; break;
	case LIFE_SLOW: t->slow_ms = sim_chance(w, 500) ? 0 : 2000; break;
	case LIFE_DISK_FAILS:
		sim_fail_nth(m->h, (enum sim_op)sim_random(w, SIM_WATCH), 1 + sim_random(w, 50), EIO);
		break;
	case LIFE_LOCKED:
		if (cast_exists_abs(m, CAST_STATE "/state.sqlite"))
			sim_db_hold(m->h, CAST_STATE "/state.sqlite", sim_chance(w, 400));
		break;
	case LIFE_PAUSE:
		if (runs(m))
			(void)mf_folder_set(m->f, "paused", sim_chance(w, 500) ? "yes" : "no", NULL);
		break;
	default: break;
	}
}

/* ---- users ---- */

static const char *
some_path(struct life *l)
{
	static const char *const paths[] = {"a", "b", "c", "d/a", "d/b", "d/e/a", "f/a"};

	return paths[sim_random(l->c.w, (l->with & LIFE_DIRS) != 0 ? 7 : 3)];
}

struct settling {
	struct life *l;
	struct member *m;
	size_t skip;
	bool done, always_dismiss;
	char path[ORACLE_PATH_MAX], slot[64];
};

static mf_code
pick_conflict(void *arg, const char *relpath, const char *participant)
{
	struct settling *s = arg;

	if (s->done || s->skip-- > 0)
		return MF_OK;
	s->done = true;
	(void)snprintf(s->path, sizeof(s->path), "%s", relpath);
	(void)snprintf(s->slot, sizeof(s->slot), "%s", participant);
	return MF_OK;
}

static bool
settle_some(struct life *l, struct member *m, size_t skip, bool take)
{
	struct settling s = {.l = l, .m = m, .skip = skip};

	if (!runs(m) || mf_folder_conflicts(m->f, pick_conflict, &s, NULL) != MF_OK || !s.done)
		return false;
	uint64_t how = sim_random(l->c.w, 10);
	if (how < 4)
		oracle_resolve(&l->o, m, s.path, s.slot, take);
	else if (how < 5 && take)
		oracle_settle_edited(&l->o, m, s.path, s.slot);
	else
		oracle_settle_one(&l->o, m, s.path, s.slot, take);
	return true;
}

static void
rename_dir(struct life *l, struct member *m)
{
	static const char *const dirs[] = {"d", "d/e", "f", "g", "d/h"};
	struct sim_world *w = l->c.w;

	oracle_rename_dir(&l->o, m, dirs[sim_random(w, 5)], dirs[sim_random(w, 5)]);
}

static void
user(struct life *l, struct member *m)
{
	struct sim_world *w = l->c.w;
	uint64_t what = sim_random(w, 100);

	l->out->ops++;
	m->last_act_ms = sim_now_ms(w);
	if (what < 45)
		oracle_write(&l->o, m, some_path(l), (unsigned)sim_random(w, 2));
	else if (what < 60)
		oracle_delete(&l->o, m, some_path(l));
	else if (what < 70)
		oracle_rename(&l->o, m, some_path(l), some_path(l));
	else if (what < 75 && (l->with & LIFE_DIRS) != 0 && !m->reader)
		rename_dir(l, m);
	else if (what < 77 && (l->with & LIFE_DIRS) != 0 && !m->reader)
		oracle_delete_dir(&l->o, m, sim_chance(w, 500) ? "d" : "f");
	else if (what < 87 && (l->with & LIFE_SETTLE) != 0)
		(void)settle_some(l, m, sim_random(w, 2), sim_chance(w, 500));
	else if (what < 92 && cast_exists(m, "a"))
		sim_touch(m->h, cast_path("a"), 1600000000000000000 + (int64_t)sim_random(w, 1000) * 1000000000);
	else if (what < 95 && runs(m))
		mf_folder_scan(m->f, cast_ignore, NULL, NULL);
	else if (runs(m))
		mf_folder_poll(m->f, cast_ignore, NULL, NULL);
}

/* In the middle of an operation of the engine. */
static void
on_op(void *arg, enum sim_op op, const char *what)
{
	struct member *m = arg;
	struct life *l = m->tag;

	(void)what;
	if (op >= SIM_WATCH || !sim_chance(l->c.w, 4))
		return;
	m->last_act_ms = sim_now_ms(l->c.w);
	if (sim_chance(l->c.w, 700))
		oracle_write(&l->o, m, some_path(l), (unsigned)sim_random(l->c.w, 2));
	else
		oracle_delete(&l->o, m, some_path(l));
}

/* What they say of themselves, now.  Who is deaf cannot know better, and a change needs a moment to be noticed. */
static void
listen(struct life *l)
{
	for (size_t i = 0; i < l->c.n; i++) {
		struct member *m = &l->c.m[i];
		if (m->wrong_event[0] != '\0')
			wrong(l, "%s", m->wrong_event);
		if (!runs(m) || (l->with & LIFE_DEAF) != 0 || sim_now_ms(l->c.w) - m->last_act_ms < NOTICE_MS)
			continue;
		const char *text = says_check(m);
		if (text != NULL)
			wrong(l, "%s", text);
		else
			l->out->truths += says_up_to_date(m);
	}
}

static void
one_step(struct life *l)
{
	struct sim_world *w = l->c.w;
	struct member *m = &l->c.m[sim_random(w, l->c.n)];
	struct member *who = l->conf->one_writer ? &l->c.m[0] : m;

	if (sim_chance(w, 550))
		user(l, who);
	else
		misfortune(l, m);
	if (sim_chance(w, 500))
		pass(l, (int64_t)sim_random(w, sim_chance(w, 700) ? 300 : 6000));
	for (size_t i = 0; i < l->c.n; i++) {
		cast_bury(&l->c.m[i]);
		if (!runs(&l->c.m[i]) && sim_chance(w, 200))
			start(&l->c.m[i]);
		else if ((l->with & LIFE_CRASH) != 0 && sim_chance(w, 10) && runs(&l->c.m[i]))
			cast_close(&l->c.m[i]);
	}
}

/* ---- the end ---- */

static void
everything_well(struct life *l)
{
	for (size_t i = 0; i < l->c.n; i++) {
		struct member *m = &l->c.m[i];
		sim_on_op(m->h, NULL, NULL);
		sim_calm(m->h);
		if ((l->with & LIFE_LOCKED) != 0)
			sim_db_hold(m->h, CAST_STATE "/state.sqlite", false);
		cast_bury(m);
		start(m);
		if (!runs(m))
			wrong(l, "%s does not start: %s", m->name, m->last_error);
		if ((l->with & LIFE_DEAF) != 0)
			sim_watch_overflow(m->h);
		mf_err err = {0};
		if (runs(m) && mf_folder_settings(m->f)->paused && mf_folder_set(m->f, "paused", "no", &err) != MF_OK)
			wrong(l, "%s cannot go on: %s", m->name, err.text);
	}
}

/* A scan or poll may be under way just now; a path may not. */
static void
check_idle(struct life *l, struct member *m)
{
	mf_folder_status st;

	mf_folder_status_get(m->f, &st);
	if (st.uploads_queued != 0 || st.downloads_queued != 0)
		wrong(l, "%s waits for ever: %llu uploads, %llu downloads queued", m->name,
			(unsigned long long)st.uploads_queued, (unsigned long long)st.downloads_queued);
}

static bool
wait_quiet(struct life *l)
{
	char *before = cast_picture(&l->c);
	bool quiet = false;

	for (int i = 0; i < QUIET_WINDOWS && !quiet; i++) {
		pass(l, QUIET_MS);
		char *now = cast_picture(&l->c);
		quiet = strcmp(before, now) == 0;
		free(before);
		before = now;
	}
	free(before);
	if (!quiet)
		wrong(l, "it never becomes quiet");
	else
		for (size_t i = 0; i < l->c.n; i++)
			check_idle(l, &l->c.m[i]);
	return quiet;
}

static bool
settle_all(struct life *l)
{
	for (int round = 0; round < SETTLE_ROUNDS; round++) {
		size_t i = 0;
		while (i < l->c.n && cast_conflicts(&l->c.m[i]) == 0)
			i++;
		if (i == l->c.n)
			return true;
		l->out->conflicts++;
		for (size_t n = cast_conflicts(&l->c.m[i]), k = 0; k < n; k++)
			(void)settle_some(l, &l->c.m[i], k, false);
		if (!wait_quiet(l))
			return false;
	}
	wrong(l, "conflicts never end");
	return false;
}

static void
check_restart(struct life *l)
{
	uint64_t before = cast_writes(&l->c);

	for (size_t i = 0; i < l->c.n; i++) {
		cast_close(&l->c.m[i]);
		cast_open(&l->c.m[i]);
	}
	pass(l, QUIET_MS);
	if (cast_writes(&l->c) != before)
		wrong(l, "restarts without changes wrote %llu times to the grid",
			(unsigned long long)(cast_writes(&l->c) - before));
}

struct erring {
	struct life *l;
	struct member *m;
};

static void
each_error(void *arg, const char *relpath, const char *text, int64_t at_ns)
{
	struct erring *e = arg;

	(void)at_ns;
	wrong(e->l, "%s still reports an error: %s: %s", e->m->name, relpath == NULL ? "" : relpath, text);
}

static void
check_errors(struct life *l)
{
	for (size_t i = 0; i < l->c.n; i++) {
		struct erring e = {l, &l->c.m[i]};
		mf_folder_errors(l->c.m[i].f, each_error, &e);
	}
}

/* All is well: everybody says so, and nothing that was queued is forgotten. */
static void
check_says(struct life *l)
{
	for (size_t i = 0; i < l->c.n; i++) {
		struct member *m = &l->c.m[i];
		mf_folder_status st;
		mf_folder_status_get(m->f, &st);
		if (st.state != MF_SYNC_UP_TO_DATE)
			wrong(l, "all is well, but %s says: %s", m->name, st.say);
		const char *text = says_check_items(m);
		if (text != NULL)
			wrong(l, "%s", text);
	}
	listen(l);
}

static void
judgement(struct life *l)
{
	everything_well(l);
	if (l->out->wrong[0] != '\0' || !wait_quiet(l))
		return;
	if (l->conf->one_writer)
		for (size_t i = 0; i < l->c.n; i++)
			if (l->c.m[i].conflicts_added > 0)
				wrong(l, "%s saw a conflict, but there is only one writer", l->c.m[i].name);
	if (!settle_all(l))
		return;
	const char *text = oracle_check(&l->o, &l->c, true);
	if (text != NULL)
		wrong(l, "%s", text);
	check_errors(l);
	check_says(l);
	check_restart(l);
	text = oracle_check(&l->o, &l->c, false);
	if (text != NULL)
		wrong(l, "after restarts: %s", text);
}

static void
begin(struct life *l)
{
	static const char *const names[] = {"alice", "bob", "carol", "dave"};
	struct sim_world *w = l->c.w;
	size_t members = l->conf->members != 0 ? l->conf->members : 2 + sim_random(w, 3);

	/* few of the possible troubles at once, or none would be seen for itself */
	l->with = l->conf->with;
	for (unsigned i = 0; l->conf->with == 0 && i < TROUBLES; i++)
		if (sim_chance(w, 350))
			l->with |= 1u << i;
	if ((l->with & LIFE_NO_EXCHANGE) != 0)
		l->with &= ~(unsigned)LIFE_INSIDE; /* there the last look and the rename are two steps (design 2.5.9) */
	l->steps = l->conf->steps != 0 ? l->conf->steps : 20 + (unsigned)sim_random(w, 120);
	l->c.poll_s = 1 + (unsigned)sim_random(w, 20);
	l->c.scan_s = 1 + (unsigned)sim_random(w, 30);
	if ((l->with & LIFE_GRAIN) != 0)
		sim_time_grain(w, 4000000);
	for (size_t i = 0; i < members + l->conf->reader; i++) {
		struct member *m = i < members ? cast_add(&l->c, names[i]) : cast_add_reader(&l->c, "reader");
		m->tag = l;
		sim_sync_disk(m->h);
	}
	if ((l->with & LIFE_PREEMPT) != 0)
		sim_preempt(w, 50);
	for (size_t i = 0; i < members && (l->with & LIFE_INSIDE) != 0; i++)
		if (!l->conf->one_writer || i == 0)
			sim_on_op(l->c.m[i].h, on_op, &l->c.m[i]);
	sim_on_link(w, on_link, l);
}

void
life_run(const life_conf *conf, life_result *out)
{
	struct life l = {.conf = conf, .out = out};

	*out = (life_result){0};
	cast_init(&l.c, conf->seed);
	begin(&l);
	for (unsigned i = 0; i < l.steps && out->wrong[0] == '\0'; i++) {
		one_step(&l);
		listen(&l);
	}
	if (out->wrong[0] == '\0')
		judgement(&l);
	out->trace = sim_trace_hash(l.c.w);
	out->virtual_ms = sim_now_ms(l.c.w);
	cast_end(&l.c);
	oracle_free(&l.o);
}
