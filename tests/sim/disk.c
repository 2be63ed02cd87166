/* The simulated disk: inodes, names, what is durable of them. */
#include "sim_int.h"

#include <errno.h>
#include <stdlib.h>

enum { SWEEP_ABOVE = 64 };

int64_t
sim_stamp(struct sim_host *h)
{
	int64_t now = SIM_EPOCH_NS + h->world->now_ns + h->wall_offset_ns;

	return now - now % h->world->grain_ns;
}

struct sim_inode *
sim_inode_new(struct sim_host *h, enum mf_kind kind, uint32_t mode)
{
	struct sim_inode *ino = mf_alloc(sizeof(*ino));

	ino->number = h->disk.next_number++;
	ino->dev = 1;
	ino->kind = kind;
	ino->mode = mode;
	ino->mtime_ns = ino->ctime_ns = ino->btime_ns = ino->safe_mtime_ns = sim_stamp(h);
	ino->safe_mode = mode;
	LIST_INSERT_HEAD(&h->disk.inodes, ino, all);
	return ino;
}

static void
inode_free(struct sim_inode *ino)
{
	LIST_REMOVE(ino, all);
	for (size_t i = 0; i < ino->n_ent; i++)
		free(ino->ent[i].name);
	for (size_t i = 0; i < ino->n_undo; i++)
		mf_buf_free(&ino->undo[i].old);
	free(ino->ent);
	free(ino->undo);
	mf_buf_free(&ino->data);
	mf_buf_free(&ino->safe);
	free(ino);
}

void
sim_disk_init(struct sim_host *h)
{
	LIST_INIT(&h->disk.inodes);
	h->disk.next_number = 100;
	h->disk.root = sim_inode_new(h, MF_KIND_DIR, 0755);
	h->disk.root->links = 1;
}

static void
log_clear(struct sim_disk *d)
{
	for (size_t i = 0; i < d->n_log; i++)
		for (size_t k = 0; k < d->log[i].n; k++)
			free(d->log[i].ch[k].name);
	d->n_log = 0;
}

void
sim_disk_deinit(struct sim_disk *d)
{
	log_clear(d);
	free(d->log);
	while (!LIST_EMPTY(&d->inodes))
		inode_free(LIST_FIRST(&d->inodes));
}

/* Free what has neither a name nor a handle; only while no log record refers to inodes. */
static void
sweep(struct sim_disk *d)
{
	struct sim_inode *ino = LIST_FIRST(&d->inodes), *next;

	if (d->unlinked < SWEEP_ABOVE || d->n_log != 0)
		return;
	for (; ino != NULL; ino = next) {
		next = LIST_NEXT(ino, all);
		if (ino->links == 0 && ino->opens == 0 && ino->n_ent == 0)
			inode_free(ino);
	}
	d->unlinked = 0;
}

void
sim_inode_stat(const struct sim_inode *ino, mf_stat *out)
{
	*out = (mf_stat){.kind = ino->kind,
		.mode = ino->mode,
		.nlink = ino->links,
		.size = ino->data.n,
		.mtime_ns = ino->mtime_ns,
		.ctime_ns = ino->ctime_ns,
		.btime_ns = ino->btime_ns,
		.dev = ino->dev,
		.ino = ino->number};
}

/* ---- names ---- */

static struct sim_entry *
find(const struct sim_inode *dir, const char *name, size_t n)
{
	for (size_t i = 0; i < dir->n_ent; i++)
		if (strncmp(dir->ent[i].name, name, n) == 0 && dir->ent[i].name[n] == '\0')
			return &dir->ent[i];
	return NULL;
}

/* One step down; *part is what is left of the path. */
static int
step(struct sim_spot *at, const char **part)
{
	const char *slash = strchr(*part, '/');
	size_t n = slash == NULL ? strlen(*part) : (size_t)(slash - *part);

	if (n > 255)
		return ENAMETOOLONG;
	if (n == 2 && memcmp(*part, "..", 2) == 0)
		return ELOOP;
	if (n == 0 || (n == 1 && **part == '.') || (slash != NULL && slash[1] == '\0'))
		return EINVAL;
	if (at->ino->kind == MF_KIND_SYMLINK)
		return ELOOP;
	if (at->ino->kind != MF_KIND_DIR)
		return ENOTDIR;
	if ((at->ino->mode & 0100) == 0)
		return EACCES;
	struct sim_entry *e = find(at->ino, *part, n);
	at->dir = at->ino;
	at->name = *part;
	at->ino = e == NULL ? NULL : e->ino;
	*part += n + (slash != NULL);
	return at->ino == NULL && slash != NULL ? ENOENT : 0;
}

