/* One store under many threads, without criterion, which dies under ThreadSanitizer:
 *   ./configure --enable-sanitizers=thread && make tests/grid/test_store_threads */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grid/grid.h"

enum { THREADS = 4, ROUNDS = 60, DIRS = 3, EVERY = 5 };

struct all {
	struct mf_grid *g;
	mf_dirwrite dir[DIRS];
};

struct one {
	struct all *all;
	unsigned me;
	pthread_t thread;
	mf_err err; /* the first failure */
};

/* Half of the objects are the same in all threads. */
static mf_code
put(struct one *o, unsigned round, mf_filecap *cap)
{
	char bytes[300];
	mf_source src = mf_source_mem(bytes, sizeof(bytes));

	(void)memset(bytes, (int)round, sizeof(bytes));
	if (round % 2 == 1)
		(void)memcpy(bytes, &o->me, sizeof(o->me));
	return o->all->g->ops->put(o->all->g, &src, cap, NULL, &o->err);
}

static mf_code
round_of(struct one *o, unsigned round)
{
	struct mf_grid *g = o->all->g;
	const mf_dirwrite *dir = &o->all->dir[round % DIRS];
	mf_grid_status status;
	mf_filecap cap;
	mf_listing l;
	mf_dirread ro;
	char name[32];
	mf_code rc = put(o, round, &cap);

	if (rc == MF_OK && round % EVERY == 0) {
		mf_link link = {.name = mf_strz(name), .cap = mf_strz(cap.text), .how = MF_LINK_NEW};

		(void)snprintf(name, sizeof(name), "%u-%u", o->me, round);
		link.name = mf_strz(name);
		rc = g->ops->update(g, dir, &link, 1, NULL, NULL, &o->err);
	}
	if (rc == MF_OK && round % 7 == 0) {
		mf_dirwrite_read(dir, &ro);
		rc = g->ops->list(g, &ro, NULL, NULL, &l, NULL, &o->err);
		if (rc == MF_OK)
			mf_listing_free(&l);
	}
	return rc != MF_OK ? rc : g->ops->status(g, &status, NULL, &o->err);
}

static void *
work(void *arg)
{
	struct one *o = arg;

	for (unsigned i = 0; i < ROUNDS && o->err.code == MF_OK; i++)
		o->err.code = round_of(o, i);
	return NULL;
}

static size_t
children(struct all *a)
{
	size_t n = 0;

	for (int i = 0; i < DIRS; i++) {
		mf_dirread ro;
		mf_listing l;

		mf_dirwrite_read(&a->dir[i], &ro);
		if (a->g->ops->list(a->g, &ro, NULL, NULL, &l, NULL, NULL) != MF_OK)
			return 0;
		n += l.n;
		mf_listing_free(&l);
	}
	return n;
}

int
main(void)
{
	char dir[] = "/tmp/mf-store-threads-XXXXXX", url[64], remove[64];
	mf_grid_conf conf = {.convergence_n = 32};
	static struct one one[THREADS];
	struct all a;
	mf_err err;
	bool ok = true;

	(void)alarm(100);
	(void)printf("1..1\n");
	if (mkdtemp(dir) == NULL)
		return 99;
	(void)snprintf(url, sizeof(url), "dir:%s/store", dir);
	if (mf_grid_open(url, &conf, &a.g, &err) != MF_OK)
		return 99;
	for (int i = 0; i < DIRS; i++)
		if (a.g->ops->mkdir(a.g, &a.dir[i], NULL, &err) != MF_OK)
			return 99;
	for (unsigned i = 0; i < THREADS; i++) {
		one[i] = (struct one){.all = &a, .me = i};
		if (pthread_create(&one[i].thread, NULL, work, &one[i]) != 0)
			return 99;
	}
	for (unsigned i = 0; i < THREADS; i++) {
		(void)pthread_join(one[i].thread, NULL);
		if (one[i].err.code != MF_OK)
			(void)printf("# %s\n", one[i].err.text);
		ok = ok && one[i].err.code == MF_OK;
	}
	ok = ok && children(&a) == THREADS * ROUNDS / EVERY;
	(void)printf("%sok - every entry of %d threads is there\n", ok ? "" : "not ", THREADS);
	mf_grid_close(a.g);
	(void)snprintf(remove, sizeof(remove), "rm -rf %s", dir);
	return system(remove) == 0 && ok ? 0 : 1;
}
