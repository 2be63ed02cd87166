/* Symmetric SPAKE2 over Ed25519. */
#include "wormhole/spake2.h"

#include <sodium.h>

#include "wormhole/keys.h"

/* HKDF("symmetric", "SPAKE2 arbitrary element"), first point at or after it, even x, times 8: nobody knows its
 * discrete logarithm. */
static const uint8_t element_s[32] = {0x6f, 0x00, 0xda, 0xe8, 0x7c, 0x1b, 0xe1, 0xa7, 0x3b, 0x59, 0x22, 0xef, 0x43,
	0x1c, 0xd8, 0xf5, 0x78, 0x79, 0x56, 0x9c, 0x22, 0x2d, 0x22, 0xb1, 0xcd, 0x71, 0xe8, 0x54, 0x6a, 0xb8, 0xe6,
	0xf1};

_Static_assert(crypto_core_ed25519_NONREDUCEDSCALARBYTES == MF_SPAKE2_ENTROPY, "entropy is one wide scalar");

void
mf_spake2_scalar(uint8_t x[MF_SPAKE2_SCALAR], const uint8_t entropy[MF_SPAKE2_ENTROPY])
{
	crypto_core_ed25519_scalar_reduce(x, entropy);
}

void
mf_spake2_password(uint8_t w[MF_SPAKE2_SCALAR], mf_str password)
{
	uint8_t big[48], wide[MF_SPAKE2_ENTROPY] = {0};

	mf_hkdf(big, sizeof(big), password, MF_STR("SPAKE2 pw"));
	for (size_t i = 0; i < sizeof(big); i++)
		wide[i] = big[sizeof(big) - 1 - i];
	crypto_core_ed25519_scalar_reduce(w, wide);
	sodium_memzero(big, sizeof(big));
	sodium_memzero(wide, sizeof(wide));
}

mf_code
mf_spake2_start(mf_spake2 *s, mf_str password, mf_str id, const uint8_t x[MF_SPAKE2_SCALAR])
{
	uint8_t w[MF_SPAKE2_SCALAR], xb[32];
	bool good;

	memcpy(s->x, x, sizeof(s->x));
	crypto_hash_sha256(s->password, (const uint8_t *)password.p, password.n);
	crypto_hash_sha256(s->id, (const uint8_t *)id.p, id.n);
	mf_spake2_password(w, password);
	/* never the clamping variants: they would silently give another key */
	good = crypto_scalarmult_ed25519_noclamp(s->blind, w, element_s) == 0 &&
		crypto_scalarmult_ed25519_base_noclamp(xb, s->x) == 0 &&
		crypto_core_ed25519_add(s->message + 1, xb, s->blind) == 0;
	s->message[0] = 'S';
	sodium_memzero(w, sizeof(w));
	sodium_memzero(xb, sizeof(xb));
	if (good)
		return MF_OK;
	mf_spake2_wipe(s);
	return MF_EINVAL;
}

/* SHA-256 over what both sides know alike. */
static void
transcript(const mf_spake2 *s, const uint8_t theirs[32], const uint8_t shared[32], uint8_t key[MF_SPAKE2_KEY])
{
	const uint8_t *ours = s->message + 1;
	bool first = memcmp(ours, theirs, 32) < 0; /* both are public */
	crypto_hash_sha256_state h;

	crypto_hash_sha256_init(&h);
	crypto_hash_sha256_update(&h, s->password, sizeof(s->password));
	crypto_hash_sha256_update(&h, s->id, sizeof(s->id));
	crypto_hash_sha256_update(&h, first ? ours : theirs, 32);
	crypto_hash_sha256_update(&h, first ? theirs : ours, 32);
	crypto_hash_sha256_update(&h, shared, 32);
	crypto_hash_sha256_final(&h, key);
	sodium_memzero(&h, sizeof(h));
}

mf_code
mf_spake2_finish(mf_spake2 *s, mf_str inbound, uint8_t key[MF_SPAKE2_KEY])
{
	uint8_t d[32], shared[32];
	const uint8_t *theirs = (const uint8_t *)inbound.p + 1;
	/* The point is checked first: the group operations only ask whether it is on the curve. */
	bool good = inbound.n == MF_SPAKE2_MESSAGE && inbound.p[0] == 'S' &&
		crypto_core_ed25519_is_valid_point(theirs) == 1 && memcmp(theirs, s->message + 1, 32) != 0 &&
		crypto_core_ed25519_sub(d, theirs, s->blind) == 0 &&
		crypto_scalarmult_ed25519_noclamp(shared, s->x, d) == 0;

	if (good)
		transcript(s, theirs, shared, key);
	else
		sodium_memzero(key, MF_SPAKE2_KEY);
	sodium_memzero(d, sizeof(d));
	sodium_memzero(shared, sizeof(shared));
	mf_spake2_wipe(s);
	return good ? MF_OK : MF_EAUTH;
}

void
mf_spake2_wipe(mf_spake2 *s)
{
	sodium_memzero(s, sizeof(*s));
}
