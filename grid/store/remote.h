/** @file
 * One storage server elsewhere, over Tahoe's HTTP storage protocol ("GBS", lafs.md 7).
 *
 * Blocking, for jobs on workers; every function may be called from any thread, also at the same time.  A cancel is seen
 * within 50 ms.  Connections are kept and used again.
 *
 * Nothing that the server says is believed: bodies are bounded and parsed strictly, ranges must be those asked for.
 * What is safe to repeat is asked once more when the connection broke and the answer was lost; a read-test-write is
 * not.
 *
 * Errors name the server, never a secret: MF_ENET unreachable, too slow, or nonsense; MF_EAUTH it refuses our secret
 * (swissnum, upload secret or write enabler); MF_ENOTFOUND no such share; MF_ECHANGED other bytes were sent for that
 * range; MF_EFULL no space. */
#ifndef MF_GRID_STORE_REMOTE_H
#define MF_GRID_STORE_REMOTE_H

#include "base/env.h"
#include "grid/store/gbs_cbor.h"

struct mf_remote;

enum {
	MF_REMOTE_PROBE_S = 5,         /**< seconds that asking for the version may take */
	MF_REMOTE_SURVEY_S = 15,       /**< listing and allocating shares */
	MF_REMOTE_SILENCE_S = 60,      /**< without a byte in either direction ends anything */
	MF_REMOTE_READ_MAX = 30 << 20, /**< bytes that one read may ask for */
	MF_UPLOAD_SECRET = 20,         /**< bytes; random for each upload */
};

typedef struct mf_remote_conf {
	const char *who; /* names the server in errors; copied */
	const char *url; /* "https://host:port", copied */
	const uint8_t
		*spki; /* MF_HASH_SIZE bytes: SHA-256 of the key that proves the server; NULL: none does (tests) */
	const char *swissnum; /* secret; copied, wiped at the end */
} mf_remote_conf;

/** Nothing is connected yet. */
mf_code mf_remote_new(const mf_remote_conf *conf, struct mf_remote **out, mf_err *err);
void mf_remote_free(struct mf_remote *r); /**< no call is under way; NULL allowed */
/** Close the connections that nobody uses.  Does not block. */
void mf_remote_rest(struct mf_remote *r);

/** What renews and cancels our lease on one storage index there. */
typedef struct mf_remote_lease {
	uint8_t renew[MF_HASH_SIZE], cancel[MF_HASH_SIZE]; /* secret */
} mf_remote_lease;

/** A share there. */
typedef struct mf_remote_share {
	enum mf_remote_kind { MF_REMOTE_IMMUTABLE, MF_REMOTE_MUTABLE } kind;
	const uint8_t *si; /* MF_SI_SIZE bytes */
	uint32_t num;      /* not looked at where all shares of the index are meant */
} mf_remote_share;

mf_code mf_remote_version(struct mf_remote *r, mf_gbs_version *out, const mf_cancel *cancel, mf_err *err);
/** Which shares are there; none is MF_OK. */
mf_code mf_remote_list(
	struct mf_remote *r, const mf_remote_share *at, mf_share_set *out, const mf_cancel *cancel, mf_err *err);
/** Append bytes [off, off+n) of the share's data to @p out: fewer only at its end. */
mf_code mf_remote_read(struct mf_remote *r, const mf_remote_share *at, uint64_t off, size_t n, mf_buf *out,
	const mf_cancel *cancel, mf_err *err);
/** Renew our lease on all shares of the index, or add it.  MF_ENOTFOUND: there are none. */
mf_code mf_remote_renew(struct mf_remote *r, const uint8_t si[MF_SI_SIZE], const mf_remote_lease *lease,
	const mf_cancel *cancel, mf_err *err);
/** Tell the server that a share of its is damaged.  @p why: a sentence without secrets. */
mf_code mf_remote_advise(
	struct mf_remote *r, const mf_remote_share *at, const char *why, const mf_cancel *cancel, mf_err *err);

/* -- immutable shares -------------------------------------------------------------------------------- */

/** Shares that are being uploaded in one go. */
typedef struct mf_remote_upload {
	const uint8_t *si; /* MF_SI_SIZE bytes */
	mf_remote_lease lease;
	uint8_t secret[MF_UPLOAD_SECRET];
} mf_remote_upload;

/** Make room for shares of a->size bytes.  When the answer was lost and the question repeated, a share that the server
 *  now claims in neither set counts as allocated: it is ours, or writing it will be refused (lafs.md 7.5). */
mf_code mf_remote_allocate(struct mf_remote *r, const mf_remote_upload *u, const mf_gbs_allocate *a,
	mf_gbs_allocated *out, const mf_cancel *cancel, mf_err *err);
/** Bytes of share @p num from @p off on; ranges may come in any order.  *complete: that was all it needs. */
mf_code mf_remote_write(struct mf_remote *r, const mf_remote_upload *u, uint32_t num, uint64_t off, mf_str data,
	bool *complete, const mf_cancel *cancel, mf_err *err);
/** Forget the upload of share @p num. */
mf_code mf_remote_abort(
	struct mf_remote *r, const mf_remote_upload *u, uint32_t num, const mf_cancel *cancel, mf_err *err);

/* -- mutable shares ---------------------------------------------------------------------------------- */

/** As mf_store_rtw(), there; q->lock means nothing.  After MF_ENET it may have happened or not. */
mf_code mf_remote_rtw(struct mf_remote *r, const mf_rtw *q, const mf_remote_lease *lease, mf_rtw_result *out,
	const mf_cancel *cancel, mf_err *err);

#endif
