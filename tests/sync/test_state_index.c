/* index.sqlite: snapshots with whole ancestry, heads, versions; what is left when it is lost. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/sync/fixture.h"

static mf_err err;

#define OK(call) cr_assert((call) == MF_OK, "%s", err.text)
#define NOTED(b, text) cr_assert(mf_str_eq(mf_buf_str(b), MF_STR(text)), "%.*s", (int)(b)->n, (b)->p)

static mf_snap_row
sample(unsigned n, mf_immdir *parents, size_t n_parents)
{
	return (mf_snap_row){.cap = fixture_snap(n),
		.relpath = (char *)"d/x",
		.author = (char *)"bob",
		.author_key = {(uint8_t)n, 2},
		.content = fixture_file(n),
		.metadata_cap = fixture_file(n + 1000),
		.size = 1000 + n,
		.has_sha = true,
		.sha = {(uint8_t)n, 3},
		.has_executable = true,
		.executable = n % 2 == 0,
		.ours_mark = n % 3 == 0,
		.mtime_s = -5,
		.parents = parents,
		.n_parents = n_parents};
}

static void
same_snap(struct mf_state *s, const mf_snap_row *want, uint32_t depth)
{
	mf_snap_row got;

	OK(mf_state_snap_get(s, want->cap.text, &got, &err));
	cr_assert(strcmp(got.cap.text, want->cap.text) == 0 && strcmp(got.relpath, want->relpath) == 0);
	cr_assert(strcmp(got.author, want->author) == 0 && memcmp(got.author_key, want->author_key, 32) == 0);
	cr_assert(got.deletion == want->deletion && got.size == want->size && got.mtime_s == want->mtime_s);
	cr_assert(got.deletion || strcmp(got.content.text, want->content.text) == 0);
	cr_assert(strcmp(got.metadata_cap.text, want->metadata_cap.text) == 0 && got.ours_mark == want->ours_mark);
	cr_assert(got.has_sha == want->has_sha && (!got.has_sha || memcmp(got.sha, want->sha, 32) == 0));
	cr_assert(got.has_executable == want->has_executable && got.executable == want->executable);
	cr_assert(got.depth == depth, "depth %u", got.depth);
	cr_assert(got.n_parents == want->n_parents);
	for (size_t i = 0; i < got.n_parents; i++)
		cr_assert(strcmp(got.parents[i].text, want->parents[i].text) == 0);
	mf_snap_row_clear(&got);
}

Test(index, a_snapshot_reads_back_with_its_parents_in_order, .timeout = 10)
{
	struct fixture f;
	mf_immdir one[] = {fixture_snap(1)}, two[] = {fixture_snap(3), fixture_snap(1)};
	mf_snap_row a = sample(1, NULL, 0), b = sample(2, one, 1), c = sample(3, one, 1), d = sample(4, two, 2), got;
	uint8_t sha[32] = {77};
	bool has = true;

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_snap_has(s, a.cap.text, &has, &err));
	cr_assert(!has);
	cr_assert(mf_state_snap_get(s, a.cap.text, &got, &err) == MF_ENOTFOUND);
	cr_assert(mf_state_snap_put(s, &b, &err) == MF_ENOTFOUND && strstr(err.text, "parent") != NULL);
	OK(mf_state_snap_has(s, b.cap.text, &has, &err));
	cr_assert(!has);
	a.has_sha = false;
	b.deletion = true;
	b.has_executable = b.executable = false;
	OK(mf_state_snap_put(s, &a, &err));
	OK(mf_state_snap_put(s, &b, &err));
	OK(mf_state_snap_put(s, &c, &err));
	cr_assert(mf_state_snap_put(s, &c, &err) == MF_OK); /* again is nothing */
	OK(mf_state_snap_put(s, &d, &err));
	same_snap(s, &a, 0);
	same_snap(s, &b, 1);
	same_snap(s, &c, 1);
	same_snap(s, &d, 2);
	OK(mf_state_snap_set_sha(s, a.cap.text, sha, &err));
	a.has_sha = true;
	memcpy(a.sha, sha, 32);
	same_snap(s, &a, 0);
	cr_assert(mf_state_snap_set_sha(s, "URI:DIR2-CHK:x", sha, &err) == MF_ENOTFOUND);
	mf_state_close(s);
	s = fixture_open(&f);
	same_snap(s, &d, 2);
	mf_state_close(s);
	fixture_end(&f);
}

