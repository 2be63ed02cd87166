/* From databases and the last look to the planner's facts. */
#include "sync/local/rules.h"

#include <stdlib.h>

/* ---- history: capabilities become small numbers, rows are loaded when asked for -------------------- */

static uint64_t
cap_hash(struct mf_gathered *g, const char *cap)
{
	return mf_hash_keyed(g->f->hash_key, cap, strlen(cap));
}

static void
buckets_put(struct mf_gathered *g, mf_sid sid)
{
	size_t i = cap_hash(g, g->node[sid]->cap) & (g->n_bucket - 1);

	while (g->bucket[i] != 0)
		i = (i + 1) & (g->n_bucket - 1);
	g->bucket[i] = sid + 1;
}

static void
grow(struct mf_gathered *g)
{
	g->size = g->size == 0 ? 16 : g->size * 2;
	g->node = mf_realloc_array(g->node, g->size, sizeof(*g->node));
	free(g->bucket);
	g->n_bucket = g->size * 2;
	g->bucket = mf_alloc(g->n_bucket * sizeof(*g->bucket));
	for (mf_sid s = 0; s < g->n; s++)
		buckets_put(g, s);
}

mf_sid
mf_facts_sid(struct mf_gathered *g, const char *cap)
{
	if (g->n_bucket > 0) {
		size_t i = cap_hash(g, cap) & (g->n_bucket - 1);
		for (; g->bucket[i] != 0; i = (i + 1) & (g->n_bucket - 1))
			if (strcmp(g->node[g->bucket[i] - 1]->cap, cap) == 0)
				return g->bucket[i] - 1;
	}
	if (g->n == g->size)
		grow(g);
	struct mf_node *node = mf_alloc(sizeof(*node));
	size_t n = strlen(cap);
	if (n >= sizeof(node->cap))
		MF_BUG("capability of %zu bytes", n);
	memcpy(node->cap, cap, n + 1);
	g->node[g->n] = node;
	buckets_put(g, (mf_sid)g->n);
	return (mf_sid)g->n++;
}

static void
content_of_row(const mf_snap_row *r, mf_content *c)
{
	*c = (mf_content){.deletion = r->deletion};
	if (r->deletion)
		return;
	c->cap = mf_strz(r->content.text);
	c->size = r->size;
	c->executable = r->executable;
	c->has_sha = r->has_sha;
	memcpy(c->sha, r->sha, sizeof(c->sha));
}

static struct mf_node *
load(struct mf_gathered *g, mf_sid sid)
{
	struct mf_node *node = g->node[sid];

	if (node->loaded)
		return node;
	node->loaded = true;
	node->snap.cap = mf_strz(node->cap);
	mf_code rc = mf_state_snap_get(g->f->state, node->cap, &node->row, &g->err);
	if (rc != MF_OK) {
		node->loaded = rc == MF_ENOTFOUND;
		node->missing = true;
		g->broken = true;
		if (rc == MF_ENOTFOUND)
			g->err = (mf_err){0};
		return node;
	}
	content_of_row(&node->row, &node->snap.content);
	node->snap.depth = node->row.depth;
	node->snap.ours_mark = node->row.ours_mark;
	node->snap.n_parents = node->row.n_parents;
	if (node->row.n_parents > 0) {
		node->parents = mf_realloc_array(NULL, node->row.n_parents, sizeof(mf_sid));
		for (size_t i = 0; i < node->row.n_parents; i++)
			node->parents[i] = mf_facts_sid(g, node->row.parents[i].text);
	}
	node->snap.parents = node->parents;
	return node;
}

static const mf_snap *
history_get(void *arg, mf_sid sid)
{
	return &load(arg, sid)->snap;
}

/* Whoever asks has looked at both: one that is missing was found missing then. */
static void
note_failure(struct mf_gathered *g, mf_code rc, const mf_err *err)
{
	if (rc == MF_OK || rc == MF_ENOTFOUND)
		return;
	g->broken = true;
	g->err = *err;
}

static bool
history_ancestor(void *arg, mf_sid anc, mf_sid of)
{
	struct mf_gathered *g = arg;
	bool yes = false;
	mf_err err = {0};

	note_failure(g, mf_state_snap_ancestor(g->f->state, g->node[anc]->cap, g->node[of]->cap, &yes, &err), &err);
	return yes;
}

