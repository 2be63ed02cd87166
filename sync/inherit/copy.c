/* The stash: making a copy, the blocking part.  It is durable before anything names it (planner.md W1); what is left of
 * one that failed is removed, or swept at the next start. */
#include "sync/inherit/stash.h"

#include <stdlib.h>

enum { PIECE_BYTES = 1 << 18, LETTERS = 8 };

struct copy {
	struct look *l;
	const struct mf_env_ops *ops;
	struct mf_root *dir;
	struct mf_file *file;
	char name[MF_STASH_NAME];
	uint64_t at;
};

bool
mf_stash_wants(const struct look *l)
{
	if (!l->may_stash)
		return false;
	if (l->same_content)
		return l->stash_bit && !mf_look_same_bit(l);
	return l->grid_failed || l->stash_now;
}

/* It is made with the folder; somebody may have removed it. */
static mf_code
open_dir(struct copy *c, mf_err *err)
{
	struct mf_folder *f = c->l->task.f;
	struct mf_root *state = NULL;
	mf_code rc = c->ops->root_open(f->env, f->stash_dir, &c->dir, NULL);

	if (rc == MF_OK)
		return MF_OK;
	rc = c->ops->root_open(f->env, f->conf.state_dir, &state, err);
	if (rc != MF_OK)
		return rc;
	rc = c->ops->mkdir(state, "stash", 0700, err);
	if (rc == MF_OK || rc == MF_EEXIST)
		rc = c->ops->sync_dir(state, "", err);
	c->ops->root_close(state);
	return rc == MF_OK ? c->ops->root_open(f->env, f->stash_dir, &c->dir, err) : rc;
}

/* Python's form: "snap" and letters that its temporary names have. */
static void
choose_name(struct copy *c)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345"; /* 32: no remainder */
	uint8_t r[LETTERS];

	c->ops->random(c->l->task.f->env, r, sizeof(r));
	memcpy(c->name, "snap", 4);
	for (size_t i = 0; i < LETTERS; i++)
		c->name[4 + i] = letters[r[i] & 31];
	c->name[4 + LETTERS] = '\0';
}

static mf_code
begin(struct copy *c, uint64_t size, mf_err *err)
{
	uint64_t used = c->l->stash_used, left = 0;
	mf_code rc = open_dir(c, err);

	if (rc == MF_OK)
		rc = c->ops->space(c->dir, &left, err);
	if (rc != MF_OK)
		return rc;
	left = left > UINT64_MAX - used ? UINT64_MAX : left + used;
	if (size > left / MF_STASH_SHARE || used > left / MF_STASH_SHARE - size)
		return mf_fail(err, MF_EFULL, 0, "there is too little space for it");
	choose_name(c);
	return c->ops->open(c->dir, c->name, MF_OPEN_CREATE_NEW, 0600, &c->file, err);
}

static mf_code
add(struct copy *c, const void *p, size_t n, mf_err *err)
{
	mf_code rc = n == 0 ? MF_OK : c->ops->write(c->file, c->at, p, n, err);

	c->at += n;
	return rc;
}

static void
end(struct copy *c, mf_code rc)
{
	mf_err *err = &c->l->stash_err;
	bool made = c->file != NULL;

	if (rc == MF_OK)
		rc = c->ops->fsync(c->file, err);
	c->ops->close(c->file);
	if (rc == MF_OK)
		rc = c->ops->sync_dir(c->dir, "", err);
	if (rc == MF_OK)
		memcpy(c->l->stashed, c->name, sizeof(c->name));
	else if (made)
		(void)c->ops->unlink(c->dir, c->name, NULL);
	if (c->dir != NULL)
		c->ops->root_close(c->dir);
	if (rc != MF_OK)
		err->code = rc;
}

void
mf_stash_bytes(struct look *l, const void *p, size_t n)
{
	struct copy c = {.l = l, .ops = MF_OPS(l->task.f)};
	mf_code rc = begin(&c, n, &l->stash_err);

	if (rc == MF_OK)
		rc = add(&c, p, n, &l->stash_err);
	end(&c, rc);
}

static mf_code
copy_file(struct copy *c, struct mf_file *file, struct mf_sha256 *sha, const mf_cancel *cancel, mf_err *err)
{
	uint64_t size = c->l->seen.st.size;
	uint8_t *piece = mf_alloc(PIECE_BYTES);
	mf_code rc = MF_OK;

	while (rc == MF_OK && c->at < size) {
		size_t n = size - c->at < PIECE_BYTES ? (size_t)(size - c->at) : PIECE_BYTES, got = 0;
		rc = mf_canceled(cancel) ? mf_fail(err, MF_ECANCELED, 0, "stopped")
					 : c->ops->read(file, c->at, piece, n, &got, err);
		if (rc == MF_OK && got != n)
			rc = mf_fail(err, MF_ECHANGED, 0, "it became shorter");
		if (rc != MF_OK)
			break;
		mf_sha256_add(sha, piece, n);
		rc = add(c, piece, n, err);
	}
	free(piece);
	return rc;
}

void
mf_stash_file(struct look *l, struct mf_file *file, const mf_cancel *cancel)
{
	struct copy c = {.l = l, .ops = MF_OPS(l->task.f)};
	struct mf_sha256 *sha = mf_sha256_new();
	mf_stat after = {0};
	mf_code rc = begin(&c, l->seen.st.size, &l->stash_err);

	if (rc == MF_OK)
		rc = copy_file(&c, file, sha, cancel, &l->stash_err);
	if (rc == MF_OK)
		rc = c.ops->fstat(file, &after, &l->stash_err);
	if (rc == MF_OK && !mf_look_same_stat(&l->seen.st, &after))
		rc = mf_fail(&l->stash_err, MF_ECHANGED, 0, "it is being written");
	mf_sha256_end(sha, l->seen.sha);
	end(&c, rc);
}
