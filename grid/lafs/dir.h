/** @file
 * Directories: the packed form, listings, and edits (lafs.md 6).
 *
 * Packed: NS(NS(name) NS(ro cap) NS(encrypted write cap) NS(metadata)) for each entry, sorted by name.  Entries that
 * are not touched stay byte for byte.  Pure; [any] thread. */
#ifndef MF_GRID_LAFS_DIR_H
#define MF_GRID_LAFS_DIR_H

#include "base/buf.h"
#include "grid/grid.h"
#include "grid/lafs/hash.h"

enum {
	MF_DIR_NAME_MAX = 1 << 16, /**< bytes of a name, of a capability, of metadata: more is refused */
	MF_DIR_FIELD_MAX = 1 << 20,
};

/** One entry, borrowed from the packed bytes. */
typedef struct mf_dir_entry {
	mf_str name, ro, rwdata, metadata;
	mf_str whole; /* with its netstring frame */
} mf_dir_entry;

/** Take the next entry.  @return false at the end, and on malformed bytes (then c->bad is set). */
bool mf_dir_next(mf_cur *c, mf_dir_entry *e);

/** Bring packed bytes from outside into the form that mf_dir_apply() needs: names NFC, strictly ascending; of names
 *  that become equal the later entry stays.  What has that form already is only looked at.
 *  @return MF_EFORMAT for malformed bytes or a name that is not UTF-8: the directory as a whole is refused. */
mf_code mf_dir_tidy(mf_buf *packed, mf_err *err);

/** List a mutable directory.  Takes @p packed (also on failure).  @p writekey of the directory decrypts the write
 *  capabilities; NULL: read-only. */
mf_code mf_dir_list(mf_buf *packed, const uint8_t *writekey, mf_listing *out, mf_err *err);
/** List an immutable directory.  Entries with mutable capabilities are left out (lafs.md 6.7). Takes @p packed. */
mf_code mf_dir_list_immutable(mf_buf *packed, mf_listing *out, mf_err *err);

/** Pack an immutable directory; metadata as given.  Appends to @p out.
 *  @return MF_EINVAL for a mutable or unknown capability, a name twice, a name that is not UTF-8 or empty. */
mf_code mf_dir_pack(const mf_link *link, size_t n, mf_buf *out, mf_err *err);

/** A batch of changes to a mutable directory. */
typedef struct mf_dir_edit {
	const mf_link *link; /* any order; of links with equal names the last one counts */
	size_t n;
	const uint8_t *writekey; /* of the directory, MF_KEY_SIZE bytes */
	double now;              /* seconds since the epoch, for linkcrtime and linkmotime */
} mf_dir_edit;

/** Write the edited directory to the empty @p out.  @p old is tidy.  Removing what is not there changes nothing.
 *  @return MF_EEXIST for MF_LINK_NEW of a name that is there; MF_EINVAL as mf_dir_pack(), though mutable capabilities
 *  are welcome here. *changed = false: the result is @p old and @p out may be incomplete. */
mf_code mf_dir_apply(mf_str old, const mf_dir_edit *edit, mf_buf *out, bool *changed, mf_err *err);

/* -- parts, public for tests ---------------------------------------------------------------------------- */

/** The encrypted write capability of a child; @p rw may be empty. Appends 48 + rw.n bytes. */
void mf_dir_seal(const uint8_t writekey[MF_KEY_SIZE], mf_str rw, mf_buf *out);

/** The metadata of a child that is written now (lafs.md 6.4).  @p given: the caller's JSON object, or empty to keep the old
 *  one; @p old: empty if the child is new.  *no_write: it asks for the read-only form of the child.
 *  @return MF_EINVAL if @p given is no JSON object. */
mf_code mf_dir_metadata(mf_str given, mf_str old, double now, mf_buf *out, bool *no_write, mf_err *err);

/** A double as Python prints it: the shortest text that reads back the same; NUL-terminated. */
void mf_py_float(double v, char out[32]);

#endif