static mf_sid *
history_beyond(void *arg, const mf_content *what, const mf_sid *x, size_t n_x, mf_sid y, size_t most, size_t *n)
{
	struct mf_gathered *g = arg;
	const struct mf_node *node = load(g, y);
	char content[MF_CAP_MAX];
	const char **cap = mf_alloc((n_x + 1) * sizeof(*cap));
	mf_snap_alike alike = {
		.relpath = node->row.relpath, .deletion = what->deletion, .has_sha = what->has_sha, .size = what->size};
	mf_immdir *found = NULL;
	mf_err err = {0};

	memcpy(alike.sha, what->sha, sizeof(alike.sha));
	if (what->cap.n > 0 && what->cap.n < sizeof(content)) {
		memcpy(content, what->cap.p, what->cap.n);
		content[what->cap.n] = '\0';
		alike.content = content;
	}
	for (size_t i = 0; i < n_x; i++)
		cap[i] = g->node[x[i]]->cap;
	*n = 0;
	if (!node->missing)
		note_failure(g,
			mf_state_snap_beyond(g->f->state, &alike, cap, n_x, g->node[y]->cap, most, &found, n, &err),
			&err);
	mf_sid *out = mf_alloc((*n + 1) * sizeof(*out));
	for (size_t i = 0; i < *n; i++)
		out[i] = mf_facts_sid(g, found[i].text);
	free(found);
	free(cap);
	return out;
}

const mf_snap_row *
mf_facts_row(struct mf_gathered *g, mf_sid sid)
{
	struct mf_node *node = load(g, sid);

	return node->missing ? NULL : &node->row;
}

/* ---- the facts ------------------------------------------------------------------------------------------- */

static mf_code
read_rows(struct mf_folder *f, const struct mf_path *p, struct mf_gathered *g, mf_err *err)
{
	const char *relpath = p->relpath;
	mf_code rc = mf_state_path_get(f->state, relpath, &g->path, err);

	g->has_path = rc == MF_OK;
	if (rc != MF_OK && rc != MF_ENOTFOUND)
		return rc;
	rc = MF_OK;
	if (g->has_path && g->path.pending)
		rc = mf_state_pending_get(f->state, relpath, &g->pending, &g->n_pending, err);
	if (rc == MF_OK && f->markers.n > 0) /* every row has its marker's path there */
		rc = mf_state_conflict_get(f->state, relpath, &g->conflict, &g->n_conflict, err);
	if (rc == MF_OK)
		rc = mf_state_head_get(f->state, relpath, &g->head, &g->n_head, err);
	if (rc == MF_OK && f->known_any)
		rc = mf_state_known_get(f->state, relpath, &g->known, &g->n_known, err);
	if (rc != MF_OK || !p->has_intent)
		return rc;
	rc = mf_state_intent_get(f->state, relpath, &g->intent, err);
	g->has_intent = rc == MF_OK;
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}

static void
fill_heads(struct mf_folder *f, struct mf_gathered *g)
{
	bool self_seen = false;
	size_t n = 0;

	g->heads = mf_alloc((g->n_head + 1) * sizeof(*g->heads));
	for (size_t i = 0; i < g->n_head; i++) {
		bool self = g->head[i].participant[0] == '\0';
		if (self && (!f->self_read || f->conf.read_only))
			continue;
		self_seen |= self;
		g->heads[n++] = (mf_head){.kind = MF_HEAD_CAP,
			.self = self,
			.sid = mf_facts_sid(g, g->head[i].cap.text),
			.participant = mf_strz(self ? f->conf.author : g->head[i].participant)};
	}
	if (!self_seen && !f->conf.read_only)
		g->heads[n++] = (mf_head){.kind = f->self_read ? MF_HEAD_NONE : MF_HEAD_UNREAD,
			.self = true,
			.sid = MF_SID_NONE,
			.participant = mf_strz(f->conf.author)};
	g->facts.heads = g->heads;
	g->facts.n_heads = n;
}

static void
fill_rows(struct mf_path *p, struct mf_gathered *g)
{
	g->rows = mf_alloc((g->n_conflict + 1) * sizeof(*g->rows));
	for (size_t i = 0; i < g->n_conflict; i++) {
		const mf_conflict *c = &g->conflict[i];
		mf_row *r = &g->rows[i];
		*r = (mf_row){.slot = mf_strz(c->slot),
			.sid = mf_facts_sid(g, c->cap.text),
			.state = c->closing ? MF_ROW_CLOSING : MF_ROW_OPEN,
			.marker_written = c->marker_written,
			.has_marker_content = c->has_marker_sha};
		r->marker_content = (mf_content){.has_sha = true, .size = c->marker_size};
		memcpy(r->marker_content.sha, c->marker_sha, sizeof(c->marker_sha));
		char *path = mf_marker_of(p->relpath, c);
		for (size_t k = 0; k < p->n_mark; k++) {
			const struct mf_mark *m = &p->mark[k];
			if (strcmp(m->path, path) != 0 || !m->present)
				continue;
			r->marker = MF_MARKER_FILE;
			r->marker_now = (mf_content){.has_sha = m->has_sha, .size = m->size};
			memcpy(r->marker_now.sha, m->sha, sizeof(m->sha));
		}
		free(path);
	}
	g->facts.rows = g->rows;
	g->facts.n_rows = g->n_conflict;
}

