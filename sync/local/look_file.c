/* Looking at a file, and making a snapshot of it in the same task: the blocking part. */
#include "sync/inherit/stash.h"

#include <errno.h>
#include <stdlib.h>

#include "grid/lafs/hash.h"

enum { PIECE_BYTES = 1 << 18, RESTED_NS = 1000000000 };

/* A file read front to back, twice: the first time its SHA-256 is taken. */
struct stream {
	struct mf_env *env;
	struct mf_file *file;
	struct mf_sha256 *sha;
	uint64_t hashed;
	bool failed;
};

static mf_code
stream_read(void *arg, uint64_t off, void *p, size_t n, mf_err *err)
{
	struct stream *s = arg;
	size_t got = 0;
	mf_code rc = s->env->ops->read(s->file, off, p, n, &got, err);

	s->failed |= rc != MF_OK || got != n;
	if (rc != MF_OK)
		return rc;
	if (got != n)
		return mf_fail(err, MF_ECHANGED, 0, "the file became shorter while it was read");
	if (off == s->hashed) {
		mf_sha256_add(s->sha, p, n);
		s->hashed += n;
	}
	return MF_OK;
}

mf_code
mf_hash_file(
	struct mf_env *env, struct mf_file *file, uint64_t size, uint8_t out[32], const mf_cancel *cancel, mf_err *err)
{
	struct mf_sha256 *sha = mf_sha256_new();
	struct stream s = {.env = env, .file = file, .sha = sha};
	uint8_t *piece = mf_alloc(size < PIECE_BYTES ? (size_t)size : PIECE_BYTES); /* zeroed: most files are small */
	mf_code rc = MF_OK;

	for (uint64_t off = 0; rc == MF_OK && off < size; off += PIECE_BYTES) {
		size_t n = size - off < PIECE_BYTES ? (size_t)(size - off) : PIECE_BYTES;
		rc = mf_canceled(cancel) ? mf_fail(err, MF_ECANCELED, 0, "stopped")
					 : stream_read(&s, off, piece, n, err);
	}
	mf_sha256_end(sha, out);
	free(piece);
	return rc;
}

bool
mf_look_same_stat(const mf_stat *a, const mf_stat *b)
{
	return a->kind == b->kind && a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns &&
		a->ino == b->ino;
}

/* If not, the new stat must not be as recorded: until the news are a snapshot, each scan has to find them. */
bool
mf_look_same_bit(const struct look *l)
{
	return !l->e_has_executable || l->e_executable == ((l->seen.st.mode & 0100) != 0);
}

/* The file was changing under our hands: as if nothing had been seen. */
static void
found_unsettled(struct look *l)
{
	l->seen = (struct mf_seen){.valid = true, .kind = MF_LOCAL_UNSETTLED};
	mf_snap_row_free(l->made);
	l->made = NULL;
}

static void
note_sha(struct look *l, const uint8_t sha[32])
{
	l->seen.has_sha = true;
	memcpy(l->seen.sha, sha, 32);
	l->same_content =
		l->e_is_file && l->e_has_sha && l->e_size == l->seen.st.size && memcmp(sha, l->e_sha, 32) == 0;
}

mf_code
mf_snapshot_store(struct mf_folder *f, mf_snap_row *row, const mf_cancel *cancel, mf_err *err)
{
	struct mf_grid *grid = f->grid;
	bool sparing = grid->extras == MF_EXTRAS_SPARING, executable = row->executable && !row->deletion;
	mf_snapshot s = {.relpath = row->relpath,
		.author = f->conf.author,
		.deletion = row->deletion,
		.content = row->content,
		.mtime_s = row->mtime_s,
		.has_mtime = true,
		.has_sha = !row->deletion && row->has_sha && !sparing,
		.has_executable = !sparing || executable || (row->was_executable && !row->deletion),
		.executable = executable,
		.parents = row->parents,
		.n_parents = row->n_parents};
	mf_buf doc = {0}, store = {0};
	mf_link links[2];

	memcpy(s.author_key, f->conf.verify_key, sizeof(s.author_key));
	memcpy(s.sha, row->sha, sizeof(s.sha));
	mf_snapshot_document(&s, &doc);
	mf_source src = mf_source_mem(doc.p, doc.n);
	mf_code rc = grid->ops->put(grid, &src, &row->metadata_cap, cancel, err);
	if (rc == MF_OK) {
		s.metadata_cap = row->metadata_cap;
		mf_snapshot_links(&s, f->conf.seed, MF_OPS(f)->now_ns(f->env) / 1000000000, links, &store);
		rc = grid->ops->put_dir(grid, links, 2, &row->cap, cancel, err);
	}
	row->author = mf_strdup(mf_strz(f->conf.author));
	memcpy(row->author_key, f->conf.verify_key, sizeof(row->author_key));
	row->ours_mark = mf_snapshot_is_ours(&s);
	row->has_executable = true;
	mf_buf_free(&doc);
	mf_buf_free(&store);
	return rc;
}

