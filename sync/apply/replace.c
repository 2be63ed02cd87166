/* Putting their version in place of ours without ever leaving the name empty: the blocking part.
 * Order: new file beside p, synced; intent, synced (the caller); exchange; look at what came out. */
#include "sync/engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "grid/lafs/hash.h"

struct sink {
	struct mf_env *env;
	struct mf_file *file;
	struct mf_sha256 *sha;
	uint64_t off;
};

static mf_code
sink_write(void *arg, const void *p, size_t n, mf_err *err)
{
	struct sink *s = arg;
	mf_code rc = s->env->ops->write(s->file, s->off, p, n, err);

	mf_sha256_add(s->sha, p, n);
	s->off += n;
	return rc;
}

mf_code
mf_fetch_content(struct mf_folder *f, struct mf_root *root, const mf_snap_row *row, const char *path, uint32_t mode,
	bool sync, mf_stat *st, uint8_t sha[32], const mf_cancel *cancel, mf_err *err)
{
	const struct mf_env_ops *ops = MF_OPS(f);
	struct mf_file *file = NULL;
	mf_code rc = ops->open(root, path, MF_OPEN_CREATE_NEW, 0600, &file, err);

	if (rc != MF_OK)
		return rc;
	struct sink s = {.env = f->env, .file = file, .sha = mf_sha256_new()};
	rc = f->grid->ops->get(f->grid, &row->content, 0, row->size, sink_write, &s, cancel, err);
	mf_sha256_end(s.sha, sha);
	if (rc == MF_OK && s.off != row->size)
		rc = mf_fail(err, MF_EFORMAT, 0, "the grid gave %llu bytes of %llu", (unsigned long long)s.off,
			(unsigned long long)row->size);
	if (rc == MF_OK && row->has_sha && memcmp(sha, row->sha, 32) != 0)
		rc = mf_fail(err, MF_EFORMAT, 0, "the content is not what its snapshot says");
	if (rc == MF_OK)
		rc = ops->set_mode(file, mode, err);
	if (rc == MF_OK)
		rc = ops->set_mtime(file, mf_seconds_ns(row->mtime_s), err);
	if (rc == MF_OK && sync)
		rc = ops->fsync(file, err);
	if (rc == MF_OK)
		rc = ops->fstat(file, st, err);
	ops->close(file);
	if (rc != MF_OK)
		(void)ops->unlink(root, path, NULL);
	return rc;
}

mf_code
mf_make_dirs(struct mf_folder *f, struct mf_root *root, const char *relpath, struct mf_dirs *made, mf_err *err)
{
	const char *slash = strchr(relpath, '/');

	for (; slash != NULL; slash = strchr(slash + 1, '/')) {
		char *part = mf_strdup((mf_str){relpath, (size_t)(slash - relpath)});
		mf_stat st = {0};
		mf_code rc = MF_OPS(f)->stat(root, part, &st, err);
		if (rc == MF_OK && st.kind == MF_KIND_ABSENT) {
			rc = MF_OPS(f)->mkdir(root, part, 0777 & ~MF_OPS(f)->umask(f->env), err);
			if (rc == MF_OK) {
				made->dir = mf_realloc_array(made->dir, made->n + 1, sizeof(char *));
				made->dir[made->n++] = part;
				continue;
			}
			if (rc == MF_EEXIST)
				rc = MF_OK; /* another path of the same directory was faster */
		} else if (rc == MF_OK && st.kind != MF_KIND_DIR) {
			rc = mf_fail(err, MF_EEXIST, 0, "%s cannot be received: %s is in the way and is no directory",
				relpath, part);
		}
		free(part);
		if (rc != MF_OK)
			return rc;
	}
	return MF_OK;
}

mf_code
mf_dirs_sync(struct mf_folder *f, struct mf_root *root, const struct mf_dirs *made, mf_err *err)
{
	mf_code rc = MF_OK;

	for (size_t i = 0; rc == MF_OK && i < made->n; i++) {
		char *above = mf_strdup(mf_relpath_dir(mf_strz(made->dir[i])));
		rc = MF_OPS(f)->sync_dir(root, above, err);
		free(above);
	}
	return rc;
}

void
mf_dirs_free(struct mf_dirs *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->dir[i]);
	free(d->dir);
	*d = (struct mf_dirs){0};
}

