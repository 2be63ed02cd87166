/* Objects of the simulated grid. */
#include "store.h"

#include <stdlib.h>

#include <sodium.h>

#include "base/base32.h"
#include "base/unicode.h"

static uint64_t
hash_of(const char *cap)
{
	static const uint8_t key[16] = "simulated store";

	return mf_hash_keyed(key, cap, strlen(cap));
}

struct sim_object *
sim_store_find(const struct sim_world *w, const char *cap)
{
	for (uint64_t i = hash_of(cap); w->cap_objects > 0; i++) {
		struct sim_object *o = w->objects[i % w->cap_objects];
		if (o == NULL || strcmp(o->cap, cap) == 0)
			return o;
	}
	return NULL;
}

static void
place(struct sim_object **table, size_t cap, struct sim_object *o)
{
	uint64_t i = hash_of(o->cap);

	while (table[i % cap] != NULL)
		i++;
	table[i % cap] = o;
}

struct sim_object *
sim_store_add(struct sim_world *w, const char *cap, enum sim_object_kind kind)
{
	if (sim_store_find(w, cap) != NULL)
		return NULL;
	if (w->n_objects * 2 >= w->cap_objects) {
		size_t more = w->cap_objects * 2 + 64;
		struct sim_object **table = mf_alloc(more * sizeof(struct sim_object *));
		for (size_t i = 0; i < w->cap_objects; i++)
			if (w->objects[i] != NULL)
				place(table, more, w->objects[i]);
		free(w->objects);
		w->objects = table;
		w->cap_objects = more;
	}
	struct sim_object *o = mf_alloc(sizeof(*o));
	memcpy(o->cap, cap, strlen(cap) + 1);
	o->kind = kind;
	place(w->objects, w->cap_objects, o);
	w->n_objects++;
	return o;
}

void
sim_children_free(struct sim_children *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->c[i].name);
		free(l->c[i].ro);
		free(l->c[i].rw);
		free(l->c[i].metadata);
	}
	free(l->c);
	*l = (struct sim_children){0};
}

void
sim_store_deinit(struct sim_world *w)
{
	for (size_t i = 0; i < w->cap_objects; i++) {
		struct sim_object *o = w->objects[i];
		if (o == NULL)
			continue;
		mf_buf_free(&o->data);
		sim_children_free(&o->now);
		sim_children_free(&o->before);
		free(o);
	}
	free(w->objects);
}

/* ---- children ---- */

static int
child_cmp(const void *a, const void *b)
{
	return strcmp(((const struct sim_child *)a)->name, ((const struct sim_child *)b)->name);
}

static mf_code
child_of(const mf_link *link, struct sim_child *out, mf_err *err)
{
	mf_buf nfc = {0};
	mf_cap cap = {0}, ro;
	char text[MF_CAP_MAX] = "";

	mf_code rc = mf_nfc(link->name, &nfc, err);
	if (rc != MF_OK)
		return rc;
	*out = (struct sim_child){.name = mf_strdup(mf_buf_str(&nfc))};
	mf_buf_free(&nfc);
	if (mf_cap_parse(link->cap, &cap, NULL) == MF_OK && mf_cap_is_writable(cap.kind)) {
		(void)mf_cap_readonly(&cap, &ro);
		mf_cap_print(&ro, text);
		out->rw = mf_strdup(link->cap);
		out->ro = mf_strdup(mf_strz(text));
	} else {
		out->rw = mf_strdup(MF_STR(""));
		out->ro = mf_strdup(link->cap);
	}
	out->metadata = mf_strdup(link->metadata.n == 0 ? MF_STR("{}") : link->metadata);
	return MF_OK;
}

mf_code
sim_children_of(const mf_link *links, size_t n, struct sim_children *out, mf_err *err)
{
	*out = (struct sim_children){.c = mf_alloc((n + 1) * sizeof(*out->c))};
	for (; out->n < n; out->n++) {
		mf_code rc = child_of(&links[out->n], &out->c[out->n], err);
		if (rc != MF_OK) {
			sim_children_free(out);
			return rc;
		}
	}
	qsort(out->c, n, sizeof(*out->c), child_cmp);
	return MF_OK;
}

void
sim_children_pack(const struct sim_children *l, mf_buf *out)
{
	mf_buf one = {0};

	for (size_t i = 0; i < l->n; i++) {
		one.n = 0;
		mf_buf_add_ns(&one, l->c[i].name, strlen(l->c[i].name));
		mf_buf_add_ns(&one, l->c[i].ro, strlen(l->c[i].ro));
		mf_buf_add_ns(&one, l->c[i].rw, strlen(l->c[i].rw));
		mf_buf_add_ns(&one, l->c[i].metadata, strlen(l->c[i].metadata));
		mf_buf_add_ns(out, one.p, one.n);
	}
	mf_buf_free(&one);
}

static mf_str
lend(mf_buf *b, const char *text)
{
	size_t at = b->n, n = strlen(text);

	mf_buf_add(b, text, n); /* room was reserved: nothing moves */
	return (mf_str){(const char *)b->p + at, n};
}

