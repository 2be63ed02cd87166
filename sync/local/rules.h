/** @file
 * The .magicignore files of a folder: when they are read, and what follows from them (ignore.h has the rules
 * themselves).  [loop] unless marked.
 *
 * A change of such a file holds everything back until it has rested and was read: somebody may be writing it just
 * now, and half of it would publish what the other half takes out.  Rules that are not known yet hold back, too.
 */
#ifndef MF_SYNC_LOCAL_RULES_H
#define MF_SYNC_LOCAL_RULES_H

#include "sync/local/ignore.h"
#include "sync/local/walk.h"

struct mf_rules;

struct mf_rules *mf_rules_new(struct mf_folder *f);
void mf_rules_free(struct mf_rules *r);

/** Is @p relpath the name of such a file? */
bool mf_rules_file(const char *relpath);
/** Something happened to the one in @p dir. */
void mf_rules_event(struct mf_folder *f, const char *dir);
/** One is unsettled: nothing is to be planned now; all paths are looked at when it has been read. */
bool mf_rules_unsettled(const struct mf_folder *f);
/** Is nothing of @p relpath to be published? */
bool mf_rules_withhold(struct mf_folder *f, const char *relpath);
/** Is what happens to this file, or in this directory, of no interest?  Never while the rules are not known. */
bool mf_rules_hide(struct mf_folder *f, const char *relpath);
bool mf_rules_hide_dir(struct mf_folder *f, const char *dir);
/** The folder's directory may be another one now: they are to be read anew. */
void mf_rules_forget(struct mf_folder *f);
/** For a walk that is about to start: notes what it must not miss. */
void mf_rules_walk(struct mf_folder *f, struct walk *w);
/** A walk that saw the directory has ended; @p w->rules may be taken. */
void mf_rules_walked(struct mf_folder *f, struct walk *w);

/** [worker] Read the one in @p dir, if there is one.  What is wrong with it goes to @p bad: path, sentence. */
void mf_rules_read(
	struct mf_folder *f, struct mf_root *root, const char *dir, struct mf_ignore *into, struct list *bad);

#endif
