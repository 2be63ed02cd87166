/* The erasure code against golden/lafs/zfec.json, and its fast paths against the plain one. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "grid/lafs/hash.h"
#include "grid/lafs/zfec.h"
#include "tests/grid/golden.h"

TestSuite(zfec, .timeout = 20);

static void
primaries(uint32_t k, uint8_t (*block)[32])
{
	for (uint32_t i = 0; i < k; i++) {
		char text[16];
		int n = snprintf(text, sizeof(text), "zfec%u", (unsigned)i);
		mf_sha256(text, (size_t)n, block[i]);
	}
}

/* Block @p want from the blocks numbered @p have. */
static void
make(uint32_t want, uint8_t (*block)[32], const uint32_t *have, uint32_t k, uint8_t out[32])
{
	const uint8_t *p[MF_ZFEC_MAX];
	uint8_t coef[MF_ZFEC_MAX];

	for (uint32_t i = 0; i < k; i++)
		p[i] = block[have[i]];
	mf_zfec_coef(want, have, k, coef);
	mf_zfec_mix(out, p, coef, k, 32);
}

/* From random k of all n blocks, every primary comes back. */
static void
check_decode(uint8_t (*block)[32], uint32_t k, uint32_t n)
{
	uint32_t number[MF_ZFEC_MAX];

	for (unsigned round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < n; i++)
			number[i] = i;
		for (uint32_t i = 0; i < k; i++) {
			uint32_t j = i + (uint32_t)rand() % (n - i), t = number[i];
			number[i] = number[j];
			number[j] = t;
		}
		for (uint32_t i = 0; i < k; i++) {
			uint8_t out[32];
			make(i, block, number, k, out);
			cr_assert(memcmp(out, block[i], 32) == 0, "%u-of-%u piece %u", k, n, i);
		}
	}
}

Test(zfec, blocks_rows_and_decoding)
{
	json_t *all = golden_json("lafs/zfec.json");
	size_t at;
	json_t *t;

	srand(7);
	json_array_foreach(all, at, t)
	{
		static uint8_t block[MF_ZFEC_MAX][32];
		uint32_t have[MF_ZFEC_MAX], k = (uint32_t)golden_int(t, "k"), n = (uint32_t)golden_int(t, "n");
		const char *name;
		json_t *hex;

		primaries(k, block);
		for (uint32_t i = 0; i < k; i++)
			have[i] = i;
		for (uint32_t i = 0; i < n; i++) {
			uint8_t out[32];
			make(i, block, have, k, out);
			cr_assert(i >= k || memcmp(out, block[i], 32) == 0, "primary block %u changed", i);
			memcpy(block[i], out, 32);
		}
		json_object_foreach(json_object_get(t, "matrix_rows_hex"), name, hex)
		{
			uint8_t coef[MF_ZFEC_MAX];
			mf_buf want = golden_unhex(json_string_value(hex));
			mf_zfec_coef((uint32_t)atoi(name), have, k, coef);
			cr_assert(want.n == k && memcmp(coef, want.p, k) == 0, "%u-of-%u row %s", k, n, name);
			mf_buf_free(&want);
		}
		json_object_foreach(json_object_get(t, "blocks_hex"), name, hex)
		{
			mf_buf want = golden_unhex(json_string_value(hex));
			cr_assert(want.n == 32 && memcmp(block[atoi(name)], want.p, 32) == 0, "%u-of-%u block %s", k, n,
				name);
			mf_buf_free(&want);
		}
		check_decode(block, k, n);
	}
	json_decref(all);
}

/* Slow and obvious: multiply bit by bit. */
static uint8_t
multiply(uint8_t a, uint8_t b)
{
	unsigned r = 0;

	for (unsigned i = 0; i < 8; i++)
		if ((b >> i & 1) != 0)
			r ^= (unsigned)a << i;
	for (unsigned i = 15; i >= 8; i--)
		if ((r >> i & 1) != 0)
			r ^= 0x11du << (i - 8);
	return (uint8_t)r;
}

Test(zfec, products)
{
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++)
			cr_assert(
				mf_zfec_mul((uint8_t)a, (uint8_t)b) == multiply((uint8_t)a, (uint8_t)b), "%u*%u", a, b);
}

Test(zfec, any_length_and_alignment)
{
	static const size_t lengths[] = {0, 1, 31, 32, 33, 63, 64, 65, 511, 512, 513, 545, 16383, 16384, 16385, 40001};
	static uint8_t in[2][40100], out[40100];
	uint8_t coef[2] = {0x53, 0xca};

	for (size_t i = 0; i < sizeof(in[0]); i++) {
		in[0][i] = (uint8_t)(i * 7 + i / 251);
		in[1][i] = (uint8_t)(i * 13 + i / 17);
	}
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		size_t shift = l % 5, n = lengths[l];
		const uint8_t *p[2] = {in[0] + shift, in[1] + 1};
		memset(out, 0xee, sizeof(out));
		mf_zfec_mix(out + shift, p, coef, 2, n);
		for (size_t i = 0; i < n; i++)
			cr_assert(out[shift + i] == (multiply(0x53, p[0][i]) ^ multiply(0xca, p[1][i])), "%zu of %zu",
				i, n);
		cr_assert(out[shift + n] == 0xee, "wrote beyond %zu bytes", n);
	}
}
