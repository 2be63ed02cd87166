/** @file
 * One folder kept in sync: the door to floor 3 for the daemon.
 * All functions are [loop] unless marked; callbacks come from the loop, exactly once, never from inside
 * the call that started them.
 */
#ifndef MF_SYNC_FOLDER_H
#define MF_SYNC_FOLDER_H

#include "base/env.h"
#include "grid/grid.h"
#include "sync/evidence.h"
#include "sync/settings.h"

struct mf_folder;

/** What a folder is, as kept in state.sqlite's config row (datamodel-and-sync.md 6.3). */
typedef struct mf_folder_conf {
	char *name;
	char *author;     /* NFC */
	uint8_t seed[32]; /* Ed25519; secret */
	uint8_t verify_key[32];
	char *stash_path; /* absolute */
	char *magic_path; /* absolute: the user's directory */
	char *state_dir;  /* absolute: holds state.sqlite, index.sqlite, stash/ */
	bool is_admin;    /* collective_write is set */
	bool read_only;   /* no Personal directory of our own */
	mf_dirwrite collective_write;
	mf_dirread collective;
	mf_dirwrite personal; /* unless read_only */
	unsigned poll_interval_s;
	unsigned scan_interval_s; /* 0 = only on request */
} mf_folder_conf;
void mf_folder_conf_clear(mf_folder_conf *c); /* frees, wipes secrets */

/** Creates a folder (cases 1 and `add`): makes Collective (unless @p collective is given) and Personal directory,
 *  @metadata in each, links ours into the Collective, writes STATE_DIR/state.sqlite.  [any], blocking: a job.
 *  Checks everything that can be checked before anything is made.
 *  @param collective  NULL: we become admin; else join: it must open, its @metadata must be version 1 and
 *                     @p author must not be taken in it (MF_EEXIST).
 *  @param personal_read  set to our Personal directory's read capability (to be given to the admin); joining
 *                     read-only, to an empty literal directory, as such participants have in the Collective. */
typedef struct mf_folder_new {
	const char *name, *author, *magic_path, *state_dir;
	unsigned poll_interval_s, scan_interval_s;
	const mf_dirread *collective;
	bool read_only; /* joining only: without a Personal directory of our own */
} mf_folder_new;
mf_code mf_folder_create(struct mf_env *env, struct mf_grid *grid, const mf_folder_new *what, mf_dirread *personal_read,
	const mf_cancel *cancel, mf_err *err);

/** Is @p name acceptable as a folder name (datamodel-and-sync.md 6.4)? MF_EINVAL with the sentence of the API. */
mf_code mf_folder_name_check(mf_str name, mf_err *err);

enum mf_folder_event_kind {
	MF_EV_UPLOAD_QUEUED,
	MF_EV_UPLOAD_STARTED,
	MF_EV_UPLOAD_FINISHED,
	MF_EV_DOWNLOAD_QUEUED,
	MF_EV_DOWNLOAD_STARTED,
	MF_EV_DOWNLOAD_FINISHED,
	MF_EV_SCAN_COMPLETED,
	MF_EV_POLL_COMPLETED,
	MF_EV_ERROR,
	MF_EV_ERROR_CLEARED,
	MF_EV_CONFLICT_ADDED,
	MF_EV_CONFLICT_RESOLVED,
	MF_EV_DELETES_ASKED,   /* many files are gone at once; text: how many */
	MF_EV_DELETES_SETTLED, /* the user has answered, or they are back */
	MF_EV_KEY_CHANGED,     /* text: the participant's name */
	MF_EV_KEY_ACCEPTED,    /* the same */
};
typedef struct mf_folder_event {
	enum mf_folder_event_kind kind;
	const char *relpath; /* NULL where it is about the whole folder */
	const char *text;    /* errors: one sentence */
	int64_t at_ns;       /* wall clock */
} mf_folder_event;
typedef void mf_folder_listener(void *arg, struct mf_folder *f, const mf_folder_event *ev);

/** Open the databases of STATE_DIR and prepare; nothing runs yet.  @p grid and @p env are lent and outlive the
 *  folder.  MF_EUNSUPPORTED: made by a newer schema (the sentence names both numbers). */
mf_code mf_folder_open(struct mf_env *env, struct mf_grid *grid, const char *name, const char *state_dir,
	mf_folder_listener *listen, void *arg, struct mf_folder **out, mf_err *err);
/** Watch, scan, poll, sync from now on. */
void mf_folder_start(struct mf_folder *f);
/** Stop: cancels jobs, answers all waiting callbacks with MF_ECANCELED, frees, then calls @p done. */
void mf_folder_close(struct mf_folder *f, void (*done)(void *arg), void *arg);

/** The grid answers again after it did not: what waits for another try is tried now. */
void mf_folder_grid_back(struct mf_folder *f);

