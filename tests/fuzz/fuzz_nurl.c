/* Addresses of storage servers: what parses prints as something that parses to the same. */
#include <stdlib.h>

#include "grid/store/nurl.h"
#include "tests/fuzz/fuzz.h"

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
nurl(mf_str text)
{
	mf_nurl v, again;
	mf_buf a = {0};
	mf_err err;

	if (mf_nurl_parse(text, &v, &err) != MF_OK)
		return;
	must(v.place.port != 0 && v.place.host[0] != '\0' && v.swissnum[0] != '\0');
	mf_nurl_print(&a, &v);
	must(mf_nurl_parse(mf_buf_str(&a), &again, &err) == MF_OK);
	must(memcmp(v.spki, again.spki, sizeof(v.spki)) == 0 && v.place.port == again.place.port);
	must(strcmp(v.place.host, again.place.host) == 0 && strcmp(v.swissnum, again.swissnum) == 0);
	mf_buf_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	mf_str text = {(const char *)p, n};
	mf_furl f;
	mf_err err;

	nurl(text);
	if (mf_furl_parse(text, &f, &err) == MF_OK) {
		must(f.hints > 0 && f.hints <= MF_HINTS_MAX && !mf_nurl_is(text));
		for (size_t i = 0; i < f.hints; i++)
			must(f.hint[i].port != 0 && f.hint[i].host[0] != '\0');
	}
	return 0;
}