mf_code
sim_children_list(const struct sim_children *l, bool with_rw, mf_listing *out)
{
	size_t plain = 1, secret = 1;

	for (size_t i = 0; i < l->n; i++) {
		plain += strlen(l->c[i].name) + strlen(l->c[i].ro) + strlen(l->c[i].metadata);
		secret += strlen(l->c[i].rw);
	}
	mf_buf_reserve(&out->packed, plain);
	mf_buf_reserve(&out->extra, secret);
	out->child = mf_alloc((l->n + 1) * sizeof(*out->child));
	for (out->n = 0; out->n < l->n; out->n++) {
		const struct sim_child *c = &l->c[out->n];
		mf_child *to = &out->child[out->n];
		mf_cap cap = {0};
		to->name = lend(&out->packed, c->name);
		to->ro = lend(&out->packed, c->ro);
		to->metadata = lend(&out->packed, c->metadata);
		to->rw = with_rw ? lend(&out->extra, c->rw) : (mf_str){NULL, 0};
		if (mf_cap_parse(to->ro, &cap, NULL) == MF_OK)
			to->kind = cap.kind;
	}
	return MF_OK;
}

/* ---- mutable directories ---- */

static struct sim_child *
find_child(const struct sim_children *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->c[i].name, name) == 0)
			return &l->c[i];
	return NULL;
}

static void
child_free(struct sim_child *c)
{
	free(c->name);
	free(c->ro);
	free(c->rw);
	free(c->metadata);
}

/* Takes @p c. */
static mf_code
apply(struct sim_children *l, struct sim_child *c, enum mf_link_how how, mf_err *err)
{
	struct sim_child *old = find_child(l, c->name);

	if (how == MF_LINK_NEW && old != NULL) {
		child_free(c);
		return mf_fail(err, MF_EEXIST, 0, "the name is taken");
	}
	if (old != NULL) {
		child_free(old);
		*old = *c;
	} else {
		l->c = mf_realloc_array(l->c, l->n + 1, sizeof(*l->c));
		old = &l->c[l->n++];
		*old = *c;
	}
	if (how == MF_LINK_REMOVE) {
		child_free(old);
		*old = l->c[--l->n];
	}
	return MF_OK;
}

static void
copy_children(const struct sim_children *from, struct sim_children *to)
{
	*to = (struct sim_children){.c = mf_alloc((from->n + 1) * sizeof(*to->c)), .n = from->n};
	for (size_t i = 0; i < from->n; i++)
		to->c[i] = (struct sim_child){mf_strdup(mf_strz(from->c[i].name)), mf_strdup(mf_strz(from->c[i].ro)),
			mf_strdup(mf_strz(from->c[i].rw)), mf_strdup(mf_strz(from->c[i].metadata))};
}

static void
nudge(struct sim_world *w, const char *cap_text)
{
	mf_cap cap;
	uint8_t si[16];
	char path[64] = SIM_NUDGE_DIR;

	if (w->no_nudges || mf_cap_parse(mf_strz(cap_text), &cap, NULL) != MF_OK || !mf_cap_storage_index(&cap, si))
		return;
	mf_b32(path + strlen(path), si, sizeof(si));
	sim_emit_nudge(w, path);
}

static void
tell_links(struct sim_world *w, const struct sim_object *dir)
{
	for (size_t i = 0; i < dir->now.n && w->on_link != NULL; i++) {
		const struct sim_child *now = &dir->now.c[i], *was = find_child(&dir->before, now->name);
		if (was == NULL || strcmp(was->ro, now->ro) != 0)
			w->on_link(w->on_link_arg, now->name, was == NULL ? NULL : was->ro, now->ro);
	}
}

mf_code
sim_store_update(struct sim_world *w, struct sim_object *dir, const mf_link *links, size_t n, mf_err *err)
{
	struct sim_children next;
	mf_buf packed = {0};
	mf_code rc = MF_OK;

	copy_children(&dir->now, &next);
	for (size_t i = 0; i < n && rc == MF_OK; i++) {
		struct sim_child c;
		rc = child_of(&links[i], &c, err);
		if (rc == MF_OK)
			rc = apply(&next, &c, links[i].how, err);
	}
	if (rc != MF_OK) {
		sim_children_free(&next);
		return rc;
	}
	qsort(next.c, next.n, sizeof(*next.c), child_cmp);
	sim_children_free(&dir->before);
	dir->before = dir->now;
	dir->version_before = dir->version;
	dir->now = next;
	dir->version.seqnum++;
	sim_children_pack(&next, &packed);
	mf_buf_add_u64(&packed, dir->version.seqnum);
	(void)crypto_hash_sha256(dir->version.root, packed.p, packed.n);
	mf_buf_free(&packed);
	tell_links(w, dir);
	nudge(w, dir->cap);
	return MF_OK;
}

mf_code
sim_store_content(const struct sim_world *w, const char *cap, mf_buf *room, mf_str *out)
{
	mf_cap parsed;
	const struct sim_object *o = sim_store_find(w, cap);

	*out = (mf_str){"", 0};
	if (o != NULL && o->kind == SIM_FILE) {
		*out = mf_buf_str(&o->data);
		return MF_OK;
	}
	if (mf_cap_parse(mf_strz(cap), &parsed, NULL) != MF_OK || parsed.kind != MF_CAP_LIT)
		return MF_ENOTFOUND;
	size_t n = 0;
	mf_buf_reserve(room, parsed.lit.n + 1);
	if (!mf_unb32(room->p, &n, parsed.lit))
		return MF_EFORMAT;
	room->n = n;
	*out = mf_buf_str(room);
	return MF_OK;
}
