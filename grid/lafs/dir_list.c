/* Listing directories: one pass, borrowed text, no allocation for an entry. */
#include <stdlib.h>

#include <sodium.h>

#include "base/unicode.h"
#include "grid/lafs/dir_inner.h"

enum { SALT = 16, MAC = 32 };

/* A text of a child that lies in `extra`, which may still move. */
struct fix {
	size_t child;
	size_t at;    /* offset in extra */
	size_t field; /* offset of the mf_str in mf_child */
};

struct lister {
	mf_listing *out;
	size_t cap;              /* of out->child */
	const uint8_t *writekey; /* NULL: read-only */
	bool immutable;
	struct fix *fix;
	size_t fixes, fix_cap;
	mf_buf sealed_empty;
};

#define FIELD(name) offsetof(mf_child, name)

/* extra[at..] is the text of that field of the child being made. */
static void
borrow_extra(struct lister *l, size_t field, size_t at)
{
	if (l->fixes == l->fix_cap) {
		l->fix_cap = l->fix_cap == 0 ? 64 : 2 * l->fix_cap;
		l->fix = mf_realloc_array(l->fix, l->fix_cap, sizeof(*l->fix));
	}
	l->fix[l->fixes++] = (struct fix){l->out->n, at, field};
	mf_str *s = (mf_str *)((char *)&l->out->child[l->out->n] + field);
	*s = (mf_str){NULL, l->out->extra.n - at};
}

static mf_str
rstrip(mf_str s)
{
	while (s.n > 0 && s.p[s.n - 1] == ' ')
		s.n--;
	return s;
}

/* The write capability inside, appended to extra; @return its bytes.  The MAC is not looked at, as in Tahoe: the
 * directory as a whole is signed. */
static size_t
unseal(struct lister *l, mf_str rwdata)
{
	uint8_t key[MF_KEY_SIZE];
	mf_buf *extra = &l->out->extra;

	if (rwdata.n <= SALT + MAC)
		return 0;
	size_t n = rwdata.n - SALT - MAC;
	mf_buf_reserve(extra, n);
	mf_tag_pair16(MF_TAG_CHILD_KEY, mf_bytes(rwdata.p, SALT), mf_bytes(l->writekey, MF_KEY_SIZE), key);
	mf_ctr(key, 0, rwdata.p + SALT, extra->p + extra->n, n);
	sodium_memzero(key, sizeof(key));
	n = rstrip(mf_bytes(extra->p + extra->n, n)).n;
	extra->n += n;
	return n;
}

/* The read-only side of a child. */
static void
list_ro(struct lister *l, mf_child *child, mf_str ro, mf_cap *cap)
{
	mf_buf *extra = &l->out->extra;

	child->ro = ro;
	if (ro.n == 0)
		return;
	if (mf_cap_parse(ro, cap, NULL) == MF_OK && !mf_cap_is_writable(cap->kind))
		child->kind = cap->kind;
	if (child->kind != MF_CAP_UNKNOWN || mf_str_starts(ro, MF_STR("ro.")) || mf_str_starts(ro, MF_STR("imm.")))
		return;
	/* whatever it is, nobody shall take it for more than it was given as (lafs.md 6.6) */
	size_t at = extra->n;
	mf_buf_addz(extra, l->immutable ? "imm." : "ro.");
	mf_buf_adds(extra, ro);
	borrow_extra(l, FIELD(ro), at);
}

/* The write side, when we may see it. */
static void
list_rw(struct lister *l, mf_child *child, mf_str rwdata)
{
	mf_buf *extra = &l->out->extra;
	size_t at = extra->n;
	mf_cap cap, readonly;
	char text[MF_CAP_MAX];

	if (mf_str_eq(rwdata, mf_buf_str(&l->sealed_empty)))
		return;
	size_t n = unseal(l, rwdata);
	if (n == 0)
		return;
	bool known = mf_cap_parse(mf_bytes(extra->p + at, n), &cap, NULL) == MF_OK && cap.kind != MF_CAP_UNKNOWN;
	if (known && !mf_cap_is_writable(cap.kind)) { /* no write capability: not to be listed as one */
		extra->n = at;
		return;
	}
	borrow_extra(l, FIELD(rw), at);
	if (known && child->ro.n == 0 && mf_cap_readonly(&cap, &readonly)) {
		mf_cap_print(&readonly, text);
		at = extra->n;
		mf_buf_addz(extra, text);
		borrow_extra(l, FIELD(ro), at);
		child->kind = readonly.kind;
	}
	sodium_memzero(&cap, sizeof(cap));
}

