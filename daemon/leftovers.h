/** @file
 * What a process that was killed left in the configuration directory, and how it is known from what is needed.
 *
 * Small files are written as NAME.PID.tmp (files.h): what has the number of a process that is gone is a leftover.
 *
 * A folder's state directory is made before global.sqlite names it, and removed after it does not any more.  In
 * between, a mark stands beside it: an empty file STATE_DIR.unlisted.  A marked directory that global.sqlite does
 * not name is removed at the next start; without a mark none ever is, for it holds keys.  Blocking. */
#ifndef MF_DAEMON_LEFTOVERS_H
#define MF_DAEMON_LEFTOVERS_H

#include "daemon/config.h"

/** Remove what is named PREFIX*.PID.tmp in @p dir (a directory: with all in it) by processes that are gone. */
void mf_leftovers_tmp(const char *dir, const char *prefix);

/** Set the mark: the directory is about to be made (no mark then where there is one already: it is somebody's), or
 *  to go.  @return whether it is set. */
enum mf_leftovers_for { MF_LEFTOVERS_NEW, MF_LEFTOVERS_GOING };
bool mf_leftovers_mark(const char *state_dir, enum mf_leftovers_for why);
void mf_leftovers_unmark(const char *state_dir);

/** All of the configuration, by the one daemon that runs on it, before it opens a folder. */
void mf_leftovers_sweep(struct mf_config *config);

#endif
