/** @file
 * What a request of Tahoe's storage protocol asks for, from its method, path and header fields (lafs.md 7.4, 7.5).
 * Looks at no body, touches nothing. */
#ifndef MF_DAEMON_GBS_REQUEST_H
#define MF_DAEMON_GBS_REQUEST_H

#include "daemon/http1.h"
#include "grid/store/guest.h"

enum mf_gbs_op {
	MF_GBS_VERSION,
	MF_GBS_LEASE,
	MF_GBS_ALLOCATE,
	MF_GBS_WRITE,
	MF_GBS_ABORT,
	MF_GBS_LIST,
	MF_GBS_READ,
	MF_GBS_CORRUPT,
	MF_GBS_RTW,
	MF_GBS_SYNC, /* ours: docs/grid.md, "Beside the protocol" */
};

enum { MF_GBS_UPLOAD_SECRET_MAX = 64 };

typedef struct mf_gbs_request {
	enum mf_gbs_op op;
	enum mf_guest_kind kind; /* of shares that it is about */
	uint8_t si[MF_SI_SIZE];
	uint32_t num;
	uint8_t renew[32], cancel[32], enabler[32]; /* secrets; those that the operation has */
	uint8_t upload[32];                         /* hash of the upload secret */
	bool has_range;
	uint64_t begin, end; /* bytes [begin, end) of Range or Content-Range */
	uint64_t body_max;   /* bytes of a body that this operation may have */
} mf_gbs_request;

/** Hash of an Authorization field's value, to be compared in constant time. */
void mf_gbs_authorization(mf_str value, uint8_t out[32]);
/** The hash of what a client must send that knows @p swissnum. */
void mf_gbs_expected(const char *swissnum, uint8_t out[32]);

/** @return 0, or the status to refuse with and a sentence in @p why (NUL-terminated, perhaps empty). */
unsigned mf_gbs_request_parse(
	const struct mf_http_req *req, const uint8_t expected[32], mf_gbs_request *out, char why[128]);

#endif
