/* The encoder's helper thread, and several callers at once: the results are those of one thread alone.
 * A plain program that prints TAP, since criterion does not run under ThreadSanitizer:
 * configure CC=clang-14 --enable-sanitizers=thread. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "grid/lafs/chk.h"

enum { CALLERS = 4, TIMES = 3 };

/* What one caller encodes. */
static const struct work {
	uint32_t k, n, segment_size;
	size_t size;
} works[CALLERS] = {
	{1, 1, 1 << 17, 3000001},
	{3, 10, 1 << 16, 1000000},
	{1, 3, 1 << 16, 700001},
	{7, 9, 50000, 600007},
};

struct made {
	mf_buf share[16];
	mf_filecap cap;
};

static const char *failed; /* written under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
must(bool good, const char *what)
{
	(void)pthread_mutex_lock(&lock);
	if (!good)
		failed = what;
	(void)pthread_mutex_unlock(&lock);
}

static mf_code
keep(void *arg, uint32_t share, uint64_t off, const void *p, size_t n, mf_err *err)
{
	struct made *m = arg;

	(void)err;
	memcpy(m->share[share].p + off, p, n);
	return MF_OK;
}

static void
encode(const struct work *w, const mf_source *src, unsigned threads, struct made *m)
{
	mf_chk_params params = {.k = w->k, .n = w->n, .segment_size = w->segment_size, .threads = threads};
	mf_share_out out = {keep, m};
	mf_chk_id id;

	must(mf_chk_key(&params, src, NULL, &id, NULL) == MF_OK, "key");
	for (uint32_t i = 0; i < w->n; i++) {
		mf_buf_reserve(&m->share[i], (size_t)id.layout.share_size);
		m->share[i].n = (size_t)id.layout.share_size;
	}
	must(mf_chk_encode(&params, src, &id, &out, NULL, &m->cap, NULL) == MF_OK, "encode");
}

static mf_code
compare(void *arg, const void *p, size_t n, mf_err *err)
{
	mf_str *left = arg;

	(void)err;
	must(n <= left->n && memcmp(left->p, p, n) == 0, "content");
	*left = (mf_str){left->p + n, left->n - n};
	return MF_OK;
}

static void
decode(const struct work *w, const struct made *m, mf_str plain)
{
	mf_share_in in[16];
	mf_str bytes[16];
	mf_cap cap;

	for (uint32_t i = 0; i < w->n; i++) {
		bytes[i] = mf_buf_str(&m->share[i]);
		in[i] = mf_share_in_mem(i, &bytes[i]);
	}
	must(mf_cap_parse(mf_strz(m->cap.text), &cap, NULL) == MF_OK, "cap");
	mf_chk_read r = {.cap = &cap, .share = in + (w->n - w->k), .shares = w->k};
	must(mf_chk_decode(&r, 0, UINT64_MAX, compare, &plain, NULL) == MF_OK && plain.n == 0, "decode");
}

static void *
caller(void *arg)
{
	const struct work *w = arg;
	uint8_t *plain = mf_realloc_array(NULL, w->size, 1);
	mf_source src = mf_source_mem(plain, w->size);
	struct made alone = {0}, helped = {0};

	for (size_t i = 0; i < w->size; i++)
		plain[i] = (uint8_t)(i * 2654435761u >> 11);
	encode(w, &src, 1, &alone);
	for (unsigned t = 0; t < TIMES; t++) {
		encode(w, &src, 2, &helped);
		must(strcmp(alone.cap.text, helped.cap.text) == 0, "capability");
		for (uint32_t i = 0; i < w->n; i++)
			must(mf_str_eq(mf_buf_str(&alone.share[i]), mf_buf_str(&helped.share[i])), "share");
		decode(w, &helped, mf_bytes(plain, w->size));
	}
	for (uint32_t i = 0; i < w->n; i++) {
		mf_buf_free(&alone.share[i]);
		mf_buf_free(&helped.share[i]);
	}
	free(plain);
	return NULL;
}

int
main(void)
{
	pthread_t thread[CALLERS];
	union {
		const struct work *in;
		void *out;
	} arg;

	for (size_t i = 0; i < CALLERS; i++) {
		arg.in = &works[i];
		if (pthread_create(&thread[i], NULL, caller, arg.out) != 0)
			return 99;
	}
	for (size_t i = 0; i < CALLERS; i++)
		(void)pthread_join(thread[i], NULL);
	printf("1..1\n%sok 1 - encoding with helpers, four callers at once%s%s\n", failed == NULL ? "" : "not ",
		failed == NULL ? "" : " # ", failed == NULL ? "" : failed);
	return failed != NULL;
}
