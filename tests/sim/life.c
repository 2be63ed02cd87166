/* One random life of a shared folder. */
#include "life.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "judge.h"
#include "says.h"

enum { TROUBLES = 21 }; /* bits of enum life_with */
enum { ANCESTORS_MAX = 4096, NOTICE_MS = 1000, MANY = 22 };

struct life {
	struct cast c;
	struct oracle o;
	const life_conf *conf;
	unsigned with, steps;
	struct judge judge;
	life_result *out;
};

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
			judge_wrong(&l->judge, "a published snapshot cannot be read: %s", err.text);
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
		judge_wrong(&l->judge, "%s was linked to what cannot be read: %s", name, err.text);
		return;
	}
	sim_trace(l->c.w, "%s is now %s by %s, %zu parents", name, now, s.author, s.n_parents);
	for (size_t i = 0; i < s.n_parents; i++)
		sim_trace(l->c.w, "    parent %s", s.parents[i].text);
	mf_snapshot_clear(&s);
	if (was != NULL && is_past(l, was, now))
		judge_wrong(&l->judge, "%s moved to its own past", name);
}

/* ---- processes ---- */

/* "paused" is a trouble of its own; intervals stay short enough for judge_end(). */
static void
set_something(struct sim_world *w, struct member *m)
{
	static const char *const what[][2] = {{"merge", "text"}, {"merge", "ask"}, {"confirm_deletes", "never"},
		{"confirm_deletes", "ask"}, {"poll_interval", "7"}, {"scan_interval", "11"}};
	const char *const *s = what[sim_random(w, sizeof(what) / sizeof(what[0]))];

	(void)mf_folder_set(m->f, s[0], s[1], NULL);
}

static void
misfortune(struct life *l, struct member *m)
{
	struct sim_world *w = l->c.w;
	sim_trouble *t = sim_trouble_of(m->h);
	unsigned what = 1u << sim_random(w, TROUBLES);

	if ((what & l->with) == 0)
		return;
	l->out->troubles++;
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
		if (judge_runs(m))
			(void)mf_folder_set(m->f, "paused", sim_chance(w, 500) ? "yes" : "no", NULL);
		break;
	case LIFE_SETTINGS:
		if (judge_runs(m))
			set_something(w, m);
		break;
	case LIFE_MANY: /* the answer: it was meant */
		if (judge_runs(m))
			(void)mf_folder_deletes_answer(m->f, MF_DELETES_CONFIRM, NULL);
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
	else if (what < 79 && (l->with & LIFE_MANY) != 0 && !m->reader)
		oracle_delete_dir(&l->o, m, "m");
	else if (what < 87 && (l->with & LIFE_SETTLE) != 0)
		(void)oracle_settle_any(&l->o, m, sim_random(w, 2), sim_chance(w, 500));
	else if (what < 92 && cast_exists(m, "a"))
		sim_touch(m->h, cast_path("a"), 1600000000000000000 + (int64_t)sim_random(w, 1000) * 1000000000);
	else if (what < 95 && judge_runs(m))
		mf_folder_scan(m->f, cast_ignore, NULL, NULL);
	else if (judge_runs(m))
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
			judge_wrong(&l->judge, "%s", m->wrong_event);
		if (!judge_runs(m) || (l->with & LIFE_DEAF) != 0 || sim_now_ms(l->c.w) - m->last_act_ms < NOTICE_MS)
			continue;
		const char *text = says_check(m);
		if (text != NULL)
			judge_wrong(&l->judge, "%s", text);
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
		judge_pass(&l->judge, (int64_t)sim_random(w, sim_chance(w, 700) ? 300 : 6000));
	for (size_t i = 0; i < l->c.n; i++) {
		cast_bury(&l->c.m[i]);
		if (!judge_runs(&l->c.m[i]) && sim_chance(w, 200))
			judge_start(&l->c.m[i]);
		else if ((l->with & LIFE_CRASH) != 0 && sim_chance(w, 10) && judge_runs(&l->c.m[i]))
			cast_close(&l->c.m[i]);
	}
}

/* ---- the whole ---- */

static void
begin(struct life *l)
{
	static const char *const names[] = {"alice", "bob", "carol", "dave"};
	struct sim_world *w = l->c.w;
	size_t members = l->conf->members != 0 ? l->conf->members : 2 + sim_random(w, 3);

	/* few of the possible troubles at once, or none would be seen for itself */
	l->with = l->conf->with;
	for (unsigned i = 0; l->conf->with == 0 && i < TROUBLES; i++)
		if (sim_chance(w, 1u << i == LIFE_MANY ? 100 : 350))
			l->with |= 1u << i;
	l->with &= ~l->conf->without;
	if ((l->with & LIFE_NO_EXCHANGE) != 0)
		l->with &= ~(unsigned)LIFE_INSIDE; /* there the last look and the rename are two steps (design 2.5.9) */
	l->steps = l->conf->steps != 0 ? l->conf->steps : 20 + (unsigned)sim_random(w, 120);
	l->c.poll_s = 1 + (unsigned)sim_random(w, 20);
	l->c.scan_s = 1 + (unsigned)sim_random(w, 30);
	l->judge.deaf = (l->with & LIFE_DEAF) != 0;
	if ((l->with & LIFE_GRAIN) != 0)
		sim_time_grain(w, 4000000);
	for (size_t i = 0; i < members + l->conf->reader; i++) {
		struct member *m = i < members ? cast_add(&l->c, names[i]) : cast_add_reader(&l->c, "reader");
		m->tag = l;
		sim_sync_disk(m->h);
	}
	for (unsigned i = 0; i < MANY && (l->with & LIFE_MANY) != 0; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "m/%u", i);
		oracle_write(&l->o, &l->c.m[0], name, 0);
	}
	if ((l->with & LIFE_PREEMPT) != 0)
		sim_preempt(w, 50);
	for (size_t i = 0; i < members && (l->with & LIFE_INSIDE) != 0; i++)
		if (!l->conf->one_writer || i == 0)
			sim_on_op(l->c.m[i].h, on_op, &l->c.m[i]);
	sim_on_link(w, on_link, l);
}

/* What was done in the world, by everybody. */
static void
count(struct life *l)
{
	for (size_t i = 0; i < l->c.n; i++)
		for (int op = 0; op < SIM_OPS; op++)
			l->out->calls += sim_count(l->c.m[i].h, (enum sim_op)op);
	l->out->events = sim_steps(l->c.w);
}

void
life_run(const life_conf *conf, life_result *out)
{
	struct life l = {.conf = conf, .out = out};

	*out = (life_result){0};
	cast_init(&l.c, conf->seed);
	l.judge = (struct judge){
		.c = &l.c, .o = &l.o, .one_writer = conf->one_writer, .wrong = out->wrong, .size = sizeof(out->wrong)};
	begin(&l);
	out->with = l.with;
	for (out->steps = 0; out->steps < l.steps && out->wrong[0] == '\0'; out->steps++) {
		sim_random_from(
			l.c.w, conf->seed * 1000003 + out->steps); /* whatever happened before, or was left out */
		if (conf->skip == NULL || !conf->skip[out->steps])
			one_step(&l);
		listen(&l);
	}
	sim_random_from(l.c.w, conf->seed);
	if (out->wrong[0] == '\0')
		judge_end(&l.judge);
	out->conflicts = l.judge.rounds;
	out->trace = sim_trace_hash(l.c.w);
	out->virtual_ms = sim_now_ms(l.c.w);
	count(&l);
	cast_end(&l.c);
	oracle_free(&l.o);
}
