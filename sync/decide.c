/* One path, inside a turn: facts, decision, deed; again until it waits for something or is at rest. */
#include "sync/decide.h"
#include "sync/inherit/inherit.h"
#include "sync/inherit/stash.h"
#include "sync/local/rules.h"
#include "sync/settle/resolve.h"

enum { STEPS_MAX = 64 };

/* AGAIN: the databases say something else now; ON: they do, and so do the gathered facts.
 * BROKEN: a write failed half-way; the turn must not be committed. */
enum after { AGAIN, ON, WAIT, REST, FAILED, BROKEN };

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
	if (!mf_made_need(f, p, g, plan))
		return WAIT;
	return on_or(mf_made_store(f, p, g, plan->n_sids > 1, err));
}

static enum after
do_resolve(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, mf_err *err)
{
	if (g->facts.policy == MF_READ_ONLY)
		return done_or(mf_record_read_only(f, p, g, plan, err));
	if (!mf_made_need(f, p, g, plan))
		return WAIT;
	mf_code rc = mf_made_store(f, p, g, true, err);
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
	if (p->made != NULL && mf_made_has_parents(g, p->made, plan) && p->made->deletion == theirs->deletion &&
		(theirs->deletion || strcmp(p->made->content.text, theirs->content.text) == 0)) {
		mf_snap_row *m = p->made;
		p->made = NULL;
		mf_apply_start(f, p, m, true);
	} else {
		mf_encode_start(f, p, mf_made_proto(f, p, g, plan, theirs), (mf_pathstate){0});
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
		if (!mf_bit_is_theirs(p, g, plan->sid))
			return done_or(mf_record_adopted(f, p, g, plan->sid, err));
		/* fall through */
	case MF_ACT_TAKE: mf_apply_start(f, p, mf_snap_row_dup(mf_facts_row(g, plan->sid)), false); return WAIT;
	case MF_ACT_TAKE_MERGE: return take_merge(f, p, g, plan, mf_facts_row(g, plan->sid), err);
	case MF_ACT_SNAPSHOT_LOCAL: return do_snapshot(f, p, g, plan, err);
	case MF_ACT_RECORD_PUBLISHED: return on_or(mf_record_published(f, p, g, err));
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
	if (mf_disk_is_e(p, g))
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
	if (mf_bit_is_news(p, g, &plan)) {
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
		if (mf_stash_deletion(f, p, err) != MF_OK) {
			next = BROKEN;
			break;
		}
		if (mf_inherit_waits(f, p->relpath) && f->root != NULL && !f->root_doubtful &&
			!(p->need_look && mf_stash_is_away(f, p)))
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
	mf_stash_linking(f, p);
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
