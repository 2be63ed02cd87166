/* Metadata of directory entries: members of JSON objects are moved as text, never parsed into numbers and back,
 * so what we do not understand stays as it is. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "grid/lafs/dir.h"

enum { MEMBERS_MAX = 256 }; /* of one object; metadata with more is not taken over */

struct member {
	mf_str key; /* with its quotes */
	mf_str value;
};

struct object {
	struct member m[MEMBERS_MAX];
	size_t n;
};

void
mf_py_float(double v, char out[32])
{
	if (isnan(v) || isinf(v)) {
		(void)snprintf(out, 32, "%s", isnan(v) ? "NaN" : v < 0 ? "-Infinity" : "Infinity");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(out, 32, "%.*g", digits, v);
		if (strtod(out, NULL) == v)
			break;
	}
	if (strpbrk(out, ".e") == NULL) {
		size_t n = strlen(out);

		(void)snprintf(out + n, 32 - n, ".0");
	}
}

static void
blank(mf_cur *c)
{
	while (c->n > 0 && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r')) {
		c->p++;
		c->n--;
	}
}

static bool
eat(mf_cur *c, char ch)
{
	blank(c);
	if (c->n == 0 || *c->p != (uint8_t)ch)
		return false;
	c->p++;
	c->n--;
	return true;
}

static bool
skip_string(mf_cur *c)
{
	if (!eat(c, '"'))
		return false;
	while (c->n > 0) {
		uint8_t ch = *c->p;
		size_t step = ch == '\\' ? 2 : 1;

		if (step > c->n || ch < 0x20)
			return false;
		c->p += step;
		c->n -= step;
		if (ch == '"')
			return true;
	}
	return false;
}

/* A number, true, null, NaN... */
static bool
skip_word(mf_cur *c)
{
	const uint8_t *from = c->p;

	while (c->n > 0 && memchr(" \t\r\n,:[]{}\"", *c->p, 11) == NULL) {
		c->p++;
		c->n--;
	}
	return c->p > from;
}

/* One value of any kind; nested ones by counting brackets. */
static bool
skip_value(mf_cur *c, mf_str *out)
{
	size_t depth = 0;

	blank(c);
	out->p = (const char *)c->p;
	do {
		blank(c);
		if (c->n == 0)
			return false;
		uint8_t ch = *c->p;
		if (ch == '"') {
			if (!skip_string(c))
				return false;
			continue;
		}
		if (ch != '{' && ch != '[' && ch != '}' && ch != ']' && ch != ',' && ch != ':') {
			if (!skip_word(c))
				return false;
			continue;
		}
		if (depth == 0 && ch != '{' && ch != '[')
			return false;
		if (ch == '{' || ch == '[')
			depth++;
		else if (ch == '}' || ch == ']')
			depth--;
		c->p++;
		c->n--;
	} while (depth > 0);
	out->n = (size_t)((const char *)c->p - out->p);
	return true;
}

/* false unless @p text is one JSON object that we can take apart. */
static bool
split(mf_str text, struct object *o)
{
	mf_cur c = mf_cur_of(text.p, text.n);

	o->n = 0;
	if (!eat(&c, '{'))
		return false;
	if (!eat(&c, '}')) {
		do {
			struct member *m = &o->m[o->n];

			blank(&c);
			m->key.p = (const char *)c.p;
			if (o->n == MEMBERS_MAX || !skip_string(&c))
				return false;
			m->key.n = (size_t)((const char *)c.p - m->key.p);
			if (!eat(&c, ':') || !skip_value(&c, &m->value))
				return false;
			o->n++;
		} while (eat(&c, ','));
		if (!eat(&c, '}'))
			return false;
	}
	blank(&c);
	return c.n == 0;
}

static const struct member *
find(const struct object *o, mf_str quoted)
{
	for (size_t i = o->n; i-- > 0;) /* of equal keys the last counts */
		if (mf_str_eq(o->m[i].key, quoted))
			return &o->m[i];
	return NULL;
}

static void
add_member(mf_buf *out, bool *first, mf_str key, mf_str value)
{
	mf_buf_addz(out, *first ? "" : ", ");
	mf_buf_adds(out, key);
	mf_buf_addz(out, ": ");
	mf_buf_adds(out, value);
	*first = false;
}

