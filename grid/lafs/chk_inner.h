/** @file
 * What the parts of the CHK code share among themselves; nobody else includes this. */
#ifndef MF_GRID_LAFS_CHK_INNER_H
#define MF_GRID_LAFS_CHK_INNER_H

#include "grid/lafs/chk.h"
#include "grid/lafs/merkle.h"

enum {
	MF_CHK_HEADER_1 = 0x24, /* bytes of a share's header, layout version 1 */
	MF_CHK_HEADER_2 = 0x44,
	MF_CHAIN_ENTRY = 34, /* u16 node index, hash */
};

/* The fields of the URI extension block that anybody uses (lafs.md 3.3, 3.5). */
typedef struct mf_ueb {
	mf_node crypttext_hash, crypttext_root, share_root;
	uint32_t segment_size; /* bytes; when parsed: > 0, not more than MF_CHK_SEGMENT_MAX plus rounding */
} mf_ueb;

/* Layout for a known segment size (a multiple of k, > 0), as in a UEB. Same errors as mf_chk_layout_of(). */
mf_code mf_chk_layout_with(
	uint64_t size, uint32_t k, uint32_t n, uint32_t segment_size, mf_chk_layout *out, mf_err *err);

/* Bytes of the block that segment @p seg has in every share, and of the segment itself without padding. */
static inline uint32_t
mf_chk_block(const mf_chk_layout *l, uint64_t seg)
{
	return seg + 1 == l->segments ? l->tail_block : l->block_size;
}

static inline uint32_t
mf_chk_segment(const mf_chk_layout *l, uint64_t seg)
{
	return seg + 1 == l->segments ? l->tail : l->segment_size;
}

/* The UEB for @p l and the hashes in @p u; @p out holds MF_UEB_MAX bytes; returns how many it has. */
size_t mf_ueb_build(const mf_chk_layout *l, const mf_ueb *u, uint8_t *out);
/* Take the used fields; the whole is proven by its hash already. */
mf_code mf_ueb_parse(mf_str text, mf_ueb *out, mf_err *err);

/* The header of a share; @p out holds MF_CHK_HEADER_2 bytes; returns how many it has. */
size_t mf_chk_header(const mf_chk_layout *l, uint8_t *out);

/* Offsets as found in a share: in order and inside it, otherwise MF_EFORMAT. @p p: its first @p n bytes, n = min(size,
 * MF_CHK_HEADER_2). */
struct mf_chk_found {
	uint32_t version;
	uint64_t o_data, o_plaintext, o_crypttext, o_blocks, o_chain, o_ueb;
};
mf_code mf_chk_header_parse(const uint8_t *p, size_t n, uint64_t size, struct mf_chk_found *out, mf_err *err);

/* The convergence tag for T16 (lafs.md 3.1) without its netstring frame: a secret.  @p out holds 256 bytes. */
size_t mf_chk_tag(const mf_chk_params *params, uint32_t segment_size, char *out);
/* The capability text of an encoded file. */
void mf_chk_print(const mf_chk_id *id, const mf_node ueb_hash, mf_filecap *cap);

#endif
