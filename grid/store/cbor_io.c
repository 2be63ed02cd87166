/* CBOR items, one at a time. */
#include "grid/store/cbor_io.h"

#include <cbor.h>

enum { OPEN_BREAK = 0xff };

struct item {
	enum kind { OTHER, UINT, BYTES, TEXT, ARRAY, MAP, OPEN_ARRAY, OPEN_MAP, TAG, BOOL, NUL, BREAK } kind;
	uint64_t n; /* the number, or how many elements or pairs follow */
	mf_str s;
};

/* -- what libcbor calls for the one item ------------------------------------------------------------------- */

static void
set(void *arg, enum kind kind, uint64_t n)
{
	*(struct item *)arg = (struct item){.kind = kind, .n = n};
}

static void
on_uint8(void *arg, uint8_t v)
{
	set(arg, UINT, v);
}

static void
on_uint16(void *arg, uint16_t v)
{
	set(arg, UINT, v);
}

static void
on_uint32(void *arg, uint32_t v)
{
	set(arg, UINT, v);
}

static void
on_uint64(void *arg, uint64_t v)
{
	set(arg, UINT, v);
}

static void
on_bytes(void *arg, cbor_data p, size_t n)
{
	*(struct item *)arg = (struct item){.kind = BYTES, .s = {(const char *)p, n}};
}

static void
on_text(void *arg, cbor_data p, size_t n)
{
	*(struct item *)arg = (struct item){.kind = TEXT, .s = {(const char *)p, n}};
}

static void
on_array(void *arg, size_t n)
{
	set(arg, ARRAY, n);
}

static void
on_map(void *arg, size_t n)
{
	set(arg, MAP, n);
}

static void
on_open_array(void *arg)
{
	set(arg, OPEN_ARRAY, 0);
}

static void
on_open_map(void *arg)
{
	set(arg, OPEN_MAP, 0);
}

static void
on_tag(void *arg, uint64_t v)
{
	set(arg, TAG, v);
}

static void
on_bool(void *arg, bool v)
{
	set(arg, BOOL, v);
}

static void
on_null(void *arg)
{
	set(arg, NUL, 0);
}

static void
on_break(void *arg)
{
	set(arg, BREAK, 0);
}

/* -- reading ---------------------------------------------------------------------------------------------- */

/* Strings in pieces come out as OTHER, as do negative numbers and floats. */
static struct item
next(mf_cur *c)
{
	struct item it = {.kind = OTHER};
	struct cbor_callbacks on = cbor_empty_callbacks;

	on.uint8 = on_uint8;
	on.uint16 = on_uint16;
	on.uint32 = on_uint32;
	on.uint64 = on_uint64;
	on.byte_string = on_bytes;
	on.string = on_text;
	on.array_start = on_array;
	on.map_start = on_map;
	on.indef_array_start = on_open_array;
	on.indef_map_start = on_open_map;
	on.tag = on_tag;
	on.boolean = on_bool;
	on.null = on_null;
	on.indef_break = on_break;
	if (c->bad || c->n == 0) {
		c->bad = true;
		return it;
	}
	struct cbor_decoder_result r = cbor_stream_decode(c->p, c->n, &on, &it);
	if (r.status != CBOR_DECODER_FINISHED || r.read == 0 || r.read > c->n) {
		c->bad = true;
		return (struct item){.kind = OTHER};
	}
	c->p += r.read;
	c->n -= r.read;
	return it;
}

static struct item
want(mf_cur *c, enum kind kind)
{
	struct item it = next(c);

	if (it.kind == kind)
		return it;
	c->bad = true;
	return (struct item){.kind = kind};
}

uint64_t
mf_cbor_uint(mf_cur *c)
{
	return want(c, UINT).n;
}

bool
mf_cbor_bool(mf_cur *c)
{
	return want(c, BOOL).n != 0;
}

mf_str
mf_cbor_bytes(mf_cur *c)
{
	return want(c, BYTES).s;
}

mf_str
mf_cbor_text(mf_cur *c)
{
	return want(c, TEXT).s;
}

void
mf_cbor_tag(mf_cur *c, uint64_t tag)
{
	if (want(c, TAG).n != tag)
		c->bad = true;
}

bool
mf_cbor_null(mf_cur *c)
{
	mf_cur ahead = *c;

	if (c->bad || next(&ahead).kind != NUL)
		return false;
	*c = ahead;
	return true;
}

