/* Checks of the store and of the folders' own directories. */
#include <config.h>

#include "daemon/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "daemon/files.h"
#include "daemon/text.h"
#include "sync/doc/relpath.h"

enum { MAX_DIRS = 2000000, LOW_PERCENT = 5, SKEW_S = 2 };

/* -- the store ---------------------------------------------------------------------------------------------- */

static void
check_space(const char *path, const char *check, mf_findings *all)
{
	struct statvfs v;
	uint64_t left, total;
	char text[24];

	if (statvfs(path, &v) != 0) {
		mf_finding_add(all, MF_FINDING_WRONG, check, "%s: %s", path, strerror(errno));
		return;
	}
	left = (uint64_t)v.f_bavail * v.f_frsize;
	total = (uint64_t)v.f_blocks * v.f_frsize;
	mf_text_size(left, text);
	if ((v.f_flag & ST_RDONLY) != 0)
		mf_finding_add(
			all, MF_FINDING_WRONG, check, "%s is on a read-only file system; mount it writable", path);
	else if (left * 100 < total * LOW_PERCENT)
		mf_finding_add(all, MF_FINDING_NOTE, check, "only %s are free at %s; make room or move it", text, path);
	else
		mf_finding_add(all, MF_FINDING_OK, check, "%s are free at %s", text, path);
	if (v.f_files > 0 && v.f_favail * 100 < v.f_files * LOW_PERCENT)
		mf_finding_add(all, MF_FINDING_NOTE, check,
			"only %llu more files fit at %s (inodes); every stored object is one",
			(unsigned long long)v.f_favail, path);
}

static void
ask_store(struct mf_config *c, mf_findings *all)
{
	struct mf_grid *grid = NULL;
	mf_grid_status status;
	mf_grid_conf conf;
	char used[24];
	mf_err err;
	mf_code rc = mf_config_grid_conf(c, &conf, &err);

	if (rc == MF_OK)
		rc = mf_grid_open(mf_config_grid(c), &conf, &grid, &err);
	sodium_memzero(&conf, sizeof(conf));
	if (rc == MF_OK)
		rc = grid->ops->status(grid, &status, NULL, &err);
	if (rc == MF_OK) {
		const mf_space space = {status.bytes_free, status.bytes_total, status.files_free, status.files_total};
		char warning[200];

		if (mf_text_space(&space, warning))
			mf_finding_add(all, MF_FINDING_NOTE, "store", "%s", warning);
		mf_text_size(status.bytes_used, used);
		mf_finding_add(all, MF_FINDING_OK, "store", "opens and has its identity; it holds %s%s",
			status.bytes_used > 0 ? "about " : "nothing yet, or it has not been measured",
			status.bytes_used > 0 ? used : "");
	} else {
		mf_finding_add(all, MF_FINDING_WRONG, "store", "%s", err.text);
	}
	mf_grid_close(grid);
}

void
mf_doctor_store(struct mf_config *c, mf_findings *all)
{
	const char *url = mf_config_grid(c), *path;
	struct stat st;

	if (strncmp(url, "node:", 5) == 0) {
		mf_doctor_node(url, all);
		return;
	}
	if (strncmp(url, "dir:", 4) != 0) {
		mf_finding_add(
			all, MF_FINDING_WRONG, "store", "grid '%s': only dir: and node: grids can be used so far", url);
		return;
	}
	path = url + 4;
	if (stat(path, &st) != 0 && errno == ENOENT) {
		mf_finding_add(all, MF_FINDING_NOTE, "store",
			"%s does not exist yet; the daemon makes it when it first runs."
			" If it should exist, mount its disk",
			path);
		return;
	}
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode) || access(path, R_OK | W_OK | X_OK) != 0) {
		mf_finding_add(all, MF_FINDING_WRONG, "store", "%s is not a directory that we may read and write: %s",
			path, errno != 0 ? strerror(errno) : "not a directory");
		return;
	}
	check_space(path, "store", all);
	ask_store(c, all);
}

/* -- folders ------------------------------------------------------------------------------------------------ */

struct roots {
	mf_findings *all;
	char **path;
	size_t n;
	uint64_t dirs;
};

