/* Worlds, hosts, processes: birth, death, trace, faults. */
#include "sim_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- chance (splitmix64) ---- */

uint64_t
sim_rng_next(sim_rng *r)
{
	uint64_t z = (r->s += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t
sim_rng_below(sim_rng *r, uint64_t below)
{
	return below == 0 ? 0 : sim_rng_next(r) % below;
}

void
sim_rng_fill(sim_rng *r, void *p, size_t n)
{
	uint8_t *to = p;

	for (size_t i = 0; i < n; i += 8) {
		uint64_t v = sim_rng_next(r);
		memcpy(to + i, &v, n - i < 8 ? n - i : 8);
	}
}

uint64_t
sim_random(struct sim_world *w, uint64_t below)
{
	return sim_rng_below(&w->chance, below);
}

void
sim_random_from(struct sim_world *w, uint64_t seed)
{
	sim_rng r = {seed};

	w->chance.s = sim_rng_next(&r);
}

bool
sim_chance(struct sim_world *w, unsigned permille)
{
	return permille != 0 && sim_random(w, 1000) < permille;
}

bool
sim_lot(struct sim_world *w, unsigned permille)
{
	return permille != 0 && sim_pick(w, 1000) < permille;
}

uint64_t
sim_pick(struct sim_world *w, uint64_t below)
{
	return sim_rng_below(&w->choice, below);
}

/* ---- trace ---- */

void
sim_trace(struct sim_world *w, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int head = snprintf(line, sizeof(line), "%lld ", (long long)(w->now_ns / 1000));

	va_start(ap, fmt);
	int n = vsnprintf(line + head, sizeof(line) - (size_t)head, fmt, ap);
	va_end(ap);
	size_t size = n < 0 ? 0 : (size_t)(head + n) < sizeof(line) ? (size_t)(head + n) : sizeof(line) - 1;
	for (size_t i = 0; i < size; i++)
		w->hash = (w->hash ^ (uint8_t)line[i]) * 0x100000001b3u;
	if (w->keep) {
		mf_buf_add(&w->text, line, size);
		mf_buf_addc(&w->text, '\n');
	}
	if (w->echo)
		(void)fprintf(stderr, "%s\n", line);
}

void
sim_trace_keep(struct sim_world *w)
{
	w->keep = true;
}

mf_str
sim_trace_text(const struct sim_world *w)
{
	return mf_buf_str(&w->text);
}

uint64_t
sim_trace_hash(const struct sim_world *w)
{
	return w->hash;
}

/* ---- worlds and hosts ---- */

struct sim_world *
sim_world_new(uint64_t seed)
{
	struct sim_world *w = mf_alloc(sizeof(*w));
	sim_rng r = {seed};

	w->choice.s = sim_rng_next(&r);
	w->chance.s = sim_rng_next(&r);
	w->hash = 0xcbf29ce484222325u;
	w->echo = getenv("SIM_TRACE") != NULL;
	w->grain_ns = 1;
	LIST_INIT(&w->hosts);
	LIST_INIT(&w->envs);
	return w;
}

void
sim_world_free(struct sim_world *w)
{
	struct sim_host *h;

	if (!LIST_EMPTY(&w->envs))
		MF_BUG("a process was not retired");
	while ((h = LIST_FIRST(&w->hosts)) != NULL) {
		LIST_REMOVE(h, all);
		sim_disk_deinit(&h->disk);
		free(h);
	}
	sim_store_deinit(w);
	mf_buf_free(&w->text);
	free(w);
}

int64_t
sim_now_ms(const struct sim_world *w)
{
	return w->now_ns / 1000000;
}

uint64_t
sim_steps(const struct sim_world *w)
{
	return w->steps;
}

void
sim_preempt(struct sim_world *w, unsigned permille)
{
	w->preempt = permille;
}

void
sim_time_grain(struct sim_world *w, uint32_t ns)
{
	w->grain_ns = ns;
}

void
sim_no_nudges(struct sim_world *w)
{
	w->no_nudges = true;
}

void
sim_on_link(struct sim_world *w, sim_link_cb *fn, void *arg)
{
	w->on_link = fn;
	w->on_link_arg = arg;
}

struct sim_host *
sim_host_new(struct sim_world *w, const char *name)
{
	struct sim_host *h = mf_alloc(sizeof(*h)), *last;

	h->world = w;
	h->umask = 022;
	(void)snprintf(h->name, sizeof(h->name), "%s", name);
	sim_rng_fill(&w->choice, h->convergence, sizeof(h->convergence));
	LIST_FOREACH(last, &w->hosts, all)
	if (LIST_NEXT(last, all) == NULL)
		break;
	if (last == NULL)
		LIST_INSERT_HEAD(&w->hosts, h, all);
	else
		LIST_INSERT_AFTER(last, h, all);
	sim_disk_init(h);
	return h;
}

void
sim_umask(struct sim_host *h, uint32_t mask)
{
	h->umask = mask;
}

const char *
sim_host_name(const struct sim_host *h)
{
	return h->name;
}

struct mf_env *
sim_boot(struct sim_host *h)
{
	struct sim_env *e = mf_alloc(sizeof(*e)), *last;

	if (h->env != NULL)
		MF_BUG("%s runs already", h->name);
	e->base.ops = &sim_env_ops;
	e->grid.ops = &sim_grid_ops;
	e->host = h;
	e->life = ++h->lives;
	LIST_INIT(&e->timers);
	LIST_INIT(&e->jobs);
	LIST_INIT(&e->watches);
	LIST_INIT(&e->shares);
	e->rng.s = sim_rng_next(&h->world->choice);
	LIST_FOREACH(last, &h->world->envs, all)
	if (LIST_NEXT(last, all) == NULL)
		break;
	if (last == NULL)
		LIST_INSERT_HEAD(&h->world->envs, e, all);
	else
		LIST_INSERT_AFTER(last, e, all);
	sim_vfs_register(e);
	h->env = e;
	sim_trace(h->world, "%s.%llu boot", h->name, (unsigned long long)e->life);
	return &e->base;
}

struct mf_env *
sim_env_of(struct sim_host *h)
{
	return h->env == NULL ? NULL : &h->env->base;
}

struct mf_grid *
sim_grid_of(struct sim_host *h)
{
	return &h->env->grid;
}

void
sim_die(struct sim_host *h, enum sim_crash how)
{
	struct sim_env *e = h->env;

	h->crash_in = 0;
	if (e == NULL || e->dead)
		return;
	sim_trace(h->world, "%s.%llu dies (%s)", h->name, (unsigned long long)e->life,
		how == SIM_CRASH_POWER ? "power" : "process");
	e->dead = true;
	h->hits[how == SIM_CRASH_POWER ? SIM_HIT_POWER : SIM_HIT_CRASH]++;
	h->power_lost = how == SIM_CRASH_POWER;
}

void
sim_crash(struct sim_host *h, enum sim_crash how)
{
	sim_die(h, how);
}

void
sim_crash_after(struct sim_host *h, enum sim_crash how, uint64_t n)
{
	h->crash_in = n;
	h->crash_how = how;
}

void
sim_unwind(struct sim_host *h)
{
	if (h->env != NULL)
		h->env->unwinding = true;
}

bool
sim_dead(const struct sim_host *h)
{
	return h->env == NULL || h->env->dead;
}

static size_t
handles_of(const struct sim_env *e)
{
	size_t n = e->open_roots + e->open_files + e->open_dbs;
	const struct mf_timer *t;
	const struct mf_job *j;
	const struct mf_watch *w;

	LIST_FOREACH(t, &e->timers, all)
	n++;
	LIST_FOREACH(j, &e->jobs, all)
	n++;
	LIST_FOREACH(w, &e->watches, all)
	n++;
	return n;
}

size_t
sim_retire(struct sim_host *h)
{
	struct sim_env *e = h->env;
	size_t left = e == NULL ? 0 : handles_of(e);

	if (e == NULL || left != 0)
		return left;
	sim_trace(h->world, "%s.%llu retired", h->name, (unsigned long long)e->life);
	LIST_REMOVE(e, all);
	sim_vfs_unregister(e);
	free(e);
	h->env = NULL;
	if (h->power_lost)
		sim_power_cut(h);
	h->power_lost = false;
	return 0;
}

void
sim_clock_jump(struct sim_host *h, int64_t ns)
{
	h->wall_offset_ns += ns;
	sim_trace(h->world, "%s clock jumps %lld ms", h->name, (long long)(ns / 1000000));
}

/* ---- faults ---- */

sim_trouble *
sim_trouble_of(struct sim_host *h)
{
	return &h->trouble;
}

void
sim_fail_nth(struct sim_host *h, enum sim_op op, uint64_t n, int sys)
{
	h->fault[op].nth = n;
	h->fault[op].nth_sys = sys;
}

bool
sim_fail_is_due(const struct sim_host *h, enum sim_op op)
{
	return h->fault[op].nth != 0;
}

void
sim_fail_often(struct sim_host *h, enum sim_op op, unsigned permille, int sys)
{
	h->fault[op].permille = permille;
	h->fault[op].often_sys = sys;
}

void
sim_calm(struct sim_host *h)
{
	h->trouble = (sim_trouble){0};
	memset(h->fault, 0, sizeof(h->fault));
	h->crash_in = 0;
}

uint64_t
sim_count(const struct sim_host *h, enum sim_op op)
{
	return h->count[op];
}

uint64_t
sim_hits(const struct sim_host *h, enum sim_hit what)
{
	return h->hits[what];
}

uint64_t
sim_grid_writes(const struct sim_host *h)
{
	return h->count[SIM_PUT] + h->count[SIM_PUT_DIR] + h->count[SIM_MKDIR_GRID] + h->count[SIM_UPDATE];
}

void
sim_freeze(struct sim_host *h, bool on)
{
	h->frozen = on;
}

void
sim_on_name(struct sim_world *w, sim_name_cb *fn, void *arg)
{
	w->on_name = fn;
	w->on_name_arg = arg;
}

void
sim_on_op(struct sim_host *h, void (*fn)(void *arg, enum sim_op op, const char *what), void *arg)
{
	h->on_op = fn;
	h->on_op_arg = arg;
}

static int
planned_fault(struct sim_host *h, enum sim_op op)
{
	struct sim_fault *f = &h->fault[op];

	if (f->nth != 0 && --f->nth == 0)
		return f->nth_sys;
	return sim_lot(h->world, f->permille) ? f->often_sys : 0;
}

/* The test's user, and whatever else is ready, may act here. */
static void
interleave(struct sim_env *e, enum sim_op op, const char *what)
{
	struct sim_host *h = e->host;
	struct sim_world *w = h->world;

	if (h->on_op != NULL && !h->in_hook) {
		h->in_hook = true;
		h->on_op(h->on_op_arg, op, what);
		h->in_hook = false;
	}
	if (e->running != NULL && w->depth < SIM_DEPTH && sim_lot(w, w->preempt)) {
		w->depth++;
		h->hits[SIM_HIT_PREEMPT] += sim_step(w);
		w->depth--;
	}
}

static const char *const op_names[SIM_OPS] = {"stat", "list", "open", "read", "write", "sync", "setattr", "mkdir",
	"rename", "unlink", "watch", "db open", "db read", "db write", "db sync", "db lock", "put", "get", "put_dir",
	"mkdir grid", "list grid", "update"};

int
sim_gate(struct sim_env *e, enum sim_op op, const char *what)
{
	struct sim_host *h = e->host;
	int dead = op >= SIM_PUT ? MF_ENET : EIO;

	if (e->dead)
		return dead;
	h->count[op]++;
	interleave(e, op, what);
	if (!e->dead && h->crash_in != 0 && --h->crash_in == 0)
		sim_die(h, h->crash_how);
	if (e->dead)
		return dead;
	int sys = planned_fault(h, op);
	h->hits[SIM_HIT_PLANNED] += sys != 0;
	if (e->running != NULL)
		e->running->ready_ns += (int64_t)sim_pick(h->world, 200000);
	sim_trace(h->world, "%s.%llu %s %s%s", h->name, (unsigned long long)e->life, op_names[op], what,
		sys == 0 ? "" : " FAILS");
	return sys;
}

bool
sim_lock_fails(struct sim_env *e)
{
	if (e->dead)
		return false;
	e->host->count[SIM_DB_LOCK]++;
	bool fails = planned_fault(e->host, SIM_DB_LOCK) != 0;
	e->host->hits[SIM_HIT_PLANNED] += fails;
	return fails;
}

mf_code
sim_fail(mf_err *err, int sys, const char *doing, const char *path)
{
	switch (sys) {
	case ELOOP:
	case EXDEV: return mf_fail(err, MF_EAUTH, sys, "%s %s: a component is a symbolic link or \"..\"", doing, path);
	case EINVAL:
	case EISDIR:
	case ENAMETOOLONG: return mf_fail(err, MF_EINVAL, sys, "%s %s: %s", doing, path, strerror(sys));
	default: return mf_fail_errno(err, sys, "%s %s", doing, path);
	}
}
