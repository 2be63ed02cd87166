/** @file
 * What is made of the key that SPAKE2 gave: a key for each message, the verifier, sealed bodies.
 * Pure; [any] thread.  (docs/wormhole.md, "Keys" and "Bodies") */
#ifndef MF_WORMHOLE_KEYS_H
#define MF_WORMHOLE_KEYS_H

#include "base/buf.h"

enum { MF_WORMHOLE_KEY = 32, MF_WORMHOLE_NONCE = 24, MF_WORMHOLE_TAG = 16 };

/** HKDF-SHA256 (RFC 5869) without salt.  @p n at most 8,160. */
void mf_hkdf(void *out, size_t n, mf_str ikm, mf_str info);

/** @p n bytes for another purpose, independent of all that travels. */
void mf_wormhole_derive(void *out, size_t n, const uint8_t key[MF_WORMHOLE_KEY], mf_str purpose);
/** What two people may read to each other to be sure that nobody is in between. */
void mf_wormhole_verifier(uint8_t out[32], const uint8_t key[MF_WORMHOLE_KEY]);
/** The key of one message. @param side the sender's, as on the wire (its hex digits) */
void mf_wormhole_phase_key(uint8_t out[32], const uint8_t key[MF_WORMHOLE_KEY], mf_str side, mf_str phase);

/** Append the body of a message in lower-case hex: nonce, tag, ciphertext (NaCl's SecretBox).
 *  @param nonce fresh chance for every call */
void mf_wormhole_seal(mf_buf *out, const uint8_t key[MF_WORMHOLE_KEY], mf_str side, mf_str phase,
	const uint8_t nonce[MF_WORMHOLE_NONCE], mf_str plaintext);
/** Append the plaintext.  MF_EAUTH, with nothing appended, if @p body is no hex, too short, or was not made with this
 *  key for this side and phase. */
mf_code mf_wormhole_unseal(mf_buf *out, const uint8_t key[MF_WORMHOLE_KEY], mf_str side, mf_str phase, mf_str body);

#endif
