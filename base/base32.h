/** @file
 * Strict base32 in two spellings: Tahoe's (lower case, no padding, lafs.md 1.1) and RFC 4648
 * (upper case, padded) as used for keys in databases and in the HTTP API. */
#ifndef MF_BASE_BASE32_H
#define MF_BASE_BASE32_H

#include "base/buf.h"

/** Characters for @p n bytes without padding. */
#define MF_B32_LEN(n) (((n)*8 + 4) / 5)

void mf_b32_add(mf_buf *b, const void *p, size_t n);       /**< Tahoe's spelling */
void mf_b32_add_upper(mf_buf *b, const void *p, size_t n); /**< upper case with '=' */
/** Same, NUL-terminated, into @p out with room for MF_B32_LEN(n) + 1. */
void mf_b32(char *out, const void *p, size_t n);

/** Decode Tahoe's spelling.  @p out needs s.n*5/8 bytes; *n is set to the bytes written.
 *  @return false for upper case, bad length or stray low bits. */
bool mf_unb32(void *out, size_t *n, mf_str s);
/** Decode exactly @p n bytes. */
bool mf_unb32_n(void *out, size_t n, mf_str s);
/** Decode the padded upper-case spelling into exactly @p n bytes. */
bool mf_unb32_upper(void *out, size_t n, mf_str s);

#endif
