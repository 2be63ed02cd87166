/** @file
 * CBOR (RFC 8949) front to back, over libcbor's streaming decoder: no tree, no allocation, no recursion.
 *
 * Only gbs_cbor.c and gbs_rtw.c include this.  Reading goes through mf_cur with its sticky error: what is not of the
 * kind asked for yields zero or an empty string and sets `bad`.  Arrays and maps may be of indefinite length, strings
 * may not: nobody who speaks the storage protocol sends those in pieces.  Pure; [any] thread. */
#ifndef MF_GRID_STORE_CBOR_IO_H
#define MF_GRID_STORE_CBOR_IO_H

#include "base/buf.h"

enum {
	MF_CBOR_DEPTH_MAX = 6, /**< nesting that mf_cbor_skip() follows */
	MF_CBOR_TAG_SET = 258, /**< an array follows, the elements of which are a set */
};

uint64_t mf_cbor_uint(mf_cur *c);
bool mf_cbor_bool(mf_cur *c);
mf_str mf_cbor_bytes(mf_cur *c); /**< borrowed */
mf_str mf_cbor_text(mf_cur *c);  /**< borrowed; UTF-8 is not checked */
void mf_cbor_tag(mf_cur *c, uint64_t tag);
/** If null comes next: take it. */
bool mf_cbor_null(mf_cur *c);
/** Pass over one item, whatever it is. */
void mf_cbor_skip(mf_cur *c);

/** An array or map that is being read. */
typedef struct mf_cbor_list {
	uint64_t left; /* elements (of a map: pairs) that may still come */
	bool open;     /* of indefinite length: until the break */
} mf_cbor_list;

/** Longer ones than @p max elements or pairs are bad. */
mf_cbor_list mf_cbor_array(mf_cur *c, uint64_t max);
mf_cbor_list mf_cbor_map(mf_cur *c, uint64_t max);
/** Does another element (pair) come?  False also when @p c is bad. */
bool mf_cbor_more(mf_cur *c, mf_cbor_list *l);

/* Writing: the shortest form, definite lengths. */
void mf_cbor_add_uint(mf_buf *b, uint64_t v);
void mf_cbor_add_bool(mf_buf *b, bool v);
void mf_cbor_add_null(mf_buf *b);
void mf_cbor_add_bytes(mf_buf *b, mf_str s);
void mf_cbor_add_text(mf_buf *b, mf_str s);
void mf_cbor_add_tag(mf_buf *b, uint64_t tag);
void mf_cbor_add_array(mf_buf *b, size_t n);
void mf_cbor_add_map(mf_buf *b, size_t n);

#endif
