/* Roots and files as a process sees them: struct mf_env_ops on the simulated disk. */
#include "sim_int.h"

#include <errno.h>
#include <stdlib.h>

static struct sim_disk *
disk_of(const struct mf_root *r)
{
	return &r->env->host->disk;
}

/* The gate, then the way to the path. */
static int
reach(struct mf_root *r, enum sim_op op, const char *path, struct sim_spot *at)
{
	int sys = sim_gate(r->env, op, path);

	return sys != 0 ? sys : sim_lookup(r->ino, path, at);
}

mf_code
sim_op_root_open(struct mf_env *env, const char *abspath, struct mf_root **out, mf_err *err)
{
	struct sim_env *e = (struct sim_env *)env;
	struct sim_spot at;
	int sys = sim_gate(e, SIM_OPEN, abspath);

	if (sys == 0)
		sys = sim_lookup_abs(&e->host->disk, abspath, &at);
	if (sys == 0 && at.ino == NULL)
		sys = ENOENT;
	if (sys == 0 && at.ino->kind != MF_KIND_DIR)
		sys = ENOTDIR;
	if (sys != 0)
		return sim_fail(err, sys, "open", abspath);
	struct mf_root *r = mf_alloc(sizeof(*r));
	*r = (struct mf_root){e, at.ino, mf_strdup(mf_strz(abspath))};
	at.ino->opens++;
	e->open_roots++;
	*out = r;
	return MF_OK;
}

void
sim_op_root_close(struct mf_root *r)
{
	if (r == NULL)
		return;
	r->ino->opens--;
	r->env->open_roots--;
	free(r->path);
	free(r);
}

mf_code
sim_op_root_check(struct mf_root *r, mf_err *err)
{
	struct sim_spot at;
	int sys = sim_gate(r->env, SIM_STAT, r->path);

	if (sys == 0)
		sys = sim_lookup_abs(disk_of(r), r->path, &at);
	if (sys == 0 && at.ino == NULL)
		sys = ENOENT;
	if (sys != 0)
		return sim_fail(err, sys, "check", r->path);
	return at.ino == r->ino ? MF_OK : mf_fail(err, MF_ECHANGED, 0, "%s is another directory now", r->path);
}

mf_code
sim_op_stat(struct mf_root *r, const char *path, mf_stat *out, mf_err *err)
{
	struct sim_spot at;
	int sys = reach(r, SIM_STAT, path, &at);

	*out = (mf_stat){0};
	if (sys == ENOENT || sys == ENOTDIR)
		return MF_OK;
	if (sys != 0)
		return sim_fail(err, sys, "stat", path);
	if (at.ino != NULL)
		sim_inode_stat(at.ino, out);
	return MF_OK;
}

void
sim_op_stat_in(struct mf_root *r, const char *dir, const char *const *name, size_t n,
	void (*each)(void *arg, size_t i, const mf_stat *, const mf_err *err), void *arg)
{
	for (size_t i = 0; i < n; i++) {
		mf_buf path = {0};
		mf_stat st;
		mf_err err = {0};
		mf_buf_addz(&path, dir);
		if (path.n > 0)
			mf_buf_addc(&path, '/');
		mf_buf_addz(&path, name[i]);
		mf_code rc = sim_op_stat(r, (char *)path.p, &st, &err);
		each(arg, i, &st, rc == MF_OK ? NULL : &err);
		mf_buf_free(&path);
	}
}

/* A copy of the directory, begun at a place that the seed chooses: @p each may change it. */
static struct sim_entry *
copy_entries(struct sim_world *w, const struct sim_inode *dir)
{
	struct sim_entry *e = mf_realloc_array(NULL, dir->n_ent + 1, sizeof(*e));
	size_t from = dir->n_ent == 0 ? 0 : sim_pick(w, dir->n_ent);

	for (size_t i = 0; i < dir->n_ent; i++) {
		const struct sim_entry *at = &dir->ent[(from + i) % dir->n_ent];
		e[i] = (struct sim_entry){mf_strdup(mf_strz(at->name)), at->ino};
		at->ino->opens++;
	}
	return e;
}

