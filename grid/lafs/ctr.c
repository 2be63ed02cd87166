/* AES-128-CTR on libcrypto, from any offset. */
#include <pthread.h>

#include <openssl/evp.h>
#include <sodium.h>

#include "grid/lafs/hash.h"

enum {
	AES_BLOCK = 16,
	CTR_PIECE = 1 << 30, /* EVP lengths are int */
};

/* Fetched once per process, one context per thread for one-shot use; as in hash.c. */
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *aes_ctr;
static pthread_key_t at_thread_end;
static _Thread_local EVP_CIPHER_CTX *mine;

struct mf_ctr_stream {
	EVP_CIPHER_CTX *ctx;
};

static void
mine_free(void *ctx)
{
	EVP_CIPHER_CTX_free(ctx);
	mine = NULL;
}

static void
fetch(void)
{
	aes_ctr = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
	if (aes_ctr == NULL || pthread_key_create(&at_thread_end, mine_free) != 0)
		MF_BUG("libcrypto lacks AES-128-CTR");
}

static EVP_CIPHER_CTX *
ctr_new(void)
{
	EVP_CIPHER_CTX *ctx;

	(void)pthread_once(&fetch_once, fetch);
	ctx = EVP_CIPHER_CTX_new();
	if (ctx == NULL)
		MF_BUG("out of memory for a cipher");
	return ctx;
}

static void
ctr_run(EVP_CIPHER_CTX *ctx, const uint8_t *in, uint8_t *out, size_t n)
{
	while (n > 0) {
		int piece = n < CTR_PIECE ? (int)n : CTR_PIECE, done;
		if (!EVP_EncryptUpdate(ctx, out, &done, in, piece) || done != piece)
			MF_BUG("AES-CTR failed");
		in += piece;
		out += piece;
		n -= (size_t)piece;
	}
}

static void
ctr_seek(EVP_CIPHER_CTX *ctx, const uint8_t key[MF_KEY_SIZE], uint64_t off)
{
	uint8_t counter[AES_BLOCK] = {0}, skipped[AES_BLOCK] = {0};

	for (uint64_t block = off / AES_BLOCK, i = AES_BLOCK; block > 0; block >>= 8)
		counter[--i] = (uint8_t)block;
	if (!EVP_EncryptInit_ex2(ctx, aes_ctr, key, counter, NULL))
		MF_BUG("AES-CTR does not start");
	ctr_run(ctx, skipped, skipped, off % AES_BLOCK);
	sodium_memzero(skipped, sizeof(skipped)); /* key stream */
}

void
mf_ctr(const uint8_t key[MF_KEY_SIZE], uint64_t off, const void *in, void *out, size_t n)
{
	static const uint8_t no_key[MF_KEY_SIZE];

	if (mine == NULL) {
		mine = ctr_new();
		if (pthread_setspecific(at_thread_end, mine) != 0)
			MF_BUG("out of memory for a thread's cipher");
	}
	ctr_seek(mine, key, off);
	ctr_run(mine, in, out, n);
	ctr_seek(mine, no_key, 0); /* the context stays; the key schedule must not */
}

struct mf_ctr_stream *
mf_ctr_new(void)
{
	struct mf_ctr_stream *s = mf_alloc(sizeof(*s));

	s->ctx = ctr_new();
	return s;
}

void
mf_ctr_free(struct mf_ctr_stream *s)
{
	if (s == NULL)
		return;
	EVP_CIPHER_CTX_free(s->ctx); /* libcrypto cleanses the key schedule */
	free(s);
}

void
mf_ctr_seek(struct mf_ctr_stream *s, const uint8_t key[MF_KEY_SIZE], uint64_t off)
{
	ctr_seek(s->ctx, key, off);
}

void
mf_ctr_next(struct mf_ctr_stream *s, const void *in, void *out, size_t n)
{
	ctr_run(s->ctx, in, out, n);
}
