/* Requests to a storage server by somebody who knows its address: whatever they say, it lives, nothing outside its store
 * is touched, a share that is there stays as it is, and the next request is answered. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/daemon/gbs_world.h"
#include "tests/fuzz/fuzz.h"

#define SI "aaaqeayeaudaocajbifqydiob4"
#define HEAD " HTTP/1.1\r\n" GBS_AUTHORIZATION
#define LEASE \
	"X-Tahoe-Authorization: lease-renew-secret UlJSUlJSUlJSUlJSUlJSUlJSUlJSUlJSUlJSUlJSUlI=\r\n" \
	"X-Tahoe-Authorization: lease-cancel-secret Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M=\r\n"
#define UPLOAD "X-Tahoe-Authorization: upload-secret VVVVVVVVVVVVVVVVVVVVVVVVVVU=\r\n"

static struct gbs_world w;

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
end(void)
{
	gbs_world_close(&w);
}

/* One server for all inputs, with a share and an upload that is under way. */
static void
begin(void)
{
	static const char one[] = "\xa2\x6dshare-numbers\xd9\x01\x02\x82\x00\x01\x6e"
				  "allocated-size\x05";

	gbs_world_open(&w, (mf_gbs_conf){.request_ms = 200, .stranger_ms = 200});
	must(gbs_ask(&w, "POST /storage/v1/immutable/" SI HEAD LEASE UPLOAD, (mf_str){one, sizeof(one) - 1}, NULL,
		     NULL) == 200);
	must(gbs_ask(&w, "PATCH /storage/v1/immutable/" SI "/0" HEAD UPLOAD "Content-Range: bytes 0-4/*\r\n",
		     MF_STR("hello"), NULL, NULL) == 201);
	(void)atexit(end);
}

/* The first line of @p p is the request line, up to the first empty line come more fields, then the body.  What every
 * request needs is added, so that not all time is spent on 401. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static bool begun;
	mf_buf text = {0}, got = {0};
	const uint8_t *line = n > 0 ? memchr(p, '\n', n) : NULL;
	int fd;

	if (n > 65536)
		return 0;
	if (!begun)
		begin();
	begun = true;
	fd = gbs_dial(&w);
	if (line != NULL) {
		mf_buf_add(&text, p, (size_t)(line + 1 - p));
		mf_buf_addz(&text, GBS_AUTHORIZATION "Connection: close\r\n");
		mf_buf_add(&text, line + 1, n - (size_t)(line + 1 - p));
	} else {
		mf_buf_add(&text, p, n);
	}
	(void)gbs_say(&w, fd, mf_buf_str(&text));
	(void)shutdown(fd, SHUT_WR);
	gbs_hear(&w, fd, &got);
	(void)close(fd);
	got.n = 0;
	must(gbs_ask(&w, "GET /storage/v1/immutable/" SI "/0" HEAD, (mf_str){0}, NULL, &got) == 200);
	must(mf_str_eq(mf_buf_str(&got), MF_STR("hello")));
	mf_buf_free(&text);
	mf_buf_free(&got);
	return 0;
}
