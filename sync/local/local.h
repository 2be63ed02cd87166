/** @file
 * The user's directory: watches and scans, files that are gone, disks that are missing, renames (watch.c, scan.c, guard*.c,
 * moves.c, local_only.c). */
#ifndef MF_SYNC_LOCAL_LOCAL_H
#define MF_SYNC_LOCAL_LOCAL_H

#include "base/env.h"
#include "sync/facts.h"
#include "sync/local/mount.h"

struct mf_folder;
struct mf_path;
struct walk;

/** Texts of one's own. */
struct list {
	char **s;
	size_t n, cap;
};
void mf_walk_add(struct list *l, const char *s); /**< a copy */
void mf_list_free(struct list *l);

/* local_only.c: in a read-only folder @p relpath is not what others publish; @p st: what is there */
void mf_local_only_note(struct mf_folder *f, const char *relpath, const mf_stat *st);
void mf_local_only_drop(struct mf_folder *f, const char *relpath);

/** watch.c, scan.c */
void mf_watch_start(struct mf_folder *f);
/** @p relpath was seen to change: look at it when it has been at rest for @p delay_ms. */
void mf_unrest(struct mf_folder *f, const char *relpath, uint64_t delay_ms);
enum { MF_VANISHED_MS = 500 }; /* a vanished name is believed when it stays away for this long */
void mf_watch_stop(struct mf_folder *f);
void mf_scan_start(struct mf_folder *f);
/** walk_known.c: read what we know, for a scan that has begun; ends with mf_scan_loaded(). */
void mf_walk_known_load(struct mf_folder *f);
void mf_walk_known_run(void *arg); /* the next slice */
void mf_walk_known_drop(struct mf_folder *f);
/** Walk with what was read, or not (@p err). Takes @p w. */
void mf_scan_loaded(struct mf_folder *f, struct walk *w, const mf_err *err);
/** The next periodic scan comes after the interval from now; without one the timer is left alone. */
void mf_scan_schedule(struct mf_folder *f);
void mf_walk_first(struct mf_folder *f);
void mf_subscan(struct mf_folder *f, const char *dir);
/** Report a name that may not be printable, until a scan does not find it any more; NULL: it is well. */
void mf_report_name(struct mf_folder *f, const char *path, const mf_err *err);
bool mf_has_report(struct mf_folder *f, const char *path);
void mf_report_root_gone(struct mf_folder *f);
bool mf_dirset_add(struct mf_folder *f, const char *dir);
bool mf_dirset_has(struct mf_folder *f, const char *dir);
void mf_dirset_remove(struct mf_folder *f, const char *dir);
void mf_dirset_free(struct mf_folder *f);
/** Is it a name we never sync (ours, temporary)? */
bool mf_path_ignored(const char *relpath);

/* guard.c */
/** After a full walk: what it found gone or back. */
void mf_guard_walked(struct mf_folder *f, struct walk *w);
/* guard_mount.c */
#define MF_DEV_NONE UINT64_MAX
mf_code mf_mounts_load(struct mf_folder *f, mf_err *err);
/** Is it in a place that is not to be believed? */
bool mf_is_away(const struct mf_folder *f, const char *path);
/** After a full walk, before anything of it is used. */
void mf_guard_places(struct mf_folder *f, struct walk *w);
/** The user's word: all places are believed as they are. @return false: it cannot be noted now. */
bool mf_mounts_accept(struct mf_folder *f);
/** A look found @p relpath on another device: a scan is to judge, then it is looked at again. */
void mf_out_of_sight(struct mf_folder *f, const char *relpath);

/* guard.c, continued */
/** A full scan has ended, well or not: who waited at the gate is looked at again. */
void mf_guard_scanned(struct mf_folder *f);
/** @p p is gone for sure; so are many others? Then it waits. */
bool mf_guard_gates(struct mf_folder *f, struct mf_path *p);
/** Are so many files gone just now that no deletion is to be stored ahead of its decision? */
bool mf_is_burst(struct mf_folder *f, const struct mf_path *p);
/** Must no deletion of it be published? */
bool mf_is_held_back(struct mf_folder *f, const char *relpath);
void mf_path_absent(struct mf_folder *f, struct mf_path *p, bool absent);
void mf_gate_run(void *folder); /* timer */
/** [in a turn] What the user said, or has not said yet, of a file that is gone, changes the plan. */
mf_code mf_guard_plan(struct mf_folder *f, struct mf_path *p, struct mf_gathered *g, mf_plan *plan, mf_err *err);
void mf_held_tell(struct mf_folder *f); /* if a question is open */
/** Is the user to be asked before many deletions? */
bool mf_asks(const struct mf_folder *f);
/** Read f->held anew; tell of what changed. */
mf_code mf_held_count(struct mf_folder *f, mf_err *err);
/** A doubtful root is the folder's from now on. @return false: it cannot be noted now. */
bool mf_root_accept(struct mf_folder *f);

/* moves.c: a rename is one change under two names.  The new name's snapshot refers to the content that the old one
 * has on the grid, and both are published in one batch. */

/** Something left @p path: remember for what comes with the same cookie. */
void mf_moved_from(struct mf_folder *f, uint32_t cookie, const char *path);
/** Where what came with @p cookie had been, or NULL; lent until the next mf_moved_from(). */
const char *mf_moved_to(struct mf_folder *f, uint32_t cookie);
/** The file @p from, known to the folder, is @p to now.  @return false: there was no such file. */
bool mf_moved_file(struct mf_folder *f, const char *from, const char *to);
/** The same for every known file below a directory; they are looked at when the old names are. */
void mf_moved_dir(struct mf_folder *f, const char *from, const char *to);
/** The content that @p p's file had under its former name. @return false if there is none. */
bool mf_moved_content(struct mf_folder *f, const struct mf_path *p, mf_filecap *out);
/** Was the file that is gone from @p p seen under its other name? */
bool mf_is_renamed(struct mf_folder *f, const struct mf_path *p);
/** Is its other name still to be looked at? */
bool mf_half_is_unseen(struct mf_folder *f, const struct mf_path *p);
/** Must @p p, ready to be linked, wait for the other half of its rename? */
bool mf_half_is_coming(struct mf_folder *f, const struct mf_path *p);

#endif
