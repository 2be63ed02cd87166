/* The pid file (conformance case 56), read as Python and GridSync read it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

#include "daemon/files.h"
#include "daemon/pidfile.h"

static char dir[] = "/tmp/mf-pid-XXXXXX";
static char path[64];

static void
make_dir(void)
{
	cr_assert(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof(path), "%s/running.process", dir);
}

static void
remove_dir(void)
{
	cr_assert(mf_remove_tree(dir, NULL) == MF_OK);
}

static void
write_file(const char *text)
{
	cr_assert(mf_file_replace(path, mf_strz(text), 0600, NULL) == MF_OK);
}

/* A child that lives until it is killed. */
static pid_t
sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(30);
		for (;;)
			(void)pause();
	}
	return pid;
}

Test(pidfile, text_is_two_numbers, .timeout = 10)
{
	static const char *const bad[] = {"", "\n", "12", "12 ", "x 1.0", "12 x", "12 1.0 7", "-3 1.0", "0 1.0",
		"1e3 1.0", "12 nan", "12 inf", "99999999999 1.0"};
	pid_t pid;
	double started;

	cr_assert(mf_pidfile_parse(MF_STR("28014 1795421272.29\n"), &pid, &started) == MF_OK);
	cr_assert(pid == 28014 && started == 1795421272.29);
	cr_assert(mf_pidfile_parse(MF_STR("7\t1795421272"), &pid, &started) == MF_OK && pid == 7);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_assert(mf_pidfile_parse(mf_strz(bad[i]), &pid, &started) == MF_EFORMAT, "[%s]", bad[i]);
}

Test(pidfile, taken_written_and_removed, .timeout = 10, .init = make_dir, .fini = remove_dir)
{
	mf_pidfile p, again;
	mf_buf text = {0};
	pid_t pid;
	double wrote, now;
	bool stale;
	struct stat st;

	cr_assert(mf_pidfile_take(dir, &p, &stale, NULL) == MF_OK && !stale);
	cr_assert(mf_file_read(path, 128, &text, NULL) == MF_OK);
	cr_assert(text.p[text.n - 1] == '\n');
	cr_assert(mf_pidfile_parse(mf_buf_str(&text), &pid, &wrote) == MF_OK);
	cr_assert(mf_process_start(getpid(), &now, NULL) == MF_OK);
	cr_assert(pid == getpid() && wrote == now, "what readers compare must be exactly equal");
	cr_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	/* even when somebody removed the file under us */
	cr_assert(unlink(path) == 0);
	mf_err err;
	cr_assert(mf_pidfile_take(dir, &again, &stale, &err) == MF_EBUSY);
	cr_assert(strstr(err.text, "A process is already running as PID ") != NULL, "%s", err.text);
	(void)mf_pidfile_drop(&p);
	cr_assert(mf_pidfile_take(dir, &again, &stale, NULL) == MF_OK);
	cr_assert(mf_pidfile_drop(&again));
	cr_assert(access(path, F_OK) != 0);
	mf_buf_free(&text);
}

Test(pidfile, b39_a_live_daemon_is_respected_and_a_number_reused_is_not, .timeout = 20, .init = make_dir,
	.fini = remove_dir)
{
	pid_t pid = sleeper();
	double started;
	char text[96], want[96];
	mf_pidfile p;
	bool stale;
	mf_err err;

	cr_assert(mf_process_start(pid, &started, NULL) == MF_OK);
	(void)snprintf(text, sizeof(text), "%ld %.2f\n", (long)pid, started);
	write_file(text);
	(void)snprintf(want, sizeof(want), "A process is already running as PID %ld", (long)pid);
	cr_assert(mf_pidfile_take(dir, &p, &stale, &err) == MF_EBUSY);
	cr_assert(strcmp(err.text, want) == 0, "%s", err.text);
	/* another process got the number since: ten seconds apart */
	(void)snprintf(text, sizeof(text), "%ld %.2f\n", (long)pid, started - 10);
	write_file(text);
	cr_assert(mf_pidfile_take(dir, &p, &stale, &err) == MF_OK && stale, "%s", err.text);
	cr_assert(mf_pidfile_drop(&p));
	/* dead */
	(void)snprintf(text, sizeof(text), "%ld %.2f\n", (long)pid, started);
	write_file(text);
	(void)kill(pid, SIGKILL);
	(void)usleep(50000); /* a zombie now: nobody runs any more */
	cr_assert(mf_pidfile_take(dir, &p, &stale, &err) == MF_OK && stale, "%s", err.text);
	cr_assert(mf_pidfile_drop(&p));
	(void)waitpid(pid, NULL, 0);
	write_file(text);
	cr_assert(mf_pidfile_take(dir, &p, &stale, &err) == MF_OK && stale, "%s", err.text);
	cr_assert(mf_pidfile_drop(&p));
}

Test(pidfile, nonsense_and_a_held_lock_are_errors, .timeout = 20, .init = make_dir, .fini = remove_dir)
{
	char lock[80], want[160];
	mf_pidfile p;
	bool stale;
	mf_err err;
	int fd;

	write_file("nonsense\n");
	(void)snprintf(want, sizeof(want), "found invalid PID file in %s", path);
	cr_assert(mf_pidfile_take(dir, &p, &stale, &err) == MF_EFORMAT);
	cr_assert(strcmp(err.text, want) == 0, "%s", err.text);
	(void)unlink(path);
	(void)snprintf(lock, sizeof(lock), "%s.lock", path);
	fd = open(lock, O_RDWR | O_CREAT, 0600);
	cr_assert(flock(fd, LOCK_EX) == 0);
	(void)snprintf(want, sizeof(want), "Another process is still locking %s", path);
	cr_assert(mf_pidfile_take(dir, &p, &stale, &err) == MF_EBUSY);
	cr_assert(strcmp(err.text, want) == 0, "%s", err.text);
	(void)close(fd);
	/* at the end: GridSync holds the lock and looks at the file, so it stays */
	cr_assert(mf_pidfile_take(dir, &p, &stale, &err) == MF_OK);
	fd = open(lock, O_RDWR);
	cr_assert(flock(fd, LOCK_EX) == 0);
	cr_assert(!mf_pidfile_drop(&p));
	cr_assert(access(path, F_OK) == 0);
	(void)close(fd);
}
