/** @file
 * JSON over jansson: bounded reading, members by path, and writing exactly as Python's json.dumps does.
 * Pure; [any] thread.  Signed documents are kept as the bytes received: never parse and write again to verify.
 */
#ifndef MF_BASE_JSON_H
#define MF_BASE_JSON_H

#include <jansson.h>

#include "base/buf.h"

/** Deepest nesting of arrays and objects that mf_json_load() accepts. */
#define MF_JSON_DEPTH_MAX 64

enum mf_json_flags {
	MF_JSON_UNIQUE =
		1,       /**< a member name twice in one object is an error; else the last one counts, as in Python */
	MF_JSON_ANY = 2, /**< the document may be a plain value, not only an array or object */
	MF_JSON_NUL = 4, /**< strings may hold \\u0000 */
	MF_JSON_BIG_REAL = 8, /**< every integer is read as a real: for documents with integers beyond int64_t */
};

/**
 * Strict RFC 8259: UTF-8 only, no lone surrogates, no NaN, nothing after the document.
 *
 * @param max_bytes longer text is refused unread.
 * @param flags     of enum mf_json_flags.
 * @param out       the caller's; json_decref().  NULL on failure.
 * @return MF_EFORMAT with line and column, never with text from the document.
 */
mf_code mf_json_load(mf_str text, size_t max_bytes, unsigned flags, json_t **out, mf_err *err);

/* Members by path.  @p path is for the reader of the error as well: it begins with a name for the document, then
 * come member names: "snapshot.metadata.mtime" is top["metadata"]["mtime"].  Names with '.' cannot be reached.
 * All fail with MF_EFORMAT and a sentence such as "snapshot.metadata.mtime: integer expected". */

/** The member, lent; NULL if it or something on the way to it is missing.  JSON null is a member. */
const json_t *mf_json_at(const json_t *top, const char *path);
/** @return MF_EFORMAT also if it is not within @p min and @p max. */
mf_code mf_json_int(const json_t *top, const char *path, int64_t min, int64_t max, int64_t *out, mf_err *err);
/** An integer is a real, too. */
mf_code mf_json_real(const json_t *top, const char *path, double *out, mf_err *err);
mf_code mf_json_bool(const json_t *top, const char *path, bool *out, mf_err *err);
/** Lent by @p top, NUL-terminated, without NUL inside, at most @p max bytes. */
mf_code mf_json_str(const json_t *top, const char *path, size_t max, mf_str *out, mf_err *err);
mf_code mf_json_object(const json_t *top, const char *path, const json_t **out, mf_err *err);
/** At most @p max elements. */
mf_code mf_json_array(const json_t *top, const char *path, size_t max, const json_t **out, mf_err *err);

/** Append @p v as json.dumps(v): ", " and ": ", ASCII only, members in insertion order, reals as repr(). */
void mf_json_py(mf_buf *out, const json_t *v);
/** Append @p v as json.dumps(v, indent=@p indent): items on lines of their own.  0 = all on one line. */
void mf_json_py_indent(mf_buf *out, const json_t *v, unsigned indent);
/** Append one string, quoted and escaped as json.dumps does.  A byte that begins no UTF-8 character becomes '?'. */
void mf_json_add_string(mf_buf *out, mf_str utf8);
/** Append repr(@p x) of a finite number: the fewest digits that read back equal. */
void mf_json_add_real(mf_buf *out, double x);

#endif
