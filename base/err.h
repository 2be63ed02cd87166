/** @file
 * Errors by value: a code that says what the caller should do, and one sentence for a person. */
#ifndef MF_BASE_ERR_H
#define MF_BASE_ERR_H

typedef enum mf_code {
	MF_OK = 0,
	MF_ECANCELED = -1, /**< the caller asked us to stop */
	MF_EIO = -2,       /**< local file, pipe or database failed; retrying may help */
	MF_ENET = -3,      /**< peer unreachable or spoke nonsense; retry with backoff */
	MF_EAUTH = -4,     /**< capability, signature or token refused; never retry */
	MF_EFORMAT = -5,   /**< bytes from outside do not parse or do not verify */
	MF_ENOTFOUND = -6, /**< no such thing (file, share, entry, row) */
	MF_ENOMEM = -7,
	MF_EEXIST = -8,        /**< the name is taken */
	MF_EFULL = -9,         /**< no space or quota left; retry later */
	MF_EBUSY = -10,        /**< somebody else holds or changed it; retry soon */
	MF_EINVAL = -11,       /**< the caller's (user's) argument is not acceptable */
	MF_EUNSUPPORTED = -12, /**< understood, but not something we do (MDMF, newer schema) */
	MF_ECHANGED = -13,     /**< what was looked at is not what it was; look again */
} mf_code;

/** One failure, by value: no allocation, safe to copy, safe to drop. */
typedef struct mf_err {
	mf_code code;
	int sys;        /**< errno / uv / curl / sqlite number, 0 if none */
	char text[192]; /**< one English sentence, no newline; may be cut short */
} mf_err;

/** Fill *err (may be NULL) and return @p code, so a caller can `return mf_fail(...)`.
 *  Never put a capability or secret in the text; see mf_cap_hint() in grid/caps.h. */
mf_code mf_fail(mf_err *err, mf_code code, int sys, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** mf_fail() for a failed system call: picks the code from errno value @p sys
 *  (ENOENT -> MF_ENOTFOUND, ENOSPC/EDQUOT -> MF_EFULL, EEXIST -> MF_EEXIST, ENOMEM, else MF_EIO)
 *  and appends ": strerror". */
mf_code mf_fail_errno(mf_err *err, int sys, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** "MF_EIO" and so on; for logs and tests. */
const char *mf_code_name(mf_code code);

/** A broken invariant: say where, abort.  Also in release builds. */
#define MF_BUG(...) mf_bug(__FILE__, __LINE__, __VA_ARGS__)
void mf_bug(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4), noreturn));

#endif
