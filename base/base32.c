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

static bool
decode(uint8_t *out, size_t *n, mf_str s, char first)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t k = 0;

	switch (s.n % 8) {
	case 1:
	case 3:
	case 6: return false;
	}
	for (size_t i = 0; i < s.n; i++) {
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
