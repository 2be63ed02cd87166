/* The world: snapshots, users, faults, schedules. */
#include "tests/sync/model_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const mf_snap *
get(void *arg, mf_sid s)
{
	struct mw *w = arg;

	if (s >= w->n_snaps)
		MF_BUG("no snapshot %u", s);
	return &w->snap[s]->snap;
}

struct mw *
mw_new(const char *kinds, void (*encode)(void *arg, struct mw *w, struct mw_snap *s), void *arg)
{
	struct mw *w = mf_alloc(sizeof(*w));

	w->encode = encode;
	w->arg = arg;
	w->history = (mf_history){.get = get, .arg = w};
	for (; kinds[w->n] != '\0'; w->n++) {
		struct mw_peer *p = &w->peer[w->n];
		p->name[0] = (char)('A' + w->n);
		p->kind = kinds[w->n] == 'w' ? MW_WRITER : kinds[w->n] == 'r' ? MW_READER : MW_PYTHON;
		p->db.base = p->durable.base = p->entry = p->entry_before = MF_SID_NONE;
		for (size_t k = 0; k < MW_PEERS; k++) {
			p->head_kind[k] = MF_HEAD_NONE;
			p->head[k] = MF_SID_NONE;
		}
	}
	return w;
}

void
mw_free(struct mw *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->n_snaps; i++)
		free(w->snap[i]);
	free(w->snap);
	free(w);
}

