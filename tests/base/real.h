/** @file
 * What the tests of the production environment share: a loop, an environment and an empty directory. */
#ifndef MF_TESTS_BASE_REAL_H
#define MF_TESTS_BASE_REAL_H

#include <uv.h>

#include "base/env.h"

struct real {
	uv_loop_t loop;
	struct mf_env *env;
	const struct mf_env_ops *ops;
	struct mf_root *root;
	char dir[64]; /* absolute, no link in it */
};

void real_init(struct real *r);
/** Closes all and removes the directory. @return what uv_loop_close() said: 0 if no handle is left. */
int real_deinit(struct real *r);
/** Runs the loop until *flag is nonzero, at most @p ms. @return *flag. */
int real_run_until(struct real *r, const int *flag, uint64_t ms);
/** Absolute path of @p name in the directory; good until the next call but three. */
const char *real_path(struct real *r, const char *name);
/** Makes a file with that text, by plain system calls. */
void real_put(struct real *r, const char *name, const char *text);

#endif