static mf_code
note_pair(void *arg, const char *a, const char *b)
{
	mf_buf_addf(arg, "%s=%s ", a, b + strlen(b) - 3);
	return MF_OK;
}

static mf_code
note_name(void *arg, const char *name)
{
	mf_buf_addf(arg, "%s ", name);
	return MF_OK;
}

/* All heads of @p relpath, the caps by their last three digits. */
static void
heads_are(struct mf_state *s, const char *relpath, const char *want)
{
	mf_head_row *heads;
	mf_buf b = {0};
	size_t n;

	OK(mf_state_head_get(s, relpath, &heads, &n, &err));
	for (size_t i = 0; i < n; i++)
		(void)note_pair(&b, heads[i].participant, heads[i].cap.text);
	cr_assert(mf_str_eq(mf_buf_str(&b), mf_strz(want)), "%s: %.*s", relpath, (int)b.n, b.p);
	mf_heads_free(heads, n);
	mf_buf_free(&b);
}

Test(index, heads_read_back_per_path_and_per_participant, .timeout = 10)
{
	struct fixture f;
	mf_snap_row a = sample(1, NULL, 0), b = sample(2, NULL, 0);
	mf_buf out = {0};

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	cr_assert(mf_state_head_put(s, "bob", "x", a.cap.text, &err) == MF_ENOTFOUND); /* snapshot first */
	OK(mf_state_snap_put(s, &a, &err));
	OK(mf_state_snap_put(s, &b, &err));
	OK(mf_state_head_put(s, "bob", "x", a.cap.text, &err));
	OK(mf_state_head_put(s, "", "x", a.cap.text, &err));
	OK(mf_state_head_put(s, "al", "x", b.cap.text, &err));
	OK(mf_state_head_put(s, "bob", "w", b.cap.text, &err));
	heads_are(s, "x", "=401 al=402 bob=401 ");
	OK(mf_state_head_put(s, "bob", "x", b.cap.text, &err));
	heads_are(s, "x", "=401 al=402 bob=402 ");
	heads_are(s, "nothing", "");
	OK(mf_state_head_each(s, "bob", note_pair, &out, &err));
	NOTED(&out, "w=402 x=402 ");
	out.n = 0;
	OK(mf_state_head_participants(s, note_name, &out, &err));
	NOTED(&out, "al bob ");
	OK(mf_state_head_drop(s, "al", "x", &err));
	heads_are(s, "x", "=401 bob=402 ");
	OK(mf_state_head_drop_all(s, "bob", &err));
	heads_are(s, "x", "=401 ");
	out.n = 0;
	OK(mf_state_head_participants(s, note_name, &out, &err));
	cr_assert(out.n == 0);
	mf_buf_free(&out);
	mf_state_close(s);
	fixture_end(&f);
}

Test(index, what_differs_from_base_is_unsettled, .timeout = 10)
{
	struct fixture f;
	mf_snap_row a = sample(1, NULL, 0), b = sample(2, NULL, 0);
	mf_path_row row = {.has_base = true, .base = a.cap, .content = a.content, .metadata_cap = a.metadata_cap};
	mf_buf out = {0};

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_snap_put(s, &a, &err));
	OK(mf_state_snap_put(s, &b, &err));
	static const char *const settled[] = {"settled", "not shown", "other head"};
	for (size_t i = 0; i < 3; i++) {
		row.relpath = (char *)settled[i];
		OK(mf_state_path_put(s, &row, &err));
		if (i != 1)
			OK(mf_state_head_put(s, "", settled[i], a.cap.text, &err));
	}
	OK(mf_state_head_put(s, "bob", "settled", a.cap.text, &err));
	OK(mf_state_head_put(s, "bob", "other head", b.cap.text, &err));
	OK(mf_state_head_put(s, "bob", "new", b.cap.text, &err));
	OK(mf_state_head_unsettled(s, note_name, &out, &err));
	NOTED(&out, "new not shown other head ");
	mf_buf_free(&out);
	mf_state_close(s);
	fixture_end(&f);
}

