/* Directories: the packed form and edits. */
#include "grid/lafs/dir.h"

#include <stdlib.h>

#include <sodium.h>

#include "base/unicode.h"
#include "grid/lafs/dir_inner.h"

enum { SALT = 16, MAC = 32 };

/* mf_cur_ns() without the call: a directory of 10,000 entries has 50,000 of them. */
static inline mf_str
ns(mf_cur *c, size_t max)
{
	size_t n = 0, i = 0;

	while (i < c->n && i < 8 && c->p[i] >= '0' && c->p[i] <= '9')
		n = n * 10 + (size_t)(c->p[i++] - '0');
	if (c->bad || i == 0 || i >= c->n || c->p[i] != ':' || (c->p[0] == '0' && i > 1) || n > max ||
		c->n - i - 1 <= n || c->p[i + 1 + n] != ',') {
		c->bad = true;
		c->n = 0;
		return (mf_str){0};
	}
	mf_str s = {(const char *)c->p + i + 1, n};
	c->p += i + n + 2;
	c->n -= i + n + 2;
	return s;
}

bool
mf_dir_next(mf_cur *c, mf_dir_entry *e)
{
	if (c->n == 0)
		return false;
	e->whole.p = (const char *)c->p;
	mf_str body = ns(c, 4 * MF_DIR_FIELD_MAX);
	if (c->bad)
		return false;
	e->whole.n = (size_t)((const char *)c->p - e->whole.p);
	mf_cur in = mf_cur_of(body.p, body.n);
	e->name = ns(&in, MF_DIR_NAME_MAX);
	e->ro = ns(&in, MF_DIR_FIELD_MAX);
	e->rwdata = ns(&in, MF_DIR_FIELD_MAX);
	e->metadata = ns(&in, MF_DIR_FIELD_MAX);
	if (in.bad || in.n != 0) {
		c->bad = true;
		c->n = 0;
	}
	return !c->bad;
}

size_t
mf_ns_size(size_t n)
{
	size_t digits = 1;

	for (size_t v = n; v >= 10; v /= 10)
		digits++;
	return digits + n + 2;
}

static uint8_t *
put_ns(uint8_t *p, mf_str s)
{
	uint8_t digits[20];
	size_t n = 0, v = s.n;

	do
		digits[n++] = (uint8_t)('0' + v % 10);
	while ((v /= 10) != 0);
	while (n > 0)
		*p++ = digits[--n];
	*p++ = ':';
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p += s.n;
	*p++ = ',';
	return p;
}

void
mf_dir_add_entry(mf_buf *out, mf_str name, mf_str ro, mf_str rwdata, mf_str metadata)
{
	size_t body = mf_ns_size(name.n) + mf_ns_size(ro.n) + mf_ns_size(rwdata.n) + mf_ns_size(metadata.n);

	mf_buf_reserve(out, mf_ns_size(body));
	uint8_t *p = out->p + out->n;
	for (size_t left = body, scale = 1; scale != 0;) { /* the frame's number, then the four strings in it */
		while (left / scale >= 10)
			scale *= 10;
		for (; scale != 0; scale /= 10)
			*p++ = (uint8_t)('0' + left / scale % 10);
	}
	*p++ = ':';
	p = put_ns(p, name);
	p = put_ns(p, ro);
	p = put_ns(p, rwdata);
	p = put_ns(p, metadata);
	*p++ = ',';
	out->n = (size_t)(p - out->p);
}

void
mf_dir_seal(const uint8_t writekey[MF_KEY_SIZE], mf_str rw, mf_buf *out)
{
	uint8_t key[MF_KEY_SIZE], mac[MAC];
	size_t at = out->n;

	mf_buf_reserve(out, SALT + rw.n + MAC);
	uint8_t *p = out->p + at;
	mf_tag_hash16(MF_TAG_CHILD_SALT, rw.p, rw.n, p);
	mf_tag_pair16(MF_TAG_CHILD_KEY, mf_bytes(p, SALT), mf_bytes(writekey, MF_KEY_SIZE), key);
	if (rw.n > 0)
		mf_ctr(key, 0, rw.p, p + SALT, rw.n);
	mf_entry_mac(key, p, SALT + rw.n, mac);
	memcpy(p + SALT + rw.n, mac, MAC);
	out->n = at + SALT + rw.n + MAC;
	sodium_memzero(key, sizeof(key));
}

