/* state.sqlite: every row back and forth, and what Python sees of it. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "tests/sync/fixture.h"

static mf_err err;

#define OK(call) cr_assert((call) == MF_OK, "%s", err.text)

static mf_path_row
sample(const char *relpath, unsigned n)
{
	return (mf_path_row){.relpath = (char *)relpath,
		.has_base = true,
		.base = fixture_snap(n),
		.content = fixture_file(n),
		.metadata_cap = fixture_file(n + 1000),
		.has_sha = true,
		.sha = {(uint8_t)n},
		.executable = n % 2 != 0,
		.last_updated_ns = 1795422572616252672 + n,
		.upload_duration_ns = 231381504,
		.state = {.present = true,
			.size = n,
			.mtime_ns = 1700000600000000000,
			.ctime_ns = 1795422572616252672,
			.ino = 900 + n}};
}

static bool
same_state(const mf_pathstate *a, const mf_pathstate *b)
{
	return a->present == b->present && a->size == b->size && a->mtime_ns == b->mtime_ns &&
		a->ctime_ns == b->ctime_ns && a->ino == b->ino;
}

static void
same_path(struct mf_state *s, const mf_path_row *want)
{
	mf_path_row got;

	OK(mf_state_path_get(s, want->relpath, &got, &err));
	cr_assert(strcmp(got.relpath, want->relpath) == 0 && got.has_base == want->has_base && got.ours);
	cr_assert(strcmp(got.base.text, want->base.text) == 0 && got.base_deleted == want->base_deleted);
	cr_assert(got.base_deleted || strcmp(got.content.text, want->content.text) == 0);
	cr_assert(strcmp(got.metadata_cap.text, want->metadata_cap.text) == 0);
	cr_assert(same_state(&got.state, &want->state), "%s", want->relpath);
	cr_assert(got.has_sha == want->has_sha && memcmp(got.sha, want->sha, 32) == 0);
	cr_assert(got.executable == want->executable && got.last_updated_ns == want->last_updated_ns);
	cr_assert(got.upload_duration_ns == want->upload_duration_ns);
	mf_path_row_clear(&got);
}

Test(rows, a_path_reads_back_as_it_was_put, .timeout = 10)
{
	struct fixture f;
	mf_path_row row = sample("d/x", 5), got;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	cr_assert(mf_state_path_get(s, "d/x", &got, &err) == MF_ENOTFOUND);
	OK(mf_state_path_put(s, &row, &err));
	same_path(s, &row);
	row = sample("d/x", 6); /* a download: no duration */
	row.upload_duration_ns = -1;
	row.has_sha = false;
	memset(row.sha, 0, 32);
	OK(mf_state_path_put(s, &row, &err));
	same_path(s, &row);
	row.base_deleted = true;
	row.state = (mf_pathstate){0};
	OK(mf_state_path_put(s, &row, &err));
	same_path(s, &row);
	cr_assert(fixture_says(&f, "state.sqlite",
		"SELECT 1 FROM current_snapshots WHERE relpath = 'd/x' AND content_cap IS NULL"
		" AND size IS NULL AND mtime_ns IS NULL AND ctime_ns IS NULL AND upload_duration_ns IS NULL",
		"1"));
	row = sample("d/x", 7); /* no base: nothing for Python to misread */
	row.has_base = false;
	memset(&row.base, 0, sizeof(row.base));
	memset(&row.metadata_cap, 0, sizeof(row.metadata_cap));
	row.content = (mf_filecap){""};
	row.last_updated_ns = 0;
	row.upload_duration_ns = -1;
	OK(mf_state_path_put(s, &row, &err));
	same_path(s, &row);
	cr_assert(fixture_says(&f, "state.sqlite", "SELECT count(*) FROM current_snapshots", "0"));
	mf_state_close(s);
	s = fixture_open(&f);
	same_path(s, &row);
	mf_state_close(s);
	fixture_end(&f);
}

