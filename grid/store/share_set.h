/** @file
 * A set of share numbers, by value. */
#ifndef MF_GRID_STORE_SHARE_SET_H
#define MF_GRID_STORE_SHARE_SET_H

#include <stdbool.h>
#include <stdint.h>

enum { MF_SHARE_SET = 256 }; /**< numbers 0..255: no erasure code here makes more */

typedef struct mf_share_set {
	uint64_t bits[MF_SHARE_SET / 64];
} mf_share_set;

static inline void
mf_share_set_add(mf_share_set *s, uint32_t num)
{
	s->bits[num / 64] |= UINT64_C(1) << num % 64;
}

static inline void
mf_share_set_remove(mf_share_set *s, uint32_t num)
{
	s->bits[num / 64] &= ~(UINT64_C(1) << num % 64);
}

static inline bool
mf_share_set_has(const mf_share_set *s, uint32_t num)
{
	return num < MF_SHARE_SET && (s->bits[num / 64] >> num % 64 & 1) != 0;
}

static inline unsigned
mf_share_set_count(const mf_share_set *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MF_SHARE_SET / 64; i++)
		n += (unsigned)__builtin_popcountll(s->bits[i]);
	return n;
}

/** The lowest number that is not below @p from; MF_SHARE_SET when there is none. */
static inline uint32_t
mf_share_set_next(const mf_share_set *s, uint32_t from)
{
	while (from < MF_SHARE_SET && !mf_share_set_has(s, from))
		from++;
	return from;
}

#endif
