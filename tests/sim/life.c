/* One random life of a shared folder. */
#include "life.h"

#include <stdio.h>
#include <stdlib.h>

#include "life_int.h"
#include "says.h"

enum { NOTICE_MS = 1000, SURE_EVERY = 6 };

/* ---- what is counted ---- */

static const struct {
	const char *name;
	unsigned needs;
} kinds[LIFE_KINDS] = {
	[LIFE_DID_CRASH] = {"crashes", LIFE_CRASH},
	[LIFE_DID_POWER_CUT] = {"power cuts", LIFE_POWER},
	[LIFE_DID_READ_STALE] = {"stale reads", LIFE_STALE},
	[LIFE_DID_CUT_OFF] = {"calls without a grid", LIFE_CUT_OFF},
	[LIFE_DID_GRID_FAIL] = {"failures of the grid", LIFE_GRID_FAILS},
	[LIFE_DID_LOSE_ANSWER] = {"answers lost", LIFE_LOST_ANSWER},
	[LIFE_DID_FILL_DISK] = {"writes to a full disk", LIFE_FULL},
	[LIFE_DID_DROP_EVENT] = {"watch events lost", LIFE_DEAF},
	[LIFE_DID_OVERFLOW] = {"watch queues overflown", LIFE_DEAF},
	[LIFE_DID_JUMP_CLOCK] = {"clock jumps", LIFE_CLOCK},
	[LIFE_DID_REFUSE_EXCHANGE] = {"exchanges refused", LIFE_NO_EXCHANGE},
	[LIFE_DID_PREEMPT] = {"jobs interrupted", LIFE_PREEMPT},
	[LIFE_DID_SLOW_DOWN] = {"slow calls", LIFE_SLOW},
	[LIFE_DID_ACT_INSIDE] = {"user actions in the middle of a call", LIFE_INSIDE},
	[LIFE_DID_MOVE_TREE] = {"directories moved", LIFE_DIRS},
	[LIFE_DID_SETTLE] = {"conflicts settled", LIFE_SETTLE},
	[LIFE_DID_COARSE_TIMES] = {"lives with coarse times", LIFE_GRAIN},
	[LIFE_DID_FAIL_CALL] = {"file calls failed", LIFE_DISK_FAILS},
	[LIFE_DID_LOCK_DATABASE] = {"databases found locked", LIFE_LOCKED},
	[LIFE_DID_PAUSE] = {"pauses", LIFE_PAUSE},
	[LIFE_DID_SET] = {"settings changed", LIFE_SETTINGS},
	[LIFE_DID_ASK] = {"questions about deletions", LIFE_MANY},
	[LIFE_DID_CONFIRM] = {"deletions confirmed", LIFE_MANY},
	[LIFE_DID_RESTORE] = {"deletions taken back", LIFE_MANY},
	[LIFE_DID_UNMOUNT] = {"disks unmounted", LIFE_MOUNT},
	[LIFE_DID_MOVE_ROOT] = {"roots moved away", LIFE_ROOT},
	[LIFE_DID_CHANGE_RULES] = {"rules changed", LIFE_RULES},
	[LIFE_DID_WITHHOLD] = {"ignored files written", LIFE_RULES},
	[LIFE_DID_PYTHON_PUBLISH] = {"snapshots by Python", LIFE_PYTHON},
	[LIFE_DID_PYTHON_TAKE] = {"snapshots taken by Python", LIFE_PYTHON},
	[LIFE_DID_PYTHON_CONFLICT] = {"conflicts of Python's", LIFE_PYTHON},
	[LIFE_DID_LOSE_INDEX] = {"indexes lost", LIFE_DATABASE},
	[LIFE_DID_ROLL_BACK] = {"databases put back", LIFE_DATABASE},
};

const char *
life_kind_name(enum life_kind kind)
{
	return kinds[kind].name;
}

unsigned
life_kind_needs(enum life_kind kind)
{
	return kinds[kind].needs;
}