static mf_snap_row *
row_for(const struct look *l)
{
	mf_snap_row *row = mf_alloc(sizeof(*row));

	row->relpath = mf_strdup(mf_strz(l->relpath));
	row->was_executable = l->e_has_executable && l->e_executable;
	if (l->n_parents > 0) {
		row->parents = mf_realloc_array(NULL, l->n_parents, sizeof(*row->parents));
		memcpy(row->parents, l->parents, l->n_parents * sizeof(*row->parents));
		row->n_parents = l->n_parents;
	}
	return row;
}

/* A file that was renamed: is its content on the grid already?  Proved by its hashes there, not by what is recorded. */
static bool
is_what_it_was(const struct look *l, const mf_source *src, const mf_cancel *cancel)
{
	struct mf_grid *grid = l->task.f->grid;
	bool same = false;

	return l->has_was && mf_filecap_size(&l->was) == src->size &&
		grid->ops->same(grid, &l->was, src, &same, cancel, NULL) == MF_OK && same;
}

/* Store content, document and directory of what @p src yields. */
static mf_code
store_file(struct look *l, const mf_source *src, struct mf_sha256 *streamed, const mf_cancel *cancel, mf_err *err)
{
	struct mf_folder *f = l->task.f;
	mf_snap_row *row = row_for(l);
	uint8_t sha[32];
	mf_code rc = MF_OK;

	if (is_what_it_was(l, src, cancel))
		row->content = l->was;
	else
		rc = f->grid->ops->put(f->grid, src, &row->content, cancel, err);
	if (streamed != NULL) {
		mf_sha256_end(streamed, sha);
		note_sha(l, sha);
	}
	row->has_sha = true;
	memcpy(row->sha, l->seen.sha, sizeof(row->sha));
	row->size = l->seen.st.size;
	row->executable = (l->seen.st.mode & 0100) != 0;
	row->mtime_s = mf_floor_s(l->seen.st.mtime_ns);
	if (rc == MF_OK)
		rc = mf_snapshot_store(f, row, cancel, err);
	l->grid_failed = mf_stash_is_outage(rc);
	if (rc == MF_OK)
		l->made = row;
	else
		mf_snap_row_free(row);
	return rc;
}

/* A version that Python made does not say its hash: is it this content?  Proved on the grid, without a download. */
static void
prove(struct look *l, const mf_source *src, const mf_cancel *cancel)
{
	struct mf_grid *grid = l->task.f->grid;
	bool same = false;

	if (!l->e_is_file || l->e_has_sha || l->e_content.text[0] == '\0' || l->seen.same_as_e ||
		l->e_size != l->seen.st.size ||
		grid->ops->same(grid, &l->e_content, src, &same, cancel, NULL) != MF_OK || !same)
		return;
	l->e_proved = true;
	l->same_content = true;
}

/* The same of a file that is read once more, and may be another by then. */
static void
prove_large(struct look *l, struct mf_file *file, const mf_cancel *cancel)
{
	struct mf_sha256 *again = mf_sha256_new();
	struct stream s = {.env = l->task.f->env, .file = file, .sha = again};
	mf_source src = {.read = stream_read, .arg = &s, .size = l->seen.st.size};
	uint8_t sha[32];

	prove(l, &src, cancel);
	mf_sha256_end(again, sha);
	if (l->e_proved && memcmp(sha, l->seen.sha, sizeof(sha)) != 0)
		l->e_proved = l->same_content = false;
}

