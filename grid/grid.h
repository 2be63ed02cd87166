/** @file
 * The grid: the only way in which code above floor 2 sees storage (design.md 2.3).
 *
 * Blocking and thread-safe: called from jobs; the code that uses it reads top to bottom.  Back ends fill
 * struct mf_grid_ops: the embedded store (dir:), storage servers (servers:), a Tahoe node (node:), and the
 * simulator's in-memory grid.  Every function returns MF_ECANCELED soon after *cancel is set.
 *
 * Errors: MF_ENOTFOUND no share (of a directory: it does not exist here); MF_EFORMAT shares exist but none is
 * good; MF_EFULL no space; MF_EBUSY somebody else's write won, try again; MF_ENET / MF_EIO retry with backoff;
 * MF_EAUTH, MF_EUNSUPPORTED never retry.
 */
#ifndef MF_GRID_GRID_H
#define MF_GRID_GRID_H

#include "base/buf.h"
#include "base/env.h"
#include "base/err.h"
#include "grid/caps.h"

struct mf_grid;
struct mf_check;

/** Bytes to store, read twice from front to back (first the key, then the shares).
 *  @p read fills exactly n bytes or fails; off only goes up within one pass. */
typedef struct mf_source {
	mf_code (*read)(void *arg, uint64_t off, void *p, size_t n, mf_err *err);
	void *arg;
	uint64_t size;   /* bytes */
	const void *mem; /* if not NULL: all bytes lie here, @p read is not used */
} mf_source;

static inline mf_source
mf_source_mem(const void *p, size_t n)
{
	return (mf_source){.size = n, .mem = n == 0 ? "" : p};
}

/** Takes verified plaintext in order; something but MF_OK ends the download with that code. */
typedef mf_code mf_sink(void *arg, const void *p, size_t n, mf_err *err);

/** One child to write. */
typedef struct mf_link {
	mf_str name;     /* UTF-8; made NFC on the way in */
	mf_str cap;      /* any capability text; empty = an entry without capability (deletion snapshots) */
	mf_str metadata; /* a JSON object, stored as given in immutable directories; empty = {} */
	enum mf_link_how { MF_LINK_REPLACE, MF_LINK_NEW, MF_LINK_REMOVE } how; /* mutable directories only */
} mf_link;

/** One child as read.  All text is borrowed from the listing. */
typedef struct mf_child {
	mf_str name;           /* NFC */
	mf_str ro;             /* read-only capability text, or empty */
	mf_str rw;             /* write capability text, or empty (always empty when read through a read cap) */
	mf_str metadata;       /* JSON text as stored */
	enum mf_cap_kind kind; /* of ro (or rw); MF_CAP_UNKNOWN: not to be opened, also when ro is empty */
} mf_child;

/** Which version of a mutable directory; all zero for immutable ones.  seqnum 0 and a root: a node: grid, whose web API
 *  does not say; the root then tells contents apart, and no version is older than another. */
typedef struct mf_dirver {
	uint64_t seqnum;
	uint8_t root[32];
} mf_dirver;

/** Is @p v older than what was seen before, as far as one can tell? */
static inline bool
mf_dirver_older(const mf_dirver *v, const mf_dirver *seen)
{
	return v->seqnum != 0 && v->seqnum < seen->seqnum;
}

/** A directory that was read: freed by mf_listing_free(). */
typedef struct mf_listing {
	mf_dirver version;
	mf_child *child; /* sorted by name (UTF-8 bytes), unique names */
	size_t n;
	mf_buf packed; /* what the children borrow from */
	mf_buf extra;  /* normalised names and decrypted caps that packed does not hold */
} mf_listing;
void mf_listing_free(mf_listing *l); /* frees contents, not *l; wipes `extra` */
/** Binary search; NULL if there is none. @p name as given (callers pass NFC). */
const mf_child *mf_listing_find(const mf_listing *l, mf_str name);

typedef struct mf_grid_status {
	unsigned connected, wanted; /* storage servers; 1/1 for a store on this machine */
	bool happy;
	uint64_t bytes_used;              /* embedded store: size of all shares, 0 if unknown */
	uint64_t bytes_free, bytes_total; /* of the store's file system, 0 if unknown */
	uint64_t files_free, files_total; /* inodes there, 0 if unknown or without a limit */
} mf_grid_status;

