/** @file
 * The pid file `running.process`, shared with the Python daemon and with GridSync, and a lock of our own
 * that holds as long as the process lives (GridSync removes the pid file under a running daemon).
 * Source: datamodel-and-sync.md 6.5, cli.md 4, gridsync-needs.md 2.
 */
#ifndef MF_DAEMON_PIDFILE_H
#define MF_DAEMON_PIDFILE_H

#include <sys/types.h>

#include "base/buf.h"

typedef struct mf_pidfile {
	char *path;      /**< DIR/running.process */
	char *lock_path; /**< DIR/running.process.lock: held only while the pid file is read or written */
	int own_lock;    /**< descriptor of DIR/private/daemon.lock, locked until mf_pidfile_drop() */
} mf_pidfile;

/** Become the one daemon of @p config_dir.  @p stale is set when a file of a process that is gone was
 *  replaced.  Waits at most 2 s for the lock.
 *  @return MF_EBUSY with Python's sentence ("A process is already running as PID N", "Another process is
 *  still locking ..."), MF_EFORMAT "found invalid PID file in ...", MF_EIO. */
mf_code mf_pidfile_take(const char *config_dir, mf_pidfile *out, bool *stale, mf_err *err);
/** Remove the file if its lock can be had at once; leave it otherwise (GridSync is looking at it).
 *  @return whether it was removed. */
bool mf_pidfile_drop(mf_pidfile *p);

/** Seconds since the epoch at which @p pid started, as psutil computes it; MF_ENOTFOUND if there is no such
 *  process (or only its zombie). */
mf_code mf_process_start(pid_t pid, double *out, mf_err *err);
/** MF_EFORMAT unless @p text is two blank-separated fields, an integer and a float. */
mf_code mf_pidfile_parse(mf_str text, pid_t *pid, double *started);

#endif
