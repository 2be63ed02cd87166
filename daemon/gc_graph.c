/* Snapshots as a graph: what is reached, and whose contents stay. */
#include "daemon/gc_impl.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

#include "daemon/jsontext.h"
#include "sync/doc/snapshot.h"

/* -- marks ------------------------------------------------------------------------------------------------ */

static const uint8_t nothing[MF_GC_SI];

static size_t
mark_slot(const gc_marks *m, const uint8_t si[MF_GC_SI])
{
	size_t at = mf_hash_keyed(m->hash_key, si, MF_GC_SI) & (m->cap - 1);

	while (memcmp(m->slot[at], nothing, MF_GC_SI) != 0 && memcmp(m->slot[at], si, MF_GC_SI) != 0)
		at = (at + 1) & (m->cap - 1);
	return at;
}

static void
mark(gc_marks *m, const uint8_t si[MF_GC_SI])
{
	if (m->n * 2 >= m->cap) {
		gc_marks bigger = {.cap = m->cap == 0 ? 1024 : m->cap * 2, .n = m->n};

		if (m->cap == 0)
			randombytes_buf(m->hash_key, sizeof(m->hash_key));
		memcpy(bigger.hash_key, m->hash_key, sizeof(bigger.hash_key));
		bigger.slot = mf_alloc(bigger.cap * MF_GC_SI);
		for (size_t i = 0; i < m->cap; i++)
			if (memcmp(m->slot[i], nothing, MF_GC_SI) != 0)
				memcpy(bigger.slot[mark_slot(&bigger, m->slot[i])], m->slot[i], MF_GC_SI);
		free(m->slot);
		*m = bigger;
	}
	size_t at = mark_slot(m, si);
	if (memcmp(m->slot[at], nothing, MF_GC_SI) == 0) {
		memcpy(m->slot[at], si, MF_GC_SI);
		m->n++;
	}
}

static bool
marked(const gc_marks *m, const uint8_t si[MF_GC_SI])
{
	return m->cap > 0 && memcmp(m->slot[mark_slot(m, si)], si, MF_GC_SI) == 0;
}

static void
marks_free(gc_marks *m)
{
	free(m->slot);
	*m = (gc_marks){0};
}

bool
gc_stays(const struct gc_run *r, const uint8_t si[MF_GC_SI])
{
	return marked(&r->kept, si);
}

/* -- nodes -------------------------------------------------------------------------------------------------- */

static size_t
node_slot(const struct gc_run *r, mf_str cap)
{
	size_t at = mf_hash_keyed(r->hash_key, cap.p, cap.n) & (r->slots - 1);

	while (r->table[at] != 0 && !mf_str_eq(mf_strz(r->node[r->table[at] - 1].cap), cap))
		at = (at + 1) & (r->slots - 1);
	return at;
}

static void
grow_table(struct gc_run *r)
{
	if (r->slots == 0)
		randombytes_buf(r->hash_key, sizeof(r->hash_key));
	r->slots = r->slots == 0 ? 1024 : r->slots * 2;
	free(r->table);
	r->table = mf_alloc(r->slots * sizeof(*r->table));
	for (size_t i = 0; i < r->n; i++)
		r->table[node_slot(r, mf_strz(r->node[i].cap))] = (uint32_t)i + 1;
}

/* The node of a snapshot; a new one is put on the list to be walked. */
static uint32_t
node_of(struct gc_run *r, mf_str text, const mf_cap *cap)
{
	if (r->n * 2 >= r->slots)
		grow_table(r);
	size_t at = node_slot(r, text);
	if (r->table[at] != 0)
		return r->table[at] - 1;
	if (r->n == r->room) {
		r->room = r->room == 0 ? 256 : r->room * 2;
		r->node = mf_realloc_array(r->node, r->room, sizeof(*r->node));
	}
	r->node[r->n] = (gc_node){.cap = mf_strdup(text)};
	(void)mf_cap_storage_index(cap, r->node[r->n].si);
	mark(&r->plain, r->node[r->n].si);
	r->table[at] = (uint32_t)++r->n;
	if (r->n_todo == r->room_todo) {
		r->room_todo = r->room_todo == 0 ? 256 : r->room_todo * 2;
		r->todo = mf_realloc_array(r->todo, r->room_todo, sizeof(*r->todo));
	}
	r->todo[r->n_todo++] = (uint32_t)r->n - 1;
	return (uint32_t)r->n - 1;
}

void
gc_reach(struct gc_run *r, mf_str text, enum gc_why why)
{
	uint8_t si[MF_GC_SI];
	mf_cap cap;

	if (mf_cap_parse(text, &cap, NULL) != MF_OK)
		return;
	if (cap.kind == MF_CAP_DIR2_CHK) {
		uint32_t at = node_of(r, text, &cap); /* may move them all */
		gc_node *n = &r->node[at];

		n->root = n->root || why == GC_ROOT;
		n->indexed = n->indexed || why == GC_INDEX;
	} else if (mf_cap_storage_index(&cap, si)) {
		mark(&r->plain, si);
	}
	sodium_memzero(&cap, sizeof(cap));
}