int
sim_lookup(struct sim_inode *from, const char *path, struct sim_spot *out)
{
	int sys = 0;

	*out = (struct sim_spot){.name = "", .ino = from};
	while (sys == 0 && *path != '\0')
		sys = step(out, &path);
	return sys;
}

int
sim_lookup_abs(struct sim_disk *d, const char *path, struct sim_spot *out)
{
	*out = (struct sim_spot){.name = ""};
	return path[0] != '/' ? EINVAL : sim_lookup(d->root, path + 1, out);
}

bool
sim_below(const struct sim_inode *ino, const struct sim_inode *dir)
{
	for (; ino != NULL; ino = ino->home)
		if (ino == dir)
			return true;
	return false;
}

static void
entry_drop(struct sim_disk *d, struct sim_inode *dir, struct sim_entry *e)
{
	size_t i = (size_t)(e - dir->ent);

	if (--e->ino->links == 0)
		d->unlinked++;
	free(e->name);
	memmove(e, e + 1, (dir->n_ent - i - 1) * sizeof(*e));
	dir->n_ent--;
}

void
sim_entry_set(struct sim_disk *d, struct sim_inode *dir, const char *name, struct sim_inode *now)
{
	struct sim_entry *e = find(dir, name, strlen(name));

	if (now != NULL) {
		now->links++;
		now->home = dir;
	}
	if (e != NULL && now != NULL) {
		if (--e->ino->links == 0)
			d->unlinked++;
		e->ino = now;
	} else if (e != NULL) {
		entry_drop(d, dir, e);
	} else if (now != NULL) {
		if (dir->n_ent == dir->cap_ent) {
			dir->cap_ent = dir->cap_ent * 2 + 8;
			dir->ent = mf_realloc_array(dir->ent, dir->cap_ent, sizeof(*dir->ent));
		}
		dir->ent[dir->n_ent++] = (struct sim_entry){mf_strdup(mf_strz(name)), now};
	}
}

void
sim_names_change(struct sim_host *h, const struct sim_change *ch, size_t n, struct sim_inode *also, bool logged)
{
	struct sim_disk *d = &h->disk;
	struct sim_nameop op = {.n = n, .also = also};
	int64_t now = sim_stamp(h);

	for (size_t i = 0; i < n && !logged; i++) {
		if (ch[i].now != NULL)
			ch[i].now->opens++; /* it may have no name yet */
		sim_sync_names(d, ch[i].dir);
		if (ch[i].now != NULL)
			ch[i].now->opens--;
	}
	for (size_t i = 0; i < n; i++) {
		op.ch[i] = ch[i];
		op.ch[i].name = logged ? mf_strdup(mf_strz(ch[i].name)) : NULL;
		sim_entry_set(d, ch[i].dir, ch[i].name, ch[i].now);
		ch[i].dir->mtime_ns = ch[i].dir->ctime_ns = now;
		if (ch[i].now != NULL)
			ch[i].now->ctime_ns = now;
		if (ch[i].was != NULL)
			ch[i].was->ctime_ns = now;
	}
	if (!logged)
		return;
	if (d->n_log == d->cap_log) {
		d->cap_log = d->cap_log * 2 + 32;
		d->log = mf_realloc_array(d->log, d->cap_log, sizeof(*d->log));
	}
	d->log[d->n_log++] = op;
}

/* ---- durability ---- */

struct touched {
	struct sim_inode **dir;
	size_t n;
};

static bool
touches(const struct touched *t, const struct sim_inode *dir)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->dir[i] == dir)
			return true;
	return false;
}

static bool
op_touches(const struct touched *t, const struct sim_nameop *op)
{
	for (size_t i = 0; i < op->n; i++)
		if (touches(t, op->ch[i].dir))
			return true;
	return op->also != NULL && touches(t, op->also);
}

static void
touch_all(struct touched *t, const struct sim_nameop *op)
{
	t->dir = mf_realloc_array(t->dir, t->n + op->n + 1, sizeof(*t->dir));
	for (size_t i = 0; i < op->n; i++)
		if (!touches(t, op->ch[i].dir))
			t->dir[t->n++] = op->ch[i].dir;
	if (op->also != NULL && !touches(t, op->also))
		t->dir[t->n++] = op->also;
}

/* What is durable already needs no record, unless an earlier one of the same directories is not. */
static void
log_trim(struct sim_disk *d)
{
	for (size_t i = 0; i < d->n_log; i++)
		if (!d->log[i].durable)
			return;
	log_clear(d);
	sweep(d);
}