static void
fill_disk(struct mf_path *p, struct mf_gathered *g)
{
	mf_facts *x = &g->facts;
	const mf_snap_row *e = g->e == MF_SID_NONE ? NULL : mf_facts_row(g, g->e);

	x->local = p->seen.valid ? p->seen.kind : MF_LOCAL_UNSETTLED;
	if (x->local != MF_LOCAL_FILE)
		return;
	if (p->seen.same_as_e && e != NULL && !e->deletion) {
		content_of_row(e, &x->disk);
		if (!x->disk.has_sha && p->seen.has_sha) { /* Python's snapshots carry none */
			x->disk.has_sha = true;
			memcpy(x->disk.sha, p->seen.sha, sizeof(x->disk.sha));
		}
		return;
	}
	x->disk = (mf_content){
		.size = p->seen.st.size, .has_sha = p->seen.has_sha, .executable = (p->seen.st.mode & 0100) != 0};
	memcpy(x->disk.sha, p->seen.sha, sizeof(x->disk.sha));
}

static void
fill_free(struct mf_gathered *g)
{
	free(g->pending_sid);
	free(g->known_sid);
	free(g->heads);
	free(g->rows);
	g->pending_sid = g->known_sid = NULL;
	g->heads = NULL;
	g->rows = NULL;
}

/* From the rows of the databases and the last look; again after the rows in @p g were changed. */
static void
fill(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g)
{
	mf_facts *x = &g->facts;

	fill_free(g);
	x->base = g->has_path && g->path.has_base ? mf_facts_sid(g, g->path.base.text) : MF_SID_NONE;
	x->policy = f->conf.read_only || mf_rules_withhold(f, p->relpath) ? MF_READ_ONLY : MF_READ_WRITE;
	x->intent = g->has_intent;
	x->choice = MF_CHOICE_NONE;
	g->pending_sid = mf_alloc((g->n_pending + 1) * sizeof(mf_sid));
	for (size_t i = 0; i < g->n_pending; i++)
		g->pending_sid[i] = mf_facts_sid(g, g->pending[i].cap.text);
	x->pending = g->pending_sid;
	x->n_pending = g->n_pending;
	g->known_sid = mf_alloc((g->n_known + 1) * sizeof(mf_sid));
	for (size_t i = 0; i < g->n_known; i++)
		g->known_sid[i] = mf_facts_sid(g, g->known[i].text);
	x->known = g->known_sid;
	x->n_known = g->n_known;
	g->e = g->n_pending > 0 ? g->pending_sid[g->n_pending - 1] : x->base;
	if (g->n_pending > 0)
		g->e_state = g->pending[g->n_pending - 1].state;
	else if (g->has_path)
		g->e_state = g->path.state;
	fill_heads(f, g);
	fill_rows(p, g);
	fill_disk(p, g);
	x->has_look = p->has_look && mf_now_ms(f) - p->look_ms >= MF_LOOK_APART_MS;
	x->look_absent = p->look_absent;
	x->look = (mf_content){.deletion = p->look_absent, .has_sha = p->look_has_sha, .size = p->look_size};
	memcpy(x->look.sha, p->look_sha, sizeof(p->look_sha));
}

mf_code
mf_facts_gather(struct mf_folder *f, struct mf_path *p, struct mf_gathered **out, mf_err *err)
{
	struct mf_gathered *g = mf_alloc(sizeof(*g));

	g->f = f;
	g->history = (mf_history){.get = history_get, .arg = g, .ancestor = history_ancestor, .beyond = history_beyond};
	mf_code rc = read_rows(f, p, g, err);
	if (rc != MF_OK) {
		mf_facts_free(g);
		return rc;
	}
	fill(f, p, g);
	*out = g;
	return MF_OK;
}

void
mf_facts_pending_added(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_pending *added)
{
	g->pending = mf_realloc_array(g->pending, g->n_pending + 1, sizeof(*g->pending));
	g->pending[g->n_pending++] = *added;
	fill(f, p, g);
}

void
mf_facts_base_put(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, const mf_path_row *put)
{
	free(g->path.relpath);
	g->path = *put;
	g->path.relpath = NULL; /* lent by whoever put it */
	g->path.ours = true;
	g->has_path = true;
	g->n_pending = 0;
	fill(f, p, g);
}

void
mf_facts_free(struct mf_gathered *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < g->n; i++) {
		if (g->node[i]->loaded && !g->node[i]->missing)
			mf_snap_row_clear(&g->node[i]->row);
		free(g->node[i]->parents);
		free(g->node[i]);
	}
	free(g->node);
	free(g->bucket);
	mf_path_row_clear(&g->path);
	free(g->pending);
	mf_conflicts_free(g->conflict, g->n_conflict);
	mf_heads_free(g->head, g->n_head);
	free(g->known);
	fill_free(g);
	free(g);
}
