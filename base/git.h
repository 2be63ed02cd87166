/** @file
 * libgit2, made ready: no configuration of the user's or the system's takes part in what we ask of it. */
#ifndef MF_BASE_GIT_H
#define MF_BASE_GIT_H

/** [any] To be called before anything of libgit2; only the first call does something.  It stays until the process
 *  ends, with its few buffers. */
void mf_git_use(void);

#endif
