/** @file
 * Snapshots: the document, the signature, the directory.  Pure: builds and verifies bytes, stores nothing.
 * Source: datamodel-and-sync.md 1.6 to 1.9 (strict profile).
 */
#ifndef MF_SYNC_DOC_SNAPSHOT_H
#define MF_SYNC_DOC_SNAPSHOT_H

#include "grid/grid.h"

/** What a snapshot says. Text is owned; freed by mf_snapshot_clear(). */
typedef struct mf_snapshot {
	char *relpath;
	char *author;
	uint8_t author_key[32];
	bool deletion;
	mf_filecap content; /* unless deletion */
	mf_filecap metadata_cap;
	int64_t mtime_s; /* whole seconds; rounded down; clamped to +-2^53 */
	bool has_mtime;
	bool has_sha; /* extra key content_sha256 */
	uint8_t sha[32];
	bool has_executable, executable;
	mf_immdir *parents;
	size_t n_parents;
} mf_snapshot;
void mf_snapshot_clear(mf_snapshot *s);

/** Does @p s carry our mark (planner.md 1, better())?  Told by the document alone, so that everybody says the same of
 *  one snapshot: a deletion has no content hash, and a merge may not know it, but all of ours have `executable`. */
static inline bool
mf_snapshot_is_ours(const mf_snapshot *s)
{
	return s->has_executable || s->has_sha;
}

/** The metadata document, deterministic, in Python's JSON spelling; keys in the reference's order, then
 *  content_sha256 (base32, Tahoe's spelling; not for deletions) and executable (deletions: false). */
void mf_snapshot_document(const mf_snapshot *s, mf_buf *out);
/** The four signed lines. */
void mf_snapshot_signed_bytes(mf_str content_cap, mf_str metadata_cap, mf_str relpath, mf_buf *out);
/** The two links of the snapshot directory, signed with @p seed; their text lives in @p store and @p s, and dies
 *  when something more is added to @p store.  s->author_key must be the public half of @p seed: making it again
 *  here would double the cost of a signature.
 *  @param ctime_s  wall clock when made. */
void mf_snapshot_links(const mf_snapshot *s, const uint8_t seed[32], int64_t ctime_s, mf_link out[2], mf_buf *store);

/** Take apart a snapshot directory that was listed: finds the caps and the signature (nothing verified yet).
 *  @p out->metadata_cap and content/deletion are set.  MF_EFORMAT also when the metadata's size, as stated in its
 *  capability, is above MF_SNAPSHOT_DOC_MAX. */
mf_code mf_snapshot_dir(const mf_listing *dir, mf_snapshot *out, uint8_t signature[64], mf_err *err);
/** Parse @p document and verify the signature over it before anything else of it is used.  Fills the rest of @p s;
 *  after a failure @p s is to be cleared, not used.  The relpath passed mf_relpath_check(); that it belongs to the
 *  directory entry (mf_relpath_entry()) is the caller's to check.  MF_EAUTH: the signature does not verify;
 *  MF_EFORMAT: everything else. */
mf_code mf_snapshot_verify(mf_snapshot *s, mf_str document, const uint8_t signature[64], mf_err *err);
enum { MF_SNAPSHOT_DOC_MAX = 1 << 20 }; /* bytes; a document above this is refused unread */

#endif