const mf_folder_conf *mf_folder_config(const struct mf_folder *f);

/** What the user chose; lent, always as it is in force. */
const mf_settings *mf_folder_settings(const struct mf_folder *f);
/** Choose: written to the database, then in force at once.  MF_EINVAL with a sentence for the user; MF_EBUSY:
 *  another program holds the database, nothing was changed, try again. */
mf_code mf_folder_set(struct mf_folder *f, const char *key, const char *value, mf_err *err);
/** The same for several keys: all of them or none. */
typedef struct mf_assignment {
	mf_str key, value;
} mf_assignment;
mf_code mf_folder_set_all(struct mf_folder *f, const mf_assignment *list, size_t n, mf_err *err);

/** @p err->code is MF_OK or why; lent during the call. */
typedef void mf_folder_done(void *arg, const mf_err *err);

/** Scan now, or once more after the running one.  Done when every change found has its snapshot stored or failed;
 *  pausing the folder ends it with MF_ECANCELED.  Asked of a paused folder, scan and poll wait until it goes on.
 *  *ticket (may be NULL) lets the waiter leave: mf_folder_forget(), after which no callback comes. */
void mf_folder_scan(struct mf_folder *f, mf_folder_done *done, void *arg, uint64_t *ticket);
/** Poll now; done when everything found is applied, a conflict, or failed. */
void mf_folder_poll(struct mf_folder *f, mf_folder_done *done, void *arg, uint64_t *ticket);
void mf_folder_forget(struct mf_folder *f, uint64_t ticket);

/** List the Collective on the grid.  @p each is called per participant before @p done. */
typedef void mf_participant_each(void *arg, const char *name, const mf_dirread *personal, bool is_self);
void mf_folder_participants(
	struct mf_folder *f, mf_participant_each *each, mf_folder_done *done, void *arg, uint64_t *ticket);
/** Admin only: link @p personal into the Collective as @p name, with the key that it signs with, so that nobody's first
 *  use has to be believed; NULL: not known.  MF_EINVAL with the API's sentences when refused. */
void mf_folder_add_participant(struct mf_folder *f, const char *name, const mf_dirread *personal,
	const uint8_t *verify_key, mf_folder_done *done, void *arg, uint64_t *ticket);

/* ---- keys that sign snapshots (docs/identity.md) ---- */

/** How a key came to be known. */
enum mf_key_how {
	MF_KEY_FIRST_USE = 1,  /**< seen first, in the participant's own directory */
	MF_KEY_COLLECTIVE = 2, /**< the Collective names it */
	MF_KEY_USER = 3,       /**< the user has accepted it */
	MF_KEY_SHARED = 4,     /**< seen first in the directories of several of whom none had a key yet */
	MF_KEY_OURS = 5,       /**< our own directory shows what it signed: we had accepted it */
};

/** Somebody in the folder.  Text is lent during the call. */
typedef struct mf_person {
	const char *name;   /**< in the Collective; for ourselves while we are not listed: our author name */
	const char *author; /**< how it calls itself in what it signs; NULL: not known */
	bool is_self;
	bool has_key; /**< else nothing of its own was seen yet */
	uint8_t key[32];
	enum mf_key_how how;
	int64_t since_ns; /**< wall clock; 0 for ourselves */
} mf_person;

/** A key that is not accepted. */
typedef struct mf_new_key {
	const char *participant, *author; /**< author: "" if nothing signed by it was seen */
	const char *shown_by;             /**< in whose directory; "": the Collective names it */
	uint8_t key[32];
	size_t files;
	int64_t since_ns; /**< first seen since start, wall clock */
} mf_new_key;

/** Any may be NULL. */
typedef struct mf_key_visitor {
	void (*person)(void *arg, const mf_person *p);
	void (*changed)(void *arg, const mf_new_key *k);
	/** Keys that count and are nobody's in the folder now: @p participant had it once, or "" . */
	void (*other)(void *arg, const uint8_t key[32], const char *participant, const char *author, int64_t since_ns);
	void *arg;
} mf_key_visitor;
/** People by name, each with its changed keys after it; then the others. */
mf_code mf_folder_keys(struct mf_folder *f, const mf_key_visitor *visit, mf_err *err);
/** Accept a changed key of @p participant: what it signed is applied from now on.
 *  @param key  which; NULL: the only one.
 *  MF_ENOTFOUND: no such participant, or nothing to accept; MF_ECHANGED: @p key is not what is waiting;
 *  MF_EINVAL: several are waiting, say which. */
