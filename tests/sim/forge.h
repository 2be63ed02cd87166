/** @file
 * A participant who means ill, or another device with the same configuration: signed snapshots of anything, and
 * links past the engine. */
#ifndef MF_TESTS_SIM_FORGE_H
#define MF_TESTS_SIM_FORGE_H

#include "cast.h"

/** What to sign.  Zero: not said. */
typedef struct forged {
	const char *relpath, *text;
	const char *author;  /* NULL: the member's own */
	const uint8_t *seed; /* 32 bytes; NULL: the member's own key */
	const mf_immdir *parent;
	int64_t mtime_s; /* 0: some time in 2020 */
} forged;

/** A properly signed snapshot, stored through @p m's grid. */
mf_immdir forge(struct member *m, const forged *what);
/** Into @p m's Personal directory, from outside. */
void forge_link(struct member *m, const char *entry, const char *cap);
/** Public key of a seed. */
void forge_key(const uint8_t seed[32], uint8_t key[32]);

#endif
