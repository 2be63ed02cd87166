/* Renames: one change under two names. */
#include "sync/engine.h"

#include <stdlib.h>

enum { LEFT_MAX = sizeof(((struct mf_folder *)0)->left) / sizeof(((struct mf_folder *)0)->left[0]) };

void
mf_moved_from(struct mf_folder *f, uint32_t cookie, const char *path)
{
	struct mf_left *at = &f->left[f->at_left++ % LEFT_MAX];

	free(at->path);
	*at = (struct mf_left){.cookie = cookie, .path = mf_strdup(mf_strz(path))};
}

const char *
mf_moved_to(struct mf_folder *f, uint32_t cookie)
{
	for (size_t i = 0; i < LEFT_MAX; i++)
		if (cookie != 0 && f->left[i].path != NULL && f->left[i].cookie == cookie)
			return f->left[i].path;
	return NULL;
}

static void
set_half(struct mf_path *p, const char *other)
{
	char *copy = mf_strdup(mf_strz(other));

	free(p->half);
	p->half = copy;
}

static void
pair(struct mf_folder *f, const char *from, const char *to)
{
	set_half(mf_path_need(f, from), to);
	set_half(mf_path_need(f, to), from);
}

bool
mf_moved_file(struct mf_folder *f, const char *from, const char *to)
{
	struct mf_path *p = mf_path_find(f, from);

	/* renamed twice before anybody looked: it came from where it was first */
	if (p != NULL && p->half != NULL && strcmp(p->half, to) != 0 && !mf_path_known(f, from)) {
		pair(f, p->half, to);
		free(p->half);
		p->half = NULL;
		return true;
	}
	if (!mf_path_known(f, from))
		return false;
	pair(f, from, to);
	return true;
}

struct below {
	struct mf_folder *f;
	const char *from, *to;
};

static mf_code
moved_each(void *arg, const char *relpath)
{
	struct below *b = arg;
	mf_buf to = {0};

	mf_buf_addz(&to, b->to);
	mf_buf_addz(&to, relpath + strlen(b->from));
	if (mf_path_find(b->f, relpath) != NULL) { /* it is looked at because it is gone */
		pair(b->f, relpath, (char *)to.p);
		mf_unrest(b->f, (char *)to.p, MF_VANISHED_MS);
	}
	mf_buf_free(&to);
	return MF_OK;
}

void
mf_moved_dir(struct mf_folder *f, const char *from, const char *to)
{
	struct below b = {f, from, to};

	(void)mf_state_path_below(f->state, from, moved_each, &b, NULL);
}

bool
mf_moved_content(struct mf_folder *f, const struct mf_path *p, mf_filecap *out)
{
	mf_path_row row;
	bool ok = p->half != NULL && mf_state_path_get(f->state, p->half, &row, NULL) == MF_OK;

	if (!ok)
		return false;
	ok = row.has_base && !row.base_deleted;
	*out = row.content;
	mf_path_row_clear(&row);
	return ok;
}

/* The other half, if it takes itself for one. */
static const struct mf_path *
half_of(struct mf_folder *f, const struct mf_path *p)
{
	const struct mf_path *q = p->half == NULL ? NULL : mf_path_find(f, p->half);

	return q != NULL && q->half != NULL && strcmp(q->half, p->relpath) == 0 ? q : NULL;
}

bool
mf_is_renamed(struct mf_folder *f, const struct mf_path *p)
{
	const struct mf_path *q = half_of(f, p);

	return q != NULL && q->seen.valid && q->seen.kind == MF_LOCAL_FILE;
}

bool
mf_half_is_unseen(struct mf_folder *f, const struct mf_path *p)
{
	const struct mf_path *q = half_of(f, p);

	return q != NULL && !q->seen.valid && !q->failed && q->held == 0;
}

bool
mf_half_is_coming(struct mf_folder *f, const struct mf_path *p)
{
	const struct mf_path *q = half_of(f, p);

	return q != NULL && q->stage != MF_ST_LINKING && q->stage != MF_ST_GATED && !q->failed && q->held == 0;
}
