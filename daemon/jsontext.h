/** @file
 * What the HTTP API needs of JSON beyond base/json.h. */
#ifndef MF_DAEMON_JSONTEXT_H
#define MF_DAEMON_JSONTEXT_H

#include "base/json.h"

/** A JSON string of @p s; bytes that are no UTF-8 become '?' (a sentence that was cut short may end inside a
 *  character). */
json_t *mf_json_text(mf_str s);
/** Parse what a client sent.  Escapes of lone surrogates, which Python's parser accepts, become U+FFFF, which no
 *  check of ours lets pass; NUL inside strings is kept.  NULL and *err when it is no JSON. */
json_t *mf_json_parse(mf_str text, mf_err *err);
/** A string member without NUL, not longer than @p max bytes; {NULL, 0} otherwise. */
mf_str mf_json_member(const json_t *object, const char *key, size_t max);

#endif
