/* JSON: what loads is written in one line of ASCII and loads again as the same. */
#include <stdlib.h>

#include "base/json.h"
#include "tests/fuzz/fuzz.h"

#define BYTES_MAX (1u << 20)

static void
round_trip(const json_t *v, unsigned indent)
{
	mf_buf text = {0};
	json_t *again;

	mf_json_py_indent(&text, v, indent);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] >= 0x7f || (text.p[i] < 0x20 && (indent == 0 || text.p[i] != '\n')))
			abort();
	/* A character may become twelve and a level an indented line of its own: no bound but that. */
	if (mf_json_load(mf_buf_str(&text), SIZE_MAX, MF_JSON_UNIQUE | MF_JSON_ANY | MF_JSON_NUL, &again, NULL) !=
		MF_OK)
		abort();
	if (json_equal(v, again) == 0)
		abort();
	json_decref(again);
	mf_buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	mf_str text = {(const char *)p, n};
	mf_err err = {0};
	json_t *v;

	if (mf_json_load(text, BYTES_MAX, MF_JSON_ANY | MF_JSON_NUL, &v, &err) == MF_OK) {
		round_trip(v, 0);
		round_trip(v, 3);
	} else if (v != NULL || err.text[0] == '\0') {
		abort();
	}
	json_decref(v);
	return 0;
}
