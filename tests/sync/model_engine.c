/* One step of a participant: ask the planner, do what it says. */
#include "tests/sync/model_world.h"

#include <stdio.h>

static mf_content
content_of(mw_value v, bool hashed)
{
	mf_content c = {.deletion = v == MW_ABSENT, .size = v % 3, .has_sha = hashed};

	if (hashed)
		memcpy(c.sha, &v, sizeof(v));
	return c;
}

static void
sync_db(struct mw_peer *p)
{
	p->durable = p->db;
}

/* ---- facts ----------------------------------------------------------------------------------------------------- */

static void
fill_rows(struct mw_peer *p, mf_row *rows)
{
	for (size_t i = 0; i < p->db.n_rows; i++) {
		const struct mw_row *r = &p->db.row[i];
		const struct mw_marker *m = mw_marker(p, r->slot);
		rows[i] = (mf_row){.slot = mf_strz(r->slot),
			.sid = r->sid,
			.state = r->closing ? MF_ROW_CLOSING : MF_ROW_OPEN,
			.marker_written = r->written,
			.has_marker_content = r->has_content,
			.marker_content = content_of(r->content, true),
			.marker = m == NULL ? MF_MARKER_ABSENT : MF_MARKER_FILE};
		if (m != NULL)
			rows[i].marker_now = content_of(m->value, true);
	}
}

/* A choice that does not fit any more is over. */
static void
fill_choice(struct mw *w, struct mw_peer *p, mf_facts *f)
{
	struct mw_choice *c = &p->choice;
	bool fits = false, chosen = c->kind == MF_CHOICE_MINE;

	if (c->kind == MF_CHOICE_NONE || p->db.intent.id != 0)
		return;
	for (size_t i = 0; i < p->db.n_rows; i++) {
		bool known = false;
		if (p->db.row[i].closing)
			continue;
		for (size_t k = 0; k < c->n; k++)
			known |= c->version[k] == p->db.row[i].sid;
		chosen |= p->db.row[i].sid == c->chosen;
		fits = known;
		if (!known)
			break;
	}
	if (!fits || !chosen || (c->kind == MF_CHOICE_VERSION && c->then != p->p)) {
		mw_say(w, "%s: it cannot be settled so any more", p->name);
		c->kind = MF_CHOICE_NONE;
		return;
	}
	f->choice = c->kind;
	f->choice_sid = c->chosen;
}

static void
plan(struct mw *w, size_t i, mf_plan *out)
{
	struct mw_peer *p = &w->peer[i];
	mf_head heads[MW_PEERS];
	mf_row rows[MW_ROWS];
	size_t n = 0;

	for (size_t k = 0; k < w->n; k++)
		if (k != i || p->kind == MW_WRITER)
			heads[n++] = (mf_head){.kind = p->head_kind[k],
				.sid = p->head[k],
				.participant = mf_strz(w->peer[k].name),
				.self = k == i};
	fill_rows(p, rows);
	mf_facts f = {.local = p->p == MW_ABSENT ? MF_LOCAL_ABSENT : MF_LOCAL_FILE,
		.disk = content_of(p->p, p->hashed),
		.base = p->db.base,
		.pending = p->db.pending,
		.n_pending = p->db.n_pending,
		.known = p->db.known,
		.n_known = p->db.n_known,
		.heads = heads,
		.n_heads = n,
		.rows = rows,
		.n_rows = p->db.n_rows,
		.intent = p->db.intent.id != 0,
		.has_look = p->has_look,
		.look_absent = p->look == MW_ABSENT,
		.look = content_of(p->look, true),
		.policy = p->kind == MW_READER ? MF_READ_ONLY : MF_READ_WRITE};
	fill_choice(w, p, &f);
	mf_plan_path(&w->history, &f, out);
	/* Names are lent by the facts, which end here. */
	for (size_t k = 0; out->act == MF_ACT_RECORD_CONFLICTS && k < out->n_sids; k++) {
		mf_str slot = out->slots[k];
		out->slots[k] = (mf_str){NULL, 0};
		for (size_t j = 0; j < w->n; j++)
			if (mf_str_eq(slot, mf_strz(w->peer[j].name)))
				out->slots[k] = mf_strz(w->peer[j].name);
		for (size_t j = 0; j < p->db.n_rows; j++)
			if (mf_str_eq(slot, mf_strz(p->db.row[j].slot)))
				out->slots[k] = mf_strz(p->db.row[j].slot);
		if (out->slots[k].p == NULL)
			mw_break(w, "%s: slot %.*s is nobody's", p->name, (int)slot.n, slot.p);
	}
}

