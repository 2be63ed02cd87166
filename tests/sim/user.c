/* What the user does to a host's disk, and sees there. */
#include "sim_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

static void
must(struct sim_host *h, int sys, const char *doing, const char *path)
{
	if (sys != 0)
		MF_BUG("%s: the user cannot %s %s: %s", h->name, doing, path, strerror(sys));
	sim_trace(h->world, "%s user: %s %s", h->name, doing, path);
}

static int
where(struct sim_host *h, const char *path, struct sim_spot *at)
{
	return sim_lookup_abs(&h->disk, path, at);
}

void
sim_mkdirs(struct sim_host *h, const char *path)
{
	char *part = mf_strdup(mf_strz(path));
	struct sim_spot at;

	for (char *p = part + 1; p != NULL;) {
		p = strchr(p, '/');
		if (p != NULL)
			*p = '\0';
		int sys = where(h, part, &at);
		if (sys == 0 && at.ino == NULL)
			sys = sim_do_create(h, &at, sim_inode_new(h, MF_KIND_DIR, 0755), false);
		must(h, sys, "make directory", part);
		if (p != NULL)
			*p++ = '/';
	}
	free(part);
}

/* The file at @p path, made if there is none. */
static struct sim_inode *
file_at(struct sim_host *h, const char *path)
{
	struct sim_spot at;
	int sys = where(h, path, &at);

	if (sys == 0 && at.ino == NULL) {
		struct sim_inode *ino = sim_inode_new(h, MF_KIND_FILE, 0644);
		sys = sim_do_create(h, &at, ino, false);
		at.ino = ino;
	}
	must(h, sys, "write", path);
	if (at.ino->kind != MF_KIND_FILE)
		MF_BUG("%s: %s is no file", h->name, path);
	return at.ino;
}

void
sim_write_part(struct sim_host *h, const char *path, uint64_t off, const void *p, size_t n)
{
	struct sim_inode *ino = file_at(h, path);
	uint64_t limit = h->trouble.disk_free;

	h->trouble.disk_free = 0; /* the user's own writes always find room */
	must(h, sim_do_write(h, ino, off, p, n), "write a part of", path);
	h->trouble.disk_free = limit;
	sim_sync_content(ino);
}

void
sim_write_close(struct sim_host *h, const char *path)
{
	sim_emit_inode(h, file_at(h, path), MF_WATCH_CLOSED);
}

void
sim_write(struct sim_host *h, const char *path, const void *p, size_t n)
{
	struct sim_inode *ino = file_at(h, path);

	ino->data.n = 0;
	sim_write_part(h, path, 0, p, n);
	sim_emit_inode(h, ino, MF_WATCH_CLOSED);
}

void
sim_writez(struct sim_host *h, const char *path, const char *text)
{
	sim_write(h, path, text, strlen(text));
}

/* Bottom up without recursion: go down to a first entry until there is none, remove, begin again. */
bool
sim_remove(struct sim_host *h, const char *path)
{
	struct sim_spot at;
	mf_buf full = {0};

	if (where(h, path, &at) != 0 || at.ino == NULL)
		return false;
	for (bool last = false; !last;) {
		full.n = 0;
		mf_buf_addz(&full, path);
		must(h, where(h, path, &at), "find", path);
		last = at.ino->n_ent == 0;
		while (at.ino->n_ent > 0) {
			mf_buf_addc(&full, '/');
			mf_buf_addz(&full, at.ino->ent[0].name);
			(void)where(h, (char *)full.p, &at);
		}
		must(h, sim_do_unlink(h, &at, false), "remove", (char *)full.p);
	}
	mf_buf_free(&full);
	return true;
}

bool
sim_move(struct sim_host *h, const char *from, const char *to)
{
	struct sim_spot a, b;

	if (where(h, from, &a) != 0 || a.ino == NULL || where(h, to, &b) != 0)
		return false;
	must(h, sim_do_rename(h, &a, &b, MF_RENAME_REPLACE, false), "move", from);
	return true;
}

static struct sim_inode *
existing(struct sim_host *h, const char *path, const char *doing)
{
	struct sim_spot at;

	must(h, where(h, path, &at), doing, path);
	if (at.ino == NULL)
		MF_BUG("%s: nothing at %s", h->name, path);
	return at.ino;
}

void
sim_chmod(struct sim_host *h, const char *path, uint32_t mode)
{
	struct sim_inode *ino = existing(h, path, "change the mode of");

	ino->mode = mode;
	ino->ctime_ns = sim_stamp(h);
	sim_emit_inode(h, ino, MF_WATCH_ATTRIB);
}

void
sim_touch(struct sim_host *h, const char *path, int64_t mtime_ns)
{
	struct sim_inode *ino = existing(h, path, "touch");

	ino->mtime_ns = mtime_ns;
	ino->ctime_ns = sim_stamp(h);
	sim_emit_inode(h, ino, MF_WATCH_ATTRIB);
}

static struct sim_inode *
make(struct sim_host *h, const char *path, enum mf_kind kind)
{
	struct sim_spot at;
	int sys = where(h, path, &at);
	struct sim_inode *ino = sim_inode_new(h, kind, 0777);

	if (sys == 0)
		sys = sim_do_create(h, &at, ino, false);
	must(h, sys, "make", path);
	return ino;
}

