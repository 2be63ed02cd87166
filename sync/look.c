/* Looking at a file, and making a snapshot of it in the same task. */
#include "sync/engine.h"

#include <errno.h>
#include <stdlib.h>

#include <sodium.h>

#include "grid/lafs/hash.h"

enum { SMALL_BYTES = 1 << 20, PIECE_BYTES = 1 << 18, UNSETTLED_MS = 200, VANISHED_MS = 500, RESTED_NS = 1000000000 };

/* Everything one look needs and finds; owned by the worker while it runs. */
struct look {
	struct mf_task task;
	struct mf_path *p;        /* loop only */
	struct mf_root *root;
	unsigned root_generation;
	char *relpath;
	bool want_hash, want_snapshot;
	mf_pathstate e_state;
	bool e_has_sha, e_is_file, e_has_executable, e_executable;
	uint64_t e_size;
	uint8_t e_sha[32];
	mf_immdir *parents;
	size_t n_parents;
	/* found */
	struct mf_seen seen;
	bool same_content;        /* bytes are E's although the stat is not */
	bool too_big;             /* for the quick pool */
	mf_snap_row *made;
	int64_t took_ns;
	struct mf_mark *mark;
	size_t n_mark;
};

/* ---- worker ------------------------------------------------------------------------------------------ */

/* A file read front to back, twice: the first time its SHA-256 is taken. */
struct stream {
	struct mf_env *env;
	struct mf_file *file;
	struct mf_sha256 *sha;
	uint64_t hashed;
};

