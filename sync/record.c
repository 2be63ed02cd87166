/* What is recorded once a path is decided: Base, and the executable bit beside it. */
#include "sync/decide.h"
#include "sync/settle/resolve.h"

#include <stdio.h>
#include <stdlib.h>

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

/* What is in the stash of it is not needed any more. */
static mf_code
published(struct mf_folder *f, const struct mf_path *p, mf_err *err)
{
	f->stash_stale |= f->inherits;
	return mf_state_pending_clear(f->state, p->relpath, err);
}

mf_code
mf_record_base(struct mf_folder *f, struct mf_path *p, const mf_snap_row *row, const mf_pathstate *state,
	bool executable, int64_t took_ns, mf_err *err)
{
	mf_path_row r = base_row(f, p, row, state, executable, took_ns);

	return mf_state_path_put(f->state, &r, err);
}

mf_code
mf_record_adopted(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_sid sid, mf_err *err)
{
	const mf_snap_row *row = mf_facts_row(g, sid);
	mf_pathstate now = {0};

	if (p->seen.kind == MF_LOCAL_FILE)
		now = mf_pathstate_of(&p->seen.st);
	mf_code rc =
		mf_record_base(f, p, row, &now, row->has_executable ? row->executable : mf_disk_executable(p), -1, err);
	if (rc == MF_OK)
		rc = published(f, p, err);
	if (rc == MF_OK && g->n_known > 0)
		rc = mf_state_known_set(f->state, p->relpath, NULL, 0, err);
	if (rc == MF_OK && !row->deletion && !row->has_sha && p->seen.has_sha)
		rc = mf_state_snap_set_sha(f->state, row->cap.text, p->seen.sha, err);
	p->seen.same_as_e = p->seen.kind == MF_LOCAL_FILE;
	return rc;
}

bool
mf_bit_is_theirs(const struct mf_path *p, struct mf_gathered *g, mf_sid sid)
{
	const mf_snap_row *row = mf_facts_row(g, sid);

	if (p->seen.kind != MF_LOCAL_FILE || !row->has_executable || row->executable == mf_disk_executable(p))
		return false;
	return row->executable || (p->seen.same_as_e && g->e != MF_SID_NONE && mf_is_ancestor(&g->history, g->e, sid));
}

bool
mf_bit_is_news(const struct mf_path *p, struct mf_gathered *g, const mf_plan *plan)
{
	const mf_snap_row *e = g->e == MF_SID_NONE ? NULL : mf_facts_row(g, g->e);

	/* against the bit as it came out on this disk: some file systems cannot keep it, and a snapshot need not say */
	return plan->act == MF_ACT_NOTHING && g->facts.policy == MF_READ_WRITE && !plan->conflicted &&
		g->n_pending == 0 && p->seen.kind == MF_LOCAL_FILE && e != NULL && mf_disk_is_e(p, g) && g->path.ours &&
		g->path.executable != mf_disk_executable(p);
}

mf_code
mf_record_published(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_err *err)
{
	const mf_snap_row *e = mf_facts_row(g, g->e);
	mf_path_row r = base_row(f, p, e, &g->e_state, e->executable, p->made_took_ns);
	mf_code rc = mf_state_path_put(f->state, &r, err);

	if (rc == MF_OK)
		rc = published(f, p, err);
	if (rc == MF_OK)
		mf_facts_base_put(f, p, g, &r);
	return rc;
}

mf_code
mf_record_read_only(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, mf_err *err)
{
	mf_immdir *known = mf_alloc((plan->n_known_after + 1) * sizeof(*known));
	mf_code rc = MF_OK;

	for (size_t i = 0; i < plan->n_known_after; i++)
		(void)snprintf(known[i].text, sizeof(known[i].text), "%s", g->node[plan->known_after[i]]->cap);
	if (plan->base_after != MF_SID_NONE)
		rc = mf_record_adopted(f, p, g, plan->base_after, err);
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
