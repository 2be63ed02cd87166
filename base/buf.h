/** @file
 * Borrowed text, owned bytes, and a reading cursor with a sticky error.
 * Nothing here touches files, time or the network. */
#ifndef MF_BASE_BUF_H
#define MF_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/** Borrowed bytes or text, no NUL promised; @p p may be NULL when n is 0. */
typedef struct mf_str {
	const char *p;
	size_t n;
} mf_str;

#define MF_STR(literal) ((mf_str){(literal), sizeof(literal) - 1})

static inline mf_str
mf_strz(const char *z)
{
	return (mf_str){z, strlen(z)};
}

static inline bool
mf_str_eq(mf_str a, mf_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/** Order by bytes, the shorter first when one is the other's beginning. */
int mf_str_cmp(mf_str a, mf_str b);
bool mf_str_starts(mf_str s, mf_str prefix);

/** Owned bytes that grow; starts as {0}, ends with mf_buf_free().
 *  Invariants: p is NULL only if cap is 0; n <= cap; if cap > 0 then p[n] == 0 exists
 *  (a convenience for printing, never counted in n).
 *  Growth aborts the process when memory is out: callers bound sizes before they append. */
typedef struct mf_buf {
	uint8_t *p;
	size_t n, cap;
} mf_buf;

void mf_buf_free(mf_buf *b);      /**< frees and zeroes *b; safe to repeat */
void mf_buf_wipe_free(mf_buf *b); /**< overwrites the bytes first: for secrets */
void mf_buf_reserve(mf_buf *b, size_t more);
void mf_buf_add(mf_buf *b, const void *p, size_t n);
void mf_buf_adds(mf_buf *b, mf_str s);
void mf_buf_addz(mf_buf *b, const char *z);
void mf_buf_addc(mf_buf *b, char c);
void mf_buf_addf(mf_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void mf_buf_add_u16(mf_buf *b, uint16_t v); /* big-endian, as everywhere in Tahoe */
void mf_buf_add_u32(mf_buf *b, uint32_t v);
void mf_buf_add_u64(mf_buf *b, uint64_t v);
/** Netstring: decimal length, ':', bytes, ','. */
void mf_buf_add_ns(mf_buf *b, const void *p, size_t n);

static inline mf_str
mf_buf_str(const mf_buf *b)
{
	return (mf_str){(const char *)b->p, b->n};
}

/** A NUL-terminated copy on the heap, freed by the caller with free(). */
char *mf_strdup(mf_str s);

/** Allocate or abort: for small things whose size we chose ourselves. */
void *mf_alloc(size_t n); /* zeroed */
void *mf_realloc_array(void *p, size_t n, size_t size);

/** Reads borrowed bytes front to back.  After the first failure every read
 *  yields zero or an empty string and `bad` stays set: parse straight, check once. */
typedef struct mf_cur {
	const uint8_t *p;
	size_t n; /* bytes left */
	bool bad;
} mf_cur;

static inline mf_cur
mf_cur_of(const void *p, size_t n)
{
	return (mf_cur){p, n, false};
}
uint8_t mf_cur_u8(mf_cur *c);
uint16_t mf_cur_u16(mf_cur *c);
uint32_t mf_cur_u32(mf_cur *c);
uint64_t mf_cur_u64(mf_cur *c);
mf_str mf_cur_take(mf_cur *c, size_t n);
/** One netstring of at most @p max bytes.  Strict: no leading zeros but "0", comma required. */
mf_str mf_cur_ns(mf_cur *c, size_t max);

/** Lower-case hex. @p out has room for 2*n+1. */
void mf_hex(char *out, const void *p, size_t n);
/** @return false unless @p s is exactly 2*n hex digits. */
bool mf_unhex(void *out, size_t n, mf_str s);

/** Open-addressing friendly 64-bit hash of bytes (not keyed, not for adversaries' tables that matter;
 *  tables built on names from outside use mf_hash_keyed()). */
uint64_t mf_hash_keyed(const uint8_t key[16], const void *p, size_t n);

#endif