/* ---- links: an entry never moves to its own past (I9) ---- */

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
	life_rules_link(l, now, &s);
	mf_snapshot_clear(&s);
	bool is_past = false;
	if (was != NULL && cast_is_past(&l->c, now, was, &is_past, &err) != MF_OK)
		judge_wrong(&l->judge, "a published snapshot cannot be read: %s", err.text);
	if (is_past)
		judge_wrong(&l->judge, "%s moved to its own past", name);
}

/* ---- steps ---- */

/* No event tells of a disk that is mounted, nor of a directory that is moved with all that is above it. */
static bool
can_know(struct life *l, const struct member *m)
{
	int64_t now = sim_now_ms(l->c.w);

	return now - m->last_act_ms >= NOTICE_MS &&
		(m->away_ms == 0 || now - m->away_ms > NOTICE_MS + 2000 * (int64_t)l->c.scan_s);
}

/* What they say of themselves, now.  Who is deaf cannot know better, and a change needs a moment to be noticed. */
static void
listen(struct life *l)
{
	life_rules_look(l);
	for (size_t i = 0; i < l->c.n; i++) {
		struct member *m = &l->c.m[i];
		if (m->wrong_event[0] != '\0')
			judge_wrong(&l->judge, "%s", m->wrong_event);
		if (!judge_runs(m) || (l->with & LIFE_DEAF) != 0 || !can_know(l, m))
			continue;
		const char *text = says_check(m);
		if (text != NULL)
			judge_wrong(&l->judge, "%s", text);
		else
			l->out->truths += says_up_to_date(m);
	}
}

/* Mostly of any kind, now and then of one that is certain for this life. */
static unsigned
some_trouble(struct life *l)
{
	if (l->out->steps % SURE_EVERY == 0)
		return l->sure[l->out->steps / SURE_EVERY % 2];
	return 1u << sim_random(l->c.w, LIFE_TROUBLES);
}

static void
one_step(struct life *l)
{
	struct sim_world *w = l->c.w;
	struct member *m = &l->c.m[sim_random(w, l->c.n)];
	struct member *who = l->conf->one_writer ? &l->c.m[0] : m;

	if (l->out->steps % SURE_EVERY != 0 && sim_chance(w, 550))
		life_user(l, who);
	else
		life_misfortune(l, m, some_trouble(l));
	if (l->has_python && sim_chance(w, 400))
		life_python(l);
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

/* Few of the possible troubles at once, or none would be seen for itself. */
static void
choose(struct life *l)
{
	struct sim_world *w = l->c.w;

	l->with = l->conf->with;
	for (unsigned i = 0; i < 2; i++) {
		l->sure[i] = 1u << (l->conf->seed + i * (LIFE_TROUBLES / 2)) % LIFE_TROUBLES;
		if (l->conf->with == 0)
			l->with |= l->sure[i];
	}
	for (unsigned i = 0; l->conf->with == 0 && i < LIFE_TROUBLES; i++)
		if (sim_chance(w, 1u << i == LIFE_MANY ? 100 : 350))
			l->with |= 1u << i;
	l->with &= ~l->conf->without;
	if ((l->with & LIFE_DATABASE) != 0)
		l->with &= ~(unsigned)LIFE_MOUNT; /* databases from before it know nothing of the disk */
	if ((l->with & LIFE_NO_EXCHANGE) != 0)
		l->with &= ~(unsigned)LIFE_INSIDE; /* there the last look and the rename are two steps (design 2.5.9) */
}

static void
join(struct life *l, size_t members)
{
	static const char *const names[] = {"alice", "bob", "carol", "dave"};
	struct sim_world *w = l->c.w;

	for (size_t i = 0; i < members + l->conf->reader; i++) {
		struct member *m = i < members ? cast_add(&l->c, names[i]) : cast_add_reader(&l->c, "reader");
		m->tag = l;
		if ((l->with & LIFE_MOUNT) != 0 && (i == 0 || (sim_chance(w, 400) && !m->reader)))
			life_mount(l, m);
		sim_sync_disk(m->h);
	}
	l->has_python = (l->with & LIFE_PYTHON) != 0;
	if (l->has_python) {
		python_join(&l->python, &l->c, "python");
		l->judge.python = &l->python;
	}
}

static void
begin(struct life *l)
{
	struct sim_world *w = l->c.w;
	size_t members = l->conf->members != 0 ? l->conf->members : 2 + sim_random(w, 3);

	choose(l);
	l->steps = l->conf->steps != 0 ? l->conf->steps : 20 + (unsigned)sim_random(w, 120);
	l->c.poll_s = 1 + (unsigned)sim_random(w, 20);
	l->c.scan_s = 1 + (unsigned)sim_random(w, 30);
	l->judge.deaf = (l->with & LIFE_DEAF) != 0;
	if ((l->with & LIFE_GRAIN) != 0)
		sim_time_grain(w, 4000000);
	join(l, members);
	for (unsigned i = 0; i < LIFE_MANY_FILES && (l->with & LIFE_MANY) != 0; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "m/%u", i);
		oracle_write(&l->o, &l->c.m[0], name, 0);
	}
	if ((l->with & LIFE_PREEMPT) != 0)
		sim_preempt(w, 50);
	for (size_t i = 0; i < members && (l->with & LIFE_INSIDE) != 0; i++)
		if (!l->conf->one_writer || i == 0)
			sim_on_op(l->c.m[i].h, life_inside, &l->c.m[i]);
	sim_on_link(w, on_link, l);
}

