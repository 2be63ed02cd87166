/** @file
 * RSA of SDMF files, for the files of sdmf.h only. */
#ifndef MF_GRID_LAFS_SDMF_KEY_H
#define MF_GRID_LAFS_SDMF_KEY_H

#include "grid/lafs/sdmf.h"

/** RSASSA-PSS, SHA-256, MGF1-SHA-256, salt of 32 bytes. */
mf_code mf_sdmf_sign(const mf_sdmf_key *key, const void *p, size_t n, uint8_t out[MF_SDMF_SIGNATURE], mf_err *err);
/** MF_EFORMAT unless @p spki is an RSA key that made @p signature over @p p. */
mf_code mf_sdmf_check(mf_str spki, mf_str signature, const void *p, size_t n, mf_err *err);

#endif
