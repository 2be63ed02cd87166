/* One path, inside a turn: facts, decision, deed; again until it waits for something or is at rest. */
#include "sync/inherit.h"
#include "sync/resolve.h"
#include "sync/rules.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS_MAX = 64 };

/* AGAIN: the databases say something else now; ON: they do, and so do the gathered facts.
 * BROKEN: a write failed half-way; the turn must not be committed. */
enum after { AGAIN, ON, WAIT, REST, FAILED, BROKEN };

/* ---- snapshots ready to be used -------------------------------------------------------------------- */

static bool
same_parents(struct mf_gathered *g, const mf_snap_row *made, const mf_plan *plan)
{
	if (made->n_parents != plan->n_sids)
		return false;
	for (size_t i = 0; i < plan->n_sids; i++)
		if (strcmp(made->parents[i].text, g->node[plan->sids[i]]->cap) != 0)
			return false;
	return true;
}

static void
copy_parents(struct mf_gathered *g, const mf_plan *plan, mf_immdir **out, size_t *n)
{
	*out = mf_alloc((plan->n_sids + 1) * sizeof(**out));
	*n = plan->n_sids;
	for (size_t i = 0; i < plan->n_sids; i++)
		(void)snprintf((*out)[i].text, sizeof((*out)[i].text), "%s", g->node[plan->sids[i]]->cap);
}

static bool
disk_executable(const struct mf_path *p)
{
	return (p->seen.st.mode & 0100) != 0;
}

/* A snapshot with @p content's bytes and the plan's parents; NULL content = a deletion. */
static mf_snap_row *
proto(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, const mf_snap_row *content)
{
	mf_snap_row *row = mf_alloc(sizeof(*row));

	row->relpath = mf_strdup(mf_strz(p->relpath));
	copy_parents(g, plan, &row->parents, &row->n_parents);
	row->deletion = content == NULL || content->deletion;
	row->mtime_s = MF_OPS(f)->now_ns(f->env) / 1000000000;
	if (row->deletion)
		return row;
	row->content = content->content;
	row->size = content->size;
	row->has_sha = content->has_sha;
	memcpy(row->sha, content->sha, sizeof(row->sha));
	/* said by nobody: what lies here keeps its mode */
	row->executable = content->has_executable ? content->executable : disk_executable(p);
	row->mtime_s = content->mtime_s;
	return row;
}

static bool
disk_is_e(const struct mf_path *p, struct mf_gathered *g)
{
	const mf_snap_row *e = g->e == MF_SID_NONE ? NULL : mf_facts_row(g, g->e);

	if (p->seen.kind == MF_LOCAL_FILE)
		return p->seen.same_as_e ||
			(e != NULL && !e->deletion && p->seen.has_sha && e->has_sha && e->size == p->seen.st.size &&
				memcmp(e->sha, p->seen.sha, 32) == 0);
	return e == NULL || e->deletion;
}

/* Is p->made a snapshot of what lies on disk now? */
static bool
made_of_disk(const struct mf_path *p, struct mf_gathered *g)
{
	const mf_snap_row *e = g->e == MF_SID_NONE ? NULL : mf_facts_row(g, g->e);

	if (p->made == NULL)
		return false;
	if (p->seen.kind != MF_LOCAL_FILE)
		return p->made->deletion;
	if (p->made->deletion || p->made->executable != disk_executable(p))
		return false;
	if (p->seen.has_sha)
		return p->made->size == p->seen.st.size && memcmp(p->made->sha, p->seen.sha, 32) == 0;
	return p->seen.same_as_e && e != NULL && strcmp(e->content.text, p->made->content.text) == 0;
}

/* Have p->made be a snapshot of the disk with the plan's parents. @return true if it is ready. */
static bool
need_made(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan)
{
	const mf_snap_row *e = g->e == MF_SID_NONE ? NULL : mf_facts_row(g, g->e);

	if (made_of_disk(p, g) && same_parents(g, p->made, plan))
		return true;
	if (p->seen.kind != MF_LOCAL_FILE) {
		mf_encode_start(f, p, proto(f, p, g, plan, NULL), (mf_pathstate){0});
	} else if (disk_is_e(p, g) && e != NULL) {
		mf_pathstate now;
		now = mf_pathstate_of(&p->seen.st);
		mf_snap_row *row = proto(f, p, g, plan, e);
		row->executable = disk_executable(p);
		mf_encode_start(f, p, row, now);
	} else {
		free(p->want_parents);
		copy_parents(g, plan, &p->want_parents, &p->n_want_parents);
		mf_look_start(f, p);
	}
	return false;
}