Test(rows, our_columns_count_only_while_the_guard_holds, .timeout = 10)
{
	struct fixture f;
	mf_path_row row = sample("x", 5), got;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_path_put(s, &row, &err));
	cr_assert(!mf_state_changed_outside(s));
	fixture_sql(&f, "state.sqlite",
		"UPDATE current_snapshots SET size = 77,"
		" snapshot_cap = "
		"'URI:DIR2-CHK:xxg4qtkvow2vujovcvlu7a6u4e:ftbht2ggaxymzaevye4s3turdwg77q2ovcfzqqv4t7sqpvjaesma:1:1:"
		"415'");
	cr_assert(mf_state_changed_outside(s) && !mf_state_changed_outside(s));
	OK(mf_state_path_get(s, "x", &got, &err));
	cr_assert(got.has_base && strstr(got.base.text, ":1:1:415") != NULL);
	cr_assert(!got.ours && !got.has_sha && !got.executable && got.state.ino == 0 && got.state.size == 77);
	mf_path_row_clear(&got);
	fixture_sql(&f, "state.sqlite", "UPDATE current_snapshots SET snapshot_cap = 'rubbish'");
	cr_assert(mf_state_path_get(s, "x", &got, &err) == MF_EFORMAT && got.relpath == NULL);
	mf_state_close(s);
	fixture_end(&f);
}

Test(rows, the_newest_pending_says_what_the_disk_was, .timeout = 10)
{
	struct fixture f;
	mf_path_row row = sample("x", 5), got;
	mf_pending p = {.cap = fixture_snap(50), .made_ns = 12, .state = {true, 51, 52, 53, 54}}, *all;
	mf_pathstate touched = {true, 61, 62, 63, 64};
	size_t n;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_path_put(s, &row, &err));
	OK(mf_state_pending_add(s, "x", &p, &err));
	p.cap = fixture_snap(51);
	p.merge = true;
	p.state.size = 99;
	OK(mf_state_pending_add(s, "x", &p, &err));
	OK(mf_state_pending_add(s, "new", &p, &err));
	OK(mf_state_pending_get(s, "x", &all, &n, &err));
	cr_assert(n == 2 && all[0].id < all[1].id && !all[0].merge && all[1].merge && all[0].made_ns == 12);
	cr_assert(strcmp(all[0].cap.text, fixture_snap(50).text) == 0 && all[0].state.size == 51);
	cr_assert(same_state(&all[1].state, &p.state));
	free(all);
	OK(mf_state_path_get(s, "x", &got, &err));
	cr_assert(same_state(&got.state, &p.state) && got.has_sha && got.ours);
	mf_path_row_clear(&got);
	OK(mf_state_path_touch(s, "x", &touched, &err));
	OK(mf_state_path_get(s, "x", &got, &err));
	cr_assert(same_state(&got.state, &touched));
	mf_path_row_clear(&got);
	/* Python still sees the state of Base, and so a changed file */
	cr_assert(fixture_says(&f, "state.sqlite", "SELECT size FROM current_snapshots WHERE relpath = 'x'", "5"));
	cr_assert(fixture_says(&f, "state.sqlite", "SELECT count(*) FROM current_snapshots", "1"));
	cr_assert(fixture_says(&f, "state.sqlite", "SELECT count(*) FROM local_snapshots", "0"));
	OK(mf_state_path_get(s, "new", &got, &err));
	cr_assert(!got.has_base && got.state.size == 99 && !got.ours);
	mf_path_row_clear(&got);
	OK(mf_state_pending_clear(s, "x", &err));
	same_path(s, &row);
	OK(mf_state_path_touch(s, "x", &touched, &err));
	row.state = touched;
	same_path(s, &row);
	touched.present = false;
	cr_assert(mf_state_path_touch(s, "nothing", &touched, &err) == MF_ENOTFOUND);
	mf_state_close(s);
	fixture_end(&f);
}

static mf_code
note_path(void *arg, const char *relpath, bool has_base, bool base_deleted, const mf_pathstate *ps)
{
	mf_buf_addf(arg, "%s:%d%d:%d:%lld ", relpath, has_base, base_deleted, ps->present, (long long)ps->size);
	return MF_OK;
}

static mf_code
note_name(void *arg, const char *name)
{
	mf_buf_addf(arg, "%s ", name);
	return MF_OK;
}

static mf_code
note_pair(void *arg, const char *a, const char *b)
{
	mf_buf_addf(arg, "%s=%s ", a, b);
	return MF_OK;
}

