/** @file
 * What a file's name tells before anybody knows whether the file will stay: how programs call what they write for a
 * moment.  Pure; it counts only for names that are not in the folder's history yet. */
#ifndef MF_SYNC_LOCAL_NAMES_H
#define MF_SYNC_LOCAL_NAMES_H

#include "base/buf.h"

struct mf_folder;

enum mf_name_kind {
	MF_NAME_PLAIN,   /**< nothing special */
	MF_NAME_BRIEF,   /**< often gone after milliseconds */
	MF_NAME_STAGE,   /**< a document on its way to its real name: often for seconds */
	MF_NAME_PASSING, /**< lock, swap, backup, or download under way: never a document, whatever its age */
};

/** @param name  the last component of a path. */
enum mf_name_kind mf_name_kind(mf_str name);

/** The same for a path of @p f; plain where the folder's history has a file, and for markers (path.c). */
enum mf_name_kind mf_name_of(struct mf_folder *f, const char *relpath);

#endif