static mf_code
store_made(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, bool merge, mf_err *err)
{
	mf_pending pend = {
		.cap = p->made->cap, .state = p->made_state, .merge = merge, .made_ns = MF_OPS(f)->now_ns(f->env)};
	mf_code rc = mf_state_snap_put(f->state, p->made, err);

	if (rc == MF_OK)
		rc = mf_state_pending_add(f->state, p->relpath, &pend, err);
	if (rc == MF_OK && g->n_known > 0) { /* they are among its parents */
		rc = mf_state_known_set(f->state, p->relpath, NULL, 0, err);
		g->n_known = 0;
	}
	if (rc == MF_OK) {
		mf_snap_row_free(p->made);
		p->made = NULL;
		p->seen.same_as_e = p->seen.kind == MF_LOCAL_FILE;
		mf_path_unmark_scan(f, p);
		mf_path_uploading(f, p, true);
		mf_facts_pending_added(f, p, g, &pend);
	}
	return rc;
}

/* ---- Base ------------------------------------------------------------------------------------------------ */

static mf_path_row
base_row(struct mf_folder *f, struct mf_path *p, const mf_snap_row *row, const mf_pathstate *state, bool executable,
	int64_t took_ns)
{
	mf_path_row r = {.relpath = p->relpath,
		.has_base = true,
		.base = row->cap,
		.base_deleted = row->deletion,
		.content = row->content,
		.metadata_cap = row->metadata_cap,
		.state = *state,
		.has_sha = row->has_sha,
		.executable = executable,
		.last_updated_ns = MF_OPS(f)->now_ns(f->env),
		.upload_duration_ns = took_ns};

	memcpy(r.sha, row->sha, sizeof(r.sha));
	return r;
}

mf_code
mf_base_put(struct mf_folder *f, struct mf_path *p, const mf_snap_row *row, const mf_pathstate *state, bool executable,
	int64_t took_ns, mf_err *err)
{
	mf_path_row r = base_row(f, p, row, state, executable, took_ns);

	return mf_state_path_put(f->state, &r, err);
}

static mf_code
adopt(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_sid sid, mf_err *err)
{
	const mf_snap_row *row = mf_facts_row(g, sid);
	mf_pathstate now = {0};

	if (p->seen.kind == MF_LOCAL_FILE)
		now = mf_pathstate_of(&p->seen.st);
	mf_code rc = mf_base_put(f, p, row, &now, row->has_executable ? row->executable : disk_executable(p), -1, err);
	if (rc == MF_OK)
		rc = mf_state_pending_clear(f->state, p->relpath, err);
	if (rc == MF_OK && g->n_known > 0)
		rc = mf_state_known_set(f->state, p->relpath, NULL, 0, err);
	if (rc == MF_OK && !row->deletion && !row->has_sha && p->seen.has_sha)
		rc = mf_state_snap_set_sha(f->state, row->cap.text, p->seen.sha, err);
	p->seen.same_as_e = p->seen.kind == MF_LOCAL_FILE;
	return rc;
}

/* The executable bit is no part of what the planner compares (design 2.5.8).  Adopting a version whose bit
 * differs: it is followed where ours is simply older; between equals, true wins. */
static bool
bit_is_theirs(const struct mf_path *p, struct mf_gathered *g, mf_sid sid)
{
	const mf_snap_row *row = mf_facts_row(g, sid);

	if (p->seen.kind != MF_LOCAL_FILE || !row->has_executable || row->executable == disk_executable(p))
		return false;
	return row->executable || (p->seen.same_as_e && g->e != MF_SID_NONE && mf_is_ancestor(&g->history, g->e, sid));
}

/* Nothing to do but for the bit: the user changed it. */
static bool
bit_is_news(const struct mf_path *p, struct mf_gathered *g, const mf_plan *plan)
{
	const mf_snap_row *e = g->e == MF_SID_NONE ? NULL : mf_facts_row(g, g->e);

	/* against the bit as it came out on this disk: some file systems cannot keep it, and a snapshot need not say */
	return plan->act == MF_ACT_NOTHING && g->facts.policy == MF_READ_WRITE && !plan->conflicted &&
		g->n_pending == 0 && p->seen.kind == MF_LOCAL_FILE && e != NULL && disk_is_e(p, g) && g->path.ours &&
		g->path.executable != disk_executable(p);
}

