/* What can be done to the disk, by whomever: with the watch events it causes. */
#include "sim_int.h"

#include <errno.h>
#include <stdlib.h>

static bool
is_dir(const struct sim_inode *ino)
{
	return ino->kind == MF_KIND_DIR;
}

static int
may_change(const struct sim_inode *dir)
{
	return (dir->mode & 0300) == 0300 ? 0 : EACCES;
}

int
sim_do_create(struct sim_host *h, const struct sim_spot *at, struct sim_inode *ino, bool logged)
{
	struct sim_change ch = {.dir = at->dir, .name = (char *)(uintptr_t)at->name, .now = ino};
	int sys = at->dir == NULL || at->ino != NULL ? EEXIST : may_change(at->dir);

	if (sys != 0) {
		h->disk.unlinked++;
		return sys;
	}
	ino->dev = at->dir->dev;
	sim_names_change(h, &ch, 1, is_dir(ino) ? ino : NULL, logged);
	sim_emit(h, at->dir, MF_WATCH_CREATED, at->name, is_dir(ino), 0);
	return 0;
}

/* Remember what was there, so that a power cut can bring it back. */
static void
before_write(struct sim_inode *ino, uint64_t off, size_t n)
{
	if (!ino->is_db) {
		if (!ino->dirty) {
			mf_buf_free(&ino->safe);
			mf_buf_add(&ino->safe, ino->data.p, ino->data.n);
		}
		ino->dirty = true;
		return;
	}
	if (ino->n_undo == ino->cap_undo) {
		ino->cap_undo = ino->cap_undo * 2 + 16;
		ino->undo = mf_realloc_array(ino->undo, ino->cap_undo, sizeof(*ino->undo));
	}
	struct sim_undo *u = &ino->undo[ino->n_undo++];
	*u = (struct sim_undo){.off = off, .size_before = ino->data.n};
	if (off < ino->data.n)
		mf_buf_add(&u->old, ino->data.p + off, ino->data.n - off < n ? ino->data.n - off : n);
}

int
sim_do_write(struct sim_host *h, struct sim_inode *ino, uint64_t off, const void *p, size_t n)
{
	uint64_t grow = off + n > ino->data.n ? off + n - ino->data.n : 0;

	if (h->trouble.disk_free != 0) {
		if (grow >= h->trouble.disk_free) {
			h->hits[SIM_HIT_FULL]++;
			return ENOSPC;
		}
		h->trouble.disk_free -= grow;
	}
	before_write(ino, off, n);
	if (grow > 0) {
		size_t had = ino->data.n;
		mf_buf_reserve(&ino->data, grow);
		memset(ino->data.p + had, 0, grow);
		ino->data.n = off + n;
	}
	if (n > 0)
		memcpy(ino->data.p + off, p, n);
	ino->mtime_ns = ino->ctime_ns = sim_stamp(h);
	if (!ino->is_db)
		sim_emit_inode(h, ino, MF_WATCH_MODIFIED);
	return 0;
}

int
sim_do_unlink(struct sim_host *h, const struct sim_spot *at, bool logged)
{
	struct sim_change ch = {.dir = at->dir, .name = (char *)(uintptr_t)at->name, .was = at->ino};

	if (at->ino == NULL)
		return ENOENT;
	if (at->dir == NULL || (is_dir(at->ino) && at->ino->dev != at->dir->dev)) /* a disk is mounted there */
		return EBUSY;
	if (may_change(at->dir) != 0)
		return EACCES;
	if (at->ino->n_ent > 0)
		return ENOTEMPTY;
	if (is_dir(at->ino))
		sim_emit_gone(h, at->ino);
	sim_names_change(h, &ch, 1, NULL, logged);
	sim_emit(h, at->dir, MF_WATCH_DELETED, at->name, is_dir(at->ino), 0);
	return 0;
}

static int
may_rename(struct sim_host *h, const struct sim_spot *from, const struct sim_spot *to, enum mf_rename_how how)
{
	if (from->ino == NULL || (how == MF_RENAME_EXCHANGE && to->ino == NULL))
		return ENOENT;
	if (from->dir == NULL || to->dir == NULL)
		return EBUSY;
	if (may_change(from->dir) != 0 || may_change(to->dir) != 0)
		return EACCES;
	if (how == MF_RENAME_EXCHANGE && h->trouble.no_exchange) {
		h->hits[SIM_HIT_NO_EXCHANGE]++;
		return EINVAL;
	}
	if (from->dir->dev != to->dir->dev)
		return EXDEV;
	if (is_dir(from->ino) && sim_below(to->dir, from->ino))
		return EINVAL;
	if (how == MF_RENAME_NEW && to->ino != NULL)
		return EEXIST;
	if (how == MF_RENAME_REPLACE && to->ino != NULL) {
		if (is_dir(to->ino) != is_dir(from->ino))
			return is_dir(to->ino) ? EISDIR : ENOTDIR;
		if (to->ino->n_ent > 0)
			return ENOTEMPTY;
	}
	return 0;
}

static void
emit_move(struct sim_host *h, const struct sim_spot *from, const struct sim_spot *to, struct sim_inode *ino)
{
	uint32_t cookie = ++h->cookie;

	sim_emit(h, from->dir, MF_WATCH_MOVED_FROM, from->name, is_dir(ino), cookie);
	sim_emit(h, to->dir, MF_WATCH_MOVED_TO, to->name, is_dir(ino), cookie);
}

int
sim_do_rename(
	struct sim_host *h, const struct sim_spot *from, const struct sim_spot *to, enum mf_rename_how how, bool logged)
{
	int sys = may_rename(h, from, to, how);
	bool swap = how == MF_RENAME_EXCHANGE;
	struct sim_change ch[2] = {
		{.dir = from->dir,
			.name = (char *)(uintptr_t)from->name,
			.was = from->ino,
			.now = swap ? to->ino : NULL},
		{.dir = to->dir, .name = (char *)(uintptr_t)to->name, .was = to->ino, .now = from->ino},
	};

	if (sys != 0 || from->ino == to->ino)
		return sys;
	sim_names_change(h, ch, 2, NULL, logged);
	from->ino->home = to->dir;
	emit_move(h, from, to, from->ino);
	if (swap)
		emit_move(h, to, from, to->ino);
	if (is_dir(from->ino))
		sim_emit_gone(h, from->ino);
	if (to->ino != NULL && is_dir(to->ino))
		sim_emit_gone(h, to->ino);
	return 0;
}
