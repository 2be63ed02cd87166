/* A peer's SPAKE2 message: any bytes give a key or are refused, and leave no secret behind. */
#include <stdlib.h>

#include <sodium.h>

#include "tests/fuzz/fuzz.h"
#include "wormhole/spake2.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const uint8_t entropy[MF_SPAKE2_ENTROPY] = {5};
	uint8_t x[MF_SPAKE2_SCALAR], key[MF_SPAKE2_KEY];
	mf_spake2 s;

	if (sodium_init() < 0)
		abort();
	mf_spake2_scalar(x, entropy);
	if (mf_spake2_start(&s, MF_STR("4-purple-sausages"), MF_STR("test"), x) != MF_OK)
		abort();
	mf_code rc = mf_spake2_finish(&s, (mf_str){(const char *)p, n}, key);
	if (!sodium_is_zero((const uint8_t *)&s, sizeof(s)) || (rc == MF_OK) == sodium_is_zero(key, sizeof(key)))
		abort();
	if (rc == MF_OK && (n != MF_SPAKE2_MESSAGE || p[0] != 'S'))
		abort();
	return 0;
}