static mf_code
look_small(struct look *l, struct mf_file *file, const mf_cancel *cancel, mf_err *err)
{
	size_t n = (size_t)l->seen.st.size, got = 0;
	uint8_t *bytes = mf_alloc(n + 1), sha[32];
	mf_stat after = {0};
	mf_code rc = MF_OPS(l->task.f)->read(file, 0, bytes, n + 1, &got, err);

	if (rc == MF_OK)
		rc = MF_OPS(l->task.f)->fstat(file, &after, err);
	if (rc == MF_OK && (got != n || !mf_look_same_stat(&l->seen.st, &after))) {
		found_unsettled(l);
	} else if (rc == MF_OK) {
		mf_sha256(bytes, n, sha);
		note_sha(l, sha);
		mf_source src = mf_source_mem(bytes, n);
		prove(l, &src, cancel);
		if (l->want_snapshot && !l->same_content)
			rc = store_file(l, &src, NULL, cancel, err);
		if (mf_stash_wants(l))
			mf_stash_bytes(l, bytes, n);
	}
	free(bytes);
	return rc;
}

static mf_code
look_large(struct look *l, struct mf_file *file, const mf_cancel *cancel, mf_err *err)
{
	uint8_t sha[32];
	mf_stat after = {0};
	mf_code rc = MF_OK;
	bool may_be_same = l->e_is_file && l->e_size == l->seen.st.size;

	if ((!l->want_snapshot && !l->stash_now) || may_be_same) {
		rc = mf_hash_file(l->task.f->env, file, l->seen.st.size, sha, cancel, err);
		if (rc == MF_OK)
			note_sha(l, sha);
		if (rc == MF_OK)
			prove_large(l, file, cancel);
	}
	if (rc == MF_OK && l->want_snapshot && !l->same_content) {
		struct mf_sha256 *running = mf_sha256_new();
		struct stream s = {.env = l->task.f->env, .file = file, .sha = running};
		mf_source src = {.read = stream_read, .arg = &s, .size = l->seen.st.size};
		rc = store_file(l, &src, running, cancel, err);
		l->grid_failed &= !s.failed;
	}
	if ((rc == MF_OK || l->grid_failed) && mf_stash_wants(l))
		mf_stash_file(l, file, cancel);
	if (l->stashed[0] != '\0') /* of one piece, whatever came after */
		return rc;
	if (rc == MF_OK)
		rc = MF_OPS(l->task.f)->fstat(file, &after, err);
	if (rc == MF_ECHANGED || (rc == MF_OK && !mf_look_same_stat(&l->seen.st, &after))) {
		found_unsettled(l);
		rc = MF_OK;
	}
	return rc;
}

static mf_code
look_at_file(struct look *l, const mf_cancel *cancel, mf_err *err)
{
	const struct mf_env_ops *ops = MF_OPS(l->task.f);
	struct mf_file *file = NULL;
	mf_code rc = ops->open(l->root, l->relpath, MF_OPEN_READ, 0, &file, err);

	if (rc == MF_ENOTFOUND) {
		l->seen.kind = MF_LOCAL_ABSENT;
		return MF_OK;
	}
	if (rc != MF_OK)
		return rc;
	mf_stat st;
	rc = ops->fstat(file, &st, err);
	int64_t age = ops->now_ns(l->task.f->env) - st.mtime_ns;
	if (rc == MF_OK && !mf_look_same_stat(&st, &l->seen.st))
		found_unsettled(l);
	else if (rc == MF_OK && st.size > MF_LOOK_SMALL && l->writing != MF_WR_CLOSED && age >= 0 && age < RESTED_NS)
		found_unsettled(l); /* being written, most likely: not worth a try */
	else if (rc == MF_OK && st.size > MF_LOOK_SMALL && l->task.pool == MF_POOL_QUICK)
		l->too_big = true;
	else if (rc == MF_OK)
		rc = st.size <= MF_LOOK_SMALL ? look_small(l, file, cancel, err) : look_large(l, file, cancel, err);
	ops->close(file);
	return rc;
}

/* Open for writing, as far as events tell, and of another size than E has or the last look found: half a file. */
static bool
is_growing(const struct look *l)
{
	uint64_t size = l->seen.st.size;

	if (l->writing != MF_WR_OPEN && (l->writing != MF_WR_MADE || size > 0))
		return false;
	if (l->e_is_file && l->e_size == size)
		return false;
	return !l->has_size || l->size_seen != size || !l->size_rested;
}