mf_code mf_folder_trust(struct mf_folder *f, const char *participant, const uint8_t *key, mf_err *err);
/** A key as people compare it: groups of four characters. */
enum { MF_FINGERPRINT_MAX = 32 };
void mf_fingerprint(const uint8_t key[32], char out[MF_FINGERPRINT_MAX]);
/** Is it this key's fingerprint, whatever its case and groups? */
bool mf_fingerprint_matches(const char *text, const uint8_t key[32]);

/** One row of `file-status`, newest first. */
typedef struct mf_file_status {
	const char *relpath;
	bool deleted;
	int64_t mtime_s, last_updated_s; /* mtime_s only unless deleted */
	uint64_t size;                   /* only unless deleted */
	int64_t upload_duration_ns;      /* -1: not uploaded by us */
	bool local_only; /* read-only folders: what lies here is another content, or none, than others publish;
	                    such a file that nobody publishes comes last */
} mf_file_status;
mf_code mf_folder_file_status(
	struct mf_folder *f, mf_code (*each)(void *arg, const mf_file_status *), void *arg, mf_err *err);
/** Each conflicted path with each slot name (participant). */
mf_code mf_folder_conflicts(struct mf_folder *f,
	mf_code (*each)(void *arg, const char *relpath, const char *participant), void *arg, mf_err *err);

/** How a conflict is settled (planner.md 4.4). */
enum mf_take {
	MF_TAKE_MINE,   /* the file as it is; also its deletion */
	MF_TAKE_THEIRS, /* the other version, if there is one only */
	MF_TAKE_USE,    /* that of one participant */
	MF_TAKE_MERGE,  /* a three-way merge of text, if it is clean */
};
struct mf_lines {
	unsigned first, count; /* from 1; count 0: before that line */
};
typedef struct mf_resolution {
	const char *const *participants; /* that were in conflict, as mf_folder_conflicts() names them */
	size_t n_participants;
	const struct mf_lines *clash; /* MF_TAKE_MERGE that was not clean: lines of ours */
	size_t n_clash;
} mf_resolution;
/** @p err->code is MF_OK: it is recorded, and the markers are gone; MF_EINVAL: asked for what is not there;
 *  MF_ECANCELED: the folder was closed; any other: not settled, and nothing was changed.  Both lent. */
typedef void mf_folder_resolved(void *arg, const mf_err *err, const mf_resolution *r);
/** Settle the conflict of @p relpath.  It holds for the versions in conflict now, and for the file as it is now unless
 *  @p take is MF_TAKE_MINE: what changes meanwhile is kept, and the answer says so (MF_ECHANGED).
 *  @param use  MF_TAKE_USE: whose; else NULL.
 *  *ticket (may be NULL) lets the waiter leave: what is not being carried out by then is not done. */
void mf_folder_resolve(struct mf_folder *f, const char *relpath, enum mf_take take, const char *use,
	mf_folder_resolved *done, void *arg, uint64_t *ticket);

/** Files that are gone, so many at once that the user is asked before their deletion is published.
 *  @param first  so many of their paths go to @p each, in byte order.
 *  @param asked  how many there are; 0: no question is open. */
mf_code mf_folder_deletes(struct mf_folder *f, size_t first, void (*each)(void *arg, const char *relpath), void *arg,
	uint64_t *asked, mf_err *err);
enum mf_deletes_answer { MF_DELETES_CONFIRM, MF_DELETES_RESTORE };
/** The user's word: they are deleted everywhere, or fetched again.  MF_ENOTFOUND: nothing was asked.  MF_EBUSY:
 *  another program holds the database, try again. */
mf_code mf_folder_deletes_answer(struct mf_folder *f, enum mf_deletes_answer what, mf_err *err);

typedef struct mf_folder_status {
	uint64_t files;                            /* known files, deleted ones left out */
	uint64_t uploads_queued, downloads_queued; /* paths under work */
	uint64_t conflicts, errors;
	uint64_t deletes_asked; /* files gone that wait for the user's word */
	bool scanning, polling;
	bool paused; /* by the user: nothing starts */
	bool read_only;
	uint64_t local_only;                /* read-only folders: files that differ here from what others publish */
	bool in_collective;                 /* our Personal directory is listed there (false: waiting to be added) */
	bool watching;                      /* every directory has a watch */
	bool database_busy;                 /* locked by another program for more than 2 s */
	int64_t last_scan_ns, last_poll_ns; /* wall clock, 0 = none since start */
	enum mf_sync_state state;           /* by the evidence */
	char say[MF_SAY_MAX];               /* one sentence for people */
} mf_folder_status;
void mf_folder_status_get(struct mf_folder *f, mf_folder_status *out);
/** Present errors, newest first, with the time of the first failure; @p relpath may be NULL. */
void mf_folder_errors(
	struct mf_folder *f, void (*each)(void *arg, const char *relpath, const char *text, int64_t at_ns), void *arg);

#endif
