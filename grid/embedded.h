/** @file
 * The back end of "dir:" grids, for the files of grid/ itself: native encodings onto the embedded share store. */
#ifndef MF_GRID_EMBEDDED_H
#define MF_GRID_EMBEDDED_H

#include <pthread.h>

#include "grid/check.h"
#include "grid/grid.h"
#include "grid/native.h"
#include "grid/store/store.h"

enum {
	MF_DIRS_MAX = 8,            /* directories kept in memory */
	MF_DIRS_BYTES = 8 << 20,    /* bytes of plaintext they may have together */
	MF_DIRS_KEEP_S = 5,         /* seconds that one is kept for sure */
	MF_SCRATCH_MAX = 16,        /* flat buffers kept for the next object */
	MF_SCRATCH_BYTES = 2 << 20, /* larger ones are not kept */
};

/** A mutable directory as it was on disk at some time.  Whoever holds the lock of its storage index may take it out
 *  of the cache, must see that the store still has this version, and may put it back. */
typedef struct mf_open_dir {
	uint8_t si[MF_SI_SIZE];
	mf_sdmf_key *key; /* secret */
	mf_sdmf_head head;
	uint8_t checkstring[MF_SDMF_CHECKSTRING];
	uint64_t highest; /* highest sequence number seen, readable or not */
	bool clean;       /* shares 0..n-1 are there, no others, all of this version */
	int64_t used_s;   /* monotonic; when it was put into the cache */
	mf_buf plain;     /* tidy (grid/lafs/dir.h) */
} mf_open_dir;
void mf_open_dir_free(mf_open_dir *d); /* NULL allowed */

/** Buffers for one object. */
typedef struct mf_scratch {
	mf_buf in, out;
} mf_scratch;

struct mf_embedded {
	struct mf_grid grid;
	struct mf_store *store;
	uint8_t convergence[32]; /* secret */
	mf_chk_params params;    /* borrows convergence */

	pthread_mutex_t keygen;        /* one RSA key at a time: each takes a core for a second */
	pthread_mutex_t lock;          /* for what follows */
	mf_open_dir *dir[MF_DIRS_MAX]; /* the one used last comes first; NULLs at the end */
	mf_scratch scratch[MF_SCRATCH_MAX];
	size_t scratches;
};

static inline struct mf_embedded *
mf_embedded_of(struct mf_grid *g)
{
	return (struct mf_embedded *)g;
}

bool mf_grid_is_embedded(const struct mf_grid *g);
mf_code mf_embedded_open(const char *path, const mf_grid_conf *conf, struct mf_grid **out, mf_err *err);

void mf_scratch_get(struct mf_embedded *e, mf_scratch *s);
void mf_scratch_put(struct mf_embedded *e, mf_scratch *s);

/* embedded_put.c */
mf_code mf_embedded_put(struct mf_grid *, const mf_source *, mf_filecap *, const mf_cancel *, mf_err *);

/* embedded_get.c */
mf_code mf_embedded_get(struct mf_grid *, const mf_filecap *, uint64_t off, uint64_t len, mf_sink *, void *,
	const mf_cancel *, mf_err *);
mf_code mf_embedded_same(struct mf_grid *, const mf_filecap *, const mf_source *, bool *, const mf_cancel *, mf_err *);
/** The whole content of a CHK or LIT capability of either family; appended to @p out. */
mf_code mf_embedded_fetch(struct mf_embedded *e, const mf_cap *cap, mf_buf *out, const mf_cancel *cancel, mf_err *err);

/* embedded_mend.c */
/** Shares @p num (n of them) of the file in @p r were found bad, and it was read all the same: make them again, and put
 *  those in place that still are bad.  What cannot be mended stays as it is: nobody waits for it. */
void mf_embedded_mend(struct mf_embedded *e, const mf_chk_read *r, const uint32_t *num, size_t n);

/* embedded_dir.c */
mf_code mf_embedded_put_dir(struct mf_grid *, const mf_link *, size_t, mf_immdir *, const mf_cancel *, mf_err *);
mf_code mf_embedded_list(
	struct mf_grid *, const mf_dirread *, const mf_dirver *, bool *, mf_listing *, const mf_cancel *, mf_err *);
mf_code mf_embedded_list_rw(struct mf_grid *, const mf_dirwrite *, mf_listing *, const mf_cancel *, mf_err *);

/** Every share of a mutable file, each read through one descriptor. */
typedef struct mf_mut_set {
	struct mf_mut_share *file; /* n of them */
	mf_sdmf_share *share;      /* n of them, borrowing from file; as mf_sdmf_read() wants and leaves them */
	size_t n;
	size_t bad; /* share files that are no containers */
} mf_mut_set;
/** MF_ENOTFOUND without any; MF_EFORMAT when there are only bad ones. */
mf_code mf_mut_set_read(struct mf_embedded *e, const uint8_t si[MF_SI_SIZE], size_t max, mf_mut_set *out, mf_err *err);
void mf_mut_set_free(mf_mut_set *m);
/** Read the best version; a share that does not verify is read again for a while.  *clean as in mf_open_dir. */
mf_code mf_embedded_read_mutable(struct mf_embedded *e, const mf_cap *cap, const uint8_t si[MF_SI_SIZE],
	mf_sdmf_found *out, bool *clean, const mf_cancel *cancel, mf_err *err);

/* embedded_update.c */
mf_code mf_embedded_mkdir(struct mf_grid *, mf_dirwrite *, const mf_cancel *, mf_err *);
mf_code mf_embedded_update(
	struct mf_grid *, const mf_dirwrite *, const mf_link *, size_t, mf_dirver *, const mf_cancel *, mf_err *);

/** Directories that were not written for some seconds leave the cache. */
void mf_embedded_rest(struct mf_grid *);

/* embedded_check.c */
mf_code mf_embedded_check(struct mf_grid *, mf_str cap, struct mf_check *, const mf_cancel *, mf_err *);
mf_code mf_embedded_renew(struct mf_grid *, const mf_str *caps, size_t n, const mf_cancel *, mf_err *);

#endif