/* What was done in the world, by everybody, and what came to pass. */
static void
count(struct life *l)
{
	static const struct {
		enum life_kind kind;
		enum sim_hit hit;
	} hits[] = {{LIFE_DID_CRASH, SIM_HIT_CRASH}, {LIFE_DID_POWER_CUT, SIM_HIT_POWER},
		{LIFE_DID_PREEMPT, SIM_HIT_PREEMPT}, {LIFE_DID_FAIL_CALL, SIM_HIT_PLANNED},
		{LIFE_DID_CUT_OFF, SIM_HIT_CUT_OFF}, {LIFE_DID_GRID_FAIL, SIM_HIT_FAILED},
		{LIFE_DID_LOSE_ANSWER, SIM_HIT_LOST_ANSWER}, {LIFE_DID_READ_STALE, SIM_HIT_STALE},
		{LIFE_DID_SLOW_DOWN, SIM_HIT_SLOW}, {LIFE_DID_DROP_EVENT, SIM_HIT_DROPPED},
		{LIFE_DID_OVERFLOW, SIM_HIT_OVERFLOW}, {LIFE_DID_FILL_DISK, SIM_HIT_FULL},
		{LIFE_DID_REFUSE_EXCHANGE, SIM_HIT_NO_EXCHANGE}, {LIFE_DID_LOCK_DATABASE, SIM_HIT_LOCKED}};
	uint64_t *did = l->out->did;

	for (size_t i = 0; i < l->c.n; i++) {
		for (int op = 0; op < SIM_OPS; op++)
			l->out->calls += sim_count(l->c.m[i].h, (enum sim_op)op);
		for (size_t k = 0; k < sizeof(hits) / sizeof(hits[0]); k++)
			did[hits[k].kind] += sim_hits(l->c.m[i].h, hits[k].hit);
		did[LIFE_DID_ASK] += l->c.m[i].asked;
	}
	did[LIFE_DID_COARSE_TIMES] = (l->with & LIFE_GRAIN) != 0;
	did[LIFE_DID_PYTHON_PUBLISH] = l->python.published;
	did[LIFE_DID_PYTHON_TAKE] = l->python.applied;
	did[LIFE_DID_PYTHON_CONFLICT] = l->python.conflicts;
	did[LIFE_DID_CONFIRM] += l->judge.confirmed;
	did[LIFE_DID_RESTORE] += l->judge.restored;
	l->out->events = sim_steps(l->c.w);
}

static void
end(struct life *l)
{
	if (l->has_python)
		python_end(&l->python);
	cast_end(&l->c);
	oracle_free(&l->o);
	life_rules_free(l);
	for (size_t i = 0; i < CAST_MAX; i++) {
		mf_buf_free(&l->copy[i].state);
		mf_buf_free(&l->copy[i].index);
	}
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
	l.judge.rules = (l.with & LIFE_RULES) != 0;
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
	end(&l);
}