static mf_code
record_published(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_err *err)
{
	const mf_snap_row *e = mf_facts_row(g, g->e);
	mf_path_row r = base_row(f, p, e, &g->e_state, e->executable, p->made_took_ns);
	mf_code rc = mf_state_path_put(f->state, &r, err);

	if (rc == MF_OK)
		rc = mf_state_pending_clear(f->state, p->relpath, err);
	if (rc == MF_OK)
		mf_facts_base_put(f, p, g, &r);
	return rc;
}

static mf_code
resolve_read_only(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, mf_err *err)
{
	mf_immdir *known = mf_alloc((plan->n_known_after + 1) * sizeof(*known));
	mf_code rc = MF_OK;

	for (size_t i = 0; i < plan->n_known_after; i++)
		(void)snprintf(known[i].text, sizeof(known[i].text), "%s", g->node[plan->known_after[i]]->cap);
	if (plan->base_after != MF_SID_NONE)
		rc = adopt(f, p, g, plan->base_after, err);
	if (rc == MF_OK)
		rc = mf_state_known_set(f->state, p->relpath, known, plan->n_known_after, err);
	f->known_any |= plan->n_known_after > 0;
	if (rc == MF_OK)
		rc = mf_rows_settled(f, p, g, err);
	if (rc == MF_OK)
		mf_choice_decided(f, p->relpath);
	free(known);
	return rc;
}

static void
remember_look(struct mf_folder *f, struct mf_path *p)
{
	uint64_t now = mf_now_ms(f);
	bool absent = p->seen.kind != MF_LOCAL_FILE;
	bool same = p->has_look && absent == p->look_absent &&
		(absent ||
			(p->look_has_sha == p->seen.has_sha && p->look_size == p->seen.st.size &&
				memcmp(p->look_sha, p->seen.sha, sizeof(p->look_sha)) == 0));

	if (!same) {
		p->has_look = true;
		p->look_absent = absent;
		p->look_has_sha = p->seen.has_sha;
		p->look_size = p->seen.st.size;
		memcpy(p->look_sha, p->seen.sha, sizeof(p->look_sha));
		p->look_ms = now;
	}
	p->want_hash = true;
	p->seen.valid = false;
	uint64_t since = now - p->look_ms;
	mf_path_look(f, p, since < MF_LOOK_APART_MS ? MF_LOOK_APART_MS - since : 1);
}

/* ---- carrying out -------------------------------------------------------------------------------------------- */

static enum after
done_or(mf_code rc)
{
	if (rc == MF_OK)
		return AGAIN;
	return rc == MF_EIO || rc == MF_EFULL || rc == MF_EBUSY || rc == MF_ENOMEM ? BROKEN : FAILED;
}

static enum after
on_or(mf_code rc)
{
	return rc == MF_OK ? ON : done_or(rc);
}

static enum after
do_snapshot(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, mf_err *err)
{
	if (!need_made(f, p, g, plan))
		return WAIT;
	return on_or(store_made(f, p, g, plan->n_sids > 1, err));
}

static enum after
do_resolve(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, mf_err *err)
{
	if (g->facts.policy == MF_READ_ONLY)
		return done_or(resolve_read_only(f, p, g, plan, err));
	if (!need_made(f, p, g, plan))
		return WAIT;
	mf_code rc = store_made(f, p, g, true, err);
	if (rc == MF_OK)
		rc = mf_rows_settled(f, p, g, err);
	if (rc == MF_OK)
		mf_choice_decided(f, p->relpath);
	return done_or(rc);
}

/* p gets the content of @p theirs, in a merge snapshot of ours with the plan's parents. */
static enum after
take_merge(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan,
	const mf_snap_row *theirs, mf_err *err)
{
	mf_code rc = mf_rows_own(f, p, g, err); /* the merge closes rows without another look */

	if (rc != MF_OK)
		return done_or(rc);
	if (p->made != NULL && same_parents(g, p->made, plan) && p->made->deletion == theirs->deletion &&
		(theirs->deletion || strcmp(p->made->content.text, theirs->content.text) == 0)) {
		mf_snap_row *m = p->made;
		p->made = NULL;
		mf_apply_start(f, p, m, true);
	} else {
		mf_encode_start(f, p, proto(f, p, g, plan, theirs), (mf_pathstate){0});
	}
	return WAIT;
}

