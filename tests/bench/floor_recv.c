/* B's end: a directory version to jobs, jobs to temporary files, and one sync, renames, rows and one own
 * directory update per batch. */
#define _GNU_SOURCE
#include "tests/bench/floor.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { DIR_MAX = 64 << 20 /* bytes of the sender's directory share */ };

struct receiver {
	struct run *run;
	struct store store;
	struct list todo, fetched; /* of struct entry, struct fetched */
	int to;
};

struct fetched {
	struct entry entry;
	char *path, *temp;
	int64_t size, mtime;
};

/* A snapshot's two children as found in its directory. */
struct snapshot {
	char content[CAP_MAX], metadata[CAP_MAX], sig64[128];
};

static void
copy_text(char *out, size_t size, const uint8_t *p, size_t n)
{
	if (n >= size)
		die("too long");
	memcpy(out, p, n);
	out[n] = '\0';
}

static void
parse_snapshot(struct snapshot *s, const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n, *one, *f[4];
	size_t one_n, f_n[4];

	while (ns_next(&p, end, &one, &one_n)) {
		const uint8_t *q = one;
		json_t *edge;

		for (int i = 0; i < 4; i++)
			if (!ns_next(&q, one + one_n, &f[i], &f_n[i]))
				die("bad entry");
		if (f_n[0] == 7) {
			copy_text(s->content, CAP_MAX, f[1], f_n[1]);
			continue;
		}
		copy_text(s->metadata, CAP_MAX, f[1], f_n[1]);
		edge = json_loadb((const char *)f[3], f_n[3], 0, NULL);
		snprintf(s->sig64, sizeof(s->sig64), "%s",
			json_string_value(json_object_get(json_object_get(edge, "magic_folder"), "author_signature")));
		json_decref(edge);
	}
}

static size_t
fetch(struct tools *t, struct receiver *r, const char *cap, uint8_t *container, uint8_t *out)
{
	char si[27];
	size_t n;

	chk_index(t, cap, si);
	n = store_get(&r->store, si, container, SEGMENT_MAX + 4096);
	return chk_decode(t, cap, container, n, out);
}

