/* Marker files: p.conflict-SLOT beside p holds the other version. */
#include "sync/engine.h"

#include <stdio.h>
#include <stdlib.h>

char *
mf_marker_of(const char *relpath, const mf_conflict *c)
{
	mf_buf b = {0};

	mf_marker_path(mf_strz(relpath), mf_strz(c->slot), mf_strz(c->cap.text), &b);
	return (char *)b.p;
}

/* ---- which paths are markers now ---------------------------------------------------------------------- */

const char *
mf_marker_owner(struct mf_folder *f, const char *path)
{
	const mf_pair *m = mf_pairs_first(&f->markers, f->hash_key, mf_strz(path));

	return m != NULL ? m->value : NULL;
}

void
mf_marker_note(struct mf_folder *f, const char *path, const char *owner)
{
	if (mf_marker_owner(f, path) == NULL)
		mf_pairs_add(&f->markers, f->hash_key, mf_strz(path), mf_strz(owner));
}

void
mf_marker_forget(struct mf_folder *f, const char *path)
{
	mf_pairs_drop(&f->markers, f->hash_key, mf_strz(path));
}

/* Python names the marker after the participant who showed the version, and the row after its author. */
struct named {
	struct mf_folder *f;
	const char *stem; /* "NAME.conflict-" */
	const mf_conflict *rows;
	size_t n;
	struct list found; /* slots of files that are no row's marker */
};

static mf_code
named_each(void *arg, const mf_dirent *e)
{
	struct named *x = arg;
	size_t n = strlen(x->stem);

	if (e->n <= n || strncmp(e->name, x->stem, n) != 0)
		return MF_OK;
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->rows[i].slot, e->name + n) == 0)
			return MF_OK;
	mf_walk_add(&x->found, e->name + n);
	return MF_OK;
}

/* Of a row that Python wrote: the slot that its marker really has, if there is just one that it can be; on the heap. */
static char *
true_slot(struct mf_folder *f, const char *relpath, const mf_conflict *rows, size_t n, size_t at)
{
	struct named x = {.f = f, .rows = rows, .n = n};
	char *path = mf_marker_of(relpath, &rows[at]), *dir = mf_strdup(mf_relpath_dir(mf_strz(relpath)));
	mf_buf stem = {0}, safe = {0};
	mf_stat st = {0};
	char *slot = NULL;

	mf_buf_adds(&stem, mf_relpath_base(mf_strz(relpath)));
	mf_buf_addz(&stem, ".conflict-");
	x.stem = (char *)stem.p;
	if (MF_OPS(f)->stat(f->root, path, &st, NULL) == MF_OK && st.kind == MF_KIND_ABSENT &&
		MF_OPS(f)->list(f->root, dir, named_each, &x, NULL) == MF_OK && x.found.n == 1) {
		mf_slot_name(mf_strz(x.found.s[0]), &safe);
		if (mf_str_eq(mf_buf_str(&safe), mf_strz(x.found.s[0])))
			slot = mf_strdup(mf_buf_str(&safe));
	}
	mf_list_free(&x.found);
	mf_buf_free(&stem);
	mf_buf_free(&safe);
	free(path);
	free(dir);
	return slot;
}

/* The row gets the name that its marker has. */
static mf_code
rename_row(struct mf_folder *f, const char *relpath, mf_conflict *row, char *slot, mf_err *err)
{
	mf_code rc = mf_state_conflict_drop(f->state, relpath, row->slot, err);

	free(row->slot);
	row->slot = slot;
	return rc == MF_OK ? mf_state_conflict_put(f->state, relpath, row, err) : rc;
}

static mf_code
load_path(struct mf_folder *f, const char *relpath, mf_err *err)
{
	mf_conflict *rows = NULL;
	size_t n = 0;
	mf_code rc = mf_state_conflict_get(f->state, relpath, &rows, &n, err);

	if (rc == MF_EFORMAT) { /* a row that nobody can use is that path's trouble */
		mf_report_name(f, relpath, err);
		return MF_OK;
	}
	for (size_t i = 0; i < n && rc == MF_OK; i++) {
		char *slot = rows[i].pythons && f->root != NULL ? true_slot(f, relpath, rows, n, i) : NULL;
		if (slot != NULL)
			rc = rename_row(f, relpath, &rows[i], slot, err);
		char *path = mf_marker_of(relpath, &rows[i]);
		mf_marker_note(f, path, relpath);
		free(path);
	}
	mf_conflicts_free(rows, n);
	return rc;
}

