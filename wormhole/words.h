/** @file
 * The PGP word list, in lower case: two words for each byte.  [any] thread.
 * (P. Juola, P. Zimmermann 1996; tests/golden/pgpwords.json) */
#ifndef MF_WORMHOLE_WORDS_H
#define MF_WORMHOLE_WORDS_H

/** Words of two syllables, by byte value. */
extern const char *const mf_words_even[256];
/** Words of three syllables, by byte value. */
extern const char *const mf_words_odd[256];

#endif
