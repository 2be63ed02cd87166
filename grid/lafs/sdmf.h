/** @file
 * SDMF mutable files (lafs.md 5): keys, packing and reading shares in memory.
 *
 * Pure but for the random numbers of keys and signatures; [any] thread.  Where shares come from and go to is the
 * business of the back ends. */
#ifndef MF_GRID_LAFS_SDMF_H
#define MF_GRID_LAFS_SDMF_H

#include "base/buf.h"
#include "grid/caps.h"
#include "grid/lafs/hash.h"

enum {
	MF_SDMF_PREFIX = 75,      /**< bytes that the signature covers */
	MF_SDMF_HEADER = 107,     /**< bytes before the public key */
	MF_SDMF_CHECKSTRING = 57, /**< version, seqnum, root, salt: names a version in test vectors */
	MF_SDMF_SALT = 16,
	MF_SDMF_SIGNATURE = 256,      /**< bytes: RSA-2048 */
	MF_SDMF_SHARES_MAX = 255,     /**< k and n are bytes */
	MF_SDMF_DATA_MAX = 256 << 20, /**< bytes of plaintext at most (lafs.md 11) */
	MF_SPKI_MAX = 512,            /**< bytes of a public key; 294 in practice */
};

/* -- keys ------------------------------------------------------------------------------------------- */

/** An RSA-2048 key and what is derived from it.  Secret; heap; freed by mf_sdmf_key_free(). */
typedef struct mf_sdmf_key {
	void *pkey; /* EVP_PKEY */
	mf_buf enc; /* the private key's DER as found, encrypted as shares hold it */
	uint8_t spki[MF_SPKI_MAX];
	size_t spki_n;
	uint8_t writekey[MF_KEY_SIZE], readkey[MF_KEY_SIZE], si[MF_KEY_SIZE];
	uint8_t fingerprint[MF_HASH_SIZE];
} mf_sdmf_key;

/** Make a new key: up to a second of computing, on all of one core. */
mf_code mf_sdmf_key_new(mf_sdmf_key **out, mf_err *err);
/** From PKCS#8 DER, which is hashed as given, never re-encoded.  @p spki the public key as the share holds it; empty:
 *  encoded from the private key.  MF_EFORMAT unless RSA of 2048 bits. */
mf_code mf_sdmf_key_parse(mf_str der, mf_str spki, mf_sdmf_key **out, mf_err *err);
void mf_sdmf_key_free(mf_sdmf_key *key); /**< wipes; NULL allowed */
/** The write capability, taken apart. @p kind MF_CAP_SSK or MF_CAP_DIR2 (or the MDMF kinds, for test vectors). */
void mf_sdmf_key_cap(const mf_sdmf_key *key, enum mf_cap_kind kind, mf_cap *out);

/** readkey and storage index of any SSK or DIR2 capability but a verifier, from what it holds. */
void mf_sdmf_readkey(const mf_cap *cap, uint8_t readkey[MF_KEY_SIZE]);

/* -- shares ------------------------------------------------------------------------------------------ */

typedef struct mf_sdmf_head {
	uint64_t seqnum;
	uint8_t root[MF_HASH_SIZE], salt[MF_SDMF_SALT];
	uint32_t k, n;
	uint64_t segsize, datalen; /* bytes */
	/* not signed: */
	uint64_t o_signature, o_chain, o_tree, o_data, o_privkey, o_eof;
} mf_sdmf_head;

/** Parse the signed prefix alone: nothing of it is proven.  The offsets stay zero.
 *  @return MF_EUNSUPPORTED for MDMF; MF_EFORMAT. */
mf_code mf_sdmf_prefix(mf_str share, mf_sdmf_head *out, mf_err *err);
/** Prefix and offset table, each offset checked against the others and the bytes at hand. */
mf_code mf_sdmf_head_of(mf_str share, mf_sdmf_head *out, mf_err *err);

/** One share to look at. */
typedef struct mf_sdmf_share {
	uint32_t num;
	mf_str data; /* share data, borrowed; bytes behind the recorded end are ignored */
	/* NULL, or the buffer that data lies in: if this share alone is the content, that is decrypted in its place, and
	 * the buffer goes to the content; then data is empty */
	mf_buf *own;
	/* filled by the readers: */
	mf_code state;     /* MF_OK: signed by the right key, and its block too where it was looked at */
	mf_err why;        /* if not */
	mf_sdmf_head head; /* if MF_OK */
} mf_sdmf_share;

/** What the shares hold. */
typedef struct mf_sdmf_found {
	mf_sdmf_head head;                        /* the best version that can be read */
	uint8_t checkstring[MF_SDMF_CHECKSTRING]; /* of it */
	mf_buf plain;
	uint64_t highest; /* sequence number of the newest validly signed share, readable or not */
	bool newer_lost;  /* a newer version has too few shares */
	mf_sdmf_key *key; /* with a write capability */
} mf_sdmf_found;
void mf_sdmf_found_free(mf_sdmf_found *f); /**< frees contents; wipes */

/** Check signatures and choose: the highest sequence number of which k distinct shares are good, among equals the highest root
 *  hash; then decode and decrypt it.  @p cap SSK or DIR2, or read-only; with a write capability the private key is
 *  read and checked as well.
 *  @return MF_OK; MF_ENOTFOUND for no shares; MF_EFORMAT when no version can be read; MF_EUNSUPPORTED for MDMF. */
mf_code mf_sdmf_read(const mf_cap *cap, mf_sdmf_share *share, size_t n, mf_sdmf_found *out, mf_err *err);

/** Verify one share completely but for what needs the write capability; @p cap may be a verifier.
 *  *head is filled when the signature holds. */
mf_code mf_sdmf_verify(const mf_cap *cap, uint32_t num, mf_str share, mf_sdmf_head *head, mf_err *err);

/** A version to write. */
typedef struct mf_sdmf_new {
	uint64_t seqnum;
	uint8_t salt[MF_SDMF_SALT]; /* fresh random bytes for every version */
	uint32_t k, n;
	mf_str plain; /* at most MF_SDMF_DATA_MAX bytes */
} mf_sdmf_new;

/** Build all shares: share i is appended to the empty share[i], i < n.  MF_EINVAL for parameters out of range.
 *  One signature.  After a failure the buffers are still the caller's to free. */
mf_code mf_sdmf_pack(const mf_sdmf_key *key, const mf_sdmf_new *v, mf_buf *share, mf_err *err);

#endif
