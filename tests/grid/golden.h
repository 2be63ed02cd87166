/** @file
 * Golden data for the tests: tests/golden/, origin in its README. */
#ifndef MF_TESTS_GRID_GOLDEN_H
#define MF_TESTS_GRID_GOLDEN_H

#include <jansson.h>

#include "base/buf.h"

/** A file below tests/golden/; fails the test when it cannot be read.  Freed by mf_buf_free(). */
mf_buf golden_file(const char *path);
/** The same as JSON; freed by json_decref(). */
json_t *golden_json(const char *path);
/** Text of member @p key; fails the test when there is none. */
const char *golden_str(const json_t *object, const char *key);
uint64_t golden_int(const json_t *object, const char *key);
/** Hex text to bytes; fails the test when it is none. */
mf_buf golden_unhex(const char *hex);
/** Base64 text to at most @p room bytes; @return how many. */
size_t golden_unbase64(void *out, size_t room, const char *text);
/** The data of an immutable container file: between the 12-byte header and the leases. */
mf_str golden_share(const mf_buf *container);
/** @p seed repeated and cut to @p size bytes: the plaintext of Tahoe's vectors. */
mf_buf golden_plain(mf_str seed, uint64_t size);

#endif
