/** @file
 * The hashes and the cipher of Tahoe-LAFS (lafs.md 2.1 to 2.4): tagged SHA-256d, the directory entries' MAC,
 * AES-128-CTR, and the secrets of leases and write enablers.
 *
 * Pure; [any] thread.  The one-shot functions use a context that belongs to the calling thread and is
 * freed when it ends, so that a small hash costs no allocation.  A failing libcrypto is a broken
 * invariant (MF_BUG): with the arguments given here it can only be out of memory. */
#ifndef MF_GRID_LAFS_HASH_H
#define MF_GRID_LAFS_HASH_H

#include "base/buf.h"

enum { MF_HASH_SIZE = 32, MF_KEY_SIZE = 16, MF_TUBID_SIZE = 20 }; /* bytes */

/** Every tag of lafs.md 2.2.  T: mf_tag_hash(), TP: mf_tag_pair(). */
enum mf_tag {
	MF_TAG_CHK_SI,            /**< T16(key) */
	MF_TAG_BLOCK,             /**< T(block; MDMF: salt and block) */
	MF_TAG_UEB,               /**< T(UEB) */
	MF_TAG_CRYPTTEXT,         /**< T(whole ciphertext) */
	MF_TAG_SEGMENT,           /**< T(ciphertext segment, not padded) */
	MF_TAG_PLAINTEXT,         /**< T; not stored any more */
	MF_TAG_PLAINTEXT_SEGMENT, /**< T; not stored any more */
	MF_TAG_EMPTY_LEAF,        /**< T(decimal leaf index) */
	MF_TAG_NODE,              /**< TP(left, right) */
	MF_TAG_WRITEKEY,          /**< T16(PKCS#8 DER private key) */
	MF_TAG_READKEY,           /**< T16(writekey) */
	MF_TAG_MUT_SI,            /**< T16(readkey) */
	MF_TAG_DATAKEY,           /**< TP16(salt, readkey) */
	MF_TAG_FINGERPRINT,       /**< T(SPKI DER public key) */
	MF_TAG_WE_MASTER,         /**< T(writekey) */
	MF_TAG_WE,                /**< TP(master, TubID) */
	MF_TAG_CHILD_SALT,        /**< T16(child's write capability text) */
	MF_TAG_CHILD_KEY,         /**< TP16(salt, directory's writekey) */
	MF_TAG_FILE_RENEW,        /**< TP(client secret, storage index) */
	MF_TAG_FILE_CANCEL,       /**< TP(client secret, storage index) */
	MF_TAG_BUCKET_RENEW,      /**< TP(file secret, TubID) */
	MF_TAG_BUCKET_CANCEL,     /**< TP(file secret, TubID) */
	MF_TAG_MUT_MAGIC,         /**< T, first 5 bytes (magic line of a mutable container) */
};

void mf_sha256(const void *p, size_t n, uint8_t out[MF_HASH_SIZE]);

/** T(tag, val) = SHA256d(NS(tag) || val). */
void mf_tag_hash(enum mf_tag tag, const void *p, size_t n, uint8_t out[MF_HASH_SIZE]);
/** T cut to its first 16 bytes. */
void mf_tag_hash16(enum mf_tag tag, const void *p, size_t n, uint8_t out[MF_KEY_SIZE]);
/** TP(tag, a, b) = SHA256d(NS(tag) || NS(a) || NS(b)). */
void mf_tag_pair(enum mf_tag tag, mf_str a, mf_str b, uint8_t out[MF_HASH_SIZE]);
void mf_tag_pair16(enum mf_tag tag, mf_str a, mf_str b, uint8_t out[MF_KEY_SIZE]);
/** T with a tag that is not a constant; @p tag without its netstring frame, at most 256 bytes. */
void mf_tag_hash_free(mf_str tag, const void *p, size_t n, uint8_t out[MF_HASH_SIZE]);
/** A Merkle tree's inner node; @p out may be one of the inputs. */
void mf_node_hash(const uint8_t left[MF_HASH_SIZE], const uint8_t right[MF_HASH_SIZE], uint8_t out[MF_HASH_SIZE]);

static inline mf_str
mf_bytes(const void *p, size_t n)
{
	return (mf_str){p, n};
}

/** The MAC of directory entries, which is not RFC 2104: the key is not padded (lafs.md 2.3). */
void mf_entry_mac(const uint8_t key[MF_KEY_SIZE], const void *p, size_t n, uint8_t out[MF_HASH_SIZE]);

/* -- hashing in pieces ---------------------------------------------------------------------------- */

struct mf_hasher; /* one T hash at a time; reused as often as wanted, by one thread at a time */
struct mf_hasher *mf_hasher_new(void);
void mf_hasher_free(struct mf_hasher *h); /**< NULL allowed */
void mf_hasher_start(struct mf_hasher *h, enum mf_tag tag);
/** @p tag as in mf_tag_hash_free(). */
void mf_hasher_start_free(struct mf_hasher *h, mf_str tag);
void mf_hasher_add(struct mf_hasher *h, const void *p, size_t n);
void mf_hasher_end(struct mf_hasher *h, uint8_t out[MF_HASH_SIZE]);

/* -- AES-128-CTR, initial counter zero (lafs.md 2.4) ---------------------------------------------- */

/** Encrypt or decrypt @p n bytes that lie @p off bytes into the key stream; in == out is allowed.  Uses the
 *  thread's own context. */
void mf_ctr(const uint8_t key[MF_KEY_SIZE], uint64_t off, const void *in, void *out, size_t n);

struct mf_ctr_stream; /* continues where the last piece ended; one thread at a time */
struct mf_ctr_stream *mf_ctr_new(void);
void mf_ctr_free(struct mf_ctr_stream *s); /**< wipes the key; NULL allowed */
void mf_ctr_seek(struct mf_ctr_stream *s, const uint8_t key[MF_KEY_SIZE], uint64_t off);
void mf_ctr_next(struct mf_ctr_stream *s, const void *in, void *out, size_t n);

/* -- secrets for storage servers (lafs.md 2.2, 5.7) ------------------------------------------------ */

enum mf_lease_secret { MF_LEASE_RENEW, MF_LEASE_CANCEL };

/** The client's secret; depends on nothing but @p lease_secret: compute once per grid. */
void mf_client_secret(enum mf_lease_secret which, const uint8_t lease_secret[32], uint8_t out[MF_HASH_SIZE]);
/** The secret for one storage index on one server, from the client's secret.
 *  @p tubid the server's raw TubID (the code of Tahoe, not lease.rst, which says base32). */
void mf_bucket_secret(enum mf_lease_secret which, const uint8_t client[MF_HASH_SIZE], const uint8_t si[MF_KEY_SIZE],
	const uint8_t tubid[MF_TUBID_SIZE], uint8_t out[MF_HASH_SIZE]);
void mf_write_enabler(
	const uint8_t writekey[MF_KEY_SIZE], const uint8_t tubid[MF_TUBID_SIZE], uint8_t out[MF_HASH_SIZE]);

#endif
