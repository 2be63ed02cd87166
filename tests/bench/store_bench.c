/* The embedded store without an engine around it: what one object, one directory update, one listing costs.
 * Usage: store_bench [DIR [OBJECTS [ENTRIES]]]; DIR (default: the current one) gets a store that is left there: deleting
 * many files makes the next run on ext4 slow (floor.md 6). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "grid/grid.h"

enum { BATCH_MAX = 256 };

static double
seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
cpu(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void
must(mf_code rc, const mf_err *err)
{
	if (rc == MF_OK)
		return;
	fprintf(stderr, "store_bench: %s\n", err->text);
	exit(1);
}

static void
report(const char *what, size_t n, double wall0, double cpu0)
{
	double wall = seconds() - wall0, used = cpu() - cpu0;

	printf("%-34s %7zu x %9.1f us wall %9.1f us cpu\n", what, n, wall * 1e6 / (double)n, used * 1e6 / (double)n);
}

/* Content, metadata and snapshot of small files, as the sender of a folder stores them. */
static void
objects(struct mf_grid *g, size_t n)
{
	static uint8_t content[4096], metadata[217];
	double w = seconds(), c = cpu();
	mf_err err;

	for (size_t i = 0; i < n; i++) {
		mf_source src = mf_source_mem(content, sizeof(content)),
			  meta = mf_source_mem(metadata, sizeof(metadata));
		mf_filecap one, two;
		mf_immdir dir;

		memcpy(content, &i, sizeof(i));
		memcpy(metadata, &i, sizeof(i));
		must(g->ops->put(g, &src, &one, NULL, &err), &err);
		must(g->ops->put(g, &meta, &two, NULL, &err), &err);
		mf_link l[] = {{.name = MF_STR("content"), .cap = mf_strz(one.text)},
			{.name = MF_STR("metadata"),
				.cap = mf_strz(two.text),
				.metadata = MF_STR("{\"magic_folder\": {\"author_signature\": "
						   "\"0123456789012345678901234567890123456789\"}}")}};
		must(g->ops->put_dir(g, l, 2, &dir, NULL, &err), &err);
	}
	report("3 objects stored (4 KiB file)", n, w, c);
}

static mf_code
drop(void *arg, const void *p, size_t n, mf_err *err)
{
	(void)p;
	(void)err;
	*(size_t *)arg += n;
	return MF_OK;
}

static void
read_back(struct mf_grid *g, size_t n)
{
	static uint8_t content[4096];
	mf_filecap *cap = malloc(n * sizeof(*cap));
	size_t got = 0;
	mf_err err;

	for (size_t i = 0; i < n; i++) {
		mf_source src = mf_source_mem(content, sizeof(content));

		memcpy(content, &i, sizeof(i));
		must(g->ops->put(g, &src, &cap[i], NULL, &err), &err);
	}
	double w = seconds(), c = cpu();
	for (size_t i = 0; i < n; i++)
		must(g->ops->get(g, &cap[i], 0, UINT64_MAX, drop, &got, NULL, &err), &err);
	report("4 KiB file read", n, w, c);
	free(cap);
}

static void
fill(mf_link *l, char (*name)[48], size_t n, size_t from)
{
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "dir%zu@_file%06zu", (from + i) % 100, from + i);
		l[i] = (mf_link){.name = mf_strz(name[i]),
			.cap = MF_STR("URI:DIR2-CHK:ultk27nr6u6kw2yznansulrweq:"
				      "csetn7yrlbnqluqm5pfw722pt5te2mw3porsy6qzhzs2zl5sqp7a:1:1:222")};
	}
}

static void
directory(struct mf_grid *g, size_t entries)
{
	size_t room = entries < BATCH_MAX ? BATCH_MAX : entries;
	mf_link *l = malloc(room * sizeof(*l));
	char(*name)[48] = malloc(room * sizeof(*name));
	mf_dirwrite rw;
	mf_dirread ro;
	mf_listing list;
	mf_dirver ver = {0};
	bool unchanged;
	mf_err err;

	double w = seconds(), c = cpu();
	must(g->ops->mkdir(g, &rw, NULL, &err), &err);
	report("directory made (RSA key)", 1, w, c);
	mf_dirwrite_read(&rw, &ro);
	fill(l, name, entries, 0);
	w = seconds(), c = cpu();
	must(g->ops->update(g, &rw, l, entries, &ver, NULL, &err), &err);
	report("directory filled at once", 1, w, c);
	for (size_t batch = 1; batch <= BATCH_MAX; batch *= 16) {
		w = seconds(), c = cpu();
		for (size_t i = 0; i < 20; i++) {
			fill(l, name, batch, i * 300);
			must(g->ops->update(g, &rw, l, batch, &ver, NULL, &err), &err);
		}
		printf("%zu entries, batch %zu: ", entries, batch);
		report("update", 20, w, c);
	}
	w = seconds(), c = cpu();
	for (size_t i = 0; i < 20; i++) {
		must(g->ops->list(g, &ro, NULL, NULL, &list, NULL, &err), &err);
		mf_listing_free(&list);
	}
	report("directory listed", 20, w, c);
	w = seconds(), c = cpu();
	for (size_t i = 0; i < 1000; i++)
		must(g->ops->list(g, &ro, &ver, &unchanged, &list, NULL, &err), &err);
	report("directory found unchanged", 1000, w, c);
	free(name);
	free(l);
}

int
main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : ".";
	size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000,
	       entries = argc > 3 ? strtoul(argv[3], NULL, 10) : 10000;
	char cwd[2048], url[4200];
	struct mf_grid *g;
	mf_err err;

	for (int durable = 0; durable < 2; durable++) {
		mf_grid_conf conf = {.convergence_n = 32, .durability = durable ? MF_DURABLE : MF_NOT_DURABLE};

		conf.convergence[0] = (uint8_t)(durable + 1);
		(void)snprintf(url, sizeof(url), "dir:%s%s%s/store-bench-%d-%d",
			dir[0] == '/' ? "" : getcwd(cwd, sizeof(cwd)), dir[0] == '/' ? "" : "/", dir, (int)getpid(),
			durable);
		must(mf_grid_open(url, &conf, &g, &err), &err);
		printf("-- %s\n", durable ? "durable" : "not durable");
		objects(g, n);
		read_back(g, n);
		directory(g, entries);
		mf_grid_close(g);
	}
	return 0;
}
