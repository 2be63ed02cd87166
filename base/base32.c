/* Strict base32. */
#include "base/base32.h"

static const char lower[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static size_t
encode(char *out, const uint8_t *p, size_t n, const char *alphabet)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		acc = acc << 8 | p[i];
		bits += 8;
		while (bits >= 5) {
			bits -= 5;
			out[k++] = alphabet[acc >> bits & 31];
		}
	}
	if (bits > 0)
		out[k++] = alphabet[acc << (5 - bits) & 31];
	return k;
}

void
mf_b32(char *out, const void *p, size_t n)
{
	out[encode(out, p, n, lower)] = '\0';
}

void
mf_b32_add(mf_buf *b, const void *p, size_t n)
{
	mf_buf_reserve(b, MF_B32_LEN(n));
	b->n += encode((char *)b->p + b->n, p, n, lower);
	b->p[b->n] = 0;
}

void
mf_b32_add_upper(mf_buf *b, const void *p, size_t n)
{
	mf_buf_reserve(b, MF_B32_LEN(n) + 8);
	size_t k = encode((char *)b->p + b->n, p, n, upper);
	b->n += k;
	b->p[b->n] = 0;
	for (; k % 8 != 0; k++)
		mf_buf_addc(b, '=');
}

static int
value_of(char c, char first)
{
	if (c >= first && c < first + 26)
		return c - first;
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

/* Tahoe's alphabet; directories of 100,000 entries are checked with every reading. */
static const int8_t lower_value[256] = {
	/* clang-format off */
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, 26, 27, 28, 29, 30, 31, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1,
	/* clang-format on */
	[128 ... 255] = -1,
};

/* Eight characters are five bytes. @return the 40 bits, or something negative. */
static int64_t
eight(const char *s)
{
	int64_t acc = 0;
	int bad = 0;

	for (unsigned i = 0; i < 8; i++) {
		int v = lower_value[(uint8_t)s[i]];
		bad |= v;
		acc = acc << 5 | (v & 31);
	}
	return bad < 0 ? -1 : acc;
}

static bool
decode(uint8_t *out, size_t *n, mf_str s, char first)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t k = 0, i = 0;

	switch (s.n % 8) {
	case 1:
	case 3:
	case 6: return false;
	}
	for (; first == 'a' && i + 8 <= s.n; i += 8) {
		int64_t v = eight(s.p + i);
		if (v < 0)
			return false;
		for (int shift = 32; shift >= 0; shift -= 8)
			out[k++] = (uint8_t)(v >> shift);
	}
	for (; i < s.n; i++) {
		int v = value_of(s.p[i], first);
		if (v < 0)
			return false;
		acc = acc << 5 | (uint32_t)v;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			out[k++] = (uint8_t)(acc >> bits);
		}
	}
	*n = k;
	return (acc & ((1u << bits) - 1)) == 0;
}

bool
mf_unb32(void *out, size_t *n, mf_str s)
{
	return decode(out, n, s, 'a');
}

bool
mf_unb32_n(void *out, size_t n, mf_str s)
{
	size_t k = 0;

	return s.n == MF_B32_LEN(n) && decode(out, &k, s, 'a') && k == n;
}

bool
mf_unb32_upper(void *out, size_t n, mf_str s)
{
	size_t k = 0;

	if (s.n % 8 != 0)
		return false;
	while (s.n > 0 && s.p[s.n - 1] == '=')
		s.n--;
	return s.n == MF_B32_LEN(n) && decode(out, &k, s, 'A') && k == n;
}
