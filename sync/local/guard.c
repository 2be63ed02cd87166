/* Guards: many files gone at once are deletions only when the user says so.
 *
 * A scan sees what is missing and judges (walk_missing.c).  Between scans vanished files come one by one, by events: when
 * they become many, they are kept at a gate until no more come, and if they are much of the folder, a scan judges. */
#include "sync/local/walk.h"

#include <stdio.h>
#include <stdlib.h>

enum { GATE_QUIET_MS = 1000, GATE_LATEST_MS = 30000, HALF_MS = 50 };

/* ---- what waits for the user's word -------------------------------------------------------------------- */

void
mf_held_tell(struct mf_folder *f)
{
	char text[128];

	if (f->held[MF_WORD_ASKED] == 0)
		return;
	(void)snprintf(text, sizeof(text), "%llu files are gone: are they to be deleted everywhere?",
		(unsigned long long)f->held[MF_WORD_ASKED]);
	mf_tell(f, MF_EV_DELETES_ASKED, NULL, text);
}

mf_code
mf_held_count(struct mf_folder *f, mf_err *err)
{
	uint64_t was = f->held[MF_WORD_ASKED], now[MF_WORDS];
	mf_code rc = mf_state_held_count(f->state, now, err);

	f->held_stale = rc != MF_OK;
	if (rc != MF_OK)
		return rc;
	memcpy(f->held, now, sizeof(now));
	if (now[MF_WORD_ASKED] > was)
		mf_held_tell(f);
	else if (was > 0 && now[MF_WORD_ASKED] == 0)
		mf_tell(f, MF_EV_DELETES_SETTLED, NULL, NULL);
	return MF_OK;
}

static bool
any_held(const struct mf_folder *f)
{
	return f->held[MF_WORD_ASKED] + f->held[MF_WORD_DELETE] + f->held[MF_WORD_RESTORE] > 0;
}

bool
mf_is_held_back(struct mf_folder *f, const char *relpath)
{
	enum mf_word word = MF_WORD_ASKED;

	return any_held(f) && mf_state_held_get(f->state, relpath, &word, NULL) == MF_OK && word != MF_WORD_DELETE;
}

struct walked {
	struct mf_folder *f;
	struct walk *w;
};

static mf_code
note_walked(void *arg, mf_err *err)
{
	struct walked *x = arg;
	mf_code rc = MF_OK;

	for (size_t i = 0; rc == MF_OK && i < x->w->back.n; i++)
		rc = mf_state_held_drop(x->f->state, x->w->back.s[i], err);
	for (size_t i = 0; rc == MF_OK && i < x->w->gone.n; i++)
		rc = mf_state_held_add(x->f->state, x->w->gone.s[i], err);
	return rc;
}

void
mf_guard_walked(struct mf_folder *f, struct walk *w)
{
	struct walked x = {f, w};

	/* locked: the next scan says the same, and until then nothing of it is looked at */
	if (w->back.n + w->gone.n > 0 && mf_state_txn(f->state, note_walked, &x, NULL) == MF_OK)
		(void)mf_held_count(f, NULL);
}

bool
mf_asks(const struct mf_folder *f)
{
	return f->set.confirm_deletes == MF_DELETES_ASK && !f->conf.read_only;
}

/* ---- the gate ------------------------------------------------------------------------------------------- */

void
mf_path_absent(struct mf_folder *f, struct mf_path *p, bool absent)
{
	if (p->absent_before != absent)
		f->n_absent += absent ? 1 : (size_t)-1;
	p->absent_before = absent;
	if (!absent)
		p->judged = false;
}

bool
mf_is_burst(struct mf_folder *f, const struct mf_path *p)
{
	return f->n_absent >= MF_ASK_MIN && !p->judged && mf_asks(f) && !mf_is_renamed(f, p);
}

bool
mf_guard_gates(struct mf_folder *f, struct mf_path *p)
{
	uint64_t now = mf_now_ms(f);

	if (!mf_is_burst(f, p) || mf_is_held_back(f, p->relpath))
		return false;
	if (mf_half_is_unseen(f, p)) {
		mf_path_look(f, p, HALF_MS);
		return true;
	}
	if (f->n_gated == f->cap_gated) {
		f->cap_gated = f->cap_gated == 0 ? 64 : f->cap_gated * 2;
		f->gated = mf_realloc_array(f->gated, f->cap_gated, sizeof(*f->gated));
	}
	if (f->n_gated == 0)
		f->gate_since_ms = now;
	f->gated[f->n_gated++] = p;
	p->stage = MF_ST_GATED;
	if (now - f->gate_since_ms < GATE_LATEST_MS)
		MF_OPS(f)->timer_start(f->gate_timer, GATE_QUIET_MS);
	return true;
}

static void
open_gate(struct mf_folder *f, bool judged)
{
	for (size_t i = 0; i < f->n_gated; i++) {
		struct mf_path *p = f->gated[i];
		p->stage = MF_ST_IDLE;
		p->judged |= judged;
		if (judged && p->seen.valid && !p->need_look)
			mf_path_ready(f, p);
		else
			mf_path_look(f, p, 0);
	}
	f->n_gated = 0;
}