mf_code
mf_apply_download(struct mf_folder *f, struct mf_root *root, struct mf_apply *a, const mf_cancel *cancel)
{
	mf_err *err = &a->err;
	mf_code rc = mf_dev_check(MF_OPS(f), root, a->relpath, a->dev, err);

	if (rc == MF_OK)
		rc = mf_make_dirs(f, root, a->relpath, &a->made, err);
	if (rc == MF_OK)
		rc = mf_fetch_content(f, root, a->target, a->tmp, a->mode, a->sync_now, &a->fresh, a->sha, cancel, err);
	if (rc != MF_OK)
		return rc;
	a->has_sha = true;
	if (a->sync_now)
		rc = MF_OPS(f)->sync_dir(root, a->dir, err);
	if (rc == MF_OK && a->sync_now)
		rc = mf_dirs_sync(f, root, &a->made, err);
	a->synced = a->sync_now;
	if (rc != MF_OK)
		(void)MF_OPS(f)->unlink(root, a->tmp, NULL);
	return rc;
}

/* The same file with the same bytes?  A rename changes ctime, so ctime cannot count here. */
static bool
is_expected(const mf_intent *i, const mf_stat *st)
{
	if (i->expect_absent)
		return st->kind == MF_KIND_ABSENT;
	return st->kind == MF_KIND_FILE && mf_pathstate_matches(&i->expect, st, false) &&
		(i->expect.ino == 0 || i->expect.ino == st->ino);
}

/* The new file stays until the intent is dropped, durably: an intent without its file reads as "replaced". */
static void
changed(struct mf_apply *a)
{
	a->outcome = MF_APPLY_CHANGED;
}

static void
failed(struct mf_apply *a)
{
	a->outcome = MF_APPLY_FAILED;
}

static void
replaced(struct mf_folder *f, struct mf_root *root, struct mf_apply *a)
{
	mf_stat st = {0};

	a->outcome = MF_APPLY_REPLACED;
	if (MF_OPS(f)->stat(root, a->relpath, &st, NULL) != MF_OK)
		a->now_unknown = true;
	a->now = st;
	if (a->intent.deletion)
		a->now_unknown = st.kind != MF_KIND_ABSENT;
	else /* the user may have written to it already: only what we wrote may be taken for the target */
		a->now_unknown |= a->recovering || st.kind != MF_KIND_FILE || st.ino != a->fresh.ino ||
			st.size != a->fresh.size || st.mtime_ns != a->fresh.mtime_ns;
	for (size_t i = 0; i < a->n_our_dirs; i++) {
		if (MF_OPS(f)->rmdir(root, a->our_dirs[i], NULL) != MF_OK)
			break;
		a->n_gone_dirs++;
	}
}

/* tmp holds what was at p until a moment ago. */
static void
judge_displaced(struct mf_folder *f, struct mf_root *root, struct mf_apply *a)
{
	const struct mf_env_ops *ops = MF_OPS(f);
	mf_stat st = {0};
	mf_code rc = ops->stat(root, a->tmp, &st, &a->err);

	if (rc != MF_OK) {
		failed(a);
	} else if (st.kind == MF_KIND_ABSENT) {
		replaced(f, root, a);
	} else if (is_expected(&a->intent, &st)) {
		rc = ops->unlink(root, a->tmp, &a->err);
		if (rc == MF_OK)
			replaced(f, root, a);
		else
			failed(a);
	} else { /* the user was faster: back with it */
		rc = a->intent.deletion ? ops->rename(root, a->tmp, a->relpath, MF_RENAME_NEW, &a->err)
					: ops->rename(root, a->tmp, a->relpath, MF_RENAME_EXCHANGE, &a->err);
		if (rc == MF_OK)
			changed(a);
		else
			failed(a);
	}
}

static void
replace_absent(struct mf_folder *f, struct mf_root *root, struct mf_apply *a)
{
	mf_code rc = MF_OPS(f)->rename(root, a->tmp, a->relpath, MF_RENAME_NEW, &a->err);

	if (rc == MF_OK)
		replaced(f, root, a);
	else if (rc == MF_EEXIST)
		changed(a);
	else
		failed(a);
}

