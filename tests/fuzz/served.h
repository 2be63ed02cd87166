/** @file
 * A server in this process on a unix socket, and one connection to it: what the targets over daemon/http1.h share. */
#ifndef MF_TESTS_FUZZ_SERVED_H
#define MF_TESTS_FUZZ_SERVED_H

#include "daemon/http1.h"

struct served {
	uv_loop_t loop;
	struct mf_http *http;
	int fd; /* the client's end, non-blocking */
};

/** Abort, which is what a fuzz driver looks for. */
void must(bool good);

/** @param handler gets the requests, with arg NULL */
void served_start(struct served *s, const char *name, void (*handler)(void *arg, struct mf_http_req *req));
/** Send @p n bytes in two pieces, which the last byte says, so that every place is once the end of a read; then our end, if
 *  @p shut.  At most @p turns of the loop; earlier when the server has closed. */
void served_talk(struct served *s, const uint8_t *p, size_t n, bool shut, int turns);
/** Close the server, run the loop until all is gone, and see that nothing is left on it. */
void served_stop(struct served *s);

#endif
