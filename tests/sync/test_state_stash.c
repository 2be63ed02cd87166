/* Rows of versions that the grid did not take: what Python finds, and what we do. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "tests/sync/fixture.h"

static mf_err err;

#define OK(call) cr_assert((call) == MF_OK, "%s", err.text)

static mf_stash_new
version(const char *relpath, uint8_t n, const char *copy)
{
	return (mf_stash_new){.relpath = relpath,
		.id = {n, 0xff, 0, 0, 0, 0, 0xff, 0, 0xff},
		.copy = copy,
		.parent = "URI:base",
		.state = {.present = copy != NULL,
			.size = 70 + (uint64_t)n,
			.mtime_ns = 1700000600000000000 + n,
			.ctime_ns = 1795422572616252672 + n,
			.ino = 900 + (uint64_t)n},
		.executable = n % 2 != 0,
		.sha = {n},
		.mtime_s = 1700000600 + n,
		.made_ns = INT64_C(1795422573000000000) + n};
}

static const char rows[] =
	"SELECT group_concat(l.identifier || ' ' || l.relpath || ' ' || coalesce(l.content_path, 'NULL') || ' ' ||"
	" m.value || ' ' || c.value || ' ' || coalesce(p.local_only || p.parent_identifier, 'none'), char(10))"
	" FROM local_snapshots l"
	" JOIN local_snapshot_metadata m ON m.snapshot_identifier = l.identifier AND m.key = 'mtime'"
	" JOIN local_snapshot_metadata c ON c.snapshot_identifier = l.identifier AND c.key = 'ctime'"
	" LEFT JOIN local_snapshot_parent p ON p.snapshot_identifier = l.identifier AND p.[index] = 0";

#define ID(n) n "ff0000-0000-4f00-bf00-000000000000"

Test(stash, python_finds_them_as_it_would_have_written_them, .timeout = 10)
{
	struct fixture f;
	mf_stash_new v = version("p", 1, "/s/stash/snapaaaaaaaa");
	mf_stash_newest newest;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	cr_assert(!mf_state_local_any(s));
	cr_assert(mf_state_stash_newest(s, "p", &newest, &err) == MF_ENOTFOUND);
	OK(mf_state_stash_add(s, &v, &err));
	v = version("p", 2, "/s/stash/snapbbbbbbbb");
	OK(mf_state_stash_add(s, &v, &err));
	v = version("p", 3, NULL);
	OK(mf_state_stash_add(s, &v, &err));
	v = version("new", 4, "/s/stash/snapcccccccc");
	v.parent = NULL;
	OK(mf_state_stash_add(s, &v, &err));
	cr_assert(fixture_says(&f, "state.sqlite", rows,
		ID("01") " p /s/stash/snapaaaaaaaa 1700000601 1795422573 0URI:base\n" ID(
			"02") " p /s/stash/snapbbbbbbbb 1700000602 1795422573 1" ID("01") "\n" ID("03") " p NULL "
													"1700000603 "
													"1795422573 "
													"1" ID("02") "\n" ID(
														"04") " new /s/stash/snapcccccccc 1700000604 1795422573 none"));
	/* an upload that waits: no capability, and the disk as it is */
	cr_assert(fixture_says(&f, "state.sqlite",
		"SELECT group_concat(relpath || ' ' || (snapshot_cap IS NULL) || ' ' || coalesce(size, 'NULL') || ' ' "
		"||"
		" coalesce(mtime_ns, 'NULL'), ', ') FROM current_snapshots",
		"p 1 NULL NULL, new 1 74 1700000600000000004"));
	mf_state_close(s);
	fixture_end(&f);
}

static void
is_newest(struct mf_state *s, const char *relpath, uint8_t n, unsigned how_many)
{
	mf_stash_newest newest;
	mf_stash_new v = version(relpath, n, "");

	OK(mf_state_stash_newest(s, relpath, &newest, &err));
	cr_assert(!newest.deletion && newest.has_sha && memcmp(newest.sha, v.sha, 32) == 0);
	cr_assert(newest.size == v.state.size && newest.has_executable && newest.executable == v.executable);
	cr_assert(newest.state.present && newest.state.mtime_ns == v.state.mtime_ns &&
		newest.state.ino == v.state.ino && newest.rows == how_many);
}

Test(stash, the_newest_is_what_the_disk_is_compared_with, .timeout = 10)
{
	struct fixture f;
	mf_stash_new v = version("p", 1, "/s/stash/snapaaaaaaaa");
	mf_stash_newest newest;
	uint64_t bytes = 0;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_stash_add(s, &v, &err));
	is_newest(s, "p", 1, 1);
	v = version("p", 2, "/s/stash/snapbbbbbbbb");
	OK(mf_state_stash_add(s, &v, &err));
	is_newest(s, "p", 2, 2);
	OK(mf_state_stash_bytes(s, &bytes, &err));
	cr_assert(bytes == 71 + 72);
	for (int again = 0; again < 2; again++) { /* and after a start */
		mf_state_close(s);
		s = fixture_open(&f);
		is_newest(s, "p", 2, 2);
	}
	v.state.mtime_ns += 5;
	v.state.ino = 7;
	OK(mf_state_stash_touch(s, "p", &v.state, &err));
	OK(mf_state_stash_newest(s, "p", &newest, &err));
	cr_assert(newest.state.mtime_ns == v.state.mtime_ns && newest.state.ino == 7);
	v = version("p", 3, NULL);
	OK(mf_state_stash_add(s, &v, &err));
	OK(mf_state_stash_newest(s, "p", &newest, &err));
	cr_assert(newest.deletion && !newest.state.present && newest.rows == 3);
	mf_state_close(s);
	fixture_end(&f);
}

Test(stash, rows_that_are_not_to_be_published_go_and_those_taken_stay, .timeout = 10)
{
	struct fixture f;
	mf_stash_new v = version("p", 1, "/s/stash/snapaaaaaaaa");
	mf_local_row *local;
	size_t n;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_stash_add(s, &v, &err));
	OK(mf_state_local_take(s, ID("01"), &err));
	v = version("p", 2, "/s/stash/snapbbbbbbbb");
	OK(mf_state_stash_add(s, &v, &err));
	OK(mf_state_local_get(s, "p", &local, &n, &err));
	cr_assert(n == 1 && local[0].ours && !local[0].executable && local[0].has_sha && local[0].sha[0] == 2);
	cr_assert(local[0].n_parents == 1 && local[0].parent[0].local && strcmp(local[0].parent[0].id, ID("01")) == 0);
	mf_locals_free(local, n);
	OK(mf_state_stash_forget(s, "p", &err));
	cr_assert(fixture_says(&f, "state.sqlite", "SELECT group_concat(identifier) FROM local_snapshots", ID("01")));
	cr_assert(mf_state_local_any(s));
	OK(mf_state_pending_clear(s, "p", &err));
	OK(mf_state_local_tidy(s, &err));
	cr_assert(!mf_state_local_any(s));
	cr_assert(fixture_says(&f, "state.sqlite",
		"SELECT (SELECT count(*) FROM local_snapshots) + (SELECT count(*) FROM local_snapshot_parent)"
		" + (SELECT count(*) FROM local_snapshot_metadata) + (SELECT count(*) FROM mf_local)"
		" + (SELECT count(*) FROM mf_local_parent) + (SELECT count(*) FROM current_snapshots)",
		"0"));
	mf_state_close(s);
	fixture_end(&f);
}
