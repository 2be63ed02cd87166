/* Borrowed text, owned bytes, reading cursor. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

int
mf_str_cmp(mf_str a, mf_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (c != 0)
		return c;
	return a.n < b.n ? -1 : a.n > b.n;
}

bool
mf_str_starts(mf_str s, mf_str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

void *
mf_alloc(size_t n)
{
	void *p = calloc(1, n == 0 ? 1 : n);

	if (p == NULL)
		MF_BUG("out of memory for %zu bytes", n);
	return p;
}

void *
mf_realloc_array(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		MF_BUG("array of %zu x %zu bytes", n, size);
	p = realloc(p, bytes == 0 ? 1 : bytes);
	if (p == NULL)
		MF_BUG("out of memory for %zu bytes", bytes);
	return p;
}

char *
mf_strdup(mf_str s)
{
	char *z = mf_alloc(s.n + 1);

	if (s.n > 0)
		memcpy(z, s.p, s.n);
	return z;
}

void
mf_buf_free(mf_buf *b)
{
	free(b->p);
	*b = (mf_buf){0};
}

void
mf_buf_wipe_free(mf_buf *b)
{
	if (b->p != NULL)
		sodium_memzero(b->p, b->cap);
	mf_buf_free(b);
}

void
mf_buf_reserve(mf_buf *b, size_t more)
{
	size_t want;

	if (__builtin_add_overflow(b->n, more, &want) || __builtin_add_overflow(want, 1, &want))
		MF_BUG("buffer of %zu + %zu bytes", b->n, more);
	if (want <= b->cap)
		return;
	size_t cap = b->cap < 64 ? 64 : b->cap;
	while (cap < want)
		cap = cap > SIZE_MAX / 2 ? want : cap + cap / 2;
	b->p = mf_realloc_array(b->p, cap, 1);
	b->cap = cap;
}

void
mf_buf_add(mf_buf *b, const void *p, size_t n)
{
	mf_buf_reserve(b, n);
	if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = 0;
}

void
mf_buf_adds(mf_buf *b, mf_str s)
{
	mf_buf_add(b, s.p, s.n);
}

void
mf_buf_addz(mf_buf *b, const char *z)
{
	mf_buf_add(b, z, strlen(z));
}

void
mf_buf_addc(mf_buf *b, char c)
{
	mf_buf_add(b, &c, 1);
}

void
mf_buf_addf(mf_buf *b, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		MF_BUG("bad format %s", fmt);
	mf_buf_reserve(b, (size_t)n);
	(void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, again);
	va_end(again);
	b->n += (size_t)n;
}

void
mf_buf_add_u16(mf_buf *b, uint16_t v)
{
	uint8_t x[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	mf_buf_add(b, x, sizeof(x));
}

void
mf_buf_add_u32(mf_buf *b, uint32_t v)
{
	mf_buf_add_u16(b, (uint16_t)(v >> 16));
	mf_buf_add_u16(b, (uint16_t)v);
}

void
mf_buf_add_u64(mf_buf *b, uint64_t v)
{
	mf_buf_add_u32(b, (uint32_t)(v >> 32));
	mf_buf_add_u32(b, (uint32_t)v);
}

void
mf_buf_add_ns(mf_buf *b, const void *p, size_t n)
{
	char head[24];
	int k = snprintf(head, sizeof(head), "%zu:", n);

	mf_buf_reserve(b, n + (size_t)k + 1);
	mf_buf_add(b, head, (size_t)k);
	mf_buf_add(b, p, n);
	mf_buf_add(b, ",", 1);
}

mf_str
mf_cur_take(mf_cur *c, size_t n)
{
	if (c->bad || n > c->n) {
		c->bad = true;
		return (mf_str){NULL, 0};
	}
	mf_str s = {(const char *)c->p, n};
	c->p += n;
	c->n -= n;
	return s;
}

static uint64_t
big_endian(mf_cur *c, size_t n)
{
	mf_str s = mf_cur_take(c, n);
	uint64_t v = 0;

	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | (uint8_t)s.p[i];
	return v;
}

uint8_t
mf_cur_u8(mf_cur *c)
{
	return (uint8_t)big_endian(c, 1);
}

uint16_t
mf_cur_u16(mf_cur *c)
{
	return (uint16_t)big_endian(c, 2);
}

uint32_t
mf_cur_u32(mf_cur *c)
{
	return (uint32_t)big_endian(c, 4);
}

uint64_t
mf_cur_u64(mf_cur *c)
{
	return big_endian(c, 8);
}

mf_str
mf_cur_ns(mf_cur *c, size_t max)
{
	size_t n = 0, digits = 0;

	while (!c->bad && digits < c->n && c->p[digits] >= '0' && c->p[digits] <= '9') {
		n = n * 10 + (size_t)(c->p[digits] - '0');
		digits++;
		if (digits > 12 || (digits > 1 && c->p[0] == '0'))
			c->bad = true;
	}
	if (digits == 0 || n > max)
		c->bad = true;
	(void)mf_cur_take(c, digits);
	mf_str colon = mf_cur_take(c, 1);
	if (colon.n == 1 && colon.p[0] != ':')
		c->bad = true;
	mf_str s = mf_cur_take(c, n);
	mf_str comma = mf_cur_take(c, 1);
	if (comma.n == 1 && comma.p[0] != ',')
		c->bad = true;
	return c->bad ? (mf_str){NULL, 0} : s;
}

void
mf_hex(char *out, const void *p, size_t n)
{
	sodium_bin2hex(out, 2 * n + 1, p, n);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
mf_unhex(void *out, size_t n, mf_str s)
{
	uint8_t *o = out;

	if (s.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(s.p[2 * i]), lo = hex_digit(s.p[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		o[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

uint64_t
mf_hash_keyed(const uint8_t key[16], const void *p, size_t n)
{
	uint64_t h;

	_Static_assert(crypto_shorthash_BYTES == sizeof(h), "siphash-2-4 yields 64 bits");
	crypto_shorthash((uint8_t *)&h, p, n, key);
	return h;
}
