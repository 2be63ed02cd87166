/* The configuration directory. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/config.h"
#include "daemon/files.h"
#include "daemon/leftovers.h"

static char base[] = "/tmp/mf-config-XXXXXX";
static char dir[64], global[80];

static void
begin(void)
{
	cr_assert(sodium_init() >= 0);
	cr_assert(mkdtemp(base) != NULL);
	(void)snprintf(dir, sizeof(dir), "%s/c", base);
	(void)snprintf(global, sizeof(global), "%s/global.sqlite", dir);
}

static void
end(void)
{
	(void)mf_remove_tree(base, NULL);
}

static struct mf_config *
make(void)
{
	const mf_config_new what = {.api_endpoint = "tcp:0:interface=127.0.0.1", .grid = "dir:/nowhere"};
	struct mf_config *c;
	mf_err err;

	cr_assert(mf_config_create(dir, &what, &err) == MF_OK, "%s", err.text);
	cr_assert(mf_config_open(dir, 100, 0, &c, &err) == MF_OK, "%s", err.text);
	return c;
}

static void
sql(const char *path, const char *text)
{
	sqlite3 *db;

	cr_assert(sqlite3_open(path, &db) == SQLITE_OK);
	cr_assert(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	(void)sqlite3_close(db);
}

static mode_t
mode_of(const char *name)
{
	char path[160];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	cr_assert(stat(path, &st) == 0, "%s", path);
	return st.st_mode & 0777;
}

Test(config, b34_a_new_one_is_private_and_complete, .timeout = 20, .init = begin, .fini = end)
{
	mode_t old = umask(0);
	struct mf_config *c = make();
	char token[MF_TOKEN_LEN + 1];
	mf_grid_conf one, two;

	(void)umask(old);
	cr_assert(mode_of("") == 0700 && mode_of("private") == 0700);
	cr_assert(mode_of("global.sqlite") == 0600 && mode_of("api_token") == 0600 && mode_of("README") == 0600);
	cr_assert(mode_of("private/convergence") == 0600 && mode_of("private/secret") == 0600);
	cr_assert(mf_config_token(c, token, NULL) == MF_OK && strlen(token) == 44);
	cr_assert(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=") == 44);
	cr_assert(mf_config_grid_conf(c, &one, NULL) == MF_OK && mf_config_grid_conf(c, &two, NULL) == MF_OK);
	cr_assert(memcmp(&one, &two, sizeof(one)) == 0, "secrets are made once");
	cr_assert(memcmp(one.convergence, one.lease_secret, 32) != 0);
	cr_assert(strcmp(mf_config_grid(c), "dir:/nowhere") == 0 && mf_config_node_directory(c) == NULL);
	mf_config_close(c);
	const mf_config_new what = {.api_endpoint = "tcp:1", .grid = "dir:/x"};
	cr_assert(mf_config_create(dir, &what, NULL) == MF_EEXIST);
}

Test(config, a_missing_token_is_made_anew, .timeout = 20, .init = begin, .fini = end)
{
	struct mf_config *c = make();
	char a[MF_TOKEN_LEN + 1], b[MF_TOKEN_LEN + 1], path[100];

	cr_assert(mf_config_token(c, a, NULL) == MF_OK);
	(void)snprintf(path, sizeof(path), "%s/api_token", dir);
	(void)unlink(path);
	cr_assert(mf_config_token(c, b, NULL) == MF_OK && strcmp(a, b) != 0);
	cr_assert(mf_file_replace(path, MF_STR("short"), 0600, NULL) == MF_OK);
	cr_assert(mf_config_token(c, b, NULL) == MF_EFORMAT);
	mf_config_close(c);
}

Test(config, newer_schema_is_refused_untouched_and_older_is_upgraded, .timeout = 20, .init = begin, .fini = end)
{
	struct mf_config *c = make();
	mf_err err;

	mf_config_close(c);
	sql(global, "PRAGMA user_version = 4");
	cr_assert(mf_config_open(dir, 100, 0, &c, &err) == MF_EUNSUPPORTED);
	cr_assert(strstr(err.text, "version 4") != NULL && strstr(err.text, "up to 3") != NULL, "%s", err.text);
	/* as the Python program's first release left it */
	(void)unlink(global);
	sql(global,
		"CREATE TABLE magic_folders (name TEXT PRIMARY KEY, location TEXT);"
		"CREATE TABLE config (api_endpoint TEXT, tahoe_node_directory TEXT, api_client_endpoint TEXT);"
		"INSERT INTO config VALUES ('tcp:1234', '/node', NULL); PRAGMA user_version = 1");
	cr_assert(mf_config_open(dir, 100, 0, &c, &err) == MF_OK, "%s", err.text);
	char *mailbox = mf_config_mailbox(c);
	cr_assert(strcmp(mailbox, MF_DEFAULT_MAILBOX) == 0);
	cr_assert(strcmp(mf_config_grid(c), "node:/node") == 0);
	free(mailbox);
	mf_config_close(c);
	cr_assert(mf_config_open("/nonexistent", 100, 0, &c, &err) == MF_ENOTFOUND);
}