void
gc_content(struct gc_run *r, mf_str snapshot, mf_str content)
{
	mf_cap cap;

	gc_reach(r, snapshot, GC_INDEX);
	uint32_t number = r->slots == 0 ? 0 : r->table[node_slot(r, snapshot)];
	if (number != 0 && mf_cap_parse(content, &cap, NULL) == MF_OK)
		r->node[number - 1].has_content = mf_cap_storage_index(&cap, r->node[number - 1].content);
}

void
gc_damage(struct gc_run *r, const char *what, const mf_err *err)
{
	mf_buf text = {0};

	mf_buf_addf(&text, "%s: %s", what, err->text);
	for (size_t i = 0; i < r->n_told; i++) {
		if (strcmp(r->told[i], (char *)text.p) == 0) {
			mf_buf_free(&text);
			return;
		}
	}
	r->told = mf_realloc_array(r->told, r->n_told + 1, sizeof(*r->told));
	r->told[r->n_told++] = (char *)text.p;
	if (r->conf->damage != NULL)
		r->conf->damage(r->conf->arg, (char *)text.p);
}

/* -- walking -------------------------------------------------------------------------------------------------- */

static mf_code
take_document(void *arg, const void *p, size_t n, mf_err *err)
{
	mf_buf *b = arg;

	if (b->n + n > MF_SNAPSHOT_DOC_MAX)
		return mf_fail(err, MF_EFORMAT, 0, "the snapshot's document is too large");
	mf_buf_add(b, p, n);
	return MF_OK;
}

/* Parents and time.  No signature is looked at: whoever reads less strictly than we do needs them, too. */
static void
read_document(struct gc_run *r, uint32_t at, mf_str text)
{
	json_t *doc = mf_json_parse(text, NULL), *list = json_object_get(doc, "parents");

	r->node[at].mtime_s = (int64_t)json_number_value(json_object_get(doc, "modification_time"));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *one = json_string_value(json_array_get(list, i));
		mf_cap cap;

		if (one == NULL || mf_cap_parse(mf_strz(one), &cap, NULL) != MF_OK || cap.kind != MF_CAP_DIR2_CHK)
			continue;
		uint32_t parent = node_of(r, mf_strz(one), &cap);
		gc_node *n = &r->node[at];
		n->parent = mf_realloc_array(n->parent, n->parents + 1, sizeof(*n->parent));
		n->parent[n->parents++] = parent;
	}
	json_decref(doc);
}

/* The snapshot's directory: content, document, and whatever else somebody put in. */
static mf_code
read_children(struct gc_run *r, uint32_t at, const mf_listing *dir, mf_filecap *document, mf_err *err)
{
	for (size_t i = 0; i < dir->n; i++) {
		mf_str text = dir->child[i].ro;
		mf_cap cap;

		if (text.n == 0 || mf_cap_parse(text, &cap, NULL) != MF_OK)
			continue;
		if (mf_str_eq(dir->child[i].name, MF_STR("content")))
			r->node[at].has_content = mf_cap_storage_index(&cap, r->node[at].content);
		else if (mf_str_eq(dir->child[i].name, MF_STR("metadata")) && document->text[0] == '\0')
			(void)mf_filecap_parse(text, document, NULL);
		if (!mf_str_eq(dir->child[i].name, MF_STR("content")))
			gc_reach(r, text, GC_INDEX);
	}
	return document->text[0] != '\0' ? MF_OK : mf_fail(err, MF_EAUTH, 0, "the snapshot has no document");
}

static void
walk_one(struct gc_run *r, uint32_t at)
{
	mf_filecap document = {.text = ""};
	mf_listing dir = {0};
	mf_buf text = {0};
	mf_immdir cap;
	mf_dirread read;
	mf_err err;
	mf_code rc = mf_immdir_parse(mf_strz(r->node[at].cap), &cap, &err);

	if (rc == MF_OK && mf_immdir_size(&cap) > MF_SNAPSHOT_DOC_MAX)
		rc = mf_fail(&err, MF_EAUTH, 0, "too large");
	if (rc == MF_OK) {
		mf_immdir_read(&cap, &read);
		rc = r->grid->ops->list(r->grid, &read, NULL, NULL, &dir, NULL, &err);
	}
	if (rc == MF_OK)
		rc = read_children(r, at, &dir, &document, &err);
	if (rc == MF_OK && mf_filecap_size(&document) > MF_SNAPSHOT_DOC_MAX)
		rc = mf_fail(&err, MF_EAUTH, 0, "too large");
	if (rc == MF_OK)
		rc = r->grid->ops->get(r->grid, &document, 0, MF_SNAPSHOT_DOC_MAX, take_document, &text, NULL, &err);
	if (rc == MF_OK)
		read_document(r, at, mf_buf_str(&text));
	r->node[at].walked = rc == MF_OK || rc == MF_EAUTH; /* no snapshot at all: nothing behind it counts */
	/* an index has a snapshot only with all that came before: that is reached without it */
	if (!r->node[at].walked && !r->node[at].indexed) {
		char hint[40];
		mf_buf what = {0};

		mf_cap_hint(mf_strz(r->node[at].cap), hint);
		mf_buf_addf(&what, "snapshot %s", hint);
		gc_damage(r, (char *)what.p, &err);
		mf_buf_free(&what);
	}
	mf_listing_free(&dir);
	mf_buf_free(&text);
}

