/** @file
 * One walk over the tree: what the loop (scan.c) and the worker (walk.c) share. */
#ifndef MF_SYNC_LOCAL_WALK_H
#define MF_SYNC_LOCAL_WALK_H

#include "sync/engine.h"
#include "sync/local/ignore.h"

enum walk_mode {
	WALK_FIRST, /* directories only, before anything else: they get their watches, leftovers are swept */
	WALK_FULL,  /* everything, compared with what we know */
	WALK_BELOW, /* every file below one directory */
	WALK_ONE,   /* every file in one directory */
};

struct known {
	char *relpath;
	mf_pathstate ps;
	bool seen;
	bool spared; /* out of sight: below what cannot be read, or is not there now; or a rule takes it out */
	bool away;   /* on a device that is not there, or not believed */
	bool moved;  /* the same file was met under another name */
	bool held;   /* a question about it was asked; word: or answered */
	enum mf_word word;
};

enum { MF_LEARN_MAX = 4096 }; /* in one walk: the loop writes them at once */
enum { MF_ASK_MIN = 20 };     /* so many files, and more than half of all, gone at once: the user is asked */

/** A directory on another device than was believed. */
struct place {
	char *dir;
	uint64_t now;
	bool is_mount; /* on another device than the directory above */
	bool away;     /* not to be believed */
};

struct walk {
	struct mf_task task;
	enum walk_mode mode;
	struct mf_root *root;
	struct known *known; /* sorted by bytes */
	size_t n_known, cap_known;
	char *loaded;       /* so far, all up to this path; NULL: none, or all */
	size_t next_known;  /* behind the one that was met last */
	struct list keep;   /* temporary names that intents need */
	char *from;         /* where it begins, "" = the root */
	struct list todo;   /* directories to list: a stack */
	struct list hidden; /* WALK_FIRST: ignored ones, which are only swept */
	struct list dirs;   /* directories listed */
	struct list inner;  /* WALK_ONE: directories met, not listed */
	struct list differ; /* files to look at */
	struct list young;  /* the same, but written a moment ago */
	struct list left;   /* known files that are gone */
	struct list gone;   /* the same, but so many that the user is asked first */
	struct list back; /* files of which a question was asked, and that are there again, or are not ours any more */
	struct learned {
		char *relpath;
		uint64_t ino;
		bool executable;
	} * learned; /* as Python knew them; it notes neither of the two */
	size_t n_learned, cap_learned;
	mf_pathstate *fresh; /* files that are new, or differ */
	size_t n_fresh, cap_fresh;
	struct mf_mounts mounts;
	struct list examine; /* paths whose directories are to be looked at */
	struct place *place;
	size_t n_place;
	bool here_examined; /* the directory being listed */
	bool may_ask;       /* the folder is one that publishes */
	bool ask;           /* as the user wants it */
	bool doubtful;      /* the root is not the directory that we knew */
	struct list bad;    /* unreadable directories, and odd names: path, sentence, path, ... */
	bool root_gone, no_sweep;
	size_t expected, missing, met; /* known files: all; not met, although in sight; met */
	const char *here;              /* directory being listed */
	bool here_hidden, has_rules;
	mf_buf entries;     /* of it: kind, name, NUL, kind, ... */
	const char **asked; /* names in there that are to be looked at; their kinds lie before them */
	size_t cap_asked;
	mf_buf path;             /* of one of them */
	struct mf_ignore *rules; /* those that were met, and those above; the worker's own */
	unsigned rules_age;
	int64_t now_ns;
};

/** [worker] */
mf_code mf_walk_work(struct mf_task *t, const mf_cancel *cancel);
/** Another file that is new, or differs. */
void mf_walk_fresh(struct walk *w, const mf_stat *st);
/** After a full walk: sorts what was not met into left, gone and back. */
void mf_walk_missing(struct walk *w);
/** A file in the directory being listed is on this device. */
void mf_walk_met_on(struct walk *w, uint64_t dev);
/** After a full walk: which places are to be believed. */
void mf_walk_places(struct walk *w);
void mf_walk_free(struct walk *w);
/** walk_known.c: one more known path; in byte order. */
void mf_walk_know(struct walk *w, const char *relpath, const mf_pathstate *ps);
/** local_only.c: those that are as they were when they were found to differ are not looked at again. */
void mf_local_only_known(struct mf_folder *f, struct walk *w);

#endif