Test(config, client_endpoint_goes_to_file_and_column, .timeout = 20, .init = begin, .fini = end)
{
	struct mf_config *c = make();
	char path[100], *said;
	mf_buf text = {0};

	(void)snprintf(path, sizeof(path), "%s/api_client_endpoint", dir);
	cr_assert(access(path, F_OK) != 0, "nothing has listened yet");
	cr_assert(mf_config_client_endpoint(c, &said, NULL) == MF_ENOTFOUND && said == NULL);
	cr_assert(mf_config_set_client_endpoint(c, "tcp:127.0.0.1:99", NULL) == MF_OK);
	cr_assert(mf_file_read(path, 100, &text, NULL) == MF_OK);
	cr_assert(mf_str_eq(mf_buf_str(&text), MF_STR("tcp:127.0.0.1:99\n")));
	said = mf_config_client_endpoint_column(c);
	cr_assert(strcmp(said, "tcp:127.0.0.1:99") == 0);
	free(said);
	cr_assert(mf_config_set_client_endpoint(c, NULL, NULL) == MF_OK);
	text.n = 0;
	cr_assert(mf_file_read(path, 100, &text, NULL) == MF_OK);
	cr_assert(mf_str_eq(mf_buf_str(&text), MF_STR("not running\n")));
	cr_assert(mf_config_client_endpoint(c, &said, NULL) == MF_ENOTFOUND);
	mf_buf_free(&text);
	mf_config_close(c);
}

static mf_code
list(void *arg, const char *name, const char *state_dir, const char *grid)
{
	mf_buf_addf(arg, "%s|%s|%s;", name, state_dir, grid);
	return MF_OK;
}

Test(config, folders_come_and_go_in_code_point_order, .timeout = 20, .init = begin, .fini = end)
{
	struct mf_config *c = make();
	mf_buf all = {0};
	char *state;

	cr_assert(mf_config_folder_add(c, "\xc3\xbc", "/s1", NULL, NULL) == MF_OK);
	cr_assert(mf_config_folder_add(c, "b", "/s2", "dir:/own", NULL) == MF_OK);
	cr_assert(mf_config_folder_add(c, "Z", "/s3", NULL, NULL) == MF_OK);
	cr_assert(mf_config_folder_add(c, "b", "/s4", NULL, NULL) == MF_EEXIST);
	cr_assert(mf_config_folders(c, list, &all, NULL) == MF_OK);
	cr_assert(strcmp((const char *)all.p, "Z|/s3|dir:/nowhere;b|/s2|dir:/own;\xc3\xbc|/s1|dir:/nowhere;") == 0,
		"%s", (const char *)all.p);
	cr_assert(mf_config_folder_remove(c, "b", NULL) == MF_OK);
	all.n = 0;
	cr_assert(mf_config_folders(c, list, &all, NULL) == MF_OK);
	cr_assert(strcmp((const char *)all.p, "Z|/s3|dir:/nowhere;\xc3\xbc|/s1|dir:/nowhere;") == 0);
	mf_buf_free(&all);
	/* the name of golden/config-tree.txt */
	state = mf_config_state_dir(c, "golden");
	cr_assert(
		strcmp(state + strlen(dir), "/folder-3VbeQTeVHZySaBsDQW7BX4hrRIKifjpRfTLwhSRMvl0=") == 0, "%s", state);
	free(state);
	mf_config_close(c);
}

/* The number of a process that is gone. */
static long
dead(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	cr_assert(pid > 0 && waitpid(pid, NULL, 0) == pid);
	return (long)pid;
}

static bool
put(const char *path, bool directory)
{
	return directory ? mkdir(path, 0700) == 0 : mf_file_replace(path, MF_STR("x"), 0600, NULL) == MF_OK;
}

Test(config, what_a_killed_init_left_is_no_obstacle_and_goes, .timeout = 20, .init = begin, .fini = end)
{
	long gone = dead();
	char ours[100], other[100], inside[120];

	(void)snprintf(ours, sizeof(ours), "%s.%ld.tmp", dir, gone);
	(void)snprintf(inside, sizeof(inside), "%s/global.sqlite", ours);
	(void)snprintf(other, sizeof(other), "%s.%ld.tmp", dir, (long)getppid());
	cr_assert(put(ours, true) && put(inside, false) && put(other, true));
	mf_config_close(make());
	cr_assert(access(ours, F_OK) != 0, "its maker is gone");
	cr_assert(access(other, F_OK) == 0, "its maker is still at it");
}

