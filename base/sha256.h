/** @file
 * Plain SHA-256 in pieces (libcrypto).  [any] thread, one at a time. */
#ifndef MF_BASE_SHA256_H
#define MF_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct mf_sha256;
struct mf_sha256 *mf_sha256_new(void);
void mf_sha256_add(struct mf_sha256 *s, const void *p, size_t n);
/** Writes the digest and frees @p s. */
void mf_sha256_end(struct mf_sha256 *s, uint8_t out[32]);

#endif
