/* What killed processes left in the configuration directory. */
#include "daemon/leftovers.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/files.h"

static const char tmp_end[] = ".tmp", mark_end[] = ".unlisted";

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

/* Is it NAME.PID.tmp, and the process gone? */
static bool
is_orphan(const char *name)
{
	size_t n = strlen(name) - strlen(tmp_end);
	long pid = 0;
	size_t digits = 0;

	if (!ends_with(name, tmp_end))
		return false;
	while (digits < n && isdigit((unsigned char)name[n - digits - 1]))
		digits++;
	if (digits == 0 || digits > 9 || digits + 1 >= n || name[n - digits - 1] != '.')
		return false;
	pid = strtol(name + n - digits, NULL, 10);
	return pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

void
mf_leftovers_tmp(const char *dir, const char *prefix)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 || !is_orphan(e->d_name))
			continue;
		char *path = mf_path_join(dir, e->d_name);
		(void)mf_remove_tree(path, NULL);
		free(path);
	}
	if (d != NULL)
		(void)closedir(d);
}

/* ---- state directories ------------------------------------------------------------------------------------ */

static char *
mark_of(const char *state_dir)
{
	mf_buf path = {0};

	mf_buf_addf(&path, "%s%s", state_dir, mark_end);
	return (char *)path.p;
}

bool
mf_leftovers_mark(const char *state_dir, enum mf_leftovers_for why)
{
	char *mark = mark_of(state_dir);
	struct stat st;
	int fd = -1;

	if (why == MF_LEFTOVERS_GOING || lstat(state_dir, &st) != 0)
		fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		(void)close(fd);
	free(mark);
	return fd >= 0;
}

void
mf_leftovers_unmark(const char *state_dir)
{
	char *mark = mark_of(state_dir);

	(void)unlink(mark);
	free(mark);
}

/* Directories are compared by their last name, which is made of the folder's: whatever way led here. */
struct looking {
	const char *base;
	bool listed;
};

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static mf_code
look_each(void *arg, const char *name, const char *state_dir, const char *grid)
{
	struct looking *l = arg;

	(void)name;
	(void)grid;
	l->listed |= strcmp(l->base, base_of(state_dir)) == 0;
	return MF_OK;
}

/* The mark stands: the directory goes unless it is a folder's after all. */
static void
settle(struct mf_config *config, const char *state_dir)
{
	struct looking l = {.base = base_of(state_dir)};
	mf_err err;

	if (mf_config_folders(config, look_each, &l, &err) != MF_OK)
		return; /* another time */
	if (!l.listed && mf_remove_tree(state_dir, &err) != MF_OK) {
		mf_log(MF_LOG_WARNING, "daemon", NULL, "%s", err.text);
		return;
	}
	if (!l.listed)
		mf_log(MF_LOG_INFO, "daemon", NULL, "removed what an interrupted command left: %s", state_dir);
	mf_leftovers_unmark(state_dir);
}

void
mf_leftovers_sweep(struct mf_config *config)
{
	const char *dir = mf_config_dir(config);
	char *private = mf_path_join(dir, "private");
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, "folder-", 7) != 0 || !ends_with(e->d_name, mark_end))
			continue;
		char *path = mf_path_join(dir, e->d_name);
		path[strlen(path) - strlen(mark_end)] = '\0';
		settle(config, path);
		free(path);
	}
	if (d != NULL)
		(void)closedir(d);
	mf_leftovers_tmp(dir, "");
	mf_leftovers_tmp(private, "");
	free(private);
}
