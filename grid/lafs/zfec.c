/* GF(2^8) arithmetic and interpolation. */
#include "grid/lafs/zfec.h"

#include <string.h>

/* clang-format off */
/* Powers of 2 modulo x^8+x^4+x^3+x^2+1; log_of[0] is not used. */
static const uint8_t power_of_2[255] = {
	1, 2, 4, 8, 16, 32, 64, 128, 29, 58, 116, 232, 205, 135, 19, 38,
	76, 152, 45, 90, 180, 117, 234, 201, 143, 3, 6, 12, 24, 48, 96, 192,
	157, 39, 78, 156, 37, 74, 148, 53, 106, 212, 181, 119, 238, 193, 159, 35,
	70, 140, 5, 10, 20, 40, 80, 160, 93, 186, 105, 210, 185, 111, 222, 161,
	95, 190, 97, 194, 153, 47, 94, 188, 101, 202, 137, 15, 30, 60, 120, 240,
	253, 231, 211, 187, 107, 214, 177, 127, 254, 225, 223, 163, 91, 182, 113, 226,
	217, 175, 67, 134, 17, 34, 68, 136, 13, 26, 52, 104, 208, 189, 103, 206,
	129, 31, 62, 124, 248, 237, 199, 147, 59, 118, 236, 197, 151, 51, 102, 204,
	133, 23, 46, 92, 184, 109, 218, 169, 79, 158, 33, 66, 132, 21, 42, 84,
	168, 77, 154, 41, 82, 164, 85, 170, 73, 146, 57, 114, 228, 213, 183, 115,
	230, 209, 191, 99, 198, 145, 63, 126, 252, 229, 215, 179, 123, 246, 241, 255,
	227, 219, 171, 75, 150, 49, 98, 196, 149, 55, 110, 220, 165, 87, 174, 65,
	130, 25, 50, 100, 200, 141, 7, 14, 28, 56, 112, 224, 221, 167, 83, 166,
	81, 162, 89, 178, 121, 242, 249, 239, 195, 155, 43, 86, 172, 69, 138, 9,
	18, 36, 72, 144, 61, 122, 244, 245, 247, 243, 251, 235, 203, 139, 11, 22,
	44, 88, 176, 125, 250, 233, 207, 131, 27, 54, 108, 216, 173, 71, 142,
};
static const uint8_t log_of[256] = {
	0, 0, 1, 25, 2, 50, 26, 198, 3, 223, 51, 238, 27, 104, 199, 75,
	4, 100, 224, 14, 52, 141, 239, 129, 28, 193, 105, 248, 200, 8, 76, 113,
	5, 138, 101, 47, 225, 36, 15, 33, 53, 147, 142, 218, 240, 18, 130, 69,
	29, 181, 194, 125, 106, 39, 249, 185, 201, 154, 9, 120, 77, 228, 114, 166,
	6, 191, 139, 98, 102, 221, 48, 253, 226, 152, 37, 179, 16, 145, 34, 136,
	54, 208, 148, 206, 143, 150, 219, 189, 241, 210, 19, 92, 131, 56, 70, 64,
	30, 66, 182, 163, 195, 72, 126, 110, 107, 58, 40, 84, 250, 133, 186, 61,
	202, 94, 155, 159, 10, 21, 121, 43, 78, 212, 229, 172, 115, 243, 167, 87,
	7, 112, 192, 247, 140, 128, 99, 13, 103, 74, 222, 237, 49, 197, 254, 24,
	227, 165, 153, 119, 38, 184, 180, 124, 17, 68, 146, 217, 35, 32, 137, 46,
	55, 63, 209, 91, 149, 188, 207, 205, 144, 135, 151, 178, 220, 252, 190, 97,
	242, 86, 211, 171, 20, 42, 93, 158, 132, 60, 57, 83, 71, 109, 65, 162,
	31, 45, 67, 216, 183, 123, 164, 118, 196, 23, 73, 236, 127, 12, 111, 246,
	108, 161, 59, 82, 41, 157, 85, 170, 251, 96, 134, 177, 187, 204, 62, 90,
	203, 89, 95, 176, 156, 169, 160, 81, 11, 245, 22, 235, 122, 117, 44, 215,
	79, 174, 213, 233, 230, 231, 173, 232, 116, 214, 244, 234, 168, 80, 88, 175,
};
/* clang-format on */

enum {
	ORDER = 255,       /* of the multiplicative group */
	SMALL = 512,       /* bytes below which a product table costs more than it saves */
	STRIPE = 16 << 10, /* bytes of output kept in the first-level cache while all blocks are added */
};

