/* The life of a mailbox server of its own. */
#include "daemon/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/files.h"

enum { STOP_MS = 1800, N_SIGNALS = 2, OTHER_FILES = 64 };

struct life {
	uv_loop_t loop;
	uv_signal_t signals[N_SIGNALS];
	uv_timer_t deadline;
	struct mf_env *env;
	struct mf_mailbox *mailbox;
};

static void
on_stopped(void *arg)
{
	struct life *d = arg;

	d->mailbox = NULL;
	uv_close((uv_handle_t *)&d->deadline, NULL);
	mf_env_real_close(d->env, NULL, NULL);
}

/* All that was promised is in the database. */
static void
on_deadline(uv_timer_t *timer)
{
	(void)timer;
	mf_log(MF_LOG_WARNING, "mailbox", NULL, "some work did not end in time; leaving it");
	_exit(0);
}

static void
on_signal(uv_signal_t *handle, int number)
{
	struct life *d = handle->data;

	mf_log(MF_LOG_INFO, "mailbox", NULL, "Received %s, shutting down.", number == SIGINT ? "SIGINT" : "SIGTERM");
	for (int i = 0; i < N_SIGNALS; i++)
		uv_close((uv_handle_t *)&d->signals[i], NULL);
	(void)uv_timer_start(&d->deadline, on_deadline, STOP_MS, 0);
	mf_mailbox_stop(d->mailbox, on_stopped, d);
}

static void
watch_signals(struct life *d)
{
	static const int numbers[N_SIGNALS] = {SIGTERM, SIGINT};

	for (int i = 0; i < N_SIGNALS; i++) {
		(void)uv_signal_init(&d->loop, &d->signals[i]);
		d->signals[i].data = d;
		(void)uv_signal_start(&d->signals[i], on_signal, numbers[i]);
	}
}

/* Every connection is a descriptor; what the system allows at most is taken if it is needed. */
static void
raise_files(unsigned conns)
{
	struct rlimit limit;
	rlim_t want = (rlim_t)conns + OTHER_FILES;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
		return;
	limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < want)
		mf_log(MF_LOG_WARNING, "mailbox", NULL, "only %llu files may be open, too few for %u connections",
			(unsigned long long)limit.rlim_cur, conns);
}

/* One server on a directory: the descriptor holds the lock until it is closed. */
static mf_code
take_state(const char *dir, int *lock, char **db, mf_err *err)
{
	char *path = NULL;
	mf_code rc = mf_mkdir_all(dir, 0700, err);

	if (rc != MF_OK)
		return rc;
	path = mf_path_join(dir, "lock");
	*lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*lock < 0)
		rc = mf_fail_errno(err, errno, "open %s", path);
	else if (flock(*lock, LOCK_EX | LOCK_NB) != 0)
		rc = mf_fail(err, MF_EBUSY, errno, "another mailbox server uses %s", dir);
	free(path);
	if (rc == MF_OK)
		*db = mf_path_join(dir, "mailbox.sqlite");
	return rc;
}

static void
tell_where(const mf_endpoint *bound)
{
	if (bound->kind == MF_ENDPOINT_UNIX)
		mf_log(MF_LOG_INFO, "mailbox", NULL, "Mailbox server ready at %s, path /v1", bound->path);
	else
		mf_log(MF_LOG_INFO, "mailbox", NULL, "Mailbox server ready at ws://%s%s%s:%u/v1",
			bound->kind == MF_ENDPOINT_TCP6 ? "[" : "", bound->host,
			bound->kind == MF_ENDPOINT_TCP6 ? "]" : "", (unsigned)bound->port);
}

static mf_code
serve(const mf_mailbox_conf *conf, mf_err *err)
{
	struct life d = {0};
	mf_endpoint bound;
	mf_code rc;

	(void)uv_loop_init(&d.loop);
	rc = mf_env_real_new(&d.loop, 1, &d.env, err);
	if (rc == MF_OK) {
		rc = mf_mailbox_start(&d.loop, d.env, conf, &d.mailbox, &bound, err);
		if (rc != MF_OK)
			mf_env_real_close(d.env, NULL, NULL);
	}
	if (rc == MF_OK) {
		(void)uv_timer_init(&d.loop, &d.deadline);
		watch_signals(&d);
		tell_where(&bound);
	}
	(void)uv_run(&d.loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&d.loop) != 0)
		MF_BUG("handles left over in the loop");
	return rc;
}

mf_code
mf_mailbox_run(const mf_mailbox_conf *conf, const char *state, mf_err *err)
{
	mf_mailbox_conf with = *conf;
	char *db = NULL;
	int lock = -1;
	mf_code rc = MF_OK;

	(void)mallopt(M_ARENA_MAX, 2);
	raise_files(conf->conns != 0 ? conf->conns : MF_MAILBOX_CONNS);
	if (state != NULL)
		rc = take_state(state, &lock, &db, err);
	with.core.path = db;
	if (rc == MF_OK)
		rc = serve(&with, err);
	if (lock >= 0)
		(void)close(lock);
	free(db);
	return rc;
}