static mf_code
note_status(void *arg, const mf_file_status *st)
{
	mf_buf_addf(arg, "%s:%d:%lld:%llu:%lld:%lld ", st->relpath, st->deleted, (long long)st->mtime_s,
		(unsigned long long)st->size, (long long)st->last_updated_s, (long long)st->upload_duration_ns);
	return MF_OK;
}

static bool
same_intent(const mf_intent *a, const mf_intent *b)
{
	return strcmp(a->target.text, b->target.text) == 0 && strcmp(a->tmp_name, b->tmp_name) == 0 &&
		a->merge == b->merge && a->deletion == b->deletion && a->expect_absent == b->expect_absent &&
		a->ino == b->ino && a->btime_ns == b->btime_ns && a->made_ns == b->made_ns &&
		same_state(&a->expect, &b->expect);
}

static mf_code
stop_at_once(void *arg, const char *relpath, bool has_base, bool base_deleted, const mf_pathstate *ps)
{
	(void)relpath, (void)has_base, (void)base_deleted, (void)ps;
	++*(int *)arg;
	return MF_ECANCELED;
}

#define NOTED(b, text) cr_assert(mf_str_eq(mf_buf_str(b), MF_STR(text)), "%.*s", (int)(b)->n, (b)->p)

Test(rows, all_paths_come_in_byte_order, .timeout = 10)
{
	static const char *const names[] = {"b", "a/b", "a-b", "a", "\xc3\xa9", "Z"};
	struct fixture f;
	mf_buf b = {0};
	uint64_t files = 0;
	int calls = 0;
	mf_pending p = {.cap = fixture_snap(50), .state = {true, 51, 52, 53, 54}};

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	for (unsigned i = 0; i < 6; i++) {
		mf_path_row row = sample(names[i], i + 1);
		row.base_deleted = i == 3;
		row.has_base = i != 5;
		if (i == 3)
			row.state = (mf_pathstate){0};
		row.last_updated_ns = (int64_t)(i + 1) * 1000000000 + 999;
		OK(mf_state_path_put(s, &row, &err));
	}
	OK(mf_state_pending_add(s, "a/b", &p, &err));
	OK(mf_state_pending_add(s, "a/c", &p, &err));
	p.state.present = false;
	OK(mf_state_pending_add(s, "b", &p, &err));
	fixture_sql(&f, "state.sqlite", "INSERT INTO current_snapshots (relpath, last_updated_ns) VALUES ('zz', 1)");
	OK(mf_state_path_each(s, note_path, &b, &err));
	NOTED(&b, "Z:00:1:6 a:11:0:0 a-b:10:1:3 a/b:10:1:51 a/c:00:1:51 b:10:0:0 \xc3\xa9:10:1:5 ");
	for (unsigned most = 1; most < 8; most++) {
		mf_buf sliced = {0};
		char *at = NULL, *next = NULL;
		unsigned slices = 0;
		do {
			OK(mf_state_path_slice(s, at == NULL ? "" : at, most, note_path, &sliced, &next, &err));
			free(at);
			at = next;
			slices++;
		} while (at != NULL);
		cr_assert(mf_str_eq(mf_buf_str(&sliced), mf_buf_str(&b)) && slices == 6 / most + 1, "%u: %.*s", most,
			(int)sliced.n, sliced.p);
		mf_buf_free(&sliced);
	}
	b.n = 0;
	OK(mf_state_path_count(s, &files, &err));
	cr_assert(files == 4, "%llu", (unsigned long long)files); /* a-b, a/b, a/c, e' */
	OK(mf_state_pending_each(s, note_name, &b, &err));
	NOTED(&b, "a/b a/c b ");
	b.n = 0;
	OK(mf_state_file_status(s, note_status, &b, &err));
	NOTED(&b,
		"\xc3\xa9:0:1700000600:5:5:231381504 a:1:0:0:4:231381504 a-b:0:1700000600:3:3:231381504 "
		"a/b:0:1700000600:2:2:231381504 b:0:1700000600:1:1:231381504 ");
	cr_assert(mf_state_path_each(s, stop_at_once, &calls, &err) == MF_ECANCELED && calls == 1);
	mf_buf_free(&b);
	mf_state_close(s);
	fixture_end(&f);
}