void
mf_apply_replace(struct mf_folder *f, struct mf_root *root, struct mf_apply *a)
{
	const struct mf_env_ops *ops = MF_OPS(f);
	mf_stat st = {0};
	mf_code rc = ops->stat(root, a->relpath, &st, &a->err);

	if (rc == MF_OK)
		rc = mf_dev_check(ops, root, a->relpath, a->dev, &a->err);
	if (rc != MF_OK) {
		failed(a);
		return;
	}
	/* nothing was renamed yet, so ctime counts, too: bytes may have changed under an mtime that was set back */
	bool same = is_expected(&a->intent, &st) &&
		(a->recovering || a->intent.expect_absent || mf_pathstate_matches(&a->intent.expect, &st, true));
	if (!same) {
		if (a->intent.deletion && st.kind == MF_KIND_ABSENT)
			replaced(f, root, a);
		else
			changed(a);
		return;
	}
	if (a->intent.deletion) {
		rc = ops->rename(root, a->relpath, a->tmp, MF_RENAME_NEW, &a->err);
	} else if (a->intent.expect_absent) {
		replace_absent(f, root, a);
		return;
	} else {
		rc = ops->rename(root, a->tmp, a->relpath, MF_RENAME_EXCHANGE, &a->err);
		if (rc == MF_EUNSUPPORTED) { /* said by doctor: a last look is all there is here */
			rc = ops->rename(root, a->tmp, a->relpath, MF_RENAME_REPLACE, &a->err);
			if (rc == MF_OK) {
				replaced(f, root, a);
				return;
			}
		}
	}
	if (rc == MF_OK)
		judge_displaced(f, root, a);
	else if (rc == MF_ENOTFOUND)
		changed(a);
	else
		failed(a);
}

/* tmp holds bytes of the user's that no name shows any more: give them one. */
static bool
keep_displaced(struct mf_folder *f, struct mf_root *root, struct mf_apply *a)
{
	mf_code rc = MF_EEXIST;

	for (unsigned i = 1; rc == MF_EEXIST && i < 100; i++) {
		mf_buf to = {0};
		mf_buf_addf(&to, i == 1 ? "%s.recovered" : "%s.recovered-%u", a->relpath, i);
		rc = MF_OPS(f)->rename(root, a->tmp, (char *)to.p, MF_RENAME_NEW, &a->err);
		mf_buf_free(&to);
	}
	return rc == MF_OK;
}

static void
recover_deletion(struct mf_folder *f, struct mf_root *root, struct mf_apply *a, const mf_stat *p, const mf_stat *tmp)
{
	if (tmp->kind != MF_KIND_ABSENT && p->kind == MF_KIND_ABSENT) {
		judge_displaced(f, root, a);
	} else if (tmp->kind != MF_KIND_ABSENT) {
		/* hidden, and something new at p: the deletion is done, what was hidden goes if it is what we saw */
		if (is_expected(&a->intent, tmp))
			(void)MF_OPS(f)->unlink(root, a->tmp, NULL);
		else if (!keep_displaced(f, root, a)) {
			failed(a);
			return;
		}
		replaced(f, root, a);
	} else if (p->kind == MF_KIND_ABSENT) {
		replaced(f, root, a);
	} else {
		mf_apply_replace(f, root, a);
	}
}

/* planner.md 5.2 */
void
mf_apply_recover(struct mf_folder *f, struct mf_root *root, struct mf_apply *a)
{
	const struct mf_env_ops *ops = MF_OPS(f);
	mf_stat p = {0}, tmp = {0};

	if (ops->stat(root, a->relpath, &p, &a->err) != MF_OK || ops->stat(root, a->tmp, &tmp, &a->err) != MF_OK ||
		mf_dev_check(ops, root, a->relpath, a->dev, &a->err) != MF_OK) {
		failed(a);
		return;
	}
	if (a->intent.deletion) {
		recover_deletion(f, root, a, &p, &tmp);
		return;
	}
	bool at_p = p.kind == MF_KIND_FILE && p.ino == a->intent.ino && p.btime_ns == a->intent.btime_ns;
	bool beside = tmp.kind == MF_KIND_FILE && tmp.ino == a->intent.ino && tmp.btime_ns == a->intent.btime_ns;
	if (beside) {
		mf_apply_replace(f, root, a);
	} else if (at_p) {
		judge_displaced(f, root, a);
	} else if (tmp.kind == MF_KIND_FILE && !is_expected(&a->intent, &tmp)) {
		/* exchanged, then both were touched: a file of the user's under a name nobody syncs */
		if (keep_displaced(f, root, a))
			replaced(f, root, a);
		else
			failed(a);
	} else if (tmp.kind == MF_KIND_ABSENT && is_expected(&a->intent, &p)) {
		changed(a); /* the new file went some other way, and nothing was replaced: begin again */
	} else {
		if (tmp.kind == MF_KIND_FILE)
			(void)ops->unlink(root, a->tmp, NULL);
		replaced(f, root, a);
	}
}
