/** @file
 * Small files of the configuration: read whole, replaced whole.  Blocking; paths are NUL-terminated. */
#ifndef MF_DAEMON_FILES_H
#define MF_DAEMON_FILES_H

#include <sys/types.h>

#include "base/buf.h"

/** "a" and "b" give "a/b", on the heap. */
char *mf_path_join(const char *a, const char *b);
/** Append a whole file of at most @p max bytes; MF_EFORMAT if it is longer, MF_ENOTFOUND if missing. */
mf_code mf_file_read(const char *path, size_t max, mf_buf *out, mf_err *err);
/** Write beside it, sync, rename over it. */
mf_code mf_file_replace(const char *path, mf_str content, mode_t mode, mf_err *err);
/** Write a new file; MF_EEXIST and nothing changed if there is one: the file appears whole or not at all. */
mf_code mf_file_create(const char *path, mf_str content, mode_t mode, mf_err *err);
/** Make a directory and what lies above it; existing ones are fine.  The last gets @p mode. */
mf_code mf_mkdir_all(const char *path, mode_t mode, mf_err *err);
/** Remove a directory and everything below, never following links.  Goes on after failures; the first
 *  failure is reported. */
mf_code mf_remove_tree(const char *path, mf_err *err);
/** Absolute form of @p path: the working directory in front of a relative one, without "." and "//" and with
 *  ".." taken away textually (Python's os.path.abspath).  On the heap. */
char *mf_path_absolute(const char *path);

#endif