static enum after
do_resolve_with(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, mf_err *err)
{
	if (plan->sid == MF_SID_NONE &&
		g->facts.policy == MF_READ_ONLY) { /* a rule came: a merge would be a snapshot */
		mf_choice_rest(f, p);
		return AGAIN;
	}
	const mf_snap_row *content = plan->sid != MF_SID_NONE ? mf_facts_row(g, plan->sid) : mf_choice_text(f, p, g);

	if (content == NULL)
		return p->stage == MF_ST_IDLE ? AGAIN : WAIT;
	if (g->facts.policy == MF_READ_WRITE)
		return take_merge(f, p, g, plan, content, err);
	mf_code rc = mf_rows_own(f, p, g, err);
	if (rc != MF_OK)
		return done_or(rc);
	mf_choice_keep_known(f, p, g, plan);
	mf_apply_start(f, p, mf_snap_row_dup(content), false);
	return WAIT;
}

static enum after
do_need_content(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan)
{
	if (plan->sid == MF_SID_NONE) {
		p->want_hash = true;
		mf_look_start(f, p);
	} else {
		mf_hash_content_start(f, p, mf_facts_row(g, plan->sid));
	}
	return WAIT;
}

static enum after
do_marker(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan)
{
	const mf_conflict *c = &g->conflict[plan->row];
	enum mf_marker_do what = plan->act == MF_ACT_WRITE_MARKER ? MF_MARKER_WRITE
		: plan->act == MF_ACT_REMOVE_MARKER               ? MF_MARKER_REMOVE
								  : MF_MARKER_RELEASE;

	mf_marker_start(f, p, what, c, mf_facts_row(g, g->rows[plan->row].sid));
	return WAIT;
}

static enum after
do_report(struct mf_folder *f, struct mf_path *p, const mf_plan *plan, mf_err *err)
{
	if (p->seen.kind == MF_LOCAL_ROOT_GONE) { /* said once for the folder, not for each path */
		mf_report_root_gone(f);
		return REST;
	}
	(void)mf_fail(err, MF_EBUSY, 0, "%s: %s", p->relpath, plan->why);
	return FAILED;
}

static enum after
carry_out(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, mf_err *err)
{
	switch (plan->act) {
	case MF_ACT_NOTHING: return mf_choice_automatic(f, p, g, plan) ? AGAIN : REST;
	case MF_ACT_REPORT: return do_report(f, p, plan, err);
	case MF_ACT_CONTINUE_APPLY: mf_apply_continue(f, p, &g->intent); return WAIT;
	case MF_ACT_DROP_ROW: return done_or(mf_rows_drop(f, p, &g->conflict[plan->row], err));
	case MF_ACT_REMOVE_MARKER:
	case MF_ACT_RELEASE_MARKER: return do_marker(f, p, g, plan);
	case MF_ACT_WRITE_MARKER: return mf_choice_automatic(f, p, g, plan) ? AGAIN : do_marker(f, p, g, plan);
	case MF_ACT_ADOPT:
		if (!bit_is_theirs(p, g, plan->sid))
			return done_or(adopt(f, p, g, plan->sid, err));
		/* fall through */
	case MF_ACT_TAKE: mf_apply_start(f, p, mf_snap_row_dup(mf_facts_row(g, plan->sid)), false); return WAIT;
	case MF_ACT_TAKE_MERGE: return take_merge(f, p, g, plan, mf_facts_row(g, plan->sid), err);
	case MF_ACT_SNAPSHOT_LOCAL: return do_snapshot(f, p, g, plan, err);
	case MF_ACT_RECORD_PUBLISHED: return on_or(record_published(f, p, g, err));
	case MF_ACT_PUBLISH: mf_link_add(f, p, &mf_facts_row(g, g->e)->cap); return WAIT;
	case MF_ACT_LINK: mf_link_add(f, p, &mf_facts_row(g, g->facts.base)->cap); return WAIT;
	case MF_ACT_RECORD_CONFLICTS: return done_or(mf_rows_record(f, p, g, plan, err));
	case MF_ACT_MARKER_DONE: return done_or(mf_rows_written(f, p, g, plan->row, err));
	case MF_ACT_LOOK_AGAIN: remember_look(f, p); return WAIT;
	case MF_ACT_RESOLVE: return do_resolve(f, p, g, plan, err);
	case MF_ACT_RESOLVE_WITH: return do_resolve_with(f, p, g, plan, err);
	case MF_ACT_NEED_CONTENT: return do_need_content(f, p, g, plan);
	}
	MF_BUG("planner's act %d", (int)plan->act);
}

/* At rest in a read-only folder: does what lies here differ from what others publish? */
static void
note_local_only(struct mf_folder *f, const struct mf_path *p, struct mf_gathered *g)
{
	if (!f->conf.read_only || !p->seen.valid || (p->seen.kind != MF_LOCAL_FILE && p->seen.kind != MF_LOCAL_ABSENT))
		return;
	if (disk_is_e(p, g))
		mf_local_only_drop(f, p->relpath);
	else
		mf_local_only_note(f, p->relpath, &p->seen.st);
}