static bool
at_rest(struct mf_state *s, const char *relpath, const char *cap)
{
	bool yes;

	OK(mf_state_head_at_rest(s, relpath, cap, &yes, &err));
	return yes;
}

Test(index, a_path_is_at_rest_when_base_and_own_head_agree_and_nothing_is_open, .timeout = 10)
{
	struct fixture f;
	mf_snap_row a = sample(1, NULL, 0), b = sample(2, NULL, 0);
	mf_path_row row = {.relpath = (char *)"x", .has_base = true, .base = a.cap, .content = a.content};
	const mf_pending pending = {.cap = b.cap};
	const mf_intent intent = {.target = b.cap, .tmp_name = "t"};
	mf_conflict conflict = {.slot = (char *)"bob", .cap = b.cap};

	row.metadata_cap = a.metadata_cap;
	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_snap_put(s, &a, &err));
	OK(mf_state_snap_put(s, &b, &err));
	cr_assert(!at_rest(s, "x", a.cap.text));
	OK(mf_state_head_put(s, "", "x", a.cap.text, &err));
	cr_assert(!at_rest(s, "x", a.cap.text));
	OK(mf_state_path_put(s, &row, &err));
	cr_assert(at_rest(s, "x", a.cap.text) && !at_rest(s, "x", b.cap.text) && !at_rest(s, "y", a.cap.text));
	OK(mf_state_pending_add(s, "x", &pending, &err));
	cr_assert(!at_rest(s, "x", a.cap.text));
	OK(mf_state_pending_clear(s, "x", &err));
	OK(mf_state_intent_put(s, "x", &intent, &err));
	cr_assert(!at_rest(s, "x", a.cap.text));
	OK(mf_state_intent_drop(s, "x", &err));
	OK(mf_state_conflict_put(s, "x", &conflict, &err));
	cr_assert(!at_rest(s, "x", a.cap.text));
	OK(mf_state_conflict_drop(s, "x", "bob", &err));
	cr_assert(at_rest(s, "x", a.cap.text));
	OK(mf_state_head_put(s, "", "x", b.cap.text, &err));
	cr_assert(!at_rest(s, "x", a.cap.text) && !at_rest(s, "x", b.cap.text));
	mf_state_close(s);
	fixture_end(&f);
}

Test(index, directory_versions_go_with_their_heads, .timeout = 10)
{
	struct fixture f;
	mf_dirver v = {.seqnum = UINT64_MAX, .root = {1, 2, 3}}, got;
	char cap[MF_CAP_MAX];

	fixture_start(&f);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	OK(mf_state_dirver_get(s, "bob", &got, &err));
	cr_assert(got.seqnum == 0 && got.root[0] == 0);
	OK(mf_state_dirver_put(s, "bob", &v, &err));
	OK(mf_state_dirver_get(s, "bob", &got, &err));
	cr_assert(got.seqnum == v.seqnum && memcmp(got.root, v.root, 32) == 0);
	cr_assert(mf_state_dir_get(s, "bob", cap, &err) == MF_ENOTFOUND);
	OK(mf_state_dir_put(s, "bob", "URI:DIR2-RO:b", &err));
	OK(mf_state_dir_put(s, MF_STATE_COLLECTIVE, "URI:DIR2-RO:c", &err));
	OK(mf_state_dir_get(s, "bob", cap, &err));
	cr_assert(strcmp(cap, "URI:DIR2-RO:b") == 0);
	OK(mf_state_dirver_get(s, "bob", &got, &err));
	cr_assert(got.seqnum == v.seqnum, "which directory it is changes nothing else");
	mf_buf all = {0};
	OK(mf_state_dir_each(s, note_pair, &all, &err));
	NOTED(&all, "@collective=O:c bob=O:b ");
	OK(mf_state_head_drop_all(s, "bob", &err));
	cr_assert(mf_state_dir_get(s, "bob", cap, &err) == MF_ENOTFOUND);
	OK(mf_state_dirver_get(s, "bob", &got, &err));
	cr_assert(got.seqnum == 0 && got.root[0] == 0);
	OK(mf_state_dirver_put(s, "", &v, &err));
	mf_state_close(s);

	char *path = fixture_path(&f, "index.sqlite"); /* lost: nothing may be called "unchanged" any more */
	cr_assert(remove(path) == 0);
	free(path);
	s = fixture_open(&f);
	OK(mf_state_dirver_get(s, "", &got, &err));
	cr_assert(got.seqnum == 0);
	mf_state_close(s);
	fixture_end(&f);
}

