/* Conflict rows: which versions stand against ours, each with its marker file. */
#include "sync/engine.h"

#include <stdio.h>
#include <stdlib.h>

static bool
slot_taken(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_conflict *c)
{
	mf_stat st = {0};

	for (size_t i = 0; i < g->n_conflict; i++)
		if (strcmp(g->conflict[i].slot, c->slot) == 0)
			return true;
	char *path = mf_marker_of(p->relpath, c);
	bool taken = f->root != NULL && MF_OPS(f)->stat(f->root, path, &st, NULL) == MF_OK && st.kind != MF_KIND_ABSENT;
	taken |= mf_path_known(f, path);
	free(path);
	return taken;
}

static mf_code
open_row(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_sid sid, mf_str participant, mf_err *err)
{
	mf_conflict c = {0};
	mf_buf slot = {0};

	mf_slot_name(participant, &slot);
	size_t stem = slot.n;
	(void)snprintf(c.cap.text, sizeof(c.cap.text), "%s", g->node[sid]->cap);
	for (unsigned i = 2;; i++) {
		c.slot = (char *)slot.p;
		if (i > 1000 || !slot_taken(f, p, g, &c))
			break;
		slot.n = stem;
		mf_buf_addf(&slot, "-%u", i);
	}
	mf_code rc = mf_state_conflict_put(f->state, p->relpath, &c, err);
	if (rc == MF_OK) {
		char *path = mf_marker_of(p->relpath, &c);
		mf_marker_note(f, path, p->relpath);
		free(path);
		mf_tell(f, MF_EV_CONFLICT_ADDED, p->relpath, c.slot);
	}
	mf_buf_free(&slot);
	return rc;
}

static bool
row_covers(struct mf_gathered *g, const mf_conflict *c, const mf_plan *plan, size_t *at)
{
	for (size_t i = 0; i < plan->n_sids; i++)
		if (strcmp(g->node[plan->sids[i]]->cap, c->cap.text) == 0) {
			*at = i;
			return true;
		}
	return false;
}

/* Same slot, another version: the marker stays written if the bytes are the same. */
static mf_code
refresh_row(
	struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_conflict *old, mf_sid sid, mf_err *err)
{
	mf_conflict c = *old;
	const mf_snap_row *a = mf_facts_row(g, mf_facts_sid(g, old->cap.text)), *b = mf_facts_row(g, sid);
	bool same = a != NULL && b != NULL && !a->deletion && !b->deletion &&
		(strcmp(a->content.text, b->content.text) == 0 ||
			(a->has_sha && b->has_sha && memcmp(a->sha, b->sha, 32) == 0));

	(void)snprintf(c.cap.text, sizeof(c.cap.text), "%s", g->node[sid]->cap);
	c.closing = false;
	if (!same)
		c.marker_written = false;
	return mf_state_conflict_put(f->state, p->relpath, &c, err);
}

/* A marker that was written, but not recorded as written before its row changes: it is ours all the same. */
static bool
own_marker(struct mf_gathered *g, size_t i)
{
	mf_conflict *c = &g->conflict[i];
	const mf_content *now = &g->rows[i].marker_now;
	const mf_snap_row *row = mf_facts_row(g, mf_facts_sid(g, c->cap.text));

	if (c->marker_written || g->rows[i].marker != MF_MARKER_FILE || row == NULL || !row->has_sha || !now->has_sha ||
		row->size != now->size || memcmp(row->sha, now->sha, sizeof(now->sha)) != 0)
		return false;
	c->has_marker_sha = true;
	c->marker_size = now->size;
	memcpy(c->marker_sha, now->sha, sizeof(c->marker_sha));
	return true;
}

static void
own_markers(struct mf_gathered *g)
{
	for (size_t i = 0; i < g->n_conflict; i++)
		(void)own_marker(g, i);
}

mf_code
mf_rows_own(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_err *err)
{
	mf_code rc = MF_OK;

	for (size_t i = 0; rc == MF_OK && i < g->n_conflict; i++)
		if (own_marker(g, i))
			rc = mf_state_conflict_put(f->state, p->relpath, &g->conflict[i], err);
	return rc;
}

/* A marker's name that had to be shortened carries a hash of the version: another version, another file. */
static bool
same_marker(const struct mf_path *p, struct mf_gathered *g, const mf_conflict *c, mf_sid sid)
{
	mf_conflict other = *c;

	(void)snprintf(other.cap.text, sizeof(other.cap.text), "%s", g->node[sid]->cap);
	char *a = mf_marker_of(p->relpath, c), *b = mf_marker_of(p->relpath, &other);
	bool same = strcmp(a, b) == 0;
	free(a);
	free(b);
	return same;
}

