/** @file
 * Symmetric SPAKE2 over Ed25519, as python-spake2 does it: from a short password, known to both sides, a strong key,
 * with one guess for whoever does not know it.  Pure but for the caller's chance; [any] thread.
 *
 * Each side sends 33 bytes, 'S' and T = x*B + w*S; w comes from the password, S is a fixed point.  A wrong password
 * gives another key and no error: the first message under the key tells.  (docs/wormhole.md, "SPAKE2")
 */
#ifndef MF_WORMHOLE_SPAKE2_H
#define MF_WORMHOLE_SPAKE2_H

#include "base/buf.h"

enum { MF_SPAKE2_MESSAGE = 33, MF_SPAKE2_SCALAR = 32, MF_SPAKE2_KEY = 32, MF_SPAKE2_ENTROPY = 64 };

/** One run.  Secret but for @p message; ends with mf_spake2_finish() or mf_spake2_wipe(). */
typedef struct mf_spake2 {
	uint8_t x[MF_SPAKE2_SCALAR];  /* little-endian, below the group's order */
	uint8_t blind[32];            /* w*S */
	uint8_t password[32], id[32]; /* their SHA-256 */
	uint8_t message[MF_SPAKE2_MESSAGE];
} mf_spake2;

/** A uniform scalar from so many random bytes (little-endian, modulo the group's order). */
void mf_spake2_scalar(uint8_t x[MF_SPAKE2_SCALAR], const uint8_t entropy[MF_SPAKE2_ENTROPY]);
/** w of a password: HKDF, 48 bytes read big-endian, modulo the group's order; little-endian. */
void mf_spake2_password(uint8_t w[MF_SPAKE2_SCALAR], mf_str password);

/**
 * Begin: afterwards @p s->message is what to send.
 *
 * @param password UTF-8 in NFC; any bytes, also none
 * @param id       idSymmetric: the application's id
 * @param x        fresh for every run
 * @return MF_EINVAL for an x of zero (or a password whose w is); @p s is wiped then.
 */
mf_code mf_spake2_start(mf_spake2 *s, mf_str password, mf_str id, const uint8_t x[MF_SPAKE2_SCALAR]);

/**
 * The peer's message has come: the key.  Once; @p s is wiped whatever comes out.
 *
 * @return MF_EAUTH when @p inbound is anything but the encoding of a point of the prime-order subgroup behind an 'S',
 *         is our own message, or would make the shared element the identity.
 */
mf_code mf_spake2_finish(mf_spake2 *s, mf_str inbound, uint8_t key[MF_SPAKE2_KEY]);

void mf_spake2_wipe(mf_spake2 *s);

#endif
