/** @file
 * Which paths a folder's .magicignore files take out: the rules of .gitignore, evaluated by libgit2.  Pure: works on
 * text that it is given.  An object is used by one thread at a time.
 *
 * As in git: a file's rules count for its directory and everything below; the last rule that fits decides, and those
 * of a deeper file come later; what is in an ignored directory cannot be taken in again.  Differently from git:
 * .magicignore itself is never ignored unless its directory is; .git is a name like any other; beyond
 * MF_IGNORE_DEPTH levels nothing is asked.
 *
 * Rules come from others, too, and must not cost without bound; a file that is not accepted counts as if it said
 * "everything": nothing leaves the device because rules could not be read.
 */
#ifndef MF_SYNC_LOCAL_IGNORE_H
#define MF_SYNC_LOCAL_IGNORE_H

#include "base/buf.h"
#include "base/err.h"

#define MF_IGNORE_NAME ".magicignore"

enum {
	MF_IGNORE_FILE_MAX = 1 << 20, /* bytes of one file */
	MF_IGNORE_LINE_MAX = 1024,    /* bytes of one line */
	MF_IGNORE_RULES_MAX = 2000,   /* of all files together */
	MF_IGNORE_STARS_MAX = 2,      /* "**" in one rule: each costs a factor of the path's depth */
	MF_IGNORE_STARRED_MAX = 100,  /* rules with more than one "**", of all files together */
	MF_IGNORE_FILES_MAX = 256,
	MF_IGNORE_DEPTH = 128,
};

enum mf_ignore_kind { MF_IGNORE_IS_FILE, MF_IGNORE_IS_DIR };

struct mf_ignore;

struct mf_ignore *mf_ignore_new(void);
void mf_ignore_free(struct mf_ignore *ig); /* NULL allowed */

/** The .magicignore of directory @p dir ("" = the folder's own) says @p text (copied).
 *  MF_EINVAL: it is not accepted, with a sentence; everything below @p dir is ignored until it is set again. */
mf_code mf_ignore_set(struct mf_ignore *ig, const char *dir, mf_str text, mf_err *err);
/** There is one in @p dir, but it cannot be read: everything below is ignored. */
void mf_ignore_deny(struct mf_ignore *ig, const char *dir);
/** There is none in @p dir. */
void mf_ignore_unset(struct mf_ignore *ig, const char *dir);
/** No rule at all. */
bool mf_ignore_empty(const struct mf_ignore *ig);
/** Each directory, @p below ("" = all) or below it, of which the two do not say the same, in byte order. */
void mf_ignore_differ(const struct mf_ignore *a, const struct mf_ignore *b, const char *below,
	void (*each)(void *arg, const char *dir), void *arg);
/** @p ig says of @p dir what @p from says of it, be it nothing. */
void mf_ignore_copy(struct mf_ignore *ig, const char *dir, const struct mf_ignore *from);

/** Is @p relpath, a file, ignored, by a rule for itself or for a directory above? */
bool mf_ignored(struct mf_ignore *ig, const char *relpath);
/** The same for a directory. */
bool mf_ignored_dir(struct mf_ignore *ig, const char *dir);
/** The same when no directory above it is ignored: only rules for itself. */
bool mf_ignored_itself(struct mf_ignore *ig, const char *relpath, enum mf_ignore_kind kind);

#endif