Test(rows, intents_read_back, .timeout = 10)
{
	struct fixture f;
	mf_buf b = {0};
	mf_intent i = {.target = fixture_snap(3),
			  .merge = true,
			  .ino = UINT64_MAX,
			  .btime_ns = 5,
			  .tmp_name = ".magic-folder-000102abcdefff10.tmp",
			  .expect = {true, 1, 2, 3, 4},
			  .made_ns = 6},
		  got;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	cr_assert(mf_state_intent_get(s, "x", &got, &err) == MF_ENOTFOUND);
	OK(mf_state_intent_put(s, "x", &i, &err));
	OK(mf_state_intent_get(s, "x", &got, &err));
	cr_assert(same_intent(&got, &i));
	i = (mf_intent){.target = fixture_snap(4), .deletion = true, .expect_absent = true, .tmp_name = "t"};
	OK(mf_state_intent_put(s, "x", &i, &err));
	OK(mf_state_intent_put(s, "w", &i, &err));
	OK(mf_state_intent_get(s, "x", &got, &err));
	cr_assert(same_intent(&got, &i));
	OK(mf_state_intent_each(s, note_name, &b, &err));
	NOTED(&b, "w x ");
	OK(mf_state_intent_drop(s, "x", &err));
	cr_assert(mf_state_intent_get(s, "x", &got, &err) == MF_ENOTFOUND);
	mf_buf_free(&b);
	mf_state_close(s);
	fixture_end(&f);
}

Test(rows, conflicts_read_back_and_python_sees_them, .timeout = 10)
{
	struct fixture f;
	mf_buf b = {0};
	mf_conflict c = {.slot = (char *)"bob",
			    .cap = fixture_snap(3),
			    .closing = true,
			    .marker_written = true,
			    .has_marker_sha = true,
			    .marker_sha = {9},
			    .marker_size = 8,
			    .marker_state = {true, 1, 2, 3, 4}},
		    *all;
	size_t n;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_conflict_put(s, "x", &c, &err));
	c = (mf_conflict){.slot = (char *)"al", .cap = fixture_snap(4)};
	OK(mf_state_conflict_put(s, "x", &c, &err));
	OK(mf_state_conflict_put(s, "w", &c, &err));
	OK(mf_state_conflict_each(s, note_pair, &b, &err));
	NOTED(&b, "w=al x=al x=bob ");
	OK(mf_state_conflict_get(s, "x", &all, &n, &err));
	cr_assert(n == 2 && strcmp(all[0].slot, "al") == 0 && !all[0].closing && !all[0].marker_written &&
		!all[0].has_marker_sha && !all[0].marker_state.present);
	cr_assert(strcmp(all[1].slot, "bob") == 0 && strcmp(all[1].cap.text, fixture_snap(3).text) == 0);
	cr_assert(all[1].closing && all[1].marker_written && all[1].has_marker_sha && all[1].marker_sha[0] == 9 &&
		all[1].marker_size == 8 && all[1].marker_state.ino == 4);
	mf_conflicts_free(all, n);
	/* another version in the same slot, put there by Python: ours does not count */
	fixture_sql(&f, "state.sqlite",
		"UPDATE conflicted_files SET snapshot_cap = (SELECT snapshot_cap"
		" FROM conflicted_files WHERE relpath = 'w') WHERE conflict_author = 'bob'");
	OK(mf_state_conflict_get(s, "x", &all, &n, &err));
	cr_assert(n == 2 && !all[1].closing && !all[1].marker_written && !all[1].has_marker_sha);
	mf_conflicts_free(all, n);
	OK(mf_state_conflict_drop(s, "x", "bob", &err));
	OK(mf_state_conflict_drop(s, "x", "al", &err));
	OK(mf_state_conflict_get(s, "x", &all, &n, &err));
	cr_assert(n == 0 && all == NULL);
	cr_assert(fixture_says(&f, "state.sqlite",
		"SELECT count(*) || (SELECT count(*) FROM conflicted_files) FROM mf_conflict", "11"));
	mf_buf_free(&b);
	mf_state_close(s);
	fixture_end(&f);
}