/* Can the file system swap two names in one step?  Also shows whether it writes, and its clock. */
static void
check_exchange(const char *root, const char *name, mf_findings *all)
{
	char tmp[2][MF_TMP_NAME_MAX];
	uint8_t random[8];
	struct stat st;
	time_t now = time(NULL);
	int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1, rc = -1;

	for (int i = 0; i < 2; i++) {
		randombytes_buf(random, sizeof(random));
		mf_tmp_name(tmp[i], random);
		fd = dir >= 0 ? openat(dir, tmp[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
		if (fd < 0)
			break;
		if (fstat(fd, &st) == 0 && (st.st_mtime - now > SKEW_S || now - st.st_mtime > SKEW_S))
			mf_finding_add(all, MF_FINDING_NOTE, "clock",
				"the file system of folder '%s' is %lld s off this machine's"
				" clock; set one of them",
				name, (long long)(st.st_mtime - now));
		(void)close(fd);
	}
	if (fd < 0)
		mf_finding_add(all, MF_FINDING_WRONG, "folders", "nothing can be written in '%s' (%s): %s", name, root,
			strerror(errno));
	else
		rc = renameat2(dir, tmp[0], dir, tmp[1], RENAME_EXCHANGE);
	if (fd >= 0 && rc != 0)
		mf_finding_add(all, MF_FINDING_NOTE, "folders",
			"the file system of '%s' cannot swap two names at once (%s): a"
			" change made in the instant of a download is noticed a little less surely there",
			name, strerror(errno));
	for (int i = 0; i < 2 && dir >= 0; i++)
		(void)unlinkat(dir, tmp[i], 0);
	if (dir >= 0)
		(void)close(dir);
	if (rc == 0)
		mf_finding_add(all, MF_FINDING_OK, "folders", "'%s' is writable and swaps names safely", name);
}

static bool
inside(const char *outer, const char *inner)
{
	size_t n = strlen(outer);

	return strncmp(outer, inner, n) == 0 && (inner[n] == '/' || inner[n] == '\0');
}

static mf_code
check_folder(void *arg, const char *name, const char *state_dir, const char *grid)
{
	struct roots *r = arg;
	mf_folder_conf conf;
	struct stat st;
	mf_err err;

	(void)grid;
	if (mf_config_folder_conf(name, state_dir, &conf, &err) != MF_OK) {
		mf_finding_add(r->all, MF_FINDING_WRONG, "folders", "'%s': %s", name, err.text);
		return MF_OK;
	}
	if (stat(conf.magic_path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		mf_finding_add(r->all, MF_FINDING_WRONG, "folders",
			"'%s': %s is not there; nothing is synced until it is back."
			" Mount its disk, or leave the folder",
			name, conf.magic_path);
	} else {
		for (size_t i = 0; i < r->n; i++)
			if (inside(r->path[i], conf.magic_path) || inside(conf.magic_path, r->path[i]))
				mf_finding_add(r->all, MF_FINDING_WRONG, "folders",
					"%s and %s lie inside each other; leave one of them", r->path[i],
					conf.magic_path);
		if (inside(conf.magic_path, state_dir))
			mf_finding_add(r->all, MF_FINDING_WRONG, "folders",
				"'%s' holds our own configuration and would publish its"
				" secrets; leave it and sync another directory",
				name);
		check_exchange(conf.magic_path, name, r->all);
		check_space(conf.magic_path, "folders", r->all);
		r->path = mf_realloc_array(r->path, r->n + 1, sizeof(*r->path));
		r->path[r->n++] = mf_strdup(mf_strz(conf.magic_path));
	}
	mf_folder_conf_clear(&conf);
	return MF_OK;
}

/* -- inotify ------------------------------------------------------------------------------------------------ */

/* @return 0 where there is no such number */
static uint64_t
proc_number(const char *name)
{
	mf_buf path = {0}, text = {0};
	uint64_t v = 0;

	mf_buf_addf(&path, "/proc/sys/%s", name);
	if (mf_file_read((const char *)path.p, 64, &text, NULL) == MF_OK)
		v = strtoull((const char *)text.p, NULL, 10);
	mf_buf_free(&path);
	mf_buf_free(&text);
	return v;
}

/* Directories below @p root, links not followed; gives up at MAX_DIRS. */
static uint64_t
count_dirs(const char *root)
{
	char *paths[] = {(char *)(uintptr_t)root, NULL};
	uint64_t n = 0;
	FTS *fts;
	FTSENT *e;

	fts = fts_open(paths, FTS_PHYSICAL | FTS_XDEV, NULL);
	while (fts != NULL && n < MAX_DIRS && (e = fts_read(fts)) != NULL)
		n += e->fts_info == FTS_D ? 1 : 0;
	if (fts != NULL)
		(void)fts_close(fts);
	return n;
}

static void
check_inotify(const struct roots *r)
{
	mf_watching w = {.watches = proc_number("fs/inotify/max_user_watches"),
		.here = proc_number("user/max_inotify_watches"),
		.queue = proc_number("fs/inotify/max_queued_events")};

	for (size_t i = 0; i < r->n; i++)
		w.dirs += count_dirs(r->path[i]);
	mf_doctor_watching(&w, r->all);
}

void
mf_doctor_folders(struct mf_config *c, mf_findings *all)
{
	struct roots r = {.all = all};
	mf_err err;

	if (mf_config_folders(c, check_folder, &r, &err) != MF_OK)
		mf_finding_add(all, MF_FINDING_WRONG, "folders", "%s", err.text);
	check_inotify(&r);
	for (size_t i = 0; i < r.n; i++)
		free(r.path[i]);
	free(r.path);
}
