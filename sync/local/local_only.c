/* Read-only folders: which paths differ here from what others publish.  In memory; the first scan finds them again. */
#include "sync/local/walk.h"

#include <stdio.h>
#include <stdlib.h>

void
mf_local_only_note(struct mf_folder *f, const char *relpath, const mf_stat *st)
{
	char text[128] = "-";
	mf_pathstate ps;

	if (st->kind == MF_KIND_FILE) {
		ps = mf_pathstate_of(st);
		(void)snprintf(text, sizeof(text), "%llu %lld %lld %llu", (unsigned long long)ps.size,
			(long long)ps.mtime_ns, (long long)ps.ctime_ns, (unsigned long long)ps.ino);
	}
	mf_local_only_drop(f, relpath);
	mf_pairs_add(&f->local_only, f->hash_key, mf_strz(relpath), mf_strz(text));
}

void
mf_local_only_drop(struct mf_folder *f, const char *relpath)
{
	mf_pairs_drop(&f->local_only, f->hash_key, mf_strz(relpath));
}

static mf_pathstate
state_of(const mf_pair *p)
{
	unsigned long long size = 0, ino = 0;
	long long mtime = 0, ctime = 0;
	mf_pathstate ps = {0};

	if (sscanf(p->value, "%llu %lld %lld %llu", &size, &mtime, &ctime, &ino) == 4)
		ps = (mf_pathstate){.present = true, .size = size, .mtime_ns = mtime, .ctime_ns = ctime, .ino = ino};
	return ps;
}

/* ---- for the scan -------------------------------------------------------------------------------------------- */

static int
by_relpath(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->relpath, ((const struct known *)b)->relpath);
}

void
mf_local_only_known(struct mf_folder *f, struct walk *w)
{
	size_t n = w->n_known;

	if (f->local_only.n == 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const mf_pair *p = mf_pairs_first(&f->local_only, f->hash_key, mf_strz(w->known[i].relpath));
		if (p != NULL)
			w->known[i].ps = state_of(p);
	}
	for (size_t i = 0; i < f->local_only.cap; i++)
		for (const mf_pair *p = f->local_only.slot[i]; p != NULL; p = p->chain) {
			struct known key = {.relpath = p->key};
			if (n > 0 && bsearch(&key, w->known, n, sizeof(key), by_relpath) != NULL)
				continue;
			mf_walk_know(w, p->key, &(mf_pathstate){0});
			w->known[w->n_known - 1].ps = state_of(p);
		}
	qsort(w->known, w->n_known, sizeof(*w->known), by_relpath);
}

/* ---- for people ---------------------------------------------------------------------------------------------- */

struct file_rows {
	struct mf_folder *f;
	mf_pairs seen; /* of them: those that have a row */
	mf_code (*each)(void *arg, const mf_file_status *);
	void *arg;
};

static mf_code
file_row(void *arg, const mf_file_status *s)
{
	struct file_rows *r = arg;
	mf_file_status row = *s;

	row.local_only = mf_pairs_first(&r->f->local_only, r->f->hash_key, mf_strz(s->relpath)) != NULL;
	if (row.local_only)
		mf_pairs_add(&r->seen, r->f->hash_key, mf_strz(s->relpath), MF_STR(""));
	return r->each(r->arg, &row);
}

/* Files that nobody published: there is no row of Python's for them. */
static mf_code
local_rows(struct file_rows *r)
{
	const mf_pairs *m = &r->f->local_only;
	mf_code rc = MF_OK;

	for (size_t i = 0; i < m->cap; i++)
		for (const mf_pair *p = m->slot[i]; rc == MF_OK && p != NULL; p = p->chain) {
			mf_pathstate ps = state_of(p);
			mf_file_status row = {.relpath = p->key,
				.size = ps.size,
				.mtime_s = ps.mtime_ns / 1000000000,
				.last_updated_s = ps.mtime_ns / 1000000000,
				.upload_duration_ns = -1,
				.local_only = true};
			if (ps.present && mf_pairs_first(&r->seen, r->f->hash_key, mf_strz(p->key)) == NULL)
				rc = r->each(r->arg, &row);
		}
	return rc;
}

mf_code
mf_folder_file_status(struct mf_folder *f, mf_code (*each)(void *arg, const mf_file_status *), void *arg, mf_err *err)
{
	struct file_rows r = {.f = f, .each = each, .arg = arg};
	mf_code rc = mf_state_file_status(f->state, file_row, &r, err);

	if (rc == MF_OK)
		rc = local_rows(&r);
	mf_pairs_free(&r.seen);
	return rc;
}
