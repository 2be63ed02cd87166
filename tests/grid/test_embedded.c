/* The embedded grid end to end: files and directories, stored, listed, changed, damaged. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grid/check.h"
#include "tests/grid/golden.h"
#include "tests/grid/store_fixture.h"
#include "tests/grid/suite.h"

#define OK(call) cr_assert((call) == MF_OK, "%s: %s", #call, err.text)

Test(embedded, files_of_every_size_come_back, .timeout = 60)
{
	static const uint32_t kn[][2] = {{1, 1}, {2, 3}};

	for (size_t c = 0; c < 2; c++) {
		struct fixture f;

		fixture_init(&f, kn[c][0], kn[c][1]);
		suite_files_of_every_size_come_back(f.g);
		fixture_deinit(&f);
	}
}

Test(embedded, directories_can_be_made_listed_and_changed, .timeout = 60)
{
	struct fixture f;

	fixture_init(&f, 1, 1);
	suite_directories_can_be_made_listed_and_changed(f.g);
	suite_names_and_metadata_of_all_kinds_come_back(f.g);
	suite_what_was_canceled_is_not_done(f.g);
	fixture_deinit(&f);
}

Test(embedded, immutable_directories_come_back, .timeout = 30)
{
	struct fixture f;

	fixture_init(&f, 1, 1);
	suite_immutable_directories_come_back(f.g);
	fixture_deinit(&f);
}

Test(embedded, urls_that_name_no_store_are_refused, .timeout = 10)
{
	mf_grid_conf conf = {.k = 1, .n = 1};
	struct mf_grid *g;
	mf_err err;

	cr_assert(mf_grid_open("dir:relative", &conf, &g, &err) == MF_EINVAL && g == NULL);
	cr_assert(mf_grid_open("/abs", &conf, &g, &err) == MF_EINVAL && g == NULL);
	cr_assert(mf_grid_open("servers:/x.yaml", &conf, &g, &err) == MF_EUNSUPPORTED && g == NULL);
	cr_assert(mf_grid_open("node:relative", &conf, &g, &err) == MF_EINVAL && g == NULL);
	cr_assert(mf_grid_open("node:/nowhere/at/all", &conf, &g, &err) == MF_ENOTFOUND && g == NULL);
	cr_assert(mf_grid_open("dir:/nowhere/at/all", &conf, &g, &err) == MF_ENOTFOUND && g == NULL);
	conf.k = 3;
	cr_assert(mf_grid_open("dir:/tmp", &conf, &g, &err) == MF_EINVAL && g == NULL, "k above n");
}

Test(embedded, ranges_are_cut_at_the_end, .timeout = 30)
{
	struct fixture f;

	fixture_init(&f, 1, 1);
	suite_ranges_are_cut_at_the_end(f.g);
	fixture_deinit(&f);
}

Test(embedded, what_is_not_there_is_not_found, .timeout = 30)
{
	static const mf_dirread ro = {
		"URI:DIR2-RO:65ruo2zytr3uxnaxkptdoqkth4:hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq"};
	struct fixture f;
	char path[256];
	mf_check c;
	mf_err err;

	fixture_init(&f, 1, 1);
	suite_what_is_not_there_is_not_found(f.g);
	cr_assert(f.g->ops->nudge_path(f.g, &ro, path, sizeof(path), &err) == MF_ENOTFOUND);
	OK(mf_grid_check(f.g, mf_strz(ro.text), &c, NULL, &err));
	cr_assert(c.shares == 0 && !c.recoverable && !c.healthy);
	OK(mf_grid_check(f.g, MF_STR("URI:LIT:"), &c, NULL, &err));
	cr_assert(c.literal && c.healthy);
	cr_assert(mf_grid_check(f.g, MF_STR("lafs:x"), &c, NULL, &err) == MF_EINVAL);
	cr_assert(mf_grid_check(f.g,
			  MF_STR("URI:MDMF-RO:65ruo2zytr3uxnaxkptdoqkth4:"
				 "hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq"),
			  &c, NULL, &err) == MF_EUNSUPPORTED);
	fixture_deinit(&f);
}

Test(embedded, the_nudge_path_changes_with_the_directory, .timeout = 30)
{
	struct fixture f;
	mf_dirwrite rw;
	mf_dirread ro;
	struct stat a, b;
	char path[256], share[256];
	mf_link l = {.name = MF_STR("x"), .cap = MF_STR("URI:LIT:")};
	mf_err err;

	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &rw, NULL, &err));
	mf_dirwrite_read(&rw, &ro);
	OK(f.g->ops->nudge_path(f.g, &ro, path, sizeof(path), &err));
	share_path(&f, ro.text, 0, share);
	cr_assert(strncmp(share, path, strlen(path)) == 0 && stat(path, &a) == 0 && S_ISDIR(a.st_mode));
	(void)usleep(20000);
	OK(f.g->ops->update(f.g, &rw, &l, 1, NULL, NULL, &err));
	cr_assert(stat(path, &b) == 0);
	cr_assert(a.st_mtim.tv_sec != b.st_mtim.tv_sec || a.st_mtim.tv_nsec != b.st_mtim.tv_nsec);
	cr_assert(f.g->ops->nudge_path(f.g, &ro, path, 10, &err) == MF_EINVAL);
	fixture_deinit(&f);
}

Test(embedded, nothing_in_the_store_is_readable_by_others, .timeout = 30)
{
	struct fixture f;
	mf_dirwrite rw;
	mf_buf plain = noise(1, 5000);
	char command[256];
	mf_err err;

	(void)umask(0);
	fixture_init(&f, 1, 1);
	OK(f.g->ops->mkdir(f.g, &rw, NULL, &err));
	(void)suite_put(f.g, &plain);
	(void)snprintf(command, sizeof(command), "test -z \"$(find %s -perm /077)\"", f.store);
	cr_assert(system(command) == 0);
	mf_buf_free(&plain);
	fixture_deinit(&f);
}

Test(embedded, usage_is_remembered, .timeout = 30)
{
	struct fixture f;
	mf_buf plain = noise(1, 100000);
	mf_grid_status before, after;
	mf_dirwrite rw;
	mf_err err;

	fixture_init(&f, 1, 1);
	(void)suite_put(f.g, &plain);
	(void)suite_put(f.g, &plain);
	OK(f.g->ops->mkdir(f.g, &rw, NULL, &err));
	OK(f.g->ops->status(f.g, &before, NULL, &err));
	cr_assert(before.connected == 1 && before.wanted == 1 && before.happy && before.bytes_free > 0);
	cr_assert(before.bytes_used > 102000 && before.bytes_used < 106000, "%llu",
		(unsigned long long)before.bytes_used);
	mf_grid_close(f.g);
	f.g = fixture_open(&f, 1, 1);
	OK(f.g->ops->status(f.g, &after, NULL, &err));
	cr_assert(after.bytes_used == before.bytes_used);
	mf_buf_free(&plain);
	fixture_deinit(&f);
}

Test(embedded, capabilities_are_described, .timeout = 5)
{
	mf_cap_info i;
	mf_err err;

	OK(mf_cap_describe(
		MF_STR("URI:DIR2:fs6ul2fju2fvb2cfx7gt6ngycm:hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq"), &i,
		&err));
	cr_assert(strcmp(i.name, "DIR2") == 0 && i.dir && i.is_mutable && i.writable);
	cr_assert(strcmp(i.si, "axxzm642zi4vozwfjdijoafbrm") == 0);
	cr_assert(strcmp(i.readonly,
			  "URI:DIR2-RO:65ruo2zytr3uxnaxkptdoqkth4:"
			  "hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq") == 0);
	cr_assert(strcmp(i.verifier,
			  "URI:DIR2-Verifier:axxzm642zi4vozwfjdijoafbrm:"
			  "hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq") == 0);
	OK(mf_cap_describe(MF_STR("URI:LIT:nbswy3dp"), &i, &err));
	cr_assert(i.size == 5 && i.si[0] == '\0' && strcmp(i.readonly, "URI:LIT:nbswy3dp") == 0 && !i.is_mutable);
	OK(mf_cap_describe(MF_STR("lafs:future"), &i, &err));
	cr_assert(strcmp(i.name, "unknown") == 0 && i.readonly[0] == '\0');
	cr_assert(mf_cap_describe(MF_STR("URI:CHK:x"), &i, &err) == MF_EFORMAT);
}
