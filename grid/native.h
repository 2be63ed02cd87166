/** @file
 * What the back ends that know Tahoe's encodings have in common: no shares, no store, no network. */
#ifndef MF_GRID_NATIVE_H
#define MF_GRID_NATIVE_H

#include "grid/grid.h"
#include "grid/lafs/chk.h"
#include "grid/lafs/sdmf.h"

/** Parse capability text whose kind its type promises.  @p si: zero for literals, which have none. */
mf_code mf_native_cap(const char *text, mf_cap *out, uint8_t si[MF_KEY_SIZE], mf_err *err);

/** All bytes of a small source; @p p has room for them. */
mf_code mf_source_all(const mf_source *src, void *p, mf_err *err);

/** [off, off+len) of the content of a literal capability. */
mf_code mf_native_get_lit(const mf_cap *cap, uint64_t off, uint64_t len, mf_sink *sink, void *arg, mf_err *err);
/** Does a literal capability hold the source's bytes? */
mf_code mf_native_same_lit(const mf_cap *cap, const mf_source *src, bool *same, mf_err *err);
/** A sink that appends to the mf_buf in @p arg. */
mf_code mf_native_append(void *arg, const void *p, size_t n, mf_err *err);

/** The capability of the immutable directory whose packed form is the file @p file (lafs.md 1.2). */
void mf_native_immdir(const mf_filecap *file, mf_immdir *out);

/** Does @p seen, the version that a writer has looked at, name what is there?  NULL and number 0 name anything. */
mf_code mf_native_check_version(const mf_sdmf_head *is, const mf_dirver *seen, mf_err *err);
void mf_native_version_of(const mf_sdmf_head *is, mf_dirver *out); /**< @p out may be NULL */

/** Seconds since the epoch as directories note them: to the microsecond, as Python's. */
double mf_native_now(void);

#endif
