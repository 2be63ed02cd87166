/* Random runs: who takes part, what may happen, and the steps. */
#include "tests/sync/model_check.h"

#include <stdio.h>

/* splitmix64: one 64-bit state, every seed is good. */
uint64_t
mw_random(struct mw_run *run)
{
	uint64_t z = run->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static unsigned
below(struct mw_run *run, unsigned n)
{
	return (unsigned)(mw_random(run) % n);
}

static bool
one_in(struct mw_run *run, unsigned n)
{
	return below(run, n) == 0;
}

static void
random_cap(void *arg, struct mw *w, struct mw_snap *s)
{
	uint64_t v = mw_random(arg);

	(void)w;
	for (int i = 0; i < 16; i++, v <<= 4)
		s->cap[i] = "0123456789abcdef"[v >> 60];
	s->cap[16] = '\0';
}

/* ---- users ----------------------------------------------------------------------------------------------------- */

static void
replaces(struct mw_run *run, size_t i, mw_value old, mw_value now)
{
	run->actors |= (unsigned char)(1u << i);
	if (old != MW_ABSENT && old != now)
		run->replaced[old] |= (unsigned char)(1u << i);
}

static mw_value
fresh(struct mw_run *run)
{
	return run->values + 1 < MW_VALUES ? ++run->values : run->values;
}

static void
user_writes(struct mw_run *run, size_t i, mw_value v)
{
	replaces(run, i, run->w->peer[i].p, v);
	mw_write(run->w, i, v);
}

static void
user_and_marker(struct mw_run *run, size_t i)
{
	struct mw_peer *p = &run->w->peer[i];

	if (p->n_markers == 0 || p->kind == MW_PYTHON)
		return;
	struct mw_marker m = p->marker[below(run, (unsigned)p->n_markers)];
	mw_value v = MW_ABSENT;
	switch (below(run, 4)) {
	case 0:
		v = fresh(run);
		replaces(run, i, m.value, v);
		mw_edit_marker(run->w, i, m.slot, v);
		break;
	case 1:
		replaces(run, i, p->p, m.value);
		mw_mv_marker(run->w, i, m.slot);
		break;
	default:
		replaces(run, i, m.value, MW_ABSENT);
		mw_rm_marker(run->w, i, m.slot);
		break;
	}
}

/* Over the API: whoever asks has seen p and the markers. */
static void
user_resolves(struct mw_run *run, size_t i)
{
	struct mw_peer *p = &run->w->peer[i];
	const char *slot = NULL;

	if (p->db.n_rows == 0)
		return;
	if (one_in(run, 2))
		slot = p->db.row[below(run, (unsigned)p->db.n_rows)].slot;
	for (size_t k = 0; k < p->db.n_rows; k++)
		if (slot == NULL || strcmp(slot, p->db.row[k].slot) != 0)
			replaces(run, i, run->w->snap[p->db.row[k].sid]->value, MW_ABSENT);
	if (slot != NULL)
		replaces(run, i, p->p, MW_ABSENT);
	mw_resolve(run->w, i, slot);
}

static void
user_acts(struct mw_run *run, size_t i)
{
	struct mw *w = run->w;

	switch (below(run, 8)) {
	case 0: user_writes(run, i, MW_ABSENT); break;
	case 1:
		if ((run->may & MW_MAY_COPY) != 0)
			user_writes(run, i, w->peer[below(run, (unsigned)w->n)].p);
		break;
	case 2:
	case 3:
	case 4:
		if ((run->may & MW_MAY_MARKERS) != 0 && run->w->peer[i].kind != MW_PYTHON && one_in(run, 3))
			user_resolves(run, i);
		else if ((run->may & MW_MAY_MARKERS) != 0)
			user_and_marker(run, i);
		break;
	case 5:
		if ((run->may & MW_MAY_TOUCH) != 0)
			mw_touch(w, i);
		break;
	default: user_writes(run, i, fresh(run)); break;
	}
}

/* ---- faults ---------------------------------------------------------------------------------------------------- */

static void
fault(struct mw_run *run, size_t i)
{
	struct mw *w = run->w;
	unsigned kind = 1u << (2 + below(run, 5));

	if ((run->may & kind) == 0 || w->peer[i].kind == MW_PYTHON)
		return;
	switch (kind) {
	case MW_MAY_CRASH: mw_crash(w, i); break;
	case MW_MAY_POWER_CUT: mw_power_cut(w, i); break;
	case MW_MAY_STALE: (void)mw_poll(w, i, below(run, (unsigned)w->n), MW_READ_STALE); break;
	case MW_MAY_LEAVE:
		if (one_in(run, 10))
			mw_leave(w, i);
		break;
	default:
		if (w->peer[i].has_backup && one_in(run, 2))
			mw_restore(w, i);
		else
			mw_backup(w, i);
		break;
	}
}

static void
random_step(struct mw_run *run)
{
	struct mw *w = run->w;
	size_t i = below(run, (unsigned)w->n);
	unsigned what = below(run, 100);

	if (what < 15)
		user_acts(run, i);
	else if (what < 20)
		fault(run, i);
	else if (what < 40)
		(void)mw_poll(w, i, below(run, (unsigned)w->n), MW_READ_NOW);
	else if (what < 50)
		(void)mw_poll_all(w, i);
	else if (what < 85)
		(void)mw_step(w, i);
	else
		(void)mw_run(w, i);
}

static void
setting(struct mw_run *run, char kinds[MW_PEERS])
{
	unsigned n = one_in(run, 4) ? 4 + below(run, 2) : 2 + below(run, 2), others = below(run, 4);

	kinds[0] = 'w';
	for (unsigned i = 1; i < n; i++)
		kinds[i] = others == 1 && one_in(run, 2) ? 'r'
			: others == 2 && one_in(run, 2)  ? 'p'
			: others == 3 && one_in(run, 2)  ? "rp"[below(run, 2)]
							 : 'w';
	kinds[n] = '\0';
	/* Half of the runs have few liberties, so that the strict promises are put to the test. */
	run->may = (unsigned)mw_random(run) & 0xff;
	if (one_in(run, 2))
		run->may &= (unsigned)mw_random(run) & (unsigned)mw_random(run);
}

void
mw_random_run(struct mw_run *run, uint64_t seed, mf_buf *log)
{
	char kinds[MW_PEERS];

	*run = (struct mw_run){.seed = seed, .state = seed};
	setting(run, kinds);
	run->w = mw_new(kinds, random_cap, run);
	run->w->log = log;
	mw_say(run->w, "case %llu: %s, liberties %#x", (unsigned long long)seed, kinds, run->may);
	if (one_in(run, 2)) {
		user_writes(run, 0, fresh(run));
		mw_settle(run->w, MW_ROUND_ROBIN);
	}
	unsigned steps = 5 + below(run, one_in(run, 8) ? 300 : 60);
	for (unsigned k = 0; k < steps && run->w->broken[0] == '\0'; k++) {
		random_step(run);
		if (one_in(run, 50)) {
			mw_say(run->w, "-- settle");
			mw_settle(run->w, (enum mw_schedule)below(run, 4));
			mw_check_rest(run);
		}
	}
	for (size_t i = 0; i < run->w->n; i++)
		run->made[i] = run->w->peer[i].snaps_made;
	mw_say(run->w, "-- last settle");
	mw_settle(run->w, (enum mw_schedule)below(run, 4));
	mw_check_rest(run);
	for (size_t i = 0; i < run->w->n; i++)
		if (run->w->peer[i].snaps_made > run->made[i] + 4)
			mw_break(run->w, "%s made %u snapshots after the last act", run->w->peer[i].name,
				run->w->peer[i].snaps_made - run->made[i]);
}