static mf_code
look_at_nothing(struct look *l, const mf_cancel *cancel, mf_err *err)
{
	struct mf_folder *f = l->task.f;

	/* a root that is gone looks like everything deleted; one that cannot be looked at says nothing */
	mf_code rc = MF_OPS(f)->root_check(l->root, err);
	if (rc == MF_ECHANGED || rc == MF_ENOTFOUND) {
		l->seen.kind = MF_LOCAL_ROOT_GONE;
		return MF_OK;
	}
	if (rc != MF_OK)
		return rc;
	if (!l->want_snapshot || !l->e_is_file || (l->no_deletion && !l->parents_given))
		return MF_OK;
	mf_snap_row *row = row_for(l);
	row->deletion = true;
	row->mtime_s = MF_OPS(f)->now_ns(f->env) / 1000000000;
	rc = mf_snapshot_store(f, row, cancel, err);
	if (rc == MF_OK)
		l->made = row;
	else
		mf_snap_row_free(row);
	l->grid_failed = mf_stash_is_outage(rc);
	return l->grid_failed && l->may_stash ? MF_OK : rc;
}

/* A marker that cannot be looked at is neither gone nor changed: the look fails.  Only one that may not be read, or is
 * no file, is present with unknown content: never ours to touch. */
static mf_code
look_at_marks(struct look *l, const mf_cancel *cancel, mf_err *err)
{
	const struct mf_env_ops *ops = MF_OPS(l->task.f);
	mf_code rc = MF_OK;

	for (size_t i = 0; rc == MF_OK && i < l->n_mark; i++) {
		struct mf_mark *m = &l->mark[i];
		struct mf_file *file = NULL;
		mf_stat st = {0};
		rc = ops->stat(l->root, m->path, &st, err);
		if (rc != MF_OK || st.kind == MF_KIND_ABSENT)
			continue;
		m->present = true;
		m->size = st.size;
		if (st.kind != MF_KIND_FILE)
			continue;
		rc = ops->open(l->root, m->path, MF_OPEN_READ, 0, &file, err);
		if (rc == MF_OK)
			rc = mf_hash_file(l->task.f->env, file, st.size, m->sha, cancel, err);
		else if (rc == MF_ENOTFOUND)
			rc = mf_fail(err, MF_EBUSY, 0, "%s went in this moment", m->path); /* look again */
		else if (err->sys == EACCES)
			rc = MF_OK;
		m->has_sha = rc == MF_OK && file != NULL;
		ops->close(file);
	}
	return rc;
}

mf_code
mf_look_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct look *l = (struct look *)t;
	const struct mf_env_ops *ops = MF_OPS(t->f);
	mf_err *err = &t->err;
	int64_t began = ops->now_ns(t->f->env);
	mf_code rc = ops->stat(l->root, l->relpath, &l->seen.st, err);

	mf_err mark_err = {0};

	l->seen.valid = true;
	if (look_at_marks(l, cancel, &mark_err) != MF_OK) {
		*err = mark_err;
		return err->code;
	}
	if (rc == MF_EAUTH) { /* a parent is a symbolic link: what is behind it is not ours */
		bool pythons = l->e_is_file && l->e_state.present && l->e_state.ino == 0; /* but Python went there */
		l->seen.kind = pythons ? MF_LOCAL_UNREADABLE : MF_LOCAL_OTHER;
		return MF_OK;
	}
	if (rc == MF_OK && (l->seen.st.kind == MF_KIND_ABSENT || l->seen.st.dev != l->dev)) {
		rc = mf_dev_check(ops, l->root, l->relpath, l->dev, err);
		l->other_dev = rc == MF_ECHANGED;
		if (l->other_dev) {
			l->seen.kind = MF_LOCAL_ROOT_GONE;
			return MF_OK;
		}
	}
	if (rc == MF_OK) {
		switch (l->seen.st.kind) {
		case MF_KIND_ABSENT:
			l->seen.kind = MF_LOCAL_ABSENT;
			rc = look_at_nothing(l, cancel, err);
			break;
		case MF_KIND_FILE:
			l->growing = is_growing(l);
			if (l->growing)
				break;
			l->seen.kind = MF_LOCAL_FILE;
			l->seen.same_as_e = mf_pathstate_matches(&l->e_state, &l->seen.st, true);
			if ((!l->seen.same_as_e && (l->want_snapshot || l->stash_now || l->e_is_file)) || l->want_hash)
				rc = look_at_file(l, cancel, err);
			break;
		default: l->seen.kind = MF_LOCAL_OTHER; break;
		}
	}
	if (rc != MF_OK && rc != MF_ECANCELED)
		l->seen.kind = MF_LOCAL_UNREADABLE;
	l->took_ns = ops->now_ns(t->f->env) - began;
	return rc;
}