/* ---- pending, base, intents -------------------------------------------------------------------------------------- */

static void
add_pending(struct mw_peer *p, mf_sid s)
{
	if (p->db.n_pending == MW_PENDING)
		MF_BUG("too many pending");
	p->db.pending[p->db.n_pending++] = s;
}

static void
set_base(struct mw_peer *p, mf_sid s)
{
	p->db.base = s;
	p->db.n_pending = 0;
	p->db.n_known = 0;
}

static void
begin_take(struct mw *w, size_t i, mf_sid target, bool merge)
{
	struct mw_peer *p = &w->peer[i];

	mw_say(w, "%s decides to take %s%s", p->name, mw_text(w, target), merge ? ", a merge" : "");
	p->beside = ++w->intents;
	p->db.intent = (struct mw_intent){p->beside, target, p->p, merge};
	sync_db(p); /* W2: durable before the rename */
}

/* What was recorded settles rows: the parents of a merge, or, in a read-only folder, all that the choice was about. */
static void
close_settled(struct mw *w, struct mw_peer *p, mf_sid target, bool merge)
{
	struct mw_choice *c = &p->choice;
	const mf_snap *s = &w->snap[target]->snap;
	bool locally = !merge && c->kind == MF_CHOICE_VERSION && c->chosen == target && p->kind == MW_READER;

	for (size_t i = 0; i < p->db.n_rows; i++) {
		for (size_t k = 0; merge && k < s->n_parents; k++)
			p->db.row[i].closing |= s->parents[k] == p->db.row[i].sid;
		for (size_t k = 0; locally && k < c->n; k++)
			p->db.row[i].closing |= c->version[k] == p->db.row[i].sid;
	}
	if (locally) {
		p->db.n_known = c->n_known;
		memcpy(p->db.known, c->known, c->n_known * sizeof(mf_sid));
		c->kind = MF_CHOICE_NONE;
	}
}