static mf_code
list_name(struct lister *l, mf_child *child, mf_str name, mf_err *err)
{
	mf_buf *extra = &l->out->extra;
	size_t at = extra->n;

	child->name = name;
	if (mf_ascii(name))
		return MF_OK;
	if (mf_nfc(name, extra, NULL) != MF_OK)
		return mf_fail(err, MF_EFORMAT, 0, "directory has an entry whose name is not UTF-8");
	if (mf_str_eq(mf_bytes(extra->p + at, extra->n - at), name))
		extra->n = at;
	else
		borrow_extra(l, FIELD(name), at);
	return MF_OK;
}

static mf_code
list_entry(struct lister *l, const mf_dir_entry *e, mf_err *err)
{
	mf_cap cap;
	mf_str ro = rstrip(e->ro);

	if (l->out->n == l->cap) {
		l->cap = l->cap == 0 ? 16 : 2 * l->cap;
		l->out->child = mf_realloc_array(l->out->child, l->cap, sizeof(*l->out->child));
	}
	mf_child *child = &l->out->child[l->out->n];
	*child = (mf_child){.metadata = e->metadata};
	if (l->immutable && e->rwdata.n != 0)
		return mf_fail(err, MF_EFORMAT, 0, "immutable directory has an entry with a write capability");
	mf_code rc = list_name(l, child, e->name, err);
	if (rc != MF_OK)
		return rc;
	list_ro(l, child, ro, &cap);
	if (l->immutable && ro.n > 0 && mf_cap_parse(ro, &cap, NULL) == MF_OK && mf_cap_is_mutable(cap.kind)) {
		while (l->fixes > 0 && l->fix[l->fixes - 1].child == l->out->n)
			l->fixes--;
		return MF_OK; /* left out, as Tahoe does */
	}
	if (l->writekey != NULL)
		list_rw(l, child, e->rwdata);
	l->out->n++;
	return MF_OK;
}

/* Texts in extra get their places. */
static void
settle(struct lister *l)
{
	for (size_t i = 0; i < l->fixes; i++) {
		mf_str *s = (mf_str *)((char *)&l->out->child[l->fix[i].child] + l->fix[i].field);

		s->p = (const char *)l->out->extra.p + l->fix[i].at;
	}
}

static int
by_name(const void *a, const void *b)
{
	const mf_child *x = a, *y = b;
	int c = mf_str_cmp(x->name, y->name);

	/* equal names: by place in the packed bytes, of which metadata always borrows */
	return c != 0 ? c : (x->metadata.p > y->metadata.p) - (x->metadata.p < y->metadata.p);
}

/* Sort if need be; of equal names the last stays. */
static void
order(mf_listing *out)
{
	bool sorted = true;
	size_t n = 0;

	for (size_t i = 1; i < out->n && sorted; i++)
		sorted = mf_str_cmp(out->child[i - 1].name, out->child[i].name) < 0;
	if (sorted)
		return;
	qsort(out->child, out->n, sizeof(*out->child), by_name);
	for (size_t i = 0; i < out->n; i++)
		if (i + 1 == out->n || !mf_str_eq(out->child[i].name, out->child[i + 1].name))
			out->child[n++] = out->child[i];
	out->n = n;
}

static mf_code
list(mf_buf *packed, struct lister *l, mf_err *err)
{
	mf_dir_entry e;
	mf_code rc = MF_OK;

	*l->out = (mf_listing){.packed = *packed};
	*packed = (mf_buf){0};
	mf_cur c = mf_cur_of(l->out->packed.p, l->out->packed.n);
	l->cap = l->out->packed.n / 256; /* about what an entry has: one allocation in most cases */
	if (l->cap > 0)
		l->out->child = mf_realloc_array(NULL, l->cap, sizeof(*l->out->child));
	if (l->writekey != NULL)
		mf_dir_seal(l->writekey, (mf_str){0}, &l->sealed_empty);
	while (rc == MF_OK && mf_dir_next(&c, &e))
		rc = list_entry(l, &e, err);
	if (rc == MF_OK && c.bad)
		rc = mf_fail(err, MF_EFORMAT, 0, "directory is malformed");
	if (rc == MF_OK) {
		settle(l);
		order(l->out);
	} else {
		mf_listing_free(l->out);
	}
	free(l->fix);
	mf_buf_free(&l->sealed_empty);
	return rc;
}

mf_code
mf_dir_list(mf_buf *packed, const uint8_t *writekey, mf_listing *out, mf_err *err)
{
	struct lister l = {.out = out, .writekey = writekey};

	return list(packed, &l, err);
}

mf_code
mf_dir_list_immutable(mf_buf *packed, mf_listing *out, mf_err *err)
{
	struct lister l = {.out = out, .immutable = true};

	return list(packed, &l, err);
}
