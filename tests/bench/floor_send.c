/* A's end: files to shares, shares to rows, and one directory update per batch. */
#define _GNU_SOURCE
#include "tests/bench/floor.h"

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct sender {
	struct run *run;
	struct store store;
	struct list paths, sent;
	int from;
};

struct sent {
	char *path; /* relative */
	char content[CAP_MAX], snapshot[CAP_MAX];
	int64_t size, mtime;
};

size_t
signed_text(char *out, size_t size, const char *content, const char *metadata, const char *path)
{
	return (size_t)snprintf(out, size, "magic-folder-snapshot-v1\n%s\n%s\n%s\n", content, metadata, path);
}

static void
walk(struct list *paths, const char *root, const char *below)
{
	char dir[8192];
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/%s", root, below);
	d = opendir(dir);
	if (d == NULL)
		die("cannot open %s", dir);
	while ((e = readdir(d)) != NULL) {
		char *path;

		if (e->d_name[0] == '.')
			continue;
		if (asprintf(&path, "%s%s%s", below, below[0] == '\0' ? "" : "/", e->d_name) < 0)
			die("out of memory");
		if (e->d_type == DT_DIR) {
			walk(paths, root, path);
			free(path);
		} else
			list_add(paths, &path);
	}
	closedir(d);
}

/* Read a file as a daemon must: look, open, look, read, look. */
static size_t
read_file(int root, const char *path, uint8_t *out, struct stat *st)
{
	struct stat before, after;
	int fd;
	ssize_t n;

	if (fstatat(root, path, &before, AT_SYMLINK_NOFOLLOW) != 0)
		die("stat %s", path);
	fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, st) != 0 || st->st_size > SEGMENT_MAX)
		die("open %s", path);
	n = read(fd, out, (size_t)st->st_size);
	if (n != st->st_size || fstat(fd, &after) != 0 || after.st_mtim.tv_nsec != before.st_mtim.tv_nsec)
		die("%s changed", path);
	close(fd);
	return (size_t)n;
}

static void
put_share(struct tools *t, struct sender *s, const void *p, size_t n, char cap[CAP_MAX])
{
	char si[27];
	size_t size = chk_encode(t, &s->run->secrets, p, n, SEGMENT_MAX, (uint32_t)time(NULL) + 31 * 86400, cap, si);

	store_put(&s->store, si, t->out, size);
}

/* Content, metadata document, snapshot directory: one file through all three objects. */
static void
send_file(struct tools *t, struct sender *s, struct sent *f, uint8_t *buf)
{
	char meta[CAP_MAX], text[2048], key64[48], sig64[96], cap[CAP_MAX];
	uint8_t sig[64], packed[2048], one[1024];
	struct stat st;
	size_t n = read_file(s->from, f->path, buf, &st), m, at;

	put_share(t, s, buf, n, f->content);
	f->size = st.st_size;
	f->mtime = st.st_mtim.tv_sec;
	sodium_bin2base64(key64, sizeof(key64), s->run->verify_key, 32, sodium_base64_VARIANT_ORIGINAL);
	n = (size_t)snprintf(text, sizeof(text),
		"{\"snapshot_version\": 1, \"relpath\": \"%s\", \"author\": {\"name\": \"a\", \"verify_key\": \"%s\"}, "
		"\"modification_time\": %lld, \"parents\": [], \"executable\": false}",
		f->path, key64, (long long)f->mtime);
	put_share(t, s, text, n, meta);
	n = signed_text(text, sizeof(text), f->content, meta, f->path);
	crypto_sign_detached(sig, NULL, (const uint8_t *)text, n, s->run->sign_key);
	sodium_bin2base64(sig64, sizeof(sig64), sig, 64, sodium_base64_VARIANT_ORIGINAL);
	m = ns_put(one, "content", 7);
	m += ns_put(one + m, f->content, strlen(f->content));
	m += ns_put(one + m, "", 0);
	m += ns_put(one + m, text,
		(size_t)snprintf(text, sizeof(text), "{\"mtime\": %lld, \"ctime\": %lld}", (long long)f->mtime,
			(long long)time(NULL)));
	at = ns_put(packed, one, m);
	m = ns_put(one, "metadata", 8);
	m += ns_put(one + m, meta, strlen(meta));
	m += ns_put(one + m, "", 0);
	m += ns_put(one + m, text,
		(size_t)snprintf(text, sizeof(text), "{\"magic_folder\": {\"author_signature\": \"%s\"}}", sig64));
	at += ns_put(packed + at, one, m);
	put_share(t, s, packed, at, cap);
	snprintf(f->snapshot, sizeof(f->snapshot), "URI:DIR2-%.*s", CAP_MAX - 16, cap + 4);
}