void
mf_guard_scanned(struct mf_folder *f)
{
	open_gate(f, false); /* what the scan found to be left is judged already */
}

void
mf_gate_run(void *arg)
{
	struct mf_folder *f = arg;
	uint64_t files = 0;

	if (f->closing || f->n_gated == 0)
		return;
	if (f->n_absent > f->n_gated && mf_now_ms(f) - f->gate_since_ms < GATE_LATEST_MS) {
		MF_OPS(f)->timer_start(f->gate_timer, GATE_QUIET_MS); /* more are on their way */
		return;
	}
	bool known = mf_state_path_count(f->state, &files, NULL) == MF_OK;
	if (known && (f->n_gated < MF_ASK_MIN || f->n_gated <= files / 2))
		open_gate(f, true);
	else
		mf_scan_start(f);
}

/* ---- in a turn -------------------------------------------------------------------------------------------- */

/* Markers that went with their file are no decision: they are to be written again. */
static mf_code
markers_again(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_err *err)
{
	mf_code rc = MF_OK;

	for (size_t i = 0; rc == MF_OK && i < g->n_conflict; i++) {
		if (g->conflict[i].closing || !g->conflict[i].marker_written)
			continue;
		mf_conflict c = g->conflict[i];
		c.marker_written = false;
		rc = mf_state_conflict_put(f->state, p->relpath, &c, err);
	}
	return rc;
}

static bool
is_deletion(const mf_plan *plan)
{
	return plan->act == MF_ACT_SNAPSHOT_LOCAL || plan->act == MF_ACT_RESOLVE || plan->act == MF_ACT_LOOK_AGAIN;
}

static mf_code
restore(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_plan *plan, mf_err *err)
{
	if (p->seen.kind != MF_LOCAL_ABSENT)
		return mf_fail(
			err, MF_EEXIST, 0, "%s cannot be brought back: something else is in its place", p->relpath);
	mf_code rc = plan->act == MF_ACT_SNAPSHOT_LOCAL ? MF_OK : markers_again(f, p, g, err);
	plan->act = MF_ACT_TAKE;
	plan->sid = g->e;
	return rc;
}

mf_code
mf_guard_plan(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_plan *plan, mf_err *err)
{
	enum mf_word word = MF_WORD_ASKED;
	const mf_snap_row *e = g->e == MF_SID_NONE ? NULL : mf_facts_row(g, g->e);

	if (!any_held(f) || g->has_intent || p->seen.kind == MF_LOCAL_ROOT_GONE)
		return MF_OK;
	mf_code rc = mf_state_held_get(f->state, p->relpath, &word, err);
	if (rc != MF_OK)
		return rc == MF_ENOTFOUND ? MF_OK : rc;
	if (e == NULL || e->deletion || p->seen.kind == MF_LOCAL_FILE) {
		f->held_stale = true;
		return mf_state_held_drop(f->state, p->relpath, err);
	}
	if (!is_deletion(plan))
		return MF_OK;
	if (word == MF_WORD_ASKED)
		plan->act = MF_ACT_NOTHING;
	return word == MF_WORD_RESTORE ? restore(f, p, g, plan, err) : MF_OK;
}

/* ---- the user's word ---------------------------------------------------------------------------------------- */

struct showing {
	void (*each)(void *arg, const char *relpath);
	void *arg;
	size_t left;
};

static mf_code
show_one(void *arg, const char *relpath, enum mf_word word)
{
	struct showing *x = arg;

	if (word != MF_WORD_ASKED || x->left == 0)
		return MF_OK;
	x->left--;
	x->each(x->arg, relpath);
	return MF_OK;
}

mf_code
mf_folder_deletes(struct mf_folder *f, size_t first, void (*each)(void *arg, const char *relpath), void *arg,
	uint64_t *asked, mf_err *err)
{
	struct showing x = {each, arg, first};

	*asked = f->held[MF_WORD_ASKED];
	return *asked == 0 || first == 0 ? MF_OK : mf_state_held_each(f->state, show_one, &x, err);
}

static mf_code
begin_one(void *arg, const char *relpath, enum mf_word word)
{
	struct mf_folder *f = arg;

	if (word == MF_WORD_ASKED)
		return MF_OK;
	struct mf_path *p = mf_path_need(f, relpath);
	mf_path_look(f, p, 0);
	p->judged = true;
	return MF_OK;
}

mf_code
mf_folder_deletes_answer(struct mf_folder *f, enum mf_deletes_answer what, mf_err *err)
{
	if (f->held[MF_WORD_ASKED] == 0)
		return mf_fail(err, MF_ENOTFOUND, 0, "no deletions of this folder wait for a word");
	if (!mf_root_accept(f) || !mf_mounts_accept(f))
		return mf_fail(err, MF_EBUSY, 0, "another program holds the folder's database");
	mf_code rc = mf_state_held_answer(f->state, what == MF_DELETES_RESTORE ? MF_WORD_RESTORE : MF_WORD_DELETE, err);
	if (rc == MF_OK)
		rc = mf_held_count(f, err);
	if (rc == MF_OK)
		rc = mf_state_held_each(f->state, begin_one, f, err);
	return rc;
}
