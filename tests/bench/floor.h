/** @file
 * The floor: what 10,000 small files from A to B cost in hashing, signing, input and output, rows and
 * directory rewrites, with no engine around them.  Throw-away clarity instead of error handling: every
 * failure ends the program.  Shares nothing with the daemon, so that it can judge it.
 *
 * k = n = 1, one segment; formats from docs and tests/golden/lafs as the daemon's. */
#ifndef MF_TESTS_BENCH_FLOOR_H
#define MF_TESTS_BENCH_FLOOR_H

#include <openssl/evp.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum {
	SEGMENT_MAX = 1 << 20, /* bytes: content beyond one segment is not the floor's business */
	CAP_MAX = 160,
	WORKERS = 2,
	BATCH_MS = 250, /* one sync and one directory update per so long */
	LEASE = 72,     /* bytes behind an immutable share */
	HEADER = 12,    /* bytes before it */
};

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void *need(size_t n); /* zeroed, never NULL */
double seconds(void); /* monotonic */

/* -- floor_chk.c: one worker's tools, and immutable files ------------------------------------------ */

/** Secrets of the store's user. */
struct secrets {
	uint8_t convergence[16], renew[32], cancel[32] /* client secrets */, tubid[20];
};
void secrets_derive(struct secrets *s, const uint8_t lease_secret[32]);

/** Contexts used again and again: a new one for each hash would cost twice the hash. */
struct tools {
	EVP_MD_CTX *md;
	EVP_MD *sha256;
	EVP_CIPHER_CTX *aes;
	uint8_t *out; /* a whole container */
};
void tools_init(struct tools *t);
void tools_free(struct tools *t);
/** SHA-256d of netstring(tag) || a.  Truncation is the caller's. */
void tagged(struct tools *t, const char *tag, size_t tag_n, const void *a, size_t n, uint8_t out[32]);
/** SHA-256d of netstring(tag) || netstring(a) || netstring(b). */
void tagged_pair(struct tools *t, const char *tag, const void *a, size_t an, const void *b, size_t bn, uint8_t out[32]);
void aes_ctr(struct tools *t, const uint8_t key[16], const void *in, size_t n, void *out);
#define TAGGED(t, tag, a, n, out) tagged((t), (tag), sizeof(tag) - 1, (a), (n), (out))

void base32(char *out, const uint8_t *p, size_t n); /* NUL-terminated */
void unbase32(uint8_t *out, size_t n, const char *text);

/** Encode @p n bytes (more than 55) into a container in t->out.  @return its size; @p cap gets
 *  "URI:CHK:...", @p si the storage index. */
size_t chk_encode(struct tools *t, const struct secrets *s, const void *p, size_t n, size_t segment_max,
	uint32_t expiry, char cap[CAP_MAX], char si[27]);
/** Verify a container against @p cap with one hash per byte and decrypt it into @p out.
 *  @return plaintext bytes. */
size_t chk_decode(struct tools *t, const char *cap, const uint8_t *container, size_t n, uint8_t *out);
void chk_index(struct tools *t, const char *cap, char si[27]);

/* -- floor_dir.c: mutable directories ---------------------------------------------------------------- */

struct mutable_dir {
	EVP_PKEY *rsa;
	uint8_t writekey[16], readkey[16];
	uint8_t spki[294], pkcs8[1300];
	size_t pkcs8_n;
	char si[27];
	uint64_t seqnum;
	char rwcapdata[48]; /* the same for every child without write cap */
};
void dir_new(struct tools *t, struct mutable_dir *d);
/** The next netstring of [*p, end) as [*s, *s + *n). @return false at the end. */
bool ns_next(const uint8_t **p, const uint8_t *end, const uint8_t **s, size_t *n);
size_t ns_put(uint8_t *out, const void *p, size_t n);
/** A whole container with @p n packed bytes inside; freed with free(). */
uint8_t *dir_pack(struct tools *t, struct mutable_dir *d, const uint8_t *p, size_t n, size_t *size);
/** Verify signature and block, decrypt in place.  @return the packed bytes, inside @p container. */
uint8_t *dir_open(struct tools *t, struct mutable_dir *d, uint8_t *container, size_t size, size_t *n);

/* -- floor_disk.c: shares, files, rows ---------------------------------------------------------------- */

struct store {
	int fd; /* STORE/shares */
	bool durable;
};
void store_put(struct store *s, const char *si, const void *p, size_t n);     /* immutable */
void store_replace(struct store *s, const char *si, const void *p, size_t n); /* mutable: temp, fsync, rename */
/** Read a share whole into @p out (at most @p max bytes). @return its size, 0 if there is none. */
size_t store_get(struct store *s, const char *si, void *out, size_t max);
void store_sync(struct store *s); /* syncfs */

struct rows {
	sqlite3 *db;
	sqlite3_stmt *st[9];
};
void rows_open(struct rows *r, const char *path);
void rows_close(struct rows *r);
void rows_begin(struct rows *r);
void rows_commit(struct rows *r);
void rows_put(struct rows *r, int statement, const char *path, const char *cap, int64_t a, int64_t b);

/** One directory entry as kept in memory, sorted by name. */
struct entry {
	char *name; /* mangled path */
	char cap[CAP_MAX];
};
/** Merge @p more (sorted here) into the sorted @p have. */
void entries_merge(struct entry **have, size_t *n, struct entry *more, size_t more_n);
/** Write a new version of @p d that holds these entries. */
void entries_publish(struct tools *t, struct store *s, struct mutable_dir *d, const struct entry *e, size_t n);

/* -- floor_send.c, floor_recv.c: the two ends, each a process of its own ------------------------------- */

struct run {
	char from[4000], to[4000], work[4000]; /* A's folder, B's folder, store and databases */
	char shares[4096];
	bool durable;
	struct secrets secrets;
	struct mutable_dir dir_a, dir_b; /* the Personal directories; empty versions of both are published */
	uint8_t sign_key[64], verify_key[32];
	size_t files;
};
void run_sender(struct run *r);
void run_receiver(struct run *r);
struct store run_store(const struct run *r);
/** The four lines that a snapshot's signature covers. @return their length. */
size_t signed_text(char *out, size_t size, const char *content, const char *metadata, const char *path);

/** Work handed between threads of one end: grows, is taken whole or one by one. */
struct list {
	void *items;
	size_t n, taken, size; /* size: bytes of one item */
	bool closed;
	pthread_mutex_t lock;
	pthread_cond_t more;
};
void list_init(struct list *l, size_t size);
void list_add(struct list *l, const void *item);
void list_close(struct list *l);
/** Copy the next item out; waits. @return false when closed and empty. */
bool list_next(struct list *l, void *item);
size_t list_waiting(struct list *l);
/** Everything added since the last call, freed by the caller; *n may be 0. */
void *list_rest(struct list *l, size_t *n);

#endif