static enum after
one_step(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_err *err)
{
	mf_plan plan;

	mf_choice_facts(f, p, g);
	mf_plan_path(&g->history, &g->facts, &plan);
	if (bit_is_news(p, g, &plan)) {
		plan.act = MF_ACT_SNAPSHOT_LOCAL;
		plan.sids[0] = g->e;
		plan.n_sids = 1;
	}
	if (!g->broken) {
		mf_code guard = mf_guard_plan(f, p, g, &plan, err);
		enum after next = guard != MF_OK ? done_or(guard) : carry_out(f, p, g, &plan, err);
		if (next == REST)
			note_local_only(f, p, g);
		return next;
	}
	for (size_t i = 0; i < g->n && g->err.code == MF_OK; i++)
		if (g->node[i]->missing)
			mf_fetch_missing(f, p->relpath, g->node[i]->cap);
	*err = g->err;
	return g->err.code == MF_OK ? WAIT : FAILED;
}

/* Gather facts, decide, carry out, until it waits for something or is at rest. */
static enum after
steps(struct mf_folder *f, struct mf_path *p, mf_err *err)
{
	struct mf_gathered *g = NULL;
	enum after next = AGAIN;

	for (int i = 0; i < STEPS_MAX && (next == AGAIN || next == ON); i++) {
		if (mf_inherit_waits(f, p->relpath) && f->root != NULL && !f->root_doubtful)
			mf_inherit_start(f, p);
		else if (p->need_look || !p->seen.valid || p->seen.root_generation != f->root_generation ||
			f->root == NULL)
			mf_look_start(f, p);
		if (p->stage != MF_ST_IDLE || !p->seen.valid) {
			next = WAIT;
			break;
		}
		if (next == AGAIN) {
			mf_facts_free(g);
			g = NULL;
			if (mf_facts_gather(f, p, &g, err) != MF_OK) {
				next = FAILED;
				break;
			}
		}
		next = one_step(f, p, g, err);
	}
	mf_facts_free(g);
	return next;
}

/* What was wrong with our own entry of this path was overwritten. */
static void
entry_is_ours_again(struct mf_folder *f, const struct mf_path *p)
{
	mf_buf entry = {0};

	if (mf_relpath_entry(mf_strz(p->relpath), &entry, NULL) == MF_OK)
		mf_report_peer(f, f->conf.author, (char *)entry.p, NULL);
	mf_buf_free(&entry);
}

void
mf_path_step(struct mf_folder *f, struct mf_path *p)
{
	mf_err err = {0};

	if (p->apply != NULL)
		mf_apply_step(f, p);
	if (p->stage == MF_ST_LINKING && p->linked) {
		if (mf_state_head_put(f->state, "", p->relpath, p->linking.text, &err) != MF_OK) {
			mf_path_fail(f, p, &err);
			return;
		}
		p->stage = MF_ST_IDLE;
		p->linked = false;
		if (f->n_errors > 0)
			entry_is_ours_again(f, p);
	}
	if (p->stage != MF_ST_IDLE)
		return;                               /* whatever it waits for makes it ready again */
	if (f->set.paused || mf_rules_unsettled(f)) { /* what was begun above is recorded; nothing is begun */
		f->parked = true;
		if (f->set.paused)
			mf_choice_rest(f, p);
		return;
	}
	if (p->need_look && p->apply != NULL && p->apply->recorded)
		return; /* once that is committed */
	if (p->need_look && p->due_ms > mf_now_ms(f)) {
		mf_path_look(f, p, p->due_ms - mf_now_ms(f));
		return;
	}
	/* a version of another path lies there: what others call so comes once it is gone */
	if (p->apply == NULL && mf_marker_owner(f, p->relpath) != NULL) {
		p->need_look = false;
		mf_path_rest(f, p);
		return;
	}
	switch (steps(f, p, &err)) {
	case WAIT: break;
	case REST:
		mf_choice_rest(f, p);
		mf_path_rest(f, p);
		break;
	case FAILED: mf_path_fail(f, p, &err); break;
	case BROKEN: f->turn_err = err; break;
	case AGAIN:
	case ON:
		(void)mf_fail(&err, MF_EIO, 0, "%s: no rest after %d steps", p->relpath, STEPS_MAX);
		mf_path_fail(f, p, &err);
		break;
	}
}