Test(rows, known_heads_read_back, .timeout = 10)
{
	struct fixture f;
	mf_immdir caps[3] = {fixture_snap(1), fixture_snap(2), fixture_snap(1)}, *got;
	size_t n;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_known_set(s, "x", caps, 3, &err));
	OK(mf_state_known_get(s, "x", &got, &n, &err));
	cr_assert(n == 2);
	free(got);
	OK(mf_state_known_set(s, "x", caps + 1, 1, &err));
	OK(mf_state_known_get(s, "x", &got, &n, &err));
	cr_assert(n == 1 && strcmp(got[0].text, caps[1].text) == 0);
	free(got);
	OK(mf_state_known_set(s, "x", NULL, 0, &err));
	OK(mf_state_known_get(s, "x", &got, &n, &err));
	cr_assert(n == 0 && got == NULL);
	mf_state_close(s);
	fixture_end(&f);
}

static mf_code
note_key(void *arg, const mf_key_row *r)
{
	mf_buf_addf(arg, "%d %s%s %s %d %lld; ", r->key[0], r->participant, r->current ? "!" : "", r->author, r->how,
		(long long)r->since_ns);
	return MF_OK;
}

Test(rows, a_participant_has_one_key_and_no_key_is_forgotten, .timeout = 10)
{
	struct fixture f;
	mf_key_row row = {.key = {5},
			   .participant = (char *)"bob",
			   .current = true,
			   .author = (char *)"b",
			   .how = 1,
			   .since_ns = 10},
		   got;
	mf_buf all = {0};
	bool met;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	cr_assert(mf_state_key_get(s, row.key, &got, &err) == MF_ENOTFOUND);
	cr_assert(mf_state_key_of(s, "bob", &got, &err) == MF_ENOTFOUND);
	OK(mf_state_key_put(s, &row, &err));
	row = (mf_key_row){.key = {4},
		.participant = (char *)"",
		.author = (char *)"dave",
		.how = MF_KEY_FIRST_USE,
		.since_ns = 11};
	OK(mf_state_key_put(s, &row, &err));
	row = (mf_key_row){.key = {6},
		.participant = (char *)"bob",
		.current = true,
		.author = (char *)"",
		.how = MF_KEY_USER,
		.since_ns = 12};
	OK(mf_state_key_put(s, &row, &err));
	OK(mf_state_key_of(s, "bob", &got, &err));
	cr_assert(got.key[0] == 6 && got.how == MF_KEY_USER);
	mf_key_row_clear(&got);
	OK(mf_state_key_each(s, note_key, &all, &err));
	cr_assert(mf_str_eq(mf_buf_str(&all), MF_STR("4  dave 1 11; 5 bob b 1 10; 6 bob!  3 12; ")), "%.*s", (int)all.n,
		all.p);
	OK(mf_state_met_get(s, NULL, &met, &err));
	cr_assert(!met);
	OK(mf_state_met_put(s, "bob", 5, &err));
	OK(mf_state_met_put(s, "bob", 6, &err));
	OK(mf_state_met_get(s, NULL, &met, &err));
	cr_assert(met);
	OK(mf_state_met_get(s, "bob", &met, &err));
	cr_assert(met);
	OK(mf_state_met_get(s, "carol", &met, &err));
	cr_assert(!met);
	mf_buf_free(&all);
	mf_state_close(s);
	fixture_end(&f);
}

Test(rows, directories_that_we_made_are_remembered, .timeout = 10)
{
	struct fixture f;
	bool ours = true;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_dir_ours(s, "a/b", &ours, &err));
	cr_assert(!ours);
	OK(mf_state_dir_made(s, "a/b", &err));
	OK(mf_state_dir_made(s, "a/b", &err));
	OK(mf_state_dir_ours(s, "a/b", &ours, &err));
	cr_assert(ours);
	OK(mf_state_dir_ours(s, "a", &ours, &err));
	cr_assert(!ours);
	OK(mf_state_dir_forget(s, "a/b", &err));
	OK(mf_state_dir_ours(s, "a/b", &ours, &err));
	cr_assert(!ours);
	mf_state_close(s);
	fixture_end(&f);
}