static mf_code
load_each(void *arg, const char *relpath, const char *slot)
{
	struct list *l = arg;

	(void)slot;
	if (l->n == 0 || strcmp(l->s[l->n - 1], relpath) != 0)
		mf_walk_add(l, relpath);
	return MF_OK;
}

mf_code
mf_markers_load(struct mf_folder *f, mf_err *err)
{
	struct list paths = {0};
	mf_code rc = mf_state_conflict_each(f->state, load_each, &paths, err);

	for (size_t i = 0; i < paths.n && rc == MF_OK; i++)
		rc = load_path(f, paths.s[i], err);
	mf_list_free(&paths);
	return rc;
}

/* ---- writing, removing, letting go ------------------------------------------------------------------------ */

struct marker_task {
	struct mf_task task;
	struct mf_path *p;
	struct mf_root *root;
	enum mf_marker_do what;
	mf_conflict c;
	mf_snap_row *snap;
	char *path, *tmp, *dir;
	struct mf_dirs made;
	const char *state_path;
};

/* Is the file at @p path still exactly what we wrote there? */
static bool
is_ours(struct marker_task *m, const char *path, const mf_cancel *cancel)
{
	const struct mf_env_ops *ops = MF_OPS(m->task.f);
	struct mf_file *file = NULL;
	mf_stat st = {0};
	uint8_t sha[32];
	bool same = false;

	if (ops->open(m->root, path, MF_OPEN_READ, 0, &file, NULL) != MF_OK)
		return false;
	if (ops->fstat(file, &st, NULL) == MF_OK && st.size == m->c.marker_size &&
		mf_hash_file(m->task.f->env, file, st.size, sha, cancel, NULL) == MF_OK)
		same = m->c.has_marker_sha && memcmp(sha, m->c.marker_sha, 32) == 0;
	ops->close(file);
	return same;
}

static mf_code
write_marker(struct marker_task *m, const mf_cancel *cancel, mf_err *err)
{
	const struct mf_env_ops *ops = MF_OPS(m->task.f);
	mf_stat st = {0}, old = {0};
	uint8_t sha[32];
	uint32_t mode = 0666 & ~ops->umask(m->task.f->env);
	/* the user may have moved or removed the directory while the conflict was found */
	mf_code rc = mf_make_dirs(m->task.f, m->root, m->path, &m->made, err);

	if (rc == MF_OK)
		rc = mf_fetch_content(m->task.f, m->root, m->snap, m->tmp, mode, true, &st, sha, cancel, err);
	if (rc != MF_OK)
		return rc;
	rc = ops->stat(m->root, m->path, &old, err);
	if (rc == MF_OK && old.kind == MF_KIND_ABSENT) {
		rc = ops->rename(m->root, m->tmp, m->path, MF_RENAME_NEW, err);
	} else if (rc == MF_OK && is_ours(m, m->path, cancel)) {
		rc = ops->rename(m->root, m->tmp, m->path, MF_RENAME_REPLACE, err);
	} else if (rc == MF_OK) { /* the user's since the look: decide again */
		(void)ops->unlink(m->root, m->tmp, NULL);
		return MF_OK;
	}
	if (rc != MF_OK)
		(void)ops->unlink(m->root, m->tmp, NULL);
	if (rc == MF_OK)
		rc = ops->sync_dir(m->root, m->dir, err);
	return rc == MF_OK ? mf_dirs_sync(m->task.f, m->root, &m->made, err) : rc;
}

