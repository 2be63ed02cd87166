/** @file
 * What the files of grid/store/ share among themselves. */
#ifndef MF_GRID_STORE_INNER_H
#define MF_GRID_STORE_INNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "grid/store/store.h"

enum { FSYNC_MAX = 7 }; /* more touched shares than these: one syncfs (design.md 2.3) */

struct touched {
	uint8_t si[MF_SI_SIZE];
	uint32_t num;
};

struct mf_store {
	char *path;
	int root;   /* STORE */
	int shares; /* STORE/shares */
	int in_use; /* locked shared */
	enum mf_durability durability;
	uint32_t (*now_s)(void *arg);
	void *now_arg;
	uint8_t tubid[MF_TUBID_SIZE];
	uint8_t client_renew[MF_HASH_SIZE], client_cancel[MF_HASH_SIZE]; /* secrets */
	atomic_bool no_tmpfile;    /* the file system has no O_TMPFILE, or cannot link it */
	atomic_bool no_empty_path; /* linkat(AT_EMPTY_PATH) is not for us: go through /proc */
	_Atomic int64_t grown;     /* bytes added since open, not yet in STORE/usage */

	pthread_mutex_t sync_lock; /* held while syncing: who finds nothing to do waits for who does it */
	pthread_mutex_t lock;      /* for what follows */
	struct touched touched[FSYNC_MAX];
	size_t touched_n; /* FSYNC_MAX + 1: too many to list */
};

/* -- files without a name yet (newfile.c) ----------------------------------------------------------- */

/** Invariants: fd is -1 or open for reading and writing; dir is "" or names a directory below incoming/ that holds the file. */
typedef struct newfile {
	int fd;
	char dir[48]; /* relative to shares/, "" when made by O_TMPFILE */
} newfile;

/** A file that shall become share @p num of @p si; makes the SI directory if it is needed for that. */
mf_code mf_newfile_open(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, newfile *f, mf_err *err);
/** Give it its name.  MF_EEXIST when the name is taken and @p how is KEEP; then the file still is the caller's.
 *  With REPLACE the name goes from the old file to this one at once. */
enum newfile_how { NEWFILE_KEEP, NEWFILE_REPLACE };
mf_code mf_newfile_link(
	struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, newfile *f, enum newfile_how how, mf_err *err);
/** Can files made by O_TMPFILE be named here?  Once, when the store is opened. */
void mf_newfile_probe(struct mf_store *s);
/** Close; what got no name goes away, and the SI directory with it if it is empty. */
void mf_newfile_drop(struct mf_store *s, const uint8_t si[MF_SI_SIZE], uint32_t num, newfile *f);
/** "incoming/mf-<16 hex>", new every time. */
void mf_incoming_name(char out[48]);
/** Make incoming/ if it is not there. An errno value or 0. */
int mf_incoming_make(struct mf_store *s);
/** Remove our leftovers from incoming/; the caller is alone in the store. */
void mf_incoming_sweep(struct mf_store *s);

/** Make "xx/SI" below shares/, and "xx" if need be.  An errno value or 0. */
int mf_si_dir_make(struct mf_store *s, const char *dir);

/** A share number as a file name, in its only spelling. */
bool mf_share_number(const char *name, uint32_t *out);
/** After a share was not found: may it be there now?  What was taken away (sweep.h) is put back, as just used. */
bool mf_store_look_again(struct mf_store *s, const uint8_t si[MF_SI_SIZE]);

/** A small file, path relative to STORE, appended; MF_ENOTFOUND if there is none. */
mf_code mf_private_read(const struct mf_store *s, const char *path, mf_buf *out, mf_err *err);
/** Under its name only when complete and durable; under mf_private_lock(). */
mf_code mf_private_write(const struct mf_store *s, const char *path, mf_str what, mf_err *err);
mf_code mf_private_lock(const struct mf_store *s, int *lock, mf_err *err); /**< ends with mf_store_unlock() */

/** Load STORE/private/node.pem, or make it. */
mf_code mf_identity_load(struct mf_store *s, mf_err *err);

/** mf_store_fail() for what is to be written: something missing there is no answer to "is it there?", but MF_EIO. */
mf_code mf_store_fail_write(const struct mf_store *s, mf_err *err, int sys, const char *what);
/** write(2) until all is written, at @p off; an errno value or 0. */
int mf_write_all(int fd, const void *p, size_t n, uint64_t off);
/** Read until @p n bytes or the end. -1 with errno set. */
ssize_t mf_read_all(int fd, void *p, size_t n, uint64_t off);

#endif
