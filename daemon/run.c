/* The daemon's life. */
#include "daemon/run.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/api.h"
#include "daemon/leftovers.h"
#include "daemon/pidfile.h"

enum { STOP_MS = 1800, N_SIGNALS = 2 }; /* GridSync kills after 5 s; we promise 2 s */

struct life {
	uv_loop_t loop;
	uv_signal_t signals[N_SIGNALS];
	uv_poll_t input;
	uv_timer_t deadline;
	bool has_input, has_signals, stopping, stopped;
	struct mf_config *config;
	const mf_gbs_conf *serve;
	struct mf_env *env;
	struct mf_app *app;
	struct mf_http *http;
	struct mf_gbs *gbs;
	mf_pidfile pidfile;
	mf_api api;
	const mf_err *failed; /* why it could not start; NULL: it has, or nothing is known yet */
};

static void
on_env_closed(void *arg)
{
	struct life *d = arg;

	d->env = NULL;
	d->stopped = true;
}

static void
on_gbs_closed(void *arg)
{
	struct life *d = arg;

	d->gbs = NULL;
	uv_close((uv_handle_t *)&d->deadline, NULL);
	mf_env_real_close(d->env, on_env_closed, d);
}

static void
on_app_stopped(void *arg)
{
	struct life *d = arg;

	d->app = NULL;
	if (d->gbs != NULL)
		mf_gbs_close(d->gbs, on_gbs_closed, d);
	else
		on_gbs_closed(d);
}

static void
on_http_closed(void *arg)
{
	struct life *d = arg;

	d->http = NULL;
	if (d->app != NULL)
		mf_app_stop(d->app, on_app_stopped, d);
	else
		on_app_stopped(d);
}

/* What other programs look at says that we are gone.  Twice is harmless. */
static void
say_gone(struct life *d)
{
	mf_err err;

	if (d->config == NULL)
		return;
	if (mf_config_set_client_endpoint(d->config, NULL, &err) != MF_OK)
		mf_log(MF_LOG_WARNING, "daemon", NULL, "%s", err.text);
	if (d->pidfile.path != NULL) {
		mf_log(MF_LOG_INFO, "daemon", NULL, "Removing %s", d->pidfile.path);
		(void)mf_pidfile_drop(&d->pidfile);
	}
}

/* Something does not end (a file system that hangs).  All that matters is on disk or will be found again at
 * the next start, as after a power cut. */
static void
on_deadline(uv_timer_t *timer)
{
	struct life *d = timer->data;

	mf_log(MF_LOG_WARNING, "daemon", NULL, "some work did not end in time; leaving it");
	say_gone(d);
	mf_log(MF_LOG_INFO, "daemon", NULL, "Main loop terminated.");
	if (d->failed == NULL)
		_exit(0);
	(void)dprintf(STDERR_FILENO, "Error: %s\n", d->failed->text); /* as whoever called would have said */
	_exit(1);
}

static void
begin_stop(struct life *d)
{
	if (d->stopping)
		return;
	d->stopping = true;
	(void)uv_timer_start(&d->deadline, on_deadline, STOP_MS, 0);
	if (d->has_input) {
		(void)uv_poll_stop(&d->input);
		uv_close((uv_handle_t *)&d->input, NULL);
	}
	for (int i = 0; i < N_SIGNALS && d->has_signals; i++)
		uv_close((uv_handle_t *)&d->signals[i], NULL);
	if (d->http != NULL)
		mf_http_close(d->http, on_http_closed, d);
	else
		on_http_closed(d);
}

static void
on_signal(uv_signal_t *handle, int number)
{
	mf_log(MF_LOG_INFO, "daemon", NULL, "Received %s, shutting down.", number == SIGINT ? "SIGINT" : "SIGTERM");
	begin_stop(handle->data);
}

/* Whoever started us holds the other end; its end is ours (GridSync's way of taking us along). */
static void
on_input(uv_poll_t *handle, int status, int events)
{
	char waste[4096];
	ssize_t n = status < 0 ? 0 : read(STDIN_FILENO, waste, sizeof(waste));

	(void)events;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	mf_log(MF_LOG_INFO, "daemon", NULL, "Standard input was closed, shutting down.");
	begin_stop(handle->data);
}

/* Only a pipe or a socket can tell that somebody left; /dev/null, a terminal or nothing cannot. */
static void
watch_input(struct life *d)
{
	struct stat st;

	if (fstat(STDIN_FILENO, &st) != 0 || (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode)))
		return;
	if (uv_poll_init(&d->loop, &d->input, STDIN_FILENO) != 0)
		return;
	d->input.data = d;
	d->has_input = true;
	(void)uv_poll_start(&d->input, UV_READABLE | UV_DISCONNECT, on_input);
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
	d->has_signals = true;
}