void
gc_walk(struct gc_run *r)
{
	while (r->n_todo > 0) {
		uint32_t at = r->todo[--r->n_todo];

		walk_one(r, at);
		if (r->conf->progress != NULL && ++r->read % 256 == 0)
			r->conf->progress(r->conf->arg, "versions read", r->read);
	}
}

/* -- which contents stay ------------------------------------------------------------------------------------- */

/* Union of what belongs to one history. */
static uint32_t
find(uint32_t *of, uint32_t i)
{
	while (of[i] != i)
		i = of[i] = of[of[i]];
	return i;
}

/* Every ancestor of a root is covered; a root that no other covers is a tip. */
static void
cover(struct gc_run *r)
{
	uint32_t *stack = mf_realloc_array(NULL, r->n + 1, sizeof(*stack));
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		r->node[i].covered = false;
	for (size_t i = 0; i < r->n; i++)
		for (size_t p = 0; r->node[i].root && p < r->node[i].parents; p++)
			if (!r->node[r->node[i].parent[p]].covered) {
				r->node[r->node[i].parent[p]].covered = true;
				stack[n++] = r->node[i].parent[p];
			}
	while (n > 0) {
		const gc_node *one = &r->node[stack[--n]];

		for (size_t p = 0; p < one->parents; p++)
			if (!r->node[one->parent[p]].covered) {
				r->node[one->parent[p]].covered = true;
				stack[n++] = one->parent[p];
			}
	}
	free(stack);
}

/* tips[find(of, i)]: how many tips the history of node i has. */
static void
histories(struct gc_run *r, uint32_t *of, uint32_t *tips)
{
	for (size_t i = 0; i < r->n; i++) {
		of[i] = (uint32_t)i;
		tips[i] = 0;
	}
	for (size_t i = 0; i < r->n; i++)
		for (size_t p = 0; p < r->node[i].parents; p++)
			of[find(of, (uint32_t)i)] = find(of, r->node[i].parent[p]);
	for (size_t i = 0; i < r->n; i++)
		tips[find(of, (uint32_t)i)] += r->node[i].root && !r->node[i].covered;
}

/* Until when each version was a newest one: its children's time, or its own while it has none. */
static int64_t *
replaced(struct gc_run *r)
{
	int64_t *at = mf_alloc((r->n + 1) * sizeof(*at));

	for (size_t i = 0; i < r->n; i++) {
		int64_t made = mf_gc_used(r->gc, r->node[i].si);

		if (r->node[i].mtime_s > made)
			made = r->node[i].mtime_s;
		if (made > at[i])
			at[i] = made; /* newer than its children: clocks; the later one counts */
		for (size_t p = 0; p < r->node[i].parents; p++)
			if (made > at[r->node[i].parent[p]])
				at[r->node[i].parent[p]] = made;
	}
	return at;
}

void
gc_decide(struct gc_run *r)
{
	bool all = r->conf->keep_history_s < 0;
	int64_t since = mf_gc_now(r->gc) - r->conf->keep_history_s, *until = NULL;
	uint32_t *of = NULL, *tips = NULL;

	marks_free(&r->kept);
	for (size_t i = 0; i < r->plain.cap; i++)
		if (memcmp(r->plain.slot[i], nothing, MF_GC_SI) != 0)
			mark(&r->kept, r->plain.slot[i]);
	if (!all) {
		of = mf_realloc_array(NULL, r->n + 1, sizeof(*of));
		tips = mf_realloc_array(NULL, r->n + 1, sizeof(*tips));
		cover(r);
		histories(r, of, tips);
		until = replaced(r);
	}
	for (size_t i = 0; i < r->n; i++)
		if (r->node[i].has_content &&
			(all || r->node[i].root || until[i] >= since || tips[find(of, (uint32_t)i)] > 1))
			mark(&r->kept, r->node[i].content);
	free(of);
	free(tips);
	free(until);
}

void
gc_free(struct gc_run *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->node[i].cap);
		free(r->node[i].parent);
	}
	for (size_t i = 0; i < r->n_told; i++)
		free(r->told[i]);
	free(r->told);
	free(r->node);
	free(r->table);
	free(r->todo);
	marks_free(&r->plain);
	marks_free(&r->kept);
}
