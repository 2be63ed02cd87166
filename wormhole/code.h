/** @file
 * Wormhole codes: "4-adroitness-aardvark", a nameplate that the mailbox server knows and words that it does not.
 * Pure; [any] thread.  A code is a secret until it has been used: no error here repeats one.
 * (docs/wormhole.md, "Codes") */
#ifndef MF_WORMHOLE_CODE_H
#define MF_WORMHOLE_CODE_H

#include "base/buf.h"

enum {
	MF_WORMHOLE_WORDS = 2, /**< words of a code, unless somebody wants more */
	MF_WORMHOLE_WORDS_MAX = 8,
	MF_WORMHOLE_NAMEPLATE_MAX = 40, /**< digits */
	MF_WORMHOLE_CODE_MAX = 256,     /**< bytes */
};

/** Digits only, at least one, at most MF_WORMHOLE_NAMEPLATE_MAX. */
bool mf_wormhole_nameplate_ok(mf_str nameplate);

/**
 * What somebody typed or was told.
 *
 * @param password  appended: the code in NFC, which is the password as a whole
 * @param nameplate lent by @p typed: what is before the first '-'
 * @return MF_EINVAL with a sentence for the person; nothing appended then.
 */
mf_code mf_wormhole_code_read(mf_str typed, mf_buf *password, mf_str *nameplate, mf_err *err);

/** Append @p nameplate with one word for each of @p n bytes of chance: three syllables first, then two, by turns. */
void mf_wormhole_code_make(mf_buf *out, mf_str nameplate, const uint8_t *bytes, size_t n);

/**
 * What @p typed may go on to, whole codes or beginnings, each ending in '-' unless it has all @p words.
 *
 * @param nameplates those that the server lists, for as long as no '-' is typed; may be NULL with @p n 0
 * @param each       called for each candidate, lent
 */
void mf_wormhole_code_complete(mf_str typed, const char *const *nameplates, size_t n, size_t words,
	void (*each)(void *arg, mf_str candidate), void *arg);

#endif