void
sim_sync_names(struct sim_disk *d, struct sim_inode *dir)
{
	struct touched t = {0};

	if (dir != NULL) {
		t.dir = mf_realloc_array(NULL, 1, sizeof(*t.dir));
		t.dir[t.n++] = dir;
	}
	for (size_t i = d->n_log; i-- > 0;) {
		struct sim_nameop *op = &d->log[i];
		if (dir != NULL && !op_touches(&t, op))
			continue;
		op->durable = true;
		if (dir != NULL)
			touch_all(&t, op);
	}
	free(t.dir);
	log_trim(d);
}

static void
undo_forget(struct sim_inode *ino)
{
	for (size_t i = 0; i < ino->n_undo; i++)
		mf_buf_free(&ino->undo[i].old);
	ino->n_undo = 0;
}

void
sim_sync_content(struct sim_inode *ino)
{
	undo_forget(ino);
	mf_buf_free(&ino->safe);
	ino->dirty = false;
	ino->safe_mtime_ns = ino->mtime_ns;
	ino->safe_mode = ino->mode;
}

void
sim_sync_all(struct sim_disk *d)
{
	struct sim_inode *ino;

	LIST_FOREACH(ino, &d->inodes, all)
	sim_sync_content(ino);
	sim_sync_names(d, NULL);
}

/* Take the operations that did not happen back, newest first: once one in a directory did not, no later one there did. */
static void
cut_names(struct sim_host *h)
{
	struct sim_disk *d = &h->disk;
	struct touched lost = {0};
	bool *gone = mf_alloc(d->n_log + 1);
	unsigned keep = (unsigned)sim_pick(h->world, 1001); /* permille: from all to nothing */

	for (size_t i = 0; i < d->n_log; i++) {
		struct sim_nameop *op = &d->log[i];
		if (op->durable || (!op_touches(&lost, op) && sim_lot(h->world, keep)))
			continue;
		gone[i] = true;
		touch_all(&lost, op);
	}
	for (size_t i = d->n_log; i-- > 0;) {
		const struct sim_nameop *op = &d->log[i];
		if (!gone[i])
			continue;
		sim_trace(h->world, "%s lost: name %s", h->name, op->ch[0].name);
		for (size_t k = op->n; k-- > 0;)
			sim_entry_set(d, op->ch[k].dir, op->ch[k].name, op->ch[k].was);
	}
	free(gone);
	free(lost.dir);
	log_clear(d);
}

static void
cut_file(struct sim_host *h, struct sim_inode *ino)
{
	uint64_t how = sim_pick(h->world, 4);

	sim_trace(
		h->world, "%s lost: content of inode %llu, way %d", h->name, (unsigned long long)ino->number, (int)how);
	if (how == 0) { /* as it was */
		mf_buf_free(&ino->data);
		mf_buf_add(&ino->data, ino->safe.p, ino->safe.n);
		ino->mtime_ns = ino->safe_mtime_ns;
		ino->mode = ino->safe_mode;
	} else if (how == 1 && ino->data.n > 0) { /* size without bytes */
		memset(ino->data.p, 0, ino->data.n);
	} else if (how == 2) { /* a beginning */
		ino->data.n = sim_pick(h->world, ino->data.n + 1);
	} /* else it got there all the same */
}

/* Databases go back to any point since their last sync. */
static void
cut_db(struct sim_host *h, struct sim_inode *ino)
{
	size_t keep = (size_t)sim_pick(h->world, ino->n_undo + 1);

	sim_trace(h->world, "%s lost: %zu writes of %zu of inode %llu", h->name, ino->n_undo - keep, ino->n_undo,
		(unsigned long long)ino->number);
	while (ino->n_undo > keep) {
		struct sim_undo *u = &ino->undo[--ino->n_undo];
		if (ino->data.n < u->off + u->old.n)
			mf_buf_reserve(&ino->data, u->off + u->old.n - ino->data.n);
		if (u->old.n > 0)
			memcpy(ino->data.p + u->off, u->old.p, u->old.n);
		ino->data.n = u->size_before;
		mf_buf_free(&u->old);
	}
}

void
sim_power_cut(struct sim_host *h)
{
	struct sim_inode *ino;

	cut_names(h);
	LIST_FOREACH(ino, &h->disk.inodes, all)
	{
		if (ino->n_undo > 0)
			cut_db(h, ino);
		if (ino->dirty && ino->links > 0)
			cut_file(h, ino);
		sim_sync_content(ino);
	}
	sweep(&h->disk);
}
