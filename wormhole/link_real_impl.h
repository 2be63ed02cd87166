/** @file
 * Inside link_real: a link from the name of its server to its last byte.
 *
 *     link_real.c       life: open, frames, keeping alive, the end
 *     link_real_curl.c  libcurl on the loop, until it has made the connection
 */
#ifndef MF_WORMHOLE_LINK_REAL_IMPL_H
#define MF_WORMHOLE_LINK_REAL_IMPL_H

#include <curl/curl.h>

#include "wormhole/link_real.h"
#include "wormhole/ws.h"

struct links_real {
	struct mf_links pub;
	uv_loop_t *loop;
	char *ca_file;
	unsigned ping_ms, silence_ms;
	struct mf_link *first;
	void (*done)(void *arg);
	void *arg;
};

/* One socket that libcurl, and later we ourselves, wait for. */
typedef struct watch {
	uv_poll_t poll;
	struct mf_link *link;
	curl_socket_t fd;
} watch;

enum link_state {
	LINK_MAKING,  /* libcurl connects */
	LINK_SHAKING, /* our request is out */
	LINK_OPEN,
	LINK_ENDED, /* handles close; no event any more */
};

/* Invariants: (1) easy is in multi until the end, for the connection lives in there.  (2) ours is set from SHAKING on.
 * (3) handles counts watches and timers; the link is freed when the last one has closed. */
struct mf_link {
	struct links_real *links;
	struct mf_link *next;
	const mf_link_events *events;
	void *arg;
	enum link_state state;
	bool busy;  /* inside a callback of ours: the end waits until it returns */
	mf_err why; /* of an end that waits */
	bool tell;  /* it is told to the owner */
	CURLM *multi;
	CURL *easy;
	char curl_error[CURL_ERROR_SIZE];
	char *http_url;
	mf_buf host, path;
	char key[MF_WS_KEY + 1];
	mf_buf head; /* received before it is open; to be sent while shaking: out */
	mf_buf out;
	struct mf_ws *ws;
	watch *ours;
	uv_timer_t soon;  /* libcurl's, then ours: go on at once */
	uv_timer_t alive; /* pings, silence */
	uint64_t heard_ms, pinged_ms;
	unsigned handles;
};

/** The link is over.  @p err NULL: the owner dropped it and is not told. */
void mf_link_end(struct mf_link *l, const mf_err *err);
/** libcurl has made the connection: shake hands. */
void mf_link_connected(struct mf_link *l, curl_socket_t fd);
watch *mf_link_watch(struct mf_link *l, curl_socket_t fd);
void mf_link_unwatch(watch *w);

/** Have libcurl connect.  MF_EINVAL for an address that is none. */
mf_code mf_link_curl_start(struct mf_link *l, const char *url, mf_err *err);
/** The link's timer fired before there was a connection. */
void mf_link_curl_timeout(struct mf_link *l);

#endif