/* {"linkcrtime": ..., "linkmotime": now} and whatever else the old one held. */
static void
add_system(mf_buf *out, mf_str old_tahoe, mf_str old_ctime, mf_str now)
{
	struct object *sys = mf_alloc(sizeof(*sys));
	bool first = true, motime = false;

	if (!split(old_tahoe, sys))
		sys->n = 0;
	mf_buf_addc(out, '{');
	for (size_t i = 0; i < sys->n; i++) {
		bool is_motime = mf_str_eq(sys->m[i].key, MF_STR("\"linkmotime\""));

		if (is_motime && motime)
			continue;
		motime = motime || is_motime;
		add_member(out, &first, sys->m[i].key, is_motime ? now : sys->m[i].value);
		/* Python adds a missing linkcrtime before it sets linkmotime */
	}
	if (find(sys, MF_STR("\"linkcrtime\"")) == NULL)
		add_member(out, &first, MF_STR("\"linkcrtime\""), old_ctime.n > 0 ? old_ctime : now);
	if (!motime)
		add_member(out, &first, MF_STR("\"linkmotime\""), now);
	mf_buf_addc(out, '}');
	free(sys);
}

/* What we write ourselves: {"tahoe": {"linkcrtime": X, "linkmotime": Y}}.  *crtime = X. */
static bool
is_plain(mf_str old, mf_str *crtime)
{
	static const mf_str head = MF_STR("{\"tahoe\": {\"linkcrtime\": "), mid = MF_STR(", \"linkmotime\": ");
	size_t n = head.n;

	if (!mf_str_starts(old, head))
		return false;
	while (n < old.n && ((old.p[n] >= '0' && old.p[n] <= '9') || old.p[n] == '.'))
		n++;
	*crtime = (mf_str){old.p + head.n, n - head.n};
	mf_str rest = {old.p + n, old.n - n};
	if (crtime->n == 0 || !mf_str_starts(rest, mid))
		return false;
	n = mid.n;
	while (n < rest.n && ((rest.p[n] >= '0' && rest.p[n] <= '9') || rest.p[n] == '.'))
		n++;
	return n > mid.n && mf_str_eq((mf_str){rest.p + n, rest.n - n}, MF_STR("}}"));
}

static void
add_plain(mf_buf *out, mf_str crtime, mf_str now)
{
	mf_buf_addz(out, "{\"tahoe\": {\"linkcrtime\": ");
	mf_buf_adds(out, crtime);
	mf_buf_addz(out, ", \"linkmotime\": ");
	mf_buf_adds(out, now);
	mf_buf_addz(out, "}}");
}

mf_code
mf_dir_metadata(mf_str given, mf_str old, double now, mf_buf *out, bool *no_write, mf_err *err)
{
	static const mf_str tahoe = MF_STR("\"tahoe\"");
	char text[32];
	mf_str crtime;

	*no_write = false;
	mf_py_float(now, text);
	mf_str now_text = mf_strz(text);
	if (given.n == 0 && (old.n == 0 || is_plain(old, &crtime))) {
		add_plain(out, old.n == 0 ? now_text : crtime, now_text);
		return MF_OK;
	}

	struct object *was = mf_alloc(2 * sizeof(*was)), *md = given.n == 0 ? was : was + 1;
	bool first = true, placed = false;
	if (!split(old, was))
		was->n = 0;
	if (given.n > 0 && !split(given, md)) {
		free(was);
		return mf_fail(err, MF_EINVAL, 0, "metadata of a directory entry is no JSON object");
	}
	const struct member *sys = find(was, tahoe), *ctime = find(was, MF_STR("\"ctime\""));
	const struct member *flag = find(md, MF_STR("\"no-write\""));
	*no_write = flag != NULL && mf_str_eq(flag->value, MF_STR("true"));
	mf_buf_addc(out, '{');
	for (size_t i = 0; i <= md->n; i++) {
		bool is_tahoe = i < md->n && mf_str_eq(md->m[i].key, tahoe);

		if (i < md->n && !is_tahoe) {
			add_member(out, &first, md->m[i].key, md->m[i].value);
			continue;
		}
		if (placed || (is_tahoe && given.n > 0))
			continue; /* the caller has no say in it: ours comes last */
		add_member(out, &first, tahoe, (mf_str){0});
		add_system(out, sys == NULL ? (mf_str){0} : sys->value, ctime == NULL ? (mf_str){0} : ctime->value,
			now_text);
		placed = true;
	}
	mf_buf_addc(out, '}');
	free(was);
	return MF_OK;
}
