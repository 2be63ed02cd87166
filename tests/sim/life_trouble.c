/* What goes wrong in a random life, and what people do to their settings, disks and databases. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "life_int.h"

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
fail_a_call(struct sim_world *w, struct member *m)
{
	static const int how[] = {EIO, EIO, ENOSPC, EACCES, EMFILE, EROFS};

	sim_fail_nth(m->h, (enum sim_op)sim_random(w, SIM_WATCH), 1 + sim_random(w, 50),
		how[sim_random(w, sizeof(how) / sizeof(how[0]))]);
}

/* ---- the question that many deletions lead to ---- */

struct asked {
	struct life *l;
	struct member *m;
};

static void
each_asked(void *arg, const char *relpath)
{
	const struct asked *a = arg;

	oracle_judge(
		&a->l->o, relpath); /* which version that is, and whether the word outlives a crash, is not known */
}

/* Without a question there is something to lead to one. */
static void
answer(struct life *l, struct member *m)
{
	bool restore = l->out->did[LIFE_DID_RESTORE] <= l->out->did[LIFE_DID_CONFIRM],
	     may_act = !m->reader && (!l->conf->one_writer || m == &l->c.m[0]);
	struct asked a = {l, m};
	uint64_t n = 0;

	if (!judge_runs(m) || m->away != NULL ||
		mf_folder_deletes(m->f, restore ? SIZE_MAX : 0, each_asked, &a, &n, NULL) != MF_OK)
		return;
	if (n == 0 && may_act)
		life_many(l, m);
	if (n > 0 && mf_folder_deletes_answer(m->f, restore ? MF_DELETES_RESTORE : MF_DELETES_CONFIRM, NULL) == MF_OK)
		l->out->did[restore ? LIFE_DID_RESTORE : LIFE_DID_CONFIRM]++;
}

/* ---- disks ---- */

static const char *
kept(const struct member *m)
{
	static char path[64];

	(void)snprintf(path, sizeof(path), CAST_MOUNT "/of-%s", m->name);
	return path;
}

void
life_mount(struct life *l, struct member *m)
{
	cast_mount(m);
	oracle_write(&l->o, m, kept(m), 0);
}

/* A disk of which nothing is known yet is none of ours: what arrives for it is written beneath, and when it comes the
 * user is asked. */
static bool
is_known(struct life *l, struct member *m)
{
	mf_immdir cap;
	mf_snapshot s;

	if (!m->has_disk || !judge_runs(m) || !cast_head(m, kept(m), &cap, &s))
		return false;
	mf_snapshot_clear(&s);
	return (l->with & LIFE_MOUNT) != 0;
}

static void
come_and_go(struct life *l, struct member *m, bool all)
{
	if (m->away != NULL) {
		cast_bring_back(m);
		return;
	}
	if (all || is_known(l, m))
		cast_take_away(m, all);
	if (m->away != NULL)
		l->out->did[all ? LIFE_DID_MOVE_ROOT : LIFE_DID_UNMOUNT]++;
}

/* ---- databases ---- */

static void
remove_db(struct member *m, const char *path)
{
	static const char *const also[] = {"", "-wal", "-shm"};
	char name[128];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, also[i]);
		(void)sim_remove(m->h, name);
	}
}

static void
put_back(struct member *m, const char *path, const mf_buf *bytes)
{
	remove_db(m, path);
	sim_write(m->h, path, bytes->p, bytes->n);
}

/* Copies are made of, and put in place of, what an orderly end left. */
static void
mistreat(struct life *l, struct member *m)
{
	struct life_copy *copy = &l->copy[m - l->c.m];
	uint64_t how = l->conf->one_writer ? 0 : sim_random(l->c.w, 3); /* a conflict with what is forgotten is true */

	if (!judge_runs(m))
		return;
	cast_close(m);
	if (how == 0) {
		remove_db(m, CAST_STATE "/index.sqlite");
		l->out->did[LIFE_DID_LOSE_INDEX]++;
	} else if (copy->state.n == 0 || how == 1) {
		copy->state.n = copy->index.n = 0;
		(void)sim_read(m->h, CAST_STATE "/state.sqlite", &copy->state);
		(void)sim_read(m->h, CAST_STATE "/index.sqlite", &copy->index);
	} else {
		put_back(m, CAST_STATE "/state.sqlite", &copy->state);
		put_back(m, CAST_STATE "/index.sqlite", &copy->index);
		l->o.forgetful = true;
		l->out->did[LIFE_DID_ROLL_BACK]++;
	}
}

/* ---- all ---- */

static void
of_the_process(struct life *l, struct member *m, unsigned what)
{
	struct sim_world *w = l->c.w;

	switch (what) {
	case LIFE_LOCKED:
		if (cast_exists_abs(m, CAST_STATE "/state.sqlite"))
			sim_db_hold(m->h, CAST_STATE "/state.sqlite", sim_chance(w, 400));
		break;
	case LIFE_PAUSE:
		if (judge_runs(m) && mf_folder_set(m->f, "paused", sim_chance(w, 500) ? "yes" : "no", NULL) == MF_OK)
			l->out->did[LIFE_DID_PAUSE] += mf_folder_settings(m->f)->paused;
		break;
	case LIFE_SETTINGS:
		if (judge_runs(m))
			set_something(w, m);
		l->out->did[LIFE_DID_SET] += judge_runs(m);
		break;
	case LIFE_MANY: answer(l, m); break;
	case LIFE_MOUNT:
	case LIFE_ROOT: come_and_go(l, m, what == LIFE_ROOT); break;
	case LIFE_DATABASE: mistreat(l, m); break;
	case LIFE_CLOCK:
		if (sim_chance(w, 200)) /* ten years */
			sim_clock_jump(m->h, (sim_chance(w, 500) ? 1 : -1) * 315360000ll * 1000000000);
		else
			sim_clock_jump(m->h, ((int64_t)sim_random(w, 7200) - 3600) * 1000000000);
		l->out->did[LIFE_DID_JUMP_CLOCK]++;
		break;
	default: break;
	}
}

void
life_misfortune(struct life *l, struct member *m, unsigned what)
{
	struct sim_world *w = l->c.w;
	sim_trouble *t = sim_trouble_of(m->h);

	if ((what & l->with) == 0)
		return;
	l->out->troubles++;
	switch (what) {
	case LIFE_CRASH:
	case LIFE_POWER:
		sim_crash_after(m->h, what == LIFE_CRASH ? SIM_CRASH_PROCESS : SIM_CRASH_POWER,
			1 + sim_random(w, sim_chance(w, 500) ? 60 : 600));
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
	case LIFE_NO_EXCHANGE: t->no_exchange = !t->no_exchange; break;
	case LIFE_SLOW: t->slow_ms = sim_chance(w, 500) ? 0 : 2000; break;
	case LIFE_DISK_FAILS: fail_a_call(w, m); break;
	default: of_the_process(l, m, what); break;
	}
}
