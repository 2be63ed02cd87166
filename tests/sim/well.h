/** @file
 * Two people with many files in one folder, until all is well: both say "up to date", it is true, and their files are
 * the same. */
#ifndef MF_TESTS_SIM_WELL_H
#define MF_TESTS_SIM_WELL_H

#include "cast.h"

struct well_pair {
	struct cast c;
	struct member *a, *b;
	int64_t next_ms; /* when it is worth to look again whether all is well */
};

/** Alice writes @p files files d/NN.  @p dark: no watch events; only scans find things. */
void well_init(struct well_pair *p, uint64_t seed, bool dark, unsigned files);
/** Relpath of the @p i th file; static memory, four at a time. */
const char *well_name(unsigned i);
/** How many of the first @p files are there. */
unsigned well_count(struct member *m, unsigned files);
mf_folder_status well_status(struct member *m);
/** Fails the test unless all is well within five simulated minutes, and a minute later still is. */
void well_becomes(struct well_pair *p);

#endif