void
mw_break(struct mw *w, const char *fmt, ...)
{
	va_list ap;

	if (w->broken[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(w->broken, sizeof(w->broken), fmt, ap);
	va_end(ap);
	mw_say(w, "BROKEN: %s", w->broken);
}

void
mw_say(struct mw *w, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (w->log == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	mf_buf_addf(w->log, "%s\n", line);
}

const char *
mw_text(const struct mw *w, mf_sid s)
{
	static char text[4][160];
	static unsigned turn;
	char *t = text[turn++ % 4];
	size_t n;

	if (w->log == NULL) /* nobody listens; a run that fails is told again, aloud */
		return "";
	if (s == MF_SID_NONE)
		return "-";
	const struct mw_snap *x = w->snap[s];
	n = (size_t)snprintf(t, sizeof(text[0]), "#%u(v%u by %c cap %s [", s, x->value, 'A' + x->author, x->cap);
	for (size_t i = 0; i < x->snap.n_parents && n + 12 < sizeof(text[0]); i++)
		n += (size_t)snprintf(t + n, sizeof(text[0]) - n, "#%u ", x->parents[i]);
	(void)snprintf(t + n, sizeof(text[0]) - n, "])");
	return t;
}

/* ---- snapshots ------------------------------------------------------------------------------------------------ */

static bool
same_parents(const struct mw_snap *s, const mf_sid *parents, size_t n)
{
	if (s->snap.n_parents != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool there = false;
		for (size_t k = 0; k < n; k++)
			there |= s->parents[k] == parents[i];
		if (!there)
			return false;
	}
	return true;
}

mf_sid
mw_make(struct mw *w, size_t author, mw_value value, const mf_sid *parents, size_t n)
{
	for (mf_sid s = 0; s < w->n_snaps; s++)
		if (w->snap[s]->author == author && w->snap[s]->value == value && same_parents(w->snap[s], parents, n))
			return s;
	if (w->n_snaps == w->cap_snaps) {
		w->cap_snaps = w->cap_snaps == 0 ? 16 : w->cap_snaps * 2;
		w->snap = mf_realloc_array(w->snap, w->cap_snaps, sizeof(*w->snap));
	}
	struct mw_snap *s = mf_alloc(sizeof(*s));
	s->author = (unsigned)author;
	s->value = value;
	for (size_t i = 0; i < n; i++) {
		uint32_t depth = w->snap[parents[i]]->snap.depth + 1;
		s->parents[i] = parents[i];
		s->snap.depth = depth > s->snap.depth ? depth : s->snap.depth;
	}
	s->snap.parents = s->parents;
	s->snap.n_parents = n;
	s->snap.ours_mark = w->peer[author].kind != MW_PYTHON;
	w->encode(w->arg, w, s);
	s->snap.cap = mf_strz(s->cap);
	/* Content capabilities differ between authors: convergence secrets. */
	s->content_cap[0] = (char)('A' + author);
	for (unsigned i = 0; i < 8; i++)
		s->content_cap[1 + i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
	s->content_cap[9] = '\0';
	s->snap.content = (mf_content){.deletion = value == MW_ABSENT,
		.size = value % 3,
		.has_sha = s->snap.ours_mark,
		.cap = mf_strz(s->content_cap)};
	memcpy(s->snap.content.sha, &value, sizeof(value));
	w->snap[w->n_snaps] = s;
	w->peer[author].snaps_made++;
	return (mf_sid)w->n_snaps++;
}

void
mw_link(struct mw *w, size_t i, mf_sid s)
{
	struct mw_peer *p = &w->peer[i];

	mw_say(w, "%s links %s", p->name, mw_text(w, s));
	if (p->entry != MF_SID_NONE && p->entry != s && mf_is_ancestor(&w->history, s, p->entry))
		mw_break(w, "%s: entry moves to its own ancestor %s", p->name, mw_text(w, s));
	p->entry_before = p->entry;
	p->entry = s;
	p->head_kind[i] = MF_HEAD_CAP;
	p->head[i] = s;
}

/* ---- users ---------------------------------------------------------------------------------------------------- */

void
mw_write(struct mw *w, size_t i, mw_value value)
{
	mw_say(w, "%s: p := v%u", w->peer[i].name, value);
	w->peer[i].p = value;
	w->peer[i].hashed = false;
}

struct mw_marker *
mw_marker(struct mw_peer *p, const char *slot)
{
	for (size_t i = 0; i < p->n_markers; i++)
		if (strcmp(p->marker[i].slot, slot) == 0)
			return &p->marker[i];
	return NULL;
}

void
mw_set_marker(struct mw *w, size_t i, const char *slot, mw_value value)
{
	struct mw_peer *p = &w->peer[i];
	struct mw_marker *m = mw_marker(p, slot);

	mw_say(w, "%s: p.conflict-%s := v%u", p->name, slot, value);
	if (m == NULL && p->n_markers == MW_MARKERS)
		MF_BUG("too many markers");
	if (m == NULL)
		m = &p->marker[p->n_markers++];
	(void)snprintf(m->slot, sizeof(m->slot), "%s", slot);
	m->value = value;
}

void
mw_rm_marker(struct mw *w, size_t i, const char *slot)
{
	struct mw_peer *p = &w->peer[i];
	struct mw_marker *m = mw_marker(p, slot);

	if (m == NULL)
		return;
	mw_say(w, "%s: p.conflict-%s removed", p->name, slot);
	*m = p->marker[--p->n_markers];
}

void
mw_mv_marker(struct mw *w, size_t i, const char *slot)
{
	struct mw_marker *m = mw_marker(&w->peer[i], slot);

	if (m == NULL)
		return;
	mw_write(w, i, m->value);
	mw_rm_marker(w, i, slot);
}

void
mw_edit_marker(struct mw *w, size_t i, const char *slot, mw_value value)
{
	if (mw_marker(&w->peer[i], slot) != NULL)
		mw_set_marker(w, i, slot, value);
}

void
mw_resolve(struct mw *w, size_t i, const char *slot)
{
	struct mw_peer *p = &w->peer[i];
	struct mw_choice *c = &p->choice;

	*c = (struct mw_choice){.kind = slot == NULL ? MF_CHOICE_MINE : MF_CHOICE_VERSION, .then = p->p};
	for (size_t k = 0; k < p->db.n_rows; k++) {
		if (p->db.row[k].closing)
			continue;
		c->version[c->n++] = p->db.row[k].sid;
		if (slot != NULL && strcmp(slot, p->db.row[k].slot) == 0)
			c->chosen = p->db.row[k].sid;
	}
	mw_say(w, "%s: asks for %s", p->name, slot == NULL ? "mine" : slot);
}

/* ---- faults --------------------------------------------------------------------------------------------------- */

void
mw_crash(struct mw *w, size_t i)
{
	struct mw_peer *p = &w->peer[i];

	mw_say(w, "%s: restarts", p->name);
	for (size_t k = 0; k < MW_PEERS; k++) {
		p->head_kind[k] = MF_HEAD_UNREAD;
		p->head[k] = MF_SID_NONE;
	}
	p->has_look = false;
	p->hashed = false;
	p->choice.kind = MF_CHOICE_NONE;
}

void
mw_power_cut(struct mw *w, size_t i)
{
	w->peer[i].db = w->peer[i].durable;
	mw_say(w, "%s: power cut", w->peer[i].name);
	mw_crash(w, i);
}

void
mw_backup(struct mw *w, size_t i)
{
	w->peer[i].backup = w->peer[i].db;
	w->peer[i].has_backup = true;
	mw_say(w, "%s: database copied", w->peer[i].name);
}

void
mw_restore(struct mw *w, size_t i)
{
	struct mw_peer *p = &w->peer[i];

	if (!p->has_backup)
		return;
	p->db = p->durable = p->backup;
	mw_say(w, "%s: database put back", p->name);
	mw_crash(w, i);
}

void
mw_leave(struct mw *w, size_t i)
{
	w->peer[i].left = true;
	mw_say(w, "%s: leaves", w->peer[i].name);
}

/* ---- reading and acting ---------------------------------------------------------------------------------------- */

bool
mw_poll(struct mw *w, size_t i, size_t of, enum mw_read how)
{
	struct mw_peer *p = &w->peer[i];
	const struct mw_peer *q = &w->peer[of];
	mf_sid seen = q->left && of != i ? MF_SID_NONE : how == MW_READ_STALE ? q->entry_before : q->entry;
	enum mf_head_kind kind = seen == MF_SID_NONE ? MF_HEAD_NONE : MF_HEAD_CAP;

	if (q->kind == MW_READER)
		return false;
	if (p->kind == MW_PYTHON)
		return i != of && seen != MF_SID_NONE && mw_python_poll(w, i, seen);
	if (p->head_kind[of] == kind && p->head[of] == seen)
		return false;
	mw_say(w, "%s reads %s: %s", p->name, q->name, mw_text(w, seen));
	p->head_kind[of] = kind;
	p->head[of] = seen;
	return true;
}

bool
mw_poll_all(struct mw *w, size_t i)
{
	bool changed = false;

	for (size_t k = 0; k < w->n; k++)
		changed |= mw_poll(w, i, k, MW_READ_NOW);
	return changed;
}

bool
mw_run(struct mw *w, size_t i)
{
	unsigned steps = 0;

	while (mw_step(w, i))
		if (++steps > 200) {
			mw_break(w, "%s does not come to rest", w->peer[i].name);
			break;
		}
	return steps > 0;
}

static bool
round_of(struct mw *w, enum mw_schedule how)
{
	bool changed = false;

	if (how == MW_LOCKSTEP || how == MW_POLL_ALL) {
		for (size_t i = 0; i < w->n; i++)
			changed |= mw_poll_all(w, i);
		for (size_t i = 0; i < w->n; i++)
			changed |= how == MW_LOCKSTEP ? mw_step(w, i) : mw_run(w, i);
		return changed;
	}
	for (size_t i = 0; i < w->n; i++) {
		size_t k = how == MW_REVERSE ? w->n - 1 - i : i;
		changed |= mw_poll_all(w, k);
		changed |= mw_run(w, k);
	}
	return changed;
}

void
mw_settle(struct mw *w, enum mw_schedule how)
{
	for (unsigned r = 0; w->broken[0] == '\0' && round_of(w, how); r++)
		if (r > MW_ROUNDS)
			mw_break(w, "no rest after %d rounds", MW_ROUNDS);
}
