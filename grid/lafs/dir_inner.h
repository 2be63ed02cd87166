/** @file
 * Shared by the files of dir.h only. */
#ifndef MF_GRID_LAFS_DIR_INNER_H
#define MF_GRID_LAFS_DIR_INNER_H

#include "grid/lafs/dir.h"

enum { MF_DIR_SEALED_EMPTY = 48 }; /* bytes of an encrypted empty write capability */

/** Bytes of NS(x) for x of @p n bytes. */
size_t mf_ns_size(size_t n);
/** Append one entry. */
void mf_dir_add_entry(mf_buf *out, mf_str name, mf_str ro, mf_str rwdata, mf_str metadata);

/** A link with its name in NFC, in order. */
typedef struct mf_dir_item {
	mf_str name;
	const mf_link *link;
	size_t seq; /* place in the caller's list */
} mf_dir_item;

/** Sort links by NFC name.  Of equal names all stay, in the caller's order.
 *  @p arena receives names that are not the caller's; both are freed by the caller. */
mf_code mf_dir_sort_links(const mf_link *link, size_t n, mf_dir_item **out, mf_buf *arena, mf_err *err);

#endif
