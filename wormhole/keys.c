/* Keys of a wormhole and what is sealed with them. */
#include "wormhole/keys.h"

#include <sodium.h>

void
mf_hkdf(void *out, size_t n, mf_str ikm, mf_str info)
{
	crypto_auth_hmacsha256_state h;
	uint8_t zero[32] = {0}, prk[32], block[32];
	uint8_t *to = out;

	crypto_auth_hmacsha256_init(&h, zero, sizeof(zero));
	crypto_auth_hmacsha256_update(&h, (const uint8_t *)ikm.p, ikm.n);
	crypto_auth_hmacsha256_final(&h, prk);
	for (uint8_t i = 1; n > 0; i++) {
		size_t take = n < sizeof(block) ? n : sizeof(block);

		if (i == 0)
			MF_BUG("HKDF asked for more than 255 blocks");
		crypto_auth_hmacsha256_init(&h, prk, sizeof(prk));
		if (i > 1)
			crypto_auth_hmacsha256_update(&h, block, sizeof(block));
		crypto_auth_hmacsha256_update(&h, (const uint8_t *)info.p, info.n);
		crypto_auth_hmacsha256_update(&h, &i, 1);
		crypto_auth_hmacsha256_final(&h, block);
		memcpy(to, block, take);
		to += take;
		n -= take;
	}
	sodium_memzero(&h, sizeof(h));
	sodium_memzero(prk, sizeof(prk));
	sodium_memzero(block, sizeof(block));
}

void
mf_wormhole_derive(void *out, size_t n, const uint8_t key[MF_WORMHOLE_KEY], mf_str purpose)
{
	mf_hkdf(out, n, (mf_str){(const char *)key, MF_WORMHOLE_KEY}, purpose);
}

void
mf_wormhole_verifier(uint8_t out[32], const uint8_t key[MF_WORMHOLE_KEY])
{
	mf_wormhole_derive(out, 32, key, MF_STR("wormhole:verifier"));
}

void
mf_wormhole_phase_key(uint8_t out[32], const uint8_t key[MF_WORMHOLE_KEY], mf_str side, mf_str phase)
{
	static const char label[] = "wormhole:phase:";
	uint8_t purpose[sizeof(label) - 1 + 32 + 32];

	memcpy(purpose, label, sizeof(label) - 1);
	crypto_hash_sha256(purpose + sizeof(label) - 1, (const uint8_t *)side.p, side.n);
	crypto_hash_sha256(purpose + sizeof(label) - 1 + 32, (const uint8_t *)phase.p, phase.n);
	mf_wormhole_derive(out, 32, key, (mf_str){(const char *)purpose, sizeof(purpose)});
}

void
mf_wormhole_seal(mf_buf *out, const uint8_t key[MF_WORMHOLE_KEY], mf_str side, mf_str phase,
	const uint8_t nonce[MF_WORMHOLE_NONCE], mf_str plaintext)
{
	uint8_t phase_key[32];
	mf_buf box = {0};

	mf_wormhole_phase_key(phase_key, key, side, phase);
	mf_buf_reserve(&box, MF_WORMHOLE_NONCE + MF_WORMHOLE_TAG + plaintext.n);
	mf_buf_add(&box, nonce, MF_WORMHOLE_NONCE);
	(void)crypto_secretbox_easy(
		box.p + MF_WORMHOLE_NONCE, (const uint8_t *)plaintext.p, plaintext.n, nonce, phase_key);
	box.n += MF_WORMHOLE_TAG + plaintext.n;
	mf_buf_reserve(out, 2 * box.n);
	mf_hex((char *)out->p + out->n, box.p, box.n);
	out->n += 2 * box.n;
	sodium_memzero(phase_key, sizeof(phase_key));
	mf_buf_free(&box);
}

mf_code
mf_wormhole_unseal(mf_buf *out, const uint8_t key[MF_WORMHOLE_KEY], mf_str side, mf_str phase, mf_str body)
{
	uint8_t phase_key[32];
	mf_buf box = {0};
	size_t n = body.n / 2;
	mf_code rc = MF_EAUTH;

	if (n < MF_WORMHOLE_NONCE + MF_WORMHOLE_TAG)
		return MF_EAUTH;
	mf_buf_reserve(&box, n);
	mf_buf_reserve(out, n); /* never nothing */
	mf_wormhole_phase_key(phase_key, key, side, phase);
	if (mf_unhex(box.p, n, body) &&
		crypto_secretbox_open_easy(
			out->p + out->n, box.p + MF_WORMHOLE_NONCE, n - MF_WORMHOLE_NONCE, box.p, phase_key) == 0) {
		out->n += n - MF_WORMHOLE_NONCE - MF_WORMHOLE_TAG;
		out->p[out->n] = 0;
		rc = MF_OK;
	}
	sodium_memzero(phase_key, sizeof(phase_key));
	mf_buf_free(&box);
	return rc;
}
