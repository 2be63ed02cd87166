/* The pid file. */
#include "daemon/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "daemon/files.h"

enum { LOCK_WAIT_MS = 2000, LOCK_STEP_MS = 20 };

/* Field 22 of /proc/PID/stat: ticks after boot. */
static mf_code
start_ticks(pid_t pid, uint64_t *ticks, mf_err *err)
{
	char path[64];
	mf_buf text = {0};
	mf_code rc;
	const char *p;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	rc = mf_file_read(path, 4096, &text, err);
	if (rc != MF_OK)
		return rc;
	/* the command's name may hold anything, blanks and parentheses included: look for the last ')' */
	p = strrchr((const char *)text.p, ')');
	rc = MF_ENOTFOUND;
	if (p != NULL && p[1] == ' ' && p[2] != 'Z' && p[2] != 'X') {
		p += 2;
		for (int field = 3; field < 22 && p != NULL; field++)
			p = strchr(p + 1, ' ');
		if (p != NULL && sscanf(p, "%" SCNu64, ticks) == 1)
			rc = MF_OK;
	}
	mf_buf_free(&text);
	return rc == MF_OK ? MF_OK : mf_fail(err, rc, 0, "process %ld is gone", (long)pid);
}

mf_code
mf_process_start(pid_t pid, double *out, mf_err *err)
{
	mf_buf text = {0};
	uint64_t ticks = 0, btime = 0;
	mf_code rc = start_ticks(pid, &ticks, err);
	const char *p;

	if (rc != MF_OK)
		return rc;
	rc = mf_file_read("/proc/stat", 4u << 20, &text, err);
	if (rc != MF_OK)
		return rc;
	p = strstr((const char *)text.p, "\nbtime ");
	if (p == NULL || sscanf(p, "\nbtime %" SCNu64, &btime) != 1)
		rc = mf_fail(err, MF_EIO, 0, "/proc/stat does not say when this machine started");
	mf_buf_free(&text);
	*out = (double)ticks / (double)sysconf(_SC_CLK_TCK) + (double)btime;
	return rc;
}

mf_code
mf_pidfile_parse(mf_str text, pid_t *pid, double *started)
{
	char copy[128], *end;
	long n;

	if (text.n == 0 || text.n >= sizeof(copy) || memchr(text.p, 0, text.n) != NULL)
		return MF_EFORMAT;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	errno = 0;
	n = strtol(copy, &end, 10);
	if (end == copy || errno != 0 || n <= 0 || n > INT32_MAX || (*end != ' ' && *end != '\t'))
		return MF_EFORMAT;
	*pid = (pid_t)n;
	char *field = end;
	*started = strtod(field, &end);
	if (end == field || !isfinite(*started))
		return MF_EFORMAT;
	return end[strspn(end, " \t\r\n")] == '\0' ? MF_OK : MF_EFORMAT;
}

/* Exclusive lock on @p path (made if missing), trying for @p wait_ms.  -1 and errno when it cannot be had. */
static int
lock_file(const char *path, int wait_ms)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += LOCK_STEP_MS) {
		struct timespec step = {0, LOCK_STEP_MS * 1000000L};
		if ((errno != EWOULDBLOCK && errno != EINTR) || waited >= wait_ms) {
			int saved = errno;
			(void)close(fd);
			errno = saved;
			return -1;
		}
		(void)nanosleep(&step, NULL);
	}
	return fd;
}

/* MF_OK when nobody else runs; *stale when a file of a dead process is in the way. */
static mf_code
look_at_old(const mf_pidfile *p, bool *stale, mf_err *err)
{
	mf_buf text = {0};
	pid_t pid = 0;
	double wrote = 0, now = 0;
	mf_code rc = mf_file_read(p->path, 128, &text, NULL);

	if (rc == MF_ENOTFOUND)
		return MF_OK;
	if (rc == MF_OK)
		rc = mf_pidfile_parse(mf_buf_str(&text), &pid, &wrote);
	mf_buf_free(&text);
	if (rc != MF_OK)
		return mf_fail(err, MF_EFORMAT, 0, "found invalid PID file in %s", p->path);
	/* another process may have got that number since: only the same start means the same process */
	if (pid != getpid() && mf_process_start(pid, &now, NULL) == MF_OK && fabs(now - wrote) <= 1.0)
		return mf_fail(err, MF_EBUSY, 0, "A process is already running as PID %ld", (long)pid);
	*stale = true;
	return MF_OK;
}