mf_code
mf_rows_record(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_plan *plan, mf_err *err)
{
	bool has_row[MF_PLAN_MAX_SIDS] = {false}, kept[MF_PLAN_MAX_SIDS] = {false};
	mf_code rc = MF_OK;
	size_t at;

	own_markers(g);
	for (size_t i = 0; i < g->n_conflict && i < MF_PLAN_MAX_SIDS; i++)
		if (row_covers(g, &g->conflict[i], plan, &at))
			has_row[at] = kept[i] = true;
	/* a row whose slot's participant moved on follows it */
	for (size_t i = 0; rc == MF_OK && i < g->n_conflict && i < MF_PLAN_MAX_SIDS; i++) {
		if (kept[i] || g->conflict[i].closing)
			continue;
		for (size_t k = 0; rc == MF_OK && k < plan->n_sids && !kept[i]; k++) {
			if (has_row[k] || !mf_str_eq(plan->slots[k], mf_strz(g->conflict[i].slot)) ||
				!same_marker(p, g, &g->conflict[i], plan->sids[k]))
				continue;
			rc = refresh_row(f, p, g, &g->conflict[i], plan->sids[k], err);
			has_row[k] = kept[i] = true;
		}
	}
	for (size_t i = 0; rc == MF_OK && i < g->n_conflict && i < MF_PLAN_MAX_SIDS; i++) {
		if (kept[i] || g->conflict[i].closing)
			continue;
		mf_conflict c = g->conflict[i];
		c.closing = true;
		rc = mf_state_conflict_put(f->state, p->relpath, &c, err);
	}
	for (size_t k = 0; rc == MF_OK && k < plan->n_sids; k++)
		if (!has_row[k])
			rc = open_row(f, p, g, plan->sids[k], plan->slots[k], err);
	p->seen.valid = false; /* the markers must be looked at */
	return rc;
}

mf_code
mf_rows_written(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, size_t row, mf_err *err)
{
	mf_conflict c = g->conflict[row];

	c.marker_written = true;
	c.has_marker_sha = true;
	memcpy(c.marker_sha, g->rows[row].marker_now.sha, sizeof(c.marker_sha));
	c.marker_size = g->rows[row].marker_now.size;
	return mf_state_conflict_put(f->state, p->relpath, &c, err);
}

mf_code
mf_rows_drop(struct mf_folder *f, struct mf_path *p, const mf_conflict *c, mf_err *err)
{
	char *path = mf_marker_of(p->relpath, c);
	mf_code rc = mf_state_conflict_drop(f->state, p->relpath, c->slot, err);

	if (rc == MF_OK) {
		mf_marker_forget(f, path);
		mf_path_later(f, path, MF_LATER_WALK, 0); /* others may have a file of that name */
		mf_tell(f, MF_EV_CONFLICT_RESOLVED, p->relpath, c->slot);
	}
	free(path);
	return rc;
}

mf_code
mf_rows_settled(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_err *err)
{
	mf_code rc = mf_rows_own(f, p, g, err);

	for (size_t i = 0; rc == MF_OK && i < g->n_conflict; i++) {
		if (g->rows[i].marker == MF_MARKER_ABSENT) {
			rc = mf_rows_drop(f, p, &g->conflict[i], err);
		} else {
			g->conflict[i].closing = true;
			rc = mf_state_conflict_put(f->state, p->relpath, &g->conflict[i], err);
		}
	}
	p->has_look = false;
	return rc;
}

mf_code
mf_rows_close(struct mf_folder *f, const char *relpath, const mf_immdir *cap, size_t n, mf_err *err)
{
	mf_conflict *rows = NULL;
	size_t n_rows = 0;
	mf_code rc = mf_state_conflict_get(f->state, relpath, &rows, &n_rows, err);

	for (size_t i = 0; rc == MF_OK && i < n_rows; i++) {
		size_t k = 0;
		while (k < n && strcmp(cap[k].text, rows[i].cap.text) != 0)
			k++;
		if (k == n || rows[i].closing)
			continue;
		rows[i].closing = true;
		rc = mf_state_conflict_put(f->state, relpath, &rows[i], err);
	}
	mf_conflicts_free(rows, n_rows);
	return rc;
}