/* -- order ------------------------------------------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
	const mf_dir_item *x = a, *y = b;
	int c = mf_str_cmp(x->name, y->name);

	return c != 0 ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

mf_code
mf_dir_sort_links(const mf_link *link, size_t n, mf_dir_item **out, mf_buf *arena, mf_err *err)
{
	mf_dir_item *item = mf_realloc_array(NULL, n == 0 ? 1 : n, sizeof(*item));
	mf_code rc = MF_OK;
	bool sorted = true;

	for (size_t i = 0; i < n && rc == MF_OK; i++) {
		item[i] = (mf_dir_item){.name = link[i].name, .link = &link[i], .seq = i};
		if (link[i].name.n == 0 || link[i].name.n > MF_DIR_NAME_MAX)
			rc = mf_fail(err, MF_EINVAL, 0, "name of a directory entry is empty or too long");
		else if (link[i].metadata.n > MF_DIR_FIELD_MAX || link[i].cap.n > MF_DIR_FIELD_MAX)
			rc = mf_fail(err, MF_EINVAL, 0, "directory entry is too large");
		else if (!mf_ascii(link[i].name)) {
			size_t from = arena->n;

			rc = mf_nfc(link[i].name, arena, err);
			item[i].name = (mf_str){NULL, arena->n - from}; /* found below: the arena may move */
			if (rc != MF_OK)
				rc = mf_fail(err, MF_EINVAL, 0, "name of a directory entry is not UTF-8");
		}
	}
	if (rc != MF_OK) {
		free(item);
		*out = NULL;
		return rc;
	}
	for (size_t i = 0, at = 0; i < n; i++) {
		if (item[i].name.p == NULL) {
			item[i].name.p = (const char *)arena->p + at;
			at += item[i].name.n;
		}
		sorted = sorted && (i == 0 || by_name(&item[i - 1], &item[i]) < 0);
	}
	if (!sorted)
		qsort(item, n, sizeof(*item), by_name);
	*out = item;
	return MF_OK;
}

/* The slow way: an array of entries, sorted; the last of equals stays. */
static void
retidy(mf_buf *packed)
{
	mf_cur c = mf_cur_of(packed->p, packed->n);
	mf_dir_entry e;
	mf_buf arena = {0}, out = {0};
	mf_link *link = NULL;
	mf_dir_item *item;
	size_t n = 0, cap = 0;

	while (mf_dir_next(&c, &e)) {
		if (n == cap) {
			cap = cap == 0 ? 64 : 2 * cap;
			link = mf_realloc_array(link, cap, sizeof(*link));
		}
		link[n++] = (mf_link){.name = e.name, .cap = e.whole};
	}
	item = mf_realloc_array(NULL, n, sizeof(*item));
	for (size_t i = 0; i < n; i++) {
		size_t from = arena.n;

		item[i] = (mf_dir_item){.link = &link[i], .seq = i};
		if (mf_nfc(link[i].name, &arena, NULL) != MF_OK)
			MF_BUG("name was checked");
		item[i].name.n = arena.n - from;
	}
	for (size_t i = 0, at = 0; i < n; at += item[i++].name.n)
		item[i].name.p = (const char *)arena.p + at;
	qsort(item, n, sizeof(*item), by_name);
	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && mf_str_eq(item[i].name, item[i + 1].name))
			continue;
		c = mf_cur_of(item[i].link->cap.p, item[i].link->cap.n);
		if (!mf_dir_next(&c, &e))
			MF_BUG("entry was checked");
		if (mf_str_eq(e.name, item[i].name))
			mf_buf_adds(&out, e.whole);
		else
			mf_dir_add_entry(&out, item[i].name, e.ro, e.rwdata, e.metadata);
	}
	free(item);
	free(link);
	mf_buf_free(&arena);
	mf_buf_free(packed);
	*packed = out;
}

/* Not ASCII: UTF-8, and NFC already? */
static mf_code
check_name(mf_str name, bool *tidy, mf_err *err)
{
	mf_buf nfc = {0};

	if (mf_nfc(name, &nfc, NULL) != MF_OK)
		return mf_fail(err, MF_EFORMAT, 0, "directory has an entry whose name is not UTF-8");
	*tidy = *tidy && mf_str_eq(mf_buf_str(&nfc), name);
	mf_buf_free(&nfc);
	return MF_OK;
}

mf_code
mf_dir_tidy(mf_buf *packed, mf_err *err)
{
	mf_cur c = mf_cur_of(packed->p, packed->n);
	mf_str last = {0};
	mf_dir_entry e;
	bool tidy = true, first = true;
	mf_code rc = MF_OK;

	while (rc == MF_OK && mf_dir_next(&c, &e)) {
		if (!mf_ascii(e.name))
			rc = check_name(e.name, &tidy, err);
		tidy = tidy && (first || mf_str_cmp(last, e.name) < 0);
		last = e.name;
		first = false;
	}
	if (rc == MF_OK && c.bad)
		rc = mf_fail(err, MF_EFORMAT, 0, "directory is malformed");
	if (rc == MF_OK && !tidy)
		retidy(packed);
	return rc;
}
