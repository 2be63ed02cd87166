/* Snapshots made for a path, ready to be recorded as pending. */
#include "sync/decide.h"

#include <stdio.h>
#include <stdlib.h>

bool
mf_made_has_parents(struct mf_gathered *g, const mf_snap_row *made, const mf_plan *plan)
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

bool
mf_disk_executable(const struct mf_path *p)
{
	return (p->seen.st.mode & 0100) != 0;
}

mf_snap_row *
mf_made_proto(
	struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, const mf_snap_row *content)
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
	row->executable = content->has_executable ? content->executable : mf_disk_executable(p);
	row->was_executable = content->executable || g->path.executable;
	row->mtime_s = content->mtime_s;
	return row;
}

bool
mf_disk_is_e(const struct mf_path *p, struct mf_gathered *g)
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
	if (p->made->deletion || p->made->executable != mf_disk_executable(p))
		return false;
	if (p->seen.has_sha)
		return p->made->size == p->seen.st.size && memcmp(p->made->sha, p->seen.sha, 32) == 0;
	return p->seen.same_as_e && e != NULL && strcmp(e->content.text, p->made->content.text) == 0;
}

bool
mf_made_need(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan)
{
	const mf_snap_row *e = g->e == MF_SID_NONE ? NULL : mf_facts_row(g, g->e);

	if (made_of_disk(p, g) && mf_made_has_parents(g, p->made, plan))
		return true;
	if (p->seen.kind != MF_LOCAL_FILE) {
		mf_encode_start(f, p, mf_made_proto(f, p, g, plan, NULL), (mf_pathstate){0});
	} else if (mf_disk_is_e(p, g) && e != NULL) {
		mf_pathstate now;
		now = mf_pathstate_of(&p->seen.st);
		mf_snap_row *row = mf_made_proto(f, p, g, plan, e);
		row->executable = mf_disk_executable(p);
		mf_encode_start(f, p, row, now);
	} else {
		free(p->want_parents);
		copy_parents(g, plan, &p->want_parents, &p->n_want_parents);
		mf_look_start(f, p);
	}
	return false;
}

mf_code
mf_made_store(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, bool merge, mf_err *err)
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
