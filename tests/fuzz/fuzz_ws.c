/* Websockets: any bytes as the answer to an upgrade, and as frames to either end. */
#include <stdlib.h>

#include "base/unicode.h"
#include "tests/fuzz/fuzz.h"
#include "wormhole/ws.h"

enum { LARGEST = 4096 };

static void
text(void *arg, mf_str t)
{
	(void)arg;
	if (t.n > LARGEST || !mf_utf8_valid(t))
		abort();
}

static void
frames(enum mf_ws_role role, const uint8_t *p, size_t n)
{
	struct mf_ws *ws = mf_ws_new(role, LARGEST, text, NULL);
	size_t first = n > 0 ? p[n - 1] % (n + 1) : 0;
	mf_err err = {0};

	/* in two pieces, so that every place is once the end of a read */
	if (mf_ws_in(ws, (mf_str){(const char *)p, first}, &err) == MF_OK)
		(void)mf_ws_in(ws, (mf_str){(const char *)p + first, n - first}, &err);
	mf_ws_sent(ws, mf_ws_out(ws).n / 2);
	mf_ws_ping(ws);
	mf_ws_close(ws, 1000);
	if (mf_ws_text(ws, MF_STR("late"), &err) == MF_OK)
		abort();
	mf_ws_free(ws);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	size_t used = 0;
	mf_err err = {0};
	mf_code rc = mf_ws_response((mf_str){(const char *)p, n}, "dGhlIHNhbXBsZSBub25jZQ==", &used, &err);

	if (rc == MF_OK ? used > n : used != 0)
		abort();
	if ((rc == MF_ENET) == (err.text[0] == '\0'))
		abort();
	frames(MF_WS_CLIENT, p, n);
	frames(MF_WS_SERVER, p, n);
	return 0;
}