Test(config, leftovers_go_and_what_is_not_known_to_be_one_stays, .timeout = 20, .init = begin, .fini = end)
{
	static const char *const dirs[] = {"folder-new", "folder-kept", "folder-old"};
	struct mf_config *c = make();
	long gone = dead();
	char path[4][100], names[5][500];

	for (int i = 0; i < 3; i++) {
		(void)snprintf(path[i], sizeof(path[i]), "%s/%s", dir, dirs[i]);
		if (i < 2) /* the third is of a time without marks, or of another program */
			cr_assert(mf_leftovers_mark(path[i], MF_LEFTOVERS_NEW));
		cr_assert(put(path[i], true));
		(void)snprintf(names[i], sizeof(names[i]), "%s/state.sqlite", path[i]);
		cr_assert(put(names[i], false));
		cr_assert(!mf_leftovers_mark(path[i], MF_LEFTOVERS_NEW), "it is there already");
	}
	/* listed by another way to it */
	cr_assert(mf_config_folder_add(c, "kept", "/elsewhere/folder-kept", NULL, NULL) == MF_OK);
	(void)snprintf(names[0], sizeof(names[0]), "%s/api_token.%ld.tmp", dir, gone);
	(void)snprintf(names[1], sizeof(names[1]), "%s/private/secret.%ld.tmp", dir, gone);
	(void)snprintf(names[2], sizeof(names[2]), "%s/api_token.%ld.tmp", dir, (long)getpid());
	(void)snprintf(names[3], sizeof(names[3]), "%s/mine.tmp", dir);
	(void)snprintf(names[4], sizeof(names[4]), "%s/mine.2020", dir);
	for (int i = 0; i < 5; i++)
		cr_assert(put(names[i], false));
	mf_leftovers_sweep(c);
	for (int i = 0; i < 5; i++)
		cr_assert((access(names[i], F_OK) == 0) == (i >= 2), "%s", names[i]);
	for (int i = 0; i < 3; i++)
		cr_assert((access(path[i], F_OK) == 0) == (i > 0), "%s", path[i]);
	cr_assert(mf_leftovers_mark(path[1], MF_LEFTOVERS_GOING));
	cr_assert(mf_config_folder_remove(c, "kept", NULL) == MF_OK);
	mf_leftovers_sweep(c);
	cr_assert(access(path[1], F_OK) != 0 && access(path[2], F_OK) == 0);
	mf_config_close(c);
}

Test(config, a_locked_database_is_busy_not_broken, .timeout = 20, .init = begin, .fini = end)
{
	struct mf_config *c = make();
	sqlite3 *other;
	mf_err err;

	cr_assert(sqlite3_open(global, &other) == SQLITE_OK);
	cr_assert(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
	cr_assert(mf_config_folder_add(c, "x", "/s", NULL, &err) == MF_EBUSY, "%s", err.text);
	cr_assert(mf_config_set_client_endpoint(c, "tcp:127.0.0.1:5", &err) == MF_EBUSY);
	char *said;
	cr_assert(mf_config_client_endpoint(c, &said, NULL) == MF_OK, "the file is written all the same");
	free(said);
	cr_assert(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
	(void)sqlite3_close(other);
	cr_assert(mf_config_folder_add(c, "x", "/s", NULL, &err) == MF_OK, "%s", err.text);
	mf_config_close(c);
}

Test(files, paths_become_absolute_as_in_python, .timeout = 10)
{
	static const struct {
		const char *given, *want;
	} rows[] = {
		{"/a/b", "/a/b"}, {"/a//b/", "/a/b"}, {"/a/./b/../c", "/a/c"}, {"/..", "/"}, {"/", "/"}, {"//x", "/x"}};
	char *got;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		got = mf_path_absolute(rows[i].given);
		cr_assert(strcmp(got, rows[i].want) == 0, "%s -> %s", rows[i].given, got);
		free(got);
	}
	cr_assert(chdir("/usr") == 0);
	got = mf_path_absolute("x/../y");
	cr_assert(strcmp(got, "/usr/y") == 0, "%s", got);
	free(got);
}

Test(files, removing_a_tree_does_not_follow_links, .timeout = 10, .init = begin, .fini = end)
{
	char in[100], out[100], link[100], kept[160];

	(void)snprintf(in, sizeof(in), "%s/in/a/b", base);
	(void)snprintf(out, sizeof(out), "%s/out", base);
	(void)snprintf(kept, sizeof(kept), "%s/file", out);
	(void)snprintf(link, sizeof(link), "%s/in/a/link", base);
	cr_assert(mf_mkdir_all(in, 0700, NULL) == MF_OK && mf_mkdir_all(out, 0700, NULL) == MF_OK);
	cr_assert(mf_file_create(kept, MF_STR("x"), 0600, NULL) == MF_OK);
	cr_assert(mf_file_create(kept, MF_STR("y"), 0600, NULL) == MF_EEXIST);
	cr_assert(symlink(out, link) == 0);
	(void)snprintf(in, sizeof(in), "%s/in", base);
	cr_assert(mf_remove_tree(in, NULL) == MF_OK);
	cr_assert(access(in, F_OK) != 0 && access(kept, F_OK) == 0);
	cr_assert(mf_remove_tree(in, NULL) == MF_OK, "what is not there is removed");
}