/* The lock that stays: its file holds our number, for the message of whoever comes second. */
static mf_code
take_own_lock(const char *dir, mf_pidfile *p, mf_err *err)
{
	char *private = mf_path_join(dir, "private"), *path = mf_path_join(private, "daemon.lock");
	char text[32] = "";
	mf_code rc = mf_mkdir_all(private, 0700, err); /* a configuration of the Python program has none */
	ssize_t got;

	free(private);
	if (rc != MF_OK) {
		free(path);
		return rc;
	}
	p->own_lock = lock_file(path, 0);
	if (p->own_lock < 0 && errno == EWOULDBLOCK) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		got = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			(void)close(fd);
		text[got > 0 ? strcspn(text, "\n") : 0] = '\0';
		rc = mf_fail(err, MF_EBUSY, 0, "A process is already running as PID %s", text[0] != '\0' ? text : "?");
	} else if (p->own_lock < 0) {
		rc = mf_fail_errno(err, errno, "lock %s", path);
	} else {
		int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
		if (ftruncate(p->own_lock, 0) != 0 || pwrite(p->own_lock, text, (size_t)n, 0) != n)
			rc = mf_fail_errno(err, errno, "write %s", path);
	}
	free(path);
	return rc;
}

static mf_code
write_own(const mf_pidfile *p, mf_err *err)
{
	mf_buf text = {0};
	double started;
	mf_code rc = mf_process_start(getpid(), &started, err);

	if (rc != MF_OK)
		return rc;
	mf_buf_addf(&text, "%ld ", (long)getpid());
	mf_json_add_real(&text, started); /* readers compare: it must read back as the same double */
	mf_buf_addc(&text, '\n');
	rc = mf_file_replace(p->path, mf_buf_str(&text), 0600, err);
	mf_buf_free(&text);
	return rc;
}

static void
clear(mf_pidfile *p)
{
	if (p->own_lock >= 0)
		(void)close(p->own_lock);
	free(p->path);
	free(p->lock_path);
	*p = (mf_pidfile){.own_lock = -1};
}

mf_code
mf_pidfile_take(const char *config_dir, mf_pidfile *out, bool *stale, mf_err *err)
{
	mf_code rc;
	int fd;

	*stale = false;
	*out = (mf_pidfile){.own_lock = -1};
	out->path = mf_path_join(config_dir, "running.process");
	out->lock_path = mf_path_join(config_dir, "running.process.lock");
	fd = lock_file(out->lock_path, LOCK_WAIT_MS);
	if (fd < 0) {
		if (errno == EWOULDBLOCK)
			rc = mf_fail(err, MF_EBUSY, 0, "Another process is still locking %s", out->path);
		else
			rc = mf_fail_errno(err, errno, "lock %s", out->lock_path);
		clear(out);
		return rc;
	}
	rc = look_at_old(out, stale, err);
	if (rc == MF_OK)
		rc = take_own_lock(config_dir, out, err);
	if (rc == MF_OK)
		rc = write_own(out, err);
	(void)close(fd);
	if (rc != MF_OK)
		clear(out);
	return rc;
}

bool
mf_pidfile_drop(mf_pidfile *p)
{
	bool removed = false;
	int fd;

	if (p->path == NULL)
		return false;
	fd = lock_file(p->lock_path, 0);
	if (fd >= 0) {
		removed = unlink(p->path) == 0;
		(void)close(fd);
	}
	clear(p);
	return removed;
}