uint8_t
mf_zfec_mul(uint8_t a, uint8_t b)
{
	if (a == 0 || b == 0)
		return 0;
	return power_of_2[(log_of[a] + log_of[b]) % ORDER];
}

static uint8_t
point(uint32_t block)
{
	return block == 0 ? 0 : power_of_2[block - 1];
}

void
mf_zfec_coef(uint32_t want, const uint32_t *have, uint32_t k, uint8_t *coef)
{
	uint8_t x = point(want);

	for (uint32_t i = 0; i < k; i++) {
		uint8_t xi = point(have[i]);
		unsigned log = 0;
		coef[i] = 1;
		for (uint32_t m = 0; m < k; m++) {
			if (m == i)
				continue;
			uint8_t up = x ^ point(have[m]), down = xi ^ point(have[m]);
			if (up == 0)
				coef[i] = 0; /* want is block m itself */
			else
				log += (unsigned)log_of[up] + ORDER - log_of[down];
		}
		if (coef[i] != 0)
			coef[i] = power_of_2[log % ORDER];
	}
}

static void
add_plain(uint8_t *out, const uint8_t *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] ^= in[i];
}

/* One row of the multiplication table, made for the coefficient at hand: 256 bytes that stay in the
 * cache, where the whole table of 64 KiB does not. */
static void
add_scaled_scalar(uint8_t *out, const uint8_t *in, uint8_t c, size_t n)
{
	uint8_t row[256];

	if (n < SMALL) {
		for (size_t i = 0; i < n; i++)
			out[i] ^= mf_zfec_mul(c, in[i]);
		return;
	}
	for (unsigned v = 0; v < 256; v++)
		row[v] = mf_zfec_mul(c, (uint8_t)v);
	for (size_t i = 0; i < n; i++)
		out[i] ^= row[in[i]];
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

/* A product is linear in the bits: c*v = low[v & 15] ^ high[v >> 4], and PSHUFB looks up 32 at once.
 * Returns the bytes done; the rest is the scalar code's. */
__attribute__((target("avx2"))) static size_t
add_scaled_avx2(uint8_t *out, const uint8_t *in, uint8_t c, size_t n)
{
	uint8_t low[16], high[16];
	size_t i;

	for (unsigned v = 0; v < 16; v++) {
		low[v] = mf_zfec_mul(c, (uint8_t)v);
		high[v] = mf_zfec_mul(c, (uint8_t)(v << 4));
	}
	const __m256i lo = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)low));
	const __m256i hi = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)high));
	const __m256i nibble = _mm256_set1_epi8(15);
	for (i = 0; i + 32 <= n; i += 32) {
		__m256i v = _mm256_loadu_si256((const __m256i *)(in + i));
		__m256i o = _mm256_loadu_si256((const __m256i *)(out + i));
		__m256i l = _mm256_shuffle_epi8(lo, _mm256_and_si256(v, nibble));
		__m256i h = _mm256_shuffle_epi8(hi, _mm256_and_si256(_mm256_srli_epi64(v, 4), nibble));
		_mm256_storeu_si256((__m256i *)(out + i), _mm256_xor_si256(o, _mm256_xor_si256(l, h)));
	}
	return i;
}

static size_t
add_scaled_simd(uint8_t *out, const uint8_t *in, uint8_t c, size_t n)
{
	return n >= 64 && __builtin_cpu_supports("avx2") ? add_scaled_avx2(out, in, c, n) : 0;
}
#else
static size_t
add_scaled_simd(uint8_t *out, const uint8_t *in, uint8_t c, size_t n)
{
	(void)out;
	(void)in;
	(void)c;
	(void)n;
	return 0;
}
#endif

static void
add_scaled(uint8_t *out, const uint8_t *in, uint8_t c, size_t n)
{
	if (c == 0)
		return;
	if (c == 1) {
		add_plain(out, in, n);
		return;
	}
	size_t done = add_scaled_simd(out, in, c, n);
	add_scaled_scalar(out + done, in + done, c, n - done);
}

void
mf_zfec_mix(uint8_t *out, const uint8_t *const *block, const uint8_t *coef, uint32_t k, size_t n)
{
	for (size_t at = 0; at < n; at += STRIPE) {
		size_t piece = n - at < STRIPE ? n - at : STRIPE;
		memset(out + at, 0, piece);
		for (uint32_t i = 0; i < k; i++)
			add_scaled(out + at, block[i] + at, coef[i], piece);
	}
}