static mf_code
remove_marker(struct marker_task *m, const mf_cancel *cancel, mf_err *err)
{
	const struct mf_env_ops *ops = MF_OPS(m->task.f);
	mf_code rc = ops->rename(m->root, m->path, m->tmp, MF_RENAME_NEW, err);

	if (rc == MF_ENOTFOUND)
		return MF_OK;
	if (rc != MF_OK)
		return rc;
	if (is_ours(m, m->tmp, cancel))
		return ops->unlink(m->root, m->tmp, err);
	return ops->rename(m->root, m->tmp, m->path, MF_RENAME_NEW, err);
}

static mf_code
release_marker(struct marker_task *m, mf_err *err)
{
	mf_code rc = MF_EEXIST;

	for (unsigned i = 1; rc == MF_EEXIST && i < 1000; i++) {
		mf_buf to = {0};
		mf_buf_addf(&to, i == 1 ? "%s-edited" : "%s-edited-%u", m->path, i);
		rc = MF_OPS(m->task.f)->rename(m->root, m->path, (char *)to.p, MF_RENAME_NEW, err);
		mf_buf_free(&to);
	}
	return rc == MF_ENOTFOUND ? MF_OK : rc;
}

static mf_code
marker_work(struct mf_task *t, const mf_cancel *cancel)
{
	struct marker_task *m = (struct marker_task *)t;
	/* A marker whose row a power cut took would be the user's file; one that is gone while its row says OPEN
	 * would be the user's decision (planner.md W4). */
	mf_code rc = MF_OPS(t->f)->db_sync(t->f->env, m->state_path, &t->err);

	if (rc != MF_OK)
		return rc;
	switch (m->what) {
	case MF_MARKER_WRITE: rc = write_marker(m, cancel, &t->err); break;
	case MF_MARKER_REMOVE: rc = remove_marker(m, cancel, &t->err); break;
	case MF_MARKER_RELEASE: rc = release_marker(m, &t->err); break;
	}
	/* Back after a power cut, without its row, it would be the user's file. */
	if (rc == MF_OK && m->what != MF_MARKER_WRITE)
		rc = MF_OPS(t->f)->sync_dir(m->root, m->dir, &t->err);
	return rc;
}

static void
marker_done(struct mf_task *t)
{
	struct marker_task *m = (struct marker_task *)t;

	if (!t->f->closing) {
		m->p->stage = MF_ST_IDLE;
		m->p->seen.valid = false;
		for (size_t i = 0; i < m->made.n; i++) /* not noted: it stays when it becomes empty, no more */
			(void)mf_state_dir_made(t->f->state, m->made.dir[i], NULL);
		mf_name_the_file(&t->err, m->tmp, m->path);
		if (t->err.code != MF_OK)
			mf_path_fail(t->f, m->p, &t->err);
		else
			mf_path_ready(t->f, m->p);
	}
	mf_snap_row_free(m->snap);
	mf_dirs_free(&m->made);
	free(m->c.slot);
	free(m->path);
	free(m->tmp);
	free(m->dir);
	free(m);
}

void
mf_marker_start(
	struct mf_folder *f, struct mf_path *p, enum mf_marker_do what, const mf_conflict *c, const mf_snap_row *snap)
{
	struct marker_task *m = mf_alloc(sizeof(*m));
	char name[MF_TMP_NAME_MAX];
	uint8_t random[8];
	mf_buf tmp = {0};

	MF_OPS(f)->random(f->env, random, sizeof(random));
	mf_tmp_name(name, random);
	m->task.work = marker_work;
	m->task.done = marker_done;
	m->task.pool = MF_POOL_TRANSFER;
	m->task.may_stop = what == MF_MARKER_WRITE;
	m->p = p;
	m->root = f->root;
	m->state_path = mf_state_path(f->state);
	m->what = what;
	m->c = *c;
	m->c.slot = mf_strdup(mf_strz(c->slot));
	m->snap = mf_snap_row_dup(snap);
	m->path = mf_marker_of(p->relpath, c);
	m->dir = mf_strdup(mf_relpath_dir(mf_strz(m->path)));
	mf_buf_addz(&tmp, m->dir);
	if (tmp.n > 0)
		mf_buf_addc(&tmp, '/');
	mf_buf_addz(&tmp, name);
	m->tmp = (char *)tmp.p;
	p->stage = MF_ST_MARKER;
	mf_task_start(f, &m->task);
}