static mf_code
stream_read(void *arg, uint64_t off, void *p, size_t n, mf_err *err)
{
	struct stream *s = arg;
	size_t got = 0;
	mf_code rc = s->env->ops->read(s->file, off, p, n, &got, err);

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
mf_hash_file(struct mf_env *env, struct mf_file *file, uint64_t size, uint8_t out[32], const mf_cancel *cancel,
	mf_err *err)
{
	struct mf_sha256 *sha = mf_sha256_new();
	struct stream s = {.env = env, .file = file, .sha = sha};
	uint8_t *piece = mf_alloc(PIECE_BYTES);
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

static bool
same_stat(const mf_stat *a, const mf_stat *b)
{
	return a->kind == b->kind && a->size == b->size && a->mtime_ns == b->mtime_ns &&
		a->ctime_ns == b->ctime_ns && a->ino == b->ino;
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
	bool executable = (l->seen.st.mode & 0100) != 0;
	l->same_content = l->e_is_file && l->e_has_sha && l->e_size == l->seen.st.size &&
		memcmp(sha, l->e_sha, 32) == 0 && (!l->e_has_executable || l->e_executable == executable);
}

mf_code
mf_snapshot_store(struct mf_folder *f, mf_snap_row *row, const mf_cancel *cancel, mf_err *err)
{
	struct mf_grid *grid = f->grid;
	mf_snapshot s = {.relpath = row->relpath, .author = f->conf.author, .deletion = row->deletion,
		.content = row->content, .mtime_s = row->mtime_s, .has_mtime = true, .has_sha = !row->deletion && row->has_sha,
		.has_executable = true, .executable = row->executable && !row->deletion, .parents = row->parents,
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
	if (l->n_parents > 0) {
		row->parents = mf_realloc_array(NULL, l->n_parents, sizeof(*row->parents));
		memcpy(row->parents, l->parents, l->n_parents * sizeof(*row->parents));
		row->n_parents = l->n_parents;
	}
	return row;
}

/* Store content, document and directory of what @p src yields. */
static mf_code
store_file(struct look *l, const mf_source *src, struct mf_sha256 *streamed, const mf_cancel *cancel, mf_err *err)
{
	struct mf_folder *f = l->task.f;
	mf_snap_row *row = row_for(l);
	uint8_t sha[32];
	mf_code rc = f->grid->ops->put(f->grid, src, &row->content, cancel, err);

	if (streamed != NULL) {
		mf_sha256_end(streamed, sha);
		note_sha(l, sha);
	}
	row->has_sha = true;
	memcpy(row->sha, l->seen.sha, sizeof(row->sha));
	row->size = l->seen.st.size;
	row->executable = (l->seen.st.mode & 0100) != 0;
	int64_t ns = l->seen.st.mtime_ns;
	row->mtime_s = ns / 1000000000 - (ns % 1000000000 < 0 ? 1 : 0);
	if (rc == MF_OK)
		rc = mf_snapshot_store(f, row, cancel, err);
	if (rc == MF_OK)
		l->made = row;
	else
		mf_snap_row_free(row);
	return rc;
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
	if (rc == MF_OK && (got != n || !same_stat(&l->seen.st, &after))) {
		found_unsettled(l);
	} else if (rc == MF_OK) {
		mf_sha256(bytes, n, sha);
		note_sha(l, sha);
		mf_source src = mf_source_mem(bytes, n);
		if (l->want_snapshot && !l->same_content)
			rc = store_file(l, &src, NULL, cancel, err);
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
	bool may_be_same = l->e_is_file && l->e_has_sha && l->e_size == l->seen.st.size;

	if (!l->want_snapshot || may_be_same) {
		rc = mf_hash_file(l->task.f->env, file, l->seen.st.size, sha, cancel, err);
		if (rc == MF_OK)
			note_sha(l, sha);
	}
	if (rc == MF_OK && l->want_snapshot && !l->same_content) {
		struct mf_sha256 *running = mf_sha256_new();
		struct stream s = {.env = l->task.f->env, .file = file, .sha = running};
		mf_source src = {.read = stream_read, .arg = &s, .size = l->seen.st.size};
		rc = store_file(l, &src, running, cancel, err);
	}
	if (rc == MF_OK)
		rc = MF_OPS(l->task.f)->fstat(file, &after, err);
	if (rc == MF_ECHANGED || (rc == MF_OK && !same_stat(&l->seen.st, &after))) {
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
	if (rc == MF_OK && !same_stat(&st, &l->seen.st))
		found_unsettled(l);
	else if (rc == MF_OK && st.size > SMALL_BYTES && age >= 0 && age < RESTED_NS)
		found_unsettled(l); /* being written, most likely: not worth a try */
	else if (rc == MF_OK && st.size > SMALL_BYTES && l->task.pool == MF_POOL_QUICK)
		l->too_big = true;
	else if (rc == MF_OK)
		rc = st.size <= SMALL_BYTES ? look_small(l, file, cancel, err) : look_large(l, file, cancel, err);
	ops->close(file);
	return rc;
}

static mf_code
look_at_nothing(struct look *l, const mf_cancel *cancel, mf_err *err)
{
	struct mf_folder *f = l->task.f;

	/* a root that is gone looks like everything deleted */
	if (MF_OPS(f)->root_check(l->root, NULL) != MF_OK) {
		l->seen.kind = MF_LOCAL_ROOT_GONE;
		return MF_OK;
	}
	if (!l->want_snapshot || !l->e_is_file)
		return MF_OK;
	mf_snap_row *row = row_for(l);
	row->deletion = true;
	row->mtime_s = MF_OPS(f)->now_ns(f->env) / 1000000000;
	mf_code rc = mf_snapshot_store(f, row, cancel, err);
	if (rc == MF_OK)
		l->made = row;
	else
		mf_snap_row_free(row);
	return rc;
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
		else if (rc == MF_ENOTFOUND || err->sys == EACCES)
			rc = MF_OK;
		m->has_sha = rc == MF_OK && file != NULL;
		ops->close(file);
	}
	return rc;
}

static mf_code
look_work(struct mf_task *t, const mf_cancel *cancel)
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
		l->seen.kind = MF_LOCAL_OTHER;
		return MF_OK;
	}
	if (rc == MF_OK) {
		switch (l->seen.st.kind) {
		case MF_KIND_ABSENT:
			l->seen.kind = MF_LOCAL_ABSENT;
			rc = look_at_nothing(l, cancel, err);
			break;
		case MF_KIND_FILE:
			l->seen.kind = MF_LOCAL_FILE;
			l->seen.same_as_e = mf_pathstate_matches(&l->e_state, &l->seen.st, true);
			if ((!l->seen.same_as_e && (l->want_snapshot || l->e_is_file)) || l->want_hash)
				rc = look_at_file(l, cancel, err);
			break;
		default:
			l->seen.kind = MF_LOCAL_OTHER;
			break;
		}
	}
	if (rc != MF_OK && rc != MF_ECANCELED)
		l->seen.kind = MF_LOCAL_UNREADABLE;
	l->took_ns = ops->now_ns(t->f->env) - began;
	return rc;
}

/* ---- loop ---------------------------------------------------------------------------------------------- */

static void
look_free(struct look *l)
{
	for (size_t i = 0; i < l->n_mark; i++)
		free(l->mark[i].path);
	free(l->mark);
	mf_snap_row_free(l->made);
	free(l->parents);
	free(l->relpath);
	free(l);
}

static void
take_marks(struct mf_path *p, struct look *l)
{
	for (size_t i = 0; i < p->n_mark; i++)
		free(p->mark[i].path);
	free(p->mark);
	p->mark = l->mark;
	p->n_mark = l->n_mark;
	l->mark = NULL;
	l->n_mark = 0;
}

/* It changed while it was read.  Whoever waits for a scan does not wait for a file that never rests. */
static void
unsettled(struct mf_folder *f, struct mf_path *p)
{
	uint64_t wait = (uint64_t)UNSETTLED_MS << (p->unsettled < 7 ? p->unsettled : 7);

	if (p->unsettled++ >= 3)
		mf_path_give_up_waiting(f, p);
	mf_path_look(f, p, wait);
}

static void
look_done(struct mf_task *t)
{
	struct look *l = (struct look *)t;
	struct mf_folder *f = t->f;
	struct mf_path *p = l->p;

	f->n_looking--;
	if (f->closing) {
		look_free(l);
		return;
	}
	p->stage = MF_ST_IDLE;
	take_marks(p, l);
	if (t->err.code != MF_OK) {
		if (t->err.code == MF_EBUSY || t->err.code == MF_ECANCELED)
			mf_path_look(f, p, UNSETTLED_MS);
		else
			mf_path_fail(f, p, &t->err);
	} else if (l->seen.kind == MF_LOCAL_UNSETTLED) {
		unsettled(f, p);
	} else if (l->seen.kind == MF_LOCAL_ABSENT && l->e_is_file && !p->absent_before) {
		/* an editor may be between unlink and create: a vanished name is believed when it stays away */
		p->absent_before = true;
		mf_path_look(f, p, VANISHED_MS);
	} else if (l->too_big) {
		p->big = true;
		mf_path_look(f, p, 0);
	} else {
		p->absent_before = false;
		p->big = false;
		p->unsettled = 0;
		p->seen = l->seen;
		p->seen.root_generation = l->root_generation;
		p->want_hash = false;
		mf_snap_row_free(p->made);
		p->made = l->made;
		p->made_took_ns = l->took_ns;
		p->made_state = mf_pathstate_of(&l->seen.st);
		l->made = NULL;
		if (l->same_content && !p->seen.same_as_e) {
			/* touched, not changed: the new stat is what E looks like now */
			p->seen.same_as_e = true;
			mf_err err = {0};
			(void)mf_state_path_touch(f->state, p->relpath, &p->made_state, &err);
		}
		mf_path_ready(f, p);
	}
	look_free(l);
}

/* May the snapshot be made ahead of the decision?  Only where nothing but our own history is in play. */
static bool
simple_case(struct mf_folder *f, const struct mf_gathered *g)
{
	if (f->conf.read_only || !f->self_read || !f->polled_once || g->has_intent || g->n_conflict > 0)
		return false;
	for (size_t i = 0; i < g->facts.n_heads; i++)
		if (g->heads[i].kind != MF_HEAD_CAP ? g->heads[i].kind == MF_HEAD_UNREAD : g->heads[i].sid != g->e)
			return false;
	return true;
}

void
mf_look_start(struct mf_folder *f, struct mf_path *p)
{
	struct mf_gathered *g = NULL;
	mf_err err = {0};

	if (f->root == NULL || f->root_doubtful) {
		p->seen = (struct mf_seen){.valid = true, .kind = MF_LOCAL_ROOT_GONE,
			.root_generation = f->root_generation};
		p->need_look = false;
		mf_path_unmark_scan(f, p);
		return;
	}
	if (mf_facts_gather(f, p, &g, &err) != MF_OK) {
		mf_path_fail(f, p, &err);
		return;
	}
	struct look *l = mf_alloc(sizeof(*l));
	l->task.work = look_work;
	l->task.done = look_done;
	l->p = p;
	l->root = f->root;
	l->root_generation = f->root_generation;
	l->relpath = mf_strdup(mf_strz(p->relpath));
	l->want_hash = p->want_hash;
	l->want_snapshot = simple_case(f, g);
	l->e_state = g->e_state;
	const mf_snap_row *e = g->e == MF_SID_NONE ? NULL : mf_facts_row(g, g->e);
	if (e != NULL && !e->deletion) {
		l->e_is_file = true;
		l->e_size = e->size;
		l->e_has_sha = e->has_sha;
		l->e_has_executable = e->has_executable;
		l->e_executable = e->executable;
		memcpy(l->e_sha, e->sha, sizeof(l->e_sha));
	}
	if (p->want_parents != NULL) {
		l->want_snapshot = true;
		l->parents = p->want_parents;
		l->n_parents = p->n_want_parents;
		p->want_parents = NULL;
		p->n_want_parents = 0;
	} else if (e != NULL) {
		l->parents = mf_alloc(sizeof(*l->parents));
		l->parents[0] = e->cap;
		l->n_parents = 1;
	}
	l->n_mark = g->n_conflict;
	l->mark = mf_alloc((g->n_conflict + 1) * sizeof(*l->mark));
	for (size_t i = 0; i < g->n_conflict; i++)
		l->mark[i].path = mf_marker_of(p->relpath, &g->conflict[i]);
	mf_facts_free(g);
	l->task.pool = p->big ? MF_POOL_TRANSFER : MF_POOL_QUICK;
	p->stage = MF_ST_LOOKING;
	p->need_look = false;
	f->n_looking++;
	mf_task_start(f, &l->task);
}

/* ---- snapshots without a file: merges, resolutions, deletions decided late ---------------------------- */

struct encode {
	struct mf_task task;
	struct mf_path *p;
	mf_snap_row *row;
	mf_pathstate state;
};

static mf_code
encode_work(struct mf_task *t, const mf_cancel *cancel)
{
	return mf_snapshot_store(t->f, ((struct encode *)t)->row, cancel, &t->err);
}

static void
encode_done(struct mf_task *t)
{
	struct encode *e = (struct encode *)t;
	struct mf_path *p = e->p;

	if (!t->f->closing) {
		p->stage = MF_ST_IDLE;
		if (t->err.code != MF_OK) {
			mf_path_fail(t->f, p, &t->err);
		} else {
			mf_snap_row_free(p->made);
			p->made = e->row;
			p->made_state = e->state;
			e->row = NULL;
			mf_path_ready(t->f, p);
		}
	}
	mf_snap_row_free(e->row);
	free(e);
}

void
mf_encode_start(struct mf_folder *f, struct mf_path *p, mf_snap_row *proto, mf_pathstate state)
{
	struct encode *e = mf_alloc(sizeof(*e));

	e->task.work = encode_work;
	e->task.done = encode_done;
	e->task.pool = MF_POOL_QUICK;
	e->p = p;
	e->row = proto;
	e->state = state;
	p->stage = MF_ST_ENCODING;
	mf_task_start(f, &e->task);
}

/* ---- the hash of a snapshot that carries none (made by Python) ------------------------------------------ */

struct hashing {
	struct mf_task task;
	struct mf_path *p;
	mf_immdir cap;
	mf_filecap content;
	uint64_t size;
	struct mf_sha256 *sha;
	uint8_t out[32];
};

static mf_code
hash_sink(void *arg, const void *p, size_t n, mf_err *err)
{
	(void)err;
	mf_sha256_add(((struct hashing *)arg)->sha, p, n);
	return MF_OK;
}

static mf_code
hashing_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct hashing *h = (struct hashing *)t;

	h->sha = mf_sha256_new();
	mf_code rc = t->f->grid->ops->get(t->f->grid, &h->content, 0, h->size, hash_sink, h, cancel, &t->err);
	mf_sha256_end(h->sha, h->out);
	return rc;
}

static void
hashing_done(struct mf_task *t)
{
	struct hashing *h = (struct hashing *)t;
	struct mf_path *p = h->p;
	mf_err err = t->err;

	if (!t->f->closing) {
		p->stage = MF_ST_IDLE;
		if (err.code == MF_OK)
			(void)mf_state_snap_set_sha(t->f->state, h->cap.text, h->out, &err);
		if (err.code == MF_OK)
			mf_path_ready(t->f, p);
		else
			mf_path_fail(t->f, p, &err);
	}
	free(h);
}

void
mf_hash_content_start(struct mf_folder *f, struct mf_path *p, const mf_snap_row *row)
{
	struct hashing *h = mf_alloc(sizeof(*h));

	h->task.work = hashing_work;
	h->task.done = hashing_done;
	h->task.pool = MF_POOL_TRANSFER;
	h->p = p;
	h->cap = row->cap;
	h->content = row->content;
	h->size = row->size;
	p->stage = MF_ST_HASHING;
	mf_task_start(f, &h->task);
}