static mf_code
listen_and_tell(struct life *d, mf_err *err)
{
	const mf_http_conf conf = {.handler = mf_api_handle, .arg = &d->api};
	mf_endpoint where, bound;
	mf_buf text = {0};
	mf_code rc = mf_endpoint_server(mf_strz(mf_config_api_endpoint(d->config)), &where, err);

	if (rc == MF_OK)
		rc = mf_http_listen(&d->loop, &where, &conf, &d->http, &bound, err);
	if (rc != MF_OK)
		return rc;
	if (bound.kind == MF_ENDPOINT_UNIX)
		mf_log(MF_LOG_INFO, "daemon", NULL, "Site starting on %s", bound.path);
	else
		mf_log(MF_LOG_INFO, "daemon", NULL, "Site starting on %u", (unsigned)bound.port);
	mf_endpoint_print(&bound, &text);
	rc = mf_config_set_client_endpoint(d->config, (const char *)text.p, err);
	mf_buf_free(&text);
	if (rc == MF_EBUSY) { /* the file is right, and that is what is read first */
		mf_log(MF_LOG_WARNING, "daemon", NULL, "%s", err->text);
		rc = MF_OK;
	}
	return rc;
}

/* The address is a secret: it goes to a terminal, where somebody waits for it, and not into a log that is kept. */
static mf_code
serve(struct life *d, mf_err *err)
{
	mf_code rc = mf_gbs_open(d->env, &d->loop, d->serve, &d->gbs, err);
	mf_buf where = {0};

	if (rc != MF_OK)
		return rc;
	mf_endpoint_print(mf_gbs_bound(d->gbs), &where);
	mf_log(MF_LOG_INFO, "serve", NULL, "Serving %s on %s; its address is in %s", d->serve->store,
		(const char *)where.p, mf_gbs_nurl_path(d->gbs));
	mf_buf_free(&where);
	if (isatty(STDOUT_FILENO))
		(void)dprintf(STDOUT_FILENO, "%s\n", mf_gbs_nurl(d->gbs));
	return MF_OK;
}

/* All that must be right before the readiness line. */
static mf_code
start(struct life *d, mf_err *err)
{
	mf_code rc = MF_OK;

	if (d->app != NULL)
		rc = mf_config_token(d->config, d->api.token, err);
	if (rc == MF_OK && d->app != NULL)
		rc = mf_app_load(d->app, err);
	if (rc == MF_OK && d->serve != NULL)
		rc = serve(d, err);
	if (rc == MF_OK && d->app != NULL)
		rc = listen_and_tell(d, err);
	return rc;
}

static mf_code
take_config(struct life *d, mf_err *err)
{
	bool stale;
	mf_code rc = mf_pidfile_take(mf_config_dir(d->config), &d->pidfile, &stale, err);

	if (rc != MF_OK)
		return rc;
	if (stale)
		mf_log(MF_LOG_INFO, "daemon", NULL, "'%s' refers to a process that isn't running", d->pidfile.path);
	mf_leftovers_sweep(d->config);
	return MF_OK;
}

static mf_code
set_up(struct life *d, mf_err *err)
{
	mf_code rc = MF_OK;

	(void)mallopt(M_ARENA_MAX, 2); /* many threads, little memory */
	(void)uv_loop_init(&d->loop);
	(void)uv_timer_init(&d->loop, &d->deadline);
	d->deadline.data = d;
	if (d->config != NULL)
		rc = take_config(d, err);
	if (rc == MF_OK)
		rc = mf_env_real_new(&d->loop, 0, &d->env, err);
	if (rc != MF_OK)
		return rc;
	if (d->config != NULL) {
		d->app = mf_app_new(d->env, d->config);
		d->api.app = d->app;
		d->api.started_ns = d->env->ops->now_ns(d->env);
	}
	watch_signals(d);
	watch_input(d);
	return start(d, err);
}

mf_code
mf_daemon_run(const mf_daemon_conf *conf, mf_err *err)
{
	const mf_log_conf log = {.least = conf->least, .format = conf->format, .fd = STDOUT_FILENO};
	struct life d = {.config = conf->config, .serve = conf->serve, .pidfile = {.own_lock = -1}};
	mf_code rc;

	mf_log_open(&log);
	rc = set_up(&d, err);
	if (rc == MF_OK) {
		mf_log(MF_LOG_INFO, "daemon", NULL,
			conf->config != NULL ? "Completed initial Magic Folder setup" : "Ready");
		if (d.app != NULL)
			mf_app_start(d.app);
	} else if (d.env != NULL) {
		d.failed = err;
		begin_stop(&d);
	} else {
		uv_close((uv_handle_t *)&d.deadline, NULL);
	}
	(void)uv_run(&d.loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&d.loop) != 0 && rc == MF_OK)
		MF_BUG("handles left over in the loop");
	if (d.pidfile.path != NULL)
		say_gone(&d);
	sodium_memzero(&d.api, sizeof(d.api));
	mf_log(MF_LOG_INFO, "daemon", NULL, "Main loop terminated.");
	mf_log_close();
	return rc;
}