mf_code
sim_op_list(struct mf_root *r, const char *path, mf_code (*each)(void *arg, const mf_dirent *), void *arg, mf_err *err)
{
	struct sim_spot at;
	mf_code rc = MF_OK;
	int sys = reach(r, SIM_LIST, path, &at);

	if (sys == 0 && at.ino == NULL)
		sys = ENOENT;
	if (sys == 0 && at.ino->kind != MF_KIND_DIR)
		sys = at.ino->kind == MF_KIND_SYMLINK ? ELOOP : ENOTDIR;
	if (sys == 0 && (at.ino->mode & 0400) == 0)
		sys = EACCES;
	if (sys != 0)
		return sim_fail(err, sys, "list", path);
	size_t n = at.ino->n_ent;
	struct sim_entry *e = copy_entries(r->env->host->world, at.ino);
	for (size_t i = 0; i < n; i++) {
		mf_dirent d = {e[i].name, strlen(e[i].name), e[i].ino->kind};
		if (rc == MF_OK)
			rc = each(arg, &d);
		e[i].ino->opens--;
		free(e[i].name);
	}
	free(e);
	return rc;
}

static int
open_existing(const struct sim_spot *at)
{
	if (at->ino == NULL)
		return ENOENT;
	if (at->ino->kind == MF_KIND_SYMLINK)
		return ELOOP;
	if (at->ino->kind != MF_KIND_FILE)
		return at->ino->kind == MF_KIND_DIR ? EISDIR : EINVAL;
	return (at->ino->mode & 0400) == 0 ? EACCES : 0;
}

mf_code
sim_op_open(
	struct mf_root *r, const char *path, enum mf_open_flags flags, uint32_t mode, struct mf_file **out, mf_err *err)
{
	struct sim_host *h = r->env->host;
	struct sim_spot at;
	int sys = reach(r, SIM_OPEN, path, &at);

	if (sys == 0 && flags == MF_OPEN_CREATE_NEW) {
		struct sim_inode *ino = sim_inode_new(h, MF_KIND_FILE, mode & 07777 & ~h->umask);
		sys = sim_do_create(h, &at, ino, true);
		at.ino = ino;
	} else if (sys == 0) {
		sys = open_existing(&at);
	}
	if (sys != 0)
		return sim_fail(err, sys, "open", path);
	struct mf_file *f = mf_alloc(sizeof(*f));
	*f = (struct mf_file){r->env, at.ino, flags == MF_OPEN_CREATE_NEW};
	at.ino->opens++;
	r->env->open_files++;
	*out = f;
	return MF_OK;
}

void
sim_op_close(struct mf_file *f)
{
	if (f == NULL)
		return;
	if (f->writable && !f->env->dead)
		sim_emit_inode(f->env->host, f->ino, MF_WATCH_CLOSED);
	if (--f->ino->opens == 0 && f->ino->links == 0)
		f->env->host->disk.unlinked++;
	f->env->open_files--;
	free(f);
}

mf_code
sim_op_fstat(struct mf_file *f, mf_stat *out, mf_err *err)
{
	int sys = sim_gate(f->env, SIM_STAT, "(open file)");

	*out = (mf_stat){0};
	if (sys != 0)
		return sim_fail(err, sys, "stat", "an open file");
	sim_inode_stat(f->ino, out);
	return MF_OK;
}

mf_code
sim_op_read(struct mf_file *f, uint64_t off, void *p, size_t n, size_t *got, mf_err *err)
{
	int sys = sim_gate(f->env, SIM_READ, "(open file)");

	*got = 0;
	if (sys != 0)
		return sim_fail(err, sys, "read", "an open file");
	if (off < f->ino->data.n) {
		uint64_t left = f->ino->data.n - off;
		*got = left < n ? (size_t)left : n;
		memcpy(p, f->ino->data.p + off, *got);
	}
	return MF_OK;
}

mf_code
sim_op_write(struct mf_file *f, uint64_t off, const void *p, size_t n, mf_err *err)
{
	int sys = sim_gate(f->env, SIM_WRITE, "(open file)");

	if (sys == 0 && !f->writable)
		sys = EBADF;
	if (sys == 0)
		sys = sim_do_write(f->env->host, f->ino, off, p, n);
	return sys == 0 ? MF_OK : sim_fail(err, sys, "write", "an open file");
}

mf_code
sim_op_fsync(struct mf_file *f, mf_err *err)
{
	int sys = sim_gate(f->env, SIM_SYNC, "(open file)");

	if (sys != 0)
		return sim_fail(err, sys, "sync", "an open file");
	sim_sync_content(f->ino);
	return MF_OK;
}

