/** @file
 * A store served to other machines: Tahoe's storage protocol over HTTP and TLS ("GBS", lafs.md 7), with a few endpoints
 * of our own beside it (docs/grid.md).
 *
 * Whoever knows the store's NURL may use it: all else gets 401, and its connections go first when there are too many.
 * What clients ask is done by jobs of MF_POOL_SERVE on bounded memory; the store itself may be used by others meanwhile,
 * also by this process.  Everything here is [loop] unless noted. */
#ifndef MF_DAEMON_GBS_H
#define MF_DAEMON_GBS_H

#include "base/env.h"
#include "daemon/endpoint.h"

struct uv_loop_s;
struct mf_gbs;

typedef struct mf_gbs_conf {
	const char *store;        /**< absolute path; made if it is missing */
	const mf_endpoint *where; /**< listen here */
	const char *location;     /**< "HOST" or "HOST:PORT" that clients shall use; NULL: from @p where */
	uint64_t reserve;         /**< bytes of the disk that uploads leave free */
	/* for tests; 0: as docs/grid.md says */
	unsigned upload_idle_ms, request_ms, stranger_ms, conns, strangers;
	bool plain; /**< no TLS */
} mf_gbs_conf;

/** Open the store and listen.  Blocks for the disk; at start only.  @p env and @p loop are lent; the
 *  loop runs on for a moment also after a failure.  MF_EBUSY: the address is taken, another process serves the store, or a Tahoe node runs on it. */
mf_code mf_gbs_open(
	struct mf_env *env, struct uv_loop_s *loop, const mf_gbs_conf *conf, struct mf_gbs **out, mf_err *err);
/** Drop connections, wait for jobs, forget unfinished uploads; then @p done, and it is freed. */
void mf_gbs_close(struct mf_gbs *g, void (*done)(void *arg), void *arg);

/** What clients need to know: a secret, lent. */
const char *mf_gbs_nurl(const struct mf_gbs *g);
/** Where it listens, as clients on this machine find it. */
const mf_endpoint *mf_gbs_bound(const struct mf_gbs *g);
/** Where the NURL is kept; lent. */
const char *mf_gbs_nurl_path(const struct mf_gbs *g);

/** "HOST", "HOST:PORT", "[IPV6]:PORT": false if it is none of these. */
bool mf_gbs_location_ok(const char *text);
/** Bytes: a number, with K, M, G or T behind it perhaps (of 1024).  False if it is none. */
bool mf_gbs_bytes(const char *text, uint64_t *out);

#endif
