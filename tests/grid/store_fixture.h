/** @file
 * A store of its own for each test, below /tmp or where MF_TEST_TMP says; removed at the end. */
#ifndef MF_TESTS_GRID_STORE_FIXTURE_H
#define MF_TESTS_GRID_STORE_FIXTURE_H

#include "grid/grid.h"
#include "grid/lafs/hash.h"

/** A grid "dir:" in a fresh directory. */
struct fixture {
	char dir[64];   /* the test's directory */
	char store[80]; /* STORE in it */
	struct mf_grid *g;
};
/** Opens with 16 x 'a' as convergence secret and 32 x 0x11 as lease secret, as the golden data. */
void fixture_init(struct fixture *f, uint32_t k, uint32_t n);
/** Another grid object on the same store. */
struct mf_grid *fixture_open(const struct fixture *f, uint32_t k, uint32_t n);
void fixture_deinit(struct fixture *f);

/** Make @p dir from template "/tmp/mf-store-XXXXXX", or remove it with all below. */
void make_dir(char dir[64]);
void remove_dir(const char *dir);

/** Path of share @p num of @p cap in the fixture's store. */
void share_path(const struct fixture *f, const char *cap, uint32_t num, char out[256]);
mf_buf read_path(const char *path);
void write_path(const char *path, const void *p, size_t n);
/** Flip one bit of a file. */
void flip(const char *path, size_t at);

/** Read all of a file by capability. */
mf_code fetch(struct mf_grid *g, const mf_filecap *cap, mf_buf *out, mf_err *err);
/** @p n bytes that differ for each @p seed and do not compress. */
mf_buf noise(uint32_t seed, size_t n);

#endif
