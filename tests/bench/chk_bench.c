/* How fast the CHK code is, memory to memory, as ratios to the bare primitives measured in the same rounds.
 *
 * usage: chk_bench [MIB] [ROUNDS]     default 256 and 3
 *
 * Upload: both passes of k = n = 1 against 4 SHA-256 + 1 AES-128-CTR over the same bytes, with one thread and with two;
 * download of everything against 1 SHA-256 + 1 AES-128-CTR.  A ratio of 1 means: as fast as the primitives.  Then small
 * objects one after the other, in microseconds each.  Subjects are interleaved; best, median and worst are printed. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "grid/lafs/chk.h"

enum { ROUNDS_MAX = 32, SMALL_OBJECTS = 20000, PIECE = 1 << 20 };
enum subject { SHA, AES, UP_ONE, UP_TWO, DOWN, SMALL_UP, SMALL_DOWN, UP_3_10, SUBJECTS };

struct bench {
	uint8_t *plain;
	size_t size;
	mf_buf share; /* the one share of the last upload */
	mf_filecap cap;
	mf_chk_params params;
	uint64_t sunk;
	double seconds[SUBJECTS][ROUNDS_MAX];
};

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
must(mf_code rc, const mf_err *err)
{
	if (rc == MF_OK)
		return;
	fprintf(stderr, "chk_bench: %s\n", err->text);
	exit(1);
}

static mf_code
keep(void *arg, uint32_t share, uint64_t off, const void *p, size_t n, mf_err *err)
{
	struct bench *b = arg;

	(void)err;
	if (share == 0)
		memcpy(b->share.p + off, p, n);
	return MF_OK;
}

static mf_code
sink(void *arg, const void *p, size_t n, mf_err *err)
{
	struct bench *b = arg;

	(void)p;
	(void)err;
	b->sunk += n;
	return MF_OK;
}

static void
upload(struct bench *b, uint32_t k, uint32_t n, unsigned threads)
{
	mf_chk_params params = b->params;
	mf_source src = mf_source_mem(b->plain, b->size);
	mf_share_out out = {keep, b};
	mf_chk_id id;
	mf_err err = {0};

	params.k = k;
	params.n = n;
	params.threads = threads;
	must(mf_chk_key(&params, &src, NULL, &id, &err), &err);
	if (b->share.cap < id.layout.share_size + 1)
		mf_buf_reserve(&b->share, (size_t)id.layout.share_size);
	b->share.n = (size_t)id.layout.share_size;
	must(mf_chk_encode(&params, &src, &id, &out, NULL, &b->cap, &err), &err);
	b->share.n = (size_t)id.layout.share_size;
}

static void
download(struct bench *b, const mf_buf *share, const mf_filecap *text)
{
	mf_str bytes = mf_buf_str(share);
	mf_share_in in = mf_share_in_mem(0, &bytes);
	mf_cap cap;
	mf_chk_read r = {.cap = &cap, .share = &in, .shares = 1};
	mf_err err = {0};

	must(mf_cap_parse(mf_strz(text->text), &cap, &err), &err);
	must(mf_chk_decode(&r, 0, UINT64_MAX, sink, b, &err), &err);
}

static void
sha(struct bench *b)
{
	uint8_t out[MF_HASH_SIZE];

	mf_sha256(b->plain, b->size, out);
}

static void
aes(struct bench *b, uint8_t *room)
{
	static const uint8_t key[MF_KEY_SIZE];

	for (size_t at = 0; at < b->size; at += PIECE)
		mf_ctr(key, at, b->plain + at, room, b->size - at < PIECE ? b->size - at : PIECE);
}

/* Three sizes as a snapshot makes them: content, metadata, directory. */
static void
small_objects(struct bench *b, double *up, double *down)
{
	static const size_t size[] = {4096, 217, 416};
	mf_chk_id id;
	mf_filecap cap;
	mf_buf share = {0};

	*up = *down = 0;
	for (unsigned i = 0; i < SMALL_OBJECTS; i++) {
		double start = now();
		share.n = 0;
		mf_chk_small(&b->params, b->plain + 64 * (size_t)i, size[i % 3], &share, &id, &cap);
		double middle = now();
		download(b, &share, &cap);
		*up += middle - start;
		*down += now() - middle;
	}
	mf_buf_free(&share);
}

