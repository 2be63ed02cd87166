/* The folder's databases on a simulated disk: a crash or a power cut at every single operation. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include <sodium.h>

#include "sync/state/state.h"
#include "tests/sim/sim.h"

static mf_err err;

#define OK(call) cr_assert((call) == MF_OK, "%s", err.text)

/* The n-th of a chain of snapshots; only their texts matter here. */
static mf_immdir
snap_cap(unsigned n)
{
	mf_immdir cap = {
		"URI:DIR2-CHK:owtiq6vpmbkrqhlogny5vdthiu:idtnxw3bzmbbgc3kimtkozg7f2jz6d3twfk3bu3tik2eg6so2tca:1:1:"};
	mf_buf b = {0};

	mf_buf_addf(&b, "%s%u", cap.text, 1000 + n);
	memcpy(cap.text, b.p, b.n + 1);
	mf_buf_free(&b);
	return cap;
}

static mf_code
put_snap(struct mf_state *s, unsigned n, mf_err *e)
{
	mf_immdir parent = snap_cap(n - 1);
	mf_snap_row row = {.cap = snap_cap(n),
		.relpath = (char *)"x",
		.author = (char *)"bob",
		.content = {"URI:LIT:"},
		.metadata_cap = {"URI:LIT:me"},
		.parents = &parent,
		.n_parents = n > 1 ? 1 : 0};

	return mf_state_snap_put(s, &row, e);
}

struct life {
	struct sim_world *w;
	struct sim_host *h;
	struct mf_env *env;
	struct mf_state *s;
	unsigned step, committed, synced;
};

/* Base, and an intent for what follows it, as one transaction with the snapshot. */
static mf_code
one_step(void *arg, mf_err *e)
{
	const struct life *l = arg;
	mf_path_row row = {.relpath = (char *)"x",
		.has_base = true,
		.base = snap_cap(l->step),
		.content = {"URI:LIT:"},
		.metadata_cap = {"URI:LIT:me"},
		.state = {true, l->step, 2, 3, 4},
		.upload_duration_ns = -1};
	mf_intent intent = {.target = snap_cap(l->step + 1), .tmp_name = "t", .ino = l->step};
	mf_code rc;

	if ((rc = put_snap(l->s, l->step, e)) != MF_OK || (rc = mf_state_path_put(l->s, &row, e)) != MF_OK)
		return rc;
	return mf_state_intent_put(l->s, "x", &intent, e);
}

static void
begin(struct life *l, uint64_t seed)
{
	mf_folder_conf c = {.name = (char *)"f",
		.author = (char *)"al",
		.state_dir = (char *)"/s",
		.magic_path = (char *)"/m",
		.stash_path = (char *)"/s/stash",
		.collective = {"URI:DIR2-LIT:"},
		.read_only = true,
		.poll_interval_s = 1};
	struct mf_root *root = NULL;

	*l = (struct life){.w = sim_world_new(seed)};
	l->h = sim_host_new(l->w, "host");
	sim_mkdirs(l->h, "/s");
	l->env = sim_boot(l->h);
	OK(mf_state_create(l->env, &c, &err));
	OK(mf_state_open(l->env, "/s", "f", &l->s, &err));
	OK(l->env->ops->root_open(l->env, "/s", &root, &err));
	OK(l->env->ops->sync_all(root, &err));
	l->env->ops->root_close(root);
}

/* Steps until the crash, syncing after each second one and moving the WAL now and then. */
static void
live(struct life *l)
{
	const struct mf_env_ops *ops = l->env->ops;

	for (l->step = 1; l->step <= 8; l->step++) {
		if (mf_state_txn(l->s, one_step, l, &err) != MF_OK)
			break;
		l->committed = l->step;
		if (l->step % 2 == 0 &&
			(ops->db_sync(l->env, mf_state_path(l->s), &err) != MF_OK ||
				ops->db_sync(l->env, mf_state_index_path(l->s), &err) != MF_OK))
			break;
		if (l->step % 2 == 0)
			l->synced = l->step;
		if (l->step % 3 == 0 &&
			(ops->db_checkpoint(l->env, mf_state_path(l->s), &err) != MF_OK ||
				ops->db_checkpoint(l->env, mf_state_index_path(l->s), &err) != MF_OK))
			break;
	}
}

/* What must hold after the restart; then everything that follows must work. */
static void
check(struct life *l, enum sim_crash how)
{
	mf_path_row row = {0};
	mf_intent intent = {0};
	unsigned at = 0, indexed = 0;

	mf_code rc = mf_state_path_get(l->s, "x", &row, &err);
	cr_assert(rc == MF_OK || rc == MF_ENOTFOUND, "%s", err.text);
	at = rc == MF_OK ? (unsigned)row.state.size : 0;
	cr_assert(at >= (how == SIM_CRASH_PROCESS ? l->committed : l->synced), "at %u of %u, %u", at, l->committed,
		l->synced);
	cr_assert(at <= l->committed + 1);
	rc = mf_state_intent_get(l->s, "x", &intent, &err);
	cr_assert(rc == (at == 0 ? MF_ENOTFOUND : MF_OK) && intent.ino == at);
	mf_path_row_clear(&row);
	for (unsigned n = 1; n <= 9; n++) { /* whole ancestry, or not in the index at all */
		mf_snap_row snap;
		rc = mf_state_snap_get(l->s, snap_cap(n).text, &snap, &err);
		cr_assert(rc == MF_OK || rc == MF_ENOTFOUND, "%s", err.text);
		if (rc != MF_OK)
			continue;
		cr_assert(indexed == n - 1 && snap.depth == n - 1 && snap.n_parents == (n > 1));
		indexed = n;
		mf_snap_row_clear(&snap);
	}
	cr_assert(indexed >= l->synced);
	for (unsigned n = indexed + 1; n <= at; n++) /* what the engine fetches again */
		OK(put_snap(l->s, n, &err));
	for (l->step = at + 1; l->step <= 10; l->step++)
		OK(mf_state_txn(l->s, one_step, l, &err));
}

/* @return whether the crash came at all: there are fewer than @p n operations otherwise. */
static bool
crash_at(enum sim_crash how, unsigned n)
{
	struct life l;

	begin(&l, n);
	sim_crash_after(l.h, how, n);
	live(&l);
	bool came = sim_dead(l.h);
	if (!came)
		sim_crash(l.h, how);
	mf_state_close(l.s);
	cr_assert(sim_retire(l.h) == 0);
	l.env = sim_boot(l.h);
	OK(mf_state_open(l.env, "/s", "f", &l.s, &err));
	check(&l, how);
	mf_state_close(l.s);
	sim_crash(l.h, SIM_CRASH_PROCESS);
	cr_assert(sim_retire(l.h) == 0);
	sim_world_free(l.w);
	return came;
}

Test(power, a_crash_at_any_operation_costs_no_committed_step, .timeout = 120)
{
	unsigned n = 1;

	cr_assert(sodium_init() >= 0);
	while (crash_at(SIM_CRASH_PROCESS, n))
		n++;
	cr_assert(n > 30, "%u operations", n);
}

Test(power, a_power_cut_at_any_operation_costs_no_synced_step, .timeout = 120)
{
	unsigned n = 1;

	cr_assert(sodium_init() >= 0);
	while (crash_at(SIM_CRASH_POWER, n))
		n++;
	cr_assert(n > 30, "%u operations", n);
}
