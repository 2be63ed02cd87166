/* Files of A to B along the whole path with no engine around it; see floor.h.
 * usage: floor [--not-durable] FROM TO WORK     FROM holds the files; TO and WORK are empty directories
 *        floor --vectors DIR                    compare with tests/golden/lafs/chk.json; prints TAP */
#define _GNU_SOURCE
#include "tests/bench/floor.h"

#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

void
list_init(struct list *l, size_t size)
{
	*l = (struct list){.size = size};
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->more, NULL);
}

void
list_add(struct list *l, const void *item)
{
	pthread_mutex_lock(&l->lock);
	if ((l->n & (l->n - 1)) == 0) { /* at powers of two, and at first */
		l->items = realloc(l->items, (l->n == 0 ? 1 : 2 * l->n) * l->size);
		if (l->items == NULL)
			die("out of memory");
	}
	memcpy((char *)l->items + l->n++ * l->size, item, l->size);
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->lock);
}

void
list_close(struct list *l)
{
	pthread_mutex_lock(&l->lock);
	l->closed = true;
	pthread_cond_broadcast(&l->more);
	pthread_mutex_unlock(&l->lock);
}

bool
list_next(struct list *l, void *item)
{
	bool got;

	pthread_mutex_lock(&l->lock);
	while (l->taken == l->n && !l->closed)
		pthread_cond_wait(&l->more, &l->lock);
	got = l->taken < l->n;
	if (got)
		memcpy(item, (char *)l->items + l->taken++ * l->size, l->size);
	pthread_mutex_unlock(&l->lock);
	return got;
}

size_t
list_waiting(struct list *l)
{
	size_t n;

	pthread_mutex_lock(&l->lock);
	n = l->n - l->taken;
	pthread_mutex_unlock(&l->lock);
	return n;
}

void *
list_rest(struct list *l, size_t *n)
{
	void *rest;

	pthread_mutex_lock(&l->lock);
	*n = l->n - l->taken;
	rest = need(*n * l->size);
	if (*n != 0)
		memcpy(rest, (char *)l->items + l->taken * l->size, *n * l->size);
	l->taken = l->n;
	pthread_mutex_unlock(&l->lock);
	return rest;
}

struct store
run_store(const struct run *r)
{
	struct store s = {.fd = open(r->shares, O_RDONLY | O_DIRECTORY), .durable = r->durable};

	if (s.fd < 0)
		die("cannot open %s", r->shares);
	return s;
}

static double
cpu_of_children(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static pid_t
spawn(void (*end)(struct run *), struct run *r)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		end(r);
		exit(0);
	}
	return pid;
}

static size_t counted;

static int
count_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	counted += type == FTW_F && path[at->base] != '.';
	return 0;
}

static void
prepare(struct run *r)
{
	struct tools t;
	struct store s;

	snprintf(r->shares, sizeof(r->shares), "%s/shares", r->work);
	if (mkdir(r->shares, 0700) != 0)
		die("%s exists", r->shares);
	tools_init(&t);
	randombytes_buf(&r->secrets, sizeof(r->secrets));
	crypto_sign_keypair(r->verify_key, r->sign_key);
	dir_new(&t, &r->dir_a);
	dir_new(&t, &r->dir_b);
	s = run_store(r);
	entries_publish(&t, &s, &r->dir_a, NULL, 0);
	entries_publish(&t, &s, &r->dir_b, NULL, 0);
	close(s.fd);
	tools_free(&t);
	nftw(r->from, count_file, 32, FTW_PHYS);
	r->files = counted;
}

static int
run_both(struct run *r)
{
	pid_t ends[2];
	double begin, sender_cpu = 0;
	int status, bad = 0;

	prepare(r);
	begin = seconds();
	ends[0] = spawn(run_receiver, r);
	ends[1] = spawn(run_sender, r);
	for (int i = 0; i < 2; i++) {
		pid_t pid = wait(&status);

		if (status != 0) {
			bad = 1;
			kill(ends[pid == ends[0]], SIGKILL);
		}
		if (pid == ends[1])
			sender_cpu = cpu_of_children();
	}
	printf("{\"files\": %zu, \"wall_s\": %.2f, \"cpu_s\": %.2f, \"sender_cpu_s\": %.2f, \"durable\": %s}\n",
		r->files, seconds() - begin, cpu_of_children(), sender_cpu, r->durable ? "true" : "false");
	return bad;
}

