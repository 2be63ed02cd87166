/* The Python implementation's part in the world, faults included (docs/planner.md, "Python"): it overwrites
 * what it is ahead of, acknowledges by linking, stays in a conflict for good, hangs on a deletion that is in
 * conflict, and publishes touches. */
#include "tests/sync/model_world.h"

static mw_value
base_value(const struct mw *w, const struct mw_peer *p)
{
	return p->db.base == MF_SID_NONE ? MW_ABSENT : w->snap[p->db.base]->value;
}

static void
publish(struct mw *w, size_t i)
{
	struct mw_peer *p = &w->peer[i];

	p->db.base = mw_make(w, i, p->p, &p->db.base, p->db.base == MF_SID_NONE ? 0 : 1);
	mw_say(w, "%s (Python) publishes %s", p->name, mw_text(w, p->db.base));
	mw_link(w, i, p->db.base);
}

void
mw_touch(struct mw *w, size_t i)
{
	struct mw_peer *p = &w->peer[i];

	if (p->kind == MW_PYTHON && p->python == MW_PY_OK && p->p != MW_ABSENT && p->p == base_value(w, p))
		publish(w, i);
}

bool
mw_python_step(struct mw *w, size_t i)
{
	struct mw_peer *p = &w->peer[i];

	if (p->python != MW_PY_OK || p->p == base_value(w, p))
		return false;
	publish(w, i);
	return true;
}

bool
mw_python_poll(struct mw *w, size_t i, mf_sid head)
{
	struct mw_peer *p = &w->peer[i];
	const struct mw_snap *s = w->snap[head];
	mf_sid base = p->db.base;

	if (p->python != MW_PY_OK || (base != MF_SID_NONE && mf_is_ancestor(&w->history, head, base)))
		return false;
	if (p->p == base_value(w, p) && (base == MF_SID_NONE || mf_is_ancestor(&w->history, base, head))) {
		mw_say(w, "%s (Python) accepts %s", p->name, mw_text(w, head));
		p->p = s->value;
		p->db.base = head;
		mw_link(w, i, head);
		return true;
	}
	p->python = s->value == MW_ABSENT ? MW_PY_HUNG : MW_PY_CONFLICTED;
	mw_say(w, "%s (Python) is stuck with %s", p->name, mw_text(w, head));
	if (p->python == MW_PY_HUNG)
		return true;
	struct mw_row *r = &p->db.row[p->db.n_rows++];
	*r = (struct mw_row){.sid = head, .written = true, .has_content = true, .content = s->value};
	memcpy(r->slot, w->peer[s->author].name, sizeof(w->peer[s->author].name));
	mw_set_marker(w, i, r->slot, s->value);
	return true;
}
