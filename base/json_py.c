/* JSON: writing as Python does. */
#include "base/json.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <utf8proc.h>

static void
add_unit(mf_buf *out, uint32_t u)
{
	static const char digit[] = "0123456789abcdef";
	char esc[6] = {'\\', 'u', digit[u >> 12 & 15], digit[u >> 8 & 15], digit[u >> 4 & 15], digit[u & 15]};

	mf_buf_add(out, esc, sizeof(esc));
}

static void
add_escaped(mf_buf *out, uint32_t c)
{
	static const char shorts[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
	const char *s = c != 0 && c < 0x80 ? strchr(shorts, (int)c) : NULL;

	if (s != NULL) {
		mf_buf_addc(out, '\\');
		mf_buf_addc(out, letters[s - shorts]);
	} else if (c < 0x10000) {
		add_unit(out, c);
	} else {
		add_unit(out, 0xd800 + ((c - 0x10000) >> 10));
		add_unit(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
	}
}

static bool
is_plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void
mf_json_add_string(mf_buf *out, mf_str s)
{
	mf_buf_reserve(out, s.n + 2);
	mf_buf_addc(out, '"');
	while (s.n > 0) {
		utf8proc_int32_t c;
		size_t n = 0;

		while (n < s.n && is_plain(s.p[n]))
			n++;
		if (n > 0) {
			mf_buf_add(out, s.p, n);
		} else {
			utf8proc_ssize_t r = utf8proc_iterate(
				(const utf8proc_uint8_t *)s.p, s.n < 4 ? (utf8proc_ssize_t)s.n : 4, &c);
			n = r > 0 ? (size_t)r : 1;
			if (r > 0)
				add_escaped(out, (uint32_t)c);
			else
				mf_buf_addc(out, '?');
		}
		s.p += n;
		s.n -= n;
	}
	mf_buf_addc(out, '"');
}

/* A decimal number: 0.d1d2d3... times ten to the power of `point`. */
struct decimal {
	char digit[20];
	unsigned n;
	int point;
};

/* @p x with @p n digits, rounded correctly; with @p up, the next number of n digits above that. */
static struct decimal
to_decimal(double x, unsigned n, bool up)
{
	struct decimal d = {.n = 0};
	char text[40];

	(void)snprintf(text, sizeof(text), "%.*e", (int)n - 1, x);
	const char *p = text;
	for (; *p != 'e'; p++) /* the decimal point depends on the locale: take digits only */
		if (*p >= '0' && *p <= '9')
			d.digit[d.n++] = *p;
	d.point = (int)strtol(p + 1, NULL, 10) + 1;
	if (up) {
		uint64_t v = strtoull(d.digit, NULL, 10) + 1;

		/* One digit more (99 to 100) only adds a zero, which is cut off later. */
		int m = snprintf(d.digit, sizeof(d.digit), "%" PRIu64, v);
		d.point += m - (int)n;
		d.n = (unsigned)m;
	}
	return d;
}

static bool
reads_back(const struct decimal *d, double x)
{
	char text[48];

	/* A whole number, so that no decimal point is needed. */
	(void)snprintf(text, sizeof(text), "%.*se%d", (int)d->n, d->digit, d->point - (int)d->n);
	return strtod(text, NULL) == x;
}

/* The fewest digits that read back as @p x > 0.  Fifteen always can be told apart, except among subnormals, so the
 * search begins there.  At a power of two the gap below is half the gap above: there the correctly rounded number may
 * fail while its upper neighbour, farther off, reads back. */
static struct decimal
shortest(double x)
{
	int e;
	bool power = frexp(x, &e) == 0.5;

	for (unsigned n = x < DBL_MIN ? 1 : 15; n < 17; n++) {
		for (int up = 0; up <= (power ? 1 : 0); up++) {
			struct decimal d = to_decimal(x, n, up == 1);

			if (reads_back(&d, x))
				return d;
		}
	}
	return to_decimal(x, 17, false);
}

/* Layout as float_repr_style "short": an exponent below 1e-4 and from 1e16 on. */
static void
add_decimal(mf_buf *out, const struct decimal *d)
{
	int whole = d->point; /* digits before the point */
	int n = (int)d->n;

	if (whole <= -4 || whole > 16) {
		mf_buf_addc(out, d->digit[0]);
		if (n > 1) {
			mf_buf_addc(out, '.');
			mf_buf_add(out, d->digit + 1, (size_t)n - 1);
		}
		mf_buf_addf(out, "e%c%02d", whole - 1 < 0 ? '-' : '+', abs(whole - 1));
	} else if (whole <= 0) {
		mf_buf_addf(out, "0.%.*s%.*s", -whole, "000", n, d->digit);
	} else if (n <= whole) {
		mf_buf_addf(out, "%.*s%.*s.0", n, d->digit, whole - n, "0000000000000000");
	} else {
		mf_buf_addf(out, "%.*s.%.*s", whole, d->digit, n - whole, d->digit + whole);
	}
}

void
mf_json_add_real(mf_buf *out, double x)
{
	if (!isfinite(x))
		MF_BUG("a number that is none");
	if (signbit(x))
		mf_buf_addc(out, '-');
	if (x == 0) {
		mf_buf_addz(out, "0.0");
		return;
	}
	struct decimal d = shortest(fabs(x));
	while (d.n > 1 && d.digit[d.n - 1] == '0')
		d.n--;
	add_decimal(out, &d);
}

/* One array or object that is being written. */
struct level {
	json_t *v; /* borrowed; jansson's iterators want it writable */
	size_t i;
	void *it;
};

struct writer {
	mf_buf *out;
	unsigned indent; /* 0 = one line */
	struct level *level;
	size_t depth, room;
};

static void
new_line(struct writer *w)
{
	if (w->indent == 0)
		return;
	mf_buf_addc(w->out, '\n');
	for (size_t i = 0; i < w->depth * w->indent; i++)
		mf_buf_addc(w->out, ' ');
}

/* Writes a plain value, or the beginning of an array or object, which is then the top level. */
static void
begin(struct writer *w, json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
	case JSON_ARRAY: {
		bool object = json_is_object(v);

		if ((object ? json_object_size(v) : json_array_size(v)) == 0) {
			mf_buf_addz(w->out, object ? "{}" : "[]");
			return;
		}
		mf_buf_addc(w->out, object ? '{' : '[');
		if (w->depth == w->room) {
			w->room += 16;
			w->level = mf_realloc_array(w->level, w->room, sizeof(*w->level));
		}
		w->level[w->depth++] = (struct level){v, 0, object ? json_object_iter(v) : NULL};
		return;
	}
	case JSON_STRING: mf_json_add_string(w->out, (mf_str){json_string_value(v), json_string_length(v)}); return;
	case JSON_INTEGER: mf_buf_addf(w->out, "%" JSON_INTEGER_FORMAT, json_integer_value(v)); return;
	case JSON_REAL: mf_json_add_real(w->out, json_real_value(v)); return;
	default: mf_buf_addz(w->out, json_is_true(v) ? "true" : json_is_false(v) ? "false" : "null");
	}
}

static void
end(struct writer *w)
{
	const json_t *v = w->level[--w->depth].v;

	new_line(w);
	mf_buf_addc(w->out, json_is_object(v) ? '}' : ']');
}

/* The next item of the innermost array or object, or its end. */
static void
step(struct writer *w)
{
	struct level *l = &w->level[w->depth - 1];
	bool object = json_is_object(l->v);
	json_t *item;

	if (object ? l->it == NULL : l->i == json_array_size(l->v)) {
		end(w);
		return;
	}
	if (l->i++ > 0)
		mf_buf_addz(w->out, w->indent == 0 ? ", " : ",");
	new_line(w);
	if (object) {
		mf_json_add_string(w->out, mf_strz(json_object_iter_key(l->it)));
		mf_buf_addz(w->out, ": ");
		item = json_object_iter_value(l->it);
		l->it = json_object_iter_next(l->v, l->it);
	} else {
		item = json_array_get(l->v, l->i - 1);
	}
	begin(w, item); /* may move w->level */
}

void
mf_json_py_indent(mf_buf *out, const json_t *v, unsigned indent)
{
	struct writer w = {.out = out, .indent = indent};

	begin(&w, (json_t *)(uintptr_t)v); /* nothing is changed: see struct level */
	while (w.depth > 0)
		step(&w);
	free(w.level);
}

void
mf_json_py(mf_buf *out, const json_t *v)
{
	mf_json_py_indent(out, v, 0);
}