/* -- golden vectors ---------------------------------------------------------------------------------- */

static const char *
text(const json_t *c, const char *key)
{
	return json_string_value(json_object_get(c, key));
}

static void
unhex(uint8_t *out, size_t n, const char *hex)
{
	if (sodium_hex2bin(out, n, hex, strlen(hex), NULL, NULL, NULL) != 0)
		die("bad hex");
}

static bool
vector_holds(struct tools *t, const json_t *c, const char *dir, uint8_t *plain)
{
	size_t n = (size_t)json_integer_value(json_object_get(c, "size")), seed_n = strlen(text(c, "seed_hex")) / 2,
	       size;
	uint8_t seed[256], lease_secret[32], *want = need(SEGMENT_MAX);
	struct secrets s;
	char path[4096], cap[CAP_MAX], si[27];
	FILE *f;
	size_t want_n;

	unhex(seed, seed_n, text(c, "seed_hex"));
	for (size_t i = 0; i < n; i++)
		plain[i] = seed[i % seed_n];
	unhex(s.convergence, 16, text(c, "convergence_hex"));
	unhex(lease_secret, 32, text(c, "lease_secret_hex"));
	unhex(s.tubid, 20, json_string_value(json_array_get(json_object_get(c, "storage_server_tubid_hex"), 0)));
	secrets_derive(&s, lease_secret);
	size = chk_encode(t, &s, plain, n, SEGMENT_MAX, 1700000000 + 31 * 86400, cap, si);
	snprintf(path, sizeof(path), "%s/%s", dir, json_string_value(json_array_get(json_object_get(c, "files"), 0)));
	f = fopen(path, "rb");
	if (f == NULL)
		die("cannot open %s", path);
	want_n = fread(want, 1, SEGMENT_MAX, f);
	fclose(f);
	bool same = strcmp(cap, text(c, "cap")) == 0 && want_n == size && memcmp(want, t->out, size) == 0 &&
		chk_decode(t, cap, want, want_n, want) == n && memcmp(want, plain, n) == 0;
	free(want);
	return same;
}

static int
vectors(const char *dir)
{
	char path[4096];
	uint8_t *plain = need(SEGMENT_MAX);
	struct tools t;
	json_t *all, *c;
	size_t i;
	int checked = 0;

	snprintf(path, sizeof(path), "%s/chk.json", dir);
	all = json_load_file(path, 0, NULL);
	tools_init(&t);
	json_array_foreach(json_object_get(all, "cases"), i, c)
	{
		json_int_t n = json_integer_value(json_object_get(c, "size"));

		if (json_integer_value(json_object_get(c, "n")) != 1 || strstr(text(c, "name"), "v2layout") != NULL ||
			n > json_integer_value(json_object_get(c, "max_segment_size")))
			continue;
		printf("%s - %s\n", vector_holds(&t, c, dir, plain) ? "ok" : "not ok", text(c, "name"));
		checked++;
	}
	printf("1..%d\n", checked);
	json_decref(all);
	tools_free(&t);
	free(plain);
	return checked == 0;
}

int
main(int argc, char **argv)
{
	static struct run r = {.durable = true};

	if (sodium_init() < 0)
		die("no libsodium");
	if (argc == 3 && strcmp(argv[1], "--vectors") == 0)
		return vectors(argv[2]);
	if (argc > 1 && strcmp(argv[1], "--not-durable") == 0) {
		r.durable = false;
		argv++;
		argc--;
	}
	if (argc != 4) {
		fputs("usage: floor [--not-durable] FROM TO WORK | floor --vectors DIR\n", stderr);
		return 2;
	}
	snprintf(r.from, sizeof(r.from), "%s", argv[1]);
	snprintf(r.to, sizeof(r.to), "%s", argv[2]);
	snprintf(r.work, sizeof(r.work), "%s", argv[3]);
	return run_both(&r);
}