static void
continue_apply(struct mw *w, size_t i)
{
	struct mw_peer *p = &w->peer[i];
	struct mw_intent t = p->db.intent;

	if (p->beside == t.id && p->p == t.expected) {
		p->beside = 0;
		p->p = w->snap[t.target]->value;
		p->hashed = false;
		w->snap[t.target]->snap.content.has_sha = true; /* its bytes went through our hands */
		mw_say(w, "%s replaces p by v%u", p->name, p->p);
		return;
	}
	p->db.intent = (struct mw_intent){0};
	if (p->beside == t.id) {
		/* Durable before the new file goes: an intent that came back from a power cut without its new
		 * file would read as "replaced", and the edit as made on top of what was never seen. */
		sync_db(p);
		p->beside = 0;
		mw_say(w, "%s finds p changed meanwhile", p->name);
		return;
	}
	if (t.merge)
		add_pending(p, t.target);
	else
		set_base(p, t.target);
	close_settled(w, p, t.target, t.merge);
	mw_say(w, "%s records %s", p->name, mw_text(w, t.target));
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static void
drop_row(struct mw_peer *p, size_t row)
{
	p->db.row[row] = p->db.row[--p->db.n_rows];
}

static bool
in_set(const mf_plan *plan, mf_sid s)
{
	for (size_t i = 0; i < plan->n_sids; i++)
		if (plan->sids[i] == s)
			return true;
	return false;
}

static struct mw_row *
row_in_slot(struct mw_peer *p, const char *slot)
{
	for (size_t i = 0; i < p->db.n_rows; i++)
		if (strcmp(p->db.row[i].slot, slot) == 0)
			return &p->db.row[i];
	return NULL;
}

/* A new cap: in the place of the row whose version it follows, or in a row of its own. */
static void
record_conflict(struct mw *w, size_t i, const mf_plan *plan, size_t k)
{
	struct mw_peer *p = &w->peer[i];
	char slot[MW_SLOT];
	mf_sid s = plan->sids[k];

	(void)snprintf(slot, sizeof(slot), "%.*s", (int)plan->slots[k].n, plan->slots[k].p);
	struct mw_row *r = row_in_slot(p, slot);
	for (unsigned number = 2; r != NULL && (in_set(plan, r->sid) || !r->closing); number++) {
		(void)snprintf(slot, sizeof(slot), "%.*s-%u", (int)plan->slots[k].n, plan->slots[k].p, number);
		r = row_in_slot(p, slot);
	}
	mw_say(w, "%s records conflict in slot %s: %s", p->name, slot, mw_text(w, s));
	if (r != NULL) {
		r->written &= w->snap[r->sid]->value == w->snap[s]->value;
		r->closing = false;
		r->sid = s;
		return;
	}
	if (p->db.n_rows == MW_ROWS)
		MF_BUG("too many rows");
	r = &p->db.row[p->db.n_rows++];
	*r = (struct mw_row){.sid = s};
	memcpy(r->slot, slot, sizeof(slot));
}

static void
record_conflicts(struct mw *w, size_t i, const mf_plan *plan)
{
	struct mw_peer *p = &w->peer[i];

	for (size_t k = 0; k < p->db.n_rows; k++)
		p->db.row[k].closing = !in_set(plan, p->db.row[k].sid);
	for (size_t k = 0; k < plan->n_sids; k++) {
		bool there = false;
		for (size_t j = 0; j < p->db.n_rows; j++)
			there |= p->db.row[j].sid == plan->sids[k];
		if (!there)
			record_conflict(w, i, plan, k);
	}
	p->has_look = false;
}

static void
resolve(struct mw *w, size_t i, const mf_plan *plan)
{
	struct mw_peer *p = &w->peer[i];

	p->has_look = false;
	p->choice.kind = MF_CHOICE_NONE;
	for (size_t k = p->db.n_rows; k-- > 0;) {
		struct mw_row *r = &p->db.row[k];
		const struct mw_marker *m = mw_marker(p, r->slot);
		if (m == NULL) {
			drop_row(p, k);
			continue;
		}
		if (!r->written && m->value == w->snap[r->sid]->value) { /* written, not recorded */
			r->has_content = true;
			r->content = m->value;
		}
		r->closing = true;
	}
	mw_say(w, "%s resolves", p->name);
	if (p->kind == MW_WRITER) {
		add_pending(p, mw_make(w, i, p->p, plan->sids, plan->n_sids));
		return;
	}
	if (plan->base_after != MF_SID_NONE)
		p->db.base = plan->base_after;
	p->db.n_known = plan->n_known_after;
	memcpy(p->db.known, plan->known_after, plan->n_known_after * sizeof(mf_sid));
}

static void
resolve_with(struct mw *w, size_t i, const mf_plan *plan)
{
	struct mw_peer *p = &w->peer[i];

	if (p->kind == MW_WRITER) {
		begin_take(w, i, mw_make(w, i, w->snap[plan->sid]->value, plan->sids, plan->n_sids), true);
		return;
	}
	p->choice.n_known = plan->n_known_after;
	memcpy(p->choice.known, plan->known_after, plan->n_known_after * sizeof(mf_sid));
	begin_take(w, i, plan->sid, false);
}

static void
release(struct mw *w, size_t i, const char *slot)
{
	struct mw_peer *p = &w->peer[i];

	if (p->n_released == MW_RELEASED)
		MF_BUG("too many released files");
	p->released[p->n_released++] = mw_marker(p, slot)->value;
	mw_rm_marker(w, i, slot);
}

static void
do_row(struct mw *w, size_t i, const mf_plan *plan)
{
	struct mw_peer *p = &w->peer[i];
	struct mw_row *r = &p->db.row[plan->row];
	mw_value v = w->snap[r->sid]->value;

	switch (plan->act) {
	case MF_ACT_DROP_ROW: drop_row(p, plan->row); break;
	case MF_ACT_REMOVE_MARKER: mw_rm_marker(w, i, r->slot); break;
	case MF_ACT_RELEASE_MARKER: release(w, i, r->slot); break;
	case MF_ACT_WRITE_MARKER: mw_set_marker(w, i, r->slot, v); break;
	default:
		r->written = r->has_content = true;
		r->content = v;
		break;
	}
}

/* ---- a step ------------------------------------------------------------------------------------------------------ */

static void
learn(struct mw *w, size_t i, mf_sid s)
{
	bool *has = s == MF_SID_NONE ? &w->peer[i].hashed : &w->snap[s]->snap.content.has_sha;

	if (*has)
		mw_break(w, "%s: asked for a hash that is known", w->peer[i].name);
	*has = true;
}

static void
carry_out(struct mw *w, size_t i, const mf_plan *plan)
{
	struct mw_peer *p = &w->peer[i];

	switch (plan->act) {
	case MF_ACT_CONTINUE_APPLY: continue_apply(w, i); break;
	case MF_ACT_ADOPT:
		mw_say(w, "%s adopts %s", p->name, mw_text(w, plan->sid));
		set_base(p, plan->sid);
		break;
	case MF_ACT_TAKE: begin_take(w, i, plan->sid, false); break;
	case MF_ACT_TAKE_MERGE:
		begin_take(w, i, mw_make(w, i, w->snap[plan->sid]->value, plan->sids, plan->n_sids), true);
		break;
	case MF_ACT_SNAPSHOT_LOCAL:
		add_pending(p, mw_make(w, i, p->p, plan->sids, plan->n_sids));
		mw_say(w, "%s makes %s", p->name, mw_text(w, p->db.pending[p->db.n_pending - 1]));
		break;
	case MF_ACT_RECORD_PUBLISHED: set_base(p, plan->sid); break;
	case MF_ACT_PUBLISH:
	case MF_ACT_LINK:
		sync_db(p); /* W3: durable before visible */
		mw_link(w, i, plan->sid);
		break;
	case MF_ACT_RECORD_CONFLICTS: record_conflicts(w, i, plan); break;
	case MF_ACT_LOOK_AGAIN:
		p->has_look = true;
		p->look = p->p;
		break;
	case MF_ACT_RESOLVE: resolve(w, i, plan); break;
	case MF_ACT_RESOLVE_WITH: resolve_with(w, i, plan); break;
	case MF_ACT_REPORT:
	case MF_ACT_NOTHING:
	case MF_ACT_NEED_CONTENT: mw_break(w, "%s: act %d is no step", p->name, (int)plan->act); break;
	default: do_row(w, i, plan); break;
	}
}

bool
mw_step(struct mw *w, size_t i)
{
	mf_plan p;

	w->steps++;
	if (w->peer[i].kind == MW_PYTHON)
		return mw_python_step(w, i);
	plan(w, i, &p);
	for (unsigned k = 0; p.act == MF_ACT_NEED_CONTENT && k < 200; k++) {
		learn(w, i, p.sid);
		plan(w, i, &p);
	}
	if (p.act == MF_ACT_NOTHING || w->broken[0] != '\0')
		return false;
	carry_out(w, i, &p);
	return true;
}