static void
one_round(struct bench *b, unsigned round, uint8_t *room)
{
	for (int s = 0; s < SUBJECTS; s++) {
		double start = now();
		switch ((enum subject)s) {
		case SHA: sha(b); break;
		case AES: aes(b, room); break;
		case UP_3_10: upload(b, 3, 10, 2); break;
		case UP_ONE: upload(b, 1, 1, 1); break;
		case UP_TWO: upload(b, 1, 1, 2); break;
		case DOWN: download(b, &b->share, &b->cap); break;
		case SMALL_UP: small_objects(b, &b->seconds[SMALL_UP][round], &b->seconds[SMALL_DOWN][round]); break;
		case SMALL_DOWN:
		case SUBJECTS: break;
		}
		if (s != SMALL_UP && s != SMALL_DOWN)
			b->seconds[s][round] = now() - start;
	}
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
print(const char *what, double *value, unsigned rounds, const char *unit)
{
	qsort(value, rounds, sizeof(*value), ascending);
	printf("%-34s median %8.2f   %8.2f to %8.2f  %s\n", what, value[rounds / 2], value[0], value[rounds - 1], unit);
}

/* Ratios are made within each round, where the machine was equally busy. */
static void
report(struct bench *b, unsigned rounds)
{
	static const struct {
		const char *what;
		enum subject subject;
		double shas, scale; /* scale 0: a ratio to `shas` SHA-256 + 1 AES; else seconds times scale */
		const char *unit;
	} rows[] = {
		{"SHA-256", SHA, 0, 1, "s"},
		{"AES-128-CTR", AES, 0, 1, "s"},
		{"upload 1 of 1, one thread", UP_ONE, 4, 0, "of 4 SHA + 1 AES  (wanted: 0.75)"},
		{"upload 1 of 1, two threads", UP_TWO, 4, 0, "of 4 SHA + 1 AES  (wanted: 1.00)"},
		{"download", DOWN, 1, 0, "of 1 SHA + 1 AES  (wanted: 0.75)"},
		{"upload 3 of 10, two threads", UP_3_10, 6.33, 0, "of 6.33 SHA + 1 AES"},
		{"small object, encode", SMALL_UP, 0, 1e6 / SMALL_OBJECTS, "us"},
		{"small object, decode", SMALL_DOWN, 0, 1e6 / SMALL_OBJECTS, "us"},
	};
	double value[ROUNDS_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned r = 0; r < rounds; r++) {
			double took = b->seconds[rows[i].subject][r];
			double bare = rows[i].shas * b->seconds[SHA][r] + b->seconds[AES][r];
			value[r] = rows[i].scale == 0 ? bare / took : took * rows[i].scale;
		}
		print(rows[i].what, value, rounds, rows[i].unit);
	}
}

int
main(int argc, char **argv)
{
	static const uint8_t secret[16] = "convergence here";
	size_t mib = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 256;
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 3;
	struct bench *b = mf_alloc(sizeof(*b));
	uint8_t *room = mf_realloc_array(NULL, PIECE, 1);

	if (mib < 2 || mib > 4096 || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: chk_bench [MIB 2..4096] [ROUNDS 1..%d]\n", ROUNDS_MAX);
		return 2;
	}
	b->size = mib << 20;
	b->plain = mf_realloc_array(NULL, b->size, 1);
	for (size_t i = 0; i < b->size; i++)
		b->plain[i] = (uint8_t)(i * 2654435761u >> 13);
	b->params = (mf_chk_params){.k = 1,
		.n = 1,
		.segment_size = MF_CHK_SEGMENT_DEFAULT,
		.convergence = secret,
		.convergence_n = sizeof(secret)};
	upload(b, 1, 1, 1); /* touches every page once before anything counts */
	memset(room, 0, PIECE);
	for (unsigned r = 0; r < rounds; r++)
		one_round(b, r, room);
	printf("chk_bench: %zu MiB, %u rounds\n", mib, rounds);
	report(b, rounds);
	mf_buf_free(&b->share);
	free(b->plain);
	free(room);
	free(b);
	return 0;
}