struct mf_grid_ops {
	/* Store an immutable file; at most 55 bytes become a LIT capability without any storage. */
	mf_code (*put)(struct mf_grid *, const mf_source *, mf_filecap *out, const mf_cancel *, mf_err *);
	/* Read [off, off+len) (cut at the end) of an immutable file. Every byte is verified before the sink sees it. */
	mf_code (*get)(struct mf_grid *, const mf_filecap *, uint64_t off, uint64_t len, mf_sink *, void *arg,
		const mf_cancel *, mf_err *);
	/* *same = the source's bytes are the file's: encrypts them with the key in the capability and compares
	 * segment hashes; downloads no content (floor.md 5). */
	mf_code (*same)(
		struct mf_grid *, const mf_filecap *, const mf_source *, bool *same, const mf_cancel *, mf_err *);
	/* Store an immutable directory of @p n links (names unique, any order). */
	mf_code (*put_dir)(struct mf_grid *, const mf_link *, size_t n, mf_immdir *out, const mf_cancel *, mf_err *);
	/* Make an empty mutable directory (a new RSA key: up to a second of computing). */
	mf_code (*mkdir)(struct mf_grid *, mf_dirwrite *out, const mf_cancel *, mf_err *);
	/* Read a directory. With @p known not NULL and equal to the version found: MF_OK, *unchanged = true and
	 * the listing stays empty. */
	mf_code (*list)(struct mf_grid *, const mf_dirread *, const mf_dirver *known, bool *unchanged, mf_listing *out,
		const mf_cancel *, mf_err *);
	/* Same through the write capability: children's write caps are decrypted. */
	mf_code (*list_rw)(struct mf_grid *, const mf_dirwrite *, mf_listing *out, const mf_cancel *, mf_err *);
	/* Apply a batch of links in one new version; everything stored through this grid object before is durable
	 * before the new version is visible, and the new version is durable on return.  A MF_LINK_NEW whose name
	 * exists: MF_EEXIST, nothing written.  Serialised against all other writers of this directory.
	 * *version (may be NULL) in: the version that it is written over; if another is there, MF_ECHANGED and nothing
	 * written; all zero: whatever is there.  Out, after MF_OK: the version written, or the one that says it all
	 * already. */
	mf_code (*update)(struct mf_grid *, const mf_dirwrite *, const mf_link *, size_t n, mf_dirver *version,
		const mf_cancel *, mf_err *);
	/* Renew our leases on what these capabilities name (any kinds; LIT is nothing). */
	mf_code (*renew)(struct mf_grid *, const mf_str *caps, size_t n, const mf_cancel *, mf_err *);
	/* Cheap: no walk over the store.  *out is filled also when nobody answers: then nothing is connected. */
	mf_code (*status)(struct mf_grid *, mf_grid_status *out, const mf_cancel *, mf_err *);
	/* A directory on this machine that changes whenever @p cap does (for mf_env's watch, root NULL), or
	 * MF_ENOTFOUND where there is no such thing. The caller may only watch it. */
	mf_code (*nudge_path)(struct mf_grid *, const mf_dirread *cap, char *out, size_t size, mf_err *);
	/* Nothing has been asked for a while: give back memory that is held for speed alone.  Does not block; may be
	 * NULL. */
	void (*rest)(struct mf_grid *);
	/* grid/check.h; may be NULL. */
	mf_code (*check)(struct mf_grid *, mf_str cap, struct mf_check *out, const mf_cancel *, mf_err *);
	void (*close)(struct mf_grid *); /* no call is under way; NULL allowed through mf_grid_close */
};

struct mf_grid {
	const struct mf_grid_ops *ops;
	/** Which keys that the reference does not know snapshots carry here.  MF_EXTRAS_SPARING: only what changes
	 *  something, so that objects have the reference's sizes (design.md 2.5.8). */
	enum mf_grid_extras { MF_EXTRAS_ALL, MF_EXTRAS_SPARING } extras;
};

static inline void
mf_grid_close(struct mf_grid *g)
{
	if (g != NULL)
		g->ops->close(g);
}

/** Encoding and secrets; all secrets are copied and wiped at close. */
typedef struct mf_grid_conf {
	uint8_t convergence[32]; /* bytes of the convergence secret */
	size_t convergence_n;    /* how many of them count (vectors use 16) */
	uint8_t lease_secret[32];
	const char *user; /* the configuration directory that uses the store from now on (grid/gc.h); NULL: a guest */
	uint32_t k, n;    /* 0 = 1 and 1 */
	uint32_t segment_size; /* max segment size in bytes, 0 = 1 MiB */
	unsigned threads;      /* for encoding large files, 0 = 2 */
	/** If there is no store yet.  One that folders lie in must be there: a new one in its place, because its disk is
	 *  not mounted, would take uploads that nobody finds again. */
	enum mf_missing { MF_MAKE_MISSING, MF_EXPECT_STORE } missing;
	enum mf_durability { MF_DURABLE, MF_NOT_DURABLE } durability; /* MF_NOT_DURABLE: benchmarks and tests only */
} mf_grid_conf;

/** Open by URL: "dir:/abs/path" (made if missing: 0700, identity born with it; MF_ENOTFOUND with MF_EXPECT_STORE).
 *  "node:/abs/path" of a Tahoe-LAFS node's directory; the node need not run now.  "servers:" is MF_EUNSUPPORTED for
 *  now.  Blocking, [any] thread. */
mf_code mf_grid_open(const char *url, const mf_grid_conf *conf, struct mf_grid **out, mf_err *err);

#endif