struct batch {
	struct mf_state *s;
	unsigned n;
};

/* One step of a device's life: a snapshot on top of the last, its head, its path, the intent before it gone. */
static mf_code
one_step(void *arg, mf_err *e)
{
	const struct batch *b = arg;
	mf_immdir parent = fixture_snap(b->n - 1);
	mf_snap_row snap = sample(b->n, &parent, b->n > 1 ? 1 : 0);
	mf_path_row row = {.relpath = (char *)"d/x",
		.has_base = true,
		.base = snap.cap,
		.content = snap.content,
		.metadata_cap = snap.metadata_cap,
		.state = {true, b->n, b->n, b->n, b->n},
		.upload_duration_ns = -1};
	mf_intent intent = {.target = fixture_snap(b->n + 1), .tmp_name = "t", .ino = b->n};
	mf_code rc;

	if ((rc = mf_state_snap_put(b->s, &snap, e)) != MF_OK ||
		(rc = mf_state_head_put(b->s, "bob", "d/x", snap.cap.text, e)) != MF_OK ||
		(rc = mf_state_path_put(b->s, &row, e)) != MF_OK)
		return rc;
	return mf_state_intent_put(b->s, "d/x", &intent, e);
}

/* What must hold whenever the daemon dies. */
static void
check_crashed(const struct fixture *f, unsigned steps)
{
	struct mf_state *s = fixture_open(f);
	mf_path_row row;
	mf_intent intent;
	mf_snap_row snap;

	OK(mf_state_path_get(s, "d/x", &row, &err));
	cr_assert(row.ours && row.state.size == steps && row.state.ino == steps, "%u", steps);
	OK(mf_state_intent_get(s, "d/x", &intent, &err));
	cr_assert(intent.ino == steps && strcmp(intent.target.text, fixture_snap(steps + 1).text) == 0);
	OK(mf_state_snap_get(s, row.base.text, &snap, &err));
	cr_assert(snap.depth == steps - 1);
	mf_snap_row_clear(&snap);
	mf_path_row_clear(&row);
	mf_state_close(s);
}

Test(index, a_crash_after_any_step_leaves_that_step, .timeout = 30)
{
	struct fixture f, copy;

	fixture_start(&f);
	copy = f;
	copy.dir = fixture_path(&f, "copy");
	cr_assert(mkdir(copy.dir, 0700) == 0);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	for (unsigned n = 1; n <= 20; n++) {
		struct batch b = {s, n};
		OK(mf_state_txn(s, one_step, &b, &err));
		if (n % 7 == 0) {
			OK(f.env->ops->db_checkpoint(f.env, mf_state_path(s), &err));
			OK(f.env->ops->db_checkpoint(f.env, mf_state_index_path(s), &err));
		}
		fixture_copy(&f, &copy);
		check_crashed(&copy, n);
	}
	mf_state_close(s);
	free(copy.dir);
	fixture_end(&f);
}

struct interrupted {
	struct batch batch;
	const struct fixture *from, *to;
};

static mf_code
step_and_copy(void *arg, mf_err *e)
{
	struct interrupted *i = arg;
	mf_code rc = one_step(&i->batch, e);

	fixture_copy(i->from, i->to); /* the daemon dies before the commit */
	return rc;
}

Test(index, a_crash_inside_a_step_leaves_the_one_before, .timeout = 30)
{
	struct fixture f, copy;

	fixture_start(&f);
	copy = f;
	copy.dir = fixture_path(&f, "copy");
	cr_assert(mkdir(copy.dir, 0700) == 0);
	fixture_create(&f);
	struct mf_state *s = fixture_open(&f);
	for (unsigned n = 1; n <= 5; n++) {
		struct interrupted i = {{s, n}, &f, &copy};
		OK(mf_state_txn(s, step_and_copy, &i, &err));
		if (n > 1)
			check_crashed(&copy, n - 1);
	}
	mf_state_close(s);
	free(copy.dir);
	fixture_end(&f);
}
