/** @file
 * The back end of "node:" grids, for its own files: everything through the web API of a running Tahoe-LAFS node
 * (datamodel-and-sync.md 2, lafs.md 9).
 *
 * The node encrypts, verifies and holds its own secrets; what it answers is believed as far as docs/architecture.md says.
 * Its answers are bounded, and looked at before use, all the same: whatever listens there may be no node. */
#ifndef MF_GRID_NODE_H
#define MF_GRID_NODE_H

#include <pthread.h>

#include "grid/grid.h"
#include "grid/web.h"

enum {
	MF_NODE_HAPPY = 7,              /* shares.happy where tahoe.cfg does not say: Tahoe's default */
	MF_NODE_STATUS_MS = 5000,       /* so long the last look at the servers counts for writing directories */
	MF_NODE_LISTING_MAX = 64 << 20, /* bytes of a listing in JSON */
	MF_NODE_CAP_ANSWER = 4096,      /* bytes of an answer that is a capability */
	MF_NODE_QUICK_S = 20,           /* silence that is borne where the node asks nobody */
	MF_NODE_SLOW_S = 120,           /* and where it asks its servers */
	MF_NODE_UPLOAD_S = 900,         /* and while it sends on what it got: it says nothing meanwhile */
	MF_NODE_LOCKS = 16,
	MF_NODE_TRIES = 3, /* of what may be repeated, when the network fails */
};

struct mf_node {
	struct mf_grid grid;
	char *dir; /* the node's directory */
	struct mf_web *web;
	pthread_mutex_t write[MF_NODE_LOCKS]; /* by storage index: one update of a directory at a time */
	pthread_mutex_t lock;                 /* for what follows */
	char *url;                            /* without a slash at its end; NULL: not read yet */
	mf_grid_status status;                /* as last seen */
	int64_t status_ms;                    /* monotonic, 0: never */
};

static inline struct mf_node *
mf_node_of(struct mf_grid *g)
{
	return (struct mf_node *)g;
}

bool mf_grid_is_node(const struct mf_grid *g);
/** @p dir is absolute; it must be there, though the node need not run. */
mf_code mf_node_open(const char *dir, struct mf_grid **out, mf_err *err);

/* node.c */
/** One request; what is NULL or 0 is left out. */
typedef struct mf_node_ask {
	const char *method;
	const char *path;  /* "/uri" */
	mf_str cap;        /* follows as "/" and its escaped text; secret */
	mf_str name;       /* and so does this */
	const char *query; /* "t=json" */
	const char *range; /* "Range: bytes=..." */
	const mf_source *body;
	size_t body_max;
	mf_sink *sink;
	void *sink_arg;
	unsigned silence_s;
	/** MF_NODE_ONCE: doing it twice is not the same as doing it once; it is repeated only if it did not get there. */
	enum { MF_NODE_AGAIN, MF_NODE_ONCE } repeat;
} mf_node_ask;
/** Ask, and repeat what failed on the way: with node.url read again, then after 0.2 s and 1 s.
 *  @return MF_OK with a 2xx answer in @p out, else what the refusal means (below).  Free @p out in any case. */
mf_code mf_node_do(struct mf_node *n, const mf_node_ask *q, mf_web_reply *out, const mf_cancel *cancel, mf_err *err);

/* node_status.c */
mf_code mf_node_status(struct mf_grid *, mf_grid_status *, const mf_cancel *, mf_err *);
/** MF_ENET if the node reaches too few servers for directories to be written. */
mf_code mf_node_happy(struct mf_node *n, const mf_cancel *cancel, mf_err *err);

/* node_file.c */
mf_code mf_node_put(struct mf_grid *, const mf_source *, mf_filecap *, const mf_cancel *, mf_err *);
mf_code mf_node_get(struct mf_grid *, const mf_filecap *, uint64_t off, uint64_t len, mf_sink *, void *,
	const mf_cancel *, mf_err *);
mf_code mf_node_same(struct mf_grid *, const mf_filecap *, const mf_source *, bool *, const mf_cancel *, mf_err *);
mf_code mf_node_renew(struct mf_grid *, const mf_str *caps, size_t n, const mf_cancel *, mf_err *);

/* node_dir.c */
mf_code mf_node_put_dir(struct mf_grid *, const mf_link *, size_t, mf_immdir *, const mf_cancel *, mf_err *);
mf_code mf_node_mkdir(struct mf_grid *, mf_dirwrite *, const mf_cancel *, mf_err *);
mf_code mf_node_list(
	struct mf_grid *, const mf_dirread *, const mf_dirver *, bool *, mf_listing *, const mf_cancel *, mf_err *);
mf_code mf_node_list_rw(struct mf_grid *, const mf_dirwrite *, mf_listing *, const mf_cancel *, mf_err *);
mf_code mf_node_update(
	struct mf_grid *, const mf_dirwrite *, const mf_link *, size_t, mf_dirver *, const mf_cancel *, mf_err *);

/* node_text.c: pure */
/** What is in node.url, without spaces around it and slashes at its end; freed by the caller.
 *  @return MF_EFORMAT unless it is an http or https URL in printable ASCII, without query. */
mf_code mf_node_url(mf_str text, char **out, mf_err *err);
/** `[client] shares.happy` of tahoe.cfg, or MF_NODE_HAPPY.  A byte order mark and options given twice are borne. */
unsigned mf_node_cfg_happy(mf_str text);
/** Count the connected servers in the answer to "GET /?t=json". @return MF_ENET if it is no such answer. */
mf_code mf_node_count(mf_str json, unsigned *connected, mf_err *err);
/** A refusal as an error: 400 MF_EINVAL, 401 and 403 MF_EAUTH, 404 and 410 MF_ENOTFOUND, 409 MF_EEXIST; all others
 *  MF_ENET, but MF_EBUSY for writes that met another.  Says no more of the body than the name of an exception. */
mf_code mf_node_refusal(int status, mf_str body, mf_err *err);
/** The capability that is all of an answer: of @p kind or @p other. @return MF_ENET if it is not. */
mf_code mf_node_cap(
	mf_str body, enum mf_cap_kind kind, enum mf_cap_kind other, char text[MF_CAP_MAX], mf_cap *out, mf_err *err);
/** Bring a listing in JSON ("?t=json") into the packed form of grid/lafs/dir.h; a child that is not as it should be
 *  becomes an entry without capability. @p writekey: seals the write capabilities of children; NULL: immutable, or
 *  read-only.  Appends to @p packed. @return MF_ENET if it is no listing. */
mf_code mf_node_pack(mf_str json, const uint8_t *writekey, mf_buf *packed, mf_err *err);
/** The body that makes a directory of these links, or sets them in one; those to be removed are left out. The links
 *  are sound (mf_dir_pack() or mf_dir_apply() took them).  It may hold write capabilities: wipe it. */
void mf_node_children(const mf_link *link, size_t n, mf_buf *out);
/** What tells one content of a mutable directory from another: its names and capabilities.  The web API does not say
 *  which version it is.  @p packed is tidy. */
void mf_node_version(mf_str packed, mf_dirver *out);

#endif