static mf_cbor_list
list(mf_cur *c, enum kind definite, enum kind open, uint64_t max)
{
	struct item it = next(c);

	if (!c->bad && it.kind == open)
		return (mf_cbor_list){.left = max, .open = true};
	if (it.kind != definite || it.n > max) {
		c->bad = true;
		return (mf_cbor_list){0};
	}
	return (mf_cbor_list){.left = it.n};
}

mf_cbor_list
mf_cbor_array(mf_cur *c, uint64_t max)
{
	return list(c, ARRAY, OPEN_ARRAY, max);
}

mf_cbor_list
mf_cbor_map(mf_cur *c, uint64_t max)
{
	return list(c, MAP, OPEN_MAP, max);
}

bool
mf_cbor_more(mf_cur *c, mf_cbor_list *l)
{
	if (c->bad)
		return false;
	if (l->open && c->n > 0 && *c->p == OPEN_BREAK) {
		(void)next(c);
		return false;
	}
	if (l->left == 0) {
		c->bad |= l->open; /* too many */
		return false;
	}
	l->left--;
	return true;
}

void
mf_cbor_skip(mf_cur *c)
{
	struct {
		uint64_t left; /* items still to come on this level */
		bool open;
	} at[MF_CBOR_DEPTH_MAX + 1] = {{1, false}};
	size_t depth = 0;

	while (!c->bad) {
		if (!at[depth].open && at[depth].left == 0) {
			if (depth == 0)
				return;
			depth--;
			continue;
		}
		struct item it = next(c);
		if (it.kind == BREAK) {
			c->bad |= !at[depth].open;
			at[depth].open = false;
			at[depth].left = 0;
			continue;
		}
		if (it.kind == OTHER || (it.kind == MAP && it.n > UINT64_MAX / 2)) {
			c->bad = true;
			return;
		}
		if (!at[depth].open)
			at[depth].left--;
		if (it.kind < ARRAY || it.kind > TAG)
			continue;
		if (depth == MF_CBOR_DEPTH_MAX) {
			c->bad = true;
			return;
		}
		depth++;
		at[depth].open = it.kind == OPEN_ARRAY || it.kind == OPEN_MAP;
		at[depth].left = it.kind == TAG ? 1 : it.kind == MAP ? 2 * it.n : it.n;
	}
}

/* -- writing ------------------------------------------------------------------------------------------------ */

enum { HEAD_MAX = 9 }; /* bytes before any content */

void
mf_cbor_add_uint(mf_buf *b, uint64_t v)
{
	uint8_t head[HEAD_MAX];

	mf_buf_add(b, head, cbor_encode_uint(v, head, sizeof(head)));
}

void
mf_cbor_add_bool(mf_buf *b, bool v)
{
	uint8_t head[HEAD_MAX];

	mf_buf_add(b, head, cbor_encode_bool(v, head, sizeof(head)));
}

void
mf_cbor_add_null(mf_buf *b)
{
	uint8_t head[HEAD_MAX];

	mf_buf_add(b, head, cbor_encode_null(head, sizeof(head)));
}

void
mf_cbor_add_bytes(mf_buf *b, mf_str s)
{
	uint8_t head[HEAD_MAX];

	mf_buf_add(b, head, cbor_encode_bytestring_start(s.n, head, sizeof(head)));
	mf_buf_adds(b, s);
}

void
mf_cbor_add_text(mf_buf *b, mf_str s)
{
	uint8_t head[HEAD_MAX];

	mf_buf_add(b, head, cbor_encode_string_start(s.n, head, sizeof(head)));
	mf_buf_adds(b, s);
}

void
mf_cbor_add_tag(mf_buf *b, uint64_t tag)
{
	uint8_t head[HEAD_MAX];

	mf_buf_add(b, head, cbor_encode_tag(tag, head, sizeof(head)));
}

void
mf_cbor_add_array(mf_buf *b, size_t n)
{
	uint8_t head[HEAD_MAX];

	mf_buf_add(b, head, cbor_encode_array_start(n, head, sizeof(head)));
}

void
mf_cbor_add_map(mf_buf *b, size_t n)
{
	uint8_t head[HEAD_MAX];

	mf_buf_add(b, head, cbor_encode_map_start(n, head, sizeof(head)));
}
