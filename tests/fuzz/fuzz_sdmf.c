/* Mutable shares, several at once: u8 which capability, then u8 share number, u16 length, bytes, again and again.
 * Whatever they say, content comes out only if its hashes lead to the capability: here one of the golden directories
 * (golden/lafs/sdmf.json), so that seeds pass the signature and changes behind it are looked at. */
#include <stdlib.h>

#include "grid/lafs/dir.h"
#include "grid/lafs/sdmf.h"
#include "tests/fuzz/fuzz.h"

enum { SHARES_MAX = 8 };

static const char *const caps[] = {
	"URI:DIR2:fs6ul2fju2fvb2cfx7gt6ngycm:hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq",
	"URI:DIR2-RO:65ruo2zytr3uxnaxkptdoqkth4:hncpinwszbggrurbvuaaexnftk3j5wfr7473pj2g734mo2isxlbq",
	"URI:DIR2:tn2ekpkmearz7k3bivm3ikuz3i:wcqgst36kymoirczlkok5pqdekt5lgsyfw3oh7ecoro3rj5aiyya",
	"URI:DIR2-RO:ttnh3ep5nzw4caqoalpk65peba:wcqgst36kymoirczlkok5pqdekt5lgsyfw3oh7ecoro3rj5aiyya",
};

/* What was proven must be a directory: nobody but its owner could have written it. */
static void
look(const mf_cap *cap, mf_sdmf_found *f)
{
	mf_listing l;

	if (f->plain.n != f->head.datalen || f->head.seqnum > f->highest)
		abort();
	if (mf_cap_is_writable(cap->kind) != (f->key != NULL))
		abort();
	if (mf_dir_list(&f->plain, f->key != NULL ? f->key->writekey : NULL, &l, NULL) != MF_OK)
		abort();
	mf_listing_free(&l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	mf_cur c = mf_cur_of(p, n);
	mf_sdmf_share share[SHARES_MAX];
	mf_sdmf_found found;
	mf_sdmf_head head;
	size_t shares = 0;
	mf_cap cap;

	if (mf_cap_parse(mf_strz(caps[mf_cur_u8(&c) % 4]), &cap, NULL) != MF_OK)
		abort();
	while (shares < SHARES_MAX && !c.bad && c.n > 0) {
		share[shares] = (mf_sdmf_share){.num = mf_cur_u8(&c)};
		share[shares].data = mf_cur_take(&c, mf_cur_u16(&c));
		if (!c.bad)
			shares++;
	}
	for (size_t i = 0; i < shares; i++)
		(void)mf_sdmf_verify(&cap, share[i].num, share[i].data, &head, NULL);
	if (mf_sdmf_read(&cap, share, shares, &found, NULL) == MF_OK)
		look(&cap, &found);
	mf_sdmf_found_free(&found);
	return 0;
}
