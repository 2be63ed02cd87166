/** @file
 * Is what a member says of itself true? */
#ifndef MF_TESTS_SIM_SAYS_H
#define MF_TESTS_SIM_SAYS_H

#include "cast.h"

/** It says "up to date": then its disk is what its own directory on the grid shows, path by path, but for conflicts.
 *  @return NULL, also if it does not say so, or a sentence about the first difference (static memory). */
const char *says_check(struct member *m);
/** Every item that was queued must have finished or failed by now (peers.md I10). @return NULL or a sentence. */
const char *says_check_items(struct member *m);
bool says_up_to_date(struct member *m);

#endif
