/** @file
 * The erasure code of Tahoe ("crs", zfec): Lagrange interpolation over GF(2^8)/0x11D (lafs.md 2.5).
 *
 * Block r of a segment is P(x_r), where x_0 = 0, x_r = 2^(r-1), and P is the polynomial of degree < k through
 * the k primary blocks; so blocks 0..k-1 are the pieces themselves, and encoding and decoding are the same act:
 * computing one block from k others.  Pure; [any] thread. */
#ifndef MF_GRID_LAFS_ZFEC_H
#define MF_GRID_LAFS_ZFEC_H

#include <stddef.h>
#include <stdint.h>

enum { MF_ZFEC_MAX = 256 }; /* blocks of a segment at most */

/** The coefficients that turn blocks @p have[0..k-1] (distinct, below MF_ZFEC_MAX) into block @p want. */
void mf_zfec_coef(uint32_t want, const uint32_t *have, uint32_t k, uint8_t *coef);

/** out = sum of coef[i] * block[i], bytewise; @p n bytes each; @p out overlaps no block. */
void mf_zfec_mix(uint8_t *out, const uint8_t *const *block, const uint8_t *coef, uint32_t k, size_t n);

/** One product in the field, for tests. */
uint8_t mf_zfec_mul(uint8_t a, uint8_t b);

#endif
