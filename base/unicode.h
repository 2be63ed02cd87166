/** @file
 * UTF-8 and its normal form C.  Pure; [any] thread. */
#ifndef MF_BASE_UNICODE_H
#define MF_BASE_UNICODE_H

#include "base/buf.h"

/** True if every byte is below 0x80. */
bool mf_ascii(mf_str s);
/** Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.  NUL passes. */
bool mf_utf8_valid(mf_str s);
/** Append the NFC form of valid UTF-8 @p s; MF_EFORMAT otherwise, with nothing appended.  ASCII passes at once. */
mf_code mf_nfc(mf_str s, mf_buf *out, mf_err *err);

#endif