mf_code
sim_op_set_mtime(struct mf_file *f, int64_t mtime_ns, mf_err *err)
{
	int sys = sim_gate(f->env, SIM_SETATTR, "(open file) mtime");

	if (sys != 0)
		return sim_fail(err, sys, "set the time of", "an open file");
	f->ino->mtime_ns = mtime_ns;
	f->ino->ctime_ns = sim_stamp(f->env->host);
	sim_emit_inode(f->env->host, f->ino, MF_WATCH_ATTRIB);
	return MF_OK;
}

mf_code
sim_op_set_mode(struct mf_file *f, uint32_t mode, mf_err *err)
{
	int sys = sim_gate(f->env, SIM_SETATTR, "(open file) mode");

	if (sys != 0)
		return sim_fail(err, sys, "set the mode of", "an open file");
	f->ino->mode = mode & 07777;
	f->ino->ctime_ns = sim_stamp(f->env->host);
	sim_emit_inode(f->env->host, f->ino, MF_WATCH_ATTRIB);
	return MF_OK;
}

mf_code
sim_op_mkdir(struct mf_root *r, const char *path, uint32_t mode, mf_err *err)
{
	struct sim_host *h = r->env->host;
	struct sim_spot at;
	int sys = reach(r, SIM_MKDIR, path, &at);

	if (sys == 0)
		sys = sim_do_create(h, &at, sim_inode_new(h, MF_KIND_DIR, mode & 07777 & ~h->umask), true);
	return sys == 0 ? MF_OK : sim_fail(err, sys, "make", path);
}

mf_code
sim_op_rename(struct mf_root *r, const char *from, const char *to, enum mf_rename_how how, mf_err *err)
{
	struct sim_spot a, b;
	int sys = reach(r, SIM_RENAME, from, &a);

	if (sys == 0)
		sys = sim_lookup(r->ino, to, &b);
	if (sys == 0)
		sys = sim_do_rename(r->env->host, &a, &b, how, true);
	if (sys == EXDEV || (sys == EINVAL && how != MF_RENAME_REPLACE))
		return mf_fail(err, MF_EUNSUPPORTED, sys, "rename %s to %s: the file system cannot do this", from, to);
	return sys == 0 ? MF_OK : sim_fail(err, sys, "rename", from);
}

mf_code
sim_op_unlink(struct mf_root *r, const char *path, mf_err *err)
{
	struct sim_spot at;
	int sys = reach(r, SIM_UNLINK, path, &at);

	if (sys == 0 && at.ino != NULL && at.ino->kind == MF_KIND_DIR)
		sys = EISDIR;
	if (sys == 0)
		sys = sim_do_unlink(r->env->host, &at, true);
	return sys == 0 ? MF_OK : sim_fail(err, sys, "unlink", path);
}

mf_code
sim_op_rmdir(struct mf_root *r, const char *path, mf_err *err)
{
	struct sim_spot at;
	int sys = reach(r, SIM_UNLINK, path, &at);

	if (sys == 0 && at.ino != NULL && at.ino->kind != MF_KIND_DIR)
		sys = ENOTDIR;
	if (sys == 0)
		sys = sim_do_unlink(r->env->host, &at, true);
	return sys == 0 ? MF_OK : sim_fail(err, sys, "remove", path);
}

mf_code
sim_op_sync_dir(struct mf_root *r, const char *path, mf_err *err)
{
	struct sim_spot at;
	int sys = reach(r, SIM_SYNC, path, &at);

	if (sys == 0 && at.ino == NULL)
		sys = ENOENT;
	if (sys != 0)
		return sim_fail(err, sys, "sync", path);
	sim_sync_names(disk_of(r), at.ino);
	return MF_OK;
}

mf_code
sim_op_sync_all(struct mf_root *r, mf_err *err)
{
	int sys = sim_gate(r->env, SIM_SYNC, "(everything)");

	if (sys != 0)
		return sim_fail(err, sys, "sync", r->path);
	sim_sync_all(disk_of(r));
	return MF_OK;
}

mf_code
sim_op_space(struct mf_root *r, uint64_t *free, mf_err *err)
{
	int sys = sim_gate(r->env, SIM_STAT, "(space)");
	uint64_t limit = r->env->host->trouble.disk_free;

	*free = limit == 0 ? UINT64_MAX : limit;
	return sys != 0 ? sim_fail(err, sys, "space of", r->path) : MF_OK;
}
