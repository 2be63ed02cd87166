/* Drives a fuzz target without libFuzzer: each seed as it is, cut short, and with a few bytes changed.
 * usage: fuzz_NAME [-OPTION...] CORPUS_DIR...   The changes come from the seed's bytes, so every run is the same. */
#include "tests/fuzz/fuzz.h"

#ifndef MF_LIBFUZZER

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEED_MAX = 4 << 20, /* bytes; larger files are no seeds */
	CUTS = 64,          /* shortened copies of each seed at most */
	CHANGES = 256,      /* changed copies of each seed */
};

static uint64_t
next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A fresh allocation of exactly n bytes each time: only so does a read behind the end show. */
static void
feed(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n == 0 ? 1 : n);

	if (copy == NULL)
		abort();
	if (n != 0)
		memcpy(copy, p, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void
feed_changed(uint8_t *p, size_t n)
{
	static const uint8_t liked[] = {0, 1, 0x7f, 0x80, 0xff, ':', ',', '0', '9', '/', '"', '\n'};
	uint64_t state = 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < n; i++)
		state = (state ^ p[i]) * 0x100000001b3u | 1;
	for (int i = 0; i < CHANGES && n != 0; i++) {
		uint64_t r = next(&state);
		size_t at = (r >> 8) % n;
		uint8_t old = p[at];

		p[at] = r & 1 ? liked[(r >> 1 & 0x7f) % sizeof(liked)] : (uint8_t)(old ^ 1u << (r >> 1) % 8);
		feed(p, n);
		p[at] = old;
	}
}

static void
replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p = malloc(SEED_MAX);
	size_t n;

	if (f == NULL || p == NULL) {
		perror(path);
		exit(2);
	}
	n = fread(p, 1, SEED_MAX, f);
	fclose(f);
	feed(p, n);
	for (size_t i = 0, step = n / CUTS + 1; i < n; i += step)
		feed(p, i);
	feed_changed(p, n);
	free(p);
}

int
main(int argc, char **argv)
{
	int seeds = 0;

	for (int i = 1; i < argc; i++) {
		DIR *d;
		struct dirent *e;

		if (argv[i][0] == '-')
			continue; /* an option meant for libFuzzer */
		d = opendir(argv[i]);
		if (d == NULL) {
			perror(argv[i]);
			return 2;
		}
		while ((e = readdir(d)) != NULL) {
			char path[4096];

			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
			replay(path);
			seeds++;
		}
		closedir(d);
	}
	feed((const uint8_t *)"", 0);
	printf("%d seeds\n", seeds);
	return seeds == 0;
}

#endif
