/* Capability strings: what parses prints as something that parses to the same, and derives. */
#include <stdlib.h>

#include "grid/caps.h"
#include "tests/fuzz/fuzz.h"

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
derive(const mf_cap *cap)
{
	mf_cap ro, again, verifier;
	uint8_t si[16], same[16];

	must(mf_cap_readonly(cap, &ro) && !mf_cap_is_writable(ro.kind));
	must(mf_cap_readonly(&ro, &again) && again.kind == ro.kind && memcmp(again.key, ro.key, 16) == 0);
	if (!mf_cap_storage_index(cap, si))
		return;
	must(mf_cap_storage_index(&ro, same) && memcmp(si, same, 16) == 0);
	must(mf_cap_verifier(cap, &verifier) && memcmp(verifier.key, si, 16) == 0);
	must(mf_cap_storage_index(&verifier, same) && memcmp(si, same, 16) == 0);
}

static void
types(mf_str s)
{
	mf_filecap file;
	mf_immdir imm;
	mf_dirread ro, diminished;
	mf_dirwrite rw;
	unsigned n = 0;

	if (mf_filecap_parse(s, &file, NULL) == MF_OK) {
		must(mf_str_eq(mf_strz(file.text), s));
		(void)mf_filecap_size(&file);
		n++;
	}
	if (mf_immdir_parse(s, &imm, NULL) == MF_OK)
		must(mf_dirread_parse(s, &ro, NULL) == MF_OK);
	if (mf_dirread_parse(s, &ro, NULL) == MF_OK)
		n++;
	if (mf_dirwrite_parse(s, &rw, NULL) == MF_OK) {
		mf_dirwrite_read(&rw, &diminished);
		must(mf_dirread_parse(mf_strz(diminished.text), &ro, NULL) == MF_OK);
		n++;
	}
	must(n <= 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	mf_str s = {(const char *)p, n};
	char text[MF_CAP_MAX], hint[40];
	mf_cap cap, again;
	mf_err err;

	mf_cap_hint(s, hint);
	types(s);
	if (mf_cap_parse(s, &cap, &err) != MF_OK || cap.kind == MF_CAP_UNKNOWN)
		return 0;
	derive(&cap);
	if (cap.kind == MF_CAP_LIT || cap.kind == MF_CAP_DIR2_LIT)
		return 0;
	mf_cap_print(&cap, text);
	must(mf_cap_parse(mf_strz(text), &again, NULL) == MF_OK);
	must(cap.kind == again.kind && cap.prefix == again.prefix && cap.k == again.k && cap.n == again.n);
	must(cap.size == again.size && memcmp(cap.key, again.key, 16) == 0 && memcmp(cap.hash, again.hash, 32) == 0);
	return 0;
}