static void
write_temp(struct receiver *r, struct fetched *f, const uint8_t *p, size_t n)
{
	char *slash = strrchr(f->path, '/');
	int dir_n = slash == NULL ? 0 : (int)(slash - f->path) + 1, fd;
	struct timespec times[2] = {{.tv_sec = f->mtime}, {.tv_sec = f->mtime}};

	if (asprintf(&f->temp, "%.*s.magic-folder-%08x%08x.tmp", dir_n, f->path, randombytes_random(),
		    randombytes_random()) < 0)
		die("out of memory");
	fd = openat(r->to, f->temp, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	if (fd < 0 && errno == ENOENT && slash != NULL) {
		*slash = '\0'; /* one level is enough for the benchmark's trees */
		(void)mkdirat(r->to, f->path, 0777);
		*slash = '/';
		fd = openat(r->to, f->temp, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	}
	if (fd < 0 || write(fd, p, n) != (ssize_t)n || futimens(fd, times) != 0)
		die("%s: %s", f->temp, strerror(errno));
	close(fd);
}

/* One file: three shares fetched and verified, the signature before the content. */
static void
receive_file(struct tools *t, struct receiver *r, struct fetched *f, uint8_t *container, uint8_t *plain)
{
	struct snapshot s = {0};
	char text[2048];
	uint8_t sig[64];
	json_t *doc;
	size_t n = fetch(t, r, f->entry.cap, container, plain);

	parse_snapshot(&s, plain, n);
	n = fetch(t, r, s.metadata, container, plain);
	doc = json_loadb((const char *)plain, n, 0, NULL);
	f->path = strdup(json_string_value(json_object_get(doc, "relpath")));
	f->mtime = json_integer_value(json_object_get(doc, "modification_time"));
	json_decref(doc);
	n = signed_text(text, sizeof(text), s.content, s.metadata, f->path);
	if (sodium_base642bin(sig, 64, s.sig64, strlen(s.sig64), NULL, NULL, NULL, sodium_base64_VARIANT_ORIGINAL) !=
			0 ||
		crypto_sign_verify_detached(sig, (const uint8_t *)text, n, r->run->verify_key) != 0)
		die("bad signature of %s", f->path);
	n = fetch(t, r, s.content, container, plain);
	f->size = (int64_t)n;
	write_temp(r, f, plain, n);
}

static void *
worker(void *arg)
{
	struct receiver *r = arg;
	uint8_t *container = need(SEGMENT_MAX + 4096), *plain = need(SEGMENT_MAX + 4096);
	struct tools t;
	struct fetched f;

	tools_init(&t);
	while (list_next(&r->todo, &f.entry)) {
		receive_file(&t, r, &f, container, plain);
		list_add(&r->fetched, &f);
	}
	tools_free(&t);
	free(container);
	free(plain);
	return NULL;
}

/* Queue what the new version of A's directory has and the last one had not. */
static void
look(struct tools *t, struct receiver *r, struct entry **known, size_t *n, uint8_t *share)
{
	size_t size = store_get(&r->store, r->run->dir_a.si, share, DIR_MAX), packed_n, i = 0, fresh_n = 0, room = 64;
	const uint8_t *p = dir_open(t, &r->run->dir_a, share, size, &packed_n), *end = p + packed_n, *one, *f[2];
	struct entry *fresh = need(room * sizeof(*fresh));
	size_t one_n, f_n[2];

	while (ns_next(&p, end, &one, &one_n)) {
		const uint8_t *q = one;

		if (!ns_next(&q, one + one_n, &f[0], &f_n[0]) || !ns_next(&q, one + one_n, &f[1], &f_n[1]))
			die("bad entry");
		if (i < *n && strlen((*known)[i].name) == f_n[0] && memcmp((*known)[i].name, f[0], f_n[0]) == 0) {
			i++;
			continue;
		}
		if (fresh_n == room) {
			room *= 2;
			fresh = realloc(fresh, room * sizeof(*fresh));
			if (fresh == NULL)
				die("out of memory");
		}
		fresh[fresh_n].name = strndup((const char *)f[0], f_n[0]);
		copy_text(fresh[fresh_n].cap, CAP_MAX, f[1], f_n[1]);
		list_add(&r->todo, &fresh[fresh_n++]);
	}
	entries_merge(known, n, fresh, fresh_n);
	free(fresh);
}

static void
apply(struct tools *t, struct receiver *r, struct rows *rows, struct entry **all, size_t *n, struct fetched *batch,
	size_t m)
{
	struct entry *more = need(m * sizeof(*more));

	store_sync(&r->store); /* the temporary files lie on the same file system */
	rows_begin(rows);
	for (size_t i = 0; i < m; i++) {
		rows_put(rows, 4, batch[i].path, batch[i].entry.cap, batch[i].size, batch[i].mtime);
		rows_put(rows, 2, batch[i].path, batch[i].entry.cap, batch[i].size, batch[i].mtime);
	}
	rows_commit(rows);
	for (size_t i = 0; i < m; i++) {
		if (renameat(r->to, batch[i].temp, r->to, batch[i].path) != 0)
			die("rename %s: %s", batch[i].path, strerror(errno));
		more[i] = batch[i].entry;
	}
	rows_begin(rows);
	for (size_t i = 0; i < m; i++) {
		rows_put(rows, 6, batch[i].path, batch[i].entry.cap, batch[i].size, batch[i].mtime);
		rows_put(rows, 8, batch[i].path, batch[i].entry.cap, batch[i].size, batch[i].mtime);
	}
	rows_commit(rows);
	entries_merge(all, n, more, m);
	entries_publish(t, &r->store, &r->run->dir_b, *all, *n);
	free(more);
}

void
run_receiver(struct run *run)
{
	struct receiver r = {.run = run, .store = run_store(run), .to = open(run->to, O_RDONLY | O_DIRECTORY)};
	struct entry *known = NULL, *mine = NULL;
	uint8_t *share = need(DIR_MAX);
	pthread_t threads[WORKERS];
	struct rows rows;
	struct tools t;
	char path[4200];
	size_t known_n = 0, mine_n = 0;
	struct pollfd p = {.fd = inotify_init1(IN_NONBLOCK), .events = POLLIN};

	tools_init(&t);
	snprintf(path, sizeof(path), "%s/%.2s/%s", run->shares, run->dir_a.si, run->dir_a.si);
	inotify_add_watch(p.fd, path, IN_MOVED_TO);
	snprintf(path, sizeof(path), "%s/b.sqlite", run->work);
	rows_open(&rows, path);
	list_init(&r.todo, sizeof(struct entry));
	list_init(&r.fetched, sizeof(struct fetched));
	for (int i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, worker, &r);
	for (double last = 0; mine_n < run->files;) {
		struct fetched *batch;
		char events[4096];
		size_t m;

		if (poll(&p, 1, 5) == 1) {
			while (read(p.fd, events, sizeof(events)) > 0)
				;
			look(&t, &r, &known, &known_n, share);
		}
		if (seconds() - last < BATCH_MS / 1e3 && mine_n + list_waiting(&r.fetched) < known_n)
			continue;
		last = seconds();
		batch = list_rest(&r.fetched, &m);
		if (m != 0)
			apply(&t, &r, &rows, &mine, &mine_n, batch, m);
		free(batch);
	}
	list_close(&r.todo);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	store_sync(&r.store);
	rows_close(&rows);
	tools_free(&t);
}