void
sim_symlink(struct sim_host *h, const char *path, const char *target)
{
	mf_buf_addz(&make(h, path, MF_KIND_SYMLINK)->data, target);
}

void
sim_special(struct sim_host *h, const char *path)
{
	(void)make(h, path, MF_KIND_OTHER);
}

void
sim_set_dev(struct sim_host *h, const char *path, uint64_t dev)
{
	existing(h, path, "mount")->dev = dev;
}

void
sim_mount(struct sim_host *h, const char *path, const char *disk)
{
	struct sim_inode *a = existing(h, path, "mount at"), *b = existing(h, disk, "mount");
	struct sim_spot at, from;

	must(h, where(h, path, &at) != 0 ? ENOENT : where(h, disk, &from), "mount at", path);
	struct sim_change ch[2] = {{.dir = at.dir, .name = (char *)(uintptr_t)at.name, .was = a, .now = b},
		{.dir = from.dir, .name = (char *)(uintptr_t)from.name, .was = b, .now = a}};
	sim_names_change(h, ch, 2, NULL, false);
}

void
sim_unmount(struct sim_host *h, const char *path, const char *disk)
{
	uint64_t dev = existing(h, path, "unmount")->dev;
	struct sim_inode *ino;

	sim_mount(h, path, disk);
	LIST_FOREACH(ino, &h->disk.inodes, all)
	if (ino->kind == MF_KIND_DIR && ino->dev == dev)
		sim_emit_gone(h, ino);
}

void
sim_sync_disk(struct sim_host *h)
{
	sim_sync_all(&h->disk);
}

bool
sim_stat(struct sim_host *h, const char *path, mf_stat *out)
{
	struct sim_spot at;

	if (where(h, path, &at) != 0 || at.ino == NULL)
		return false;
	sim_inode_stat(at.ino, out);
	return true;
}

bool
sim_read(struct sim_host *h, const char *path, mf_buf *out)
{
	struct sim_spot at;

	if (where(h, path, &at) != 0 || at.ino == NULL || at.ino->kind != MF_KIND_FILE)
		return false;
	mf_buf_add(out, at.ino->data.p, at.ino->data.n);
	return true;
}

bool
sim_has(struct sim_host *h, const char *path, const char *text)
{
	mf_buf b = {0};
	bool yes = sim_read(h, path, &b) && mf_str_eq(mf_buf_str(&b), mf_strz(text));

	mf_buf_free(&b);
	return yes;
}

/* ---- walking, without recursion: a list of what was found, sorted at the end ---- */

struct found {
	char *path; /* relative to where the walk began */
	struct sim_inode *ino;
};

static int
found_cmp(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

static struct found *
find_all(struct sim_host *h, const char *path, size_t *n)
{
	struct sim_spot at;
	struct found *all = NULL;
	mf_buf full = {0};

	*n = 0;
	if (where(h, path, &at) != 0 || at.ino == NULL)
		return NULL;
	struct found start = {mf_strdup(MF_STR("")), at.ino};
	struct found dir = start;
	for (size_t next = 0;;) {
		for (size_t i = 0; i < dir.ino->n_ent; i++) {
			full.n = 0;
			mf_buf_addf(&full, "%s%s%s", dir.path, dir.path[0] == '\0' ? "" : "/", dir.ino->ent[i].name);
			all = mf_realloc_array(all, *n + 1, sizeof(*all));
			all[(*n)++] = (struct found){mf_strdup(mf_buf_str(&full)), dir.ino->ent[i].ino};
		}
		if (next == *n)
			break;
		dir = all[next++];
	}
	free(start.path);
	mf_buf_free(&full);
	if (*n > 0)
		qsort(all, *n, sizeof(*all), found_cmp);
	return all;
}

static void
found_free(struct found *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(all[i].path);
	free(all);
}

void
sim_walk(struct sim_host *h, const char *path,
	void (*each)(void *arg, const char *relpath, const mf_stat *st, mf_str content), void *arg)
{
	size_t n;
	struct found *all = find_all(h, path, &n);

	for (size_t i = 0; i < n; i++) {
		mf_stat st;
		sim_inode_stat(all[i].ino, &st);
		if (st.kind == MF_KIND_FILE)
			each(arg, all[i].path, &st, mf_buf_str(&all[i].ino->data));
	}
	found_free(all, n);
}

void
sim_tree(struct sim_host *h, const char *path, mf_buf *out)
{
	size_t n;
	struct found *all = find_all(h, path, &n);

	for (size_t i = 0; i < n; i++) {
		const struct sim_inode *ino = all[i].ino;
		uint8_t sha[32];
		char hex[17];
		if (ino->kind == MF_KIND_DIR) {
			mf_buf_addf(out, "d %s\n", all[i].path);
			continue;
		}
		(void)crypto_hash_sha256(sha, ino->data.p, ino->data.n);
		mf_hex(hex, sha, 8);
		mf_buf_addf(out, "%c %c %lld %zu %s %s\n", ino->kind == MF_KIND_FILE ? 'f' : 'o',
			(ino->mode & 0100) != 0 ? 'x' : '-', (long long)(ino->mtime_ns / 1000000000), ino->data.n, hex,
			all[i].path);
	}
	found_free(all, n);
}
