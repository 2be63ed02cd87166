/** @file
 * Makes a failing life small: fewer steps and fewer kinds of trouble with which it still fails. */
#ifndef MF_TESTS_SIM_SHRINK_H
#define MF_TESTS_SIM_SHRINK_H

#include "life.h"

/** @p conf fails.  Tells on standard error how to see what is left of it: MF_LIFE="..." for life_of_text(). */
void shrink_life(const life_conf *conf, const char *suite);
/** The life that such a text means. @p skip holds it.  @return false: it means none. */
bool life_of_text(const char *text, life_conf *out, bool skip[], unsigned max);

enum { SHRINK_STEPS_MAX = 1000 };

#endif
