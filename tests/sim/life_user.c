/* What users do in a random life. */
#include <stdio.h>
#include <stdlib.h>

#include "life_int.h"

static const char *
some_path(struct life *l)
{
	static const char *const plain[] = {"a", "b", "c"}, *const deep[] = {"d/a", "d/b", "d/e/a", "f/a"},
				 *const many[] = {"m/0", "m/1"}, *const disk[] = {CAST_MOUNT "/a", CAST_MOUNT "/e/a"},
				 *const out[] = {"i/a", "i/b"}, *const odd[] = {"a@b", "@_"};
	static const struct {
		unsigned with;
		const char *const *path;
		size_t n;
	} sets[] = {{0, plain, 3}, {LIFE_DIRS, deep, 4}, {LIFE_MANY, many, 2}, {LIFE_MOUNT, disk, 2},
		{LIFE_RULES, out, 2}, {LIFE_PYTHON, odd, 2}};
	enum { SETS = sizeof(sets) / sizeof(sets[0]) };
	uint64_t n = 0;

	for (size_t i = 0; i < SETS; i++)
		n += sets[i].with == 0 || (sets[i].with & l->with) != 0 ? sets[i].n : 0;
	n = sim_random(l->c.w, n);
	for (size_t i = 0; i < SETS; i++) {
		if (sets[i].with != 0 && (sets[i].with & l->with) == 0)
			continue;
		if (n < sets[i].n)
			return sets[i].path[n];
		n -= sets[i].n;
	}
	return plain[0];
}

static void
rename_dir(struct life *l, struct member *m)
{
	static const char *const dirs[] = {"d", "d/e", "f", "g", "d/h"};
	struct sim_world *w = l->c.w;
	size_t knew = l->o.n;

	oracle_rename_dir(&l->o, m, dirs[sim_random(w, 5)], dirs[sim_random(w, 5)]);
	l->out->did[LIFE_DID_MOVE_TREE] += l->o.n != knew;
}

static void
write_to(struct life *l, struct member *m)
{
	const char *path = some_path(l);

	if (!m->reader && m != &l->python.m && life_rules_ignored(l, m, path))
		l->out->did[LIFE_DID_WITHHOLD]++;
	oracle_write(&l->o, m, path, (unsigned)sim_random(l->c.w, 2));
}

void
life_many(struct life *l, struct member *m)
{
	m->last_act_ms = sim_now_ms(l->c.w);
	if (sim_chance(l->c.w, 700) || cast_exists(m, "m/5")) {
		oracle_delete_dir(&l->o, m, "m");
		return;
	}
	for (unsigned i = 0; i < LIFE_MANY_FILES; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "m/%u", i);
		oracle_write(&l->o, m, name, 0);
	}
}

/* What concerns files alone.  @p what: up to 80. @return false: nothing of the kind. */
static bool
with_files(struct life *l, struct member *m, uint64_t what)
{
	struct sim_world *w = l->c.w;

	if (what < 45)
		write_to(l, m);
	else if (what < 60)
		oracle_delete(&l->o, m, some_path(l));
	else if (what < 70)
		oracle_rename(&l->o, m, some_path(l), some_path(l));
	else if (what < 75 && (l->with & LIFE_DIRS) != 0 && !m->reader)
		rename_dir(l, m);
	else if (what < 76 && (l->with & LIFE_DIRS) != 0 && !m->reader)
		oracle_delete_dir(&l->o, m, sim_chance(w, 500) ? "d" : "f");
	else if (what < 78 && (l->with & LIFE_MANY) != 0 && !m->reader)
		life_many(l, m);
	else if (what < 81 && (l->with & LIFE_RULES) != 0 && !m->reader)
		life_rules_user(l, m);
	else
		return false;
	return true;
}

void
life_user(struct life *l, struct member *m)
{
	struct sim_world *w = l->c.w;
	uint64_t what = sim_random(w, 100);

	l->out->ops++;
	m->last_act_ms = sim_now_ms(w);
	if (with_files(l, m, what))
		return;
	if (what < 87 && (l->with & LIFE_SETTLE) != 0)
		l->out->did[LIFE_DID_SETTLE] += oracle_settle_any(&l->o, m, sim_random(w, 2), sim_chance(w, 500));
	else if (what < 92 && cast_exists(m, "a"))
		sim_touch(m->h, cast_path("a"), 1600000000000000000 + (int64_t)sim_random(w, 1000) * 1000000000);
	else if (what < 95 && judge_runs(m))
		mf_folder_scan(m->f, cast_ignore, NULL, NULL);
	else if (judge_runs(m))
		mf_folder_poll(m->f, cast_ignore, NULL, NULL);
}

void
life_inside(void *arg, enum sim_op op, const char *what)
{
	struct member *m = arg;
	struct life *l = m->tag;

	(void)what;
	if (op >= SIM_WATCH || !sim_chance(l->c.w, 4))
		return;
	m->last_act_ms = sim_now_ms(l->c.w);
	l->out->did[LIFE_DID_ACT_INSIDE]++;
	if (sim_chance(l->c.w, 700))
		write_to(l, m);
	else
		oracle_delete(&l->o, m, some_path(l));
}

/* Its process does one thing at a time, and is often slow to do the next. */
void
life_python(struct life *l)
{
	struct sim_world *w = l->c.w;
	uint64_t what = sim_random(w, 100);

	if (what < 35 && !l->conf->one_writer)
		life_user(l, &l->python.m);
	else if (what < 70)
		python_scan(&l->python);
	else
		python_poll(&l->python, sim_random(w, l->c.n));
}