static void *
worker(void *arg)
{
	struct sender *s = arg;
	struct tools t;
	uint8_t *buf = need(SEGMENT_MAX);
	struct sent f;

	tools_init(&t);
	while (list_next(&s->paths, &f.path)) {
		send_file(&t, s, &f, buf);
		list_add(&s->sent, &f);
	}
	tools_free(&t);
	free(buf);
	return NULL;
}

/* mangle: '/' -> "@_", '@' -> "@@" */
static char *
mangle(const char *path)
{
	char *name = need(2 * strlen(path) + 1), *q = name;

	for (const char *p = path; *p != '\0'; p++) {
		if (*p == '/' || *p == '@')
			*q++ = '@';
		*q++ = *p == '/' ? '_' : *p;
	}
	return name;
}

/* Three transactions of three statements for each file, as a daemon's path has them. */
static void
publish(struct tools *t, struct sender *s, struct rows *rows, struct entry **all, size_t *n, struct sent *batch,
	size_t m)
{
	struct entry *more = need(m * sizeof(*more));

	rows_begin(rows);
	for (size_t i = 0; i < m; i++)
		for (int st = 0; st < 3; st++)
			rows_put(rows, st, batch[i].path, batch[i].content, batch[i].size, batch[i].mtime);
	rows_commit(rows);
	rows_begin(rows);
	for (size_t i = 0; i < m; i++)
		for (int st = 3; st < 6; st++)
			rows_put(rows, st, batch[i].path, batch[i].snapshot, batch[i].size, batch[i].mtime);
	rows_commit(rows);
	store_sync(&s->store);
	for (size_t i = 0; i < m; i++) {
		more[i].name = mangle(batch[i].path);
		memcpy(more[i].cap, batch[i].snapshot, CAP_MAX);
	}
	entries_merge(all, n, more, m);
	entries_publish(t, &s->store, &s->run->dir_a, *all, *n);
	rows_begin(rows);
	for (size_t i = 0; i < m; i++)
		for (int st = 6; st < 9; st++)
			rows_put(rows, st, batch[i].path, batch[i].snapshot, batch[i].size, batch[i].mtime);
	rows_commit(rows);
	free(more);
}

void
run_sender(struct run *r)
{
	struct sender s = {.run = r, .store = run_store(r), .from = open(r->from, O_RDONLY | O_DIRECTORY)};
	pthread_t threads[WORKERS];
	struct entry *all = NULL;
	struct rows rows;
	struct tools t;
	char path[4100];
	size_t n = 0, files;

	tools_init(&t);
	snprintf(path, sizeof(path), "%s/a.sqlite", r->work);
	rows_open(&rows, path);
	list_init(&s.paths, sizeof(char *));
	list_init(&s.sent, sizeof(struct sent));
	walk(&s.paths, r->from, "");
	files = s.paths.n;
	list_close(&s.paths);
	for (int i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, worker, &s);
	for (double last = seconds(); n < files;) {
		struct sent *batch;
		size_t m;

		usleep(5000);
		if (seconds() - last < BATCH_MS / 1e3 && n + list_waiting(&s.sent) < files)
			continue;
		last = seconds();
		batch = list_rest(&s.sent, &m);
		if (m != 0)
			publish(&t, &s, &rows, &all, &n, batch, m);
		free(batch);
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	rows_close(&rows);
	tools_free(&t);
}
